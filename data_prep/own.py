"""Your own pictures: any number of landmarks from ``.pts`` files, COCO keypoints or CSV, with a landmark scheme of your own.

    python -m data_prep.own --root photos --out data/mine                                        .pts beside the pictures
    python -m data_prep.own --root photos --csv points.csv --layout twelve.json --out data/mine
    python -m data_prep.own --root photos --coco train=a.json --coco test=b.json --out data/mine

Coordinates: the index counts from 0, the centre of the top-left pixel being (0, 0). ``.pts`` files count from 1, as those of the
ibug group and of ``gv predict --pts`` do, COCO and CSV from 0; ``--base`` says otherwise.

The scheme (``gv.core.own_layout``) is that of ``--layout``: a file, or the number of landmarks of a known one. What the file
leaves out is derived and shown: names from COCO's category or the CSV's heading, mirror pairs from the names or from the mean
shape's symmetry (``data_prep.mirror``), the unit of the NME the box's side, √(w·h).
"""

import os
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from tqdm import tqdm

from data_prep import command, own_files, own_scheme, own_splits
from data_prep.boxes import check_box
from data_prep.own_files import Row
from data_prep.pictures import facts_of
from data_prep.report import OWN, Report
from gv.core import exits
from gv.core.errors import InputError
from gv.core.faces import Face
from gv.core.geometry import tight_box

FORMATS = {"pts": 1, "coco": 0, "csv": 0}       # and what each calls the first pixel
FARTHEST = 0.5      # ASSUMED: of the picture's longer side, by which a landmark may lie outside it
SMALLEST = 2.0      # pixels that a face's landmarks span at least: less is shares of the picture's side, or no face
NAMED = re.compile(r"([\w-]+)=(.+)")


class OwnReport(Report):
    """Of pictures that nobody else has: there is nothing official to compare with. scheme: a ``own_scheme.Scheme``."""

    scheme = None

    @property
    def provenance(self):
        return OWN

    @property
    def official(self):
        return {}

    def text(self):
        lines = [f"{self.source}: {', '.join(f'{name} {found}' for name, (found, _) in self.splits.items())} faces"]
        if self.left_out:
            lines += [f"left out: {len(self.left_out)}", *(f"  {name}: {reason}" for name, reason in self.left_out)]
        return "\n".join([*lines, *self.scheme.lines(), *self.notes])

    def record(self):
        kept = ("source", "provenance", "left_out", "notes")
        splits = {name: found for name, (found, _) in self.splits.items()}
        return {**{name: value for name, value in super().record().items() if name in kept}, "splits": splits,
                **self.scheme.record()}


def read(root, form, files, category=None, landmarks=0):
    """({split, or "": ``Read``}, ...) of the files of one format. files: [(split or "", path), ...], none for .pts."""
    if form == "pts":
        return {"": own_files.read_pts_folder(root, landmarks)}
    found = {}
    for split, path in files:
        one = own_files.read_csv(path) if form == "csv" else own_files.read_coco(path, category)
        first = next(iter(found.values()), one)
        if (one.names, one.landmarks) != (first.names, first.landmarks):
            raise InputError(path, f"{one.landmarks} landmarks ({', '.join(one.names) or 'by number'})",
                             f"those of the first file, {first.landmarks} ({', '.join(first.names) or 'by number'})")
        if split in found:
            raise InputError(f"--{form} {path}", f'a second file of {split or "no split"}', "SPLIT=FILE, each split once")
        found[split] = one
    return found


def look(root, images):
    """{picture: its ``Facts``, or the InputError why it cannot be used}."""
    def one(image):
        path = Path(root, image)
        try:
            facts = facts_of(path) if path.is_file() else None
        except InputError as error:
            return error
        if facts is None:
            return InputError(path, "no such picture", "one below --root")
        if facts.is_turned:
            return InputError(path, "stored turned, with an EXIF orientation: its landmarks may be of either way",
                              "pixels that stand as they are shown", "save it anew upright")
        return facts

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        return dict(zip(images, tqdm(pool.map(one, images), "pictures", len(images), file=sys.stderr, disable=None)))


def checked(row, base, facts, seen, with_boxes):
    """(points, box) of a row in pixels from 0; InputError where it cannot be used.

    facts: of its picture. seen: {digest of bytes: picture} so far, and {row's numbers: where} of the faces so far. with_boxes:
    take its box; else the landmarks' rectangle.
    """
    points = row.points - base
    if not np.isfinite(points).all():
        raise InputError(row.at, f"landmark {int((~np.isfinite(points)).any(1).argmax())} is not a finite number", "pixels")
    if isinstance(facts, InputError):
        raise InputError(row.at, f"{row.image}: {facts.found}", facts.expected, facts.mend)
    box = tuple(value - base for value in row.box) if with_boxes else tight_box(points)
    check_box(box, row.at)
    if len(points) > 1 and np.ptp(points, axis=0).max() < SMALLEST:
        raise InputError(row.at, f"landmarks within {np.ptp(points, axis=0).max():.3g} pixels", f"at least {SMALLEST:g}",
                         "are they shares of the picture's sides? they have to be pixels")
    size = np.array([facts.width, facts.height])
    beyond = np.maximum(-0.5 - points, points - (size - 0.5)).max(1)
    if beyond.max() > FARTHEST * size.max():
        raise InputError(row.at, f"landmark {beyond.argmax()} lies {beyond.max():.0f} pixels outside the picture of "
                                 f"{facts.width} x {facts.height}", f"at most {FARTHEST:g} of its longer side",
                         "were the landmarks set on a picture of another size?")
    other = seen.setdefault(facts.digest, row.image)
    if other != row.image:
        raise InputError(row.at, f"{row.image} is the same picture as {other}, byte for byte", "each picture once")
    first = seen.setdefault((row.image, points.tobytes()), row.at)
    if first != row.at:
        raise InputError(row.at, f"the same face as {first}", "each face once")
    return points, box


def doubt(rows, base):
    """A line where landmarks at pictures' edges say that the numbers count from the other of 0 and 1; or "".

    rows: [(points (L, 2) in pixels from 0, (width, height)), ...].
    """
    low = sum(int(((points < -0.5) & (points >= -1)).sum()) for points, _ in rows)
    high = sum(int(((points > np.array(size) - 0.5) & (points <= size)).sum()) for points, size in rows)
    suspects = low if base == 1 else high
    if not suspects or (high if base == 1 else low):
        return ""
    edge = "before the first" if base == 1 else "behind the last"
    return (f"the numbers may count from {1 - base}: read as from {base}, {suspects} coordinates lie within a pixel {edge} row "
            f"or column of their picture and none at the other edge; --base {1 - base} for the other reading")


def gather(args, form, files, landmarks, report):
    """([(split or "", ``Row``, Face with an absolute picture), ...], Read of the first file, whether boxes are given)."""
    base = FORMATS[form] if args.base is None else args.base
    found = read(args.root, form, files, args.category, landmarks)
    rows = [(split, row) for split, one in found.items() for row in one.rows]
    good = [row for _, row in rows if isinstance(row, Row)]
    with_boxes = args.boxes == "provided" or args.boxes is None and bool(good) and all(row.box for row in good)
    facts, seen, faces, sizes = look(args.root, sorted({row.image for row in good})), {}, [], []
    for split, row in rows:
        try:
            if isinstance(row, InputError):
                raise row
            if with_boxes and not row.box:
                raise InputError(row.at, "no box", "a box a face", "or --boxes landmarks")
            points, box = checked(row, base, facts[row.image], seen, with_boxes)
            faces.append((split, row, Face(row.image, points, box, row.visible)))
            sizes.append((points, (facts[row.image].width, facts[row.image].height)))
        except InputError as error:
            report.leave_out(error)
    if not faces:
        first = f" ({report.left_out[0][0]}: {report.left_out[0][1]})" if report.left_out else ""
        raise InputError(args.root, f"not one face that can be used{first}", f"pictures with landmarks from --{form}")
    report.notes += [note for one in found.values() for note in one.notes]
    report.notes.append(f"coordinates: the first pixel is {base} in the files (--base), 0 in the index")
    report.notes += [line for line in [doubt(sizes, base)] if line]
    return faces, next(iter(found.values())), with_boxes


def _files(args):
    """(format, [(split or "", path), ...]) of the options; InputError where they are of two formats."""
    given = [form for form in ("coco", "csv") if getattr(args, form)]
    if len(given) > 1:
        raise InputError("--coco, --csv", "both", "files of one format")
    form, files = (given[0], []) if given else ("pts", [])
    for text in getattr(args, form, None) or ():
        named = None if os.path.exists(text) else NAMED.fullmatch(text)
        files.append((named[1], named[2]) if named else ("", text))
    if len({bool(split) for split, _ in files}) > 1:
        raise InputError(f"--{form}", "files with and without a split", "SPLIT=FILE for each")
    return form, files


def options_parser():
    """The options of the command."""
    options = command.parser("data_prep.own", "Your own pictures and landmarks to an index of faces.", "photos")
    options.add_argument("--csv", action="append", metavar="[SPLIT=]FILE", help="a line a face: image,x0,y0,x1,y1,... or "
                         "image,x_NAME,y_NAME,...; box_x0,box_y0,box_x1,box_y1 where there are boxes")
    options.add_argument("--coco", action="append", metavar="[SPLIT=]FILE", help="COCO keypoints; without --csv and --coco: .pts "
                                                                                 "files beside the pictures")
    options.add_argument("--category", metavar="NAME", help="COCO's category, where several have keypoints")
    options.add_argument("--base", type=int, choices=(0, 1), help="coordinate of the first pixel's centre in the files (default: "
                                                                  "1 of .pts, 0 of COCO and CSV)")
    options.add_argument("--layout", metavar="FILE|NUMBER", help="the landmark scheme: a JSON file (names, mirror pairs, "
                                                                 "normaliser, ...), or a known one's number, such as 68")
    options.add_argument("--normaliser", metavar="NAME|A,B", help="unit of the NME: box, rectangle, diagonal, or two landmarks "
                                                                  "(default: the scheme's, else box)")
    options.add_argument("--boxes", choices=("provided", "landmarks"), help="the files' boxes, or the landmarks' rectangle "
                                                                            "(default: provided where every face has one)")
    options.add_argument("--name", help="what the set is called in results (default: the name of --root)")
    own_splits.add_arguments(options)
    return options


def main(arguments=None):
    """Read the options, write the index, print the report."""
    args = command.parse(options_parser(), arguments)
    form, files = _files(args)
    scheme = own_scheme.Scheme.read(args.layout, args.normaliser)
    report = OwnReport(args.name or Path(args.root).resolve().name, os.path.normpath(args.root), "")
    rows, first, with_boxes = gather(args, form, files, scheme.landmarks, report)
    report.scheme = scheme.complete(first, [face.points for _, _, face in rows], report.source)
    splits, said = own_splits.split(rows, args, bool(files and files[0][0]), report)
    folder = args.out or args.root
    splits = {name: [own_splits.named(face, args.root, folder) for face in faces] for name, faces in splits.items()}
    report.splits = {name: (len(faces), len(faces)) for name, faces in splits.items()}
    report.notes += said
    report.scheme.check(splits)
    command.write_set(args, report, splits, args.out, layout=report.scheme.layout,
                      box_source="provided" if with_boxes else "landmarks", normaliser=report.scheme.normaliser)
    command.show(report, args.json)


if __name__ == "__main__":
    sys.exit(exits.run(main))
