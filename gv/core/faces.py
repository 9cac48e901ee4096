"""A face, and the index that lists faces: the one format every data set is turned into.

An index is a folder with ``index.json`` (what the set is) and one JSON Lines file a split
(``train.jsonl``, ``common.jsonl``, ...), a face a line. Needs no MXNet.
"""

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from gv.core.errors import InputError, one_of
from gv.core.files import remove_leftovers, write_text
from gv.core.layouts import Layout, landmarks_of
from gv.core.own_layout import from_values, to_values

INDEX_FILE = "index.json"
LAYOUT_KEY = "layout"    # of index.json's "extra": a scheme of the user's own
INDEX_VERSION = 1
LARGEST_PIXEL = 1e6      # no picture that can be read is as wide
NOT_JSON = (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError)  # what a broken text can raise
HEADER_KEYS = ("layout", "source", "box_source", "normaliser", "provenance", "official", "found")


@dataclass(frozen=True)
class Face:
    """One annotated face.

    image: path of the picture, relative to the index folder (or absolute).
    box: (x0, y0, x1, y1) in image pixels, or None where the set has none.
    points: (L, 2) float64 array, x and y in 0-based image pixels; the centre of the top-left pixel is (0, 0).
    visible: (L,) uint8 array, 1 where the landmark can be seen.
    attributes: {name: number or string}, e.g. the six of WFLW, or the yaw in degrees.
    """

    image: str
    points: np.ndarray
    box: tuple = None
    visible: np.ndarray = None
    attributes: dict = field(default_factory=dict)

    def __post_init__(self):
        points = np.asarray(self.points, dtype=np.float64)
        if points.ndim != 2 or points.shape[1] != 2:
            raise InputError(self.image, f"landmarks of shape {points.shape}", "(L, 2)")
        visible = np.ones(len(points), np.uint8) if self.visible is None else np.asarray(self.visible, np.uint8)
        if visible.shape != (len(points),):
            raise InputError(self.image, f"{visible.size} visibility flags", f"{len(points)}, one a landmark")
        object.__setattr__(self, "points", points)
        object.__setattr__(self, "visible", visible)
        if self.box is not None:
            object.__setattr__(self, "box", tuple(float(v) for v in self.box))


@dataclass(frozen=True)
class Index:
    """What ``index.json`` says of a data set.

    layout: number of landmarks of a known scheme (68, ...), or the ``Layout`` of an own one. source: name of the data set.
    box_source: where the boxes come from ("landmarks", "provided", "detector", "provided, else landmarks"). normaliser: name of
    the set's usual NME normaliser ("ion", ...). provenance: "official", "official, partial", "embedded" (drawn by this project)
    or "own" (the user's pictures). official, found: {part: count}. splits: {name: count}.
    """

    folder: Path
    layout: int
    source: str
    box_source: str
    normaliser: str
    provenance: str
    official: dict
    found: dict
    splits: dict
    extra: dict = field(default_factory=dict)

    @property
    def landmarks(self):
        """How many a face has."""
        return landmarks_of(self.layout)

    def provenance_line(self, split="train"):
        """One line for results, e.g. ``300W: official, partial: 2012 of 3148 train faces``."""
        found, official = self.splits.get(split), self.official.get(split)
        counts = f": {found} of {official} {split} faces" if self.provenance == "official, partial" and official else ""
        return f"{self.source}: {self.provenance}{counts}"


def face_to_line(face):
    """One JSON line for a face; numbers are kept to the last bit, so that reading gives back what was written."""
    return json.dumps({
        "image": face.image,
        "box": None if face.box is None else list(face.box),
        "points": face.points.tolist(),
        "visible": face.visible.tolist(),
        "attributes": face.attributes,
    })


def faces_digest(faces):
    """SHA-256 of a list of faces, in their order: tells apart what two runs were trained on."""
    return hashlib.sha256("\n".join(face_to_line(face) for face in faces).encode()).hexdigest()


def face_from_line(line, where):
    """The face that a JSON line (text or UTF-8 bytes) describes; ``where`` (file:line) names it in errors."""
    try:
        record = json.loads(line)
        points = np.array(record["points"], dtype=np.float64)
        box = record.get("box")
        if box is not None:
            box = tuple(float(v) for v in box)
            if len(box) != 4:
                raise ValueError(f"a box of {len(box)} numbers")
        face = Face(str(record["image"]), points, box, record.get("visible"), dict(record.get("attributes") or {}))
    except InputError as error:
        raise InputError(where, error.found, error.expected) from None
    except NOT_JSON as error:
        raise InputError(where, f"not a face ({type(error).__name__}: {error})",
                         'a JSON object with "image", "box", "points", "visible"', "prepare the index again") from None
    numbers = np.concatenate([points.ravel(), () if box is None else box])
    if not np.isfinite(numbers).all():
        raise InputError(where, "a coordinate that is not a finite number", "finite pixels", "prepare the index again")
    if (np.abs(numbers) > LARGEST_PIXEL).any():
        raise InputError(where, f"a coordinate of {numbers[np.abs(numbers).argmax()]:g}", f"at most {LARGEST_PIXEL:g} pixels",
                         "prepare the index again")
    if box is not None and not (box[0] < box[2] and box[1] < box[3]):
        raise InputError(where, f"a box ({', '.join(f'{v:g}' for v in box)}) without an area", "x0 < x1 and y0 < y1",
                         "prepare the index again")
    return face


def write_index(folder, splits, *, layout, source, box_source, normaliser, provenance, official=None, found=None, extra=None):
    """Write an index whole or not at all: each split in one step, ``index.json`` last.

    splits: {name: list of Face}. Every face must have ``layout`` landmarks, a known scheme's number or a ``Layout``, which is
    kept in the index. Returns the ``Index``.
    """
    folder, landmarks = Path(folder), landmarks_of(layout)
    for name, faces in splits.items():
        for face in faces:
            if len(face.points) != landmarks:
                raise InputError(f"{name}: {face.image}", f"{len(face.points)} landmarks", f"{landmarks}")
    remove_leftovers(folder)
    for name, faces in splits.items():
        write_text(folder / f"{name}.jsonl", "".join(face_to_line(face) + "\n" for face in faces))
    header = {
        "version": INDEX_VERSION, "layout": landmarks, "source": source, "box_source": box_source, "normaliser": normaliser,
        "provenance": provenance, "official": official or {}, "found": found or {},
        "splits": {name: len(faces) for name, faces in splits.items()},
        "extra": {**(extra or {}), **({LAYOUT_KEY: to_values(layout)} if isinstance(layout, Layout) else {})},
    }
    write_text(folder / INDEX_FILE, json.dumps(header, indent=2) + "\n")
    return read_index(folder)


def read_index(folder):
    """The ``Index`` of a folder; InputError where it is missing, broken or of another version."""
    folder = Path(folder)
    path = folder / INDEX_FILE
    if not path.is_file():
        raise InputError(path, "no index here", f"a folder prepared by data_prep, with {INDEX_FILE}",
                         "make one with python -m data_prep.w300 --root ... --out ..., or of drawn faces with python -m "
                         "data_prep.synthetic --like 300w --size 2000 --out ...")
    try:
        header = json.loads(path.read_text(encoding="utf-8"))
        version = header["version"]
        if version != INDEX_VERSION:
            raise InputError(path, f"index version {version}", str(INDEX_VERSION), "prepare the index again")
        values = {key: header[key] for key in HEADER_KEYS}
        values["official"], values["found"] = dict(values["official"]), dict(values["found"])
        splits = {str(name): int(count) for name, count in header["splits"].items()}
        extra = dict(header.get("extra") or {})
        layout = from_values(extra[LAYOUT_KEY], path) if LAYOUT_KEY in extra else int(values["layout"])
        if landmarks_of(layout) != values["layout"]:
            raise ValueError(f"{values['layout']} landmarks with a scheme of {landmarks_of(layout)}")
        return Index(folder=folder, splits=splits, extra=extra, **{**values, "layout": layout})
    except NOT_JSON as error:
        raise InputError(path, f"not an index ({type(error).__name__}: {error})",
                         f"keys {', '.join(HEADER_KEYS)}, splits, version", "prepare the index again") from None


def read_split(index, split):
    """The faces of one split, in the order of the file; InputError for an unknown or empty split or a bad line."""
    if not isinstance(index, Index):
        index = read_index(index)
    path = index.folder / f"{split}.jsonl"
    one_of(path, split, sorted(name for name in index.splits if (index.folder / f"{name}.jsonl").is_file()), "no split")
    faces = []
    with open(path, "rb") as lines:  # a line that is not UTF-8 is a bad line
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            face = face_from_line(line, f"{path}:{number}")
            if len(face.points) != index.landmarks:
                raise InputError(f"{path}:{number}", f"{len(face.points)} landmarks", f"{index.landmarks} (index.json)",
                                 "prepare the index again")
            faces.append(face)
    if not faces:
        raise InputError(path, "an empty split", "at least one face",
                         "the part of the data set it comes from is missing; see what data_prep printed")
    if len(faces) != index.splits[split]:
        raise InputError(path, f"{len(faces)} faces", f"{index.splits[split]} ({INDEX_FILE})", "prepare the index again")
    return faces
