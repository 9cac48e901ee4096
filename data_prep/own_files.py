"""The user's own annotations as rows of numbers, a face each: ``.pts`` files beside pictures, COCO keypoints, or CSV.

Numbers are left as they stand in the files, whatever their first pixel is called.

CSV has a heading and a line a face. ``image`` is the picture below the root. Landmarks are ``x0,y0,x1,y1,...``, or
``x_NAME,y_NAME`` with a name or number each, as ``gv predict --save found.csv`` writes them: then ``x0,y0,x1,y1`` is the box. A
box may also be ``box_x0,box_y0,box_x1,box_y1``; ``visible_NAME`` is 0 or 1. ``face`` and ``score_NAME`` are passed over.
"""

import csv
import json
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np

from data_prep.pictures import by_stem
from data_prep.points_files import coordinates, read_numbers
from gv.core.errors import InputError, one_of
from gv.core.faces import NOT_JSON

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff")
ANOTHER_FACE = re.compile(r"(.+)-\d+")      # photo-2.pts: the second face of photo.jpg, as ``gv predict --pts`` names it
CORNERS = ("x0", "y0", "x1", "y1")
COUNTED = re.compile(r"x(\d+)")
PASSED_OVER = ("face",)


@dataclass(frozen=True)
class Row:
    """One face as its file has it. at: where it stands, "file:line" or the like; image: of its picture, below the root; points:
    (L, 2) float64; visible: (L,) of 0 and 1, or None; box: (x0, y0, x1, y1), or None."""

    at: str
    image: str
    points: np.ndarray
    visible: np.ndarray = None
    box: tuple = None


@dataclass
class Read:
    """What files hold. rows: a ``Row`` or, in its place, an InputError, in the order of the files; names: of the landmarks, or
    (); edges: [(i, j), ...] to draw; landmarks: how many there are; notes: lines to tell."""

    rows: list = field(default_factory=list)
    names: tuple = ()
    edges: list = field(default_factory=list)
    landmarks: int = 0
    notes: list = field(default_factory=list)


def inside(name, at):
    """A picture's name, if it stays below the root; InputError otherwise."""
    text = str(name or "").strip()
    if not text or not text.isprintable() or text.startswith("/") or "\\" in text or ".." in PurePosixPath(text).parts:
        raise InputError(at, f"the picture {text[:60]!r}", "a path below --root")
    return PurePosixPath(text).as_posix()


def read_pts_folder(root, landmarks=0):
    """``Read`` of pictures with ``.pts`` files of the same name, in a folder and all folders below it.

    landmarks: how many each must have; 0: as many as most have.
    """
    found, folders = Read(), [Path(root), *sorted(path for path in Path(root).rglob("*") if path.is_dir())]
    for folder in folders:
        pictures, points = by_stem(folder, SUFFIXES), by_stem(folder, (".pts",))
        owners = {stem: _owner(stem, pictures) for stem in points}
        for stem in sorted(pictures.keys() - set(owners.values())):
            found.rows.append(InputError(pictures[stem], "no .pts of the same name"))
        for stem, path in sorted(points.items()):
            found.rows.append(_row(_pts_row, path, pictures.get(owners[stem]), root))
    counts = Counter(len(row.points) for row in found.rows if isinstance(row, Row))
    found.landmarks = landmarks or (counts.most_common(1)[0][0] if counts else 0)
    found.rows = [_of_count(row, found.landmarks) for row in found.rows]
    return found


def _owner(stem, pictures):
    another = ANOTHER_FACE.fullmatch(stem)
    return another[1] if stem not in pictures and another and another[1] in pictures else stem


def _pts_row(path, picture, root):
    if picture is None:
        raise InputError(path, "no picture of the same name", f"one that ends in {', '.join(SUFFIXES)}")
    return Row(str(path), picture.relative_to(root).as_posix(), read_numbers(path))


def _row(make, *arguments):
    try:
        return make(*arguments)
    except InputError as error:
        return error


def _of_count(row, landmarks):
    if isinstance(row, Row) and len(row.points) != landmarks:
        return InputError(row.at, f"{len(row.points)} landmarks", f"{landmarks}")
    return row


def read_coco(path, category=None):
    """``Read`` of a COCO keypoint file: "images", "annotations" and "categories". category: the name of one, where several have
    keypoints. Annotations without keypoints are counted and passed over."""
    try:
        values = json.loads(Path(path).read_text(encoding="utf-8"))
        categories = {one["id"]: one for one in values["categories"] if one.get("keypoints")}
        chosen = _category(categories, category, path)
        images, twice = {}, set()
        for one in values["images"]:
            (twice.add(one["id"]) if one["id"] in images else images.update({one["id"]: one}))
        names = tuple(map(str, chosen["keypoints"]))
        edges = [(int(i) - 1, int(j) - 1) for i, j in chosen.get("skeleton") or []]
        annotations = [one for one in values["annotations"] if one.get("category_id", chosen["id"]) == chosen["id"]]
        labelled = [one for one in annotations if any(one.get("keypoints") or ()) and not one.get("iscrowd")]
        rows = [_row(_coco_row, one, images, twice, names, f"{path}, annotation {one.get('id', number)}")
                for number, one in enumerate(labelled)]
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})", "a JSON file of COCO keypoints") from None
    except NOT_JSON as error:
        raise InputError(path, f"no COCO keypoints ({type(error).__name__}: {str(error)[:80]})",
                         '"images", "annotations" and "categories", one of these with "keypoints"') from None
    if any(not 0 <= i < len(names) for edge in edges for i in edge):
        raise InputError(path, '"skeleton" names a keypoint that there is not', f"numbers from 1 to {len(names)}")
    notes = [f"{path}: {len(annotations) - len(labelled)} annotations without keypoints, or of crowds, passed over"]
    return Read(rows, names, edges, len(names), notes if len(labelled) < len(annotations) else [])


def _category(categories, name, path):
    by_name = {str(one.get("name", key)): one for key, one in categories.items()}
    if not by_name:
        raise InputError(path, "no category with keypoints", '"categories" with their names, {"keypoints": [...]}')
    if name is None and len(by_name) > 1:
        raise InputError("--category", "not given", f"one of {', '.join(by_name)}, which have keypoints")
    return by_name[one_of("--category", name, by_name) if name is not None else next(iter(by_name))]


def _coco_row(one, images, twice, names, at):
    key = one.get("image_id")
    if key not in images:
        raise InputError(at, f'no image {key!r} in "images"', "the picture that it is of")
    if key in twice:
        raise InputError(at, f'two of "images" have the id {key!r}', "an id a picture")
    image = inside(images[key].get("file_name"), at)
    try:
        numbers, box = np.array(one["keypoints"], np.float64), one.get("bbox")
        x, y, width, height = map(float, box or (0, 0, 0, 0))
    except (ValueError, TypeError) as error:
        raise InputError(at, f"no numbers ({error})", '"keypoints" [x, y, v, ...] and "bbox" [x, y, width, height]') from None
    if numbers.size != 3 * len(names):
        raise InputError(at, f"{numbers.size} numbers of keypoints", f"{3 * len(names)}: x, y, v of {len(names)}")
    points, flags = numbers.reshape(-1, 3)[:, :2], numbers.reshape(-1, 3)[:, 2]
    if not set(flags) <= {0, 1, 2}:
        raise InputError(at, f"a visibility of {next(v for v in flags if v not in (0, 1, 2)):g}", "0, 1 or 2")
    if (flags == 0).any():
        raise InputError(at, f"{int((flags == 0).sum())} of {len(names)} keypoints are not labelled, first "
                             f"{names[flags.argmin()]}", "all of them: visibility 1 or 2")
    return Row(at, image, points, (flags == 2).astype(np.uint8), (x, y, x + width, y + height) if box else None)


def read_csv(path):
    """``Read`` of a CSV file, see the module."""
    try:
        with open(path, newline="", encoding="utf-8-sig") as lines:
            reader = csv.DictReader(lines)
            columns = _columns(list(reader.fieldnames or ()), path)
            rows = [_row(_csv_row, row, columns, f"{path}:{reader.line_num}") for row in reader]
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})", "a CSV file") from None
    except (csv.Error, UnicodeDecodeError) as error:
        raise InputError(path, f"no CSV ({error})", "lines of UTF-8 with commas") from None
    names, _, _, _, passed = columns
    return Read(rows, () if names == [str(i) for i in range(len(names))] else tuple(names), [], len(names),
                [f"{path}: columns passed over: {', '.join(passed)}"] if passed else [])


def _columns(heading, path):
    """(names of the landmarks, their columns [x, y, x, y, ...], those of the box or (), of the flags or [], others)."""
    if "image" not in heading:
        raise InputError(path, f"the heading {','.join(heading)[:60]!r}", "image,x0,y0,x1,y1,... or image,x_NAME,y_NAME,...")
    twice = [name for name in heading if heading.count(name) > 1]
    if twice:
        raise InputError(path, f"two columns {twice[0]}", "a name of its own for each")
    names = [column[2:] for column in heading if column.startswith("x_") and f"y_{column[2:]}" in heading]
    if names:
        points, box = [f"{axis}_{name}" for name in names for axis in "xy"], CORNERS
    else:
        names = [found[1] for found in map(COUNTED.fullmatch, heading) if found]
        points, box = [f"{axis}{name}" for name in names for axis in "xy"], ()
        missing = [str(i) for i in range(len(names)) if str(i) not in names] + [y for y in points if y not in heading]
        if missing or not names:
            raise InputError(path, f"no column {missing[0]} of landmarks" if names else "no columns of landmarks",
                             "image,x0,y0,x1,y1,... or image,x_NAME,y_NAME,...")
    given = next((corners for corners in (tuple(f"box_{name}" for name in CORNERS), box)
                  if corners and set(corners) <= set(heading)), ())
    flags = [f"visible_{name}" for name in names]
    flags = flags if set(flags) <= set(heading) else []
    known = {"image", *points, *given, *flags, *PASSED_OVER, *(f"score_{name}" for name in names)}
    return names, points, given, flags, [name for name in heading if name not in known]


def _csv_row(row, columns, at):
    names, points, box, flags, _ = columns
    if None in row or None in row.values():
        raise InputError(at, "more or fewer values than the heading has columns", "one for each column")
    empty = [name for name, x, y in zip(names, points[::2], points[1::2]) if not row[x].strip() or not row[y].strip()]
    if empty:
        raise InputError(at, f"{len(empty)} of {len(names)} landmarks are not labelled, first {empty[0]}", "all of them")
    image = inside(row["image"], at)
    numbers = coordinates([row[column].strip() for column in points], at, "numbers, x and y of each landmark")
    visible = coordinates([row[column].strip() for column in flags], at, "0 or 1") if flags else None
    if visible is not None and not set(visible) <= {0, 1}:
        raise InputError(at, "a visibility other than 0 and 1", "0 or 1")
    corners = [row[column].strip() for column in box]
    return Row(at, image, np.array(numbers).reshape(-1, 2), None if visible is None else np.array(visible, np.uint8),
               tuple(coordinates(corners, at, "a box, four numbers")) if all(corners) and corners else None)
