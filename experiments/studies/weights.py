"""``make weights``: the nets that come with the packages, trained on drawn faces alone.

    python -m experiments.studies.weights --data data          # hours on two cores; real faces in DATA are only measured on
    python -m experiments.studies.weights --data data --seeds 3 --install

For each net: draws faces, trains, stores the weights as halves, and measures what is stored, on drawn faces and on the real
ones that DATA has. ``--install`` puts the nets of seed 0 into the packages. Interrupted, it goes on where it was when called
again.
"""

import json
import shutil
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

import anchorface
import gv
from anchorface import cli as anchorface_cli
from data_prep.synthetic.sets import generate
from experiments.studies.label_offsets import OFFSETS_68, moved, read_offsets
from gv import cli as gv_cli
from gv.core import checkpoint, detectors, shipped
from gv.core.errors import InputError, one_of
from gv.core.evaluate import true_points
from gv.core.exits import AsWritten, Parser
from gv.core.exits import run as run_command
from gv.core.faces import read_index, read_split, write_index
from gv.core.files import write_json
from gv.core.layouts import get_layout

KEPT = ("step", "seconds", "start", "provenance", "config", "fitted", "coverage", "devices")     # of a sidecar, for prediction
MOVED = "_moved"        # ends the name of a drawn split whose landmarks are where annotators would have put them
MIB = 2 ** 20


@dataclass(frozen=True)
class Recipe:
    """One net. package: it comes with; command: its main; like, faces, seed: the drawn set; offsets: file of the annotators'
    habits, or None; method, settings: as ``train`` takes them; test: split of the drawn set; real: (data set, split, what it is)
    that it is measured on."""

    package: object
    command: object
    like: str
    faces: int
    seed: int
    offsets: object
    method: str
    settings: dict
    test: str
    real: tuple

    def split(self, name):
        """The drawn split that stands for one: with moved landmarks where there are offsets."""
        return name + MOVED if self.offsets else name


RECIPES = {
    "gv": Recipe(gv, gv_cli.main, "300w", 9000, 1, OFFSETS_68, "gv",
                 {"decoder": "lines", "encoder": "resnet18v2_quarter", "width": 32, "lr": 4e-3, "epochs": 12}, "common",
                 ("300w", "common", "300-W's common test faces")),
    "anchorface": Recipe(anchorface, anchorface_cli.main, "wflw", 6000, 1, None, "anchorface",
                         {"multiplier": 0.5, "epochs": 16}, "test", ("wflw", "test", "WFLW's test faces")),
}


def _command(recipe, *arguments):
    """One command of the package in this process; stops where it fails."""
    code = recipe.command([str(argument) for argument in arguments])
    if code:
        raise SystemExit(code)


def _say(text):
    print(text, file=sys.stderr, flush=True)


def draw(recipe, folder):
    """The drawn set of a recipe, unless it is there, with the splits whose landmarks are moved."""
    try:
        index = read_index(folder)
        there = [index.extra.get(name) for name in ("like", "size", "seed")] == [recipe.like, recipe.faces, recipe.seed]
    except InputError:
        there = False
    if not there:
        generate(recipe.like, recipe.faces, recipe.seed, folder, 2)
        index = read_index(folder)
    if not recipe.offsets:
        return
    layout = get_layout(index.layout)
    offsets = read_offsets(recipe.offsets, layout)
    splits = {name: read_split(index, name) for name in index.splits if not name.endswith(MOVED)}
    for name in ("train", recipe.test):
        points = moved(true_points(splits[name]), offsets, layout)
        splits[name + MOVED] = [replace(face, points=one, box=None) for face, one in zip(splits[name], points)]
    write_index(Path(folder), splits, layout=index.layout, source=index.source, box_source=index.box_source,
                normaliser=index.normaliser, provenance=index.provenance, official=index.official, found=index.found,
                extra=index.extra)


def pack(run, out):
    """Store a run's net in ``out`` as packages carry it: weights as halves, of the sidecar what prediction wants, and how boxes
    of detectors map."""
    sidecar, weights = checkpoint.read(run, "weights")
    checkpoint.save(out, {name: sidecar[name] for name in KEPT if name in sidecar},
                    {name: value.astype("float16") for name, value in weights.items()})
    if (Path(run) / detectors.FITS_FILE).is_file():
        shutil.copy(Path(run) / detectors.FITS_FILE, out)


def measure(recipe, packed, faces, data):
    """{"drawn", "real", "real, NAME's boxes": report of ``eval``} of a packed net; real ones where ``data`` has them, and in the
    boxes of each detector that is installed and fitted."""
    name, split, _ = recipe.real
    wanted = {"drawn": (faces, recipe.split(recipe.test), [], "")}
    if data is not None and Path(data, name).is_dir():
        real, fitted = Path(data, name), {detectors.CASCADE, *detectors.read_fits(packed)}
        wanted["real"] = (real, split, [], "")
        for found_by in detectors.installed():
            if found_by in fitted:
                end = "_detector" if found_by == detectors.CASCADE else f"_{found_by}"
                wanted[f"real, {found_by}'s boxes"] = (real, split, ["--boxes", "detector", "--detector", found_by], end)
    reports = {}
    for what, (index, part, more, end) in wanted.items():
        _command(recipe, "eval", "--run", packed, "--data", index, "--split", part, *more)
        reports[what] = json.loads((packed / "metrics.json").read_text(encoding="utf-8"))[part + end]
    return reports


def percent(report, end=""):
    """A report's NME by its index's own normaliser, in per cent. end: "_low" or "_high" for the interval's ends."""
    name = next(name for name in report["decodings"]["default"] if name.startswith("nme_"))
    return 100 * report["decodings"]["default"][name + end]


def says(recipe, reports, landmarks):
    """What a user is told of the net where it is used without being named."""
    what, faces = ("real", recipe.real[2]) if "real" in reports else ("drawn", "drawn faces")
    errors = f"NME {percent(reports[what]):.2f} % on {reports[what]['faces']} of {faces}"
    return (f"the weights that come with the package: {landmarks} landmarks, trained on drawn faces alone, {errors}; "
            "--run names others")


def make(name, seed, out, data):
    """Draw, train, pack and measure one net; returns {"seed", "megabytes", "seconds", "reports"}."""
    recipe, folder, faces = RECIPES[name], out / f"{name}-{seed}", out / f"faces-{RECIPES[name].like}"
    _say(f"{name}, seed {seed}")
    draw(recipe, faces)
    settings = [f"--set={key}={value}" for key, value in recipe.settings.items()]
    _command(recipe, "train", "--data", faces, "--split", recipe.split("train"), "--method", recipe.method, "--preset", "mini",
             "--seed", seed, "--out", folder / "run", "--resume", *settings)
    packed = folder / "packed"
    pack(folder / "run", packed)
    reports = measure(recipe, packed, faces, data)
    sidecar = checkpoint.read_sidecar(packed)
    size = sum(path.stat().st_size for path in (packed / checkpoint.FOLDER).iterdir()) / MIB
    write_json(packed / shipped.ABOUT, {"says": says(recipe, reports, sidecar["config"]["landmarks"]), "seed": seed,
                                        "faces": recipe.faces, "settings": recipe.settings,
                                        "nme_percent": {what: round(percent(report), 3) for what, report in reports.items()}})
    return {"seed": seed, "megabytes": size, "seconds": sidecar["seconds"], "reports": reports}


def install(name, out):
    """Put the net of seed 0 into its package, whole or not at all."""
    target, packed = shipped.folder(RECIPES[name].package.__file__), out / f"{name}-0" / "packed"
    fresh = target.with_name(f".{target.name}.part")
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(packed / checkpoint.FOLDER, fresh / checkpoint.FOLDER)
    for path in (packed / shipped.ABOUT, packed / detectors.FITS_FILE):
        if path.is_file():
            shutil.copy(path, fresh)
    shutil.rmtree(target, ignore_errors=True)
    fresh.rename(target)
    _say(f"installed: {target}")


def table(found):
    """What was found, {name: [``make``'s]}, as a table in Markdown."""
    lines = ["| net | seed | measured on | boxes | faces | NME, % | 95 % interval over images |",
             "|---|---|---|---|---:|---:|---:|"]
    for name, runs in found.items():
        for run in runs:
            for report in run["reports"].values():
                low, middle, high = (percent(report, end) for end in ("_low", "", "_high"))
                lines.append(f"| {name} | {run['seed']} | {report['evaluated_on']} | {report['boxes']} | {report['faces']} of "
                             f"{report['of']} | {middle:.2f} | [{low:.2f}, {high:.2f}] |")
        for what in runs[0]["reports"] if len(runs) > 1 else ():
            errors = [percent(run["reports"][what]) for run in runs]
            lines.append(f"| {name} | all {len(errors)} | {what} | | | "
                         f"**{np.mean(errors):.2f} ± {np.std(errors, ddof=1):.2f}** | |")
    return "\n".join(lines)


def main(arguments=None):
    """Make the nets, print the table, and install where asked to."""
    options = Parser(prog="python -m experiments.studies.weights", description=__doc__, formatter_class=AsWritten)
    options.add_argument("--only", action="append", help=f"{' or '.join(RECIPES)}; may be repeated (default: all)")
    options.add_argument("--seeds", type=int, default=1, help="nets of each, with seeds 0, 1, ... (default %(default)s)")
    options.add_argument("--data", help="folder of prepared indexes of real faces, to measure on")
    options.add_argument("--out", default="runs/weights", help="folder for all of it (default %(default)s)")
    options.add_argument("--install", action="store_true", help="put the nets of seed 0 into the packages")
    args = options.parse_args(arguments)
    if args.seeds < 1:
        raise InputError("--seeds", args.seeds, "at least 1")
    names = [one_of("--only", name, RECIPES) for name in args.only or RECIPES]
    found = {name: [make(name, seed, Path(args.out), args.data) for seed in range(args.seeds)] for name in names}
    for name in names if args.install else ():
        install(name, Path(args.out))
    print(table(found))


if __name__ == "__main__":
    sys.exit(run_command(main, "weights"))
