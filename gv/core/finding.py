"""From a picture to landmarks, whatever finds them in a crop. Nothing here needs MXNet."""

import os
from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from gv.core import coverage, detector, detectors, geometry
from gv.core.errors import InputError
from gv.core.layouts import Layout, get_layout
from gv.core.pictures import read_picture

FEW_STEPS = 100       # of training, below which an error is that of a net that has hardly begun
MOST_AT_ONCE = 32     # faces in one batch: memory does not grow with the faces of a picture


@dataclass(frozen=True)
class FoundFace:
    """One face of a picture.

    points: (L, 2) float64, x and y in pixels of the picture, the centre of its top-left pixel being (0, 0); in the order of the
    layout the run was trained with. box: (x0, y0, x1, y1) in the same pixels, that the points were looked for in. scores: (L,)
    float64, how sure the net is of each landmark, from 0 to 1; NaN where the method has no such figure.
    """

    points: np.ndarray
    box: tuple
    scores: np.ndarray


class Finder(ABC):
    """Finds the landmarks of any number of faces. steps: of training; spread: how the training faces fill their crops, as
    ``coverage.spread`` gives it, or None. layout: of the landmarks, as an index has it, or None where nothing says. detector:
    which one looks for faces; fits: how the boxes of detectors map, as ``detectors.read_fits`` gives it. mirrored: whether
    landmarks and scores are the mean over a crop and its mirror image."""

    steps, spread, layout, mirrored = 0, None, None, False

    def __init__(self):
        self.detector, self.find_faces, self.fits = detectors.CASCADE, None, {}

    @property
    def names(self):
        """What the landmarks are called, in their order; () where they go by number."""
        return self.layout.names if isinstance(self.layout, Layout) else ()

    @property
    @abstractmethod
    def crop(self):
        """The ``pictures.Crop`` of the training."""

    @abstractmethod
    def read(self, crops):
        """(points (B, L, 2) in crop pixels, scores (B, L), NaN where there are none) of crops (B, S, S, 3) uint8 RGB."""

    @property
    def maps(self):
        """{detector: (dx, dy, scale)} of the detectors that were fitted to the boxes of the training."""
        return detectors.maps_of(self.crop, self.fits)

    def use(self, name, mirrored=False):
        """Look for faces by another detector (``detectors.DETECTORS``, or "auto"), and, mirrored, at each crop's mirror image, in
        twice the time; returns this finder. InputError where there is no detector of that name, it is not installed, or it has no
        map, and where no layout says what a mirror swaps."""
        if mirrored and self.layout is None:
            raise InputError("mirrored", "this net's landmarks have no layout", "one, which says what a mirror swaps",
                             "leave it out")
        self.detector, self.find_faces = detectors.open_detector(name, self.maps)
        self.mirrored = mirrored
        return self

    def faces(self, image):
        """Boxes of the faces in an image (H, W, 3) RGB, as the net wants them, largest first: a list of (x0, y0, x1, y1)."""
        if self.find_faces is None:
            self.find_faces = detectors.make(self.detector)
        mapping = self.maps.get(self.detector)
        return [detector.map_box(box, mapping) for box in self.find_faces(image)]

    def __call__(self, picture, boxes=None):
        """[FoundFace, ...] of a picture.

        picture: a path, whose EXIF orientation is followed, or an array (H, W, 3) uint8 RGB. boxes: (N, 4), each (x0, y0, x1, y1)
        in pixels of the picture, in whose order the faces come; without them the detector looks for faces (OpenCV's cascade, of
        frontal ones, unless another was chosen), and the largest comes first. InputError for what is no picture and for a box
        that has no area or lies outside.
        """
        image = read_picture(picture, upright=True) if isinstance(picture, (str, os.PathLike)) else check_image(picture)
        boxes = self.faces(image) if boxes is None else [check_box(box, image) for box in boxes]
        found = []
        for start in range(0, len(boxes), MOST_AT_ONCE):
            found += self._find(image, boxes[start:start + MOST_AT_ONCE])
        return found

    def other_boxes(self, faces):
        """One line where given boxes of found faces are not like those of the training (``coverage.difference``), or ""."""
        if self.steps < FEW_STEPS:     # its points say nothing yet
            return ""
        found = [coverage.coverage(geometry.transform_points(self.crop.matrix(face.box), face.points), self.crop.size)
                 for face in faces]
        return coverage.difference(self.spread, found, "give boxes of the kind it was trained with", coverage.PREDICTED_TOLERANCE)

    def _look(self, crops):
        """``read``, of mirror images too where they are asked for."""
        points, scores = self.read(crops)
        if self.mirrored:
            flip = get_layout(self.layout).flip
            twins, twin_scores = self.read(np.ascontiguousarray(crops[:, :, ::-1]))
            points = (points + geometry.mirror_back(twins, flip, self.crop.size)) / 2
            scores = (scores + twin_scores[:, np.asarray(flip)]) / 2
        return points, scores

    def _find(self, image, boxes):
        """[FoundFace, ...] of a few boxes, in one batch."""
        matrices = [self.crop.matrix(box) for box in boxes]
        points, scores = self._look(np.stack([geometry.warp(image, matrix, self.crop.size) for matrix in matrices]))
        return [FoundFace(geometry.transform_points(geometry.invert(matrix), one), tuple(float(v) for v in box), score)
                for matrix, box, one, score in zip(matrices, boxes, points, scores)]


def check_image(image):
    """The array of a picture, if it is one; InputError otherwise."""
    shape, kind = getattr(image, "shape", None), getattr(image, "dtype", None)
    if shape is None or len(shape) != 3 or shape[2] != 3 or kind != np.uint8 or 0 in shape:
        raise InputError("picture", f"{type(image).__name__} of shape {shape} and type {kind}",
                         "a path, or an array (H, W, 3) of uint8, RGB", "cv2.imread gives BGR: turn it with image[:, :, ::-1]")
    return np.ascontiguousarray(image)


def check_box(box, image):
    """The box as four numbers, if it has an area and shares some with the picture; InputError otherwise."""
    try:
        box = tuple(float(value) for value in box)
    except (TypeError, ValueError):
        box = ()
    if len(box) != 4:
        raise InputError("box", f"{len(box)} numbers", "x0, y0, x1, y1 in pixels")
    geometry.box_size(box)
    height, width = image.shape[:2]
    if box[2] <= -0.5 or box[3] <= -0.5 or box[0] >= width - 0.5 or box[1] >= height - 0.5:
        raise InputError("--box", f"({', '.join(f'{v:g}' for v in box)}) lies outside the picture",
                         f"a box that overlaps its {width} x {height} pixels")
    return box
