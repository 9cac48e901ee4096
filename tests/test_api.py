"""``gv.load`` and ``anchorface.load``: five lines of Python from a run to landmarks."""

import json
import subprocess
import sys

import cv2
import mxnet as mx
import numpy as np
import pytest
from helpers import ROOT, make_index, tiny_run, train_tiny

import anchorface
import gv
from anchorface import cli as anchorface_cli
from anchorface.methods import METHODS as ANCHORFACE
from gv import cli
from gv.core.errors import InputError
from gv.core.faces import read_split
from gv.core.pictures import read_picture
from gv.core.run import plan


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    return make_index(tmp_path_factory.mktemp("index"), 12, 3)


@pytest.fixture(scope="module")
def runs(index, tmp_path_factory):
    """{method: folder of a small run}."""
    folders = {method: tmp_path_factory.mktemp("runs") / method for method in ("gv", "heatmap", "anchorface", "regression")}
    for method in ("gv", "heatmap"):
        train_tiny(folders[method], index, method=method)
    for method in ("anchorface", "regression"):
        assert anchorface_cli.main(["train", "--data", str(index.folder), "--method", method, "--preset", "smoke", "--threads",
                                    "1", "--out", str(folders[method])]) == 0
    return folders


def load(runs, method):
    return (gv if method in ("gv", "heatmap") else anchorface).load(runs[method])


@pytest.mark.parametrize("package", ["gv", "anchorface"])
def test_importing_a_package_loads_nothing_heavy(package):
    code = (f"import sys, {package}; "
            f"print(*sorted({{'mxnet', 'cv2', 'gluoncv', 'numpy'}} & set(sys.modules)), callable({package}.load))")
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "True", done.stderr


@pytest.mark.parametrize("method", ["gv", "heatmap", "anchorface", "regression"])
def test_a_path_and_an_array_and_the_command_say_the_same(runs, index, method, capfd):
    face = read_split(index, "common")[0]
    path, box = index.folder / face.image, [10.0, 12.0, 80.0, 84.0]
    detector = load(runs, method)
    by_path, = detector(str(path), boxes=[box])
    by_array, = detector(read_picture(path), boxes=np.array([box]))
    capfd.readouterr()
    command = cli.main if method in ("gv", "heatmap") else anchorface_cli.main
    assert command(["predict", "--run", str(runs[method]), str(path), "--box", ",".join(map(str, box)), "--json",
                    "--threads", "1"]) == 0
    said, = json.loads(capfd.readouterr().out)["images"][0]["faces"]
    assert by_path.points.shape == (68, 2) and by_path.scores.shape == (68,) and by_path.box == tuple(box)
    assert np.array_equal(by_path.points, by_array.points) and np.array_equal(by_path.points, said["points"])
    if method == "regression":
        assert np.isnan(by_path.scores).all() and said["scores"] == [None] * 68
    else:
        assert (by_path.scores >= 0).all() and (by_path.scores <= 1).all()
        assert said["scores"] == np.round(by_path.scores, 4).tolist()


def test_scores_of_vectors_are_the_lower_peak_over_one_plus_theta():
    method = tiny_run(theta=3.0).method
    x, y = np.zeros((1, 3, 8)), np.zeros((1, 3, 8))
    x[0, :, 2], y[0, :, 5] = (4.0, 4.0, 9.0), (4.0, 1.0, -2.0)
    y[0, 2] = -2
    assert method.scorer({})(mx.nd.array(x), mx.nd.array(y)).asnumpy().tolist() == [[1.0, 0.25, 0.0]]
    heatmap = tiny_run("heatmap").method
    maps = np.zeros((1, 2, 8, 8))
    maps[0, 0, 3, 4] = 0.6
    assert heatmap.scorer({})(mx.nd.array(maps)).asnumpy() == pytest.approx(np.array([[0.6, 0.0]]))


def test_scores_of_anchors_grow_with_confidence_and_agreement():
    """Two templates on one anchor point, both confident: they agree on landmark 0 and are far apart on landmark 1."""
    method = plan(ANCHORFACE, "anchorface", "smoke", {"grid": "1", "clusters": "2", "rolls": "1"}, 2).method
    fitted = {"templates": np.array([[[0.0, 0.0], [0.2, 0.0]], [[0.0, 0.0], [-0.2, 0.0]]])}
    net = method.net(2, fitted)
    net.initialize()
    net.regress.weight.set_data(mx.nd.zeros(net.regress.weight.shape))
    scores = []
    for logit in (4.0, 1.0):
        net.confide.weight.set_data(mx.nd.zeros(net.confide.weight.shape))
        net.confide.bias.set_data(mx.nd.full(2, logit))
        for first in method.prediction(net, method.Decoding(), fitted, [mx.cpu()])[:2]:
            tail = method.prediction(net, method.Decoding(), fitted, [mx.cpu()])[2]
            scores.append(tail(*first(mx.nd.ones((1, 3, method.size, method.size))))[1].asnumpy()[0])
    sure, also, unsure, _ = scores
    assert also == pytest.approx(sure, rel=1e-5)
    confidence = 1 / (1 + np.exp(-4.0))
    assert sure[0] == pytest.approx(confidence, abs=1e-6)
    assert sure[1] == pytest.approx(confidence * (1 - np.tanh(0.2 / method.options.beta)), rel=1e-3)
    assert (unsure < sure).all()


def test_without_boxes_faces_are_looked_for(runs, index, monkeypatch):
    from gv.core import detector as faces
    from gv.core.run import load_run
    monkeypatch.setattr(faces.FaceDetector, "__call__", lambda self, image: np.array([[20.0, 20, 75, 75], [5, 5, 40, 40]]))
    found = load(runs, "gv")
    assert load_run(found.run.method and {"gv": type(found.run.method)}, runs["gv"])[0].crop.detector is None
    with pytest.raises(InputError, match="detector_faces"):
        found(index.folder / read_split(index, "common")[0].image)
    found.run = found.run.with_detector((0.0, 0.0, 1.0))
    boxes = [face.box for face in found(index.folder / read_split(index, "common")[0].image)]
    assert boxes == [(20.0, 20.0, 75.0, 75.0), (5.0, 5.0, 40.0, 40.0)]


def test_many_faces_of_one_picture_are_found_in_batches(runs, index, monkeypatch):
    from gv.core import finding
    detector, picture = load(runs, "gv"), read_picture(index.folder / read_split(index, "common")[0].image)
    boxes = [(10.0 + i, 12.0, 80.0 + i, 84.0) for i in range(7)]
    together = detector(picture, boxes)
    monkeypatch.setattr(finding, "MOST_AT_ONCE", 3)
    apart = detector(picture, boxes)
    assert [face.box for face in apart] == boxes
    for one, other in zip(together, apart):
        np.testing.assert_allclose(one.points, other.points, atol=1e-3)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_is_read_as_viewers_show_it(runs, tmp_path, orientation):
    """A JPEG whose pixels are stored turned, with the EXIF orientation that turns them back: the same landmarks."""
    rng = np.random.default_rng(0)
    upright = cv2.GaussianBlur(rng.integers(0, 255, (64, 96, 3), np.uint8), (0, 0), 4)
    stored = {1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1], 5: upright.transpose(1, 0, 2),
              6: np.rot90(upright), 7: np.rot90(upright, 2).transpose(1, 0, 2), 8: np.rot90(upright, -1)}[orientation]
    data = cv2.imencode(".jpg", np.ascontiguousarray(stored), [cv2.IMWRITE_JPEG_QUALITY, 100])[1].tobytes()
    tag = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0" + bytes([orientation, 0, 0, 0]) + bytes(4)
    (tmp_path / "photo.jpg").write_bytes(data[:2] + b"\xff\xe1" + (len(tag) + 2).to_bytes(2, "big") + tag + data[2:])
    detector = load(runs, "gv")
    photo, = detector(tmp_path / "photo.jpg", [(10, 5, 60, 55)])
    shown, kept = read_picture(tmp_path / "photo.jpg", upright=True), read_picture(tmp_path / "photo.jpg")
    assert np.abs(shown.astype(int) - upright[:, :, ::-1]).mean() < 2 and kept.shape == stored.shape     # JPEG is not exact
    assert np.abs(kept.astype(int) - stored[:, :, ::-1]).mean() < 2
    assert np.array_equal(photo.points, detector(shown, [(10, 5, 60, 55)])[0].points)


@pytest.mark.parametrize("picture, boxes, words", [
    ("nowhere.jpg", None, "no such picture"), (np.zeros((5, 5), np.uint8), [(0, 0, 4, 4)], r"array \(H, W, 3\)"),
    (np.zeros((5, 5, 3)), [(0, 0, 4, 4)], "float64"), (np.zeros((5, 5, 3), np.uint8), [(0, 0, 4)], "3 numbers"),
    (np.zeros((5, 5, 3), np.uint8), ["a"], "numbers"), (np.zeros((5, 5, 3), np.uint8), [(9, 9, 20, 20)], "outside the picture"),
    (3, None, "int"),
])
def test_what_is_no_picture_and_no_box_is_one_line(runs, picture, boxes, words):
    with pytest.raises(InputError, match=words):
        load(runs, "gv")(picture, boxes)


def test_a_run_of_the_other_package_says_who_reads_it(runs):
    with pytest.raises(InputError, match='a run of method "anchorface".*gv or anchorface'):
        gv.load(runs["anchorface"])
    with pytest.raises(InputError, match="no such run"):
        anchorface.load("nowhere")
    with pytest.raises(InputError, match="colour"):
        gv.load(runs["gv"], colour="red")
