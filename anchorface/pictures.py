"""AnchorFace drawn: anchors, buckets and prototypes (Figs. 3 to 5), and how anchors vote on a face (Fig. 7)."""

import cv2
import numpy as np

from anchorface.templates import BUCKETS, EYE_CORNERS, buckets, centred, eye_indicator, hand_prototypes, kmeans_prototypes
from gv.core import draw
from gv.core.errors import InputError
from gv.core.layouts import Layout, edges_of

TEMPLATE, POINT = (255, 176, 64), (255, 255, 255)     # RGB
PANEL = 480                                           # side of one panel of Fig. 7, pixels
SHOWN_RATIO = 30                                      # Fig. 4's axis ends here; what lies beyond is counted in its last bin
TEXT = dict(fontFace=cv2.FONT_HERSHEY_SIMPLEX, fontScale=0.55, lineType=cv2.LINE_AA)


def _figure(columns, width=3.2, height=3.2, ratios=None):
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    figure = Figure(figsize=(width * columns, height), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(1, columns, width_ratios=ratios)
    return figure, [figure.add_subplot(grid[i]) for i in range(columns)]


def _face(axes, shape, colour, title="", layout=None):
    for edge in edges_of(layout, len(shape)):
        axes.plot(*shape[list(edge)].T, color=colour, linewidth=0.8)
    axes.scatter(*shape.T, s=5, color=colour, zorder=3)
    axes.set_title(title, fontsize=9)


def _square(axes, low, high):
    axes.set(xlim=(low, high), ylim=(high, low), aspect="equal", xticks=[], yticks=[])


def can_bucket(landmarks):
    """Whether Eq. 1 is defined for the layout."""
    return landmarks in EYE_CORNERS


def anchors_figure(shape, templates, points, area, size, rolls, layout=None):
    """Fig. 3: the anchor area and grid over one face (L, 2), and the templates, a prototype a row. layout: as an index has it."""
    rows = len(templates) // rolls
    figure, (left, right) = _figure(2, width=6.5, height=4.5, ratios=(1, 2))
    _face(left, shape, "0.7", f"area {area:g} x {area:g}, {len(points)} points", layout)
    left.scatter(*points.T, s=8, color="tab:red", zorder=4)
    low = (size - 1 - area) / 2
    left.plot(low + area * np.array([0, 1, 1, 0, 0]), low + area * np.array([0, 0, 1, 1, 0]), color="tab:blue", linewidth=1)
    _square(left, -0.5, size - 0.5)
    width = 2.1 * np.linalg.norm(templates, axis=2).max()
    for i, template in enumerate(templates):
        _face(right, template + width * np.array([i % rolls, i // rolls]), f"C{i // rolls}", layout=layout)
    right.set_title(f"{len(templates)} templates on every point", fontsize=9)
    right.set(xlim=(-width / 2, (rolls - 0.5) * width), ylim=((rows - 0.5) * width, -width / 2), aspect="equal",
              xticks=[], yticks=[])
    return figure


def buckets_figure(shapes, gamma):
    """Fig. 4: (histogram of r with the threshold and each bucket's mean face, {bucket: faces})."""
    figure, (histogram, *means) = _figure(1 + len(BUCKETS))
    r, bucket, shapes = eye_indicator(shapes), buckets(shapes, gamma), centred(shapes)
    histogram.hist(np.clip(r, -SHOWN_RATIO, SHOWN_RATIO), bins=61, color="0.5")
    for edge in (-gamma, gamma):
        histogram.axvline(edge, color="tab:red", linewidth=1)
    histogram.set_yscale("log")
    histogram.set_title("r of Eq. 1", fontsize=9)
    counts = {name: int((bucket == number).sum()) for number, name in enumerate(BUCKETS)}
    faces = {name: shapes[bucket == number].mean(axis=0) for number, name in enumerate(BUCKETS) if counts[name]}
    half = max(np.abs(face).max() for face in faces.values()) * 1.2
    for axes, name in zip(means, BUCKETS):
        if name in faces:
            _face(axes, faces[name], "tab:blue", f"{name}: {counts[name]} faces")
        _square(axes, -half, half)
    return figure, counts


def prototypes_figure(shapes, gamma, clusters, seed, layout=None):
    """Fig. 5: the base anchors by hand design, where the faces allow it, and by KMeans, both from nose right to nose left.

    shapes: (N, L, 2) in shares. layout: as an index has it.
    """
    rows = {"KMeans": kmeans_prototypes(shapes, clusters, seed)[::-1]}
    try:
        if not isinstance(layout, Layout):
            rows = {"hand": hand_prototypes(shapes, gamma), **rows}
    except InputError:     # no two eyes, or an empty bucket: only KMeans can be shown
        pass
    figure, panels = _figure(sum(len(row) for row in rows.values()), 2.2, 2.4)
    half = max(np.abs(row).max() for row in rows.values()) * 1.2
    for axes, (name, shape) in zip(panels, ((name, shape) for name, row in rows.items() for shape in row)):
        _face(axes, shape, "tab:green" if name == "hand" else "tab:orange", name, layout)
        _square(axes, -half, half)
    return figure


def _label(image, lines):
    for row, line in enumerate(lines):
        for colour, thickness in (((0, 0, 0), 3), ((255, 255, 255), 1)):
            cv2.putText(image, line, (8, 20 + 20 * row), color=colour, thickness=thickness, **TEXT)
    return image


def votes_panel(crop, anchors, confidence, predictions, aggregate, true, templates, c_th, rng=None, layout=None):
    """Fig. 7 for one face, side by side: the grid, two anchors that vote, all that vote, and the result. RGB uint8.

    crop (S, S, 3); anchors, predictions (A, L, 2) and aggregate, true (L, 2) in crop pixels; confidence (A,). rng: a generator
    that draws the two anchors, a template each of two points of the grid, as the paper's figure has them, whether they vote or
    not; None takes the most confident one and the most confident one of another point. layout: as an index has it.
    """
    zoom = PANEL / crop.shape[0]
    large = cv2.resize(crop, (PANEL, PANEL), interpolation=cv2.INTER_CUBIC)

    def scaled(points):
        return (np.asarray(points) + 0.5) * zoom - 0.5

    places = len(anchors) // templates
    by_point = confidence.reshape(templates, places)
    points = scaled(anchors[:places].mean(axis=1))
    grid = large.copy()
    for point, best, count in zip(points, by_point.max(axis=0), (by_point >= c_th).sum(axis=0)):
        centre = tuple(int(v) for v in np.round(point))
        cv2.circle(grid, centre, 2 + int(round(8 * best)), draw.PREDICTED if count else POINT, -1 if count else 1, cv2.LINE_AA)
    voting = np.flatnonzero(confidence >= c_th)
    panels = [_label(grid, [f"{len(voting)} of {len(anchors)} anchors vote", f"highest C {confidence.max():.2f}"])]
    if rng is None:
        order = np.argsort(-confidence, kind="stable")
        chosen = order[0], next((i for i in order if i % places != order[0] % places), order[0])
    else:
        chosen = rng.integers(0, templates, 2) * places + rng.choice(places, 2, replace=places < 2)
    for i in chosen:
        picture = draw.draw_landmarks(large, scaled(predictions[i]), layout=layout)
        picture = draw.draw_landmarks(picture, scaled(anchors[i]), colour=TEMPLATE, layout=layout)
        panels.append(_label(picture, [f"template {i // places + 1}, point {i % places + 1}", f"C {confidence[i]:.2f}"]))
    everyone = large.copy()
    for i in voting:
        for x, y in scaled(predictions[i]):
            cv2.circle(everyone, (int(round(x)), int(round(y))), 1, draw.PREDICTED, -1, cv2.LINE_AA)
    panels.append(_label(everyone, ["all that vote"]))
    result = draw.draw_landmarks(large, scaled(aggregate), true=scaled(true), layout=layout)
    panels.append(_label(result, ["result, truth in red"]))
    return np.hstack(panels)
