"""The sub-command ``layouts``: the landmark schemes in words, and drawn, every landmark with its index. It needs no MXNet.

The charts stand on the mean drawn face with its mouth open (``data_prep.synthetic.landmarks.chart_shape``), in millimetres; that
of an index's scheme on the mean of its own faces.
"""

import json
from pathlib import Path

import numpy as np

from gv.core import geometry
from gv.core.errors import InputError
from gv.core.faces import read_index, read_split
from gv.core.files import write_figure
from gv.core.layouts import LAYOUTS, get_layout

SHAPES_FILE = Path(__file__).with_name("shapes.json")

SIDE_INCHES, MARGIN = 7.0, 0.08
COLOURS = ("#1f5fa8", "#c8501e", "#2f8f4e", "#8a3f9e", "#b08a00", "#5a5a5a", "#007f8c", "#a02050", "#4b6e00", "#804000",
           "#3040c0", "#000000")
INWARD = ("inner_lip",)      # whose indices stand inside, clear of the outer lip's
MOST_NAMED = 40         # landmarks whose names stand beside their indices
OFFSET = 0.019        # of an index from its point, as a share of the shape's larger side


def mirrored(layout):
    """[(i, j), ...] of landmarks that a mirror swaps, i < j; those that mirror onto themselves are left out."""
    return [(i, j) for i, j in enumerate(layout.flip) if i < j]


def group_of(layout):
    """[name of the smallest group of each landmark], in the order of the landmarks."""
    names = sorted(layout.groups, key=lambda name: len(layout.groups[name]))
    return [next((name for name in names if i in layout.groups[name]), "") for i in range(layout.size)]


def chart(shape, layout=None):
    """A Matplotlib figure of one scheme: points with indices, coloured by group, lines, and mirror pairs joined by thin lines.

    shape: (L, 2), y downwards. layout: an own scheme; None: the known one of so many landmarks.
    """
    import matplotlib
    matplotlib.use("Agg")
    from matplotlib import pyplot
    shape = np.asarray(shape, np.float64)
    layout = get_layout(layout or len(shape))
    low, high = shape.min(0), shape.max(0)
    side = float((high - low).max())
    figure, axes = pyplot.subplots(figsize=(SIDE_INCHES, SIDE_INCHES + 0.9), dpi=110)
    for i, j in mirrored(layout):
        axes.plot(*shape[[i, j]].T, color="#cccccc", linewidth=0.5, zorder=1)
    for line in layout.edges:
        axes.plot(*shape[list(line)].T, color="#999999", linewidth=0.9, zorder=2)
    groups, named = group_of(layout), layout.names and layout.size <= MOST_NAMED
    for name, colour in zip(dict.fromkeys(groups), COLOURS):
        rows = [i for i, group in enumerate(groups) if group == name]
        axes.scatter(*shape[rows].T, s=14, color=colour, zorder=3, label=name.replace("_", " "))
        centre = (shape[rows].min(0) + shape[rows].max(0)) / 2
        for i in rows:
            away = shape[i] - centre
            away = np.array([0, -1]) if named else away / (np.linalg.norm(away) or 1) * (-1 if name in INWARD else 1)
            axes.text(*(shape[i] + OFFSET * side * away), f"{i} {layout.names[i]}" if named else str(i),
                      fontsize=6 if layout.size > 50 else 7.5, color=colour, ha="center", va="center", zorder=4)
    axes.set_xlim(low[0] - MARGIN * side, high[0] + MARGIN * side)
    axes.set_ylim(high[1] + MARGIN * side, low[1] - MARGIN * side)      # y grows downwards, as in pictures
    axes.set_aspect("equal")
    axes.set_axis_off()
    axes.set_title(f"{layout.size} landmarks: {layout.name}\nindices from 0, in the order of the annotation files" +
                   ("" if layout.names else "; left and right are the viewer's"), fontsize=9)
    if any(groups):
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, 0.0), ncol=4, frameon=False, fontsize=8)
    figure.tight_layout()
    return figure


def shapes():
    """{landmarks: (L, 2)} that the charts stand on."""
    return {int(size): np.array(points) for size, points in json.loads(SHAPES_FILE.read_text(encoding="utf-8")).items()}


def runs_text(indices):
    """Indices as text, runs of three and more as first-last: "0-16, 20, 22"."""
    parts, rest = [], list(indices)
    while rest:
        count = next((n for n in range(1, len(rest)) if rest[n] != rest[0] + n), len(rest))
        count = count if count > 2 else 1
        parts.append(str(rest[0]) if count == 1 else f"{rest[0]}-{rest[count - 1]}")
        rest = rest[count:]
    return ", ".join(parts)


def describe(layout):
    """A scheme as JSON values."""
    named = {"names": list(layout.names)} if layout.names else {}
    return {"landmarks": layout.size, "name": layout.name, **named,
            "groups": {name: list(rows) for name, rows in layout.groups.items()},
            "mirror_pairs": [list(pair) for pair in mirrored(layout)], "flip": list(layout.flip),
            "normalisers": {name: [list(left), list(right)] for name, (left, right) in layout.normalisers.items()}}


def mean_face(faces):
    """The mean of faces' landmarks, (L, 2), each face moved and scaled to one box."""
    shapes = []
    for face in faces:
        x0, y0, x1, y1 = geometry.tight_box(face.points)
        shapes.append((face.points - ((x0 + x1) / 2, (y0 + y1) / 2)) / (max(x1 - x0, y1 - y0) or 1))
    return np.mean(shapes, axis=0)


def _chosen(arguments):
    """[(layout, shape (L, 2) that its chart stands on), ...] of what is asked for."""
    if arguments.data:
        if arguments.landmarks:
            raise InputError("--data, --landmarks", "both", "one of them")
        index = read_index(arguments.data)
        return [(get_layout(index.layout), mean_face(read_split(index, next(iter(index.splits), ""))))]
    return [(get_layout(size), shapes()[size]) for size in arguments.landmarks or LAYOUTS]


def layouts(arguments):
    """``layouts``: every scheme, those of ``--landmarks``, or that of ``--data``; with ``--draw`` a chart of each."""
    report, lines = [], []
    for layout, shape in _chosen(arguments):
        report.append(describe(layout))
        lines += [f"{layout.size} landmarks: {layout.name}", *(f"  {name:12s} {runs_text(rows)}"
                                                               for name, rows in layout.groups.items())]
        lines += [f"  {i:<12d} {name}" for i, name in enumerate(layout.names)]
        pairs = ", ".join(f"{i}-{j}" for i, j in mirrored(layout))
        lines.append(f"  {'mirror':12s} {pairs or 'each onto itself: a mirrored left profile is a right one'}")
        lines += [f"  {name:12s} between {runs_text(left)} and {runs_text(right)}"
                  for name, (left, right) in layout.normalisers.items()]
        if arguments.draw:
            Path(arguments.draw).mkdir(parents=True, exist_ok=True)
            name = f"layout_{layout.size}{'' if layout in LAYOUTS.values() else '_own'}.png"
            report[-1]["chart"] = str(write_figure(chart(shape, layout), Path(arguments.draw, name)))
            lines.append(f"  drawn: {report[-1]['chart']}")
    return {"layouts": report}, "\n".join(lines)
