"""Band pooling against a loop over bands (GV, Section 3.3), and against the convolution that fusing two bands amounts to."""

import mxnet as mx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mxnet import autograd

from gv.bpm import BandPooling
from gv.core.errors import InputError

SIDE = 12
SINGLES = [1, 3, 5, 7]
PAIRS = [(1, 3), (1, 5), (3, 5), (5, 3), (3, 7), (5, 7)]


def band_loop(heatmap, width):
    """Eq. 4: x from vertical bands h x l, y from horizontal bands l x w; what lies outside is zero and counts."""
    h, w = heatmap.shape
    x, y = np.zeros(w), np.zeros(h)
    for centre in range(w):
        for row in range(h):
            for column in range(centre - width // 2, centre + width // 2 + 1):
                x[centre] += heatmap[row, column] / (h * width) if 0 <= column < w else 0
    for centre in range(h):
        for column in range(w):
            for row in range(centre - width // 2, centre + width // 2 + 1):
                y[centre] += heatmap[row, column] / (w * width) if 0 <= row < h else 0
    return x, y


def heatmaps(side=SIDE, seed=0, shape=(2, 3)):
    return np.random.default_rng(seed).normal(0, 1, (*shape, side, side))


def pooled(pooling, maps):
    return [v.asnumpy() for v in pooling(mx.nd.array(maps))]


@pytest.mark.parametrize("width", SINGLES)
@pytest.mark.parametrize("form", [int, tuple])
def test_a_single_band_is_eq_4(width, form):
    maps = heatmaps()
    x, y = pooled(BandPooling(SIDE, width if form is int else (width,)), maps)
    assert x.shape == y.shape == (2, 3, SIDE)
    for n in range(2):
        for k in range(3):
            for found, expected in zip((x[n, k], y[n, k]), band_loop(maps[n, k], width)):
                np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("bands", PAIRS)
@pytest.mark.parametrize("alpha", [0.5, 0.2, 0.9])
def test_two_bands_are_eq_5(bands, alpha):
    maps = heatmaps(shape=(1, 2))
    x, y = pooled(BandPooling(SIDE, bands, alpha), maps)
    for k in range(2):
        (x1, y1), (x2, y2) = (band_loop(maps[0, k], width) for width in bands)
        np.testing.assert_allclose(x[0, k], alpha * x1 + (1 - alpha) * x2, atol=1e-6)
        np.testing.assert_allclose(y[0, k], alpha * y1 + (1 - alpha) * y2, atol=1e-6)


@settings(max_examples=20)
@given(side=st.integers(4, 24), seed=st.integers(0, 2 ** 32 - 1))
def test_fusing_3_and_5_is_one_convolution_of_the_means(side, seed):
    """docs/readings.md: half of 1/3 and half of 1/5 in the middle, half of 1/5 at the ends: [.1, .2667, .2667, .2667, .1]."""
    maps = heatmaps(side, seed, (1, 1))
    kernel = [0.1, 4 / 15, 4 / 15, 4 / 15, 0.1]
    for found, means in zip(pooled(BandPooling(side), maps), (maps[0, 0].mean(axis=0), maps[0, 0].mean(axis=1))):
        np.testing.assert_allclose(found[0, 0], np.convolve(np.pad(means, 2), kernel, "valid"), atol=1e-6)


def test_the_defaults_are_the_papers():
    pooling = BandPooling(64)
    assert (pooling.bands, pooling.alpha) == ((3, 5), 0.5)


@pytest.mark.parametrize("bands", SINGLES + PAIRS)
def test_hybridized_is_the_same(bands):
    maps, pooling = heatmaps(), BandPooling(SIDE, bands)
    before = pooled(pooling, maps)
    pooling.hybridize()
    for a, b in zip(before, pooled(pooling, maps)):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("bands", SINGLES + PAIRS)
def test_smooth_profile_is_the_pooling_of_a_mean_already_taken(bands):
    maps, pooling = heatmaps(), BandPooling(SIDE, bands, 0.3)
    for found, axis in zip(pooled(pooling, maps), (2, 3)):
        profile = mx.nd.array(maps.mean(axis=axis)[:, :, None, :])
        np.testing.assert_allclose(pooling.smooth_profile(mx.nd, profile).asnumpy(), found, atol=1e-6)


@pytest.mark.parametrize("bands", [1, 7, (3, 5)])
def test_gradient_is_the_numeric_one(bands):
    """The pooling is linear, so a difference quotient of any step is its derivative, up to rounding (float64)."""
    maps, rng = heatmaps(8, shape=(1, 1)), np.random.default_rng(3)
    pooling, weights = BandPooling(8, bands), rng.normal(0, 1, (2, 1, 1, 8))

    def total(values):
        x, y = pooling(values)
        return (x * mx.nd.array(weights[0], dtype="float64")).sum() + (y * mx.nd.array(weights[1], dtype="float64")).sum()

    variable = mx.nd.array(maps, dtype="float64")
    variable.attach_grad()
    with autograd.record():
        value = total(variable)
    value.backward()
    numeric = np.zeros((8, 8))
    for row in range(8):
        for column in range(8):
            step = np.zeros_like(maps)
            step[0, 0, row, column] = 0.5
            up, down = (float(total(mx.nd.array(moved, dtype="float64")).asscalar()) for moved in (maps + step, maps - step))
            numeric[row, column] = up - down
    np.testing.assert_allclose(variable.grad.asnumpy()[0, 0], numeric, atol=1e-12)


@pytest.mark.parametrize("bands, alpha, named", [
    (2, 0.5, "bandwidth 2"), ((3, 4), 0.5, "bandwidth 4"), (0, 0.5, "bandwidth 0"), (-3, 0.5, "bandwidth -3"),
    (3.0, 0.5, "bandwidth 3.0"), ((3.5, 5), 0.5, "bandwidth 3.5"), ("3", 0.5, "bandwidth '3'"), (True, 0.5, "bandwidth True"),
    (None, 0.5, "bandwidth None"), ((), 0.5, "0 bandwidths"), ((1, 3, 5), 0.5, "3 bandwidths"),
    (2 * SIDE + 1, 0.5, "bandwidth 25"),
    ((3, 5), 0.0, "alpha: 0.0"), ((3, 5), 1.0, "alpha: 1.0"), ((3, 5), -0.1, "alpha"), ((3, 5), float("nan"), "alpha"),
])
def test_bad_bands_are_one_line_that_names_them(bands, alpha, named):
    with pytest.raises(InputError) as caught:
        BandPooling(SIDE, bands, alpha)
    message = str(caught.value)
    assert named in message and "expected" in message and "\n" not in message


def test_the_widest_band_that_reaches_every_cell_is_taken():
    x, _ = pooled(BandPooling(4, 7), np.ones((1, 1, 4, 4)))
    np.testing.assert_allclose(x[0, 0], np.full(4, 4 / 7), rtol=1e-6)
