"""An exported model with its convolutions in eight bits, by ONNX Runtime's static quantisation, and what accuracy that costs."""

import logging
import os
import tempfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from gv.core import evaluate, geometry
from gv.core.commands import default_split
from gv.core.data import FaceDataset, choose_faces
from gv.core.exported import CROPS, INPUT, open_session, run_session
from gv.core.faces import read_split
from gv.core.pictures import to_input

BATCH = 16
QUANTISED = ("Conv",)      # nearly all of the work; the head and the decoding stay as they are


@contextmanager
def _quiet():
    """ONNX Runtime advises to fold the graph first, which is done."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


class _Faces(CalibrationDataReader):
    """Crops of faces, a batch at a time, as the model takes them."""

    def __init__(self, dataset, kind):
        self.batches = ({INPUT: crops if kind == CROPS else to_input(crops)} for crops in _batches(dataset))

    def get_next(self):
        return next(self.batches, None)


def _batches(dataset):
    for start in range(0, len(dataset), BATCH):
        yield np.stack([dataset[i][0] for i in range(start, min(start + BATCH, len(dataset)))])


def error(model, kind, dataset, index):
    """The NME of a written model on the faces of a data set, a share of the index's normaliser."""
    session = open_session(str(model))
    points = np.concatenate([run_session(session, kind, crops)[0] for crops in _batches(dataset)])
    placed = np.stack([geometry.transform_points(geometry.invert(dataset.matrix(i)), one) for i, one in enumerate(points)])
    return float(evaluate.face_errors(placed, dataset.faces, index.normaliser, index.layout).mean())


def quantise(path, run, index, kind, count, split=None):
    """Put the quantised model in the place of the one at ``path``; returns what it costs, as ``export`` reports it.

    count: training faces to calibrate on; split: to measure both on, the usual one where it is None.
    """
    split = split or default_split(index)

    def faces(name, most=0):
        return FaceDataset(index.folder, choose_faces(read_split(index, name), most), index.layout, run.crop)

    calibration, measured = faces("train", count), faces(split)
    path = Path(path)
    before = {"nme_float": error(path, kind, measured, index), "bytes_float": path.stat().st_size}
    with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
        made = os.path.join(scratch, path.name)
        with _quiet():
            quantize_static(str(path), made, _Faces(calibration, kind), quant_format=QuantFormat.QDQ, per_channel=True,
                            activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
                            op_types_to_quantize=list(QUANTISED))
        os.replace(made, path)
    return {"calibrated_on": len(calibration), "split": split, "faces": len(measured), "normaliser": index.normaliser,
            "nme": error(path, kind, measured, index), **before, "bytes": path.stat().st_size}
