"""How much of its crop a face fills: what a net was trained with, and whether the boxes it is now given are like those.

Coverage is the longer side of the landmarks' rectangle over the side of the crop, before augmentation: 1 where boxes are the
landmarks' own. It is all that a sidecar needs to know to tell that boxes of another kind are given.
"""

import numpy as np

from gv.core.geometry import tight_box

SPREAD = (1, 50, 99)      # percentiles of the training faces that a sidecar keeps
TOLERANCE = 0.1           # of the median: so far beyond them nothing is said
PREDICTED_TOLERANCE = 0.25     # where the points are a net's own, which shrink in a box that does not suit it, and in any


def coverage(points, size):
    """The coverage of one face: points (L, 2) in crop pixels, size of the crop's side in pixels."""
    x0, y0, x1, y1 = tight_box(points)
    return max(x1 - x0, y1 - y0) / size


def spread(shapes, size):
    """[low, median, high] over the training faces: shapes (N, L, 2) in crop pixels."""
    return [round(float(value), 4) for value in np.percentile([coverage(points, size) for points in shapes], SPREAD)]


def difference(trained, found, what, tolerance=TOLERANCE):
    """One line where faces fill their crops otherwise than in training, or "".

    trained: ``spread`` of the training faces, or None of a run that did not note it. found: coverages of the faces at hand.
    what: what the boxes are to be, for the mend.
    """
    if not trained or not len(found):
        return ""
    low, middle, high = trained
    now, slack = float(np.median(found)), tolerance * middle
    if low - slack <= now <= high + slack:
        return ""
    return (f"the faces fill {100 * now:.0f} % of their crops, in training {100 * middle:.0f} % ({100 * low:.0f} to "
            f"{100 * high:.0f} %): the boxes are too {'large' if now < low else 'small'} for this net; "
            f"{what}")
