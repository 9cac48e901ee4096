"""Gaussian Vector, and the two things the paper compares it with, as methods of the same kind."""

from dataclasses import dataclass

from gv.codec import HeatmapDecoder, VectorDecoder
from gv.core.errors import InputError
from gv.core.method import Method
from gv.loss import HeatmapLoss, VectorLoss
from gv.net import HeatmapNet, VectorNet
from gv.presets import HEATMAP_PRESETS, VECTOR_PRESETS


@dataclass(frozen=True)
class VectorOptions:
    """encoder; decoder: fpn or hrnet, width: the FPN's channels; side: cells of the heatmap (the paper: input / 4).

    taps: normalised or raw. sigma, theta, label, rounding: Eq. 2. bands, alpha: Eq. 4 and 5. folded: compute the vectors
    without the heatmaps (same weights, same result).
    """

    encoder: str = "resnet50v2"
    decoder: str = "fpn"
    width: int = 256
    side: int = 64
    taps: str = "normalised"
    sigma: float = 2.0
    theta: float = 3.0
    label: str = "gaussian"
    rounding: str = "nearest"
    bands: tuple = (3, 5)
    alpha: float = 0.5
    folded: bool = False


@dataclass(frozen=True)
class VectorReading:
    """shift: quarter, none or taylor. beyond_box: Eq. 7 on; tau None = 0.5 (1 + theta); sigma_bbs; epsilon clips x."""

    shift: str = "quarter"
    beyond_box: bool = False
    tau: float = None
    sigma_bbs: float = 2.0
    epsilon: float = 1e-6


def default_tau(theta):
    """docs/readings.md: 0.5 (1 + theta), the lower end of Section 3.4's range and Table 6's optimum at theta = 3."""
    return 0.5 * (1 + theta)


class GaussianVector(Method):
    """GV: vector labels, band pooling, mean squared error."""

    beyond_box = True
    name, Options, Reading, PRESETS = "gv", VectorOptions, VectorReading, VECTOR_PRESETS

    def net(self, landmarks, arrays):
        o = self.options
        return VectorNet(landmarks, self.size, o.side, o.bands, o.alpha, o.folded,
                         encoder=o.encoder, decoder=o.decoder, width=o.width, taps=o.taps)

    def loss(self, arrays):
        o = self.options
        return VectorLoss(dict(side=o.side, stride=self.size / o.side, sigma=o.sigma, theta=o.theta,
                               label=o.label, rounding=o.rounding))

    def decoder(self, reading, arrays):
        tau = default_tau(self.options.theta) if reading.tau is None else reading.tau
        return VectorDecoder(self.options.side, self.size / self.options.side, reading.shift, reading.beyond_box, tau,
                             reading.sigma_bbs, reading.epsilon)


@dataclass(frozen=True)
class HeatmapOptions:
    """As ``VectorOptions``; sigma and theta shape the 2-D label, whose peak is 1 + theta (docs/readings.md: 1)."""

    encoder: str = "resnet50v2"
    decoder: str = "fpn"
    width: int = 256
    side: int = 64
    taps: str = "normalised"
    sigma: float = 2.0
    theta: float = 0.0
    rounding: str = "nearest"


@dataclass(frozen=True)
class HeatmapReading:
    """shift: quarter, none or taylor. beyond_box cannot be had: a heatmap has no vector to continue."""

    shift: str = "quarter"
    beyond_box: bool = False

    def __post_init__(self):
        if self.beyond_box:
            raise InputError("beyond_box", "true", "false with a heatmap method", "Beyond Box needs --method gv")


class Heatmap(Method):
    """The heatmap-based method of Table 5: a Gaussian a landmark, mean squared error, 2-D argmax."""

    name, Options, Reading, PRESETS = "heatmap", HeatmapOptions, HeatmapReading, HEATMAP_PRESETS
    weighted = False

    def net(self, landmarks, arrays):
        o = self.options
        return HeatmapNet(landmarks, self.size, o.side, encoder=o.encoder, decoder=o.decoder, width=o.width, taps=o.taps)

    def loss(self, arrays):
        o = self.options
        label = dict(side=o.side, stride=self.size / o.side, sigma=o.sigma, theta=o.theta, rounding=o.rounding)
        return HeatmapLoss(label, self.weighted)

    def decoder(self, reading, arrays):
        return HeatmapDecoder(self.options.side, self.size / self.options.side, reading.shift)


class HeatmapAWing(Heatmap):
    """The same under AWing's weight map, 1.0 on hard pixels and 0.1 on easy ones (Fig. 6)."""

    name, weighted = "heatmap-awing", True


METHODS = {method.name: method for method in (GaussianVector, Heatmap, HeatmapAWing)}
