"""Options: frozen dataclasses, filled from flat names; an unknown name or a wrong type is an error that says so."""

import dataclasses
import difflib
import json
import math
from dataclasses import dataclass

from gv.core.errors import InputError, one_of

PRESETS = ("paper", "mini", "ablate", "smoke")     # the sizes that every method has, the largest first
SCHEDULES = ("step", "cosine")
BATCHNORMS = ("train", "frozen", "sync")


@dataclass(frozen=True)
class Training:
    """How a net is trained. Each preset has its own recipe (ASSUMED: docs/readings.md); these defaults are none.

    epochs; batch: images a step, over all devices. lr: Adam's; schedule: "step" (times lr_factor at lr_epochs) or
    "cosine" (down to 0), after warmup epochs of a rising rate. wd: weight decay, as MXNet's Adam applies it.
    seed: of weights, order and augmentation. faces: how many training faces to use, 0 = all.
    start: "scratch", "imagenet" (the zoo's weights, from the network), a .params file of the zoo, or a run's folder, of which
    the encoder, and where it fits the decoder, are taken if its landmarks are others.
    batchnorm: "train"; "sync" (over all devices, where "train" takes each device's share of a batch by itself); or "frozen"
    (running statistics are used and left as they are).
    curve_split, curve_every: evaluate that split every so many epochs for the curve; it selects nothing.
    detector_faces: training faces to fit the boxes of the face detectors on that are installed, 0 = none.
    """

    epochs: int = 60
    batch: int = 64
    lr: float = 1e-4
    schedule: str = "step"
    lr_epochs: tuple = (30, 50)
    lr_factor: float = 0.1
    warmup: float = 0.0
    wd: float = 0.0
    seed: int = 0
    faces: int = 0
    start: str = "scratch"
    batchnorm: str = "train"
    curve_split: str = ""
    curve_every: int = 1
    detector_faces: int = 400

    def __post_init__(self):
        for name, choices in (("schedule", SCHEDULES), ("batchnorm", BATCHNORMS)):
            one_of(name, getattr(self, name), choices)
        for name in ("epochs", "batch", "curve_every"):
            if getattr(self, name) < 1:
                raise InputError(name, getattr(self, name), "at least 1")
        for name in ("warmup", "wd", "seed", "faces", "detector_faces"):
            if getattr(self, name) < 0:
                raise InputError(name, getattr(self, name), "0 or more")
        if self.lr <= 0:
            raise InputError("lr", self.lr, "more than 0")


def _wrong(name, value, expected):
    return InputError(name, f"{value!r}", expected, "see --help")


def _number(name, value):
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not -math.inf < value < math.inf:
        raise _wrong(name, value, "numbers")
    return value


def _typed(name, value, field):
    """``value`` (a Python value, or text from the command line) as the field's type; None only where it is the default."""
    kind = field.type
    if value is None or value == "none" and kind is not str:
        if field.default is None:
            return None
        raise _wrong(name, value, "a value")
    try:
        if kind is bool:
            if isinstance(value, str):
                value = {"true": True, "1": True, "false": False, "0": False}[value.lower()]
            if not isinstance(value, bool):
                raise ValueError
        elif kind is int:
            value = int(value) if isinstance(value, str) else value
            if isinstance(value, bool) or not isinstance(value, int):
                raise ValueError
        elif kind is float:
            value = float(value if isinstance(value, str) else _number(name, value))
            if not math.isfinite(value):
                raise ValueError
        elif kind is tuple:
            parts = value.split(",") if isinstance(value, str) else list(value)
            value = tuple(json.loads(part) if isinstance(part, str) else part for part in parts if part != "")
            for part in value:
                _number(name, part)
        elif kind is str and not isinstance(value, str):
            raise ValueError
    except (ValueError, KeyError, TypeError):
        expected = {bool: "true or false", int: "a whole number", float: "a number", tuple: "numbers with commas between"}
        raise _wrong(name, value, expected.get(kind, "text")) from None
    return value


def fill(kind, values):
    """An instance of the frozen dataclass ``kind`` from {name: value}; values may be text."""
    fields = {field.name: field for field in dataclasses.fields(kind)}
    unknown = [name for name in values if name not in fields]
    if unknown:
        raise InputError(f'option "{unknown[0]}"', "unknown", f"one of {', '.join(fields)}")
    return kind(**{name: _typed(name, value, fields[name]) for name, value in values.items()})


def fill_parts(kinds, values):
    """One instance a dataclass of ``kinds`` ({part: dataclass}) from flat {name: value}; names are unique over the parts."""
    owner = {field.name: part for part, kind in kinds.items() for field in dataclasses.fields(kind)}
    shares = {part: {} for part in kinds}
    for name, value in values.items():
        if name not in owner:
            close = difflib.get_close_matches(name, owner, n=1)
            raise InputError(f'--set {name}', "no such option", f"one of {', '.join(sorted(owner))}",
                             f"did you mean {close[0]}?" if close else "")
        shares[owner[name]][name] = value
    return {part: fill(kind, shares[part]) for part, kind in kinds.items()}


def parse_settings(pairs, flag="--set "):
    """["epochs=3", ...] -> {"epochs": "3", ...}. flag: what the pairs came after, for errors."""
    values = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise InputError(f"{flag}{pair}", "no value", "key=value")
        values[name.strip()] = value.strip()
    return values


def jsonable(parts):
    """{part: dataclass instance} as plain JSON values."""
    return {part: dataclasses.asdict(value) for part, value in parts.items()}
