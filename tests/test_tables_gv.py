"""Gaussian Vector's tables and figures: what they name resolves, what is printed stands there, the print holds to its claims."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import mxnet as mx
import numpy as np
import pytest

from data_prep.synthetic.sets import SETS as LIKES
from experiments import catalogue, plots, trainings
from experiments.gv_tables import growth, outside, timing
from experiments.gv_tables.labels import LABELS
from experiments.gv_tables.outside import ALL, ENDS, INSIDE, OUTSIDE
from experiments.harness import claims, datasets, estimates
from experiments.harness.grid import Cell, Table, Train
from experiments.harness.jobs import METHODS, collect, make_job, make_run
from experiments.harness.records import pack_errors
from experiments.harness.results import CURVE_AT, LOG_AREA, SEEN, UNSEEN, Results, log_area
from experiments.harness.running import THRESHOLDS, Context
from experiments.papers.published import PUBLISHED
from experiments.trainings import FINE
from gv.bpm import BandPooling
from gv.codec import HeatmapDecoder, VectorDecoder
from gv.core.config import fill
from gv.core.data import choose_faces
from gv.core.flops import size_of
from gv.core.geometry import tight_box
from gv.core.layouts import get_layout
from gv.core.pictures import Crop
from gv.core.run import get_method
from tests.tables import NO_FACES, check_claims, check_wanted, filled, place

TABLES = {key: table for key, table in catalogue.TABLES.items() if table.paper == "gv"}
KEYS = [*(f"gv-table{number}" for number in range(1, 10)), "gv-labels", "gv-fig4", "gv-fig6", "gv-first-weights",
        "gv-occlusion"]
PRESETS = ("smoke", "ablate", "mini", "paper")
OWN = (5, 6, 7, 8, 9)     # tables whose rows are all the paper's own; of the others, those that begin with "GV("
# claims of the paper's that no printed number can be held against: there is none
NOT_PRINTED = {
    "gv-table9": {"their output is smaller",     # printed as its dimensions
                  "the search for the maxima falls from O(N^2) to O(N)"},
    "gv-labels": {"vectors alleviate the extreme imbalance of foreground and background: a greater share is foreground",
                  "vectors accelerate the preparing of labels"},
    "gv-fig4": {"Beyond Box brings landmarks outside the box nearer", "outside the box, a vector's maximum is close to an end",
                "outside the box, a vector's maximum is much smaller than inside",
                "outside the box, the maximum tells how far a landmark goes: the farther, the smaller"},
    "gv-fig6": {"vectors converge faster than heatmaps", "vectors converge faster than heatmaps under the weight map",
                "the weight map speeds the heatmaps' convergence up"},
    "gv-occlusion": {"random occlusion improves the performance on 300W"},
}


def test_the_catalogue_has_every_table_and_figure_of_the_paper():
    assert set(KEYS) <= set(TABLES) and all(table.key == key for key, table in TABLES.items())


@pytest.mark.parametrize("preset", PRESETS)
def test_every_cell_resolves_at_every_preset_and_no_two_rows_are_one_training(tmp_path, preset):
    tables = [TABLES[key] for key in KEYS]
    jobs = collect(tables, [0, 1], place(tmp_path, preset))
    keys = {pair: job.key for pair, job in jobs.items()}
    again = {(source, seed): key for (source, seed), key in keys.items() if {*FINE} <= {*getattr(source, "options", ())}}
    rest = {pair: key for pair, key in keys.items() if pair not in again}
    assert len(set(rest.values())) == len(rest) and len(again) == 5 * 2     # vectors, heatmaps, the weight map, l = 5, l = 7
    distinct = rest if preset == "paper" else keys     # at preset paper all have 64 cells
    assert len(set(keys.values())) == len(distinct)
    check_wanted(tables, jobs)
    assert not any(tmp_path.iterdir()), "planning writes nothing"


def test_every_view_is_of_a_split_a_reading_and_a_figure_that_there_are():
    for key in KEYS:
        for cell in TABLES[key].cells.values():
            if not isinstance(cell.source, Train):
                continue
            like, folder = datasets.SETS[cell.source.data]
            part = LIKES[like][1][folder]
            assert cell.view.split in {*part.splits, *part.unions, *part.subsets}
            fill(get_method(METHODS, cell.source.method).Decoding, dict(cell.view.decoding))
            norms = {part.normaliser, *get_layout(part.layout).normalisers}
            figures = {f"{kind}_{norm}_{threshold:g}" for kind in ("fr", "auc") for norm in norms for threshold in THRESHOLDS}
            if cell.metric in (SEEN, UNSEEN):
                assert cell.view.split == "train"
                continue
            of_curve = cell.metric == LOG_AREA or cell.metric.startswith(CURVE_AT)
            assert cell.metric in figures | {f"nme_{norm}" for norm in norms} or of_curve and cell.source.curve


def test_every_published_key_exists_and_every_number_of_the_papers_own_rows_has_a_cell():
    named = {("gv", *(*cell.published, table.number)[2:3], *cell.published[:2])
             for table in TABLES.values() for cell in table.cells.values() if cell.published}
    assert named <= set(PUBLISHED)
    own = {key for key in PUBLISHED if key[0] == "gv" and (key[1] in OWN or key[2].startswith("GV(") and key[1] != "text")}
    assert own <= named
    stated = {key for key in PUBLISHED if key[:2] == ("gv", "text")} - named
    assert stated == {("gv", "text", "Baidu VIS", "jd/fr")}     # of the text: the champion's failure rate


@pytest.mark.parametrize("key", KEYS)
def test_the_printed_numbers_hold_to_the_claims(key):
    check_claims(TABLES[key], NOT_PRINTED.get(key, set()))


def test_the_best_of_a_benchmark_is_judged_on_the_papers_data_alone():
    official = {table.key: [claim for claim in table.claims if claim.official] for table in TABLES.values()}
    assert {key: len(found) for key, found in official.items() if found} == {
        "gv-table1": 1, "gv-table2": 3, "gv-table3": 2, "gv-table4": 2}
    for key, found in official.items():
        for claim in found:
            assert filled(TABLES[key], "embedded").judge(claim)["verdict"] == claims.NOT_RUN
            assert filled(TABLES[key], preset="mini").judge(claim)["verdict"] == claims.NOT_RUN, "a smaller net is another method"


def test_tables_share_their_trainings(tmp_path):
    """GV(ResNet50) on 300W is one training in seven tables, the heatmaps' one in two; without occlusion is Table 1's and 2's."""
    def source(table, row, column):
        return TABLES[f"gv-{table}"].cells[row, column].source

    base = source("table1", "GV(ResNet50)", "ion/full")
    assert {source("table5", "BPM", "original"), source("table5", "BPM + BBS", "shrunk"), source("table7", "theta=3", "ion"),
            source("table6", "tau=2.0", "sigma=2.0"), source("table8", "l=3", "l=5"), source("occlusion", "without", "300W full"),
            *source("fig4", OUTSIDE, "landmarks").needs} == {base}
    assert source("table5", "no BPM", "original") == source("fig6", "Heatmap", "last NME")
    assert source("table2", "GV(ResNet50)", "ion/nme") == source("occlusion", "without", "COFW")
    assert TABLES["gv-table5"].cells["BPM + BBS", "shrunk"].view == TABLES["gv-table6"].cells["tau=2.0", "sigma=2.0"].view
    assert base == source("fig6", "Vector", "last NME")
    spelled = replace(base, curve="").but(bands=(3, 5), theta=3.0, alpha=0.5, sigma=2.0, occlusion_p=0.0)
    for preset in PRESETS:
        assert make_job(replace(spelled, curve=base.curve), 0, place(tmp_path, preset)).key == make_job(
            base, 0, place(tmp_path, preset)).key


def test_a_curve_asks_for_its_evaluation_and_changes_nothing_else():
    table = TABLES["gv-fig6"]
    vector = make_run(table.cells["Vector", "last NME"].source, "ablate", 0, 68).config()
    plain = replace(table.cells["Vector", "last NME"].source, curve="")
    base = make_run(plain, "ablate", 0, 68).config()
    assert vector["training"].pop("curve_split") == "full" and base["training"].pop("curve_split") == ""
    assert vector == base
    runs = [make_run(table.cells[row, "last NME"].source, "paper", 0, 68) for row in table.rows]
    assert len({(run.training, run.crop, run.augment) for run in runs}) == 1, "the same rate, batch and schedule for all"


def test_options_arrive_in_the_runs():
    def run(key, cell, preset="paper"):
        source = TABLES[key].cells[cell].source
        return make_run(source, preset, 0, 68)

    assert [run("gv-table7", (f"theta={theta}", "ion")).method.options.theta for theta in range(5)] == [0, 1, 2, 3, 4]
    drawn = [run("gv-occlusion", (row, "300W full")).augment for row in ("without", "with a little", "with much")]
    assert [(augment.occlusion_p, augment.occlusion_side) for augment in drawn] == [(0, 0.4), (0.25, 0.2), (0.5, 0.4)]
    encoders = {row: run("gv-table3", (row, "nme/pose")).method.options.encoder for row in ("GV(ResNet50)", "GV(HRNet)")}
    assert encoders == {"GV(ResNet50)": "resnet50v2", "GV(HRNet)": "hrnetv2_w32"}
    enlarged = {key: run(key, ("GV(HRNet)", column), "ablate").crop.enlarge for key, column in
                (("gv-table1", "ion/full"), ("gv-table2", "ion/nme"), ("gv-table3", "nme/test"), ("gv-table4", "nme"))}
    assert enlarged == {"gv-table1": 0, "gv-table2": 0.1, "gv-table3": 0.25, "gv-table4": 0}    # Section 4.3


def test_a_dry_run_knows_what_hrnet_costs(tmp_path):
    cells = TABLES["gv-table1"].cells
    for preset, times in (("ablate", 2), ("mini", 5), ("paper", 1.5)):     # a small HRNet at ablate, W32 itself at the others
        jobs = [make_job(cells[row, "ion/full"].source, 0, place(tmp_path, preset)) for row in ("GV(ResNet50)", "GV(HRNet)")]
        ours, hrnet = (estimates.seconds(job, place(tmp_path, preset), {})[0] for job in jobs)
        assert times * ours < hrnet < 72 * 3600


# --- what is drawn from records ----------------------------------------------------------------------------------------------

def recorded(table, key, errors=(), curves=()):
    """``Results`` of a table of which one cell has run, a seed for each of the errors or curves."""
    cell, jobs, seeds = table.cells[key], {}, max(len(errors), len(curves))
    for seed in range(seeds):
        view = {"metrics": {}, "errors": pack_errors(errors[seed]) if len(errors) else NO_FACES}
        record = {"views": {cell.view.name(): view}, "curve": curves[seed] if len(curves) else [], "provenance": "embedded",
                  "normaliser": "ion"}
        jobs[cell.source, seed] = SimpleNamespace(record=record)
    return Results(table, jobs, list(range(seeds + 1)), None)


def drawn(monkeypatch, name):
    """What a drawing of ``experiments.plots`` is given, and a figure it would return."""
    told = []
    monkeypatch.setattr(plots, name, lambda lines, *rest: told.append((lines, *rest)))
    monkeypatch.setattr(plots, "save", lambda figure, path: None)
    return told


def test_figure_5_has_the_images_of_all_seeds_and_leaves_out_what_has_not_run(monkeypatch, tmp_path):
    table, told = TABLES["gv-table5"], drawn(monkeypatch, "ced_figure")
    curves = {"heatmap": ("no BPM", "original"), "BPM": ("BPM", "original")}
    plots.draw_ced(recorded(table, ("BPM", "original"), errors=[[0.03, 0.04], [0.05]]), curves, tmp_path / "ced.png")
    (((name, errors),), _), = told
    assert name == "BPM" and errors == pytest.approx([0.03, 0.04, 0.05])
    plots.draw_ced(Results(table, {}, [0], None), curves, tmp_path / "ced.png")
    assert len(told) == 1, "nothing is drawn of nothing"


def test_figure_6_is_the_mean_over_seeds_by_epoch_and_by_minute(monkeypatch, tmp_path):
    table, told = TABLES["gv-fig6"], drawn(monkeypatch, "curve_figure")
    curves = [[[1, 60, 0.4], [2, 120, 0.1]], [[1, 120, 0.2], [2, 240, 0.1]]]
    key = ("Vector", "last NME")
    results = recorded(table, key, curves=curves)
    for across in ("epochs", "minutes"):
        plots.draw_curves(results, {"Vector": key, "Heatmap": ("Heatmap", "last NME")}, across, tmp_path / "curve.png")
    (((_, epochs, errors),), _, _), (((_, minutes, _),), _, _) = told
    assert list(epochs) == [1, 2] and list(minutes) == [1.5, 3] and errors == pytest.approx([0.3, 0.1])
    area = results.value(("Vector", "log error over epochs"), 0)
    assert area == pytest.approx((np.log10(40) + np.log10(10)) / 2) == log_area(curves[0])


def test_the_figures_are_drawn(tmp_path):
    table = TABLES["gv-fig6"]
    plots.draw_curves(recorded(table, ("Vector", "last NME"), curves=[[[1, 60, 0.4]]]), {"Vector": ("Vector", "last NME")},
                           "epochs", tmp_path / "curve.png")
    table = TABLES["gv-table5"]
    results = recorded(table, ("BPM", "original"), errors=[[0.03, 0.04]])
    next(figure for figure in table.figures if figure.name == "ced").draw(results, tmp_path / "ced.png")
    assert all((tmp_path / name).stat().st_size > 5000 for name in ("curve.png", "ced.png"))


# --- Table 9 -----------------------------------------------------------------------------------------------------------------

def test_reading_in_numpy_is_what_the_decoders_read():
    """Maxima inside, at the ends and at the corners."""
    rng, side, stride = np.random.default_rng(0), 8, 4.0
    heatmaps = rng.normal(size=(40, side, side)).astype(np.float32)
    heatmaps[:4, [0, 0, -1, -1], [0, -1, 0, -1]] += 9 * np.eye(4)
    vectors = rng.normal(size=(2, 40, side)).astype(np.float32)
    vectors[0, :2, [0, -1]] += 9
    there = HeatmapDecoder(side, stride)(mx.nd.array(heatmaps[None])).asnumpy()[0]
    lines = timing.lines_of([mx.nd.array(heatmaps[None])])
    np.testing.assert_allclose(timing.read_heatmaps(lines, side, stride), there)
    assert list(timing.search(lines).ravel()) == list(heatmaps.reshape(40, -1).argmax(1))
    outputs = [mx.nd.array(vector[None]) for vector in vectors]
    there = VectorDecoder(side, stride)(*outputs).asnumpy()[0]
    np.testing.assert_allclose(timing.read_vectors(timing.lines_of(outputs), side, stride), there)


def test_a_ratio_of_shares_is_told_as_a_ratio():
    """Cells that are shown times 100 make no factor of 100."""
    cells = {(row, "x"): Cell(LABELS, row, scale=100, published=(row, "post-processing", 9))
             for row in ("Heatmap", "Gaussian Vector")}
    claim = claims.Claim("ten times", "here", (claims.ratio_at_least(("Heatmap", "x"), ("Gaussian Vector", "x"), 10),))
    results = filled(Table("t", "gv", 9, "T", "", cells, (claim,)))
    (margin,) = results.judge(claim)["margins"]
    assert margin["scale"] == 1
    assert margin["mean"] == pytest.approx(2.039 / 0.062 - 10) == margin["published"]


def test_the_outputs_have_the_printed_sizes(tmp_path):
    """68 x 64 x 64 against 68 x 64 x 2 numbers, 32 times fewer."""
    table = TABLES["gv-table9"]
    cells = [(key, cell) for key, cell in table.cells.items() if cell.source.exact]
    measure = cells[0][1].source
    found = measure.function(Context(METHODS, "paper", 0, tmp_path, {}, {}, mx.cpu(), dict(measure.options)))
    empty = Results(table, {}, [0], None)
    printed = {cell.metric: empty.published(key) for key, cell in cells if cell.published}
    assert len(printed) == 6 and {name: found[name] for name in printed} == printed
    assert found["kib/Heatmap"] == 68 * 64 * 64 * 4 / 1024 == 32 * found["kib/Gaussian Vector"]


def test_times_are_medians_of_the_rounds_and_the_whole_is_their_sum(tmp_path, monkeypatch):
    """Nets of no weight stand for MobileNetV3; the processor is the device, so that nothing is transmitted."""
    side = 8

    def net(*shapes):
        return lambda image: [mx.nd.zeros((1, *shape)) for shape in shapes]

    run = SimpleNamespace(crop=Crop(size=32), method=SimpleNamespace(options=SimpleNamespace(side=side)))
    heatmap, vector = (net((4, side, side)), HeatmapDecoder(side, 4)), (net((4, side), (4, side)), VectorDecoder(side, 4))
    monkeypatch.setattr(timing, "build", lambda context: {row: (*pair, run) for row, pair in
                                                           zip(timing.ROWS, (heatmap, vector, vector))})
    monkeypatch.setattr(timing, "folded", lambda net, run, device: net)
    monkeypatch.setattr(timing, "ROW_BYTES", 4096)
    ticks = iter(range(10 ** 9))
    monkeypatch.setattr(timing.time, "perf_counter", lambda: next(ticks))    # every call takes a second
    found = timing.times(Context({}, "ablate", 0, tmp_path, {}, {}, mx.cpu(), {}))
    parts = {"forward", "decoding", "search", "decoder", "whole"}
    assert set(found) == {f"{part}/{row}" for part in parts for row in timing.ROWS} | {"saved"}
    assert found["forward/Heatmap"] == found["decoding/Heatmap"] == 1000
    assert found["whole/Heatmap"] == 2000 and found["saved"] == 0


def test_the_power_of_the_side_is_that_of_the_times():
    sides = np.array(growth.SIDES)
    assert growth.power(sides, 3e-5 * sides ** 2) == pytest.approx(2) and growth.power(sides, 0.1 * sides) == pytest.approx(1)


def test_a_search_is_timed_through_outputs_of_the_same_faces(tmp_path, monkeypatch):
    """68 lines of N * N numbers against 136 of N, more faces in a row than a cache holds, and the time of one."""
    seen, clock = [], [0.0]

    def search(face):
        seen.append(face.shape)
        clock[0] += face.size     # a second a number

    monkeypatch.setattr(growth, "SIDES", (8, 16))
    monkeypatch.setattr(growth, "ROW_BYTES", 4 * 68 * 16 * 16 * 2)
    monkeypatch.setattr(growth, "search", search)
    monkeypatch.setattr(growth.time, "perf_counter", lambda: clock[0])
    found = growth.measure(Context({}, "ablate", 0, tmp_path, {}, {}, mx.cpu(), {}))
    assert set(seen) == {(68, 64), (68, 256), (136, 8), (136, 16)}
    assert found["search/Heatmap/16"] == 1000 * 68 * 16 * 16 and found["search/Gaussian Vector/8"] == 1000 * 136 * 8
    assert found["power/Heatmap"] == pytest.approx(2) and found["power/Gaussian Vector"] == pytest.approx(1)


def test_how_much_more_hrnet_is_than_what_it_is_compared_with():
    """HRNET_NOTE's factors."""
    def sizes(preset, **options):
        found = []
        for hrnet in (False, True):
            run = make_run(trainings.gv("300w", hrnet).but(**options), preset, 0, 68)
            size = size_of(run.method.net(68, run.method.blank(68)), (1, 3, run.crop.size, run.crop.size))
            found.append((size.multiply_adds, size.weights))
        return [f"{large / small:.2g}" for small, large in zip(*found)]

    told = {preset: (*sizes(preset), sizes(preset, folded=False)[0]) for preset in ("paper", "ablate", "mini")}
    assert told == {"paper": ("1.9", "1.2", "1.5"), "ablate": ("3.9", "1.9", "1.9"), "mini": ("16", "10", "13")}
    for part in ("1.9 times GV(ResNet50)'s multiply-adds and 1.2 times its weights at preset paper",
                 "3.9 and 1.9 times at ablate", "16 and 10 times at mini", "1.5, 1.9 and 13 times the multiply-adds"):
        assert part in trainings.HRNET_NOTE


# --- Figure 4 ----------------------------------------------------------------------------------------------------------------

def seen(vectors, true, on, off):
    """``Seen`` of faces in a grey picture; errors are in cells."""
    picture = np.full((80, 80, 3), 128, np.uint8)
    true, points = np.array(true, float), {"on": np.array(on, float), "off": np.array(off, float)}
    dataset = SimpleNamespace(picture=lambda i: picture)
    matrices = [Crop(size=32).matrix(tight_box([[20, 20], [60, 60]]))] * len(true)
    errors = {name: np.linalg.norm(found - true, axis=2) for name, found in points.items()}
    return outside.Seen(dataset, matrices, 4.0, np.array(vectors, float), true, points, errors)


def peak(at, height, side=8):
    return [height if i == at else 0.1 for i in range(side)]


# a face of three landmarks in vectors of 8 cells: 2 cells beyond the right with its maximum at the end, 1 above the top with it
# one cell inside, and one in the middle
MADE = dict(vectors=[[[peak(7, 0.5), peak(4, 2)], [peak(3, 2), peak(1, 0.3)], [peak(4, 2), peak(4, 1)]]],
            true=[[[9.5, 4], [3, -1.5], [4, 4]]], off=[[[7, 4], [3, 1], [4, 4]]], on=[[[9, 4], [3, 1], [4, 4]]])


def test_figure_4_counts_by_hand():
    made = seen(**MADE)
    assert made.depth[0, 0, 0] == 2 and made.depth[0, 1, 1] == 1 and (made.depth > 0).sum() == 2
    assert made.near_end().sum() == 1 and made.near_end(1).sum() == 2
    found = outside.figures_of(made)
    assert [found[f"share/{name}"] for name in (ALL, OUTSIDE, ENDS, INSIDE)] == pytest.approx([1, 2 / 3, 1 / 3, 1 / 3])
    assert [found[f"off/{name}"] for name in (OUTSIDE, ENDS, INSIDE)] == pytest.approx([2.5, 2.5, 0])
    assert [found[f"on/{name}"] for name in (OUTSIDE, ENDS, INSIDE)] == pytest.approx([1.5, 0.5, 0])
    assert [found[f"maximum/{name}"] for name in (OUTSIDE, INSIDE)] == pytest.approx([0.4, 1.5])
    assert [found[f"end/{name}"] for name in (OUTSIDE, INSIDE)] == [0.5, 0]
    assert [found[f"near/{name}"] for name in (OUTSIDE, INSIDE)] == [1, 0] and found["depth"] == 1.5
    assert found[f"rank/{OUTSIDE}"] == pytest.approx(1) and f"rank/{ENDS}" not in found, "one at the end has no rank"
    assert outside.choose(made) == (0, 0, 0)


def test_figure_4_is_drawn_with_and_without_a_landmark_outside(tmp_path):
    """The peak is put where the strategy reads it; a face with nothing outside has shares alone, and a picture."""
    assert outside.draw_example(seen(**MADE), 2.0, 2.0, tmp_path / "example.png") == 9
    inside = seen(**{**MADE, "true": [[[4, 4], [3, 1], [4, 4]]]})
    assert {name for name in outside.figures_of(inside) if OUTSIDE in name} == {f"share/{OUTSIDE}", f"share/{ENDS}"}
    outside.draw_example(inside, 2.0, 2.0, tmp_path / "inside.png")
    for name, made in (("depths.png", seen(**MADE)), ("none.png", inside)):
        outside.draw_depths(made, tmp_path / name)
    assert all(Path(tmp_path, name).stat().st_size > 5000 for name in ("example.png", "inside.png", "depths.png", "none.png"))


def test_padded_zeros_lower_a_vectors_end():
    """As Figure 4's notes say: under bands of 3 and 5 the last cell less the one before is -(m / 6 + n / 10)."""
    lines = np.random.default_rng(0).normal(size=8)
    heatmap = mx.nd.array(np.broadcast_to(lines, (1, 1, 8, 8)))
    vector = BandPooling(8)(heatmap)[0].asnumpy()[0, 0]
    assert vector[-1] - vector[-2] == pytest.approx(-(lines[-3] / 6 + lines[-4] / 10), rel=1e-5)


@pytest.mark.parametrize("seen, verdict", [(None, claims.NOT_RUN), (3.0, claims.CONTRADICTED), (4.5, claims.CONTRADICTED),
                                           (4.7, claims.NOT_COMPARABLE)])
def test_occlusion_is_judged_on_nets_that_overfit(seen, verdict):
    """Four training faces, two of them trained on (the first and the last) at an error of ``seen``, the others at 4.6; test faces
    at 4.5 without and 4.7 with occlusion. None: nothing is known of single faces."""
    table = catalogue.TABLES["gv-occlusion"]
    results = filled(table)

    def view(key, seed):
        cell = table.cells[key]
        return results.jobs[cell.source, seed].record["views"][cell.view.name()]

    for seed in results.seeds:
        for key, error in ((("without", "300W full"), 4.5), (("with a little", "300W full"), 4.7 + 1e-3 * seed)):
            view(key, seed)["metrics"]["nme_ion"] = error / 100
        results.jobs[table.cells["without", "300W, trained on"].source, seed].record["train_faces"] = 2
        if seen is None:
            del results.jobs[table.cells["without", "300W, trained on"].source, seed].record["views"]["train"]
        else:
            view(("without", "300W, trained on"), seed)["errors"] = pack_errors(np.array([seen, 4.55, 4.65, seen]) / 100)
    judged = results.judge(table.claims[0])
    assert judged["verdict"] == verdict and bool(judged["hangs"]) == (verdict == claims.CONTRADICTED)
    assert ("300W, trained on has 4.70, without 300W, kept from training 4.60" in judged["apart"]) == (
        verdict == claims.NOT_COMPARABLE)
    assert ("it would be contradicted" in judged["apart"]) == (verdict == claims.NOT_COMPARABLE)


def test_faces_kept_from_training_are_those_that_a_preset_leaves_out():
    """Of the figures of a training split: together they are the split's mean, and where a net trains on all, none is left."""
    table = catalogue.TABLES["gv-occlusion"]
    keys = [("with a little", "300W, trained on"), ("with a little", "300W, kept from training")]
    errors, results = np.linspace(0.03, 0.05, 20), filled(table)
    for faces in (15, 20):
        for seed in results.seeds:
            record = results.jobs[table.cells[keys[0]].source, seed].record
            record.update(train_faces=faces)
            record["views"]["train"]["errors"] = pack_errors(errors)
        seen, kept = (results.value(key, 0) for key in keys)
        rows = choose_faces(list(range(20)), faces)
        assert seen == pytest.approx(errors[rows].mean(), abs=1e-5)
        if faces == 15:
            assert 15 * seen + 5 * kept == pytest.approx(errors.sum(), abs=1e-4)
        else:
            assert kept is None


@pytest.mark.parametrize("number, row", [(0, "twice the cells, tau=1.5"), (1, "tau=1.5")])
def test_the_best_of_a_grid_beats_the_best_of_the_others(number, row):
    """Table 6's (2, 2), on as many cells as the paper's and on half of them: as printed it is ahead by 0.02 points; where another
    is the best, contradicted."""
    table = catalogue.TABLES["gv-table6"]
    claim = table.claims[number]
    assert claim.ours == (number == 1) and len(claim.cells) == 20
    results = filled(table)
    (margin,) = results.judge(claim)["margins"]
    assert margin["verdict"] == claims.REPRODUCED and 100 * margin["mean"] == pytest.approx(0.02)
    cell = table.cells[row, "sigma=2.5"]
    for seed in results.seeds:
        view = results.jobs[cell.source, seed].record["views"][cell.view.name()]
        view["metrics"]["nme_ion"] = (4.0 + 1e-5 * seed) / 100
    judged = results.judge(claim)
    assert judged["verdict"] == claims.CONTRADICTED and 100 * judged["margins"][0]["mean"] == pytest.approx(-0.1, abs=1e-2)
    assert ("cells" in judged["hangs"]) == claim.ours
