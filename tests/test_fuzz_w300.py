"""Damaged files for data_prep.w300, .pts and box files; and that the quirks of its official files go together."""

import time

import numpy as np
import pytest
from fuzz import fuzz_binary, fuzz_text
from scipy.io import savemat
from test_w300 import landmarks, picture_bytes, pts_text, put_boxes

from data_prep import w300
from data_prep.points_files import LARGEST, parse_pts, read_pts
from gv.core.errors import InputError


def fuzz_pts(count, folder):
    texts = [pts_text(landmarks(seed), header, braces, end) for seed, (header, braces, end) in enumerate(
        [(True, True, "\n"), (True, True, "\r\n"), (False, True, "\n"), (False, False, "\n")])]
    path = folder / "face.pts"

    def read(data):
        path.write_bytes(data)
        return read_pts(path, 68)

    def check(points):
        assert points.shape == (68, 2) and points.dtype == np.float64 and (np.abs(points) <= LARGEST + 1).all()

    seen = fuzz_text(read, texts, count, check)
    assert min(seen["parsed"], seen["refused"]) > count / 20


def box_files(folder):
    """Box files as bytes: plain, compressed, and of one cell."""
    records = [(f"image_{i:03d}.jpg", np.arange(4) + i, np.arange(4) * 2.5 + i) for i in range(12)]
    put_boxes(folder / "plain.mat", records, extra_cells=[np.zeros((0, 0))])
    put_boxes(folder / "one.mat", records[:1])
    cells = np.empty((1, 12), dtype=object)
    cells[0] = [{"imgName": name, "bb_detector": box[None], "bb_ground_truth": truth[None]} for name, box, truth in records]
    savemat(folder / "packed.mat", {"bounding_boxes": cells}, do_compression=True)
    return [(folder / name).read_bytes() for name in ("plain.mat", "packed.mat", "one.mat")]


def fuzz_boxes(count, folder):
    def check(answers):
        (found,) = answers
        assert all(isinstance(name, str) for name in found["names"])
        assert found["boxes"].shape == (len(found["names"]), 4) and found["boxes"].dtype == np.float64

    seen = fuzz_binary("data_prep.w300:box_cells", box_files(folder), count, check, folder, field="bb_ground_truth")
    assert min(seen["parsed"], seen["refused"]) > count / 20


def test_damaged_pts(tmp_path):
    fuzz_pts(300, tmp_path)


def test_damaged_boxes(tmp_path):
    fuzz_boxes(40, tmp_path)


@pytest.mark.slow
def test_ten_thousand_damaged_pts(tmp_path):
    fuzz_pts(10_000, tmp_path)


@pytest.mark.slow
def test_a_thousand_damaged_boxes(tmp_path):
    fuzz_boxes(1_000, tmp_path)


def test_undamaged_boxes_come_out_as_they_went_in(tmp_path):
    box_files(tmp_path)
    for name in ("plain.mat", "packed.mat"):
        boxes = w300.read_boxes(tmp_path / name, "bb_ground_truth")
        assert boxes == {f"image_{i:03d}": tuple(np.arange(4) * 2.5 + i - 1) for i in range(12)}


LONG = 300_000


@pytest.mark.parametrize("line", ["1" * LONG + "x 1", "1." + "1" * LONG + "x 1", "1e" + "1" * LONG + " 1", "1 " * LONG,
                                  "n_points:" + " " * LONG + "x", "version" + " " * LONG + "x"])
def test_a_long_line_is_refused_at_once(line):
    start = time.monotonic()
    with pytest.raises(InputError) as error:
        parse_pts(line, 1, "face.pts")
    assert time.monotonic() - start < 2 and len(str(error.value)) < 200


@pytest.mark.parametrize("number", ["1e7", "-1048577", "1e308"])
def test_no_picture_has_such_a_pixel(number):
    with pytest.raises(InputError, match="pixels, at most 1048576"):
        parse_pts(f"{number} 1", 1, "face.pts")


@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("stem", ["image_092 _01", "image 1", "IMAGE_1"])
@pytest.mark.parametrize("suffix, annotation", [(".jpg", ".PTS"), (".JPG", ".pts"), (".PNG", ".PTS")])
def test_quirks_together(tmp_path, header, end, stem, suffix, annotation):
    points = landmarks(7)
    (tmp_path / "ibug").mkdir()
    (tmp_path / "ibug" / f"{stem}{suffix}").write_bytes(picture_bytes(suffix.lower()))
    (tmp_path / "ibug" / f"{stem}{annotation}").write_bytes(pts_text(points, header, header, end).encode())
    splits, report = w300.read_tree(tmp_path)
    assert report.left_out == [] and np.array_equal(splits["challenge"][0].points, points - 1)


def test_the_boxes_of_names_with_spaces_and_upper_case_suffixes(tmp_path):
    names = ["image_092 _01.jpg", "image 1.JPG", "IMAGE_1.PNG"]
    (tmp_path / "ibug").mkdir()
    for name in names:
        (tmp_path / "ibug" / name).write_bytes(picture_bytes(name[-4:].lower()))
        (tmp_path / "ibug" / f"{name[:-4]}.pts").write_text(pts_text(landmarks(1)))
    # the file goes on with another part's pictures: names decide
    listed = ["134212_1.jpg", *names, "261068_1.jpg"]
    put_boxes(tmp_path / "bounding_boxes_ibug.mat",
              [(name, np.full(4, np.nan), np.array([i, i, 30, 40])) for i, name in enumerate(listed)])
    splits, report = w300.read_tree(tmp_path, "provided")
    assert report.left_out == []
    assert {face.image[-len(name):]: face.box for face in splits["challenge"] for name in names if face.image.endswith(name)} == {
        name: (i - 1, i - 1, 29, 39) for i, name in enumerate(names, 1)}
