"""How wrong a set of predictions is: NME, CED, AUC, failure rate, and how sure one can be of them. NumPy only.

N images, L landmarks. Every value is a fraction, never per cent (0.0314 is the papers' 3.14), and so is every threshold.
The NME of a data set is the mean of its images' NMEs. Nothing is rounded, and a NaN is an error, never a number.
"""

from numbers import Real

import numpy as np

from gv.core.errors import InputError, one_of


def _distance_between(pair_name):
    def distance(points, layout, boxes):
        if pair_name not in layout.normalisers:
            valid = sorted((set(NORMALISERS) - {"ion", "ipn", "pair"}) | set(layout.normalisers))
            raise InputError("normaliser", f'"{pair_name}", which {layout.name} ({layout.size} landmarks) does not define',
                             f"one of {', '.join(valid)}")
        left, right = layout.normalisers[pair_name]
        return np.linalg.norm(points[:, list(left)].mean(1) - points[:, list(right)].mean(1), axis=1)
    return distance


def _box_side(points, layout, boxes):
    if boxes is None:
        raise InputError("normaliser", '"box", but no face boxes', "a box for every face")
    boxes = _finite(boxes, "boxes", (len(points), 4), "(N, 4), a box [x0, y0, x1, y1] for every face")
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 0)
    return np.sqrt(sides.prod(1))


def _rectangle_side(points, layout, boxes):
    return np.sqrt(np.ptp(points, axis=1).prod(1))


def _rectangle_diagonal(points, layout, boxes):
    return np.linalg.norm(np.ptp(points, axis=1), axis=1)


# name: function of (points, layout, boxes) -> (N,), in the points' unit
NORMALISERS = {
    "ion": _distance_between("ion"),  # outer eye corners
    "ipn": _distance_between("ipn"),  # pupils, or the means of the eyes' landmarks
    "box": _box_side,  # sqrt(w h) of the given face box: AFLW
    "rectangle": _rectangle_side,  # sqrt(w h) of the landmarks' tight rectangle: JD-landmark
    "diagonal": _rectangle_diagonal,  # diagonal of the landmarks' tight rectangle: Menpo
    "pair": _distance_between("pair"),  # the two landmarks, or means of several, that an own scheme names
}


def _finite(values, where, shape, expected):
    """``values`` as float64 of the given shape (None stands for any length); InputError names the first bad row."""
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != len(shape) or any(want not in (None, got) for want, got in zip(shape, values.shape)):
        raise InputError(where, f"shape {values.shape}", expected)
    bad = np.flatnonzero(~np.isfinite(values.reshape(len(values), int(np.prod(values.shape[1:])))).all(1))
    if len(bad):
        raise InputError(f"{where}, row {bad[0]}", f"NaN or infinity (in {len(bad)} of {len(values)} rows)", "finite numbers")
    return values


def _positive(values, where, shape, expected):
    values = _finite(values, where, shape, expected)
    bad = np.flatnonzero(values <= 0)
    if len(bad):
        raise InputError(f"{where}, row {bad[0]}", f"{values[bad[0]]:g} (at or below zero in {len(bad)} of {len(values)} rows)",
                         "a positive length", "the face's landmarks or box have no size: mend its annotation")
    return values


def _errors(errors, where="errors"):
    errors = _finite(errors, where, (None,), "(N,), one error an image")
    if not len(errors):
        raise InputError(where, "no images", "at least one")
    if errors.min() < 0:
        raise InputError(f"{where}, row {errors.argmin()}", f"{errors.min():g}", "an error of zero or more")
    return errors


def _threshold(threshold):
    if not (isinstance(threshold, Real) and np.isfinite(threshold) and threshold > 0):
        raise InputError("threshold", repr(threshold), "a fraction above zero, e.g. 0.1")
    return float(threshold)


def normaliser(name, points, layout, boxes=None):
    """The length that each face's error is divided by: (N,), in the points' unit.

    name: a key of ``NORMALISERS``. points: true landmarks (N, L, 2). layout: their ``Layout``.
    boxes: (N, 4) face boxes [x0, y0, x1, y1] in the same unit, read by "box" only.
    """
    one_of("normaliser", name, NORMALISERS, "no normaliser")
    points = _finite(points, "points", (None, layout.size, 2), f"(N, {layout.size}, 2), the landmarks of {layout.name}")
    lengths = NORMALISERS[name](points, layout, boxes)
    return _positive(lengths, f'normaliser "{name}"', (len(points),), "(N,)")


def nme(predicted, true, norm):
    """The normalised mean error of each image, (N,): GV Eq. 8, the mean distance over the landmarks by the normaliser.

    predicted, true: (N, L, 2) in one unit. norm: (N,) from ``normaliser``, of the true landmarks.
    """
    true = _finite(true, "true points", (None, None, 2), "(N, L, 2)")
    predicted = _finite(predicted, "predicted points", true.shape, f"{true.shape}, as the true points")
    norm = _positive(norm, "normaliser", (len(true),), f"({len(true)},), one an image")
    if not true.shape[1]:
        raise InputError("true points", "no landmarks", "at least one")
    return np.linalg.norm(predicted - true, axis=2).mean(1) / norm


def ced(errors, thresholds):
    """The cumulative error distribution: (T,) shares of images with an error of at most each of (T,) thresholds."""
    errors = np.sort(_errors(errors))
    thresholds = _finite(thresholds, "thresholds", (None,), "(T,), fractions")
    return np.searchsorted(errors, thresholds, side="right") / len(errors)


def auc(errors, threshold):
    """The area under the CED from 0 to ``threshold``, divided by ``threshold``: exact, as mean(max(0, 1 - e / t))."""
    return float(np.maximum(0, 1 - _errors(errors) / _threshold(threshold)).mean())


def failure_rate(errors, threshold):
    """The share of images with an error strictly above ``threshold``."""
    return float((_errors(errors) > _threshold(threshold)).mean())


def _bootstrap(columns, value, level, samples, seed):
    """Percentile interval (low, high) of ``value`` under resampling of the images, every column drawn alike."""
    count = len(columns[0])
    if count < 2:
        raise InputError("bootstrap", f"{count} image", "at least two images to resample")
    if not 0 < level < 1:
        raise InputError("level", repr(level), "a share between 0 and 1, e.g. 0.95")
    if samples < 1:
        raise InputError("samples", repr(samples), "at least 1")
    rng = np.random.default_rng(seed)
    values = np.empty(samples)
    for i in range(samples):
        drawn = rng.integers(0, count, count)
        values[i] = value(*(column[drawn] for column in columns))
    if not np.isfinite(values).all():
        raise InputError("statistic", "NaN or infinity for some draw of the images", "a finite number for every draw")
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def bootstrap_interval(errors, statistic=np.mean, level=0.95, samples=2000, seed=0):
    """(low, high): the percentile bootstrap interval of ``statistic``, a function of (N,) errors, over images.

    It holds the chance in the choice of test images, not that of training; seeds show the latter.
    """
    return _bootstrap([_errors(errors)], statistic, level, samples, seed)


def bootstrap_difference(errors_a, errors_b, statistic=np.mean, level=0.95, samples=2000, seed=0):
    """(low, high) of statistic(a) - statistic(b) for two models on the same images in the same order.

    The images are drawn for both at once (paired). With the mean, an interval below zero says that a is the better.
    """
    a = _errors(errors_a, "errors_a")
    b = _errors(errors_b, "errors_b")
    if len(a) != len(b):
        raise InputError("errors_b", f"{len(b)} images", f"{len(a)}, the same images as errors_a")
    return _bootstrap([a, b], lambda x, y: statistic(x) - statistic(y), level, samples, seed)


def summary(errors, threshold=0.1, level=0.95, samples=2000, seed=0):
    """A data set's figures from its images' errors, as plain numbers, ready for JSON.

    count: images. nme: mean error, within nme_low and nme_high at ``level`` (left out for a single image).
    fr, auc: failure rate and area under the CED at ``threshold`` (300W, COFW, WFLW: 0.1; JD-landmark: 0.08).
    """
    errors = _errors(errors)
    figures = {"count": len(errors), "nme": float(errors.mean()), "fr": failure_rate(errors, threshold),
               "auc": auc(errors, threshold), "threshold": _threshold(threshold)}
    if len(errors) > 1:
        low, high = bootstrap_interval(errors, np.mean, level, samples, seed)
        figures.update(nme_low=low, nme_high=high, level=float(level))
    return figures
