"""The comparison of two MXNets: its numbers by hand, its bounds, its page, its processes; and, where MXNET_151_PYTHON names an
interpreter with MXNet 1.5.1, one net of it in full."""

import os
import sys
from dataclasses import replace

import numpy as np
import pytest

from experiments.harness import records
from experiments.studies.compare_mxnet import __main__ as command
from experiments.studies.compare_mxnet import cases, children, differences, measuring, page, whole
from gv.core import gaps
from gv.core.errors import InputError

NAMED = "MXNET_151_PYTHON"
ZERO = differences.Apart(0.0, 0.0, 0.0, 0.0)
NET = differences.Net("a net", replace(ZERO, gradient=2e-2), replace(ZERO, gradient=1e-2),
                      {"main": 1e-2, "control": 1e-2, "other": 1e-2}, {})


def test_every_net_of_the_project_is_compared():
    from anchorface.methods import METHODS as ANCHORFACE
    from experiments.studies.compare_mxnet.child import make_run
    from gv.encoders import ENCODERS
    from gv.methods import METHODS
    from gv.net import VectorNet
    assert set(cases.ENCODERS) == set(ENCODERS)
    assert {case.method for case in cases.NETS} == {*METHODS, *ANCHORFACE}
    maps = [case.settings for case in cases.NETS if case.method in METHODS]
    assert {settings["encoder"] for settings in maps} == set(ENCODERS)
    assert {settings["decoder"] for settings in maps} == set(VectorNet.DECODERS)
    for group in (cases.NETS, cases.STEPS, cases.EXCHANGED, cases.TIMED):
        assert len({case.name for case in group}) == len(group)
        for case in group:
            assert make_run(case.asked(), 5).training.seed == 5


def test_a_difference_is_a_share():
    assert differences.largest([1.0, -4.0], [1.5, -4.0]) == 0.5 / 4
    assert gaps.length([3.0, 4.0], [0.0, 4.0]) == 3 / 4
    assert differences.largest([0.5], [0.0]) == gaps.length([0.5], [0.0]) == 0.5      # of nothing: as it stands
    np.testing.assert_array_equal(differences.joined({"b 1": [[3.0]], "a 2": [2.0], "a 1": [1.0]}, "a"), [1, 2])


def test_apart_takes_each_thing_by_itself():
    right = {"output 0": [2.0], "output 1": [4.0], "points": np.zeros((1, 2, 2)), "losses": [10.0], "gradient w": [3.0, 4.0]}
    found = {"output 0": [2.1], "output 1": [4.0], "points": np.full((1, 2, 2), -0.5), "losses": [11.0], "gradient w": [3.0, 4.5]}
    got = differences.apart(found, right)
    assert (got.output, got.point_px, got.loss, got.gradient) == pytest.approx((0.1 / 4, 0.5, 0.1, 0.5 / 5))
    assert differences.worst([got, replace(ZERO, loss=1.0)]) == replace(got, loss=1.0)


@pytest.mark.parametrize("change, how, words", [
    ({}, "control", []),
    ({"other": replace(ZERO, gradient=3.1e-2)}, "truth", []),                                   # above 3 times 1e-2
    ({"other": replace(ZERO, gradient=3.1e-2), "truth": {"main": 1e-2, "control": 0.0, "other": 3.1e-2}}, "", ["gradients"]),
    ({"other": replace(ZERO, gradient=2.9e-5), "control": ZERO}, "control", []),                # rounding is no gap
    ({"other": replace(ZERO, output=1.1e-5)}, "control", ["outputs"]),
    ({"other": replace(ZERO, loss=1.1e-5)}, "control", ["losses"]),
    ({"other": replace(ZERO, point_px=1.1e-3)}, "control", ["points"]),
    ({"other": replace(ZERO, output=float("nan"))}, "control", ["outputs"]),
    ({"smooth": {"other": 9e-6, "control": 0.0}}, "control", []),
    ({"smooth": {"other": 2e-5, "control": 1.0}}, "control", ["without switches"]),
])
def test_bounds_of_a_net(change, how, words):
    got, broken = differences.judged(replace(NET, **change))
    assert got == how and len(broken) == len(words)
    assert all(word in line and "a net" in line for word, line in zip(words, broken))


def test_a_gradient_that_is_no_number_is_broken():
    odd = replace(NET, other=replace(ZERO, gradient=float("nan")), truth={**NET.truth, "other": float("nan")})
    assert differences.judged(odd)[0] == ""


def run_of(shift, losses=(2.0, 1.0)):
    return {"losses": np.array(losses), "0 w": [0.0, 0.0], "1 w": [3.0, 4.0 + shift], "2 w": [6.0, 8.0 + 2 * shift]}


def test_a_training_is_measured_by_how_far_its_weights_moved():
    got = differences.trained(run_of(1.0, (2.2, 9.0)), run_of(0.0), (1, 2))
    assert got.loss == pytest.approx(0.1)                      # of the first step alone
    assert got.weights == pytest.approx({1: 1 / 5, 2: 2 / 10})


@pytest.mark.parametrize("other, error, first, words", [
    (0.02, 1.05, 2.0, []),
    (0.04, 1.05, 2.0, ["weights after 1 ", "weights after 2 "]),      # 3 times the control is 0.03
    (0.02, 1.5, 2.0, ["error"]),
    (0.02, 1.05, 2.1, ["first step"]),
])
def test_bounds_of_a_training(other, error, first, words):
    apart = [differences.Trained(0.0, {1: gap, 2: gap}) for gap in (other, 0.01)]
    errors, losses = {"main": 1.0, "other": error, "control": 1.01}, {"main": 2.0, "other": first}
    broken = differences.judged_training("t", *apart, errors, losses)
    assert len(broken) == len(words) and all(word in line for word, line in zip(words, broken))


def exchange(**change):
    return {"name": "gv", "written": "main", "read": "other", "equal": True, "points_px": 0.0, "resumed": 0.02, **change}


@pytest.mark.parametrize("change, words", [({}, []), ({"equal": False}, ["not the same"]), ({"points_px": 0.1}, ["points"]),
                                           ({"resumed": 0.04}, ["at the end"])])
def test_bounds_of_exchanged_checkpoints(change, words):
    broken = differences.judged_exchanges([exchange(read="control", resumed=0.01), exchange(**change)])
    assert len(broken) == len(words) and all(word in line for word, line in zip(words, broken))


ENTRY = {"training": "gv a net", "view": "full", "seeds": [0, 1, 2],
         "errors": {"main": [0.05, 0.051, 0.052], "control": [0.0501, 0.0511, 0.0521], "other": [0.0509, 0.0505, 0.053]}}


def everything(**change):
    """What a whole comparison finds, with numbers that can be told apart."""
    versions = {"mxnet": "1.9.1", "onednn": True, "python": "3.11", "numpy": "1.2", "gluoncv": "0.11", "opencv": "4",
                "omp_threads": "1"}
    builds = {"main": versions, "control": {**versions, "onednn": False}, "truth": {**versions, "onednn": False},
              "other": {**versions, "mxnet": "1.5.1", "onednn": False}, "mkl": {**versions, "mxnet": "1.5.1"}}
    names = ("main", "control", "other", "nudged")
    training = {"name": "a training", "errors": dict.fromkeys(names, 0.0777), "first": dict.fromkeys(names, 1.0),
                "last": dict.fromkeys(names, 0.123),
                "apart": {name: differences.Trained(1e-6, {20: 4.4e-4, 200: 5.5e-3}) for name in ("other", "control", "nudged")}}
    further = {"mkl": {"a net": {"apart": replace(ZERO, gradient=1.23), "truth": 1.24, "main": 6e-6, "plain": 9.8e-3}}}
    speed = {"name": "a net", "batch": 4, **{what: {name: [0.1 * (n + 1)] * 3 for n, name in enumerate((*names[:3], "mkl"))}
                                             for what in ("pass", "step")}}
    return {"versions": builds, "faults": {name: {"a pass": 0.0, "another": 1e-8 if name != "mkl" else 0.345} for name in builds},
            "nets": [NET], "further": further, "trainings": [training], "speeds": [speed],
            "exchanges": [exchange(read="control"), exchange()], "whole": [ENTRY],
            "broken": [], "seconds": 600.0, "seeds": 2, "rounds": 3, "commit": "abc", **change,
            "machine": {"processor": "a processor", "cores": 2}}


def test_the_page_shows_every_number_with_its_control():
    text = page.text(everything())
    for words in ("MXNet 1.5.1 beside 1.9.1", "commit abc; 2 shared virtual cores (a processor), no GPU", "All bounds hold",
                  "| a net | 0 / 0 | 0 / 0 | 0 / 0 | 2.0e-02 / 1.0e-02 | 1.0e-02 / 1.0e-02 / 1.0e-02 | – | control |",
                  "4e-04 / 4e-04 / 4e-04 | 5.5e-03 / 5.5e-03 / 5.5e-03", "7.77 / 7.77 / 7.77 / 7.77",
                  "gv a net; seeds 0, 1, 2:",
                  "| full | 5.100 ± 0.100 | 5.110 ± 0.100 | 5.147 ± 0.134 | +0.010 [+0.010, +0.010], equal | +0.047 [-0.",
                  "], undecided |",
                  "| gv | 1.9.1 | 1.5.1 | yes | 0 | 2.0e-02 |",
                  "| a net, 4 images | step | 100 | 200 (2.00) | 300 (3.00) | 400 (4.00) |",
                  "1.5.1 (mxnet-mkl): not for training", "| a net | 0 | 0 | 1.2e+00 | 1.2e+00 | 6e-06 | 9.8e-03 |",
                  "| 1.5.1 (mxnet-mkl) | 0 | 3.4e-01 |"):
        assert words in text, words
    assert all(len(row.split("|")) > 3 for row in text.splitlines() if row.startswith("|"))
    partial = page.text(everything(exchanges=[], speeds=[], further={}, whole=[]))
    assert not any(words in partial for words in ("## Speed", "## Whole trainings", "## Checkpoints", "not for training"))
    assert "**2 bounds are broken**" in page.text(everything(broken=["x", "y"])) and "\n- x\n- y\n" in page.text(
        everything(broken=["x", "y"]))


def test_gradients_beyond_the_control_are_named_on_the_page():
    beyond = replace(NET, name="odd net", other=replace(ZERO, gradient=3.1e-2))
    assert "times 1.9.1's: odd net." in page.text(everything(nets=[NET, beyond]))


def trained(folder, seed, errors, mxnet):
    """Write the record of a training whose views' errors are given; returns its key."""
    config = {"training": {"seed": seed}, "options": {"encoder": "an encoder"}}
    record = {"key": records.key_of(config), "kind": "train", "sources": "", "config": config, "method": "gv",
              "preset": "ablate", "data": "300W", "normaliser": "ion", "versions": {"mxnet": mxnet},
              "views": {view: {"metrics": {"nme_ion": error}} for view, error in errors.items()}}
    records.write(folder, record)
    return record["key"]


def test_whole_trainings_are_paired_by_what_was_run(tmp_path):
    main, other = tmp_path / "main", tmp_path / "other"
    for seed in range(3):
        trained(main, seed, {"full": 0.05 + 0.001 * seed, "shrunk": 0.06}, "1.9.1")
        trained(other, seed, {"full": 0.05 + 0.001 * seed + 0.01, "other": 0.1}, "1.5.1")
    trained(main, 7, {"full": 0.9}, "1.9.1")                     # of one build alone
    found, = whole.compare({"main": main, "other": other})
    assert found["view"] == "full" and sorted(found["seeds"]) == [0, 1, 2] and "an encoder" in found["training"]
    by_seed = dict(zip(found["seeds"], zip(found["errors"]["main"], found["errors"]["other"])))
    assert by_seed[2] == pytest.approx((0.052, 0.062))
    assert whole.view_text("full|beyond_box=True,sigma_bbs=2.0,tau=2.0|shrink=0.1") == (
        "full, Beyond Box, tau = sigma = 2, boxes shrunk by 0.1")
    assert not whole.is_shown("full|beyond_box=True,sigma_bbs=2.0,tau=1.0") and whole.is_shown("full|shrink=0.1")
    line, = whole.judged([found])                                  # 0.01 of 0.05 every time
    assert "full" in line and "+1.000 %" in line
    assert whole.judged([ENTRY]) == []
    with pytest.raises(InputError, match="two versions"):
        whole.compare({"main": main, "other": main})
    with pytest.raises(InputError, match="no run"):
        whole.compare({"main": main, "other": tmp_path / "nothing"})


class Answering:
    """A child that starts nothing."""

    def __init__(self, *arguments):
        pass

    def close(self):
        pass


@pytest.mark.parametrize("change, code", [({}, 0), ({"nets": [replace(NET, other=replace(ZERO, output=1e-3))]}, 1),
                                          ({"exchanges": [exchange(read="control", equal=False)]}, 1)])
def test_a_broken_bound_is_exit_code_1_and_a_line(tmp_path, monkeypatch, capsys, change, code):
    monkeypatch.setattr(command, "Child", Answering)
    monkeypatch.setattr(command, "measure", lambda started, args: everything(**change))
    given = ["--other", sys.executable, "--out", str(tmp_path / "out"), "--markdown", str(tmp_path / "page.md")]
    assert command.run_main(lambda: command.main(given)) == code
    assert len(capsys.readouterr().err.splitlines()) == code
    assert ("are broken" in (tmp_path / "page.md").read_text(encoding="utf-8")) == bool(code)


def test_the_page_is_made_again_of_what_was_found(tmp_path, capsys):
    command.keep(everything(), tmp_path)
    given = ["--again", str(tmp_path / "found.json"), "--markdown", str(tmp_path / "page.md")]
    assert command.run_main(lambda: command.main(given)) == 0
    assert (tmp_path / "page.md").read_text(encoding="utf-8") == page.text(everything())
    broken = everything(nets=[replace(NET, other=replace(ZERO, output=1e-3))])
    command.keep(broken, tmp_path)
    assert command.run_main(lambda: command.main(given)) == 1
    (tmp_path / "found.json").write_text("{}", encoding="utf-8")
    assert command.run_main(lambda: command.main(given)) == 2
    assert command.run_main(lambda: command.main([])) == command.run_main(lambda: command.main([*given, "--other", "x"])) == 2


def test_an_operator_that_is_wrong_in_a_judged_build_is_broken_too():
    found = everything()
    assert command.judge(found) == []
    found["faults"]["other"] = {"a pass": 0.3}
    assert len(command.judge(found)) == 1 and "other: a pass" in command.judge(found)[0]


@pytest.mark.parametrize("given, words", [
    (["--other", "nowhere/python"], "no interpreter"),
    (["--other", sys.executable, "--more", "nothing"], "--more"),
    (["--other", sys.executable, "--more", f"main={sys.executable}"], "--more"),
    (["--other", sys.executable, "--seeds", "0"], "--seeds"),
    (["--other", sys.executable, "--trained", "main=a"], "--trained"),
    (["--other", sys.executable, "--trained", "main=a", "--trained", "other="], "--trained"),
    (["--other", sys.executable, "--trained", "main=a", "--trained", "other=b", "--trained", "third=c"], "--trained"),
])
def test_a_wrong_command_line_is_one_line(given, words):
    with pytest.raises(InputError, match=words):
        command.parse(given)


def script(tmp_path, body):
    path = tmp_path / "python"
    path.write_text(f"#!{sys.executable}\nimport json, sys\n{body}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def test_children_answer_together_and_their_failures_are_one_line(tmp_path):
    echo = script(tmp_path, "for line in sys.stdin:\n    asked = json.loads(line)\n"
                            "    print(json.dumps({'failed': 'a fault'} if asked['do'] == 'fail' else asked), flush=True)")
    started = {name: children.Child(name, echo, tmp_path / f"{name}.log") for name in "ab"}
    answers = children.ask_all(started, "go", {"a": {"n": 1}, "b": {"n": 2}})
    assert answers == {"a": {"do": "go", "n": 1}, "b": {"do": "go", "n": 2}}
    with pytest.raises(InputError, match="a .*a.log.*a fault"):
        started["a"].ask("fail")
    for child in started.values():
        child.close()
    broken = children.Child("c", script(tmp_path, "sys.exit('no such module')"), tmp_path / "c.log")
    with pytest.raises(InputError, match="exit code 1: no such module"):
        broken.ask("go")
        broken.ask("go")
    with pytest.raises(InputError, match="--other"):
        children.Child("d", tmp_path / "nothing", tmp_path / "d.log")


def test_one_net_against_itself_and_against_float64(tmp_path):
    from helpers import make_index

    from experiments.studies.compare_mxnet import child
    make_index(tmp_path / "data", 8, 2)
    case = next(case for case in cases.NETS if case.name == "resnet18v2_quarter gv fpn")
    folder = tmp_path / "net"
    child.prepare(case.asked(), 0, tmp_path / "data", folder, 0)
    got = {}
    ways = {"once": {}, "again": {}, "plain": {"hybrid": False}, "wide": {"wide": True}, "smooth": {"smooth": True}}
    for name, options in ways.items():
        child.measure(case.asked(), 0, folder, tmp_path / f"{name}.npz", **options)
        got[name] = measuring._loaded(tmp_path / f"{name}.npz")
    assert differences.apart(got["again"], got["once"]) == ZERO
    assert 0 < differences.apart(got["wide"], got["once"]).gradient < 1e-4 and got["wide"]["losses"].dtype == np.float64
    assert differences.apart(got["plain"], got["once"]).gradient < 1e-4
    assert differences.apart(got["smooth"], got["once"]).gradient > 1e-2      # another net
    child.measure(case.asked(), 0, folder, tmp_path / "after.npz")
    assert differences.apart(measuring._loaded(tmp_path / "after.npz"), got["once"]) == ZERO      # and the others are as before


@pytest.mark.slow
def test_one_net_of_mxnet_151_in_full(tmp_path):
    python = os.environ.get(NAMED)
    if not python:
        pytest.skip(f"{NAMED} names no interpreter with MXNet 1.5.1: MXNET=1.5.1 sh .ci/setup.sh makes one")
    given = ["--other", python, "--only", "resnet18v2_quarter gv", "--seeds", "1", "--out", str(tmp_path / "out"),
             "--markdown", str(tmp_path / "page.md")]
    assert command.run_main(lambda: command.main(given)) == 0
    assert "MXNet 1.5.1 beside" in (tmp_path / "page.md").read_text(encoding="utf-8")
