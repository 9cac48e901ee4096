"""Losses: outputs and landmarks to one number an image. Labels are made on the device the outputs lie on."""

from mxnet.gluon import HybridBlock

from gv.codec import HeatmapLabel, VectorLabel

HARD, EASY = 1.0, 0.1      # AWing's weight map (GV, Section 4.6)
HARD_FROM = 0.2            # AWing: hard where the 3x3-dilated heatmap is at least this


class VectorLoss(HybridBlock):
    """Mean squared error between vectors and their labels (GV, Section 3.1): -> (B,)."""

    def __init__(self, label, **kwargs):
        super().__init__(**kwargs)
        self.label = VectorLabel(**label)

    def hybrid_forward(self, F, x, y, points_px):
        label_x, label_y = self.label(points_px)
        errors = F.concat(F.square(x - label_x), F.square(y - label_y), dim=2)
        return F.mean(errors, axis=0, exclude=True)


class HeatmapLoss(HybridBlock):
    """Mean squared error between heatmaps and their labels: -> (B,); weighted: under AWing's weight map."""

    def __init__(self, label, weighted=False, **kwargs):
        super().__init__(**kwargs)
        self.label, self.weighted = HeatmapLabel(**label), weighted

    def hybrid_forward(self, F, heatmap, points_px):
        label = self.label(points_px)
        errors = F.square(heatmap - label)
        if self.weighted:
            dilated = F.Pooling(label, kernel=(3, 3), pad=(1, 1), pool_type="max")
            errors = errors * (EASY + (HARD - EASY) * (dilated >= HARD_FROM))
        return F.mean(errors, axis=0, exclude=True)
