"""MXNet 1.5.1, the paper's own, beside the installed one: every net, training steps, checkpoints, speed; and what may differ.

    make compare-mxnet
    make compare-mxnet ARGS="--more mxnet-mkl=PYTHON --markdown docs/results/mxnet_151.md"      # the page that is kept

Beside every number stands a control: the installed MXNet against itself without oneDNN. Ends with exit code 1 and a line for
everything that is further apart than allowed. Faces are drawn; no network, ten minutes on two quiet cores.
"""

import json
import os
import sys
import time
from pathlib import Path

from experiments.harness import records
from experiments.studies.compare_mxnet import differences, measuring, page, whole
from experiments.studies.compare_mxnet.children import WITHOUT_ONEDNN, Child
from gv.core.errors import InputError
from gv.core.exits import Parser
from gv.core.exits import run as run_main
from gv.core.faces import NOT_JSON
from gv.core.files import write_json, write_text


def parse(arguments):
    """The parsed command line; ``more`` as {name: python}. InputError for what cannot be."""
    options = Parser(prog="python -m experiments.studies.compare_mxnet", description=__doc__.splitlines()[0])
    options.add_argument("--other", metavar="PYTHON", help="interpreter of the environment with the other MXNet")
    options.add_argument("--again", metavar="FILE", help="a found.json below an earlier --out: nothing is measured, the page is "
                                                         "made of it, with what --trained names now")
    options.add_argument("--more", action="append", default=[], metavar="NAME=PYTHON",
                         help="a further build, shown and not judged; may be repeated")
    options.add_argument("--out", default="runs/compare_mxnet", help="folder for its files (default %(default)s)")
    options.add_argument("--seeds", type=int, default=2, help="of first weights and faces, a net (default %(default)s)")
    options.add_argument("--rounds", type=int, default=5, help="of the timing (default %(default)s)")
    options.add_argument("--only", default="", help="nets and trainings whose names hold this; no checkpoints, no times")
    options.add_argument("--trained", action="append", default=[], metavar="BUILD=FOLDER",
                         help="records of one table's runs by a build: main, other and, if you like, control (MXNET_MKLDNN_"
                              "ENABLED=0); their errors are compared, nothing is trained")
    options.add_argument("--markdown", metavar="FILE", help="write the page, too")
    args = options.parse_args(arguments)
    if args.seeds < 1 or args.rounds < 1:
        raise InputError("--seeds, --rounds", f"{args.seeds}, {args.rounds}", "at least 1")
    pairs = [text.partition("=") for text in args.more]
    args.more = {name: python for name, _, python in pairs}
    taken = {*measuring.COMPARED, measuring.TRUTH}
    if any(not name or not python for name, _, python in pairs) or len(args.more) < len(pairs) or taken & set(args.more):
        raise InputError("--more", ", ".join(map("".join, pairs)), f"NAME=PYTHON, each name once, none of {sorted(taken)}")
    folders = [text.partition("=") for text in args.trained]
    args.trained = {build: folder for build, _, folder in folders}
    if folders and (len(args.trained) < len(folders) or not {measuring.MAIN, measuring.OTHER} <= set(args.trained) <= set(
            measuring.COMPARED) or not all(args.trained.values())):
        raise InputError("--trained", ", ".join(map("".join, folders)), "main=FOLDER and other=FOLDER, each once, and perhaps "
                         "control=FOLDER")
    if bool(args.again) == bool(args.other):
        raise InputError("--other, --again", "both" if args.other else "neither", "one of them")
    for python in () if args.again else (args.other, *args.more.values()):
        if not os.access(python, os.X_OK):
            raise InputError(python, "no interpreter", "the bin/python of an environment",
                             "MXNET=1.5.1 sh .ci/setup.sh makes one")
    return args


def measure(children, args):
    """Everything the page shows, as {what: numbers}; what there is so far is kept in found.json below --out."""
    data = measuring.draw(args.out, os.cpu_count() or 1)
    found = {"versions": {name: child.ask("versions") for name, child in children.items()},
             "faults": {name: child.ask("faults") for name, child in children.items()}}
    everything = not args.only
    found["exchanges"] = measuring.exchanges(children, data, args.out) if everything else []
    keep(found, args.out)
    found["speeds"] = measuring.speeds(children, data, args.out, args.rounds, tuple(args.more)) if everything else []
    keep(found, args.out)
    found["trainings"] = measuring.trainings(children, data, args.out, args.only)
    keep(found, args.out)
    found["nets"], found["further"] = measuring.nets(children, data, args.out, args.seeds, tuple(args.more), args.only)
    return found


def read_again(path):
    """What ``keep`` wrote of a whole comparison; InputError where it is something else."""
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
        found["nets"] = [differences.net_from(net) for net in found["nets"]]
        for one in found["trainings"]:
            one["apart"] = {name: differences.trained_from(value) for name, value in one["apart"].items()}
        for nets in found["further"].values():
            for one in nets.values():
                one["apart"] = differences.Apart(**one["apart"])
        return {**found, "seconds": float(found["seconds"])}
    except NOT_JSON as error:
        raise InputError(path, f"no comparison ({type(error).__name__}: {error})", "the found.json of a whole one") from None


def keep(found, out):
    """Write what was found so far, as JSON."""
    write_json(Path(out, "found.json"), found, default=vars)


def judge(found):
    """[a line for everything that is further apart than allowed]."""
    broken = [line for net in found["nets"] for line in differences.judged(net)[1]]
    for one in found["trainings"]:
        broken += differences.judged_training(one["name"], one["apart"]["other"], one["apart"]["control"], one["errors"],
                                              one["first"])
    broken += differences.judged_exchanges(found["exchanges"])
    broken += whole.judged(found["whole"])
    for name in measuring.COMPARED:
        broken += [f"{name}: {what} is wrong by {gap:.1e}" for what, gap in found["faults"][name].items()
                   if not gap <= differences.ROUNDING]
    return broken


def main(arguments=None):
    """Compare, print the page, and end with exit code 1 where something is further apart than allowed."""
    args = parse(arguments)
    if args.trained:
        whole.compare(args.trained)      # a wrong folder is said before anything is measured
    if args.again:
        found = read_again(args.again)
        found["whole"] = whole.compare(args.trained) if args.trained else found.get("whole", [])
        return tell({**found, "broken": judge(found)}, args.markdown)
    Path(args.out).mkdir(parents=True, exist_ok=True)
    begin, commit, children = time.time(), records.commit(), {}
    try:
        for name, python, more in ((measuring.MAIN, sys.executable, None), (measuring.CONTROL, sys.executable, WITHOUT_ONEDNN),
                                   (measuring.OTHER, args.other, None), (measuring.TRUTH, sys.executable, WITHOUT_ONEDNN),
                                   *((name, python, None) for name, python in args.more.items())):
            children[name] = Child(name, python, Path(args.out, f"{name}.log"), more)
        found = measure(children, args)
    finally:
        for child in children.values():
            child.close()
    found["whole"] = whole.compare(args.trained) if args.trained else []      # again: runs may have been added
    found.update(broken=judge(found), seconds=time.time() - begin, seeds=args.seeds, rounds=args.rounds, commit=commit,
                 machine=records.machine())
    keep(found, args.out)
    tell(found, args.markdown)


def tell(found, markdown):
    """Print the page, or write it; a line for everything that is broken, and exit code 1."""
    text = page.text(found)
    print(text if not markdown else write_text(markdown, text))
    for line in found["broken"]:
        print(line, file=sys.stderr)
    if found["broken"]:
        raise SystemExit(1)


if __name__ == "__main__":
    sys.exit(run_main(main))
