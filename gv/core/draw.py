"""Landmarks drawn on pictures."""

from pathlib import Path

import cv2
import numpy as np

from gv.core.errors import InputError
from gv.core.files import write_bytes
from gv.core.layouts import edges_of

PREDICTED, TRUE, BOX = (64, 255, 64), (255, 64, 64), (64, 128, 255)   # RGB: green, red, blue, as in the paper's Fig. 4
SMALLEST_SIDE = 480    # smaller pictures are enlarged, or lines and points would hide the face
FIXED_POINT_BITS = 4
FACE_UNITS = 150       # sides of a face, in widths of a line, from which on lines and points leave it to be seen


def draw_landmarks(image, points, colour=PREDICTED, box=None, edges=True, true=None, layout=None):
    """A copy of an image (H, W, 3) uint8 RGB with landmarks (L, 2) in its pixels, enlarged where it is small.

    true: ground truth (L, 2), drawn in red below. box: (x0, y0, x1, y1), drawn in blue. layout: as an index has it, for the
    lines; None: the known one of so many landmarks, if there is one.
    """
    canvas, zoom = _enlarged(image)
    _mark(canvas, zoom, points, colour, box, edges, true, layout)
    return canvas


def draw_faces(image, shapes, boxes, enlarge=True, layout=None):
    """The same for all faces of an image: landmarks (L, 2) and box (x0, y0, x1, y1) of each, no thicker than suits the face.

    enlarge: a small image is enlarged.
    """
    canvas, zoom = _enlarged(image) if enlarge else (image.copy(), 1)
    for points, box in zip(shapes, boxes):
        side = zoom * max(np.ptp(points, axis=0))
        _mark(canvas, zoom, points, PREDICTED, box, most=round(side / FACE_UNITS), layout=layout)
    return canvas


def _enlarged(image):
    """(a copy of the image, how many times larger it is)."""
    zoom = max(1, round(SMALLEST_SIDE / min(image.shape[:2])))
    return (image.copy() if zoom == 1 else cv2.resize(image, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_CUBIC)), zoom


def _mark(canvas, zoom, points, colour, box=None, edges=True, true=None, layout=None, most=None):
    """Draw into an enlarged image; coordinates are those of the image before. most: the widest line, in its pixels."""
    unit = round(min(canvas.shape[:2]) / 240)
    unit = max(1, unit if most is None else min(unit, most))

    def fixed(values):
        return np.round(((np.asarray(values) + 0.5) * zoom - 0.5) * (1 << FIXED_POINT_BITS)).astype(np.int32)

    if box is not None:
        x0, y0, x1, y1 = fixed(box)
        cv2.rectangle(canvas, (int(x0), int(y0)), (int(x1), int(y1)), BOX, unit, cv2.LINE_AA, FIXED_POINT_BITS)
    for shape, tint in ((true, TRUE), (points, colour)):
        if shape is None:
            continue
        places = fixed(shape)
        if edges:
            lines = [places[list(line)] for line in edges_of(layout, len(shape))]
            cv2.polylines(canvas, lines, False, tuple(int(c * 0.75) for c in tint), unit, cv2.LINE_AA, FIXED_POINT_BITS)
        radius = int(1.6 * unit * (1 << FIXED_POINT_BITS))
        for x, y in places:
            cv2.circle(canvas, (int(x), int(y)), radius, tint, -1, cv2.LINE_AA, FIXED_POINT_BITS)


def write_picture(path, image, *options):
    """Write an RGB image as the kind its suffix says, whole or not at all; options: of ``cv2.imencode``. Returns the path."""
    try:
        done, data = cv2.imencode(Path(path).suffix or ".", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), options)
    except cv2.error:
        done = False
    if not done:
        raise InputError(path, "cannot be written as a picture", "a name that ends in .png or .jpg")
    return write_bytes(path, data.tobytes())
