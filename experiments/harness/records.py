"""Records: one small JSON file a finished run, so that grids too long for one sitting accumulate and can be committed.

A record's file is named by the hash of what was run (method, options, data, seed). ``sources`` in it is the hash of the code
that made it: a record of other sources is run again, unless told that any will do.
"""

import base64
import hashlib
import json
import os
import platform
import subprocess
import zlib
from pathlib import Path

import numpy as np

from experiments.harness.code_hash import PACKAGES, ROOT
from gv.core.errors import InputError
from gv.core.faces import NOT_JSON
from gv.core.files import remove_leftovers, write_json

FORMAT = 1
ERROR_UNIT = 1e-6     # per-image errors are kept as whole multiples of this share of the normaliser
LARGEST_ERROR = 2000  # normalisers; beyond it, or not a number, an error is none of a face
KEY_DIGITS = 16
FIGURES = {"train": "views", "measure": "metrics"}    # kind of a record: where its figures stand


def key_of(identity):
    """The hash of a JSON value."""
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:KEY_DIGITS]


def pack_errors(errors):
    """Per-image errors (N,) as short text."""
    errors = np.asarray(errors, np.float64)
    if not (np.abs(errors) <= LARGEST_ERROR).all():
        raise InputError("errors of images", "one that is not a number, or endless", f"at most {LARGEST_ERROR} normalisers")
    whole = np.round(errors / ERROR_UNIT).astype("<i4")
    return base64.b64encode(zlib.compress(whole.tobytes(), 9)).decode()


def unpack_errors(text):
    """The errors (N,) of ``pack_errors``, to within half a unit."""
    return np.frombuffer(zlib.decompress(base64.b64decode(text)), "<i4") * ERROR_UNIT


def write(folder, record):
    """Write a record whole or not at all; returns its path."""
    remove_leftovers(folder)
    path, values = Path(folder, f"{record['key']}.json"), {"format": FORMAT, **record}
    try:
        return write_json(path, values, sort_keys=True)
    except FileNotFoundError:   # another machine, on which our process has no such number, took the temporary file for a leftover
        return write_json(path, values, sort_keys=True)


def read(folder, key):
    """The record of a key, or None; InputError where the file is no record."""
    path = Path(folder, f"{key}.json")
    if not path.is_file():
        return None
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        if record["format"] != FORMAT or record["key"] != key:
            raise ValueError(f"format {record['format']}, key {record['key']}")
        if not isinstance(record["sources"], str) or not isinstance(record[FIGURES[record["kind"]]], dict):
            raise ValueError("without figures")
        return record
    except NOT_JSON as error:
        raise InputError(path, f"not a record ({type(error).__name__}: {error})", "a file that an experiment wrote",
                         "remove it and run the experiment again") from None


def read_all(folder):
    """Every record of a folder, in the order of their keys."""
    return [read(folder, path.stem) for path in sorted(Path(folder).glob("*.json"))] if Path(folder).is_dir() else []


def commit():
    """The commit of the sources and whether they differ from it, or None outside a checkout."""
    try:
        head = subprocess.run(["git", "rev-parse", "--short=12", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True)
        dirty = subprocess.run(["git", "status", "--porcelain", "--", *PACKAGES], cwd=ROOT, capture_output=True, text=True)
        return head.stdout.strip() + ("+changes" if dirty.stdout.strip() else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def machine():
    """The processor's name and the number of cores."""
    name = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        name = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), name)
    except OSError:
        pass
    return {"processor": name, "cores": os.cpu_count(), "system": platform.system(), "python": platform.python_version()}
