"""Errors of a net on a split: one forward pass, read by as many decoders as asked."""

import csv
from collections import deque
from dataclasses import dataclass

import mxnet as mx
import numpy as np

from gv.core import geometry, metrics
from gv.core.data import FaceDataset
from gv.core.faces import read_split
from gv.core.files import replacing
from gv.core.layouts import get_layout
from gv.core.method import as_list
from gv.core.pictures import to_input

EVALUATION_BATCH = 16
YAW_BINS = (("light", 0, 30), ("medium", 30, 60), ("large", 60, 90), ("heavy", 90, np.inf))     # AnchorFace, Section 4.5; degrees
YAW_STEP = 15
MIRRORED = "+mirrored"      # after a decoding's name: the mean of it and of what it finds in the mirrored crop


def decode_faces(net, decoders, dataset, devices, matrices=None, batch=EVALUATION_BATCH, observe=None,
                 mirrored=False):
    """{name: points (N, L, 2) in image pixels} of every face of a data set.

    decoders: {name: HybridBlock from the net's outputs to points in crop pixels}. devices: MXNet contexts that hold the net and
    the decoders; batches go round them, so that their number changes no number. matrices: image to crop, (2, 3) a
    face; None takes the data set's own. observe: called with (outputs, true points (b, L, 2) in crop pixels) of each batch.
    mirrored: run the net on the mirrored crops too, and give "<name>+mirrored", the mean of both, besides.
    """
    found = {name: [] for name in [*decoders, *([name + MIRRORED for name in decoders] if mirrored else [])]}
    flip = get_layout(dataset.layout).flip if mirrored else None
    working = deque()    # a batch a device, whose results nobody has waited for

    def forward(crops, device):
        outputs = as_list(net(mx.nd.array(to_input(crops), ctx=device)))
        return outputs, {name: decoder(*outputs) for name, decoder in decoders.items()}

    def finish(rows, to_crop, outputs, decoded, twins):
        if observe:
            observe(outputs, np.stack([geometry.transform_points(m, dataset.faces[i].points) for i, m in zip(rows, to_crop)]))
        decoded = {name: points.asnumpy() for name, points in decoded.items()}
        for name, points in twins.items():
            back = geometry.mirror_back(points.asnumpy(), flip, dataset.crop.size)
            decoded[name + MIRRORED] = (decoded[name] + back) / 2
        for name, points in decoded.items():
            found[name] += [geometry.transform_points(geometry.invert(m), p) for m, p in zip(to_crop, points)]

    for number, start in enumerate(range(0, len(dataset), batch)):
        rows = range(start, min(start + batch, len(dataset)))
        to_crop = [dataset.matrix(i) if matrices is None else matrices[i] for i in rows]
        crops = np.stack([geometry.warp(dataset.picture(i), matrix, dataset.crop.size) for i, matrix in zip(rows, to_crop)])
        if len(working) == len(devices):
            finish(*working.popleft())
        device = devices[number % len(devices)]
        _, twins = forward(crops[:, :, ::-1], device) if mirrored else (None, {})     # first: a net may reuse its outputs' memory
        working.append((rows, to_crop, *forward(crops, device), twins))
    while working:
        finish(*working.popleft())
    return {name: np.stack(points) for name, points in found.items()}


def mean_shape(dataset):
    """The mean of a data set's landmarks in crop pixels, (L, 2): what one knows without looking at the picture."""
    return np.mean([dataset.points_px(i) for i in range(len(dataset))], axis=0)


def place_shape(shape, dataset):
    """A shape in crop pixels put into every face's box: (N, L, 2) in image pixels."""
    return np.stack([geometry.transform_points(geometry.invert(dataset.matrix(i)), shape) for i in range(len(dataset))])


def mean_shape_error(run, index, faces, matrices, split="train"):
    """The mean NME of the training faces' mean shape put into faces' crops, by the index's normaliser; None without that split.

    matrices: image to crop, (2, 3) a face.
    """
    if not index.splits.get(split):
        return None
    shape = mean_shape(FaceDataset(index.folder, read_split(index, split), index.layout, run.crop))
    points = np.stack([geometry.transform_points(geometry.invert(matrix), shape) for matrix in matrices])
    return float(face_errors(points, faces, index.normaliser, index.layout).mean())


def true_points(faces):
    """Landmarks of faces, (N, L, 2), in image pixels."""
    return np.stack([face.points for face in faces])


def face_errors(predicted, faces, normaliser, layout):
    """NME of each image, (N,), as a share of the named normaliser (GV, Eq. 8)."""
    points = true_points(faces)
    boxes = np.array([face.box if face.box is not None else geometry.tight_box(face.points) for face in faces])
    return metrics.nme(predicted, points, metrics.normaliser(normaliser, points, get_layout(layout), boxes))


@dataclass(frozen=True)
class Measured:
    """What one forward pass over N faces gave. errors: {name of a decoding: {normaliser: NME of each face (N,), a share}}, the
    index's own normaliser first; own: {figure of the method's own: (N,)}, of the default decoding, empty where it has none."""

    errors: dict
    own: dict

    def of(self, rows):
        """The same of some of the faces."""
        errors = {name: {norm: values[rows] for norm, values in found.items()} for name, found in self.errors.items()}
        return Measured(errors, {name: values[rows] for name, values in self.own.items()})


def measure(run, fitted, net, index, dataset, decodings, devices, matrices=None, mirrored=False):
    """``Measured`` of the faces of a data set, with a trained run's net.

    decodings: {name: instance of the method's Decoding}. devices: those that the net is on; all are used. matrices: image to
    crop, (2, 3) a face; None takes the data set's own. mirrored: as ``decode_faces`` has it.
    """
    decoders = {name: run.method.ready_decoder(decoding, fitted, devices) for name, decoding in decodings.items()}
    diagnose, told = run.method.diagnostics(run.method.Decoding(), fitted), []
    observe = (lambda outputs, true: told.append(diagnose(outputs, true))) if diagnose else None
    points = decode_faces(net, decoders, dataset, devices, matrices, observe=observe, mirrored=mirrored)
    norms = dict.fromkeys([index.normaliser, *get_layout(index.layout).normalisers])
    errors = {name: {norm: face_errors(found, dataset.faces, norm, index.layout) for norm in norms}
              for name, found in points.items()}
    return Measured(errors, {name: np.concatenate([batch[name] for batch in told]) for name in told[0]} if told else {})


def figures_of(errors, thresholds):
    """{name: number} of per-face errors {normaliser: (N,)}, as reports and records name them; fractions.

    nme_X, fr_X_T, auc_X_T: mean, share of failures and AUC by the normaliser X at each threshold T; variance: of the first
    normaliser's errors.
    """
    figures = {}
    for name, column in errors.items():
        figures[f"nme_{name}"] = float(column.mean())
        for threshold in thresholds:
            figures[f"fr_{name}_{threshold:g}"] = metrics.failure_rate(column, threshold)
            figures[f"auc_{name}_{threshold:g}"] = metrics.auc(column, threshold)
    figures["variance"] = float(next(iter(errors.values())).var())
    return figures


def write_errors(path, faces, errors):
    """A CSV row an image: its name and its NME under each decoder. errors: {column: (N,)}. Whole or not at all."""
    with replacing(path) as temporary, open(temporary, "w", newline="", encoding="utf-8",
                                              errors="backslashreplace") as out:     # file names need not be UTF-8
        writer = csv.writer(out)
        writer.writerow(["image", *errors])
        writer.writerows([face.image, *(f"{column[i]:.8f}" for column in errors.values())] for i, face in enumerate(faces))


def summarise(own):
    """{name: mean} of {name: (N,)}; a name with faces that have no such figure gets "<name>_undefined", their count."""
    report = {}
    for name, column in own.items():
        values = np.asarray(column, np.float64)
        defined = np.isfinite(values)
        report[name] = float(values[defined].mean()) if defined.any() else None
        if not defined.all():
            report[f"{name}_undefined"] = int((~defined).sum())
    return report


def _yaw(face):
    """|yaw| of a face in degrees, or NaN."""
    yaw = face.attributes.get("yaw")
    return abs(yaw) if isinstance(yaw, (int, float)) else np.nan


def by_yaw(errors, faces):
    """{bin: {"faces", "nme", "variance"}} of errors (N,) by |yaw| in degrees (AnchorFace, Fig. 6), faces without it left out."""
    yaw = np.array([_yaw(face) for face in faces])
    bins = {}
    for name, low, high in YAW_BINS:
        chosen = errors[(yaw >= low) & (yaw < high)]
        if len(chosen):
            bins[name] = {"faces": len(chosen), "nme": float(chosen.mean()), "variance": float(chosen.var())}
    return bins


def by_yaw_steps(errors, faces):
    """{"nme_yaw15", "variance_yaw15", "faces_yaw15", ...} of errors (N,) by |yaw| in steps of ``YAW_STEP`` degrees, from the
    number in the name on (AnchorFace, Fig. 6); empty where no face has one."""
    figures = {}
    yaw = np.array([_yaw(face) for face in faces])
    for low in range(0, 180, YAW_STEP):
        chosen = errors[(yaw >= low) & (yaw < low + YAW_STEP)]
        if len(chosen):
            figures.update({f"nme_yaw{low}": float(chosen.mean()), f"variance_yaw{low}": float(chosen.var()),
                            f"faces_yaw{low}": len(chosen)})
    return figures


def curve_of(run, index, faces, devices):
    """A function of (net, fitted) to {"nme_<normaliser>": error on these faces}, for the curve drawn during training."""

    dataset = FaceDataset(index.folder, faces, index.layout, run.crop)

    def measure(net, fitted):
        decoder = run.method.ready_decoder(run.method.Decoding(), fitted, devices)
        points = decode_faces(net, {"default": decoder}, dataset, devices)["default"]
        return {f"nme_{index.normaliser}": float(face_errors(points, faces, index.normaliser, index.layout).mean())}

    return measure
