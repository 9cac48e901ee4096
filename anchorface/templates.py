"""Anchor templates: what typical faces of the training set look like, turned every way (AnchorFace, Section 3.1).

N training shapes, L landmarks, K templates. A template (L, 2) is in shares of the input's side, centred on its centroid,
which is what sits on an anchor point (docs/readings.md). Angles are in degrees, positive = clockwise on the screen.
"""

from pathlib import Path

import numpy as np

from gv.core.errors import InputError
from gv.core.layouts import LAYOUTS

# {L: ((left inner, left outer), (right inner, right outer))}, left and right as in the picture: p_l1, p_l2, p_r1, p_r2 of Eq. 1
EYE_CORNERS = {19: ((8, 6), (9, 11)), 29: ((10, 8), (11, 9)), 68: ((39, 36), (42, 45)), 98: ((64, 60), (68, 72)),
               106: ((70, 66), (75, 79))}
BUCKETS = ("left", "frontal", "right")     # of Fig. 4: r > gamma, between, r < -gamma
KMEANS_STARTS = 10                         # the best of so many starts: scikit-learn's own default of old


def eye_indicator(points):
    """r of Eq. 1 for shapes (N, L, 2), in any unit: (N,), the ratio of the eyes' widths less its inverse.

    Where one eye has no width r is +inf (right eye shut in) or -inf (left eye); where neither has, 0: nothing tells the
    sides apart. InputError for a layout without two eyes.
    """
    points = np.asarray(points, np.float64)
    size = points.shape[1]
    if size not in EYE_CORNERS:
        raise InputError("design", f'"hand" with {size} landmarks, which have no two eyes',
                         f"a layout of {', '.join(map(str, EYE_CORNERS))} landmarks", "use design=kmeans")
    left, right = (np.linalg.norm(points[:, inner] - points[:, outer], axis=1) for inner, outer in EYE_CORNERS[size])
    with np.errstate(divide="ignore", invalid="ignore"):
        r = left / right - right / left
    return np.where((left == 0) & (right == 0), 0.0, r)


def buckets(points, gamma=6.0):
    """0, 1 or 2 for each shape (N, L, 2): left (r > gamma), frontal, right (r < -gamma)."""
    r = eye_indicator(points)
    return np.where(r > gamma, 0, np.where(r < -gamma, 2, 1))


def centred(shapes):
    """Shapes (..., L, 2) with their centroid at the origin, float64."""
    shapes = np.asarray(shapes, np.float64)
    return shapes - shapes.mean(axis=-2, keepdims=True)


def hand_prototypes(shapes, gamma=6.0):
    """The mean shapes (3, L, 2) of the left, frontal and right faces among shapes (N, L, 2)."""
    bucket, shapes = buckets(shapes, gamma), centred(shapes)
    for number, name in enumerate(BUCKETS):
        if not (bucket == number).any():
            raise InputError("design", f'"hand", but none of {len(shapes)} faces is in the {name} bucket (gamma = {gamma:g})',
                             "faces of every pose", "lower gamma, or use design=kmeans")
    return np.stack([shapes[bucket == number].mean(axis=0) for number in range(len(BUCKETS))])


def kmeans_prototypes(shapes, clusters=3, seed=0):
    """Cluster centres (clusters, L, 2) of shapes (N, L, 2), in order of how far right the nose is: as Fig. 5 shows them.

    Where no known scheme has so many landmarks, the quarter of them in the middle of the mean shape stands for the nose.
    """
    from sklearn.cluster import KMeans
    shapes = centred(shapes)
    if len(np.unique(shapes.reshape(len(shapes), -1), axis=0)) < clusters:
        raise InputError("clusters", clusters, f"at most the number of different training shapes ({len(shapes)} faces)",
                         "use fewer clusters, or more faces")
    found = KMeans(clusters, n_init=KMEANS_STARTS, random_state=seed).fit(shapes.reshape(len(shapes), -1))
    centres = centred(found.cluster_centers_.reshape(clusters, *shapes.shape[1:]))
    known, middle = LAYOUTS.get(shapes.shape[1]), np.linalg.norm(shapes.mean(axis=0), axis=1)
    nose = list(known.groups["nose"]) if known else np.argsort(middle, kind="stable")[:-(-len(middle) // 4)]
    return centres[np.argsort(centres[:, nose, 0].mean(axis=1), kind="stable")]


def rolled(shapes, count):
    """Shapes (M, L, 2), each turned about its centroid by 0, 1, ..., count - 1 times 360 / count: (M * count, L, 2)."""
    angles = 2 * np.pi * np.arange(count) / count
    turns = np.stack([np.cos(angles), -np.sin(angles), np.sin(angles), np.cos(angles)], axis=1).reshape(count, 2, 2)
    return np.einsum("rxy,mly->mrlx", turns, centred(shapes)).reshape(-1, *np.shape(shapes)[1:])


def depths(shape, face):
    """z (L,) of a shape (L, 2), in its unit, from a mean 3-D face (L, 3) laid over it under scaled orthographic projection.

    The projection is the least-squares affine one, its two rows replaced by the nearest pair of equal length at right angles.
    """
    face = np.asarray(face, np.float64) - np.mean(face, axis=0)
    affine = np.linalg.lstsq(face, centred(shape), rcond=None)[0].T           # (2, 3)
    u, scales, v = np.linalg.svd(affine, full_matrices=False)
    rows = u @ v
    return scales.mean() * face @ np.cross(rows[0], rows[1])


def pitched(shapes, degrees, face):
    """Shapes (M, L, 2), each turned in space about the horizontal axis by the angles (n,): (M * n, L, 2).

    face: the mean 3-D face (L, 3), x right, y down, z to the viewer, any unit; it lends the shapes their depth. A positive
    angle looks up.
    """
    face = np.asarray(face, np.float64)
    if face.shape != (np.shape(shapes)[1], 3) or not np.isfinite(face).all():
        raise InputError("mean_face", f"an array of shape {face.shape}", f"({np.shape(shapes)[1]}, 3), finite")
    turned = []
    for shape in centred(shapes):
        z = depths(shape, face)
        for angle in np.deg2rad(degrees):
            turned.append(np.stack([shape[:, 0], shape[:, 1] * np.cos(angle) - z * np.sin(angle)], axis=1))
    return centred(turned)


def read_mean_face(path, landmarks):
    """The mean 3-D face (L, 3) of a .npy file or a text of L lines x y z; InputError where it is not one."""
    if not path or not Path(path).is_file():
        raise InputError("mean_face", f'"{path}"' if path else "not given", f"a file of {landmarks} lines x y z",
                         "give one, or pitch=0")
    try:
        return np.load(path) if str(path).endswith(".npy") else np.loadtxt(path, ndmin=2)
    except ValueError as error:
        raise InputError(path, f"not an array ({error})", f"{landmarks} lines x y z") from None


def make_templates(shapes, design="kmeans", clusters=3, gamma=6.0, pitch=(0,), face=None, rolls=8, seed=0):
    """Templates (K, L, 2) from training shapes (N, L, 2) in shares of the input: prototypes, pitched, rolled.

    design: "kmeans" (``clusters`` of them) or "hand" (three, Eq. 1). pitch: angles in degrees, (0,) = upright only;
    others need ``face`` (L, 3). K = prototypes * pitches * rolls: 3 x 8 is KMeans-24, 3 x 16 KMeans-48, 3 x 1 KMeans-3.
    """
    prototypes = hand_prototypes(shapes, gamma) if design == "hand" else kmeans_prototypes(shapes, clusters, seed)
    if tuple(pitch) != (0,):
        prototypes = pitched(prototypes, pitch, face)
    return rolled(prototypes, rolls)
