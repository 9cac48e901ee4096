"""From an index to batches: the Gluon data set, and an order of samples that a resumed run repeats exactly."""

import os
from dataclasses import dataclass

import cv2
import mxnet as mx
import numpy as np
from mxnet import gluon

from gv.core import geometry, transforms
from gv.core.errors import InputError, one_of
from gv.core.layouts import get_layout

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


def choose_faces(faces, count):
    """``count`` faces in an even spread over a list of them; 0 = all."""
    if not count or count >= len(faces):
        return faces
    return [faces[i] for i in np.linspace(0, len(faces) - 1, count).round().astype(int)]


def to_input(crops):
    """Crops (B, S, S, 3) uint8 to the net's input (B, 3, S, S) float32: RGB, ImageNet mean and deviation."""
    crops = np.asarray(crops)
    inputs = np.empty((len(crops), 3, *crops.shape[1:3]), np.float32)
    for crop, planes in zip(crops, inputs):
        for channel, table in enumerate(INPUT_TABLE):
            cv2.LUT(np.ascontiguousarray(crop[..., channel]), table, dst=planes[channel])
    return inputs


class FaceDataset(gluon.data.Dataset):
    """Faces of an index as (crop (S, S, 3) uint8, points_px (L, 2) float32 in crop pixels).

    folder: the index folder. augment: an ``Augment``, or None for evaluation. Each sample's randomness comes from
    (seed, epoch, index) alone, so it does not depend on workers, devices or where a run was resumed.
    """

    def __init__(self, folder, faces, layout, crop, augment=None, seed=0):
        self.folder, self.faces, self.crop, self.augment, self.seed = str(folder), faces, crop, augment, seed
        self.layout = get_layout(layout)
        self.epoch = 0

    def __len__(self):
        return len(self.faces)

    def picture(self, index):
        """The whole picture (H, W, 3) uint8 RGB of face ``index``."""
        return read_picture(os.path.join(self.folder, self.faces[index].image))

    def box(self, index):
        """The face's box as the crop policy has it; its landmarks' rectangle where the set gives none."""
        face = self.faces[index]
        given = face.box is not None and self.crop.boxes == "index"
        return face.box if given else geometry.tight_box(face.points)

    def matrix(self, index, shrink=0.0):
        """Image pixels to crop pixels of face ``index`` without augmentation, (2, 3)."""
        return self.crop.matrix(self.box(index), shrink)

    def points_px(self, index):
        """The face's landmarks (L, 2) in crop pixels without augmentation."""
        return geometry.transform_points(self.matrix(index), self.faces[index].points)

    def __getitem__(self, index):
        face, size = self.faces[index], self.crop.size
        matrix = self.matrix(index)
        if self.augment is None:
            crop = geometry.warp(self.picture(index), matrix, size)
            return crop, geometry.transform_points(matrix, face.points).astype(np.float32)
        rng = np.random.default_rng([self.seed, self.epoch, index])
        change, mirrored = transforms.random_affine(rng, size, self.augment)
        matrix = geometry.compose(change, matrix)
        crop = geometry.warp(self.picture(index), matrix, size)
        points = geometry.transform_points(matrix, face.points)
        if mirrored:
            points = points[np.asarray(self.layout.flip)]
        if self.augment.brightness or self.augment.contrast:
            crop = transforms.jitter_colour(crop, rng, self.augment.brightness, self.augment.contrast)
        if self.augment.occlusion_p and rng.random() < self.augment.occlusion_p:
            crop = transforms.occlude(crop, rng, self.augment.occlusion_side)
        return crop, points.astype(np.float32)


def epoch_order(count, seed, epoch):
    """The order of an epoch's samples: a permutation that depends on (seed, epoch) alone."""
    return np.random.default_rng([seed, epoch, count]).permutation(count)


def training_batches(dataset, batch, epoch, first_step=0):
    """Batches of one epoch from ``first_step`` on: (input (b, 3, S, S) float32, points_px (b, L, 2) float32).

    The last batch holds what is left over and may be smaller.
    """
    dataset.epoch = epoch
    for rows in batch_rows(dataset, batch, epoch, first_step):
        crops, points = cut(dataset, rows)
        yield to_input(crops), points


def batch_rows(dataset, batch, epoch, first_step=0):
    """The samples of each batch of one epoch from ``first_step`` on, as lists of int."""
    order = epoch_order(len(dataset), dataset.seed, epoch).tolist()
    return [order[start:start + batch] for start in range(first_step * batch, len(order), batch)]


def cut(dataset, rows):
    """Samples of a data set stacked: crops (b, S, S, 3) uint8, points_px (b, L, 2) float32."""
    crops, points = zip(*(dataset[row] for row in rows))
    return np.stack(crops), np.stack(points)


def split_batch(images, points, devices):
    """Share a batch among devices: a list of (images, points, weights (b,)) NDArrays, one a device.

    A batch that does not divide evenly gives the first devices one more; a device left with nothing gets one sample
    of weight 0, so that every device still takes part in the update.
    """
    shares = []
    for device, rows in zip(devices, np.array_split(np.arange(len(images)), len(devices))):
        weights = np.ones(max(1, len(rows)), np.float32)
        if len(rows) == 0:
            rows, weights = np.array([0]), np.zeros(1, np.float32)
        shares.append(tuple(mx.nd.array(values, ctx=device) for values in (images[rows], points[rows], weights)))
    return shares
