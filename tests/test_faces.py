"""The index of faces: what is written is read back to the last bit, and what is broken is named in one line."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from gv.core.errors import InputError
from gv.core.faces import INDEX_FILE, Face, face_from_line, face_to_line, read_index, read_split, write_index

HEADER = {"layout": 3, "source": "300W", "box_source": "landmarks", "normaliser": "ion", "provenance": "official"}
FINITE = st.floats(-1e6, 1e6)                  # of pixels: what is read is within this range
BOX = st.tuples(FINITE, FINITE, FINITE, FINITE).filter(lambda box: box[0] < box[2] and box[1] < box[3])
FACES = st.builds(
    Face,
    image=st.text(min_size=1, max_size=30),
    points=npst.arrays(np.float64, (3, 2), elements=FINITE),
    box=st.none() | BOX,
    visible=npst.arrays(np.uint8, 3, elements=st.integers(0, 1)),
    attributes=st.dictionaries(st.text(max_size=8), st.integers() | FINITE | st.text(max_size=8), max_size=3),
)


def one_line(error, *parts):
    message = str(error.value)
    assert "\n" not in message
    for part in parts:
        assert str(part) in message
    return message


def face(image="a.png"):
    return Face(image, np.arange(6.0).reshape(3, 2), (0, 0, 4, 5))


def index_in(folder):
    return write_index(folder, {"train": [face(), face("b.png")]}, **HEADER)


def bits(item):
    """All of a face, floating-point numbers as their bytes (0.0 and -0.0 differ)."""
    return (item.image, item.points.tobytes(), item.visible.tobytes(),
            None if item.box is None else np.array(item.box).tobytes(), json.dumps(item.attributes, sort_keys=True))


@settings(max_examples=200, deadline=None)
@given(FACES)
def test_a_line_keeps_every_bit(item):
    line = face_to_line(item)
    assert "\n" not in line
    assert bits(face_from_line(line, "here:1")) == bits(item)


@settings(max_examples=30, deadline=None)
@given(train=st.lists(FACES, min_size=1, max_size=4), test=st.lists(FACES, min_size=1, max_size=4))
def test_an_index_keeps_every_bit(tmp_path_factory, train, test):
    folder = tmp_path_factory.mktemp("index")
    found = {"train": len(train)}
    index = write_index(folder, {"train": train, "test": test}, official={"train": 9}, found=found, extra={"k": [1]}, **HEADER)
    assert (index.layout, index.normaliser, index.box_source, index.source) == (3, "ion", "landmarks", "300W")
    assert (index.official, index.found, index.extra) == ({"train": 9}, found, {"k": [1]})
    assert index.splits == {"train": len(train), "test": len(test)}
    for split, faces in (("train", train), ("test", test)):
        assert [bits(item) for item in read_split(folder, split)] == [bits(item) for item in faces]


def test_provenance_line(tmp_path):
    header = {**HEADER, "provenance": "official, partial"}
    index = write_index(tmp_path, {"train": [face()]}, official={"train": 3148}, **header)
    assert index.provenance_line() == "300W: official, partial: 1 of 3148 train faces"
    assert index_in(tmp_path).provenance_line() == "300W: official"


def test_a_face_checks_its_shapes():
    with pytest.raises(InputError) as error:
        Face("a.png", np.zeros((3, 3)))
    one_line(error, "a.png", "(3, 3)", "(L, 2)")
    with pytest.raises(InputError) as error:
        Face("a.png", np.zeros((3, 2)), visible=[1, 0])
    one_line(error, "a.png", "2 visibility flags")


def test_writing_the_wrong_number_of_landmarks_writes_nothing(tmp_path):
    with pytest.raises(InputError) as error:
        write_index(tmp_path / "index", {"train": [face()]}, **{**HEADER, "layout": 68})
    one_line(error, "train: a.png", "3 landmarks", "68")
    assert not (tmp_path / "index").exists()


def test_missing_index(tmp_path):
    with pytest.raises(InputError) as error:
        read_index(tmp_path)
    one_line(error, tmp_path / INDEX_FILE, "no index here", "data_prep.w300")


@pytest.mark.parametrize("text", [
    "", "{", "[]", "7", "null", "{}", '{"version": 1}', '{"version": 1, "layout": "x"}', '{"version": 2}', "\x00\xff",
    "[" * 100_000,
])
def test_broken_header(tmp_path, text):
    (tmp_path / INDEX_FILE).write_text(text, encoding="latin-1")
    with pytest.raises(InputError) as error:
        read_index(tmp_path)
    one_line(error, tmp_path / INDEX_FILE, "prepare the index again")


@pytest.mark.parametrize("key", ["version", "layout", "source", "box_source", "normaliser", "provenance", "official", "splits"])
def test_a_header_without_a_key(tmp_path, key):
    index_in(tmp_path)
    header = json.loads((tmp_path / INDEX_FILE).read_text())
    del header[key]
    (tmp_path / INDEX_FILE).write_text(json.dumps(header))
    with pytest.raises(InputError) as error:
        read_index(tmp_path)
    one_line(error, tmp_path / INDEX_FILE, key)


@pytest.mark.parametrize("key, value", [("layout", float("inf")), ("splits", 5), ("official", 5), ("found", "x")])
def test_a_header_with_a_wrong_value(tmp_path, key, value):
    index_in(tmp_path)
    header = {**json.loads((tmp_path / INDEX_FILE).read_text()), key: value}
    (tmp_path / INDEX_FILE).write_text(json.dumps(header))
    with pytest.raises(InputError) as error:
        read_index(tmp_path)
    one_line(error, tmp_path / INDEX_FILE, "not an index")


def test_a_split_of_another_length_than_the_index_says(tmp_path):
    index = index_in(tmp_path)
    (tmp_path / "train.jsonl").write_text(face_to_line(face()) + "\n")
    with pytest.raises(InputError) as error:
        read_split(index, "train")
    one_line(error, tmp_path / "train.jsonl", "1 faces", "2")


def test_unknown_split(tmp_path):
    index_in(tmp_path)
    with pytest.raises(InputError) as error:
        read_split(tmp_path, "test")
    one_line(error, 'no split "test"', "train")


def test_empty_split(tmp_path):
    index = index_in(tmp_path)
    (tmp_path / "train.jsonl").write_text("\n")
    with pytest.raises(InputError) as error:
        read_split(index, "train")
    one_line(error, tmp_path / "train.jsonl", "an empty split")


GOOD = json.loads(face_to_line(face()))


@pytest.mark.parametrize("line", [
    "{", "[]", "null", "7", '"text"', face_to_line(face())[:-20],
    json.dumps({**GOOD, "points": [[0, 0], [1, 1]]}),
    json.dumps({**GOOD, "points": [[0, 0], [1, 1], [2]]}),
    json.dumps({**GOOD, "points": [[0, 0, 0]] * 3}),
    json.dumps({**GOOD, "points": "none"}),
    json.dumps({**GOOD, "points": [[0, 0], [1, 1], [2, None]]}),
    json.dumps({**GOOD, "points": [[0, 0], [1, 1], [2, float("nan")]]}),
    json.dumps({**GOOD, "box": [0, 0, 1]}),
    json.dumps({**GOOD, "box": [0, 0, 1, float("inf")]}),
    json.dumps({**GOOD, "box": 5}),
    json.dumps({**GOOD, "box": [0, 0, 0, 1]}),
    json.dumps({**GOOD, "box": [5, 0, 1, 1]}),
    json.dumps({**GOOD, "box": [0, 0, 1e20, 1]}),
    json.dumps({**GOOD, "points": [[1e20, 0], [1, 1], [2, 2]]}),
    json.dumps({**GOOD, "box": [10 ** 400, 0, 1, 1]}),
    json.dumps({**GOOD, "points": [[10 ** 400, 0], [1, 1], [2, 2]]}),
    "[" * 100_000, "\udcff",
    json.dumps({**GOOD, "visible": [1, 1]}),
    json.dumps({**GOOD, "attributes": 5}),
    json.dumps({key: value for key, value in GOOD.items() if key != "points"}),
])
def test_a_broken_line_is_named(tmp_path, line):
    index = index_in(tmp_path)
    (tmp_path / "train.jsonl").write_bytes(f"{face_to_line(face())}\n\n{line}\n".encode(errors="surrogateescape"))
    with pytest.raises(InputError) as error:
        read_split(index, "train")
    assert one_line(error).startswith(f"{tmp_path / 'train.jsonl'}:3: ")
