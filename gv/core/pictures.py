"""Pictures, the crops of faces in them, and crops as a net's input. Nothing here needs MXNet."""

import os
from dataclasses import dataclass

import cv2
import numpy as np

from gv.core import geometry
from gv.core.errors import InputError, one_of

IMAGENET_MEAN = np.array([0.485, 0.456, 0.406], np.float32)  # the usual figures for RGB in [0, 1]
IMAGENET_STD = np.array([0.229, 0.224, 0.225], np.float32)
# (3, 256): what each value of each channel becomes; looking it up takes half the time of working it out for every pixel
INPUT_TABLE = np.ascontiguousarray(((np.arange(256, dtype=np.float32)[:, None] / 255 - IMAGENET_MEAN) / IMAGENET_STD).T)

LARGEST_PICTURE, LARGEST_SIDE = 1 << 30, 1 << 20      # OpenCV's own limits
PIXELS_AT_ONCE = 1 << 22
IN_PLACE = "dst" in (cv2.imread.__doc__ or "")     # OpenCV 4.11
SHORT_DEPTHS = (10, 12)      # bits that cameras put into 16
BOXES, SQUARES = ("index", "landmarks"), ("extend", "stretch")


@dataclass(frozen=True)
class Crop:
    """How a face's box becomes the net's input; saved with the weights.

    size: side of the input in pixels. boxes: the "index"'s, or the "landmarks"' rectangle; enlarge: share added to the squared
    box. Both are the method's where they are not given (GV, Section 4.3: the rectangle, WFLW 0.25, COFW 0.1, others 0).
    square: "extend" the short side to the long one, or "stretch" the box. detector: map from a cascade's box to the
    boxes trained on, (dx, dy, scale) in widths of the detected box; None where it was not fitted.
    """

    size: int = 256
    enlarge: float = 0.0
    square: str = "extend"
    detector: tuple = None
    boxes: str = "index"

    def __post_init__(self):
        one_of("boxes", self.boxes, BOXES)
        one_of("square", self.square, SQUARES)
        if self.size < 32 or self.size % 16:
            raise InputError("size", self.size, "a multiple of 16, at least 32")

    def matrix(self, box, shrink=0.0):
        """Image pixels to crop pixels, (2, 3); ``shrink`` is taken off the given box first (Table 5)."""
        box = geometry.shrink_box(box, shrink) if shrink else box
        box = geometry.square_box(box) if self.square == "extend" else box
        return geometry.crop_matrix(geometry.enlarge_box(box, self.enlarge), self.size)


def read_picture(path, upright=False):
    """A picture as (H, W, 3) uint8 RGB; InputError where it is missing or no picture.

    Pixels are taken as stored: the landmarks of the data sets were set without the EXIF orientation. upright: turned as that
    orientation says, as viewers show it. Sixteen bits are taken as such unless none but the lower 10 or 12 are used, as
    cameras store them: no photo is that dark.
    """
    if not os.path.isfile(path):
        raise InputError(path, "no such picture", "a readable jpg or png",
                         "check the path; of a data set, restore it, or prepare the index again")
    flags = cv2.IMREAD_COLOR | (0 if upright else cv2.IMREAD_IGNORE_ORIENTATION)
    try:
        picture = _decode(path, flags | cv2.IMREAD_ANYDEPTH)
        if picture is not None and picture.dtype != np.uint8:
            picture = _in_eight_bits(picture) if picture.dtype == np.uint16 else _decode(path, flags)
    except cv2.error as error:      # of a header that announces more than OpenCV takes
        if "pixels" not in str(error).lower():
            raise
        raise InputError(path, "a picture of too many pixels", f"at most {LARGEST_PICTURE} pixels, {LARGEST_SIDE} on a side",
                         "cut it, or make it smaller") from None
    if picture is None:
        raise InputError(path, "not a picture", "a readable jpg or png",
                         "replace the file; of a data set, or prepare the index again")
    count = max(1, PIXELS_AT_ONCE // picture.shape[1])
    for start in range(0, len(picture), count):     # in place: of a large picture there is no room for two
        rows = picture[start:start + count]
        rows[...] = cv2.cvtColor(rows, cv2.COLOR_BGR2RGB)
    return picture


def _decode(path, flags):
    """What OpenCV makes of a file, or None. Into an array of ours where it can, which takes half the memory; it ends the process
    on a name that is no UTF-8."""
    name = os.fspath(path)
    if IN_PLACE and name.encode("utf-8", "replace").decode("utf-8") == name:
        return cv2.imread(name, None, flags)
    data = np.fromfile(path, np.uint8)
    return cv2.imdecode(data, flags) if data.size else None


def _in_eight_bits(picture):
    """A 16-bit picture with 8 bits: of the 10, 12 or 16 bits in use, the upper ones."""
    largest = int(picture.max())
    bits = next(bits for bits in (*SHORT_DEPTHS, 16) if largest < 1 << bits)
    return (picture >> (bits - 8)).astype(np.uint8)


def to_input(crops):
    """Crops (B, S, S, 3) uint8 to the net's input (B, 3, S, S) float32: RGB, ImageNet mean and deviation."""
    crops = np.asarray(crops)
    inputs = np.empty((len(crops), 3, *crops.shape[1:3]), np.float32)
    for crop, planes in zip(crops, inputs):
        for channel, table in enumerate(INPUT_TABLE):
            cv2.LUT(np.ascontiguousarray(crop[..., channel]), table, dst=planes[channel])
    return inputs
