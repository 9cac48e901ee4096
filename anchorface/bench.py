"""How much work the nets are: multiply-adds from their graphs, and images a second from crop to landmarks."""

import time

import mxnet as mx
import numpy as np

from gv.core import geometry
from gv.core.flops import multiply_adds
from gv.core.layouts import LAYOUTS
from gv.core.method import as_list
from gv.core.pictures import to_input
from gv.core.reading import PointsOf, Reading
from gv.core.run import plan

PIPELINES = ("anchorface", "fused", "regression")
PICTURE_SIDE = 320     # of the speed test's picture; the box is its middle


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

    net, decoder, _, run = build(methods, "anchorface", preset, landmarks, device)
    baseline, plain, *_ = build(methods, "regression", preset, landmarks, device)
    _, _, fused, _ = build(methods, "anchorface", preset, landmarks, device)
    fused.hybridize(static_alloc=True)
    return {"anchorface": read(net, decoder), "fused": fused, "regression": read(baseline, plain)}, run.crop.size


def speed_all(methods, preset, landmarks, batches, seconds, device):
    """A row a batch size: {"batch", pipeline: images a second}; each picture is cut, read and its points mapped back.

    The pipelines take turns until each has had its seconds; the figure is that of the fastest turn.
    """
    pipelines, size = _pipelines(methods, preset, landmarks, device)
    picture = np.random.default_rng(0).integers(0, 256, (PICTURE_SIDE, PICTURE_SIDE, 3)).astype(np.uint8)
    matrix = geometry.crop_matrix((PICTURE_SIDE / 4, PICTURE_SIDE / 4, PICTURE_SIDE * 3 / 4, PICTURE_SIDE * 3 / 4), size)
    rows = []
    for batch in batches:
        best, spent, turn = dict.fromkeys(pipelines, np.inf), 0.0, 0
        while turn < 2 or spent < seconds * len(pipelines):
            for name, find in pipelines.items():
                begin = time.perf_counter()
                crops = np.stack([geometry.warp(picture, matrix, size) for _ in range(batch)])
                points = find(mx.nd.array(to_input(crops), ctx=device)).asnumpy()
                geometry.transform_points(geometry.invert(matrix), points)
                took = time.perf_counter() - begin
                if turn:     # the first turn compiles
                    best[name], spent = min(best[name], took), spent + took
            turn += 1
        rows.append({"batch": batch, **{name: batch / value for name, value in best.items()}})
    return rows
