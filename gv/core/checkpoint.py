"""Weights on disk: a params file, the optimiser's state, and a sidecar that says what they are and proves them whole.

``checkpoint/sidecar.json`` names the files it belongs to with their SHA-256 and is replaced last, in one step: a run
killed while writing leaves the previous checkpoint as it was.
"""

import errno
import hashlib
import json
import math
from pathlib import Path

import mxnet as mx
import numpy as np

from gv.core.errors import InputError
from gv.core.files import replacing, write_json

FOLDER, SIDECAR, VERSION = "checkpoint", "sidecar.json", 1


def _digest(path):
    digest = hashlib.sha256()
    with open(path, "rb") as data:
        for block in iter(lambda: data.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def _proven(path, values):
    """SHA-256 of a params file that was just written, after its content has been read back and found to be ``values``.

    MXNet's writer says nothing of a disk that is full or a limit that is reached: the file is only shorter.
    """
    try:
        there = mx.nd.load(str(path))
        same = set(there) == set(values) and all(
            there[name].shape == value.shape and np.array_equal(there[name].asnumpy(), value.asnumpy(), equal_nan=True)
            for name, value in values.items())
    except (mx.MXNetError, ValueError, OSError):
        same = False
    if not same:
        raise OSError(errno.ENOSPC, "not written whole: the disk is full, or a limit on the size of files is reached", str(path))
    return _digest(path)


def gather(net):
    """{structural name: array on the CPU}: weights of the first device, BatchNorm statistics averaged over the devices."""
    values = {}
    for name, parameter in net._collect_params_with_prefix().items():
        copies = parameter.list_data()
        values[name] = copies[0].as_in_context(mx.cpu())
        if parameter.grad_req == "null" and len(copies) > 1:
            values[name] = mx.nd.add_n(*(copy.as_in_context(mx.cpu()) for copy in copies)) / len(copies)
    return values


def scatter(net, values, where):
    """Put gathered arrays into a net's parameters, on all its devices; InputError where they do not fit."""
    parameters = net._collect_params_with_prefix()
    if set(parameters) != set(values):
        odd = sorted(set(parameters) ^ set(values))
        raise InputError(where, f'{len(odd)} parameters differ, first "{odd[0]}"', "the weights of this net",
                         "use the options the run was trained with")
    for name, parameter in parameters.items():
        if parameter.shape is not None and 0 not in parameter.shape and tuple(parameter.shape) != values[name].shape:
            raise InputError(where, f'"{name}" has shape {values[name].shape}', str(tuple(parameter.shape)),
                             "use the layout and options the run was trained with")
        parameter.set_data(values[name])


def save(run, sidecar, weights, optimiser=None):
    """Write a checkpoint under ``run``/checkpoint. sidecar: JSON values, "step" among them; the rest: {name: NDArray}."""
    mx.nd.waitall()
    folder = Path(run) / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    files = {}
    for part, values in (("weights", weights), ("optimiser", optimiser)):
        if values is not None:
            path = folder / f"{part}-{sidecar['step']:07d}.params"
            with replacing(path, sync=True) as temporary:
                mx.nd.save(str(temporary), values)
                files[part] = {"file": path.name, "sha256": _proven(temporary, values)}
    write_json(folder / SIDECAR, {"version": VERSION, **sidecar, "files": files}, sync=True)
    kept = {entry["file"] for entry in files.values()} | {SIDECAR}
    for path in folder.iterdir():
        if path.name not in kept:
            path.unlink()


def _is_number(value, kinds=(int, float)):
    return isinstance(value, kinds) and not isinstance(value, bool) and math.isfinite(value) and value >= 0


def _is_base_name(name):
    return isinstance(name, str) and name not in ("", ".", "..") and Path(name).name == name and "\0" not in name


def fitted_of(sidecar):
    """What the method learnt before training, as the sidecar has it; older ones call it "arrays"."""
    return sidecar.get("fitted", sidecar.get("arrays"))


def _wrong(sidecar):
    """What makes JSON values no sidecar, in words, or ""."""
    checks = {"step": lambda v: _is_number(v, int), "seconds": _is_number, "start": lambda v: isinstance(v, str),
              "config": lambda v: isinstance(v, dict), "files": lambda v: isinstance(v, dict) and "weights" in v}
    for name, holds in checks.items():
        if name in sidecar and not holds(sidecar[name]) or name == "step" and name not in sidecar:
            return f'"{name}" is {json.dumps(sidecar.get(name))[:40]}'
    for part, entry in sidecar["files"].items():
        if not isinstance(entry, dict) or not _is_base_name(entry.get("file")):
            return f"the file of {part} is not a base name"
        if not isinstance(entry.get("sha256"), str):
            return f"no sha256 of {part}"
    devices = sidecar.get("devices", [])
    if not isinstance(devices, list) or not all(isinstance(name, str) for name in devices):
        return '"devices" is no list of names'
    fitted = fitted_of(sidecar)
    if fitted is not None:
        try:
            if not all(np.isfinite(np.array(value, np.float64)).all() for value in fitted.values()):
                return '"fitted" holds what is not finite'
        except (ValueError, TypeError, AttributeError):
            return '"fitted" holds what is no array'
    return ""


def read_sidecar(run):
    """The sidecar of a run's checkpoint, or InputError."""
    path = Path(run) / FOLDER / SIDECAR
    if not path.is_file():
        raise InputError(path, "no checkpoint here", "a folder written by train", "train first, or check --run")
    try:
        sidecar = json.loads(path.read_text(encoding="utf-8"))
        if sidecar["version"] != VERSION:
            raise InputError(path, f"checkpoint version {sidecar['version']}", str(VERSION), "train again")
        wrong = _wrong(sidecar)
        if wrong:
            raise ValueError(wrong)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(path, f"not a checkpoint's sidecar ({error})", "JSON written by train", "train again") from None
    return sidecar


def load(run, part="weights"):
    """{name: NDArray} of a checkpoint's "weights" or "optimiser", proven whole by its hash; InputError otherwise."""
    sidecar = read_sidecar(run)
    entry = sidecar["files"].get(part)
    path = Path(run) / FOLDER / (entry["file"] if entry else f"{part}.params")
    if entry is None or not path.is_file():
        raise InputError(path, "missing", f"the {part} named in {SIDECAR}", "train again, or copy the whole checkpoint folder")
    if _digest(path) != entry["sha256"]:
        raise InputError(path, "damaged (its SHA-256 is not the one in the sidecar)", "the file as it was written",
                         "copy it again, or train again")
    return mx.nd.load(str(path))


def fitted_digest(fitted):
    """A hash of {name: NumPy array}, to tell apart what methods learnt from their training shapes."""
    digest = hashlib.sha256()
    for name in sorted(fitted):
        value = np.ascontiguousarray(fitted[name])
        digest.update(f"{name}{value.dtype}{value.shape}".encode())
        digest.update(value.tobytes())
    return digest.hexdigest()
