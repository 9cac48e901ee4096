"""AnchorFace, and the direct regression the paper compares it with, as methods of the same kind."""

from dataclasses import dataclass, replace

import numpy as np

from anchorface.anchors import GRIDS, anchor_points, place
from anchorface.codec import AGGREGATES, CONFIDENCES, UNITS, AnchorDecoder, RegressionDecoder
from anchorface.diagnostics import AnchorDiagnostics
from anchorface.loss import ENTROPIES, WEIGHTS, AnchorLoss, RegressionLoss
from anchorface.net import FEATURES, AnchorNet, RegressionNet
from anchorface.presets import ANCHOR_PRESETS, REGRESSION_PRESETS
from anchorface.reading import Aggregate, AnchorHead, FusedHead, Sums
from anchorface.shufflenet import stem_stride
from anchorface.templates import BUCKETS, make_templates, read_mean_face
from gv.core.errors import InputError, one_of
from gv.core.layouts import Layout
from gv.core.method import Method

DESIGNS = ("kmeans", "hand")


def _check(options, choices):
    for name, values in choices.items():
        one_of(name, getattr(options, name), values)


@dataclass(frozen=True)
class AnchorOptions:
    """design: kmeans or hand; clusters: KMeans prototypes; gamma: Eq. 1's threshold (hand); rolls: turns of each prototype.

    3 x 8 is KMeans-24, 3 x 16 KMeans-48, 3 x 1 KMeans-3, 24 x 1 flat. pitch: degrees, other than 0 they need mean_face, a
    file of the layout's mean landmarks in space. area: side of the anchor area in pixels of the crop; grid, grid_points:
    edges or centres. beta, confidence (near, printed), distance_units (share, pixels): Eq. 5. offset_units: share or
    pixels. weight: Eq. 4's, target, predicted or predicted_detached. entropy: Eq. 6's, target or printed. lam: lambda.
    stem_stride: of the backbone's stem, 4 as published, 2 with its pooling's stride dropped; none: 2 where the map would have
    fewer than 7 x 7 cells. upsample: allow a grid of more cells than the map has. multiplier: of the backbone's width, 1 or 0.5.
    """

    design: str = "kmeans"
    clusters: int = 3
    gamma: float = 6.0
    rolls: int = 8
    pitch: tuple = (0,)
    mean_face: str = ""
    area: float = 56.0
    grid: int = 7
    grid_points: str = "edges"
    beta: float = 0.05
    confidence: str = "near"
    distance_units: str = "share"
    offset_units: str = "share"
    weight: str = "target"
    entropy: str = "target"
    lam: float = 0.5
    stem_stride: int = None
    upsample: bool = False
    multiplier: float = 1.0

    def __post_init__(self):
        _check(self, {"design": DESIGNS, "grid_points": GRIDS, "confidence": CONFIDENCES, "distance_units": UNITS,
                      "offset_units": UNITS, "weight": WEIGHTS, "entropy": ENTROPIES})
        for name in ("clusters", "rolls", "grid"):
            if getattr(self, name) < 1:
                raise InputError(name, getattr(self, name), "at least 1")
        for name, low in (("gamma", 0), ("area", 0), ("lam", 0)):
            if getattr(self, name) < low:
                raise InputError(name, getattr(self, name), f"{low} or more")
        if self.beta <= 0:
            raise InputError("beta", self.beta, "more than 0")
        if not self.pitch:
            raise InputError("pitch", "no angle", "degrees with commas between, 0 for upright faces only")


@dataclass(frozen=True)
class AnchorDecoding:
    """aggregate: weighted, argmax, mean (over all anchors) or mean_confident (where C >= c_th); c_th: Eq. 3's threshold."""

    aggregate: str = "weighted"
    c_th: float = 0.6

    def __post_init__(self):
        _check(self, {"aggregate": AGGREGATES})
        if not 0 <= self.c_th <= 1:
            raise InputError("c_th", self.c_th, "0 to 1")


class ShuffleNetMethod(Method):
    """What AnchorFace and its baseline share: the backbone, whose stem's stride is resolved here."""

    def __init__(self, options, size):
        if options.stem_stride is None:
            options = replace(options, stem_stride=stem_stride(size))
        super().__init__(options, size)


class AnchorFace(ShuffleNetMethod):
    """Split and aggregate: offsets from anchors, and an average of what confident anchors say."""

    name, Options, Decoding, PRESETS = "anchorface", AnchorOptions, AnchorDecoding, ANCHOR_PRESETS

    def check_layout(self, layout):
        if self.options.design == "hand" and isinstance(layout, Layout):
            raise InputError("design", f'"hand" with the own scheme "{layout.name}", whose eyes\' corners nothing names',
                             "design=kmeans", "leave it out: kmeans is the default")
        return layout

    def fit(self, points, seed):
        """{"templates": (K, L, 2)} in shares of the input, from training shapes (N, L, 2) in crop pixels."""
        o = self.options
        face = None if o.pitch == (0,) else read_mean_face(o.mean_face, points.shape[1])
        return {"templates": make_templates(np.asarray(points) / self.size, o.design, o.clusters, o.gamma, o.pitch, face,
                                            o.rolls, seed)}

    def blank(self, landmarks):
        o = self.options
        bases = len(BUCKETS) if o.design == "hand" else o.clusters
        return {"templates": np.zeros((bases * len(o.pitch) * o.rolls, landmarks, 2))}

    def anchors(self, fitted):
        """(A, L, 2) in crop pixels."""
        o = self.options
        return place(fitted["templates"], anchor_points(self.size, o.area, o.grid, o.grid_points), self.size)

    def net(self, landmarks, fitted):
        o = self.options
        return AnchorNet(landmarks, len(fitted["templates"]), self.size, o.grid, o.stem_stride, o.upsample, o.multiplier)

    def loss(self, fitted):
        o = self.options
        target = dict(anchors=self.anchors(fitted), templates=len(fitted["templates"]), size=self.size, beta=o.beta,
                      confidence=o.confidence, distance_units=o.distance_units, offset_units=o.offset_units)
        return AnchorLoss(target, o.weight, o.entropy, o.lam)

    def decoder(self, decoding, fitted):
        return AnchorDecoder(self.anchors(fitted), len(fitted["templates"]), self.size, decoding.aggregate, decoding.c_th,
                             self.options.offset_units)

    def prediction(self, net, decoding, fitted, devices):
        """The head once a template, and at every anchor; scores: ``reading.Aggregate``."""
        decoder = self.ready_decoder(decoding, fitted, devices)
        plain = Sums(net, AnchorHead(net, decoder))
        plain.hybridize(static_alloc=True)
        return Sums(net, FusedHead(net, decoder)), plain, Aggregate(decoder.landmarks, self.size, self.options.beta)

    def diagnostics(self, decoding, fitted):
        return AnchorDiagnostics(self.anchors(fitted), self.size, self.options.offset_units, decoding.c_th)


@dataclass(frozen=True)
class RegressionOptions:
    """features: pool (the mean over the map's cells) or flatten; conv5: read conv5 (1024 channels) instead of stage 4.

    stem_stride, multiplier: as ``AnchorOptions`` has them.
    """

    features: str = "pool"
    conv5: bool = False
    stem_stride: int = None
    multiplier: float = 1.0

    def __post_init__(self):
        _check(self, {"features": FEATURES})


@dataclass(frozen=True)
class RegressionDecoding:
    """Nothing to choose: the outputs are the points."""


class Regression(ShuffleNetMethod):
    """The baseline of Table 6: a fully connected layer of length 2L on the same backbone, L1."""

    name, Options, Decoding, PRESETS = "regression", RegressionOptions, RegressionDecoding, REGRESSION_PRESETS

    def net(self, landmarks, fitted):
        o = self.options
        return RegressionNet(landmarks, self.size, o.features, o.conv5, o.stem_stride, o.multiplier)

    def loss(self, fitted):
        return RegressionLoss(self.size)

    def decoder(self, decoding, fitted):
        return RegressionDecoder(self.size)


METHODS = {method.name: method for method in (AnchorFace, Regression)}
