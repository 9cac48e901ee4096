"""The experiments' own scripts: what they measure against counts by hand, and the demo from faces to page."""

import csv
import json
import re
import subprocess
import sys

import numpy as np
import pytest
from helpers import make_index, train_tiny

from experiments import plots
from experiments.gv_tables import labels
from experiments.studies import edges, rates
from gv.core.errors import InputError


def test_share_of_foreground_is_that_of_a_disc_and_of_two_bars():
    """A landmark in the middle: cells nearer than 3 sigma = 6, counted one by one (Section 3.2)."""
    points = np.full((3, 2, 2), 127.5, np.float32)
    table = labels.measure(points, repeat=1)
    near = [(x, y) for x in range(-6, 7) for y in range(-6, 7) if x * x + y * y < 36]
    assert table[labels.HEATMAP]["foreground"] == pytest.approx(len(near) / 64 ** 2)
    assert table[labels.VECTOR]["foreground"] == pytest.approx(11 / 64)
    assert table[labels.VECTOR]["numbers"] == 2 * 2 * 64 and table[labels.HEATMAP]["numbers"] == 2 * 64 * 64
    assert all(row["ms"] > 0 for row in table.values())


def test_rates_are_compared_on_training_faces_kept_aside(tmp_path, capsys):
    index = make_index(tmp_path / "index", 40, 4)
    ours, kept = rates.halves(list(range(40)))
    assert kept == [0, 10, 20, 30] and sorted(ours + kept) == list(range(40))
    command = ["--data", str(index.folder), "--out", str(tmp_path / "out"), "--methods", "gv,regression", "--rates", "1e-3,2e-3",
               "--preset", "smoke", "--set", "epochs=1"]
    rates.main([*command, "--part", "0/2"])
    half = capsys.readouterr().out.splitlines()
    assert half[0].startswith("NME, %, on 4 training faces kept aside") and half[2] == "| method | 0.001 | 0.002 |"
    assert half[4].endswith("| – |") and half[5].endswith("| – |")
    rates.main([*command, "--part", "1/2"])
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.json")}
    rates.main(command)
    assert "–" not in capsys.readouterr().out.splitlines()[-1]
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.json")} == before and len(before) > 4
    for wrong in (["--part", "2/2"], ["--rates", "x"], ["--methods", "best"], ["--seeds", "0"]):
        with pytest.raises(InputError):
            rates.main([*command, *wrong])


def test_errors_are_parted_by_the_distance_from_the_nearer_edge_of_the_crop():
    """A map of 20 cells, whose crop goes from -0.5 to 19.5: one coordinate a bin, twice one, and what no bin has."""
    true = np.array([[-2.0, 20.5], [0.5, 18.4], [9.5, 4.6]])       # 1.5 and 1 outside; 1 and 1.1 from an edge; 10 and 5.1
    found = true + [[1, -2], [0.5, 0.25], [-0.1, 0.2]]
    errors, shares = edges.by_distance(true, found, 20)
    assert errors == pytest.approx([1.5, 0.375, np.nan, np.nan, np.nan, 0.2, 0.1], nan_ok=True)
    assert shares == pytest.approx([2 / 6, 2 / 6, 0, 0, 0, 1 / 6, 1 / 6])


def test_errors_by_the_distance_from_the_edge_of_two_runs(tmp_path, capsys):
    index = make_index(tmp_path / "index", 4, 3)
    for name, method, settings in (("a", "gv", {"bands": "7"}), ("b", "heatmap", {})):
        train_tiny(tmp_path / name, index, method=method, settings=settings)
    assert not edges.main([str(tmp_path / "a"), str(tmp_path / "b"), "--data", str(index.folder), "--split", "common"])
    lines = capsys.readouterr().out.splitlines()
    assert "; 3 faces; drawn: embedded" in lines[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]
    assert [row[0] for row in rows] == ["run", "---", "gv, l = 7, seed 0", "heatmap, seed 0", "share of the coordinates"]
    assert len({len(row) for row in rows}) == 1 and sum(float(cell[:-1]) for cell in rows[-1][3:]) == pytest.approx(100, abs=0.4)
    assert all(cell == "–" or float(cell) > 0 for row in rows[2:4] for cell in row[2:])
    shares = np.array([float(cell[:-1]) for cell in rows[-1][3:]]) / 100
    for row in rows[2:4]:
        whole = sum(share * float(cell) for share, cell in zip(shares, row[3:]) if cell != "–")
        assert whole == pytest.approx(float(row[2]), rel=0.02), "the bins make up the whole"


@pytest.mark.parametrize("method, word", [("regression", "map of cells"), ("layout", "98")])
def test_a_run_without_a_map_or_with_other_landmarks_is_one_line(tmp_path, method, word):
    index = make_index(tmp_path / "index", 4, 3)
    if method == "layout":
        train_tiny(tmp_path / "a", index)
        text = (index.folder / "index.json").read_text().replace('"layout": 68', '"layout": 98')
        (index.folder / "index.json").write_text(text)
    else:
        rates.main(["--data", str(index.folder), "--out", str(tmp_path), "--methods", method, "--rates", "1e-3",
                    "--preset", "smoke", "--set", "epochs=1"])
        (tmp_path / f"{method}-0.001-0-epochs=1").rename(tmp_path / "a")
    with pytest.raises(InputError, match=word):
        edges.main([str(tmp_path / "a"), "--data", str(index.folder), "--split", "common"])


def _csv(path, columns):
    with open(path, "w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values()))
    return path


def test_plots_are_drawn_from_errors_and_logs(tmp_path, capsys):
    rng = np.random.default_rng(0)
    errors = _csv(tmp_path / "errors.csv", {"image": list("abc"), "nme": [0.03, 0.05, 0.2], "nme_bbs": [0.02, 0.05, 0.1]})
    log = _csv(tmp_path / "log.csv", {"seconds": range(0, 600, 60), "nme_ion": rng.uniform(0.05, 0.3, 10)})
    assert plots.main(["ced", f"off={errors}", f"on={errors}:nme_bbs", "--out", str(tmp_path / "ced.png")]) is None
    assert plots.main(["curve", f"a={log}", "--out", str(tmp_path / "curve.png")]) is None
    assert (tmp_path / "ced.png").stat().st_size > 5000 and (tmp_path / "curve.png").stat().st_size > 5000


@pytest.mark.parametrize("source", ["no name", "a=missing.csv"])
def test_plots_name_a_bad_source(source, tmp_path):
    with pytest.raises(InputError):
        plots.main(["ced", source, "--out", str(tmp_path / "x.png")])


def test_plots_name_a_missing_column(tmp_path):
    errors = _csv(tmp_path / "errors.csv", {"image": ["a"], "nme": [0.1]})
    with pytest.raises(InputError, match="nme_bbs"):
        plots.main(["ced", f"a={errors}:nme_bbs", "--out", str(tmp_path / "x.png")])


def test_a_curve_with_gaps_keeps_the_rows_that_have_an_error(tmp_path):
    log = _csv(tmp_path / "log.csv", {"seconds": [60, 120, 180], "nme_ion": [0.5, "", 0.25]})
    minutes, errors = plots.read_curve(log, "nme_ion")
    assert minutes == [1, 3] and errors.tolist() == [0.5, 0.25]


def test_the_demo_runs_from_faces_to_page_and_again_without_work(tmp_path):
    """The command that ``make demo`` calls, at its smallest."""
    command = [sys.executable, "-m", "experiments.demo", "--out", str(tmp_path / "demo"), "--faces", "60", "--epochs", "1",
               "--workers", "1"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip().splitlines()[-1] == f"open {tmp_path / 'demo' / 'report.html'}"
    page = (tmp_path / "demo" / "report.html").read_text(encoding="utf-8")
    assert not re.search(r'(src|href)="(?!data:)', page), "the page must need no other file"
    figures = json.loads((tmp_path / "demo" / "demo.json").read_text(encoding="utf-8"))
    assert f"{100 * figures['nme_ion']:.2f}" in page and f"{100 * figures['nme_ion_mean_shape']:.2f}" in page
    common = sum(1 for _ in open(tmp_path / "demo" / "faces" / "common.jsonl", encoding="utf-8"))
    assert page.count("<figcaption>") == min(12, common) and page.count("data:image/png") == 3
    weights = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "demo" / "gv" / "checkpoint").iterdir()}
    again = subprocess.run(command, capture_output=True, text=True)
    assert again.returncode == 0, again.stderr[-2000:]
    assert weights == {path.name: path.stat().st_mtime_ns for path in (tmp_path / "demo" / "gv" / "checkpoint").iterdir()}
