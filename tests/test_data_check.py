"""data_prep.check: a sound index passes; each planted defect is found by the check that is for it, and named."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from helpers import ROOT, template

from data_prep import check, check_flip, duplicates
from gv.core.errors import InputError
from gv.core.faces import Face, face_to_line, write_index
from gv.core.layouts import get_layout

NAMES = ["lines", "pictures", "normaliser", "points", "boxes", "duplicates", "flip"]


def picture(seed, side=120):
    """A picture (side, side, 3) of soft spots that no other seed resembles."""
    noise = np.random.default_rng(seed).uniform(0, 255, (14, 14, 3))
    return cv2.resize(noise, (side, side), interpolation=cv2.INTER_CUBIC).clip(0, 255).astype(np.uint8)


def face(folder, name, seed, image=None, suffix=".jpg"):
    """A face of 68 landmarks on a picture of its own, written to folder/images."""
    path = Path(folder, "images", f"{name}{suffix}")
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), picture(seed) if image is None else image)
    points = 60 + 30 * (template() + np.random.default_rng(seed).normal(0, 0.01, (68, 2)))
    return Face(f"images/{name}{suffix}", points, (*points.min(0), *points.max(0)))


def write(folder, splits, layout=68, normaliser="ion", **extra):
    write_index(folder, splits, layout=layout, source="drawn", box_source="landmarks", normaliser=normaliser,
                provenance="embedded", extra=extra)


@pytest.fixture
def index(tmp_path):
    """(folder, splits) of a sound index: 4 faces to train on, 3 to test on, 2 of them in a subset."""
    folder = tmp_path / "index"
    test = [face(folder, f"test{i}", 10 + i) for i in range(3)]
    splits = {"train": [face(folder, f"train{i}", i) for i in range(4)], "test": test, "pose": test[1:]}
    write(folder, splits)
    return folder, splits


def checked(folder):
    """{name: Check} of an index."""
    return {one.name: one for one in check.check_index(folder)[2]}


def failed(folder):
    """{name of a check that failed: its offenders as text}."""
    return {name: [f"{who}: {why}" for who, why, _ in one.offences] for name, one in checked(folder).items() if not one.passed}


def command(*arguments, code=0):
    """The command as a user runs it; returns (stdout, stderr)."""
    done = subprocess.run([sys.executable, "-m", "data_prep.check", *map(str, arguments)], cwd=ROOT, text=True,
                          capture_output=True, timeout=120)
    assert done.returncode == code and "Traceback" not in done.stderr, done.stderr
    return done.stdout, done.stderr


def test_a_sound_index_passes(index):
    out, _ = command("--data", index[0], "--json")
    report = json.loads(out)
    assert report["passed"] and report["faces"] == report["pictures"] == 7
    assert [one["name"] for one in report["checks"]] == NAMES and all(one["passed"] for one in report["checks"])
    assert [one["tested"] for one in report["checks"]] == [9, 7, 7, 7, 7, 7, 68]


def test_a_failed_check_is_code_2_and_one_line(index):
    (index[0] / "images/test1.jpg").unlink()
    out, errors = command("--data", index[0], code=2)
    lines = out.splitlines()
    assert [line.split()[1] for line in lines if line.startswith("  passed")] == [name for name in NAMES if name != "pictures"]
    assert "  FAILED  pictures" in out and "test.jsonl:2 images/test1.jpg: cannot be read" in out
    assert errors.splitlines()[-1].startswith(f"{index[0]}: failed: pictures (1);")


def cut_short(folder, splits):
    path = folder / "images/train1.jpg"
    path.write_bytes(path.read_bytes()[:-400])


def no_picture(folder, splits):
    (folder / "images/test2.jpg").write_bytes(b"GIF89a")


def change_line(folder, split, number, change):
    path = folder / f"{split}.jsonl"
    lines = path.read_text().splitlines()
    lines[number - 1] = change(lines[number - 1])
    path.write_text("\n".join(lines) + "\n")


def not_a_number(folder, splits):
    change_line(folder, "train", 2, lambda line: re.sub(r'"points": \[\[[\d.]+', '"points": [[NaN', line))


def far_away(folder, splits):
    change_line(folder, "train", 2, lambda line: re.sub(r'"points": \[\[[\d.]+', '"points": [[-3e6', line))


def fewer_landmarks(folder, splits):
    one = splits["train"][2]
    change_line(folder, "train", 3, lambda line: face_to_line(Face(one.image, one.points[:29], one.box)))


def not_json(folder, splits):
    change_line(folder, "test", 1, lambda line: line[:40])


def a_line_gone(folder, splits):
    (folder / "pose.jsonl").write_text(face_to_line(splits["pose"][0]) + "\n")


def a_split_gone(folder, splits):
    (folder / "pose.jsonl").unlink()


def an_empty_split(folder, splits):
    write(folder, {**splits, "blur": []})


def no_splits(folder, splits):
    write(folder, {})


def nul_in_a_name(folder, splits):
    change_line(folder, "train", 1, lambda line: line.replace("images/train0", "images/\\u0000"))


def changed(name, number, **fields):
    """A defect: fields of a face of a split, given as functions of the face."""
    def plant(folder, splits):
        faces = list(splits[name])
        faces[number] = replace(faces[number], **{field: make(faces[number]) for field, make in fields.items()})
        write(folder, {**splits, name: faces})
    return plant


def eyes_in_one_place(one):
    points = one.points.copy()
    points[45] = points[36]
    return points


def normaliser(name, **fields):
    def plant(folder, splits):
        faces = [replace(one, **fields) if i == 1 else one for i, one in enumerate(splits["train"])]
        write(folder, {**splits, "train": faces}, normaliser=name)
    return plant


def copied(change, suffix=".png"):
    """A defect: a training picture among the test pictures, changed."""
    def plant(folder, splits):
        original = cv2.imread(str(folder / splits["train"][3].image))
        copy = face(folder, "copy", 3, change(original), suffix)
        write(folder, {**splits, "test": [*splits["test"], copy]})
    return plant


def the_same_face(folder, splits):
    write(folder, {**splits, "test": [*splits["test"], splits["train"][3]]})


def the_same_bytes(folder, splits):
    one = splits["train"][3]
    (folder / "images/copy.jpg").write_bytes((folder / one.image).read_bytes())
    write(folder, {**splits, "test": [*splits["test"], replace(one, image="images/copy.jpg")]})


def for_validation(folder, splits):
    the_same_bytes(folder, {**splits, "test": []})
    one = splits["train"][3]
    write(folder, {"train": splits["train"], "val": [replace(one, image="images/copy.jpg")]})


@pytest.mark.parametrize("plant, name, words", [
    (cut_short, "pictures", ["train.jsonl:2 images/train1.jpg", "cut short"]),
    (no_picture, "pictures", ["test.jsonl:3 images/test2.jpg", "6 bytes that cannot be decoded"]),
    (nul_in_a_name, "pictures", ["train.jsonl:1 images/", "cannot be read"]),
    (not_a_number, "lines", ["train.jsonl:2", "not a finite number"]),
    (far_away, "lines", ["train.jsonl:2", "at most 1e+06 pixels"]),
    (fewer_landmarks, "lines", ["train.jsonl:3", "29 landmarks", "68"]),
    (not_json, "lines", ["test.jsonl:1", "not a face"]),
    (a_line_gone, "lines", ["pose.jsonl: 1 faces; expected 2"]),
    (a_split_gone, "lines", ["pose.jsonl", "No such file"]),
    (an_empty_split, "lines", ["blur.jsonl: 0 faces; expected at least one"]),
    (no_splits, "lines", ["index.json: no splits"]),
    (changed("train", 3, points=eyes_in_one_place), "normaliser", ["train.jsonl:4 images/train3.jpg: 0 pixels"]),
    (normaliser("box", box=None), "normaliser", ["train.jsonl:2 images/train1.jpg: no box"]),
    (normaliser("eyes"), "normaliser", ['index.json: no normaliser "eyes"', "rectangle"]),
    (changed("test", 0, points=lambda one: one.points + (200, 0)), "points", ["test.jsonl:1 ", "middle is outside the box"]),
    (changed("test", 0, points=lambda one: np.vstack([one.points[:8], [[60, 180]], one.points[9:]])), "points",
     ["test.jsonl:1 ", "a landmark 1.5"]),
    (changed("test", 0, points=lambda one: 60 + (one.points - 60) / 10), "points", ["test.jsonl:1 ", "fill 0.1"]),
    (changed("train", 2, box=lambda one: (20, 50, 90, 50)), "lines", ["train.jsonl:3", "(20, 50, 90, 50) without an area"]),
    (changed("train", 2, points=lambda one: one.points + (70, 0), box=lambda one: np.add(one.box, (70, 0, 70, 0))), "boxes",
     ["train.jsonl:3 ", "0.32 of the box in the picture of 120 x 120"]),
    (copied(lambda one: one), "duplicates", ["train.jsonl:4 images/train3.jpg: also for test: test.jsonl:4 images/copy.png"]),
    (copied(lambda one: (one * 0.5 + 60).astype(np.uint8)), "duplicates", ["images/train3.jpg", "images/copy.png", "bits apart"]),
    (copied(lambda one: cv2.GaussianBlur(one, (0, 0), 1), ".jpg"), "duplicates", ["images/train3.jpg", "images/copy.jpg"]),
    (copied(lambda one: cv2.cvtColor(one, cv2.COLOR_BGR2GRAY)), "duplicates", ["images/train3.jpg", "images/copy.png"]),
    (the_same_face, "duplicates", ["images/train3.jpg: also for test: ", "the same face"]),
    (the_same_bytes, "duplicates", ["images/train3.jpg", "images/copy.jpg", "the same bytes and box"]),
    (for_validation, "duplicates", ["images/train3.jpg: also for val: val.jsonl:1 images/copy.jpg"]),
])
def test_a_planted_defect_is_found_by_its_check_alone(index, plant, name, words):
    folder, splits = index
    plant(folder, splits)
    found = failed(folder)
    assert list(found) == [name] and len(found[name]) == 1
    assert all(word in found[name][0] for word in words), found


def test_a_box_beside_the_picture_hides_no_duplicate_and_makes_none(index):
    folder, splits = index
    away = [replace(one, points=one.points + 500, box=tuple(np.add(one.box, 500)))
            for one in (splits["train"][0], splits["test"][0])]
    write(folder, {"train": away[:1], "test": away[1:]})
    assert list(failed(folder)) == ["boxes"] and len(failed(folder)["boxes"]) == 2


@pytest.mark.parametrize("names", [["x/a/train3", "test/copy"], ["test/copy", "a/train3"]])
@pytest.mark.parametrize("packed", ["", "-0123456789abcdef"])
def test_a_known_pair_is_told_and_passes(index, names, packed):
    folder, splits = index
    one = replace(splits["train"][3], image=f"packed/x/a/train3{packed}.jpg")
    copy = replace(one, image=f"packed/test/copy{packed}.jpg")
    for each in (one, copy):
        (folder / each.image).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / each.image), picture(3))
    write(folder, {"train": [one], "test": [*splits["test"], copy]}, duplicates=[["b/train3", "test/copy"], names])
    found = checked(folder)["duplicates"]
    assert found.passed and len(found.notes) == 1
    assert found.notes[0].startswith("a known pair: train.jsonl:1 ") and "for test, test.jsonl:4" in found.notes[0]
    write(folder, {"train": [one], "test": [*splits["test"], copy]}, duplicates=[["b/train3", "test/copy"]])
    assert list(failed(folder)) == ["duplicates"]


def test_two_people_of_one_picture_are_no_duplicates(tmp_path):
    both = np.hstack([picture(1), picture(2)])
    one = face(tmp_path, "both", 1, both)
    other = replace(one, points=one.points + (120, 0), box=tuple(np.add(one.box, (120, 0, 120, 0))))
    write(tmp_path, {"train": [one], "test": [other]})
    found = checked(tmp_path)["duplicates"]
    assert found.passed and found.notes == ["pictures with different faces of two of train, val, test: 1"]


def test_a_photograph_twice_in_one_split_is_no_leak(index):
    folder, splits = index
    write(folder, {"train": splits["train"], "test": [*splits["test"], face(folder, "again", 10)]})
    assert failed(folder) == {}


@pytest.mark.parametrize("extra", [5, "x", [["a"]], [5]])
def test_known_pairs_that_are_none(index, extra):
    write(*index, duplicates=extra)
    with pytest.raises(InputError, match="duplicates"):
        check.check_index(index[0])


def test_profiles_have_their_normaliser(tmp_path):
    """39 landmarks of a profile: the distance between the eyes is not defined, the diagonal is."""
    one = face(tmp_path, "a", 0)
    profile = Face(one.image, one.points[:39], one.box)
    write(tmp_path, {"test": [profile]}, 39, "ion")
    assert list(failed(tmp_path)) == ["normaliser"]
    assert "Menpo profile (39 landmarks) does not define" in failed(tmp_path)["normaliser"][0]
    write(tmp_path, {"test": [profile]}, 39, "diagonal")
    assert failed(tmp_path) == {}
    write(tmp_path, {"test": [replace(profile, points=np.full((39, 2), 60.0), box=None)]}, 39, "diagonal")
    assert list(failed(tmp_path)) == ["normaliser"]


def test_the_smallest_normaliser_is_told(index):
    note = checked(index[0])["normaliser"].notes[0]
    smallest = min((np.linalg.norm(one.points[36] - one.points[45]) / np.linalg.norm(np.ptp(one.points, axis=0)), one.image)
                   for name in ("train", "test") for one in index[1][name])
    assert f"{smallest[0]:.3f} of" in note and smallest[1] in note


def test_the_text_names_ten_and_json_all(tmp_path):
    faces = [face(tmp_path, f"{i:02d}", i) for i in range(13)]
    for one in faces[:12]:
        (tmp_path / one.image).unlink()
    write(tmp_path, {"train": faces})
    found = checked(tmp_path)["pictures"]
    assert found.text().count("cannot be read") == check.NAMES == 10 and "and 2 more" in found.text()
    assert len(found.record()["offenders"]) == 12


# --- hashes


def test_near_pairs_are_those_of_counting_bits(monkeypatch):
    monkeypatch.setattr(duplicates, "BLOCK", 3)
    rng = np.random.default_rng(0)
    first = rng.choice(np.array([-1, 1], np.float32), (8, duplicates.BITS))
    second = np.vstack([first[[7, 2]], rng.choice(np.array([-1, 1], np.float32), (5, duplicates.BITS))])
    second[0, :44] *= -1
    second[1, :45] *= -1
    expected = sorted((int((a != b).sum()), i, j) for i, a in enumerate(first) for j, b in enumerate(second))
    assert duplicates.near_pairs(first, second, 44) == [(7, 0, 44)]
    assert [(d, i, j) for i, j, d in duplicates.near_pairs(first, second, 255)] == expected


def test_a_hash_is_of_the_face_not_of_its_light_or_size():
    grey = picture(1)[..., 0]
    box = (20.0, 30.0, 90.0, 100.0)
    still = duplicates.face_hash(grey, box)
    assert still.shape == (255,) and set(np.unique(still)) == {-1, 1}
    assert (duplicates.face_hash((grey * 0.4 + 90).astype(np.uint8), box) != still).sum() <= 6
    larger = duplicates.face_hash(cv2.resize(grey, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC), np.multiply(box, 3) + 1)
    assert (larger != still).sum() <= 6
    assert (duplicates.face_hash(picture(2)[..., 0], box) != still).sum() > 80
    assert duplicates.face_hash(np.full((120, 120), 70, np.uint8), box) is None


@pytest.mark.parametrize("split, use", [("train", "train"), ("trainset", "train"), ("val", "val"), ("validation", "val"),
                                        ("common", "test"), ("test", "test"), ("largepose", "test")])
def test_what_a_split_is_for(split, use):
    assert duplicates.purpose(split) == use


# --- the flip map


def shapes(count, seed=0, yaw=25, lean=10):
    """Faces (count, 68, 2) of a head of some depth, turned left and right about ``lean`` degrees, rolled, moved, scaled."""
    rng = np.random.default_rng(seed)
    flat = template()
    depth = 0.8 - 0.5 * (flat ** 2).sum(1)  # symmetric, as the face is
    found = []
    for angle in np.deg2rad(rng.normal(lean, yaw, count)):
        turned = np.stack([flat[:, 0] * np.cos(angle) + depth * np.sin(angle), flat[:, 1]], 1) + rng.normal(0, 0.02, flat.shape)
        roll = np.deg2rad(rng.normal(0, 15))
        turn = np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]])
        found.append(turned @ turn.T * rng.uniform(30, 300) + rng.uniform(0, 500, 2))
    return np.stack(found)


def test_a_flip_map_that_fits():
    offences, notes = check_flip.flip_offences(shapes(400), get_layout(68).flip)
    assert offences == [] and "within 0.0" in notes[0]


@pytest.mark.parametrize("i, j", [(60, 61), (36, 37), (41, 40), (0, 1), (48, 60), (31, 32)])
def test_landmarks_in_the_wrong_order_are_named(i, j):
    order = np.arange(68)
    order[[i, j]] = j, i
    offences, _ = check_flip.flip_offences(shapes(400)[:, order], get_layout(68).flip)
    flip = get_layout(68).flip
    assert {i, j} <= {landmark for landmark, _ in offences} <= {i, j, flip[i], flip[j]}


def test_a_map_that_flips_nothing_of_a_whole_face():
    flip = list(range(68))
    flip[0], flip[16] = 16, 0  # not the identity, which means profiles
    assert len(check_flip.flip_offences(shapes(400), flip)[0]) > 40


def profiles(count, seed=0):
    """Faces that look right and left by turns, the left ones mirror images in the same order."""
    both = shapes(count, seed, yaw=5, lean=0) * (1, 1)
    both[::2] = both[::2] * (-1, 1) + (500, 0)
    stretched = both.copy()  # as a half of a face: without a symmetry of its own
    return stretched[:, [*range(9), *range(17, 22), *range(27, 42)]]


def test_profiles_are_compared_with_those_that_look_the_other_way():
    faces = profiles(200)
    same = np.arange(faces.shape[1])
    assert check_flip.flip_offences(faces, same)[0] == []
    wrong = faces.copy()
    wrong[::2, [3, 4]] = wrong[::2, [4, 3]]
    assert {landmark for landmark, _ in check_flip.flip_offences(wrong, same)[0]} == {3, 4}
    assert check_flip.flip_offences(profiles(400)[::2], same) == ([], ["not tested: every face looks the same way"])


def test_too_few_faces_for_a_mean():
    assert check_flip.flip_offences(shapes(99), get_layout(68).flip)[1][0].startswith("not tested: 99 faces")
    assert "every face's landmarks are one point" in check_flip.flip_offences(np.ones((200, 68, 2)), get_layout(68).flip)[1][0]


def test_the_check_hands_the_flip_map_on(index, monkeypatch):
    folder, splits = index
    monkeypatch.setattr(check_flip, "FEWEST", 4)
    order = np.arange(68)
    order[[36, 39]] = 39, 36
    swapped = {name: [replace(one, points=one.points[order]) for one in faces] for name, faces in splits.items()}
    write(folder, swapped, normaliser="rectangle")
    found = failed(folder)
    assert list(found) == ["flip"] and found["flip"][0].startswith("landmark 36: its mirror image falls on landmark 39")


# --- folders, errors, the page


def test_a_folder_of_indexes(index, tmp_path):
    folder, splits = index
    other = tmp_path / "other"
    write(other, {"test": [face(other, "a", 20)]})
    out, _ = command("--data", tmp_path, "--json")
    report = json.loads(out)
    assert list(report) == ["index", "other"] and all(one["passed"] for one in report.values())
    (other / "images/a.jpg").unlink()
    out, errors = command("--data", tmp_path, code=2)
    assert out.count("drawn (") == 2 and "failed: other: pictures (1);" in errors.splitlines()[-1]


@pytest.mark.parametrize("data, words", [("none", ["none", "no index here"]), ("empty", ["empty", "no index here"]),
                                         ("broken", ["broken", "not an index"]), ("unknown", ["no scheme of 7 landmarks"])])
def test_no_index_is_one_line_and_code_2(tmp_path, data, words):
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "index.json").write_text("{}")
    write(tmp_path / "unknown", {"test": [Face("a.jpg", np.zeros((7, 2)))]}, 7)
    out, errors = command("--data", tmp_path / data, code=2)
    assert out == "" and len(errors.splitlines()) == 1 and all(word in errors for word in words)


def test_the_page_shows_samples_and_every_offender_and_needs_no_other_file(index, tmp_path, capsys):
    folder, splits = index
    odd = face(folder, "<b>&", 30)
    lost, away = replace(splits["train"][0], image="images/lost.jpg"), replace(odd, box=(200, 200, 260, 260))
    point = replace(splits["test"][0], points=np.full((68, 2), 50.0), box=None)
    write(folder, {**splits, "train": [*splits["train"], lost, away], "test": [*splits["test"], point, splits["train"][1]]})
    with pytest.raises(InputError, match="failed: pictures"):
        check.main(["--data", str(folder), "--page", str(tmp_path / "page.html")])
    page = (tmp_path / "page.html").read_text()
    for who, why in (("train.jsonl:5 images/lost.jpg", "cannot be read"), ("images/&lt;b&gt;&amp;.jpg", "outside the box"),
                     ("test.jsonl:4", "0 pixels"), ("train.jsonl:2 images/train1.jpg: also for test: test.jsonl:5", "same face")):
        assert re.search(f"{re.escape(who)}[^<]*{why}", page), who
    assert "<b>&.jpg" not in page and set(re.findall(r"""(?:src|href|url)\s*[=(]\s*(.{0,24})""", page)) == {
        '"data:image/jpeg;base64,'}
    assert "http" not in page and re.findall(r"<(?:script|link|iframe|object)", page) == []
    samples = len(splits["train"]) + 2 - 1 + 5 + 2  # the lost one has no picture
    offenders = 1 + 1 + 1 + 2  # no size; points, box; both faces of the pair
    assert page.count("<img") == samples + offenders
    assert re.findall(r"<h3>(\w+): (\d+) of (\d+)</h3>", page) == [("train", "6", "6"), ("test", "5", "5"), ("pose", "2", "2")]
    first = re.search(r"base64,([^\"]+)", page)[1]
    import base64
    shown = cv2.imdecode(np.frombuffer(base64.b64decode(first), np.uint8), cv2.IMREAD_COLOR)
    assert shown.shape == (320, 320, 3) and list(tmp_path.glob(".page*")) == []
    assert "FAILED" in capsys.readouterr().out


def test_the_drawn_landmarks_are_where_the_face_is(index):
    """Green on the landmarks, blue on the box, which is red inside, in the picture of a page."""
    from data_prep.check_page import SHOWN, WIDTH, face_picture
    one = index[1]["train"][0]
    picture, path = np.zeros((120, 120, 3), np.uint8), index[0] / "red.png"
    x0, y0, x1, y1 = np.round(one.box).astype(int)
    picture[y0:y1 + 1, x0:x1 + 1] = (0, 0, 120)
    cv2.imwrite(str(path), picture)
    shown = cv2.imdecode(np.frombuffer(face_picture(path, check.Subject(one, {"train": 1})), np.uint8), cv2.IMREAD_COLOR)
    box = np.reshape(one.box, (2, 2))
    middle, side = box.mean(0), max(box[1] - box[0]) * SHOWN
    green = np.argwhere((shown[..., 1] > 120) & (shown[..., 0] < 120) & (shown[..., 2] < 120))[:, ::-1]
    expected = (one.points - middle) / side * WIDTH + (WIDTH - 1) / 2
    assert green.min(0) == pytest.approx(expected.min(0), abs=4) and green.max(0) == pytest.approx(expected.max(0), abs=4)
    blue = np.argwhere((shown[..., 0] > 120) & (shown[..., 2] < 120))[:, ::-1]
    assert np.ptp(blue, axis=0) == pytest.approx((box[1] - box[0]) / side * WIDTH, abs=4)
    red = np.argwhere((shown[..., 2] > 80) & (shown[..., 1] < 60))[:, ::-1]
    assert red.min(0) == pytest.approx(blue.min(0), abs=5) and red.max(0) == pytest.approx(blue.max(0), abs=5)


def test_a_page_that_cannot_be_written(index):
    out, errors = command("--data", index[0], "--page", index[0] / "none" / "page.html", code=2)
    assert out == "" and errors.splitlines()[-1].startswith("--page: no folder")
