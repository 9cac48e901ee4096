"""Every table and figure of both papers, end to end, at preset smoke on drawn faces: two steps a run."""

import json
import subprocess
import sys
import time

import pytest

from experiments.catalogue import TABLES
from tests.helpers import ROOT

MOST_SECONDS = 15 * 60     # on two cores


@pytest.mark.slow
def test_every_table_runs_end_to_end(tmp_path):
    command = [sys.executable, "-m", "experiments.catalogue", "--preset", "smoke", "--devices", "cpu:0,1", "--out",
               str(tmp_path / "runs"), "--records", str(tmp_path / "records"), "--json"]
    begin = time.monotonic()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    took = time.monotonic() - begin
    assert done.returncode == 0, done.stderr[-2000:]
    tables = {table["table"]: table for table in json.loads(done.stdout)}
    assert tables.keys() == TABLES.keys()
    for key, table in tables.items():
        assert table["missing"] == [], key
        filled = [cell for cell in table["cells"] if cell["ours"]]
        assert len(filled) >= 0.5 * len(table["cells"]), f"{key}: {len(filled)} of {len(table['cells'])} cells"
        folder = tmp_path / "runs" / key / "smoke-embedded"
        assert (folder / "table.md").is_file()
        for figure in TABLES[key].figures:
            assert (folder / f"{figure.name}.png").stat().st_size > 5000, figure.name
    assert took < MOST_SECONDS
    again = subprocess.run([*command, "--dry-run"], cwd=ROOT, capture_output=True, text=True)
    assert json.loads(again.stdout)["runs"] == [], "a second call has nothing to run"


@pytest.mark.slow
def test_the_makefile_has_the_times_of_the_harness():
    command = [sys.executable, "-m", "experiments.catalogue", "--times"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    lines = [line.rstrip() for line in done.stdout.splitlines()]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line not in makefile] == []
