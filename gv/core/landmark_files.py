"""Landmarks of many pictures as files that other programs read: JSON Lines, CSV, or a ``.pts`` a face. Nothing needs MXNet.

Coordinates are pixels, the centre of the top-left pixel being (0, 0); in ``.pts`` files, which count from 1, it is (1, 1), as in
the data sets of the ibug group.
"""

import csv
import json
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from gv.core.errors import InputError, one_of
from gv.core.files import printable, replacing, write_text

SUFFIXES = (".jsonl", ".csv")
DECIMALS = 3        # of a pixel


def numbers(scores):
    """Scores as JSON has them: null where there is none."""
    return [None if np.isnan(score) else round(float(score), 4) for score in scores]


PICTURE, FRAME = ("image",), ("frame", "seconds")      # what a line is about


def _line(about, number, face, names):
    return json.dumps({**about, "face": number, "box": [round(v, DECIMALS) for v in face.box],
                       **({"landmarks": list(names)} if names else {}),
                       "points": np.round(face.points, DECIMALS).tolist(), "scores": numbers(face.scores)}) + "\n"


def _row(about, number, face):
    return [*about.values(), number, *(f"{v:.{DECIMALS}f}" for v in face.box),
            *(f"{v:.{DECIMALS}f}" for v in face.points.ravel()), *("" if v is None else v for v in numbers(face.scores))]


def _heading(about, names):
    return [*about, "face", "x0", "y0", "x1", "y1", *(f"{axis}_{name}" for name in names for axis in "xy"),
            *(f"score_{name}" for name in names)]


@contextmanager
def table(path, columns=PICTURE, names=()):
    """A function that writes a line a face into ``path``, .jsonl or .csv, whole or not at all.

    It takes a value for each of ``columns`` and [face, ...]. The number of a FoundFace is its own, as of faces that are followed,
    or its place in the list. names: what the landmarks are called; without them they go by number.
    """
    suffix = one_of("--save", Path(path).suffix.lower(), SUFFIXES)
    if Path(path).is_dir():
        raise InputError(f"--save {path}", "a folder", f"a file that ends in {' or '.join(SUFFIXES)}")
    with replacing(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as out:
        rows, headed = csv.writer(out), []

        def add(*values):
            *values, faces = values
            about = {name: printable(value) if isinstance(value, (str, Path)) else value for name, value in zip(columns, values)}
            for place, face in enumerate(faces):
                number = getattr(face, "number", place)
                if suffix == ".jsonl":
                    out.write(_line(about, number, face, names))
                    continue
                if not headed:
                    headed.append(True)
                    rows.writerow(_heading(columns, names or range(len(face.points))))
                rows.writerow(_row(about, number, face))
        yield add


def pts_text(points):
    """Landmarks (L, 2) as the text of a ``.pts`` file."""
    lines = "\n".join(f"{x:.{DECIMALS}f} {y:.{DECIMALS}f}" for x, y in np.asarray(points) + 1)
    return f"version: 1\nn_points: {len(points)}\n{{\n{lines}\n}}\n"


def write_pts(folder, stem, faces):
    """A ``.pts`` file a face: stem.pts, stem-2.pts, ...; returns their paths."""
    return [write_text(Path(folder, f"{stem}{'' if number == 1 else f'-{number}'}.pts"), pts_text(face.points))
            for number, face in enumerate(faces, 1)]
