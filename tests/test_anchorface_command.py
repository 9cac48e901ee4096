"""The command on a tiny index of drawn faces: train, eval, predict, templates, votes, bench."""

import json
from dataclasses import replace

import numpy as np
import pytest
from helpers import make_index

from anchorface import cli
from gv.core.evaluate import by_yaw, by_yaw_steps, summarise
from gv.core.faces import read_split, write_index

TINY = ["--preset", "smoke", "--set", "grid=3", "--set", "rolls=2"]


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    """Eight drawn faces, five to test on; four of these have a yaw."""
    folder = tmp_path_factory.mktemp("faces")
    index = make_index(folder, train=8, common=5)
    splits = {name: read_split(index, name) for name in ("train", "common")}
    splits["common"] = [replace(face, attributes={"yaw": yaw} if yaw is not None else {})
                        for face, yaw in zip(splits["common"], (-10.0, 29.9, -60.0, 95, None))]
    return write_index(folder, splits, layout=68, source="drawn", box_source="landmarks", normaliser="ion", provenance="embedded")


@pytest.fixture(scope="module")
def runs(index, tmp_path_factory):
    """{method: folder} of two steps each."""
    folder = tmp_path_factory.mktemp("runs")
    for method, settings in (("anchorface", TINY + ["--set", "curve_split=common"]), ("regression", TINY[:2])):
        assert cli.main(["train", "--data", str(index.folder), "--method", method, *settings, "--out", str(folder / method)]) == 0
    return {method: folder / method for method in ("anchorface", "regression")}


def run(capsys, *arguments):
    """(exit code, stdout as JSON or None, stderr)."""
    code = cli.main([*map(str, arguments)])
    out, err = capsys.readouterr()
    return code, json.loads(out) if out else None, err


def test_templates_are_saved_with_the_run(runs):
    sidecar = json.loads((runs["anchorface"] / "checkpoint" / "sidecar.json").read_text())
    assert np.shape(sidecar["fitted"]["templates"]) == (6, 68, 2) and len(sidecar["fitted_sha256"]) == 64
    assert "nme_ion" in (runs["anchorface"] / "log.csv").read_text()


def test_eval_reads_the_same_weights_in_every_way(runs, index, capsys):
    code, report, _ = run(capsys, "eval", "--run", runs["anchorface"], "--data", index.folder, "--json",
                          "--decode", "top:aggregate=argmax", "--decode", "mean:aggregate=mean,c_th=0.2")
    assert code == 0 and set(report["decodings"]) == {"default", "top", "mean"}
    assert all(np.isfinite(values["nme_ion"]) for values in report["decodings"].values())
    assert -1 <= report["diagnostics"]["pearson"] <= 1 and 0 <= report["diagnostics"]["no_anchor"] <= 1
    bins = report["yaw"]["default"]
    assert {name: row["faces"] for name, row in bins.items()} == {"light": 2, "large": 1, "heavy": 1}
    assert bins["light"]["nme"] > 0 and bins["light"]["variance"] >= 0 and bins["heavy"]["variance"] == 0
    assert cli.main(["eval", "--run", str(runs["anchorface"]), "--data", str(index.folder)]) == 0
    text = capsys.readouterr().out
    assert "pearson" in text and "by yaw: light" in text


def test_the_baseline_evaluates_without_diagnostics(runs, index, capsys):
    code, report, _ = run(capsys, "eval", "--run", runs["regression"], "--data", index.folder, "--json")
    assert code == 0 and "diagnostics" not in report and report["method"] == "regression"


def test_predict_draws(runs, index, tmp_path, capsys):
    face = read_split(index, "common")[0]
    code, report, _ = run(capsys, "predict", "--run", runs["anchorface"], index.folder / face.image, "--json", "--out", tmp_path,
                          "--box", ",".join(str(v) for v in face.box), "--set", "aggregate=argmax")
    assert code == 0 and np.shape(report["images"][0]["faces"][0]["points"]) == (68, 2) and len(list(tmp_path.iterdir())) == 1


def test_templates_are_drawn(index, tmp_path, capsys):
    code, report, _ = run(capsys, "templates", "--data", index.folder, "--out", tmp_path, "--json")
    assert code == 0 and report["templates"] == [24, 68, 2] and report["anchors"] == 1176
    assert report["buckets"] == {"left": 0, "frontal": 8, "right": 0}
    assert all((tmp_path / name).stat().st_size > 5000 for name in report["files"])
    assert np.load(tmp_path / "templates.npy").shape == (24, 68, 2)
    code, _, err = run(capsys, "templates", "--data", index.folder, "--out", tmp_path, "--set", "design=hand")
    assert code == 2 and "bucket" in err and len(err.splitlines()) == 1


def test_votes_are_drawn(runs, index, tmp_path, capsys):
    code, report, _ = run(capsys, "votes", "--run", runs["anchorface"], "--data", index.folder, "--out", tmp_path, "--json",
                          "--faces", 2, "--set", "c_th=0.5")
    assert code == 0 and len(report["faces"]) == 2 == len(list(tmp_path.iterdir()))
    assert all(0 <= face["voting"] <= face["of"] == 54 for face in report["faces"])
    first = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    drawn = ["votes", "--run", runs["anchorface"], "--data", index.folder, "--json", "--faces", 2, "--set", "c_th=0.5",
             "--random"]
    for out, seed in (("a", 3), ("b", 3), ("c", 4)):
        assert run(capsys, *drawn, seed, "--out", tmp_path / out)[0] == 0
    a, b, c = ({path.name: path.read_bytes() for path in (tmp_path / out).iterdir()} for out in "abc")
    assert a == b and a != c and a != first, "two anchors by chance, the same of a seed"
    wrong = ((["--run", runs["regression"]], "no anchors"), (["--run", runs["anchorface"], "--faces", 0], "--faces"),
             (["--run", runs["anchorface"], "--random", -1], "--random"))
    for arguments, words in wrong:
        code, _, err = run(capsys, "votes", *arguments, "--data", index.folder, "--out", tmp_path)
        assert code == 2 and words in err and len(err.splitlines()) == 1


def test_bench_times_the_parts_of_the_net(capsys):
    code, report, _ = run(capsys, "bench", "--parts", "--preset", "smoke", "--landmarks", 19, "--batches", "1,2", "--rounds", 2,
                          "--json")
    assert code == 0 and [row["batch"] for row in report["parts"]] == [1, 2]
    for row in report["parts"]:
        assert len(row["times"]) == 8 and all(found["median"] > 0 for found in row["times"].values())
        assert all(row[name]["low"] <= row[name]["high"] for name in ("faster", "share", "share_of_folded_backbone", "heads"))
        assert {"Convolution", "Activation", "slice_axis", "Concat", "SwapAxis"} <= set(row["operators"])
        assert sum(row["operators"].values()) == pytest.approx(1) and max(row["operators"].values()) < 0.99      # not in one lump
    code, _, err = run(capsys, "bench", "--parts", "--rounds", 0)
    assert code == 2 and "--rounds" in err


def test_bench_prints_flops_and_speed(capsys):
    code, report, _ = run(capsys, "bench", "--flops", "--json")
    assert code == 0 and len(report["multiply_adds"]) == 6 and report["published"]["AnchorFace"] == 227e6
    code, report, _ = run(capsys, "bench", "--preset", "smoke", "--landmarks", 19, "--batches", "1,2", "--seconds", 0.01,
                          "--json")
    assert code == 0 and [row["batch"] for row in report["images_per_second"]] == [1, 2]
    assert all(row[name] > 0 for row in report["images_per_second"] for name in ("anchorface", "fused", "regression"))
    for arguments in (["--batches", "0"], ["--batches", "x"], ["--seconds", "0"], ["--landmarks", "20"]):
        code, _, err = run(capsys, "bench", *arguments)
        assert code == 2 and len(err.splitlines()) == 1


def test_options_are_listed(capsys):
    for method in cli.METHOD_NAMES:
        for preset in cli.PRESETS:
            code, report, _ = run(capsys, "options", "--method", method, "--preset", preset, "--json")
            assert code == 0 and report["method"]


def test_figures_without_a_value_are_counted():
    assert summarise({"a": np.array([1.0, np.nan, 3.0, np.nan]), "b": [1, 2, 3, 4]}) == {"a": 2.0, "a_undefined": 2, "b": 2.5}
    assert summarise({"a": [np.nan]}) == {"a": None, "a_undefined": 1} and summarise({}) == {}


def test_yaw_bins_are_closed_below(index):
    faces = [replace(face, attributes={"yaw": yaw}) for face, yaw in zip(read_split(index, "train"), (0, 30, 60, -90))]
    assert list(by_yaw(np.arange(4.0), faces)) == ["light", "medium", "large", "heavy"]
    assert by_yaw(np.arange(1.0), [replace(faces[0], attributes={})]) == {}
    turned = [replace(faces[0], attributes={"yaw": yaw}) for yaw in (0, -14.9, 15, 100, -104)]
    turned.append(replace(faces[0], attributes={}))
    assert by_yaw_steps(np.array([1.0, 3, 5, 7, 7, 99]), turned) == {
        "nme_yaw0": 2, "variance_yaw0": 1, "faces_yaw0": 2, "nme_yaw15": 5, "variance_yaw15": 0, "faces_yaw15": 1,
        "nme_yaw90": 7, "variance_yaw90": 0, "faces_yaw90": 2}
