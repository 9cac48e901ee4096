"""What a face costs with heatmaps and with vectors: the output's size, the net's time, and the decoding's (GV, Table 9).

Both are read a face at a time by the same means, the fastest at hand: NumPy's search for the maximum, and the shift by its two
neighbours. In the paper the output comes from an accelerator, so that the processor that reads it does not have it in its cache:
here the outputs of many faces lie in a row that is longer than a cache.

L landmarks. A face's output is one line of numbers a maximum: (L, side * side) of heatmaps, (2 L, side) of vectors, x and y of
the first landmark first.
"""

import time

import mxnet as mx
import numpy as np

from gv.bench import read_heatmaps, read_vectors, search
from gv.core import folding
from gv.core.method import as_list
from gv.core.pictures import to_input
from gv.core.run import plan

LANDMARKS = 68
PLAIN, VECTOR, FOLDED = "Heatmap", "Gaussian Vector", "Gaussian Vector, folded"
ROWS = {PLAIN: ("heatmap", {}), VECTOR: ("gv", {"folded": False}), FOLDED: ("gv", {"folded": False})}
ROUNDS = {"smoke": 1}     # at other presets MOST_ROUNDS
MOST_ROUNDS = 12
CALLS = 10                # of the decoder in a round: one is too short to be met undisturbed
FLOAT_BYTES = 4
ROW_BYTES = 64 * 2 ** 20  # of outputs in a row: more than most processors' caches


def lines_of(outputs):
    """A face's outputs, NDArrays of a batch of one, as lines."""
    arrays = [output.asnumpy()[0] for output in outputs]
    if len(arrays) == 1:
        return arrays[0].reshape(len(arrays[0]), -1)
    return np.stack(arrays, axis=1).reshape(-1, arrays[0].shape[1])


def build(context):
    """{row: (net, decoder, run)} of Table 9, with weights as they are drawn: times do not depend on them."""
    made = {}
    for row, (method, options) in ROWS.items():
        run = plan(context.methods, method, "paper", {**context.options, **options}, LANDMARKS)
        net = run.method.net(LANDMARKS, {})
        net.initialize(mx.init.Xavier(), ctx=context.device)
        net.hybridize(static_alloc=True, static_shape=True)
        decoder = run.method.ready_decoder(run.method.Decoding(), {}, context.device)
        decoder.hybridize(static_alloc=True, static_shape=True)
        made[row] = net, decoder, run
    return made


def folded(net, run, device):
    """What prediction runs in a net's place: the same vectors, without heatmaps, BatchNorms folded."""
    net(mx.nd.zeros((1, 3, run.crop.size, run.crop.size), ctx=device))
    return folding.folded(run.method.reader(net, [device]), [device])


def sizes(context):
    """{"dim1/ROW", "dim2/ROW", "dim3/ROW", "kib/ROW"}: landmarks, cells, what is left of a face's output, and its size."""
    figures = {}
    for row, (net, _, run) in build(context).items():
        outputs = mx.sym.Group(as_list(net(mx.sym.var("image"))))
        shapes = [shape[1:] for shape in outputs.infer_shape(image=(1, 3, run.crop.size, run.crop.size))[1]]
        shape = shapes[0] if len(shapes) == 1 else (*shapes[0], len(shapes))
        figures.update({f"dim{i}/{row}": size for i, size in enumerate(shape, 1)})
        figures[f"kib/{row}"] = sum(FLOAT_BYTES * np.prod(shape) for shape in shapes) / 1024
    return figures


def pipeline(context):
    """{"pipeline"}: milliseconds from a crop (S, S, 3) uint8 to points in crop pixels, batch 1; the median of rounds. The net is
    the one that prediction runs, folded."""
    run = plan(context.methods, "gv", "paper", context.options, LANDMARKS)
    net = run.method.net(LANDMARKS, {})
    net.initialize(mx.init.Xavier(), ctx=context.device)
    net = folded(net, run, context.device)
    decoder = run.method.ready_decoder(run.method.Decoding(), {}, context.device)
    crop = np.random.default_rng(0).integers(0, 256, (1, run.crop.size, run.crop.size, 3), np.uint8)

    def face():
        decoder(*as_list(net(mx.nd.array(to_input(crop), ctx=context.device)))).asnumpy()

    face()
    return {"pipeline": float(np.median([_ms(face) for _ in range(ROUNDS.get(context.preset, MOST_ROUNDS))]))}


def _ms(function, *arguments):
    """Milliseconds that a call takes."""
    begin = time.perf_counter()
    function(*arguments)
    return 1000 * (time.perf_counter() - begin)


def _run(block, *inputs):
    for output in as_list(block(*inputs)):
        output.wait_to_read()


def _fetch(outputs):
    for output in outputs:
        output.asnumpy()


def times(context):
    """{"forward/ROW", "decoding/ROW", "search/ROW", "decoder/ROW", "whole/ROW", "saved"}: milliseconds a face, medians of
    rounds in which the rows take turns.

    forward: the net. decoding: NumPy's; search: OpenCV's, for the maxima alone; of both the median over the faces of a row.
    decoder: MXNet's, that evaluation uses. "transmission/ROW": from the device to the processor, only where they are two. whole:
    forward, transmission and decoding; saved: the share of the heatmaps' whole that vectors save.
    """
    noted, held = {}, {}
    for row, (net, decoder, run) in build(context).items():
        if row == FOLDED:
            net = folded(net, run, context.device)
        image = mx.nd.random.uniform(shape=(1, 3, run.crop.size, run.crop.size), ctx=context.device)
        outputs = as_list(net(image))
        _run(decoder, *outputs)     # the first call builds and tunes, and is not timed
        lines, side = lines_of(outputs), run.method.options.side
        faces = np.repeat(lines[None], max(1, ROW_BYTES // lines.nbytes), axis=0)
        decoding = (read_heatmaps if len(outputs) == 1 else read_vectors), side, run.crop.size / side
        held[row] = net, image, decoder, outputs, faces, decoding

    def note(name, milliseconds):
        noted.setdefault(name, []).append(milliseconds)

    for _ in range(ROUNDS.get(context.preset, MOST_ROUNDS)):
        for row, (net, image, decoder, outputs, faces, (read, side, stride)) in held.items():
            note(f"forward/{row}", _ms(_run, net, image))
            note(f"decoding/{row}", float(np.median([_ms(read, face, side, stride) for face in faces])))
            note(f"search/{row}", float(np.median([_ms(search, face) for face in faces])))
            for _ in range(CALLS):
                note(f"decoder/{row}", _ms(_run, decoder, *outputs))
            if context.device.device_type != "cpu":
                note(f"transmission/{row}", _ms(_fetch, outputs))
    found = {name: float(np.median(values)) for name, values in noted.items()}
    for row in ROWS:
        found[f"whole/{row}"] = sum(found.get(f"{part}/{row}", 0) for part in ("forward", "decoding", "transmission"))
    found["saved"] = 1 - found[f"whole/{VECTOR}"] / found[f"whole/{PLAIN}"]
    return found
