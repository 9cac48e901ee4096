"""How much work the nets are: multiply-adds from their graphs, and images a second from crop to landmarks."""

import json
import os
import time

import mxnet as mx
import numpy as np
from mxnet.gluon import HybridBlock

from anchorface.reading import Aggregate, FusedHead
from gv.core import folding, geometry, timing
from gv.core.flops import multiply_adds
from gv.core.layouts import LAYOUTS
from gv.core.method import as_list
from gv.core.pictures import to_input
from gv.core.reading import PointsOf, Reading
from gv.core.run import plan

PIPELINES = ("anchorface", "fused", "regression")
PICTURE_SIDE = 320     # of the speed test's picture; the box is its middle
ENGINE = ("WaitForVar", "DeleteVariable", "Reorder")     # of the profiler's rows, those that are no operators


def build(methods, name, preset, landmarks, device=None):
    """(net, decoder, fused, run) with templates drawn at random: their values change neither work nor time.

    fused: from images to points as prediction reads the same net.

    device: where to draw weights; None leaves the net without any, which is enough to count.
    """
    run = plan(methods, name, preset, {}, landmarks)
    rng = np.random.default_rng(0)
    fitted = {part: rng.uniform(-0.4, 0.4, values.shape) for part, values in run.method.blank(landmarks).items()}
    net, decoder = run.method.net(landmarks, fitted), run.method.decoder(run.method.Decoding(), fitted)
    if device:
        net.initialize(mx.init.Xavier(), ctx=device)
        net(mx.nd.zeros((1, 3, run.crop.size, run.crop.size), ctx=device))
        decoder.initialize(ctx=device)
    quick, _, tail = run.method.prediction(net, run.method.Decoding(), fitted, [device or mx.cpu()])
    return net, decoder, PointsOf(Reading(quick, tail)), run


def count_all(methods, preset="paper"):
    """A row a layout: {"landmarks", "size", "templates", "anchorface", "fused", "regression"}, multiply-adds of one image."""
    rows = []
    for landmarks in sorted(LAYOUTS):
        net, _, fused, run = build(methods, "anchorface", preset, landmarks)
        shape = (1, 3, run.crop.size, run.crop.size)
        baseline, *_ = build(methods, "regression", preset, landmarks)
        nets = {"anchorface": net, "fused": fused, "regression": baseline}
        rows.append({"landmarks": landmarks, "size": run.crop.size, "templates": net.templates,
                     **{name: sum(multiply_adds(block, shape).values()) for name, block in nets.items()}})
    return rows


def _pipelines(methods, preset, landmarks, device):
    """({name: function of inputs (B, 3, S, S) to points (B, L, 2)}, the input's side)."""
    def read(net, decoder):
        net.hybridize(static_alloc=True)
        decoder.hybridize(static_alloc=True)
        return lambda x: decoder(*as_list(net(x)))

    net, decoder, fused, run = build(methods, "anchorface", preset, landmarks, device)
    baseline, plain, *_ = build(methods, "regression", preset, landmarks, device)
    fused = folding.block_of(folding.folded_graph(fused), [device])
    return {"anchorface": read(net, decoder), "fused": fused, "regression": read(baseline, plain)}, run.crop.size


class _Whole(HybridBlock):
    """x -> points: a net and its decoder, as published."""

    def __init__(self, net, decoder, **kwargs):
        super().__init__(**kwargs)
        self.net, self.decoder = net, decoder

    def hybrid_forward(self, F, x):
        return self.decoder(*self.net(x))


class _Map(HybridBlock):
    """x -> the map that the heads read."""

    def __init__(self, net, **kwargs):
        super().__init__(**kwargs)
        self.encoder, self.features = net.encoder, net.features

    def hybrid_forward(self, F, x):
        return self.features(F, x)


class _Heads(HybridBlock):
    """The map -> points, as published: both heads at every anchor point, then Eq. 2 and 3."""

    def __init__(self, net, decoder, **kwargs):
        super().__init__(**kwargs)
        self.regress, self.confide, self.decoder = net.regress, net.confide, decoder

    def hybrid_forward(self, F, found):
        return self.decoder(self.regress(found), self.confide(found))


def _operators(block, x, rounds):
    """{operator: share of a pass's time}, the largest first, by MXNet's profiler, each operator by itself."""
    block.hybridize(False)
    for _ in range(timing.WARM):
        block(x).wait_to_read()
    mx.profiler.set_config(profile_symbolic=True, profile_imperative=True, aggregate_stats=True, filename=os.devnull)
    mx.profiler.set_state("run")
    for _ in range(rounds):
        block(x).wait_to_read()
    mx.profiler.set_state("stop")
    told = json.loads(mx.profiler.dumps(reset=True, format="json"))["Time"]["operator"]
    totals = {name: found["Total"] for name, found in told.items() if name not in ENGINE}
    return {name: total / sum(totals.values()) for name, total in sorted(totals.items(), key=lambda item: -item[1])}


def parts(methods, preset, landmarks, device, batch, rounds):
    """Times, in milliseconds, of the net's parts as published and as prediction runs them, and what they come to.

    {"batch", "times": {part: spread}, "faster": spread of whole as published / fused, "share": of the backbone as published /
    fused, that is, of the bound that no head can beat, "share_of_folded_backbone", "heads": of both heads and aggregation as
    published / fused, "operators": {operator: share of the fused net's time}}. Confidences are drawn so that some anchors pass
    the threshold.
    """
    net, decoder, fused, run = build(methods, "anchorface", preset, landmarks, device)
    net.confide.weight.set_data(mx.nd.random.normal(0, 1, shape=net.confide.weight.shape, ctx=device))
    quick = FusedHead(net, decoder)
    tail = Aggregate(landmarks, run.crop.size, run.method.options.beta)
    x = mx.nd.random.uniform(shape=(batch, 3, run.crop.size, run.crop.size), ctx=device)
    found = net.features(mx.nd, x)

    blocks = {"net, as published": (folding.fast(_Whole(net, decoder)), x), "net, fused": (folding.folded(fused, [device]), x),
              "net, fused, with scores": (folding.folded(fused.reading, [device]), x), "backbone": (folding.fast(_Map(net)), x),
              "backbone, folded": (folding.folded(_Map(net), [device]), x),
              "heads and aggregation, as published": (folding.fast(_Heads(net, decoder)), found),
              "heads and aggregation, fused": (folding.folded(PointsOf(Reading(quick, tail)), [device]), found),
              "heads and aggregation, fused, with scores": (folding.folded(Reading(quick, tail), [device]), found)}
    seconds = timing.take_turns({name: timing.waiting(*pair) for name, pair in blocks.items()}, rounds)
    return {"batch": batch, "times": {name: timing.milliseconds(values) for name, values in seconds.items()},
            "faster": timing.ratio(seconds["net, as published"], seconds["net, fused"]),
            "share": timing.ratio(seconds["backbone"], seconds["net, fused"]),
            "share_of_folded_backbone": timing.ratio(seconds["backbone, folded"], seconds["net, fused"]),
            "heads": timing.ratio(seconds["heads and aggregation, as published"], seconds["heads and aggregation, fused"]),
            "operators": _operators(folding.block_of(folding.folded_graph(fused), [device]), x, rounds)}


def speed_all(methods, preset, landmarks, batches, seconds, device):
    """A row a batch size: {"batch", pipeline: images a second}; each picture is cut, read and its points mapped back.

    The pipelines take turns until each has had its seconds; the figure is that of the median turn.
    """
    pipelines, size = _pipelines(methods, preset, landmarks, device)
    picture = np.random.default_rng(0).integers(0, 256, (PICTURE_SIDE, PICTURE_SIDE, 3)).astype(np.uint8)
    matrix = geometry.crop_matrix((PICTURE_SIDE / 4, PICTURE_SIDE / 4, PICTURE_SIDE * 3 / 4, PICTURE_SIDE * 3 / 4), size)
    rows = []
    for batch in batches:
        took, spent, turn = {name: [] for name in pipelines}, 0.0, 0
        while turn < 2 or spent < seconds * len(pipelines):
            for name, find in pipelines.items():
                begin = time.perf_counter()
                crops = np.stack([geometry.warp(picture, matrix, size) for _ in range(batch)])
                points = find(mx.nd.array(to_input(crops), ctx=device)).asnumpy()
                geometry.transform_points(geometry.invert(matrix), points)
                if turn:     # the first turn compiles
                    took[name].append(time.perf_counter() - begin)
                    spent += took[name][-1]
            turn += 1
        rows.append({"batch": batch, **{name: batch / float(np.median(values)) for name, values in took.items()}})
    return rows
