"""Boxes, and the one affine map that carries a picture and its landmarks together.

Pixels: the centre of the top-left pixel is (0, 0), so a picture of width W spans [-0.5, W - 0.5]. A box is
(x0, y0, x1, y1). A matrix is (2, 3) float64 and maps (x, y, 1) to the new (x, y).
"""

import cv2
import numpy as np

from gv.core.errors import InputError

LARGE_PICTURE = 1 << 22     # pixels; of a larger picture only the region that a crop shows is averaged and warped

def tight_box(points):
    """The smallest (x0, y0, x1, y1) around points (L, 2)."""
    points = np.asarray(points, np.float64)
    return (*points.min(axis=0), *points.max(axis=0))


def box_size(box):
    """(width, height) of a box; InputError where it has no area."""
    width, height = box[2] - box[0], box[3] - box[1]
    if not (np.isfinite([width, height]).all() and width > 0 and height > 0):
        raise InputError("box", f"({', '.join(f'{v:g}' for v in box)})", "x0 < x1 and y0 < y1")
    return width, height


def resize_box(box, factor):
    """The box grown (factor > 1) or shrunk about its centre: each side times ``factor``."""
    width, height = box_size(box)
    cx, cy = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    half_w, half_h = width * factor / 2, height * factor / 2
    return (cx - half_w, cy - half_h, cx + half_w, cy + half_h)


def square_box(box):
    """The short side extended to the long one about the centre (GV, Section 4.3)."""
    width, height = box_size(box)
    half = max(width, height) / 2
    cx, cy = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return (cx - half, cy - half, cx + half, cy + half)


def enlarge_box(box, share):
    """Sides longer by ``share`` (0.25 = WFLW's 25 %), about the centre."""
    return resize_box(box, 1 + share)


def shrink_box(box, share):
    """Sides shorter by ``share`` in each dimension (0.1 = GV's Table 5), about the centre."""
    return resize_box(box, 1 - share)


def crop_matrix(box, size):
    """Image pixels to the pixels of a size x size crop: the box's edges fall on -0.5 and size - 0.5."""
    width, height = box_size(box)
    sx, sy = size / width, size / height
    return np.array([[sx, 0, -box[0] * sx - 0.5], [0, sy, -box[1] * sy - 0.5]])


def compose(outer, inner):
    """The matrix that applies ``inner``, then ``outer``."""
    full = np.vstack([inner, [0, 0, 1]])
    return np.asarray(outer) @ full


def invert(matrix):
    """The exact inverse of an affine matrix, (2, 3)."""
    linear = np.linalg.inv(np.asarray(matrix)[:, :2])
    return np.hstack([linear, -linear @ np.asarray(matrix)[:, 2:]])


def transform_points(matrix, points):
    """Points (..., 2) carried through the matrix, float64."""
    matrix = np.asarray(matrix)
    return np.asarray(points, np.float64) @ matrix[:, :2].T + matrix[:, 2]


def similarity_about(centre, degrees=0.0, scale=1.0, shift=(0.0, 0.0)):
    """Turn (positive = clockwise on the screen) and scale about ``centre``, then shift by pixels."""
    angle = np.deg2rad(degrees)
    linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    centre = np.asarray(centre, np.float64)
    return np.hstack([linear, (centre - linear @ centre + shift)[:, None]])


def mirror_matrix(size):
    """x' = size - 1 - x: a mirror about the pixel centres."""
    return np.array([[-1.0, 0.0, size - 1.0], [0.0, 1.0, 0.0]])


def mirror_back(points, flip, size):
    """Landmarks (..., L, 2) that were found in mirrored crops, as those of the crops: renamed by a layout's ``flip``."""
    return transform_points(mirror_matrix(size), np.asarray(points)[..., np.asarray(flip), :])


def _region(image, matrix, size, margin):
    """The part of an image that a crop shows, ``margin`` pixels wider, and the matrix from it; the part may be empty."""
    corners = transform_points(invert(matrix), [(x, y) for x in (-0.5, size - 0.5) for y in (-0.5, size - 0.5)])
    low = np.maximum(np.floor(corners.min(axis=0)) - margin, 0)
    high = np.minimum(np.ceil(corners.max(axis=0)) + margin + 1, image.shape[1::-1])
    if (high <= low).any():
        return image[:0], matrix
    (x0, y0), (x1, y1) = low.astype(int), high.astype(int)
    return np.ascontiguousarray(image[y0:y1, x0:x1]), compose(matrix, np.array([[1.0, 0, x0], [0, 1.0, y0]]))


def warp(image, matrix, size):
    """The size x size crop of an image (H, W, 3) uint8 under ``matrix``; what lies outside the picture is 0.

    Bilinear. A picture at least twice too large is first averaged down by a whole factor, so that a crop of a
    10-megapixel picture is not a sample of isolated pixels.
    """
    matrix = np.asarray(matrix, np.float64)
    scale = np.sqrt(abs(np.linalg.det(matrix[:, :2])))
    factor = int(1 / scale) if scale > 0 else 1
    if image.shape[0] * image.shape[1] > LARGE_PICTURE:
        image, matrix = _region(image, matrix, size, 2 * factor + 2)
        if not image.size:
            return np.zeros((size, size, 3), np.uint8)
    if factor > 1:
        height, width = image.shape[:2]
        small = cv2.resize(image, (max(1, round(width / factor)), max(1, round(height / factor))), interpolation=cv2.INTER_AREA)
        fx, fy = width / small.shape[1], height / small.shape[0]
        matrix = compose(matrix, np.array([[fx, 0, (fx - 1) / 2], [0, fy, (fy - 1) / 2]]))
        image = small
    return cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
