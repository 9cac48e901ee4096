"""JD-landmark: 106 landmarks by hand, the Grand Challenge of 106-Point Facial Landmark Localization at ICME 2019.

The official set (https://facial-landmarks-localization-challenge.github.io/; Liu et al., arXiv:1905.03469) is several archives,
unpacked side by side or each in a folder of its own. Names and formats as public loaders of it know them (a ``JD106`` data
set class, xvision's ``JDLandmark``, faceswap's landmark builder):

    Training_data/{AFW,HELEN,IBUG,LFPW}/{picture,landmark}/        11393 faces, NAME.jpg and NAME.jpg.txt
    training_dataset_face_detection_bounding_box_v1/.../            NAME.jpg.rect for the training faces
    Corrected_landmark/                                             NAME.jpg.txt that replace wrong ones, of any split
    Test_data1/{picture,landmark,rect}/                             2000 faces

A ``.txt`` is a line with the count, 106, then a landmark ``x y`` a line; a ``.rect`` is one line ``x0 y0 x1 y1``. Pixels count
from 0: the organisers' rules for the next two rounds, of the same file format, put the top-left corner at [0, 0]
(https://fllc-icpr2020.github.io/evaluation/, https://fllc3-icme2021.github.io/evaluation.html); for this round it is ASSUMED.

Hence every folder below ``--root`` that holds ``picture`` and ``landmark`` is read, and the nearest name, its own or above it,
that begins with train, val or test says its split; ``Train`` and ``Test`` are such names too. ASSUMED, no description at hand
saying it: that ``Test_data1`` is the test set of 2000 (users report it as such) and that the validation set, if its landmarks
are had, lies below a name that begins with val. A ``Test_data2`` is not guessed at, but named and left out.

Corrected landmarks are taken where there are any, unless ``--uncorrected``. The boxes are the provided ones unless ``--boxes
landmarks``: the protocol crops the challenge's boxes, made square.
"""

import os
import re
import sys
from pathlib import Path

from tqdm import tqdm

from data_prep import command
from data_prep.pictures import SUFFIXES, by_stem, check_picture
from data_prep.points_files import coordinates
from data_prep.report import Report
from gv.core import exits
from gv.core.errors import InputError
from gv.core.faces import Face
from gv.core.geometry import tight_box

LANDMARKS = 106
SPLITS = {"train": 11393, "val": 2000, "test": 2000}
SUBSETS = ("AFW", "HELEN", "IBUG", "LFPW")  # of the training pictures, which are named AFW_134212_1_0.jpg and so on
SPLIT_OF = {"train": "train", "val": "val", "test": "test"}
SPLIT_NAME = re.compile(r"(train|val|test)\D*(\d*)", re.IGNORECASE)
CORRECTED = "corrected_landmark"
DEPTH = 4  # folders below --root that are looked into: an archive's own folder, the set, a subset, picture
ASK = "the challenge's organisers, https://facial-landmarks-localization-challenge.github.io/"


def parse_landmarks(data, where):
    """The landmarks (106, 2) of a ``.txt``, bytes; ``where`` names it in errors."""
    lines = _lines(data, where)
    if not lines or len(lines[0][1]) != 1:
        raise InputError(where, "no line with the count", str(LANDMARKS), "the file begins with it")
    if lines[0][1] != [str(LANDMARKS)]:
        raise InputError(lines[0][0], f"a count of {lines[0][1][0][:40]!r}", str(LANDMARKS))
    points = []
    for at, words in lines[1:]:
        if len(words) != 2:
            raise InputError(at, repr(" ".join(words)[:40]), "two numbers, x y")
        points.append(coordinates(words, at, "two numbers, x y"))
    if len(points) != LANDMARKS:
        raise InputError(where, f"{len(points)} landmarks", f"{LANDMARKS} as its first line says")
    return points


def parse_box(data, where):
    """The box (x0, y0, x1, y1) of a ``.rect``, bytes; ``where`` names it in errors."""
    lines = _lines(data, where)
    if len(lines) != 1 or len(lines[0][1]) != 4:
        raise InputError(where, f"{len(lines)} lines, {sum(len(words) for _, words in lines)} words", "one line, x0 y0 x1 y1")
    box = tuple(coordinates(lines[0][1], where, "four numbers, x0 y0 x1 y1"))
    if box[2] <= box[0] or box[3] <= box[1]:
        raise InputError(where, f"a box without area, {list(box)}", "x0 < x1 and y0 < y1")
    return box


def _lines(data, where):
    """[("file:line", words)] of the lines that are not blank."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(where, "not a text file") from None
    return [(f"{where}:{number}", line.split()) for number, line in enumerate(text.splitlines(), 1) if line.split()]


def _read(path, parse):
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})") from None
    return parse(data, path)


class Tree:
    """What lies below a root. sets: [(split or None, folder of picture/)]; corrected, boxes: {stem: paths}; unread: OSErrors.

    ``boxes`` are those of no set: a set's own are in its ``rect`` folder.
    """

    def __init__(self, root):
        self.root, self.sets, self.corrected, self.boxes, self.unread = Path(root), [], {}, {}, []
        seen = set()
        for name, folders, files in os.walk(root, onerror=self.unread.append, followlinks=True):
            folder = Path(name)
            resolved = folder.resolve()
            too_deep = len(folder.relative_to(root).parts) >= DEPTH
            folders[:] = [] if too_deep or resolved in seen else sorted(
                one for one in folders if not one.startswith(".") and one != "__MACOSX")
            if resolved in seen:  # by a link
                continue
            seen.add(resolved)
            if "picture" in folders:
                self.sets.append((self._split(folder), folder))
            if folder.name.lower().startswith(CORRECTED):
                _gather(self.corrected, folder, files, ".txt")
            elif not (folder.name == "rect" and (folder.parent / "picture").is_dir()):
                _gather(self.boxes, folder, files, ".rect")

    def _split(self, folder):
        for part in reversed((Path(os.path.abspath(self.root)).name, *folder.relative_to(self.root).parts)):
            found = SPLIT_NAME.match(part)
            if found:
                return SPLIT_OF[found[1].lower()] if found[2] in ("", "1") else None
        return None


def _gather(into, folder, files, suffix):
    """Add the files that end in ``suffix`` to {stem of their picture: [paths]}."""
    for file in sorted(files):
        if file.lower().endswith(suffix) and not file.startswith("."):
            name = Path(file[:-len(suffix)])
            into.setdefault(name.stem if name.suffix.lower() in SUFFIXES else name.name, []).append(folder / file)


def _by_stem(folder, suffix):
    found = {}
    if folder.is_dir():
        _gather(found, folder, os.listdir(folder), suffix)
    return found


def read_set(tree, split, folder, boxes, corrected, out, report, taken, progress=None):
    """The faces of one ``folder`` with picture/ and landmark/, in the order of their names, and how many were corrected.

    boxes: "provided" or "landmarks". corrected: whether corrected landmarks replace the folder's own. taken: the names that the
    split already has, which grow. What cannot be used is noted in ``report``.
    """
    pictures, landmarks = by_stem(folder / "picture", SUFFIXES), _by_stem(folder / "landmark", ".txt")
    own_boxes, faces, replaced = _by_stem(folder / "rect", ".rect"), [], 0
    for stem in sorted(pictures.keys() | landmarks.keys()):
        try:
            picture = pictures.get(stem)
            if picture is None:
                raise InputError(landmarks[stem][0], "no picture of the same name", "", f"in {folder.name}/picture")
            if stem in taken:
                raise InputError(picture, "a second picture of this name", "one in the split", "is an archive unpacked twice?")
            better = tree.corrected.get(stem, []) if corrected else []
            if not better and stem not in landmarks:
                raise InputError(picture, "no landmarks", f"{picture.name}.txt in {folder.name}/landmark")
            points = _read((better or landmarks[stem])[0], parse_landmarks)
            found = own_boxes.get(stem) or tree.boxes.get(stem)
            if boxes == "provided" and not found:
                raise InputError(picture, "no box", f"{picture.name}.rect below --root", "or --boxes landmarks")
            tight = tight_box(points)
            if not (tight[0] < tight[2] and tight[1] < tight[3]):  # also the unit of the set's NME
                raise InputError((better or landmarks[stem])[0], "landmarks on one line, a rectangle without area")
            box = _read(found[0], parse_box) if boxes == "provided" else tight
            check_picture(picture)
            subset = next((one for one in (folder.name.upper(), stem.split("_")[0].upper()) if one in SUBSETS), None)
            faces.append(Face(command.picture_path(picture, out) if out else str(picture), points, box,
                              attributes={"subset": subset} if subset else {}))
            taken.add(stem)
            replaced += bool(better)
        except InputError as error:
            report.leave_out(error)
        if progress is not None:
            progress.update()
    return faces, replaced


def read_tree(root, boxes="provided", corrected=True, out=None):
    """All of a tree: ({split: faces}, without the empty ones; Report). InputError where not one face can be used."""
    root = os.path.normpath(root)
    report, tree = Report("JD-landmark", root, ASK), Tree(root)
    splits, taken, replaced = {split: [] for split in SPLITS}, {split: set() for split in SPLITS}, 0
    with tqdm(total=sum(SPLITS.values()), unit="face", file=sys.stderr, disable=None) as progress:
        for error in tree.unread:
            report.leave_out(InputError(error.filename, f"cannot be read ({error.strerror})"))
        for split, folder in tree.sets:
            if split is None or not (folder / "landmark").is_dir():
                found = "a folder picture without landmark beside it" if split else "no word on which split it is"
                wanted = "" if split else "a name, its own or above it, that begins with train, val or test (no number, or 1)"
                report.leave_out(InputError(folder, found, wanted))
                continue
            faces, more = read_set(tree, split, folder, boxes, corrected, out, report, taken[split], progress)
            splits[split] += faces
            replaced += more
    report.splits = {split: (len(splits[split]), official) for split, official in SPLITS.items()}
    if corrected and replaced:
        report.notes.append(f"{replaced} faces have the landmarks of Corrected_landmark (--uncorrected: their first ones)")
    if not any(splits.values()):
        first = f" ({': '.join(report.left_out[0])})" if report.left_out else ""
        raise InputError(root, f"not one face of JD-landmark that can be used{first}",
                         "Training_data and Test_data1, with folders picture and landmark",
                         f"the official set is asked for from {ASK}")
    return {split: faces for split, faces in splits.items() if faces}, report


def main(arguments=None):
    """Read the options, write the index, print the report."""
    options = command.parser("data_prep.jd", "JD-landmark, as it unpacks, to an index of faces.", "DATA_ROOT/jd")
    options.add_argument("--boxes", choices=("provided", "landmarks"), default="provided",
                         help="provided: the challenge's .rect files (default); landmarks: the landmarks' tight rectangle")
    options.add_argument("--uncorrected", action="store_true", help="do not take the landmarks of Corrected_landmark")
    args = command.parse(options, arguments)
    splits, report = read_tree(args.root, args.boxes, not args.uncorrected, None if args.check_only else args.out)
    command.write_set(args, report, splits, args.out, layout=LANDMARKS, box_source=args.boxes, normaliser="rectangle",
                      extra={"landmarks": "first" if args.uncorrected else "corrected"})
    command.show(report, args.json)


if __name__ == "__main__":
    sys.exit(exits.run(main))
