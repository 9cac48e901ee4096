"""The networks: encoder, decoder and, for Gaussian Vector, band pooling."""

import mxnet as mx
from mxnet.gluon import HybridBlock

from gv.bpm import BandPooling
from gv.core.errors import InputError
from gv.encoders import get_encoder
from gv.fpn import FPN, HRNetHead

DECODERS = ("fpn", "hrnet")


class HeatmapNet(HybridBlock):
    """x (B, 3, S, S) -> heatmaps (B, L, side, side)."""

    def __init__(self, landmarks, size, side=64, encoder="resnet50v2", decoder="fpn", width=256, taps="normalised", **kwargs):
        super().__init__(**kwargs)
        if decoder not in DECODERS:
            raise InputError("decoder", f'"{decoder}"', f"one of {', '.join(DECODERS)}")
        if size % 32:
            raise InputError("size", size, "a multiple of 32 (the encoders' last stride)")
        if taps not in ("normalised", "raw"):
            raise InputError("taps", f'"{taps}"', "normalised or raw")
        with self.name_scope():
            self.encoder = get_encoder(encoder)
            if decoder == "fpn":
                normalise = taps == "normalised" and self.encoder.raw_sums
                self.decoder = FPN(self.encoder.channels, landmarks, size, side, width, normalise)
            else:
                self.decoder = HRNetHead(self.encoder.channels, landmarks, size, side)

    def features(self, x):
        """The encoder's maps at strides 4, 8, 16, 32."""
        return self.encoder(x)

    def heatmaps(self, x):
        """Heatmaps (B, L, side, side)."""
        return self.decoder(*self.features(x))

    def hybrid_forward(self, F, x):
        return self.heatmaps(x)


class VectorNet(HeatmapNet):
    """x (B, 3, S, S) -> vectors (B, L, w) and (B, L, h), by band pooling of the heatmaps (GV, Fig. 2).

    folded: compute the vectors from the maps' averages instead (same parameters, same result to rounding, faster).
    """

    def __init__(self, landmarks, size, side=64, bands=(3, 5), alpha=0.5, folded=False, **options):
        super().__init__(landmarks, size, side, **options)
        if folded and not isinstance(self.decoder, FPN):
            raise InputError("folded", "true with this decoder", "decoder=fpn: only a linear decoder can be folded")
        self.folded = folded
        with self.name_scope():
            self.bpm = BandPooling(side, bands, alpha)

    def vectors(self, x):
        """x and y vectors (B, L, w), (B, L, h)."""
        if self.folded:
            return self._folded(mx.sym if isinstance(x, mx.sym.Symbol) else mx.nd, x)
        return self.bpm(self.heatmaps(x))

    def _folded(self, F, x):
        context = None if F is mx.sym else x.context
        columns, rows = self.decoder.profiles(F, self.features(x), context)
        return self.bpm.smooth_profile(F, columns), self.bpm.smooth_profile(F, rows)

    def hybrid_forward(self, F, x):
        return self.vectors(x)
