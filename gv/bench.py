"""What a face costs with heatmaps, with vectors as published, and with vectors as this project computes them.

Weights are as they are drawn: times do not depend on them. Everything that is compared takes turns in one run.
"""

import multiprocessing
import time

import cv2
import mxnet as mx
import numpy as np
from mxnet import autograd
from mxnet.gluon import Trainer

from gv.codec import to_pixels
from gv.core import engines, folding, gaps, geometry, timing
from gv.core.machine import peak_memory
from gv.core.method import as_list
from gv.core.pictures import read_picture, to_input
from gv.core.reading import PointsOf, Reading
from gv.core.run import plan

PAPER, PLAIN, FOLDED, ENCODER = "heatmap net", "vector net, as published", "vector net, folded", "encoder alone"
TRAINED = {"heatmap net": ("heatmap", {}), "vector net, as published": ("gv", {"folded": "false"}),
           "vector net, folded": ("gv", {"folded": "true"}), "vector net, decoder=lines": ("gv", {"decoder": "lines"})}
PICTURE_SIDE, FACE = 1200, (400, 400, 800, 800)     # of the pipeline's picture and of the box in it
MIB = 2 ** 20
PAUSE = 0.1      # seconds, in which the threads of whoever worked before stop waiting for more work


def made(methods, method, settings, landmarks, device):
    """(run, net) of the paper's preset with {option: text} on top, its weights drawn."""
    run = plan(methods, method, "paper", settings, landmarks)
    net = run.method.net(landmarks, {})
    net.initialize(mx.init.Xavier(), ctx=device)
    net(mx.nd.zeros((1, 3, run.crop.size, run.crop.size), ctx=device))
    return run, net


def nets(methods, settings, landmarks, device, batch, rounds):
    """Times of a pass, in milliseconds, and what they come to.

    {"times": {net: spread}, "faster": spread of heatmap net / folded vector net, "bound": heatmap net / encoder alone, which no
    decoder can beat, "share": faster / bound, "share_of_folded_encoder": the same where the encoder is folded too}.
    """
    run, heatmap = made(methods, "heatmap", settings, landmarks, device)
    _, vector = made(methods, "gv", {**settings, "folded": "false"}, landmarks, device)
    x = mx.nd.random.uniform(shape=(batch, 3, run.crop.size, run.crop.size), ctx=device)
    reader = plan(methods, "gv", "paper", settings, landmarks).method.reader(vector, [device])
    blocks = {PAPER: folding.fast(heatmap), PLAIN: folding.fast(vector), FOLDED: folding.folded(reader, [device]),
              ENCODER: folding.fast(vector.encoder), f"{ENCODER}, folded": folding.folded(vector.encoder, [device]),
              f"{PAPER}, BatchNorms folded": folding.folded(heatmap, [device])}
    seconds = timing.take_turns({name: timing.waiting(block, x) for name, block in blocks.items()}, rounds)
    return {"batch": batch, "times": {name: timing.milliseconds(values) for name, values in seconds.items()},
            "faster": timing.ratio(seconds[PAPER], seconds[FOLDED]), "bound": timing.ratio(seconds[PAPER], seconds[ENCODER]),
            "share": timing.ratio(seconds[ENCODER], seconds[FOLDED]),
            "share_of_folded_encoder": timing.ratio(seconds[f"{ENCODER}, folded"], seconds[FOLDED])}


def _shifted(lines, top, step, at, side):
    """``at`` moved a quarter towards the greater neighbour, ``step`` numbers away in the line; not at the two ends."""
    each, last = np.arange(len(lines)), lines.shape[1] - 1
    above, below = lines[each, np.minimum(top + step, last)], lines[each, np.maximum(top - step, 0)]
    return at + 0.25 * np.sign(above - below) * ((at > 0) & (at < side - 1))


def read_heatmaps(lines, side, stride):
    """Points (L, 2) in crop pixels of heatmaps (L, side * side), as ``gv.codec.HeatmapDecoder`` reads them."""
    top = lines.argmax(1)
    cells = _shifted(lines, top, 1, top % side, side), _shifted(lines, top, side, top // side, side)
    return to_pixels(np.stack(cells, axis=1), stride)


def read_vectors(lines, side, stride):
    """Points (L, 2) in crop pixels of vectors (2 L, side), as ``gv.codec.VectorDecoder`` reads them."""
    top = lines.argmax(1)
    return to_pixels(_shifted(lines, top, 1, top, side).reshape(-1, 2), stride)


def search(lines):
    """The maxima alone, by OpenCV: one call of compiled code, where NumPy's decoding is a dozen calls with a fixed cost each."""
    return cv2.reduceArgMax(lines, axis=1)


def readings(methods, settings, landmarks, device, batch, rounds):
    """Times, in milliseconds a batch, of making points of heatmaps and of vectors, the same library on both sides.

    {"batch", "libraries": {library: {"heatmaps", "vectors": spread, "factor": spread of heatmaps / vectors}}}. NumPy, MXNet's
    decoders that evaluation uses, and the search for the maxima alone, one call of OpenCV's.
    """
    lines, decoders = {}, {}
    for name, method in (("heatmaps", "heatmap"), ("vectors", "gv")):
        run = plan(methods, method, "paper", settings, landmarks)
        side = run.method.options.side
        shape = (batch, landmarks, side, side) if name == "heatmaps" else (batch, landmarks, side)
        outputs = [mx.nd.random.uniform(shape=shape, ctx=device) for _ in range(1 if name == "heatmaps" else 2)]
        decoders[name] = timing.waiting(folding.fast(run.method.ready_decoder(run.method.Decoding(), {}, device)), *outputs)
        arrays = [output.asnumpy().reshape(batch * landmarks, -1) for output in outputs]
        lines[name] = np.stack(arrays, axis=1).reshape(batch * landmarks * len(arrays), -1)
    stride = run.crop.size / side
    calls = {"NumPy": {"heatmaps": lambda: read_heatmaps(lines["heatmaps"], side, stride),
                       "vectors": lambda: read_vectors(lines["vectors"], side, stride)},
             "MXNet": decoders,
             "OpenCV, the search alone": {name: (lambda flat=flat: search(flat)) for name, flat in lines.items()}}
    libraries = {}
    for library, pair in calls.items():
        seconds = timing.take_turns(pair, rounds)
        libraries[library] = {**{name: timing.milliseconds(values) for name, values in seconds.items()},
                              "factor": timing.ratio(seconds["heatmaps"], seconds["vectors"])}
    return {"batch": batch, "libraries": libraries}


def pipeline(methods, settings, landmarks, device, rounds, folder):
    """Times, in milliseconds, of each step from a picture's file to a face's points, batch 1: {"steps": {step: spread}, "whole"}.

    folder: to write the picture into, 1200 x 1200 pixels, JPEG. The box is given: looking for faces is another program's work.
    """
    run, net = made(methods, "gv", settings, landmarks, device)
    quick, _, tail = run.method.prediction(net, run.method.Decoding(beyond_box=True), {}, [device])
    whole = folding.folded(Reading(quick, tail), [device])
    noise = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (PICTURE_SIDE, PICTURE_SIDE, 3), np.uint8), (0, 0), 3)
    path = f"{folder}/picture.jpg"
    cv2.imwrite(path, noise)
    steps = {name: [] for name in ("read the file", "cut the face out", "normalise", "net and decoding", "back to the picture")}

    def once(told):
        marks = [time.perf_counter()]
        picture = read_picture(path, upright=True)
        marks.append(time.perf_counter())
        matrix = run.crop.matrix(FACE)
        crop = geometry.warp(picture, matrix, run.crop.size)
        marks.append(time.perf_counter())
        x = mx.nd.array(to_input(crop[None]), ctx=device)
        x.wait_to_read()
        marks.append(time.perf_counter())
        points = whole(x)[0].asnumpy()
        marks.append(time.perf_counter())
        geometry.transform_points(geometry.invert(matrix), points[0])
        marks.append(time.perf_counter())
        if told:
            for name, took in zip(steps, np.diff(marks)):
                steps[name].append(took)

    for turn in range(rounds + timing.WARM):
        once(turn >= timing.WARM)
    return {"steps": {name: timing.milliseconds(values) for name, values in steps.items()},
            "whole": timing.milliseconds(np.sum(list(steps.values()), axis=0))}


def training_step(methods, method, settings, landmarks, device, batch):
    """A function that takes one training step, and waits for it."""
    run, net = made(methods, method, settings, landmarks, device)
    folding.fast(net)
    loss = run.method.loss({})
    loss.initialize(ctx=device)
    loss.hybridize(static_alloc=True)
    trainer = Trainer(net.collect_params(), "adam", {"learning_rate": 1e-4})
    rng = np.random.default_rng(0)
    x = mx.nd.array(rng.normal(size=(batch, 3, run.crop.size, run.crop.size)), ctx=device)
    points = mx.nd.array(rng.uniform(0, run.crop.size, (batch, landmarks, 2)), ctx=device)

    def step():
        with autograd.record():
            total = loss(*as_list(net(x)), points)
        total.backward()
        trainer.step(batch)
        mx.nd.waitall()
    return step


def prediction(methods, method, settings, landmarks, device, batch):
    """A function that makes points of a batch as prediction does, and waits for them."""
    run, net = made(methods, method, settings, landmarks, device)
    quick, _, tail = run.method.prediction(net, run.method.Decoding(), {}, [device])
    x = mx.nd.random.uniform(shape=(batch, 3, run.crop.size, run.crop.size), ctx=device)
    return timing.waiting(folding.folded(PointsOf(Reading(quick, tail)), [device]), x)


def _worker(connection, build, arguments):
    """A process that calls a function when it is asked, and tells at the end how much memory that took."""
    call = build(*arguments)
    before = peak_memory()
    while connection.recv():
        time.sleep(PAUSE)
        begin = time.perf_counter()
        call()
        connection.send(time.perf_counter() - begin)
    connection.send((peak_memory() - before) / MIB)


def in_processes(built, rounds):
    """({name: seconds of each round}, {name: MiB beyond the weights}) of functions that each live in a process of their own.

    built: {name: (function that builds one, its arguments)}. They take turns, one at a time.
    """
    context, workers = multiprocessing.get_context("spawn"), {}
    try:
        for name, (build, arguments) in built.items():
            ours, theirs = context.Pipe()
            process = context.Process(target=_worker, daemon=True, args=(theirs, build, arguments))
            process.start()
            theirs.close()
            workers[name] = ours, process
        seconds, memory = {name: [] for name in workers}, {}
        for turn in range(rounds + timing.WARM):
            for name, (line, _) in workers.items():
                line.send(True)
                took = line.recv()
                if turn >= timing.WARM:
                    seconds[name].append(took)
        for name, (line, _) in workers.items():
            line.send(False)
            memory[name] = line.recv()
    finally:
        for line, process in workers.values():
            line.close()
            process.terminate()
            process.join()
    return seconds, memory


def steps(methods, settings, landmarks, device, batch, rounds):
    """{"batch", "times": {net: spread, ms}, "memory": {net: MiB that the steps took beyond the weights}, "ratio": {net: spread of
    its time over the heatmap net's}} of a training step."""
    seconds, memory = in_processes({name: (training_step, (methods, method, {**settings, **more}, landmarks, device, batch))
                                    for name, (method, more) in TRAINED.items()}, rounds)
    return {"batch": batch, "times": {name: timing.milliseconds(values) for name, values in seconds.items()}, "memory": memory,
            "ratio": {name: timing.ratio(values, seconds[PAPER]) for name, values in seconds.items()}}


def on_engines(methods, settings, landmarks, batch, rounds):
    """The same graph on every engine that is here, CPU: {"batch", "graphs": {graph: {"times": {engine: spread, ms}, "apart":
    {engine: largest relative L2 gap to MXNet's outputs}, "absent": {engine: why}}}}. From normalised crops to vectors."""
    device, found = mx.cpu(), {}
    run, net = made(methods, "gv", {**settings, "folded": "false"}, landmarks, device)
    x = np.random.default_rng(0).normal(size=(batch, 3, run.crop.size, run.crop.size)).astype(np.float32)
    for name, graph in (("folded", folding.folded_graph(run.method.reader(net, [device]))),
                        ("as published", folding.graph_of(net))):
        functions, absent = engines.build(graph, ("x", "y"), x)
        expected = functions[engines.MXNET]()
        seconds = timing.take_turns(functions, rounds, rest=PAUSE)
        found[name] = {"times": {engine: timing.milliseconds(values) for engine, values in seconds.items()},
                       "apart": {engine: gaps.longest(function(), expected) for engine, function in functions.items()},
                       "absent": absent}
    return {"batch": batch, "graphs": found}
