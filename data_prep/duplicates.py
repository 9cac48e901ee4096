"""The same photograph among training and test faces: perceptual hashes of the faces, and the pairs that are too near.

A face's hash is the sign pattern of its lowest frequencies: its squared box in grey, 32 x 32, cosine transform, the 16 x 16
lowest but the mean, each above or below their median (pHash, with 255 bits for its 63: faces in boxes are too much alike).
"""

import re
from pathlib import PurePosixPath

import cv2
import numpy as np

from gv.core import geometry

CROP, SIDE, FREQUENCIES = 64, 32, 16
BITS = FREQUENCIES ** 2 - 1
# Of 255 bits. Measured on 2342 faces of 300-W (2.7 million pairs): the 125 pairs up to here are one photograph each, looked at
# one by one, often tinted, compressed or annotated anew; the first of two people lies at 58, and chance pairs halve every 2 bits
NEAR = 44
FLAT = 2.0  # grey levels of standard deviation below which a crop shows nothing to compare, e.g. a box beside the picture
SAME_FACE = 0.5  # overlap (intersection by union) of two boxes in one picture from which they are one face
BLOCK = 2048  # rows compared at a time: 2048 x 20,000 distances are 160 MB
PACKED = re.compile(r"-[0-9a-f]{16}$")  # what data_prep.pack adds to a name


def face_hash(grey, box):
    """The hash (255,) of the face in a box of a grey picture (H, W) uint8, as +1 and -1 (float32); None for a flat crop."""
    crop = geometry.warp(grey, geometry.crop_matrix(geometry.square_box(box), CROP), CROP)
    if crop.std() < FLAT:
        return None
    small = cv2.resize(crop, (SIDE, SIDE), interpolation=cv2.INTER_AREA).astype(np.float32)
    waves = cv2.dct(small)[:FREQUENCIES, :FREQUENCIES].ravel()[1:]
    return np.where(waves > np.median(waves), 1, -1).astype(np.float32)


def near_pairs(hashes, others, limit=NEAR):
    """[(i, j, distance)] of every hash (N, 255) and other hash (M, 255) that differ in at most ``limit`` bits, nearest first."""
    found = []
    for start in range(0, len(hashes), BLOCK):
        distances = np.rint((BITS - hashes[start:start + BLOCK] @ others.T) / 2).astype(int)
        found += [(start + int(i), int(j), int(distances[i, j])) for i, j in np.argwhere(distances <= limit)]
    return sorted(found, key=lambda pair: (pair[2], pair))


def overlap(box, other):
    """Intersection by union of two boxes."""
    width, height = (min(box[k + 2], other[k + 2]) - max(box[k], other[k]) for k in (0, 1))
    shared = max(0.0, width) * max(0.0, height)
    areas = sum((b[2] - b[0]) * (b[3] - b[1]) for b in (box, other))
    return shared / (areas - shared) if areas > shared else 0.0


def purpose(split):
    """What a split is for: "train", "val" or "test" (every other name: a test set or a subset of one)."""
    return next((name for name in ("train", "val") if split.startswith(name)), "test")


def bare_name(image):
    """A picture's path without its suffix and without what packing added."""
    path = PurePosixPath(image)
    return (path.parent / PACKED.sub("", path.stem)).as_posix()


def is_known(image, other, known):
    """Whether two pictures are one of the pairs [[name, name], ...] that a data set is known to hold."""
    names = bare_name(image), bare_name(other)
    return any(all(f"/{name}".endswith(f"/{end}") for name, end in zip(names, ends))
               for pair in known for ends in (pair, pair[::-1]))
