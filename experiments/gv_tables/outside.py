"""Landmarks outside a shrunk box, and what the Beyond Box Strategy makes of them (GV, Section 3.4, Fig. 4).

N faces, L landmarks; the last axis of an array (N, L, 2) is x and y. Cells are those of the vectors, ``side`` of them.
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import spearmanr

from experiments.plots import COLOURS, new_axes
from gv.codec import to_cells, to_pixels
from gv.core import evaluate, geometry, metrics
from gv.core.data import FaceDataset
from gv.core.draw import BOX, PREDICTED, TRUE
from gv.core.faces import read_index, read_split
from gv.core.files import write_figure
from gv.core.layouts import get_layout
from gv.core.run import open_run

DECODINGS = {"off": False, "on": True}     # whether the strategy is on
ALL, OUTSIDE, ENDS, INSIDE = "all", "outside", "outside, maximum at the end", "inside"
REACH = 2         # cells: how far the zeros beyond a vector's end reach in, under bands of 3 and 5
MARGIN = 0.25     # of the crop's side, shown around it


@dataclass
class Seen:
    """What a net says of shrunk boxes.

    matrices: image to crop pixels, one a face. stride: crop pixels a cell. vectors: (N, L, 2, side). true: (N, L, 2) in cells.
    points: {"off", "on": (N, L, 2)} in cells. errors: {"off", "on": (N, L)} as shares of the normaliser.
    """

    dataset: object
    matrices: list
    stride: float
    vectors: np.ndarray
    true: np.ndarray
    points: dict
    errors: dict

    @property
    def side(self):
        return self.vectors.shape[-1]

    @property
    def depth(self):
        """How many cells a coordinate lies outside the vectors, (N, L, 2); negative inside."""
        return np.maximum(-0.5 - self.true, self.true - (self.side - 0.5))    # the crop's edges, as ``gv.codec`` has cells

    def near_end(self, cells=0):
        """Whether a coordinate lies outside and its vector's maximum is that near to the end it left by, (N, L, 2)."""
        top = self.vectors.argmax(3)
        return (self.depth > 0) & (np.abs(top - np.where(self.true < 0, 0, self.side - 1)) <= cells)


def in_cells(points, matrices, stride):
    """Points of faces (N, L, 2), image pixels, in cells of ``stride`` crop pixels. matrices: image to crop pixels, one a face."""
    return to_cells(np.stack([geometry.transform_points(matrix, face) for matrix, face in zip(matrices, points)]), stride)


def read(context):
    """``Seen`` of the training and the data set that a measurement is given; options: split, shrink, Eq. 7's tau and sigma."""
    (folder,), (data,), options = context.runs.values(), context.indexes.values(), context.options
    run, _, fitted, net = open_run(context.methods, folder, [context.device])
    index = read_index(data)
    faces = read_split(index, options["split"])
    dataset = FaceDataset(index.folder, faces, index.layout, run.crop)
    matrices = [dataset.matrix(i, options["shrink"]) for i in range(len(faces))]
    decodings = {name: run.method.Decoding(beyond_box=on, tau=options["tau"], sigma_bbs=options["sigma_bbs"])
                for name, on in DECODINGS.items()}
    decoders = {name: run.method.ready_decoder(decoding, fitted, context.device) for name, decoding in decodings.items()}
    stride, vectors = run.crop.size / run.method.options.side, []

    def keep(outputs, _):
        vectors.append(np.stack([output.asnumpy() for output in outputs], axis=2))

    found = evaluate.decode_faces(net, decoders, dataset, [context.device], matrices,
                                  observe=keep)
    true = evaluate.true_points(faces)
    boxes = np.array([dataset.box(i) for i in range(len(faces))])
    norm = metrics.normaliser(index.normaliser, true, get_layout(index.layout), boxes)

    return Seen(dataset, matrices, stride, np.concatenate(vectors), in_cells(true, matrices, stride),
                {name: in_cells(p, matrices, stride) for name, p in found.items()},
                {name: np.linalg.norm(p - true, axis=2) / norm[:, None] for name, p in found.items()})


def figures_of(seen):
    """{"share/GROUP", "off/GROUP", "on/GROUP", "maximum/GROUP", "end/GROUP", "near/GROUP"} of groups of landmarks; an empty group
    has its share alone.

    share: of all landmarks. off, on: mean error. maximum: a vector's, the one of the coordinate outside where there is one.
    end, near: share of landmarks with a maximum at an end, or within ``REACH`` of it; of those outside, the end they left by.
    "depth": mean of ``Seen.depth`` outside. "rank/GROUP" of coordinates outside, and of those with the maximum at the end:
    Spearman's coefficient of depth and maximum, where there is one.
    """
    outside = (seen.depth > 0).any(2)
    groups = {ALL: np.ones_like(outside), OUTSIDE: outside, ENDS: seen.near_end().any(2), INSIDE: ~outside}
    top, value = seen.vectors.argmax(3), seen.vectors.max(3)
    inward = np.minimum(top, seen.side - 1 - top).min(2)     # of the two vectors' maxima, the nearer one to an end
    ends, near = (np.where(outside, seen.near_end(cells).any(2), inward <= cells) for cells in (0, REACH))
    maximum = np.where(outside, np.where(seen.depth > 0, value, np.inf).min(2), value.mean(2))
    figures = {}
    for name, chosen in groups.items():
        figures[f"share/{name}"] = chosen.mean()
        if chosen.any():
            figures.update({f"{kind}/{name}": errors[chosen].mean() for kind, errors in seen.errors.items()})
            figures.update({f"{kind}/{name}": values[chosen].mean()
                            for kind, values in (("maximum", maximum), ("end", ends), ("near", near))})
    if outside.any():
        figures["depth"] = seen.depth[seen.depth > 0].mean()
    for name, chosen in ((OUTSIDE, seen.depth > 0), (ENDS, seen.near_end())):
        depth, maximum = seen.depth[chosen], value[chosen]
        if len(np.unique(depth)) > 1 and len(np.unique(maximum)) > 1:
            figures[f"rank/{name}"] = spearmanr(depth, maximum)[0]
    return figures


def choose(seen):
    """(face, landmark, axis) of the picture: the face with the most maxima at an end, and its landmark farthest outside."""
    ends = seen.near_end()
    face = int(np.argmax(ends.sum((1, 2))))
    depth = np.where(ends[face], seen.depth[face], -np.inf) if ends[face].any() else seen.depth[face]
    landmark, axis = np.unravel_index(np.argmax(depth), depth.shape)
    return face, int(landmark), int(axis)


def _draw_face(axes, seen, face, kind, marked):
    """The picture around the crop, the crop's edge, the true landmarks and those read with the strategy off or on."""
    size, to_crop = seen.side * seen.stride, seen.matrices[face]
    edge = round(MARGIN * size)
    shown = geometry.compose(np.array([[1.0, 0, edge], [0, 1.0, edge]]), to_crop)
    axes.imshow(geometry.warp(seen.dataset.picture(face), shown, int(size) + 2 * edge),
                extent=(-edge - 0.5, size + edge - 0.5, size + edge - 0.5, -edge - 0.5), interpolation="bicubic")
    axes.plot([-0.5, size - 0.5, size - 0.5, -0.5, -0.5], [-0.5, -0.5, size - 0.5, size - 0.5, -0.5], color=np.array(BOX) / 255)
    for points, colour, name in ((seen.true, TRUE, "true"), (seen.points[kind], PREDICTED, "predicted")):
        pixels = to_pixels(points[face], seen.stride)
        axes.scatter(*pixels.T, s=9, color=np.array(colour) / 255, edgecolors="black", linewidths=0.3, label=name, zorder=3)
        axes.scatter(*pixels[marked], s=110, facecolors="none", edgecolors="#ffd400", linewidths=1.6, zorder=4)
    error = 100 * seen.errors[kind][face].mean()
    axes.set_title(f"Beyond Box {kind}: this face's NME {error:.2f} %", fontsize=9)
    axes.set_xlim(-edge, size + edge)
    axes.set_ylim(size + edge, -edge)
    axes.set_axis_off()


def _draw_vector(axes, seen, where, tau, sigma):
    """A predicted vector as bars, with Eq. 6 about the place that was read where its maximum is at an end; returns that place."""
    face, landmark, axis = where
    vector, place, true = seen.vectors[where], seen.points["on"][where], seen.true[where]
    cells = np.arange(len(vector))
    axes.bar(cells, vector, width=0.9, color=COLOURS[0], alpha=0.75)
    top = int(vector.argmax())
    if top in (0, len(vector) - 1):
        along = np.linspace(place - 3 * sigma, place + 3 * sigma, 121)
        axes.plot(along, tau * np.exp(-(along - place) ** 2 / (2 * sigma ** 2)), "--", color=COLOURS[1], label="Eq. 6")
        axes.plot([place], [tau], "o", color=COLOURS[1], label=f"its peak ({place:.1f}, {tau:.1f})")
    else:
        axes.axvline(place, color=COLOURS[1], linestyle="--", label=f"read at {place:.1f}")
    axes.axvline(true, color=COLOURS[2], label=f"true at {true:.1f}")
    axes.axvline(-0.5 if place < len(vector) / 2 else len(vector) - 0.5, color="#777777", linewidth=0.8)
    axes.set_xlabel(f"{'xy'[axis]}, cells (the box has 0 to {len(vector) - 1})")
    axes.set_ylim(min(0, float(vector.min())), 1.2 * max(tau, float(vector.max())))
    axes.legend(frameon=False, fontsize=8)
    return place


def draw_example(seen, tau, sigma, path):
    """In the manner of Fig. 4: a face with the strategy off and on, and the two vectors of the landmark that is marked.

    Returns where its peak is put, in cells.
    """
    from matplotlib import pyplot
    pyplot.close(new_axes("", "")[0])     # chooses the drawing without a screen
    face, landmark, axis = choose(seen)
    figure, plots = pyplot.subplots(2, 2, figsize=(8, 7.2), gridspec_kw={"height_ratios": [1.45, 1]})
    for plot, kind in zip(plots[0], DECODINGS):
        _draw_face(plot, seen, face, kind, landmark)
    plots[0, 0].legend(loc="lower left", fontsize=8)
    places = [_draw_vector(plot, seen, (face, landmark, k), tau, sigma) for k, plot in enumerate(plots[1])]
    figure.tight_layout()
    write_figure(figure, path, dpi=130)
    pyplot.close(figure)
    return places[axis]


def draw_depths(seen, path):
    """How far outside the box coordinates lie, and whether the maximum is at the end."""
    from matplotlib import pyplot
    outside, ends, near = seen.depth > 0, seen.near_end(), seen.near_end(REACH)
    figure, plot = new_axes("cells outside the box", "coordinates")
    bins = np.arange(0, np.ceil(seen.depth[outside].max() if outside.any() else 1) + 0.5, 0.5)
    plot.hist([seen.depth[ends], seen.depth[near & ~ends], seen.depth[outside & ~near]], bins, stacked=True, color=COLOURS[:3],
              label=["maximum at the end", f"within {REACH} cells of it", "farther in"])
    plot.legend(frameon=False)
    figure.tight_layout()
    write_figure(figure, path, dpi=130)
    pyplot.close(figure)


def measure(context):
    """``figures_of`` the net on shrunk boxes, and the example's peak; the two pictures in the measurement's folder."""
    seen, tau, sigma = read(context), context.options["tau"], context.options["sigma_bbs"]
    figures = figures_of(seen)
    figures["peak-position"] = draw_example(seen, tau, sigma, context.folder / PICTURES[0])
    figures["peak-value"] = tau
    draw_depths(seen, context.folder / PICTURES[1])
    return figures


PICTURES = ("beyond_box.png", "how_far_outside.png")
