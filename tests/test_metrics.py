"""The figures of merit against their definitions: loops over GV Eq. 8, integrals of the CED, and known cases by hand."""

import json
import math
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gv.core import metrics
from gv.core.errors import InputError
from gv.core.layouts import LAYOUTS

L68 = replace(LAYOUTS[68], normalisers={**LAYOUTS[68].normalisers, "pair": ((0,), (15, 16))})     # as an own scheme may have one
ERRORS = arrays(np.float64, st.integers(1, 40), elements=st.floats(0, 0.5))
THRESHOLDS = st.floats(0.01, 0.4)


def faces(count, layout, seed=0):
    return np.random.default_rng(seed).uniform(0, 100, (count, layout.size, 2))


def step_integral(errors, threshold):
    """The integral of the empirical CED over [0, threshold], step by step, by the threshold."""
    steps = sorted(e for e in errors if e < threshold)
    area, below = 0.0, 0.0
    for reached, edge in enumerate(steps):
        area += (edge - below) * reached / len(errors)
        below = edge
    return (area + (threshold - below) * len(steps) / len(errors)) / threshold


# NME


def test_nme_is_eq_8_written_as_loops():
    true, predicted = faces(5, L68), faces(5, L68, seed=1)
    norm = metrics.normaliser("ion", true, L68)
    for n in range(5):
        d = math.dist(true[n, 36], true[n, 45])
        total = sum(math.dist(predicted[n, k], true[n, k]) for k in range(68))
        assert metrics.nme(predicted, true, norm)[n] == pytest.approx(total / 68 / d, rel=1e-12)


def test_nme_of_a_uniform_shift_is_its_length_by_the_normaliser():
    true = faces(3, L68)
    norm = np.array([10.0, 20.0, 40.0])
    np.testing.assert_allclose(metrics.nme(true + [3, 4], true, norm), [0.5, 0.25, 0.125], rtol=1e-12)
    np.testing.assert_array_equal(metrics.nme(true, true, norm), 0)


@settings(max_examples=30, deadline=None)
@given(name=st.sampled_from(sorted(metrics.NORMALISERS)), scale=st.floats(0.01, 100), x=st.floats(-500, 500),
       y=st.floats(-500, 500), seed=st.integers(0, 2**32 - 1))
def test_nme_does_not_see_scale_or_translation(name, scale, x, y, seed):
    true = faces(2, L68, seed)
    predicted = true + np.random.default_rng(seed + 1).normal(0, 3, true.shape)
    boxes = np.concatenate([true.min(1), true.max(1)], axis=1)
    before = metrics.nme(predicted, true, metrics.normaliser(name, true, L68, boxes))
    moved, boxes_moved = true * scale + [x, y], boxes * scale + [x, y, x, y]
    after = metrics.nme(predicted * scale + [x, y], moved, metrics.normaliser(name, moved, L68, boxes_moved))
    np.testing.assert_allclose(after, before, rtol=1e-6)


@pytest.mark.parametrize("size", sorted(LAYOUTS))
def test_nme_of_a_mirrored_face_is_the_same(size):
    layout = LAYOUTS[size]
    true, predicted = faces(4, layout), faces(4, layout, seed=1)

    def mirror(points):
        return (points * [-1, 1] + [99, 0])[:, list(layout.flip)]

    for name in ("rectangle", "diagonal", *layout.normalisers):
        norm, mirrored = metrics.normaliser(name, true, layout), metrics.normaliser(name, mirror(true), layout)
        np.testing.assert_allclose(metrics.nme(mirror(predicted), mirror(true), mirrored), metrics.nme(predicted, true, norm))


# Normalisers


def test_normalisers_by_hand():
    points = np.full((1, 68, 2), 50.0)
    points[0, 0], points[0, 16] = (20, 30), (60, 60)  # the landmarks' rectangle is 40 by 30 with the rest inside
    points[0, 36], points[0, 45] = (25, 40), (49, 47)  # 24 across and 7 down
    expected = {"ion": 25, "rectangle": math.sqrt(1200), "diagonal": 50, "box": math.sqrt(9 * 16)}
    for name, length in expected.items():
        assert metrics.normaliser(name, points, L68, [[1, 2, 10, 18]])[0] == pytest.approx(length)


def test_ipn_on_68_points_is_the_distance_of_the_eyes_means_and_the_shorter():
    """Eyes 30 wide with 40 between the inner corners: ION 100, IPN 70, so that NME(IPN) is 10/7 of NME(ION)."""
    eye = np.array([(0, 0), (10, -5), (20, -5), (30, 0), (20, 5), (10, 5)])
    points = faces(1, L68)
    points[0, 36:42], points[0, 42:48] = eye, eye + [70, 0]
    ion, ipn = (metrics.normaliser(name, points, L68) for name in ("ion", "ipn"))
    assert (ion[0], ipn[0]) == pytest.approx((100, 70))
    error = {name: metrics.nme(points + 1, points, norm)[0] for name, norm in (("ion", ion), ("ipn", ipn))}
    assert error["ipn"] / error["ion"] == pytest.approx(10 / 7)


def test_unknown_normaliser_lists_the_valid_ones():
    with pytest.raises(InputError, match="ion, ipn, box, rectangle, diagonal"):
        metrics.normaliser("interocular", faces(1, L68), L68)


@pytest.mark.parametrize("size", [19, 39])
def test_normaliser_a_scheme_has_not_lists_those_it_has(size):
    with pytest.raises(InputError, match=r"box, diagonal, rectangle$"):
        metrics.normaliser("ion", faces(1, LAYOUTS[size]), LAYOUTS[size])


@pytest.mark.parametrize("name", sorted(metrics.NORMALISERS))
def test_zero_normaliser_names_the_row(name):
    points = faces(4, L68)
    points[2] = 7.0
    boxes = np.array([[0, 0, 5, 5], [0, 0, 5, 5], [3, 0, 3, 5], [0, 0, 5, 5]])
    with pytest.raises(InputError, match=r"row 2.*positive"):
        metrics.normaliser(name, points, L68, boxes)


def test_box_turned_inside_out_is_no_box():
    with pytest.raises(InputError, match="row 0"):
        metrics.normaliser("box", faces(1, L68), L68, [[10, 10, 0, 0]])


@pytest.mark.parametrize("boxes", [None, [[0, 0, 1, 1]], [[0, 0, 1], [0, 0, 1]], [[0, 0, 1, 1], [0, 0, np.nan, 1]]])
def test_box_normaliser_wants_a_box_for_every_face(boxes):
    with pytest.raises(InputError):
        metrics.normaliser("box", faces(2, L68), L68, boxes)


# Nothing unusable slips through


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_coordinate_that_is_no_number_is_an_error_naming_the_row(bad):
    true = faces(3, L68)
    broken, norm = true.copy(), np.ones(3)
    broken[1, 5, 0] = bad
    for predicted, actual in ((broken, true), (true, broken)):
        with pytest.raises(InputError, match="row 1"):
            metrics.nme(predicted, actual, norm)
    with pytest.raises(InputError, match="row 1"):
        metrics.normaliser("diagonal", broken, L68)


@pytest.mark.parametrize("predicted, norm", [
    (faces(2, LAYOUTS[98]), np.ones(2)), (faces(1, L68), np.ones(2)), (faces(2, L68), np.ones(1)), (faces(2, L68), 1.0),
    (faces(2, L68)[..., :1], np.ones(2)), (faces(2, L68), np.array([1.0, 0.0])), (faces(2, L68), np.array([1.0, np.nan])),
])
def test_nme_refuses_shapes_and_normalisers_that_do_not_fit(predicted, norm):
    with pytest.raises(InputError):
        metrics.nme(predicted, faces(2, L68), norm)


def test_no_faces_have_no_errors():
    assert metrics.nme(np.zeros((0, 68, 2)), np.zeros((0, 68, 2)), np.zeros(0)).shape == (0,)


@pytest.mark.parametrize("errors", [[], [0.1, np.nan], [0.1, np.inf], [-0.1, 0.1], [[0.1]], 0.1])
def test_figures_refuse_unusable_errors(errors):
    for figure in (partial(metrics.auc, threshold=0.1), partial(metrics.failure_rate, threshold=0.1), metrics.summary,
                   partial(metrics.ced, thresholds=[0.1]), metrics.bootstrap_interval):
        with pytest.raises(InputError):
            figure(errors)


@pytest.mark.parametrize("threshold", [0, -0.1, np.nan, np.inf, None, "0.1"])
def test_figures_refuse_unusable_thresholds(threshold):
    for figure in (metrics.auc, metrics.failure_rate):
        with pytest.raises(InputError, match="threshold"):
            figure([0.05], threshold)


# CED, AUC, FR


def test_figures_by_hand():
    errors = [0.02, 0.05, 0.1, 0.2]
    assert metrics.auc(errors, 0.1) == pytest.approx((0.8 + 0.5 + 0 + 0) / 4)
    assert metrics.failure_rate(errors, 0.1) == 0.25
    np.testing.assert_array_equal(metrics.ced(errors, [0, 0.02, 0.049, 0.05, 0.1, 0.19, 1]), [0, 0.25, 0.25, 0.5, 0.75, 0.75, 1])


def test_failure_is_strictly_above_the_threshold():
    assert metrics.failure_rate([0.1], 0.1) == 0
    assert metrics.failure_rate([np.nextafter(0.1, 1)], 0.1) == 1


@settings(max_examples=60, deadline=None)
@given(errors=ERRORS, threshold=THRESHOLDS)
def test_auc_is_the_integral_of_the_ced(errors, threshold):
    assert metrics.auc(errors, threshold) == pytest.approx(step_integral(errors, threshold), abs=1e-12)


def test_auc_is_the_integral_of_the_ced_by_fine_quadrature():
    errors = np.random.default_rng(0).lognormal(-3, 0.5, 200)
    middles = (np.arange(200_000) + 0.5) / 200_000 * 0.08
    assert metrics.auc(errors, 0.08) == pytest.approx(metrics.ced(errors, middles).mean(), abs=1e-5)


@settings(max_examples=60, deadline=None)
@given(errors=ERRORS, threshold=THRESHOLDS)
def test_auc_fr_and_ced_agree_with_each_other(errors, threshold):
    area, failed = metrics.auc(errors, threshold), metrics.failure_rate(errors, threshold)
    assert 0 <= area <= 1
    assert area >= 1 - errors.mean() / threshold - 1e-12
    assert area <= 1 - failed + 1e-12
    assert failed == pytest.approx(1 - metrics.ced(errors, [threshold])[0], abs=1e-12)
    if failed == 0:
        assert area == pytest.approx(1 - errors.mean() / threshold, abs=1e-12)
    curve = metrics.ced(errors, np.linspace(0, 0.5, 50))
    assert (np.diff(curve) >= 0).all() and curve[-1] == 1


# Bootstrap


def test_bootstrap_is_a_function_of_its_seed():
    errors = np.random.default_rng(0).lognormal(-3, 0.5, 100)
    assert metrics.bootstrap_interval(errors, seed=3) == metrics.bootstrap_interval(errors, seed=3)
    assert metrics.bootstrap_interval(errors, seed=3) != metrics.bootstrap_interval(errors, seed=4)


def test_bootstrap_of_a_mean_is_as_wide_as_its_standard_error_says():
    errors = np.random.default_rng(1).lognormal(-3, 0.4, 400)
    low, high = metrics.bootstrap_interval(errors)
    standard_error = errors.std() / 20
    assert low < errors.mean() < high
    assert high - low == pytest.approx(2 * 1.96 * standard_error, rel=0.1)
    narrow = metrics.bootstrap_interval(errors, level=0.5)
    assert narrow[1] - narrow[0] == pytest.approx(2 * 0.674 * standard_error, rel=0.1)


def test_bootstrap_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(2)
    true_mean = math.exp(-3 + 0.4**2 / 2)
    hits = 0
    for trial in range(200):
        low, high = metrics.bootstrap_interval(rng.lognormal(-3, 0.4, 60), level=0.9, samples=200, seed=trial)
        hits += low <= true_mean <= high
    assert 0.82 <= hits / 200 <= 0.95


def test_bootstrap_takes_any_statistic():
    errors = np.random.default_rng(3).lognormal(-3, 0.5, 100)
    low, high = metrics.bootstrap_interval(errors, partial(metrics.auc, threshold=0.1), samples=300)
    assert 0 < low < metrics.auc(errors, 0.1) < high < 1
    with pytest.raises(InputError, match="statistic"):
        metrics.bootstrap_interval(errors, lambda drawn: np.nan, samples=3)


def test_paired_difference_sees_what_two_intervals_hide():
    rng = np.random.default_rng(4)
    better = rng.lognormal(-3, 0.5, 200)
    worse = better + rng.normal(0.001, 0.002, 200).clip(-better)
    assert metrics.bootstrap_interval(better)[1] > metrics.bootstrap_interval(worse)[0]
    low, high = metrics.bootstrap_difference(better, worse)
    assert low < better.mean() - worse.mean() < high < 0
    swapped = metrics.bootstrap_difference(worse, better)
    assert swapped == pytest.approx((-high, -low))


def test_difference_of_a_model_to_itself_is_nothing():
    errors = np.random.default_rng(5).lognormal(-3, 0.5, 50)
    assert metrics.bootstrap_difference(errors, errors, samples=50) == (0, 0)


@pytest.mark.parametrize("call", [
    lambda: metrics.bootstrap_interval([0.1]), lambda: metrics.bootstrap_interval([0.1, 0.2], level=1),
    lambda: metrics.bootstrap_interval([0.1, 0.2], samples=0), lambda: metrics.bootstrap_difference([0.1, 0.2], [0.1]),
    lambda: metrics.bootstrap_difference([0.1, 0.2], [0.1, np.nan]),
])
def test_bootstrap_refuses_what_it_cannot_resample(call):
    with pytest.raises(InputError):
        call()


# Summary


def test_summary_holds_the_figures_as_plain_numbers():
    errors = np.random.default_rng(6).lognormal(-3, 0.6, 80)
    figures = metrics.summary(errors, threshold=0.08, samples=200, seed=9)
    assert figures == json.loads(json.dumps(figures))
    assert all(type(value) in (int, float) for value in figures.values())
    assert figures["count"] == 80 and figures["threshold"] == 0.08
    assert figures["nme"] == pytest.approx(errors.mean())
    assert figures["fr"] == metrics.failure_rate(errors, 0.08) and figures["auc"] == metrics.auc(errors, 0.08)
    assert (figures["nme_low"], figures["nme_high"]) == metrics.bootstrap_interval(errors, samples=200, seed=9)


def test_summary_of_one_image_claims_no_interval():
    assert metrics.summary([0.05]) == {"count": 1, "nme": 0.05, "fr": 0.0, "auc": 0.5, "threshold": 0.1}
