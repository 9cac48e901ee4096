"""WFLW: 98 landmarks by hand and six attributes on faces of WIDER FACE.

The official tree (https://wywu.github.io/projects/LAB/WFLW.html), two archives unpacked side by side: ``WFLW_images``, in a
folder an event, and ``WFLW_annotations/list_98pt_rect_attr_train_test``, whose two lists ``list_98pt_rect_attr_train.txt``
(7500 faces) and ``..._test.txt`` (2500) hold a face a line: 196 coordinates x0 y0 x1 y1 ..., a box x0 y0 x1 y1, six flags 0 or 1
(pose, expression, illumination, make-up, occlusion, blur) and the picture's name below ``WFLW_images``. A picture may have
several faces, a line each. Columns as in the archive's README and the public loaders (PIPNet ``lib/preprocess.py``, PFLD
``data/SetPreparation.py``). The six subsets are the test faces with the flag set, of sizes 326, 314, 698, 206, 736 and 773
(the WFLW page; Table 5 of AnchorFace).

Where pixels count from is nowhere stated. The loaders above use the numbers as 0-based; FaRL (``farl/datasets``), which shifts
its 300-W list back, leaves its WFLW list as it is. Hence 0-based here, ASSUMED; ``--base 1`` subtracts 1.

Boxes: the list's, and the landmarks' tight rectangle for a face whose box there has no area (default), or ``landmarks`` or
``provided`` for all. Coordinates may lie outside the picture, and are kept.
"""

import os
import re
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath

import numpy as np
from tqdm import tqdm

from data_prep import command
from data_prep.boxes import AUTO, BY_LANDMARKS, PROVIDED, BoxCounts, choose_box
from data_prep.pictures import check_picture
from data_prep.report import Report
from gv.core import exits
from gv.core.errors import InputError
from gv.core.faces import Face

LANDMARKS = 98
ATTRIBUTES = ("pose", "expression", "illumination", "make-up", "occlusion", "blur")  # in the order of the columns
SPLITS = {"train": 7500, "test": 2500}
SUBSETS = {"pose": 326, "expression": 314, "illumination": 698, "make-up": 206, "occlusion": 736, "blur": 773}  # of the test set
IMAGES = "WFLW_images"
LIST = "WFLW_annotations/list_98pt_rect_attr_train_test/list_98pt_rect_attr_{}.txt"
NUMBERS = 2 * LANDMARKS + 4 + len(ATTRIBUTES)  # columns before the name
NUMBER = re.compile(rb"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
LARGEST = 65535  # pixels; no JPEG has a longer side (ITU-T T.81, B.2.2)
ASK = "its authors, https://wywu.github.io/projects/LAB/WFLW.html"


@dataclass(frozen=True)
class Row:
    """One line of a list, as it stands there: where it stands ("file:line"), points (98, 2), box (x0, y0, x1, y1), flags
    {attribute: 0 or 1}, the picture's name."""

    at: str
    points: np.ndarray
    box: tuple
    flags: dict
    image: str


def parse_list(data, where):
    """The faces of a list's bytes: a ``Row`` or, in its place, the ``InputError`` of each line that is not blank."""
    rows = []
    for number, line in enumerate(data.splitlines(), 1):
        if line.strip():
            try:
                rows.append(_parse_line(line, f"{where}:{number}"))
            except InputError as error:
                rows.append(error)
    return rows


def _parse_line(line, at):
    words = line.split(None, NUMBERS)
    if len(words) <= NUMBERS:
        raise InputError(at, f"{len(words)} columns", f"{NUMBERS} numbers and the picture's name",
                         "" if len(words) < 2 else "the line is cut short")
    numbers = []
    for column, word in enumerate(words[:NUMBERS], 1):
        value = float(word) if len(word) <= 40 and NUMBER.fullmatch(word) else np.nan
        if not abs(value) <= LARGEST:
            raise InputError(at, f"column {column} is {_shown(word)}", f"a number of pixels up to {LARGEST}")
        numbers.append(value)
    flags = numbers[-len(ATTRIBUTES):]
    if not set(flags) <= {0, 1}:
        raise InputError(at, f"attributes {' '.join(f'{flag:g}' for flag in flags)}", "six flags, 0 or 1")
    try:
        name = words[NUMBERS].rstrip().decode("utf-8")
    except UnicodeDecodeError:
        raise InputError(at, f"the name {_shown(words[NUMBERS])} is not UTF-8", f"a picture below {IMAGES}") from None
    if not name.isprintable() or name.startswith("/") or "\\" in name or ".." in PurePosixPath(name).parts:
        raise InputError(at, f"the name {_shown(words[NUMBERS])}", f"a picture below {IMAGES}")
    points, box = np.array(numbers[:2 * LANDMARKS]).reshape(LANDMARKS, 2), tuple(numbers[2 * LANDMARKS:-len(ATTRIBUTES)])
    return Row(at, points, box, {attribute: int(flag) for attribute, flag in zip(ATTRIBUTES, flags)}, name)


def _shown(word):
    return repr(word.rstrip().decode("utf-8", "backslashreplace")[:60])


def _read_bytes(path):
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})") from None


def read_split(root, split, boxes, base, out, report, counts, progress=None):
    """The faces of one list, in its order; what cannot be used is noted in ``report``.

    boxes: "auto", "landmarks" or "provided". base: the list's coordinate of the first pixel's centre, 0 or 1. out: the index
    folder, or None where none is written. counts: ``BoxCounts``.
    """
    path = Path(root, LIST.format(split))
    try:
        rows = parse_list(_read_bytes(path), path)
    except InputError as error:
        report.leave_out(error)
        return []
    whole = lru_cache(maxsize=None)(_whole)
    faces = []
    for row in rows:
        try:
            if isinstance(row, InputError):
                raise row
            face, source = _face(row, Path(root, IMAGES, row.image), boxes, base, out, whole)
            faces.append(face)
            counts.add(split, source)
        except InputError as error:
            report.leave_out(error)
        if progress is not None:
            progress.update()
    return faces


def _whole(picture):
    """None where the picture can be used, else the InputError: a picture of many faces is decoded once."""
    try:
        check_picture(picture)
    except InputError as error:
        return error
    return None


def _face(row, picture, boxes, base, out, whole):
    """(Face, which box it has)."""
    points, box = row.points - base, tuple(value - base for value in row.box)
    box, source = choose_box(boxes, box, points, row.at, row.at)
    error = whole(picture)
    if error is not None:
        raise error
    return Face(command.picture_path(picture, out) if out else str(picture), points, box, attributes=dict(row.flags)), source


def read_tree(root, boxes=AUTO, base=0, out=None):
    """All of a tree: ({split: faces}, without the empty ones; Report). InputError where not one face can be used."""
    root = os.path.normpath(root)
    report, counts = Report("WFLW", root, ASK), BoxCounts()
    with tqdm(total=sum(SPLITS.values()), unit="face", file=sys.stderr, disable=None) as progress:
        splits = {split: read_split(root, split, boxes, base, out, report, counts, progress) for split in SPLITS}
    report.parts = {f"{split} list": (len(splits[split]), official) for split, official in SPLITS.items()}
    splits.update({name: [face for face in splits["test"] if face.attributes[name]] for name in SUBSETS})
    report.splits = {split: (len(splits[split]), official) for split, official in {**SPLITS, **SUBSETS}.items()}
    if not splits["train"] and not splits["test"]:
        first = f" ({report.left_out[0][0]}: {report.left_out[0][1]})" if report.left_out else ""
        raise InputError(root, f"not one face of WFLW that can be used{first}", f"{LIST.format('test')} and {IMAGES}/",
                         f"the official set is asked for from {ASK}")
    report.notes += counts.notes(boxes)
    report.box_source = counts.source(boxes)
    return {split: faces for split, faces in splits.items() if faces}, report


def main(arguments=None):
    """Read the options, write the index, print the report."""
    options = command.parser("data_prep.wflw", "WFLW, as it unpacks, to an index of faces.", "DATA_ROOT/wflw")
    options.add_argument("--boxes", choices=(AUTO, BY_LANDMARKS, PROVIDED), default=AUTO,
                         help="auto: provided, and landmarks for a face whose box has no area (default); landmarks: their tight "
                              "rectangle; provided: the list's own")
    options.add_argument("--base", type=int, choices=(0, 1), default=0,
                         help="the lists' coordinate of the first pixel's centre (default 0: the authors do not say)")
    args = command.parse(options, arguments)
    splits, report = read_tree(args.root, args.boxes, args.base, None if args.check_only else args.out)
    command.write_set(args, report, splits, args.out, layout=LANDMARKS, box_source=report.box_source, normaliser="ion",
                      extra={"base": args.base})
    command.show(report, args.json)


if __name__ == "__main__":
    sys.exit(exits.run(main))
