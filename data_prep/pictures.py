"""Pictures of a raw data set: finding them by name, and whether they can be read."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from gv.core.errors import InputError

SUFFIXES = (".png", ".jpg", ".jpeg")  # where a name has several, the lossless one is taken
JPEG_START, JPEG_SCAN, JPEG_END = b"\xff\xd8", b"\xff\xda", b"\xff\xd9"  # SOI, SOS, EOI (ITU-T T.81, Table B.1)
PNG_START, PNG_END = b"\x89PNG", b"IEND"  # signature, last chunk (PNG specification, sections 5.2 and 11.2.5)
EXIF, HEAD = b"Exif", 1 << 16  # what a JPEG's EXIF begins with, and where it is looked for


def by_stem(folder, suffixes):
    """{name without suffix: path} of a folder's files with one of ``suffixes`` (any case), the first of them preferred.

    Hidden files (``._NAME.jpg``, left by macOS) are passed over.
    """
    found = {}
    for path in sorted(Path(folder).iterdir()):
        rank = suffixes.index(path.suffix.lower()) if path.suffix.lower() in suffixes else None
        if rank is not None and not path.name.startswith("."):
            found.setdefault(path.stem, []).append((rank, path))
    return {stem: min(candidates)[1] for stem, candidates in found.items()}


def check_picture(path):
    """InputError unless the picture is whole and can be decoded.

    OpenCV decodes a JPEG that is cut short to grey without a word, so its end is looked for as well.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})") from None
    cut_jpeg = data.startswith(JPEG_START) and data.rfind(JPEG_END) < data.rfind(JPEG_SCAN)
    cut_png = data.startswith(PNG_START) and PNG_END not in data[-64:]
    if cut_jpeg or cut_png:
        raise InputError(path, f"a picture cut short after {len(data)} bytes", "a whole picture")
    try:
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_REDUCED_COLOR_4) if data else None
    except cv2.error:
        picture = None
    if picture is None:
        raise InputError(path, f"{len(data)} bytes that cannot be decoded", "a PNG or JPEG picture")


@dataclass(frozen=True)
class Facts:
    """Of a picture: width and height of its pixels as stored, its bytes' SHA-256, whether its EXIF orientation turns it."""

    width: int
    height: int
    digest: str
    is_turned: bool


def facts_of(path):
    """The ``Facts`` of a picture; InputError unless it is whole and can be decoded."""
    check_picture(path)
    data = Path(path).read_bytes()
    stored = _grey(data, cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION)
    if stored is None:
        raise InputError(path, f"{len(data)} bytes that cannot be decoded", "a PNG or JPEG picture")
    is_turned = False
    if EXIF in data[:HEAD]:
        shown = _grey(data, cv2.IMREAD_GRAYSCALE)
        is_turned = shown.shape != stored.shape or not np.array_equal(shown, stored)
    return Facts(stored.shape[1], stored.shape[0], hashlib.sha256(data).hexdigest(), is_turned)


def _grey(data, flags):
    try:
        return cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:  # more pixels than OpenCV allows
        return None
