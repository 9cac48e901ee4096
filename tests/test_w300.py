"""data_prep.w300, against fixtures written here in the official layout: what was put in comes out, less 1."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.io import savemat

from data_prep import w300
from data_prep.pictures import check_picture
from data_prep.points_files import parse_pts, read_pts
from gv.core.errors import InputError
from gv.core.faces import read_index, read_split

REPOSITORY = Path(__file__).resolve().parents[1]


def landmarks(seed, count=68):
    """1-based landmarks (count, 2) with the three decimals that the official files have."""
    return np.random.default_rng(seed).uniform(1, 40, (count, 2)).round(3)


def pts_text(points, header=True, braces=True, end="\n"):
    lines = ["version: 1", f"n_points:  {len(points)}"] * header + ["{"] * braces
    lines += [f"{x:.3f} {y:.3f}" for x, y in points] + ["}"] * braces
    return end.join(lines) + end


def picture_bytes(suffix, seed=0):
    picture = np.random.default_rng(seed).integers(0, 255, (48, 40, 3), dtype=np.uint8)
    return cv2.imencode(suffix, picture)[1].tobytes()


def put(root, part, stem, seed, suffix=".jpg", text=None, picture=None):
    """One face of the official tree; returns its 1-based landmarks."""
    folder = root / part
    folder.mkdir(parents=True, exist_ok=True)
    points = landmarks(seed)
    (folder / f"{stem}{suffix}").write_bytes(picture_bytes(suffix.lower(), seed) if picture is None else picture)
    (folder / f"{stem}.pts").write_bytes((pts_text(points) if text is None else text).encode())
    return points


def put_boxes(path, records, extra_cells=()):
    """An official ``bounding_boxes_<part>.mat``: a 1 x N cell array of 1 x 1 structs. records: [(name, detector, truth)]."""
    cells = np.empty((1, len(records) + len(extra_cells)), dtype=object)
    for i, (name, detector, truth) in enumerate(records):
        cells[0, i] = {"imgName": name, "bb_detector": np.array([detector], float), "bb_ground_truth": np.array([truth], float)}
    for i, cell in enumerate(extra_cells, len(records)):
        cells[0, i] = cell
    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, {"bounding_boxes": cells})


def command(*arguments, code=0):
    """The command as a user runs it; returns (stdout, stderr)."""
    done = subprocess.run([sys.executable, "-m", "data_prep.w300", *map(str, arguments)], cwd=REPOSITORY, text=True,
                          capture_output=True, timeout=120)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout, done.stderr


def left_out(report):
    return dict(report.left_out)


def usual_name(part):
    """A picture's name as the part's authors give it."""
    return "image_0001" if part.startswith("lfpw") or part == "ibug" else "100032540_1"


@pytest.fixture
def tree(tmp_path):
    """A face in each part of the official tree, {part: 1-based landmarks}."""
    root = tmp_path / "300w"
    points = {part: put(root, part, usual_name(part), seed, ".png" if part.startswith("lfpw") else ".jpg")
              for seed, part in enumerate(w300.PARTS)}
    return root, points


def test_a_tree_is_read_to_the_numbers_put_in(tree, tmp_path):
    root, points = tree
    out = tmp_path / "index"
    w300.main(["--root", str(root), "--out", str(out)])
    index = read_index(out)
    assert (index.layout, index.source, index.normaliser, index.box_source) == (68, "300W", "ion", "landmarks")
    assert index.provenance == "official, partial"
    assert index.splits == {"train": 3, "common": 2, "challenge": 1, "full": 3}
    assert index.official == {"train": 3148, "common": 554, "challenge": 135, "full": 689, **w300.PARTS}
    assert index.found == {**index.splits, **{part: 1 for part in w300.PARTS}}
    assert ["lfpw/trainset/image_0215", "lfpw/testset/image_0066"] in index.extra["duplicates"]
    for split, parts in w300.SPLITS.items():
        faces = read_split(index, split)
        assert [face.attributes["part"] for face in faces] == list(parts)
        for face, part in zip(faces, parts):
            expected = points[part] - 1
            assert np.array_equal(face.points, expected)
            assert face.box == (*expected.min(0), *expected.max(0))
            assert cv2.imread(str(out / face.image)).shape == (48, 40, 3)
            assert Path(out / face.image).resolve().parent == root / part


def test_the_official_sums():
    sums = {split: sum(w300.PARTS[part] for part in parts) for split, parts in w300.SPLITS.items()}
    assert sums == {"train": 3148, "common": 554, "challenge": 135, "full": 689}


def test_quirks_of_official_files(tmp_path):
    expected = {}
    for seed, (stem, suffix, options, encode) in enumerate([
        ("no header", ".jpg", {"header": False}, str),
        ("bare", ".png", {"header": False, "braces": False}, str),
        ("windows", ".jpeg", {"end": "\r\n"}, str),
        ("UPPER", ".JPG", {}, str),
        ("tabs", ".PNG", {}, lambda text: text.replace(" ", "\t\t")),
        ("mark", ".png", {}, lambda text: "\ufeff" + text),
        ("blank", ".png", {}, lambda text: "\n" + text.replace("\n", "  \n\n")),
        ("image_092 _01", ".jpg", {}, lambda text: text.rstrip("\n")),
    ]):
        expected[stem] = put(tmp_path, "ibug", stem, seed, suffix, encode(pts_text(landmarks(seed), **options)))
    (tmp_path / "ibug" / "UPPER.pts").rename(tmp_path / "ibug" / "UPPER.PTS")
    (tmp_path / "ibug" / "._UPPER.JPG").write_bytes(b"left by macOS")
    (tmp_path / "ibug" / "Thumbs.db").write_bytes(b"left by Windows")
    splits, report = w300.read_tree(tmp_path)
    assert report.left_out == []
    assert {Path(face.image).stem for face in splits["challenge"]} == set(expected)
    for face in splits["challenge"]:
        assert np.array_equal(face.points, expected[Path(face.image).stem] - 1), face.image


def test_what_cannot_be_used_is_named_with_the_reason(tmp_path):
    put(tmp_path, "afw", "good", 0)
    good = pts_text(landmarks(1))
    jpg, png = picture_bytes(".jpg"), picture_bytes(".png")
    put(tmp_path, "afw", "nan", 1, text=good.replace("\n}", "\n}").replace(good.split("\n")[5], "NaN 3.0"))
    put(tmp_path, "afw", "inf", 1, text=good.replace(good.split("\n")[5], "1e999 3.0"))
    put(tmp_path, "afw", "sixty-seven", 1, text=pts_text(landmarks(1, 67)))
    put(tmp_path, "afw", "header lies", 1, text=good.replace("n_points:  68", "n_points:  66"))
    put(tmp_path, "afw", "cut", 1, text=good[:len(good) // 2])
    put(tmp_path, "afw", "no brace", 1, text=good.rstrip("}\n"))
    put(tmp_path, "afw", "three", 1, text=good.replace(good.split("\n")[5], "1.0 2.0 3.0"))
    put(tmp_path, "afw", "commas", 1, text=good.replace(good.split("\n")[5], "1,0 2,0"))
    put(tmp_path, "afw", "empty", 1, text="")
    put(tmp_path, "afw", "binary", 1, text="")
    (tmp_path / "afw" / "binary.pts").write_bytes(b"\xff\xfe\x00")
    put(tmp_path, "afw", "point", 1, text=pts_text(np.ones((68, 2))))
    put(tmp_path, "afw", "half jpg", 1, picture=jpg[:len(jpg) // 2])
    put(tmp_path, "afw", "half png", 1, ".png", picture=png[:len(png) // 2])
    put(tmp_path, "afw", "no picture", 1, picture=b"<html>not found</html>")
    put(tmp_path, "afw", "nothing", 1, picture=b"")
    put(tmp_path, "afw", "lone picture", 1)
    (tmp_path / "afw" / "lone picture.pts").unlink()
    put(tmp_path, "afw", "lone points", 1)
    (tmp_path / "afw" / "lone points.jpg").unlink()
    splits, report = w300.read_tree(tmp_path)
    assert [Path(face.image).stem for face in splits["train"]] == ["good"]
    assert report.parts["afw"] == (1, 337)
    reasons = left_out(report)
    for name, reason in {
        "afw/nan.pts:6": "finite", "afw/inf.pts:6": "finite", "afw/sixty-seven.pts": "67 landmarks; expected 68",
        "afw/header lies.pts": "68 landmarks; expected 66 as its header says", "afw/no brace.pts": "cut short",
        "afw/three.pts:6": "two numbers", "afw/commas.pts:6": "two numbers", "afw/empty.pts": "0 landmarks; expected 68",
        "afw/binary.pts": "not a text file", "afw/point.pts": "without area", "afw/half jpg.jpg": "cut short",
        "afw/half png.png": "cut short", "afw/no picture.jpg": "cannot be decoded", "afw/nothing.jpg": "0 bytes",
        "afw/lone picture.jpg": "no .pts", "afw/lone points.pts": "no picture",
    }.items():
        assert reason in reasons.pop(name), name
    assert len(reasons) == 1 and next(iter(reasons)).startswith("afw/cut.pts")
    assert all(name in report.text() for name in left_out(report))


def test_a_jpeg_cut_anywhere_is_refused(tmp_path):
    path, whole = tmp_path / "picture.jpg", picture_bytes(".jpg")
    path.write_bytes(whole + b"\x00\x00")  # what cameras append does no harm
    check_picture(path)
    for length in range(0, len(whole) - 1, 37):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError):
            check_picture(path)


def test_a_thumbnail_does_not_hide_a_cut(tmp_path):
    path, whole, thumbnail = tmp_path / "picture.jpg", picture_bytes(".jpg"), picture_bytes(".jpg", 1)[:2000] + b"\xff\xd9"
    block = b"\xff\xe1" + (len(thumbnail) + 2).to_bytes(2, "big") + thumbnail  # APP1, where EXIF keeps its thumbnail
    path.write_bytes(whole[:2] + block + whole[2:])
    check_picture(path)
    path.write_bytes(whole[:2] + block + whole[2:-50])
    with pytest.raises(InputError, match="cut short"):
        check_picture(path)


def test_of_two_pictures_with_one_name_the_lossless_is_taken(tmp_path):
    put(tmp_path, "lfpw/testset", "image_0001", 0, ".jpg")
    put(tmp_path, "lfpw/testset", "image_0001", 0, ".png")
    splits, report = w300.read_tree(tmp_path)
    assert [Path(face.image).name for face in splits["common"]] == ["image_0001.png"]
    assert report.parts["lfpw/testset"] == (1, 224)


def test_mirrored_copies_are_passed_over(tmp_path):
    put(tmp_path, "ibug", "image_003_1", 0)
    put(tmp_path, "ibug", "image_003_1_mirror", 1)
    put(tmp_path, "ibug", "a_mirror", 2)
    splits, report = w300.read_tree(tmp_path)
    assert [Path(face.image).stem for face in splits["challenge"]] == ["a_mirror", "image_003_1"]
    assert report.left_out == [] and "1 mirrored" in report.notes[0]


def test_full_is_written_from_either_half(tmp_path):
    put(tmp_path, "ibug", "image_003_1", 0)
    splits, report = w300.read_tree(tmp_path)
    assert {split: len(faces) for split, faces in splits.items()} == {"challenge": 1, "full": 1}
    assert report.splits == {"train": (0, 3148), "common": (0, 554), "challenge": (1, 135), "full": (1, 689)}
    assert report.missing == [part for part in w300.PARTS if part != "ibug"]


def test_all_found_is_official(tmp_path, monkeypatch):
    monkeypatch.setattr(w300, "PARTS", {part: 1 for part in w300.PARTS})
    for seed, part in enumerate(w300.PARTS):
        put(tmp_path, part, usual_name(part), seed)
    report = w300.read_tree(tmp_path)[1]
    assert report.provenance == "official" and "asked for" not in report.text()
    put(tmp_path, "ibug", "image_0002", 9)
    report = w300.read_tree(tmp_path)[1]
    assert report.provenance == "official, partial" and "more than official" in report.text()


@pytest.mark.parametrize("part, stem", [("afw", "holiday"), ("afw", "image_0001"), ("lfpw/testset", "100032540_1"),
                                        ("ibug", "me 1")])
def test_own_pictures_in_a_folder_of_the_sets_are_not_the_set(tmp_path, part, stem):
    for seed, name in enumerate(w300.PARTS):
        put(tmp_path, name, usual_name(name), seed)
    assert w300.read_tree(tmp_path)[1].provenance == "official, partial"
    put(tmp_path, part, stem, 9)
    w300.main(["--root", str(tmp_path), "--out", str(tmp_path / "index")])
    index = read_index(tmp_path / "index")
    assert index.provenance == "own" and index.provenance_line() == "300W: own"
    assert "1 faces are of pictures whose names are not the official set's" in w300.read_tree(tmp_path)[1].text()


@pytest.mark.parametrize("boxes, shift", [("detector", 10), ("provided", 20)])
@pytest.mark.parametrize("folder", [".", "Bounding Boxes", "ibug"])
def test_official_boxes(tmp_path, boxes, shift, folder):
    root = tmp_path / "300w"
    for seed, stem in enumerate(["image_003_1", "image_092_01", "unlisted", "nan"]):
        put(root, "ibug", stem, seed)
    box = np.array([1.25, 2.5, 30.125, 40.0])
    put_boxes(root / folder / "bounding_boxes_ibug.mat", [
        ("image_003_1.jpg", box + 10, box + 20),
        ("image_092 _01.jpg", box + 11, box + 21),
        ("nan.jpg", box * np.nan, box * np.nan),
        ("image_003_1.jpg", box, box),
    ], extra_cells=[np.zeros((0, 0))])
    put(root, "afw", "a", 9)
    splits, report = w300.read_tree(root, boxes)
    assert [face.box for face in splits["challenge"]] == [tuple(box + shift - 1), tuple(box + shift)]
    reasons = left_out(report)
    assert "no box of this name" in reasons.pop("ibug/unlisted.jpg")
    assert "without area" in reasons.pop("ibug/nan.jpg")
    assert "no bounding_boxes_afw.mat" in reasons.pop("afw") and not reasons


def test_by_default_a_face_has_the_provided_box_and_without_one_its_landmarks(tmp_path):
    for seed, stem in enumerate(["image_003_1", "image_004_1"]):
        put(tmp_path, "ibug", stem, seed)
    put(tmp_path, "afw", "a", 9)
    put_boxes(tmp_path / "bounding_boxes_ibug.mat", [("image_003_1.jpg", [1, 2, 30, 40], [5, 6, 37, 48])])
    splits, report = w300.read_tree(tmp_path)
    given, without = splits["challenge"]
    assert given.box == (4, 5, 36, 47) and report.left_out == []
    for face in (without, *splits["train"]):
        assert face.box == (*face.points.min(0), *face.points.max(0))
    assert report.box_source == "provided, else landmarks"
    assert report.notes[-2].startswith("boxes: 1 of 1 training faces and 1 of 2 test faces have no provided box")
    assert "unlike boxes; --boxes landmarks" in report.notes[-1]
    assert w300.read_tree(tmp_path, "landmarks")[1].box_source == "landmarks"


def test_one_official_box(tmp_path):
    put_boxes(tmp_path / "one.mat", [("a.jpg", [1, 2, 3, 4], [5, 6, 7, 8])])
    assert w300.read_boxes(tmp_path / "one.mat", "bb_detector") == {"a": (0, 1, 2, 3)}


@pytest.mark.parametrize("content", [b"", b"MATLAB 5.0", b"\x89HDF\r\n\x1a\n" + b"\x00" * 600, b"\x00" * 600])
def test_a_box_file_that_is_none(tmp_path, content):
    put(tmp_path, "ibug", "image_003_1", 0)
    put(tmp_path, "afw", "a", 1)
    put_boxes(tmp_path / "bounding_boxes_afw.mat", [("a.jpg", [1, 2, 3, 4], [5, 6, 7, 8])])
    (tmp_path / "bounding_boxes_ibug.mat").write_bytes(content)
    splits, report = w300.read_tree(tmp_path, "provided")
    assert list(splits) == ["train"]
    assert "cannot be read" in left_out(report)["bounding_boxes_ibug.mat"]
    splits, report = w300.read_tree(tmp_path)          # by default the part has its landmarks' rectangles, and the file is named
    (face,) = splits["challenge"]
    assert face.box == (*face.points.min(0), *face.points.max(0)) and report.left_out == []
    assert "bounding_boxes_ibug.mat: cannot be read" in report.notes[0] and "ibug has the landmarks'" in report.notes[0]


def test_an_index_below_a_linked_folder_finds_its_pictures(tree, tmp_path):
    (tmp_path / "far" / "away").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "far" / "away")
    w300.main(["--root", str(tree[0]), "--out", str(tmp_path / "link" / "index")])
    for face in read_split(tmp_path / "link" / "index", "full"):
        assert not os.path.isabs(face.image) and (tmp_path / "link" / "index" / face.image).is_file()


def test_an_index_moved_with_its_pictures(tree, tmp_path):
    w300.main(["--root", str(tree[0]), "--out", str(tree[0] / "index")])
    shutil.move(str(tree[0]), str(tmp_path / "moved"))
    index = read_index(tmp_path / "moved" / "index")
    assert index.extra["image_paths"] == "relative"
    assert all((index.folder / face.image).is_file() for face in read_split(index, "train"))


def test_command_prints_the_counts(tree, tmp_path):
    (tree[0] / "ibug" / "image_0001.pts").write_text("no landmarks")
    out, _ = command("--root", tree[0], "--out", tmp_path / "index")
    words = [line.split() for line in out.splitlines()]
    assert ["afw", "1", "337", "partial"] in words and ["ibug", "0", "135", "missing"] in words
    assert ["common", "2", "554", "partial"] in words and ["full", "2", "689", "partial"] in words
    assert "ibug/image_0001.pts:1: 'no landmarks'" in out
    assert "https://ibug.doc.ic.ac.uk/resources/300-W/" in out and "facial-point-annotations" in out
    assert "challenge" not in read_index(tmp_path / "index").splits


def test_command_json_is_all_there_is_on_stdout(tree, tmp_path):
    out, _ = command("--root", tree[0], "--check-only", "--json")
    report = json.loads(out)
    assert report["parts"]["helen/testset"] == {"found": 1, "official": 330}
    assert report["splits"]["full"] == {"found": 3, "official": 689}
    assert report["left_out"] == [] and report["missing"] == []
    assert os.listdir(tmp_path) == ["300w"]


def test_command_check_only_says_the_same_and_writes_nothing(tree, tmp_path):
    checked, _ = command("--root", tree[0], "--check-only", "--out", tmp_path / "index")
    assert not (tmp_path / "index").exists()
    written, _ = command("--root", tree[0], "--out", tmp_path / "index")
    assert [line for line in written.splitlines() if not line.startswith("written:")] == checked.splitlines()


def test_command_names_that_are_not_utf8(tmp_path):
    put(tmp_path, "afw", "good", 0)
    try:
        Path(os.fsdecode(bytes(tmp_path / "afw") + b"/\xff.jpg")).write_bytes(picture_bytes(".jpg"))
    except OSError:
        pytest.skip("this file system has only UTF-8 names")
    out, _ = command("--root", tmp_path, "--check-only")
    assert "no .pts" in out


@pytest.mark.parametrize("arguments, words", [
    (["--root", "{tmp}/none", "--check-only"], ["--root", "none"]),
    (["--root", "{tmp}/empty", "--check-only"], ["not one face", "helen/trainset", "https://ibug.doc.ic.ac.uk"]),
    (["--root", "{tmp}/300w"], ["--out", "--check-only"]),
    (["--root", "{tmp}/300w", "--out", "{tmp}/file"], ["--out", "is a file"]),
    (["--root", "{tmp}/300w", "--out", "{tmp}/file/index"], ["file/index"]),
    (["--root", "{tmp}/300w", "--check-only", "--boxes", "provided"], ["no bounding_boxes_afw.mat", "--boxes auto"]),
])
def test_command_bad_input_is_one_line_and_code_2(tree, tmp_path, arguments, words):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    out, errors = command(*[argument.format(tmp=tmp_path) for argument in arguments], code=2)
    assert out == "" and len(errors.splitlines()) == 1
    assert all(word in errors for word in words), errors


def test_command_bad_option_is_code_2(tree):
    _, errors = command("--root", tree[0], "--check-only", "--boxes", "dlib", code=2)
    assert "detector" in errors


PIECES = st.sampled_from([b"", b"\n", b"\r", b"}", b"{", b"nan", b"-", b"1e999", b"\x00", b"\xff", b" ", b"7", b"n_points: 68\n",
                          b"version:", b"\xe2\x80\xa8", b"_", b",", b"\xd9\xa3"])


@settings(max_examples=500, deadline=None)
@given(seed=st.integers(0, 9), header=st.booleans(), braces=st.booleans(), end=st.sampled_from(["\n", "\r\n", "\r"]),
       edits=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 40), PIECES | st.binary(max_size=8)), max_size=4))
def test_mutated_points_are_parsed_or_refused(tmp_path_factory, seed, header, braces, end, edits):
    points = landmarks(seed)
    data = pts_text(points, header, braces, end).encode()
    for place, length, piece in edits:
        start = int(place * len(data))
        data = data[:start] + piece + data[start + length:]
    path = tmp_path_factory.getbasetemp() / "mutated.pts"
    path.write_bytes(data)
    try:
        parsed = read_pts(path, 68)
    except InputError as error:
        assert edits and str(path) in str(error) and "\n" not in str(error)
    else:
        assert parsed.shape == (68, 2) and parsed.dtype == np.float64 and np.isfinite(parsed).all()
        assert edits or np.array_equal(parsed, points - 1)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_parsed_or_refused(text):
    try:
        assert parse_pts(text, 1, "here").shape == (1, 2)
    except InputError:
        pass


@pytest.mark.skipif(not os.path.isdir(os.path.join(os.environ.get("DATA_ROOT", ""), "300w")),
                    reason="DATA_ROOT names no folder with the real faces (DATA_ROOT/300w)")
def test_the_real_tree():
    root = Path(os.environ["DATA_ROOT"], "300w")
    splits, report = w300.read_tree(root)
    assert report.left_out == []
    for part, (found, official) in report.parts.items():
        assert found <= official and found == len(list((root / part).glob("*.pts")))
    inside = []
    for face in splits["train"][::50]:
        height, width = cv2.imread(face.image).shape[:2]
        # the annotation keeps to the picture: 0-based, that is from -0.5 to its width or height less 0.5
        inside.append((face.points >= -0.5) & (face.points <= np.array([width, height]) - 0.5))
    assert np.mean(inside) > 0.999
