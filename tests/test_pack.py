"""data_prep.pack: packed faces show what whole pictures show, carry every number along, and survive interruptions."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from helpers import ROOT, make_faces
from hypothesis import given, settings
from hypothesis import strategies as st

from data_prep import command, pack
from data_prep.report import Report
from gv.core import geometry, metrics
from gv.core.errors import InputError
from gv.core.faces import Face, read_index, read_split
from gv.core.layouts import get_layout


def smooth_picture(height, width, seed=0):
    """A picture (H, W, 3) uint8 without detail finer than some ten pixels: resampling leaves it as it is."""
    noise = np.random.default_rng(seed).uniform(0, 255, (height // 30 + 2, width // 30 + 2, 3))
    return cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC).clip(0, 255).astype(np.uint8)


def put(root, name, picture, **options):
    path = Path(root, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), picture, **options)
    return path


def face_at(root, name, box, points=None, out=None):
    """A face of a picture below ``root``, named as an index in ``out`` (root/../index) names it."""
    image = command.picture_path(Path(root, name), out or Path(root).parent / "index")
    points = np.random.default_rng(1).uniform(box[:2], box[2:], (68, 2)) if points is None else points
    return Face(image, points, box, attributes={"part": "a", "yaw": 3.5}, visible=np.arange(len(points)) % 2)


def packed(faces, root, side=100, report=None, out=None):
    """The one split "train" of ``faces``, packed into ``out`` (root/../index)."""
    report = report or Report("X", str(root), "nobody")
    splits, extra = pack.pack_splits({"train": faces}, out or Path(root).parent / "index", root, side, report)
    assert extra["side"] == side
    return splits["train"]


def read(folder, face):
    return cv2.imread(str(Path(folder, face.image)))


def difference(picture, other):
    return np.abs(picture.astype(float) - other).mean()


@pytest.mark.parametrize("box_side, side", [(400.0, 100), (333.3, 100), (90.25, 100), (100.0, 37)])
def test_points_stay_on_what_they_mark(tmp_path, box_side, side):
    """Spots drawn at the landmarks are found where the packed landmarks say, whether or not the factor divides the sides."""
    rng = np.random.default_rng(0)
    box = (500.4, 451.7, 500.4 + box_side, 451.7 + 0.8 * box_side)
    points = np.stack([np.linspace(0.1, 0.9, 5) * box_side, rng.permutation(np.linspace(0.1, 0.7, 5)) * box_side], 1) + box[:2]
    sigma = box_side / 30
    y, x = np.mgrid[:1300, :1401]
    spots = sum(np.exp(-((x - px) ** 2 + (y - py) ** 2) / 2 / sigma ** 2) for px, py in points)
    put(tmp_path / "raw", "a.png", np.repeat((spots * 200)[..., None], 3, 2).astype(np.uint8))
    face = face_at(tmp_path / "raw", "a.png", box, points)
    small = packed([face], tmp_path / "raw", side)[0]
    grey = read(tmp_path / "index", small)[..., 0].astype(float)
    factor = min(1, side / (0.8 * box_side))        # the landmarks' rectangle is the smaller of the two that are cropped
    assert grey.shape[0] % pack.MULTIPLE == 0 and grey.shape[1] % pack.MULTIPLE == 0  # the box is in the picture's middle
    assert max(small.box[2] - small.box[0], small.box[3] - small.box[1]) == pytest.approx(factor * box_side)
    y, x = np.mgrid[:grey.shape[0], :grey.shape[1]]
    for px, py in small.points:
        weight = np.where((abs(x - px) <= 3 * sigma * factor) & (abs(y - py) <= 3 * sigma * factor), np.maximum(grey - 10, 0), 0)
        assert ((x * weight).sum() / weight.sum(), (y * weight).sum() / weight.sum()) == pytest.approx((px, py), abs=0.12)


def test_nothing_is_enlarged_or_resampled_below_the_side(tmp_path):
    picture = smooth_picture(400, 500)
    put(tmp_path / "raw", "a.png", picture)
    small = packed([face_at(tmp_path / "raw", "a.png", (200, 150, 260, 220))], tmp_path / "raw", 70)[0]
    left, top = 200 - small.box[0], 150 - small.box[1]
    assert left == int(left) and top == int(top) and small.box[2:] == (260 - left, 220 - top)
    shown = read(tmp_path / "index", small)
    beside = picture[int(top):int(top) + shown.shape[0], int(left):int(left) + shown.shape[1]]
    assert difference(shown, beside) < 2 and shown.shape[0] >= pack.REACH * 70


def test_other_fields_stay(tmp_path):
    put(tmp_path / "raw", "a.png", smooth_picture(200, 200))
    face = face_at(tmp_path / "raw", "a.png", (50, 50, 150, 150))
    small = packed([face], tmp_path / "raw", 50)[0]
    assert small.attributes == face.attributes and (small.visible == face.visible).all()
    unboxed = packed([replace(face, box=None)], tmp_path / "raw", 50)[0]
    assert unboxed.box is None and np.ptp(unboxed.points, axis=0).max() == pytest.approx(50)


def test_reach_is_the_papers_augmentation():
    """No crop under both papers' largest changes shows more than REACH sides about the box; the worst one needs all of it."""
    from gv.core.pictures import Crop
    from gv.core.transforms import Augment, random_affine
    crop, box = Crop(size=64, enlarge=0.25), (0, 0, 1, 1)
    change = Augment(rotation=30, rotation_p=1, scale_min=0.75, scale_max=1.25, translate=0.1)
    corners = [(-0.5, -0.5), (63.5, -0.5), (-0.5, 63.5), (63.5, 63.5)]
    farthest = 0
    for seed in range(800):
        matrix = geometry.compose(random_affine(np.random.default_rng(seed), 64, change)[0], crop.matrix(box))
        farthest = max(farthest, abs(geometry.transform_points(geometry.invert(matrix), corners) - 0.5).max())
    assert 0.85 * pack.REACH / 2 < farthest < pack.REACH / 2


@pytest.mark.parametrize("place", [(300, 200), (5, 10), (500, 330)])
def test_training_crops_are_those_of_whole_pictures(tmp_path, place):
    """With every augmentation on, also beyond the picture's edge, where both are black."""
    from gv.core.data import FaceDataset
    from gv.core.pictures import Crop
    from gv.core.transforms import Augment
    box = (*place, place[0] + 150, place[1] + 120)
    put(tmp_path / "raw", "a.png", smooth_picture(440, 640))
    face = face_at(tmp_path / "raw", "a.png", box, np.random.default_rng(0).uniform(box[:2], box[2:], (68, 2)))
    small = packed([face], tmp_path / "raw", 80)[0]
    change = Augment(rotation_p=1, translate=0.1, brightness=0.2, contrast=0.2, occlusion_p=0.5)
    whole, cut = (FaceDataset(tmp_path / "index", [one], 68, Crop(size=64, enlarge=0.25), change) for one in (face, small))
    for epoch in range(20):
        whole.epoch = cut.epoch = epoch
        (crop, points), (crop_cut, points_cut) = whole[0], cut[0]
        assert np.abs(points - points_cut).max() < 1e-3
        assert difference(crop, crop_cut) < 3
        # black beyond the picture's edge, but for the pixels that mix with it
        assert (cv2.erode((crop.max(2) == 0).astype(np.uint8), np.ones((5, 5))) <= (crop_cut.max(2) < 12)).all()


@pytest.mark.parametrize("box", [(20, 10, 70, 60), (150, 120, 620, 430), (300, 200, 350, 240)])
def test_both_boxes_that_are_cropped_are_in_the_packed_picture(tmp_path, box):
    """The set's box elsewhere, larger and smaller than the landmarks' rectangle, which Gaussian Vector crops."""
    from gv.core.data import FaceDataset
    from gv.core.pictures import Crop
    from gv.core.transforms import Augment
    put(tmp_path / "raw", "a.png", smooth_picture(440, 640))
    points = np.random.default_rng(0).uniform((280, 180), (430, 300), (68, 2))
    face = face_at(tmp_path / "raw", "a.png", box, points)
    small = packed([face], tmp_path / "raw", 80)[0]
    change = Augment(rotation_p=1, translate=0.1)
    for boxes in ("landmarks", "index"):
        whole, cut = (FaceDataset(tmp_path / "index", [one], 68, Crop(size=64, enlarge=0.25, boxes=boxes), change)
                      for one in (face, small))
        for epoch in range(10):
            whole.epoch = cut.epoch = epoch
            (crop, found), (crop_cut, found_cut) = whole[0], cut[0]
            assert np.abs(found - found_cut).max() < 1e-3 and difference(crop, crop_cut) < 3


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 10 ** 6), side=st.integers(32, 600), scale=st.floats(1, 3000))
def test_the_error_of_a_prediction_is_the_same(seed, side, scale):
    rng = np.random.default_rng(seed)
    true = rng.uniform(-50, 50, 2) + rng.uniform(0, scale, (1, 68, 2))
    predicted = true + rng.normal(0, scale / 50, true.shape)
    box = np.array([[*true[0].min(0), *true[0].max(0)]]) + rng.uniform(-0.1, 0.1, 4) * scale / 10
    matrix, _ = pack.placement(box, side)
    moved = [geometry.transform_points(matrix, values) for values in (true, predicted)]
    moved_box = geometry.transform_points(matrix, box.reshape(2, 2)).reshape(1, 4)
    for name in sorted(set(metrics.NORMALISERS) - {"pair"}):      # which 300-W's scheme has not
        before = metrics.nme(predicted, true, metrics.normaliser(name, true, get_layout(68), box))
        after = metrics.nme(moved[1], moved[0], metrics.normaliser(name, moved[0], get_layout(68), moved_box))
        assert after == pytest.approx(before, rel=1e-6)


def test_a_face_in_two_splits_is_packed_once_and_two_faces_of_a_picture_twice(tmp_path):
    put(tmp_path / "raw", "a b.png", smooth_picture(300, 300))
    one, two = (face_at(tmp_path / "raw", "a b.png", box) for box in ((20, 20, 90, 90), (150, 150, 260, 260)))
    splits, _ = pack.pack_splits({"common": [one], "full": [one, two]}, tmp_path / "index", tmp_path / "raw", 64,
                                 Report("X", str(tmp_path / "raw"), ""))
    assert splits["common"][0].image == splits["full"][0].image != splits["full"][1].image
    assert len(list((tmp_path / "index").rglob("*.jpg"))) == 2


def test_names_are_the_same_wherever_the_data_lies(tmp_path):
    names = []
    for place in ("here", "there/below"):
        root = tmp_path / place / "raw"
        put(root, "set/Ä (1).PNG", smooth_picture(300, 300))
        names.append([face.image for face in packed([face_at(root, "set/Ä (1).PNG", (20, 20, 200, 200))], root)])
    assert names[0] == names[1]
    assert names[0][0].startswith("packed/set/Ä (1)-") and names[0][0].endswith(".jpg")


def test_pictures_that_lie_in_the_index(tmp_path):
    """As a set in a container leaves them, unpacked into the index beside where the packed ones go."""
    put(tmp_path / "index", "images/1.png", smooth_picture(200, 200))
    (tmp_path / "raw").mkdir()
    face = face_at(tmp_path / "index", "images/1.png", (50, 50, 150, 150), out=tmp_path / "index")
    assert packed([face], tmp_path / "raw")[0].image.startswith("packed/images/1-")


@pytest.fixture
def three(tmp_path):
    """(root, three faces with a picture each)."""
    root = tmp_path / "raw"
    for i in range(3):
        put(root, f"p/{i}.jpg", smooth_picture(240, 320, i))
    return root, [face_at(root, f"p/{i}.jpg", (60, 60, 180, 180)) for i in range(3)]


def written(monkeypatch):
    """The names of the pictures written from here on."""
    names, write = [], pack._write
    monkeypatch.setattr(pack, "_write", lambda path, picture: (names.append(path.name), write(path, picture)))
    return names


def test_a_second_run_writes_nothing(three, monkeypatch):
    root, faces = three
    first, names = packed(faces, root), written(monkeypatch)
    second = packed(faces, root)
    assert names == [] and [face.image for face in first] == [face.image for face in second]
    assert all((a.points == b.points).all() and a.box == b.box for a, b in zip(first, second))


def test_what_changed_is_packed_again(three, monkeypatch):
    root, faces = three
    first, names = packed(faces, root), written(monkeypatch)
    put(root, "p/1.jpg", smooth_picture(240, 320, 7))
    second = packed(faces, root)
    assert len(names) == 1 and names[0].startswith("1-")
    assert [a.image == b.image for a, b in zip(first, second)] == [True, False, True]
    other = packed(faces, root, 64)
    assert len(names) == 4 and not {face.image for face in other} & {face.image for face in second}


def test_what_a_crash_cut_short_is_packed_again(three, monkeypatch):
    root, faces = three
    folder = root.parent / "index"
    first = packed(faces, root)
    whole = (folder / first[0].image).read_bytes()
    (folder / first[0].image).write_bytes(whole[:len(whole) // 2])
    (folder / first[1].image).write_bytes(b"")
    names = written(monkeypatch)
    packed(faces, root)
    assert len(names) == 2 and (folder / first[0].image).read_bytes() == whole


def test_cleaning_removes_only_what_packing_left(three):
    root, faces = three
    folder = root.parent / "index"
    old, new = packed(faces, root), packed(faces, root, 64)
    half = folder / f"{old[0].image}.12-34.part"
    half = half.with_name(f".{half.name}")
    half.write_bytes(b"")
    (folder / "packed" / "notes.jpg").write_bytes(b"mine")
    pack.clean(folder, {"train": new})
    left = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert left == {*(face.image for face in new), "packed/notes.jpg"}


def test_damaged_pictures_are_left_out_and_counted(three):
    root, faces = three
    whole = (root / "p/0.jpg").read_bytes()
    (root / "p/0.jpg").write_bytes(whole[:len(whole) // 2])
    (root / "p/1.jpg").write_bytes(b"\xff\xd8 no picture")
    report = Report("X", str(root), "", parts={"a": (5, 9)}, splits={"train": (5, 9), "all": (5, 9)})
    away = face_at(root, "p/2.jpg", (900, 900, 950, 950))
    wild = face_at(root, "p/2.jpg", (0, 0, 1e300, 1e300), faces[2].points)
    left = packed([*faces, away, wild], root, report=report)
    assert [Path(face.image).name[0] for face in left] == ["2"]
    assert report.splits == {"train": (1, 9), "all": (5, 9)} and report.parts == {"a": (1, 9)}
    reasons = [f"{name}: {reason}" for name, reason in report.left_out]
    assert len(reasons) == 4 and all(reason.startswith("p/") for reason in reasons)
    for words in ("p/0.jpg: a picture cut short", "p/1.jpg: ", "p/2.jpg: a box outside the picture of 320 x 240",
                  "p/2.jpg: (0, 0, 1e+300"):
        assert any(words in reason for reason in reasons), words


def test_nothing_to_pack_is_one_line(three):
    root, faces = three
    with pytest.raises(InputError, match="not one face that can be packed.*missing.jpg"):
        packed([replace(faces[0], image="../raw/p/missing.jpg")], root)
    assert pack.pack_splits({}, root.parent / "index", root, 64, Report("X", str(root), ""))[0] == {}


def test_grey_pictures_and_orientation(tmp_path):
    """Pixels are taken as stored, whatever the EXIF orientation says, as in training; a grey picture becomes three alike."""
    picture = smooth_picture(200, 320)
    data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 98])[1].tobytes()
    # APP1: Exif, a little-endian TIFF with one entry: orientation (0x0112), SHORT, 1 value, 6 = turned by 90 degrees
    exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw/turned.jpg").write_bytes(data[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + data[2:])
    assert cv2.imread(str(tmp_path / "raw/turned.jpg")).shape == (320, 200, 3)  # the mark is understood
    put(tmp_path / "raw", "grey.png", picture[..., 0])
    box = (100, 40, 220, 160)
    turned, grey = packed([face_at(tmp_path / "raw", name, box) for name in ("turned.jpg", "grey.png")], tmp_path / "raw", 200)
    assert difference(read(tmp_path / "index", turned), picture) < 3
    shown = read(tmp_path / "index", grey)
    assert shown.shape == (200, 320, 3) and np.ptp(shown, axis=2).max() == 0 and difference(shown[..., 0], picture[..., 0]) < 3


def run(*arguments, code=0):
    done = subprocess.run([sys.executable, "-m", "data_prep.w300", *map(str, arguments)], cwd=ROOT, text=True,
                          capture_output=True, timeout=120)
    assert done.returncode == code and "Traceback" not in done.stderr, done.stderr
    return done.stdout, done.stderr


@pytest.fixture
def tree(tmp_path):
    """A 300-W tree of four drawn faces: two to train on, two of the common test set."""
    root = tmp_path / "300w"
    for part, count in (("afw", 2), ("helen/testset", 2)):
        for face in make_faces(root / part, count, np.random.default_rng(len(part)), side=200, name="image_"):
            path = root / part / Path(face.image).name
            os.replace(root / part / face.image, path)
            lines = "\n".join(f"{x + 1:.3f} {y + 1:.3f}" for x, y in face.points)
            path.with_suffix(".pts").write_text(f"version: 1\nn_points: 68\n{{\n{lines}\n}}\n")
    return root


def test_the_command_packs_an_index_that_can_be_moved(tree, tmp_path):
    whole, _ = run("--root", tree, "--out", tmp_path / "whole")
    out, _ = run("--root", tree, "--out", tmp_path / "index", "--pack", 48)
    assert "a face's box at most 48 pixels" in out
    assert [line for line in out.splitlines() if not line.startswith("written")] == [
        line for line in whole.splitlines() if not line.startswith("written")]
    os.rename(tmp_path / "index", tmp_path / "moved")
    index = read_index(tmp_path / "moved")
    assert index.extra["packed"] == {"side": 48, "reach": round(pack.REACH, 4)} and index.extra["image_paths"] == "relative"
    assert index.extra["duplicates"] and index.splits == {"train": 2, "common": 2, "full": 2}
    assert read_split(index, "full")[0].image == read_split(index, "common")[0].image
    for small, face in zip(read_split(index, "train"), read_split(tmp_path / "whole", "train")):
        width, height = np.subtract(face.box[2:], face.box[:2])
        assert np.ptp(small.points, axis=0) == pytest.approx(np.ptp(face.points, axis=0) * 48 / max(width, height))
        assert read(tmp_path / "moved", small) is not None
    run("--root", tree, "--out", tmp_path / "moved", "--pack", 64)
    assert len(list((tmp_path / "moved").rglob("*.jpg"))) == 4  # those of 48 are gone
    assert read_index(tmp_path / "moved").extra["packed"]["side"] == 64


def test_an_interrupted_command_leaves_no_index_and_goes_on(tree, tmp_path):
    """Killed after two pictures, as by a power cut; the next run writes the other two, and the index."""
    stop = ("import sys, os, runpy\nfrom data_prep import pack\nwrite, count = pack._write, []\n"
            "def dies(path, picture):\n    if len(count) == 2: os._exit(9)\n    count.append(write(path, picture))\n"
            "pack._write, os.cpu_count = dies, lambda: 1\nrunpy.run_module('data_prep.w300', run_name='__main__')\n")
    arguments = ["--root", str(tree), "--out", str(tmp_path / "index"), "--pack"]
    assert subprocess.run([sys.executable, "-c", stop, *arguments], cwd=ROOT, capture_output=True, timeout=120).returncode == 9
    early = {path: path.stat().st_mtime_ns for path in (tmp_path / "index").rglob("*.jpg")}
    assert len(early) == 2 and not list((tmp_path / "index").rglob("*.json*"))
    run(*arguments)
    assert all(path.stat().st_mtime_ns == then for path, then in early.items())
    run("--root", tree, "--out", tmp_path / "fresh", "--pack")
    for name in ("index.json", "train.jsonl", "full.jsonl"):
        assert (tmp_path / "index" / name).read_text() == (tmp_path / "fresh" / name).read_text()
    assert read_index(tmp_path / "index").extra["packed"]["side"] == pack.DEFAULT_SIDE == 320


@pytest.mark.parametrize("arguments, words", [
    (["--pack", "31"], ["--pack", "31", "at least 32"]),
    (["--pack", "many"], ["--pack", "many"]),
])
def test_a_side_that_is_none(tree, tmp_path, arguments, words):
    out, errors = run("--root", tree, "--out", tmp_path / "index", *arguments, code=2)
    assert out == "" and all(word in errors for word in words) and not (tmp_path / "index").exists()


def test_a_full_disk_is_one_line_and_leaves_no_index(tree, tmp_path):
    """A file stands where the folder of packed pictures goes: what the operating system refuses, in a worker thread."""
    (tmp_path / "index").mkdir()
    (tmp_path / "index" / "packed").write_text("")
    _, errors = run("--root", tree, "--out", tmp_path / "index", "--pack", code=2)
    assert len(errors.splitlines()) == 1 and "packed" in errors
    assert not (tmp_path / "index" / "index.json").exists()


def test_check_only_packs_nothing(tree, tmp_path):
    out, _ = run("--root", tree, "--out", tmp_path / "index", "--pack", "--check-only", "--json")
    assert json.loads(out)["left_out"] == [] and not (tmp_path / "index").exists()
