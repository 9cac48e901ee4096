"""Running a job: train and evaluate, or measure, and the record that is left."""

import datetime
import time
from dataclasses import dataclass
from pathlib import Path

from gv.core import evaluate
from gv.core import train as training
from gv.core.config import fill
from gv.core.data import FaceDataset, choose_faces
from gv.core.devices import parse_devices
from gv.core.faces import read_index, read_split
from gv.core.run import open_run

THRESHOLDS = (0.1, 0.08)    # of failure rate and AUC: 300W, COFW and WFLW; JD-landmark


def evaluate_views(methods, folder, index, views, devices):
    """{view: {"faces", "metrics", "errors"}} of a trained run. One forward pass a shrink, whatever the splits and decodings.

    ``errors`` holds the NME of each image, (N,), by the index's normaliser.
    """
    run, _, fitted, net = open_run(methods, folder, devices)
    results = {}
    for shrink in sorted({view.shrink for view in views}):
        results.update(_evaluate(run, fitted, net, index, [view for view in views if view.shrink == shrink], devices))
    return results


def _evaluate(run, fitted, net, index, views, devices):
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
    decodings = {view.decoding: fill(run.method.Decoding, dict(view.decoding)) for view in views}
    dataset = FaceDataset(index.folder, faces, index.layout, run.crop)
    matrices = [run.crop.matrix(dataset.box(i), views[0].shrink) for i in range(len(faces))]
    found, results = evaluate.measure(run, fitted, net, index, dataset, decodings, devices, matrices), {}
    for view in views:
        measured = found.of(rows[view.split])
        errors = measured.errors[view.decoding]
        figures = {**evaluate.figures_of(errors, THRESHOLDS), **evaluate.summarise(measured.own)}
        if any(name in index.splits for name, *_ in evaluate.YAW_BINS):     # a set that is looked at by yaw: AFLW
            figures.update(evaluate.by_yaw_steps(errors[index.normaliser], [faces[row] for row in rows[view.split]]))
        results[view] = {"faces": len(rows[view.split]), "metrics": figures, "errors": errors[index.normaliser]}
    return results


def train_job(methods, run, folder, data, views, devices, quiet=True):
    """Train a ``Run`` in ``folder``, from where it was, and evaluate it: (sidecar, log rows, ``evaluate_views``)."""
    index = read_index(data)
    faces = choose_faces(read_split(index, "train"), run.training.faces)
    contexts = parse_devices(devices)
    curve = None
    if run.training.curve_split:
        curve = evaluate.curve_of(run, index, read_split(index, run.training.curve_split), contexts)
    training.train(folder, run, index, faces, contexts, resume=True, curve=curve, quiet=quiet)
    results = evaluate_views(methods, folder, index, views, contexts) if views else {}
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
