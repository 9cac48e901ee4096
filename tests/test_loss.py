"""Losses against loops: mean squared error, and the same under AWing's weight map."""

import mxnet as mx
import numpy as np
import pytest
from mxnet import autograd

from gv.codec import HeatmapLabel, VectorLabel
from gv.loss import HeatmapLoss, VectorLoss

SIDE, STRIDE = 16, 4
LABEL = dict(side=SIDE, stride=STRIDE)
POINTS = np.random.default_rng(0).uniform(-12, SIDE * STRIDE + 12, (3, 5, 2)).astype(np.float32)  # some outside the crop
LOSSES = [VectorLoss(LABEL), VectorLoss(dict(LABEL, sigma=1.5, theta=1.0, label="printed", rounding="exact")),
          HeatmapLoss(LABEL), HeatmapLoss(LABEL, weighted=True), HeatmapLoss(dict(LABEL, theta=1.0), weighted=True)]
NAMES = ["vector", "vector-printed-exact", "heatmap", "heatmap-awing", "heatmap-awing-peak-2"]


def labels_of(loss):
    """The labels as a list of fitted, as a net's outputs would come."""
    made = loss.label(mx.nd.array(POINTS))
    return list(made) if isinstance(made, (list, tuple)) else [made]


def outputs_for(loss, seed=1):
    rng = np.random.default_rng(seed)
    return [mx.nd.array(rng.normal(0, 1, label.shape)) for label in labels_of(loss)]


def weight_loop(label):
    """AWing's map of one label (h, w): 1.0 where any of the 3 x 3 around a pixel is at least 0.2, else 0.1."""
    weights = np.full(label.shape, 0.1)
    for row in range(label.shape[0]):
        for column in range(label.shape[1]):
            around = label[max(0, row - 1):row + 2, max(0, column - 1):column + 2]
            if max(around.ravel()) >= 0.2:
                weights[row, column] = 1.0
    return weights


def test_vector_loss_is_the_mean_square_over_both_vectors():
    loss = LOSSES[0]
    x, y = outputs_for(loss)
    label_x, label_y = (v.asnumpy() for v in VectorLabel(**LABEL)(mx.nd.array(POINTS)))
    found = loss(x, y, mx.nd.array(POINTS)).asnumpy()
    assert found.shape == (3,)
    for n in range(3):
        errors = [(float(p[n, k, i].asscalar()) - label[n, k, i]) ** 2
                  for p, label in ((x, label_x), (y, label_y)) for k in range(5) for i in range(SIDE)]
        assert found[n] == pytest.approx(sum(errors) / (2 * 5 * SIDE), rel=1e-5)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("theta", [0.0, 1.0])
def test_heatmap_loss_is_the_mean_square_under_its_weights(weighted, theta):
    loss = HeatmapLoss(dict(LABEL, theta=theta), weighted)
    (heatmap,) = outputs_for(loss)
    label = HeatmapLabel(theta=theta, **LABEL)(mx.nd.array(POINTS)).asnumpy()
    found, predicted = loss(heatmap, mx.nd.array(POINTS)).asnumpy(), heatmap.asnumpy()
    assert found.shape == (3,)
    for n in range(3):
        total = sum(float(((predicted[n, k] - label[n, k]) ** 2 * (weight_loop(label[n, k]) if weighted else 1)).sum())
                    for k in range(5))
        assert found[n] == pytest.approx(total / (5 * SIDE * SIDE), rel=1e-5)


@pytest.mark.parametrize("point", [(30, 30), (1.5, 1.5), (SIDE * STRIDE - 2.5, 20), (-8, 30), (-400, 30)])
def test_the_weight_map_itself(point):
    """The gradient of the weighted loss by that of the plain one is the map; also at the border, and for landmarks outside."""
    place = mx.nd.array([[point]])
    gradients = []
    for weighted in (True, False):
        loss = HeatmapLoss(LABEL, weighted)
        heatmap = mx.nd.full((1, 1, SIDE, SIDE), 7)  # far from every label
        heatmap.attach_grad()
        with autograd.record():
            value = loss(heatmap, place)
        value.backward()
        gradients.append(heatmap.grad.asnumpy()[0, 0])
    expected = weight_loop(HeatmapLabel(**LABEL)(place).asnumpy()[0, 0])
    np.testing.assert_allclose(gradients[0] / gradients[1], expected, rtol=1e-5)
    assert expected.min() == 0.1 and (expected.max() == 1.0) == (point[0] > -100)


def test_the_weight_maps_hard_part_by_hand():
    """sigma 2: the label is >= 0.2 within 3.588 cells (37 of them, as (3, 2) is in and (4, 0) not); dilated, 69."""
    label = HeatmapLabel(**LABEL)(mx.nd.array([[(33.5, 33.5)]])).asnumpy()[0, 0]
    around = [(i, j) for i in range(-8, 8) for j in range(-8, 8) if i * i + j * j <= 8 * np.log(5)]
    dilated = {(i + a, j + b) for i, j in around for a in (-1, 0, 1) for b in (-1, 0, 1)}
    assert (label >= 0.2).sum() == len(around) == 37
    assert (weight_loop(label) == 1).sum() == len(dilated) == 69


@pytest.mark.parametrize("loss", LOSSES, ids=NAMES)
def test_a_perfect_prediction_has_no_loss_and_no_gradient(loss):
    outputs = labels_of(loss)
    for output in outputs:
        output.attach_grad()
    with autograd.record():
        value = loss(*outputs, mx.nd.array(POINTS))
    value.backward()
    np.testing.assert_array_equal(value.asnumpy(), np.zeros(3))
    assert all(not output.grad.asnumpy().any() for output in outputs)


@pytest.mark.parametrize("loss", LOSSES, ids=NAMES)
def test_an_images_loss_does_not_see_its_neighbours(loss):
    outputs, places = outputs_for(loss), mx.nd.array(POINTS)
    whole = loss(*outputs, places).asnumpy()
    for n in range(3):
        alone = loss(*(output[n:n + 1] for output in outputs), places[n:n + 1]).asnumpy()
        np.testing.assert_allclose(alone, whole[n:n + 1], rtol=1e-6)


@pytest.mark.parametrize("loss", LOSSES, ids=NAMES)
def test_hybridized_is_the_same(loss):
    outputs, places = outputs_for(loss), mx.nd.array(POINTS)
    before = loss(*outputs, places).asnumpy()
    loss.hybridize()
    np.testing.assert_allclose(loss(*outputs, places).asnumpy(), before, rtol=1e-6)
