"""Every number of the papers' own implementation sections (GV, 4.3; AnchorFace, 4.1) is what ``--preset paper`` does."""

import math

import cv2
import mxnet as mx
import numpy as np
import pytest

from anchorface.methods import METHODS as ANCHORFACE
from gv.core.run import plan
from gv.core.train import Optimiser, learning_rates
from gv.core.transforms import random_affine
from gv.methods import METHODS as GAUSSIAN_VECTOR

METHODS = {**GAUSSIAN_VECTOR, **ANCHORFACE}
DRAWS = 4000
SLACK = 1e-6
BOX, TIGHT = (0.0, 0.0, 160.0, 120.0), np.array([[40.0, 30.0], [120.0, 30.0], [120.0, 70.0], [40.0, 70.0]])


def paper(method, source="300W"):
    return plan(METHODS, method, "paper", {}, 68, source)


def drawn(method):
    """Of many augmentations: turns (degrees), factors, largest shifts (shares of the side), and the share mirrored."""
    run, rng, found = paper(method), np.random.default_rng(0), []
    centre = np.full(2, (run.crop.size - 1) / 2)
    for _ in range(DRAWS):
        matrix, mirrored = random_affine(rng, run.crop.size, run.augment)
        down = matrix[:, :2] @ [0, 1]                      # a mirror image keeps its length; it turns the other way
        shift = (matrix[:, :2] @ centre + matrix[:, 2] - centre) / run.crop.size
        found.append((math.degrees(math.atan2(down[0], down[1])), math.hypot(*down), np.abs(shift).max(), mirrored))
    turns, factors, shifts, mirrored = map(np.array, zip(*found))
    return np.abs(turns), factors, shifts, mirrored.mean()


@pytest.mark.parametrize("method", GAUSSIAN_VECTOR)
def test_gv_augments_as_section_4_3_says(method):
    """30 degrees at most, half the time; 75 % to 125 % always; mirrored half the time. It names no shift."""
    turns, factors, shifts, mirrored = drawn(method)
    assert (turns > SLACK).mean() == pytest.approx(0.5, abs=0.03) and 29.5 < turns.max() <= 30 + SLACK
    assert 0.75 - SLACK <= factors.min() < 0.76 and 1.24 < factors.max() <= 1.25 + SLACK
    assert (np.abs(factors - 1) > SLACK).all() and np.median(factors) == pytest.approx(1, abs=0.02)
    assert mirrored == pytest.approx(0.5, abs=0.03) and shifts.max() < SLACK
    assert paper(method).augment.occlusion_p == 0          # "we also try": a row of its own


@pytest.mark.parametrize("method", ANCHORFACE)
def test_anchorface_augments_as_section_4_1_says(method):
    """Random rotation and translation; it names no change of scale."""
    turns, factors, shifts, _ = drawn(method)
    assert (turns > SLACK).all() and (shifts > SLACK).all() and np.abs(factors - 1).max() < SLACK


def sides(method, source, points=TIGHT, box=BOX):
    """(width, height) in image pixels of what the crop shows of a face, and the side of the input."""
    crop = paper(method, source).crop
    back = cv2.invertAffineTransform(crop.matrix(points_box(points) if crop.boxes == "landmarks" else box))
    return (*(np.abs(back[:, :2] @ [crop.size, crop.size])), crop.size)


def points_box(points):
    return (*points.min(axis=0), *points.max(axis=0))


@pytest.mark.parametrize("method", GAUSSIAN_VECTOR)
@pytest.mark.parametrize("source, larger", [("300W", 1.0), ("JD-landmark", 1.0), ("COFW", 1.1), ("WFLW", 1.25), ("AFLW", 1.0),
                                            ("WFLW-like", 1.25)])
def test_gv_crops_the_landmarks_box_squared_and_enlarged_by_data_set(method, source, larger):
    """The short side extended to the long one; WFLW and COFW by 25 % and 10 %; 256 x 256."""
    assert sides(method, source) == pytest.approx((80 * larger, 80 * larger, 256))


@pytest.mark.parametrize("method", ANCHORFACE)
@pytest.mark.parametrize("source", ["AFLW", "300W", "Menpo", "WFLW", "COFW"])
def test_anchorface_crops_the_provided_box_to_224(method, source):
    assert sides(method, source) == pytest.approx((160, 160, 224))


@pytest.mark.parametrize("preset", ["paper", "mini", "ablate", "smoke"])
@pytest.mark.parametrize("method", METHODS)
def test_no_preset_says_which_box_a_data_set_has(method, preset):
    """Enlargement and the boxes' source are the data set's and the method's: a preset for all sets cannot know them."""
    assert not {"enlarge", "boxes", "square"} & set(METHODS[method].PRESETS[preset])
    wanted = ("landmarks", 0.25) if method in GAUSSIAN_VECTOR else ("index", 0)
    crop = plan(METHODS, method, preset, {}, 98, "WFLW").crop
    assert (crop.boxes, crop.enlarge) == wanted
    assert plan(METHODS, method, preset, {"enlarge": "0.5", "boxes": "index"}, 98, "WFLW").crop.enlarge == 0.5


@pytest.mark.parametrize("method", GAUSSIAN_VECTOR)
def test_gv_is_section_4_3(method):
    """sigma 2 on all benchmarks, bands of 3 and 5 together; 64 x 64 cells, as Section 4.6 counts; ResNet50."""
    o = paper(method).method.options
    assert (o.sigma, o.side, o.stem_stride, o.upsample, o.encoder) == (2, 64, 4, False, "resnet50v2")
    if method == "gv":
        # alpha: Eq. 5, between the two; theta: Table 7's 3.14
        assert (tuple(o.bands), o.alpha, o.theta) == ((3, 5), 0.5, 3)


def test_anchorface_is_section_4_1():
    """An area of 56 x 56, a grid of 7 x 7, KMeans-24 (Table 7); beta 0.05, lambda 0.5; a threshold of 0.6 (Section 3.2)."""
    run = paper("anchorface", "AFLW")
    o = run.method.options
    assert (o.area, o.grid, o.design, o.clusters * o.rolls, o.beta, o.lam) == (56, 7, "kmeans", 24, 0.05, 0.5)
    assert (o.stem_stride, o.upsample, o.multiplier) == (4, False, 1)
    decoding = run.method.Decoding()
    assert (decoding.aggregate, decoding.c_th) == ("weighted", 0.6)


STEPS = 7      # an epoch


@pytest.mark.parametrize("method, total, rates", [
    *((name, 50, [(0, 1e-3), (20, 1e-4), (30, 1e-5), (40, 1e-6)]) for name in ANCHORFACE),       # stated
    *((name, 60, [(0, 1e-3), (30, 1e-4), (50, 1e-5)]) for name in GAUSSIAN_VECTOR)])             # ASSUMED: docs/readings.md
def test_the_rate_of_every_step(method, total, rates):
    """The rate that the loop asks for, step by step: "divided by ten at 20-th, 30-th, 40-th epoch" of 50, from 1e-3."""
    training = paper(method).training
    found = learning_rates(training, STEPS)
    wanted = [[rate for start, rate in rates if start * STEPS <= step][-1] for step in range(total * STEPS)]
    assert training.epochs == total and [found(step) for step in range(total * STEPS)] == pytest.approx(wanted, rel=1e-6)


@pytest.mark.parametrize("method, decay", [*((name, 1e-5) for name in ANCHORFACE), *((name, 0) for name in GAUSSIAN_VECTOR)])
def test_adam_with_the_stated_weight_decay(method, decay):
    net = mx.gluon.nn.Dense(1, in_units=1)
    net.initialize()
    optimiser = Optimiser(net, [mx.cpu()], paper(method).training.wd).trainer._optimizer
    assert isinstance(optimiser, mx.optimizer.Adam) and optimiser.wd == decay


@pytest.mark.parametrize("method", GAUSSIAN_VECTOR)
def test_published_weights_are_trained_on_at_the_rate_that_such_a_start_wants(method):
    """ASSUMED: docs/readings.md. At other presets, and for a rate that is given, nothing changes."""
    begun = plan(METHODS, method, "paper", {"start": "imagenet"}, 68)
    assert (begun.training.lr, begun.training.batch, begun.training.epochs) == (1e-4, 16, 60)
    assert plan(METHODS, method, "paper", {"start": "imagenet", "lr": "3e-4"}, 68).training.lr == 3e-4
    assert plan(METHODS, method, "mini", {"start": "imagenet"}, 68).training.lr == 2e-3
