"""Boxes of faces from a file: which faces of which pictures to look at. Nothing here needs MXNet.

CSV with a heading ``image,x0,y0,x1,y1``, a line a face; or JSON, ``{"image": [[x0, y0, x1, y1], ...], ...}``. A picture is named
by the path that is given to ``predict``, or by its file's name alone where no two pictures have it.
"""

import csv
import json
import math
import os

from gv.core.errors import InputError
from gv.core.faces import NOT_JSON

COLUMNS = ("image", "x0", "y0", "x1", "y1")


def _numbers(values, where):
    """A box of four numbers with an area; InputError otherwise."""
    try:
        box = tuple(float(value) for value in values)
    except (TypeError, ValueError):
        box = ()
    if len(box) != 4 or not all(map(math.isfinite, box)) or box[2] <= box[0] or box[3] <= box[1]:
        raise InputError(where, f"{', '.join(map(str, values)) if isinstance(values, (list, tuple)) else values!r}",
                         "x0, y0, x1, y1 in pixels, x1 > x0 and y1 > y0")
    return box


def _read_csv(path):
    with open(path, newline="", encoding="utf-8-sig") as lines:
        rows = csv.DictReader(lines)
        missing = [name for name in COLUMNS if name not in (rows.fieldnames or ())]
        if missing:
            raise InputError(path, f"no column {missing[0]}", f"a heading {','.join(COLUMNS)}")
        found = {}
        for row in rows:
            found.setdefault(row["image"], []).append(_numbers([row[name] for name in COLUMNS[1:]], f"{path}:{rows.line_num}"))
    return found


def _read_json(path):
    with open(path, encoding="utf-8") as file:
        read = json.load(file)
    if not isinstance(read, dict) or not all(isinstance(boxes, list) for boxes in read.values()):
        raise InputError(path, "no lists of boxes by picture", '{"picture.jpg": [[x0, y0, x1, y1], ...], ...}')
    return {image: [_numbers(box, f"{path}, {image}, box {i}") for i, box in enumerate(boxes)] for image, boxes in read.items()}


def read_boxes(path):
    """{picture: [(x0, y0, x1, y1), ...]} of a CSV or JSON file; InputError where it is neither."""
    try:
        return (_read_json if str(path).lower().endswith(".json") else _read_csv)(path)
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})", "a CSV or JSON file of boxes") from None
    except (csv.Error, *NOT_JSON) as error:
        raise InputError(path, f"no boxes ({type(error).__name__}: {str(error)[:120]})",
                         f"CSV with a heading {','.join(COLUMNS)}, or JSON") from None


def boxes_of(images, given, where):
    """{picture: its boxes} of each of ``images``, from ``read_boxes``; pictures without any are left out.

    InputError where a name in the file fits none of them, or several.
    """
    by_name = {}
    for image in images:
        by_name.setdefault(os.path.basename(image), []).append(image)
    found, known = {}, set(images)
    for name, boxes in given.items():
        fits = [name] if name in known else by_name.get(name, [])
        if len(fits) != 1:
            raise InputError(where, f"{name}, which {'fits several' if fits else 'is none'} of the pictures given",
                             "paths as they are given, or names of files that differ")
        found.setdefault(fits[0], []).extend(boxes)
    return found
