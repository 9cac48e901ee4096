"""data_prep.jd, against trees written here as the official archives unpack: what was put in comes out."""

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from data_prep import jd
from gv.core.errors import InputError
from gv.core.faces import read_index, read_split

REPOSITORY = Path(__file__).resolve().parents[1]
RECTS = "training_dataset_face_detection_bounding_box_v1/training_dataset_face_detection_bounding_box"


def text(points, end="\n", count=None):
    return end.join([str(len(points) if count is None else count), *(f"{x:.6f} {y:.6f}" for x, y in points)]) + end


def rect(seed):
    x0, y0, width, height = np.random.default_rng(seed).integers(1, 60, 4)
    return int(x0), int(y0), int(x0 + width), int(y0 + height)


def put(root, folder, name, seed, rects=RECTS, landmarks=None, box=None, picture=None):
    """A face of the official tree; None leaves a file out where "" would empty it. Returns its landmarks (106, 2)."""
    points = np.random.default_rng(seed).uniform(0, 60, (106, 2)).round(6)
    picture = np.random.default_rng(seed).integers(0, 255, (64, 64, 3), np.uint8) if picture is None else picture
    suffix = Path(name).suffix.lower()
    for path, data in {
        root / folder / "picture" / name: picture if isinstance(picture, bytes) else cv2.imencode(suffix, picture)[1].tobytes(),
        root / folder / "landmark" / f"{name}.txt": (text(points) if landmarks is None else landmarks).encode(),
        root / rects / f"{name}.rect": (" ".join(map(str, rect(seed))) + "\n" if box is None else box).encode(),
    }.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return points


@pytest.fixture
def tree(tmp_path):
    """(root, {split: {name: landmarks}}): the archives side by side, with two faces a subset, two to validate, three to test."""
    root, put_in = tmp_path / "jd", {"train": {}, "val": {}, "test": {}}
    for i, subset in enumerate(jd.SUBSETS):
        for j in range(2):
            name = f"{subset}_{i}_{j}.jpg"
            put_in["train"][name] = put(root, f"Training_data/{subset}", name, 10 * i + j)
    for split, folder, count in (("val", "Val_data", 2), ("test", "Test_data1", 3)):
        for j in range(count):
            put_in[split][f"{split} {j}.jpg"] = put(root, folder, f"{split} {j}.jpg", 50 + j, f"{folder}/rect")
    return root, put_in


def command(*arguments, code=0):
    """The command as a user runs it; returns (stdout, stderr)."""
    done = subprocess.run([sys.executable, "-m", "data_prep.jd", *map(str, arguments)], cwd=REPOSITORY, text=True,
                          capture_output=True, timeout=120)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout, done.stderr


def reasons(report):
    return dict(report.left_out)


def names(faces):
    return [Path(face.image).name for face in faces]


def test_a_tree_is_read_to_the_numbers_put_in(tree, tmp_path):
    root, put_in = tree
    jd.main(["--root", str(root), "--out", str(tmp_path / "index")])
    index = read_index(tmp_path / "index")
    assert (index.layout, index.source, index.normaliser, index.box_source) == (106, "JD-landmark", "rectangle", "provided")
    assert index.provenance_line() == "JD-landmark: official, partial: 8 of 11393 train faces"
    for split, faces in put_in.items():
        read = read_split(index, split)
        assert names(read) == sorted(faces)
        for face in read:
            assert np.array_equal(face.points, faces[Path(face.image).name])
            assert (index.folder / face.image).is_file()
            assert face.attributes == ({"subset": Path(face.image).name.split("_")[0]} if split == "train" else {})
    assert [face.box for face in read_split(index, "test")] == [rect(50 + j) for j in range(3)]
    assert [face.box for face in read_split(index, "train")][:2] == [rect(0), rect(1)]


def test_boxes_of_the_landmarks_need_no_rect(tree):
    for path in tree[0].rglob("*.rect"):
        path.unlink()
    splits, report = jd.read_tree(tree[0], "landmarks")
    assert report.left_out == [] and report.splits["train"] == (8, 11393)
    for face in splits["train"]:
        assert face.box == (*face.points.min(axis=0), *face.points.max(axis=0))
    with pytest.raises(InputError, match="no box; expected test 0.jpg.rect below --root; or --boxes landmarks"):
        jd.read_tree(tree[0])


@pytest.mark.parametrize("move", [
    {"Training_data": "Training_data.zip/Training_data", "Test_data1": "x/Test_data1", "Val_data": "Validation"},
    {"Training_data": "Train", "Test_data1": "Test", "Val_data": "val", RECTS: "bbox"},
    {"Test_data1": "test_data", RECTS: "Training_data/rects"},
])
def test_trees_as_they_are_known_to_unpack(tree, move):
    root, put_in = tree
    for old, new in move.items():
        (root / new).parent.mkdir(parents=True, exist_ok=True)
        (root / old).rename(root / new)
    splits, report = jd.read_tree(root)
    assert report.left_out == []
    assert {split: names(faces) for split, faces in splits.items()} == {split: sorted(of) for split, of in put_in.items()}


def test_a_split_may_be_the_root_itself_or_flat(tree, tmp_path):
    splits, report = jd.read_tree(tree[0] / "Test_data1")
    assert report.splits == {"train": (0, 11393), "val": (0, 2000), "test": (3, 2000)} and list(splits) == ["test"]
    for seed, name in enumerate(["HELEN_1_0.jpg", "other.png"]):
        put(tmp_path / "flat", "Train", name, seed, "Train/rect")
    splits, _ = jd.read_tree(tmp_path / "flat")
    assert [face.attributes for face in splits["train"]] == [{"subset": "HELEN"}, {}]


def test_what_is_not_known_is_not_guessed(tree):
    root = tree[0]
    put(root, "Test_data2", "a.jpg", 0, "Test_data2/rect")
    put(root, "extra", "b.jpg", 1, "extra/rect")
    (root / "Val_data2" / "picture").mkdir(parents=True)
    (root / "Val" / "picture").mkdir(parents=True)
    splits, report = jd.read_tree(root)
    assert {split: len(faces) for split, faces in splits.items()} == {"train": 8, "val": 2, "test": 3}
    found = reasons(report)
    for folder in ("Test_data2", "extra", "Val_data2"):
        assert "no word on which split" in found.pop(folder), folder
    assert found == {"Val": "a folder picture without landmark beside it"}


def test_corrected_landmarks_replace_the_first_ones(tree):
    root, put_in = tree
    better = np.random.default_rng(99).uniform(0, 60, (106, 2)).round(6)
    (root / "Corrected_landmark").mkdir()
    for name in ("AFW_0_1.jpg.txt", "test 2.jpg.txt", "of no picture.jpg.txt"):
        (root / "Corrected_landmark" / name).write_text(text(better))
    (root / "Training_data" / "AFW" / "landmark" / "AFW_0_1.jpg.txt").write_text("wrong")
    splits, report = jd.read_tree(root)
    assert np.array_equal(splits["train"][1].points, better) and np.array_equal(splits["test"][2].points, better)
    assert np.array_equal(splits["train"][0].points, put_in["train"]["AFW_0_0.jpg"])
    assert report.left_out == [] and report.notes[0].startswith("2 faces have the landmarks of Corrected_landmark")
    splits, report = jd.read_tree(root, corrected=False)
    assert np.array_equal(splits["test"][2].points, put_in["test"]["test 2.jpg"]) and report.notes == []
    assert "no line with the count" not in reasons(report)["Training_data/AFW/landmark/AFW_0_1.jpg.txt:1"]
    (root / "Corrected_landmark" / "test 2.jpg.txt").write_text(text(better[:50]))
    assert "count of '50'" in reasons(jd.read_tree(root)[1])["Corrected_landmark/test 2.jpg.txt:1"]


def test_harmless_differences_are_read(tmp_path):
    points = np.random.default_rng(0).uniform(-3, 60, (106, 2)).round(2)
    for i, (name, landmarks) in enumerate({
        "windows.JPG": text(points, "\r\n"), "bom.jpg": "\ufeff" + text(points), "blank.jpg": "\n" + text(points, " \n\n"),
        "tabs.jpeg": text(points).replace(" ", "\t"), "no end.jpg": text(points).rstrip(),
    }.items()):
        put(tmp_path, "Test_data1", name, i, "Test_data1/rect", landmarks, box=" -3  1.5\t20 30\r\n")
    (tmp_path / "Test_data1" / "picture" / "._windows.JPG").write_text("")
    (tmp_path / "Test_data1" / "landmark" / "._windows.JPG.txt").write_text("")
    put(tmp_path, "__MACOSX/Test_data1", "x.jpg", 9)
    for folder, name in (("landmark", "tabs.jpeg.txt"), ("rect", "tabs.jpeg.rect")):
        (tmp_path / "Test_data1" / folder / name).rename(tmp_path / "Test_data1" / folder / name.replace(".jpeg", ""))
    splits, report = jd.read_tree(tmp_path)
    assert report.left_out == [] and len(splits["test"]) == 5
    for face in splits["test"]:
        assert np.array_equal(face.points, points) and face.box == (-3, 1.5, 20, 30)


def test_the_malformed_are_named_and_the_rest_is_read(tmp_path):
    points = np.random.default_rng(0).uniform(0, 60, (106, 2)).round(2)
    lines = text(points).splitlines(keepends=True)
    bad_landmarks = {
        "empty": "", "no count": "".join(lines[1:]), "count lies": text(points[:105], count=106), "105": text(points[:105]),
        "107": text(np.vstack([points, points[:1]]), count=106), "cut": "".join(lines[:50]) + "3", "nan": text(points).replace(
            lines[7].split()[0], "nan", 1), "huge": text(points).replace(lines[7].split()[0], "1e30", 1),
        "words": "106\n" + "a b\n" * 106, "point": "106\n" + "7 7\n" * 106, "comma": text(points).replace(" ", ","),
    }
    bad_boxes = {"no box text": "", "three": "1 2 3", "five": "1 2 3 4 5", "two lines": "1 2 3 4\n1 2 3 4\n", "area": "5 5 5 9",
                 "box words": "x y w h", "box nan": "1 2 nan 4", "turned": "9 9 1 1"}
    for i, (name, content) in enumerate(bad_landmarks.items()):
        put(tmp_path, "Test_data1", f"{name}.jpg", i, "Test_data1/rect", landmarks=content)
    for i, (name, content) in enumerate(bad_boxes.items()):
        put(tmp_path, "Test_data1", f"{name}.jpg", 20 + i, "Test_data1/rect", box=content)
    put(tmp_path, "Test_data1", "good.jpg", 40, "Test_data1/rect")
    put(tmp_path, "Test_data1", "picture.jpg", 41, "Test_data1/rect", picture=b"no picture")
    for i, folder in enumerate(("picture", "landmark", "rect")):
        put(tmp_path, "Test_data1", f"lone {i}.jpg", 50 + i, "Test_data1/rect")
        for other in {"picture", "landmark", "rect"} - {folder}:
            next((tmp_path / "Test_data1" / other).glob(f"lone {i}*")).unlink()
    put(tmp_path, "Test_data1", "binary.jpg", 42, "Test_data1/rect")
    (tmp_path / "Test_data1" / "landmark" / "binary.jpg.txt").write_bytes(b"\xff\xfe\x00")
    put(tmp_path, "Training_data/AFW", "AFW_1_0.jpg", 60)
    put(tmp_path, "Training_data.zip/Training_data/AFW", "AFW_1_0.jpg", 60)
    splits, report = jd.read_tree(tmp_path)
    assert names(splits["test"]) == ["good.jpg"] and names(splits["train"]) == ["AFW_1_0.jpg"]
    found = {name.replace("Test_data1/", "").split(":")[0]: reason for name, reason in report.left_out}
    for name, reason in {
        "landmark/empty.jpg.txt": "no line with the count", "landmark/no count.jpg.txt": "no line with the count",
        "landmark/count lies.jpg.txt": "105 landmarks; expected 106", "landmark/105.jpg.txt": "a count of '105'; expected 106",
        "landmark/107.jpg.txt": "107 landmarks", "landmark/cut.jpg.txt": "two numbers", "landmark/nan.jpg.txt": "finite numbers",
        "landmark/huge.jpg.txt": "pixels", "landmark/words.jpg.txt": "two numbers", "landmark/point.jpg.txt": "on one line",
        "landmark/comma.jpg.txt": "two numbers", "rect/no box text.jpg.rect": "0 lines", "rect/three.jpg.rect": "3 words",
        "rect/five.jpg.rect": "1 lines, 5 words", "rect/two lines.jpg.rect": "2 lines", "rect/area.jpg.rect": "without area",
        "rect/box words.jpg.rect": "four numbers", "rect/box nan.jpg.rect": "finite numbers",
        "rect/turned.jpg.rect": "without area",
        "picture/picture.jpg": "cannot be decoded", "picture/lone 0.jpg": "no landmarks", "landmark/lone 1.jpg.txt": "no picture",
        "landmark/binary.jpg.txt": "not a text file",
        "Training_data.zip/Training_data/AFW/picture/AFW_1_0.jpg": "a second picture of this name",
    }.items():
        assert reason in found.pop(name), name
    assert not found


def test_a_link_in_a_circle_ends(tree):
    (tree[0] / "Training_data" / "again").symlink_to(tree[0])
    splits, report = jd.read_tree(tree[0])
    assert len(splits["train"]) == 8 and report.left_out == []


def test_a_folder_that_cannot_be_read_is_named(tree, monkeypatch):
    scandir = os.scandir

    def refusing(path):
        if str(path).endswith("Val_data"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    splits, report = jd.read_tree(tree[0])
    assert list(splits) == ["train", "test"] and reasons(report) == {"Val_data": "cannot be read (Permission denied)"}


def test_command_prints_the_counts_and_json(tree, tmp_path):
    (tree[0] / "Test_data1" / "landmark" / "test 0.jpg.txt").write_text("none")
    out, _ = command("--root", tree[0], "--out", tmp_path / "index", "--uncorrected")
    words = [line.split() for line in out.splitlines()]
    assert ["train", "8", "11393", "partial"] in words and ["test", "2", "2000", "partial"] in words
    assert "facial-landmarks-localization-challenge.github.io" in out and "Test_data1/landmark/test 0.jpg.txt" in out
    assert read_index(tmp_path / "index").extra["landmarks"] == "first"
    out, _ = command("--root", tree[0], "--check-only", "--json", "--out", tmp_path / "none", "--boxes", "landmarks")
    report = json.loads(out)
    assert report["splits"]["val"] == {"found": 2, "official": 2000} and len(report["left_out"]) == 1
    assert sorted(os.listdir(tmp_path)) == ["index", "jd"]


def test_command_bad_input_is_one_line_and_code_2(tmp_path):
    (tmp_path / "empty").mkdir()
    out, errors = command("--root", tmp_path / "empty", "--check-only", code=2)
    assert out == "" and len(errors.splitlines()) == 1
    assert all(word in errors for word in ("not one face", "Training_data", "github.io")), errors
