"""AFLW: the 19 landmarks of 24386 faces from -120 to 120 degrees of yaw, and their pose.

Two downloads. AFLW itself (https://www.tugraz.at/institute/icg/research/team-bischof/lrs/downloads/aflw/) unpacks to
``aflw/data/flickr/{0,2,3}`` and ``aflw/data/aflw.sqlite``; ``--root`` is ``aflw`` or the folder it is in. The points are
``AFLWinfo_release.mat`` (see ``aflw_release``), in ``--root`` or up to two folders below, as is the database
(``aflw_sqlite``). Pictures may also be in ``flickr``, ``images/flickr`` or ``images``, as loaders place them, and may have
another suffix than the release says (some loaders turn all into ``.jpg``).

Splits: ``train`` 20000 and ``test`` 4386, by the release's ``ra``. ``frontal``: the test faces whose 19 landmarks are all
visible. Publications count 1165 of them (the release's authors, https://paperswithcode.com/dataset/aflw-19) or 1314
(HRNet, AnchorFace) and do not say what differs; SAN's loader asks that all lie inside the face's box as well. Hence ``--frontal
visible`` (default) or ``inside``, and the report says how many each has. ``light``, ``medium``, ``large``, ``heavy``: the test
faces by |yaw| in degrees (AnchorFace, Section 4.5), where ``aflw.sqlite`` is there; a face that is not found in it has no yaw
and is in none. roll, pitch and yaw are attributes, in degrees, with the database's ``face_id`` and the release's ``row``.

Boxes: ``provided``, the release's (default; the size that errors are divided by, and AnchorFace's "provided bounding boxes");
``rect``, FaceRect of ``aflw.sqlite``, which AFLW's own tools make square (``FaceRectCalculator.cpp``); ``landmarks``, the tight
rectangle. Where the release's pixels count from is nowhere stated: FaRL, SAN and PIPNet use its numbers as 0-based, and so
does this, ASSUMED. The database's are clicks as AFLW's own tool got them from Qt (``on_mousePress`` of its ``main_window.cpp``),
where the first pixel's centre is 0.5; the report says how far the release's are from them. ``--base 0.5`` and ``--base 1``
subtract that from all coordinates.
"""

import os
import sys
from functools import lru_cache
from pathlib import Path, PurePosixPath

import numpy as np
from tqdm import tqdm

from data_prep import command
from data_prep.aflw_release import LANDMARKS, read_release
from data_prep.aflw_sqlite import join, read_database
from data_prep.boxes import check_box
from data_prep.pictures import SUFFIXES, by_stem, check_picture
from data_prep.report import Report
from gv.core import exits
from gv.core.errors import InputError
from gv.core.faces import Face
from gv.core.geometry import tight_box

RELEASE, DATABASE = "AFLWinfo_release.mat", "aflw.sqlite"
FACES, TRAIN = 24386, 20000
FRONTAL = (1314, 1165)  # as published; AnchorFace's first
YAW_BINS = {"light": (0, 30), "medium": (30, 60), "large": (60, 90), "heavy": (90, 181)}  # AnchorFace, Section 4.5
FOLDERS = ("data/flickr", "aflw/data/flickr", "flickr", "aflw/flickr", "images/flickr", "images")
BOXES = ("provided", "rect", "landmarks")
LISTED = 20  # faces without pose that the report names; of more it gives the number
LARGEST = 65535  # pixels; no JPEG has a longer side (ITU-T T.81, B.2.2)
ASK = ("AFLW's authors, https://www.tugraz.at/institute/icg/research/team-bischof/lrs/downloads/aflw/, and its 19 points from "
       "http://mmlab.ie.cuhk.edu.hk/projects/compositional.html")


def find(root, name):
    """The file ``name`` in ``root`` or up to two folders below; None where there is none."""
    return next((path for depth in ("", "*/", "*/*/") for path in sorted(Path(root).glob(depth + name)) if path.is_file()), None)


def picture_folder(root, names):
    """The folder that the release's picture names are below; InputError where there is none."""
    first = sorted({name.split("/")[0] for name in names if "/" in name.strip("/")})
    for folder in FOLDERS:
        if any(os.path.isdir(os.path.join(root, folder, part)) for part in first[:100]):
            return Path(root, folder)
    raise InputError(root, "no pictures", f"the folders {', '.join(first[:3])} below one of {', '.join(FOLDERS)}",
                     f"the official set is asked for from {ASK}")


class Pictures:
    """The pictures below a folder: where one is, whatever its suffix, and whether it can be used."""

    def __init__(self, folder):
        self.folder = folder
        self._stems = lru_cache(maxsize=None)(lambda below: by_stem(below, SUFFIXES))
        self._state = lru_cache(maxsize=None)(self._look)

    def find(self, name, at):
        """The path of a usable picture; InputError, ``at`` for a name that is none, else of the picture or its folder."""
        if not name.isprintable() or name.startswith("/") or "\\" in name or ".." in PurePosixPath(name).parts:
            raise InputError(at, f"the name {name[:60]!r}", f"a picture below {self.folder}")
        state = self._state(name)
        if isinstance(state, InputError):
            raise state
        return state

    def _look(self, name):
        path = self.folder / name
        if not os.path.isdir(path.parent):
            return InputError(path.parent, "no such folder")
        if not os.path.isfile(path):
            path = self._stems(path.parent).get(path.stem, path)
        try:
            check_picture(path)
        except InputError as error:
            return error
        return path


def read_tree(root, boxes="provided", frontal="visible", base=0, out=None):
    """All of a tree: ({split: faces}, without the empty ones; Report). InputError where not one face can be used.

    boxes: one of ``BOXES``. frontal: "visible" or "inside". base: the release's coordinate of the first pixel's centre.
    out: the index folder, or None where none is written.
    """
    root = os.path.normpath(root)
    report = Report("AFLW", root, ASK)
    path = find(root, RELEASE)
    if path is None:
        raise InputError(root, f"no {RELEASE}", "it in this folder or up to two below", f"it is asked for from {ASK}")
    release = read_release(path)
    if len(release.names) != FACES:
        raise InputError(path, f"{len(release.names)} faces", f"the release's {FACES}, on which its split rests")
    pictures = Pictures(picture_folder(root, release.names))
    poses, rects = _read_pose(root, release, boxes, report)
    points, given, rects = release.points - base, release.boxes - base, rects - base
    box_of = {"provided": given.__getitem__, "rect": rects.__getitem__, "landmarks": lambda row: np.array(tight_box(points[row]))}
    faces, errors = {}, {}
    for row in tqdm(release.order, unit="face", file=sys.stderr, disable=None):
        at = f"{path}, row {row + 1}"
        try:
            box = box_of[boxes](row)
            _check(at, points[row], release.visible[row], box)
            picture = pictures.find(release.names[row], at)
            image = command.picture_path(picture, out) if out else str(picture)
            faces[row] = Face(image, points[row], box, release.visible[row], {"row": int(row) + 1, **poses.get(row, {})})
        except InputError as error:
            errors.setdefault(str(error), []).append(error)
    for same in errors.values():  # a picture of several faces, or a folder of many, is named once
        error = same[0]
        report.leave_out(InputError(error.where, error.found, error.expected, f"{len(same)} faces") if len(same) > 1 else error)
    if not faces:
        first = f" ({report.left_out[0][0]}: {report.left_out[0][1]})" if report.left_out else ""
        raise InputError(root, f"not one face of AFLW that can be used{first}", f"{RELEASE} and the pictures it names",
                         f"the official set is asked for from {ASK}")
    splits = _split(release.order, faces, given, frontal, bool(poses), report)
    return {split: found for split, found in splits.items() if found}, report


def _check(at, points, visible, box):
    if not (np.abs(points) <= LARGEST).all():  # NaN is not
        raise InputError(at, "a landmark that is not in pixels", f"finite numbers up to {LARGEST}")
    if not np.isin(visible, (0, 1)).all():
        raise InputError(at, "mask_new", "0 or 1")
    check_box(box, at)


def _read_pose(root, release, boxes, report):
    """({row: {"roll", "pitch", "yaw", "face_id"}}, FaceRect (N, 4) or NaN); notes in ``report`` what has none."""
    points = release.points
    path = find(root, DATABASE)
    rects = np.full((len(points), 4), np.nan)
    if path is None:
        if boxes == "rect":
            raise InputError(root, f"no {DATABASE}", "it in this folder or up to two below", "or --boxes provided")
        report.notes.append(f"no {DATABASE} in this folder or up to two below: no pose, and no split by yaw")
        return {}, rects
    database = read_database(path)
    found = join(release.names, points, release.boxes, database)
    joined = found >= 0
    rects[joined] = database.rects[found[joined]]
    pose = np.full((len(points), 3), np.nan)
    pose[joined] = np.degrees(database.pose[found[joined]]).round(9)  # 30 degrees are 30 again, and not in the bin below
    known = (np.abs(pose) <= 180).all(1)  # NaN is not
    poses = {row: {**dict(zip(("roll", "pitch", "yaw"), pose[row].tolist())), "face_id": int(database.ids[found[row]])}
             for row in np.flatnonzero(known)}
    report.notes.append(f"pose: {known.sum()} of {len(points)} faces; {(~joined).sum()} agree with no face of {DATABASE}, "
                        f"{(joined & ~known).sum()} have no pose there")
    without = [f"{release.names[row]} (row {row + 1})" for row in np.flatnonzero(~known)[:LISTED]]
    if without:
        more = int((~known).sum()) - len(without)
        report.notes.append(f"without pose: {', '.join(without)}" + (f" and {more} more" if more else ""))
    apart = (points[joined] - database.features[found[joined]])[(release.visible[joined] == 1)]
    apart = apart[np.isfinite(apart).all(1)]
    if len(apart):
        x, y = np.median(apart, axis=0)
        report.notes.append(f"visible landmarks less {DATABASE}'s: median {x:.2f}, {y:.2f} px over {len(apart)}")
    return poses, rects


def _split(order, faces, given, frontal, posed, report):
    """{split: faces} in the release's order; the counts go into ``report``."""
    ordered = {"train": order[:TRAIN], "test": order[TRAIN:]}
    splits = {split: [faces[row] for row in rows if row in faces] for split, rows in ordered.items()}
    visible = [row for row in ordered["test"] if row in faces and faces[row].visible.all()]
    rules = {"visible": visible, "inside": [row for row in visible if _inside(faces[row].points, given[row])]}
    splits["frontal"] = [faces[row] for row in rules[frontal]]
    report.parts = {"release": (len(faces), len(order))}
    count = len(splits["frontal"])
    report.splits = {"train": (len(splits["train"]), TRAIN), "test": (len(splits["test"]), len(order) - TRAIN),
                     "frontal": (count, count if count in FRONTAL else FRONTAL[0])}
    report.notes.append(f"frontal: {len(visible)} test faces with all landmarks visible, {len(rules['inside'])} of them with all "
                        f"inside the release's box; published as {' or '.join(map(str, FRONTAL))}; here: {frontal}")
    if posed:
        for name, (low, high) in YAW_BINS.items():
            splits[name] = [face for face in splits["test"] if low <= abs(face.attributes.get("yaw", np.nan)) < high]
        report.notes.append("test faces by yaw: " + ", ".join(f"{name} {len(splits[name])}" for name in YAW_BINS)
                            + "; their official numbers are nowhere printed")
    boxes = np.array([face.box for face in faces.values()])
    square = np.abs((boxes[:, 2] - boxes[:, 0]) - (boxes[:, 3] - boxes[:, 1])) <= 1
    report.notes.append(f"boxes: {100 * square.mean():.1f} % square to within a pixel")
    return splits


def _inside(points, box):
    return bool(((points > box[:2]) & (points < box[2:])).all())


def main(arguments=None):
    """Read the options, write the index, print the report."""
    options = command.parser("data_prep.aflw", "AFLW, as it unpacks, with the 19-point release, to an index of faces.",
                             "DATA_ROOT/aflw")
    options.add_argument("--boxes", choices=BOXES, default=BOXES[0],
                         help="provided: the release's (default); rect: FaceRect of aflw.sqlite; landmarks: tight rectangle")
    options.add_argument("--frontal", choices=("visible", "inside"), default="visible",
                         help="which test faces are frontal: all landmarks visible (default), or visible and inside the box")
    options.add_argument("--base", type=float, choices=(0, 0.5, 1), default=0,
                         help="the release's coordinate of the first pixel's centre (default 0: its authors do not say)")
    args = command.parse(options, arguments)
    splits, report = read_tree(args.root, args.boxes, args.frontal, args.base, None if args.check_only else args.out)
    command.write_set(args, report, splits, args.out, layout=LANDMARKS, box_source=args.boxes, normaliser="box",
                      extra={"frontal": args.frontal, "base": args.base})
    command.show(report, args.json)


if __name__ == "__main__":
    sys.exit(exits.run(main))
