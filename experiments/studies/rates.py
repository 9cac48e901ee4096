"""Which rate suits each method at a small size: chosen on a part of the training faces, never on test faces.

    python -m experiments.studies.rates --data data/300w --out runs/rates

One training face in ten is kept aside; each method trains on the others at each rate, and its error on those kept aside is
printed. A comparison of methods is fair where each has the rate that suits it. What is there is not trained again; two calls with
``--part 0/2`` and ``--part 1/2`` share the work.
"""

import json
import os
import sys
from pathlib import Path

import numpy as np

from experiments.harness.jobs import METHODS
from gv.core import evaluate
from gv.core import train as training
from gv.core.config import PRESETS, parse_settings
from gv.core.data import FaceDataset, choose_faces
from gv.core.devices import parse_devices
from gv.core.errors import InputError, one_of
from gv.core.exits import Parser
from gv.core.exits import run as run_main
from gv.core.faces import read_index, read_split
from gv.core.files import write_json
from gv.core.run import open_run, plan

RATES, KEPT, RESULT = (1e-3, 2e-3, 4e-3), 10, "kept_aside.json"
COMPARED = ("heatmap", "gv", "heatmap-awing", "regression", "anchorface")


def halves(faces):
    """(faces to train on, faces kept aside): every tenth is kept."""
    return [face for i, face in enumerate(faces) if i % KEPT], faces[::KEPT]


def error_of(method, preset, settings, seed, index, folder):
    """The NME on the faces kept aside, after a training on the others, which is gone on with where it stopped."""
    stored = folder / RESULT
    if stored.is_file():
        return json.loads(stored.read_text(encoding="utf-8"))["nme"]
    given = {"detector_faces": 0, "seed": seed, **settings}
    run = plan(METHODS, method, preset, given, index.layout, index.source)
    ours, kept = halves(read_split(index, "train"))
    devices = parse_devices("cpu:0")
    training.train(folder, run, index, choose_faces(ours, run.training.faces), devices, resume=True)
    run, _, fitted, net = open_run(METHODS, folder, devices)
    dataset = FaceDataset(index.folder, kept, index.layout, run.crop)
    found = evaluate.measure(run, fitted, net, index, dataset, {"default": run.method.Decoding()}, devices)
    nme = float(np.mean(found.errors["default"][index.normaliser]))
    write_json(stored, {"nme": nme, "method": method, "faces": len(kept), "config": run.config()})
    return nme


def parse(arguments):
    """The parsed command line; InputError for what cannot be."""
    options = Parser(prog="python -m experiments.studies.rates", description=__doc__.splitlines()[0])
    options.add_argument("--data", required=True, help="index folder")
    options.add_argument("--out", default="runs/rates", help="folder of its runs (default %(default)s)")
    options.add_argument("--methods", default=",".join(COMPARED), help="default %(default)s")
    options.add_argument("--rates", default=",".join(f"{rate:g}" for rate in RATES), help="default %(default)s")
    options.add_argument("--seeds", type=int, default=1, help="default %(default)s")
    options.add_argument("--set", dest="settings", action="append", default=[], metavar="KEY=VALUE",
                         help="for all runs, e.g. batch=16")
    options.add_argument("--preset", choices=PRESETS, default="ablate", help="default %(default)s")
    options.add_argument("--part", default="0/1", help="K/N: do every N-th run from the K-th on, and print what there is")
    args = options.parse_args(arguments)
    args.methods = [one_of("--methods", name, METHODS) for name in args.methods.split(",")]
    try:
        args.rates = [float(text) for text in args.rates.split(",")]
        args.first, args.step = (int(text) for text in args.part.split("/"))
    except ValueError:
        raise InputError("--rates, --part", f"{args.rates}, {args.part}", "numbers, as 1e-3,2e-3; K/N, as 0/2") from None
    if not 0 <= args.first < args.step or args.seeds < 1 or min(args.rates) <= 0:
        raise InputError("--part, --seeds, --rates", f"{args.part}, {args.seeds}, {args.rates}", "K below N; at least 1; above 0")
    return args


def main(arguments=None):
    """Train what is missing of this part, and print every error that is there, as a Markdown table."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    args = parse(arguments)
    index, settings = read_index(args.data), parse_settings(args.settings)
    jobs = [(method, rate, seed) for method in args.methods for rate in args.rates for seed in range(args.seeds)]
    more = "".join(f"-{name}={value}" for name, value in sorted(settings.items()))
    folders = {job: Path(args.out, "{}-{:g}-{}".format(*job) + more) for job in jobs}
    for job in jobs[args.first::args.step]:
        error_of(job[0], args.preset, {**settings, "lr": job[1]}, job[2], index, folders[job])
    print(f"NME, %, on {len(halves(read_split(index, 'train'))[1])} training faces kept aside; {index.provenance_line()}\n")
    print("| method | " + " | ".join(f"{rate:g}" for rate in args.rates) + " |\n|---|" + "---:|" * len(args.rates))
    for method in args.methods:
        cells = []
        for rate in args.rates:
            stored = [folders[method, rate, seed] / RESULT for seed in range(args.seeds)]
            values = [100 * json.loads(path.read_text(encoding="utf-8"))["nme"] for path in stored if path.is_file()]
            spread = f" ± {np.std(values, ddof=1):.2f}" if len(values) > 1 else ""
            cells.append(f"{np.mean(values):.2f}{spread}" if values else "–")
        print(f"| {method} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    sys.exit(run_main(main))
