"""The report: hand-made records in, the page and the Markdown out. Nothing is trained."""

import base64
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import browser
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from experiments.harness import claims, records, running
from experiments.harness.claims import Claim, at_least, beats, beats_printed, lowest_inside, same
from experiments.harness.command import as_text
from experiments.harness.grid import Cell, Figure, Measure, Table, Train, View
from experiments.harness.jobs import Place, collect, make_job
from experiments.harness.results import SEEN, Results
from experiments.report import html_page as command
from experiments.report import markdown_page, runs, shown
from experiments.report.gather import gather
from gv.core.exits import run as run_main
from gv.core.faces import write_index

VOID = {"meta", "link", "img", "br", "wbr", "hr", "input"}
GV = Train("gv", "300w")
WIDE, WIDER = GV.but(bands=(7,)), GV.but(bands=(7, 9))
OFFICIAL = {"source": "300-W", "splits": {"full": "0" * 64}}


def draw(results, path):
    """A figure of the first cell."""
    from experiments.plots import new_axes, save
    figure, axes = new_axes("seed", "NME")
    axes.plot(results.values(("l=3", "l=5")))
    save(figure, path)


COUNTED = Measure("numbers in the net", running.now, exact=True)    # a function that is never called: a report runs nothing
TIMED = Measure("milliseconds of the net", running.now)
BANDS = Table(
    key="gv-table8", paper="gv", number=8, title="Gaussian Vector, Table 8: bandwidths", unit="NME (ION) %",
    cells={("l=3", "l=5"): Cell(GV, "nme_ion", View("full"), published=("l=3", "l=5")),
           ("l=7", "l=7"): Cell(WIDE, "nme_ion", View("full"), published=("l=7", "l=7")),
           ("l=7", "l=9"): Cell(WIDER, "nme_ion", View("full"))},
    claims=(Claim("fused beats wide", "Section 4.5", (beats(("l=3", "l=5"), ("l=7", "l=7")),), hangs="the width of a <band>."),
            Claim("wide is as good", "ours", (same(("l=3", "l=5"), ("l=7", "l=7")),), ours=True),
            Claim("fused beats wider", "ours: <i>too</i>", (beats(("l=3", "l=5"), ("l=7", "l=9")),), ours=True)),
    figures=(Figure("bands", "The bands", draw),), notes=("A band of 7 is <wide>.",))
METHODS = Table(
    key="gv-table1", paper="gv", number=1, title="Gaussian Vector, Table 1: 300W", unit="NME %",
    cells={("GV(ResNet50)", f"ion/{split}"): Cell(GV, "nme_ion", View(split), published=("GV(ResNet50)", f"ion/{split}"))
           for split in ("common", "full")},
    claims=(Claim("it beats AWing", "Section 4.4", (beats_printed(("GV(ResNet50)", "ion/full"), "AWing", 3.07),),
                  official=True),))
WORK = Table(key="gv-table9", paper="gv", number=9, title="Gaussian Vector, Table 9: elements", unit="numbers",
             cells={("Gaussian Vector", "dim1"): Cell(COUNTED, "dim1", published=("Gaussian Vector", "dim1"), scale=1)},
             claims=(Claim("it is large", "ours", (at_least(("Gaussian Vector", "dim1"), 60),), ours=True),))
TABLES = [WORK, BANDS, METHODS]
COMMON = {"commit": "0123456789ab", "date": "2020-01-02 03:04 UTC", "devices": ["cpu(0)"], "beside": 1, "seconds": 90.0,
          "versions": {"mxnet": "1.9.1"}, "machine": {"processor": "a processor", "cores": 2, "system": "Linux"}}


def keep(folder, source, seed, values, preset="ablate", data=None, provenance="embedded", **changes):
    """Write the record of a source. values: {split: NME in percent} of a training, {name: number} of a measurement."""
    job = make_job(source, seed, Place(preset, None, "nowhere", "nowhere"))
    if data:
        job.identity = {**job.identity, "data": data, "provenance": provenance}
    record = {**COMMON, "key": job.key, "identity": job.identity, "sources": job.sources, "seed": seed, "preset": preset,
              "provenance": provenance, "run": "gone"}
    if isinstance(source, Measure):
        record.update(kind="measure", name=source.name, metrics=values, data="", provenance="none")
    else:
        views = {split: {"faces": 3, "metrics": {"nme_ion": value / 100}, "errors": records.pack_errors(np.full(3, value / 100))}
                 for split, value in values.items()}
        record.update(kind="train", method=source.method, set=source.data, views=views, curve=[], train_faces=1500, images=18000,
                      data="drawn" if provenance == "embedded" else f"300-W: {provenance}", normaliser="ion",
                      config={**job.identity["config"], "preset": preset})
    records.write(folder, {**record, **changes})
    return job.key


def keep_bands(folder, margins, base=5.0, **values):
    """Records of (3, 5) and (7,) whose margins over seeds are these, in percent."""
    for seed, margin in enumerate(margins):
        keep(folder, GV, seed, {"full": base, "common": base - 1}, **values)
        keep(folder, WIDE, seed, {"full": base + margin}, **values)


def gathered(folder, preset="ablate", **options):
    """What the report shows of the records in a folder."""
    return gather(TABLES, Place(preset, options.pop("data", None), str(folder / "runs"), str(folder / "records")), **options)


def find(report, key, group=0):
    """A table of a group."""
    return next(table for table in report.groups[group].tables if table.key == key)


def shown_of(table, row, column):
    """A cell of a table as it is shown."""
    rows = {one.name: one.cells for one in table.grid.rows}
    return rows[row][table.grid.columns.index(column)]


def page_of(report, folder, place=None):
    """The page as text."""
    place = place or Place("ablate", None, str(folder / "runs"), str(folder / "records"))
    return command.write_page(report, place, "a command", folder / "runs" / "report").read_text(encoding="utf-8")


class Page(HTMLParser):
    """A page's elements, with a complaint where one is not closed or closed twice."""

    def __init__(self, text):
        super().__init__()
        self.open, self.wrong, self.ids, self.links, self.sources, self.tables = [], [], [], [], [], []
        self.feed(text)
        self.close()
        self.wrong += self.open

    def handle_starttag(self, tag, attributes):
        told = dict(attributes)
        self.ids += [told["id"]] if "id" in told else []
        self.links += [told["href"]] if "href" in told else []
        self.sources += [told["src"]] if "src" in told else []
        if tag == "table":
            self.tables.append((told.get("class", ""), []))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID and (not self.open or self.open.pop() != tag):
            self.wrong.append(f"/{tag}")

    def handle_data(self, text):
        if "table" in self.open:
            self.tables[-1][1].append(text.strip())


@given(st.lists(st.one_of(st.floats(-2, 2).map(lambda value: round(value, 3)), st.just(0.7)), min_size=1, max_size=4))
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_verdicts_shown_are_those_of_the_claims_module(tmp_path_factory, margins):
    folder = tmp_path_factory.mktemp("verdicts")
    keep_bands(folder / "records", margins)
    report = gathered(folder)
    shown = find(report, "gv-table8").claims
    values = [(0.05, 0.05 + margin / 100) for margin in margins]
    for claim, one in zip(BANDS.claims[:2], shown):
        expected = claims.judge_margin(claim.margins[0], values)
        assert one.verdict == expected["verdict"] == one.margins[0].verdict
        assert one.margins[0].seeds == len(margins)
        assert float(one.margins[0].ours) == pytest.approx(100 * expected["mean"], rel=6e-3, abs=1e-9)
        if expected["needs"]:
            assert any(f"about {expected['needs']} seeds" in note for note in one.margins[0].notes)
    assert shown[2].verdict == claims.NOT_RUN
    assert shown[2].cost.startswith(f"To run: {3 + max(0, 3 - len(margins))} runs")
    page, markdown = page_of(report, folder), markdown_page.text(report, "a command")
    assert [one.hangs != "" for one in shown] == [shown[0].verdict == claims.CONTRADICTED, False, False]
    told = int(shown[0].verdict == claims.CONTRADICTED)
    assert page.count("May hang on: the width of a &lt;band&gt;.") == markdown.count("May hang on: the width of a ") == told
    for one in shown:
        row = re.search(rf'<tbody id="{one.id}">(.*?)</tbody>', page, re.DOTALL).group(1)
        assert set(re.findall(r'class="mark ([a-z-]+)"', row)) == {one.verdict.replace(" ", "-")}
    counted = report.groups[0].counts
    for whose, ours in (("paper", False), ("ours", True)):
        told = [claim.verdict for table in report.groups[0].tables for claim in table.claims if claim.ours == ours]
        assert getattr(counted, whose) == {verdict: told.count(verdict) for verdict in claims.VERDICTS}
    assert counted.paper[claims.NOT_RUN] >= 1    # against a printed number: not on drawn faces


def test_what_is_not_run_is_shown_as_no_number(tmp_path):
    keep(tmp_path / "records", GV, 0, {"full": 5.0})
    report = gathered(tmp_path)
    rows = {row.name: row for row in find(report, "gv-table8").grid.rows}
    columns = find(report, "gv-table8").grid.columns
    cells = {(name, column): cell for name, row in rows.items() for column, cell in zip(columns, row.cells)}
    assert [key for key, cell in cells.items() if cell.seeds] == [("l=3", "l=5")]
    assert not any(cell.difference or re.search(r"\d", cell.ours) for cell in cells.values() if not cell.seeds)
    text = page_of(report, tmp_path)
    grids = re.findall(r'<table class="grid">.*?</table>', text, re.DOTALL)
    lines = re.findall(r'<tr class="values">.*?</tr>', "".join(grids), re.DOTALL)
    shown = [re.sub("<[^>]*>", " ", cell).strip() for line in lines for cell in re.findall(r"<td>(.*?)</td>", line)]
    assert sorted(set(shown)) == ["", "5.00", "–"]
    markdown = markdown_page.text(report, "a command")
    assert "| l=3 | 1 | 3.14 / 5.00 |" in markdown and "| l=7 | not run |  | 3.38 / – | – |" in markdown


def test_provenances_and_presets_do_not_mix(tmp_path):
    told = {("ablate", "embedded"): 11.0, ("ablate", "official"): 22.0, ("ablate", "official, partial"): 33.0,
            ("mini", "embedded"): 44.0, ("paper", "official"): 55.0}
    for (preset, provenance), value in told.items():
        data = None if provenance == "embedded" else {**OFFICIAL, "source": provenance}
        keep(tmp_path / "records", GV, 0, {"full": value}, preset, data, provenance)
    keep(tmp_path / "records", COUNTED, 0, {"dim1": 68.0})
    report = gathered(tmp_path)
    assert [(group.preset, group.provenance) for group in report.groups] == [
        ("ablate", "embedded"), ("paper", "official"), ("ablate", "official"), ("ablate", "official, partial"),
        ("mini", "embedded")]
    text = page_of(report, tmp_path)
    for group in report.groups:
        table = next(table for table in group.tables if table.key == "gv-table8")
        assert shown_of(table, "l=3", "l=5").ours == f"{told[group.preset, group.provenance]:.2f}"
        part = text[text.index(f'id="{table.anchor}"'):]
        grid = re.search(r'<table class="grid">.*?</table>', part, re.DOTALL).group()
        assert [value for value in told.values() if f"{value:.2f}" in grid] == [told[group.preset, group.provenance]]
    assert [[table.key for table in group.tables] for group in report.groups] == [
        ["gv-table1", "gv-table8", "gv-table9"], *[["gv-table1", "gv-table8"]] * 4]
    assert text.count("These are not the papers&#39; data") + text.count("These are not the papers' data") == 2
    verdicts = [find(report, "gv-table1", number).claims[0].verdict for number in range(5)]
    assert verdicts == [claims.NOT_RUN, claims.UNDECIDED, *[claims.NOT_RUN] * 3], "on whole official data at preset paper alone"
    assert report.orphans == []


def test_each_claim_is_counted_once_on_the_nearest_data(tmp_path):
    partial = {"data": {**OFFICIAL, "source": "part"}, "provenance": "official, partial"}
    keep_bands(tmp_path / "records", [0.5, 0.6, 0.55])                       # drawn faces: reproduced
    keep_bands(tmp_path / "records", [0.1, -0.1, 0.02], **partial)           # part of the official data: undecided
    one = gathered(tmp_path).overall
    assert one.groups == ["ablate, part of the official data", "ablate, drawn faces"]
    assert {verdict: count for verdict, count in one.counts.items() if count} == {claims.UNDECIDED: 1}
    assert one.whole == 1 and one.differing == []                            # "it beats AWing" needs the whole data
    keep_bands(tmp_path / "records", [-0.5, -0.6, -0.55], **partial)         # contradicted there
    keep_bands(tmp_path / "records", [9, 9.1, 9.2], preset="mini", **partial)     # another preset counts nothing here
    report = gathered(tmp_path)
    one = report.overall
    assert {verdict: count for verdict, count in one.counts.items() if count} == {claims.CONTRADICTED: 1}
    assert [(differs.claim, *differs.verdicts) for differs in one.differing] == [
        ("fused beats wide", ("ablate, part of the official data", claims.CONTRADICTED),
         ("ablate, drawn faces", claims.REPRODUCED))]
    said = "contradicted on ablate, part of the official data, reproduced on ablate, drawn faces"
    markdown = markdown_page.text(report, "a command")
    assert said in markdown and said in markdown_page.block(report)
    assert "1 contradicted, 0 reproduced, 0 undecided, 0 not comparable, 0 not run. 1 more compare" in markdown
    assert "Not alike on all data: fused beats wide" in page_of(report, tmp_path)


def test_a_claim_that_chose_its_reading_and_one_that_is_not_comparable_say_so(tmp_path):
    margin = (beats(("l=3", "l=5"), ("l=7", "l=7")),)
    table = replace(BANDS, claims=(Claim("it wins", "Table 8", margin, chosen="of two readings the <other>."),
                                   Claim("it wins near the print", "Table 8", margin, near=("l=3", "l=5"))))
    place = Place("ablate", None, str(tmp_path / "runs"), str(tmp_path / "records"))
    keep_bands(tmp_path / "records", [0.5, 0.6, 0.55])               # of 5 %, where 3.14 is printed
    report = gather([table], place)
    assert [claim.verdict for claim in report.groups[0].tables[0].claims] == [claims.REPRODUCED, claims.NOT_COMPARABLE]
    assert report.overall.chosen == 1 and report.glances[0].glance.claim == "it wins (the reading was chosen by it)"
    for text in (markdown_page.text(report, "a command"), page_of(report, tmp_path)):
        assert f"{claims.CHOSEN}: of two readings the &lt;other&gt;." in text
        assert "For 1 of the reproduced, the reading was chosen by the claim itself" in " ".join(text.split())
        assert "l=3 l=5 is 1.59 times the printed 3.14, and the claim is judged up to 1.5 times" in text
        assert "Judged all the same, it would be reproduced" in text
    keep_bands(tmp_path / "records", [0.5, -0.6, 0.55])              # nothing decided: the choice stands beside it all the same
    report = gather([table], place)
    assert report.overall.chosen == 0 and claims.CHOSEN in markdown_page.text(report, "a command")
    table = replace(BANDS, claims=(Claim("it wins", "Table 8", (beats(("l=3", "l=5"), ("l=7", "l=9")),), chosen="of two."),))
    assert claims.CHOSEN not in markdown_page.text(gather([table], place), "a command"), "not run: nothing to be said"


def test_of_a_table_the_data_that_it_ran_on_come_first(tmp_path):
    keep(tmp_path / "records", GV, 0, {"common": 4.0, "full": 5.0})
    keep_bands(tmp_path / "records", [0.1], data={**OFFICIAL, "source": "part"}, provenance="official, partial")
    parts = {table.key: [(group.provenance, part.ran) for group, part in table.parts] for table in gathered(tmp_path).tables}
    assert parts["gv-table1"] == [("embedded", True), ("official, partial", True)]
    keep(tmp_path / "other", WIDE, 0, {"full": 5.0})
    keep(tmp_path / "other", GV, 0, {"common": 4.0, "full": 5.0}, data=OFFICIAL, provenance="official")
    report = gather(TABLES, Place("ablate", None, "nowhere", str(tmp_path / "other")))
    parts = {table.key: [(group.provenance, part.ran) for group, part in table.parts] for table in report.tables}
    assert parts["gv-table1"] == [("official", True), ("embedded", False)]


def test_of_a_part_of_a_set_the_test_faces_are_counted(tmp_path):
    """Where a number is of 330 of the 689 faces of the full set, the line below the table says so, each split once."""
    part = {"data": {**OFFICIAL, "source": "part"}, "provenance": "official, partial"}
    keep_bands(tmp_path / "records", [0.1, 0.2], **part)
    (line,) = find(gathered(tmp_path), "gv-table8", 0).provenance.data
    assert line == "300-W: official, partial, tested on 3 of 554 common, 3 of 689 full"
    keep_bands(tmp_path / "whole", [0.1], data=OFFICIAL, provenance="official")
    report = gather(TABLES, Place("ablate", None, "nowhere", str(tmp_path / "whole")))
    assert find(report, "gv-table8").provenance.data == ["300-W: official"]


def test_what_the_data_has_no_faces_for_is_no_run_to_come(tmp_path):
    """A claim on a split that a part of a set lacks: no run brings it, and the page says which split it is."""
    cells = {**BANDS.cells, ("l=3", "hard"): Cell(GV, "nme_ion", View("challenge")),
             ("l=7", "hard"): Cell(WIDE, "nme_ion", View("challenge"))}
    table = replace(BANDS, cells=cells, claims=(Claim("it wins there", "x", (beats(("l=3", "hard"), ("l=7", "hard")),)),))
    data = {"source": "part", "splits": {"train": "0", "common": "0", "full": "0"}}
    keep(tmp_path / "records", GV, 0, {"full": 5.0, "common": 4.0}, data=data, provenance="official, partial")
    place = Place("ablate", None, str(tmp_path / "runs"), str(tmp_path / "records"))
    (shown,) = [part for group, part in gather([table], place).tables[0].parts if group.provenance == "official, partial"]
    assert shown.claims[0].verdict == claims.NOT_RUN
    assert shown.claims[0].cost == "Not to be had here: the data has no faces of 300w/challenge"
    assert shown.cost.lacks == ["300w/challenge"] and shown.cost.runs == 8 and shown.cost_text.endswith(
        "the data has no faces of 300w/challenge")      # of three bands and seeds, but one


def test_a_claim_waits_for_what_tells_whether_it_can_be_compared(tmp_path):
    """Its margin is there; the error on the faces trained on, by which it is judged, was not asked of the runs."""
    cells = {**BANDS.cells, ("l=3", "seen"): Cell(GV, SEEN, View("train"))}
    table = replace(BANDS, cells=cells, claims=(Claim("a regulariser helps", "x", (beats(("l=3", "l=5"), ("l=7", "l=7")),),
                                                      overfits=(("l=3", "seen"), ("l=3", "l=5"))),))
    assert table.claims[0].cells == {("l=3", "seen"), ("l=3", "l=5"), ("l=7", "l=7")}
    keep_bands(tmp_path / "records", [0.5, 0.6])
    place = Place("ablate", None, str(tmp_path / "runs"), str(tmp_path / "records"))
    (shown,) = find(gather([table], place), "gv-table8").claims
    assert shown.verdict == claims.NOT_RUN and shown.cost.startswith("To run: 4 runs")    # two to be read, two of a third seed
    jobs = collect([table], [0, 1], place)
    assert "running it: 0 of 2 recorded; 2 to run" in as_text(Results(table, jobs, [0, 1], place))


def test_the_best_of_a_row_is_shown_by_the_cell_that_is_best_in_print(tmp_path):
    """Of three bands, the middle one inside: the glance shows its number, not the first cell's of the margin by chance."""
    keys = [("l=1", "l=1"), ("l=3", "l=3"), ("l=3", "l=5"), ("l=5", "l=5")]
    table = replace(BANDS, cells={key: Cell(GV, "nme_ion", View("full"), published=key) for key in keys},
                    claims=(Claim("inside", "Table 8", (lowest_inside([keys]),)),))
    keep(tmp_path / "records", GV, 0, {"full": 5.0})
    (glance,) = gather([table], Place("ablate", None, "nowhere", str(tmp_path / "records"))).glances
    assert (glance.glance.what, glance.glance.printed) == ("l=3 l=5", "3.14")


def test_a_table_whose_papers_claims_wait_for_other_data_is_shown_by_one_of_ours(tmp_path):
    """Against a number printed for another method the paper's data are wanted, at preset paper; ours is judged here."""
    best, ours = ("l=3", "l=5"), Claim("fused beats wide", "ours", (beats(("l=3", "l=5"), ("l=7", "l=7")),), ours=True)
    table = replace(BANDS, claims=(Claim("the best", "x", (beats_printed(best, "AWing", 3.07),), official=True), ours))
    keep_bands(tmp_path / "records", [0.5, 0.6, 0.55])
    place = Place("ablate", None, "nowhere", str(tmp_path / "records"))
    (glance,) = gather([table], place).glances
    assert (glance.glance.claim, glance.glance.verdict) == ("fused beats wide (ours)", claims.REPRODUCED)
    assert glance.glance.counts[claims.NOT_RUN] == 1 and glance.glance.counts[claims.REPRODUCED] == 0
    judged = replace(table, claims=(ours, Claim("theirs", "x", (beats(("l=7", "l=7"), ("l=3", "l=5")),), hangs="size")))
    (glance,) = gather([judged], place).glances
    assert glance.glance.claim == "theirs", "the paper's goes first"


def test_all_seeds_of_a_measurement_without_data_are_shown(tmp_path):
    for seed in range(5):
        keep(tmp_path / "records", TIMED, seed, {"ms": 2.0 + seed})
    table = Table(key="gv-table9", paper="gv", number=9, title="times", unit="ms",
                  cells={("net", "ms"): Cell(TIMED, "ms", scale=1)})
    report = gather([table], Place("ablate", None, "nowhere", str(tmp_path / "records")))
    assert shown_of(report.groups[0].tables[0], "net", "ms").seeds == 5 and report.orphans == []


def test_a_claim_that_ran_nowhere_is_not_run(tmp_path):
    keep(tmp_path / "records", COUNTED, 0, {"dim1": 68.0})
    one = gathered(tmp_path).overall
    assert {verdict: count for verdict, count in one.counts.items() if count} == {claims.NOT_RUN: 1} and one.whole == 1


def test_the_papers_own_data_comes_first_where_it_is_given(tmp_path):
    from helpers import make_faces
    faces = make_faces(tmp_path / "data" / "300w", 2, np.random.default_rng(0))
    write_index(tmp_path / "data" / "300w", {"train": faces[:1], "full": faces[1:]}, layout=68, source="300-W",
                box_source="landmarks", normaliser="ion", provenance="official")
    place = Place("ablate", str(tmp_path / "data"), "nowhere", "nowhere")
    key = keep(tmp_path / "records", GV, 0, {"full": 3.0}, "ablate", place.dataset("300w").identity, "official")
    keep(tmp_path / "records", GV, 1, {"full": 4.0}, "ablate", OFFICIAL, "official")    # other pictures
    cofw = Table(key="gv-table2", paper="gv", number=2, title="Gaussian Vector, Table 2: COFW", unit="NME %",
                 cells={("GV(ResNet50)", "ion/nme"): Cell(Train("gv", "cofw"), "nme_ion", View("test"))},
                 claims=(Claim("it is good", "ours", (at_least(("GV(ResNet50)", "ion/nme"), 0),), ours=True),))
    place = Place("ablate", str(tmp_path / "data"), str(tmp_path / "runs"), str(tmp_path / "records"))
    report = gather([*TABLES, cofw], place)
    assert find(report, "gv-table2").claims[0].cost == "To run: first prepare cofw"
    assert [group.name for group in report.groups] == ["ablate, official data"]
    table = find(report, "gv-table8")
    assert shown_of(table, "l=3", "l=5").ours == "3.00" and table.command.endswith("--seeds 3 --data DIR")
    assert len(report.orphans) == 1 and key not in report.orphans


def test_other_methods_rows_are_those_the_paper_prints(tmp_path):
    keep(tmp_path / "records", GV, 0, {"full": 5.0, "common": 4.0})
    table = find(gathered(tmp_path), "gv-table1")
    names = [row.name for row in table.grid.rows]
    assert names[:3] == ["RCPR", "LBF", "TCDCN"] and len(names) == len(set(names)) == 11
    assert table.grid.columns == [f"{norm}/{split}" for norm in ("ipn", "ion") for split in ("common", "challenge", "full")]
    assert shown_of(table, "AWing", "ion/full").printed == "3.07"
    assert shown_of(table, "AWing", "ipn/challenge").printed == "6.52"
    assert not any(cell.seeds for row in table.grid.rows for cell in row.cells if row.name != "GV(ResNet50)")
    ours = shown_of(table, "GV(ResNet50)", "ion/full")
    assert (ours.printed, ours.ours, ours.difference) == ("3.14", "5.00", "+1.86")
    ours = shown_of(table, "GV(ResNet50)", "ipn/full")
    assert (ours.printed, ours.ours, ours.difference) == ("4.41", "", "")


def test_a_table_laid_out_otherwise_shows_its_own_cells_print_alone(tmp_path):
    keep(tmp_path / "records", GV, 0, {"full": 5.0})
    keep(tmp_path / "records", WIDE, 0, {"full": 6.0})
    turned = Table(**{**vars(BANDS), "claims": (), "cells": {
        ("NME", name): Cell(source, "nme_ion", View("full"), published=printed)
        for name, source, printed in (("3 and 5", GV, ("l=3", "l=5")), ("5 and 7", WIDE, ("l=5", "l=7")),
                                      ("7", WIDE, ("l=7", "l=7")), ("3 and 5 again", GV, ("l=3", "l=5")))}})
    table = find(gather([turned], Place("ablate", None, "nowhere", str(tmp_path / "records"))), "gv-table8")
    assert table.grid.apart and [row.name for row in table.grid.rows] == ["NME"]
    assert [cell.printed for cell in table.grid.rows[0].cells] == ["3.14", "3.28", "3.38", "3.14"]


def test_costs_are_the_records_speed_times_what_is_missing(tmp_path):
    keep_bands(tmp_path / "records", [0.1, 0.2, 0.3])                     # 18000 images in 90 s each
    report = gathered(tmp_path)
    job = make_job(WIDER, 0, Place("ablate", None, "nowhere", "nowhere"))
    cost = find(report, "gv-table8").cost
    assert cost.runs == 3 and cost.unknown == 0
    assert cost.seconds == pytest.approx(3 * (job.images / 18000 * 90 + 6))
    assert report.groups[0].cost.runs == 3 + 1                   # and the count, of which one seed is enough
    assert find(gathered(tmp_path, seeds=5), "gv-table8").cost.runs == 5 + 2 * 2
    assert "python -m experiments.catalogue gv-table8 --preset ablate --seeds 3" in markdown_page.text(report, "a command")


def test_seeds_beyond_those_asked_for_are_not_missed_of_the_other_runs(tmp_path):
    keep_bands(tmp_path / "records", [0.1, 0.2, 0.3])
    keep(tmp_path / "records", GV, 3, {"full": 5.0})                      # a verdict wanted more of this one
    for seeds, runs_in_all in ((None, 3 * 3 + 1), (5, 3 * 5)):
        report = gathered(tmp_path, **({"seeds": seeds} if seeds else {}))
        table = find(report, "gv-table8")
        assert (table.provenance.records, table.provenance.runs) == (7, runs_in_all)
        assert table.provenance.runs - table.provenance.records == table.cost.runs
        assert f"7 of {runs_in_all} runs" in markdown_page.text(report, "a command")


def test_records_of_earlier_code_are_said_to_be(tmp_path):
    keep(tmp_path / "records", GV, 0, {"full": 5.0})
    keep(tmp_path / "records", WIDE, 0, {"full": 6.0}, sources="0" * 64)
    report = gathered(tmp_path)
    table = find(report, "gv-table8")
    assert [claim.earlier for claim in table.claims] == [True, True, False] and table.provenance.earlier == 1
    assert [run.earlier for run in report.groups[0].runs] == [True, False]
    assert page_of(report, tmp_path).count("From records that earlier code made.") == 2


def test_the_page_is_well_formed_and_needs_no_other_file(tmp_path):
    keep_bands(tmp_path / "records", [0.1, 0.2], data=OFFICIAL, provenance="official")
    run = tmp_path / "runs" / "trainings" / "one"
    run.mkdir(parents=True)
    (run / "worker.log").write_text("done", encoding="utf-8")
    keep(tmp_path / "records", GV, 0, {"full": 5.0}, run="runs/trainings/one", data=None)
    keep(tmp_path / "records", WIDE, 0, {"full": 5.0}, commit="<b>&")
    text = page_of(gathered(tmp_path, pictures=True), tmp_path)
    page = Page(text)
    assert page.wrong == [] and len(page.ids) == len(set(page.ids))
    assert text.startswith("<!DOCTYPE html>") or text.lstrip().startswith("<!DOCTYPE html>")
    assert [link for link in page.links if link.startswith("#") and link[1:] not in page.ids] == []
    assert not re.search(r"""(src|href)\s*=\s*["']?(https?:)?//|url\(|@import|<script""", text)
    assert len(page.sources) == 3 and all(source.startswith("data:image/png;base64,") for source in page.sources)
    assert base64.b64decode(page.sources[0].split(",")[1]).startswith(b"\x89PNG")
    assert "<wide>" not in text and "<i>too" not in text and "<b>&" not in text and "&lt;i&gt;too" in text
    files = [link for link in page.links if not link.startswith(("#", "data:"))]
    assert "../trainings/one/worker.log" in files
    assert all((tmp_path / "runs" / "report" / link).is_file() for link in files)


def test_names_with_markup_are_text_in_the_markdown_too(tmp_path):
    keep_bands(tmp_path / "records", [0.1, 0.2])
    keep(tmp_path / "records", GV, 2, {"full": 5.0}, commit="<script>alert(1)</script>&")
    text = markdown_page.text(gathered(tmp_path), "make report")
    assert "&lt;script&gt;alert(1)&lt;/script&gt;&amp;" in text and "&lt;wide&gt;" in text
    assert set(re.findall(r"<[^>]*>?", text)) <= {"<br>"}


def test_the_picture_at_the_head_is_of_a_table_with_a_verdict(tmp_path):
    """One of a run that another table shares, alone in it, would stand for nothing."""
    keep(tmp_path / "records", GV, 0, {"full": 5.0, "common": 4.0})
    alone = gathered(tmp_path, pictures=True)
    assert alone.lead is None and any(figure.png for figure in find(alone, "gv-table8").figures)
    keep_bands(tmp_path / "records", [0.5, 0.6])
    report = gathered(tmp_path, pictures=True)
    part, figure = report.lead
    assert (part.title, figure.caption) == (BANDS.title, "The bands") and figure.png
    head = page_of(report, tmp_path).partition('<h2 id="glance">')[0]
    assert head.count("<img ") == 1 and f"{BANDS.title}. The bands" in head
    assert part.name == "ablate, drawn faces"
    keep_bands(tmp_path / "records", [0.5, 0.6], data={**OFFICIAL, "source": "part"}, provenance="official, partial")
    part, _ = gathered(tmp_path, pictures=True).lead
    assert part.name == "ablate, part of the official data"           # the nearest to the papers'


def test_a_figure_that_cannot_be_drawn_yet_is_said_to_be_missing(tmp_path):
    def fails(results, path):
        raise IndexError("nothing there")
    keep(tmp_path / "records", GV, 0, {"full": 5.0})
    broken = Table(**{**vars(BANDS), "figures": (Figure("bands", "The bands", fails),)})
    report = gather([broken], Place("ablate", None, "nowhere", str(tmp_path / "records")), pictures=True)
    assert find(report, "gv-table8").figures == [
        shown.Drawing("bands", "The bands", None, "not drawn from what there is so far (IndexError)")]


def test_pictures_of_a_measurement_are_shown(tmp_path):
    folder = tmp_path / "runs" / "measurements" / "two"
    folder.mkdir(parents=True)
    (folder / "votes.png").write_bytes(b"a picture")
    keep(tmp_path / "records", COUNTED, 0, {"dim1": 68.0}, run="elsewhere/measurements/two")
    shown = find(gathered(tmp_path, pictures=True), "gv-table9").figures
    assert [(one.name, one.png) for one in shown] == [("votes", b"a picture")]


def test_the_markdown_is_the_same_for_the_same_records(tmp_path):
    keep_bands(tmp_path / "records", [0.1, 0.2, 0.25])
    first = markdown_page.text(gathered(tmp_path), "a command", tmp_path)
    (tmp_path / "runs" / "trainings").mkdir(parents=True)                 # what else is on the machine does not matter
    for path in sorted((tmp_path / "records").iterdir(), reverse=True):   # nor when, and in which order, the records came
        text = path.read_text(encoding="utf-8")
        path.unlink()
        path.write_text(text, encoding="utf-8")
    assert markdown_page.text(gathered(tmp_path, pictures=True), "a command", tmp_path) == first
    assert "Generated by `a command`" in first and "2020-01-02" not in first
    board, tables = first.index("## Claims"), first.index("## Gaussian Vector, table by table")
    glance = first[first.index("## At a glance"):board]
    assert "| ? | [Gaussian Vector, Table 8: bandwidths]" in glance
    assert "| fused beats wide | l=3 l=5 | 3.14 | 5.00 ± 0.00 |" in glance
    assert board < tables < first.index("## What is not run") and "**+0.183**" in first[board:tables]
    lines = first.splitlines()
    for start in [i for i, line in enumerate(lines) if re.match(r"\|[-:|]+\|$", line)]:
        width = lines[start].count("|")
        rows = [line for line in lines[start - 1:start + 3] if line.startswith("|")]
        assert {len(re.findall(r"(?<!\\)\|", line)) for line in rows} == {width}, rows


def test_results_md_is_what_the_records_give():
    """The page that is committed is the one that its command makes of the records that are."""
    path = Path(markdown_page.ROOT, "docs", "RESULTS.md")
    if not path.is_file():
        pytest.skip("not generated yet")
    text = path.read_text(encoding="utf-8")
    made_by = re.search(r"`(python -m experiments.report [^`]*)`", text).group(1)
    args = command.parse(made_by.split()[3:])
    place = Place(args.preset, None, "nowhere", Path(markdown_page.ROOT, command.RECORDS))
    report = gather(list(command.catalogue.TABLES.values()), place, args.seeds)
    assert markdown_page.text(report, made_by, path.parent) == text, f"run: {made_by}"
    unexplained = [claim.text for group in report.groups for table in group.tables for claim in table.claims
                   if claim.verdict == claims.CONTRADICTED and not claim.hangs]
    assert not unexplained, "say what a contradiction may hang on: Claim(hangs=...)"


def test_readings_and_earlier_pages_are_read(tmp_path):
    (tmp_path / "docs" / "results").mkdir(parents=True)
    (tmp_path / "docs" / "readings.md").write_text(
        "# Read\n\n## One\n\n| where | default |\n|---|---|\n| Eq. 1 | `a=b` |\n\nSome words\non two lines.\n\n## Two\n\n"
        "- a point\n  goes on\n- another\n", encoding="utf-8")
    (tmp_path / "docs" / "results" / "old.md").write_text(
        "# An old page\n\n![a picture](x.png)\n\nIt says [this](y.md) first. Then more.\n\n## Further\n", encoding="utf-8")
    assert runs.readings(tmp_path) == [
        shown.Reading("One", [["where", "default"], ["Eq. 1", "`a=b`"]], ["Some words on two lines."]),
        shown.Reading("Two", [], ["a point goes on", "another"])]
    assert runs.earlier(tmp_path) == [shown.Page("docs/results/old.md", "An old page", "It says this first. Then more.")]
    assert runs.readings(tmp_path / "none") == [] and runs.earlier(tmp_path / "none") == []


@pytest.mark.parametrize(("arguments", "named"), [
    (["--seeds", "0"], "--seeds"), (["--records", "no-such-folder"], "--records"), (["--data", "no-such-folder"], "--data")])
def test_bad_arguments_are_named(arguments, named, capsys):
    assert run_main(lambda: command.main(arguments)) == 2
    error = capsys.readouterr().err
    assert named in error and error.count("\n") == 1


@pytest.mark.parametrize("harm", [lambda record: record.pop("versions"), lambda record: record.update(provenance="guessed"),
                                  lambda record: record.update(format=99)])
def test_a_file_that_is_no_record_is_named_and_nothing_is_written(harm, tmp_path, capsys):
    key = keep(tmp_path / "records", GV, 0, {"full": 5.0})
    path = tmp_path / "records" / f"{key}.json"
    record = json.loads(path.read_text(encoding="utf-8"))
    harm(record)
    path.write_text(json.dumps(record), encoding="utf-8")
    arguments = ["--records", str(tmp_path / "records"), "--out", str(tmp_path / "runs"), "--markdown", str(tmp_path / "R.md")]
    assert run_main(lambda: command.main(arguments)) == 2
    error = capsys.readouterr().err
    assert str(path) in error and error.count("\n") == 1
    assert not (tmp_path / "runs").exists() and not (tmp_path / "R.md").exists()


def test_the_command_writes_the_page_and_the_markdown(tmp_path, monkeypatch, capsys):
    keep_bands(tmp_path / "records", [0.1, 0.2])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(command.catalogue, "TABLES", {table.key: table for table in TABLES})
    assert run_main(lambda: command.main(["--records", "records", "--seeds", "2", "--markdown", "docs/R.md"])) == 0
    assert capsys.readouterr().out.split() == ["runs/report/index.html", "docs/R.md"]
    text = (tmp_path / "docs" / "R.md").read_text(encoding="utf-8")
    made_by = "python -m experiments.report --preset ablate --seeds 2 --markdown docs/R.md"
    assert f"Generated by `{made_by}` from 4 records" in text
    report = gather(TABLES, Place("ablate", None, "runs", "records"), 2)
    assert text == markdown_page.text(report, made_by, "docs")
    assert "4 records" in (tmp_path / "runs" / "report" / "index.html").read_text(encoding="utf-8")


@pytest.mark.skipif(not browser.find(), reason="no Chromium here")
def test_the_page_in_a_browser(tmp_path):
    keep_bands(tmp_path / "records", [0.1, 0.2, 0.3])
    keep_bands(tmp_path / "records", [0.1], data=OFFICIAL, provenance="official")
    page_of(gathered(tmp_path, pictures=True), tmp_path)
    with browser.Browser() as chromium:
        for width in (400, 1400):
            found = chromium.open(tmp_path / "runs" / "report" / "index.html", width)
            assert found["errors"] == [] and found["broken"] == [] and found["images"] == 3
            assert found["width"] <= width and found["wide"] == [] and len(found["asked"]) == 1
