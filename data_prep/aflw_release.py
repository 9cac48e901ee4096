"""Reader of ``AFLWinfo_release.mat``: the 19 points of 24386 AFLW faces.

Released by the authors of Unconstrained Face Alignment via Cascaded Compositional Learning (Zhu, Li, Loy and Tang, CVPR 2016;
http://mmlab.ie.cuhk.edu.hk/projects/compositional.html). A MATLAB 5 file (every public loader opens it with ``scipy.io.loadmat``,
which reads no newer format). Fields, on which the loaders of FaRL (``farl/datasets``), SAN (``cache_data/aflw_from_mat.py``) and
PIPNet (``lib/preprocess.py``) agree, N = 24386:

``nameList``  N x 1 cell of picture names below AFLW's ``flickr`` folder, ``0/image00002.jpg``
``bbox``      N x 4, x0 x1 y0 y1
``data``      N x 38, x1 ... x19 y1 ... y19; hidden landmarks have coordinates too
``mask_new``  N x 19, 1 where the landmark can be seen
``ra``        a permutation of 1 ... N: the first 20000 are the training set, the other 4386 the test set
"""

from dataclasses import dataclass

import numpy as np
from scipy.io import loadmat
from scipy.io.matlab import matfile_version

from data_prep import sandbox
from gv.core.errors import InputError

LANDMARKS = 19
COLUMNS = {"bbox": 4, "data": 2 * LANDMARKS, "mask_new": LANDMARKS}
EXPECTED = "the MATLAB 5 file with nameList, bbox, data, mask_new and ra"
LONGEST_NAME = 255  # characters
LIMITS = sandbox.Limits(memory=4 * sandbox.GIB, seconds=120)  # the official file takes a second


@dataclass(frozen=True)
class Release:
    """N faces in the file's order. names: N strings. boxes (N, 4): x0, y0, x1, y1. points (N, 19, 2). visible (N, 19):
    1, 0, or whatever else stands there. order (N,): 0-based, the training faces first. Numbers as in the file."""

    names: list
    boxes: np.ndarray
    points: np.ndarray
    visible: np.ndarray
    order: np.ndarray


def read_release(path):
    """The ``Release`` of a file, which is read in a child process; InputError where it is not such a file."""
    return parse(sandbox.read("data_prep.aflw_release:read_fields", path, LIMITS))


def parse(fields):
    """The ``Release`` of what ``read_fields`` returned."""
    return Release(fields["names"], fields["bbox"][:, [0, 2, 1, 3]],
                   np.stack([fields["data"][:, :LANDMARKS], fields["data"][:, LANDMARKS:]], axis=2), fields["mask_new"],
                   fields["ra"] - 1)


def read_fields(path):
    """{"names": list of strings, "bbox", "data", "mask_new": float64 (N, columns), "ra": int64 (N,)} of the file.

    Runs in the child. Whatever is not of these shapes, or where ``ra`` is no permutation, is an InputError.
    """
    try:
        with open(path, "rb") as file:
            version = matfile_version(file)[0]
        fields = loadmat(path, variable_names=["nameList", "ra", *COLUMNS]) if version < 2 else None
    except MemoryError:
        raise
    except Exception as error:  # SciPy raises almost anything on a file that is not what it says
        raise InputError(path, f"cannot be read ({type(error).__name__}: {error})", EXPECTED) from None
    if fields is None:
        raise InputError(path, "a MATLAB 7.3 file", EXPECTED, "fetch the file as its authors distribute it")
    missing = [name for name in ("nameList", *COLUMNS, "ra") if name not in fields]
    if missing:
        raise InputError(path, f"no {', '.join(missing)}", EXPECTED)
    names = _names(path, fields["nameList"])
    found = {name: _numbers(path, name, fields[name], (len(names), columns)) for name, columns in COLUMNS.items()}
    order = _numbers(path, "ra", fields["ra"], (len(names),))
    if not np.array_equal(np.sort(order), np.arange(1, len(names) + 1)):
        raise InputError(path, "ra", f"each of 1 to {len(names)} once")
    return {"names": names, **found, "ra": order.astype(np.int64)}


def _names(path, cells):
    if not (isinstance(cells, np.ndarray) and cells.dtype == object and cells.size and cells.size == max(cells.shape)):
        raise InputError(path, f"nameList of {_shape(cells)}", "a column of names")
    names = []
    for number, cell in enumerate(cells.ravel(), 1):
        text = cell.item() if isinstance(cell, np.ndarray) and cell.dtype.kind == "U" and cell.size == 1 else None
        if text is None or not 0 < len(text) <= LONGEST_NAME:
            raise InputError(path, f"nameList, row {number}", "a picture's name")
        names.append(str(text))
    return names


def _numbers(path, name, values, shape):
    """``values`` as float64 of ``shape``; a vector may stand or lie."""
    plain = isinstance(values, np.ndarray) and values.dtype.kind in "biuf" and values.size == np.prod(shape)
    if not plain or values.shape[:len(shape)] != shape and not (len(shape) == 1 and max(values.shape) == values.size):
        raise InputError(path, f"{name} of {_shape(values)}", f"numbers, {' x '.join(map(str, shape))} as nameList has rows")
    return values.astype(np.float64).reshape(shape)


def _shape(values):
    return f"{values.dtype} {values.shape}" if isinstance(values, np.ndarray) else type(values).__name__
