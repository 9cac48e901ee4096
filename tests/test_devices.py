"""gv devices: what there is to train on; a device is tried in a process of its own; --devices that are not there."""

import json
import os
import signal
import subprocess
import sys

import mxnet as mx
import pytest
from fake_gpu import build_driver, environment, has_driver
from helpers import ROOT, child_environment
from mxnet import runtime

from gv import cli
from gv.core import cli as core_cli
from gv.core import cuda, devices, survey, trial
from gv.core.errors import InputError, PartlyDone

WORKS = {"works": True, "error": 2e-7, "fused": True, "fault": ""}
BROKEN = {"works": False, "error": None, "fused": False, "fault": "cuDNN is not there"}
AMPERE = {"number": 0, "name": "NVIDIA RTX A6000", "capability": [8, 6], "total": 48 << 30, "free": 47 << 30}
HOPPER = {"number": 1, "name": "NVIDIA H100", "capability": [9, 0], "total": 80 << 30, "free": None}
ADA = {"number": 0, "name": "NVIDIA L40", "capability": [8, 9], "total": 48 << 30, "free": 47 << 30}


@pytest.fixture
def on_cuda(monkeypatch):
    """An MXNet for CUDA, and the driver and cards given."""
    def given(*cards, fault="", mxnet_fault=""):
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        found = {"version": None, "features": {}, "fault": mxnet_fault} if mxnet_fault else {
            "version": "1.9.1", "features": {"CUDA": True, "cuDNN": True, "NCCL": True, "oneDNN": True}, "fault": ""}
        monkeypatch.setattr(survey, "mxnet", lambda: found)
        monkeypatch.setattr(survey, "driver", lambda: {"loads": True, "cuda": 12020, "fault": fault, "cards": list(cards)})
    return given


# --- the trial

def test_the_cpu_works_and_is_itself():
    assert trial.attempt("cpu:0") == {"works": True, "error": 0.0, "fused": True, "fault": ""}
    assert trial.main(["cpu:0"]) == 0


def test_the_convolution_is_a_convolution():
    """Its outputs and gradients by loops over the definition, for one place each."""
    import numpy as np
    y, dx, dw, db = trial.convolve(mx.cpu(0))
    rng = np.random.default_rng(0)
    w, b = (rng.normal(0, 0.1, shape) for shape in ((trial.FILTERS, trial.CHANNELS, 3, 3), (trial.FILTERS,)))
    x = rng.normal(size=(trial.BATCH, trial.CHANNELS, trial.SIDE, trial.SIDE))
    seed = rng.normal(size=y.shape)
    np.testing.assert_allclose(y[1, 2, 5, 7], (x[1, :, 4:7, 6:9] * w[2]).sum() + b[2], rtol=1e-4)
    np.testing.assert_allclose(db, seed.sum((0, 2, 3)), rtol=1e-4)
    np.testing.assert_allclose(dw[3, 4, 1, 1], (seed[:, 3] * x[:, 4]).sum(), rtol=1e-4)
    np.testing.assert_allclose(dx[0, 1, 8, 8], (seed[0, :, 7:10, 7:10] * w[:, 1, ::-1, ::-1]).sum(), rtol=1e-3)


@pytest.mark.parametrize("spoilt, wrong, words", [
    (False, 1.05, "differs from the CPU by 5.0e-02"), (False, float("nan"), "differs from the CPU by inf"), (True, 1.05, ""),
    (False, 1.0005, None),
])
def test_a_device_that_computes_something_else(monkeypatch, spoilt, wrong, words):
    honest = trial.convolve

    def convolve(context, fused=False):
        found = honest(context, fused)
        if context.device_id == 1 and fused == spoilt:
            found[2] = found[2] * wrong
        return found
    monkeypatch.setattr(trial, "convolve", convolve)
    result = trial.attempt("cpu:1")
    json.loads(json.dumps(result), parse_constant=pytest.fail)
    said = trial.sentence("cpu:1", result)
    if words is None:
        assert result["works"] and result["fused"] and "the CPU's to 5e-04" in said
    elif spoilt:
        assert result["works"] and not result["fused"] and "set MXNET_USE_FUSION=0" in said
    else:
        assert not result["works"] and words in said and "does not work" in said


def test_a_device_that_is_not_there_is_one_line(capsys):
    if mx.context.num_gpus():
        pytest.skip("it is there")
    result = trial.in_process("gpu:0")
    assert not result["works"] and "\n" not in result["fault"]
    assert trial.main(["gpu:0"]) == 1 and capsys.readouterr().out == f"gpu:0 does not work: {result['fault']}\n"


@pytest.mark.parametrize("script, words", [
    ("echo Could not load library >&2; kill -ABRT $$", f"signal {int(signal.SIGABRT)}: Could not load library"),
    ("exit 7", "code 7: without a word"), ("echo nonsense", "code 0"), ("exec sleep 20", "no answer in 1 s"),
])
def test_a_trial_that_ends_badly(tmp_path, monkeypatch, script, words):
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\n{script}\n")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    monkeypatch.setattr(trial, "SECONDS", 1)
    result = trial.in_process("gpu:0")
    assert not result["works"] and words in result["fault"]
    monkeypatch.setattr(survey, "SECONDS", 1)
    assert survey.driver()["fault"].startswith("NVIDIA driver: ") and survey.driver()["cards"] == []


def test_the_reason_in_an_error_of_mxnet():
    text = "Traceback (most recent call last):\n  File \"../src/storage/storage.cc\", line 9\nMXNetError: Check failed: e == 0\n"
    assert trial.reason(text, "") == "MXNetError: Check failed: e == 0"
    ended = ("[07:50:50] src/base.cc:48: GPU requested.\nterminate called after throwing an instance of 'dmlc::Error'\n"
             "  what():  [07:50:50] src/engine.cc:330: Check failed: 0\n\n")
    assert trial.reason(ended, "") == "src/engine.cc:330: Check failed: 0"
    assert trial.reason("\n", "nothing") == "nothing" and trial.reason("one\ntwo", "") == "one"


# --- the report

def test_a_machine_without_gpus_is_sound(monkeypatch, capfd):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if runtime.Features().is_enabled("CUDA") or has_driver():
        pytest.skip("an MXNet for CUDA, or a driver")
    assert cli.main(["devices", "--json", "--threads", "1"]) == 0
    out, err = capfd.readouterr()
    report = json.loads(out)
    assert err == "" and report["faults"] == report["gpus"] == [] and not report["driver"]["loads"]
    assert report["mxnet"]["version"] == mx.__version__ and report["mxnet"]["features"]["CUDA"] is False
    assert set(report["mxnet"]["features"]) == {"CUDA", "cuDNN", "NCCL", "oneDNN"} and report["threads"] == 1
    assert report["python"] == ".".join(map(str, sys.version_info[:3]))
    assert report["cores"] >= 1 and report["memory_bytes"] > report["available_bytes"] > 1 << 20
    assert any("make setup GPU=1" in line for line in report["advice"])
    text = survey.as_text(report)
    assert f"MXNet {mx.__version__} for the CPU (CUDA off" in text and "no NVIDIA driver" in text and "make setup GPU=1" in text


def test_it_is_a_command_of_anchorface_too():
    done = subprocess.run([sys.executable, "-m", "anchorface.cli", "devices", "--json"], cwd=ROOT, env=child_environment(),
                          stdout=subprocess.PIPE)
    assert json.loads(done.stdout.decode())["mxnet"]["version"] == mx.__version__


def test_cards_beside_an_mxnet_for_the_cpu(tmp_path):
    if runtime.Features().is_enabled("CUDA"):
        pytest.skip("an MXNet for CUDA")
    driver = build_driver(tmp_path / "driver")
    given = {**child_environment(), **environment(driver, "9.0 NVIDIA H100;7.5 NVIDIA T4")}
    done = subprocess.run([sys.executable, "-m", "gv.cli", "devices"], cwd=ROOT, env=given, stdout=subprocess.PIPE)
    lines = done.stdout.decode().splitlines()
    assert done.returncode == 0 and "NVIDIA driver for CUDA 11.7, cards 2" in lines
    assert "gpu:0: NVIDIA H100, compute capability 9.0, memory 8.0 GiB, free 3.0 GiB; MXNet's wheel has no code for it" in lines
    assert "gpu:1: NVIDIA T4, compute capability 7.5, memory 8.0 GiB, free 3.0 GiB; MXNet's wheel runs its code for 7.0" in lines
    assert lines[-1] == "MXNet is built for the CPU; make setup GPU=1 makes the environment for gpu:1"
    assert "works" not in done.stdout.decode() and "does not work" not in done.stdout.decode()       # not tried
    given["CUDA_VISIBLE_DEVICES"] = ""
    done = subprocess.run([sys.executable, "-m", "gv.cli", "devices"], cwd=ROOT, env=given, stdout=subprocess.PIPE)
    assert done.returncode == 0 and 'CUDA_VISIBLE_DEVICES="": ' in done.stdout.decode()


def test_gpus_that_work(on_cuda):
    on_cuda(AMPERE, {**ADA, "number": 1})
    tried = []
    report = survey.examine(lambda name: tried.append(name) or WORKS)
    assert tried == ["gpu:0", "gpu:1"] and report["faults"] == report["advice"] == []
    assert report["driver"] == {"loads": True, "fault": "", "cuda": "12.2"}
    assert report["gpus"][0]["memory_bytes"] == 48 << 30 and report["gpus"][0]["capability"] == report["gpus"][0]["code"] == "8.6"
    text = survey.as_text(report)
    assert "MXNet 1.9.1 for NVIDIA GPUs (CUDA on" in text and "gpu:0 works: a convolution's outputs" in text
    assert "  should work on the code for 8.6, not tried yet" in text       # the note on the second card


def test_gpus_that_do_not_work_are_faults(on_cuda, monkeypatch, capfd):
    on_cuda(AMPERE, HOPPER)
    monkeypatch.setattr(trial, "in_process", pytest.fail)
    report = survey.examine(lambda name: BROKEN if name == "gpu:0" else pytest.fail(name))     # a card without code is not tried
    assert report["faults"][0] == "gpu:0 does not work: cuDNN is not there" and "gpu:1 (NVIDIA H100)" in report["faults"][1]
    text = survey.as_text(report)
    assert text.count("cuDNN is not there") == 1 and text.count("for which mxnet-cu117 1.9.1 has no code") == 1
    assert "free unknown" in text
    monkeypatch.setattr(survey, "examine", lambda: report)
    with pytest.raises(PartlyDone, match="this machine: gpu:0 does not work"):
        survey.devices(None)
    assert cli.main(["devices", "--json"]) == 2
    out, err = capfd.readouterr()
    assert json.loads(out)["faults"] == report["faults"] and len(err.splitlines()) == 1


@pytest.mark.parametrize("arguments, words", [
    ({"fault": "NVIDIA driver: cuInit gives 999"}, "cuInit gives 999"),
    ({"mxnet_fault": "MXNet: does not import (libcuda.so.1)"}, "does not import"),
])
def test_other_faults(on_cuda, arguments, words):
    on_cuda(**arguments)
    report = survey.examine(pytest.fail)
    assert len(report["faults"]) == 1 and words in report["faults"][0] and words in survey.as_text(report)


def test_a_driver_without_cards_is_no_fault(on_cuda, monkeypatch):
    on_cuda()
    report = survey.examine(pytest.fail)
    assert report["faults"] == [] and "the driver shows no card" in report["advice"][0]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert 'CUDA_VISIBLE_DEVICES="-1"' in survey.examine(pytest.fail)["advice"][0]


# --- an MXNet for CUDA where no driver is; devices that are not there

NO_DRIVER = "import sys\nclass Gone:\n    def find_spec(self, name, path=None, target=None):\n        if name == 'mxnet':\n" \
            "            raise OSError('libcuda.so.1: cannot open shared object file')\nsys.meta_path.insert(0, Gone())\n"


@pytest.mark.parametrize("command, words", [
    (["options"], ["MXNet: is built for CUDA, and libcuda.so.1 does not load", "gv devices", "GPU=0"]),
    (["devices"], ["MXNet: does not import", "make setup GPU=0"]),
])
def test_an_mxnet_for_cuda_without_its_driver_is_one_line(command, words):
    code = f"from gv import cli\n{NO_DRIVER}sys.exit(cli.main({command!r}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=child_environment(), capture_output=True)
    said = done.stderr.decode()
    assert done.returncode == 2 and len(said.splitlines()) == 1 and all(word in said for word in words), said


def test_gpus_that_this_mxnet_does_not_see(monkeypatch):
    monkeypatch.setattr(mx.context, "num_gpus", lambda: 2)
    assert devices.parse_devices("gpu:1,0") == [mx.gpu(1), mx.gpu(0)]

    class Features:
        on = True

        def is_enabled(self, name):
            return self.on and name == "CUDA"
    monkeypatch.setattr(runtime, "Features", Features)
    with pytest.raises(InputError, match='"gpu:2" with 2 GPUs seen; expected GPUs that are there, or cpu:0; gv devices'):
        devices.parse_devices("gpu:2")
    Features.on = False
    with pytest.raises(InputError, match="built for the CPU, which sees no GPUs; .*make setup GPU=1 .*gv devices"):
        devices.parse_devices("gpu:2")

    def fails():
        raise mx.base.MXNetError("Traceback\nMXNetError: CUDA: unknown error")
    monkeypatch.setattr(mx.context, "num_gpus", fails)
    with pytest.raises(InputError, match=r"cannot count \(MXNetError: CUDA: unknown error\)"):
        devices.parse_devices("gpu:0")
    assert devices.parse_devices("gpu:9", there=False) == [mx.gpu(9)]


def test_the_heavy_imports_of_devices_wait():
    code = ("import sys\nfrom gv.core import cli, cuda, survey, trial\n"
            "assert not {'mxnet', 'numpy', 'cv2'} & set(sys.modules), sorted(sys.modules)")
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=child_environment(), check=True)
    assert core_cli.cuda is cuda and os.path.isfile(cuda.__file__)
