"""Which landmarks a mirror swaps, where nobody says: from their names, or from the symmetry of the mean shape.

Shapes are complex numbers x + iy, (L,) each, as in ``data_prep.check_flip``. A reflection is z -> -conj(z) e^(i tilt): about a
line that is ``tilt`` / 2 off the vertical.
"""

import re
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from data_prep.check_flip import FARTHEST, NEARER, NEAREST_FEWEST, NEAREST_SHARE, mean_shape, normal_shapes, turned
from gv.core.errors import InputError

TILTS = np.deg2rad(np.arange(-40, 41, 10))      # of the reflection, where the search begins
ROUNDS, FITS = 3, 20                            # of choosing frontal faces; of fitting the reflection, at most
# ASSUMED: the next best pairing has to be twice as far off, and farther by so many standard errors of the mean's landmarks
CONFIDENT, ERRORS = 0.5, 2
OTHER = {"left": "right", "right": "left", "l": "r", "r": "l"}
WORD, LETTER = re.compile(r"left|right", re.IGNORECASE), re.compile(r"(?<![A-Za-z])[lr](?![A-Za-z])", re.IGNORECASE)


@dataclass(frozen=True)
class Mirror:
    """pairs: [(i, j), ...] of landmarks that a mirror swaps, i < j. how: where they are from, in words. confidence: 0 to 1, or
    None where it is no guess."""

    pairs: list
    how: str
    confidence: float = None


def by_names(names):
    """The ``Mirror`` that names with left and right in them (or l and r, between other signs) say; None where none has.

    InputError where a side lacks the other.
    """
    keys = {name.lower(): i for i, name in enumerate(names)}
    pattern = next((one for one in (WORD, LETTER) if any(one.search(name) for name in names)), None)
    if pattern is None:
        return None
    pairs = set()
    for i, name in enumerate(names):
        swapped = pattern.sub(lambda found: OTHER[found[0].lower()], name.lower())
        if swapped != name.lower():
            if swapped not in keys:
                raise InputError("mirror pairs", f'"{name}" has no "{swapped}"', "both sides of a pair",
                                 'name it otherwise, or give "mirror_pairs" in a --layout file')
            pairs.add(tuple(sorted((i, keys[swapped]))))
    return Mirror(sorted(pairs), "by the names")


def by_symmetry(shapes):
    """The ``Mirror`` under which the mean of shapes [(L, 2), ...] is its own mirror image; faces stand upright, more or less.

    InputError where it cannot be told: no reflection fits, or another pairing fits nearly as well.
    """
    shapes = normal_shapes(np.array(shapes, np.float64))
    if not len(shapes):
        raise _refused("every face's landmarks are one point")
    if shapes.shape[1] == 1 or _both_profiles(shapes):
        how = "each onto itself: it is one landmark" if shapes.shape[1] == 1 else \
            "each onto itself: faces that look left are mirror images of those that look right, landmark by landmark"
        return Mirror([], how, 1.0)
    upright, flip = _upright(mean_shape(shapes), shapes), None
    for _ in range(ROUNDS):
        flip, distances = _reflect(upright)
        asymmetry = np.median(abs(turned(-shapes[:, flip].conj(), shapes) - shapes), axis=1)
        count = max(NEAREST_FEWEST, int(len(shapes) * NEAREST_SHARE))
        frontal = shapes[np.argsort(asymmetry, kind="stable")[:count]]
        upright = _upright(mean_shape(frontal), frontal)
    flip, distances = _reflect(upright)
    pairs = [(i, int(j)) for i, j in enumerate(flip) if i < j]
    own = distances[np.arange(len(flip)), flip]
    circling = np.flatnonzero(flip[flip] != np.arange(len(flip)))
    if len(circling):
        raise _refused(f"landmark {circling[0]} falls on one that falls on another", pairs)
    if own.max() > FARTHEST:
        raise _refused(f"mirrored, landmark {own.argmax()} falls {own.max():.3f} of the face from any partner", pairs)
    least, confidence, needed = _least_sure(flip, distances, _unsure(upright, frontal))
    if confidence < needed:
        raise _refused(f"landmark {least} could as well have another partner than {flip[least]} (confidence {confidence:.2f})",
                       pairs)
    how = f"by the symmetry of {len(shapes)} faces: mirrored landmarks fall within {own.max():.3f} of the face of their partners"
    return Mirror(pairs, how, round(float(confidence), 3))


def _refused(why, pairs=None):
    guess = f'; {{"mirror_pairs": {[list(pair) for pair in pairs]}}} fits best' if pairs is not None else ""
    return InputError("mirror pairs", f"cannot be told from the mean shape: {why}{guess}".replace("'", '"'),
                      'a --layout file with "mirror_pairs", names with left and right, or more faces')


def _both_profiles(shapes):
    """Whether the faces are those that look one way and the mirror images of such, landmark by landmark: profiles."""
    mirrored, first = -shapes.conj(), shapes[0]
    alike = abs(shapes - first).sum(1) <= abs(mirrored - first).sum(1)
    if alike.all():
        return False
    one, other = shapes[alike].mean(0), mirrored[~alike].mean(0)
    return abs(one - other).max() / _extent(one) < FARTHEST


def _extent(shape):
    return abs(shape[:, None] - shape[None]).max()


def _upright(mean, shapes):
    """The mean as the faces stand in their pictures."""
    turns = (shapes * mean.conj()).sum(1)
    turn = (turns / np.maximum(abs(turns), 1e-12)).sum()
    return mean * turn / max(abs(turn), 1e-12)


def _reflect(shape):
    """(flip (L,), distances (L, L) of each mirrored landmark to each, in shares of the extent) of the best reflection."""
    best = None
    for tilt in TILTS:
        flip = None
        for _ in range(FITS):
            mirrored = -shape.conj() * np.exp(1j * tilt)
            distances = abs(mirrored[:, None] - shape[None]) / _extent(shape)
            found = linear_sum_assignment(distances ** 2)[1]
            if flip is not None and (found == flip).all():
                break
            flip = found
            tilt = np.clip(tilt + np.angle((mirrored.conj() * shape[flip]).sum()), TILTS[0], TILTS[-1])
        cost = (distances[np.arange(len(flip)), flip] ** 2).sum()
        if best is None or cost < best[0]:
            best = cost, flip, distances
    return best[1:]


def _unsure(mean, shapes):
    """The standard error of each landmark of a mean of shapes, (L,), in shares of its extent; 0 of a single shape."""
    return np.sqrt((abs(turned(shapes, mean) / np.linalg.norm(mean) - mean) ** 2).mean(0) / len(shapes)) / _extent(mean)


def _least_sure(flip, distances, unsure):
    """(landmark, confidence, how much it needs) of the least sure landmark. Confidence: 1 - distance / distance of the next best
    pairing, on the mean of the landmarks that it moves; that has to be farther by ``NEARER``, and by ``ERRORS`` standard errors.
    """
    places, found = np.arange(len(flip)), []
    for i in places:
        barred = distances ** 2
        barred[i, flip[i]] = barred[flip[i], i] = 1e6
        other = linear_sum_assignment(barred)[1]
        moved = other != flip
        here, there = distances[places, flip][moved].mean(), distances[places, other][moved].mean()
        needed = max(CONFIDENT, max(NEARER, ERRORS * unsure[moved].mean()) / max(there, 1e-12))
        confidence = 1 - here / max(there, 1e-12)
        found.append((confidence - needed, i, confidence, needed))
    return min(found)[1:]
