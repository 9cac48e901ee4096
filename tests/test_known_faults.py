"""Builds of MXNet with wrong gradients: tried, not looked up by name, and refused for the nets that they would spoil.

The faults themselves show where an interpreter of such a build is named by MXNET_MKL_PYTHON.
"""

import os
import subprocess
import sys

import pytest
from helpers import ROOT, child_environment, make_index

from gv.core import cli, known_faults
from gv.core.errors import InputError
from gv.methods import METHODS, GaussianVector, VectorOptions

NAMED = "MXNET_MKL_PYTHON"


def net_with(encoder):
    return GaussianVector(VectorOptions(encoder=encoder, width=8), 64).net(68, {})


@pytest.mark.parametrize("probe", known_faults.FAULTS.values())
def test_this_build_has_neither_fault(probe):
    assert 0 <= probe() < 1e-5


@pytest.mark.parametrize("encoder, found", [("mobilenetv3_small", True), ("mobilenetv3_large", True), ("resnet18v2_half", False),
                                            ("hrnetv2_w18_small", False)])
def test_which_nets_are_in_danger(encoder, found):
    assert known_faults.has_depthwise(net_with(encoder)) is found


def test_anchorfaces_nets_are_too():
    from anchorface.methods import METHODS as ANCHORFACE
    for method in ANCHORFACE.values():
        made = method(method.Options(), 224)
        assert known_faults.has_depthwise(made.net(68, made.blank(68)))


@pytest.mark.parametrize("apart", [0.3, float("nan")])
def test_a_build_with_a_fault_is_refused_for_those_nets_alone(monkeypatch, apart):
    monkeypatch.setattr(known_faults, "FAULTS", {"a pass": lambda: apart})
    known_faults.refuse(net_with("resnet18v2_half"))
    with pytest.raises(InputError, match="wrong gradients: a pass is off by .*MXNET_MKLDNN_ENABLED=0"):
        known_faults.refuse(net_with("mobilenetv3_small"))
    monkeypatch.setattr(known_faults, "FAULTS", {"a pass": lambda: 1e-6})
    known_faults.refuse(net_with("mobilenetv3_small"))


def test_the_command_refuses_before_it_makes_a_folder(tmp_path, monkeypatch, capsys):
    make_index(tmp_path / "data", 8, 2)
    monkeypatch.setattr(known_faults, "FAULTS", {"a pass": lambda: 0.5})
    given = ["train", "--data", tmp_path / "data", "--out", tmp_path / "run", "--preset", "smoke",
             "--set", "encoder=mobilenetv3_small"]
    assert cli.main("gv", ["gv"], ["smoke"], lambda: METHODS, ROOT, given) == 2
    assert "wrong gradients" in capsys.readouterr().err and not (tmp_path / "run").exists()


def test_the_faults_where_there_is_such_a_build():
    python = os.environ.get(NAMED)
    if not python:
        pytest.skip(f"{NAMED} names no interpreter with mxnet-mkl 1.5.1")
    code = "from gv.core import known_faults as k; print(k.batchnorm(), k.depthwise())"
    done = {on: subprocess.run([python, "-c", code], capture_output=True, text=True, cwd=ROOT,
                               env={**child_environment(), "MXNET_MKLDNN_ENABLED": on}) for on in "10"}
    wrong, right = ([float(text) for text in done[on].stdout.split()[-2:]] for on in "10")
    assert len(wrong) == len(right) == 2, done["1"].stderr
    assert max(right) < 1e-5
    if "avx512" in open("/proc/cpuinfo", encoding="utf-8").read():
        assert min(wrong) > 0.1
    assert sys.executable != python
