"""data_prep.cofw, against HDF5 files written here as MATLAB v7.3 writes them: what was put in comes out, less 1."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest

from data_prep import cofw, sandbox
from data_prep.report import Report
from gv.core.errors import InputError
from gv.core.faces import read_index, read_split

REPOSITORY = Path(__file__).resolve().parents[1]
HEADER = b"MATLAB 7.3 MAT-file, Platform: GLNXA64, Created on: Mon Sep 30 00:00:00 2013 HDF5 schema 1.00 ."


def face(seed, least=20):
    """(picture, phis, box) as they stand in MATLAB: H x W x 3 uint8 RGB (every third one grey), 87 numbers, x y w h; 1-based."""
    rng = np.random.default_rng(seed)
    shape = (int(rng.integers(least, least + 10)), int(rng.integers(least + 11, least + 20)))
    picture = rng.integers(0, 256, shape if seed % 3 == 2 else (*shape, 3), dtype=np.uint8)
    phis = np.concatenate([rng.uniform(1, 20, 58).round(3), rng.integers(0, 2, 29)])
    return picture, phis, rng.integers(1, 15, 4).astype(float)


def write_mat(path, split, faces, extra=None, storage=(("compression", "gzip"), ("compression_opts", 3))):
    """A file of the official names and layout. faces: [(picture, phis, box)]; extra(file): a last change to the HDF5 file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cells_name, phis_name, boxes_name = cofw.NAMES[split]
    with h5py.File(path, "w", userblock_size=512) as file:
        references = np.empty((1, len(faces)), h5py.ref_dtype)  # N x 1 in MATLAB
        for i, (picture, _, _) in enumerate(faces):
            cell = file.create_dataset(f"#refs#/{i}", data=picture.T, **dict(storage))
            cell.attrs["MATLAB_class"] = np.bytes_(picture.dtype.name)
            references[0, i] = cell.ref
        file.create_dataset(cells_name, data=references).attrs["MATLAB_class"] = np.bytes_("cell")
        for name, which in ((phis_name, 1), (boxes_name, 2)):
            rows = np.array([one[which] for one in faces], float)
            file.create_dataset(name, data=rows.T).attrs["MATLAB_class"] = np.bytes_("double")
        if extra:
            extra(file)
    with open(path, "r+b") as file:
        file.write(HEADER.ljust(116) + b"\x00" * 8 + b"\x00\x02IM")


@pytest.fixture(scope="module")
def reader():
    with sandbox.Reader("data_prep.cofw:read_mat") as one:
        yield one


@pytest.fixture(autouse=True)
def one_child(reader, monkeypatch):
    """All tests of this process share one child; those of the command start their own."""
    monkeypatch.setattr(sandbox, "stream", lambda function, path, **keywords: reader.stream(path, **keywords))


@pytest.fixture
def tree(tmp_path):
    """(root, {split: faces}): five training and three test faces, below a folder as the archive unpacks."""
    root, faces = tmp_path / "cofw", {"train": [face(i) for i in range(5)], "test": [face(i) for i in range(10, 13)]}
    for split, of in faces.items():
        write_mat(root / "COFW_color" / cofw.FILES[split], split, of)
    return root, faces


def command(*arguments, code=0):
    """The command as a user runs it; returns (stdout, stderr)."""
    done = subprocess.run([sys.executable, "-m", "data_prep.cofw", *map(str, arguments)], cwd=REPOSITORY, text=True,
                          capture_output=True, timeout=120)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout, done.stderr


def everything(folder):
    """{path below folder: bytes}, without the hidden files that a killed run leaves."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and not path.name.startswith("."))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def reasons(report):
    return dict(report.left_out)


def test_a_tree_is_read_to_the_numbers_put_in(tree, tmp_path):
    root, put = tree
    cofw.main(["--root", str(root), "--out", str(tmp_path / "index")])
    index = read_index(tmp_path / "index")
    assert (index.layout, index.source, index.normaliser, index.box_source) == (29, "COFW", "ion", "provided")
    assert index.provenance_line() == "COFW: official, partial: 5 of 1345 train faces"
    for split, faces in put.items():
        read = read_split(index, split)
        assert [one.image for one in read] == [f"images/{split}_{i:04d}.png" for i in range(1, len(faces) + 1)]
        for got, (picture, phis, (x, y, w, h)) in zip(read, faces):
            assert np.array_equal(got.points, np.stack([phis[:29], phis[29:58]], 1) - 1)
            assert np.array_equal(got.visible, 1 - phis[58:])
            assert got.box == (x - 1, y - 1, x - 1 + w, y - 1 + h)
            rgb = picture if picture.ndim == 3 else np.stack([picture] * 3, axis=2)
            assert np.array_equal(cv2.imread(str(index.folder / got.image))[:, :, ::-1], rgb)
    assert any(picture.ndim == 2 for picture, _, _ in put["train"])


def test_boxes_of_the_landmarks(tree):
    splits, _ = cofw.read_tree(tree[0], "landmarks")
    for got, (_, phis, _) in zip(splits["test"], tree[1]["test"]):
        x, y = phis[:29] - 1, phis[29:58] - 1
        assert got.box == (x.min(), y.min(), x.max(), y.max())


def test_counts_against_the_official_ones(tree, monkeypatch):
    monkeypatch.setattr(cofw, "LFPW", 3)
    splits, report = cofw.read_tree(tree[0])
    assert report.splits == {"train": (5, 1345), "test": (3, 507)}
    assert report.parts == {"train/lfpw": (3, 845), "train/cofw": (2, 500), "test": (3, 507)}
    assert [one.attributes["part"] for one in splits["train"]] == ["train/lfpw"] * 3 + ["train/cofw"] * 2
    assert report.provenance == "official, partial" and "data.caltech.edu" in report.text()
    monkeypatch.setattr(cofw, "PARTS", {"train/lfpw": 3, "train/cofw": 2, "test": 3})
    monkeypatch.setattr(cofw, "SPLITS", {"train": 5, "test": 3})
    assert cofw.read_tree(tree[0])[1].provenance == "official"


def test_one_file_is_a_set_with_the_other_missing(tree):
    (tree[0] / "COFW_color" / "COFW_train_color.mat").unlink()
    splits, report = cofw.read_tree(tree[0])
    assert {split: len(faces) for split, faces in splits.items()} == {"test": 3}
    assert report.missing == ["train/lfpw", "train/cofw"]
    assert "no COFW_train_color.mat" in report.text()


def test_the_malformed_are_named_and_the_rest_is_read(tmp_path):
    faces = [face(i) for i in range(11)]
    faces[1][1][3] = np.nan
    faces[2][1][40] = np.inf
    faces[3][1][60] = 0.5
    faces[4][2][2] = 0
    faces[5][2][1] = np.nan
    faces[6] = (faces[6][0].astype(np.uint16), *faces[6][1:])
    faces[7] = (faces[7][0][:, :, :2], *faces[7][1:])
    faces[8] = (np.zeros((0, 0), np.uint8), *faces[8][1:])

    def damage(file):
        references = file["IsTr"][()]
        references[0, 9] = h5py.Reference()
        file["IsTr"][...] = references

    write_mat(tmp_path / "COFW_train_color.mat", "train", faces, damage)
    splits, report = cofw.read_tree(tmp_path, out=tmp_path / "index")
    assert [one.image for one in splits["train"]] == ["images/train_0001.png", "images/train_0011.png"]
    assert sorted(os.listdir(tmp_path / "index" / "images")) == ["train_0001.png", "train_0011.png"]
    found = reasons(report)
    assert "no COFW_test_color.mat" in found.pop(str(tmp_path))
    for number, reason in {
        2: "a landmark that is no number", 3: "a landmark that is no number", 4: "an occlusion flag of 0.5; expected 0 or 1",
        5: "a box without area", 6: "a box without area", 7: "a cell of uint16", 8: "x 2, not a picture",
        9: "0 x 0, not a picture", 10: "no picture",
    }.items():
        assert reason in found.pop(f"COFW_train_color.mat: face {number}"), number
    assert not found


def replaced(name, data):
    def change(file):
        del file[name]
        file[name] = data
    return change


@pytest.mark.parametrize("extra, reason", [
    (lambda file: file.__delitem__("IsT"), "no variable IsT"),
    (lambda file: file.move("phisT", "phis"), "no variable phisT"),
    (replaced("IsT", np.zeros((1, 2))), "IsT is float64 (2, 1)"),
    (replaced("phisT", np.zeros((87, 3))), "phisT is float64 3 x 87; expected numbers, 2 x 87"),
    (replaced("phisT", np.zeros((2, 87))), "phisT is float64 87 x 2; expected numbers, 2 x 87"),
    (replaced("bboxesT", np.zeros((4, 2), "S3")), "bboxesT is |S3 2 x 4; expected numbers, 2 x 4"),
    (replaced("phisT", np.zeros((58, 2))), "phisT is float64 2 x 58; expected numbers, 2 x 87"),
])
def test_a_file_of_another_layout_is_refused(tmp_path, extra, reason):
    write_mat(tmp_path / "COFW_test_color.mat", "test", [face(0), face(1)], extra)
    with pytest.raises(InputError) as caught:
        cofw.read_tree(tmp_path)
    assert reason in str(caught.value) and "data.caltech.edu" in str(caught.value)


def test_a_file_cut_short_or_of_another_kind_is_refused(tree):
    path = tree[0] / "COFW_color" / "COFW_train_color.mat"
    whole = path.read_bytes()
    for content in (b"", b"MATLAB 5.0 MAT-file", whole[:len(whole) // 2]):
        path.write_bytes(content)
        splits, report = cofw.read_tree(tree[0])
        assert list(splits) == ["test"]
        assert "cannot be read" in reasons(report)["COFW_color/COFW_train_color.mat"]


def test_a_picture_whose_data_are_damaged_is_left_out(tree):
    path = tree[0] / "COFW_color" / "COFW_train_color.mat"
    with h5py.File(path, "r") as file:
        picture = file["#refs#/1"]
        _, packed = picture.id.read_direct_chunk((0,) * picture.ndim)
    data = bytearray(path.read_bytes())
    start = data.index(packed)     # where HDF5 says it lies leaves MATLAB's 512 bytes at the front out, in some versions
    data[start + 10:start + 60] = b"\xff" * 50
    path.write_bytes(data)
    splits, report = cofw.read_tree(tree[0])
    assert len(splits["train"]) == 4
    assert "no picture (OSError" in reasons(report)["COFW_color/COFW_train_color.mat: face 2"]


KILL = """
import os, signal, sys
from data_prep import cofw
replace, left = os.replace, [int(sys.argv[1])]
def dying(*names):
    left[0] -= 1
    if left[0] < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    replace(*names)
os.replace = dying
cofw.main(sys.argv[2:])
"""


@pytest.mark.parametrize("writes", [0, 3, 8])
def test_a_killed_run_goes_on_where_it_was(tree, tmp_path, writes):
    root, out = tree[0], tmp_path / "index"
    cofw.main(["--root", str(root), "--out", str(tmp_path / "whole")])
    done = subprocess.run([sys.executable, "-c", KILL, str(writes), "--root", str(root), "--out", str(out)], cwd=REPOSITORY,
                          capture_output=True)
    assert done.returncode == -signal.SIGKILL
    assert not (out / "index.json").exists()
    written = sorted((out / "images").glob("*.png"))
    assert len(written) == writes
    before = {path: path.stat().st_mtime_ns for path in written}
    cofw.main(["--root", str(root), "--out", str(out)])
    assert {path: path.stat().st_mtime_ns for path in written} == before
    assert everything(out) == everything(tmp_path / "whole")


def test_a_picture_of_another_set_or_cut_short_is_written_again(tree, tmp_path):
    root, images = tree[0], tmp_path / "index" / "images"
    cofw.main(["--root", str(root), "--out", str(tmp_path / "index")])
    whole = everything(tmp_path / "index")
    for change in (lambda data: data[:60], lambda data: b"", lambda data: (images / "train_0002.png").read_bytes()):
        (images / "train_0001.png").write_bytes(change(whole["images/train_0001.png"]))
        cofw.main(["--root", str(root), "--out", str(tmp_path / "index")])
        assert everything(tmp_path / "index") == whole


def test_command_prints_the_counts_and_json(tree, tmp_path):
    out, _ = command("--root", tree[0], "--out", tmp_path / "index", "--boxes", "landmarks")
    words = [line.split() for line in out.splitlines()]
    assert ["train", "5", "1345", "partial"] in words and ["train/cofw", "0", "500", "missing"] in words
    assert read_index(tmp_path / "index").box_source == "landmarks"
    out, _ = command("--root", tree[0], "--check-only", "--json", "--out", tmp_path / "none")
    report = json.loads(out)
    assert report["splits"] == {"train": {"found": 5, "official": 1345}, "test": {"found": 3, "official": 507}}
    assert report["left_out"] == [] and not (tmp_path / "none").exists()


def test_command_bad_input_is_one_line_and_code_2(tmp_path):
    (tmp_path / "empty").mkdir()
    out, errors = command("--root", tmp_path / "empty", "--check-only", code=2)
    assert out == "" and len(errors.splitlines()) == 1
    assert all(word in errors for word in ("not one face", "COFW_train_color.mat", "data.caltech.edu")), errors


def test_pictures_where_a_file_is_in_the_way(tree, tmp_path):
    (tmp_path / "index").mkdir()
    (tmp_path / "index" / "images").write_text("")
    _, errors = command("--root", tree[0], "--out", tmp_path / "index", code=2)
    assert len(errors.splitlines()) == 1 and "images" in errors


def test_faces_of_takes_what_the_child_gives():
    picture, phis, box = face(0)
    report = Report("COFW", "x", "")
    answers = [{"phis": np.array([phis, phis]), "boxes": np.array([box, box])}, {"wrong": "lost"}, {"picture": picture}]
    faces = cofw.faces_of(answers, "x/a.mat", "test", "provided", None, report)
    assert [one.image for one in faces] == ["images/test_0002.png"]
    assert report.left_out == [("a.mat: face 1", "no picture (lost)")]
