"""Labels and their decoding: landmarks to vectors or heatmaps, and back (GV, Sections 3.1, 3.2, 3.4).

B images, L landmarks, side = h = w cells. Points are (B, L, 2) in crop pixels; a cell is
(pixel + 0.5) / stride - 0.5, so that a mirror of the crop mirrors the label.
"""

from mxnet.gluon import HybridBlock

from gv.core.errors import InputError, one_of

LABELS = ("gaussian", "printed")
ROUNDINGS = ("nearest", "exact")
SHIFTS = ("quarter", "none", "taylor")
TINY = 1e-12


def to_cells(points_px, stride):
    """Crop pixels to heatmap cells."""
    return (points_px + 0.5) / stride - 0.5


def to_pixels(points_cell, stride):
    """Heatmap cells to crop pixels."""
    return (points_cell + 0.5) * stride - 0.5


def _peaked(F, distance, exponent, sigma, theta, rounding):
    """Eq. 2 on distances in cells: the bell within 3 sigma, 1 + theta at 0 (or the bell scaled to that top), 0 outside."""
    inside = distance < 3 * sigma
    if rounding == "exact":
        return inside * F.exp(exponent) * (1 + theta)
    return inside * F.exp(exponent) + (distance == 0) * theta


class VectorLabel(HybridBlock):
    """points_px (B, L, 2) -> vector labels x (B, L, side), y (B, L, side); Eq. 1 and 2.

    label: "gaussian" exp(-d^2 / 2 sigma^2), or "printed" exp(-d / 2 sigma^2). rounding: "nearest" puts the landmark on
    its nearest cell (half up) so that the peak 1 + theta exists; "exact" keeps it real and scales the bell to that top.
    A landmark outside leaves the tail that reaches in, within 3 sigma, and no peak.
    """

    def __init__(self, side, stride, sigma=2.0, theta=3.0, label="gaussian", rounding="nearest", **kwargs):
        super().__init__(**kwargs)
        if sigma <= 0 or theta < 0:
            raise InputError("sigma, theta", f"{sigma}, {theta}", "sigma > 0 and theta >= 0")
        self.side, self.stride, self.sigma, self.theta = side, stride, sigma, theta
        self.label, self.rounding = one_of("label", label, LABELS), one_of("rounding", rounding, ROUNDINGS)

    def hybrid_forward(self, F, points_px):
        cells = to_cells(points_px, self.stride)
        if self.rounding == "nearest":
            cells = F.floor(cells + 0.5)
        axis = F.reshape(F.arange(self.side), (1, 1, 1, -1))
        distance = F.abs(F.broadcast_sub(axis, F.expand_dims(cells, 3)))           # (B, L, 2, side), Eq. 1
        power = distance if self.label == "printed" else F.square(distance)
        vectors = _peaked(F, distance, -power / (2 * self.sigma ** 2), self.sigma, self.theta, self.rounding)
        return (F.reshape(F.slice_axis(vectors, axis=2, begin=0, end=1), (0, 0, -1)),
                F.reshape(F.slice_axis(vectors, axis=2, begin=1, end=2), (0, 0, -1)))


class HeatmapLabel(HybridBlock):
    """points_px (B, L, 2) -> heatmaps (B, L, side, side): a Gaussian cut at 3 sigma, 1 + theta at its cell."""

    def __init__(self, side, stride, sigma=2.0, theta=0.0, rounding="nearest", **kwargs):
        super().__init__(**kwargs)
        if sigma <= 0 or theta < 0:
            raise InputError("sigma, theta", f"{sigma}, {theta}", "sigma > 0 and theta >= 0")
        self.side, self.stride, self.sigma, self.theta = side, stride, sigma, theta
        self.rounding = one_of("rounding", rounding, ROUNDINGS)

    def hybrid_forward(self, F, points_px):
        cells = to_cells(points_px, self.stride)
        if self.rounding == "nearest":
            cells = F.floor(cells + 0.5)
        axis = F.arange(self.side)
        dx = F.broadcast_sub(F.reshape(axis, (1, 1, 1, -1)), F.expand_dims(F.slice_axis(cells, axis=2, begin=0, end=1), 3))
        dy = F.broadcast_sub(F.reshape(axis, (1, 1, -1, 1)), F.expand_dims(F.slice_axis(cells, axis=2, begin=1, end=2), 3))
        squared = F.broadcast_add(F.square(dx), F.square(dy))                      # (B, L, side, side)
        return _peaked(F, F.sqrt(squared), -squared / (2 * self.sigma ** 2), self.sigma, self.theta, self.rounding)


def _refine(F, vector, top, side, shift):
    """Sub-cell position of the maximum at ``top`` (B, L) of vectors (B, L, side); none at the two ends."""
    if shift == "none":
        return top
    above = F.pick(vector, F.minimum(top + 1, side - 1), axis=2)
    below = F.pick(vector, F.maximum(top - 1, 0), axis=2)
    if shift == "quarter":
        move = 0.25 * F.sign(above - below)
    else:
        at, above, below = (F.log(F.maximum(v, TINY)) for v in (F.max(vector, axis=2), above, below))
        curve = F.minimum(above - 2 * at + below, -TINY)
        move = F.clip(-0.5 * (above - below) / curve, -0.5, 0.5)
    return top + move * (top > 0) * (top < side - 1)


class VectorDecoder(HybridBlock):
    """Vectors x (B, L, w), y (B, L, h) -> points_px (B, L, 2): argmax, shift, and beyond the box where asked.

    shift: "quarter" m + 0.25 sign(v[m+1] - v[m-1]) (hourglass, cited as [17]), "none", or "taylor" (a parabola through
    the logarithms). beyond_box: Eq. 7 for a maximum at an end, with tau and sigma_bbs; x/tau is clipped to
    [epsilon / tau, 1], outside of which Eq. 7 has no real value.
    """

    def __init__(self, side, stride, shift="quarter", beyond_box=False, tau=2.0, sigma_bbs=2.0, epsilon=1e-6, **kwargs):
        super().__init__(**kwargs)
        if tau <= 0 or sigma_bbs <= 0 or not 0 < epsilon < tau:
            raise InputError("tau, sigma_bbs, epsilon", f"{tau}, {sigma_bbs}, {epsilon}", "all > 0 and epsilon < tau")
        self.side, self.stride, self.shift = side, stride, one_of("shift", shift, SHIFTS)
        self.beyond_box, self.tau, self.sigma_bbs, self.epsilon = beyond_box, tau, sigma_bbs, epsilon

    def _locate(self, F, vector):
        top = F.argmax(vector, axis=2)
        cell = _refine(F, vector, top, self.side, self.shift)
        if self.beyond_box:
            value = F.clip(F.max(vector, axis=2), self.epsilon, self.tau)
            outside = self.sigma_bbs * F.sqrt(-2 * F.log(value / self.tau))        # Eq. 7, in cells
            cell = cell + outside * ((top == self.side - 1) - (top == 0))
        return cell

    def hybrid_forward(self, F, x, y):
        cells = F.stack(self._locate(F, x), self._locate(F, y), axis=2)
        return to_pixels(cells, self.stride)


class HeatmapDecoder(HybridBlock):
    """Heatmaps (B, L, side, side) -> points_px (B, L, 2): the 2-D argmax, shifted along its row and its column."""

    def __init__(self, side, stride, shift="quarter", **kwargs):
        super().__init__(**kwargs)
        self.side, self.stride, self.shift = side, stride, one_of("shift", shift, SHIFTS)

    def hybrid_forward(self, F, heatmap):
        flat = F.argmax(F.reshape(heatmap, (0, 0, -1)), axis=2)
        row = F.floor(flat / self.side)
        column = flat - row * self.side
        # the row and the column through the maximum, (B, L, side) each; an edge of the map says how far to broadcast
        top = F.reshape(F.slice_axis(heatmap, axis=2, begin=0, end=1), (0, 0, -1))
        left = F.reshape(F.slice_axis(heatmap, axis=3, begin=0, end=1), (0, 0, -1))
        along_x = F.pick(heatmap, F.broadcast_like(F.expand_dims(row, 2), top), axis=2)
        along_y = F.pick(heatmap, F.broadcast_like(F.expand_dims(column, 2), left), axis=3)
        cells = F.stack(_refine(F, along_x, column, self.side, self.shift),
                        _refine(F, along_y, row, self.side, self.shift), axis=2)
        return to_pixels(cells, self.stride)
