"""The two chances in a difference between trained nets: the seeds that they began from, and the faces that the test set holds.

A margin is worked out a seed (S of them); where it is of figures that are means over the F test faces, it is a mean over faces,
too. Its standard error over seeds is the deviation by sqrt(S). The test faces add theirs: of the table D (S, F) of margins a seed
and a face, a part that every seed has alike and a part that seeds average out (a two-way analysis of variance without repeats).

Where a margin is that of the best of several, chosen on the same numbers, the interval is widened for as many tries (Bonferroni):
of nets that are all alike, one is always the best.
"""

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.stats import t as student

LEVEL = 0.95
MOST_SEEDS = 1000


@dataclass(frozen=True)
class Faces:
    """What the test faces add to the variance of a margin's mean over n seeds: ``alike + apart / n``. count: of faces."""

    count: int
    alike: float
    apart: float

    def variance(self, seeds):
        """The variance that they add with so many seeds."""
        return self.alike + self.apart / seeds


def of_faces(tables):
    """The ``Faces`` of margins, from one table (S, F) for each set of test faces that a margin is of; S is at least 2.

    Tables of different faces are independent; their contributions to the margin add up.
    """
    alike = apart = 0.0
    for table in tables:
        seeds, faces = table.shape
        both = table - table.mean(0) - table.mean(1, keepdims=True) + table.mean()
        rest = float((both ** 2).sum() / ((seeds - 1) * (faces - 1)))
        of_face = seeds * float(table.mean(0).var(ddof=1))
        alike += max(0.0, of_face - rest) / seeds / faces
        apart += rest / faces
    return Faces(sum(table.shape[1] for table in tables), alike, apart)


def per_face(metric, normaliser, errors):
    """A value a face (F,) whose mean is a metric of the test set, from the faces' errors by ``normaliser``; None where the metric
    is no such mean, or is by another normaliser. Metrics: ``gv.core.evaluate.figures_of``."""
    name, _, rest = metric.partition("_")
    if metric == "variance":
        return (errors - errors.mean()) ** 2
    if metric == f"nme_{normaliser}":
        return errors
    if name in ("fr", "auc") and rest.startswith(f"{normaliser}_"):
        threshold = float(rest[len(normaliser) + 1:])
        return (errors > threshold).astype(np.float64) if name == "fr" else np.maximum(0, 1 - errors / threshold)
    return None


def gradient(function, values):
    """The derivatives (K,) of a margin by its K values: how far it moves with each of them, at their means over seeds."""
    values, found = np.asarray(values, np.float64), []
    for i, value in enumerate(values):
        step = 1e-6 * max(abs(value), 1e-3)
        moved = [values.copy(), values.copy()]
        moved[0][i] -= step
        moved[1][i] += step
        found.append((function(*moved[1]) - function(*moved[0])) / (2 * step))
    return np.array(found)


@lru_cache(maxsize=None)
def quantile(freedom, tries=1):
    """How many standard errors Student's interval reaches to either side with so many degrees of freedom, one of ``tries``."""
    return float(student.ppf(1 - (1 - LEVEL) / 2 / tries, freedom))


def half_width(spread, seeds, faces=None, tries=1):
    """Half the interval of a margin's mean. spread: its standard deviation over seeds; seeds: at least 2; faces: ``Faces``;
    tries: of how many the margin is the best.

    Student's over seeds; with faces the wider of that and the one of both variances (degrees of freedom after Satterthwaite).
    """
    over_seeds = quantile(seeds - 1, tries) * spread / math.sqrt(seeds)
    if faces is None or not faces.variance(seeds):
        return over_seeds
    a, b = spread ** 2 / seeds, faces.variance(seeds)
    freedom = (a + b) ** 2 / (a ** 2 / (seeds - 1) + b ** 2 / (faces.count - 1))
    return max(over_seeds, quantile(round(freedom, 2), tries) * math.sqrt(a + b))


def seeds_to_decide(difference, spread, faces=None, tries=1):
    """The least number of seeds whose interval at this spread leaves nought out; None: above ``MOST_SEEDS``, or these faces are
    too few for any number of seeds (``faces_to_decide``)."""
    def decided(seeds):
        return half_width(spread, seeds, faces, tries) < abs(difference)

    low, high = 1, 2
    while not decided(high):
        if high >= MOST_SEEDS:
            return None
        low, high = high, min(2 * high, MOST_SEEDS)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if decided(middle) else (middle, high)
    return high


def faces_to_decide(difference, faces, tries=1):
    """How many test faces would let seeds decide, where these are too few for any number of seeds; None where they are enough."""
    if faces is None or not difference or quantile(faces.count - 1, tries) * math.sqrt(faces.alike) < abs(difference):
        return None
    return math.ceil(faces.count * faces.alike * (quantile(faces.count - 1, tries) / difference) ** 2)
