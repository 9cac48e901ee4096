"""Damaged files for data_prep.menpo: its lists, and .pts of either number of points."""

import numpy as np
import pytest
from fuzz import fuzz_text
from test_menpo import line, profile, semi_frontal
from test_w300 import pts_text

from data_prep.menpo import parse_list
from data_prep.points_files import LARGEST, read_pts

WHERE = "Menpo2D_profile_train.txt"


def fuzz_list(count):
    """Each line with text gives a face or one error that names it; no line gives both, or none."""
    faces = [line(f"image/profile/image {i:02d}.jpg", profile(i), (i, 2.5, 30, 40 + i)) for i in range(6)]
    texts = ["\n".join(faces) + "\n", "\r\n".join(faces)]
    seen = {"faces": 0, "errors": 0}

    def read(data):
        entries, errors = parse_list(data, 39, WHERE)
        lines = [text for text in (data[3:] if data.startswith(b"\xef\xbb\xbf") else data).splitlines() if text.strip()]
        assert len(entries) + len(errors) == len(lines)
        seen["faces"] += len(entries)
        seen["errors"] += len(errors)
        for error in errors:
            assert str(error).startswith(f"{WHERE}:") and len(str(error).splitlines()) == 1
        return entries

    def check(entries):
        for _, name, box, points in entries:
            assert name.lower().endswith((".jpg", ".png", ".jpeg")) and ".." not in name.split("/") and name.isprintable()
            assert len(box) == 4 and points.shape == (39, 2) and (np.abs(points) <= LARGEST).all()

    fuzz_text(read, texts, count, check)
    assert seen["faces"] > count and seen["errors"] > count / 10


def fuzz_pts(count, folder):
    texts = [pts_text(semi_frontal(0)), pts_text(profile(1), end="\r\n"), pts_text(profile(2), header=False, braces=False)]
    path = folder / "face.pts"

    def read(data):
        path.write_bytes(data)
        return read_pts(path, (68, 39))

    def check(points):
        assert points.shape in ((68, 2), (39, 2)) and points.dtype == np.float64 and (np.abs(points) <= LARGEST + 1).all()

    seen = fuzz_text(read, texts, count, check, seed=1)
    assert min(seen["parsed"], seen["refused"]) > count / 20


def test_damaged_lists():
    fuzz_list(300)


def test_damaged_pts(tmp_path):
    fuzz_pts(300, tmp_path)


@pytest.mark.slow
def test_ten_thousand_damaged_lists():
    fuzz_list(10_000)


@pytest.mark.slow
def test_ten_thousand_damaged_pts(tmp_path):
    fuzz_pts(10_000, tmp_path)
