"""Whether a layout's flip map fits a set's landmarks: the mean shape mirrored, renumbered, against itself.

Shapes are complex numbers x + iy, (L,) each, centred, of unit size, turned upon each other (Procrustes). What a mirror cannot
tell: two landmarks of the face's middle line in the wrong order, or a landmark taken for its partner on the other side.
"""

import numpy as np
from scipy.optimize import linear_sum_assignment

FEWEST = 100  # faces; with fewer, more looking one way than the other pulls the mean out of its symmetry
NEAREST_SHARE, NEAREST_FEWEST = 0.25, 8  # the mean is of the faces nearest to their own mirror image: the frontal ones
ROUNDS = 5  # of aligning with the mean
# In shares of the mean's longest extent. A hundred faces drawn by lot, 60 times, from the landmarks of 300-W, AFLW and WFLW: no
# mirrored landmark fell farther than 0.05 from its place, and no other one-to-one match was nearer by more than 0.001. Two
# neighbours of 300-W or AFLW swapped: nearer by 0.02 or more (WFLW's lip corners nearly touch and are not told apart)
FARTHEST, NEARER = 0.06, 0.002


def flip_offences(shapes, flip):
    """([(landmark, why)], notes) of shapes [(L, 2), ...] and a flip map (L,)."""
    if len(shapes) < FEWEST:
        return [], [f"not tested: {len(shapes)} faces, under the {FEWEST} that a mean shape takes"]
    shapes, flip = normal_shapes(np.array(shapes)), np.asarray(flip)
    if not len(shapes):
        return [], ["not tested: every face's landmarks are one point"]
    if (flip == np.arange(len(flip))).all():
        return _offences(*_facing_means(shapes))
    mirrored = turned(-shapes[:, flip].conj(), shapes)
    asymmetry = np.median(abs(mirrored - shapes), axis=1)  # a wrong map of a few landmarks leaves the median
    count = max(NEAREST_FEWEST, int(len(shapes) * NEAREST_SHARE))
    mean = mean_shape(shapes[np.argsort(asymmetry, kind="stable")[:count]])
    return _offences(mean, turned(-mean[flip].conj(), mean))


def _facing_means(shapes):
    """(mean of the faces that look one way, mean of the mirrored others or None): for profiles, whose flip is the identity."""
    mirrored, first = -shapes.conj(), shapes[0]
    alike = np.linalg.norm(turned(shapes, first) - first, axis=1) <= np.linalg.norm(turned(mirrored, first) - first, axis=1)
    mean = mean_shape(shapes[alike])
    return mean, (turned(mean_shape(mirrored[~alike]), mean) if (~alike).any() else None)


def _offences(mean, mirrored):
    if mirrored is None:
        return [], ["not tested: every face looks the same way"]
    extent = abs(mean[:, None] - mean[None]).max()
    distances = abs(mirrored[:, None] - mean[None]) / extent  # of each mirrored landmark to each landmark
    own, places = np.diag(distances), np.arange(len(mean))
    match = linear_sum_assignment(distances ** 2)[1]  # one to one: noise alone does not swap two landmarks
    moved = match != places
    swapped = moved & (moved.any() and (own - distances[places, match])[moved].mean() > NEARER)
    found = []
    for i in places:
        if swapped[i]:
            found.append((int(i), f"its mirror image falls on landmark {match[i]}, {own[i]:.3f} of the face from its own place"))
        elif own[i] > FARTHEST:
            found.append((int(i), f"its mirror image falls {own[i]:.3f} of the face from its place"))
    return found, [f"mirrored landmarks fall within {own.max():.4f} of the face of their places"]


def normal_shapes(points):
    """Points (N, L, 2) as centred complex shapes of unit size; those without a size are dropped."""
    shapes = points[..., 0] + 1j * points[..., 1]
    shapes = shapes - shapes.mean(1, keepdims=True)
    sizes = np.linalg.norm(shapes, axis=1, keepdims=True)
    return shapes[sizes[:, 0] > 0] / sizes[sizes[:, 0] > 0]


def turned(shapes, target):
    """Shapes (..., L) turned upon the target as nearly as can be."""
    angle = (shapes.conj() * target).sum(-1, keepdims=True)
    return shapes * angle / np.maximum(abs(angle), 1e-12)


def mean_shape(shapes):
    mean = shapes[0]
    for _ in range(ROUNDS):
        mean = turned(shapes, mean).mean(0)
        mean = mean / max(np.linalg.norm(mean), 1e-12)
    return mean
