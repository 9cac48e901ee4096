"""OpenCV's bundled frontal-face cascade, and the map from its boxes to the boxes a net was trained on."""

import os
import sys

import cv2
import numpy as np
from tqdm import tqdm

from gv.core import geometry
from gv.core.errors import InputError

CASCADE = "haarcascade_frontalface_alt2.xml"
SCALE_STEP, NEIGHBOURS, SMALLEST = 1.1, 4, 24   # detectMultiScale; the smallest face in pixels
MATCH_IOU = 0.3                                 # a detection belongs to a face from this overlap on
FEWEST_MATCHES = 20                             # fewer say nothing about the map
# longer sides, in pixels, that a picture is made no larger than for the search: the second where the first finds no face. What a
# search costs grows with the square; faces of 24 pixels at 256 are 9 % of the picture (docs/results/face_search.md)
SIDES = (256, 1024)


class FaceDetector:
    """Frontal faces in a picture: those of at least 9 % of its longer side, or, where there is none, smaller ones.

    sides: at which it is searched, one after the other until a face is found.
    """

    def __init__(self, sides=SIDES):
        self.sides = sides
        self.cascade = cv2.CascadeClassifier(os.path.join(cv2.data.haarcascades, CASCADE))

    def __call__(self, image):
        """Boxes (N, 4) in image pixels of an image (H, W, 3) uint8 RGB, largest first."""
        whole = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        boxes = np.empty((0, 4))
        for side in self.sides:
            boxes = self._search(whole, side)
            if len(boxes) or max(whole.shape) <= side:
                break
        return boxes[np.argsort(boxes[:, 0] - boxes[:, 2])]

    def _search(self, grey, side):
        shrink = max(1.0, max(grey.shape) / side)
        if shrink > 1:
            grey = cv2.resize(grey, None, fx=1 / shrink, fy=1 / shrink, interpolation=cv2.INTER_AREA)
        found = self.cascade.detectMultiScale(cv2.equalizeHist(grey), SCALE_STEP, NEIGHBOURS, minSize=(SMALLEST, SMALLEST))
        return np.array([(x, y, x + w, y + h) for x, y, w, h in found], np.float64).reshape(-1, 4) * shrink - 0.5


def overlap(a, b):
    """Intersection over union of two boxes."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)


def best_match(boxes, target):
    """The detection that overlaps the target's square most, or None below MATCH_IOU."""
    square = geometry.square_box(target)
    scored = [(overlap(box, square), tuple(box)) for box in boxes]
    score, box = max(scored, default=(0.0, None))
    return box if score >= MATCH_IOU else None


def fit_mapping(pairs):
    """(dx, dy, scale) in widths of the detected box, medians over [(detected box, trained-on box)]; None for too few."""
    if len(pairs) < FEWEST_MATCHES:
        return None
    rows = []
    for found, target in pairs:
        square, side = geometry.square_box(target), found[2] - found[0]
        rows.append(((square[0] + square[2] - found[0] - found[2]) / 2 / side,
                     (square[1] + square[3] - found[1] - found[3]) / 2 / side, (square[2] - square[0]) / side))
    return tuple(float(value) for value in np.median(rows, axis=0))


def map_box(box, mapping):
    """The box to crop for a detected one."""
    if mapping is None:
        raise InputError("face detector", "this run cannot use it: it was trained without a fit to the detector's boxes",
                         "the face's box", "give --box x0,y0,x1,y1 (in Python boxes=[(x0, y0, x1, y1)]), or call fit-detector, "
                         f"or train with --set detector_faces=400 where the detector finds at least {FEWEST_MATCHES} faces")
    dx, dy, scale = mapping
    side = box[2] - box[0]
    cx, cy, half = (box[0] + box[2]) / 2 + dx * side, (box[1] + box[3]) / 2 + dy * side, side * scale / 2
    return (cx - half, cy - half, cx + half, cy + half)


def mean_overlap(pairs, mapping):
    """Mean overlap of the mapped boxes with the trained-on boxes' squares, over [(detected box, trained-on box)]."""
    return float(np.mean([overlap(map_box(box, mapping), geometry.square_box(target)) for box, target in pairs]))


def match_faces(dataset, count, find, name):
    """([(detected box, trained-on box)], faces tried) by a detector ``find``, of up to ``count`` faces, evenly spread."""
    pairs = []
    rows = np.unique(np.linspace(0, len(dataset) - 1, min(count, len(dataset))).astype(int))
    for i in tqdm(rows, desc=f"matching {name} to the training boxes", unit="face", leave=False):
        match = best_match(find(dataset.picture(i)), dataset.box(i))
        if match is not None:
            pairs.append((match, dataset.box(i)))
    return pairs, len(rows)


def fit_detector(dataset, count):
    """The cascade's mapping for a data set's boxes, from up to ``count`` of its faces; None where too few are found."""
    pairs, tried = match_faces(dataset, count, FaceDetector(), "OpenCV's face detector")
    if len(pairs) < FEWEST_MATCHES:
        print(f"OpenCV's face detector found {len(pairs)} of {tried} training faces; its boxes are fitted from "
              f"{FEWEST_MATCHES} on: this run will predict only in boxes that are given", file=sys.stderr, flush=True)
    return fit_mapping(pairs)
