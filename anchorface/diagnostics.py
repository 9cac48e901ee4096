"""What AnchorFace says about itself on a test set (Section 4.4): do confident anchors err less, and how many vote?"""

import numpy as np

from anchorface.codec import unit_px
from gv.core.method import as_list

CONSTANT = 1e-12     # a variance below this share of the mean square is rounding: such a vector has no correlation


def pearson(x, y):
    """r of each row of x, y (B, A), (B,) float64; NaN where either is constant."""
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    dx, dy = x - x.mean(axis=1, keepdims=True), y - y.mean(axis=1, keepdims=True)
    vx, vy = (dx ** 2).sum(axis=1), (dy ** 2).sum(axis=1)
    defined = (vx > CONSTANT * (x ** 2).sum(axis=1)) & (vy > CONSTANT * (y ** 2).sum(axis=1))
    return np.where(defined, (dx * dy).sum(axis=1) / np.sqrt(np.where(defined, vx * vy, 1)), np.nan)


class AnchorDiagnostics:
    """(outputs, points_px (B, L, 2)) -> {"pearson", "no_anchor", "voting": (B,)}.

    pearson: r over all anchors between confidence and the length of the prediction's error (Eq. 9; its mean over images is P).
    no_anchor: 1 where no anchor reaches c_th. voting: how many anchors do.
    """

    def __init__(self, anchors, size, offset_units="share", c_th=0.6):
        self.anchors, self.unit, self.c_th = anchors, unit_px(offset_units, size), c_th

    def votes(self, outputs):
        """(confidences (B, A), predictions O + T (B, A, L, 2) in crop pixels), in the order of the anchors."""
        offsets, logits = (output.asnumpy() if hasattr(output, "asnumpy") else output for output in as_list(outputs))
        batch, templates = logits.shape[:2]
        landmarks = self.anchors.shape[1]
        offsets = offsets.reshape(batch, templates, 2 * landmarks, -1).transpose(0, 1, 3, 2)
        confidence = 1 / (1 + np.exp(-np.clip(logits.reshape(batch, -1), -80, 80)))
        return confidence, offsets.reshape(batch, -1, landmarks, 2) * self.unit + self.anchors

    def __call__(self, outputs, points_px):
        confidence, predictions = self.votes(outputs)
        errors = np.sqrt(((predictions - np.asarray(points_px)[:, None]) ** 2).sum(axis=(2, 3)))
        voting = (confidence >= self.c_th).sum(axis=1)
        return {"pearson": pearson(confidence, errors), "no_anchor": (voting == 0).astype(float), "voting": voting.astype(float)}
