"""Gaussian Vector, and the two things the paper compares it with, as methods of the same kind."""

from dataclasses import dataclass, replace

import mxnet as mx

from gv.codec import HeatmapDecoder, VectorDecoder
from gv.core.errors import InputError
from gv.core.method import Method
from gv.core.reading import PeakScores
from gv.loss import HeatmapLoss, VectorLoss
from gv.net import LINEAR, HeatmapNet, VectorNet, VectorReader, native_side
from gv.presets import HEATMAP_PRESETS, PRETRAINED, VECTOR_PRESETS

ENLARGE = {"cofw": 0.1, "wflw": 0.25}     # Section 4.3: share added to the squared box; 300W, JD and others: none


@dataclass(frozen=True)
class VectorOptions:
    """encoder; decoder: fpn, fpn_relu, hrnet, or lines, which is ours; width: its channels; side: cells of the heatmap, none:
    the finest map's.

    encoder: resnet50v2, resnet18v2, resnet18v2_half, resnet18v2_quarter (of its channels), hrnetv2_w32, hrnetv2_w18_small,
    mobilenetv3_large or mobilenetv3_small.

    stem_stride: of the finest map, 4 as published, 2 with the first pooling's stride dropped. upsample: allow more cells than
    that map has. taps: normalised or raw. sigma, theta, label, rounding: Eq. 2. bands, alpha: Eq. 4 and 5. folded: compute the
    vectors without the heatmaps (same weights, same result); none: where the decoder is linear.
    """

    encoder: str = "resnet50v2"
    decoder: str = "fpn"
    width: int = 256
    side: int = None
    stem_stride: int = 4
    upsample: bool = False
    taps: str = "normalised"
    sigma: float = 2.0
    theta: float = 3.0
    label: str = "gaussian"
    rounding: str = "nearest"
    bands: tuple = (3, 5)
    alpha: float = 0.5
    folded: bool = None


@dataclass(frozen=True)
class VectorDecoding:
    """shift: quarter, none or taylor. beyond_box: Eq. 7 on; tau None = 0.5 (1 + theta); sigma_bbs; epsilon clips x."""

    shift: str = "quarter"
    beyond_box: bool = False
    tau: float = None
    sigma_bbs: float = 2.0
    epsilon: float = 1e-6


def default_tau(theta):
    """docs/readings.md: 0.5 (1 + theta), the lower end of Section 3.4's range and Table 6's optimum at theta = 3."""
    return 0.5 * (1 + theta)


class MapMethod(Method):
    """What vectors and heatmaps share: crops of the landmarks' rectangle, and a decoder's map."""

    PRETRAINED = PRETRAINED

    def __init__(self, options, size):
        """``side`` is resolved: the cells of the encoder's finest map, unless it is given."""
        if options.side is None:
            options = replace(options, side=native_side(size, options.stem_stride))
        super().__init__(options, size)

    @classmethod
    def crop_defaults(cls, source):
        share = next((ENLARGE[name] for name in ENLARGE if source.lower().startswith(name)), 0.0)
        return {"boxes": "landmarks", "enlarge": share}

    def scorer(self, fitted):
        """The peak over the label's 1 + theta; of two vectors, the lower one: a landmark is as sure as its worse coordinate."""
        return PeakScores(1 + self.options.theta)

    def reusable(self, net):
        heads = tuple(f"decoder.{name}" for name in net.decoder.heads)
        return {**super().reusable(net), "decoder": [name for name in net._collect_params_with_prefix()
                                                     if name.startswith("decoder.") and not name.startswith(heads)]}

    def decoding_net(self):
        """The options of the net that both have, as keywords."""
        o = self.options
        return dict(encoder=o.encoder, decoder=o.decoder, width=o.width, taps=o.taps, stem_stride=o.stem_stride,
                    upsample=o.upsample)


class GaussianVector(MapMethod):
    """GV: vector labels, band pooling, mean squared error."""

    beyond_box = True
    name, Options, Decoding, PRESETS = "gv", VectorOptions, VectorDecoding, VECTOR_PRESETS

    def __init__(self, options, size):
        if options.folded is None:
            options = replace(options, folded=options.decoder in LINEAR)
        super().__init__(options, size)

    def net(self, landmarks, fitted):
        o = self.options
        return VectorNet(landmarks, self.size, o.side, o.bands, o.alpha, o.folded, **self.decoding_net())

    def reader(self, net, devices):
        return VectorReader(net).prepare(devices)

    def loss(self, fitted):
        o = self.options
        return VectorLoss(dict(side=o.side, stride=self.size / o.side, sigma=o.sigma, theta=o.theta,
                               label=o.label, rounding=o.rounding))

    def decoder(self, decoding, fitted):
        tau = default_tau(self.options.theta) if decoding.tau is None else decoding.tau
        return VectorDecoder(self.options.side, self.size / self.options.side, decoding.shift, decoding.beyond_box, tau,
                             decoding.sigma_bbs, decoding.epsilon)


@dataclass(frozen=True)
class HeatmapOptions:
    """As ``VectorOptions``; sigma and theta shape the 2-D label, whose peak is 1 + theta (docs/readings.md: 1)."""

    encoder: str = "resnet50v2"
    decoder: str = "fpn"
    width: int = 256
    side: int = None
    stem_stride: int = 4
    upsample: bool = False
    taps: str = "normalised"
    sigma: float = 2.0
    theta: float = 0.0
    rounding: str = "nearest"


@dataclass(frozen=True)
class HeatmapDecoding:
    """shift: quarter, none or taylor. beyond_box cannot be had: a heatmap has no vector to continue."""

    shift: str = "quarter"
    beyond_box: bool = False

    def __post_init__(self):
        if self.beyond_box:
            raise InputError("beyond_box", "true", "false with a heatmap method", "Beyond Box needs --method gv")


class Heatmap(MapMethod):
    """The heatmap-based method of Table 5: a Gaussian a landmark, mean squared error, 2-D argmax."""

    name, Options, Decoding, PRESETS = "heatmap", HeatmapOptions, HeatmapDecoding, HEATMAP_PRESETS
    weighted = False

    def net(self, landmarks, fitted):
        return HeatmapNet(landmarks, self.size, self.options.side, **self.decoding_net())

    def loss(self, fitted):
        o = self.options
        label = dict(side=o.side, stride=self.size / o.side, sigma=o.sigma, theta=o.theta, rounding=o.rounding)
        return HeatmapLoss(label, self.weighted)

    def decoder(self, decoding, fitted):
        return HeatmapDecoder(self.options.side, self.size / self.options.side, decoding.shift)


class HeatmapAWing(Heatmap):
    """The same under AWing's weight map, 1.0 on hard pixels and 0.1 on easy ones (Fig. 6)."""

    name, weighted = "heatmap-awing", True


class HeatmapXavier(Heatmap):
    """The heatmap method with a head drawn as every other layer is, by Xavier: a baseline that hardly learns, kept to show why.

    Its first loss is some thousand times that of predicting nothing, and Adam's second moment remembers. No method of ``gv``'s
    commands; ``experiments.gv_tables.first_weights`` trains it.
    """

    name = "heatmap-xavier"

    def net(self, landmarks, fitted):
        net = super().net(landmarks, fitted)
        net.decoder.head.weight.init = mx.init.Xavier()
        return net


METHODS = {method.name: method for method in (GaussianVector, Heatmap, HeatmapAWing)}
