"""Drawings that tables share, and plots of finished runs: cumulative error (CED) and error against training time.

    python -m experiments.plots ced "GV=runs/gv/errors_common.csv" "heatmap=runs/heatmap/errors_common.csv" --out ced.png
    python -m experiments.plots curve "GV=runs/gv/log.csv" "heatmap=runs/heatmap/log.csv" --out curve.png

``ced`` takes columns of errors files (NAME=FILE or NAME=FILE:COLUMN); ``curve`` takes logs of runs trained with
``--set curve_split=...``.
"""

import csv
import os
import sys

import numpy as np

from gv.core.errors import InputError
from gv.core.exits import Parser, run
from gv.core.files import write_figure

COLOURS = ("#1f5fa8", "#c8501e", "#2f8f4e", "#8a3f9e", "#b08a00", "#5a5a5a")   # told apart in print and by most eyes
TICKS = ((1, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 40, 60, 100), [n / 2 for n in range(2, 41)], [n / 10 for n in range(10, 201)])
FEWEST_TICKS = 4                                                                # of an error axis, coarse where that is enough
MINUTES = "training time, minutes"
AXES = {"epochs": "epoch", "minutes": MINUTES}                                      # of a curve
LARGEST_ERROR = 0.1                                                             # the CED's right edge, as in Fig. 5


def _sources(texts):
    """[(name, path, column)] of NAME=FILE[:COLUMN]."""
    sources = []
    for text in texts:
        name, equals, path = text.partition("=")
        path, _, column = path.partition(":")
        if not equals or not os.path.isfile(path):
            raise InputError(text, "no file" if equals else "no name", "NAME=FILE or NAME=FILE:COLUMN of a file that exists")
        sources.append((name, path, column))
    return sources


def read_column(path, column):
    """The numbers of a CSV's column, rows without one left out; InputError where there are none."""
    with open(path, newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    if not rows or column not in rows[0]:
        raise InputError(path, f'no column "{column}"', f"one of {', '.join(rows[0]) if rows else '(an empty file)'}")
    return np.array([float(row[column]) for row in rows if row[column]])


def new_axes(xlabel, ylabel):
    """(figure, axes) in the project's plain style, without a screen."""
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot
    figure, axes = pyplot.subplots(figsize=(6.4, 4.2), dpi=130)
    axes.set_xlabel(xlabel)
    axes.set_ylabel(ylabel)
    axes.grid(True, color="#dddddd", linewidth=0.7)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return figure, axes


def ced_figure(curves, normaliser):
    """Share of images at or below each error. curves: [(name, errors (N,) as fractions)]; NME and AUC@0.1 in the legend."""
    from gv.core import metrics
    figure, axes = new_axes(f"NME ({normaliser}), % of the normaliser", "share of images, %")
    levels = np.linspace(0, LARGEST_ERROR, 401)
    for (name, errors), colour in zip(curves, COLOURS):
        label = f"{name}: NME {100 * errors.mean():.2f} %, AUC {metrics.auc(errors, LARGEST_ERROR):.3f}"
        axes.plot(100 * levels, 100 * metrics.ced(errors, levels), color=colour, label=label)
    axes.set_xlim(0, 100 * LARGEST_ERROR)
    axes.set_ylim(0, 100)
    figure.tight_layout()
    axes.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.16), fontsize=8.5)  # below: clear of the lines
    return figure


def curve_figure(curves, normaliser, across=MINUTES):
    """Error against ``across``, on a logarithmic scale as in Fig. 6. curves: [(name, places along it, errors as fractions)]."""
    from matplotlib.ticker import NullFormatter, ScalarFormatter
    figure, axes = new_axes(across, f"NME ({normaliser}), %")
    for (name, places, errors), colour in zip(curves, COLOURS):
        axes.plot(places, 100 * errors, color=colour, marker=".", markersize=5, label=f"{name}: last {100 * errors[-1]:.2f} %")
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    low, high = max(1, low / 1.05), min(110, high * 1.05)
    choices = [[tick for tick in ticks if low <= tick <= high] for ticks in TICKS]
    axes.set_yticks(next((inside for inside in choices if len(inside) >= FEWEST_TICKS), choices[-1]))
    axes.yaxis.set_major_formatter(ScalarFormatter())
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_ylim(low, high)
    axes.legend(frameon=False, loc="upper right", fontsize=8.5)
    figure.tight_layout()
    return figure


def read_curve(path, column):
    """(minutes, errors) of a run's log, the rows that have an error."""
    errors = read_column(path, column)
    with open(path, newline="", encoding="utf-8") as lines:
        return [float(row["seconds"]) / 60 for row in csv.DictReader(lines) if row[column]], errors


def save(figure, path):
    """Write a figure and let it go."""
    from matplotlib import pyplot
    write_figure(figure, path, dpi=130, bbox_inches="tight")
    pyplot.close(figure)


def bars_by_yaw(results, methods, bins, variance, path):
    """AnchorFace, Fig. 6: a bar a method and yaw bin, the whisker being the deviation of the images' errors."""
    figure, plot = new_axes("yaw", "NME, %")
    width = 0.8 / len(methods)
    for i, (method, colour) in enumerate(zip(methods, COLOURS)):
        values, spreads = [], []
        for name in bins:
            found, varied = results.values((method, name)), results.values((method, variance + name))
            values.append(np.mean(found) if found else np.nan)
            spreads.append(np.sqrt(np.mean(varied)) if varied else 0)
        places = np.arange(len(bins)) + (i - (len(methods) - 1) / 2) * width
        low = np.minimum(spreads, values)     # an error is not below nought
        plot.bar(places, values, width, yerr=[low, spreads], color=colour, label=method, capsize=3,
                 error_kw={"elinewidth": 0.8, "ecolor": "#444444"})
    plot.set_xticks(range(len(bins)), [name.capitalize() for name in bins],
                    **({"rotation": 25, "ha": "right"} if len(bins) > 5 else {}))
    plot.legend(frameon=False)
    figure.tight_layout()
    save(figure, path)


def draw_ced(results, curves, path):
    """Cumulative errors, the images of all seeds together. curves: {name: cell}; one that has not run is left out."""
    found = {name: [results.errors(key, seed) for seed in results.seeds] for name, key in curves.items()}
    found = {name: [errors for errors in seeds if errors is not None] for name, seeds in found.items()}
    lines = [(name, np.concatenate(seeds)) for name, seeds in found.items() if seeds]
    if lines:
        save(ced_figure(lines, "ION"), path)


def mean_curve(results, key):
    """{"epochs", "minutes", "errors": (E,)} of a cell's training, the mean over the seeds that have run, or None."""
    recorded = [results.record(results.table.cells[key].source, seed) for seed in results.seeds]
    curves = [record["curve"] for record in recorded if record and record["curve"]]
    if not curves:
        return None
    epochs, seconds, errors = np.mean(curves, axis=0).T
    return {"epochs": epochs, "minutes": seconds / 60, "errors": errors}


def draw_curves(results, curves, across, path):
    """Error while training against ``across``, a name of AXES. curves: {name: cell}; one that has not run is left out."""
    found = {name: mean_curve(results, key) for name, key in curves.items()}
    lines = [(name, curve[across], curve["errors"]) for name, curve in found.items() if curve]
    if lines:
        save(curve_figure(lines, "ION", AXES[across]), path)


def main(argv=None):
    """Draw one plot."""
    parser = Parser(prog="python -m experiments.plots", description=__doc__.splitlines()[0])
    parser.add_argument("kind", choices=("ced", "curve"))
    parser.add_argument("sources", nargs="+", metavar="NAME=FILE[:COLUMN]")
    parser.add_argument("--normaliser", default="ion", help="for the axis and the log's column (default %(default)s)")
    parser.add_argument("--out", required=True, help="picture to write, .png or .svg")
    arguments = parser.parse_args(argv)
    if len(arguments.sources) > len(COLOURS):
        raise InputError("sources", f"{len(arguments.sources)} lines", f"at most {len(COLOURS)} in one plot")
    sources = _sources(arguments.sources)
    name = arguments.normaliser.upper()
    if arguments.kind == "ced":
        figure = ced_figure([(label, read_column(path, column or "nme")) for label, path, column in sources], name)
    else:
        column = f"nme_{arguments.normaliser}"
        figure = curve_figure([(label, *read_curve(path, given or column)) for label, path, given in sources], name)
    save(figure, arguments.out)
    print(arguments.out)


if __name__ == "__main__":
    sys.exit(run(main))
