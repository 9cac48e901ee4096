"""Menpo 2D (CVPR 2017): semi-frontal faces with 68 landmarks, profiles with 39; two sets, two indexes.

Two releases exist; for each split the second is read where it is found, else the first.

challenge: ``trainset``, one folder with each ``NAME.jpg`` and its 1-based ``NAME.pts`` of 68 or 39 points; the number alone
    tells the two sets apart, and left and right profiles lie mixed. Its test pictures, ``testset/semifrontal`` and
    ``testset/profile``, came without landmarks; ``.pts`` put beside them are read.
    (https://ibug.doc.ic.ac.uk/resources/2nd-facial-landmark-tracking-competition-menpo-ben/; the trees as OpenFace's scripts in
    ``model_training/pdm_generation/menpo_pdm`` and LUVLi's ``splits_prep/organize_menpo_train.py`` read them.)
benchmark: ``Menpo2D/{Train,Test}/image/{semifrontal,profile}``, and beside each ``image`` the lists
    ``Menpo2D_{semifrontal,profile}_{train,test}.txt``. A line is the picture's path below the list's folder, a box x0 y0 x1 y1
    and five points of a face detector (RetinaFace), and the 68 or 39 landmarks, x y each.
    (https://github.com/jiankangdeng/MenpoBenchmark: README, and the thread of its issue 2 for the order of the numbers.)

Official counts. Training, challenge: 6679 semi-frontal, 2300 profile, as the challenge's paper reports them (Zafeiriou et al.,
CVPR Workshops 2017). The benchmark's README has 6653 and 2290 (an earlier revision of it 5658 and 1906: the authors take
pictures out on request). Test: 5335 and 1946, the benchmark's README.

Pixels: ``.pts`` are 1-based, see ``points_files``. ASSUMED of the lists' landmarks too, for no source says it and the group's
scripts take the numbers of its ``.pts`` over as they stand; the detector's boxes are ASSUMED 0-based.

Left and right profiles are annotated alike, number for number, each the other's mirror: OpenFace's
``Collect_menpo_annotations_profile*.m`` lead both from ear to chin and name the same parts by the same numbers. The attribute
``facing`` says which way, in the picture.

The NME's unit is the diagonal of the landmarks' rectangle (``compute_diag_error.m`` of the benchmark's evaluation).
Boxes: the detector's, and the landmarks' tight rectangle for a face without one, as all of the challenge's are (default), or
``landmarks`` or ``provided`` for all.
"""

import os
import sys
from pathlib import Path, PurePosixPath

import numpy as np
from tqdm import tqdm

from data_prep import command
from data_prep.boxes import AUTO, BY_LANDMARKS, PROVIDED, BoxCounts, choose_box
from data_prep.pictures import SUFFIXES, by_stem, check_picture
from data_prep.points_files import NUMBER, coordinates, read_pts
from data_prep.report import Report
from gv.core import exits
from gv.core.errors import InputError
from gv.core.faces import Face

SUBSETS = {"semifrontal": 68, "profile": 39}
SPLITS = ("train", "test")
OFFICIAL = {  # {release: {split: {subset: faces}}}
    "challenge": {"train": {"semifrontal": 6679, "profile": 2300}, "test": {"semifrontal": 5335, "profile": 1946}},
    "benchmark": {"train": {"semifrontal": 6653, "profile": 2290}, "test": {"semifrontal": 5335, "profile": 1946}},
}
FIRST_PIXEL = 1.0  # of the lists' landmarks; ASSUMED, see above
DETECTED = 14  # numbers of the face detector in a list's line: a box and five points
EAR, CHIN, NOSE_TIP = 0, 9, 19  # of the 39
ASK = ("the ibug group, https://ibug.doc.ic.ac.uk/resources/2nd-facial-landmark-tracking-competition-menpo-ben/ and "
       "https://github.com/jiankangdeng/MenpoBenchmark")
TREES = "a folder trainset with .pts beside the pictures, or Menpo2D/Train and Menpo2D/Test with their Menpo2D_*.txt"


def list_name(subset, split):
    """The name of the benchmark's list file."""
    return f"Menpo2D_{subset}_{split}.txt"


def find_list(root, subset, split):
    """The list file, in ``root`` or up to two folders below; None where there is none."""
    name = list_name(subset, split)
    return next((path for depth in ("", "*/", "*/*/") for path in sorted(Path(root).glob(depth + name))), None)


def find_folder(root, split):
    """The folder whose name ends on ``trainset`` or ``testset``: ``root``, or one up to two below; None where there is none."""
    for found in ([Path(root).resolve()], Path(root).glob("*"), Path(root).glob("*/*")):
        for path in sorted(found):
            if path.name.lower().endswith(f"{split}set") and path.is_dir():
                return Path(root) if path == Path(root).resolve() else path
    return None


def parse_list(data, count, where):
    """([(line number, name, box, points)], [InputError]) of the bytes of a list file; each line with text gives one of either.

    count: landmarks a face. box: the detector's (x0, y0, x1, y1), not checked. points: (count, 2) as they stand in the file.
    """
    entries, errors = [], []
    for number, line in enumerate(data[3:].splitlines() if data.startswith(b"\xef\xbb\xbf") else data.splitlines(), 1):
        if line.strip():
            try:
                entries.append((number, *_entry(line, count, f"{where}:{number}")))
            except InputError as error:
                errors.append(error)
    return entries, errors


def _entry(line, count, at):
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        raise InputError(at, "not text", "a picture and its numbers") from None
    wanted = DETECTED + 2 * count
    words = text.rsplit(None, wanted)  # from the right, for a name may have spaces
    if len(words) != wanted + 1:
        raise InputError(at, f"{len(words)} words", f"a picture and {wanted} numbers")
    name, words = words[0].strip(), words[1:]
    path = PurePosixPath(name)
    if path.suffix.lower() not in SUFFIXES or path.is_absolute() or ".." in path.parts or not name.isprintable():
        raise InputError(at, repr(name[:60]), "a picture's path below the list's folder")
    if not all(NUMBER.fullmatch(word) for word in words[:DETECTED]):
        raise InputError(at, repr(" ".join(words[:DETECTED])[:40]), "a box and five points, 14 numbers")
    points = np.array(coordinates(words[DETECTED:], at, f"{count} landmarks, x y each")).reshape(count, 2)
    return name, tuple(float(word) for word in words[:4]), points


def facing(points):
    """"right" or "left": the side of the picture that a profile (39, 2) looks to, however the head is turned upright."""
    chin, nose = points[CHIN] - points[EAR], points[NOSE_TIP] - points[EAR]
    return "right" if chin[0] * nose[1] < chin[1] * nose[0] else "left"


def _face(picture, points, box, out, subset, part):
    check_picture(picture)
    image = command.picture_path(picture, Path(out, subset)) if out else str(picture)
    return Face(image, points, box, attributes={"part": part, **({"facing": facing(points)} if subset == "profile" else {})})


def read_list(path, split, subset, boxes, out, report, counts, progress):
    """The faces of one list file, in its order; what cannot be used is noted in ``report``, which box each has in ``counts``."""
    try:
        entries, errors = parse_list(path.read_bytes(), SUBSETS[subset], path)
    except OSError as error:
        entries, errors = [], [InputError(path, f"cannot be read ({error.strerror})")]
    faces, seen = [], set()
    for error in errors:
        report.leave_out(error)
    for number, name, box, points in entries:
        progress.update()
        key = (name, points.tobytes())
        try:
            if key in seen:
                raise InputError(f"{path}:{number}", f"{name} listed twice with the same landmarks")
            seen.add(key)
            points = points - FIRST_PIXEL
            picture = path.parent / name
            box, source = choose_box(boxes, box, points, picture, picture)
            faces.append(_face(picture, points, box, out, subset, f"benchmark {split}"))
            counts.add(split, source)
        except InputError as error:
            report.leave_out(error)
    return faces


def read_folder(top, split, wanted, out, reports, counts, progress):
    """{subset: faces} of a folder with ``.pts`` beside the pictures, and of the folders below it, in the order of their names.

    wanted: the subsets to read. counts: {subset: ``BoxCounts``}. What cannot be used is noted in the report of its subset, or in
    each where it may be of either.
    """
    faces = {subset: [] for subset in wanted}
    for folder in _folders(top, split):
        named = [subset for subset in wanted if subset in folder.relative_to(top).parts]
        concerned = [reports[subset] for subset in named or wanted]
        pictures, annotations = by_stem(folder, SUFFIXES), by_stem(folder, (".pts",))
        if pictures and not annotations:
            for report in concerned:
                report.notes.append(f"{folder}: {len(pictures)} pictures without one .pts (the challenge gave its test pictures "
                                    "without)")
            continue
        for stem in sorted(pictures.keys() | annotations.keys()):
            progress.update()
            blamed = concerned
            try:
                picture, annotation = pictures.get(stem), annotations.get(stem)
                if annotation is None:
                    raise InputError(picture, "no .pts of the same name")
                if picture is None:
                    raise InputError(annotation, "no picture of the same name")
                points = read_pts(annotation, tuple(SUBSETS.values()))
                subset = next(name for name, count in SUBSETS.items() if count == len(points))
                if subset in wanted:
                    blamed = [reports[subset]]
                    box, source = choose_box(BY_LANDMARKS, None, points, picture, annotation)
                    faces[subset].append(_face(picture, points, box, out, subset, f"challenge {split}"))
                    counts[subset].add(split, source)
            except InputError as error:
                for report in blamed:
                    report.leave_out(error)
    return faces


def _folders(top, split):
    """``top`` and the folders below it, without those of the other split (a ``testset`` in ``menpo_challenge_trainset``)."""
    others = tuple(f"{other}set" for other in SPLITS if other != split)
    for at, below, _ in os.walk(top):
        below[:] = sorted(name for name in below if not name.lower().endswith(others))
        yield Path(at)


def read_tree(root, boxes=AUTO, out=None):
    """All of a tree: {subset: {split: faces}}, without the empty ones, and {subset: Report}; InputError where all is empty.

    boxes: "auto", "landmarks" or "provided". out: the folder of the two indexes, or None where none is written.
    """
    root = os.path.normpath(root)
    reports = {subset: Report(f"Menpo {subset}", root, ASK) for subset in SUBSETS}
    counts = {subset: BoxCounts() for subset in SUBSETS}
    splits = {subset: {} for subset in SUBSETS}
    with tqdm(unit="face", file=sys.stderr, disable=None) as progress:
        for split in SPLITS:
            lists = {subset: path for subset in SUBSETS for path in [find_list(root, subset, split)] if path}
            for subset, path in lists.items():
                splits[subset][split] = read_list(path, split, subset, boxes, out, reports[subset], counts[subset],
                                                  progress)
                _count(reports[subset], path, split, "benchmark", subset, splits)
            wanted = [subset for subset in SUBSETS if subset not in lists]
            folder = find_folder(root, split)
            if folder and boxes == PROVIDED:
                for subset in wanted:
                    reports[subset].leave_out(InputError(folder, "this release has no boxes", list_name(subset, split),
                                                         "or --boxes auto"))
            elif folder:
                for subset, faces in read_folder(folder, split, wanted, out, reports, counts, progress).items():
                    splits[subset][split] = faces
            for subset in wanted:
                _count(reports[subset], folder, split, "challenge", subset, splits)
    found = {subset: {split: faces for split, faces in of.items() if faces} for subset, of in splits.items()}
    found = {subset: of for subset, of in found.items() if of}
    if not found:
        left_out = [entry for report in reports.values() for entry in report.left_out]
        first = f" ({left_out[0][0]}: {left_out[0][1]})" if left_out else ""
        raise InputError(root, f"not one face of Menpo 2D that can be used{first}", TREES, f"the set is asked for from {ASK}")
    for subset, report in reports.items():
        report.notes += counts[subset].notes(boxes)
        report.box_source = counts[subset].source(boxes)
    return found, reports


def _count(report, place, split, release, subset, splits):
    report.parts[f"{release} {split}"] = report.splits[split] = (len(splits[subset].get(split, [])),
                                                                 OFFICIAL[release][split][subset])
    if place:
        report.notes.append(f"{split}: from {place}")


def main(arguments=None):
    """Read the options, write the two indexes, print the two reports."""
    options = command.parser("data_prep.menpo", "Menpo 2D, as it unpacks, to two indexes: OUT/semifrontal and OUT/profile.",
                             "DATA_ROOT/menpo")
    options.add_argument("--boxes", choices=(AUTO, BY_LANDMARKS, PROVIDED), default=AUTO,
                         help="auto: provided, and landmarks for a face without (default); landmarks: their tight rectangle; "
                              "provided: the face detector's, of Menpo2D_*.txt")
    args = command.parse(options, arguments)
    splits, reports = read_tree(args.root, args.boxes, None if args.check_only else args.out)
    for subset, of in splits.items():
        command.write_set(args, reports[subset], of, os.path.join(args.out or "", subset), layout=SUBSETS[subset],
                          box_source=reports[subset].box_source, normaliser="diagonal")
    command.show(reports, args.json)


if __name__ == "__main__":
    sys.exit(exits.run(main))
