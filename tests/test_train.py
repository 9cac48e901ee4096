"""Training: devices that agree, the rate of every step, a net that learns, and what it starts from."""

import csv
import math

import mxnet as mx
import numpy as np
import pytest
from helpers import make_index, tiny_run, train_tiny
from mxnet.gluon import nn
from mxnet.gluon.model_zoo import vision

from gv.core import checkpoint, evaluate, geometry
from gv.core import train as training
from gv.core.config import Training
from gv.core.data import FaceDataset
from gv.core.errors import InputError
from gv.core.faces import read_split
from gv.methods import GaussianVector

STILL = {"rotation_p": 0, "flip_p": 0, "scale_min": 1, "scale_max": 1, "translate": 0, "brightness": 0, "contrast": 0}
STAND = {"lr": 1e-30, "batchnorm": "frozen", "epochs": 1}  # Adam's steps vanish in float32: the weights stay what they were
STATISTICS = ("running_mean", "running_var")


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    return make_index(tmp_path_factory.mktemp("index"))


@pytest.fixture(scope="module")
def first_run(tmp_path_factory, index):
    """A run whose BatchNorm statistics are no longer those of a fresh net."""
    folder = tmp_path_factory.mktemp("runs") / "first"
    train_tiny(folder, index, 8, settings={"epochs": 4, "lr": 1e-3})
    return folder


def weights(folder):
    return {name: value.asnumpy() for name, value in checkpoint.load(folder).items()}


def largest_difference(a, b):
    assert set(a) == set(b)
    return max(float(np.abs(a[name] - b[name]).max()) for name in a)


# --- several devices

@pytest.mark.parametrize("faces, lr, spared", [
    (7, 1e-5, 0),       # batches of 4 and 3
    (5, 1e-5, 0),       # batches of 4 and 1: the second device has nothing to do in the last
    (7, 1e-4, 1e-4),    # the paper's rate
])
def test_two_devices_train_as_one(tmp_path, index, first_run, faces, lr, spared):
    """20 steps without batch statistics in play: running ones are used and left alone; all else learns.

    Gradients differ by rounding alone, which the order of summation decides, except where that puts a value just at a
    ReLU's corner on its other side: then the gradient of a few weights jumps, and Adam moves them by a few per cent of
    the rate. At the paper's rate such weights may be more than 1e-6 apart; at a tenth of it none may.
    """
    settings = {"epochs": 10, "lr": lr, "batchnorm": "frozen", "start": first_run}
    for name, devices in (("one", "cpu:0"), ("two", "cpu:0,1")):
        net = train_tiny(tmp_path / name, index, faces, devices, settings=settings)
    one, two, before = weights(tmp_path / "one"), weights(tmp_path / "two"), weights(first_run)
    assert checkpoint.read_sidecar(tmp_path / "two")["step"] == 20
    apart = np.concatenate([np.abs(one[name] - two[name]).ravel() for name in one])
    assert (apart >= 1e-6).mean() <= spared and apart.max() < lr
    fixed = {name for name, parameter in net._collect_params_with_prefix().items() if parameter.grad_req == "null"}
    assert {name for name in one if name.endswith(STATISTICS)} <= fixed
    for name in one:
        moved = np.abs(one[name] - before[name]).max()
        assert moved == 0 if name in fixed else moved > lr / 2, name
    for parameter in net.collect_params().values():
        first, second = (copy.asnumpy() for copy in parameter.list_data())
        np.testing.assert_array_equal(first, second)


def test_every_face_weighs_the_same(tmp_path, index, first_run, monkeypatch):
    """An epoch's loss is the mean over its faces however they are shared out, and a step is told how many there were."""
    told, step = [], training.Optimiser.step
    monkeypatch.setattr(training.Optimiser, "step", lambda self, rate, images: (told.append(images), step(self, rate, images)))
    losses = []
    for name, batch, devices in (("a", 7, "cpu:0"), ("b", 4, "cpu:0"), ("c", 3, "cpu:0,1")):
        train_tiny(tmp_path / name, index, 7, devices, settings={**STAND, "start": first_run, "batch": batch})
        losses.append(float(training.read_log(tmp_path / name)[0]["loss"]))
    assert told == [7, 4, 3, 3, 3, 1]
    np.testing.assert_allclose(losses[1:], losses[0], rtol=1e-5)


def test_gradient_with_frozen_statistics_is_the_slope(tmp_path, index, first_run, monkeypatch):
    """The loss changes along the gradient of the stem by as much as the gradient says (max pooling lies behind it)."""
    seen = {}
    step, split_batch = training.Optimiser.step, training.split_batch

    def watch_step(self, rate, images):
        seen["gradients"] = [parameter.grad().copy() for parameter in stem(self.parameters)]
        step(self, 0.0, images)

    def watch_split(*arguments):
        seen["parts"] = split_batch(*arguments)
        return seen["parts"]

    def stem(parameters):
        learning = [parameter for parameter in parameters.values() if parameter.grad_req != "null"]
        return learning[:4]  # in the order of the net: the first BatchNorm's, the first convolution, the second BatchNorm's

    monkeypatch.setattr(training.Optimiser, "step", watch_step)
    monkeypatch.setattr(training, "split_batch", watch_split)
    settings = {"start": first_run, "batchnorm": "frozen"}
    net = train_tiny(tmp_path / "run", index, 8, settings=settings, stop_after=1)
    loss = tiny_run(**settings).method.loss({})
    (images, points, _), = seen["parts"]
    parameters, gradients = stem(net.collect_params()), seen["gradients"]
    assert any("conv0" in parameter.name for parameter in parameters), [parameter.name for parameter in parameters]
    length = math.sqrt(sum(float((gradient ** 2).sum().asscalar()) for gradient in gradients))
    start = [parameter.data().copy() for parameter in parameters]

    def loss_at(distance):
        for parameter, value, gradient in zip(parameters, start, gradients):
            parameter.set_data(value + gradient * (distance / length))
        return float(loss(*net(images), points).sum().asscalar())

    reach = 2e-4     # short: between the kinks of ReLU and max pooling; five times that is 2.2 % off with MXNet 1.5.1
    assert (loss_at(reach) - loss_at(-reach)) / (2 * reach) == pytest.approx(length, rel=0.02)


def test_the_optimisers_state_is_numbered_by_the_parameters_names():
    """On every MXNet: 1.5.1 would take them as they were made, and a run begun on one could not be gone on with on another."""
    net = nn.HybridSequential()
    net.add(nn.Dense(2, in_units=3, prefix="second_"), nn.Dense(3, in_units=2, prefix="first_"))
    net.initialize()
    ordered = training.Optimiser(net, [mx.cpu()], 0.0).trainer._params
    assert [parameter.name for parameter in ordered] == ["first_bias", "first_weight", "second_bias", "second_weight"]


def test_batch_statistics_are_averaged_over_devices(tmp_path, index):
    net = train_tiny(tmp_path / "run", index, 7, "cpu:0,1", settings={"epochs": 2})
    saved = weights(tmp_path / "run")
    for name, parameter in net._collect_params_with_prefix().items():
        first, second = (copy.asnumpy() for copy in parameter.list_data())
        np.testing.assert_array_equal(first, second, err_msg=name)
        np.testing.assert_array_equal(first, saved[name], err_msg=name)
        assert np.isfinite(first).all()
    fresh = {"running_mean": 0, "running_var": 1}
    moved = [name for name in saved if name.endswith(STATISTICS) and (saved[name] != fresh[name.rpartition(".")[2]]).any()]
    assert len(moved) > 20


def test_statistics_are_the_mean_of_the_devices_own(tmp_path, index, monkeypatch):
    own, share = [], training.share_statistics

    def watch(net, devices):
        own.append({name: [copy.asnumpy() for copy in parameter.list_data()]
                    for name, parameter in net._collect_params_with_prefix().items() if parameter.grad_req == "null"})
        share(net, devices)

    monkeypatch.setattr(training, "share_statistics", watch)
    train_tiny(tmp_path / "run", index, 8, "cpu:0,1", settings={"epochs": 1})
    saved = weights(tmp_path / "run")
    assert any((first != second).any() for first, second in own[-1].values())
    for name, copies in own[-1].items():
        np.testing.assert_allclose(saved[name], np.mean(copies, axis=0), rtol=1e-6, atol=1e-7)


# --- the rate

def rates(steps_an_epoch, **options):
    schedule = Training(**options)
    rate = training.learning_rates(schedule, steps_an_epoch)
    return np.array([rate(step) for step in range(schedule.epochs * steps_an_epoch)])


def test_the_papers_steps():
    got = rates(7)
    assert len(got) == 420
    expected = [1e-4 * 0.1 ** ((step >= 210) + (step >= 350)) for step in range(420)]
    np.testing.assert_allclose(got, expected, rtol=1e-12)


def test_cosine_falls_to_zero():
    got = rates(5, epochs=8, schedule="cosine", lr=0.01)
    np.testing.assert_allclose(got, 0.005 * (1 + np.cos(np.pi * np.arange(40) / 39)), atol=1e-15)
    assert got[0] == 0.01 and got[-1] == pytest.approx(0, abs=1e-15)


@pytest.mark.parametrize("schedule", ["step", "cosine"])
def test_warmup_rises_linearly(schedule):
    got = rates(10, epochs=50, schedule=schedule, lr=0.5, warmup=1.5, lr_epochs=(20,))
    np.testing.assert_allclose(got[:15], 0.5 * np.arange(1, 16) / 15, rtol=1e-12)
    assert got[15] == 0.5 and got.max() == 0.5
    assert (np.diff(got[15:]) <= 0).all()
    if schedule == "step":
        assert got[199] == 0.5 and got[200] == pytest.approx(0.05)
    else:
        assert got[-1] == pytest.approx(0, abs=1e-15)


@pytest.mark.parametrize("schedule", ["step", "cosine"])
@pytest.mark.parametrize("epochs, steps_an_epoch, warmup", [
    (1, 1, 0), (1, 1, 1), (2, 1, 0), (1, 2, 0), (2, 1, 1), (1, 2, 5), (3, 1, 2),
])
def test_the_shortest_schedules(schedule, epochs, steps_an_epoch, warmup):
    got = rates(steps_an_epoch, epochs=epochs, schedule=schedule, warmup=warmup, lr=0.1)
    assert np.isfinite(got).all() and (got >= 0).all() and 0 < got.max() <= 0.1


# --- learning

def mean_shape_error(index, faces, crop):
    """The NME of saying the mean shape of the crops for every face."""
    data = FaceDataset(index.folder, faces, index.layout, crop)
    mean = np.mean([data.points_px(i) for i in range(len(data))], axis=0)
    guess = np.stack([geometry.transform_points(geometry.invert(data.matrix(i)), mean) for i in range(len(data))])
    return evaluate.face_errors(guess, faces, "ion", index.layout).mean()


def test_a_few_faces_are_learnt(tmp_path):
    index = make_index(tmp_path / "index", 6, 1, roll=45)
    settings = {**STILL, "size": 64, "stem_stride": 2, "side": 32, "width": 64, "batch": 2, "epochs": 80, "lr": 2e-3,
                "curve_every": 80}
    run, faces = tiny_run(**settings), read_split(index, "train")
    curve = evaluate.curve_of(run, index, faces, [mx.cpu()])
    train_tiny(tmp_path / "run", index, settings=settings, curve=curve)
    rows = training.read_log(tmp_path / "run")
    losses = [float(row["loss"]) for row in rows]
    assert len(losses) == 80 and losses[-1] < losses[0] / 2          # the first is that of predicting nothing
    assert [row["nme_ion"] != "" for row in rows] == [False] * 79 + [True]
    error, mean_shape = float(rows[-1]["nme_ion"]), mean_shape_error(index, faces, run.crop)
    assert error < mean_shape / 3, (error, mean_shape)


@pytest.mark.parametrize("method", ["heatmap", "heatmap-awing"])
def test_heatmaps_learn_too(tmp_path, index, method):
    train_tiny(tmp_path / "run", index, 4, method=method, settings={**STILL, "epochs": 25, "lr": 2e-3})
    losses = [float(row["loss"]) for row in training.read_log(tmp_path / "run")]
    assert losses[-1] < losses[0] / 2


def test_the_log_says_what_happened(tmp_path, index):
    train_tiny(tmp_path / "run", index, 10, settings={"epochs": 3, "lr": 1e-3, "schedule": "cosine"})
    with open(tmp_path / "run/log.csv", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert [(row["step"], row["epoch"]) for row in rows] == [("3", "1"), ("6", "2"), ("9", "3")]
    assert float(rows[-1]["lr"]) == pytest.approx(0, abs=1e-12)
    seconds = [float(row["seconds"]) for row in rows]
    assert seconds == sorted(seconds) and seconds[0] > 0 and all(float(row["images_per_second"]) > 0 for row in rows)


def test_a_run_is_not_resumed_on_other_faces(tmp_path, index):
    """The sidecar knows what the run was trained on."""
    train_tiny(tmp_path / "run", index, 10, settings={"epochs": 2}, stop_after=2)
    with pytest.raises(InputError, match="other training faces"):
        train_tiny(tmp_path / "run", index, 9, settings={"epochs": 2}, resume=True)


def test_stop_after_leaves_a_checkpoint_that_goes_on(tmp_path, index):
    """Stopped in the middle of an epoch, gone on with, the end is the same to the bit."""
    settings = {"epochs": 3, "lr": 1e-3}
    train_tiny(tmp_path / "whole", index, 10, settings=settings)
    train_tiny(tmp_path / "parts", index, 10, settings=settings, stop_after=4)
    sidecar = checkpoint.read_sidecar(tmp_path / "parts")
    assert (sidecar["step"], sidecar["epoch"], sidecar["finished"]) == (4, 1, False)
    train_tiny(tmp_path / "parts", index, 10, settings=settings, resume=True)
    assert largest_difference(weights(tmp_path / "whole"), weights(tmp_path / "parts")) == 0
    assert checkpoint.read_sidecar(tmp_path / "parts")["finished"]
    assert [row["step"] for row in training.read_log(tmp_path / "parts")] == ["3", "4", "6", "9"]


def test_a_finished_run_is_left_alone_by_resume(tmp_path, index):
    train_tiny(tmp_path / "run", index, 4)
    before = {path.name: path.read_bytes() for path in (tmp_path / "run/checkpoint").iterdir()}
    train_tiny(tmp_path / "run", index, 4, resume=True)
    assert {path.name: path.read_bytes() for path in (tmp_path / "run/checkpoint").iterdir()} == before


def test_a_diverged_run_keeps_its_last_checkpoint(tmp_path, index, monkeypatch):
    monkeypatch.setattr(training, "SAVE_SECONDS", 0)
    calls, split_batch = [], training.split_batch

    def poisoned(images, points, devices):
        calls.append(1)
        return split_batch(images, points * np.float32(np.nan if len(calls) == 6 else 1), devices)

    with monkeypatch.context() as patch:
        patch.setattr(training, "split_batch", poisoned)
        with pytest.raises(InputError, match="loss is nan .*checkpoint of step 4 is kept") as error:
            train_tiny(tmp_path / "run", index, 8, settings={"epochs": 5})
    assert "\n" not in str(error.value)
    assert checkpoint.read_sidecar(tmp_path / "run")["step"] == 4
    assert all(np.isfinite(value).all() for value in weights(tmp_path / "run").values())
    train_tiny(tmp_path / "run", index, 8, settings={"epochs": 5}, resume=True)
    assert checkpoint.read_sidecar(tmp_path / "run")["finished"]


def test_a_rate_out_of_all_measure_ends_in_one_line(tmp_path, index):
    with pytest.raises(InputError, match="expected a finite loss"):
        train_tiny(tmp_path / "run", index, 8, settings={"epochs": 10, "lr": 1e25, "schedule": "step"})


# --- what the weights start from

def test_the_seed_decides_the_weights(tmp_path, index):
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        train_tiny(tmp_path / name, index, 4, settings={**STAND, "seed": seed})
    assert largest_difference(weights(tmp_path / "a"), weights(tmp_path / "b")) == 0
    assert largest_difference(weights(tmp_path / "a"), weights(tmp_path / "c")) > 0.01
    assert checkpoint.read_sidecar(tmp_path / "a")["start"] == "from scratch"


@pytest.mark.parametrize("devices", ["cpu:0", "cpu:0,1"])
def test_start_from_a_run(tmp_path, index, first_run, devices):
    train_tiny(tmp_path / "run", index, 4, devices, settings={**STAND, "start": first_run})
    assert largest_difference(weights(tmp_path / "run"), weights(first_run)) == 0
    assert checkpoint.read_sidecar(tmp_path / "run")["start"] == "from the run first"


def test_resuming_needs_no_start(tmp_path, index, first_run):
    settings = {"start": tmp_path / "gone", "epochs": 2}
    first_run.joinpath("checkpoint").rename(tmp_path / "aside")
    try:
        (tmp_path / "gone").mkdir()
        (tmp_path / "aside").rename(tmp_path / "gone/checkpoint")
        train_tiny(tmp_path / "run", index, 8, settings=settings, stop_after=2)
    finally:
        (tmp_path / "gone/checkpoint").rename(first_run / "checkpoint")
    train_tiny(tmp_path / "run", index, 8, settings=settings, resume=True)
    sidecar = checkpoint.read_sidecar(tmp_path / "run")
    assert (sidecar["step"], sidecar["start"]) == (4, "from the run gone")


@pytest.fixture(scope="module")
def zoo_file(tmp_path_factory):
    """A .params file as Gluon's model zoo has them, with weights of our own."""
    zoo = vision.resnet18_v2()
    zoo.initialize()
    zoo(mx.nd.zeros((1, 3, 32, 32)))
    rng = np.random.default_rng(7)
    for parameter in zoo.collect_params().values():
        parameter.set_data(mx.nd.array(rng.uniform(0.01, 0.1, parameter.shape)))
    zoo.features[0].gamma.set_data(mx.nd.ones(3))  # fixed by the zoo
    path = tmp_path_factory.mktemp("zoo") / "resnet18_v2-mine.params"
    zoo.save_parameters(str(path))
    return path, zoo


@pytest.mark.parametrize("devices", ["cpu:0", "cpu:0,1"])
def test_start_from_a_zoo_file(tmp_path, index, zoo_file, devices):
    path, zoo = zoo_file
    train_tiny(tmp_path / "run", index, 4, devices, settings={**STAND, "encoder": "resnet18v2", "start": path})
    started, expected = weights(tmp_path / "run"), {}
    for stage, (begin, end) in enumerate(((0, 6), (6, 7), (7, 8), (8, 9))):
        for place in range(begin, end):
            for name, parameter in zoo.features[place]._collect_params_with_prefix().items():
                expected[f"encoder.stages.{stage}.{place - begin}.{name}"] = parameter.data().asnumpy()
    assert set(expected) == {name for name in started if name.startswith("encoder.")}
    assert largest_difference(expected, {name: started[name] for name in expected}) == 0
    assert checkpoint.read_sidecar(tmp_path / "run")["start"] == f"ImageNet weights ({path.name})"


@pytest.mark.parametrize("start, encoder, words", [
    ("nothing-here", "resnet18v2_half", 'expected scratch, imagenet, a run'),
    ("imagenet", "resnet18v2_half", "no published weights"),
    ("other encoder", "resnet18v2_half", "weights of this encoder"),
    ("no params", "resnet18v2", "weights of this encoder"),
    ("other run", "resnet18v2", "one with the encoder of method gv with encoder=resnet18v2;"),
])
def test_a_wrong_start_is_one_line_and_leaves_nothing(tmp_path, index, zoo_file, first_run, start, encoder, words):
    (tmp_path / "text.params").write_text("not parameters\n")
    start = {"other encoder": zoo_file[0], "no params": tmp_path / "text.params", "other run": first_run}.get(start, start)
    with pytest.raises(InputError, match=words) as error:
        train_tiny(tmp_path / "run", index, 4, settings={"start": start, "encoder": encoder})
    assert "\n" not in str(error.value) and str(start) in str(error.value)
    assert not (tmp_path / "run").exists()


class Fitted(GaussianVector):
    """GV that learns something from the shapes before training, as AnchorFace does."""

    def fit(self, points, seed):
        return {"mean": points.mean(0).astype(np.float32), "seed": np.array([seed])}


def test_what_a_method_fits_is_kept_with_the_checkpoint(tmp_path, index):
    from dataclasses import replace

    from gv.core.run import read_fitted
    faces = read_split(index, "train")[:8]
    run = tiny_run(epochs=2, seed=5)
    run = replace(run, method=Fitted(run.method.options, run.crop.size))
    training.train(tmp_path / "run", run, index, faces, [mx.cpu()], quiet=True, stop_after=2)
    first = checkpoint.read_sidecar(tmp_path / "run")
    data = FaceDataset(index.folder, faces, index.layout, run.crop)
    mean = np.mean([data.points_px(i) for i in range(8)], axis=0)
    np.testing.assert_allclose(read_fitted(first)["mean"], mean, rtol=1e-6)
    assert first["fitted_sha256"] == checkpoint.fitted_digest(read_fitted(first))
    training.train(tmp_path / "run", run, index, faces, [mx.cpu()], quiet=True, resume=True)
    assert checkpoint.read_sidecar(tmp_path / "run")["fitted_sha256"] == first["fitted_sha256"]
