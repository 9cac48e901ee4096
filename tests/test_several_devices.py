"""Several devices: BatchNorm over all of them, evaluation on all of them, loading for all of them, and their memory."""

import json
import os
import signal
import subprocess
import sys
import time

import mxnet as mx
import numpy as np
import pytest
from helpers import child_environment, make_index, tiny_run, train_tiny

from gv.core import checkpoint, evaluate
from gv.core.cli import main as command
from gv.core.data import FaceDataset, training_batches
from gv.core.devices import memory_text, memory_used
from gv.core.errors import InputError, PartlyDone
from gv.core.faces import read_split
from gv.core.loader import Loader, default_workers
from gv.core.machine import CPU_SCRATCH, SCRATCHES
from gv.core.run import open_run
from gv.core.synced import synchronise
from gv.methods import METHODS


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    return make_index(tmp_path_factory.mktemp("index"), train=20, common=21)


@pytest.fixture(scope="module")
def run(tmp_path_factory, index):
    folder = tmp_path_factory.mktemp("runs") / "run"
    train_tiny(folder, index, settings={"epochs": 1})
    return folder


# --- BatchNorm over all devices

SYNCED = """
import sys
import numpy as np
from helpers import tiny_run, train_tiny
from gv.core import checkpoint
from gv.core.faces import read_index
folder, steps, faces = sys.argv[1], int(sys.argv[3]), int(sys.argv[4])
index = read_index(sys.argv[2])
for name, devices, how in (("one", "cpu:0", "train"), ("two", "cpu:0,1", "sync"), ("apart", "cpu:0,1", "train"),
                           ("alone", "cpu:0", "sync")):
    settings = {"batchnorm": how, "lr": 1e-8, "epochs": steps * 4 // faces, "batch": 4}
    train_tiny(f"{folder}/{name}", index, faces, devices, settings=settings)
"""


def synced(folder, index, steps, faces):
    """{name: weights} of trainings in which BatchNorm's statistics alone move, in a process with scratch memory enough."""
    environment = {**child_environment(), SCRATCHES: str(CPU_SCRATCH)}
    subprocess.run([sys.executable, "-c", SYNCED, str(folder), str(index.folder), str(steps), str(faces)], env=environment,
                   check=True, timeout=300)
    return {name: {key: value.asnumpy() for key, value in checkpoint.load(folder / name).items()}
            for name in ("one", "two", "apart", "alone")}


def apart(a, b):
    """The largest distance of a parameter or statistic, in L2 and relative."""
    return max(float(np.linalg.norm(a[name] - b[name]) / max(np.linalg.norm(a[name]), 1e-6)) for name in a)


def test_synchronised_batchnorm_of_two_devices_is_that_of_one(tmp_path, index):
    """20 steps of whole batches: mean and variance are those of the batch, where each device by itself has others."""
    found = synced(tmp_path, index, 20, 8)
    together, without = (apart(found["one"], found[name]) for name in ("two", "apart"))
    assert together < 1e-4 and without > 1e-2, (together, without)
    assert all((found["one"][name] == found["alone"][name]).all() for name in found["one"]), "one device has nothing to wait for"


def test_cpus_that_would_wait_for_each_other_are_refused(monkeypatch, tmp_path, index):
    monkeypatch.delenv(SCRATCHES, raising=False)
    with pytest.raises(InputError, match=f"batchnorm=sync: {SCRATCHES} is not set, .*at least {CPU_SCRATCH}"):
        train_tiny(tmp_path / "run", index, 8, "cpu:0,1", settings={"batchnorm": "sync"})
    monkeypatch.setenv(SCRATCHES, "4")
    net = tiny_run().method.net(68, {})
    with pytest.raises(InputError, match="is 4"):
        synchronise(net, [mx.cpu(0), mx.cpu(1)])
    synchronise(net, [mx.cpu(0)])


@pytest.mark.parametrize("method", sorted(METHODS))
def test_every_batchnorm_of_a_net_is_synchronised(method, monkeypatch):
    monkeypatch.setenv(SCRATCHES, str(CPU_SCRATCH))
    net = tiny_run(method).method.net(68, {})
    before, names = [], list(net._collect_params_with_prefix())
    net.apply(lambda block: before.append(block) if isinstance(block, mx.gluon.nn.BatchNorm) else None)
    synchronise(net, [mx.cpu(0), mx.cpu(1)])
    assert before and list(net._collect_params_with_prefix()) == names
    assert {type(block).__name__ for block in before} == {"SyncBatchNorm"}
    assert len({block._kwargs["key"] for block in before}) == len(set(map(id, before))), "each waits for its own counterpart"


# --- evaluation on all devices

@pytest.mark.parametrize("devices", [1, 2, 3])
def test_evaluation_on_several_devices_is_equal_to_the_bit(index, run, devices):
    contexts = [mx.cpu(number) for number in range(devices)]
    loaded, _, fitted, net = open_run(METHODS, run, contexts)
    dataset = FaceDataset(index.folder, read_split(index, "common"), index.layout, loaded.crop)
    decoders = {name: loaded.method.ready_decoder(loaded.method.Decoding(beyond_box=on), fitted, contexts)
                for name, on in (("off", False), ("on", True))}
    seen = []
    found = evaluate.decode_faces(net, decoders, dataset, contexts, batch=4,
                                  observe=lambda outputs, true: seen.append((str(outputs[0].context), len(true))))
    assert [size for _, size in seen] == [4, 4, 4, 4, 4, 1]
    assert [name for name, _ in seen] == [f"cpu({number % devices})" for number in range(6)]
    _, _, _, alone = open_run(METHODS, run, [mx.cpu()])
    decoders = {name: loaded.method.ready_decoder(loaded.method.Decoding(beyond_box=on), fitted, mx.cpu())
                for name, on in (("off", False), ("on", True))}
    for name, points in evaluate.decode_faces(alone, decoders, dataset, [mx.cpu()], batch=4).items():
        np.testing.assert_array_equal(found[name], points)


def test_eval_uses_the_devices_it_is_given(index, run, capfd):
    reports = []
    for devices in ("cpu:0", "cpu:0,1"):
        assert command("gv", list(METHODS), ["smoke"], lambda: METHODS, None, [
            "eval", "--run", str(run), "--data", str(index.folder), "--split", "common", "--devices", devices, "--json"]) == 0
        reports.append(json.loads(capfd.readouterr().out))
    assert reports[0] == reports[1]


# --- loading

def test_loading_processes_give_the_same_batches(index):
    def dataset():
        made = tiny_run(rotation_p=1.0, brightness=0.2)
        return FaceDataset(index.folder, read_split(index, "train"), index.layout, made.crop, made.augment, 3)

    expected = [batch for epoch, first in ((0, 0), (1, 2)) for batch in training_batches(dataset(), 8, epoch, first)]
    for workers in (0, 1, 3):
        with Loader(dataset(), 8, workers) as loader:
            found = [batch for epoch, first in ((0, 0), (1, 2)) for batch in loader.batches(epoch, first)]
        assert [len(points) for _, points in found] == [8, 8, 4, 4]
        for (images, points), (true_images, true_points) in zip(found, expected):
            np.testing.assert_array_equal(images, true_images)
            np.testing.assert_array_equal(points, true_points)


def test_a_training_fed_by_processes_is_the_same_to_the_bit(tmp_path, index):
    for name, workers in (("without", 0), ("with", 2)):
        train_tiny(tmp_path / name, index, 12, settings={"epochs": 2}, workers=workers)
    one, two = (checkpoint.load(tmp_path / name) for name in ("without", "with"))
    assert all((one[name] == two[name]).asnumpy().all() for name in one)


def test_a_picture_that_a_loading_process_cannot_read_is_named(tmp_path):
    index = make_index(tmp_path, train=6, common=2)
    faces = read_split(index, "train")
    (tmp_path / faces[4].image).write_bytes(b"no picture")
    made = tiny_run()
    with Loader(FaceDataset(index.folder, faces, 68, made.crop, made.augment), 2, 2) as loader:
        with pytest.raises(InputError, match="not a picture"):
            list(loader.batches(0))


def test_a_loading_process_that_ends_is_a_line_not_a_wait(index):
    made = tiny_run()
    with Loader(FaceDataset(index.folder, read_split(index, "train"), 68, made.crop, made.augment), 2, 2) as loader:
        batches = loader.batches(0)
        next(batches)
        for process in list(loader.pool._processes.values()):
            os.kill(process.pid, signal.SIGKILL)
        with pytest.raises(InputError, match="--workers: one of 2 loading processes has ended.*--workers 0"):
            list(batches)


ORPHANS = """
import os, signal, sys
from helpers import tiny_run
from gv.core.data import FaceDataset
from gv.core.faces import read_index, read_split
from gv.core.loader import Loader
index, made = read_index(sys.argv[1]), tiny_run()
with Loader(FaceDataset(index.folder, read_split(index, "train"), 68, made.crop, made.augment), 2, 2) as loader:
    next(loader.batches(0))
    print(*(process.pid for process in loader.pool._processes.values()), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_training_leaves_no_loading_process(index):
    child = subprocess.run([sys.executable, "-c", ORPHANS, str(index.folder)], env=child_environment(), stdout=subprocess.PIPE,
                           timeout=120)
    assert child.returncode == -signal.SIGKILL
    pids, end = [int(text) for text in child.stdout.split()], time.monotonic() + 20
    assert len(pids) == 2
    while any(alive(pid) for pid in pids) and time.monotonic() < end:
        time.sleep(0.05)
    assert not any(alive(pid) for pid in pids)


def alive(pid):
    """Whether a process runs; one that has ended and is not yet waited for does not, where /proc tells."""
    try:
        os.kill(pid, 0)
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except ProcessLookupError:
        return False
    except FileNotFoundError:
        return not os.path.isdir("/proc/self")


@pytest.mark.parametrize("devices, cores, workers", [
    ([mx.cpu(0)], 8, 0), ([mx.gpu(0)], 2, 1), ([mx.gpu(0)], 1, 0), ([mx.gpu(0)], 16, 4), ([mx.gpu(i) for i in range(4)], 64, 16),
    ([mx.gpu(i) for i in range(4)], 12, 11),
])
def test_gpus_are_fed_by_processes_and_cpus_are_not(devices, cores, workers):
    assert default_workers(devices, cores) == workers


@pytest.mark.parametrize("error", [InputError("a", "b", "c", "d"), PartlyDone({"x": 1}, "text", "a", "b")])
def test_errors_cross_from_process_to_process(error):
    import pickle
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error) and str(again) == str(error) and vars(again) == vars(error)


# --- memory

def test_memory_of_cpus_is_the_peak_of_the_process():
    before = memory_used([mx.cpu(0), mx.cpu(1)])
    assert list(before) == ["cpu"]
    held = np.ones(before["cpu"] // 8 + (64 << 20) // 8)
    assert memory_used([mx.cpu()])["cpu"] - held.nbytes > 0
    assert memory_text({"gpu:0": 3 << 30, "gpu:1": 1 << 29}) == "gpu:0 3.0 GiB, gpu:1 0.5 GiB"


def test_memory_of_a_gpu_is_what_is_taken(monkeypatch):
    monkeypatch.setattr(mx.context, "gpu_memory_info", lambda number: (5 << 30, (8 + number) << 30))
    assert memory_used([mx.gpu(0), mx.gpu(2)]) == {"gpu:0": 3 << 30, "gpu:2": 5 << 30}
