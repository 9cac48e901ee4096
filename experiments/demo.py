"""``make demo``: the whole of Gaussian Vector on faces that this project draws, ending in one HTML page.

    python -m experiments.demo --out runs/demo              # about ten minutes on two cores
    python -m experiments.demo --out runs/quick --quick     # about two minutes: fewer faces, a narrower net, larger errors

Draws a set of faces like 300-W, trains Gaussian Vector on it, evaluates and shows. Interrupted, it goes on where it was when
called again.
"""

import base64
import csv
import io
import json
import sys
import time
from pathlib import Path

import numpy as np

from gv.core.errors import InputError
from gv.core.exits import Parser
from gv.core.exits import run as run_command

SEED = 7
FACES, QUICK_FACES = 1800, 500          # of all splits together
FEWEST_FACES = 60
SETTINGS = {"epochs": 14, "curve_split": "common", "curve_every": 2}
QUICK = {**SETTINGS, "epochs": 10, "encoder": "resnet18v2_quarter", "width": 80, "detector_faces": 60}
SHOWN, CROP_SHOWN = 12, 1.6             # faces on the page; the picture around each, in sides of its box
FACE_PIXELS, BANNER_PIXELS = 384, 240   # of a face on the page, and in the banner
BANNER_FACES = 5
LANDMARK, LANDMARK_NAME = 45, "outer corner of the eye on the right of the picture"
TARGET = 0.06                           # NME(ION) that the demo is meant to reach


def _gv(*arguments):
    """One ``gv`` command in this process; stops the demo where it fails."""
    from gv.cli import main
    code = main([str(argument) for argument in arguments])
    if code:
        raise SystemExit(code)


def _say(text):
    print(text, file=sys.stderr, flush=True)


def make_faces(folder, size, seed, workers):
    """The embedded set, unless it is there already."""
    from data_prep.synthetic.sets import generate
    from gv.core.faces import read_index
    try:
        index = read_index(folder)
    except InputError:
        index = None
    if index is None or sum(index.splits[name] for name in ("train", "common", "challenge")) != size:
        _say(f"1/4  drawing {size} faces")
        generate("300w", size, seed, folder, workers)
    else:
        _say(f"1/4  {size} faces are there")


def _png(figure):
    """A matplotlib figure as a data URI."""
    from matplotlib import pyplot
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=130, bbox_inches="tight")
    pyplot.close(figure)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def _jpeg(image):
    """An RGB image as a data URI."""
    import cv2
    done, data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 88])
    if not done:
        raise RuntimeError("OpenCV could not encode a JPEG")
    return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode()


def _drawn_face(dataset, points, row, side, true=True):
    """The picture around a face, (side, side, 3), with the landmarks joined: predictions green, the truth red below."""
    from gv.core import draw, geometry
    box = geometry.enlarge_box(geometry.square_box(dataset.box(row)), CROP_SHOWN - 1)
    matrix = geometry.crop_matrix(box, side)
    found, known = (geometry.transform_points(matrix, shape) for shape in (points[row], dataset.faces[row].points))
    drawn = draw.draw_landmarks(geometry.warp(dataset.picture(row), matrix, side), found, true=known if true else None)
    return drawn


def _chosen(errors, count):
    """[(what, row)] of faces to show: the best, the worst, and some in even steps of their error between them."""
    order = np.argsort(errors)
    places = np.unique(np.linspace(0, len(order) - 1, min(count, len(order))).round().astype(int))
    names = {0: "the best", len(order) - 1: "the worst"}
    return [(names.get(place, ""), int(order[place])) for place in places]


def _drawn_faces(dataset, points, errors):
    """[{picture, error %, what}] of the faces that are shown."""
    return [{"picture": _jpeg(_drawn_face(dataset, points, row, FACE_PIXELS)), "error": 100 * errors[row], "what": what}
            for what, row in _chosen(errors, SHOWN)]


def write_banner(path, dataset, points, errors):
    """A row of faces with the net's predictions, from among the better half, as one JPEG."""
    import cv2

    from gv.core import draw
    better = np.argsort(errors)[:max(1, len(errors) // 2)]
    rows = sorted(better[np.unique(np.linspace(0, len(better) - 1, BANNER_FACES).round().astype(int))])
    row = np.hstack([cv2.resize(_drawn_face(dataset, points, int(one), 2 * BANNER_PIXELS, true=False),
                                (BANNER_PIXELS, BANNER_PIXELS), interpolation=cv2.INTER_AREA) for one in rows])
    draw.write_picture(path, row, cv2.IMWRITE_JPEG_QUALITY, 90)


def _vector_figure(net, run, dataset, row):
    """One landmark's x and y vectors beside their labels, as in Fig. 4 (b)."""
    import mxnet as mx
    from matplotlib import pyplot

    from gv.codec import VectorLabel
    from gv.core.pictures import to_input
    crop, points = dataset[row]
    outputs = net(mx.nd.array(to_input(crop[None])))
    options = run.method.options
    label = VectorLabel(options.side, run.crop.size / options.side, options.sigma, options.theta, options.label, options.rounding)
    labels = label(mx.nd.array(points[None]))
    figure, places = pyplot.subplots(1, 3, figsize=(10.5, 3.1), gridspec_kw={"width_ratios": [1, 1.5, 1.5]})
    places[0].imshow(crop)
    places[0].plot(*points[LANDMARK], "o", markersize=9, markerfacecolor="none", markeredgecolor="#ffd000", markeredgewidth=2)
    places[0].set_axis_off()
    for axes, name, found, wanted in zip(places[1:], "xy", outputs, labels):
        cells = np.arange(options.side)
        axes.bar(cells, found[0, LANDMARK].asnumpy(), color="#1f5fa8", width=0.85, label="predicted")
        axes.step(cells, wanted[0, LANDMARK].asnumpy(), where="mid", color="#c8501e", linewidth=1.6, label="label")
        axes.set_title(f"{name} vector", fontsize=10)
        axes.set_xlabel("cell of the vector")
        axes.set_ylabel("value")
        axes.spines[["top", "right"]].set_visible(False)
    places[1].legend(frameon=False, fontsize=9)
    figure.tight_layout()
    return _png(figure)


def write_report(out, started, aims=True):
    """The page, from the finished run: every figure on it comes from files of this demo."""
    import mxnet as mx
    from jinja2 import Environment, PackageLoader

    from experiments import plots
    from gv.core import evaluate, metrics
    from gv.core.data import FaceDataset
    from gv.core.faces import read_index, read_split
    from gv.core.files import write_json, write_text
    from gv.core.run import open_run
    from gv.core.train import read_log
    from gv.methods import METHODS
    run, sidecar, fitted, net = open_run(METHODS, out / "gv", [mx.cpu()])
    index = read_index(out / "faces")
    sets = {split: FaceDataset(index.folder, read_split(index, split), index.layout, run.crop)
            for split in ("train", "common", "challenge")}
    report = json.loads((out / "gv" / "metrics.json").read_text(encoding="utf-8"))
    mean = evaluate.mean_shape(sets["train"])
    rows, plotted = [], []
    for split in ("common", "challenge"):
        placed = evaluate.place_shape(mean, sets[split])
        errors = evaluate.face_errors(placed, sets[split].faces, index.normaliser, index.layout)
        with open(out / "gv" / f"errors_{split}.csv", newline="", encoding="utf-8") as lines:
            ours = np.array([float(row["nme"]) for row in csv.DictReader(lines)])
        for name, values in (("Gaussian Vector", ours), ("mean shape in the box", errors)):
            low, high = metrics.bootstrap_interval(values)
            rows.append({"split": split, "name": name, "faces": len(values), "nme": 100 * values.mean(), "low": 100 * low,
                         "high": 100 * high, "fr": 100 * metrics.failure_rate(values, 0.1), "auc": metrics.auc(values, 0.1)})
            plotted.append((f"{name}, {split}", values))
    common = sets["common"]
    decoder = run.method.decoder(run.method.Decoding(), fitted)
    points = evaluate.decode_faces(net, {"default": decoder}, common, [mx.cpu()])["default"]
    ours = evaluate.face_errors(points, common.faces, index.normaliser, index.layout)
    log = [row for row in read_log(out / "gv") if row[f"nme_{index.normaliser}"]]
    minutes = [float(row["seconds"]) / 60 for row in log]
    falling = np.array([float(row[f"nme_{index.normaliser}"]) for row in log])
    curve = plots.curve_figure([("common split", minutes, falling)], "ION")
    page = Environment(loader=PackageLoader("experiments"), autoescape=True).get_template("demo.html").render(
        rows=rows, target=100 * TARGET, aims=aims, provenance=index.provenance_line(), sidecar=sidecar, config=run.config(),
        ced=_png(plots.ced_figure(plotted, "ION")), curve=_png(curve), faces=_drawn_faces(common, points, ours), run=out / "gv",
        vectors=_vector_figure(net, run, common, int(np.argsort(ours)[len(ours) // 2])), landmark=LANDMARK_NAME,
        splits={name: len(data) for name, data in sets.items()}, bands=run.method.options.bands,
        beyond=100 * report["common"]["decodings"]["beyond_box"]["nme_ion"])
    write_text(out / "report.html", page)
    write_banner(out / "banner.jpg", common, points, ours)
    best = {row["name"]: row["nme"] for row in rows if row["split"] == "common"}
    write_json(out / "demo.json", {"nme_ion": best["Gaussian Vector"] / 100,
                                   "nme_ion_mean_shape": best["mean shape in the box"] / 100,
                                   "training_seconds": sidecar["seconds"], "seconds": time.time() - started})
    print(f"NME(ION) on the common split of the drawn faces: {best['Gaussian Vector']:.2f} %, "
          f"the mean shape in the box: {best['mean shape in the box']:.2f} %")
    print(f"open {out / 'report.html'}")


def main(argv=None):
    """Make faces, train, evaluate, report."""
    parser = Parser(prog="python -m experiments.demo", description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="runs/demo", help="folder for all of it (default %(default)s)")
    parser.add_argument("--quick", action="store_true", help="two minutes instead of ten: fewer faces and a narrower net")
    parser.add_argument("--faces", type=int, help=f"faces to draw (default {FACES}; quick: {QUICK_FACES})")
    parser.add_argument("--epochs", type=int, help=f"epochs to train (default {SETTINGS['epochs']}; quick: {QUICK['epochs']})")
    parser.add_argument("--workers", type=int, default=2, help="processes that draw faces (default %(default)s)")
    arguments = parser.parse_args(argv)
    settings = dict(QUICK if arguments.quick else SETTINGS)
    settings["epochs"] = settings["epochs"] if arguments.epochs is None else arguments.epochs
    if arguments.faces is None:
        arguments.faces = QUICK_FACES if arguments.quick else FACES
    if arguments.faces < FEWEST_FACES:
        raise InputError("--faces", arguments.faces, f"at least {FEWEST_FACES}, so that every split has faces to average")
    started, out = time.time(), Path(arguments.out)
    _say(f"about {'two' if arguments.quick else 'ten'} minutes on two cores; interrupted, the same command goes on")
    make_faces(out / "faces", arguments.faces, SEED, arguments.workers)
    _say("2/4  training Gaussian Vector")
    settings = [f"--set={name}={value}" for name, value in settings.items()]
    _gv("train", "--data", out / "faces", "--method", "gv", "--preset", "mini", "--out", out / "gv", "--resume", *settings)
    _say("3/4  measuring")
    for split in ("common", "challenge"):
        _gv("eval", "--run", out / "gv", "--data", out / "faces", "--split", split, "--decode", "beyond_box:beyond_box=true")
    _say("4/4  drawing")
    write_report(out, started, aims=not arguments.quick)


if __name__ == "__main__":
    sys.exit(run_command(main))
