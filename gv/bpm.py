"""Band Pooling Module: a heatmap a landmark becomes two vectors a landmark (GV, Section 3.3, Eq. 3-5)."""

import numpy as np
from mxnet.gluon import HybridBlock

from gv.core.errors import InputError


def check_bands(bands, alpha, side):
    """The bandwidths as a tuple of one or two odd positive integers; InputError otherwise."""
    bands = tuple(bands) if isinstance(bands, (tuple, list)) else (bands,)
    if len(bands) not in (1, 2):
        raise InputError("bands", f"{len(bands)} bandwidths", "one (l) or two (l1,l2)")
    for width in bands:
        if isinstance(width, bool) or not isinstance(width, int) or width < 1 or width % 2 == 0 or width >= 2 * side:
            raise InputError("bands", f"bandwidth {width!r}", f"an odd integer from 1 to {2 * side - 1}",
                             "the paper uses 1, 3, 5, 7")
    if len(bands) == 2 and not 0 < alpha < 1:
        raise InputError("alpha", alpha, "0 < alpha < 1 (Eq. 5)")
    return bands


class BandPooling(HybridBlock):
    """H (B, L, h, w) -> x (B, L, w), y (B, L, h) by average pooling with bands h x l and l x w.

    bands: one bandwidth l (Eq. 4), or two fused as alpha * l1 + (1 - alpha) * l2 (Eq. 5). The edges are padded with
    zeros that count in the average ("zero padding is necessary on the edges when l > 1").
    """

    def __init__(self, side, bands=(3, 5), alpha=0.5, **kwargs):
        super().__init__(**kwargs)
        self.side, self.bands, self.alpha = side, check_bands(bands, alpha, side), alpha

    def _fuse(self, vectors):
        if len(vectors) == 1:
            return vectors[0]
        return self.alpha * vectors[0] + (1 - self.alpha) * vectors[1]

    def hybrid_forward(self, F, heatmap):
        def pool(kernel, pad):
            return F.Pooling(heatmap, kernel=kernel, pad=pad, pool_type="avg", count_include_pad=True)

        x = self._fuse([pool((self.side, width), (0, width // 2)) for width in self.bands])  # (B, L, 1, w)
        y = self._fuse([pool((width, self.side), (width // 2, 0)) for width in self.bands])  # (B, L, h, 1)
        return F.reshape(x, (0, 0, -1)), F.reshape(y, (0, 0, -1))

    def matrix(self):
        """The same pooling of lines as a matrix (side, side): line (..., side) times it."""
        total, cells = 0, np.arange(self.side)
        for share, width in zip((self.alpha, 1 - self.alpha) if len(self.bands) == 2 else (1,), self.bands):
            total = total + share / width * (np.abs(cells[:, None] - cells) <= width // 2)
        return total

    def smooth_profile(self, F, profile):
        """The same pooling of a heatmap whose average over the long side is already taken: (B, L, 1, n) -> (B, L, n)."""
        bands = [F.Pooling(profile, kernel=(1, width), pad=(0, width // 2), pool_type="avg", count_include_pad=True)
                 for width in self.bands]
        return F.reshape(self._fuse(bands), (0, 0, -1))
