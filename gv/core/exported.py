"""``Exported``: an exported run that finds the landmarks of any number of faces by ONNX Runtime. Nothing here needs MXNet.

    from gv.core.exported import Exported
    faces = Exported("exported")("picture.jpg")        # faces[0].points, .box, .scores
"""

import json
import os
from pathlib import Path

import numpy as np

from gv.core import detectors
from gv.core.config import fill
from gv.core.errors import InputError
from gv.core.faces import NOT_JSON
from gv.core.finding import Finder
from gv.core.own_layout import layout_of
from gv.core.pictures import Crop, to_input

MODEL, DESCRIPTION = "model.onnx", "model.json"
INPUT, POINTS, SCORES = "data", "points", "scores"
CROPS, NORMALISED = "crops", "normalised"


def is_exported(folder):
    """Whether a folder holds an exported ONNX model."""
    return Path(folder, MODEL).is_file() and Path(folder, DESCRIPTION).is_file()


def read_description(folder):
    """What export wrote beside the model, as a dict; InputError where it is none."""
    path = Path(folder, DESCRIPTION)
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        found = {**found, "crop": fill(Crop, found["crop"]), "layout": layout_of(found, path),
                 "detectors": detectors.check_fits(found.get("detectors", {}))}
        if found["input"]["kind"] not in (CROPS, NORMALISED):
            raise ValueError(f"input {found['input']['kind']}")
        return found
    except NOT_JSON as error:
        raise InputError(path, f"no description of a model ({type(error).__name__}: {error})", "the file that export wrote",
                         "export the run again") from None


def open_session(model, devices="cpu:0"):
    """An ONNX Runtime session of a model's path or bytes. devices: "cpu:0", or "gpu:0" where a build for GPUs is installed.

    On the CPU it uses OMP_NUM_THREADS threads. InputError where ONNX Runtime is not installed or takes neither.
    """
    try:
        import onnxruntime
    except ImportError:
        raise InputError("onnxruntime", "is not installed", "ONNX Runtime", "pip install onnxruntime") from None
    kind, _, number = devices.partition(":")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = int(os.environ.get("OMP_NUM_THREADS", 0) or 0)
    providers = ["CPUExecutionProvider"]
    if kind == "gpu":
        if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
            raise InputError("--devices", devices, "cpu:0", "this ONNX Runtime has no CUDA: pip install onnxruntime-gpu")
        providers.insert(0, ("CUDAExecutionProvider", {"device_id": int(number.split(",")[0] or 0)}))
    try:
        return onnxruntime.InferenceSession(model, options, providers=providers)
    except Exception as error:      # ONNX Runtime has a class of its own for each fault, and no name for all
        raise InputError(model if isinstance(model, str) else "model", f"cannot be read ({str(error).splitlines()[0][:120]})",
                         "the model that export wrote", "export the run again") from None


def run_session(session, kind, crops):
    """(points (B, L, 2), scores (B, L), NaN where there are none) of crops (B, S, S, 3) uint8. kind: of the model's input."""
    points, *scores = session.run(None, {INPUT: np.ascontiguousarray(crops) if kind == CROPS else to_input(crops)})
    return points, np.asarray(scores[0], np.float64) if scores else np.full(points.shape[:2], np.nan)


def load(folder, devices, decoding):
    """``Exported``; InputError where a decoding is asked for, {option: value}: it is part of the model."""
    if decoding:
        raise InputError(folder, f"exported, asked for {', '.join(decoding)}", "none: how outputs become points is part of it",
                         "give it to export, as --set")
    return Exported(folder, devices)


class Exported(Finder):
    """An exported folder, ready to find landmarks; called as ``predict.Predictor`` is. devices: see ``open_session``."""

    def __init__(self, folder, devices="cpu:0"):
        super().__init__()
        self.description = read_description(folder)
        self.steps, self.spread = self.description.get("steps", 0), self.description.get("coverage")
        self.fits = self.description["detectors"]
        self.layout = self.description["layout"]
        self.session = open_session(os.fspath(Path(folder, MODEL)), devices)

    @property
    def crop(self):
        return self.description["crop"]

    def read(self, crops):
        return run_session(self.session, self.description["input"]["kind"], crops)
