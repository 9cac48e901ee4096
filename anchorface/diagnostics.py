"""What AnchorFace says about itself on a test set (Section 4.4): do confident anchors err less, and how many vote?"""

import numpy as np

from anchorface.codec import unit_px
from gv.core.method import as_list

TINY = 1e-30
CONSTANT = 1e-12     # a variance below this share of the mean square is rounding: such a vector has no correlation


def pearson(x, y):
    """r of each row of x, y (B, A), (B,) float64; NaN where either is constant."""
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    dx, dy = x - x.mean(axis=1, keepdims=True), y - y.mean(axis=1, keepdims=True)
    vx, vy = (dx ** 2).sum(axis=1), (dy ** 2).sum(axis=1)
    defined = (vx > CONSTANT * (x ** 2).sum(axis=1)) & (vy > CONSTANT * (y ** 2).sum(axis=1))
    return np.where(defined, (dx * dy).sum(axis=1) / np.sqrt(np.where(defined, vx * vy, 1)), np.nan)


class AnchorDiagnostics:
    """(outputs, points_px (B, L, 2)) -> {"pearson", "no_anchor", "voting", "common", "deviation", "epsilon", "far_error": (B,)}.

    pearson: r over all anchors between confidence and the length of the prediction's error (Eq. 9; its mean over images is P).
    no_anchor: 1 where no anchor reaches c_th. voting: how many anchors do. What P hangs on, over all anchors and alike: common:
    the root mean square distance of the anchors' mean prediction from the truth; deviation: that of their predictions from their
    mean, both in shares of the input's side. epsilon: the share of the anchors' own deviation that is left in the predictions,
    by least squares: 0 where every anchor says the same, 1 where offsets regress nothing. far_error: r between an anchor's
    distance from the truth and its prediction's error.
    """

    def __init__(self, anchors, size, offset_units="share", c_th=0.6):
        self.anchors, self.unit, self.c_th, self.size = anchors, unit_px(offset_units, size), c_th, size

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
        true = np.asarray(points_px)
        errors = np.sqrt(((predictions - true[:, None]) ** 2).sum(axis=(2, 3)))
        voting = (confidence >= self.c_th).sum(axis=1)
        mean = predictions.mean(axis=1)                                                                    # (B, L, 2)
        spread, own = predictions - mean[:, None], self.anchors - self.anchors.mean(axis=0)
        distances = np.sqrt(((self.anchors - true[:, None]) ** 2).sum(axis=(2, 3)))
        return {"pearson": pearson(confidence, errors), "no_anchor": (voting == 0).astype(float), "voting": voting.astype(float),
                "common": np.sqrt(((mean - true) ** 2).sum(axis=2).mean(axis=1)) / self.size,
                "deviation": np.sqrt((spread ** 2).sum(axis=3).mean(axis=(1, 2))) / self.size,
                "epsilon": (spread * own).sum(axis=(1, 2, 3)) / max((own ** 2).sum(), TINY),
                "far_error": pearson(distances, errors)}
