"""``Predictor``: a trained run, loaded once, that finds the landmarks of any number of faces."""

import mxnet as mx
import numpy as np

from gv.core import detectors, folding
from gv.core.config import fill
from gv.core.finding import Finder
from gv.core.method import as_list
from gv.core.pictures import to_input
from gv.core.run import open_run


class Predictor(Finder):
    """A trained run, ready to find landmarks: ``gv.load`` and ``anchorface.load`` give one.

    methods: {name: Method class}. folder: the run. device: an MXNet context. decoding: {option: value} of how outputs become
    points; where the method knows Beyond Box it is on, as the paper has it for prediction.
    """

    def __init__(self, methods, folder, device=None, decoding=None):
        super().__init__()
        self.device = device or mx.cpu()
        self.run, self.sidecar, fitted, net = open_run(methods, folder, [self.device])
        self.steps, self.spread = self.sidecar["step"], self.sidecar.get("coverage")
        self.fits = detectors.read_fits(folder)
        self.layout = self.run.layout
        decoding = prediction_decoding(self.run.method, decoding or {})
        quick, plain, self.tail = self.run.method.prediction(net, decoding, fitted, [self.device])
        self.net, _ = folding.fold(quick, plain, self.run.crop.size, [self.device])
        self.tail.hybridize(static_alloc=True)

    @property
    def crop(self):
        return self.run.crop

    def read(self, crops):
        values = as_list(self.net(mx.nd.array(to_input(crops), ctx=self.device)))
        points, *scores = (found.asnumpy() for found in as_list(self.tail(*values)))
        return points, np.asarray(scores[0], np.float64) if scores else np.full(points.shape[:2], np.nan)


def prediction_decoding(method, settings):
    """The method's ``Decoding`` for prediction: as published, with Beyond Box where the method has vectors for it."""
    beyond = {"beyond_box": True} if method.beyond_box else {}
    return fill(method.Decoding, {**beyond, **settings})
