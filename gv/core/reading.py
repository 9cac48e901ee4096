"""From crops to landmarks in one graph: what prediction, export and timing run."""

from mxnet.gluon import HybridBlock

from gv.core.method import as_list


class Tail(HybridBlock):
    """(*outputs of a net) -> points_px (B, L, 2) and scores (B, L), or the points alone where there is no scorer.

    decoder, scorer: HybridBlocks from the outputs to each.
    """

    def __init__(self, decoder, scorer=None, **kwargs):
        super().__init__(**kwargs)
        self.decoder, self.scorer = decoder, scorer

    def hybrid_forward(self, F, *outputs):
        points = self.decoder(*outputs)
        return points if self.scorer is None else (points, self.scorer(*outputs))


class Reading(HybridBlock):
    """x (B, 3, S, S), normalised crops -> what ``tail`` makes of the values of ``first``: points_px (B, L, 2), scores (B, L)."""

    def __init__(self, first, tail, **kwargs):
        super().__init__(**kwargs)
        self.first, self.tail = first, tail

    def hybrid_forward(self, F, x):
        return self.tail(*as_list(self.first(x)))


class PointsOf(HybridBlock):
    """x -> the points of a ``Reading`` alone: its graph has nothing of the scores."""

    def __init__(self, reading, **kwargs):
        super().__init__(**kwargs)
        self.reading = reading

    def hybrid_forward(self, F, x):
        return as_list(self.reading(x))[0]


class PeakScores(HybridBlock):
    """(*outputs (B, L, ...)) -> (B, L) in 0 to 1: the lowest, over the outputs, of a landmark's peak as a share of its label's,
    ``top``."""

    def __init__(self, top, **kwargs):
        super().__init__(**kwargs)
        self.top = top

    def hybrid_forward(self, F, *outputs):
        lowest = None
        for output in outputs:
            peak = F.max(F.reshape(output, (0, 0, -1)), axis=2)
            lowest = peak if lowest is None else F.broadcast_minimum(lowest, peak)
        return F.clip(lowest / self.top, 0, 1)
