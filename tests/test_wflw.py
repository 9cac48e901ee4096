"""data_prep.wflw, against lists written here in the official layout: what was put in comes out."""

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_prep import wflw
from data_prep.synthetic.sets import WFLW_SUBSETS
from gv.core.errors import InputError
from gv.core.faces import read_index, read_split

REPOSITORY = Path(__file__).resolve().parents[1]
LISTS = "WFLW_annotations/list_98pt_rect_attr_train_test"
FLAGS = (0, 0, 0, 0, 0, 0)


def landmarks(seed):
    """Landmarks (98, 2) with the six decimals of the official lists, some of them outside the picture."""
    return np.random.default_rng(seed).uniform(-5, 60, (98, 2)).round(6)


def line(points, name, flags=FLAGS, box=(3, 2, 41, 47)):
    coordinates = " ".join(f"{v:.6f}" for v in np.ravel(points))
    return " ".join([coordinates, *map(str, box), *map(str, flags), name])


def put_picture(root, name, data=None):
    path = root / "WFLW_images" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = np.random.default_rng(0).integers(0, 255, (48, 40, 3), dtype=np.uint8)
    path.write_bytes(cv2.imencode(".jpg", picture)[1].tobytes() if data is None else data)


def put_list(root, split, lines, end="\n"):
    path = root / LISTS / f"list_98pt_rect_attr_{split}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes("".join(text + end for text in lines).encode())


def command(*arguments, code=0):
    """The command as a user runs it; returns (stdout, stderr)."""
    done = subprocess.run([sys.executable, "-m", "data_prep.wflw", *map(str, arguments)], cwd=REPOSITORY, text=True,
                          capture_output=True, timeout=120)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout, done.stderr


@pytest.fixture
def tree(tmp_path):
    """Two training faces in one picture, and a test face for each attribute and one with none."""
    root = tmp_path / "wflw"
    for name in ("0--Parade/0_Parade_1.jpg", "7--Cheering/7 Cheering  2.jpg"):
        put_picture(root, name)
    put_list(root, "train", [line(landmarks(i), "0--Parade/0_Parade_1.jpg", box=(i, 1, 40, 41)) for i in range(2)])
    put_list(root, "test", [line(landmarks(10 + i), "7--Cheering/7 Cheering  2.jpg", np.eye(7, 6, dtype=int)[i])
                            for i in range(7)])
    return root


def test_a_tree_is_read_to_the_numbers_put_in(tree, tmp_path):
    out = tmp_path / "index"
    wflw.main(["--root", str(tree), "--out", str(out)])
    index = read_index(out)
    assert (index.layout, index.source, index.normaliser, index.box_source) == (98, "WFLW", "ion", "provided")
    assert index.provenance == "official, partial" and index.extra["base"] == 0
    assert index.splits == {"train": 2, "test": 7, **dict.fromkeys(wflw.SUBSETS, 1)}
    assert index.found == {**index.splits, "train list": 2, "test list": 7}
    for split, first in (("train", 0), ("test", 10)):
        for i, face in enumerate(read_split(index, split)):
            assert np.array_equal(face.points, landmarks(first + i))
            assert face.box == ((i, 1, 40, 41) if split == "train" else (3, 2, 41, 47))
            assert cv2.imread(str(out / face.image)).shape == (48, 40, 3)
    assert read_split(index, "test")[0].image.endswith("WFLW_images/7--Cheering/7 Cheering  2.jpg")


def test_the_six_flags_are_the_subsets_in_the_order_of_the_columns(tree):
    splits, _ = wflw.read_tree(tree)
    for i, name in enumerate(("pose", "expression", "illumination", "make-up", "occlusion", "blur")):
        assert [np.array_equal(face.points, landmarks(10 + i)) for face in splits[name]] == [True]
        assert splits[name][0].attributes == {other: int(other == name) for other in wflw.SUBSETS}


def test_the_official_counts():
    assert wflw.SPLITS == {"train": 7500, "test": 2500} and wflw.SUBSETS == WFLW_SUBSETS


def test_counts_that_are_all_official_are_an_official_set(tree, monkeypatch):
    monkeypatch.setattr(wflw, "SPLITS", {"train": 2, "test": 7})
    monkeypatch.setattr(wflw, "SUBSETS", dict.fromkeys(wflw.SUBSETS, 1))
    assert wflw.read_tree(tree)[1].provenance == "official"
    monkeypatch.setitem(wflw.SUBSETS, "blur", 2)
    assert wflw.read_tree(tree)[1].provenance == "official, partial"


@pytest.mark.parametrize("boxes, base, expected", [
    ("provided", 0, (1, 1, 40, 41)), ("provided", 1, (0, 0, 39, 40)), ("landmarks", 1, None),
])
def test_boxes_and_base(tree, boxes, base, expected):
    face = wflw.read_tree(tree, boxes, base)[0]["train"][1]
    points = landmarks(1) - base
    assert np.array_equal(face.points, points)
    assert face.box == (expected or (*points.min(0), *points.max(0)))


def test_line_ends_blank_lines_and_a_last_line_without_end(tree):
    expected = wflw.read_tree(tree)[0]["test"]
    path = tree / LISTS / "list_98pt_rect_attr_test.txt"
    text = path.read_text()
    for changed in (text.replace("\n", "\r\n"), text.replace("\n", "\n\n"), text[:-1], text.replace("\n", " \n")):
        path.write_bytes(changed.encode())
        splits, report = wflw.read_tree(tree)
        assert report.left_out == []
        assert all(np.array_equal(a.points, b.points) and a.image == b.image for a, b in zip(splits["test"], expected))


def test_what_cannot_be_used_is_named_with_the_reason(tree):
    good = line(landmarks(1), "0--Parade/0_Parade_1.jpg")
    words = good.split()
    put_picture(tree, "a/cut.jpg", data=(tree / "WFLW_images/0--Parade/0_Parade_1.jpg").read_bytes()[:-20])

    def changed(column, word):
        return " ".join(words[:column] + [word] + words[column + 1:])

    bad = [  # line, what the report says
        (changed(3, "nan"), "column 4 is 'nan'"), (changed(3, "1e999"), "column 4"), (changed(200, "2"), "six flags"),
        (changed(205, "0.5"), "six flags"), (changed(0, "1,5"), "column 1 is '1,5'"), (changed(198, "1_0"), "column 199"),
        (changed(5, "70000"), "65535"), (" ".join(words[:150]), "150 columns"), (" ".join(words[:-1]), "206 columns"),
        (changed(206, "/etc/passwd"), "below WFLW_images"), (changed(206, "../0_Parade_1.jpg"), "below WFLW_images"),
        (changed(206, "a\x07b.jpg"), "below WFLW_images"), (changed(206, "none.jpg"), "No such file"),
        (changed(206, "a/cut.jpg"), "cut short"), (line(np.ones((98, 2)), "0--Parade/0_Parade_1.jpg"), "without area"),
        (changed(50, ""), "206 columns"),
    ]
    put_list(tree, "train", [good] + [text for text, _ in bad] + [good])
    splits, report = wflw.read_tree(tree)
    assert len(splits["train"]) == 2 and report.parts["train list"] == (2, 7500)
    assert len(report.left_out) == len(bad)
    for number, ((name, reason), (_, words)) in enumerate(zip(report.left_out, bad), 2):
        assert words in reason, (name, reason)
        assert name in (f"{LISTS}/list_98pt_rect_attr_train.txt:{number}", "WFLW_images/none.jpg", "WFLW_images/a/cut.jpg")


def test_a_name_that_is_not_utf8_is_named(tree):
    data = line(landmarks(1), "NAME").encode().replace(b"NAME", b"a/\xff.jpg")
    (row,) = wflw.parse_list(data, "here")
    assert isinstance(row, InputError) and "here:1" in str(row) and "not UTF-8" in str(row)


def test_bad_boxes_matter_only_where_they_are_used(tree):
    put_list(tree, "train", [line(landmarks(1), "0--Parade/0_Parade_1.jpg", box=(9, 9, 9, 20))])
    assert len(wflw.read_tree(tree, "landmarks")[0]["train"]) == 1
    splits, report = wflw.read_tree(tree, "provided")
    assert "train" not in splits and "without area" in report.left_out[0][1]
    splits, report = wflw.read_tree(tree)
    (face,) = splits["train"]
    assert face.box == (*face.points.min(0), *face.points.max(0)) and report.left_out == []
    assert report.box_source == "provided, else landmarks" and "1 of 1 training faces" in report.notes[-2]


def test_a_list_that_is_missing_is_said(tree, tmp_path):
    (tree / LISTS / "list_98pt_rect_attr_train.txt").unlink()
    out, _ = command("--root", tree, "--out", tmp_path / "index")
    assert "list_98pt_rect_attr_train.txt: cannot be read" in out and "asked for from its authors" in out
    assert sorted(read_index(tmp_path / "index").splits) == sorted(["test", *wflw.SUBSETS])


def test_command_json_and_check_only(tree, tmp_path):
    out, _ = command("--root", tree, "--check-only", "--json", "--out", tmp_path / "index")
    report = json.loads(out)
    assert report["splits"]["blur"] == {"found": 1, "official": 773} and report["left_out"] == []
    assert report["splits"]["test"] == {"found": 7, "official": 2500}
    assert os.listdir(tmp_path) == ["wflw"]


@pytest.mark.parametrize("arguments, words", [
    (["--root", "{tmp}/none", "--check-only"], ["--root", "none"]),
    (["--root", "{tmp}", "--check-only"], ["not one face", "list_98pt_rect_attr_train.txt", "https://wywu.github.io"]),
    (["--root", "{tmp}/wflw"], ["--out", "--check-only"]),
    (["--root", "{tmp}/wflw", "--check-only", "--base", "2"], ["--base"]),
])
def test_command_bad_input_is_code_2(tree, tmp_path, arguments, words):
    out, errors = command(*[argument.format(tmp=tmp_path) for argument in arguments], code=2)
    assert out == "" and all(word in errors for word in words), errors


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2 ** 32), st.lists(st.sampled_from([0, 1]), min_size=6, max_size=6),
       st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "Zs"], exclude_characters="\\/"), min_size=1))
def test_any_line_comes_back(seed, flags, name):
    name = f"a/{name.strip()}.jpg"
    (row,) = wflw.parse_list(line(landmarks(seed), name, flags, (1, 2, 3, 4)).encode() + b"\r\n", "here")
    if isinstance(row, InputError):
        assert not name.isprintable() or ".." in name.split("/")
    else:
        assert np.array_equal(row.points, landmarks(seed)) and row.box == (1, 2, 3, 4)
        assert list(row.flags.values()) == flags and row.image == name


@pytest.mark.skipif(not os.path.isdir(os.path.join(os.environ.get("DATA_ROOT", ""), "wflw")),
                    reason="DATA_ROOT names no folder with the real faces (DATA_ROOT/wflw)")
def test_the_real_tree():
    root = Path(os.environ["DATA_ROOT"], "wflw")
    splits, report = wflw.read_tree(root)
    pictures = [(name, reason) for name, reason in report.left_out if "cannot be read (No such file" not in reason]
    assert pictures == []
    lines = (root / LISTS / "list_98pt_rect_attr_test.txt").read_text().splitlines()
    assert len(splits["test"]) == len(lines) <= 2500
    for name, column in zip(wflw.ATTRIBUTES, range(200, 206)):
        assert len(splits.get(name, [])) == sum(text.split()[column] == "1" for text in lines) <= wflw.SUBSETS[name]
    for face in splits["test"][::10]:
        height, width = cv2.imread(face.image).shape[:2]
        inside = (face.points >= -0.5) & (face.points <= np.array([width, height]) - 0.5)
        assert inside.mean() > 0.9 and np.linalg.norm(face.points[60] - face.points[72]) > 5
