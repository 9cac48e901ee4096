"""The commands from end to end, and what each says to bad input: one line, exit code 2, nothing half-written."""

import csv
import dataclasses
import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from helpers import ROOT, child_environment, make_index

from gv import cli
from gv.core import checkpoint, detector, evaluate, train
from gv.core import cli as core_cli
from gv.core.errors import InputError
from gv.core.faces import read_index, read_split, write_index
from gv.core.geometry import square_box
from gv.core.pictures import read_picture

METHODS = ("gv", "heatmap", "heatmap-awing")


def command(*arguments, code=0):
    """A real process. Returns (stdout, stderr)."""
    done = subprocess.run([sys.executable, "-m", "gv.cli", *map(str, arguments)], env=child_environment(), cwd=ROOT,
                          capture_output=True, timeout=280)
    stdout, stderr = done.stdout.decode(), done.stderr.decode()
    assert done.returncode == code, stderr
    assert "Traceback" not in stderr
    return stdout, stderr


def call(capfd, *arguments, code=0):
    """The same in this process. Returns (stdout, stderr)."""
    capfd.readouterr()
    try:
        found = cli.main([str(argument) for argument in arguments])
    except SystemExit as leave:
        found = leave.code
    stdout, stderr = capfd.readouterr()
    assert found == code, stderr
    return stdout, stderr


def complains(capfd, *arguments, words=()):
    """Asserts that a command refuses: code 2, nothing on stdout, one line on stderr with these words in it."""
    stdout, stderr = call(capfd, *arguments, code=2)
    assert stdout == "" and "Traceback" not in stderr
    assert len(stderr.splitlines()) == 1 and stderr.startswith("gv"), stderr
    for word in words if isinstance(words, (list, tuple)) else [words]:
        assert str(word) in stderr, stderr
    return stderr


def contents(folder):
    """{relative name: bytes} of everything in a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return make_index(tmp_path_factory.mktemp("index"), train=24, common=8).folder


@pytest.fixture(scope="module")
def runs(tmp_path_factory, data):
    """{method: folder} of smoke runs; gv's by a real process, whose output is kept beside it."""
    folder = tmp_path_factory.mktemp("runs")
    for method in METHODS:
        arguments = ["train", "--data", data, "--method", method, "--preset", "smoke", "--seed", 3, "--out", folder / method]
        if method == "gv":
            stdout, stderr = command(*arguments, "--json")
            (folder / "stdout").write_text(stdout)
            (folder / "stderr").write_text(stderr)
        else:
            assert cli.main([str(argument) for argument in arguments]) == 0
    return {method: folder / method for method in METHODS}


@pytest.fixture
def run(tmp_path, runs):
    """A copy of gv's run, to break."""
    return shutil.copytree(runs["gv"], tmp_path / "run", ignore=shutil.ignore_patterns("metrics.json", "errors_*"))


@pytest.fixture
def broken(tmp_path, data):
    """A copy of the index, to break."""
    return shutil.copytree(data, tmp_path / "index")


# --- train

def test_train_as_a_process(runs):
    folder = runs["gv"].parent
    report = json.loads((folder / "stdout").read_text())
    assert report["run"] == str(folder / "gv") and report["method"] == "gv" and report["steps"] == 2
    assert report["start"] == "from scratch" and report["provenance"] == "drawn: embedded"
    assert np.isfinite(report["loss"]) and report["seconds"] > 0
    assert "2/2" in (folder / "stderr").read_text() and "Warning" not in (folder / "stderr").read_text()


@pytest.mark.parametrize("epochs, width, said", [(16, 16, 0), (17, 16, 1), (17, 48, 0)])
def test_a_narrow_head_is_said_before_a_run_that_is_more_than_a_trial(capfd, tmp_path, data, monkeypatch, epochs, width, said):
    def begun(*arguments, **options):
        raise InputError("begun", "so far", "no further")
    monkeypatch.setattr(train, "train", begun)
    stdout, stderr = call(capfd, "train", "--data", data, "--preset", "smoke", "--out", tmp_path / "run", "--set", "faces=24",
                          "--set", f"epochs={epochs}", "--set", f"width={width}", code=2)
    assert stdout == "" and "begun" in stderr.splitlines()[-1] and len(stderr.splitlines()) == 1 + said
    assert stderr.count("68 landmarks are made of 16 channels") == said


@pytest.mark.parametrize("method", METHODS)
def test_what_a_run_holds(runs, method):
    run = runs[method]
    assert {"checkpoint", "config.json", "log.csv"} <= {path.name for path in run.iterdir()}
    config = json.loads((run / "config.json").read_text())
    assert config["method"] == method and config["preset"] == "smoke" and config["landmarks"] == 68
    assert set(config) == {"method", "preset", "landmarks", "options", "crop", "augment", "training"}
    assert config["training"]["seed"] == 3 and config["crop"]["size"] == 64 and config["options"]["side"] == 16
    sidecar = checkpoint.read_sidecar(run)
    assert sidecar["config"] == config and sidecar["finished"] and sidecar["step"] == 2
    assert sidecar["box_source"] == "landmarks" and sidecar["provenance"] == "drawn: embedded" and sidecar["normaliser"] == "ion"
    assert {"python", "mxnet", "numpy", "opencv", "omp_threads"} <= set(sidecar["versions"])
    with open(run / "log.csv", newline="") as lines:
        row, = csv.DictReader(lines)
    assert (row["step"], row["epoch"]) == ("2", "1") and float(row["loss"]) > 0


def test_settings_are_resolved_into_the_config(tmp_path, data, capfd):
    settings = ["epochs=1", "bands=1", "batch=8", "lr_epochs=", "folded=false", "curve_split=common", "rotation_p=0.25"]
    arguments = [part for setting in settings for part in ("--set", setting)]
    stdout, _ = call(capfd, "train", "--data", data, "--preset", "smoke", "--out", tmp_path / "run", "--devices", "cpu:0,1",
                     *arguments)
    assert str(tmp_path / "run") in stdout and "trained from scratch for 1 steps" in stdout
    config = json.loads((tmp_path / "run/config.json").read_text())
    assert config["options"]["bands"] == [1] and config["options"]["folded"] is False and config["training"]["lr_epochs"] == []
    assert config["augment"]["rotation_p"] == 0.25 and config["training"]["batch"] == 8
    with open(tmp_path / "run/log.csv", newline="") as lines:
        row, = csv.DictReader(lines)
    assert 0 < float(row["nme_ion"]) < 10
    assert checkpoint.read_sidecar(tmp_path / "run")["devices"] == ["cpu(0)", "cpu(1)"]


def test_resume_goes_on_or_says_it_is_done(run, data, capfd):
    arguments = ["train", "--data", data, "--preset", "smoke", "--seed", 3, "--out", run, "--resume", "--json"]
    before = contents(run / "checkpoint")
    stdout, _ = call(capfd, *arguments)
    assert json.loads(stdout)["steps"] == 2 and contents(run / "checkpoint") == before
    shutil.rmtree(run / "checkpoint")  # as after a kill before the first checkpoint
    stdout, _ = call(capfd, *arguments)
    assert json.loads(stdout)["steps"] == 2
    weights = [name for name in before if name.startswith("weights")]
    assert contents(run / "checkpoint")[weights[0]] == before[weights[0]]


def test_resume_starts_where_there_is_nothing(tmp_path, data, capfd):
    stdout, _ = call(capfd, "train", "--data", data, "--preset", "smoke", "--out", tmp_path / "new", "--resume", "--json")
    assert json.loads(stdout)["steps"] == 2


# --- eval

def test_eval_as_a_process(run, data):
    stdout, stderr = command("eval", "--run", run, "--data", data, "--json")
    report = json.loads(stdout)
    assert stderr == ""
    assert (report["faces"], report["of"], report["split"], report["boxes"], report["shrink"]) == (8, 8, "common", "landmarks", 0)
    values = report["decodings"]["default"]
    assert set(report["decodings"]) == {"default"}
    assert values["nme_ion_low"] <= values["nme_ion"] <= values["nme_ion_high"] and values["nme_ipn"] > values["nme_ion"]
    assert 0 <= values["fr_ion_0.1"] <= 1 and 0 <= values["auc_ion_0.1"] <= 1
    assert json.loads((run / "metrics.json").read_text()) == {"common": report}
    with open(run / "errors_common.csv", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert [row["image"] for row in rows] == [face.image for face in read_split(data, "common")]
    assert np.mean([float(row["nme"]) for row in rows]) == pytest.approx(values["nme_ion"], abs=1e-7)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_can_be_measured(runs, data, method, capfd):
    stdout, stderr = call(capfd, "eval", "--run", runs[method], "--data", data, "--threshold", 0.08)
    assert f"{method} on common, 8 of 8 faces" in stdout and "NME(ION)" in stdout and "FR@0.08" in stdout and "IPN" in stdout
    assert (runs[method] / "errors_common.csv").is_file()


def test_two_readings_of_one_pass(run, data, capfd, monkeypatch):
    passes, to_input = [], evaluate.to_input
    monkeypatch.setattr(evaluate, "to_input", lambda crops: passes.append(len(crops)) or to_input(crops))
    shrunk = ["eval", "--run", run, "--data", data, "--shrink", 0.1, "--json"]
    stdout, _ = call(capfd, *shrunk, "--decode", "bbs:beyond_box=true", "--decode", "none:shift=none,beyond_box=false")
    assert passes == [8]
    report = json.loads(stdout)
    assert list(report["decodings"]) == ["default", "bbs", "none"] and report["shrink"] == 0.1
    with open(run / "errors_common_shrink0.1.csv", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert list(rows[0]) == ["image", "nme", "nme_bbs", "nme_none"]
    for column, name in (("nme", "default"), ("nme_bbs", "bbs"), ("nme_none", "none")):
        assert np.mean([float(row[column]) for row in rows]) == pytest.approx(report["decodings"][name]["nme_ion"], abs=1e-7)
    alone = json.loads(call(capfd, *shrunk)[0])
    assert alone["decodings"]["default"] == report["decodings"]["default"] != report["decodings"]["none"]
    whole = json.loads(call(capfd, "eval", "--run", run, "--data", data, "--json")[0])
    assert whole["decodings"]["default"]["nme_ion"] != alone["decodings"]["default"]["nme_ion"]
    assert set(json.loads((run / "metrics.json").read_text())) == {"common", "common_shrink0.1"}


# --- predict

def test_predict_as_a_process(run, data, tmp_path):
    face = read_split(data, "common")[0]
    box = ",".join(f"{v:.3f}" for v in face.box)
    image = data / face.image
    stdout, stderr = command("predict", "--run", run, image, "--box", box, "--out", tmp_path / "drawn", "--json")
    assert stderr == ""
    report = json.loads(stdout)
    found, = report["images"][0]["faces"]
    assert report["images"][0]["image"] == str(image) and np.array(found["points"]).shape == (68, 2)
    np.testing.assert_allclose(found["box"], face.box, atol=1e-3)
    assert [path.name for path in (tmp_path / "drawn").iterdir()] == [f"{image.stem}.png"]
    assert read_picture(tmp_path / f"drawn/{image.stem}.png").shape == (480, 480, 3)


def test_predict_without_a_box_where_there_is_no_face(run, tmp_path, capfd):
    import cv2
    cv2.imwrite(str(tmp_path / "blank.png"), np.full((60, 80, 3), 99, np.uint8))
    stdout, _ = call(capfd, "predict", "--run", run, tmp_path / "blank.png", "--json")
    assert json.loads(stdout)["images"][0]["faces"] == []
    stdout, _ = call(capfd, "predict", "--run", run, tmp_path / "blank.png")
    assert "0 faces; no face was found, give --box" in stdout


def test_pictures_of_one_name_do_not_overwrite_each_other(run, data, tmp_path, capfd):
    images = []
    for number, name in enumerate(("a/face.png", "b/face.png", "c/face.jpg")):
        (tmp_path / name).parent.mkdir()
        shutil.copy(data / read_split(data, "common")[number].image, tmp_path / name)
        images.append(tmp_path / name)
    stdout, _ = call(capfd, "predict", "--run", run, *images, "--box", "20,20,70,70", "--out", tmp_path / "drawn")
    assert sorted(path.name for path in (tmp_path / "drawn").iterdir()) == ["face-2.png", "face-3.png", "face.png"]
    assert all(str(image) in stdout for image in images)


def test_from_the_cascades_boxes_to_landmarks(tmp_path, data, capfd, monkeypatch):
    """The map is fitted in training, kept with the weights, and used by predict and eval --boxes detector."""
    faces = read_split(data, "train") + read_split(data, "common")
    squares = {read_picture(data / face.image).tobytes(): np.array(square_box(face.box)) for face in faces}

    def find(self, image):
        square = squares[image.tobytes()]
        grown = (square[2] - square[0]) * 0.1
        return (square + [-grown, -2 * grown, grown, 0])[None]

    monkeypatch.setattr(detector.FaceDetector, "__call__", find)
    run = tmp_path / "run"
    train = ["train", "--data", data, "--preset", "smoke", "--out", run, "--set", "faces=0", "--set", "detector_faces=24"]
    call(capfd, *train)
    mapping = json.loads((run / "config.json").read_text())["crop"]["detector"]
    np.testing.assert_allclose(mapping, (0, 0.1 / 1.2, 1 / 1.2), atol=1e-9)
    face = read_split(data, "common")[2]
    stdout, _ = call(capfd, "predict", "--run", run, data / face.image, "--json")
    found, = json.loads(stdout)["images"][0]["faces"]
    np.testing.assert_allclose(found["box"], square_box(face.box), atol=1e-6)
    by_box = json.loads(call(capfd, "eval", "--run", run, "--data", data, "--json")[0])
    by_detector = json.loads(call(capfd, "eval", "--run", run, "--data", data, "--json", "--boxes", "detector")[0])
    assert (by_detector["faces"], by_detector["of"], by_detector["boxes"]) == (8, 8, "detector")
    assert by_detector["decodings"]["default"]["nme_ion"] == pytest.approx(by_box["decodings"]["default"]["nme_ion"], abs=1e-4)
    assert (run / "errors_common_detector.csv").is_file()
    call(capfd, *train, "--resume")
    assert json.loads((run / "config.json").read_text())["crop"]["detector"] == mapping


# --- bad input

def test_bad_input_as_a_process(tmp_path):
    stdout, stderr = command("train", "--data", tmp_path / "nowhere", "--out", tmp_path / "run", code=2)
    assert stdout == "" and len(stderr.splitlines()) == 1 and str(tmp_path / "nowhere/index.json") in stderr
    assert list(tmp_path.iterdir()) == []


def test_a_truncated_checkpoint_as_a_process(run, data):
    path, = (run / "checkpoint").glob("weights-*")
    path.write_bytes(path.read_bytes()[:-100])
    before = contents(run)
    stdout, stderr = command("eval", "--run", run, "--data", data, "--json", code=2)
    assert stdout == "" and len(stderr.splitlines()) == 1 and str(path) in stderr and "SHA-256" in stderr
    assert contents(run) == before


@pytest.mark.parametrize("arguments, words", [
    ([], "required"),
    (["dance"], "invalid choice"),
    (["train"], ["--data", "--out"]),
    (["train", "--threads", "two"], "invalid int value: 'two'"),
    (["train", "--colour", "red"], "required"),
    (["eval", "--data", "d", "--run", "r", "--boxes", "mine"], "invalid choice: 'mine'"),
    (["predict", "--run", "r"], "IMAGE"),
])
def test_a_wrong_command_line(arguments, words, capfd):
    complains(capfd, *arguments, words=words)


SETTINGS = [
    ("epoch=3", ["--set epoch", "no such option", "did you mean epochs?"]),
    ("xyzzy=3", ["--set xyzzy", "no such option", "expected one of"]),
    ("epochs", ["--set epochs", "key=value"]),
    ("=3", "key=value"),
    ("epochs=many", ["epochs: 'many'", "a whole number"]),
    ("epochs=2.5", "a whole number"),
    ("epochs=0", "at least 1"),
    ("batch=-4", "at least 1"),
    ("lr=fast", ["lr: 'fast'", "a number"]),
    ("lr=nan", "a number"),
    ("lr=inf", "a number"),
    ("lr=none", "lr: 'none'"),
    ("lr=0", "more than 0"),
    ("wd=-1", "0 or more"),
    ("wd=none", "wd: 'none'"),
    ("folded=perhaps", ["folded: 'perhaps'", "true or false"]),
    ("bands=a,b", ["bands: 'a,b'", "numbers with commas"]),
    ("bands=4", ["bandwidth 4", "odd"]),
    ("bands=3,6", "bandwidth 6"),
    ("bands=-3", "bandwidth -3"),
    ("bands=3.0", "bandwidth 3.0"),
    ("bands=", "0 bandwidths"),
    ("bands=1,3,5", "3 bandwidths"),
    ("alpha=1", "0 < alpha < 1"),
    ("sigma=0", "sigma > 0"),
    ("sigma=none", "sigma: 'none'"),
    ("theta=-1", "theta >= 0"),
    ("encoder=vgg", ['encoder: "vgg"', "resnet50v2"]),
    ("decoder=unet", ['decoder: "unet"', "fpn"]),
    ("decoder=resnet", ["decoder", "hrnet"]),
    ("taps=dry", 'taps: "dry"'),
    ("width=0", "width"),
    ("label=square", 'label: "square"'),
    ("rounding=up", 'rounding: "up"'),
    ("schedule=linear", 'schedule: "linear"'),
    ("batchnorm=off", 'batchnorm: "off"'),
    ("square=circle", 'square: "circle"'),
    ("size=50", "size: 50"),
    ("side=7", "side: 7"),
    ("side=0", "side: 0"),
    ("enlarge=-1", "box"),
    ("occlusion_side=2", "occlusion_side: 2"),
    ("flip_p=1.5", "flip_p: 1.5"),
    ("scale_min=2", "scale_min <= scale_max"),
    ("start=nowhere", ["nowhere", "expected scratch, imagenet"]),
    ("start=imagenet", "no published weights"),
    ("curve_split=nosuch", 'no split "nosuch"'),
]


@pytest.mark.parametrize("setting, words", SETTINGS, ids=[setting for setting, _ in SETTINGS])
def test_a_wrong_setting(tmp_path, data, setting, words, capfd):
    complains(capfd, "train", "--data", data, "--preset", "smoke", "--out", tmp_path / "run", "--set", setting, words=words)
    assert not (tmp_path / "run").exists()


def test_a_size_the_encoder_cannot_halve(tmp_path, data, capfd):
    complains(capfd, "train", "--data", data, "--preset", "smoke", "--out", tmp_path / "run", "--set", "size=48",
              "--set", "side=12", words="48")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("arguments, words", [
    (["--method", "cpm"], ['--method: "cpm"', "gv, heatmap, heatmap-awing"]),
    (["--method", "heatmap", "--set", "bands=3"], "no such option"),
    (["--preset", "huge"], ['--preset: "huge"', "paper, mini, ablate, smoke"]),
    (["--devices", "tpu:0"], '"tpu:0"'),
    (["--devices", "cpu:x"], '"cpu:x"'),
    (["--devices", "cpu:0,0"], '"cpu:0,0"'),
    (["--devices", "gpu:99"], ['"gpu:99"', "GPUs"]),
    (["--threads", "0"], ["--threads: 0", "at least 1"]),
    (["--seed", "-1"], "seed: -1"),
    (["--split", "nosuch"], ['no split "nosuch"', "common, train"]),
])
def test_a_wrong_flag(tmp_path, data, arguments, words, capfd):
    complains(capfd, "train", "--data", data, "--preset", "smoke", "--out", tmp_path / "run", *arguments, words=words)
    assert not (tmp_path / "run").exists()


def spoil(index, what):
    """Break a copied index in the named way; returns the words to be expected."""
    face, lines = read_split(index, "train")[0], (index / "train.jsonl").read_text().splitlines()
    if what == "no picture":
        (index / face.image).write_text("text")
        return [face.image, "not a picture"]
    if what == "empty picture":
        (index / face.image).write_bytes(b"")
        return [face.image, "not a picture"]
    if what == "missing picture":
        (index / face.image).unlink()
        return [face.image, "no such picture"]
    if what == "67 landmarks":
        record = json.loads(lines[4])
        lines[4] = json.dumps({**record, "points": record["points"][1:], "visible": record["visible"][1:]})
    if what == "a NaN":
        record = json.loads(lines[4])
        lines[4] = json.dumps({**record, "points": [[float("nan"), 1]] + record["points"][1:]})
    if what == "no JSON":
        lines[4] = lines[4][:50]
    if what == "empty split":
        lines = []
    if what == "a face too few":
        lines = lines[:-1]
    if what == "no index":
        (index / "index.json").write_text("{")
        return ["index.json", "not an index"]
    (index / "train.jsonl").write_text("".join(line + "\n" for line in lines))
    return {"67 landmarks": ["train.jsonl:5", "67 landmarks", "expected 68"], "a NaN": ["train.jsonl:5", "finite"],
            "no JSON": ["train.jsonl:5", "not a face"], "empty split": ["train.jsonl", "an empty split"],
            "a face too few": ["train.jsonl", "23 faces", "24"]}[what]


@pytest.mark.parametrize("what", ["no picture", "empty picture", "missing picture", "67 landmarks", "a NaN", "no JSON",
                                  "empty split", "a face too few", "no index"])
def test_a_broken_index(tmp_path, broken, runs, what, capfd):
    words = spoil(broken, what)
    complains(capfd, "train", "--data", broken, "--preset", "smoke", "--out", tmp_path / "run", words=words)
    assert not (tmp_path / "run").exists()
    before = contents(runs["gv"])
    complains(capfd, "eval", "--run", runs["gv"], "--data", broken, "--split", "train", words=words)
    assert contents(runs["gv"]) == before


def test_an_existing_out(tmp_path, run, data, capfd):
    before = contents(run)
    smoke = ["train", "--data", data, "--preset", "smoke"]
    complains(capfd, *smoke, "--out", run, words=["--out", "exists", "--resume"])
    complains(capfd, *smoke, "--out", run, "--resume", "--seed", 4, words=["seed = 3, now 4"])
    complains(capfd, *smoke, "--out", run, "--resume", "--seed", 3, "--set", "lr=0.5", words=["lr = 0.002, now 0.5"])
    complains(capfd, *smoke, "--out", run, "--resume", "--method", "heatmap", words=["method = gv, now heatmap"])
    assert contents(run) == before
    (tmp_path / "file").write_text("mine")
    for arguments in ([], ["--resume"]):
        complains(capfd, *smoke, "--out", tmp_path / "file", *arguments, words=str(tmp_path / "file"))
    complains(capfd, *smoke, "--out", tmp_path / "file/run", words=str(tmp_path / "file"))
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"crop": 3}'])
def test_resuming_with_a_broken_config(run, data, text, capfd):
    (run / "config.json").write_text(text)
    complains(capfd, "train", "--data", data, "--preset", "smoke", "--seed", 3, "--out", run, "--resume",
              words=[run / "config.json", "cannot be resumed"])


@pytest.mark.parametrize("part", ["weights", "optimiser"])
def test_resuming_from_a_damaged_checkpoint(run, data, part, capfd):
    path, = (run / "checkpoint").glob(f"{part}-*")
    path.write_bytes(path.read_bytes()[:1000])
    before = contents(run)
    complains(capfd, "train", "--data", data, "--preset", "smoke", "--seed", 3, "--out", run, "--resume", words=[path, "SHA-256"])
    assert contents(run) == before


def damage(run, what):
    """Break a copied run in the named way; returns the words to be expected."""
    path = run / "checkpoint/sidecar.json"
    if what == "no checkpoint":
        shutil.rmtree(run / "checkpoint")
        return [run, "no trained run here"]
    if what == "no run":
        shutil.rmtree(run)
        return [run, "no such run"]
    if what == "no weights":
        next((run / "checkpoint").glob("weights-*")).unlink()
        return ["weights-0000002.params", "missing"]
    if what == "a flipped byte":
        weights = next((run / "checkpoint").glob("weights-*"))
        data = bytearray(weights.read_bytes())
        data[len(data) // 2] ^= 16
        weights.write_bytes(data)
        return [weights, "SHA-256"]
    if what == "no JSON":
        path.write_text("{")
        return [path, "not a checkpoint's sidecar"]
    sidecar = json.loads(path.read_text())
    if what == "other options":
        sidecar["config"]["options"]["width"] = 32
    elif what == "a method of old":
        sidecar["config"]["method"] = "cpm"
    elif what == "no config":
        del sidecar["config"]
    elif what == "an option of old":
        sidecar["config"]["options"]["colour"] = "red"
    path.write_text(json.dumps(sidecar))
    return {"other options": "has shape", "a method of old": '"cpm"', "no config": [path, "not a run's config"],
            "an option of old": "colour"}[what]


@pytest.mark.parametrize("what", ["no run", "no checkpoint", "no weights", "a flipped byte", "no JSON", "other options",
                                  "a method of old", "no config", "an option of old"])
def test_a_damaged_run(tmp_path, run, data, what, capfd):
    words = damage(run, what)
    image = data / read_split(data, "common")[0].image
    complains(capfd, "eval", "--run", run, "--data", data, words=words)
    complains(capfd, "predict", "--run", run, image, "--box", "0,0,50,50", "--out", tmp_path / "drawn", words=words)
    assert not (run / "metrics.json").exists() and not (tmp_path / "drawn").exists()


def test_a_layout_that_does_not_match(tmp_path, data, runs, capfd):
    faces = [type(face)(str(data / face.image), face.points[:19], face.box) for face in read_split(data, "common")]
    write_index(tmp_path / "index", {"train": faces, "common": faces}, layout=19, source="other", box_source="landmarks",
                normaliser="box", provenance="embedded")
    complains(capfd, "eval", "--run", runs["gv"], "--data", tmp_path / "index", words=["19 landmarks", "expected 68"])
    complains(capfd, "train", "--data", tmp_path / "index", "--preset", "smoke", "--seed", 3, "--out", runs["gv"], "--resume",
              words=["landmarks = 68, now 19"])
    complains(capfd, "train", "--data", tmp_path / "index", "--preset", "smoke", "--out", tmp_path / "run",
              "--set", f"start={runs['gv']}", "--set", "encoder=resnet18v2_half", words=["start", "resnet18v2_quarter"])
    assert not (tmp_path / "run").exists()
    call(capfd, "train", "--data", tmp_path / "index", "--preset", "smoke", "--out", tmp_path / "run")  # on its own it is fine
    stdout, _ = call(capfd, "eval", "--run", tmp_path / "run", "--data", tmp_path / "index", "--json")
    assert list(json.loads(stdout)["decodings"]["default"])[0] == "nme_box"


@pytest.mark.parametrize("arguments, words", [
    (["--shrink", "1"], ["--shrink: 1", "below 1"]),
    (["--shrink", "-0.1"], "--shrink"),
    (["--shrink", "nan"], "--shrink"),
    (["--threshold", "0"], "--threshold"),
    (["--threshold", "nan"], "threshold"),
    (["--split", "nosuch"], 'no split "nosuch"'),
    (["--decode", "beyond_box=true"], ["--decode beyond_box=true", "NAME:KEY=VALUE"]),
    (["--decode", "default:beyond_box=true"], "no name of its own"),
    (["--decode", "a:shift=none", "--decode", "a:shift=taylor"], "no name of its own"),
    (["--decode", "a:"], ["--decode a:", "key=value"]),
    (["--decode", "a:shift=none,tau"], ["--decode a:tau", "key=value"]),
    (["--decode", "a:colour=red"], '"colour"'),
    (["--decode", "a:beyond_box=maybe"], "true or false"),
    (["--decode", "a:shift=left"], 'shift: "left"'),
    (["--decode", "a:beyond_box=true,tau=0"], "tau"),
    (["--devices", "gpu:99"], "GPUs"),
    (["--boxes", "detector"], "--boxes detector: no face found in 8 pictures"),
])
def test_a_wrong_evaluation(run, data, arguments, words, capfd, monkeypatch):
    monkeypatch.setattr(detector.FaceDetector, "__call__", lambda self, image: np.zeros((0, 4)))
    complains(capfd, "eval", "--run", run, "--data", data, *arguments, words=words)
    assert {path.name for path in run.iterdir()} == {"checkpoint", "config.json", "log.csv"}


def test_the_mirrored_mean_is_measured_and_predicted(run, data, capfd):
    stdout, _ = call(capfd, "eval", "--run", run, "--data", data, "--json", "--decode", "a:shift=none", "--mirrored")
    decodings = json.loads(stdout)["decodings"]
    assert list(decodings) == ["default", "a", "default+mirrored", "a+mirrored"]
    assert decodings["default"]["nme_ion"] != decodings["default+mirrored"]["nme_ion"]
    with open(run / "errors_common.csv", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert list(rows[0]) == ["image", "nme", "nme_a", "nme_default+mirrored", "nme_a+mirrored"]
    face = read_split(data, "common")[0]
    picture, box = f"{read_index(data).folder}/{face.image}", f"--box={','.join(map(str, face.box))}"
    once, both = (np.array(json.loads(call(capfd, "predict", "--run", run, picture, box, "--json", "--set", "beyond_box=false",
                                           *more)[0])["images"][0]["faces"][0]["points"]) for more in ([], ["--mirrored"]))
    errors = [evaluate.face_errors(points[None], [face], "ion", 68)[0] for points in (once, both)]
    assert errors == pytest.approx([float(rows[0]["nme"]), float(rows[0]["nme_default+mirrored"])], abs=1e-4)


def test_the_old_name_of_decode_works_and_says_so(run, data, capfd):
    new, _ = call(capfd, "eval", "--run", run, "--data", data, "--json", "--decode", "a:shift=none")
    old, stderr = call(capfd, "eval", "--run", run, "--data", data, "--json", "--read", "a:shift=none")
    assert json.loads(old) == json.loads(new) and "gv eval: --read is now called --decode" in stderr.splitlines()


def test_boxes_of_a_detector_that_nothing_was_fitted_for(run, data, capfd, monkeypatch):
    monkeypatch.setattr(detector.FaceDetector, "__call__", lambda self, image: np.array([[20.0, 20, 75, 75]]))
    image = data / read_split(data, "common")[0].image
    complains(capfd, "eval", "--run", run, "--data", data, "--boxes", "detector", words="detector_faces")
    complains(capfd, "predict", "--run", run, image, words=["detector_faces", "--box"])


@pytest.mark.parametrize("method", ["heatmap", "heatmap-awing"])
def test_a_heatmap_cannot_look_beyond_the_box(runs, data, method, capfd):
    words = ["beyond_box", "Beyond Box needs --method gv"]
    complains(capfd, "eval", "--run", runs[method], "--data", data, "--decode", "bbs:beyond_box=true", words=words)
    image = data / read_split(data, "common")[0].image
    complains(capfd, "predict", "--run", runs[method], image, "--box", "0,0,50,50", "--set", "beyond_box=true", words=words)


@pytest.mark.parametrize("arguments, words", [
    (["--box", "1,2,3"], ['--box: "1,2,3"', "x0,y0,x1,y1"]),
    (["--box", "a,b,c,d"], "x0,y0,x1,y1"),
    (["--box", ""], "x0,y0,x1,y1"),
    (["--box", "200,200,300,300"], ["lies outside the picture", "96 x 96"]),
    (["--box", "50,50,20,90"], "x0 < x1"),
    (["--box", "nan,0,50,50"], "x0 < x1"),
    (["--box", "0,0,50,50", "--set", "colour=red"], '"colour"'),
    (["--box", "0,0,50,50", "--devices", "gpu:99"], "GPUs"),
])
def test_a_wrong_prediction(tmp_path, run, data, arguments, words, capfd):
    image = data / read_split(data, "common")[0].image
    complains(capfd, "predict", "--run", run, image, *arguments, "--out", tmp_path / "drawn", words=words)
    assert not (tmp_path / "drawn").exists()


BAD_PICTURES = [("nowhere.png", None, "no such picture"), ("empty.png", b"", "not a picture"),
                ("text.jpg", b"a text", "not a picture")]


@pytest.mark.parametrize("name, content, words", BAD_PICTURES)
def test_a_bad_picture_alone_is_one_line(tmp_path, run, name, content, words, capfd):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    complains(capfd, "predict", "--run", run, tmp_path / name, "--box", "0,0,50,50", "--out", tmp_path / "drawn",
              words=[name, words])
    assert not (tmp_path / "drawn").exists()


def test_bad_pictures_among_good_ones_are_named_and_the_good_ones_done(tmp_path, run, data, capfd):
    for name, content, _ in BAD_PICTURES[1:]:
        (tmp_path / name).write_bytes(content)
    good = [data / face.image for face in read_split(data, "common")[:2]]
    pictures = [good[0], tmp_path / "empty.png", tmp_path / "nowhere.png", good[1], tmp_path / "text.jpg"]
    stdout, stderr = call(capfd, "predict", "--run", run, *pictures, "--box", "0,0,50,50", "--out", tmp_path / "drawn", "--json",
                          code=2)
    report = json.loads(stdout)
    assert [image["image"] for image in report["images"]] == [str(path) for path in good] and len(report["failed"]) == 3
    assert len(stderr.splitlines()) == 1 and "3 of 5 pictures" in stderr
    assert all(name in stderr for name, _, _ in BAD_PICTURES)
    assert sorted(path.stem for path in (tmp_path / "drawn").iterdir()) == sorted(path.stem for path in good)


def test_a_folder_stands_for_its_pictures(tmp_path, run, data, capfd):
    for number, face in enumerate(read_split(data, "common")[:2]):
        shutil.copy(data / face.image, tmp_path / f"{number}.png")
    (tmp_path / "notes.txt").write_text("mine")
    stdout, _ = call(capfd, "predict", "--run", run, tmp_path, "--box", "-5,-5,50,50", "--json")    # below 0 as well
    report = json.loads(stdout)
    assert [image["image"] for image in report["images"]] == [str(tmp_path / "0.png"), str(tmp_path / "1.png")]
    assert report["images"][0]["faces"][0]["box"] == [-5, -5, 50, 50]
    (tmp_path / "none").mkdir()
    complains(capfd, "predict", "--run", run, tmp_path / "none", words=["none", "without pictures"])


def test_a_drawing_never_takes_the_place_of_a_picture_that_was_given(tmp_path, run, data, capfd):
    shutil.copy(data / read_split(data, "common")[0].image, tmp_path / "a.png")
    before = (tmp_path / "a.png").read_bytes()
    complains(capfd, "predict", "--run", run, tmp_path / "a.png", "--box", "0,0,50,50", "--out", tmp_path,
              words="one of the pictures")
    assert (tmp_path / "a.png").read_bytes() == before


def test_eval_shows_the_mean_shape_and_says_when_a_run_has_hardly_begun(run, data, capfd):
    text, _ = call(capfd, "eval", "--run", run, "--data", data)
    assert "  mean shape   NME(ION) " in text and "the run has trained for 2 steps" in text
    stdout, _ = call(capfd, "eval", "--run", run, "--data", data, "--json")
    report = json.loads(stdout)
    train, faces = read_split(data, "train"), read_split(data, "common")
    corners = [(np.array(face.points[:].min(0)), np.array(face.points.max(0))) for face in train + faces]
    placed = []       # by hand: squares about the landmarks' rectangles, the training shapes' mean in their unit square
    for low, high in corners:
        middle, side = (low + high) / 2, (high - low).max()
        placed.append((middle, side))
    mean = np.mean([(face.points - middle) / side for face, (middle, side) in zip(train, placed)], axis=0)
    errors = [np.linalg.norm(mean * side + middle - face.points, axis=1).mean()
              / np.linalg.norm(face.points[36] - face.points[45]) for face, (middle, side) in zip(faces, placed[len(train):])]
    assert report["mean_shape"] == pytest.approx(np.mean(errors), rel=1e-6) and report["steps"] == 2


def test_predict_into_a_file(tmp_path, run, data, capfd):
    (tmp_path / "file").write_text("mine")
    image = data / read_split(data, "common")[0].image
    complains(capfd, "predict", "--run", run, image, "--box", "20,20,70,70", "--out", tmp_path / "file", words=tmp_path / "file")
    assert (tmp_path / "file").read_text() == "mine"


def test_interrupted(run, data, capfd, monkeypatch):
    def interrupt(*arguments, **options):
        raise KeyboardInterrupt
    monkeypatch.setattr(evaluate, "decode_faces", interrupt)
    _, stderr = call(capfd, "eval", "--run", run, "--data", data, code=130)
    assert stderr == "gv: interrupted\n"


# --- help

def subcommands():
    parser = core_cli._parser("gv", cli.METHOD_NAMES, cli.PRESETS, {})
    actions, = (action for action in parser._actions if hasattr(action, "choices") and isinstance(action.choices, dict))
    return actions.choices


@pytest.mark.parametrize("name", sorted(subcommands()))
def test_help_says_what_every_flag_means(name, capfd):
    stdout, _ = call(capfd, name, "--help")
    said = " ".join(stdout.split())
    for action in subcommands()[name]._actions:
        assert action.help, f"{name} {action.dest} has no help"
        for flag in action.option_strings or [action.metavar]:
            assert flag in said
        meaning = action.help % {**vars(action), "prog": f"gv {name}"}
        assert " ".join(meaning.split()) in said.replace("- ", "-") or " ".join(meaning.split()) in said, meaning
    assert f"example: gv {name}" in said


@pytest.mark.parametrize("name, flags", [
    ("train", "--data --split --method --preset --set --seed --devices --threads --out --resume --json"),
    ("eval", "--run --data --split --shrink --boxes --decode --threshold --devices --threads --json"),
    ("predict", "--run IMAGE --box --out --set --devices --threads --json"),
])
def test_help_has_the_flags_of_the_specification(name, flags, capfd):
    stdout, _ = call(capfd, name, "--help")
    assert all(flag in stdout for flag in flags.split())


def test_the_commands_own_help_as_a_process():
    stdout, stderr = command("--help")
    assert stderr == "" and all(f"    {name} " in stdout for name in ("train", "eval", "predict"))
    assert command("--version")[0].startswith("gv ")


def test_defaults_of_the_help_are_the_methods_and_presets_there_are():
    from gv.methods import METHODS as FOUND
    assert cli.METHOD_NAMES == tuple(FOUND)
    for method in FOUND.values():
        assert tuple(method.PRESETS) == cli.PRESETS


def test_an_index_can_be_named_from_anywhere(run, data, capfd, monkeypatch):
    monkeypatch.chdir(data.parent)
    stdout, _ = call(capfd, "eval", "--run", os.path.relpath(run), "--data", data.name, "--json")
    assert json.loads(stdout)["faces"] == 8 and read_index(data).layout == 68


@pytest.mark.parametrize("splits, chosen", [(("train", "common", "full"), "common"), (("train", "test"), "test"),
                                            (("only",), "only"), (("train", "a", "b"), None)])
def test_the_split_that_is_measured_where_none_is_named(run, data, tmp_path, splits, chosen, capfd):
    faces = [dataclasses.replace(face, image=str(data / face.image)) for face in read_split(data, "common")]
    write_index(tmp_path / "index", {name: faces for name in splits}, layout=68, source="drawn", box_source="landmarks",
                normaliser="ion", provenance="embedded")
    if chosen is None:
        complains(capfd, "eval", "--run", run, "--data", tmp_path / "index", words=["--split: not given", "a, b"])
    else:
        stdout, _ = call(capfd, "eval", "--run", run, "--data", tmp_path / "index", "--json")
        assert json.loads(stdout)["split"] == chosen
