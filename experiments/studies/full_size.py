"""A few steps of every training of the catalogue at preset paper: is the loss finite, does it fall, what does a step take?

    python -m experiments.studies.full_size --out runs/full_size --markdown docs/results/full_size.md

Each kind of training (method, landmarks, options of the net and the loss) sees a few drawn faces twice, at the paper's size and
rate, in a process of its own, on one CPU core. Seconds and memory are of this machine and batch; the error says nothing. What
the page has already is not run again; remove the page, or its row, to have it anew.
"""

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from experiments import catalogue
from experiments.harness import datasets, estimates
from experiments.harness.grid import At, Train
from experiments.harness.jobs import Place, make_job, make_run, write_files
from gv.core import train as training
from gv.core.devices import parse_devices
from gv.core.errors import InputError, one_of
from gv.core.exits import Parser
from gv.core.exits import run as run_main
from gv.core.faces import read_index, read_split
from gv.core.files import write_text

FACES, BATCH, EPOCHS = 24, 8, 2
# options that change no net and no loss
SCHEDULE = ("lr", "batch", "epochs", "faces", "flip_p", "occlusion_p", "occlusion_side")


def kinds():
    """{name: Train} of the catalogue's trainings, one of each kind of net at preset paper."""
    found = {}
    place = Place("paper")
    for table in catalogue.TABLES.values():
        for source in table.sources():
            if isinstance(source, Train):
                plain = replace(source, options=tuple(pair for pair in source.options if pair[0] not in SCHEDULE), curve="")
                config = make_job(plain, 0, place).identity["config"]
                what = [config["method"], config["landmarks"], config["crop"]["size"], config["options"]]
                found.setdefault(json.dumps(what, sort_keys=True), plain)
    return {f"{n:02d}-{source.method}-{source.data.replace('/', '-')}": source for n, source in enumerate(found.values())}


def take_steps(source, out):
    """{"losses" of each round, "seconds" a step, "mib"} of two rounds over a few faces."""
    small = Place("smoke", None, str(out)).dataset(source.data)      # the faces are smoke's, the net and the rate are paper's
    datasets.make([small], os.cpu_count() or 1)
    write_files(source, out)
    index = read_index(small.folder)
    options = dict(source.options)
    if "gamma" in options:      # as smoke has it: none of a few drawn faces is turned so far as the paper's gamma wants
        source = source.but(gamma=options["gamma"].at("smoke"))
    run = make_run(source, "paper", 0, index.layout, out)
    run = replace(run, training=replace(run.training, batch=BATCH, epochs=EPOCHS, faces=FACES, lr_epochs=(EPOCHS,)))
    folder = Path(out, "steps", str(os.getpid()))
    training.train(folder, run, index, read_split(index, "train")[:FACES], parse_devices("cpu:0"), quiet=True)
    rows = training.read_log(folder)
    peak = int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text(encoding="ascii")).group(1)) / 1024
    seconds = (float(rows[-1]["seconds"]) - float(rows[0]["seconds"])) * BATCH / FACES
    return {"losses": [float(row["loss"]) for row in rows], "seconds": seconds, "mib": peak}


def name_of(source):
    """What a line of the page begins with: which training it is of."""
    values = {name: value.at("paper") if isinstance(value, At) else value for name, value in source.options}
    options = ", ".join(f"{name}={value}" for name, value in values.items() if value is not None) or "–"
    return f"| {source.method} | {source.data} | {options} |"


def row_of(source, found):
    """A line of the page."""
    net = estimates.size(make_job(source, 0, Place("paper")))
    first, last = found["losses"]
    return (f"{name_of(source)} {net.multiply_adds / 1e9:.2f} | {net.weights / 1e6:.1f} | "
            f"{first:.4g} | {last:.4g} | {found['seconds']:.1f} | {found['mib']:.0f} |")


def read_page(path):
    """({beginning of a line, as ``name_of`` has it: the line}, what stands behind the table) of a page; nothing where none is."""
    lines = Path(path).read_text(encoding="utf-8").splitlines() if path and Path(path).is_file() else []
    rows = {" | ".join(line.split(" | ")[:3]) + " |": line for line in lines if line.startswith("| ")}
    last = max((number for number, line in enumerate(lines, 1) if line.startswith("|")), default=len(lines))
    return rows, "\n".join(lines[last:]).strip("\n")


def page(rows, command, behind=""):
    """The page, as Markdown. behind: what stands behind the table."""
    return "\n".join([
        "# Every training at the papers' size, a few steps", "",
        f"`{command}`: two rounds over {FACES} drawn faces, {BATCH} a step, at preset paper's input, net, loss and rate, one CPU "
        "core, from scratch. Every loss was finite, and the second round's below the first's. Seconds and memory are those of "
        "this batch on a shared machine, beside other work; the process's own libraries take some 300 MiB of the memory.", "",
        "| method | data | options | multiply-adds, G | weights, M | loss, round 1 | round 2 | seconds a step | peak MiB |",
        "|---|---|---|---:|---:|---:|---:|---:|---:|", *rows, "", *([behind, ""] if behind else [])])


def main(arguments=None):
    """Take the steps of every kind, or of one, and print them."""
    options = Parser(prog="python -m experiments.studies.full_size", description=__doc__.splitlines()[0])
    options.add_argument("--out", default="runs/full_size", help="folder for its runs (default %(default)s)")
    options.add_argument("--one", help="the name of one kind, as JSON alone; the others are processes of such")
    options.add_argument("--only", default="", help="kinds whose names hold this")
    options.add_argument("--markdown", metavar="FILE", help="write the page, too, and keep the rows that it has")
    args = options.parse_args(arguments)
    every = kinds()
    if args.one:
        print(json.dumps(take_steps(every[one_of("--one", args.one, every)], args.out)))
        return
    rows, (kept, behind), ran = [], read_page(args.markdown), 0
    asked = {name: source for name, source in every.items() if args.only in name or name_of(source) in kept}
    for number, (name, source) in enumerate(asked.items(), 1):
        if name_of(source) in kept:
            rows.append(kept[name_of(source)])
            continue
        done = subprocess.run([sys.executable, "-m", "experiments.studies.full_size", "--one", name, "--out", args.out],
                              capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
        if done.returncode:
            raise InputError(name, (done.stderr.strip() or f"exit code {done.returncode}").splitlines()[-1])
        found = json.loads(done.stdout.strip().splitlines()[-1])
        if not found["losses"][-1] < found["losses"][0]:
            raise InputError(name, f"losses {found['losses']}", "one that falls")
        rows.append(row_of(source, found))
        print(rows[-1], flush=True)
        ran += 1
        if args.markdown:       # each is kept, whatever comes of the next
            coming = [kept[name_of(one)] for one in list(asked.values())[number:] if name_of(one) in kept]
            write_text(args.markdown, page(rows + coming, "python -m experiments.studies.full_size", behind))
    if args.markdown:           # also where a row that no kind has any more is all that changed
        print(write_text(args.markdown, page(rows, "python -m experiments.studies.full_size", behind)))
    if args.markdown and ran and behind:
        print(f"{args.markdown}: {ran} rows are new; say below the table which commit they are of", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(run_main(main))
