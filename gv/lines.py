"""A head of ours, beyond the paper: the encoder's maps are averaged to lines first, where what follows costs next to nothing."""

import mxnet as mx
from mxnet.gluon import HybridBlock, nn

from gv.fpn import entries, head, laterals, means

LAYERS, GROWTH = 3, 2     # 1x3 convolutions a direction; their channels over the laterals' (docs/results/lines.md)


class Lines(HybridBlock):
    """Four maps (B, channels[i], native ... native/8) -> vectors x (B, L, native), y (B, L, native), by no heatmap.

    Each map becomes its mean over rows, for x, and over columns, for y. Laterals 1x1, nearest upsampling and addition act on
    lines as the FPN's do on maps; then each direction has ``LAYERS`` convolutions 1x3 of its own, with BatchNorm and ReLU, and
    a 1x1 to the landmarks. native: side of the finest map.
    """

    linear = False
    heads = tuple(f"{branch}.{3 * LAYERS}." for branch in ("across", "down"))      # behind three blocks a layer

    def __init__(self, channels, landmarks, native, width=256, normalise=True, **kwargs):
        super().__init__(**kwargs)
        self.side, self.sides = native, [native // 2 ** level for level in range(len(channels))]
        with self.name_scope():
            self.entry = entries(channels, normalise)
            self.laterals = laterals(channels, width)
            self.across, self.down = (self._branch(landmarks, width, prefix) for prefix in ("x_", "y_"))

    @staticmethod
    def _branch(landmarks, width, prefix):
        branch, count = nn.HybridSequential(prefix=prefix), width
        with branch.name_scope():
            for _ in range(LAYERS):
                branch.add(nn.Conv2D(GROWTH * width, (1, 3), padding=(0, 1), in_channels=count, use_bias=False,
                                     weight_initializer=mx.init.Xavier()),
                           nn.BatchNorm(in_channels=GROWTH * width), nn.Activation("relu"))
                count = GROWTH * width
            branch.add(head(landmarks, count))
        return branch

    def hybrid_forward(self, F, *maps):
        lines = [F.concat(*means(F, tap(m), side), dim=2) for tap, m, side in zip(self.entry, maps, self.sides)]
        merged = self.laterals[-1](lines[-1])                                                           # (B, width, 2, side / 8)
        for level in range(len(lines) - 2, -1, -1):
            merged = self.laterals[level](lines[level]) + F.repeat(merged, repeats=2, axis=3)
        x, y = (F.slice_axis(merged, axis=2, begin=i, end=i + 1) for i in (0, 1))
        return F.reshape(self.across(x), (0, 0, -1)), F.reshape(self.down(y), (0, 0, -1))
