"""A run: what a net was trained with, on disk as ``config.json`` and ready to be built again."""

import json
import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from gv.core import checkpoint
from gv.core.config import Training, fill, fill_parts, jsonable
from gv.core.data import Crop
from gv.core.errors import InputError
from gv.core.transforms import Augment

CONFIG_FILE = "config.json"


@dataclass(frozen=True)
class Run:
    """method: a Method; landmarks: points a face; the rest: the options of each part. start: what the weights began as."""

    method: object
    landmarks: int
    crop: Crop
    augment: Augment
    training: Training
    preset: str = ""

    def config(self):
        """Every option, resolved, as plain JSON values."""
        parts = jsonable({"options": self.method.options, "crop": self.crop, "augment": self.augment, "training": self.training})
        return {"method": self.method.name, "preset": self.preset, "landmarks": self.landmarks, **parts}

    def with_detector(self, mapping):
        """The same run with the cascade's map in its crop policy."""
        return replace(self, crop=replace(self.crop, detector=mapping))


def get_method(methods, name):
    """The method class of a name; InputError lists the names."""
    if name not in methods:
        raise InputError("--method", f'"{name}"', f"one of {', '.join(methods)}")
    return methods[name]


def plan(methods, name, preset, settings, landmarks, source=""):
    """A Run from a preset and {option: value} settings on top of it. source: the index's, for the method's own crop policy."""
    method = get_method(methods, name)
    if preset not in method.PRESETS:
        raise InputError("--preset", f'"{preset}"', f"one of {', '.join(method.PRESETS)}")
    kinds = {"options": method.Options, "crop": Crop, "augment": Augment, "training": Training}
    parts = fill_parts(kinds, {**method.crop_defaults(source), **method.PRESETS[preset], **settings})
    crop = parts["crop"]
    return Run(method(parts["options"], crop.size), landmarks, crop, parts["augment"], parts["training"], preset)


def from_config(methods, config, where):
    """The Run a config.json or a sidecar describes; InputError where it is not one."""
    try:
        method = get_method(methods, config["method"])
        crop = fill(Crop, config["crop"])
        return Run(method(fill(method.Options, config["options"]), crop.size), int(config["landmarks"]), crop,
                   fill(Augment, config["augment"]), fill(Training, config["training"]), config.get("preset", ""))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(where, f"not a run's config ({type(error).__name__}: {error})", "the config.json that train wrote",
                         "train again") from None


def write_json(path, values):
    """JSON, whole or not at all."""
    path = Path(path)
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
    os.replace(temporary, path)


def load_run(methods, folder):
    """(Run, sidecar, arrays) of a trained run's folder."""
    if not Path(folder).is_dir():
        raise InputError(folder, "no such run", "a folder written by train", "check --run")
    sidecar = checkpoint.read_sidecar(folder)
    run = from_config(methods, sidecar.get("config"), Path(folder) / checkpoint.FOLDER / checkpoint.SIDECAR)
    return run, sidecar, read_arrays(sidecar)


def read_arrays(sidecar):
    """What the method learnt before training, {name: float64 array}, out of a sidecar."""
    return {name: np.array(value, np.float64) for name, value in (sidecar.get("arrays") or {}).items()}


def build_net(run, arrays, folder, devices):
    """The run's net with its trained weights, hybridized, on ``devices``."""
    weights = checkpoint.load(folder)
    net = run.method.net(run.landmarks, arrays)
    net.initialize(ctx=devices)
    checkpoint.scatter(net, weights, Path(folder) / checkpoint.FOLDER)
    net.hybridize(static_alloc=True)
    return net
