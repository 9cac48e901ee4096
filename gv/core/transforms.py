"""Augmentation: pure functions of what they are given and a random generator.

Rotation, scale, shift and mirror are drawn as one matrix in crop pixels, so that a picture is resampled once;
occlusion and colour act on the crop (GV, Section 4.3).
"""

from dataclasses import dataclass

import cv2
import numpy as np

from gv.core.errors import InputError
from gv.core.geometry import compose, mirror_matrix, similarity_about


@dataclass(frozen=True)
class Augment:
    """How training crops vary; the defaults are Section 4.3 of the Gaussian Vector paper.

    rotation: largest angle in degrees, drawn with probability rotation_p. scale_min, scale_max: uniform factor.
    translate: largest shift, share of the crop's side. flip_p: probability of a mirror image.
    occlusion_p: probability of one rectangle of noise or flat colour, side at most occlusion_side of the crop.
    brightness, contrast: largest change, share (0 = off).
    """

    rotation: float = 30.0
    rotation_p: float = 0.5
    scale_min: float = 0.75
    scale_max: float = 1.25
    translate: float = 0.0
    flip_p: float = 0.5
    occlusion_p: float = 0.0
    occlusion_side: float = 0.4
    brightness: float = 0.0
    contrast: float = 0.0

    def __post_init__(self):
        for name in ("rotation_p", "flip_p", "occlusion_p", "occlusion_side", "translate", "brightness", "contrast"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(name, getattr(self, name), "0 to 1")
        if self.rotation < 0:
            raise InputError("rotation", self.rotation, "0 or more degrees")
        if not 0 < self.scale_min <= self.scale_max:
            raise InputError("scale_min, scale_max", f"{self.scale_min:g}, {self.scale_max:g}", "0 < scale_min <= scale_max")


def random_affine(rng, size, augment):
    """((2, 3) matrix in pixels of a size x size crop, whether it mirrors)."""
    centre = ((size - 1) / 2, (size - 1) / 2)
    turns = rng.random() < augment.rotation_p
    degrees = rng.uniform(-augment.rotation, augment.rotation) if turns else 0.0
    scale = rng.uniform(augment.scale_min, augment.scale_max)
    shift = rng.uniform(-augment.translate, augment.translate, 2) * size
    matrix = similarity_about(centre, degrees, scale, shift)
    mirrored = bool(rng.random() < augment.flip_p)
    return (compose(mirror_matrix(size), matrix) if mirrored else matrix), mirrored


def occlude(image, rng, largest_side):
    """A copy of the crop (S, S, 3) with one rectangle hidden under a flat colour or noise."""
    size = image.shape[0]
    height, width = (np.maximum(1, rng.uniform(0.1 * largest_side, largest_side, 2) * size)).astype(int)
    top, left = rng.integers(0, size - height + 1), rng.integers(0, size - width + 1)
    hidden = image.copy()
    if rng.random() < 0.5:
        hidden[top:top + height, left:left + width] = rng.integers(0, 256, 3)
    else:
        hidden[top:top + height, left:left + width] = rng.integers(0, 256, (height, width, 3))
    return hidden


def jitter_colour(image, rng, brightness, contrast):
    """A copy of the crop with its brightness and contrast changed by at most the given shares."""
    gain = 1 + rng.uniform(-contrast, contrast)
    bias = rng.uniform(-brightness, brightness) * 255
    table = np.clip((np.arange(256) - 128) * gain + 128 + bias, 0, 255).astype(np.uint8)
    return cv2.LUT(image, table)
