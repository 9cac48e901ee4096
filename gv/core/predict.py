"""From a picture to landmarks: ``Predictor`` loads a run once and reads any number of faces."""

import mxnet as mx
import numpy as np

from gv.core import detector, geometry
from gv.core.config import fill
from gv.core.data import to_input
from gv.core.errors import InputError
from gv.core.method import as_list
from gv.core.run import build_net, load_run


class Predictor:
    """A trained run, ready to find landmarks.

    methods: {name: Method class}. folder: the run. device: an MXNet context. reading: {option: value} of how outputs are
    read; where the method knows Beyond Box it is on, as the paper has it for prediction.
    """

    def __init__(self, methods, folder, device=None, reading=None):
        self.device = device or mx.cpu()
        self.run, self.sidecar, arrays = load_run(methods, folder)
        self.net = build_net(self.run, arrays, folder, [self.device])
        self.decoder = self.run.method.ready_decoder(prediction_reading(self.run.method, reading or {}), arrays, self.device)
        self.find_faces = None

    def faces(self, image):
        """Boxes of the faces in an image (H, W, 3) RGB, as the net wants them, largest first: a list of (x0, y0, x1, y1)."""
        if self.find_faces is None:
            self.find_faces = detector.FaceDetector()
        return [detector.map_box(box, self.run.crop.detector) for box in self.find_faces(image)]

    def __call__(self, image, boxes):
        """Landmarks (N, L, 2) in image pixels of N boxes (x0, y0, x1, y1) in an image (H, W, 3) uint8 RGB."""
        if not len(boxes):
            return np.zeros((0, self.run.landmarks, 2))
        for box in boxes:
            check_box(box, image)
        matrices = [self.run.crop.matrix(box) for box in boxes]
        crops = np.stack([geometry.warp(image, matrix, self.run.crop.size) for matrix in matrices])
        points = self.decoder(*as_list(self.net(mx.nd.array(to_input(crops), ctx=self.device)))).asnumpy()
        return np.stack([geometry.transform_points(geometry.invert(m), p) for m, p in zip(matrices, points)])


def prediction_reading(method, settings):
    """The method's ``Reading`` for prediction: as published, with Beyond Box where the method has vectors for it."""
    beyond = {"beyond_box": True} if method.beyond_box else {}
    return fill(method.Reading, {**beyond, **settings})


def check_box(box, image):
    """InputError unless the box has an area and shares some with the picture."""
    geometry.box_size(box)
    height, width = image.shape[:2]
    if box[2] <= -0.5 or box[3] <= -0.5 or box[0] >= width - 0.5 or box[1] >= height - 0.5:
        raise InputError("--box", f"({', '.join(f'{v:g}' for v in box)}) lies outside the picture",
                         f"a box that overlaps its {width} x {height} pixels")
