"""data_prep.own: three formats to one index, schemes given and derived, splits, and a line for everything that is wrong."""

import csv
import json
import re
import subprocess
import sys

import cv2
import numpy as np
import pytest
from helpers import ROOT, child_environment, make_faces
from hypothesis import given, settings
from hypothesis import strategies as st

from data_prep import mirror, own, own_files
from gv.core import charts, landmark_files
from gv.core.errors import InputError
from gv.core.faces import read_index, read_split
from gv.core.finding import FoundFace
from gv.core.layouts import LAYOUTS, Layout

NAMES = ("left_eye", "right_eye", "nose", "left_mouth", "right_mouth")
FACE = np.array([[20.0, 20], [40, 20], [30, 30], [22, 40], [38, 40]])
FLIP = (1, 0, 2, 4, 3)
SIZE = (60, 70)      # width, height


def put_picture(path, seed, suffix=".png"):
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = np.random.default_rng(seed).integers(0, 255, (SIZE[1], SIZE[0], 3), dtype=np.uint8)
    path.write_bytes(cv2.imencode(suffix, picture)[1].tobytes())


def csv_text(faces, names=NAMES, more=(), values=()):
    lines = [",".join(["image", *(f"{axis}_{name}" for name in names for axis in "xy"), *more])]
    lines += [",".join([image, *(repr(float(v)) for v in points.ravel()), *values]) for image, points in faces]
    return "\n".join(lines) + "\n"


def coco(faces, names=NAMES, **more):
    images = {image: number for number, image in enumerate(dict.fromkeys(image for image, _ in faces))}
    return {"images": [{"id": number, "file_name": image} for image, number in images.items()],
            "annotations": [{"id": i, "image_id": images[image], "category_id": 7,
                             "keypoints": [v for x, y in points for v in (x, y, 2)], **more}
                            for i, (image, points) in enumerate(faces)],
            "categories": [{"id": 1, "name": "car"}, {"id": 7, "name": "face", "keypoints": list(names), "skeleton": [[1, 2]]}]}


@pytest.fixture
def root(tmp_path):
    """A folder of ten pictures, photo0.png ..., with points.csv: five landmarks that move a little."""
    faces = []
    for number in range(10):
        put_picture(tmp_path / f"in/photo{number}.png", number)
        faces.append((f"photo{number}.png", FACE + np.random.default_rng(number).uniform(-2, 2, FACE.shape).round(2)))
    (tmp_path / "in/points.csv").write_text(csv_text(faces))
    return tmp_path / "in"


def run(root, *arguments, out=None):
    """The command in this process; returns the index."""
    out = out or root.parent / "out"
    own.main(["--root", str(root), "--out", str(out), *map(str, arguments)])
    return read_index(out)


def faces_of(index):
    """{picture's name: [points of its faces]} of all splits."""
    found = {}
    for split in index.splits:
        for face in read_split(index, split):
            found.setdefault(face.image.rpartition("/")[2], []).append(face.points)
    return found


def rewritten(root, change):
    """points.csv with its rows changed by a function of the list of lists."""
    with open(root / "points.csv", newline="") as lines:
        rows = list(csv.reader(lines))
    with open(root / "points.csv", "w", newline="") as out:
        csv.writer(out).writerows(change(rows) or rows)


# --- the three formats

@settings(max_examples=15)
@given(st.lists(st.lists(st.tuples(st.integers(-9000, 68000), st.integers(-9000, 78000)), min_size=5, max_size=5, unique=True),
                min_size=1, max_size=4))
def test_three_formats_give_one_index(tmp_path_factory, thousandths):
    folder = tmp_path_factory.mktemp("round")
    shapes = [np.array(points) / 1000 for points in thousandths]
    shapes = [points for points in shapes if (np.ptp(points, axis=0) > 2).all()]
    faces = [(f"sub/p{number}.png", points) for number, points in enumerate(shapes)]
    if not faces:
        return
    for number, (image, points) in enumerate(faces):
        put_picture(folder / "in" / image, number)
        (folder / "in" / image).with_suffix(".pts").write_text(landmark_files.pts_text(points))
    (folder / "a.csv").write_text(csv_text(faces))
    (folder / "a.json").write_text(json.dumps(coco(faces)))
    (folder / "layout.json").write_text(json.dumps({"landmarks": list(NAMES)}))
    ways = {"pts": ["--layout", folder / "layout.json"], "csv": ["--csv", folder / "a.csv"],
            "coco": ["--coco", folder / "a.json"]}
    found = {name: run(folder / "in", "--test-share", 0, *options, out=folder / name) for name, options in ways.items()}
    expected = dict(zip((image.rpartition("/")[2] for image, _ in faces), shapes))
    for index in found.values():
        assert index.layout == Layout(5, "in", FLIP, {}, (), names=NAMES) and index.landmarks == 5
        there = faces_of(index)
        assert there.keys() == expected.keys()
        for name, points in expected.items():
            np.testing.assert_allclose(there[name], [points], atol=1e-9)
        for face in read_split(index, "train"):
            assert face.box == (*face.points.min(0), *face.points.max(0))
            assert cv2.imread(str(index.folder / face.image)).shape == (SIZE[1], SIZE[0], 3)
    assert found["coco"].layout.edges == ((0, 1),) and found["csv"].layout.edges == ()


def test_what_predict_writes_comes_in_again(tmp_path):
    put_picture(tmp_path / "in/a.png", 0)
    two = [FoundFace(FACE + move, (1.0, 2.0, 50.0, 51.0), np.full(5, 0.5)) for move in (0, 7.25)]
    landmark_files.write_pts(tmp_path / "in", "a", two)
    with landmark_files.table(tmp_path / "named.csv", names=NAMES) as add:
        add("a.png", two)
    with landmark_files.table(tmp_path / "numbered.csv") as add:
        add("a.png", two)
    for name, options in (("pts", ["--layout", "five.json"]), ("named", ["--csv", tmp_path / "named.csv"]),
                          ("numbered", ["--csv", tmp_path / "numbered.csv"])):
        if name == "pts":
            (tmp_path / "five.json").write_text(json.dumps({"mirror_pairs": [[0, 1], [3, 4]]}))
            options = ["--layout", tmp_path / "five.json"]
        index = run(tmp_path / "in", *options, out=tmp_path / name)
        np.testing.assert_allclose(faces_of(index)["a.png"], [face.points for face in two], atol=1e-9)
        assert index.layout.flip == FLIP and index.layout.names == (NAMES if name == "named" else ())
        assert index.box_source == ("landmarks" if name == "pts" else "provided")
        assert name == "pts" or read_split(index, "train")[0].box == (1, 2, 50, 51)


def test_counted_columns_boxes_and_flags(root):
    rewritten(root, lambda rows: [
        ["image", *(f"{axis}{i}" for i in range(5) for axis in "xy"), "box_x0", "box_y0", "box_x1", "box_y1", "colour",
         *(f"visible_{i}" for i in range(5))], *([*row, 1, 2, 55, 56, "red", 1, 0, 1, 1, 1] for row in rows[1:])])
    index = run(root, "--csv", root / "points.csv", "--base", 1)
    face = read_split(index, "train")[0]
    assert face.box == (0, 1, 54, 55) and face.visible.tolist() == [1, 0, 1, 1, 1] and index.layout.names == ()
    assert index.layout.flip == FLIP      # from the shapes
    assert index.normaliser == "box" and index.box_source == "provided"
    assert run(root, "--csv", root / "points.csv", "--boxes", "landmarks").box_source == "landmarks"


def test_coco_flags_boxes_and_crowds(root, capsys):
    faces = [("photo0.png", FACE), ("photo0.png", FACE + 1), ("photo1.png", FACE)]
    values = coco(faces, bbox=[2, 3, 40, 45])
    values["annotations"][0]["keypoints"][2] = 1
    values["annotations"].append({"id": 9, "image_id": 0, "category_id": 7, "keypoints": [0] * 15})
    values["annotations"].append({"id": 10, "image_id": 0, "category_id": 1, "bbox": [0, 0, 1, 1]})
    (root / "a.json").write_text(json.dumps(values))
    index = run(root, "--coco", root / "a.json", "--test-share", 0)
    first = read_split(index, "train")[0]
    assert first.visible.tolist() == [0, 1, 1, 1, 1] and first.box == (2, 3, 42, 48) and index.splits == {"train": 3}
    assert "1 annotations without keypoints" in capsys.readouterr().out


# --- the scheme

@pytest.mark.parametrize("size", sorted(LAYOUTS))
def test_the_derived_mirror_of_the_known_schemes_is_theirs(size):
    shape = charts.shapes()[size]
    found = mirror.by_symmetry([shape, shape * [-1, 1]] if size == 39 else [shape])
    assert found.pairs == charts.mirrored(LAYOUTS[size]) and found.confidence > 0.9


@pytest.mark.parametrize("degrees", [-15, 10])
def test_the_mirror_of_noisy_turned_faces_is_theirs_under_any_order(degrees, tmp_path):
    faces = make_faces(tmp_path, 60, np.random.default_rng(1))
    order, angle = np.random.default_rng(2).permutation(68), np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    found = mirror.by_symmetry([(face.points @ turn.T)[order] for face in faces])
    place = np.argsort(order)
    assert {frozenset(pair) for pair in found.pairs} == {frozenset(place[list(pair)]) for pair in charts.mirrored(LAYOUTS[68])}


def test_a_mirror_that_cannot_be_told_is_refused():
    profile = charts.shapes()[39]
    with pytest.raises(InputError, match="any partner.*--layout"):
        mirror.by_symmetry([profile])
    near = np.vstack([FACE, [[29.99, 50], [30.01, 50]]])      # side by side, or one above the other?
    rng = np.random.default_rng(0)
    with pytest.raises(InputError, match=r"could as well.*mirror_pairs"):
        mirror.by_symmetry([near + rng.normal(0, 0.3, near.shape) for _ in range(30)])
    with pytest.raises(InputError, match="one point"):
        mirror.by_symmetry([np.ones((5, 2))])


@pytest.mark.parametrize("names, pairs", [
    (NAMES, [(0, 1), (3, 4)]), (("Eye Left", "Eye Right", "chin"), [(0, 1)]), (("l_eye", "r_eye"), [(0, 1)]),
    (("leftEye", "rightEye", "tail"), [(0, 1)]), (("eye-r", "nose", "eye-l"), [(0, 2)])])
def test_mirror_pairs_by_names(names, pairs):
    assert mirror.by_names(names).pairs == pairs


def test_names_without_sides_or_partners():
    assert mirror.by_names(("nose", "chin", "wall")) is None and mirror.by_names(()) is None
    with pytest.raises(InputError, match='"left_eye" has no "right_eye"'):
        mirror.by_names(("left_eye", "nose"))


def test_a_scheme_from_a_file(root, capsys):
    (root / "five.json").write_text(json.dumps({
        "name": "five", "mirror_pairs": [[1, 0], ["left_mouth", "right_mouth"]], "normaliser": [["left_eye", 3], "right_eye"],
        "edges": [[0, 1], ["left_mouth", "nose", "right_mouth"]], "groups": {"mouth": [3, 4]}}))
    index = run(root, "--csv", root / "points.csv", "--layout", root / "five.json")
    layout = index.layout
    assert (layout.name, layout.flip, layout.names, layout.edges) == ("five", FLIP, NAMES, ((0, 1), (3, 2, 4)))
    assert layout.groups == {"mouth": (3, 4)} and layout.normalisers == {"pair": ((0, 3), (1,))} and index.normaliser == "pair"
    assert "pair: the distance of the mean of 0 left_eye, 3 left_mouth and 1 right_eye" in capsys.readouterr().out
    assert run(root, "--csv", root / "points.csv", "--normaliser", "left_eye,4").layout.normalisers == {"pair": ((0,), (4,))}
    assert run(root, "--csv", root / "points.csv", "--normaliser", "diagonal").normaliser == "diagonal"


def test_sixty_eight_landmarks_may_be_anyones_or_300ws(tmp_path, capsys):
    faces = make_faces(tmp_path / "in", 12, np.random.default_rng(0))
    reversed_order = [(face.image, face.points[::-1]) for face in faces]
    (tmp_path / "a.csv").write_text(csv_text(reversed_order, range(68)))
    index = run(tmp_path / "in", "--csv", tmp_path / "a.csv", out=tmp_path / "own")
    assert isinstance(index.layout, Layout) and index.layout.flip == tuple(67 - i for i in LAYOUTS[68].flip[::-1])
    assert "--layout 68" in capsys.readouterr().out
    (tmp_path / "a.csv").write_text(csv_text([(face.image, face.points) for face in faces], range(68)))
    known = run(tmp_path / "in", "--csv", tmp_path / "a.csv", "--layout", 68, out=tmp_path / "known")
    assert known.layout == 68 and known.normaliser == "ion" and "layout" not in known.extra
    assert json.loads((tmp_path / "own/index.json").read_text())["layout"] == 68


@pytest.mark.parametrize("values, words", [
    ([1], "a JSON object"), ({"mirror": []}, '"mirror"; expected of a landmark scheme'),
    ({"mirror_pairs": [["left_eye", "right_eye"], ["left_eye", "nose"]]}, "left_eye is in two pairs.*own inverse"),
    ({"mirror_pairs": [["nose", "nose"]]}, "paired with itself"),
    ({"mirror_pairs": [["left_eye", "rigth_eye"]]}, "did you mean right_eye"),
    ({"mirror_pairs": [[0, 5]]}, "no landmark 5.*0 to 4"), ({"mirror_pairs": [[0, 1, 2]]}, "a list of 2"),
    ({"mirror_pairs": 3}, "a list"),
    ({"landmarks": ["a", "a"]}, '"a" twice'), ({"landmarks": 0}, "1 to"), ({"landmarks": ["a", 3]}, "names, or their number"),
    ({"landmarks": 6}, "6 landmarks.*expected 5"), ({"landmarks": list(NAMES[::-1])}, "landmark 0 is right_mouth.*left_eye"),
    ({"normaliser": "eyes"}, '"eyes".*box, rectangle, diagonal'), ({"normaliser": ["nose", "nose"]}, "two different"),
    ({"edges": [["nose", True]]}, "no landmark true"), ({"groups": [1]}, "names with lists")])
def test_schemes_that_are_none(root, values, words):
    (root / "bad.json").write_text(json.dumps(values))
    with pytest.raises(InputError, match=words) as error:
        run(root, "--csv", root / "points.csv", "--layout", root / "bad.json")
    assert "bad.json" in str(error.value) and not (root.parent / "out").exists()


# --- what is wrong with a face

def cell(row, column, value):
    def change(rows):
        rows[row][column] = value
    return change


@pytest.mark.parametrize("change, words", [
    (cell(1, 0, "gone.png"), "gone.png: no such picture"), (cell(1, 0, "../in/photo0.png"), "below --root"),
    (cell(1, 3, "nan"), "finite"), (cell(1, 3, "x"), "numbers"), (cell(1, 3, ""), "not labelled, first right_eye"),
    (cell(1, 4, "180"), "landmark 1 lies 110 pixels outside the picture of 60 x 70.*another size"),
    (lambda rows: rows[1].append("9"), "more or fewer values"), (lambda rows: rows[1].pop() and None, "more or fewer values"),
    (lambda rows: rows.insert(1, rows[1]), "the same face as .*points.csv:2"),
    (lambda rows: rows.__setitem__(1, [rows[1][0], *(str(float(v) / 70) for v in rows[1][1:])]), "shares of the picture"),
    (lambda rows: rows.__setitem__(1, [rows[1][0], *rows[1][1:3] * 5]), "without area")])
def test_a_face_that_cannot_be_used_is_left_out_and_named(root, capsys, change, words):
    rewritten(root, change)
    own.main(["--root", str(root), "--out", str(root.parent / "out"), "--csv", str(root / "points.csv"), "--json"])
    report = json.loads(capsys.readouterr().out)
    assert len(report["left_out"]) == 1 and sum(report["splits"].values()) >= 9
    assert re.search(words, report["left_out"][0]["reason"]), report["left_out"]
    assert report["left_out"][0]["name"].startswith("points.csv:")


def test_pictures_that_cannot_be_used(root, capsys):
    (root / "photo1.png").write_bytes((root / "photo0.png").read_bytes())       # twice there
    (root / "photo2.png").write_bytes((root / "photo2.png").read_bytes()[:900])
    (root / "photo3.png").write_text("no picture")
    put_picture(root / "photo4.jpg", 4, ".jpg")
    turned = (root / "photo4.jpg").read_bytes()
    exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"
    (root / "photo4.jpg").write_bytes(turned[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + turned[2:])
    rewritten(root, cell(5, 0, "photo4.jpg"))
    index = run(root, "--csv", root / "points.csv")
    said = capsys.readouterr().out
    for words in ("photo1.png is the same picture as photo0.png", "photo2.png: a picture cut short", "cannot be decoded",
                  "photo4.jpg: stored turned"):
        assert words in said
    assert sum(index.splits.values()) == 6


def test_pts_files_that_cannot_be_used(root, capsys):
    for number in range(5):
        (root / f"photo{number}.pts").write_text(landmark_files.pts_text(FACE + number / 10))
    (root / "photo5.pts").write_text(landmark_files.pts_text(FACE[:4]))
    (root / "alone.pts").write_text(landmark_files.pts_text(FACE))
    (root / "photo6.pts").write_text("no points\n")
    index = run(root)
    said = capsys.readouterr().out
    assert sum(index.splits.values()) == 5 and index.layout.flip == FLIP
    for words in ("photo5.pts: 4 landmarks; expected 5", "alone.pts: no picture", "photo6.pts:1: ", "photo9.png: no .pts"):
        assert words in said


@pytest.mark.parametrize("change, words", [
    (lambda v: v["annotations"][0].update(image_id=99), "no image 99"),
    (lambda v: v["annotations"][0]["keypoints"].pop(), "14 numbers"),
    (lambda v: v["annotations"][0]["keypoints"].__setitem__(5, 0), "1 of 5 keypoints are not labelled, first right_eye"),
    (lambda v: v["annotations"][0]["keypoints"].__setitem__(5, 3), "visibility of 3"),
    (lambda v: v["annotations"][0]["keypoints"].__setitem__(0, "x"), "no numbers"),
    (lambda v: v["annotations"][0].update(bbox=[1, 2]), "no numbers"), (lambda v: v["images"].append(v["images"][0]), "the id 0"),
    (lambda v: v["images"][0].pop("file_name"), "below --root")])
def test_coco_annotations_that_are_none(root, change, words):
    values = coco([("photo0.png", FACE), ("photo1.png", FACE)])
    change(values)
    (root / "a.json").write_text(json.dumps(values))
    errors = [row for row in own_files.read_coco(root / "a.json").rows if isinstance(row, InputError)]
    assert len(errors) == 1 and words in str(errors[0]) and "annotation 0" in str(errors[0])


@pytest.mark.parametrize("text, words", [
    ("{", "no COCO"), ("[]", "no COCO"), ('{"images": [], "annotations": [], "categories": []}', "no category with keypoints"),
    (json.dumps({**coco([]), "categories": [{"id": i, "name": str(i), "keypoints": ["x"]} for i in (1, 2)]}), "--category"),
    (json.dumps({**coco([]), "categories": [{"id": 1, "keypoints": ["x"], "skeleton": [[1, 2]]}]}), "skeleton")])
def test_coco_files_that_are_none(tmp_path, text, words):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(InputError, match=words):
        own_files.read_coco(tmp_path / "a.json")


@pytest.mark.parametrize("heading, words", [
    ("name,x0,y0", "heading"), ("image,a,b", "no columns of landmarks"), ("image,x0,y0,x2,y2", "no column 1"),
    ("image,x0", "no column y0"), ("image,x_a,y_a,x_a,y_a", "two columns x_a"), ("", "heading")])
def test_csv_headings_that_are_none(tmp_path, heading, words):
    (tmp_path / "a.csv").write_text(heading + "\n")
    with pytest.raises(InputError, match=words):
        own_files.read_csv(tmp_path / "a.csv")


# --- where pixels count from

@pytest.mark.parametrize("base, edge, word", [
    (1, (0.0, 0.0), "--base 0"), (0, (60.0, 70.0), "--base 1"), (0, (59.0, 69.0), None), (1, (1.0, 1.0), None),
    (1, (0.0, 71.0), None)])
def test_numbers_at_the_edge_tell_the_other_base(root, capsys, base, edge, word):
    rewritten(root, lambda rows: [rows[0], *([row[0], *edge, *row[3:]] for row in rows[1:3]), *rows[3:]])
    index = run(root, "--csv", root / "points.csv", "--base", base)
    said = capsys.readouterr().out
    assert sum(index.splits.values()) == 10 and ("may count from" in said) == bool(word) and (word or "") in said
    assert faces_of(index)["photo0.png"][0][0].tolist() == [edge[0] - base, edge[1] - base]


# --- splits

def test_a_lot_keeps_a_pictures_faces_together_and_is_told(root, capsys):
    rewritten(root, lambda rows: [*rows, *([row[0], *(float(v) + 3 for v in row[1:])] for row in rows[1:])])
    found = [run(root, "--csv", root / "points.csv", "--test-share", 0.3, "--seed", seed) for seed in (0, 0, 1)]
    pictures = [{name for name in (face.image for face in read_split(index, "test"))} for index in found[1:]]
    assert "3 of 10 pictures are kept to test on, drawn by lot (--test-share 0.3 --seed 1)" in capsys.readouterr().out
    assert [index.splits for index in found] == [{"train": 14, "test": 6}] * 3 and len(pictures[0]) == 3
    index = run(root, "--csv", root / "points.csv")
    assert index.splits == {"train": 18, "test": 2}
    assert not {face.image for face in read_split(index, "train")} & {face.image for face in read_split(index, "test")}


def test_a_list_folders_and_files(root):
    (root / "test.txt").write_text("photo3.png\n\nphoto7\n")
    index = run(root, "--csv", root / "points.csv", "--test", root / "test.txt")
    assert sorted(face.image[-10:] for face in read_split(index, "test")) == ["photo3.png", "photo7.png"]
    for number in range(10):
        folder = "train" if number < 6 else "val"
        (root / folder).mkdir(exist_ok=True)
        (root / f"photo{number}.png").rename(root / folder / f"photo{number}.png")
    rewritten(root, lambda rows: [rows[0], *([f"{'train' if n < 6 else 'val'}/{row[0]}", *row[1:]]
                                             for n, row in enumerate(rows[1:]))])
    assert run(root, "--csv", root / "points.csv", "--folders").splits == {"train": 6, "val": 4}
    text = (root / "points.csv").read_text().splitlines()
    for name, rows in (("a.csv", text[1:4]), ("b.csv", text[4:])):
        (root / name).write_text("\n".join([text[0], *rows]) + "\n")
    assert run(root, "--csv", f"test={root}/a.csv", "--csv", f"train={root}/b.csv").splits == {"train": 7, "test": 3}


@pytest.mark.parametrize("options, words", [
    (["--test", "TEST", "--folders"], "two ways"), (["--test-share", "1"], "below 1"), (["--test", "gone.txt"], "cannot be read"),
    (["--test", "TEST"], "nobody.png, which is none"), (["--folders"], "no picture is in a split"),
    (["--csv", "a=x", "--csv", "y"], "SPLIT=FILE"), (["--coco", "x"], "both"), (["--layout", "67"], "19, 29"),
    (["--layout", "gone.json"], "gone.json: cannot be read"), (["--layout", "68"], "68 landmarks"),
    (["--normaliser", "ion"], '"ion"'), (["--normaliser", "nose,ear"], "no landmark"),
    (["--boxes", "provided"], "not one face.*no box")])
def test_options_that_do_not_go_together(root, options, words):
    (root / "test.txt").write_text("nobody.png\n")
    given = [str(root / "test.txt") if option == "TEST" else option for option in options]
    with pytest.raises(InputError, match=words) as error:
        run(root, *(["--csv", root / "points.csv"] if "--csv" not in given else []), *given)
    assert "\n" not in str(error.value) and not (root.parent / "out").exists()


def test_the_command_itself(root, tmp_path):
    def command(*arguments):
        return subprocess.run([sys.executable, "-m", "data_prep.own", *map(str, arguments)], cwd=ROOT, env=child_environment(),
                              capture_output=True, text=True, timeout=120)
    done = command("--root", root, "--csv", root / "points.csv", "--check-only")
    assert done.returncode == 0 and "0 left_eye - 1 right_eye" in done.stdout and not (tmp_path / "out").exists()
    done = command("--root", root, "--csv", root / "points.csv", "--out", tmp_path / "out", "--pack", 64)
    assert done.returncode == 0
    assert all((tmp_path / "out" / face.image).is_file() for face in read_split(tmp_path / "out", "train"))
    done = command("--root", root, "--csv", root / "gone.csv", "--out", tmp_path / "other")
    assert done.returncode == 2 and done.stdout == "" and len(done.stderr.splitlines()) == 1 and "gone.csv" in done.stderr
