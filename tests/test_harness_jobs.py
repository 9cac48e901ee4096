"""From tables to jobs and back to tables, nothing trained: keys, sharing, what is missing, numbers, and the command's manners."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers import make_index

from experiments import catalogue
from experiments.harness import claims, code_hash, command, datasets, estimates, jobs, records, scheduling
from experiments.harness.claims import Claim, beats
from experiments.harness.grid import At, Cell, Measure, Share, Table, Train, View, cross, pairs
from experiments.harness.jobs import Place, collect, make_job, make_run, unique
from experiments.harness.results import Results, error_at, log_area, margin_text, number_text, ours_text, table_text
from gv.core.errors import InputError
from gv.methods import GaussianVector

GV = Train("gv", "300w")
FULL, COMMON = View("full"), View("common")


def count_faces(context):
    """A measurement that needs nothing."""
    return {"faces": 7}


count_faces.__module__ = "experiments.plots"     # a test's own module is none of the project's


def table_of(*sources, key="t", view=FULL, **more):
    """A table of a cell a source."""
    cells = {(f"row {i}", "NME"): Cell(source, "nme_ion", None if isinstance(source, Measure) else view)
             for i, source in enumerate(sources)}
    return Table(key=key, paper="gv", number=0, title="A table", unit="NME %", cells=cells, **more)


@pytest.fixture
def place(tmp_path):
    return Place("smoke", None, str(tmp_path / "runs"), str(tmp_path / "records"))


def finish(job, place, numbers=None, **change):
    """Leave the record of a job as a worker would: {view: number} as its NME, or a measurement's figures."""
    kind = "measure" if isinstance(job.source, Measure) else "train"
    numbers = numbers if numbers is not None else {view: 0.05 for view in job.views}
    figures = {"metrics": numbers} if kind == "measure" else {"views": {
        view.name(): {"faces": 2, "metrics": {"nme_ion": number}, "errors": records.pack_errors(np.full(2, number))}
        for view, number in numbers.items()}}
    record = {"key": job.key, "kind": kind, "sources": job.sources, "seed": job.seed, "data": "drawn", "provenance": "embedded",
              "normaliser": "ion", "run": str(job.folder), "seconds": 2.0, "images": job.images, "curve": [],
              "config": job.identity.get("config"), "method": getattr(job.source, "method", ""), **figures, **change}
    records.write(place.records, record)


def leave_weights(job, finished=True):
    """A checkpoint's sidecar, as a training leaves it."""
    folder = Path(job.folder, "checkpoint")
    folder.mkdir(parents=True)
    (folder / "sidecar.json").write_text(json.dumps({
        "version": 1, "step": 2, "files": {"weights": {"file": "w.params", "sha256": "0"}}, "finished": finished}))


# keys

def test_the_key_depends_on_options_data_and_seed(place):
    key = make_job(GV, 0, place).key
    others = [make_job(GV, 1, place), make_job(GV.but(theta=2.0), 0, place), make_job(Train("gv", "cofw"), 0, place),
              make_job(Train("heatmap", "300w"), 0, place), make_job(Train("gv", "300w", curve="full"), 0, place),
              make_job(GV, 0, replace(place, preset="ablate"))]
    assert len({key, *(job.key for job in others)}) == 1 + len(others)


def test_the_key_does_not_depend_on_folders_the_machine_or_what_the_preset_is_called(place, tmp_path, monkeypatch):
    here = make_job(GV, 0, place)
    elsewhere = make_job(GV, 0, Place("smoke", None, str(tmp_path / "other"), str(tmp_path / "others")))
    assert here.key == elsewhere.key and here.folder != elsewhere.folder
    monkeypatch.setitem(GaussianVector.PRESETS, "twin", GaussianVector.PRESETS["smoke"])
    monkeypatch.setitem(datasets.EMBEDDED_SIZE, "twin", datasets.EMBEDDED_SIZE["smoke"])
    assert make_job(GV, 0, replace(place, preset="twin")).key == here.key
    monkeypatch.setattr(records, "machine", lambda: {"processor": "another"})
    assert make_job(GV, 0, place).key == here.key


def test_the_key_on_a_users_index_is_the_same_wherever_it_lies(tmp_path):
    keys = set()
    for name in ("a", "b"):
        make_index(tmp_path / name / "300w", 4, 3)
        keys.add(make_job(GV, 0, Place("smoke", str(tmp_path / name), str(tmp_path / "runs"), str(tmp_path / "records"))).key)
    assert len(keys) == 1
    make_index(tmp_path / "c" / "300w", 4, 3, seed=1)
    assert make_job(GV, 0, Place("smoke", str(tmp_path / "c"), str(tmp_path), str(tmp_path))).key not in keys


def test_weights_of_other_code_lie_elsewhere_and_their_record_is_not_taken(place, monkeypatch):
    before = make_job(GV, 0, place)
    finish(before, place, {FULL: 0.05})
    assert make_job(GV, 0, place).record["views"]
    monkeypatch.setattr(code_hash, "digest", lambda modules: "f" * 64)
    after = make_job(GV, 0, place)
    assert after.key == before.key and after.folder != before.folder and after.record is None and not after.finished()
    assert make_job(GV, 0, place, any_sources=True).record["sources"] == before.sources


def test_code_that_only_evaluates_moves_no_weights(place, monkeypatch):
    before, digest = make_job(GV, 0, place), code_hash.digest
    monkeypatch.setattr(code_hash, "digest", lambda modules: digest(modules) if "gv.core.evaluate" not in modules else "f" * 64)
    after = make_job(GV, 0, place)
    assert after.folder == before.folder and after.sources != before.sources


def test_a_measurements_code_is_its_own_and_that_of_the_trainings_it_reads(place, monkeypatch):
    asked = []
    monkeypatch.setattr(code_hash, "digest", lambda modules: asked.append(modules) or "a" * 64)
    make_job(Measure("count", count_faces, needs=(GV, Train("anchorface", "aflw"))), 0, place)
    assert set(asked[-1]) >= {count_faces.__module__, "experiments.harness.running", "gv.core.train", "gv.methods",
                              "anchorface.methods"}
    different = [{}, {"needs": (GV,)}, {"data": ("300w",)}, {"options": pairs(a=1)}, {"options": pairs(a=2)}]
    assert len({make_job(Measure("count", count_faces, **more), 0, place).key for more in different}) == len(different)


def test_a_measurement_that_stands_in_the_script_that_is_run_is_refused(place):
    def measure(context):
        return {}

    measure.__module__ = "__main__"
    with pytest.raises(ValueError, match="__main__ is no module of this project"):
        make_job(Measure("count", measure), 0, place)


# options

@pytest.mark.parametrize("preset, size", [("smoke", 112), ("ablate", 112), ("mini", 112), ("paper", 224)])
def test_a_share_is_of_the_presets_own_side(preset, size):
    run = make_run(Train("anchorface", "aflw", pairs(area=Share(0.25))), preset, 0, 19)
    assert run.crop.size == size and run.method.options.area == size / 4
    assert make_run(Train("anchorface", "aflw", pairs(area=Share(0.5), size=160)), preset, 0, 19).method.options.area == 80


def test_a_share_of_the_default_side():
    assert GaussianVector.PRESETS["paper"].get("size") is None
    assert jobs.settings_of(Train("gv", "300w", pairs(side=Share(0.25))), "paper", 0)["side"] == 64    # of 256


@pytest.mark.parametrize("data, enlarge", [("300w", 0.0), ("jd", 0.0), ("cofw", 0.1), ("wflw", 0.25)])
@pytest.mark.parametrize("preset", ["smoke", "ablate", "mini", "paper"])
def test_gaussian_vectors_boxes_are_enlarged_as_section_4_3_says_at_every_preset(data, enlarge, preset):
    for method in ("gv", "heatmap", "heatmap-awing"):
        assert make_run(Train(method, data), preset, 0, 68).crop.enlarge == enlarge
    assert make_run(Train("gv", data, pairs(enlarge=0.3)), preset, 0, 68).crop.enlarge == 0.3
    crops = [make_run(Train(method, data), preset, 0, 68).crop for method in ("gv", "anchorface", "regression")]
    assert [crop.enlarge for crop in crops] == [enlarge, 0, 0]
    assert [crop.boxes for crop in crops] == ["landmarks", "index", "index"]    # AnchorFace, Section 4.1: the provided boxes


def test_no_cascade_is_fitted_and_the_seed_and_the_curve_are_set():
    run = make_run(Train("gv", "300w", curve="full"), "paper", 3, 68)
    assert (run.training.detector_faces, run.training.seed, run.training.curve_split) == (0, 3, "full")


def test_an_option_that_no_method_has_is_named():
    with pytest.raises(InputError, match="bandz.*no such option"):
        make_run(GV.but(bandz=3), "smoke", 0, 68)


# what is shared

def test_a_source_that_two_tables_want_is_one_job_with_the_views_of_both(place):
    found = collect([table_of(GV, GV.but(theta=1.0)), table_of(Train("gv", "300w"), key="u", view=COMMON)], [0, 1], place)
    assert len(found) == len(unique(found)) == 4
    assert found[GV, 0].views == found[GV, 1].views == {FULL, COMMON}
    assert found[GV.but(theta=1.0), 0].views == {FULL}


def test_options_that_say_what_holds_anyway_are_the_same_job(place):
    """As a row of an ablation that is the paper's own setting: trained once, with the views of both."""
    said = GV.but(bands=(3, 5), theta=3.0, size=64)
    found = collect([table_of(GV), table_of(said, GV.but(theta=1.0), key="u", view=COMMON)], [0], place)
    assert found[GV, 0] is found[said, 0] and found[GV, 0].views == {FULL, COMMON}
    assert len(found) == 3 and len(unique(found)) == 2
    finish(found[GV, 0], place, {FULL: 0.04, COMMON: 0.03})
    again = collect([table_of(GV), table_of(said, key="u", view=COMMON)], [0], place)
    assert [job.finished() for job in again.values()] == [True, True]
    assert Results(table_of(said, view=COMMON), again, [0], place).values(("row 0", "NME")) == [pytest.approx(3.0)]


def test_equal_views_have_one_name():
    assert View("full", pairs(tau=2)) == View("full", pairs(tau=2.0))
    assert View("full", pairs(tau=2)).name() == View("full", pairs(tau=2.0)).name() == "full|tau=2.0"
    names = [View("full"), View("common"), View("full", shrink=0.1), View("full", pairs(beyond_box=True)),
             View("full", pairs(tau=2.0)), View("full", pairs(tau=2.5)), View("full", pairs(aggregate="mean"))]
    assert len({view.name() for view in names}) == len(names)
    assert pairs(b=1, a=2) == pairs(a=2, b=1)


def test_trainings_come_first_and_an_exact_measurement_once(place):
    exact, chance = Measure("count", count_faces, exact=True), Measure("time", count_faces)
    found = collect([table_of(exact, chance, GV)], [0, 1, 2], place)
    kinds = [isinstance(source, Measure) for source, _ in found]
    assert kinds == sorted(kinds)
    assert [seed for source, seed in found if source == exact] == [0]
    assert [seed for source, seed in found if source == chance] == [0, 1, 2]


def test_a_measurement_wants_the_weights_of_what_it_needs_until_it_is_done(place):
    measure = Measure("count", count_faces, needs=(GV,), exact=True)
    table = table_of(measure)
    found = collect([table], [0], place)
    assert found[GV, 0].weights and found[GV, 0].views == set()
    finish(found[GV, 0], place, {})
    training = collect([table], [0], place)[GV, 0]
    assert training.record is not None and not training.finished(), "its record alone is no weights"
    leave_weights(training, finished=False)
    assert not collect([table], [0], place)[GV, 0].finished(), "an interrupted training's weights are not those"
    (training.folder / "checkpoint" / "sidecar.json").unlink()
    (training.folder / "checkpoint").rmdir()
    leave_weights(training)
    assert collect([table], [0], place)[GV, 0].finished()
    finish(found[measure, 0], place, {"faces": 7})
    assert list(collect([table], [0], place)) == [(measure, 0)], "done: the training is not asked for"


def test_what_a_record_lacks_is_missing(place):
    table = table_of(GV)
    job = collect([table], [0], place)[GV, 0]
    assert job.record is None and not job.finished() and job.missing() == [FULL]
    finish(job, place)
    assert collect([table], [0], place)[GV, 0].finished()
    more = collect([table, table_of(GV, view=COMMON)], [0], place)[GV, 0]
    assert more.missing() == [COMMON] and not more.finished()


def test_a_split_without_faces_is_not_asked_for(tmp_path):
    make_index(tmp_path / "data" / "300w", 4, 3)     # train and common
    place = Place("smoke", str(tmp_path / "data"), str(tmp_path), str(tmp_path / "records"))
    job = collect([table_of(GV), table_of(GV, key="u", view=COMMON)], [0], place)[GV, 0]
    assert job.views == {COMMON} and job.images == 4     # one epoch of the four that there are


def test_images_are_those_a_training_shows_its_net(place):
    assert make_job(GV, 0, place).images == 8                                            # smoke: 8 faces, one epoch
    assert make_job(GV, 0, replace(place, preset="ablate")).images == 25 * 1500
    assert make_job(GV, 0, replace(place, preset="paper")).images == 60 * 3148


def test_every_tables_measurements_have_names_of_their_own():
    """A record is found by the name: two functions under one would read each other's figures."""
    functions = {}
    for table in catalogue.TABLES.values():
        for source in table.sources():
            if isinstance(source, Measure):
                key = source.name, source.needs, source.data, source.options
                assert functions.setdefault(key, source.function) is source.function, source.name


def test_a_cell_of_a_training_has_a_view_and_one_of_a_measurement_none():
    for source, view in ((GV, None), (Measure("count", count_faces), FULL)):
        with pytest.raises(InputError, match="cell of nme_ion"):
            Cell(source, "nme_ion", view)


# results

def filled(place, numbers, seeds, **more):
    """Results of a table of two rows with {(row, seed): NME}."""
    table = table_of(GV, GV.but(theta=1.0), **more)
    for (source, seed), job in collect([table], seeds, place).items():
        value = numbers.get((0 if source == GV else 1, seed))
        if value is not None:
            finish(job, place, {FULL: value})
    return Results(table, collect([table], seeds, place), seeds, place)


CLAIM = Claim("the first is better", "nowhere", (beats(("row 0", "NME"), ("row 1", "NME")),))
NUMBERS = {(0, 0): 0.05, (0, 1): 0.07, (0, 2): 0.06, (1, 0): 0.061, (1, 1): 0.080, (1, 2): 0.071}


def test_a_net_that_has_not_learnt_decides_nothing(place):
    """0.75 is four times the mean shape's error: that something else beats it says nothing."""
    numbers = {**NUMBERS, (1, 0): 0.75, (1, 1): 0.74, (1, 2): 0.76}
    results = filled(place, numbers, [0, 1, 2], claims=(CLAIM,))
    margin, = results.judge(CLAIM)["margins"]
    assert margin["verdict"] == claims.UNDECIDED and margin["untrained"] and margin["low"] > 0
    assert "has not learnt" in margin_text(margin) and "seeds would decide" not in margin_text(margin)


def test_numbers_come_from_the_records_seed_by_seed(place):
    results = filled(place, NUMBERS, [0, 1, 2])
    assert results.values(("row 0", "NME")) == pytest.approx([5, 7, 6])
    assert results.errors(("row 1", "NME"), 1) == pytest.approx([0.08, 0.08], abs=records.ERROR_UNIT)
    judged = results.judge(CLAIM)
    assert judged["verdict"] == claims.REPRODUCED and judged["margins"][0]["mean"] == pytest.approx(0.032 / 3)
    assert table_text(results).splitlines()[2:] == ["| row 0 | 6.00 ± 1.00 |", "| row 1 | 7.07 ± 0.95 |"]
    assert results.missing() == []


def test_a_seed_that_one_side_lacks_is_left_out_of_the_pairs(place):
    results = filled(place, {key: value for key, value in NUMBERS.items() if key != (1, 1)}, [0, 1, 2])
    margin = results.judge(CLAIM)["margins"][0]
    assert margin["seeds"] == 2 and margin["mean"] == pytest.approx(0.011)
    assert [scheduling.describe(job) for job in results.missing()] == ["gv on 300w, theta=1.0, seed 1"]
    assert "over 2 seeds" in margin_text(margin)


@pytest.mark.parametrize("preset, shown", [("smoke", "stem_stride=2"), ("paper", "stem_stride=4")])
def test_an_option_that_hangs_on_the_preset_is_told_as_the_run_has_it(place, preset, shown):
    train = GV.but(stem_stride=At("paper", None, otherwise=2))
    assert scheduling.describe(make_job(train, 0, replace(place, preset=preset))) == f"gv on 300w, {shown}, seed 0"


def test_nothing_run_says_so(place):
    results = filled(place, {}, [0], claims=(CLAIM,))
    assert results.judge(CLAIM)["verdict"] == claims.NOT_RUN and len(results.missing()) == 2
    assert results.values(("row 0", "NME")) == [] and results.errors(("row 0", "NME"), 0) is None
    text = command.as_text(results)
    assert "**not run**" in text and "running it: 0 of 2 recorded; 2 to run" in text and "| row 0 | - |" in text


def test_a_measurement_that_is_not_run_wants_its_trainings_too(place):
    measure = Measure("count", count_faces, needs=(GV,), exact=True)
    table = table_of(measure)
    results = Results(table, collect([table], [0, 1], place), [0, 1], place)
    assert [scheduling.describe(job) for job in results.missing()] == ["gv on 300w, seed 0", "count, seed 0"]


def test_an_exact_measurement_is_decided_by_its_one_number(place):
    few, many = (Measure(name, count_faces, exact=True) for name in ("few", "many"))
    cells = {(name, "n"): Cell(source, "faces", scale=1) for name, source in (("few", few), ("many", many))}
    table = Table(key="t", paper="gv", number=0, title="", unit="", cells=cells)
    for (source, _), job in collect([table], [0, 1, 2], place).items():
        finish(job, place, {"faces": 3 if source == few else 9})
    results = Results(table, collect([table], [0, 1, 2], place), [0, 1, 2], place)
    assert results.values(("few", "n")) == [3]
    judged = results.judge(Claim("fewer", "", (beats(("few", "n"), ("many", "n")),)))
    assert judged["verdict"] == claims.REPRODUCED and judged["margins"][0]["seeds"] == 1


def test_texts():
    assert (number_text(None, 2), number_text(3.14159, 2), number_text(2.27e8, 0)) == ("-", "3.14", "227M")
    assert (ours_text([], 2), ours_text([1.0], 1), ours_text([1.0, 3.0], 1)) == ("-", "1.0", "2.0 ± 1.4")
    assert log_area([[1, 0, 0.1], [2, 0, 0.01]]) == pytest.approx(0.5) and log_area([]) is None
    curve = [[epoch, 0, epoch / 100] for epoch in range(1, 26)]
    assert [error_at(curve, share) for share in (0, 0.2, 0.5, 1)] == [0.01, 0.05, 0.12, 0.25] and error_at([], 1) is None
    assert [estimates.text_of_seconds(value) for value in (None, 12.4, 100, 7200, 7500)] == [
        "not known", "12 s", "2 min", "2 h 00 min", "2 h 05 min"]
    assert scheduling.slots("cpu:0,2", False) == ["cpu:0", "cpu:2"] and scheduling.slots("gpu:0,1", True) == ["gpu:0,1"]
    assert scheduling.slots("cpu", False) == ["cpu:0"]


def test_the_estimate_is_that_of_like_runs(place):
    job = make_job(GV, 0, replace(place, preset="ablate"))
    assert estimates.seconds(job, replace(place, preset="ablate"), {})[0] == pytest.approx(
        6 + 25 * 1500 / estimates.SPEED["gv", "ablate"])
    assert not estimates.seconds(job, replace(place, preset="ablate"), {})[1], "measured"
    paper = replace(place, preset="paper")
    whole = make_job(GV, 0, paper)
    assert estimates.seconds(whole, paper, {}) == (pytest.approx(6 + whole.images / estimates.SPEED["gv", "paper"]), False)
    for other, preset in ((GV.but(encoder="resnet18v2"), "ablate"), (GV.but(stem_stride=2), "paper")):
        there = replace(place, preset=preset)
        larger = make_job(other, 1, there)
        on_cpu, scaled = estimates.seconds(larger, there, {})
        work = estimates.size(larger).multiply_adds
        times = work / estimates.size(make_job(GV, 0, there)).multiply_adds
        assert scaled and on_cpu == pytest.approx(6 + larger.images * times / estimates.SPEED["gv", preset])
        on_four, scaled = estimates.seconds(larger, there, {}, "gpu:0,1,2,3", 4)
        assert scaled and on_four == pytest.approx(6 + larger.images * 3 * work / estimates.GPU_WORK / 4)
    finish(job, place, {FULL: 0.05}, seconds=90.0)
    known = estimates.speeds(records.read_all(place.records))
    like = make_job(GV.but(theta=1.0), 0, replace(place, preset="ablate"))
    assert estimates.seconds(like, place, known)[0] == pytest.approx(96)
    leave_weights(job)
    assert estimates.seconds(job, place, known)[0] == estimates.START_SECONDS, "evaluated only"


def test_a_start_is_for_methods_with_published_weights(place):
    begun = replace(place, preset="paper", start="imagenet")
    ours, theirs = make_job(GV, 0, begun), make_job(GV, 0, replace(place, preset="paper"))
    assert ours.identity["config"]["training"]["start"] == "imagenet" and ours.key != theirs.key
    regression = Train("regression", "300w")
    assert make_job(regression, 0, begun).key == make_job(regression, 0, replace(place, preset="paper")).key
    assert "--start" in scheduling.arguments_of(ours, [], [0], begun)


def test_cross_leaves_out_what_is_none():
    made = cross("ab", "xy", lambda row, column: None if (row, column) == ("b", "x") else row + column)
    assert made == {("a", "x"): "ax", ("a", "y"): "ay", ("b", "y"): "by"} and list(made) == [("a", "x"), ("a", "y"), ("b", "y")]


# the command

@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    """Calls the command of a table in an empty folder, in which nothing may be run: (code, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DATA", raising=False)

    def forbidden(*args, **options):
        raise AssertionError("a run was started")

    monkeypatch.setattr(scheduling.subprocess, "Popen", forbidden)
    monkeypatch.setattr(datasets, "generate", forbidden)

    def run(table, *arguments):
        code = command.main(table, "A text.", list(arguments))
        told = capsys.readouterr()
        return code, told.out, told.err

    return run


def strict(text):
    """JSON as its standard has it: no NaN, no Infinity."""
    def refuse(name):
        raise ValueError(name)
    return json.loads(text, parse_constant=refuse)


def test_a_dry_run_lists_and_leaves_nothing(call, tmp_path, monkeypatch):
    monkeypatch.setattr(estimates, "SPEED", {("gv", "ablate"): 320})     # 37500 images in two minutes
    table = table_of(GV, GV.but(bands=(3, 5)), GV.but(theta=1.0))
    code, out, err = call(table, "--preset", "ablate", "--seeds", "2", "--dry-run", "--devices", "cpu:0,1")
    assert (code, err) == (0, "")
    assert out.splitlines() == ["     2 min  gv on 300w, seed 0", "     2 min  gv on 300w, seed 1",
                                "     2 min  gv on 300w, theta=1.0, seed 0", "     2 min  gv on 300w, theta=1.0, seed 1",
                                "0 of 4 recorded; 4 to run, 4 min with 2 side by side",
                                "gv: 25 epochs of 1500 faces, batch 8, 4700 steps, rate 0.002 cosine; 128 px, landmarks boxes "
                                "enlarged by 0 %; start scratch; resnet18v2_quarter; about 0.1 GiB a device (ESTIMATED)"]
    code, out, err = call(table, "--preset", "paper", "--dry-run", "--json")
    assert (code, err) == (0, "")
    assert strict(out) == {"runs": [{"run": "gv on 300w, seed 0", "seconds": None},
                                    {"run": "gv on 300w, theta=1.0, seed 0", "seconds": None}],
                           "total": "0 of 2 recorded; 2 to run, 0 s with 1 side by side, without 2 of which nothing like has "
                                    "been measured"}
    monkeypatch.setattr(estimates, "SPEED", {("gv", "mini"): 100})
    code, out, err = call(table, "--preset", "paper", "--dry-run", "--devices", "gpu:0,1,2,3", "--together")
    assert (code, err) == (0, "") and "ESTIMATED from multiply-adds for 2 of them" in out and "GiB a device" in out
    assert list(tmp_path.iterdir()) == []


def test_a_run_says_first_how_long_it_takes_and_what_it_is_run_with(call, tmp_path, monkeypatch):
    monkeypatch.setattr(scheduling, "run_all", lambda *_, before: before() or [])
    where = ("--preset", "paper", "--out", str(tmp_path), "--records", str(tmp_path / "records"))
    code, out, err = call(table_of(GV), *where)
    total, way = err.splitlines()
    assert code == 0 and total.startswith("0 of 1 recorded; 1 to run, ") and "ESTIMATED" in way
    for word in ("60 epochs", "batch 16", "11820 steps", "rate 0.001, times 0.1 at 30, 50", "enlarged by 0 %", "start scratch",
                 "GiB a device"):
        assert word in way
    code, out, err = call(table_of(GV), *where, "--json")
    assert code == 0 and strict(out)[0]["missing"] == ["gv on 300w, seed 0"] and err.splitlines() == [total, way]
    _, _, err = call(table_of(GV), *where, "--no-run", "--scheduler", "tcp://127.0.0.1:9")     # which nobody is asked of
    assert err == ""


def test_a_net_that_cannot_be_built_stops_no_plan(call, tmp_path, monkeypatch):
    monkeypatch.setattr(scheduling, "run_all", lambda *_, before: before() or [])
    source = Train("anchorface", "aflw", (("grid", 13),))                  # of a map of 7 x 7 cells, not interpolated
    where = ("--preset", "paper", "--out", str(tmp_path), "--records", str(tmp_path / "records"))
    for more in (["--dry-run"], []):
        code, out, err = call(table_of(source, GV), *where, *more)
        assert code == 0 and "memory not known" in out + err and "GiB a device" in out + err


def test_before_a_scheduler_is_asked_the_plan_is_of_one_device(call, tmp_path, monkeypatch):
    from experiments.harness import cluster
    monkeypatch.setattr(scheduling, "run_all", lambda *_, before: before() or [])
    monkeypatch.setattr(cluster, "Cluster", lambda *_: None)
    code, _, err = call(table_of(GV, GV.but(theta=1.0)), "--preset", "paper", "--out", str(tmp_path), "--records",
                        str(tmp_path / "records"), "--scheduler", "tcp://127.0.0.1:9", "--devices", "gpu")
    assert code == 0 and "with 1 side by side" in err and "the scheduler's workers share it" in err


def test_a_dry_run_of_what_is_recorded_says_so(call, place):
    job = make_job(GV, 0, place)
    finish(job, place, {FULL: 0.05})
    code, out, err = call(table_of(GV), "--preset", "smoke", "--out", place.out, "--records", place.records, "--dry-run")
    assert (code, err, out) == (0, "", "1 of 1 recorded; nothing to run\n")


def test_no_run_prints_what_there_is(call, place):
    results = filled(place, {(0, 0): 0.05, (1, 0): 0.06}, [0], claims=(CLAIM,))
    where = ("--preset", "smoke", "--out", place.out, "--records", place.records, "--no-run")
    code, out, err = call(results.table, *where)
    assert code == 0 and "| row 0 | 5.00 |" in out and "**undecided**" in out and "one seed decides nothing" in out
    kept = Path(place.out, "t", "smoke-embedded")
    assert f"kept in {kept}" in out and (kept / "table.md").read_text(encoding="utf-8") in out + "\n"
    code, out, err = call(results.table, *where, "--seeds", "2", "--json")
    assert code == 0 and err == ""
    shown = strict(out)[0]
    assert strict((kept / "table.json").read_text(encoding="utf-8")) == shown
    assert [cell["ours"] for cell in shown["cells"]] == [[5.0], [6.0]] and shown["seeds"] == [0, 1]
    assert shown["missing"] == ["gv on 300w, seed 1", "gv on 300w, theta=1.0, seed 1"]
    assert shown["claims"][0]["margins"][0]["low"] is None, "a single seed has no interval"


@pytest.mark.parametrize("arguments, words", [
    (["--seeds", "0"], "--seeds: 0; expected at least 1"),
    (["--seeds", "-3"], "--seeds: -3"),
    (["--data", "nowhere"], "--data: no folder nowhere"),
    (["--data", "."], "300w/index.json: no index here"),
    (["--devices", "cpu:x"], '--devices: "cpu:x"; expected cpu:0'),
    (["--devices", "cpu:0,0"], '--devices: "cpu:0,0"'),
    (["--devices", "tpu:0"], '--devices: "tpu:0"'),
    (["--devices", "cpu:0,,1"], '--devices: "cpu:0,,1"'),
    (["--devices", "gpu:99"], '--devices: "gpu:99"'),       # but not for a plan
])
@pytest.mark.parametrize("how", [[], ["--dry-run"], ["--no-run", "--json"]], ids=str)
def test_what_cannot_be_is_said_in_one_line(call, tmp_path, arguments, words, how):
    if arguments[1] == "gpu:99" and how == ["--dry-run"]:
        how = []
    code, out, err = call(table_of(GV), "--preset", "smoke", *arguments, *how)
    assert (code, out, len(err.splitlines())) == (2, "", 1) and words in err
    assert list(tmp_path.iterdir()) == []


def test_a_broken_record_is_said_in_one_line(call, place):
    finish(collect([table_of(GV)], [0], place)[GV, 0], place)
    path = next(Path(place.records).iterdir())
    path.write_text(path.read_text()[:-9])
    for how in ("--dry-run", "--no-run"):
        code, out, err = call(table_of(GV), "--preset", "smoke", "--out", place.out, "--records", place.records, how)
        assert (code, out, len(err.splitlines())) == (2, "", 1) and path.name in err and "not a record" in err


def test_embedded_faces_that_were_given_do_not_pass_for_official_ones(call, tmp_path):
    make_index(tmp_path / "mine" / "300w", 4, 3)
    header = json.loads((tmp_path / "mine" / "300w" / "index.json").read_text())
    assert header["provenance"] == "embedded"
    where = ("--preset", "smoke", "--data", "mine", "--no-run")
    assert "kept in runs/t/smoke-embedded" in call(table_of(GV), *where)[1]
    (tmp_path / "mine" / "300w" / "index.json").write_text(json.dumps({**header, "provenance": "official"}))
    assert "kept in runs/t/smoke-official" in call(table_of(GV), *where)[1]


def test_the_catalogue_names_its_tables(call):
    with pytest.raises(InputError, match="gv-table88.*gv-table8"):
        catalogue.main(["gv-table88", "--dry-run"])
    assert all(catalogue.get_table(key).key == key for key in catalogue.TABLES)


def test_what_the_given_data_lacks_is_left_out_and_said(call, tmp_path):
    """A table on two sets, one of which the user has: its rows run, and what the other lacks takes nothing from them."""
    make_index(tmp_path / "data" / "300w", 4, 3)
    both = table_of(GV, Train("gv", "cofw"), Measure("count", count_faces, needs=(Train("gv", "wflw"),)), view=COMMON)
    place = Place("smoke", str(tmp_path / "data"), str(tmp_path / "runs"), str(tmp_path / "records"))
    assert jobs.absent([both], place) == {"cofw", "wflw"} and place.lacks(GV) == []
    assert [source for source, _ in collect([both], [0], place)] == [GV]
    where = ["--preset", "smoke", "--data", str(tmp_path / "data")]
    code, out, err = call(both, *where, "--dry-run")
    assert code == 0 and "1 to run" in out and "cofw" not in out
    assert [line.split(" is not prepared")[0] for line in err.splitlines()] == ["cofw", "wflw"]
    assert all("what t want of it is left out" in line for line in err.splitlines())
    code, out, err = call(both, *where, "--no-run")
    assert code == 0 and Path("runs", "t", "smoke-embedded", "table.md").is_file(), err
    code, out, err = call(table_of(Train("gv", "cofw")), *where, "--dry-run")
    assert (code, out) == (2, "") and "cofw/index.json: no index here" in err and len(err.splitlines()) == 1
    (tmp_path / "data" / "cofw").mkdir()
    code, out, err = call(both, *where, "--dry-run")
    assert code == 2 and "cofw/index.json: no index here" in err, "a folder that is no index is no set that lacks"
