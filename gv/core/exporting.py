"""The sub-command ``export``: a run's net, from crops to landmarks, for programs without this project."""

import json
import shutil
import tempfile
import warnings
from pathlib import Path

import mxnet as mx
import numpy as np
from mxnet.gluon import HybridBlock

from gv import __version__
from gv.core import detectors, folding
from gv.core.config import jsonable, parse_settings
from gv.core.data import FaceDataset, choose_faces
from gv.core.errors import InputError
from gv.core.exported import CROPS, DESCRIPTION, INPUT, MODEL, POINTS, SCORES, open_session, run_session
from gv.core.faces import read_index, read_split
from gv.core.files import write_bytes, write_json
from gv.core.layouts import Layout, get_layout
from gv.core.method import as_list
from gv.core.own_layout import to_values
from gv.core.pictures import IMAGENET_MEAN, IMAGENET_STD, to_input
from gv.core.predict import prediction_decoding
from gv.core.reading import Reading
from gv.core.run import open_run, refuse_layout
from gv.core.transfer import BEGUN

CHECKED, CHECKED_SEED = 16, 0       # crops that the written model is compared on
NEAR_PX, NEAR_SCORE = 0.01, 1e-3    # within which it is the same
FLIPS = 0.002                       # share of the landmarks that may be elsewhere: of two cells alike, either may be the maximum
# a data set's terms in our words (docs/data.md); what counts is what its authors say
TERMS = {"300W": "for research only, no commercial products", "AFLW": "for non-commercial research only"}
OTHER_TERMS = "those of the data set's authors"
NO_TERMS = {"embedded": "drawn by this project: no terms but the project's licence", "own": "the user's own pictures"}


class FromCrops(HybridBlock):
    """crops (B, S, S, 3) RGB, 0 to 255 -> what ``reading`` makes of them, normalised as in training."""

    def __init__(self, reading, **kwargs):
        super().__init__(**kwargs)
        self.reading = reading
        with self.name_scope():
            self.scale = self.params.get_constant("scale", (1 / (255 * IMAGENET_STD)).reshape(1, 3, 1, 1))
            self.shift = self.params.get_constant("shift", (-IMAGENET_MEAN / IMAGENET_STD).reshape(1, 3, 1, 1))

    def hybrid_forward(self, F, crops, scale, shift):
        x = F.transpose(F.cast(crops, "float32"), (0, 3, 1, 2))
        return self.reading(F.broadcast_add(F.broadcast_mul(x, scale), shift))


def terms(provenance):
    """The terms of the data that a run was trained on, from its line of provenance, "<set>: <provenance>...", and those of the
    data of the run that it began with."""
    return "; ".join(dict.fromkeys(map(_terms, provenance.split(BEGUN))))


def _terms(provenance):
    source, _, kind = provenance.partition(": ")
    return next((text for name, text in NO_TERMS.items() if kind.startswith(name)), None) or next(
        (text for name, text in TERMS.items() if source.startswith(name)), OTHER_TERMS)


def _crops(run, index):
    """Crops (N, S, S, 3) uint8 to compare on: of the index's training faces, or noise where there is no index."""
    if index is None:
        return np.random.default_rng(CHECKED_SEED).integers(0, 256, (CHECKED, run.crop.size, run.crop.size, 3), np.uint8)
    dataset = FaceDataset(index.folder, choose_faces(read_split(index, "train"), CHECKED), index.layout, run.crop)
    return np.stack([dataset[i][0] for i in range(len(dataset))])


def parity(found, expected):
    """{"largest_px", "median_px", "beyond", "landmarks", "largest_score"} of two (points (N, L, 2), scores (N, L))."""
    apart = np.linalg.norm(found[0] - expected[0], axis=2)
    scores = np.abs(found[1] - expected[1])
    return {"largest_px": float(apart.max()), "median_px": float(np.median(apart)), "beyond": int((apart > NEAR_PX).sum()),
            "landmarks": int(apart.size), "largest_score": float(np.nanmax(scores)) if np.isfinite(scores).any() else None}


def check_parity(found, where):
    """InputError where a written model says something else than the trained net."""
    if not (found["median_px"] <= NEAR_PX and found["beyond"] <= max(1, FLIPS * found["landmarks"])
            and (found["largest_score"] is None or found["largest_score"] <= NEAR_SCORE)):
        raise InputError(where, f"the written model is another than the net: {parity_text(found)}",
                         f"points within {NEAR_PX:g} px, scores within {NEAR_SCORE:g}", "please report it; nothing was written")


def parity_text(found):
    """A parity in words."""
    score = "" if found["largest_score"] is None else f", scores {found['largest_score']:.1e}"
    return (f"points of {found['landmarks']} landmarks: median {found['median_px']:.1e} px, largest "
            f"{found['largest_px']:.1e} px, {found['beyond']} beyond {NEAR_PX:g} px{score}")


def _read_plain(plain, tail, crops):
    """(points, scores) of the net as it was trained."""
    points, *scores = (found.asnumpy() for found in as_list(tail(*as_list(plain(mx.nd.array(to_input(crops)))))))
    return points, scores[0] if scores else np.full(points.shape[:2], np.nan)


def _read_mxnet(prefix, kind, crops):
    """(points, scores) of a written MXNet model."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)      # that the input's type is not known before it is given
        block = mx.gluon.SymbolBlock.imports(f"{prefix}-symbol.json", [INPUT], f"{prefix}-0000.params")
    given = mx.nd.array(crops, dtype="uint8") if kind == CROPS else mx.nd.array(to_input(crops))
    points, *scores = (found.asnumpy() for found in as_list(block(given)))
    return points, scores[0] if scores else np.full(points.shape[:2], np.nan)


def _short(values):
    """Numbers as they were written before they were made float32."""
    return [round(float(value), 6) for value in values]


def _describe(run, sidecar, decoding, kind, names, fmt):
    """What stands beside the model, and in an ONNX model's own metadata."""
    size, landmarks, layout = run.crop.size, run.landmarks, get_layout(run.layout)
    shape = f"(B, {size}, {size}, 3) uint8, RGB" if kind == CROPS else \
        f"(B, 3, {size}, {size}) float32, RGB, (value / 255 - {_short(IMAGENET_MEAN)}) / {_short(IMAGENET_STD)}"
    outputs = {POINTS: f"(B, {landmarks}, 2) float32: x, y in pixels of the crop, the centre of its top-left pixel being (0, 0)",
               SCORES: f"(B, {landmarks}) float32: how sure the net is, 0 to 1"}
    return {"format": fmt, "project": __version__, "method": run.method.name, "landmarks": landmarks,
            "layout": to_values(layout) if isinstance(run.layout, Layout) else layout.name,
            **jsonable({"crop": run.crop, "decoding": decoding, "options": run.method.options}),
            "input": {"name": INPUT, "kind": kind, "shape": shape}, "outputs": {name: outputs[name] for name in names},
            "steps": sidecar["step"], "start": sidecar["start"], "coverage": sidecar.get("coverage"),
            "provenance": sidecar["provenance"], "terms": terms(sidecar["provenance"])}


def export(arguments, methods):
    """``export``: a folder with the model and its description. Nothing is written unless it says what the net says."""
    out = Path(arguments.out)
    if out.exists():
        raise InputError(f"--out {out}", "exists", "a new folder", "choose another, or remove it")
    if arguments.format == "int8" and not arguments.data:
        raise InputError("--data", "not given", "an index: int8 is calibrated on faces", "or choose --format onnx")
    if arguments.calibrate < 1:
        raise InputError("--calibrate", arguments.calibrate, "at least 1")
    if arguments.format != "mxnet":
        _needs_onnx()
    device = mx.cpu()
    run, sidecar, fitted, net = open_run(methods, arguments.run, [device])
    index = read_index(arguments.data) if arguments.data else None
    if index is not None:
        refuse_layout(run, index)
    decoding = prediction_decoding(run.method, parse_settings(arguments.settings))
    quick, plain, tail = run.method.prediction(net, decoding, fitted, [device])
    _, apart = folding.fold(quick, plain, run.crop.size, [device])
    whole = Reading(quick if apart <= folding.TOLERANCE else plain, tail)
    if arguments.input == CROPS:
        whole = FromCrops(whole)
        for constant in (whole.scale, whole.shift):
            constant.initialize(ctx=device)
    graph = folding.folded_graph(whole)
    names = (POINTS, SCORES)[:len(graph.heads)]
    description = {**_describe(run, sidecar, decoding, arguments.input, names, arguments.format),
                   "detectors": detectors.read_fits(arguments.run)}
    crops = _crops(run, index)
    expected = _read_plain(plain, tail, crops)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as scratch:
        inside = Path(scratch, "exported")
        inside.mkdir()
        if arguments.format == "mxnet":
            _write_mxnet(inside / "model", graph)
            found = _read_mxnet(inside / "model", arguments.input, crops)
        else:
            found = _write_onnx(inside, graph, run, names, description, crops)
        description["parity"] = parity(found, expected)
        check_parity(description["parity"], f"--format {arguments.format}")
        if arguments.format == "int8":
            from gv.core import quantising
            description["int8"] = quantising.quantise(inside / MODEL, run, index, arguments.input, arguments.calibrate,
                                                          arguments.split)
        write_json(inside / DESCRIPTION, description)
        shutil.move(str(inside), str(out))
    report = {"out": str(out), **description}
    return report, _text(out, description)


def _write_mxnet(prefix, graph):
    """Write model-symbol.json and model-0000.params, as ``SymbolBlock.imports`` and the module interface read them."""
    symbol = graph.symbol()
    held = set(symbol.list_auxiliary_states())
    symbol.save(f"{prefix}-symbol.json")
    mx.nd.save(f"{prefix}-0000.params", {f"{'aux' if name in held else 'arg'}:{name}": mx.nd.array(graph.weights[name])
                                         for name in symbol.list_inputs() if name != INPUT})


def _needs_onnx():
    try:
        import onnx  # noqa: F401
    except ImportError:
        raise InputError("onnx", "is not installed", "the package onnx",
                         "make setup installs it; or pip install '.[onnx]'") from None


def _write_onnx(folder, graph, run, names, description, crops):
    """Write model.onnx; returns what ONNX Runtime reads by it."""
    from gv.core import onnx_graph
    size = run.crop.size
    kind = description["input"]["kind"]
    shape, element = ((size, size, 3), onnx_graph.UINT8) if kind == CROPS else ((3, size, size), onnx_graph.FLOAT)
    metadata = {name: value if isinstance(value, str) else json.dumps(value) for name, value in description.items()}
    model = onnx_graph.model_of(graph, shape, element, names, metadata, f"gaussian-vector-anchorface {__version__}")
    write_bytes(folder / MODEL, model.SerializeToString())
    return run_session(open_session(str(folder / MODEL)), kind, crops)


def _text(out, description):
    lines = [f"{out}: {description['method']}, {description['landmarks']} landmarks, {description['format']}; "
             f"in: {description['input']['shape']}; trained on {description['provenance']} ({description['terms']})",
             f"  beside the trained net: {parity_text(description['parity'])}"]
    if "int8" in description:
        found = description["int8"]
        lines.append(f"  int8, calibrated on {found['calibrated_on']} training faces: NME({found['normaliser'].upper()}) on "
                     f"{found['split']} ({found['faces']} faces) {100 * found['nme']:.3f} %, in float "
                     f"{100 * found['nme_float']:.3f} %; {found['bytes'] / 1e6:.1f} MB instead of "
                     f"{found['bytes_float'] / 1e6:.1f}")
    return "\n".join(lines)
