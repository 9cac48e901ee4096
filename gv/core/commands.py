"""What each sub-command does: from parsed arguments to (a report as JSON values, the same as text)."""

import dataclasses
import inspect
import json
import os
from pathlib import Path

import cv2

from gv.core import checkpoint, detector, draw, evaluate, metrics
from gv.core import train as training
from gv.core.config import fill, parse_settings
from gv.core.data import FaceDataset, choose_faces, read_picture
from gv.core.devices import parse_devices
from gv.core.errors import InputError
from gv.core.faces import read_index, read_split
from gv.core.files import write_json
from gv.core.layouts import get_layout
from gv.core.predict import Predictor, check_box
from gv.core.run import build_net, load_run, plan, refuse_other, stored_config

METRICS_FILE = "metrics.json"


def _check_pictures(index, faces):
    """InputError for the first picture that is missing or has no picture's header."""
    for face in faces:
        path = os.path.join(str(index.folder), face.image)
        if not os.path.isfile(path) or not cv2.haveImageReader(path):
            read_picture(path)  # says which of the two, or that a header OpenCV does not announce can be read after all


def train(arguments, methods):
    """``train``: a run folder with weights, log and config."""
    index = read_index(arguments.data)
    faces = read_split(index, arguments.split)
    settings = parse_settings(arguments.settings)
    if arguments.seed is not None:
        settings["seed"] = str(arguments.seed)
    run = plan(methods, arguments.method, arguments.preset, settings, index.layout, index.source)
    devices = parse_devices(arguments.devices)
    out = Path(arguments.out)
    if out.exists() and not arguments.resume:
        raise InputError(f"--out {out}", "exists", "a new folder", "add --resume to go on with it, or choose another")
    faces = choose_faces(faces, run.training.faces)
    curve_faces = read_split(index, run.training.curve_split) if run.training.curve_split else []
    _check_pictures(index, faces + curve_faces)
    stored, where = stored_config(out)
    if where:
        run = run.with_detector(refuse_other(stored, run, where))
    elif run.training.detector_faces:
        dataset = FaceDataset(index.folder, faces, index.layout, run.crop)
        run = run.with_detector(detector.fit_detector(dataset, run.training.detector_faces))
    curve = evaluate.curve_of(run, index, curve_faces, devices[0]) if curve_faces else None
    training.train(out, run, index, faces, devices, arguments.resume, curve)
    sidecar = checkpoint.read_sidecar(out)
    rows = training.read_log(out)
    report = {"run": str(out), "method": run.method.name, "steps": sidecar["step"], "seconds": round(sidecar["seconds"], 1),
              "loss": float(rows[-1]["loss"]), "start": sidecar["start"], "provenance": sidecar["provenance"]}
    return report, (f"{out}: {report['method']} trained {report['start']} for {report['steps']} steps in "
                    f"{report['seconds']:.0f} s, last loss {report['loss']:.4g} ({report['provenance']})")


def options(arguments, methods):
    """``options``: every option of a method, by part, at the values of a preset."""
    run = plan(methods, arguments.method, arguments.preset, {}, landmarks=0)
    parts = {"method": run.method.options, "crop": run.crop, "augmentation": run.augment, "training": run.training,
             "reading (eval --read, predict --set)": run.method.Reading()}
    report = {part: dataclasses.asdict(value) for part, value in parts.items()}
    lines = []
    for part, value in parts.items():
        lines += [f"{part}:", *(f"  {line}".rstrip() for line in inspect.getdoc(type(value)).splitlines()), ""]
        lines += [f"    {name}={_as_setting(setting)}" for name, setting in report[part].items()] + [""]
    return report, "\n".join(lines).rstrip()


def _as_setting(value):
    """A value as ``--set`` takes it."""
    if isinstance(value, (tuple, list)):
        return ",".join(str(part) for part in value)
    return str(value).lower() if isinstance(value, bool) or value is None else str(value)


def _readings(method, texts):
    """{name: Reading} of the default and each ``NAME:KEY=VALUE,...``."""
    readings = {"default": method.Reading()}
    for text in texts:
        name, colon, rest = text.partition(":")
        if not colon or not name or name in readings:
            raise InputError(f"--read {text}", "no name of its own", "NAME:KEY=VALUE,...")
        readings[name] = fill(method.Reading, parse_settings(rest.split(","), f"--read {name}:"))
    return readings


def _detected(dataset, mapping):
    """([row, mapped box] of the faces the cascade finds), among the faces of a data set."""
    find, found = detector.FaceDetector(), []
    for i in range(len(dataset)):
        match = detector.best_match(find(dataset.picture(i)), dataset.box(i))
        if match is not None:
            found.append((i, detector.map_box(match, mapping)))
    return found


def eval(arguments, methods):
    """``eval``: metrics.json and errors_<split>.csv in the run's folder."""
    if not 0 <= arguments.shrink < 1:
        raise InputError("--shrink", arguments.shrink, "a share from 0 to below 1")
    if arguments.threshold <= 0:
        raise InputError("--threshold", arguments.threshold, "more than 0")
    run, sidecar, arrays = load_run(methods, arguments.run)
    index = read_index(arguments.data)
    faces = read_split(index, arguments.split)
    if index.layout != run.landmarks:
        raise InputError(arguments.data, f"{index.layout} landmarks a face", f"{run.landmarks}, as the run was trained with",
                         "evaluate on an index of the same layout")
    readings = _readings(run.method, arguments.read)
    device = parse_devices(arguments.devices)[0]
    _check_pictures(index, faces)
    net = build_net(run, arrays, arguments.run, [device])
    dataset = FaceDataset(index.folder, faces, index.layout, run.crop)
    name, total = arguments.split, len(faces)
    if arguments.boxes == "detector":
        hits = _detected(dataset, run.crop.detector)
        if not hits:
            raise InputError("--boxes detector", f"no face found in {total} pictures", "frontal faces", "use --boxes index")
        boxes = [box for _, box in hits]
        faces = [faces[i] for i, _ in hits]
        dataset = FaceDataset(index.folder, faces, index.layout, run.crop)
        name += "_detector"
    else:
        boxes = [dataset.box(i) for i in range(total)]
    if arguments.shrink:
        name += f"_shrink{arguments.shrink:g}"
    matrices = [run.crop.matrix(box, arguments.shrink) for box in boxes]
    decoders = {key: run.method.ready_decoder(reading, arrays, device) for key, reading in readings.items()}
    figures, seen = run.method.diagnostics(readings["default"], arrays), []
    observe = (lambda outputs, true: seen.append(figures(outputs, true))) if figures else None
    points = evaluate.decode_faces(net, decoders, dataset, device, matrices, observe=observe)
    norms = dict.fromkeys([index.normaliser, *get_layout(index.layout).normalisers])
    errors = {key: {norm: evaluate.face_errors(found, faces, norm, index.layout) for norm in norms}
              for key, found in points.items()}
    report = {"run": str(arguments.run), "method": run.method.name, "split": arguments.split, "faces": len(faces), "of": total,
              "boxes": arguments.boxes if arguments.boxes == "detector" else
              "landmarks" if run.crop.boxes == "landmarks" else index.box_source, "shrink": arguments.shrink,
              "provenance": sidecar["provenance"], "evaluated_on": index.provenance_line(arguments.split),
              "start": sidecar["start"],
              "readings": {key: _summary(errors[key], index.normaliser, arguments.threshold) for key in readings}}
    if figures:
        report["diagnostics"] = evaluate.summarise(seen)
    yaw = {key: evaluate.by_yaw(errors[key][index.normaliser], faces) for key in readings}
    if yaw["default"]:
        report["yaw"] = yaw
    evaluate.write_errors(Path(arguments.run) / f"errors_{name}.csv", faces,
                          {"nme" if key == "default" else f"nme_{key}": errors[key][index.normaliser] for key in readings})
    stored = Path(arguments.run) / METRICS_FILE
    write_json(stored, {**_earlier_metrics(stored), name: report})
    return report, _eval_text(report, index.normaliser, arguments.threshold)


def _earlier_metrics(path):
    """What metrics.json holds of other splits and boxes; InputError where it is damaged."""
    try:
        return dict(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else {}
    except (ValueError, TypeError) as error:
        raise InputError(path, f"not JSON ({error})", "the file that eval wrote", "remove it and evaluate again") from None


def _summary(errors, normaliser, threshold):
    """Metrics of one reading, the normaliser part of each name; fractions."""
    values = metrics.summary(errors[normaliser], threshold)
    named = {f"nme_{normaliser}": values["nme"], f"nme_{normaliser}_low": values.get("nme_low"),
             f"nme_{normaliser}_high": values.get("nme_high"), f"fr_{normaliser}_{threshold:g}": values["fr"],
             f"auc_{normaliser}_{threshold:g}": values["auc"]}
    return {**named, **{f"nme_{name}": float(column.mean()) for name, column in errors.items() if name != normaliser}}


def _eval_text(report, normaliser, threshold):
    lines = [f"{report['run']}: {report['method']} on {report['split']}, {report['faces']} of {report['of']} faces, "
             f"boxes: {report['boxes']}" + (f", shrunk by {report['shrink']:g}" if report["shrink"] else ""),
             f"trained on {report['provenance']}, {report['start']}; evaluated on {report['evaluated_on']}"]
    for key, values in report["readings"].items():
        low, high = values[f"nme_{normaliser}_low"], values[f"nme_{normaliser}_high"]
        spread = f" [{100 * low:.2f}, {100 * high:.2f}]" if low is not None else ""
        others = "".join(f"  {name[4:].upper()} {100 * value:.2f} %" for name, value in values.items()
                         if name.startswith("nme_") and not name.startswith(f"nme_{normaliser}"))
        lines.append(f"  {key:12s} NME({normaliser.upper()}) {100 * values[f'nme_{normaliser}']:.2f} %{spread}  "
                     f"FR@{threshold:g} {100 * values[f'fr_{normaliser}_{threshold:g}']:.2f} %  "
                     f"AUC@{threshold:g} {values[f'auc_{normaliser}_{threshold:g}']:.4f}{others}")
    for key, bins in report.get("yaw", {}).items():
        texts = (f"{name} {100 * row['nme']:.2f} % (variance {1e4 * row['variance']:.2f}, {row['faces']} faces)"
                 for name, row in bins.items())
        lines.append(f"  {key:12s} NME({normaliser.upper()}) by yaw: {'  '.join(texts)}")
    if report.get("diagnostics"):
        figures = (f"{name} {value:.4g}" for name, value in report["diagnostics"].items() if value is not None)
        lines.append(f"  {'  '.join(figures)}")
    return "\n".join(lines)


def _parse_box(text):
    try:
        box = tuple(float(part) for part in text.split(","))
    except ValueError:
        box = ()
    if len(box) != 4:
        raise InputError("--box", f'"{text}"', "x0,y0,x1,y1 in pixels")
    return box


def _output_paths(images, out):
    """One file name a picture in ``out``; pictures of the same name get a number."""
    paths = []
    for image in images:
        stem, number = Path(image).stem, 1
        path = Path(out) / f"{stem}.png"
        while path in paths:
            number += 1
            path = Path(out) / f"{stem}-{number}.png"
        paths.append(path)
    return paths


def predict(arguments, methods):
    """``predict``: landmarks of every face, in image pixels; drawn into ``--out``."""
    pictures = [read_picture(path) for path in arguments.images]
    box = _parse_box(arguments.box) if arguments.box is not None else None
    if box:
        for picture in pictures:
            check_box(box, picture)
    predictor = Predictor(methods, arguments.run, parse_devices(arguments.devices)[0], parse_settings(arguments.settings))
    results, lines, drawn = [], [], []
    for path, picture in zip(arguments.images, pictures):
        boxes = [box] if box else predictor.faces(picture)
        points = predictor(picture, boxes)
        results.append({"image": path, "faces": [{"box": list(b), "points": p.tolist()} for b, p in zip(boxes, points)]})
        lines.append(f"{path}: {len(boxes)} face{'' if len(boxes) == 1 else 's'}" + ("" if boxes else
                     "; no frontal face was found, give --box x0,y0,x1,y1"))
        for b, p in zip(boxes, points):
            lines.append(f"  box {','.join(f'{v:.1f}' for v in b)}  landmarks " + " ".join(f"{x:.1f},{y:.1f}" for x, y in p))
        drawn.append(draw.draw_faces(picture, points, boxes))
    if arguments.out:
        os.makedirs(arguments.out, exist_ok=True)
        for path, picture in zip(_output_paths(arguments.images, arguments.out), drawn):
            if not draw.write_picture(path, picture):
                raise InputError(path, "could not be written", "a folder that can be written to", "check --out")
            lines.append(f"drawn: {path}")
    return {"run": str(arguments.run), "images": results}, "\n".join(lines)
