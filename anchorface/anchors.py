"""Anchors: every template on every point of a grid over the anchor area (AnchorFace, Section 3.1, Fig. 3).

K templates, P = grid x grid anchor points, A = K * P anchors, template by template and within one row by row: as a head's
map (K channels, grid, grid) lies in memory. Points are in crop pixels; the centre of the top-left pixel is (0, 0).
"""

import numpy as np

from gv.core.errors import InputError, one_of

GRIDS = ("edges", "centres")


def anchor_points(size, area=56.0, grid=7, where="edges"):
    """The anchor points (P, 2) in pixels of a size x size crop, row by row, about the crop's centre (size - 1) / 2.

    area: side of the anchor area in pixels. where: "edges" spreads them from edge to edge of it (a step of 9.33 pixels at
    7 over 56); "centres" puts them into the middles of grid x grid equal cells (a step of 8).
    """
    if grid < 1 or area < 0:
        raise InputError("grid, area", f"{grid}, {area:g}", "a grid of at least 1, an area of 0 pixels or more")
    one_of("grid_points", where, GRIDS)
    if where == "centres":
        line = ((np.arange(grid) + 0.5) / grid - 0.5) * area
    else:
        line = np.linspace(-area / 2, area / 2, grid) if grid > 1 else np.zeros(1)
    line = line + (size - 1) / 2
    return np.stack([np.tile(line, grid), np.repeat(line, grid)], axis=1)


def place(templates, points, size):
    """T(a, t) of Table 1 for templates (K, L, 2) in shares of the input on points (P, 2): (A, L, 2) in crop pixels."""
    templates = np.asarray(templates, np.float64)
    anchors = points[None, :, None] + templates[:, None] * size                    # (K, P, L, 2)
    return anchors.reshape(-1, *templates.shape[1:])


def as_maps(anchors, templates):
    """Anchors (A, L, 2) of K templates as the regression head's channels lie: (1, K, 2L, P), x and y in turn."""
    count, landmarks = anchors.shape[:2]
    return anchors.reshape(templates, count // templates, 2 * landmarks).transpose(0, 2, 1)[None]
