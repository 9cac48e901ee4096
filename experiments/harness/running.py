"""Running a job: train and evaluate, or measure, and the record that is left."""

import datetime
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gv.core import evaluate, metrics
from gv.core import train as training
from gv.core.config import fill
from gv.core.data import FaceDataset, choose_faces
from gv.core.devices import parse_devices
from gv.core.faces import read_index, read_split
from gv.core.layouts import get_layout
from gv.core.run import build_net, load_run

THRESHOLDS = (0.1, 0.08)    # of failure rate and AUC: 300W, COFW and WFLW; JD-landmark
DIAGNOSED = "diagnostics"   # a view's figures of the method's own, under this name before the colon


def figures_of(errors, index):
    """{name: number} of per-image errors {normaliser: (N,)}; "variance" is that of the index's own normaliser."""
    figures = {"variance": float(errors[index.normaliser].var())}
    for name, column in errors.items():
        figures[f"nme_{name}"] = float(column.mean())
        for threshold in THRESHOLDS:
            figures[f"fr_{name}_{threshold:g}"] = metrics.failure_rate(column, threshold)
            figures[f"auc_{name}_{threshold:g}"] = metrics.auc(column, threshold)
    return figures


def evaluate_views(methods, folder, index, views, device):
    """{view: {"faces", "metrics", "errors"}} of a trained run. One forward pass a shrink, whatever the splits and readings.

    ``errors`` holds the NME of each image, (N,), by the index's normaliser.
    """
    run, _, arrays = load_run(methods, folder)
    net = build_net(run, arrays, folder, [device])
    results = {}
    for shrink in sorted({view.shrink for view in views}):
        results.update(_evaluate(run, arrays, net, index, [view for view in views if view.shrink == shrink], device))
    return results


def _evaluate(run, arrays, net, index, views, device):
    """``evaluate_views`` of views that share their boxes."""
    faces, rows, seen = [], {}, {}     # every face once, and the rows of each split
    for split in sorted({view.split for view in views}):
        rows[split] = []
        for face in read_split(index, split):
            key = face.image, face.box, face.points.tobytes()
            if key not in seen:
                seen[key] = len(faces)
                faces.append(face)
            rows[split].append(seen[key])
    readings = {view.reading: fill(run.method.Reading, dict(view.reading)) for view in views}
    decoders = {key: run.method.ready_decoder(reading, arrays, device) for key, reading in readings.items()}
    diagnose = run.method.diagnostics(run.method.Reading(), arrays)
    results, told = {}, []
    dataset = FaceDataset(index.folder, faces, index.layout, run.crop)
    matrices = [run.crop.matrix(dataset.box(i), views[0].shrink) for i in range(len(faces))]
    observe = (lambda outputs, true: told.append(diagnose(outputs, true))) if diagnose else None
    points = evaluate.decode_faces(net, decoders, dataset, device, matrices, observe=observe)
    norms = dict.fromkeys([index.normaliser, *get_layout(index.layout).normalisers])
    own = {name: np.concatenate([batch[name] for batch in told]) for name in told[0]} if told else {}
    for view in views:
        picked = rows[view.split]
        some = [faces[i] for i in picked]
        errors = {norm: evaluate.face_errors(points[view.reading][picked], some, norm, index.layout) for norm in norms}
        figures = figures_of(errors, index)
        figures.update(evaluate.summarise([{name: values[picked] for name, values in own.items()}]))
        results[view] = {"faces": len(picked), "metrics": figures, "errors": errors[index.normaliser]}
    return results


def train_job(methods, run, folder, data, views, devices, quiet=True):
    """Train a ``Run`` in ``folder``, from where it was, and evaluate it: (sidecar, log rows, ``evaluate_views``)."""
    index = read_index(data)
    faces = choose_faces(read_split(index, "train"), run.training.faces)
    contexts = parse_devices(devices)
    curve = None
    if run.training.curve_split:
        curve = evaluate.curve_of(run, index, read_split(index, run.training.curve_split), contexts[0])
    training.train(folder, run, index, faces, contexts, resume=True, curve=curve, quiet=quiet)
    results = evaluate_views(methods, folder, index, views, contexts[0]) if views else {}
    sidecar = training.checkpoint.read_sidecar(folder)
    return {**sidecar, "train_faces": len(faces)}, training.read_log(folder), results


@dataclass(frozen=True)
class Context:
    """What a measurement is given. folder: to write pictures into; runs: {Train: folder of the trained run}; indexes: {name of a
    set: folder}; device: an MXNet context."""

    methods: dict
    preset: str
    seed: int
    folder: Path
    runs: dict
    indexes: dict
    device: object
    options: dict


def measure_job(measure, context):
    """({name: number}, seconds) of a measurement."""
    context.folder.mkdir(parents=True, exist_ok=True)
    begin = time.perf_counter()
    figures = {name: float(value) for name, value in measure.function(context).items()}
    return figures, time.perf_counter() - begin


def now():
    """The date, UTC."""
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
