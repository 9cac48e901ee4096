"""Boxes from a file, and landmarks into files: what goes in by name, what comes out by value."""

import csv
import json

import numpy as np
import pytest
from helpers import make_index, train_tiny

from data_prep.points_files import read_pts
from gv import cli
from gv.core import boxes, landmark_files
from gv.core.errors import InputError
from gv.core.faces import read_split
from gv.core.finding import FoundFace

FACES = [FoundFace(np.array([[0.0, 1.25], [-3.5, 7.0]]), (0.0, 1.0, 9.0, 10.0), np.array([0.5, np.nan])),
         FoundFace(np.array([[4.0, 4.0], [5.0, 5.0]]), (3.0, 3.0, 9.0, 9.0), np.array([1.0, 0.25]))]


def test_boxes_by_csv_and_by_json(tmp_path):
    (tmp_path / "a.csv").write_text("image,x0,y0,x1,y1,more\none.jpg,1,2,3,4,x\none.jpg,5,6,7,8.5,y\nsub/two.jpg,-1,0,1,2,z\n")
    (tmp_path / "a.json").write_text(json.dumps({"one.jpg": [[1, 2, 3, 4], [5, 6, 7, 8.5]], "sub/two.jpg": [[-1, 0, 1, 2]]}))
    expected = {"one.jpg": [(1, 2, 3, 4), (5, 6, 7, 8.5)], "sub/two.jpg": [(-1, 0, 1, 2)]}
    assert boxes.read_boxes(tmp_path / "a.csv") == boxes.read_boxes(tmp_path / "a.json") == expected
    found = boxes.boxes_of(["x/one.jpg", "sub/two.jpg", "three.jpg"], expected, "here")
    assert found == {"x/one.jpg": expected["one.jpg"], "sub/two.jpg": expected["sub/two.jpg"]}


@pytest.mark.parametrize("name, text, words", [
    ("a.csv", "image,x0,y0,x1\n", "no column y1"), ("a.csv", "image,x0,y0,x1,y1\na,1,2,3\n", "a.csv:2"),
    ("a.csv", "image,x0,y0,x1,y1\na,3,2,1,4\n", "x1 > x0"), ("a.csv", "image,x0,y0,x1,y1\na,nan,2,1,4\n", "a.csv:2"),
    ("a.json", "[1]", "no lists"), ("a.json", "{", "no boxes"), ("a.json", '{"a": [[1, 2, 3]]}', "a, box 0"),
    ("a.json", '{"a": [5]}', "a, box 0"), ("a.csv", "", "no column image"), ("none.csv", None, "cannot be read")])
def test_boxes_that_are_none(tmp_path, name, text, words):
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=words.replace("(", "[(]")):
        boxes.read_boxes(tmp_path / name)


def test_names_that_fit_no_picture_or_several():
    with pytest.raises(InputError, match="is none"):
        boxes.boxes_of(["a/one.jpg"], {"two.jpg": []}, "here")
    with pytest.raises(InputError, match="several"):
        boxes.boxes_of(["a/one.jpg", "b/one.jpg"], {"one.jpg": []}, "here")


def test_tables_say_what_was_found(tmp_path):
    for suffix in (".jsonl", ".csv"):
        with landmark_files.table(tmp_path / f"found{suffix}") as add:
            add("p.jpg", FACES)
            add("empty.jpg", [])
    first, second = map(json.loads, (tmp_path / "found.jsonl").read_text().splitlines())
    assert first == {"image": "p.jpg", "face": 0, "box": [0, 1, 9, 10], "points": [[0, 1.25], [-3.5, 7]], "scores": [0.5, None]}
    assert second["face"] == 1
    with open(tmp_path / "found.csv", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert len(rows) == 2 and list(rows[0]) == ["image", "face", "x0", "y0", "x1", "y1", "x_0", "y_0", "x_1", "y_1", "score_0",
                                                "score_1"]
    assert float(rows[0]["y_0"]) == 1.25 and rows[0]["score_1"] == "" and float(rows[1]["score_1"]) == 0.25


def test_a_table_is_whole_or_not_there(tmp_path):
    with pytest.raises(ZeroDivisionError), landmark_files.table(tmp_path / "found.csv") as add:
        add("p.jpg", FACES)
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []
    for wrong in ("found.txt", "found"):
        with pytest.raises(InputError, match="--save"), landmark_files.table(tmp_path / wrong):
            pass


def test_pts_files_are_read_back_as_they_were(tmp_path):
    paths = landmark_files.write_pts(tmp_path, "p", FACES)
    assert [path.name for path in paths] == ["p.pts", "p-2.pts"]
    for path, face in zip(paths, FACES):
        np.testing.assert_allclose(read_pts(path, 2), face.points, atol=1e-3)


def test_predict_takes_boxes_and_leaves_files(tmp_path, capfd):
    index = make_index(tmp_path, train=4, common=3)
    train_tiny(tmp_path / "run", index)
    faces = read_split(index, "common")
    pictures = [str(index.folder / face.image) for face in faces]
    lines = ["image,x0,y0,x1,y1", *(",".join(map(str, (picture, *face.box))) for picture, face in zip(pictures, faces)),
             ",".join(map(str, (pictures[0], *faces[0].box)))]
    (tmp_path / "boxes.csv").write_text("\n".join(lines) + "\n")
    given = ["predict", "--run", str(tmp_path / "run"), *pictures, "--threads", "1", "--json"]
    capfd.readouterr()
    assert cli.main([*given, "--boxes", str(tmp_path / "boxes.csv"), "--save", str(tmp_path / "found.jsonl"), "--pts",
                     str(tmp_path / "pts")]) == 0
    said = json.loads(capfd.readouterr().out)["images"]
    assert [len(one["faces"]) for one in said] == [2, 1, 1]
    saved = [json.loads(line) for line in (tmp_path / "found.jsonl").read_text().splitlines()]
    expected = [(pictures[0], 0), (pictures[0], 1), (pictures[1], 0), (pictures[2], 0)]
    assert [(one["image"], one["face"]) for one in saved] == expected
    np.testing.assert_allclose(saved[2]["points"], said[1]["faces"][0]["points"], atol=1e-3)
    assert len(list((tmp_path / "pts").glob("*.pts"))) == 4
    box = ",".join(map(str, faces[0].box))
    assert cli.main([*given, "--box", box, "--box", "5,5,60,60"]) == 0
    assert [len(one["faces"]) for one in json.loads(capfd.readouterr().out)["images"]] == [2, 2, 2]
    for wrong, words in ((["--box", box, "--boxes", "b.csv"], "one of them"), (["--boxes", "none.csv"], "none.csv"),
                         (["--box", box, "--save", "found.txt"], "--save")):
        assert cli.main([*given, *wrong]) == 2
        said = capfd.readouterr().err.splitlines()
        assert len(said) == 1 and words in said[0]


def test_one_picture_that_cannot_be_read_leaves_no_table(tmp_path, capfd):
    index = make_index(tmp_path, train=4, common=1)
    train_tiny(tmp_path / "run", index)
    (tmp_path / "broken.jpg").write_bytes(b"nothing")
    assert cli.main(["predict", "--run", str(tmp_path / "run"), str(tmp_path / "broken.jpg"), "--box", "1,1,9,9", "--save",
                     str(tmp_path / "found.csv"), "--threads", "1"]) == 2
    assert not (tmp_path / "found.csv").exists()
