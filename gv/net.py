"""The networks: encoder, decoder and, for Gaussian Vector, band pooling."""

import mxnet as mx
import numpy as np
from mxnet.gluon import HybridBlock

from gv.bpm import BandPooling
from gv.core.errors import InputError, one_of
from gv.encoders import STEM_STRIDES, get_encoder
from gv.fpn import FPN, HRNetHead
from gv.lines import Lines

DECODERS = ("fpn", "fpn_relu", "hrnet")
TAPS = ("normalised", "raw")
LINEAR = ("fpn",)       # those that can be folded
LINES = "lines"         # makes vectors, and no heatmap


def native_side(size, stem_stride=4):
    """Side of the encoder's finest map, in cells, for an input of ``size`` pixels."""
    if stem_stride not in STEM_STRIDES:
        raise InputError("stem_stride", stem_stride, "4, or 2 with a ResNetV2")
    if size % (8 * stem_stride):
        raise InputError("size", size, f"a multiple of {8 * stem_stride} (the encoder's last stride)")
    return size // stem_stride


class HeatmapNet(HybridBlock):
    """x (B, 3, S, S) -> heatmaps (B, L, side, side).

    stem_stride: of the encoder's finest map, 4 as published, or 2 with the first pooling's stride dropped. side: None for that
    map's own. decoder: "fpn" (linear), "fpn_relu" (BatchNorm and ReLU behind its 3x3 convolution), or "hrnet".
    """

    DECODERS = DECODERS

    def __init__(self, landmarks, size, side=None, encoder="resnet50v2", decoder="fpn", width=256, taps="normalised",
                 stem_stride=4, upsample=False, **kwargs):
        super().__init__(**kwargs)
        one_of("decoder", decoder, self.DECODERS)
        native = native_side(size, stem_stride)
        side = native if side is None else side
        one_of("taps", taps, TAPS)
        with self.name_scope():
            self.encoder = get_encoder(encoder, stem_stride)
            normalise = taps == "normalised" and self.encoder.raw_sums
            if decoder == "hrnet":
                self.decoder = HRNetHead(self.encoder.channels, landmarks, native, side, upsample)
            elif decoder == LINES:
                if side != native:
                    raise InputError("side", side, f"{native}, the cells of the encoder's finest map", "decoder=fpn has more")
                self.decoder = Lines(self.encoder.channels, landmarks, native, width, normalise)
            else:
                self.decoder = FPN(self.encoder.channels, landmarks, native, side, width, normalise,
                                   relu=decoder == "fpn_relu", upsample=upsample)

    def features(self, x):
        """The encoder's maps at strides 4, 8, 16, 32."""
        return self.encoder(x)

    def heatmaps(self, x):
        """Heatmaps (B, L, side, side)."""
        return self.decoder(*self.features(x))

    def hybrid_forward(self, F, x):
        return self.heatmaps(x)


class VectorReader(HybridBlock):
    """x (B, 3, S, S) -> the vectors of a ``VectorNet``, for inference: no heatmap, and as few operators as its decoder allows."""

    def __init__(self, net, **kwargs):
        super().__init__(**kwargs)
        self.net = net
        with self.name_scope():
            self.pooling = None if net.of_lines else self.params.get_constant("pooling", net.bpm.matrix().astype(np.float32))

    def prepare(self, devices):
        """Put the constant of its own on the devices; the net's weights are left as they are."""
        if self.pooling is not None:
            self.pooling.initialize(ctx=devices)
        return self

    def hybrid_forward(self, F, x, pooling=None):
        if self.net.of_lines:
            return self.net.vectors(x)
        context = None if F is mx.sym else x.context
        lines = self.net.decoder.read(F, self.net.features(x), context)
        return [F.dot(F.reshape(line, (0, 0, -1)), pooling) for line in lines]


class VectorNet(HeatmapNet):
    """x (B, 3, S, S) -> vectors (B, L, w) and (B, L, h), by band pooling of the heatmaps (GV, Fig. 2).

    folded: compute the vectors from the maps' averages instead (same parameters, same result to rounding, faster).
    decoder: also "lines", ours, which makes vectors of averages and no heatmap, so that there is nothing to pool.
    """

    DECODERS = (*DECODERS, LINES)

    def __init__(self, landmarks, size, side=None, bands=(3, 5), alpha=0.5, folded=False, **options):
        super().__init__(landmarks, size, side, **options)
        if folded and not self.decoder.linear:
            raise InputError("folded", "true with this decoder", "decoder=fpn: only a linear decoder can be folded")
        self.folded, self.of_lines = folded, isinstance(self.decoder, Lines)
        with self.name_scope():
            self.bpm = BandPooling(self.decoder.side, bands, alpha)

    def heatmaps(self, x):
        """Heatmaps (B, L, side, side); InputError where the decoder makes none."""
        if self.of_lines:
            raise InputError("heatmaps", f"none with decoder={LINES}", f"decoder={', '.join(DECODERS)}")
        return super().heatmaps(x)

    def vectors(self, x):
        """x and y vectors (B, L, w), (B, L, h)."""
        if self.of_lines:
            return self.decoder(*self.features(x))
        if self.folded:
            return self._folded(mx.sym if isinstance(x, mx.sym.Symbol) else mx.nd, x)
        return self.bpm(self.heatmaps(x))

    def _folded(self, F, x):
        context = None if F is mx.sym else x.context
        columns, rows = self.decoder.profiles(F, self.features(x), context)
        return self.bpm.smooth_profile(F, columns), self.bpm.smooth_profile(F, rows)

    def hybrid_forward(self, F, x):
        return self.vectors(x)
