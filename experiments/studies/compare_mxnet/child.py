"""The work of one interpreter: a process that answers requests, a line of JSON each, under whichever MXNet it was started with.

    python -m experiments.studies.compare_mxnet.child

Arrays pass through files that a request names. What MXNet prints goes to stderr, so that stdout holds the answers alone.
"""

import json
import os
import sys
import time
import traceback
from contextlib import ExitStack, contextmanager
from pathlib import Path

import mxnet as mx
import numpy as np
from mxnet import autograd
from mxnet.gluon import nn

from experiments.harness.jobs import METHODS
from experiments.studies.compare_mxnet.cases import PRESET
from gv.core import checkpoint, known_faults
from gv.core import train as training
from gv.core.data import FaceDataset, training_batches
from gv.core.faces import read_index, read_split
from gv.core.files import write_json
from gv.core.method import as_list
from gv.core.pictures import to_input
from gv.core.run import open_run, plan

DEVICES = [mx.cpu(0)]
WEIGHTS, FACES, FITTED = "weights.params", "faces.npz", "fitted.json"
COMMON = "common"


def _widen(label):
    """Have a label's block make it in float32, as always, and hand it on in float64: MXNet's ``arange`` in it knows no other."""
    made_as_always = label.hybrid_forward

    def widened(F, points):
        made = made_as_always(F, F.cast(points, "float32"))
        return tuple(F.cast(one, "float64") for one in made) if isinstance(made, tuple) else F.cast(made, "float64")

    label.hybrid_forward = widened


@contextmanager
def _without_switches(net):
    """Softplus in the place of every ReLU of a net that runs inside, and a mean in that of every maximum: nothing is left that
    rounding can switch on or off. A hybridized net is traced, and so changed for good, in its first pass inside."""
    net.apply(lambda block: block._kwargs.update(pool_type="avg") if isinstance(block, nn.MaxPool2D) else None)
    with ExitStack() as changed:
        for module in (mx.nd, mx.sym):
            activation = module.Activation

            def smooth(*data, act_type, activation=activation, **options):
                return activation(*data, act_type="softrelu" if act_type == "relu" else act_type, **options)

            def softplus(data, activation=activation, **options):
                return activation(data, act_type="softrelu", **options)

            for name, new in (("Activation", smooth), ("relu", softplus)):
                changed.callback(setattr, module, name, getattr(module, name))
                setattr(module, name, new)
        yield


def make_run(asked, seed):
    """The Run of a case, for the drawn faces' layout."""
    return plan(METHODS, asked["method"], PRESET, {**asked["settings"], "seed": seed}, 68, "300W-like")


def prepare(asked, seed, data, folder, batches):
    """Leave in ``folder`` a case's first weights, what it learnt before training, and batches of its faces.

    batches: how many of them; 0 for one of as many faces as a batch has, without augmentation.
    """
    run, index = make_run(asked, seed), read_index(data)
    faces = read_split(index, "train")
    still = FaceDataset(index.folder, faces, index.layout, run.crop)
    fitted = run.method.fit(np.stack([still.points_px(i) for i in range(len(still))]), seed)
    net = run.method.net(run.landmarks, fitted)
    training._start_weights(run, net, DEVICES, "scratch")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    mx.nd.save(str(folder / WEIGHTS), checkpoint.gather(net))
    write_json(folder / FITTED, {name: np.asarray(value).tolist() for name, value in fitted.items()})
    size = run.training.batch
    if batches:
        moved = FaceDataset(index.folder, faces, index.layout, run.crop, run.augment, seed)
        drawn = [batch for epoch in range(batches) for batch in training_batches(moved, size, epoch) if len(batch[0]) == size]
        images, points = (np.stack(values[:batches]) for values in zip(*drawn[:batches]))
        tests = read_split(index, COMMON)
        still = FaceDataset(index.folder, tests, index.layout, run.crop)
        crops, truth = zip(*(still[i] for i in range(len(still))))
        np.savez(folder / FACES, images=images, points=points, test_images=to_input(np.stack(crops)), test_points=np.stack(truth))
    else:
        first = seed * size     # each seed sees other faces
        crops, truth = zip(*(still[i % len(still)] for i in range(first, first + size)))
        np.savez(folder / FACES, images=to_input(np.stack(crops))[None], points=np.stack(truth)[None])
    return {}


class Built:
    """A case's net, loss and decoder with the weights of a folder.

    wide: in float64; hybrid: hybridized, as in training.
    """

    def __init__(self, asked, seed, folder, wide=False, hybrid=True):
        folder = Path(folder)
        settings = {**asked["settings"], "folded": False} if wide and asked["method"] == "gv" else asked["settings"]
        self.run = make_run({**asked, "settings": settings}, seed)
        fitted = json.loads((folder / FITTED).read_text(encoding="utf-8"))
        self.fitted = {name: np.array(value, np.float64) for name, value in fitted.items()}
        self.net = self.run.method.net(self.run.landmarks, self.fitted)
        self.net.initialize(ctx=DEVICES)
        checkpoint.scatter(self.net, checkpoint.read_params(folder / WEIGHTS), folder)
        self.loss = self.run.method.loss(self.fitted)
        self.loss.initialize(ctx=DEVICES)
        self.decoder = self.run.method.ready_decoder(self.run.method.Decoding(), self.fitted, DEVICES[0])
        self.faces = np.load(folder / FACES)
        self.kind = "float64" if wide else "float32"
        size = self.run.crop.size
        self.net(mx.nd.zeros((1, 3, size, size)))     # settles the shapes left open, so that all is there to be cast and read
        if wide:
            self.net.cast("float64")
            self.loss.cast("float64")
            if hasattr(self.loss, "label"):
                _widen(self.loss.label)
        if hybrid:
            self.net.hybridize(static_alloc=True)
            self.loss.hybridize(static_alloc=True)

    def batch(self, number):
        """(images, points) of batch ``number``, which go round."""
        number %= len(self.faces["images"])
        return (mx.nd.array(self.faces[name][number], dtype=self.kind) for name in ("images", "points"))

    def losses(self, number):
        """The loss of each image of a batch, with its backward pass done."""
        images, points = self.batch(number)
        with autograd.record():
            losses = self.loss(*as_list(self.net(images)), points)
        losses.backward()
        return losses

    def points(self, images):
        """Landmarks (B, L, 2) in crop pixels, of images (B, 3, S, S)."""
        return self.decoder(*as_list(self.net(mx.nd.array(images)))).asnumpy()

    def named(self, what):
        """{structural name: array} of the trained parameters, by a function of a Parameter."""
        return {name: what(parameter) for name, parameter in self.net._collect_params_with_prefix().items()
                if parameter.grad_req != "null"}


def measure(asked, seed, folder, out, wide=False, hybrid=True, smooth=False):
    """Write outputs, points, losses and gradients of a case's one batch to ``out``, an .npz.

    smooth: of the net without what rounding can switch.
    """
    built = Built(asked, seed, folder, wide, hybrid)
    with _without_switches(built.net) if smooth else ExitStack():
        np.savez(out, **_measured(built, wide))
    return {}


def _measured(built, wide):
    images, _ = built.batch(0)
    outputs = [output.asnumpy() for output in as_list(built.net(images))]
    found = {f"output {number}": output for number, output in enumerate(outputs)}
    if not wide:
        found["points"] = built.points(images)
    found["losses"] = built.losses(0).asnumpy()
    found.update((f"gradient {name}", value) for name, value in built.named(lambda p: p.grad().asnumpy()).items())
    return found


def steps(asked, seed, folder, out, stops, nudge=0.0):
    """Train on a folder's batches, which go round, and write weights and losses at each of ``stops`` to ``out``, an .npz.

    nudge: the first weights are multiplied by 1 + nudge: how far a rounding error goes by itself. Returns the NME of the faces
    kept aside, in shares of the crop's side, at the end.
    """
    built = Built(asked, seed, folder)
    if nudge:
        for parameter in built.net.collect_params().values():
            if parameter.grad_req != "null":
                parameter.set_data(parameter.data() * (1 + nudge))
    optimiser = training.Optimiser(built.net, DEVICES, built.run.training.wd)
    found, losses = {f"0 {name}": value for name, value in built.named(lambda p: p.data().asnumpy()).items()}, []
    for number in range(max(stops)):
        losses.append(built.losses(number).mean().asscalar())
        optimiser.step(built.run.training.lr, built.run.training.batch)
        if number + 1 in stops:
            found.update((f"{number + 1} {name}", value)
                         for name, value in built.named(lambda p: p.data().asnumpy()).items())
    mx.nd.waitall()
    points, truth = built.points(built.faces["test_images"]), built.faces["test_points"]
    np.savez(out, losses=np.array(losses), points=points, **found)
    return {"error": float(np.linalg.norm(points - truth, axis=2).mean() / built.run.crop.size)}


def exchange(asked, seed, data, run_folder, stop_after=None, resume=False):
    """Train a run, or go on with it, as ``gv train`` does."""
    run, index = make_run(asked, seed), read_index(data)
    faces = read_split(index, "train")[:run.training.faces]
    training.train(run_folder, run, index, faces, DEVICES, resume=resume, quiet=True, stop_after=stop_after)
    return {"step": checkpoint.read_sidecar(run_folder)["step"]}


def read_back(data, run_folder, out):
    """Write a run's weights, optimiser's state and the points that it finds on the faces kept aside to ``out``, an .npz."""
    run, _, fitted, net = open_run(METHODS, run_folder, DEVICES)
    index = read_index(data)
    still = FaceDataset(index.folder, read_split(index, COMMON), index.layout, run.crop)
    images = to_input(np.stack([still[i][0] for i in range(len(still))]))
    decoder = run.method.ready_decoder(run.method.Decoding(), fitted, DEVICES[0])
    found = {"points": decoder(*as_list(net(mx.nd.array(images)))).asnumpy()}
    for part in ("weights", "optimiser"):
        found.update((f"{part} {name}", value.asnumpy()) for name, value in checkpoint.load(run_folder, part).items())
    np.savez(out, **found)
    return {}


_timed = {}


def clock(asked, seed, folder):
    """Seconds of one step and of one pass over a batch; the first call for a folder warms both up, untimed."""
    if folder not in _timed:
        _timed.clear()
        built = Built(asked, seed, folder)
        _timed[folder] = built, training.Optimiser(built.net, DEVICES, 0.0)
        clock(asked, seed, folder)
    built, optimiser = _timed[folder]
    images, _ = built.batch(0)
    mx.nd.waitall()
    begin = time.perf_counter()
    for output in as_list(built.net(images)):
        output.wait_to_read()
    between = time.perf_counter()
    built.losses(0)
    optimiser.step(1e-6, built.run.training.batch)
    mx.nd.waitall()
    return {"pass": between - begin, "step": time.perf_counter() - between}


def faults():
    """How wrong the gradients are that some builds compute wrongly: {what: L2, relative}."""
    return {name: probe() for name, probe in known_faults.FAULTS.items()}


def versions():
    """What this interpreter runs."""
    from mxnet.runtime import Features
    return {**training.versions(), "onednn": bool(Features().is_enabled("MKLDNN")) and
            os.environ.get("MXNET_MKLDNN_ENABLED") != "0"}


REQUESTS = {work.__name__: work for work in (prepare, measure, steps, exchange, read_back, clock, faults, versions)}


def main():
    """Answer requests until stdin ends. A request: {"do": name, argument: value, ...}."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = REQUESTS[request.pop("do")](**request)
        except Exception as error:  # told to the parent, which names this interpreter and ends
            answer = {"failed": f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error) else ''}"}
            traceback.print_exc()
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
