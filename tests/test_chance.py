"""Chance over seeds and over test faces: against simulated nets whose truth is known, and against the records' own figures."""

import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from helpers import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.harness import chance, claims, records
from experiments.harness.grid import Cell, Table, Train, View
from experiments.harness.jobs import RECORDS
from experiments.harness.results import Results
from gv.core import evaluate


def drawn(rng, seeds, faces, of_seed, of_face, of_both, mean=0.0):
    """Margins (S, F): a mean, and what a seed, a face and both together add (standard deviations)."""
    return (mean + of_seed * rng.normal(size=(seeds, 1)) + of_face * rng.normal(size=(1, faces))
            + of_both * rng.normal(size=(seeds, faces)))


@pytest.mark.parametrize("of_seed, of_face, of_both", [
    (0.0, 0.5, 0.3), (0.02, 0.3, 0.3), (0.05, 0.0, 0.3), (0.0, 0.0, 0.5), (0.1, 0.5, 0.0), (0.02, 0.02, 0.02)])
def test_the_interval_covers_the_truth_of_other_seeds_and_other_faces(of_seed, of_face, of_both):
    """In at least 95 of 100 draws, less what 2000 draws leave open; where faces matter, seeds alone cover it far less often."""
    rng, seeds, faces, count = np.random.default_rng(0), 3, 60, 2000
    both = alone = 0
    for _ in range(count):
        table = drawn(rng, seeds, faces, of_seed, of_face, of_both)
        low, high = claims.interval(table.mean(1), chance.of_faces([table]))[1:]
        both += low <= 0 <= high
        low, high = claims.interval(table.mean(1))[1:]
        alone += low <= 0 <= high
    assert both / count > 0.95 - 3 * math.sqrt(0.95 * 0.05 / count) and both >= alone
    if of_face > 0.4 and of_seed < 0.01:
        assert alone / count < 0.85, "an interval that knows nothing of faces"


@pytest.mark.parametrize("margin, verdict", [
    (claims.best_of((0, ""), [(i, "") for i in range(1, 20)]), claims.CONTRADICTED),
    (claims.lowest_inside([[(i, "") for i in range(20)]]), claims.REPRODUCED)])
def test_the_best_of_many_nets_that_are_alike_decides_nothing(margin, verdict):
    """One of twenty is always ahead on the faces at hand: at most 6 in 100 draws decide; without the tries far more."""
    rng, seeds, faces, count = np.random.default_rng(2), 3, 60, 400
    decided = {True: 0, False: 0}
    for _ in range(count):
        errors = 5 + 0.5 * rng.normal(size=(20, 1, faces)) + 0.05 * rng.normal(size=(20, seeds, faces))
        errors = errors[[int(str(key[0])) for key in margin.cells]]
        weights = chance.gradient(margin.of, errors.mean((1, 2)))
        found = chance.of_faces([np.tensordot(weights, errors, 1)])
        rows = [tuple(errors[:, seed].mean(1)) for seed in range(seeds)]
        for widened in decided:
            one = margin if widened else replace(margin, best=())
            decided[widened] += claims.judge_margin(one, rows, faces=found)["verdict"] == verdict
    assert decided[True] / count <= 0.06 and decided[False] / count > 0.05


def test_the_faces_part_is_what_was_put_in():
    """Variances by face and by both, recovered from a large table; two sets of faces add up."""
    rng = np.random.default_rng(1)
    table = drawn(rng, 40, 4000, 0.7, 0.5, 0.3)
    found = chance.of_faces([table])
    assert found.count == 4000 and found.alike == pytest.approx(0.25 / 4000, rel=0.1)
    assert found.apart == pytest.approx(0.09 / 4000, rel=0.05)
    other = chance.of_faces([table, drawn(rng, 40, 1000, 0.0, 1.0, 0.1)])
    assert other.count == 5000 and other.alike == pytest.approx(found.alike + 1 / 1000, rel=0.15)


@given(st.integers(0, 2 ** 32 - 1), st.integers(2, 6), st.integers(2, 40), st.floats(-5, 5))
@settings(max_examples=50)
def test_the_faces_part_knows_nothing_of_the_seeds(seed, seeds, faces, shift):
    """What is added to all faces of a seed is no chance of the faces'; faces in another order, or all alike, neither."""
    rng = np.random.default_rng(seed)
    table = drawn(rng, seeds, faces, 1.0, 1.0, 1.0)
    found, moved = chance.of_faces([table]), chance.of_faces([(table + shift * rng.normal(size=(seeds, 1)))[:, ::-1]])
    assert (moved.alike, moved.apart) == pytest.approx((found.alike, found.apart), rel=1e-6, abs=1e-9)
    same = chance.of_faces([np.repeat(table[:, :1], faces, axis=1)])
    assert same.variance(seeds) == pytest.approx(0, abs=1e-20)
    spread = float(table.mean(1).std(ddof=1))
    alone = chance.half_width(spread, seeds)
    assert chance.half_width(spread, seeds, found) >= alone == pytest.approx(chance.half_width(spread, seeds, same))


@pytest.mark.parametrize("metric", ["nme_ion", "variance", "fr_ion_0.08", "fr_ion_0.1", "auc_ion_0.08", "auc_ion_0.1"])
def test_a_value_a_face_has_the_figure_for_its_mean(metric):
    errors = np.random.default_rng(0).gamma(2, 0.03, 200)
    figures = evaluate.figures_of({"ion": errors}, (0.08, 0.1))
    values = chance.per_face(metric, "ion", errors)
    assert values.shape == (200,) and values.mean() == pytest.approx(figures[metric], rel=1e-9)
    assert chance.per_face(metric.replace("ion", "ipn"), "ion", errors) is None or metric == "variance"
    assert chance.per_face("faces", "ion", errors) is None


def test_every_record_has_the_figures_of_its_faces():
    """The shipped records: each view's figures by the set's own normaliser are those of the errors that it keeps."""
    tried = 0
    for record in records.read_all(ROOT / RECORDS):
        for view in record.get("views", {}).values():
            errors = records.unpack_errors(view["errors"])
            for metric, value in view["metrics"].items():
                values = chance.per_face(metric, record["normaliser"], errors)
                if values is not None:
                    # errors are kept rounded: a face at a threshold may change sides
                    assert values.mean() == pytest.approx(value, rel=1e-3, abs=1.1 / len(errors) if metric[:2] == "fr" else 2e-4)
                    tried += 1
    assert tried > 100


@pytest.mark.parametrize("function, values, expected", [
    (lambda a, b: b - a, (3.0, 4.0), (-1, 1)), (lambda a, b: a / b - 10, (24.0, 2.0), (0.5, -6)),
    (lambda x, y: y - x + 0.02 * abs(x), (5.0, 4.0), (-0.98, 1)), (lambda a, b, c: min(b, c) - a, (1.0, 3.0, 2.0), (-1, 0, 1)),
    (lambda a: 0.05 - a, (0.0,), (-1,))])
def test_the_gradient_by_hand(function, values, expected):
    assert chance.gradient(function, values) == pytest.approx(expected, rel=1e-6, abs=1e-9)


@given(st.floats(0.01, 2), st.floats(0.01, 2), st.floats(0, 0.5), st.floats(0, 0.5), st.integers(5, 2000))
@settings(max_examples=60, deadline=None)
def test_what_would_decide_does(difference, spread, alike, apart, count):
    """The seeds told are the first that decide, by trial of each number; where faces are too few, no number does."""
    faces = chance.Faces(count, alike ** 2, apart ** 2)
    found, more = chance.seeds_to_decide(difference, spread, faces), chance.faces_to_decide(difference, faces)
    tried = next((n for n in range(2, 60) if chance.half_width(spread, n, faces) < difference), None)
    assert tried == (found if found and found < 60 else None)
    if more:
        assert found is None and more >= count
        many = chance.Faces(more, faces.alike * count / more, faces.apart * count / more)
        assert chance.half_width(1e-9, 10 ** 9, many) <= difference * 1.001


TRAIN = Train("gv", "300w"), Train("heatmap", "300w")


def judged(errors, metric="nme_ion", normaliser="ion", claim=None):
    """A claim that A beats B, of records with these errors: errors[row][seed] is an array of the test faces."""
    jobs, cells = {}, {}
    for name, source, rows in zip("ab", TRAIN, errors):
        cells[name, ""] = Cell(source, metric, View("full"))
        for seed, row in enumerate(rows):
            figures = evaluate.figures_of({normaliser: row}, (0.1,))
            view = {"metrics": {**figures, "nme_ipn": 1.4 * figures["nme_ion"]}, "errors": records.pack_errors(row)}
            jobs[source, seed] = SimpleNamespace(record={"provenance": "official", "normaliser": normaliser,
                                                         "views": {View("full").name(): view}})
    claim = claim or claims.Claim("a beats b", "here", (claims.beats(("a", ""), ("b", "")),))
    table = Table("gv-table1", "gv", 1, "t", "%", cells, (claim,))
    return Results(table, jobs, list(range(len(errors[0]))), None).judge(claim)["margins"][0]


def nets(count, gain, seeds=3):
    """Errors of two methods on ``count`` faces: b worse by ``gain`` on the mean of these very faces, alike in every seed."""
    rng = np.random.default_rng(5)
    base = rng.gamma(4, 0.012, count)
    by_face = rng.normal(0, 0.006, count)
    by_face += gain - by_face.mean()
    a = [base + rng.normal(0, 1e-5, count) for _ in range(seeds)]
    return a, [np.abs(row + by_face) for row in a]


def test_seeds_that_agree_decide_nothing_where_the_faces_are_too_few():
    """0.02 points, the same in each seed, on 330 faces whose differences spread by 0.6: as of Table 7's peaks."""
    few, many = judged(nets(330, 0.0002)), judged(nets(30000, 0.0002))
    assert few["low"] < 0 < few["high"] and few["verdict"] == claims.UNDECIDED and few["faces"] == 330
    assert few["needs"] is None and 2000 < few["needs_faces"] < 8000, "1.96^2 0.6^2 / 0.02^2 = 3457"
    assert many["verdict"] == claims.REPRODUCED and many["needs_faces"] is None and many["faces"] == 30000
    assert judged(nets(330, 0.002))["verdict"] == claims.REPRODUCED
    assert judged(nets(330, -0.002))["verdict"] == claims.CONTRADICTED


def test_by_another_normaliser_seeds_alone_are_left():
    """The errors that a record keeps are by the set's own; of another's nothing is known face by face."""
    found = judged(nets(330, 0.0002), metric="nme_ipn")
    assert found["faces"] is None and found["verdict"] == claims.REPRODUCED


def test_failures_and_auc_have_faces_too():
    for metric, higher in (("fr_ion_0.1", False), ("auc_ion_0.1", True)):
        claim = claims.Claim("a beats b", "here", (claims.beats(("a", ""), ("b", ""), higher=higher),))
        found = judged(nets(330, 0.003), metric=metric, claim=claim)
        assert found["faces"] == 330 and found["low"] < found["mean"] < found["high"]
