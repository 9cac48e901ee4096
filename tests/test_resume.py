"""A run killed at any point and resumed ends as one never interrupted: same weights, same state of Adam, same log, to the bit.

Everything that trains runs in processes of its own, started afresh; a kill is SIGKILL, which no handler sees.
"""

import csv
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from helpers import ROOT, child_environment, make_index, train_tiny

FACES = 9                          # batches of 4, 4 and 1: on two devices one has nothing to do in the last
STEPS_AN_EPOCH, EPOCHS = 3, 5
SETTINGS = {"epochs": EPOCHS, "lr": 1e-3, "warmup": 1.0, "curve_split": "common", "curve_every": 2}
SEED_OF_KILLS = 20
TIMING = ("seconds", "images_per_second")


def child(folder, data, devices, resume=False, save_seconds=0.0, kill=None):
    """What each process does: train, and kill itself where it is told to.

    kill: ["step", n, "before" or "after"] the n-th update; ["weights", n] half-way through writing the weights of the
    n-th checkpoint; ["sidecar", n] when its files are written and its sidecar is not; ["clean-up", n] when its sidecar
    is written and the old files are still there.
    """
    import mxnet as mx

    from gv.core import checkpoint, evaluate
    from gv.core import train as training
    from gv.core.faces import read_index, read_split
    training.SAVE_SECONDS = save_seconds
    counts = {}

    def reached(what):
        counts[what] = counts.get(what, 0) + 1
        return kill is not None and kill[0] == what and counts[what] == kill[1]

    def die():
        os.kill(os.getpid(), signal.SIGKILL)

    step, write, save = training.Optimiser.step, checkpoint.write_json, mx.nd.save

    def killing_step(self, rate, images):
        last = reached("step")
        if last and kill[2] == "before":
            die()
        step(self, rate, images)
        if last:
            die()

    def killing_save(name, values):
        save(name, values)
        if "weights" in name and reached("weights"):
            os.truncate(name, os.path.getsize(name) // 2)
            die()

    def killing_write(path, values, **options):
        if path.name == checkpoint.SIDECAR and reached("sidecar"):
            die()
        write(path, values, **options)
        if path.name == checkpoint.SIDECAR and reached("clean-up"):
            die()

    training.Optimiser.step, mx.nd.save, checkpoint.write_json = killing_step, killing_save, killing_write
    index = read_index(data)
    from helpers import tiny_run
    curve = evaluate.curve_of(tiny_run(**SETTINGS), index, read_split(index, "common"), [mx.cpu()])
    train_tiny(folder, index, FACES, devices, settings=SETTINGS, curve=curve, resume=resume)


def start(*arguments, **options):
    code = f"import test_resume; test_resume.child(*{arguments!r}, **{options!r})"
    return subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=child_environment(), stdout=subprocess.DEVNULL,
                            stderr=subprocess.PIPE)


def finish(process):
    stderr = process.communicate(timeout=200)[1].decode()
    return process.returncode, stderr


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return str(make_index(tmp_path_factory.mktemp("index"), FACES, 3).folder)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory, data):
    """{devices: folder} of runs that nothing disturbed; they save at the end only."""
    folders = {}
    for devices in ("cpu:0", "cpu:0,1"):
        folders[devices] = tmp_path_factory.mktemp("whole")
        code, stderr = finish(start(str(folders[devices]), data, devices, save_seconds=1e9))
        assert code == 0, stderr
    return folders


def result(folder):
    """All that a run leaves but times: files of the checkpoint with their hashes, their fitted, log, config."""
    from gv.core import checkpoint
    sidecar = checkpoint.read_sidecar(folder)
    fitted = {f"{part}: {name}": value.asnumpy() for part in ("weights", "optimiser")
              for name, value in checkpoint.load(folder, part).items()}
    with open(folder / "log.csv", newline="") as lines:
        log = [{name: value for name, value in row.items() if name not in TIMING} for row in csv.DictReader(lines)]
    return sidecar, fitted, log, json.loads((folder / "config.json").read_text())


def assert_same(folder, whole):
    (sidecar, fitted, log, config), (sidecar_whole, arrays_whole, log_whole, config_whole) = result(folder), result(whole)
    assert set(fitted) == set(arrays_whole) and any(name.startswith("optimiser") for name in fitted)
    different = [name for name in fitted if fitted[name].tobytes() != arrays_whole[name].tobytes()]
    assert different == [], {name: np.abs(fitted[name] - arrays_whole[name]).max() for name in different[:5]}
    assert log == log_whole and config == config_whole
    timeless = [{name: value for name, value in side.items() if name != "seconds"} for side in (sidecar, sidecar_whole)]
    assert timeless[0] == timeless[1] and sidecar["finished"]
    left = sorted(path.name for path in (folder / "checkpoint").iterdir())
    assert left == sorted(["sidecar.json", *(entry["file"] for entry in sidecar["files"].values())])


def kill_points():
    rng = np.random.default_rng(SEED_OF_KILLS)
    steps = sorted(int(n) for n in rng.choice(np.arange(1, EPOCHS * STEPS_AN_EPOCH + 1), 3, replace=False))
    points = [("cpu:0", ["step", n, rng.choice(["before", "after"]).item()]) for n in steps]
    points += [("cpu:0", ["weights", int(rng.integers(2, EPOCHS + 1))]), ("cpu:0", ["sidecar", int(rng.integers(2, EPOCHS + 1))])]
    points += [("cpu:0,1", ["step", int(rng.integers(STEPS_AN_EPOCH + 1, EPOCHS * STEPS_AN_EPOCH)), "after"]),
               ("cpu:0,1", ["sidecar", 1]), ("cpu:0,1", ["clean-up", 2])]
    return points


def test_the_uninterrupted_runs_did_what_they_should(uninterrupted):
    for devices, folder in uninterrupted.items():
        sidecar, fitted, log, _ = result(folder)
        assert (sidecar["step"], sidecar["epoch"], len(log)) == (EPOCHS * STEPS_AN_EPOCH, EPOCHS, EPOCHS), devices
        assert [row["nme_ion"] != "" for row in log] == [False, True, False, True, True]
        assert len({row["loss"] for row in log}) == EPOCHS


@pytest.mark.parametrize("devices, kill", kill_points(), ids=str)
def test_killed_and_resumed(tmp_path, data, uninterrupted, devices, kill):
    folder = tmp_path / "run"
    code, stderr = finish(start(str(folder), data, devices, kill=kill))
    assert code == -signal.SIGKILL, (code, stderr)
    code, stderr = finish(start(str(folder), data, devices, resume=True, save_seconds=1e9))
    assert code == 0, stderr
    assert_same(folder, uninterrupted[devices])


def test_killed_twice_from_outside(tmp_path, data, uninterrupted):
    """The parent kills at whatever moment it happens to be, twice; then the run is left to end."""
    folder, rng = tmp_path / "run", np.random.default_rng(SEED_OF_KILLS + 1)
    for enough in (1, 3):  # rows in the log before the blow
        process = start(str(folder), data, "cpu:0", resume=True)
        deadline = time.monotonic() + 120
        while process.poll() is None and time.monotonic() < deadline:
            log = folder / "log.csv"
            if log.is_file() and len(log.read_text().splitlines()) > enough:
                break
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 0.3))
        process.kill()
        code, stderr = finish(process)
        assert code in (0, -signal.SIGKILL), stderr  # 0: a fast machine was done before the blow
    code, stderr = finish(start(str(folder), data, "cpu:0", resume=True))
    assert code == 0, stderr
    assert_same(folder, uninterrupted["cpu:0"])
