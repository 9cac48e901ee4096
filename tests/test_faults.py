"""Faults while a run is written or gone on with: nothing is lost, nothing is taken for whole, one line says what happened."""

import json
import os
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
from helpers import ROOT, child_environment, make_index, train_tiny

from gv.core import checkpoint, exits, files, geometry
from gv.core import train as training
from gv.core.data import read_picture
from gv.core.errors import InputError, one_of

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


def test_a_run_that_was_stopped_within_an_epoch_ends_as_one_that_was_not(index, tmp_path, monkeypatch):
    settings = {"epochs": 2, "batch": 4}
    train_tiny(tmp_path / "whole", index, FACES, settings=settings)
    step, seen = training.Optimiser.step, []

    def stopping(self, rate, images):
        step(self, rate, images)
        seen.append(rate)
        if len(seen) == 3:
            os.kill(os.getpid(), signal.SIGTERM)
    monkeypatch.setattr(training.Optimiser, "step", stopping)
    with pytest.raises(exits.Interrupted) as caught:
        train_tiny(tmp_path / "run", index, FACES, settings=settings)
    assert caught.value.number == signal.SIGTERM and checkpoint.read_sidecar(tmp_path / "run")["step"] == 3
    monkeypatch.undo()
    train_tiny(tmp_path / "run", index, FACES, settings=settings, resume=True)
    assert equal(weights_of(tmp_path / "run"), weights_of(tmp_path / "whole"))


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
