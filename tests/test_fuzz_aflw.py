"""Damaged releases and databases of AFLW through their readers, in a child with limits: well-formed, or a one-line error."""

import numpy as np
import pytest
from fuzz import fuzz_binary
from test_aflw import FEATURES, put_database, put_release, shape

from data_prep import aflw, aflw_sqlite
from data_prep.aflw_release import parse
from gv.core.errors import InputError

NAMES = [f"{i % 2}/image{i // 2:05d}.jpg" for i in range(6)]
SHAPES = [shape(i) for i in range(6)]
POINTS, BOXES = np.stack([points for points, _ in SHAPES]), np.stack([box for _, box in SHAPES])


def _releases(folder):
    """Three releases of six faces: compressed, not compressed, and with flags of one byte."""
    files = []
    for options in ({"do_compression": True}, {"do_compression": False}, {"do_compression": False, "visible": np.uint8}):
        visible = np.ones((6, 19), options.pop("visible", float))
        put_release(folder / "whole.mat", NAMES, POINTS, BOXES, visible, np.arange(6)[::-1], **options)
        files.append((folder / "whole.mat").read_bytes())
    return files


def _database(folder):
    """The six faces; all features of four of them, none of the others."""
    put_database(folder / "whole.sqlite", [
        {"picture": NAMES[i], "pose": (1, 2, 3 * i), "rect": (*BOXES[i][:2], 100, 100),
         "features": dict(zip(FEATURES, POINTS[i])) if i < 4 else {}} for i in range(6)])
    return (folder / "whole.sqlite").read_bytes()


def _check_release(answers):
    (fields,) = answers
    release = parse(fields)
    count = len(release.names)
    assert count and sorted(release.order.tolist()) == list(range(count))
    assert all(isinstance(name, str) and name for name in release.names)
    assert (release.points.shape, release.boxes.shape, release.visible.shape) == ((count, 19, 2), (count, 4), (count, 19))
    for row in range(count):
        try:
            aflw._check("here", release.points[row], release.visible[row], release.boxes[row])
        except InputError:
            continue
        assert np.isfinite(release.points[row]).all() and set(release.visible[row]) <= {0, 1}


def _check_database(answers):
    (fields,) = answers
    database = aflw_sqlite.Database(**fields)
    count = len(database.ids)
    assert len(set(database.ids.tolist())) == count == len(database.pictures)
    assert (database.pose.shape, database.rects.shape, database.features.shape) == ((count, 3), (count, 4), (count, 19, 2))
    found = aflw_sqlite.join(NAMES, POINTS, BOXES, database)
    taken = found[found >= 0].tolist()
    assert len(set(taken)) == len(taken) and all(place < count for place in taken)


def _fuzz_releases(folder, count):
    seen = fuzz_binary("data_prep.aflw_release:read_fields", _releases(folder), count, _check_release, folder, name="m.mat")
    assert seen["parsed"] > count // 50 and seen["refused"] > count // 4, seen
    return seen


def _fuzz_databases(folder, count):
    seen = fuzz_binary("data_prep.aflw_sqlite:read_tables", [_database(folder)], count, _check_database, folder, name="m.sqlite")
    assert seen["parsed"] > count // 50 and seen["refused"] > count // 4, seen
    return seen


def test_damaged_releases(tmp_path):
    _fuzz_releases(tmp_path, 40)


def test_damaged_databases(tmp_path):
    _fuzz_databases(tmp_path, 40)


@pytest.mark.slow
def test_many_damaged_releases(tmp_path):
    print(dict(_fuzz_releases(tmp_path, 1000)))


@pytest.mark.slow
def test_many_damaged_databases(tmp_path):
    print(dict(_fuzz_databases(tmp_path, 1000)))
