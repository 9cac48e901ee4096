"""data_prep.menpo, against fixtures written here in the layout of both releases: what was put in comes out, less 1."""

import json
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from test_w300 import picture_bytes, pts_text

from data_prep import menpo
from data_prep.synthetic.picture import draw_sample
from data_prep.synthetic.sets import SETS
from gv.core.errors import InputError
from gv.core.faces import read_index, read_split
from gv.core.layouts import LAYOUTS
from gv.core.metrics import normaliser

REPOSITORY = Path(__file__).resolve().parents[1]
FIVE = [11.5, 12.5, 21.5, 12.5, 16.5, 18.5, 12.5, 25.5, 20.5, 25.5]  # what a face detector adds to each line of a list


def semi_frontal(seed):
    """1-based landmarks (68, 2) with the three decimals of the official files."""
    return np.random.default_rng(seed).uniform(1, 40, (68, 2)).round(3)


def profile(seed, facing="right", degrees=0.0):
    """1-based landmarks (39, 2): a noisy profile in the official order, ear to chin, then brow, nose, eye and mouth."""
    points = np.random.default_rng(seed).uniform(12, 28, (39, 2))
    points[:10] = np.stack([np.linspace(5, 24, 10), np.linspace(10, 36, 10)], 1)
    points[19] = (33, 20)
    if facing == "left":
        points[:, 0] = 40 - points[:, 0]
    turn = np.deg2rad(degrees)
    rotation = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    return ((points - 20) @ rotation + 20).round(3)


def put(folder, stem, points, suffix=".jpg", text=None, seed=0):
    """A picture and its ``.pts`` in the challenge's manner; returns the 1-based landmarks."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{stem}{suffix}").write_bytes(picture_bytes(suffix.lower(), seed))
    (folder / f"{stem}.pts").write_bytes((pts_text(points) if text is None else text).encode())
    return points


def line(name, points, box=(10, 11, 30, 33)):
    return " ".join([name, *(f"{v:g}" for v in (*box, *FIVE)), *(f"{v:.3f}" for v in np.ravel(points))])


def put_list(root, subset, split, faces, end="\n", head=""):
    """The benchmark's pictures and list file of one subset and split. faces: {picture's name: (points, box)}."""
    folder = root / "Menpo2D" / split.title()
    (folder / "image" / subset).mkdir(parents=True, exist_ok=True)
    lines = []
    for name, (points, box) in faces.items():
        (folder / "image" / subset / name).write_bytes(picture_bytes(Path(name).suffix.lower()))
        lines.append(line(f"image/{subset}/{name}", points, box))
    path = folder / menpo.list_name(subset, split)
    path.write_bytes((head + "".join(text + end for text in lines)).encode())
    return path


def command(*arguments, code=0):
    """The command as a user runs it; returns (stdout, stderr)."""
    done = subprocess.run([sys.executable, "-m", "data_prep.menpo", *map(str, arguments)], cwd=REPOSITORY, text=True,
                          capture_output=True, timeout=120)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout, done.stderr


def names(faces):
    return [Path(face.image).stem for face in faces]


@pytest.fixture
def challenge(tmp_path):
    """The challenge's training folder, both sets mixed in it, and its test pictures, which have no landmarks."""
    root = tmp_path / "menpo"
    points = {"a": put(root / "trainset", "a", semi_frontal(0)), "b": put(root / "trainset", "b", profile(1)),
              "c": put(root / "trainset", "c", profile(2, "left")), "d": put(root / "trainset", "d", semi_frontal(3))}
    for subset in menpo.SUBSETS:
        put(root / "testset" / subset, f"test {subset}", points["a"])
        (root / "testset" / subset / f"test {subset}.pts").unlink()
    return root, points


@pytest.fixture
def benchmark(tmp_path):
    """The benchmark's four lists and their pictures, a face in each; {(subset, split): (points, box)}."""
    root, faces = tmp_path / "menpo", {}
    for seed, (subset, split) in enumerate([(subset, split) for subset in menpo.SUBSETS for split in menpo.SPLITS]):
        faces[subset, split] = (profile(seed) if subset == "profile" else semi_frontal(seed), (seed, 1.5, 30 + seed, 39.25))
        put_list(root, subset, split, {f"image_{seed}.jpg": faces[subset, split]})
    return root, faces


def test_the_challenge_is_told_apart_by_the_number_of_points(challenge, tmp_path):
    root, points = challenge
    out = tmp_path / "index"
    menpo.main(["--root", str(root), "--out", str(out)])
    for subset, count, stems, official in (("semifrontal", 68, "ad", (6679, 5335)), ("profile", 39, "bc", (2300, 1946))):
        index = read_index(out / subset)
        assert (index.layout, index.source, index.normaliser, index.box_source) == (count, f"Menpo {subset}", "diagonal",
                                                                                    "landmarks")
        assert index.provenance == "official, partial" and index.splits == {"train": 2}
        assert (index.official["train"], index.official["test"]) == official
        assert (index.found["train"], index.found["test"]) == (2, 0)
        faces = read_split(index, "train")
        assert names(faces) == list(stems)
        for face, stem in zip(faces, stems):
            expected = points[stem] - 1
            assert np.array_equal(face.points, expected) and face.box == (*expected.min(0), *expected.max(0))
            assert (out / subset / face.image).resolve() == root / "trainset" / f"{stem}.jpg"
            assert cv2.imread(str(out / subset / face.image)).shape == (48, 40, 3)
        diagonal = np.linalg.norm(np.ptp(faces[0].points, axis=0))
        assert normaliser(index.normaliser, faces[0].points[None], LAYOUTS[count]) == pytest.approx(diagonal)
    assert [face.attributes for face in read_split(out / "profile", "train")] == [
        {"part": "challenge train", "facing": "right"}, {"part": "challenge train", "facing": "left"}]
    assert read_split(out / "semifrontal", "train")[0].attributes == {"part": "challenge train"}


def test_the_lists_of_the_benchmark(benchmark):
    root, put_in = benchmark
    splits, reports = menpo.read_tree(root, "landmarks")
    for (subset, split), (points, _) in put_in.items():
        (face,) = splits[subset][split]
        assert np.array_equal(face.points, points - 1)
        assert face.box == (*face.points.min(0), *face.points.max(0))
    for boxes in ("auto", "provided"):
        provided, read = menpo.read_tree(root, boxes)
        for (subset, split), (points, box) in put_in.items():
            (face,) = provided[subset][split]
            assert face.box == box and np.array_equal(face.points, points - 1)
        assert {report.box_source for report in read.values()} == {"provided"}
    assert reports["semifrontal"].splits == {"train": (1, 6653), "test": (1, 5335)}
    assert reports["profile"].splits == {"train": (1, 2290), "test": (1, 1946)}
    assert reports["profile"].parts == {"benchmark train": (1, 2290), "benchmark test": (1, 1946)}
    assert reports["profile"].notes == [f"{split.lower()}: from {root}/Menpo2D/{split}/Menpo2D_profile_{split.lower()}.txt"
                                        for split in ("Train", "Test")]
    assert all(report.left_out == [] for report in reports.values())


def test_all_found_is_official(benchmark, monkeypatch):
    monkeypatch.setattr(menpo, "OFFICIAL", {"benchmark": {split: dict.fromkeys(menpo.SUBSETS, 1) for split in menpo.SPLITS}})
    for report in menpo.read_tree(benchmark[0])[1].values():
        assert report.provenance == "official" and "asked for" not in report.text()


def test_training_from_the_challenge_and_test_from_the_benchmark(benchmark, challenge):
    root = benchmark[0]
    for subset in menpo.SUBSETS:
        (root / "Menpo2D" / "Train" / menpo.list_name(subset, "train")).unlink()
    splits, reports = menpo.read_tree(root)
    assert {subset: {split: names(faces) for split, faces in of.items()} for subset, of in splits.items()} == {
        "semifrontal": {"train": ["a", "d"], "test": ["image_1"]}, "profile": {"train": ["b", "c"], "test": ["image_3"]}}
    assert reports["semifrontal"].splits == {"train": (2, 6679), "test": (1, 5335)}
    assert reports["profile"].parts == {"challenge train": (2, 2300), "benchmark test": (1, 1946)}


def test_a_list_goes_before_the_folder(benchmark, challenge):
    splits, _ = menpo.read_tree(benchmark[0])
    assert names(splits["semifrontal"]["train"]) == ["image_0"] and names(splits["profile"]["train"]) == ["image_2"]


@pytest.mark.parametrize("folder", [".", "menpo_challenge_trainset", "menpo_2017/menpo_challenge_trainset"])
def test_names_of_the_training_folder(tmp_path, folder):
    root = tmp_path / "menpo_2017_trainset"
    put(root / folder, "a", semi_frontal(0))
    put(root / folder / "below", "b", semi_frontal(1))
    put(root / folder / "testset" / "semifrontal", "test", semi_frontal(2))
    splits, _ = menpo.read_tree(root)
    assert names(splits["semifrontal"]["train"]) == ["a", "b"] and "profile" not in splits
    if folder != "menpo_2017/menpo_challenge_trainset":  # at most two folders below the root
        assert names(splits["semifrontal"]["test"]) == ["test"]


def test_quirks_of_pts(tmp_path):
    expected = {}
    for seed, (stem, suffix, options, encode) in enumerate([
        ("no header", ".jpg", {"header": False}, str),
        ("bare", ".png", {"header": False, "braces": False}, str),
        ("windows", ".jpeg", {"end": "\r\n"}, str),
        ("UPPER", ".JPG", {}, str),
        ("mark", ".jpg", {}, lambda text: "\ufeff" + text),
        ("aflw_1_1", ".jpg", {}, lambda text: text.rstrip("\n")),
    ]):
        expected[stem] = put(tmp_path / "trainset", stem, profile(seed), suffix, encode(pts_text(profile(seed), **options)))
    (tmp_path / "trainset" / "UPPER.pts").rename(tmp_path / "trainset" / "UPPER.PTS")
    (tmp_path / "trainset" / "._UPPER.JPG").write_bytes(b"left by macOS")
    splits, reports = menpo.read_tree(tmp_path)
    assert reports["profile"].left_out == [] and len(splits["profile"]["train"]) == len(expected)
    for face in splits["profile"]["train"]:
        assert np.array_equal(face.points, expected[Path(face.image).stem] - 1), face.image


def test_quirks_of_lists(tmp_path):
    faces = {"with space .jpg": (profile(0), (1, 2, 3, 4)), "UPPER.JPG": (profile(1), (1, 2, 3, 4)),
             "été.png": (profile(2), (1, 2, 3, 4))}
    path = put_list(tmp_path, "profile", "train", faces, end=" \r\n\r\n", head="\ufeff")
    two = line("image/profile/UPPER.JPG", profile(7)).replace(" ", "\t")  # a second face in one picture
    path.write_bytes(path.read_bytes() + two.encode())
    splits, reports = menpo.read_tree(tmp_path)
    assert reports["profile"].left_out == []
    assert [Path(face.image).name for face in splits["profile"]["train"]] == [*faces, "UPPER.JPG"]
    for face, points in zip(splits["profile"]["train"], [*(points for points, _ in faces.values()), profile(7)]):
        assert np.array_equal(face.points, points - 1)


@pytest.mark.parametrize("degrees", [0, 40, -75, 90, 180])
@pytest.mark.parametrize("way", ["left", "right"])
def test_facing_is_known_however_the_head_is_turned(way, degrees):
    assert menpo.facing(profile(5, way, degrees)) == way


def test_facing_agrees_with_the_yaw_of_embedded_profiles():
    options = SETS["menpo"][1]["profile"].splits["train"][1]
    seen = set()
    for seed in range(8):
        sample = draw_sample(np.random.default_rng(seed), options, 64)
        seen.add((menpo.facing(sample.landmarks(39)[0]), sample.attributes["yaw"] > 0))
    assert seen == {("right", True), ("left", False)}


def test_what_cannot_be_used_is_named_with_the_reason(tmp_path):
    folder = tmp_path / "trainset"
    put(folder, "good", semi_frontal(0))
    put(folder, "good profile", profile(0))
    put(folder, "five", semi_frontal(1)[:5])
    put(folder, "nan", profile(1), text=pts_text(profile(1)).replace("\n{\n", "\n{\nnan 1\n"))
    put(folder, "lone picture", profile(2))
    (folder / "lone picture.pts").unlink()
    put(folder, "lone points", profile(2))
    (folder / "lone points.jpg").unlink()
    put(folder, "point", np.ones((39, 2)))
    put(folder, "cut", profile(3))
    (folder / "cut.jpg").write_bytes(picture_bytes(".jpg")[:-200])
    put(folder / "profile", "of the profiles", profile(3), text="{")
    splits, reports = menpo.read_tree(tmp_path)
    assert {subset: names(of["train"]) for subset, of in splits.items()} == {"semifrontal": ["good"], "profile": ["good profile"]}
    either = {"trainset/five.pts": "5 landmarks; expected 68 or 39", "trainset/nan.pts:4": "finite",
              "trainset/lone picture.jpg": "no .pts", "trainset/lone points.pts": "no picture"}
    alone = {"trainset/point.pts": "without area", "trainset/cut.jpg": "cut short",
             "trainset/profile/of the profiles.pts": "no closing brace"}
    for subset, reasons in (("semifrontal", either), ("profile", {**either, **alone})):
        found = dict(reports[subset].left_out)
        assert found.keys() == reasons.keys()
        assert all(reason in found[name] for name, reason in reasons.items())


def test_what_cannot_be_used_of_a_list_is_named_with_its_line(tmp_path):
    good = profile(0)
    path = put_list(tmp_path, "profile", "train", {"good.jpg": (good, (0, 0, 0, 0))})
    whole = line("image/profile/good.jpg", profile(1))
    words = whole.split()
    path.write_bytes(path.read_bytes() + b"\n".join(text if isinstance(text, bytes) else text.encode() for text in [
        line("image/profile/good.jpg", good),
        whole.rsplit(" ", 1)[0],
        whole + " 7",
        " ".join([*words[:20], "nan", *words[21:]]),
        " ".join([*words[:20], "1,5", *words[21:]]),
        " ".join([*words[:20], "2e9", *words[21:]]),
        " ".join([words[0], "x", *words[2:]]),
        line("../../secret.jpg", good),
        line("/etc/secret.jpg", good),
        line("image/profile/missing.jpg", good),
        line("image/profile/\x00.jpg", good),
        b"\xff\xfe" + whole.encode(),
        line("image/profile/good.jpg", semi_frontal(0)),
        line(f"image/profile/{'n' * 5000}.jpg", good),
    ]))
    splits, reports = menpo.read_tree(tmp_path)
    assert len(splits["profile"]["train"]) == 1 and reports["profile"].splits["train"] == (1, 2290)
    file = "Menpo2D/Train/Menpo2D_profile_train.txt"
    expected = {f"{file}:{number}": reason for number, reason in {
        2: "listed twice", 3: "92 words; expected a picture and 92 numbers", 4: "a picture's path", 5: "finite",
        6: "39 landmarks", 7: "pixels, at most", 8: "14 numbers", 9: "a picture's path", 10: "a picture's path",
        12: "a picture's path", 13: "not text", 14: "a picture's path"}.items()}
    expected["Menpo2D/Train/image/profile/missing.jpg"] = "cannot be read"
    expected[f"Menpo2D/Train/image/profile/{'n' * 5000}.jpg"] = "cannot be read"
    found = dict(reports["profile"].left_out)
    assert found.keys() == expected.keys()
    assert all(reason in found[name] for name, reason in expected.items()), found


def test_a_face_that_was_not_detected_has_no_provided_box(tmp_path):
    put_list(tmp_path, "profile", "train", {"good.jpg": (profile(0), (0, 0, 0, 0))})
    with pytest.raises(InputError, match="not one face .*image/profile/good.jpg: a box without area"):
        menpo.read_tree(tmp_path, "provided")
    splits, reports = menpo.read_tree(tmp_path)
    (face,) = splits["profile"]["train"]
    assert face.box == (*face.points.min(0), *face.points.max(0)) and reports["profile"].box_source == "landmarks"
    put_list(tmp_path, "profile", "train", {"good.jpg": (profile(0), (0, 0, 0, 0)), "better.jpg": (profile(1), (3, 1, 33, 39))})
    splits, reports = menpo.read_tree(tmp_path)
    assert splits["profile"]["train"][1].box == (3, 1, 33, 39)
    assert reports["profile"].box_source == "provided, else landmarks"
    assert "1 of 2 training faces have no provided box" in reports["profile"].notes[-1]


def test_the_challenge_has_no_boxes(challenge, benchmark):
    for subset in menpo.SUBSETS:
        (challenge[0] / "Menpo2D" / "Train" / menpo.list_name(subset, "train")).unlink()
    splits, reports = menpo.read_tree(challenge[0], "provided")
    assert {subset: list(of) for subset, of in splits.items()} == {"semifrontal": ["test"], "profile": ["test"]}
    assert "no boxes" in dict(reports["profile"].left_out)["trainset"]


def test_training_and_test_faces_of_two_releases_have_unlike_boxes_which_is_said(challenge, benchmark):
    for subset in menpo.SUBSETS:
        (challenge[0] / "Menpo2D" / "Train" / menpo.list_name(subset, "train")).unlink()
    for report in menpo.read_tree(challenge[0])[1].values():
        assert report.box_source == "provided, else landmarks"
        assert "2 of 2 training faces and 0 of 1 test faces" in report.notes[-2] and "--boxes landmarks" in report.notes[-1]
    assert not any("boxes:" in note for report in menpo.read_tree(challenge[0], "landmarks")[1].values() for note in report.notes)


def test_test_pictures_without_landmarks_are_said_once(challenge):
    for subset, report in menpo.read_tree(challenge[0])[1].items():
        (note,) = [note for note in report.notes if "pictures without" in note]
        assert f"testset/{subset}: 1 pictures without one .pts" in note and report.left_out == []
        assert report.missing == ["challenge test"]


def test_command_prints_both_reports(challenge, tmp_path):
    out, _ = command("--root", challenge[0], "--out", tmp_path / "index")
    words = [text.split() for text in out.splitlines()]
    assert ["train", "2", "6679", "partial"] in words and ["train", "2", "2300", "partial"] in words
    assert ["test", "0", "5335", "missing"] in words and ["test", "0", "1946", "missing"] in words
    assert "https://ibug.doc.ic.ac.uk/resources/2nd-facial-landmark-tracking-competition-menpo-ben/" in out
    assert {path.name for path in (tmp_path / "index").iterdir()} == set(menpo.SUBSETS)


def test_command_json_and_check_only(benchmark, tmp_path):
    before = sorted(os.listdir(tmp_path))
    out, _ = command("--root", benchmark[0], "--check-only", "--json", "--out", tmp_path / "index")
    reports = json.loads(out)
    assert reports["profile"]["splits"] == {"train": {"found": 1, "official": 2290}, "test": {"found": 1, "official": 1946}}
    assert reports["semifrontal"]["left_out"] == [] and reports["semifrontal"]["missing"] == []
    assert sorted(os.listdir(tmp_path)) == before


@pytest.mark.parametrize("arguments, words", [
    (["--root", "{tmp}/none", "--check-only"], ["--root", "none"]),
    (["--root", "{tmp}/empty", "--check-only"], ["not one face", "trainset", "Menpo2D", "https://ibug.doc.ic.ac.uk"]),
    (["--root", "{tmp}/menpo"], ["--out", "--check-only"]),
    (["--root", "{tmp}/menpo", "--check-only", "--boxes", "provided"], ["this release has no boxes", "--boxes auto"]),
])
def test_command_bad_input_is_one_line_and_code_2(challenge, tmp_path, arguments, words):
    (tmp_path / "empty").mkdir()
    out, errors = command(*[argument.format(tmp=tmp_path) for argument in arguments], code=2)
    assert out == "" and len(errors.splitlines()) == 1
    assert all(word in errors for word in words), errors
