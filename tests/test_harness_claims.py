"""Verdicts on claims: against intervals worked out by hand, and what must hold whatever the numbers."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t as student

from experiments.harness import chance, claims
from experiments.harness.claims import CONTRADICTED, NOT_RUN, REPRODUCED, UNDECIDED, Margin, judge_margin

# Student's 97.5 % quantile by degrees of freedom, from a printed table
T = {1: 12.7062, 2: 4.3027, 3: 3.1824, 4: 2.7764, 9: 2.2622, 29: 2.0452}
A, B = ("a", "x"), ("b", "x")
PLAIN = Margin("plain", (A,), lambda value: value)
FLIP = {REPRODUCED: CONTRADICTED, CONTRADICTED: REPRODUCED, UNDECIDED: UNDECIDED, NOT_RUN: NOT_RUN}
numbers = st.floats(-100, 100).map(lambda value: round(value, 6))


def of_one(values, exact=False):
    """The verdict on margins, one a seed."""
    return judge_margin(PLAIN, [(value,) for value in values], exact)


@pytest.mark.parametrize("values, half", [
    ([1.0, 3.0], T[1] * math.sqrt(2) / math.sqrt(2)),                # deviation sqrt 2
    ([1.0, 2.0, 3.0], T[2] / math.sqrt(3)),                          # deviation 1
    ([2.0, 2.0, 4.0, 4.0], T[3] * math.sqrt(4 / 3) / 2),
    ([0.0, 0.0, 0.0, 0.0, 5.0], T[4] * math.sqrt(5) / math.sqrt(5)),
])
def test_the_interval_is_students(values, half):
    mean, low, high = claims.interval(values)
    assert mean == pytest.approx(np.mean(values))
    assert (low, high) == pytest.approx((mean - half, mean + half), abs=2e-4)


@pytest.mark.parametrize("values, verdict", [
    ([0.5, 1.0, 1.5], UNDECIDED),        # 1 +- 1.24
    ([0.7, 1.0, 1.3], REPRODUCED),       # 1 +- 0.745
    ([-0.7, -1.0, -1.3], CONTRADICTED),
    ([-0.5, -1.0, -1.5], UNDECIDED),
    ([1.0, 1.1], REPRODUCED),            # 1.05 +- 0.635
    ([1.0, 1.2], UNDECIDED),             # 1.1 +- 1.271
    ([0.0, 0.0, 0.0], UNDECIDED),
    ([2.0], UNDECIDED),
    ([-2.0], UNDECIDED),
    ([], NOT_RUN),
])
def test_the_verdict_is_where_the_interval_lies(values, verdict):
    assert of_one(values)["verdict"] == verdict
    assert of_one([-value for value in values])["verdict"] == FLIP[verdict]


@given(st.lists(numbers, min_size=2, max_size=8))
def test_the_other_sign_is_the_other_verdict(values):
    there, back = of_one(values), of_one([-value for value in values])
    assert back["verdict"] == FLIP[there["verdict"]]
    assert back["mean"] == pytest.approx(-there["mean"]) and back["needs"] == there["needs"]
    rows = [(value, 0.0) for value in values]
    assert judge_margin(claims.beats(A, B), rows)["verdict"] == back["verdict"], "the lower error is the better one"
    assert judge_margin(claims.beats(A, B, higher=True), rows)["verdict"] == there["verdict"]
    assert judge_margin(claims.beats(B, A), [row[::-1] for row in rows])["verdict"] == there["verdict"]


@given(numbers, st.booleans())
def test_one_seed_decides_nothing_unless_there_is_no_chance(value, same):
    margin = Margin("m", (A,), lambda a: a, same)
    assert judge_margin(margin, [(value,)])["verdict"] == UNDECIDED
    exact = judge_margin(margin, [(value,)], exact=True)
    assert exact["verdict"] == (REPRODUCED if same and value == 0 or not same and value >= 0 else CONTRADICTED)
    assert exact["low"] == exact["high"] == exact["mean"] == value


@given(st.lists(numbers, min_size=3, max_size=6))
def test_decided_needs_no_more_seeds_and_undecided_more_than_there_are(values):
    found = of_one(values)
    if found["verdict"] == UNDECIDED and found["needs"] is not None:
        assert found["needs"] > len(values)
    if found["verdict"] in (REPRODUCED, CONTRADICTED):
        assert found["needs"] is None and found["low"] * found["high"] > 0


@pytest.mark.parametrize("first, second, verdict", [
    ([5.0, 5.0, 5.0], [5.01, 5.0, 4.99], REPRODUCED),     # 0 +- 0.0248, granted 0.1
    ([5.0, 5.0, 5.0], [5.1, 5.0, 4.9], UNDECIDED),        # 0 +- 0.248
    ([5.0, 5.0, 5.0], [5.31, 5.30, 5.29], CONTRADICTED),  # 0.3 +- 0.0248
    ([5.0, 5.0, 5.0], [4.71, 4.70, 4.69], CONTRADICTED),
    ([5.0, 5.0, 5.0], [5.11, 5.10, 5.09], UNDECIDED),     # 0.1 +- 0.0248, astride the edge
    ([5.0, 6.0, 7.0], [5.01, 6.0, 6.99], REPRODUCED),     # paired: the seeds' own spread does not count
])
def test_same_is_an_interval_within_two_percent(first, second, verdict):
    found = judge_margin(claims.same(A, B), list(zip(first, second)))
    assert found["verdict"] == verdict
    assert found["granted"] == pytest.approx(0.02 * np.mean(first))


def test_the_seeds_that_same_needs_are_those_that_leave_the_nearer_edge_out():
    """0.07 with a deviation of 0.01732, granted 0.1: 0.043 to either side with 3 seeds, 0.0276 with 4."""
    found = judge_margin(claims.same(A, B), [(5.0, 5.09), (5.0, 5.06), (5.0, 5.06)])
    assert found["verdict"] == UNDECIDED and found["needs"] == 4


def test_margins_are_paired_by_seed():
    """Seeds differ by far more than the methods do: the difference decides all the same."""
    rows = [(3.0, 3.1), (5.0, 5.12), (9.0, 9.08)]
    assert judge_margin(claims.beats(A, B), rows)["verdict"] == REPRODUCED
    assert judge_margin(claims.beats(A, B, higher=True), rows)["verdict"] == CONTRADICTED
    crossed = [(a, b) for (a, _), (_, b) in zip(rows, rows[1:] + rows[:1])]
    assert judge_margin(claims.beats(A, B), crossed)["verdict"] == UNDECIDED


@pytest.mark.parametrize("margin, values, expected", [
    (claims.beats(A, B), (3.0, 4.0), 1.0),
    (claims.beats(A, B, higher=True), (0.6, 0.5), 0.1),
    (claims.at_most(A, -0.8), (-0.82,), 0.02),
    (claims.at_least(A, 0.5), (0.4,), -0.1),
    (claims.ratio_at_least(A, B, 10), (24.0, 2.0), 2.0),
    (claims.same(A, B), (3.0, 4.0), 1.0),
    (claims.not_better(A, B), (5.0, 5.0), 0.1),            # the base comes first: granted 2 % of it
    (claims.not_better(A, B), (5.0, 4.8), -0.1),
])
def test_a_margin_is_positive_where_the_numbers_speak_for_the_claim(margin, values, expected):
    assert margin.of(*values) == pytest.approx(expected)
    assert len(margin.cells) == len(values) and "a x" in margin.label


@pytest.mark.parametrize("difference, verdict", [
    (0.004, UNDECIDED), (-0.004, UNDECIDED), (0.006, REPRODUCED), (-0.006, CONTRADICTED)])
def test_a_difference_below_a_thousandth_of_the_errors_is_nothing(difference, verdict):
    """0.004 of 5 with a deviation of 0.0001 has a sure sign, and is less than 0.005."""
    rows = [(5.0, 5.0 + difference + shift) for shift in (-0.0001, 0.0, 0.0001)]
    found = judge_margin(claims.beats(A, B), rows)
    assert found["verdict"] == verdict and found["trivial"] == (verdict == UNDECIDED) and found["needs"] is None
    assert judge_margin(claims.beats(A, B), rows[:1], exact=True)["verdict"] == (REPRODUCED if difference > 0 else CONTRADICTED)


def test_not_better_asks_the_base_first():
    assert claims.not_better(A, B).cells == (B, A)


def lowest(rows):
    """The margin of ``lowest_inside`` on a grid of numbers."""
    margin = claims.lowest_inside([[(i, j) for j in range(len(row))] for i, row in enumerate(rows)])
    assert sorted(margin.cells) == [(i, j) for i, row in enumerate(rows) for j in range(len(row))], "every cell once"
    return margin.of(*(rows[i][j] for i, j in margin.cells))


@pytest.mark.parametrize("rows, expected", [
    ([[5, 5, 5], [5, 3, 5], [5, 5, 5]], 2),
    ([[5, 5, 5], [5, 3, 2], [5, 5, 5]], -1),          # on the right edge
    ([[1, 5, 5], [5, 3, 5], [5, 5, 5]], -2),          # in a corner
    ([[5, 5, 5, 5], [5, 4, 3, 5], [5, 5, 5, 4.5]], 1.5),
    ([[5, 3, 4]], 2 - 1),                             # a single row: its ends are the edges
    ([[3, 4, 5]], -1),
    ([[5], [3], [4]], None),                          # a single column has none of its cells inside
    ([[5, 5], [5, 5]], None),
])
def test_lowest_inside_by_hand(rows, expected):
    if expected is None:
        with pytest.raises(ValueError, match="no cell inside"):
            lowest(rows)
    else:
        assert lowest(rows) == pytest.approx(expected)


@pytest.mark.parametrize("difference, spread, seeds", [
    (1.0, 0.1, 2),     # 12.7062 * 0.1 / sqrt 2 = 0.898
    (1.0, 0.12, 3),    # 2: 1.078; 3: 4.3027 * 0.12 / sqrt 3 = 0.298
    (1.0, 1.0, 7),     # 7: 2.4469 / sqrt 7 = 0.925; 6: 2.5706 / sqrt 6 = 1.049
    (-1.0, 1.0, 7),
    (0.01, 10.0, None),
    (0.0, 1.0, None),
])
def test_seeds_to_decide_by_hand(difference, spread, seeds):
    assert chance.seeds_to_decide(difference, spread) == seeds


@given(st.floats(0.05, 3), st.floats(0.05, 3))
def test_seeds_to_decide_is_the_first_number_whose_interval_leaves_nought_out(difference, spread):
    """Against the verdict itself, on that many margins of exactly this mean and deviation."""
    def decided(count):
        shape = np.zeros(count)
        shape[0], shape[1] = -1, 1
        return of_one(difference + spread * shape / shape.std(ddof=1))["verdict"] == REPRODUCED

    found = chance.seeds_to_decide(difference, spread)
    tried = range(2, 40)
    assert next((count for count in tried if decided(count)), None) == (found if found and found < 40 else None)


def test_one_of_many_margins_contradicts_by_a_wider_interval():
    """Four seeds at -1, 0.25 of standard error: below zero alone (3.18 wanted), not as one of four (Bonferroni: 5.4); what speaks
    for a claim stands as it is, all margins being needed."""
    values = -1 + 0.5 * np.array([-1, -1, 1, 1]) / math.sqrt(4 / 3)
    rows, error = [(value,) for value in values], 0.25
    alone, among = judge_margin(PLAIN, rows), judge_margin(PLAIN, rows, among=4)
    assert (alone["verdict"], alone["widened"]) == (CONTRADICTED, None)
    wanted = -float(student.ppf(0.05 / 8, 3))
    assert wanted > 4 and among["verdict"] == UNDECIDED and (among["low"], among["high"]) == (alone["low"], alone["high"])
    assert among["widened"] == pytest.approx((-1 - wanted * error, -1 + wanted * error))
    assert among["needs"] == next(n for n in range(5, 40) if -student.ppf(0.05 / 8, n - 1) * 0.5 / math.sqrt(n) < 1)
    rows = [(-value,) for value in values]
    assert judge_margin(PLAIN, rows, among=4)["verdict"] == judge_margin(PLAIN, rows)["verdict"] == REPRODUCED
    near = [(5.0, 5.3), (5.0, 5.5), (5.0, 5.4)]     # 0.4 +- 0.248, where 0.1 would be the same
    assert [judge_margin(claims.same(A, B), near, among=count)["verdict"] for count in (1, 4)] == [CONTRADICTED, UNDECIDED]


def test_a_claim_of_many_margins_is_seldom_contradicted_by_chance():
    """A thousand claims of four margins of no difference at all, five seeds each: without widening, one in ten falls."""
    drawn = np.random.default_rng(0).normal(size=(1000, 4, 5))
    fallen = {among: np.mean([any(judge_margin(PLAIN, [(value,) for value in margin], among=among)["verdict"] == CONTRADICTED
                                  for margin in claim) for claim in drawn]) for among in (1, 4)}
    assert fallen[4] < 0.04 and fallen[1] > 0.07


@pytest.mark.parametrize("verdicts, combined", [
    ([REPRODUCED, REPRODUCED], REPRODUCED), ([REPRODUCED, UNDECIDED], UNDECIDED), ([REPRODUCED, NOT_RUN], NOT_RUN),
    ([UNDECIDED, NOT_RUN], NOT_RUN), ([NOT_RUN, CONTRADICTED], CONTRADICTED), ([UNDECIDED, CONTRADICTED], CONTRADICTED),
])
def test_a_claim_needs_all_its_margins_and_falls_with_one(verdicts, combined):
    assert claims.combine(verdicts) == claims.combine(verdicts[::-1]) == combined
