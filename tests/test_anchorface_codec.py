"""Targets, aggregation, losses and diagnostics against loops written from the paper: Eq. 2 to 7 and 9."""

import math

import mxnet as mx
import numpy as np
import pytest
from mxnet import autograd

from anchorface.anchors import anchor_points, place
from anchorface.codec import AnchorDecoder, AnchorTargets, RegressionDecoder
from anchorface.diagnostics import AnchorDiagnostics, pearson
from anchorface.loss import AnchorLoss, RegressionLoss
from anchorface.methods import METHODS
from gv.core.errors import InputError

SIZE, B, L, K, GRID = 64, 3, 5, 4, 3
P = GRID * GRID


@pytest.fixture(scope="module")
def anchors():
    templates = np.random.default_rng(0).uniform(-0.3, 0.3, (K, L, 2))
    return place(templates, anchor_points(SIZE, 16, GRID), SIZE)


@pytest.fixture(scope="module")
def batch(anchors):
    """(offsets, logits, points) as NumPy arrays; the first face lies on an anchor, up to a little."""
    rng = np.random.default_rng(1)
    points = rng.uniform(0, SIZE, (B, L, 2))
    points[0] = anchors[7] + 0.2
    return rng.normal(0, 0.1, (B, K * 2 * L, GRID, GRID)), rng.normal(0, 1.5, (B, K, GRID, GRID)), points


def ready(block):
    block.initialize()
    block.hybridize()
    return block


def call(block, *values):
    found = ready(block)(*(mx.nd.array(value) for value in values))
    return [value.asnumpy() for value in found] if isinstance(found, (list, tuple)) else found.asnumpy()


def offset(offsets, b, a, j, unit):
    """O_j(a, t) of anchor number a (template by template) in pixels, out of the head's map."""
    k, p = divmod(a, P)
    return np.array([offsets[b, k * 2 * L + 2 * j + xy, p // GRID, p % GRID] for xy in range(2)]) * unit


def logit(logits, b, a):
    k, p = divmod(a, P)
    return logits[b, k, p // GRID, p % GRID]


def sigmoid(v):
    return 1 / (1 + math.exp(-v))


def true_confidence(point, anchor, beta, confidence, unit):
    """Eq. 5 by hand."""
    dist = math.sqrt(sum((float(point[j][xy] - anchor[j][xy]) / unit) ** 2 for j in range(L) for xy in range(2)))
    spread = math.tanh(dist / (beta * 2 * L))
    return spread if confidence == "printed" else 1 - spread


@pytest.mark.parametrize("confidence", ["near", "printed"])
@pytest.mark.parametrize("distance_units, offset_units", [("share", "share"), ("pixels", "share"), ("share", "pixels")])
def test_targets_against_equation_5(anchors, batch, confidence, distance_units, offset_units):
    points = batch[2]
    offsets, found = call(AnchorTargets(anchors, K, SIZE, 0.05, confidence, distance_units, offset_units), points)
    assert offsets.shape == (B, K, 2 * L, P) and found.shape == (B, K, P)
    unit = SIZE if distance_units == "share" else 1
    for b in range(B):
        for a in range(K * P):
            k, p = divmod(a, P)
            wanted = true_confidence(points[b], anchors[a], 0.05, confidence, unit)
            assert found[b, k, p] == pytest.approx(wanted, abs=2e-6)
            gap = (points[b] - anchors[a]) / (SIZE if offset_units == "share" else 1)
            assert offsets[b, k, :, p] == pytest.approx(gap.ravel(), abs=1e-5)


def test_near_confidence_is_1_on_an_anchor_and_falls_with_distance(anchors):
    points = np.stack([anchors[5] + shift for shift in (0, 1, 2, 8)])
    found = call(AnchorTargets(anchors, K, SIZE), points)[1].reshape(4, -1)[:, 5]
    assert found[0] == pytest.approx(1, abs=1e-5) and (np.diff(found) < 0).all()


@pytest.mark.parametrize("landmarks, limit", [(19, 29), (68, 55), (98, 66)])
def test_0_6_is_reached_within_the_distances_of_the_readings_page(landmarks, limit):
    """docs/readings.md: over 224 pixels, C >= 0.6 means so many pixels root mean square a coordinate."""
    rms = math.atanh(0.4) * 0.05 * 2 * landmarks / math.sqrt(2 * landmarks) * 224
    assert round(rms) == limit


def aggregate_by_hand(offsets, logits, anchors, how, c_th, unit):
    """Eq. 2 and 3, as printed; the most confident anchor where none reaches c_th."""
    points = np.zeros((B, L, 2))
    for b in range(B):
        confidence = [sigmoid(logit(logits, b, a)) for a in range(K * P)]
        weights = [c if c >= c_th else 0 for c in confidence]
        if how == "mean":
            weights = [1] * len(weights)
        elif how == "argmax" or not any(weights):
            weights = [float(a == int(np.argmax(confidence))) for a in range(K * P)]
        elif how == "mean_confident":
            weights = [float(w > 0) for w in weights]
        for j in range(L):
            total = sum(w * (offset(offsets, b, a, j, unit) + anchors[a, j]) for a, w in enumerate(weights))
            points[b, j] = total / sum(weights)
    return points


@pytest.mark.parametrize("how", ["weighted", "argmax", "mean_confident", "mean"])
@pytest.mark.parametrize("c_th", [0.0, 0.6, 0.999])
@pytest.mark.parametrize("offset_units", ["share", "pixels"])
def test_aggregation_against_equations_2_and_3(anchors, batch, how, c_th, offset_units):
    offsets, logits, _ = batch
    found = call(AnchorDecoder(anchors, K, SIZE, how, c_th, offset_units), offsets, logits)
    wanted = aggregate_by_hand(offsets, logits, anchors, how, c_th, SIZE if offset_units == "share" else 1)
    assert np.allclose(found, wanted, atol=1e-4)


@pytest.mark.parametrize("how, c_th, x", [
    ("weighted", 0.6, (0.9 * 10 + 0.7 * 30) / 1.6), ("weighted", 0.8, 10), ("weighted", 0.95, 10),
    ("mean_confident", 0.6, 20), ("mean_confident", 0.8, 10), ("mean_confident", 0.95, 10), ("argmax", 0.6, 10),
    ("mean", 0.8, 20)])
def test_two_anchors_by_hand(how, c_th, x):
    """One landmark; the anchors say x = 10 with confidence 0.9 and x = 30 with 0.7."""
    anchors = np.array([[[4.0, 0.0]], [[31.0, 2.0]]])
    offsets = np.array([6.0, 5.0, -1.0, 3.0]).reshape(1, 4, 1, 1)
    logits = np.array([math.log(9), math.log(7 / 3)]).reshape(1, 2, 1, 1)
    found = call(AnchorDecoder(anchors, 2, SIZE, how, c_th, "pixels"), offsets, logits)
    assert found == pytest.approx(np.array([[[x, 5.0]]]), abs=1e-4)


@pytest.mark.parametrize("how", ["weighted", "argmax", "mean_confident", "mean"])
@pytest.mark.parametrize("value", [-1e4, -200.0, 0.0, 1e4])
def test_every_confidence_gives_points(anchors, how, value):
    found = call(AnchorDecoder(anchors, K, SIZE, how), np.zeros((1, K * 2 * L, GRID, GRID)), np.full((1, K, GRID, GRID), value))
    assert np.isfinite(found).all() and (np.abs(found) < 2 * SIZE).all()


@pytest.mark.parametrize("offset_units", ["share", "pixels"])
@pytest.mark.parametrize("how", ["weighted", "argmax", "mean_confident", "mean"])
def test_decoding_the_targets_gives_back_the_landmarks(anchors, batch, offset_units, how):
    points = batch[2]
    offsets, confidence = call(AnchorTargets(anchors, K, SIZE, offset_units=offset_units), points)
    confidence = np.clip(confidence, 1e-6, 1 - 1e-6)
    logits = np.log(confidence / (1 - confidence)).reshape(B, K, GRID, GRID)
    found = call(AnchorDecoder(anchors, K, SIZE, how, offset_units=offset_units),
                 offsets.reshape(B, K * 2 * L, GRID, GRID), logits)
    assert np.allclose(found, points, atol=1e-4)


def loss_by_hand(batch, anchors, weight, entropy, lam, offset_units="share"):
    """Eq. 4, 6 and 7 as sums over anchors."""
    offsets, logits, points = batch
    unit = SIZE if offset_units == "share" else 1
    totals = []
    for b in range(B):
        regression = confidence = 0.0
        for a in range(K * P):
            c, target = sigmoid(logit(logits, b, a)), true_confidence(points[b], anchors[a], 0.05, "near", SIZE)
            misses = sum(np.abs(offset(offsets, b, a, j, 1) - (points[b][j] - anchors[a][j]) / unit).sum() for j in range(L))
            regression += (target if weight == "target" else c) * misses
            if entropy == "target":
                confidence += -target * math.log(c) - (1 - target) * math.log(1 - c)
            else:
                clipped = min(max(target, 1e-6), 1 - 1e-6)
                confidence += -c * math.log(clipped) - (1 - c) * math.log(1 - clipped)
        totals.append(regression + lam * confidence)
    return totals


@pytest.mark.parametrize("weight", ["target", "predicted", "predicted_detached"])
@pytest.mark.parametrize("entropy", ["target", "printed"])
@pytest.mark.parametrize("lam", [0.1, 0.5, 2.0])
def test_losses_against_equations_4_6_and_7(anchors, batch, weight, entropy, lam):
    found = call(AnchorLoss(dict(anchors=anchors, templates=K, size=SIZE), weight, entropy, lam), *batch)
    assert found.shape == (B,) and found == pytest.approx(loss_by_hand(batch, anchors, weight, entropy, lam), rel=1e-4)


def test_offsets_in_pixels_make_the_regression_loss_as_many_times_heavier(anchors, batch):
    target = dict(anchors=anchors, templates=K, size=SIZE, offset_units="pixels")
    found = call(AnchorLoss(target), *batch)
    assert found == pytest.approx(loss_by_hand(batch, anchors, "target", "target", 0.5, "pixels"), rel=1e-4)
    share = call(AnchorLoss({**target, "offset_units": "share"}, lam=0.0), *batch)
    scaled = call(AnchorLoss(target, lam=0.0), batch[0] * SIZE, *batch[1:])
    assert scaled == pytest.approx(share * SIZE, rel=1e-4)


def gradients(loss, batch):
    values = [mx.nd.array(value) for value in batch]
    for value in values[:2]:
        value.attach_grad()
    with autograd.record():
        found = ready(loss)(*values)
    found.backward()
    return found.asnumpy(), values[0].grad.asnumpy(), values[1].grad.asnumpy()


@pytest.mark.parametrize("weight", ["target", "predicted", "predicted_detached"])
@pytest.mark.parametrize("entropy", ["target", "printed"])
@pytest.mark.parametrize("confidence", ["near", "printed"])
def test_losses_are_finite_at_confidences_of_0_and_1(anchors, batch, weight, entropy, confidence):
    offsets, logits, points = (np.array(value) for value in batch)
    logits[:, 0], logits[:, 1] = 1e4, -1e4
    points[0] = anchors[3]          # a distance of exactly 0
    points[1] = anchors[3] + 1e5    # a tanh of exactly 1
    loss = AnchorLoss(dict(anchors=np.float32(anchors), templates=K, size=SIZE, confidence=confidence), weight, entropy)
    for values in gradients(loss, (offsets, logits, np.float32(points))):
        assert np.isfinite(values).all()


def test_only_the_predicted_weight_lets_the_regression_loss_change_the_confidence(anchors, batch):
    target = dict(anchors=anchors, templates=K, size=SIZE)
    moved = {weight: np.abs(gradients(AnchorLoss(target, weight, lam=0.0), batch)[2]).max()
             for weight in ("target", "predicted", "predicted_detached")}
    assert moved["target"] == moved["predicted_detached"] == 0 and moved["predicted"] > 0.01


def test_the_cross_entropy_is_least_at_its_target_and_the_printed_one_is_not(anchors, batch):
    offsets, _, points = batch
    confidence = np.clip(call(AnchorTargets(anchors, K, SIZE), points)[1], 1e-4, 1 - 1e-4)
    logits = np.log(confidence / (1 - confidence)).reshape(B, K, GRID, GRID)
    sizes = {}
    for entropy in ("target", "printed"):
        loss = AnchorLoss(dict(anchors=anchors, templates=K, size=SIZE), entropy=entropy)
        sizes[entropy] = np.abs(gradients(loss, (offsets, logits, points))[2]).max()
    assert sizes["target"] < 1e-3 < 1e-2 < sizes["printed"]


@pytest.mark.parametrize("make", [
    lambda a: AnchorTargets(a, K, SIZE, beta=0), lambda a: AnchorTargets(a, K, SIZE, confidence="far"),
    lambda a: AnchorTargets(a, K, SIZE, distance_units="mm"), lambda a: AnchorDecoder(a, K, SIZE, "median"),
    lambda a: AnchorDecoder(a, K, SIZE, c_th=1.5), lambda a: AnchorLoss(dict(anchors=a, templates=K, size=SIZE), "none"),
    lambda a: AnchorLoss(dict(anchors=a, templates=K, size=SIZE), lam=-1)])
def test_wrong_choices_are_input_errors(anchors, make):
    with pytest.raises(InputError):
        make(anchors)


def test_direct_regression_reads_back_what_its_loss_wants():
    points = np.random.default_rng(0).uniform(0, SIZE, (B, L, 2))
    vector = np.array([[(v - (SIZE - 1) / 2) / SIZE for v in face.ravel()] for face in points])
    assert np.allclose(call(RegressionDecoder(SIZE), vector), points, atol=1e-4)
    assert call(RegressionLoss(SIZE), vector, points) == pytest.approx(0, abs=1e-6)
    assert call(RegressionLoss(SIZE), vector + 0.25, points) == pytest.approx(0.25 * 2 * L, abs=1e-5)


def test_pearson_against_numpy_and_without_a_value():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(3, 50)), rng.normal(size=(3, 50))
    x[1] = 0.1
    y[2] = 7e3
    found = pearson(x, y)
    assert found[0] == pytest.approx(np.corrcoef(x[0], y[0])[0, 1]) and np.isnan(found[1:]).all()
    assert pearson(x[:1], -2 * x[:1] + 1) == pytest.approx(-1)


def test_diagnostics_against_equation_9(anchors, batch):
    offsets, logits, points = batch
    figures = AnchorDiagnostics(anchors, SIZE, c_th=0.9)([mx.nd.array(offsets), mx.nd.array(logits)], points)
    for b in range(B):
        confidence = [sigmoid(logit(logits, b, a)) for a in range(K * P)]
        errors = [math.sqrt(sum(((offset(offsets, b, a, j, SIZE) + anchors[a, j] - points[b, j]) ** 2).sum() for j in range(L)))
                  for a in range(K * P)]
        assert figures["pearson"][b] == pytest.approx(np.corrcoef(errors, confidence)[0, 1], abs=1e-5)
        assert figures["voting"][b] == sum(c >= 0.9 for c in confidence)
        assert figures["no_anchor"][b] == (max(confidence) < 0.9)
        places = np.array([[offset(offsets, b, a, j, SIZE) + anchors[a, j] for j in range(L)] for a in range(K * P)])
        middle = places.mean(0)
        common = math.sqrt(sum(((middle[j] - points[b, j]) ** 2).sum() for j in range(L)) / L) / SIZE
        apart = sum(((places[a, j] - middle[j]) ** 2).sum() for a in range(K * P) for j in range(L)) / (K * P * L)
        far = [math.sqrt(((anchors[a] - points[b]) ** 2).sum()) for a in range(K * P)]
        slope = np.linalg.lstsq((anchors - anchors.mean(0)).reshape(-1, 1), (places - middle).ravel(), rcond=None)[0][0]
        assert figures["common"][b] == pytest.approx(common, rel=1e-5)
        assert figures["deviation"][b] == pytest.approx(math.sqrt(apart) / SIZE, rel=1e-5)
        assert figures["epsilon"][b] == pytest.approx(slope, abs=1e-5)
        assert figures["far_error"][b] == pytest.approx(np.corrcoef(far, errors)[0, 1], abs=1e-5)


@pytest.mark.parametrize("share", [0.0, 0.03, 1.0])
def test_epsilon_is_the_share_of_each_offset_that_is_left(anchors, share):
    """Every anchor moves all but ``share`` of the way to one wrong place: the common error is that place's."""
    true, wrong = np.full((1, L, 2), 30.0), np.full((L, 2), 34.0)
    moves = ((1 - share) * (wrong - anchors) / SIZE).reshape(K, P, 2 * L).transpose(0, 2, 1).reshape(1, K * 2 * L, GRID, GRID)
    figures = AnchorDiagnostics(anchors, SIZE)([mx.nd.array(moves), mx.nd.zeros((1, K, GRID, GRID))], true)
    assert figures["epsilon"][0] == pytest.approx(share, abs=1e-5)
    if not share:
        assert figures["common"][0] == pytest.approx(math.sqrt(32) / SIZE, rel=1e-4) and figures["deviation"][0] < 1e-6


def test_only_anchorface_has_diagnostics():
    regression = METHODS["regression"]
    assert regression(regression.Options(), SIZE).diagnostics(regression.Decoding(), {}) is None
