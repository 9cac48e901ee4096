"""Exported nets: what is written says what the trained net says, by ONNX Runtime and by MXNet, and predicts without MXNet."""

import json
import subprocess
import sys
from collections import Counter

import mxnet as mx
import numpy as np
import pytest
from helpers import ROOT, child_environment, make_index, train_tiny
from test_folding import METHODS, filled

import anchorface
import gv
from anchorface import cli as anchorface_cli
from gv import cli
from gv.core import exported, exporting, folding
from gv.core.errors import InputError
from gv.core.faces import read_split
from gv.core.method import as_list
from gv.core.pictures import to_input
from gv.core.reading import Reading
from gv.core.run import plan
from gv.encoders import ENCODERS

onnx = pytest.importorskip("onnx", reason="needs the extra onnx")
pytest.importorskip("onnxruntime", reason="needs the extra onnx")
TIES = 0.02
RUNS = ("gv", "heatmap", "anchorface", "regression")


def check(method, settings=None, decodings=({},), landmarks=5):
    """A net's whole graph by ONNX Runtime beside the trained net's own operators by MXNet, at three sizes of batch."""
    from gv.core import onnx_graph
    run = plan(METHODS, method, "smoke", settings or {}, landmarks)
    size, rng = run.crop.size, np.random.default_rng(0)
    fitted = {name: rng.uniform(-0.4, 0.4, values.shape) for name, values in run.method.blank(landmarks).items()}
    net = filled(run.method.net(landmarks, fitted), size)
    for decoding in decodings:
        quick, plain, tail = run.method.prediction(net, run.method.Decoding(**decoding), fitted, [mx.cpu()])
        graph = folding.folded_graph(Reading(quick, tail))
        names = (exported.POINTS, exported.SCORES)[:len(graph.heads)]
        session = exported.open_session(onnx_graph.model_of(graph, (3, size, size), onnx_graph.FLOAT, names).SerializeToString())
        for batch in (1, 2, 5):
            x = rng.normal(size=(batch, 3, size, size)).astype(np.float32)
            expected = [value.asnumpy() for value in as_list(tail(*as_list(plain(mx.nd.array(x)))))]
            found = session.run(None, {exported.INPUT: x})
            assert [value.shape for value in found] == [value.shape for value in expected]
            # a parabola through the logarithms of a random net's maxima, which are hardly any, makes rounding larger
            loose = decoding.get("shift") == "taylor"
            for got, wanted in zip(found, expected):
                beyond = np.abs(got - wanted) > (0.05 if loose else 2e-3)
                if method == "anchorface":      # of a random net's anchors, two are as sure as each other now and then
                    assert beyond.reshape(batch, -1).any(axis=1).sum() <= 1 < batch or not beyond.any()
                else:                           # and of its cells, two are alike
                    assert beyond.sum() <= max(1, TIES * beyond.size)


@pytest.mark.parametrize("decoder", ["fpn", "fpn_relu", "hrnet", "lines"])
@pytest.mark.parametrize("encoder", ENCODERS)
def test_every_encoder_and_decoder(encoder, decoder):
    check("gv", {"encoder": encoder, "decoder": decoder, "width": "8"})


@pytest.mark.parametrize("method, settings, decodings", [
    ("gv", {}, [{"shift": shift, "beyond_box": beyond} for shift in ("quarter", "none", "taylor") for beyond in (False, True)]),
    ("gv", {"bands": "1", "stem_stride": "2"}, [{}]), ("gv", {"side": "32", "upsample": "true"}, [{}]),
    ("gv", {"decoder": "hrnet", "side": "32", "upsample": "true"}, [{}]), ("gv", {"taps": "raw"}, [{}]),
    ("heatmap", {}, [{"shift": shift} for shift in ("quarter", "none", "taylor")]), ("heatmap-awing", {}, [{}]),
    ("anchorface", {}, [{"aggregate": how} for how in ("weighted", "argmax", "mean", "mean_confident")]),
    ("anchorface", {"grid": "5"}, [{}]), ("anchorface", {"multiplier": "1", "stem_stride": "4", "upsample": "true"}, [{}]),
    ("regression", {}, [{}]), ("regression", {"features": "flatten", "conv5": "true", "multiplier": "1"}, [{}]),
], ids=str)
def test_every_method_and_decoding(method, settings, decodings):
    check(method, settings, decodings)


def test_an_operator_that_cannot_be_written_is_named():
    from gv.core import onnx_graph
    for block, word in ((mx.gluon.nn.HybridLambda(lambda F, x: F.gamma(x)), "gamma"),
                        (mx.gluon.nn.HybridLambda(lambda F, x: F.Pooling(x, kernel=(2, 2), pool_type="lp", p_value=2)), "lp")):
        with pytest.raises(InputError, match=word):
            onnx_graph.model_of(folding.graph_of(block), (3, 8, 8), onnx_graph.FLOAT, ["points"])


def _six(F, x):
    return F.clip(x + 3, 0, 6)


@pytest.mark.parametrize("function, operators", [
    (lambda F, x: _six(F, x) / 6, {"HardSigmoid": 1}),
    (lambda F, x: x * (_six(F, x) / 6), {"HardSwish": 1}),
    (lambda F, x: (_six(F, x) / 6) * F.relu(x), {"HardSigmoid": 1, "Relu": 1, "Mul": 1}),
    (lambda F, x: F.relu(x) * (_six(F, F.relu(x)) / 6), {"Relu": 2, "HardSigmoid": 1, "Mul": 1}),
    (lambda F, x: x * (F.clip(x + 2, 0, 4) / 4), {"HardSigmoid": 1, "Mul": 1}),
    (lambda F, x: F.clip(x + 3, 1, 6) / 6, {"Add": 1, "Clip": 1, "Div": 1}),
    (lambda F, x: F.clip(x + 3, 0, 6) / 5, {"Add": 1, "Clip": 1, "Div": 1}),
    (lambda F, x: F.clip(F.relu(x), 0, 6) / 6, {"Relu": 1, "Clip": 1, "Div": 1}),
    (lambda F, x: (lambda six: six / 6 + six)(_six(F, x)), {"Add": 2, "Clip": 1, "Div": 1}),
    (lambda F, x: (lambda hard: hard * x + hard)(_six(F, x) / 6), {"HardSigmoid": 1, "Mul": 1, "Add": 1}),
    (lambda F, x: (lambda hard: hard * hard)(_six(F, x) / 6), {"HardSigmoid": 1, "Mul": 1}),
], ids=range(11))
def test_hard_sigmoids_are_one_operator_each(function, operators):
    from gv.core import onnx_graph
    block = mx.gluon.nn.HybridLambda(function)
    model = onnx_graph.model_of(folding.graph_of(block), (2, 5, 5), onnx_graph.FLOAT, ["points"])
    assert Counter(node.op_type for node in model.graph.node) == {**operators, "Identity": 1}
    read = {name for node in model.graph.node for name in node.input}
    assert {weight.name for weight in model.graph.initializer} <= read
    x = np.random.default_rng(0).normal(0, 4, (3, 2, 5, 5)).astype(np.float32)
    (found,) = exported.open_session(model.SerializeToString()).run(None, {exported.INPUT: x})
    np.testing.assert_allclose(found, block(mx.nd.array(x)).asnumpy(), rtol=1e-6, atol=1e-6)


# the command

@pytest.fixture(scope="module")
def index(tmp_path_factory):
    return make_index(tmp_path_factory.mktemp("index"), 12, 3)


@pytest.fixture(scope="module")
def runs(index, tmp_path_factory):
    """{method: folder of a small run}."""
    folders = {method: tmp_path_factory.mktemp("runs") / method for method in RUNS}
    for method in RUNS[:2]:
        train_tiny(folders[method], index, method=method)
    for method in RUNS[2:]:
        assert anchorface_cli.main(["train", "--data", str(index.folder), "--method", method, "--preset", "smoke", "--threads",
                                    "1", "--out", str(folders[method])]) == 0
    return folders


def command(method, *given):
    return (cli if method in RUNS[:2] else anchorface_cli).main([*map(str, given), "--threads", "1"])


def package(method):
    return gv if method in RUNS[:2] else anchorface


@pytest.mark.parametrize("kind", ["crops", "normalised"])
@pytest.mark.parametrize("method", RUNS)
def test_an_exported_run_predicts_what_the_run_predicts(runs, index, tmp_path, capfd, method, kind):
    out = tmp_path / "exported"
    assert command(method, "export", "--run", runs[method], "--out", out, "--input", kind, "--json") == 0
    said = json.loads(capfd.readouterr().out)
    assert said["input"]["kind"] == kind and said["parity"]["beyond"] <= 1 and said["landmarks"] == 68
    face = read_split(index, "common")[0]
    path, boxes = str(index.folder / face.image), [[10.0, 12.0, 80.0, 84.0], [20.0, 20.0, 70.0, 75.0]]
    by_run, by_export = (package(method).load(folder)(path, boxes=boxes) for folder in (runs[method], out))
    for one, other in zip(by_run, by_export):
        assert np.abs(one.points - other.points).max() < 0.02 and one.box == other.box
        assert np.allclose(one.scores, other.scores, atol=1e-3, equal_nan=True)
    assert command(method, "predict", "--run", out, path, "--box", "10,12,80,84", "--json", "--backend", "onnx") == 0
    points = json.loads(capfd.readouterr().out)["images"][0]["faces"][0]["points"]
    assert np.allclose(points, by_export[0].points, atol=1e-3)     # a batch of one instead of two


def test_the_model_says_what_it_is(runs, index, tmp_path):
    out = tmp_path / "exported"
    assert command("gv", "export", "--run", runs["gv"], "--out", out, "--data", index.folder, "--set", "beyond_box=false") == 0
    assert sorted(path.name for path in out.iterdir()) == ["model.json", "model.onnx"]
    description = json.loads((out / "model.json").read_text(encoding="utf-8"))
    assert description["decoding"]["beyond_box"] is False and description["steps"] > 0
    assert description["input"]["shape"].endswith("uint8, RGB") and set(description["outputs"]) == {"points", "scores"}
    model = onnx.load(str(out / "model.onnx"))
    told = {entry.key: entry.value for entry in model.metadata_props}
    assert json.loads(told["crop"]) == description["crop"] and told["provenance"] == description["provenance"]
    assert told["terms"] == description["terms"] and told["layout"] == description["layout"]
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 17)]
    given, = model.graph.input
    assert [one.dim_param or one.dim_value for one in given.type.tensor_type.shape.dim] == [
        "batch", description["crop"]["size"], description["crop"]["size"], 3]
    shapes = {one.name: [dim.dim_param or dim.dim_value for dim in one.type.tensor_type.shape.dim] for one in model.graph.output}
    assert shapes == {"points": ["batch", 68, 2], "scores": ["batch", 68]}


@pytest.mark.parametrize("kind", ["crops", "normalised"])
def test_mxnet_reads_its_own(runs, tmp_path, kind):
    out = tmp_path / "exported"
    assert command("anchorface", "export", "--run", runs["anchorface"], "--out", out, "--format", "mxnet", "--input", kind) == 0
    assert sorted(path.name for path in out.iterdir()) == ["model-0000.params", "model-symbol.json", "model.json"]
    symbol, given, held = mx.model.load_checkpoint(str(out / "model"), 0)      # as the module interface reads it
    crops = np.random.default_rng(0).integers(0, 256, (2, 112, 112, 3), np.uint8)
    x = mx.nd.array(crops, dtype="uint8") if kind == "crops" else mx.nd.array(to_input(crops))
    points, scores = symbol.bind(mx.cpu(), {**given, "data": x}, aux_states=held).forward()
    assert points.shape == (2, 68, 2) and scores.shape == (2, 68)
    assert not exported.is_exported(out)


def test_eight_bits_and_what_they_cost(runs, index, tmp_path, capfd):
    out = tmp_path / "exported"
    given = ["export", "--run", runs["gv"], "--format", "int8", "--out", out]
    assert command("gv", *given) == 2 and "--data" in capfd.readouterr().err and not out.exists()
    assert command("gv", *given, "--data", index.folder, "--calibrate", "4") == 0
    said = capfd.readouterr()
    assert "calibrated on 4 training faces" in said.out and "pre-process" not in said.err
    found = json.loads((out / "model.json").read_text(encoding="utf-8"))["int8"]
    assert found["bytes"] < 0.5 * found["bytes_float"] and found["faces"] == 3 and found["split"] == "common"
    assert abs(found["nme"] - found["nme_float"]) < 0.1
    operators = [node.op_type for node in onnx.load(str(out / "model.onnx")).graph.node]
    assert "QuantizeLinear" in operators and "DequantizeLinear" in operators
    face = read_split(index, "common")[0]
    assert gv.load(out)(str(index.folder / face.image), boxes=[face.box])[0].points.shape == (68, 2)


def test_a_model_that_says_something_else_is_not_written(runs, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(exporting, "IMAGENET_MEAN", exporting.IMAGENET_MEAN + 0.5)
    out = tmp_path / "exported"
    assert command("gv", "export", "--run", runs["gv"], "--out", out) == 2
    assert "another than the net" in capfd.readouterr().err and list(tmp_path.iterdir()) == []


def test_parity_is_of_points_and_scores():
    points = np.zeros((1, 1000, 2))
    moved = points.copy()
    moved[0, 0] = (3, 4)
    found = exporting.parity((moved, np.full((1, 1000), 0.5)), (points, np.full((1, 1000), 0.4995)))
    assert found == {"largest_px": 5.0, "median_px": 0.0, "beyond": 1, "landmarks": 1000,
                     "largest_score": pytest.approx(5e-4)}
    exporting.check_parity(found, "x")                                           # one of a thousand: a tie
    for worse in ({"beyond": 3}, {"median_px": 0.02}, {"median_px": float("nan")}, {"largest_score": 0.1}):
        with pytest.raises(InputError, match="another than the net"):
            exporting.check_parity({**found, **worse}, "x")
    assert exporting.parity((points, np.full((1, 1000), np.nan)), (points, np.full((1, 1000), np.nan)))["largest_score"] is None


@pytest.mark.parametrize("provenance, words", [
    ("300W: official, partial: 2012 of 3148 train faces", "research only"), ("AFLW: official", "non-commercial"),
    ("300W: embedded", "drawn by this project"), ("mine: own", "own pictures"), ("WFLW: official", "data set's authors")])
def test_terms_of_the_data(provenance, words):
    assert words in exporting.terms(provenance)


def bad(tmp_path, runs):
    """{what is wrong: (arguments of predict or export, words of the one line)}."""
    whole = tmp_path / "whole"
    assert command("gv", "export", "--run", runs["gv"], "--out", whole) == 0
    broken, told = tmp_path / "broken", tmp_path / "told"
    for folder, name, text in ((broken, "model.onnx", b"no model"), (told, "model.json", b"{}")):
        folder.mkdir()
        for path in whole.iterdir():
            (folder / path.name).write_bytes(path.read_bytes())
        (folder / name).write_bytes(text)
    return [(["predict", "--run", whole, "x.jpg", "--set", "beyond_box=false"], "give it to export"),
            (["predict", "--run", whole, "x.jpg", "--devices", "gpu:0"], "onnxruntime-gpu"),
            (["predict", "--run", broken, "x.jpg"], "cannot be read"), (["predict", "--run", told, "x.jpg"], "no description"),
            (["predict", "--run", runs["gv"], "x.jpg", "--backend", "onnx"], "export the run first"),
            (["export", "--run", runs["gv"], "--out", whole], "a new folder"),
            (["export", "--run", tmp_path / "none", "--out", tmp_path / "new"], "no such run"),
            (["export", "--run", runs["gv"], "--out", tmp_path / "new", "--calibrate", "0"], "at least 1")]


def test_bad_input_is_one_line(tmp_path, runs, capfd):
    for given, words in bad(tmp_path, runs):
        capfd.readouterr()
        assert command("gv", *given) == 2, given
        said = capfd.readouterr().err.splitlines()
        assert len(said) == 1 and words in said[0], said
    assert not (tmp_path / "new").exists()


def test_prediction_of_an_exported_run_needs_no_mxnet(tmp_path, runs, index):
    out = tmp_path / "exported"
    assert command("gv", "export", "--run", runs["gv"], "--out", out) == 0
    face = read_split(index, "common")[0]
    code = ("import sys\nfor name in ('mxnet', 'gluoncv', 'onnx', 'matplotlib', 'scipy'): sys.modules[name] = None\n"
            "from gv.cli import main\nsys.exit(main(sys.argv[1:]))")
    given = ["predict", "--run", str(out), str(index.folder / face.image), "--box", ",".join(map(str, face.box)), "--json"]
    done = subprocess.run([sys.executable, "-c", code, *given], cwd=ROOT, env=child_environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["images"][0]["faces"][0]["points"]) == 68
    done = subprocess.run([sys.executable, "-c", code, "predict", "--run", str(runs["gv"]), "x.jpg"], cwd=ROOT,
                          env=child_environment(), capture_output=True, text=True)
    assert done.returncode == 2 and "MXNet: is not installed" in done.stderr and len(done.stderr.splitlines()) == 1
