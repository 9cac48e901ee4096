"""Faults while a run is written or gone on with: nothing is lost, nothing is taken for whole, one line says what happened."""

import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time

import cv2
import mxnet as mx
import numpy as np
import pytest
from helpers import ROOT, child_environment, make_index, tiny_run, train_tiny

from gv.core import checkpoint, coverage, detector, exits, files, geometry
from gv.core import train as training
from gv.core.data import FaceDataset
from gv.core.errors import InputError, one_of
from gv.core.faces import read_split
from gv.core.pictures import read_picture

FACES = 16


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    return make_index(tmp_path_factory.mktemp("index"), FACES, 4)


def weights_of(folder):
    return {name: value.asnumpy() for name, value in checkpoint.load(folder).items()}


def equal(one, other):
    return set(one) == set(other) and all(np.array_equal(one[name], other[name]) for name in one)


# --- files that are whole or not there

def test_a_file_is_replaced_whole_and_a_failure_leaves_the_old_one_alone(tmp_path):
    path = tmp_path / "new" / "a.txt"
    files.write_text(path, "first")
    with pytest.raises(RuntimeError), files.replacing(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "first" and list(path.parent.iterdir()) == [path]
    files.write_json(path, {"b": 1}, sync=True, sort_keys=True)
    assert json.loads(path.read_text()) == {"b": 1} and list(path.parent.iterdir()) == [path]


def test_leftovers_of_ended_processes_go_and_others_stay(tmp_path):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    names = {f".a.json.{ended.pid}-1.part": False, f".a.json.{os.getpid()}-1.part": True, ".a.part": True, "b.json": True}
    for name in names:
        (tmp_path / name).write_text("")
    assert files.remove_leftovers(tmp_path) == 1
    assert {name: (tmp_path / name).exists() for name in names} == names
    assert files.remove_leftovers(tmp_path / "nowhere") == 0


def test_a_disk_that_is_full_is_named_with_the_file_and_leaves_nothing(tmp_path):
    code = ("import sys; from gv.core import exits, files\n"
            f"sys.exit(exits.run(lambda: files.write_text({str(tmp_path / 'big.json')!r}, 'x' * 100000)))")

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, preexec_fn=limit)
    said = done.stderr.decode()
    assert done.returncode == 2 and len(said.splitlines()) == 1 and "big.json" in said and ".part" not in said
    assert list(tmp_path.iterdir()) == []


def test_one_of_lists_the_choices():
    assert one_of("decoder", "fpn", ("fpn", "hrnet")) == "fpn"
    with pytest.raises(InputError, match='decoder: no net "unet"; expected one of fpn, hrnet'):
        one_of("decoder", "unet", ("fpn", "hrnet"), "no net")
    with pytest.raises(InputError, match=r"expected one of \(none\)"):
        one_of("split", "train", ())


# --- checkpoints

def test_a_checkpoint_cut_short_is_not_sealed_and_the_one_before_stays(tmp_path, monkeypatch):
    """MXNet's writer says nothing of a disk that is full: the file is only shorter, and it hashes as well as any."""
    values = {"a": mx.nd.array(np.arange(20000))}
    checkpoint.save(tmp_path, {"step": 1}, values)
    save = mx.nd.save

    def cut(name, what):
        save(name, what)
        os.truncate(name, os.path.getsize(name) - 4000)
    monkeypatch.setattr(mx.nd, "save", cut)
    with pytest.raises(OSError, match="weights-0000002.params"):
        checkpoint.save(tmp_path, {"step": 2}, {"a": values["a"] + 1})
    monkeypatch.undo()
    assert checkpoint.read_sidecar(tmp_path)["step"] == 1 and equal(weights_of(tmp_path), {"a": values["a"].asnumpy()})
    assert sorted(path.name for path in (tmp_path / "checkpoint").iterdir()) == ["sidecar.json", "weights-0000001.params"]


def test_a_checkpoint_with_a_changed_number_is_not_sealed(tmp_path, monkeypatch):
    values, save = {"a": mx.nd.array(np.arange(20000))}, mx.nd.save
    monkeypatch.setattr(mx.nd, "save", lambda name, what: save(name, {"a": what["a"] + 1}))
    with pytest.raises(OSError, match="not written whole"):
        checkpoint.save(tmp_path, {"step": 2}, values)
    assert list((tmp_path / "checkpoint").iterdir()) == []


@pytest.mark.parametrize("spoil, words", [
    (lambda s: s.update(step=-1), "step"), (lambda s: s.update(step=1.5), "step"), (lambda s: s.update(step="many"), "step"),
    (lambda s: s.update(step=True), "step"), (lambda s: s.update(seconds="x"), "seconds"),
    (lambda s: s.update(files=[]), "files"), (lambda s: s.update(files={}), "files"),
    (lambda s: s["files"]["weights"].update(file="../../other.params"), "base name"),
    (lambda s: s["files"]["weights"].update(file=3), "base name"), (lambda s: s["files"]["weights"].update(sha256=3), "sha256"),
    (lambda s: s.update(config=3), "config"), (lambda s: s.update(fitted=[1]), "fitted"),
    (lambda s: s.update(fitted={"templates": "x"}), "fitted"), (lambda s: s.update(devices=1), "devices"),
    (lambda s: s.update(start=None), "start"),
])
def test_a_sidecar_that_is_none_is_one_line(index, tmp_path, spoil, words):
    train_tiny(tmp_path / "run", index, 4, settings={"epochs": 1})
    path = tmp_path / "run" / "checkpoint" / "sidecar.json"
    sidecar = json.loads(path.read_text())
    spoil(sidecar)
    path.write_text(json.dumps(sidecar))
    with pytest.raises(InputError) as caught:
        checkpoint.read_sidecar(tmp_path / "run")
    assert words in str(caught.value) and "sidecar.json" in str(caught.value) and "\n" not in str(caught.value)


# --- going on with a run

@pytest.mark.parametrize("lost_config", [False, True])
@pytest.mark.parametrize("settings, devices, words", [
    ({"seed": 5}, "cpu:0", "seed = 0, now 5"), ({"theta": 1.0}, "cpu:0", "theta = 3.0, now 1.0"),
    ({}, "cpu:0,1", "1 devices, now 2"),
])
def test_a_run_goes_on_as_what_it_was(index, tmp_path, settings, devices, words, lost_config):
    train_tiny(tmp_path / "run", index, FACES, settings={"epochs": 3}, stop_after=4)
    if lost_config:
        (tmp_path / "run" / "config.json").unlink()
    before = weights_of(tmp_path / "run")
    with pytest.raises(InputError, match=words):
        train_tiny(tmp_path / "run", index, FACES, devices, settings={"epochs": 3, **settings}, resume=True)
    assert equal(weights_of(tmp_path / "run"), before)


def test_a_checkpoint_of_another_run_is_refused(index, tmp_path):
    """Another seed's checkpoint copied into the folder, under this run's config.json."""
    for seed in (0, 1):
        train_tiny(tmp_path / str(seed), index, FACES, settings={"epochs": 3, "seed": seed}, stop_after=4)
    shutil.rmtree(tmp_path / "0" / "checkpoint")
    shutil.copytree(tmp_path / "1" / "checkpoint", tmp_path / "0" / "checkpoint")
    with pytest.raises(InputError, match="seed = 1, now 0"):
        train_tiny(tmp_path / "0", index, FACES, settings={"epochs": 3}, resume=True)


def test_two_trainings_never_share_a_folder(index, tmp_path):
    (tmp_path / "run").mkdir()
    with files.lock(tmp_path / "run"), pytest.raises(InputError, match="another process is training here"):
        train_tiny(tmp_path / "run", index, FACES)
    assert list((tmp_path / "run").iterdir()) == []
    train_tiny(tmp_path / "run", index, FACES, settings={"epochs": 1})


# --- ends that are asked for

EPOCHS = 400


def command(out, data, *more):
    return [sys.executable, "-m", "gv.cli", "train", "--data", str(data), "--preset", "smoke", "--out", str(out), "--set",
            f"epochs={EPOCHS}", "--set", "faces=0", "--set", "batch=8", "--threads", "1", *more]


@pytest.mark.parametrize("number, code, words", [(signal.SIGINT, 130, "gv: interrupted"),
                                                 (signal.SIGTERM, 143, "gv: ended by TERM")])
def test_a_signal_saves_at_the_next_step_and_says_so(index, tmp_path, number, code, words):
    process = subprocess.Popen(command(tmp_path / "run", index.folder), cwd=ROOT, env=child_environment(),
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 120
    while len(training.read_log(tmp_path / "run")) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(number)
    stdout, stderr = (text.decode() for text in process.communicate(timeout=60))
    last = stderr.replace("\r", "\n").strip().splitlines()[-1]
    assert process.returncode == code and stdout == "" and "Traceback" not in stderr
    step = checkpoint.read_sidecar(tmp_path / "run")["step"]
    assert step >= 4 and last == f"{words}; {step} of {EPOCHS * 2} steps are kept in {tmp_path / 'run'}; --resume goes on"


def log_of(folder):
    return [{name: value for name, value in row.items() if name not in ("seconds", "images_per_second")}
            for row in training.read_log(folder)]


@pytest.mark.parametrize("devices", ["cpu:0", "cpu:0,1"])
def test_a_run_that_was_stopped_within_an_epoch_ends_as_one_that_was_not(index, tmp_path, monkeypatch, devices):
    """Weights, Adam's state and the log: the epoch's losses so far and each device's own statistics are kept."""
    settings = {"epochs": 2, "batch": 4}
    train_tiny(tmp_path / "whole", index, FACES, devices, settings=settings)
    step, seen = training.Optimiser.step, []

    def stopping(self, rate, images):
        step(self, rate, images)
        seen.append(rate)
        if len(seen) == 3:
            os.kill(os.getpid(), signal.SIGTERM)
    monkeypatch.setattr(training.Optimiser, "step", stopping)
    with pytest.raises(exits.Interrupted) as caught:
        train_tiny(tmp_path / "run", index, FACES, devices, settings=settings)
    assert caught.value.number == signal.SIGTERM and checkpoint.read_sidecar(tmp_path / "run")["step"] == 3
    monkeypatch.undo()
    train_tiny(tmp_path / "run", index, FACES, devices, settings=settings, resume=True)
    for part in ("weights", "optimiser"):
        ended, whole = ({name: value.asnumpy() for name, value in checkpoint.load(tmp_path / folder, part).items()}
                        for folder in ("run", "whole"))
        assert equal(ended, whole)
    assert log_of(tmp_path / "run") == log_of(tmp_path / "whole")
    assert "statistics" not in checkpoint.read_sidecar(tmp_path / "run")["files"]


@pytest.mark.parametrize("error, code, said", [
    (KeyboardInterrupt(), 130, "p: interrupted"), (exits.Interrupted(signal.SIGTERM, "kept"), 143, "p: ended by TERM; kept"),
    (InputError("a", "b"), 2, "p: a: b"), (FileNotFoundError(2, "No such file", "x.jpg"), 2, "p: x.jpg: No such file"),
])
def test_every_end_has_a_code_and_a_line(error, code, said, capsys):
    def main():
        raise error
    assert exits.run(main, "p") == code
    assert capsys.readouterr().err == f"{said}\n"


def test_term_ends_a_command_that_is_not_training(capsys):
    assert exits.run(lambda: os.kill(os.getpid(), signal.SIGTERM), "p") == 143
    assert capsys.readouterr().err == "p: ended by TERM\n"
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


# --- large pictures

@pytest.mark.parametrize("shape, box", [((60000, 200), (20, 30000, 180, 30160)), ((3000, 2500), (2000.3, 2400.7, 2300.1, 2900.9)),
                                        ((3000, 2500), (-300, -200, 900, 1000)), ((2100, 2100), (-500, -500, -10, -10)),
                                        ((4000, 4000), (100, 100, 3900, 3900))])
def test_a_large_picture_is_cut_to_the_region_and_the_crop_is_the_same(shape, box, monkeypatch):
    """As of a picture that holds the region alone, worked out without the limit on a picture's size."""
    rng = np.random.default_rng(0)
    picture = cv2.GaussianBlur(rng.integers(0, 255, (*shape, 3), np.uint8), (0, 0), 3)
    matrix = geometry.crop_matrix(box, 64)
    crop = geometry.warp(picture, matrix, 64)
    x, y = (max(0, int(value) - 500) for value in box[:2])
    part = picture[y:int(max(box[3], 0)) + 500, x:int(max(box[2], 0)) + 500]
    monkeypatch.setattr(geometry, "LARGE_PICTURE", 1 << 40)
    expected = geometry.warp(part, geometry.compose(matrix, np.array([[1.0, 0, x], [0, 1.0, y]])), 64)
    assert crop.shape == (64, 64, 3) and np.abs(crop.astype(int) - expected.astype(int)).mean() < 1.5
    inside = geometry.transform_points(matrix, [[shape[1] / 2, shape[0] / 2]])
    assert crop.any() == (box[2] > 0) and np.isfinite(inside).all()


def test_a_header_of_more_pixels_than_can_be_read_is_one_line(tmp_path):
    import struct
    import zlib

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    bomb = (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 40000, 40000, 8, 0, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b""))
    (tmp_path / "bomb.png").write_bytes(bomb)
    with pytest.raises(InputError, match="bomb.png: .*pixels"):
        read_picture(tmp_path / "bomb.png")


@pytest.mark.parametrize("largest, bits", [(1000, 10), (4000, 12), (65535, 16)])
def test_a_16_bit_picture_is_as_bright_as_its_bits_say(tmp_path, largest, bits):
    """Cameras put 10 or 12 bits into 16; the plain upper half would be a black picture."""
    ramp = np.linspace(0, largest, 64 * 64).round().astype(np.uint16).reshape(64, 64)
    assert cv2.imwrite(str(tmp_path / "a.png"), ramp)
    picture = read_picture(tmp_path / "a.png")
    assert picture.dtype == np.uint8 and np.array_equal(picture, np.repeat((ramp >> (bits - 8))[..., None], 3, 2))


def test_a_name_that_is_no_utf_8_is_trained_on_and_evaluated(tmp_path):
    """OpenCV's haveImageReader ends the process on such a name."""
    index = make_index(tmp_path / "index", 4, 4)
    odd = os.fsdecode(b"caf\xe9")
    for split in ("train", "common"):
        faces = read_split(index, split)
        name = f"images/{odd}{split}.png"
        (index.folder / faces[0].image).rename(index.folder / name)
        lines = (index.folder / f"{split}.jsonl").read_text().splitlines()
        first = json.loads(lines[0])
        lines[0] = json.dumps({**first, "image": name})
        (index.folder / f"{split}.jsonl").write_text("\n".join(lines) + "\n")
    run, environment = tmp_path / "run", {**child_environment(), "PYTHONIOENCODING": "utf-8:strict"}
    for arguments in (["train", "--data", index.folder, "--preset", "smoke", "--out", run, "--set", "epochs=1"],
                      ["eval", "--run", run, "--data", index.folder],
                      ["predict", "--run", run, index.folder / "images" / f"{odd}common.png", "--box", "20,20,70,70"]):
        command = [sys.executable, "-m", "gv.cli", *map(str, arguments)]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True)
        assert done.returncode == 0, done.stderr.decode(errors="replace")[-2000:]
    assert b"caf\\udce9common.png: 1 face" in done.stdout
    assert "caf\\udce9common.png" in (run / "errors_common.csv").read_text()


# --- what training and its users are told

def test_the_first_loss_that_is_no_number_is_named_with_its_step(index, tmp_path):
    with pytest.raises(InputError, match="the loss is nan at step 2; .* there is no checkpoint yet"):
        train_tiny(tmp_path / "run", index, FACES, settings={"lr": 1e20})
    train_tiny(tmp_path / "kept", index, FACES, settings={"epochs": 3}, stop_after=4)
    sidecar = tmp_path / "kept" / "checkpoint" / "sidecar.json"
    values = {name: value * np.nan for name, value in checkpoint.load(tmp_path / "kept").items()}
    facts = json.loads(sidecar.read_text())
    facts.pop("files")
    checkpoint.save(tmp_path / "kept", facts, values, checkpoint.load(tmp_path / "kept", "optimiser"))
    with pytest.raises(InputError, match="the loss is nan at step 5; .* the checkpoint of step 4 is kept"):
        train_tiny(tmp_path / "kept", index, FACES, settings={"epochs": 3}, resume=True)


def test_training_says_where_the_detector_found_too_few_faces(index, capsys, monkeypatch):
    faces = read_split(index, "train")
    dataset = FaceDataset(index.folder, faces, index.layout, tiny_run().crop)
    monkeypatch.setattr(detector.FaceDetector, "__call__", lambda self, image: [])
    assert detector.fit_detector(dataset, 400) is None
    assert f"found 0 of {len(faces)} training faces; its boxes are fitted from 20 on" in capsys.readouterr().err


@pytest.mark.parametrize("trained, found, words", [
    ([1.0, 1.0, 1.0], [0.7, 0.72], "fill 71 % of their crops, in training 100 % .* too large"),
    ([1.0, 1.0, 1.0], [1.2], "too small"), ([1.0, 1.0, 1.0], [0.95], ""), ([0.6, 0.8, 0.9], [0.55], ""),
    ([0.6, 0.8, 0.9], [0.5], "too large"), (None, [0.1], ""), ([1.0, 1.0, 1.0], [], ""),
])
def test_other_boxes_than_those_of_the_training_are_noticed(trained, found, words):
    said = coverage.difference(trained, found, "do this")
    assert re.search(words, said) if words else said == ""


def test_eval_and_predict_say_that_boxes_are_other_than_the_trainings(index, tmp_path, capfd):
    from gv.cli import main
    run = tmp_path / "run"
    train_tiny(run, index, FACES, settings={"epochs": 1})
    assert checkpoint.read_sidecar(run)["coverage"] == [1, 1, 1]
    larger = tmp_path / "larger"
    shutil.copytree(index.folder, larger)
    lines = [json.loads(line) for line in (larger / "common.jsonl").read_text().splitlines()]
    for line in lines:
        line["box"] = list(geometry.enlarge_box(line["box"], 0.5))
    (larger / "common.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    settings = json.loads((run / "config.json").read_text())
    assert settings["crop"]["boxes"] == "landmarks", "GV makes its boxes itself, and other ones do not reach it"
    assert main(["eval", "--run", str(run), "--data", str(larger), "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["other_boxes"] == ""
    other = tmp_path / "other"
    train_tiny(other, index, FACES, settings={"epochs": 1, "boxes": "index"})
    assert main(["eval", "--run", str(other), "--data", str(larger)]) == 0
    assert "the faces fill 67 % of their crops, in training 100 %" in capfd.readouterr().out


# --- the harness

def catalogue(folder, table):
    return [sys.executable, "-m", "experiments.catalogue", table, "--preset", "smoke", "--out", str(folder)]


@pytest.mark.parametrize("size, words", [    # pictures fit, the list of faces does not; or that too, and weights do not
    (50_000, r"\.drawn\.jsonl: File too large"),
    (300_000, "gv on 300w, curve on full, seed 0: .*weights-.*params: not written whole: the disk is full")])
def test_a_disk_that_is_full_in_the_harness_names_the_run_and_the_file(tmp_path, size, words):
    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    done = subprocess.run(catalogue(tmp_path, "gv-table6"), cwd=ROOT, env={**child_environment(), "DATA": ""},
                          capture_output=True, preexec_fn=limit, timeout=250)
    said = done.stderr.decode().replace("\r", "\n").strip().splitlines()[-1]
    assert done.returncode == 2 and "Traceback" not in done.stderr.decode()
    assert re.search(words, said), said
    assert not list(tmp_path.rglob("*.part")) and not list(tmp_path.rglob("*.params"))


@pytest.mark.parametrize("number, code, words", [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "ended by TERM")])
def test_an_ended_harness_says_what_is_kept_in_one_line(tmp_path, number, code, words):
    """The worker saves the step it is in, and no process is left."""
    environment = {**child_environment(), "DATA": ""}
    process = subprocess.Popen(catalogue(tmp_path, "anchorface-table10"), cwd=ROOT, env=environment, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE,
                               preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler))
    deadline = time.monotonic() + 150
    while not list(tmp_path.glob("trainings/*/worker.log")) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(number)
    stdout, stderr = (text.decode() for text in process.communicate(timeout=100))
    last = stderr.replace("\r", "\n").strip().splitlines()[-1]
    assert process.returncode == code and "Traceback" not in stderr, stderr
    assert f"{words}; 0 of 1 runs were finished and are kept, 1 under way saved what there was" in last
    assert "stopping: 1 run under way will save what there is" in stderr
    assert "Traceback" not in next(tmp_path.glob("trainings/*/worker.log")).read_text()


@pytest.mark.parametrize("error", [MemoryError(), mx.MXNetError("std::bad_alloc"), cv2.error("(-4:Insufficient memory) x"),
                                   mx.MXNetError("cudaMalloc failed: out of memory")])
def test_too_little_memory_is_one_line_that_says_what_to_lower(error, capsys):
    def main():
        raise error
    assert exits.run(main, "p") == 2
    assert capsys.readouterr().err.startswith("p: memory: there is not enough of it; lower batch, size")
