"""The weights that come with a package: a trained run in the package's own folder, its numbers stored as halves."""

import json
from pathlib import Path

from gv.core.errors import InputError

FOLDER, ABOUT = "weights", "about.json"


def folder(package):
    """The folder of a package's weights. package: its ``__file__``."""
    return Path(package).resolve().parent / FOLDER


def chosen(run, own):
    """A run's folder as given, or the package's ``own`` where none is named; InputError where that is not there."""
    if run is not None:
        return run
    if not (Path(own) / ABOUT).is_file():
        raise InputError(own, "no weights come with this package", "a run's folder", "train one, and name it by --run")
    return str(own)


def about(run):
    """What is said of shipped weights, a line of text; "" of any other run."""
    path = Path(run) / ABOUT
    if not path.is_file():
        return ""
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["says"])
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(path, f"no description of weights ({type(error).__name__}: {error})", "the file that came with them",
                         "install the package again") from None
