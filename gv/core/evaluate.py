"""Errors of a net on a split: one forward pass, read by as many decoders as asked."""

import csv

import mxnet as mx
import numpy as np

from gv.core import geometry, metrics
from gv.core.data import FaceDataset, to_input
from gv.core.files import replacing
from gv.core.layouts import get_layout
from gv.core.method import as_list

EVALUATION_BATCH = 16
YAW_BINS = (("light", 0, 30), ("medium", 30, 60), ("large", 60, 90), ("heavy", 90, np.inf))     # AnchorFace, Section 4.5; degrees


def decode_faces(net, decoders, dataset, device, matrices=None, batch=EVALUATION_BATCH, observe=None):
    """{name: points (N, L, 2) in image pixels} of every face of a data set.

    decoders: {name: HybridBlock from the net's outputs to points in crop pixels}. matrices: image to crop, (2, 3) a
    face; None takes the data set's own. observe: called with (outputs, true points (b, L, 2) in crop pixels) of each batch.
    """
    found = {name: [] for name in decoders}
    for start in range(0, len(dataset), batch):
        rows = range(start, min(start + batch, len(dataset)))
        to_crop = [dataset.matrix(i) if matrices is None else matrices[i] for i in rows]
        crops = [geometry.warp(dataset.picture(i), matrix, dataset.crop.size) for i, matrix in zip(rows, to_crop)]
        outputs = as_list(net(mx.nd.array(to_input(np.stack(crops)), ctx=device)))
        if observe:
            observe(outputs, np.stack([geometry.transform_points(m, dataset.faces[i].points) for i, m in zip(rows, to_crop)]))
        for name, decoder in decoders.items():
            points = decoder(*outputs).asnumpy()
            found[name] += [geometry.transform_points(geometry.invert(m), p) for m, p in zip(to_crop, points)]
    return {name: np.stack(points) for name, points in found.items()}


def mean_shape(dataset):
    """The mean of a data set's landmarks in crop pixels, (L, 2): what one knows without looking at the picture."""
    return np.mean([dataset.points_px(i) for i in range(len(dataset))], axis=0)


def place_shape(shape, dataset):
    """A shape in crop pixels put into every face's box: (N, L, 2) in image pixels."""
    return np.stack([geometry.transform_points(geometry.invert(dataset.matrix(i)), shape) for i in range(len(dataset))])


def true_points(faces):
    """Landmarks of faces, (N, L, 2), in image pixels."""
    return np.stack([face.points for face in faces])


def face_errors(predicted, faces, normaliser, layout):
    """NME of each image, (N,), as a share of the named normaliser (GV, Eq. 8)."""
    points = true_points(faces)
    boxes = np.array([face.box if face.box is not None else geometry.tight_box(face.points) for face in faces])
    return metrics.nme(predicted, points, metrics.normaliser(normaliser, points, get_layout(layout), boxes))


def write_errors(path, faces, errors):
    """A CSV row an image: its name and its NME under each decoder. errors: {column: (N,)}. Whole or not at all."""
    with replacing(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        writer.writerow(["image", *errors])
        writer.writerows([face.image, *(f"{column[i]:.8f}" for column in errors.values())] for i, face in enumerate(faces))


def summarise(batches):
    """{name: mean} of a list of {name: (b,)}; a name with faces that have no such figure gets "<name>_undefined", their count."""
    report = {}
    for name in batches[0] if batches else ():
        values = np.concatenate([np.asarray(batch[name], np.float64) for batch in batches])
        defined = np.isfinite(values)
        report[name] = float(values[defined].mean()) if defined.any() else None
        if not defined.all():
            report[f"{name}_undefined"] = int((~defined).sum())
    return report


def by_yaw(errors, faces):
    """{bin: {"faces", "nme", "variance"}} of errors (N,) by |yaw| in degrees (AnchorFace, Fig. 6), faces without it left out."""
    yaw = np.array([abs(face.attributes["yaw"]) if isinstance(face.attributes.get("yaw"), (int, float)) else np.nan
                    for face in faces])
    bins = {}
    for name, low, high in YAW_BINS:
        chosen = errors[(yaw >= low) & (yaw < high)]
        if len(chosen):
            bins[name] = {"faces": len(chosen), "nme": float(chosen.mean()), "variance": float(chosen.var())}
    return bins


def curve_of(run, index, faces, device):
    """A function of (net, arrays) to {"nme_<normaliser>": error on these faces}, for the curve drawn during training."""

    dataset = FaceDataset(index.folder, faces, index.layout, run.crop)

    def measure(net, arrays):
        decoder = run.method.ready_decoder(run.method.Reading(), arrays, device)
        points = decode_faces(net, {"default": decoder}, dataset, device)["default"]
        return {f"nme_{index.normaliser}": float(face_errors(points, faces, index.normaliser, index.layout).mean())}

    return measure
