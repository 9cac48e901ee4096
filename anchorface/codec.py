"""Targets and their decoding: landmarks to offsets and confidences, and back (AnchorFace, Sections 3.2 and 3.3).

B images, L landmarks, K templates, P anchor points, A = K * P anchors. Points are (B, L, 2) in crop pixels. Offsets and
confidences keep the order of the heads' maps, (B, K, 2L, P) and (B, K, P), so that nothing large is transposed.
"""

from mxnet.gluon import HybridBlock

from anchorface.anchors import as_maps
from gv.core.errors import InputError, one_of

CONFIDENCES = ("near", "printed")
UNITS = ("share", "pixels")
AGGREGATES = ("weighted", "argmax", "mean", "mean_confident")
TINY = 1e-30     # lost in any confidence that float32 can tell from 0; keeps the weights' sum above it


def unit_px(units, size):
    """Pixels in one unit: the input's side for "share", 1 for "pixels"."""
    return float(size) if one_of("units", units, UNITS) == "share" else 1.0


class AnchorTargets(HybridBlock):
    """points_px (B, L, 2) -> ground-truth offsets (B, K, 2L, P) and confidences (B, K, P): Eq. 5.

    anchors: (A, L, 2) in crop pixels. confidence: "near" 1 - tanh(dist / (beta 2L)), high for near anchors, or "printed"
    tanh(dist / (beta 2L)). distance_units, offset_units: "share" of the input's side, or "pixels".
    """

    def __init__(self, anchors, templates, size, beta=0.05, confidence="near", distance_units="share", offset_units="share",
                 **kwargs):
        super().__init__(**kwargs)
        if beta <= 0:
            raise InputError("beta", beta, "more than 0")
        self.confidence = one_of("confidence", confidence, CONFIDENCES)
        self.scale = 1 / (beta * 2 * anchors.shape[1] * unit_px(distance_units, size))
        self.offset_unit, self.templates, self.coordinates = unit_px(offset_units, size), templates, 2 * anchors.shape[1]
        self.points = len(anchors) // templates
        with self.name_scope():
            self.anchors = self.params.get_constant("anchors", as_maps(anchors, templates))

    def sum(self, F, values):
        """Values (B, K, 2L, P) summed over the coordinates: (B, K, P).

        As a matrix product with ones, there and back several times as fast on the CPU as a sum over an inner axis.
        """
        flat = F.reshape(values, (-1, self.coordinates, self.points))                # (B * K, 2L, P)
        ones = F.ones_like(F.slice_axis(flat, axis=2, begin=0, end=1))
        return F.reshape(F.batch_dot(ones, flat, transpose_a=True), (-1, self.templates, self.points))

    def hybrid_forward(self, F, points_px, anchors):
        gap = F.broadcast_sub(F.reshape(points_px, (0, 1, -1, 1)), anchors)          # (B, K, 2L, P)
        spread = F.tanh(F.sqrt(self.sum(F, F.square(gap))) * self.scale)     # (B, K, P)
        return gap / self.offset_unit, (spread if self.confidence == "printed" else 1 - spread)


class AnchorDecoder(HybridBlock):
    """Offsets (B, K * 2L, g, g) and confidence logits (B, K, g, g) -> points_px (B, L, 2): Eq. 2 and 3.

    aggregate: "weighted" by confidence over the anchors with C >= c_th, "mean_confident" over the same, all alike, "argmax" the
    most confident anchor alone, "mean" over every anchor. Where no anchor reaches c_th, Eq. 2 is 0/0: the most confident one
    decides.
    """

    def __init__(self, anchors, templates, size, aggregate="weighted", c_th=0.6, offset_units="share", **kwargs):
        super().__init__(**kwargs)
        if not 0 <= c_th <= 1:
            raise InputError("c_th", c_th, "0 to 1")
        self.aggregate, self.c_th = one_of("aggregate", aggregate, AGGREGATES), c_th
        self.offset_unit, self.templates, self.landmarks = unit_px(offset_units, size), templates, anchors.shape[1]
        self.count = len(anchors)
        with self.name_scope():
            self.anchors = self.params.get_constant("anchors", anchors.reshape(self.count, -1).T)    # (2L, A)

    def votes(self, F, logits):
        """The share of each anchor in the result, (B, K, P), of sum 1."""
        flat = F.reshape(logits, (0, self.count))
        if self.aggregate == "argmax":
            votes = F.one_hot(F.argmax(flat, axis=1), self.count)
        elif self.aggregate == "mean":
            votes = F.ones_like(flat) / self.count
        else:
            confidence = F.sigmoid(flat)
            # the highest confidence, by pooling: a maximum along an axis does not pass ONNX's checker
            highest = F.Pooling(F.reshape(confidence, (0, 1, 1, -1)), global_pool=True, pool_type="max", kernel=(1, 1))
            threshold = F.minimum(F.reshape(highest, (0, 1)), self.c_th)
            votes = F.broadcast_greater_equal(confidence, threshold)                 # Eq. 3
            if self.aggregate == "weighted":
                votes = votes * (confidence + TINY)
            votes = F.broadcast_div(votes, F.sum(votes, axis=1, keepdims=True))
        return F.reshape(votes, (0, self.templates, -1))

    def starts(self, F, votes, anchors):
        """The anchors (2L, A) summed under the votes (B, K, P): (B, 2L) in crop pixels."""
        return F.FullyConnected(F.reshape(votes, (0, self.count)), anchors, no_bias=True, num_hidden=2 * self.landmarks)

    def hybrid_forward(self, F, offsets, logits, anchors):
        votes = self.votes(F, logits)                                                # (B, K, P)
        starts = self.starts(F, votes, anchors)
        offsets = F.reshape(offsets, (-1, 2 * self.landmarks, self.count // self.templates))
        moves = F.batch_dot(offsets, F.reshape(votes, (-1, self.count // self.templates, 1)))        # (B * K, 2L, 1)
        moves = F.sum(F.reshape(moves, (-1, self.templates, 2 * self.landmarks)), axis=1)
        return F.reshape(starts + self.offset_unit * moves, (0, self.landmarks, 2))


def centred_share(F, points_px, size):
    """Points (B, L, 2) in crop pixels to (B, 2L) shares of the input's side from its centre: what direct regression predicts."""
    return F.reshape((points_px - (size - 1) / 2) / size, (0, -1))


class RegressionDecoder(HybridBlock):
    """Shares from the centre (B, 2L) -> points_px (B, L, 2), the inverse of ``centred_share``."""

    def __init__(self, size, **kwargs):
        super().__init__(**kwargs)
        self.size = size

    def hybrid_forward(self, F, vector):
        return F.reshape(vector * self.size + (self.size - 1) / 2, (0, -1, 2))
