"""What prediction costs as the batch, the landmarks and the cells grow: heatmaps beside vectors, time and memory.

    python -m experiments.studies.scaling --out runs/scaling --markdown runs/scaling/page.md

Each net lives in a process of its own, so that its memory is its own; the two take turns. From normalised crops to points, as
prediction does it: BatchNorms folded, vectors without heatmaps. Weights are as they are drawn. A few minutes on two cores.
"""

import os
from pathlib import Path

import mxnet as mx

from experiments.harness import records
from experiments.plots import COLOURS, new_axes
from gv import bench
from gv.core import timing
from gv.core.errors import InputError, one_of
from gv.core.exits import Parser
from gv.core.exits import run as run_main
from gv.core.files import write_figure, write_json, write_text
from gv.methods import METHODS

BASE = {"batch": 1, "landmarks": 68, "cells": 32}
AXES = {"batch": (1, 4, 16, 64, 256), "landmarks": (19, 29, 39, 68, 98, 106), "cells": (32, 64, 128, 256)}
ENCODER, WIDTH, CELL_PX = "mobilenetv3_small", 64, 4      # the crop's side is four times its cells, as in the paper
NETS = {"heatmaps": "heatmap", "vectors": "gv"}
NAMES = {"batch": "faces in a batch", "landmarks": "landmarks", "cells": "cells on a side (the crop's pixels / 4)"}
NARROW = 4
MEASURES = {"ms": "milliseconds a batch", "mib": "MiB beyond the weights"}


def measure(axis, rounds):
    """[{axis: value, net: {"ms": spread, "mib": number}}] along one axis, the others at ``BASE``."""
    rows = []
    for value in AXES[axis]:
        at = {**BASE, axis: value}
        settings = {"encoder": ENCODER, "width": str(WIDTH), "size": str(CELL_PX * at["cells"])}
        built = {name: (bench.prediction, (METHODS, method, settings, at["landmarks"], mx.cpu(), at["batch"]))
                 for name, method in NETS.items()}
        seconds, memory = bench.in_processes(built, rounds)
        rows.append({axis: value, **{name: {"ms": timing.milliseconds(seconds[name]), "mib": memory[name]} for name in NETS},
                     "factor": timing.ratio(seconds["heatmaps"], seconds["vectors"])})
    return rows


def figure(found):
    """Time and memory along each axis, on logarithmic scales: a row a measure, a column an axis."""
    from matplotlib import ticker
    made, first = new_axes("", "")
    first.remove()
    made.set_size_inches(4.0 * len(found), 6.4)
    panels = made.subplots(len(MEASURES), len(found), squeeze=False)
    for column, (axis, rows) in enumerate(found.items()):
        for row, (measured, label) in enumerate(MEASURES.items()):
            panel, at = panels[row][column], [one[axis] for one in rows]
            for net, colour in zip(NETS, COLOURS):
                values = [one[net][measured] for one in rows]
                middle = [value["median"] for value in values] if measured == "ms" else values
                panel.plot(at, middle, "o-", color=colour, label=net, markersize=4)
                if measured == "ms":
                    panel.fill_between(at, [value["low"] for value in values], [value["high"] for value in values], color=colour,
                                       alpha=0.2, linewidth=0)
            if axis != "landmarks":
                panel.set_xscale("log", base=2)
            panel.set_yscale("log")
            bottom, top = panel.get_ylim()
            if top < NARROW * bottom:      # what hardly grows is to look so
                panel.set_ylim(bottom / NARROW ** 0.5, top * NARROW ** 0.5)
            panel.set_xticks(at)
            panel.set_xticklabels([str(value) for value in at])
            panel.yaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
            panel.yaxis.set_major_formatter(ticker.FormatStrFormatter("%g"))
            panel.minorticks_off()
            panel.grid(True, color="#dddddd", linewidth=0.7)
            panel.spines[["top", "right"]].set_visible(False)
            if row == len(MEASURES) - 1:
                panel.set_xlabel(NAMES[axis])
            if column == 0:
                panel.set_ylabel(label)
    panels[0][0].legend(frameon=False)
    made.tight_layout()
    return made


def page(found, rounds):
    """The Markdown of the tables."""
    machine = records.machine()
    lines = [
        "# How the cost grows: heatmaps beside vectors", "",
        "From normalised crops to points, as prediction does it (BatchNorms folded, vectors without heatmaps): "
        f"{ENCODER}, a decoder of {WIDTH} channels; where an axis does not say otherwise, one face, {BASE['landmarks']} "
        f"landmarks, {BASE['cells']} x {BASE['cells']} cells of a crop of {CELL_PX * BASE['cells']} pixels. "
        f"Milliseconds a batch, median of {rounds} rounds in which the two take turns; memory: the most that a process of its "
        "own held, beyond what it held with its weights. Weights as they are drawn.", "",
        f"`python -m experiments.studies.scaling --rounds {rounds}`: commit {records.commit()}; {machine['cores']} shared "
        f"virtual cores ({machine['processor']}), no GPU; Python {machine['python']}, MXNet {mx.__version__}, "
        f"{os.environ.get('OMP_NUM_THREADS', 'all')} OpenMP threads.", "", "![time and memory](scaling.png)", ""]
    for axis, rows in found.items():
        lines += [f"| {NAMES[axis]} | heatmaps, ms | vectors, ms | factor | heatmaps, MiB | vectors, MiB |",
                  "|---:|---:|---:|---:|---:|---:|"]
        for one in rows:
            heat, line = one["heatmaps"], one["vectors"]
            lines.append(f"| {one[axis]} | {timing.text(heat['ms'], 1)} | {timing.text(line['ms'], 1)} | "
                         f"{timing.text(one['factor'])} | {heat['mib']:.0f} | {line['mib']:.0f} |")
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def main(arguments=None):
    """Measure, draw and write."""
    options = Parser(prog="python -m experiments.studies.scaling", description=__doc__.splitlines()[0])
    options.add_argument("--out", default="runs/scaling", help="folder for scaling.png and scaling.json (default %(default)s)")
    options.add_argument("--axes", default=",".join(AXES), help="which, with commas between (default %(default)s)")
    options.add_argument("--rounds", type=int, default=7, help="turns that each net takes (default %(default)s)")
    options.add_argument("--markdown", metavar="FILE", help="write the page, and the picture beside it")
    args = options.parse_args(arguments)
    axes = [one_of("--axes", axis, AXES) for axis in args.axes.split(",")]
    if args.rounds < 1:
        raise InputError("--rounds", args.rounds, "at least 1")
    found = {axis: measure(axis, args.rounds) for axis in axes}
    text, drawn = page(found, args.rounds), figure(found)
    Path(args.out).mkdir(parents=True, exist_ok=True)
    write_json(Path(args.out, "scaling.json"), found)
    write_figure(drawn, Path(args.out, "scaling.png"))
    if args.markdown:
        write_text(args.markdown, text)
        write_figure(drawn, Path(args.markdown).with_name("scaling.png"))
    print(text)


if __name__ == "__main__":
    raise SystemExit(run_main(main, "scaling"))
