"""Long trials: a hundred kills and a hundred ends that were asked for, memory over many steps, many faces, a very large picture.

Slow, and run with ``pytest -m slow tests/test_stress.py -s``, which prints what was seen.
"""

import gc
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from helpers import ROOT, TINY, child_environment, make_index
from test_resume import assert_same

FACES, STEPS_AN_EPOCH = 9, 3
ENDS = 25                  # of each method and number of devices
SECONDS = 1.5              # a life lasts up to so long after its first step
EPOCHS = 400
SETTINGS = {"epochs": EPOCHS, "lr": 1e-3, "warmup": 1.0}


def run_of(method):
    """(methods, tiny Run)."""
    from gv.core.run import plan
    if method == "gv":
        from gv.methods import METHODS
        settings = TINY
    else:
        from anchorface.methods import METHODS
        settings = {"size": 32, "faces": 0, "batch": 4, "grid": 2, "stem_stride": 2}     # of a map of 2 x 2
    return METHODS, plan(METHODS, method, "smoke", {name: str(value) for name, value in {**settings, **SETTINGS}.items()}, 68)


def child(folder, data, method, devices, save_seconds):
    """Trains, from where the folder's checkpoint is, and prints each step that is done."""
    from gv.core import train as training
    from gv.core.devices import parse_devices
    from gv.core.exits import run as run_main
    from gv.core.faces import read_index, read_split
    training.SAVE_SECONDS = save_seconds
    step, (_, run), index = training.Optimiser.step, run_of(method), read_index(data)
    done = [0]
    if Path(folder, "checkpoint", "sidecar.json").is_file():
        done[0] = training.checkpoint.read_sidecar(folder)["step"]
    began = done[0]

    def telling(self, rate, images):
        step(self, rate, images)
        done[0] += 1
        print(began, done[0], flush=True)

    training.Optimiser.step = telling
    sys.exit(run_main(lambda: training.train(folder, run, index, read_split(index, "train")[:FACES], parse_devices(devices),
                                             resume=True, quiet=True)))


def live(folder, data, method, devices, number=None, rng=None, save_seconds=0.0):
    """One life of a training, ended by a signal at a random moment after its first step: (exit code, step it began from, steps
    done, stderr); the code is 0 where it came to its end first."""
    code = f"import test_stress; test_stress.child({str(folder)!r}, {str(data)!r}, {method!r}, {devices!r}, {save_seconds!r})"
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=child_environment(), stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)
    lines = [process.stdout.readline()]
    if number is not None:
        time.sleep(rng.uniform(0, SECONDS))
        process.send_signal(number)
    out, err = process.communicate(timeout=600)
    lines += out.splitlines()
    numbers = [tuple(map(int, line.split())) for line in lines if len(line.split()) == 2]
    return process.returncode, *(numbers[-1] if numbers else (None, None)), err


def step_of(folder):
    from gv.core import checkpoint
    path = Path(folder, "checkpoint", "sidecar.json")
    return checkpoint.read_sidecar(folder)["step"] if path.is_file() else 0


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return make_index(tmp_path_factory.mktemp("index"), FACES, 3).folder


@pytest.fixture(scope="module")
def whole(tmp_path_factory, data):
    """{(method, devices): folder} of trainings that nothing disturbed."""
    folders = {}

    def get(method, devices):
        if (method, devices) not in folders:
            folders[method, devices] = tmp_path_factory.mktemp("whole")
            code, *_, err = live(folders[method, devices], data, method, devices, save_seconds=1e9)
            assert code == 0, err
        return folders[method, devices]
    return get


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
@pytest.mark.parametrize("devices", ["cpu:0", "cpu:0,1"])
@pytest.mark.parametrize("method", ["gv", "anchorface"])
def test_ended_again_and_again_at_random_moments(tmp_path, data, whole, method, devices, number):
    """SIGKILL: nothing is lost but what came after the last checkpoint. SIGTERM, SIGINT: nothing at all. The end is the same."""
    ends = ENDS if number == signal.SIGKILL else (ENDS + 1) // 2
    rng, folder, codes, lost = np.random.default_rng(int(number)), tmp_path / "run", [], 0
    for _ in range(ends):
        before = step_of(folder)
        code, began, done, err = live(folder, data, method, devices, number, rng)
        if code == 0:
            break
        codes.append(code)
        assert began == before, "it went on from another step than the checkpoint's"
        kept = step_of(folder)
        if number == signal.SIGKILL:
            assert code == -number and before <= kept <= done and kept % STEPS_AN_EPOCH == 0, (before, kept, done)
            lost += done - kept
        else:
            assert code == 128 + number and kept == done, (code, kept, done, err)
    code, *_, err = live(folder, data, method, devices, save_seconds=1e9)
    assert code == 0, err
    assert_same(folder, whole(method, devices))
    print(f"\n{method}, {devices}: {len(codes)} x {number.name}, steps after the last checkpoint {lost}, ends the same")
    assert len(codes) >= ends // 2, "too few ends to say anything: lengthen EPOCHS"


def resident():
    """Resident memory of this process in MB."""
    with open("/proc/self/statm", encoding="ascii") as numbers:
        return int(numbers.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2 ** 20


MEMORY_STEPS, MEMORY_PREDICTIONS, ALLOWED_MB = 20_000, 10_000, 20
MXNETS_MB = 22      # that MXNet's oneDNN loses in a thousand steps, at most


def long_training(folder, data):
    """Train for many steps and print resident memory every thousand."""
    from gv.core import train as training
    from gv.core.devices import parse_devices
    from gv.core.faces import read_index, read_split
    from gv.core.run import plan
    from gv.methods import METHODS
    step, count, index = training.Optimiser.step, [0], read_index(data)
    settings = {**TINY, "epochs": -(-MEMORY_STEPS // STEPS_AN_EPOCH), "lr": 1e-4}
    run = plan(METHODS, "gv", "smoke", {name: str(value) for name, value in settings.items()}, 68)

    def telling(self, rate, images):
        step(self, rate, images)
        count[0] += 1
        if count[0] % 1000 == 0:
            print(f"{resident():.1f}", flush=True)

    training.Optimiser.step = telling
    training.train(folder, run, index, read_split(index, "train")[:FACES], parse_devices("cpu:0"), quiet=True)


def long_prediction(run, picture):
    """Predict many times and print resident memory every thousand."""
    import gv
    detector = gv.load(run)
    for count in range(1, MEMORY_PREDICTIONS + 1):
        detector(picture, [(20, 20, 75, 75)])
        if count % 1000 == 0:
            gc.collect()
            print(f"{resident():.1f}", flush=True)


def memory_of(call, **environment):
    """The numbers that a function of this module prints, in a process of its own."""
    done = subprocess.run([sys.executable, "-c", f"import test_stress; test_stress.{call}"], cwd=ROOT,
                          env={**child_environment(), **environment}, capture_output=True, text=True, timeout=5000)
    assert done.returncode == 0, done.stderr[-2000:]
    return [float(line) for line in done.stdout.split()]


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_memory_is_flat_over_training_and_prediction(tmp_path, data):
    """Of all that is ours. MXNet 1.9.1 itself loses 19 KB a step in oneDNN's backward passes, which the last figures show."""
    from helpers import train_tiny

    from gv.core.faces import read_index, read_split
    index = read_index(data)
    train_tiny(tmp_path / "run", index, FACES, settings={"epochs": 1})
    picture = str(index.folder / read_split(index, "common")[0].image)
    predicting = f"long_prediction({str(tmp_path / 'run')!r}, {picture!r})"
    plain, usual = (f"long_training({str(tmp_path / name)!r}, {str(data)!r})" for name in ("plain", "usual"))
    for call, environment in ((predicting, {}), (plain, {"MXNET_MKLDNN_ENABLED": "0"}), (usual, {})):
        seen = memory_of(call, **environment)
        print(f"\n{call.partition('(')[0]} {environment}: MB every thousand {seen}")
        lost = MXNETS_MB * (len(seen) - 1) if call == usual else 0
        assert max(seen[1:]) - seen[0] < ALLOWED_MB + lost


def peak_and_seconds(code):
    """(a number that the code prints, peak resident MB, the seconds it counted) of Python code, in a process of its own."""
    code = (f"import time, re\n{code}\n"     # not ru_maxrss, which begins at that of the process that started this one
            "print(int(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read()).group(1)) / 1024, seconds)")
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=child_environment(), capture_output=True, text=True,
                          timeout=600)
    assert done.returncode == 0, done.stderr[-2000:]
    return tuple(map(float, done.stdout.split()))


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_thousand_faces_and_a_very_large_picture(tmp_path, data):
    """Points of each face are those of a small picture with that face alone; 20000 x 20000 pixels take little more."""
    from helpers import train_tiny

    import gv
    from gv.core.faces import read_index, read_split
    from gv.core.pictures import read_picture
    index = read_index(data)
    train_tiny(tmp_path / "run", index, FACES, settings={"epochs": 1})
    face = read_split(index, "common")[0]
    small = read_picture(str(index.folder / face.image))
    height, width = small.shape[:2]
    detector = gv.load(tmp_path / "run")
    alone, = detector(small, [face.box])

    many = np.tile(small, (25, 40, 1))
    corners = [(x * width, y * height) for y in range(25) for x in range(40)]
    boxes = [tuple(np.add(face.box, (x, y, x, y))) for x, y in corners]
    found = detector(many, boxes)
    assert len(found) == 1000
    inner = [(one, corner) for one, corner in zip(found, corners) if 0 < corner[0] < 39 * width and 0 < corner[1] < 24 * height]
    worst = max(np.abs(one.points - np.array(corner) - alone.points).max() for one, corner in inner)
    print(f"\n1000 faces: points differ from those alone by at most {worst:.3f} pixels")
    assert worst < 3 * width / 32      # neighbours show at the crop's edge: a cell or so

    side, (x, y) = 20_000, (12_345, 17_001)
    large = np.zeros((side, side, 3), np.uint8)
    large[y:y + height, x:x + width] = small
    cv2.imwrite(str(tmp_path / "large.jpg"), large)
    del large
    box = tuple(np.add(face.box, (x, y, x, y)))
    reading, peak, seconds = peak_and_seconds(
        "import numpy as np, gv\nfrom gv.core.pictures import read_picture\n"
        f"detector = gv.load({str(tmp_path / 'run')!r})\ndetector({str(index.folder / face.image)!r}, [{face.box!r}])\n"
        f"began = time.perf_counter()\npicture = read_picture({str(tmp_path / 'large.jpg')!r})\nread = time.perf_counter()\n"
        f"found, = detector(picture, [{box!r}])\nseconds = time.perf_counter() - read\nprint(read - began)\n"
        f"alone, = detector(picture[{y}:{y + height}, {x}:{x + width}].copy(), [{face.box!r}])\n"
        f"difference = np.abs(found.points - {(x, y)!r} - alone.points)\nassert difference.max() < 0.1, difference")
    print(f"20000 x 20000: read in {reading:.2f} s, the face found in {seconds:.2f} s, peak {peak:.0f} MB")
    assert seconds < 2 and peak < 1600     # of which the picture itself is 1144
