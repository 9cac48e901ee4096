"""Weights on disk: a params file, the optimiser's state, and a sidecar that says what they are and proves them whole.

``checkpoint/sidecar.json`` names the files it belongs to with their SHA-256 and is replaced last, in one step: a run
killed while writing leaves the previous checkpoint as it was.
"""

import errno
import hashlib
import json
import math
import struct
import time
from pathlib import Path

import mxnet as mx
import numpy as np

from gv.core.errors import InputError
from gv.core.faces import NOT_JSON
from gv.core.files import replacing, write_json

FOLDER, SIDECAR, VERSION = "checkpoint", "sidecar.json", 1
TRIES, PAUSE_SECONDS = 20, 0.05      # readings of a checkpoint that a training replaces meanwhile

# A params file: the mark of a list, how many arrays, the arrays, how many names, the names. An array: its own mark, (2 on) its
# storage, its shape, its device, its type and its bytes. MXNet's reader trusts all of these numbers; here none is.
LIST_MARK, ARRAY_MARKS, WITH_STORAGE = 0x112, (0xF993FAC8, 0xF993FAC9, 0xF993FACA), (0xF993FAC9, 0xF993FACA)
ITEM_SIZES = {0: 4, 1: 8, 2: 2, 3: 1, 4: 4, 5: 1, 6: 8, 7: 1, 12: 2}      # by MXNet's number of the type
MOST_AXES, DEVICE_KINDS = 32, (1, 2, 3, 5)


class _Bytes:
    """Numbers off a buffer, one after the other; ValueError where it ends."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def skip(self, count):
        if count < 0 or count > len(self.data) - self.at:
            raise ValueError(f"it ends at byte {len(self.data)}, within what starts at {self.at}")
        self.at += count
        return self.data[self.at - count:self.at]

    def take(self, form):
        values = struct.unpack("<" + form, self.skip(struct.calcsize("<" + form)))
        return values[0] if len(values) == 1 else values


def _check_array(source):
    mark = source.take("I")
    if mark not in ARRAY_MARKS:
        raise ValueError(f"an array's mark is {mark:#x}")
    if mark in WITH_STORAGE and source.take("i") != 0:
        raise ValueError("a sparse array")
    axes = source.take("i")
    if not 0 <= axes <= MOST_AXES:
        raise ValueError(f"an array of {axes} axes")
    if axes == 0 and mark != ARRAY_MARKS[2]:
        raise ValueError("an array without a shape")
    shape = [source.take("q") for _ in range(axes)]
    if any(side <= 0 for side in shape):
        raise ValueError(f"an array of shape {tuple(shape)}")
    kind, number = source.take("ii")
    if kind not in DEVICE_KINDS or not 0 <= number < 1 << 10:
        raise ValueError(f"an array on device {kind}, {number}")
    item = source.take("i")
    if item not in ITEM_SIZES:
        raise ValueError(f"an array of type {item}")
    source.skip(math.prod(shape) * ITEM_SIZES[item])


def check_params(data, where):
    """InputError where bytes are no whole params file of dense arrays with names: what MXNet's reader would crash or hang on."""
    source = _Bytes(memoryview(data))
    try:
        if source.take("QQ") != (LIST_MARK, 0):
            raise ValueError("it does not begin as one")
        count = source.take("Q")
        for _ in range(min(count, len(data))):
            _check_array(source)
        if source.take("Q") != count:
            raise ValueError("not a name an array")
        names = [bytes(source.skip(source.take("Q"))).decode("utf-8") for _ in range(count)]
        if source.at != len(data):
            raise ValueError(f"{len(data) - source.at} bytes too many")
        if len(set(names)) != count or any("\0" in name for name in names):
            raise ValueError("names that are no names")
    except ValueError as error:
        raise InputError(where, f"not a params file ({error})", "one that MXNet wrote", "copy it again, or train again") from None


def read_params(path, data=None):
    """{name: NDArray} of a params file, or of the bytes that were read of it, checked first; InputError where it is none."""
    data = Path(path).read_bytes() if data is None else data
    check_params(data, path)
    try:
        return mx.nd.load_frombuffer(data)
    except (mx.MXNetError, ValueError) as error:
        raise InputError(path, f"not a params file ({str(error).splitlines()[0]})", "one that MXNet wrote") from None


def _not_whole(path):
    return OSError(errno.ENOSPC, "not written whole: the disk is full, or a limit on the size of files is reached", str(path))


def _write(path, values):
    try:
        mx.nd.save(str(path), values)
    except mx.MXNetError:       # it does not always say so, and never which file
        raise _not_whole(path) from None


def _proven(path, values):
    """SHA-256 of a params file that was just written, after its content has been read back and found to be ``values``.

    MXNet's writer may say nothing of a disk that is full or a limit that is reached: the file is only shorter.
    """
    data = Path(path).read_bytes()
    try:
        there = read_params(path, data)
        same = set(there) == set(values) and all(
            there[name].shape == value.shape and np.array_equal(there[name].asnumpy(), value.asnumpy(), equal_nan=True)
            for name, value in values.items())
    except InputError:
        same = False
    if not same:
        raise _not_whole(path)
    return hashlib.sha256(data).hexdigest()


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
    """Put gathered arrays, halves among them, into a net's parameters, on all its devices; InputError where they do not fit."""
    parameters = net._collect_params_with_prefix()
    if set(parameters) != set(values):
        odd = sorted(set(parameters) ^ set(values))
        raise InputError(where, f'{len(odd)} parameters differ, first "{odd[0]}"', "the weights of this net",
                         "use the options the run was trained with")
    for name, parameter in parameters.items():
        if parameter.shape is not None and 0 not in parameter.shape and tuple(parameter.shape) != values[name].shape:
            raise InputError(where, f'"{name}" has shape {values[name].shape}', str(tuple(parameter.shape)),
                             "use the layout and options the run was trained with")
        try:
            parameter.set_data(values[name].astype("float32", copy=False))
        except (AssertionError, mx.MXNetError) as error:     # a shape that was left open, all but for one side
            raise InputError(where, f'"{name}" has shape {values[name].shape} ({str(error).strip().splitlines()[0]})',
                             "the weights of this net", "use the layout and options the run was trained with") from None


def gather_statistics(net):
    """{"<device's number>.<structural name>": array on the CPU} of BatchNorm's statistics, each device's own."""
    return {f"{number}.{name}": copy.as_in_context(mx.cpu())
            for name, parameter in net._collect_params_with_prefix().items() if parameter.grad_req == "null"
            for number, copy in enumerate(parameter.list_data())}


def averaged(statistics):
    """{structural name: array} of ``gather_statistics``: the mean over the devices."""
    copies = {}
    for name, value in statistics.items():
        copies.setdefault(name.partition(".")[2], []).append(value)
    return {name: mx.nd.add_n(*values) / len(values) for name, values in copies.items()}


def scatter_statistics(net, values, where, first=0):
    """Give each device its own statistics back; InputError where they do not fit. first: this process's first device's number."""
    for name, parameter in net._collect_params_with_prefix().items():
        for number, copy in enumerate(parameter.list_data() if parameter.grad_req == "null" else ()):
            found = values.get(f"{first + number}.{name}")
            if found is None or found.shape != copy.shape:
                raise InputError(where, f'no statistics "{first + number}.{name}" of shape {copy.shape}', "those of this net")
            copy[:] = found.as_in_context(copy.context)


def save(run, sidecar, weights, optimiser=None, statistics=None):
    """Write a checkpoint under ``run``/checkpoint. sidecar: JSON values, "step" among them; the rest: {name: NDArray}."""
    mx.nd.waitall()
    folder = Path(run) / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    files = {}
    for part, values in (("weights", weights), ("optimiser", optimiser), ("statistics", statistics)):
        if values is not None:
            path = folder / f"{part}-{sidecar['step']:07d}.params"
            with replacing(path, sync=True) as temporary:
                _write(temporary, values)
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
              "provenance": lambda v: isinstance(v, str), "config": lambda v: isinstance(v, dict),
              "files": lambda v: isinstance(v, dict) and "weights" in v}
    for name, holds in checks.items():
        if name in sidecar and not holds(sidecar[name]) or name == "step" and name not in sidecar:
            return f'"{name}" is {json.dumps(sidecar.get(name))[:40]}'
    for part, entry in sidecar["files"].items():
        if not isinstance(entry, dict) or not _is_base_name(entry.get("file")):
            return f"the file of {part} is not a base name"
        if not isinstance(entry.get("sha256"), str):
            return f"no sha256 of {part}"
    within = sidecar.get("within_epoch") or {"losses": [], "images": 0}
    if not isinstance(within, dict) or not _is_number(within.get("images"), int) or \
            not isinstance(within.get("losses"), list) or not all(isinstance(loss, float) for loss in within["losses"]):
        return '"within_epoch" is no list of losses'
    covers = sidecar.get("coverage")
    if covers is not None and not (isinstance(covers, list) and len(covers) == 3 and all(map(_is_number, covers))):
        return '"coverage" is not three numbers'
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
        below = sorted(Path(run).glob(f"*/{FOLDER}/{SIDECAR}"))
        raise InputError(run, "no trained run here", "a folder written by train",
                         f"did you mean {below[0].parent.parent}?" if below else "train first, or check the path")
    try:
        sidecar = json.loads(path.read_text(encoding="utf-8"))
        if sidecar["version"] != VERSION:
            raise InputError(path, f"checkpoint version {sidecar['version']}", str(VERSION), "train again")
        wrong = _wrong(sidecar)
        if wrong:
            raise ValueError(wrong)
    except NOT_JSON as error:
        raise InputError(path, f"not a checkpoint's sidecar ({error})", "JSON written by train", "train again") from None
    return sidecar


def read(run, *parts):
    """(sidecar, {name: NDArray}, ...) of a checkpoint's parts ("weights", "optimiser"), proven whole by their hashes and of one
    moment, even where a training replaces them meanwhile; InputError where they are not to be had."""
    for last in [False] * (TRIES - 1) + [True]:
        sidecar = read_sidecar(run)
        try:
            return sidecar, *(_read(run, sidecar, part) for part in parts)
        except InputError:
            time.sleep(PAUSE_SECONDS)
            if last or read_sidecar(run) == sidecar:
                raise


def _read(run, sidecar, part):
    entry = sidecar["files"].get(part)
    path = Path(run) / FOLDER / (entry["file"] if entry else f"{part}.params")
    try:
        data = path.read_bytes() if entry else None
    except FileNotFoundError:
        data = None
    if data is None:
        raise InputError(path, "missing", f"the {part} named in {SIDECAR}", "train again, or copy the whole checkpoint folder")
    if hashlib.sha256(data).hexdigest() != entry["sha256"]:
        raise InputError(path, "damaged (its SHA-256 is not the one in the sidecar)", "the file as it was written",
                         "copy it again, or train again")
    return read_params(path, data)


def load(run, part="weights"):
    """{name: NDArray} of a checkpoint's "weights" or "optimiser", as ``read`` has it."""
    return read(run, part)[1]


def fitted_digest(fitted):
    """A hash of {name: NumPy array}, to tell apart what methods learnt from their training shapes."""
    digest = hashlib.sha256()
    for name in sorted(fitted):
        value = np.ascontiguousarray(fitted[name])
        digest.update(f"{name}{value.dtype}{value.shape}".encode())
        digest.update(value.tobytes())
    return digest.hexdigest()
