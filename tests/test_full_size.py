"""The study that takes a few steps of every training at the papers' size: which nets it has, and what it refuses."""

import json
import subprocess
from pathlib import Path

import pytest
from helpers import ROOT

from experiments import catalogue
from experiments.harness.grid import At, Train
from experiments.studies import full_size
from gv.core.exits import run as run_main

FELL = {"losses": [0.7, 0.3], "seconds": 4.4, "mib": 2552.0}


def _plain(source):
    """A training's method, set and options, without those that change no net and no loss."""
    options = {name: value.at("paper") if isinstance(value, At) else value for name, value in source.options}
    kept = sorted((name, str(value)) for name, value in options.items() if name not in full_size.SCHEDULE and value is not None)
    return source.method, source.data, tuple(kept)


def test_every_net_of_the_catalogue_is_among_the_kinds():
    kinds = [_plain(source) for source in full_size.kinds().values()]
    assert len(kinds) == len(set(kinds))
    wanted = {_plain(source) for table in catalogue.TABLES.values() for source in table.sources() if isinstance(source, Train)}
    alike = {("gv", "300w", (("theta", "3.0"),)), ("gv", "300w", (("bands", "(3, 5)"),)),      # the default, spelt out
             ("anchorface", "menpo/semifrontal", ())}                                          # 68 landmarks: the net of 300W's
    assert {one for one in wanted if one not in kinds} <= alike


def test_a_row_says_what_the_option_is_at_the_papers_size():
    hrnet = next(one for one in full_size.kinds().values() if "encoder" in dict(one.options))
    row = [cell.strip() for cell in full_size.row_of(hrnet, FELL).strip("| ").split(" | ")]
    assert row[:3] == ["gv", "300w", "encoder=hrnetv2_w32"] and row[5:] == ["0.7", "0.3", "4.4", "2552"]
    assert float(row[3]) == pytest.approx(10.4, abs=0.1) and float(row[4]) == pytest.approx(30.1, abs=0.1)


def test_the_page_has_every_kind_and_its_rows_are_not_run_again(tmp_path, monkeypatch, capsys):
    path = Path(ROOT, "docs", "results", "full_size.md")
    rows, behind = full_size.read_page(path)
    kinds = [full_size.name_of(source) for source in full_size.kinds().values()]
    assert [name for name in rows if not name.startswith("| method")] == kinds, "run the study: it adds what the page lacks"
    ran = []

    def take(command, **_):
        ran.append(command[command.index("--one") + 1])
        return subprocess.CompletedProcess(command, 0, json.dumps(FELL), "")

    monkeypatch.setattr(full_size.subprocess, "run", take)
    page = tmp_path / "page.md"
    page.write_text("".join(line for line in path.read_text(encoding="utf-8").splitlines(True) if line != f"{rows[kinds[1]]}\n"),
                    encoding="utf-8")
    assert run_main(lambda: full_size.main(["--markdown", str(page)])) == 0
    assert ran == [list(full_size.kinds())[1]]
    found, still = full_size.read_page(page)
    assert {name: found[name] for name in kinds if name != kinds[1]} == {name: rows[name] for name in kinds if name != kinds[1]}
    assert list(found) == list(rows) and still == behind != "" and "| 0.7 | 0.3 | 4.4 | 2552 |" in found[kinds[1]]


@pytest.mark.parametrize("losses, code", [([0.7, 0.3], 0), ([0.7, 0.7], 2), ([0.7, float("nan")], 2)])
def test_a_loss_that_does_not_fall_is_an_error(losses, code, tmp_path, monkeypatch, capsys):
    def take(command, **_):
        return subprocess.CompletedProcess(command, 0, "log line\n" + json.dumps({**FELL, "losses": losses}), "")
    monkeypatch.setattr(full_size.subprocess, "run", take)
    page = tmp_path / "page.md"
    assert run_main(lambda: full_size.main(["--only", "00-gv", "--markdown", str(page)])) == code
    told = capsys.readouterr()
    assert page.is_file() == (code == 0)
    assert ("00-gv-300w" in told.err and "one that falls" in told.err) == (code == 2)


def test_a_process_that_fails_is_told_by_its_last_line(monkeypatch, capsys):
    monkeypatch.setattr(full_size.subprocess, "run",
                        lambda command, **_: subprocess.CompletedProcess(command, 2, "", "first\nno memory left\n"))
    assert run_main(lambda: full_size.main(["--only", "00-gv"])) == 2
    assert "no memory left" in capsys.readouterr().err
