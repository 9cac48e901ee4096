"""data_prep.aflw, against a release and a database written here as their authors lay them out: what was put in comes out."""

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy.io import savemat

from data_prep import aflw, aflw_sqlite, sandbox
from data_prep.aflw_release import read_fields, read_release
from data_prep.aflw_sqlite import disagreement, join, picture_key, read_database, read_tables
from data_prep.synthetic import sets
from gv.core.errors import InputError
from gv.core.evaluate import by_yaw
from gv.core.faces import read_index, read_split

REPOSITORY = Path(__file__).resolve().parents[1]
SCHEMA = """
CREATE TABLE Faces (face_id INTEGER PRIMARY KEY AUTOINCREMENT, file_id TEXT, db_id TEXT);
CREATE TABLE FacePose (face_id INTEGER, roll REAL, pitch REAL, yaw REAL, annot_type_id INTEGER);
CREATE TABLE FaceImages (image_id INTEGER PRIMARY KEY, db_id TEXT, file_id TEXT, filepath TEXT, bw INTEGER, width INTEGER,
                         height INTEGER);
CREATE TABLE Databases (db_id TEXT, path TEXT, description TEXT);
CREATE TABLE FaceRect (face_id INTEGER, x INTEGER, y INTEGER, w INTEGER, h INTEGER, annot_type_id INTEGER);
CREATE TABLE FeatureCoords (face_id INTEGER, feature_id INTEGER, x REAL, y REAL, annot_type_id INTEGER);
CREATE TABLE NearDuplicates (face_id INTEGER);
"""
READERS = {"data_prep.aflw_release:read_fields": read_fields, "data_prep.aflw_sqlite:read_tables": read_tables}
FEATURES = [i for i in range(1, 22) if i not in (13, 17)]  # of the release's 19 landmarks: the ears are 13 and 17
YAWS = [5, -29.9, 30, -59, 60, 89.9, -90, 119, 0, 12, -7, 75]  # degrees, a face


def shape(seed):
    """19 landmarks within (0, 100) and a square box around them, moved by whole pixels."""
    rng = np.random.default_rng(seed)
    points = rng.uniform(5, 95, (19, 2)).round(4) + rng.integers(0, 50, 2)
    corner = np.floor(points.min(0)) - 3
    return points, np.array([*corner, *(corner + 100)])


def put_release(path, names, points, boxes, visible, order, do_compression=True, **changes):
    """The release's fields, its arrays as MATLAB holds them. changes: {field: what stands there instead, None for nothing}."""
    cells = np.empty((len(names), 1), object)
    cells[:, 0] = names
    fields = {"nameList": cells, "bbox": boxes[:, [0, 2, 1, 3]], "data": np.hstack([points[..., 0], points[..., 1]]),
              "mask_new": visible, "ra": (order + 1)[None], **changes}
    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, {name: value for name, value in fields.items() if value is not None}, do_compression=do_compression)


def put_database(path, faces):
    """faces: dicts of picture, pose (degrees, or None), rect (x, y, w, h), features {id: (x, y)}; face_id from 39341 on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    database = sqlite3.connect(path)
    database.executescript(SCHEMA)
    pictures = sorted({face["picture"] for face in faces})
    for number, picture in enumerate(pictures):
        database.execute("INSERT INTO FaceImages VALUES (?, 'flickr', ?, ?, 0, 100, 100)", (number, f"f{number}", picture))
    for number, face in enumerate(faces, 39341):
        database.execute("INSERT INTO Faces VALUES (?, ?, 'flickr')", (number, f"f{pictures.index(face['picture'])}"))
        if face["pose"] is not None:
            database.execute("INSERT INTO FacePose VALUES (?, 1, 1, 1, 2)", (number,))
            database.execute("INSERT INTO FacePose VALUES (?, ?, ?, ?, 0)", (number, *3 * [-2 * np.pi]))
            database.execute("INSERT INTO FacePose VALUES (?, ?, ?, ?, 1)", (number, *np.radians(face["pose"]).tolist()))
        if face["rect"] is not None:
            database.execute("INSERT INTO FaceRect VALUES (?, 1, 1, 2, 2, 2)", (number,))
            database.execute("INSERT INTO FaceRect VALUES (?, ?, ?, ?, ?, 1)", (number, *map(int, face["rect"])))
        for feature, (x, y) in face["features"].items():
            database.execute("INSERT INTO FeatureCoords VALUES (?, ?, ?, ?, 0)", (number, feature, float(x), float(y)))
    database.commit()
    database.close()


class Tree:
    """Twelve faces in nine pictures below ``root``, four to train; the database has them in another order, and more."""

    def __init__(self, root):
        self.root = root
        self.names = ["0/image00002.jpg", "0/image00002.jpg", "0/image00002.jpg", "2/image 7.png", "2/image8.jpg",
                      "3/image9.jpg", "3/image9.jpg", *(f"3/image{i}.jpg" for i in range(10, 15))]
        shapes = [shape(i) for i in range(12)]
        self.points = np.stack([points for points, _ in shapes])
        self.boxes = np.stack([box for _, box in shapes])
        self.visible = np.ones((12, 19))
        self.visible[6, :3] = self.visible[9, 18] = 0
        self.order = np.array([3, 0, 11, 5, 6, 1, 2, 4, 7, 8, 9, 10])
        for name in set(self.names):
            path = root / "data/flickr" / name.replace("image8.jpg", "image8.PNG")
            path.parent.mkdir(parents=True, exist_ok=True)
            picture = np.full((60, 50, 3), 7, np.uint8)
            path.write_bytes(cv2.imencode(path.suffix.lower(), picture)[1].tobytes())
        self.faces = [self.face(i) for i in reversed(range(12))]
        stranger = shape(99)[0]
        self.faces.insert(0, {"picture": self.names[0], "pose": (1, 2, 3), "rect": (0, 0, 9, 9),
                              "features": dict(zip(FEATURES, stranger))})
        self.write()

    def face(self, i):
        x0, y0, x1, y1 = self.boxes[i]
        seen = {number: point for number, point, flag in zip(FEATURES, self.points[i], self.visible[i]) if flag}
        features = {**dict.fromkeys(FEATURES, (-1, -1)), **seen, 13: (-500, 0), 17: (900, 0)}
        return {"picture": self.names[i], "pose": (i, -2.5, YAWS[i]), "rect": (x0, y0, x1 - x0, y1 - y0), "features": features}

    def write(self, **changes):
        put_release(self.root / "AFLWinfo_release.mat", self.names, self.points, self.boxes, self.visible, self.order, **changes)
        put_database(self.root / "data/aflw.sqlite", self.faces)

    def database_face(self, row):
        return self.faces[12 - row]


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """The readers run in this process, so that no test waits for a child to start; those of the command have their children."""
    monkeypatch.setattr(sandbox, "read", lambda function, path, limits=None: READERS[function](str(path)))
    monkeypatch.setattr(aflw, "FACES", 12)
    monkeypatch.setattr(aflw, "TRAIN", 4)
    return Tree(tmp_path / "aflw")


def command(*arguments, code=0):
    """The command as a user runs it; returns (stdout, stderr)."""
    done = subprocess.run([sys.executable, "-m", "data_prep.aflw", *map(str, arguments)], cwd=REPOSITORY, text=True,
                          capture_output=True, timeout=200)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout, done.stderr


def notes(report):
    return "\n".join(report.notes)


def rows(faces):
    return [face.attributes["row"] - 1 for face in faces]


def test_a_tree_is_read_to_the_numbers_put_in(tree, tmp_path, capsys):
    out = tmp_path / "index"
    aflw.main(["--root", str(tree.root), "--out", str(out)])
    assert "pose: 12 of 12 faces" in capsys.readouterr().out
    index = read_index(out)
    assert (index.layout, index.source, index.normaliser, index.box_source) == (19, "AFLW", "box", "provided")
    assert index.extra["frontal"] == "visible" and index.extra["base"] == 0
    assert index.official == {"train": 4, "test": 8, "frontal": 1314, "release": 12}
    assert rows(read_split(index, "train")) == [3, 0, 11, 5]
    assert rows(read_split(index, "test")) == [6, 1, 2, 4, 7, 8, 9, 10]
    for split in ("train", "test"):
        for face in read_split(index, split):
            row = face.attributes["row"] - 1
            assert np.array_equal(face.points, tree.points[row]) and np.array_equal(face.visible, tree.visible[row])
            assert face.box == tuple(tree.boxes[row])
            pose = [face.attributes[name] for name in ("roll", "pitch", "yaw")]
            assert pose == pytest.approx([row, -2.5, YAWS[row]], abs=1e-9)
            assert face.attributes["face_id"] == 39341 + 12 - row
            assert cv2.imread(str(out / face.image)).shape == (60, 50, 3)
            assert Path(face.image).stem == Path(tree.names[row]).stem


def test_frontal_faces_have_every_landmark_visible(tree):
    splits, report = aflw.read_tree(tree.root)
    assert rows(splits["frontal"]) == [1, 2, 4, 7, 8, 10]
    assert report.splits["frontal"] == (6, 1314)
    assert "6 test faces with all landmarks visible, 6 of them" in notes(report)
    tree.boxes[7, 0] = tree.points[7, :, 0].min()
    tree.write()
    splits, report = aflw.read_tree(tree.root, frontal="inside")
    assert rows(splits["frontal"]) == [1, 2, 4, 8, 10]
    assert "6 test faces with all landmarks visible, 5 of them" in notes(report)


@pytest.mark.parametrize("published, provenance", [((6, 9), "official"), ((9, 6), "official"), ((7, 9), "official, partial")])
def test_either_published_number_of_frontal_faces_is_official(tree, monkeypatch, published, provenance):
    monkeypatch.setattr(aflw, "FRONTAL", published)
    report = aflw.read_tree(tree.root)[1]
    assert report.provenance == provenance and report.official["train"] + report.official["test"] == 12


def test_yaw_bins_partition_the_test_faces(tree):
    splits, report = aflw.read_tree(tree.root)
    assert {name: rows(splits[name]) for name in aflw.YAW_BINS} == {
        "light": [1, 8, 9, 10], "medium": [2], "large": [4], "heavy": [6, 7]}
    assert "light 4, medium 1, large 1, heavy 2" in notes(report)
    assert aflw.YAW_BINS == sets.YAW_BINS
    curve = by_yaw(np.arange(8.0), splits["test"])
    assert {name: one["faces"] for name, one in curve.items()} == {name: len(splits[name]) for name in aflw.YAW_BINS}


def test_faces_without_pose_keep_none_and_are_named(tree):
    tree.database_face(4)["pose"] = None
    tree.database_face(7)["pose"] = (200, 0, 0)
    tree.database_face(8)["picture"] = "0/elsewhere.jpg"
    tree.database_face(10)["features"] = {number: point + 40 for number, point in zip(FEATURES, tree.points[10])}
    tree.write()
    splits, report = aflw.read_tree(tree.root)
    faces = {face.attributes["row"] - 1: face for face in splits["test"]}
    assert [row for row in faces if "yaw" not in faces[row].attributes] == [4, 7, 8, 10]
    assert rows(splits["light"]) == [1, 9] and "large" not in splits
    assert "pose: 8 of 12 faces; 2 agree with no face of aflw.sqlite, 2 have no pose there" in notes(report)
    named = "2/image8.jpg (row 5), 3/image10.jpg (row 8), 3/image11.jpg (row 9), 3/image13.jpg (row 11)"
    assert f"without pose: {named}" in report.notes
    assert report.left_out == []


def test_faces_with_few_features_are_found_by_their_box(tree):
    for row in (0, 1, 2):  # in one picture
        tree.boxes[row] = [300 * row, 0, 300 * row + 100, 100]
        tree.database_face(row).update(features={1: (0, 0), 2: (0, 0)}, rect=(300 * row + 10, 10, 100, 100))
    tree.database_face(2)["rect"] = (600 + 40, 40, 100, 100)  # a third of the union: another face
    tree.write()
    splits = aflw.read_tree(tree.root)[0]
    found = {face.attributes["row"] - 1: face.attributes.get("yaw") for split in ("train", "test") for face in splits[split]}
    assert found[0] == pytest.approx(YAWS[0]) and found[1] == pytest.approx(YAWS[1]) and found[2] is None


def test_near_faces_go_to_the_one_that_agrees_best():
    """Two copies of a face, a pixel apart, in one picture: the crossed assignment would be within the limit too."""
    points, box = shape(0)
    both, boxes = np.stack([points, points + 1.0]), np.stack([box, box + 1.0])

    class Database:
        pictures, features, rects = ["0/A.png", "0\\a"], both[::-1], boxes[::-1]

    assert disagreement(both[0], boxes[0], both[1], boxes[1]) < 1
    assert join(["0/a.jpg", "0/a.jpg"], both, boxes, Database).tolist() == [1, 0]
    assert join(["0/a.jpg", "0/b.jpg"], both, boxes, Database).tolist() == [1, -1]


def test_boxes_of_the_three_sources(tree):
    for row in range(12):
        tree.database_face(row)["rect"] = (row, 2, 50, 60)
    tree.database_face(9)["rect"] = None
    tree.write()
    splits, report = aflw.read_tree(tree.root, boxes="rect")
    assert [face.box for face in splits["train"]] == [(row, 2, row + 50, 62) for row in (3, 0, 11, 5)]
    assert report.left_out[0][0] == "AFLWinfo_release.mat, row 10" and "a box without area" in report.left_out[0][1]
    face = aflw.read_tree(tree.root, boxes="landmarks")[0]["train"][0]
    assert face.box == (*tree.points[3].min(0), *tree.points[3].max(0))
    assert "100.0 % square" in notes(aflw.read_tree(tree.root)[1])


def test_base_and_the_distance_from_the_database(tree):
    assert "median 0.00, 0.00 px" in notes(aflw.read_tree(tree.root)[1])
    for row in range(12):
        tree.database_face(row)["features"] = {number: point - (1, 2) for number, point in zip(FEATURES, tree.points[row])}
    tree.write()
    for base in (0.5, 1):
        splits, report = aflw.read_tree(tree.root, base=base)
        assert np.array_equal(splits["train"][0].points, tree.points[3] - base)
        assert splits["train"][0].box == tuple(tree.boxes[3] - base)
        assert aflw.read_tree(tree.root, boxes="rect", base=base)[0]["train"][0].box == tuple(tree.boxes[3] - base)
        assert "median 1.00, 2.00 px" in notes(report)


def test_without_database_there_is_no_pose(tree):
    (tree.root / "data/aflw.sqlite").unlink()
    splits, report = aflw.read_tree(tree.root)
    assert set(splits) == {"train", "test", "frontal"} and "no aflw.sqlite" in notes(report)
    with pytest.raises(InputError, match="no aflw.sqlite.*--boxes provided"):
        aflw.read_tree(tree.root, boxes="rect")


def test_what_cannot_be_used_is_named_with_the_reason(tree):
    flickr = tree.root / "data/flickr"
    tree.points[0, 3, 1] = np.nan
    tree.boxes[1] = [5, 5, 5, 9]
    tree.visible[2, 0] = 2
    tree.names[4] = "2/../../secret.jpg"
    (flickr / "3/image10.jpg").write_bytes((flickr / "3/image10.jpg").read_bytes()[:-10])
    (flickr / "3/image9.jpg").unlink()
    tree.names[11] = "4/image14.jpg"
    tree.write()
    splits, report = aflw.read_tree(tree.root)
    assert rows(splits["train"]) == [3] and rows(splits["test"]) == [8, 9, 10] and report.parts["release"] == (4, 12)
    reasons = dict(report.left_out)
    for name, words in {
        "AFLWinfo_release.mat, row 1": "finite", "AFLWinfo_release.mat, row 2": "a box without area",
        "AFLWinfo_release.mat, row 3": "mask_new", "AFLWinfo_release.mat, row 5": "below",
        "data/flickr/3/image10.jpg": "cut short", "data/flickr/3/image9.jpg": "2 faces", "data/flickr/4": "no such folder",
    }.items():
        assert words in reasons.pop(name)
    assert reasons == {}


@pytest.mark.parametrize("folder", ["flickr", "aflw/data/flickr", "images", "images/flickr"])
def test_pictures_where_loaders_place_them(tree, folder):
    (tree.root / folder).parent.mkdir(parents=True, exist_ok=True)
    (tree.root / "data/flickr").rename(tree.root / folder)
    assert len(aflw.read_tree(tree.root)[0]["test"]) == 8


@pytest.mark.parametrize("changes, words", [
    ({"mask_new": None}, "no mask_new"),
    ({"nameList": None, "ra": None}, "no nameList, ra"),
    ({"data": np.zeros((12, 37))}, r"data of .*float64 \(12, 37\).*12 x 38"),
    ({"data": np.zeros((19, 24))}, "data of"),
    ({"bbox": np.zeros((12, 4), complex)}, "bbox of"),
    ({"ra": np.arange(12)[None]}, "ra; expected each of 1 to 12 once"),
    ({"ra": np.full((1, 12), np.nan)}, "ra; expected each"),
    ({"nameList": np.arange(12.0)}, "nameList of"),
    ({"nameList": np.array([["a"], [3.0]] * 6, object)}, "nameList, row 2"),
])
def test_a_release_that_is_not_one_is_refused(tree, changes, words):
    tree.write(**changes)
    with pytest.raises(InputError, match=words) as caught:
        aflw.read_tree(tree.root)
    assert "AFLWinfo_release.mat" in str(caught.value)


def test_other_files_by_the_releases_name_are_refused(tree):
    path = tree.root / "AFLWinfo_release.mat"
    whole = path.read_bytes()
    v73 = b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM" + b"\x89HDF\r\n\x1a\n" + bytes(500)
    cut = whole[:len(whole) // 2]
    for data, words in ((b"", "cannot"), (b"<html>404</html>", "cannot"), (cut, "cannot be read"), (v73, "MATLAB 7.3")):
        path.write_bytes(data)
        with pytest.raises(InputError, match=words):
            read_release(path)


def test_a_release_of_another_size_is_refused(tree, monkeypatch):
    monkeypatch.setattr(aflw, "FACES", 24386)
    with pytest.raises(InputError, match="12 faces; expected the release's 24386"):
        aflw.read_tree(tree.root)


def test_the_database_is_read_to_the_numbers_put_in(tree):
    database = read_database(tree.root / "data/aflw.sqlite")
    assert database.ids.tolist() == list(range(39341, 39354)) and database.pictures[1:] == tree.names[::-1]
    expected = np.where(tree.visible[::-1, :, None] == 1, tree.points[::-1], np.nan)
    assert np.array_equal(database.features[1:], expected, equal_nan=True)
    assert np.array_equal(database.rects[1:], tree.boxes[::-1])
    assert np.allclose(np.degrees(database.pose[1:, 2]), YAWS[::-1])


@pytest.mark.parametrize("script, words", [
    ("DROP TABLE FacePose", "no table FacePose"),
    ("DROP TABLE FaceRect; CREATE VIEW FaceRect AS SELECT 1 AS face_id, 2 AS x, 3 AS y, 4 AS w, 5 AS h, 0 AS annot_type_id",
     "no table FaceRect"),
    ("DROP TABLE FaceRect; CREATE VIRTUAL TABLE FaceRect USING rtree(face_id, x, w)", "no table FaceRect"),
    ("ALTER TABLE FacePose RENAME COLUMN yaw TO jaw", "no such column: yaw"),
    ("UPDATE FacePose SET yaw = 'left' WHERE annot_type_id = 1 AND face_id = 39345", "FacePose holds 'left'"),
    ("UPDATE FeatureCoords SET x = x'00ff'", "FeatureCoords holds b"),
    ("UPDATE FeatureCoords SET feature_id = 'nose'", "FeatureCoords holds 'nose'"),
    ("CREATE TABLE t AS SELECT * FROM Faces; DROP TABLE Faces; CREATE TABLE Faces (face_id, file_id); "
     "INSERT INTO Faces SELECT 'f' || face_id, file_id FROM t", "Faces holds 'f39341'"),
])
def test_a_database_that_is_not_one_is_refused(tree, script, words):
    database = sqlite3.connect(tree.root / "data/aflw.sqlite")
    database.executescript(script)
    database.commit()
    database.close()
    with pytest.raises(InputError, match=words) as caught:
        aflw.read_tree(tree.root)
    assert "aflw.sqlite" in str(caught.value) and "fetch it again" in str(caught.value)


def test_damaged_databases_are_refused(tree):
    path = tree.root / "data/aflw.sqlite"
    whole = path.read_bytes()
    for data in (whole[:3000], whole[:-4096], b"SQLite format 3\x00" + bytes(5000), b"no database", b""):
        path.write_bytes(data)
        with pytest.raises(InputError, match="fetch it again"):
            read_database(path)


def test_a_database_that_takes_too_long_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(aflw_sqlite, "LIMITS", sandbox.Limits(seconds=0))
    path = Tree(tmp_path).root / "data/aflw.sqlite"
    with pytest.raises(InputError, match="not done after 0 s") as caught:
        read_database(path)
    assert str(caught.value).startswith(str(path)) and len(str(caught.value).splitlines()) == 1


def test_a_database_is_not_written_to(tree):
    path = tree.root / "data/aflw.sqlite"
    database = sqlite3.connect(path)
    database.execute("PRAGMA journal_mode = WAL")
    database.close()
    before, files = path.read_bytes(), sorted(path.parent.iterdir())
    assert len(read_database(path).ids) == 13
    assert path.read_bytes() == before and sorted(path.parent.iterdir()) == files


def test_names_are_compared_without_suffix_or_case():
    assert picture_key("0/image00002.JPG") == picture_key("0\\Image00002.png") == "0/image00002"
    assert picture_key("a.b/c") == "a.b/c" and picture_key("..") == "." and picture_key("") == ""


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A release of the official size; pictures for six of its faces only. Returns (root, the rows with pictures)."""
    root, rng = tmp_path_factory.mktemp("whole") / "aflw", np.random.default_rng(0)
    names = [f"{'023'[i % 3]}/image{i:05d}.jpg" for i in range(24386)]
    points = rng.uniform(0, 90, (24386, 19, 2))
    boxes = np.tile([0.0, 0.0, 90.0, 90.0], (24386, 1))
    order = rng.permutation(24386)
    put_release(root / "AFLWinfo_release.mat", names, points, boxes, np.ones((24386, 19), np.uint8), order)
    some = [int(row) for row in (*order[:3], *order[20000:20003])]
    put_database(root / "data/aflw.sqlite", [{"picture": names[row], "pose": (0, 0, 33), "rect": None,
                                              "features": dict(zip(FEATURES, points[row]))} for row in some])
    data = cv2.imencode(".jpg", np.zeros((9, 9, 3), np.uint8))[1].tobytes()
    for row in some:
        path = root / "data/flickr" / names[row]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return root, some


def test_command_writes_the_index_of_what_is_there(whole, tmp_path):
    root, some = whole
    out, _ = command("--root", root, "--out", tmp_path / "index")
    index = read_index(tmp_path / "index")
    assert index.splits == {"train": 3, "test": 3, "frontal": 3, "medium": 3}
    assert rows(read_split(index, "train")) == some[:3] and rows(read_split(index, "test")) == some[3:]
    assert index.official == {"train": 20000, "test": 4386, "frontal": 1314, "release": 24386}
    assert "pose: 6 of 24386" in out and "and 24360 more" in out and "medium 3" in out and "asked for from AFLW's authors" in out


def test_command_json_and_check_only(whole, tmp_path):
    root, _ = whole
    out, _ = command("--root", root, "--check-only", "--json", "--out", tmp_path / "index")
    report = json.loads(out)
    assert report["splits"]["train"] == {"found": 3, "official": 20000} and len(report["left_out"]) == 24380
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("arguments, words", [
    (["--root", "{tmp}/none", "--check-only"], ["--root", "none"]),
    (["--root", "{tmp}", "--check-only"], ["no AFLWinfo_release.mat", "mmlab.ie.cuhk.edu.hk"]),
    (["--root", "{tmp}/small", "--check-only"], ["12 faces", "24386"]),
    (["--root", "{tmp}/small"], ["--out", "--check-only"]),
    (["--root", "{tmp}/small", "--check-only", "--boxes", "detector"], ["rect"]),
])
def test_command_bad_input_is_code_2(tmp_path, arguments, words):
    Tree(tmp_path / "small").root.rename(tmp_path / "away")
    (tmp_path / "small").mkdir()
    (tmp_path / "away/AFLWinfo_release.mat").rename(tmp_path / "small/AFLWinfo_release.mat")
    if arguments[1] == "{tmp}":
        (tmp_path / "small/AFLWinfo_release.mat").unlink()
    out, errors = command(*[argument.format(tmp=tmp_path) for argument in arguments], code=2)
    assert out == "" and all(word in errors for word in words), errors


def test_no_picture_at_all_is_an_error(tree):
    for path in (tree.root / "data/flickr").glob("*/*"):
        path.unlink()
    with pytest.raises(InputError, match="not one face of AFLW"):
        aflw.read_tree(tree.root)
    (tree.root / "data/flickr").rename(tree.root / "pictures")
    with pytest.raises(InputError, match="no pictures; expected the folders 0, 2, 3"):
        aflw.read_tree(tree.root)
