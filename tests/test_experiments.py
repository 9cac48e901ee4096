"""The experiments' own scripts: what they measure against counts by hand, and the demo from faces to page."""

import csv
import json
import re
import subprocess
import sys

import numpy as np
import pytest
from helpers import make_index

from experiments import plots
from experiments.gv_tables import labels
from experiments.studies import rates
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
