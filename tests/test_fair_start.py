"""What a fair comparison stands on: no net begins with a loss it must first undo, and small maps can hold what bands need."""

import mxnet as mx
import numpy as np
import pytest

from anchorface.methods import METHODS as ANCHORFACE
from gv.core.method import as_list
from gv.core.run import plan
from gv.encoders import ENCODERS
from gv.methods import METHODS as GAUSSIAN_VECTOR

METHODS = {**GAUSSIAN_VECTOR, **ANCHORFACE}
ROUNDING = 1e-9     # of float64: neighbours closer than this are equal
MOST = 2.0          # times the loss of predicting nothing, at the first step
CASES = [(method, {"encoder": encoder, **decoder}) for method in GAUSSIAN_VECTOR for encoder in ENCODERS
         for decoder in ({}, {"decoder": "fpn_relu"})] + [(method, {}) for method in ANCHORFACE]


@pytest.mark.parametrize("name, settings", CASES)
@pytest.mark.parametrize("seed", [0, 1])
def test_the_first_loss_is_that_of_predicting_nothing(name, settings, seed):
    """Every method and encoder, as training begins; a head from Xavier makes a heatmap net's 700 to 1500 times as much."""
    run = plan(METHODS, name, "smoke", settings, 68)
    size, rng = run.crop.size, np.random.default_rng(seed)
    points = size * rng.uniform(0.2, 0.8, (8, 68, 2))
    fitted = run.method.fit(points, seed)
    net, loss = run.method.net(68, fitted), run.method.loss(fitted)
    mx.random.seed(seed)
    net.initialize()
    loss.initialize()
    with mx.autograd.train_mode():
        outputs = as_list(net(mx.nd.array(rng.normal(0, 1, (8, 3, size, size)))))
    true = mx.nd.array(points)
    first = loss(*outputs, true).asnumpy().mean()
    nothing = loss(*(mx.nd.zeros_like(output) for output in outputs), true).asnumpy().mean()
    assert 0 < first <= MOST * nothing, f"{first / nothing:.1f} times the loss of predicting nothing"


def fitted_error(side, width, upsampling, count=400, seed=0):
    """The mean distance, in cells of 32, between true places and those read off the best that a row of a map can represent.

    A row of ``side`` cells is what an x vector averages over a band of ``width`` rows. What a map that was upsampled by nearest
    neighbours and smoothed by a kernel of three can hold is the span of its cells' responses; a perfect label is projected onto
    that span by least squares, read by argmax and a quarter of a cell, and compared with the truth.
    """
    rng = np.random.default_rng(seed)
    native = side // upsampling
    grown = np.repeat(np.eye(native), upsampling, axis=0)                       # (side, native): nearest neighbours
    padded = np.pad(grown, ((1, 1), (0, 0)))
    span = np.concatenate([padded[k:k + side] for k in range(3)], axis=1)       # the three taps of the kernel
    kernel = np.ones(width) / width                                             # a band of ``width`` cells, zeros beyond
    band = np.array([np.convolve(column, kernel, "same") for column in span.T]).T
    true = rng.uniform(0.25, 0.75, count) * side                                # in cells, well inside
    cells = np.arange(side)
    distance = cells[None] - np.floor(true[:, None] + 0.5)
    label = np.exp(-distance ** 2 / (2 * 2.0 ** 2)) * (np.abs(distance) < 6) + 3.0 * (distance == 0)
    solved, *_ = np.linalg.lstsq(band, label.T, rcond=None)
    vector = (band @ solved).T
    peak = vector.argmax(axis=1)
    rows = np.arange(count)
    before, after = vector[rows, np.maximum(peak - 1, 0)], vector[rows, np.minimum(peak + 1, side - 1)]
    found = peak + 0.25 * np.sign(np.where(np.abs(after - before) < ROUNDING, 0, after - before))
    return np.abs(found - true).mean()


WIDTHS = (1, 3, 5, 7)


def test_on_a_native_map_the_narrowest_band_holds_a_label_best():
    """Table 8's floors: with a cell of its own for each cell of the vector, l = 1 loses nothing and a wider band only can."""
    floors = [fitted_error(32, width, 1) for width in WIDTHS]
    assert floors[0] == min(floors) and floors[0] < 0.27       # rounding to a cell: a quarter of one on average


def test_a_map_stretched_four_times_turns_table_8_round():
    """64 cells out of 16: the peak of a label cannot be held, and the narrowest band errs most."""
    stretched = [fitted_error(64, width, 4) for width in WIDTHS]
    native = [fitted_error(64, width, 1) for width in WIDTHS]
    assert native[0] == min(native) and native[0] < 0.27
    assert stretched[0] == max(stretched) and stretched[0] > 1.5 * native[0]
