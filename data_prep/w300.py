"""300-W: 68 landmarks by hand on AFW, HELEN, LFPW and IBUG pictures.

The official tree (https://ibug.doc.ic.ac.uk/resources/300-W/ and .../facial-point-annotations/): pictures (LFPW ``.png``, the
others ``.jpg``) with a 1-based ``.pts`` of the same name beside each, in ``afw`` (337), ``helen/trainset`` (2000),
``helen/testset`` (330), ``lfpw/trainset`` (811), ``lfpw/testset`` (224) and ``ibug`` (135; one name has a space,
``image_092 _01``, which many copies drop). The copy that comes with dlib adds mirrored pictures, ``NAME_mirror.jpg``.

The boxes are a download of their own, ``bounding_boxes_<part>.mat`` in a folder ``Bounding Boxes``: a cell array
``bounding_boxes`` of structs with ``imgName``, ``bb_detector`` and ``bb_ground_truth``, each box 1-based x0 y0 x1 y1.
IBUG's file goes on with pictures of AFW (337 cells for 135 pictures, as loaders note), so names decide, never the order. By
default a face has the provided one, and its landmarks' rectangle where there is none.

The splits are those that the literature reports on: train 3148, common 554, challenge 135, full 689.
"""

import os
import re
import sys
from pathlib import Path

import numpy as np
from scipy.io import loadmat
from tqdm import tqdm

from data_prep import command, sandbox
from data_prep.boxes import AUTO, BY_LANDMARKS, PROVIDED, BoxCounts, choose_box
from data_prep.pictures import SUFFIXES, by_stem, check_picture
from data_prep.points_files import read_pts
from data_prep.report import Report
from gv.core import exits
from gv.core.errors import InputError
from gv.core.faces import Face

LANDMARKS = 68
PARTS = {"afw": 337, "helen/trainset": 2000, "lfpw/trainset": 811, "helen/testset": 330, "lfpw/testset": 224, "ibug": 135}
SPLITS = {
    "train": ("afw", "helen/trainset", "lfpw/trainset"),
    "common": ("helen/testset", "lfpw/testset"),
    "challenge": ("ibug",),
    "full": ("helen/testset", "lfpw/testset", "ibug"),
}
# how the pictures of each part are named: others are the user's own
NAMES = {"afw": r"\d+_\d+", "helen/trainset": r"\d+_\d+", "helen/testset": r"\d+_\d+", "lfpw/trainset": r"image_\d{4}",
         "lfpw/testset": r"image_\d{4}", "ibug": r"image_\d+( ?_\d+)*"}
BOX_FIELDS = {AUTO: "bb_ground_truth", PROVIDED: "bb_ground_truth", "detector": "bb_detector"}
# the same picture in LFPW's training and test set
DUPLICATES = [["lfpw/trainset/image_0215", "lfpw/testset/image_0066"], ["lfpw/trainset/image_0828", "lfpw/testset/image_0096"]]
MIRROR = "_mirror"
BOX_LIMITS = sandbox.Limits(memory=2 * sandbox.GIB, seconds=60)  # the official files are far below a megabyte
ASK = ("the ibug group, https://ibug.doc.ic.ac.uk/resources/300-W/ and "
       "https://ibug.doc.ic.ac.uk/resources/facial-point-annotations/")


def box_name(part):
    """The name of the part's official box file."""
    return f"bounding_boxes_{part.replace('/', '_')}.mat"


def box_file(root, part):
    """The part's official box file, in ``root`` or up to two folders below; None where there is none."""
    return next((path for depth in ("", "*/", "*/*/") for path in sorted(Path(root).glob(depth + box_name(part)))), None)


def read_boxes(path, field):
    """{``box_key`` of a picture: (x0, y0, x1, y1)} of one ``bounding_boxes_<part>.mat``, 0-based pixels.

    field: "bb_ground_truth" or "bb_detector". Cells without a box are passed over; of two with one name, the first counts.
    The file is read in a child process, see ``data_prep.sandbox``.
    """
    found, boxes = sandbox.read("data_prep.w300:box_cells", path, BOX_LIMITS, field=field), {}
    for name, box in zip(found["names"], found["boxes"]):
        boxes.setdefault(box_key(Path(name).stem), tuple(box))
    return boxes


def box_cells(path, field):
    """{"names": [imgName], "boxes": (N, 4) 0-based} of the cells of a box file that have a box; for ``data_prep.sandbox``."""
    expected = f"a MATLAB 5 file with a cell array bounding_boxes of imgName and {field}"
    names, boxes = [], []
    try:
        cells = loadmat(path, variable_names=["bounding_boxes"], simplify_cells=True)["bounding_boxes"]
        for cell in [cells] if isinstance(cells, dict) else list(cells):
            if isinstance(cell, dict) and np.size(cell[field]) == 4:
                boxes.append(np.asarray(cell[field], dtype=np.float64).ravel() - 1.0)
                names.append(str(cell["imgName"]))
    except MemoryError:
        raise
    except Exception as error:  # SciPy raises almost anything on a file that is not what it says
        raise InputError(path, f"cannot be read ({type(error).__name__}: {error})", expected) from None
    return {"names": names, "boxes": np.array(boxes).reshape(-1, 4)}


def box_key(stem):
    """A picture's name without suffix, as the boxes are looked up: without spaces (IBUG's ``image_092 _01``)."""
    return stem.replace(" ", "")


def read_part(root, part, boxes, out, report, counts, progress=None):
    """The faces of one part, in the order of their names; what cannot be used is noted in ``report``.

    boxes: "auto", "landmarks", "provided" or "detector". out: the index folder, or None where none is written.
    counts: ``BoxCounts``.
    """
    folder = Path(root, part)
    if not folder.is_dir():
        return []
    official = {}
    if boxes != BY_LANDMARKS:
        path = box_file(root, part)
        try:
            if path is None and boxes != AUTO:
                raise InputError(folder, f"no {box_name(part)}", "the official boxes below --root", "or --boxes auto")
            official = read_boxes(path, BOX_FIELDS[boxes]) if path else {}
        except InputError as error:
            if boxes != AUTO:
                report.leave_out(error)
                return []
            report.notes.append(f"{error}: {part} has the landmarks' rectangles")
    pictures, annotations = by_stem(folder, SUFFIXES), by_stem(folder, (".pts",))
    stems = pictures.keys() | annotations.keys()
    mirrored = {stem for stem in stems if stem.endswith(MIRROR) and stem[:-len(MIRROR)] in stems}
    if mirrored:
        report.notes.append(f"{part}: {len(mirrored)} mirrored copies (*{MIRROR}) passed over: not of the official set")
    faces = []
    for stem in sorted(stems - mirrored):
        try:
            picture, points, box, source = _read_face(pictures.get(stem), annotations.get(stem), official, boxes)
            image = command.picture_path(picture, out) if out else str(picture)
            faces.append(Face(image, points, box, attributes={"part": part}))
            counts.add("train" if part in SPLITS["train"] else "test", source)
            report.own += re.fullmatch(NAMES[part], stem) is None
        except InputError as error:
            report.leave_out(error)
        if progress is not None:
            progress.update()
    return faces


def _read_face(picture, annotation, official, boxes):
    """(picture, points, box, which box it is). official: {``box_key``: box}."""
    if annotation is None:
        raise InputError(picture, "no .pts of the same name")
    if picture is None:
        raise InputError(annotation, "no picture of the same name")
    points = read_pts(annotation, LANDMARKS)
    given = official.get(box_key(picture.stem))
    if given is None and boxes not in (AUTO, BY_LANDMARKS):
        raise InputError(picture, "no box of this name in the part's .mat", mend="or --boxes auto")
    box, source = choose_box(boxes, given, points, picture, annotation)
    check_picture(picture)
    return picture, points, box, source


def read_tree(root, boxes=AUTO, out=None):
    """All of a tree: ({split: faces}, without the empty ones; Report). InputError where not one face can be used."""
    root = os.path.normpath(root)
    report, counts = Report("300W", root, ASK), BoxCounts()
    with tqdm(total=sum(PARTS.values()), unit="face", file=sys.stderr, disable=None) as progress:
        parts = {part: read_part(root, part, boxes, out, report, counts, progress) for part in PARTS}
    splits = {split: [face for part in of for face in parts[part]] for split, of in SPLITS.items()}
    report.parts = {part: (len(parts[part]), official) for part, official in PARTS.items()}
    report.splits = {split: (len(splits[split]), sum(PARTS[part] for part in of)) for split, of in SPLITS.items()}
    if not any(parts.values()):
        first = f" ({report.left_out[0][0]}: {report.left_out[0][1]})" if report.left_out else ""
        raise InputError(root, f"not one face of 300-W that can be used{first}", f"the folders {', '.join(PARTS)}",
                         f"the official set is asked for from {ASK}")
    report.notes += counts.notes(boxes)
    report.box_source = counts.source(boxes)
    return {split: faces for split, faces in splits.items() if faces}, report


def main(arguments=None):
    """Read the options, write the index, print the report."""
    options = command.parser("data_prep.w300", "300-W, as it unpacks, to an index of faces.", "DATA_ROOT/300w")
    options.add_argument("--boxes", choices=(AUTO, BY_LANDMARKS, PROVIDED, "detector"), default=AUTO,
                         help="auto: provided, and landmarks for a face without (default); landmarks: their tight rectangle; "
                              "provided, detector: bb_ground_truth, bb_detector of the official bounding_boxes_*.mat, anywhere "
                              "up to two folders below --root")
    args = command.parse(options, arguments)
    splits, report = read_tree(args.root, args.boxes, None if args.check_only else args.out)
    command.write_set(args, report, splits, args.out, layout=LANDMARKS, box_source=report.box_source, normaliser="ion",
                      extra={"duplicates": DUPLICATES})
    command.show(report, args.json)


if __name__ == "__main__":
    sys.exit(exits.run(main))
