"""Benchmarks: turns, spreads and ratios by hand; what is timed says the same; the commands."""

import json
import time

import cv2
import mxnet as mx
import numpy as np
import pytest

from gv import bench, cli
from gv.codec import HeatmapDecoder, VectorDecoder
from gv.core import engines, folding, timing
from gv.core.errors import InputError
from gv.methods import METHODS
from gv.net import VectorNet

SMALL = {"encoder": "resnet18v2_quarter", "size": "64", "width": "8"}


def test_turns_are_taken_and_the_first_calls_are_not_timed(monkeypatch):
    called, clock = [], iter(np.arange(100.0) ** 2)
    monkeypatch.setattr(timing.time, "perf_counter", lambda: next(clock))
    found = timing.take_turns({"a": lambda: called.append("a"), "b": lambda: called.append("b")}, rounds=2, warm=1)
    assert called == ["a", "b", "a", "b", "a", "b"]
    assert found["a"].tolist() == [1 - 0, 25 - 16] and found["b"].tolist() == [9 - 4, 49 - 36]


def test_spreads_and_ratios():
    assert timing.spread([1, 2, 3, 4, 5]) == {"median": 3, "low": 2, "high": 4}
    assert timing.milliseconds([0.001] * 3)["median"] == 1
    assert timing.ratio([2.0, 40.0, 6.0], [1.0, 20.0, 2.0])["median"] == 2      # within each round
    assert timing.text({"median": 1.234, "low": 1, "high": 2}) == "1.23 [1.00, 2.00]"


@pytest.mark.parametrize("batch", [1, 3])
def test_numpys_reading_is_the_decoders(batch):
    rng, side, stride = np.random.default_rng(0), 8, 4.0
    maps = rng.normal(size=(batch, 5, side, side)).astype(np.float32)
    maps[0, :4, [0, 0, -1, -1], [0, -1, 0, -1]] += 9
    found = bench.read_heatmaps(maps.reshape(batch * 5, -1), side, stride).reshape(batch, 5, 2)
    np.testing.assert_allclose(found, HeatmapDecoder(side, stride)(mx.nd.array(maps)).asnumpy())
    vectors = [rng.normal(size=(batch, 5, side)).astype(np.float32) for _ in "xy"]
    vectors[0][0, :2, [0, -1]] += 9
    expected = VectorDecoder(side, stride)(*map(mx.nd.array, vectors)).asnumpy()
    found = bench.read_vectors(np.stack(vectors, axis=2).reshape(-1, side), side, stride).reshape(batch, 5, 2)
    np.testing.assert_allclose(found, expected)


def test_bench_reports_every_section(capfd):
    given = ["bench", "--what", "nets,reading,pipeline,steps,engines", "--encoder", "resnet18v2_quarter", "--size", "64", "--set",
             "width=8", "--batches", "1,2", "--rounds", "2", "--landmarks", "5", "--threads", "1"]
    assert cli.main([*given, "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert [one["batch"] for one in found["nets"]] == [1, 2] and len(found["steps"]) == len(found["engines"]) == 2
    net = found["nets"][0]
    assert set(net["times"]) >= {bench.PAPER, bench.PLAIN, bench.FOLDED, bench.ENCODER}
    assert net["share"]["median"] > 0 and net["faster"]["low"] <= net["faster"]["median"] <= net["faster"]["high"]
    assert set(found["reading"][0]["libraries"]["NumPy"]) == {"heatmaps", "vectors", "factor"}
    assert found["pipeline"]["whole"]["median"] >= max(step["low"] for step in found["pipeline"]["steps"].values())
    step = found["steps"][0]
    assert set(step["memory"]) == set(bench.TRAINED) and step["ratio"][bench.PAPER]["median"] == 1
    assert all(np.isfinite(value) and value >= 0 for value in step["memory"].values()) and max(step["memory"].values()) > 0
    for graph in found["engines"][0]["graphs"].values():
        assert engines.MXNET in graph["times"] and all(gap < 1e-4 for gap in graph["apart"].values())
    assert cli.main(["bench", "--what", "reading", "--rounds", "2", "--threads", "1"]) == 0
    assert "NumPy" in capfd.readouterr().out


@pytest.mark.parametrize("given, words", [
    (["--what", "nothing"], "--what"), (["--batches", "0"], "--batches"), (["--batches", "1,x"], "--batches"),
    (["--rounds", "0"], "--rounds"), (["--size", "100"], "size"), (["--encoder", "nothing"], "encoder")])
def test_bad_input_is_one_line(given, words, capfd):
    assert cli.main(["bench", "--threads", "1", *given]) == 2
    said = capfd.readouterr().err.splitlines()
    assert len(said) == 1 and words in said[0]


def test_an_engine_that_is_absent_or_fails_is_named(monkeypatch):
    net = VectorNet(5, 64, encoder=SMALL["encoder"], width=8)
    net.initialize()
    x = np.zeros((1, 3, 64, 64), np.float32)
    net(mx.nd.array(x))
    monkeypatch.setitem(engines.NEEDS, engines.OPENVINO, ("no_such_package",))
    monkeypatch.setitem(engines.BUILDERS, engines.ONNX, lambda graph, x, model: 1 / 0)
    functions, why = engines.build(folding.folded_graph(net), ("x", "y"), x)
    assert engines.MXNET in functions and "no_such_package" in why[engines.OPENVINO]
    assert engines.ONNX not in functions and (engines.ONNX not in engines.installed()[0] or "ZeroDivision" in why[engines.ONNX])


def test_what_is_timed_waits_for_its_work():
    slow = mx.gluon.nn.HybridLambda(lambda F, x: F.dot(F.dot(x, x), x))
    x = mx.nd.ones((900, 900))
    call = timing.waiting(slow, x)

    def fastest(function):                                               # of several, since whatever else runs slows some of them
        took = []
        for _ in range(6):
            begin = time.perf_counter()
            function()
            took.append(time.perf_counter() - begin)
        return min(took[1:])

    assert fastest(call) > 0.3 * fastest(lambda: slow(x).wait_to_read())


def test_settings_reach_the_nets():
    run, _ = bench.made(METHODS, "gv", {**SMALL, "decoder": "lines"}, 5, mx.cpu())
    assert run.crop.size == 64 and run.method.options.decoder == "lines"
    with pytest.raises(InputError, match="no such option"):
        bench.made(METHODS, "gv", {"nonsense": "1"}, 5, mx.cpu())


def test_the_study_of_the_search_for_faces(tmp_path, monkeypatch, capfd):
    from helpers import make_index, train_tiny

    from experiments.studies import face_search
    from gv.core import detector
    index = make_index(tmp_path, train=24, common=1)
    train_tiny(tmp_path / "run", index, settings={"detector_faces": "0"})
    monkeypatch.setattr(detector.FaceDetector, "__call__", lambda self, image: np.array([[20.0, 20, 75, 75]]))
    monkeypatch.setattr(detector, "map_box", lambda box, mapping: tuple(box))
    given = ["--data", str(index.folder), "--faces", "24"]
    assert face_search.run_main(lambda: face_search.main([*given, "--run", str(tmp_path / "run")])) == 0
    said = capfd.readouterr().out
    assert "24 training faces" in said and "| 256, then 1024 |" in said and "24 faces, one at a time" in said
    assert all(f"| {step} |" in said for step in face_search.STEPS)
    assert face_search.run_main(lambda: face_search.main([*given[:3], "3"])) == 2


def test_the_study_of_loading(tmp_path, monkeypatch, capfd):
    from helpers import make_index

    from experiments.studies import loading
    monkeypatch.setattr(loading, "BATCHES", 2)
    monkeypatch.setattr(loading, "BATCH", 4)
    index = make_index(tmp_path, train=14, common=1)
    given = ["--data", str(index.folder), "--size", "64", "--rounds", "1", "--workers", "0,1"]
    assert loading.run_main(lambda: loading.main(given)) == 0
    said = capfd.readouterr().out
    assert "14 training faces" in said and "| none of their own |" in said and "\n| 1 | " in said
    assert all(f"| {step} |" in said for step in loading.STEPS)
    for wrong in (["--workers", "x"], ["--workers", "-1"], ["--rounds", "0"]):
        assert loading.run_main(lambda wrong=wrong: loading.main([*given[:2], *wrong])) == 2
    monkeypatch.setattr(loading, "BATCHES", 20)
    assert loading.run_main(lambda: loading.main(given)) == 2


def test_the_study_of_growth_draws_and_writes(tmp_path, monkeypatch, capfd):
    from experiments.studies import scaling
    monkeypatch.setattr(scaling, "AXES", {"batch": (1, 2), "cells": (16,)})
    monkeypatch.setattr(scaling, "BASE", {"batch": 1, "landmarks": 5, "cells": 16})
    assert scaling.run_main(lambda: scaling.main(["--out", str(tmp_path), "--rounds", "1", "--markdown",
                                                  str(tmp_path / "page.md")])) == 0
    found = json.loads((tmp_path / "scaling.json").read_text(encoding="utf-8"))
    assert [row["batch"] for row in found["batch"]] == [1, 2] and found["cells"][0]["vectors"]["ms"]["median"] > 0
    assert all(row[net]["mib"] >= 0 for rows in found.values() for row in rows for net in scaling.NETS)
    page = (tmp_path / "page.md").read_text(encoding="utf-8")
    assert "| 2 | " in page and "5 landmarks, 16 x 16 cells of a crop of 64 pixels" in page
    assert cv2.imread(str(tmp_path / "scaling.png")).shape[1] > 600
    for given in (["--rounds", "0"], ["--axes", "nothing"]):
        assert scaling.run_main(lambda given=given: scaling.main(given)) == 2
