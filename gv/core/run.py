"""A run: what a net was trained with, on disk as ``config.json`` and ready to be built again."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import mxnet as mx
import numpy as np

from gv.core import checkpoint
from gv.core.config import Training, fill, fill_parts, jsonable
from gv.core.errors import InputError, one_of
from gv.core.faces import NOT_JSON
from gv.core.layouts import Layout, landmarks_of
from gv.core.own_layout import layout_of, to_values
from gv.core.pictures import Crop
from gv.core.transforms import Augment

WRITTEN = ("seconds", "start", "provenance")      # besides what every checkpoint has
CONFIG_FILE, SCRATCH = "config.json", "scratch"


@dataclass(frozen=True)
class Run:
    """method: a Method; layout: as an index has it, a known scheme's number of landmarks or an own ``Layout``; the rest: the
    options of each part."""

    method: object
    layout: object
    crop: Crop
    augment: Augment
    training: Training
    preset: str = ""

    @property
    def landmarks(self):
        """Points a face."""
        return landmarks_of(self.layout)

    def config(self):
        """Every option, resolved, as plain JSON values; with a scheme of the user's own, that too."""
        parts = jsonable({"options": self.method.options, "crop": self.crop, "augment": self.augment, "training": self.training})
        own = {"layout": to_values(self.layout)} if isinstance(self.layout, Layout) else {}
        return {"method": self.method.name, "preset": self.preset, "landmarks": self.landmarks, **own, **parts}

    def with_detector(self, mapping):
        """The same run with the cascade's map in its crop policy."""
        return replace(self, crop=replace(self.crop, detector=mapping))


def get_method(methods, name):
    """The method class of a name; InputError lists the names."""
    return methods[one_of("--method", name, methods)]


def plan(methods, name, preset, settings, layout, source=""):
    """A Run from a preset and {option: value} settings on top of it. layout, source: the index's, the latter for the method's own
    crop policy."""
    method = get_method(methods, name)
    one_of("--preset", preset, method.PRESETS)
    kinds = {"options": method.Options, "crop": Crop, "augment": Augment, "training": Training}
    begun = method.PRETRAINED.get(preset, {}) if settings.get("start", SCRATCH) != SCRATCH else {}
    parts = fill_parts(kinds, {**method.crop_defaults(source), **method.PRESETS[preset], **begun, **settings})
    crop = parts["crop"]
    chosen = method(parts["options"], crop.size)
    return Run(chosen, chosen.check_layout(layout), crop, parts["augment"], parts["training"], preset)


def refuse_layout(run, index):
    """InputError where an index has other landmarks than a run was trained with."""
    if index.layout != run.layout:
        other = " of another scheme" if index.landmarks == run.landmarks else ""
        raise InputError(index.folder, f"{index.landmarks} landmarks a face{other}",
                         f"{run.landmarks}, as the run was trained with", "take an index of the same layout")


def from_config(methods, config, where):
    """The Run a config.json or a sidecar describes; InputError where it is not one."""
    try:
        method = methods.get(config["method"])
        if method is None:
            raise InputError(where, f'a run of method "{config["method"]}"', f"one of {', '.join(methods)}",
                             "use the command, or the package, that trained it: gv or anchorface")
        crop = fill(Crop, config["crop"])
        return Run(method(fill(method.Options, config["options"]), crop.size), layout_of(config, where), crop,
                   fill(Augment, config["augment"]), fill(Training, config["training"]), config.get("preset", ""))
    except NOT_JSON as error:
        raise InputError(where, f"not a run's config ({type(error).__name__}: {error})", "the config.json that train wrote",
                         "train again") from None


def refuse_other(stored, run, where):
    """InputError where a config, as a run keeps it, has other options than ``run``; returns the map of its cascade's boxes.

    The preset's name is no option, and that map is fitted, not given.
    """
    try:
        stored, wanted = json.loads(json.dumps([stored, run.config()]))
        mapping = stored["crop"].pop("detector", None)
        wanted["crop"].pop("detector")
        if stored["landmarks"] == wanted["landmarks"] and layout_of(stored, where) != run.layout:
            raise InputError(where, f"the run was made with {stored['landmarks']} landmarks of another scheme",
                             "the same landmarks", "give the same --data, or choose another --out")
        for part in (part for part in wanted if part not in ("preset", "layout")):
            old, new = stored[part], wanted[part]
            if old != new:
                old, new = (old, new) if isinstance(new, dict) else ({part: old}, {part: new})
                what = ", ".join(f"{name} = {old.get(name)}, now {new[name]}" for name in new if new[name] != old.get(name))
                raise InputError(where, f"the run was made with {what or 'other options'}", "the same options",
                                 "repeat them, or choose another --out")
    except NOT_JSON as error:
        raise InputError(where, f"cannot be resumed ({type(error).__name__}: {error})", "a run's config.json",
                         "choose another --out") from None
    return tuple(mapping) if mapping else None


def stored_config(folder):
    """The config that a run's folder keeps, its config.json's or else its checkpoint's, and where it stands; or (None, None)."""
    path = Path(folder) / CONFIG_FILE
    if path.is_file():
        try:
            return json.loads(path.read_text(encoding="utf-8")), path
        except NOT_JSON as error:
            raise InputError(path, f"cannot be resumed ({error})", "a run's config.json", "choose another --out") from None
    path = Path(folder) / checkpoint.FOLDER / checkpoint.SIDECAR
    return (checkpoint.read_sidecar(folder).get("config"), path) if path.is_file() else (None, None)


def load_run(methods, folder):
    """(Run, sidecar, fitted) of a trained run's folder."""
    _check_folder(folder)
    return _described(methods, folder, checkpoint.read_sidecar(folder))


def open_run(methods, folder, devices):
    """(Run, sidecar, fitted, net) of a trained run's folder, all of one moment. net: with the trained weights, hybridized, on
    ``devices``."""
    _check_folder(folder)
    sidecar, weights = checkpoint.read(folder, "weights")
    run, sidecar, fitted = _described(methods, folder, sidecar)
    try:
        net = run.method.net(run.landmarks, fitted)
        net.initialize(ctx=devices)
    except (mx.MXNetError, AssertionError, ValueError, KeyError) as error:
        raise InputError(Path(folder) / checkpoint.FOLDER / checkpoint.SIDECAR,
                         f"options that no net can be built with ({str(error).strip().splitlines()[0][:120]})",
                         "those that train wrote", "copy the whole run again, or train again") from None
    checkpoint.scatter(net, weights, Path(folder) / checkpoint.FOLDER)
    net.hybridize(static_alloc=True)
    return run, sidecar, fitted, net


def _check_folder(folder):
    if not Path(folder).is_dir():
        raise InputError(folder, "no such run", "a folder written by train", "check --run")


def check_whole(sidecar, folder):
    """InputError where a run's sidecar lacks what every training writes into it."""
    lacking = [name for name in WRITTEN if name not in sidecar]
    if lacking:
        raise InputError(Path(folder) / checkpoint.FOLDER / checkpoint.SIDECAR, f'no "{lacking[0]}"', "what train wrote",
                         "copy the whole run again, or train again")


def _described(methods, folder, sidecar):
    check_whole(sidecar, folder)
    run = from_config(methods, sidecar.get("config"), Path(folder) / checkpoint.FOLDER / checkpoint.SIDECAR)
    return run, sidecar, read_fitted(sidecar)


def read_fitted(sidecar):
    """What the method learnt before training, {name: float64 array}, out of a sidecar."""
    return {name: np.array(value, np.float64) for name, value in (checkpoint.fitted_of(sidecar) or {}).items()}
