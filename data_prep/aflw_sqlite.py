"""Reader of ``aflw.sqlite``, AFLW's own annotations, and the search for each face of the 19-point release in it.

Tables and columns, as the authors' tools write them (C++ sources in hardegg/aflw) and public loaders read them, in any case:
``Faces`` (face_id, file_id, ...), ``FaceImages`` (file_id, filepath "0/image00002.jpg", ...), ``FacePose`` (face_id, roll,
pitch, yaw in radians, annot_type_id; -2 pi for an angle unknown, ``Pose.cpp``), ``FaceRect`` (face_id, x, y, w, h,
annot_type_id), ``FeatureCoords`` (face_id, feature_id, x, y; -1 -1 for a feature taken back, ``main_window.cpp``). Of several
poses or rectangles of a face the first annotation type counts: 0 by hand, 1 computed from the landmarks, 2 by a detector
(``FaceRectCalculator.cpp``). Only visible features are listed, of 21: 13 and 17 are the ears, the others the release's 19
landmarks in its order.

The release names pictures, not faces, and a picture may have several. A face of the database is the release's where their
landmarks agree, or, where fewer than ``FEW`` are listed, their boxes; each is taken once, the best agreement first.
"""

import math
import os
import re
import sqlite3
from dataclasses import dataclass
from urllib.parse import quote

import numpy as np
from scipy.optimize import linear_sum_assignment

from data_prep import sandbox
from gv.core.errors import InputError
from gv.core.geometry import tight_box

EARS = (13, 17)
FEATURES = 21
LANDMARK_IDS = [number for number in range(1, FEATURES + 1) if number not in EARS]
QUERIES = {
    "Faces": "SELECT face_id, file_id FROM Faces ORDER BY rowid",
    "FaceImages": "SELECT file_id, filepath FROM FaceImages ORDER BY rowid",
    "FacePose": "SELECT face_id, roll, pitch, yaw FROM FacePose WHERE abs(yaw) < 6 ORDER BY annot_type_id, rowid",
    "FaceRect": "SELECT face_id, x, y, w, h FROM FaceRect ORDER BY annot_type_id, rowid",
    "FeatureCoords": "SELECT face_id, feature_id, x, y FROM FeatureCoords ORDER BY rowid",
}
SUFFIX = re.compile(r"\.[^./]*$")
MOST_ROWS = 2_000_000  # a table; the official one has 25993 faces, hence at most 21 times as many features
LONGEST_NAME = 255
LIMITS = sandbox.Limits(memory=4 * sandbox.GIB, seconds=120)
EXPECTED = "AFLW's database aflw.sqlite"
MEND = "fetch it again, or take it out of --root to go on without pose"
MOST_PAIRS = 10_000    # in a picture; more are no picture's faces
FEW = 3                # features, below which boxes are compared; ASSUMED
LANDMARKS_AGREE = 0.1  # median distance of the landmarks as a share of the face's size, at most; ASSUMED
BOXES_AGREE = 0.5      # intersection over union, at least; ASSUMED


@dataclass(frozen=True)
class Database:
    """F faces. ids (F,). pictures: F names. pose (F, 3): roll, pitch, yaw in radians. rects (F, 4): x0, y0, x1, y1.
    features (F, 19, 2) in the release's order. NaN where the database has nothing."""

    ids: np.ndarray
    pictures: list
    pose: np.ndarray
    rects: np.ndarray
    features: np.ndarray


def read_database(path):
    """The ``Database`` of a file, which is read in a child process; InputError where it is not such a file."""
    try:
        return Database(**sandbox.read("data_prep.aflw_sqlite:read_tables", path, LIMITS))
    except InputError as error:
        raise InputError(error.where, error.found, error.expected or EXPECTED, error.mend or MEND) from None


def read_tables(path):
    """The fields of a ``Database``. Runs in the child; nothing is written, not even beside the file."""
    uri = f"file:{quote(os.fsencode(os.path.abspath(path)))}?mode=ro&immutable=1"
    try:
        connection = sqlite3.connect(uri, uri=True)
        try:
            connection.text_factory = lambda text: text.decode("utf-8", "replace")
            for pragma in ("trusted_schema = OFF", "query_only = ON"):  # no function or view of the file's own making
                connection.execute(f"PRAGMA {pragma}")
            return _tables(connection, path)
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise InputError(path, f"cannot be read ({error})", EXPECTED, MEND) from None


def _tables(connection, path):
    state = connection.execute("PRAGMA quick_check(1)").fetchone()
    if state != ("ok",):
        raise InputError(path, f"damaged ({str((state or ['no answer'])[0])[:100]})", EXPECTED, MEND)
    for table in QUERIES:  # a view or a virtual table has no page of its own, and might never end
        kept = "SELECT count(*) FROM sqlite_master WHERE lower(name) = ? AND type = 'table' AND rootpage > 0"
        if connection.execute(kept, (table.lower(),)).fetchone() != (1,):
            raise InputError(path, f"no table {table}", EXPECTED, MEND)
    rows = {table: list(_rows(connection, path, table)) for table in QUERIES}
    filepath = {}
    for file_id, picture in rows["FaceImages"]:
        if isinstance(picture, str):
            filepath.setdefault(file_id, picture[:LONGEST_NAME])
    place = {}
    for face, file_id in rows["Faces"]:
        if file_id in filepath and _whole(path, "Faces", face) not in place:
            place[face] = len(place), filepath[file_id]
    pose, rects = _of_faces(path, rows, "FacePose", place, 3), _of_faces(path, rows, "FaceRect", place, 4)
    rects[:, 2:] += rects[:, :2]
    features = np.full((len(place), FEATURES, 2), np.nan)
    for face, feature, x, y in rows["FeatureCoords"]:
        if face in place and _whole(path, "FeatureCoords", feature) in range(1, FEATURES + 1):
            point = _number(path, "FeatureCoords", x), _number(path, "FeatureCoords", y)
            features[place[face][0], feature - 1] = (math.nan, math.nan) if point == (-1, -1) else point
    return {"ids": np.array(list(place), np.int64), "pictures": [picture for _, picture in place.values()], "pose": pose,
            "rects": rects, "features": features[:, [number - 1 for number in LANDMARK_IDS]]}


def _rows(connection, path, table):
    for number, row in enumerate(connection.execute(QUERIES[table])):
        if number == MOST_ROWS:
            raise InputError(path, f"more than {MOST_ROWS} rows in {table}", EXPECTED, MEND)
        yield row


def _of_faces(path, rows, table, place, width):
    """(F, width) float64 of the table's rows, the first of each face; NaN where it has none."""
    found, seen = np.full((len(place), width), np.nan), set()
    for face, *values in rows[table]:
        if face in place and face not in seen:
            seen.add(face)
            found[place[face][0]] = [_number(path, table, value) for value in values]
    return found


def _number(path, table, value):
    if value is None:
        return math.nan
    if not isinstance(value, (int, float)):
        raise InputError(path, f"{table} holds {repr(value)[:40]}", "a number", MEND)
    return float(value)


def _whole(path, table, value):
    if not isinstance(value, int):
        raise InputError(path, f"{table} holds {repr(value)[:40]}", "an id", MEND)
    return value


def picture_key(name):
    """A picture's name as release and database are compared: "/", no suffix, lower case."""
    return SUFFIX.sub("", name.replace("\\", "/")).lower()


def join(names, points, boxes, database):
    """(N,) the place in ``database`` of each face of the release, -1 where none agrees.

    names: N pictures. points (N, 19, 2), boxes (N, 4): of the release, in the database's pixels.
    """
    theirs, ours = {}, {}
    for index, name in enumerate(database.pictures):
        theirs.setdefault(picture_key(name), []).append(index)
    for index, name in enumerate(names):
        ours.setdefault(picture_key(name), []).append(index)
    found = np.full(len(names), -1)
    for picture, rows in ours.items():
        faces = theirs.get(picture, [])
        if len(rows) * len(faces) > MOST_PAIRS:
            continue
        cost = np.array([[disagreement(points[i], boxes[i], database.features[j], database.rects[j]) for j in faces]
                         for i in rows]).reshape(len(rows), len(faces))
        cost[~(cost <= 1)] = 1e6  # so that a pair that disagrees is only ever taken where nothing else is left
        for i, j in zip(*linear_sum_assignment(cost)):
            if cost[i, j] <= 1:
                found[rows[i]] = faces[j]
    return found


def disagreement(points, box, features, rect):
    """How far a face of the release (points, box) is from one of the database (features, rect): at most 1 where they agree."""
    listed = np.isfinite(features).all(1) & np.isfinite(points).all(1)
    size = _size(box) or _size(tight_box(points))
    if listed.sum() >= FEW and size:
        return np.median(np.hypot(*(points[listed] - features[listed]).T)) / size / LANDMARKS_AGREE
    if not (_size(box) and _size(rect)):
        return math.inf
    width, height = (max(0.0, min(box[i + 2], rect[i + 2]) - max(box[i], rect[i])) for i in (0, 1))
    shared = width * height
    return (1 - shared / (_size(box) ** 2 + _size(rect) ** 2 - shared)) / (1 - BOXES_AGREE)


def _size(box):
    """sqrt(w h) of a box; 0 where it has no area, or is not finite."""
    width, height = box[2] - box[0], box[3] - box[1]
    return math.sqrt(width * height) if width > 0 and height > 0 and math.isfinite(width * height) else 0.0
