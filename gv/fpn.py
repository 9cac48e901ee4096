"""Decoders: from an encoder's four maps to a heatmap a landmark.

``FPN`` is linear, and so is band pooling. The vectors can therefore be computed from the averages of the encoder's
maps over rows and columns instead of from heatmaps: ``FPN.profiles`` does that with the same parameters.
"""

import mxnet as mx
from mxnet.gluon import HybridBlock, nn

from gv.core.errors import InputError

HEAD_SPREAD = 1e-3      # of the heads' first weights, so that a net begins by predicting nothing (docs/readings.md)


def head(landmarks, width):
    """The last layer of every decoder: 1x1 to the landmarks, drawn from Normal(0.001), bias 0."""
    return nn.Conv2D(landmarks, 1, in_channels=width, weight_initializer=mx.init.Normal(HEAD_SPREAD))


def entries(channels, normalise):
    """What each of the encoder's maps passes first: BatchNorm and ReLU where it is a raw sum, else nothing."""
    taps = nn.HybridSequential(prefix="entry_")
    for count in channels:
        tap = nn.HybridSequential()
        if normalise:
            tap.add(nn.BatchNorm(in_channels=count), nn.Activation("relu"))
        taps.add(tap)
    return taps


def laterals(channels, width):
    """A 1x1 convolution to ``width`` channels a map; InputError for none."""
    if width < 1:
        raise InputError("width", width, "at least 1")
    found = nn.HybridSequential(prefix="lateral_")
    for count in channels:
        found.add(nn.Conv2D(width, 1, in_channels=count, weight_initializer=mx.init.Xavier()))
    return found


def _growth(native, side, upsample):
    """How many times more cells than the finest map's ``native``: 1, or, where ``upsample`` allows it, 2, 4, ..."""
    extra = side // native
    if extra < 1 or side != native * extra or extra & (extra - 1):
        raise InputError("side", side, f"{native}, the cells of the encoder's finest map" +
                         (", times 1, 2 or 4" if upsample else ""))
    if extra > 1 and not upsample:
        raise InputError("side", f"{side} cells of a map of {native}", f"{native}: more cells than the finest map has are "
                         "interpolated, which distorts narrow bands", "stem_stride=2 gives a finer map; upsample=true insists")
    return extra


def values(F, convolution, context):
    """(weight, bias) of a convolution, as symbols or as arrays on a device."""
    if F is mx.sym:
        return convolution.weight.var(), convolution.bias.var()
    return convolution.weight.data(context), convolution.bias.data(context)


def means(F, m, side):
    """The mean of a map's rows and that of its columns, (B, c, 1, side) each, of (B, c, side, side)."""
    return (F.Pooling(m, kernel=(side, 1), pool_type="avg"),
            F.transpose(F.Pooling(m, kernel=(1, side), pool_type="avg"), (0, 1, 3, 2)))


def ends(F, m, side):
    """``FPN._lines`` as it is fast forwards: (B, c, side, side) -> (B, c, 6, side)."""
    across, down = means(F, m, side)
    rows = [F.slice_axis(m, axis=2, begin=i, end=i + 1) for i in (0, side - 1)]
    columns = [F.transpose(F.slice_axis(m, axis=3, begin=i, end=i + 1), (0, 1, 3, 2)) for i in (0, side - 1)]
    return F.concat(across, *rows, down, *columns, dim=2)


def head_of_means(F, head, m, side):
    """Column and row means (B, L, 1, side) of the heatmaps that a 1x1 ``head`` makes of (B, width, side, side): they commute."""
    return [head(line) for line in means(F, m, side)]


class FPN(HybridBlock):
    """Feature pyramid decoder: laterals 1x1, nearest upsampling and addition from the top down, one 3x3 convolution at
    the finest level, 1x1 to the landmarks (Lin et al., cited as [38]; docs/readings.md: the width is ours).

    maps: (B, channels[i], native ... native/8) -> heatmaps (B, L, side, side). native: side of the finest map, input / 4 in the
    paper; side: the same, or, with ``upsample``, that times a power of two by more nearest upsampling before the 3x3
    convolution. relu: BatchNorm and ReLU behind the 3x3 convolution, which makes the decoder non-linear. heads: what its
    parameters of the landmarks are called.
    """

    heads = ("head.",)

    def __init__(self, channels, landmarks, native, side, width=256, normalise=True, relu=False, upsample=False, **kwargs):
        super().__init__(**kwargs)
        self.side, self.extra, self.levels = side, _growth(native, side, upsample), len(channels)
        self.sides, self.linear = [native // 2 ** level for level in range(len(channels))], not relu
        with self.name_scope():
            self.entry = entries(channels, normalise)
            self.laterals = laterals(channels, width)
            self.smooth = nn.Conv2D(width, 3, padding=1, in_channels=width, weight_initializer=mx.init.Xavier())
            self.after = nn.HybridSequential(prefix="after_")
            if relu:
                self.after.add(nn.BatchNorm(in_channels=width), nn.Activation("relu"))
            self.head = head(landmarks, width)

    def hybrid_forward(self, F, *maps):
        return self.head(self._smoothed(F, maps))

    def _smoothed(self, F, maps):
        """What the head reads, (B, width, side, side)."""
        maps = [tap(m) for tap, m in zip(self.entry, maps)]
        merged = self.laterals[-1](maps[-1])
        for level in range(self.levels - 2, -1, -1):
            merged = self.laterals[level](maps[level]) + F.UpSampling(merged, scale=2, sample_type="nearest")
        if self.extra > 1:
            merged = F.UpSampling(merged, scale=self.extra, sample_type="nearest")
        return self.after(self.smooth(merged))

    def profiles(self, F, maps, context=None):
        """Column means (B, L, 1, side) and row means (B, L, 1, side) of the heatmaps, without making the heatmaps.

        Each map is reduced to six lines: the mean, first and last of its rows, and of its columns. Laterals,
        upsampling and addition act on lines as on maps. The zero padding of the 3x3 convolution is what the first and
        last lines are for: with kernel rows k0, k1, k2, the mean over output rows is
        conv(mean; k0 + k1 + k2) - conv(first / side; k2) - conv(last / side; k0).
        """
        lines = [self._lines(F, tap(m), side) for tap, m, side in zip(self.entry, maps, self.sides)]
        columns, rows = self._merged_lines(F, lines)
        weight, bias = values(F, self.smooth, context)
        return (self.head(self._smooth_lines(F, columns, weight, bias)),
                self.head(self._smooth_lines(F, rows, F.transpose(weight, (0, 1, 3, 2)), bias)))

    def read(self, F, maps, context=None):
        """``profiles`` as inference wants them, whatever the decoder: the last two convolutions are one where both are linear;
        the head comes behind the averages where they are not."""
        if not self.linear:
            return head_of_means(F, self.head, self._smoothed(F, maps), self.side)
        lines = [ends(F, tap(m), side) for tap, m, side in zip(self.entry, maps, self.sides)]
        columns, rows = self._merged_lines(F, lines)
        (weight, bias), (last, shift) = values(F, self.smooth, context), values(F, self.head, context)
        last = F.reshape(last, (0, -1))                                           # (L, width)
        bias = F.dot(last, bias) + shift
        found = []
        for lines, kernel in ((columns, weight), (rows, F.transpose(weight, (0, 1, 3, 2)))):
            kernel = F.dot(last, F.reshape(self._of_lines(F, kernel), (0, -1)))   # (L, in * 9)
            found.append(F.Convolution(lines, F.reshape(kernel, (0, -1, 3, 3)), bias, kernel=(3, 3), pad=(0, 1),
                                       num_filter=self.head._channels))
        return found

    def _merged_lines(self, F, lines):
        """(columns, rows), (B, width, 3, side) each, of each map's (B, c, 6, its side)."""
        merged = self.laterals[-1](lines[-1])                                     # (B, width, 6, side / 2^k)
        for level in range(self.levels - 2, -1, -1):
            merged = self.laterals[level](lines[level]) + F.repeat(merged, repeats=2, axis=3)
        if self.extra > 1:
            merged = F.repeat(merged, repeats=self.extra, axis=3)
        return F.slice_axis(merged, axis=2, begin=0, end=3), F.slice_axis(merged, axis=2, begin=3, end=6)

    @staticmethod
    def _lines(F, m, side):
        """(B, c, side, side) -> (B, c, 6, side): mean, first, last row; mean, first, last column.

        One matrix product a direction: MXNet's averages over an axis are many times slower backwards.
        """
        ends = F.transpose(F.one_hot(F.arange(0, 2) * (side - 1), side))           # (side, 2): picks first and last
        reduce = F.concat(F.ones((side, 1)) / side, ends, dim=1)                   # (side, 3)
        columns = F.dot(m, reduce)                                                 # (B, c, side, 3)
        rows = F.dot(F.transpose(m, (0, 1, 3, 2)), reduce)
        return F.transpose(F.concat(rows, columns, dim=3), (0, 1, 3, 2))

    def _smooth_lines(self, F, lines, weight, bias):
        """Mean over rows of the zero-padded 3x3 convolution, from (mean, first, last): (B, width, 3, side) -> (…, 1, side)."""
        return F.Convolution(lines, self._of_lines(F, weight), bias, kernel=(3, 3), pad=(0, 1), num_filter=self.smooth._channels)

    def _of_lines(self, F, weight):
        """The kernel (out, in, 3, 3) that acts on (mean, first, last) as ``weight`` does on maps, averaged over its rows."""
        total = F.sum(weight, axis=2, keepdims=True)
        first = F.slice_axis(weight, axis=2, begin=2, end=3) * (-1.0 / self.side)
        last = F.slice_axis(weight, axis=2, begin=0, end=1) * (-1.0 / self.side)
        return F.concat(total, first, last, dim=2)


class HRNetHead(HybridBlock):
    """HRNetV2's own head: the four branches upsampled to stride 4, concatenated, 1x1 with BatchNorm and ReLU, 1x1."""

    linear, heads = False, ("head.",)

    def __init__(self, channels, landmarks, native, side, upsample=False, **kwargs):
        super().__init__(**kwargs)
        _growth(native, side, upsample)
        self.side, total = side, sum(channels)
        with self.name_scope():
            self.mix = nn.Conv2D(total, 1, in_channels=total, weight_initializer=mx.init.Xavier())
            self.norm = nn.BatchNorm(in_channels=total)
            self.head = head(landmarks, total)

    def hybrid_forward(self, F, *maps):
        return self.head(self._mixed(F, maps))

    def _mixed(self, F, maps):
        """What the head reads, (B, width, side, side)."""
        grown = [F.contrib.BilinearResize2D(m, height=self.side, width=self.side) for m in maps]
        return F.relu(self.norm(self.mix(F.concat(*grown, dim=1))))

    def read(self, F, maps, context=None):
        """Column and row means (B, L, 1, side) of the heatmaps, without making the heatmaps."""
        return head_of_means(F, self.head, self._mixed(F, maps), self.side)
