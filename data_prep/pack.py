"""Packing: each face's surroundings cut out of its picture once, so that training does not decode 10-megapixel pictures.

A packed picture is the face's squared box and its landmarks' squared rectangle, each times ``REACH``, for one method crops the
one and one the other; cut at the picture's edges, with the smaller side of the two reduced to at most ``side`` pixels; nothing is
enlarged. ``REACH`` is what the augmentation of both papers together can ask for, so that
a crop of a packed picture shows what the crop of the whole one shows. A picture turned by EXIF is taken as stored, as
``gv.core.pictures.read_picture`` takes it, and a grey one becomes a colour one.

The pictures lie in ``packed/`` of the index, below the folders that they have in the raw set, as NAME-DIGEST.jpg. The
digest is of the source's bytes, the box and the side: a second run keeps what is there, and packs again what has changed.

The format is JPEG, which takes 0.7 ms to decode at 440 x 440 on one core, and 60 KiB; PNG takes 5 ms and WebP 2. A bitmap takes
0.1 ms, but ten times the space.
"""

import hashlib
import json
import math
import os
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from data_prep.boxes import has_area
from data_prep.pictures import check_picture
from gv.core import geometry
from gv.core.errors import InputError
from gv.core.files import replacing

# Gaussian Vector, Section 4.3: box + 25 % (WFLW), turned by 30 degrees, scaled from 75 to 125 %;
# AnchorFace: shifted by 10 % (ASSUMED: docs/readings.md)
LARGEST_ENLARGE, LARGEST_TURN, SMALLEST_SCALE, LARGEST_SCALE, LARGEST_SHIFT = 0.25, math.radians(30), 0.75, 1.25, 0.1
# sides of the squared box from the far edge of any crop to the other: the crop and its shift, turned, at the smallest scale
REACH = (1 + LARGEST_ENLARGE) * (1 + 2 * LARGEST_SHIFT) * (math.cos(LARGEST_TURN) + math.sin(LARGEST_TURN)) / SMALLEST_SCALE
LARGEST_INPUT = 256  # pixels, Gaussian Vector's input; AnchorFace's is 224
DEFAULT_SIDE = round(LARGEST_INPUT * LARGEST_SCALE)  # no crop of that size, at the largest scale, asks for more pixels
SMALLEST_SIDE = 32  # as the smallest input (gv.core.pictures.Crop)
QUALITY = 90  # of JPEG; 95 takes 20 % longer to decode and 40 % more space for 2 dB
# Sides of packed pictures are multiples of this where the picture allows: averaging down by a whole factor, as
# gv.core.geometry.warp does for small inputs, is then exact, which OpenCV does ten times faster (0.2 ms, not 2.6, at 876 pixels)
MULTIPLE = 12
FARTHEST = 1e6  # pixels: no picture is as large (a JPEG's side is at most 65,535)
FOLDER, VERSION = "packed", 1
OURS = re.compile(r".+-[0-9a-f]{16}\.jpg|\..+-[0-9a-f]{16}\.jpg\.[\d-]+\.part")
LONGEST_STEM = 50  # characters of the source's name that are kept: at most 200 bytes, of the 255 that a name may have


def pack_splits(splits, folder, root, side, report):
    """Pack the faces of {split: faces} into ``folder``/packed; returns ({split: packed faces}, facts for the index's extra).

    Faces name their pictures relative to ``folder``, or absolutely. root: the raw data's folder, of which ``packed``
    repeats the tree. A face in several splits is packed once. What cannot be read is noted in ``report`` and left out.
    """
    folder, facts = Path(folder), {"side": side, "reach": round(REACH, 4)}
    unique = {_key(face): face for faces in splits.values() for face in faces}

    def one(face):
        try:
            return pack_face(face, folder, root, side)
        except InputError as error:
            return error

    done = {}
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        results = pool.map(one, unique.values())
        for key, result in tqdm(zip(unique, results), "packing", len(unique), unit="face", file=sys.stderr, disable=None):
            done[key] = result
    failed = {key: result for key, result in done.items() if isinstance(result, InputError)}
    for error in {str(error): error for error in failed.values()}.values():
        report.leave_out(error)
    if failed and len(failed) == len(unique):
        raise InputError(root, f"not one face that can be packed ({next(iter(failed.values()))})", "whole pictures")
    _recount(report, [face for key, face in unique.items() if key in failed],
             {name: sum(_key(face) not in failed for face in faces) for name, faces in splits.items()})
    packed = {}
    for name, faces in splits.items():
        results = [(face, done[_key(face)]) for face in faces if _key(face) not in failed]
        packed[name] = [replace(face, image=image, points=geometry.transform_points(matrix, face.points),
                                box=None if face.box is None else _carry_box(matrix, face.box))
                        for face, (image, matrix) in results]
    return {name: faces for name, faces in packed.items() if faces}, facts


def clean(folder, splits):
    """Remove the packed pictures that no face of {split: faces} names: those of another side, and cut-off writes."""
    named = {Path(face.image).as_posix() for faces in splits.values() for face in faces}
    for path in Path(folder, FOLDER).rglob("*"):
        if OURS.fullmatch(path.name) and path.relative_to(folder).as_posix() not in named:
            path.unlink()


def pack_face(face, folder, root, side):
    """Write the packed picture of a face unless it is there; returns (its path below ``folder``, matrix (2, 3) to its pixels)."""
    source, place = _locate(face.image, root, folder)
    try:
        data = source.read_bytes()
    except OSError as error:
        raise InputError(source, f"cannot be read ({error.strerror})", "a picture") from None
    try:
        matrix, cut = placement(_boxes(face), side)
    except InputError as error:
        raise InputError(source, error.found, error.expected) from None
    recipe = json.dumps([VERSION, QUALITY, cut, matrix.tolist()]).encode()
    digest = hashlib.sha256(recipe + hashlib.sha256(data).digest()).hexdigest()[:16]
    name = Path(FOLDER, place, f"{source.stem[:LONGEST_STEM]}-{digest}.jpg")
    if not _is_whole(folder / name):
        check_picture(source)
        _write(folder / name, reduce_picture(_decode(data, source), cut, matrix, source))
    return name.as_posix(), matrix


def placement(boxes, side):
    """Where a face's surroundings lie: (matrix (2, 3) from picture to packed pixels, (left, top, right, bottom) to cut).

    boxes: those that may be cropped. The cut is in whole pixels, right and bottom past the last, which may lie beyond the
    picture. The matrix depends on the boxes and the side alone: packed pixels are the picture's, counted from the cut's first
    and times one factor.
    """
    squares = [geometry.square_box(box) for box in boxes]
    for box, square in zip(boxes, squares):
        if np.abs(square).max() > FARTHEST:
            raise InputError("box", f"({', '.join(f'{v:g}' for v in box)})", f"coordinates below {FARTHEST:g} pixels")
    factor = min(1.0, side / min(square[2] - square[0] for square in squares))
    spare = math.ceil(1 / factor)  # one packed pixel for the interpolation at the crop's edge
    reached = np.array([geometry.resize_box(square, REACH) for square in squares])
    (x0, y0), (x1, y1) = reached[:, :2].min(axis=0), reached[:, 2:].max(axis=0)
    left, top = (max(0, math.floor(value + 0.5) - spare) for value in (x0, y0))
    spans = (math.floor(value + 0.5) + spare + 1 - first for value, first in ((x1, left), (y1, top)))
    width, height = (round(math.ceil(max(0, span) * factor / MULTIPLE) * MULTIPLE / factor) for span in spans)
    # pixel edges fall on pixel edges: the cut's left one, left - 0.5, on -0.5
    matrix = np.array([[factor, 0, (0.5 - left) * factor - 0.5], [0, factor, (0.5 - top) * factor - 0.5]])
    return matrix, (left, top, left + width, top + height)


def reduce_picture(picture, cut, matrix, where):
    """The packed picture of a picture (H, W, 3), in its channels' order; ``where`` names it in errors."""
    left, top, right, bottom = cut
    piece = picture[top:bottom, left:right]
    factor = float(matrix[0, 0])
    if min(piece.shape[:2]) * factor < 1:
        raise InputError(where, f"a box outside the picture of {picture.shape[1]} x {picture.shape[0]}", "a box in the picture")
    # with fx and fy, not the size, OpenCV keeps to the factor where it does not divide the sides
    return piece if factor == 1 else cv2.resize(piece, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)


def _boxes(face):
    """The boxes of a face that may be cropped, as a tuple of such; a rectangle without area is none where there is a box."""
    tight = tuple(geometry.tight_box(face.points))
    if face.box is None:
        return (tight,)
    return tuple(dict.fromkeys((tuple(face.box), tight))) if has_area(tight) else (tuple(face.box),)


def _key(face):
    return face.image, _boxes(face)


def _carry_box(matrix, box):
    return tuple(geometry.transform_points(matrix, [box[:2], box[2:]]).ravel())


def _locate(image, root, folder):
    """(path of a face's picture, its folder below the raw set or the index, whichever holds it)."""
    path = Path(os.path.normpath(os.path.join(os.path.realpath(folder), image)))  # of an index that may not exist yet
    for base in (root, folder):
        try:
            inside = path.relative_to(os.path.realpath(base))
        except ValueError:
            continue
        return Path(base, inside), inside.parent
    return path, Path()


def _decode(data, where):
    try:
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error:  # more pixels than OpenCV allows
        picture = None
    if picture is None:
        raise InputError(where, f"{len(data)} bytes that cannot be decoded", "a PNG or JPEG picture")
    return picture


def _is_whole(path):
    """Whether an earlier run left this picture whole; a machine that went down may have left less."""
    try:
        check_picture(path)
    except InputError:
        return False
    return True


def _write(path, picture):
    with replacing(path) as temporary:
        temporary.write_bytes(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes())


def _recount(report, lost, found):
    """Take the faces that were left out off the report's counts."""
    report.splits.update({name: (count, report.splits[name][1]) for name, count in found.items() if name in report.splits})
    for face in lost:
        part = face.attributes.get("part")
        if part in report.parts:
            report.parts[part] = (report.parts[part][0] - 1, report.parts[part][1])
