"""Reader of ``.pts`` landmark files (300-W and the other sets of the ibug group).

A file is ``version: 1``, ``n_points: 68``, ``{``, one ``x y`` a line, ``}``. Files without the header lines or without the
braces exist, and files with Windows line ends. Coordinates are MATLAB's, 1-based: the top-left pixel's centre is (1, 1)
(https://ibug.doc.ic.ac.uk/resources/300-W/; the group's own library, menpo.io's ``pts_importer``, takes 1 off as well).
"""

import re

import numpy as np

from gv.core.errors import InputError

# each digit can be read in one way only, so that a word of a million digits is refused as fast as it is read
NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?|[+-]?(nan|inf)", re.ASCII | re.IGNORECASE)
HEADER = re.compile(r"version\s*:.*|n_points\s*:\s*(\d{1,9})", re.ASCII | re.IGNORECASE)
LARGEST = 2 ** 20  # pixels: no picture that OpenCV opens is wider (CV_IO_MAX_IMAGE_WIDTH)


def read_pts(path, count):
    """The landmarks of a ``.pts`` file, (count, 2) float64, 0-based pixels (the file's numbers minus 1).

    count: how many there must be, or a tuple of the numbers that will do. InputError, naming the file and line, where it is
    not such a file or has another number of landmarks.
    """
    return read_numbers(path, count) - 1.0


def read_numbers(path, count=None):
    """The same as the numbers stand in the file. count None: any."""
    try:
        with open(path, "rb") as file:
            text = file.read().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(path, "not a text file", "landmarks, x y a line") from None
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})") from None
    return parse_pts(text, count, path)


def parse_pts(text, count, where):
    """The numbers of a ``.pts`` file as they stand in it, (count, 2) float64, count None: any; ``where`` names it in errors."""
    points, declared, opened, closed = [], None, False, False
    for number, line in enumerate(text.splitlines(), 1):
        line, at = line.strip(), f"{where}:{number}"
        if not line:
            continue
        header = HEADER.fullmatch(line)
        if closed:
            raise InputError(at, "text after the closing brace", "the end of the file")
        if header and not opened and not points:
            declared = int(header[1]) if header[1] else declared
        elif line == "{" and not opened and not points:
            opened = True
        elif line == "}" and opened:
            closed = True
        else:
            points.append(_coordinates(line, at))
    if opened and not closed:
        raise InputError(where, f"no closing brace after {len(points)} landmarks", 'a "}"', "the file is cut short")
    if declared is not None and declared != len(points):
        raise InputError(where, f"{len(points)} landmarks", f"{declared} as its header says")
    counts = count if isinstance(count, tuple) else (count,)
    if count is None and not points:
        raise InputError(where, "no landmarks", "x y a line")
    if count is not None and len(points) not in counts:
        raise InputError(where, f"{len(points)} landmarks", " or ".join(map(str, counts)))
    return np.array(points, dtype=np.float64)


def _coordinates(line, at):
    words = line.split()
    if len(words) != 2:
        raise InputError(at, f"{line[:40]!r}", "two numbers, x y")
    return coordinates(words, at, "two numbers, x y")


def coordinates(words, at, expected):
    """The pixels that words say, as floats; InputError at ``at`` where one is no number, or not one of a picture's pixels."""
    values = []
    for i, word in enumerate(words):
        value = float(word) if NUMBER.fullmatch(word) else None
        if value is None or not abs(value) <= LARGEST:  # not of a NaN
            wanted = expected if value is None else "finite numbers" if not np.isfinite(value) else f"pixels, at most {LARGEST}"
            raise InputError(at, repr(" ".join(words[i:])[:40]), wanted)
        values.append(value)
    return values
