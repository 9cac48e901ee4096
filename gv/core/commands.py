"""What each sub-command does: from parsed arguments to (a report as JSON values, the same as text)."""

import dataclasses
import inspect
import json
import os
import sys
from pathlib import Path

import cv2
import numpy as np

from gv.core import (
    checkpoint,
    coverage,
    detector,
    detectors,
    evaluate,
    folding,
    geometry,
    known_faults,
    metrics,
    narrow_heads,
    spread,
)
from gv.core import train as training
from gv.core.config import fill, parse_settings
from gv.core.data import FaceDataset, choose_faces
from gv.core.detector_fitting import fit_others
from gv.core.devices import memory_text, memory_used, parse_devices
from gv.core.errors import InputError, one_of
from gv.core.faces import read_index, read_split
from gv.core.files import printable, write_json
from gv.core.finding import FEW_STEPS
from gv.core.pictures import read_picture
from gv.core.run import open_run, plan, refuse_layout, refuse_other, stored_config

METRICS_FILE, USUAL_SPLIT = "metrics.json", "common"
TRAINED_BOXES = "give boxes of the kind it was trained with, or train on these"


def _check_pictures(index, faces):
    """InputError for the first picture that is missing or has no picture's header."""
    for face in faces:
        path = os.path.join(str(index.folder), face.image)
        if not os.path.isfile(path) or printable(path) != path or not cv2.haveImageReader(path):   # which crashes on such names
            read_picture(path)  # says which of the two, or that a header OpenCV does not announce can be read after all


def train(arguments, methods):
    """``train``: a run folder with weights, log and config."""
    index = read_index(arguments.data)
    faces = read_split(index, arguments.split)
    settings = parse_settings(arguments.settings)
    if arguments.seed is not None:
        settings["seed"] = str(arguments.seed)
    if arguments.start_from:
        if "start" in settings:
            raise InputError("--start-from, --set start", "both", "one of them")
        settings["start"] = arguments.start_from
    run = plan(methods, arguments.method, arguments.preset, settings, index.layout, index.source)
    devices = parse_devices(arguments.devices)
    if (arguments.workers or 0) < 0:
        raise InputError("--workers", arguments.workers, "0 or more")
    out = Path(arguments.out)
    many = spread.here()
    if out.exists() and not arguments.resume and many.rank == 0:
        raise InputError(f"--out {out}", "exists", "a new folder", "add --resume to go on with it, or choose another")
    blank = run.method.blank(run.landmarks)
    net = run.method.net(run.landmarks, blank)
    run.method.loss(blank)      # whose settings are refused before anything is read or said
    known_faults.refuse(net)
    faces = choose_faces(faces, run.training.faces)
    curve_faces = read_split(index, run.training.curve_split) if run.training.curve_split else []
    _check_pictures(index, faces + curve_faces)

    def mapping():
        stored, where = stored_config(out)
        if where:
            return refuse_other(stored, run, where)
        dataset = FaceDataset(index.folder, faces, index.layout, run.crop)
        return detector.fit_detector(dataset, run.training.detector_faces) if run.training.detector_faces else run.crop.detector

    fitted = many.first(mapping)
    run = run.with_detector(tuple(fitted) if fitted else fitted)
    curve = evaluate.curve_of(run, index, curve_faces, devices) if curve_faces else None
    steps = run.training.epochs * -(-len(faces) // run.training.batch)
    note = narrow_heads.note(net, run.landmarks) if many.rank == 0 and steps >= FEW_STEPS else ""
    if note:
        print(note, file=sys.stderr)
    training.train(out, run, index, faces, devices, arguments.resume, curve, workers=arguments.workers)
    if many.rank:
        report = {"run": str(out), "rank": many.rank, "of": many.size, "memory": memory_used(devices)}
        return report, f"{out}: rank {many.rank} of {many.size} is done; memory: {memory_text(report['memory'])}"
    fit_others(out, run, index, faces, arguments.split)
    sidecar = checkpoint.read_sidecar(out)
    rows = training.read_log(out)
    report = {"run": str(out), "method": run.method.name, "steps": sidecar["step"], "seconds": round(sidecar["seconds"], 1),
              "loss": float(rows[-1]["loss"]), "memory": memory_used(devices),
              "start": sidecar["start"], "provenance": sidecar["provenance"]}
    return report, (f"{out}: {report['method']} trained {report['start']} for {report['steps']} steps in "
                    f"{report['seconds']:.0f} s, last loss {report['loss']:.4g} ({report['provenance']}); "
                    f"memory: {memory_text(report['memory'])}")


def options(arguments, methods):
    """``options``: every option of a method, by part, at the values of a preset."""
    run = plan(methods, arguments.method, arguments.preset, {}, layout=0)
    parts = {"method": run.method.options, "crop": run.crop, "augmentation": run.augment, "training": run.training,
             "decoding (eval --decode, predict --set)": run.method.Decoding()}
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


def default_split(index):
    """The split that ``eval`` measures where none is named: common, or the only one besides train; InputError otherwise."""
    others = [name for name in index.splits if name != "train"] or list(index.splits)
    if USUAL_SPLIT in others or len(others) != 1:
        return USUAL_SPLIT if USUAL_SPLIT in others else one_of("--split", None, others, "not given")
    return others[0]


def _decodings(method, texts):
    """{name: Decoding} of the default and each ``NAME:KEY=VALUE,...``."""
    decodings = {"default": method.Decoding()}
    for text in texts:
        name, colon, rest = text.partition(":")
        if not colon or not name or name in decodings:
            raise InputError(f"--decode {text}", "no name of its own", "NAME:KEY=VALUE,...")
        decodings[name] = fill(method.Decoding, parse_settings(rest.split(","), f"--decode {name}:"))
    return decodings


def _detected(dataset, run, arguments):
    """(detector, [row, mapped box] of the faces that it finds), among the faces of a data set."""
    maps = detectors.maps_of(run.crop, detectors.read_fits(arguments.run))
    name, find = detectors.open_detector(arguments.detector or detectors.CASCADE, maps)
    found = []
    for i in range(len(dataset)):
        match = detector.best_match(find(dataset.picture(i)), dataset.box(i))
        if match is not None:
            found.append((i, detector.map_box(match, maps.get(name))))
    return name, found


def eval(arguments, methods):
    """``eval``: metrics.json and errors_<split>.csv in the run's folder."""
    if not 0 <= arguments.shrink < 1:
        raise InputError("--shrink", arguments.shrink, "a share from 0 to below 1")
    if arguments.threshold <= 0:
        raise InputError("--threshold", arguments.threshold, "more than 0")
    if arguments.detector and arguments.boxes != "detector":
        raise InputError(f"--detector {arguments.detector}", "its boxes are not asked for", "--boxes detector with it")
    devices = parse_devices(arguments.devices)
    run, sidecar, fitted, net = open_run(methods, arguments.run, devices)
    net, _ = folding.fold(run.method.reader(net, devices), net, run.crop.size, devices)
    index = read_index(arguments.data)
    split = arguments.split or default_split(index)
    faces = read_split(index, split)
    refuse_layout(run, index)
    decodings = _decodings(run.method, arguments.decode)
    _check_pictures(index, faces)
    dataset = FaceDataset(index.folder, faces, index.layout, run.crop)
    name, total = split, len(faces)
    boxes_of = "landmarks" if run.crop.boxes == "landmarks" else index.box_source
    if arguments.boxes == "detector":
        found_by, hits = _detected(dataset, run, arguments)
        if not hits:
            raise InputError("--boxes detector", f"no face found in {total} pictures", "faces that it finds", "use --boxes index")
        boxes = [box for _, box in hits]
        faces = [faces[i] for i, _ in hits]
        dataset = FaceDataset(index.folder, faces, index.layout, run.crop)
        boxes_of = "detector" if found_by == detectors.CASCADE else found_by
        name += f"_{boxes_of}"
    else:
        boxes = [dataset.box(i) for i in range(total)]
    if arguments.shrink:
        name += f"_shrink{arguments.shrink:g}"
    matrices = [run.crop.matrix(box, arguments.shrink) for box in boxes]
    found = evaluate.measure(run, fitted, net, index, dataset, decodings, devices, matrices, arguments.mirrored)
    errors = found.errors
    covered = [coverage.coverage(geometry.transform_points(matrix, face.points), run.crop.size)
               for matrix, face in zip(matrices, faces)]
    other_boxes = "" if arguments.shrink else coverage.difference(sidecar.get("coverage"), covered, TRAINED_BOXES)
    report = {"run": str(arguments.run), "method": run.method.name, "split": split, "faces": len(faces), "of": total,
              "boxes": boxes_of, "shrink": arguments.shrink,
              "provenance": sidecar["provenance"], "evaluated_on": index.provenance_line(split),
              "start": sidecar["start"], "steps": sidecar["step"],
              "coverage": round(float(np.median(covered)), 4), "coverage_trained": sidecar.get("coverage"),
              "other_boxes": other_boxes,
              "mean_shape": evaluate.mean_shape_error(run, index, faces, matrices),
              "decodings": {key: _summary(errors[key], index.normaliser, arguments.threshold) for key in errors}}
    if found.own:
        report["diagnostics"] = evaluate.summarise(found.own)
    yaw = {key: evaluate.by_yaw(errors[key][index.normaliser], faces) for key in errors}
    if yaw["default"]:
        report["yaw"] = yaw
    evaluate.write_errors(Path(arguments.run) / f"errors_{name}.csv", faces,
                          {"nme" if key == "default" else f"nme_{key}": errors[key][index.normaliser] for key in errors})
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
    """Metrics of one decoding; fractions. nme_X_low, nme_X_high: of the index's own normaliser X (``metrics.summary``)."""
    spread = metrics.summary(errors[normaliser], threshold)
    figures = evaluate.figures_of(errors, (threshold,))
    return {f"nme_{normaliser}": figures[f"nme_{normaliser}"], f"nme_{normaliser}_low": spread.get("nme_low"),
            f"nme_{normaliser}_high": spread.get("nme_high"), **figures}


def _eval_text(report, normaliser, threshold):
    lines = [f"{report['run']}: {report['method']} on {report['split']}, {report['faces']} of {report['of']} faces, "
             f"boxes: {report['boxes']}" + (f", shrunk by {report['shrink']:g}" if report["shrink"] else ""),
             f"trained on {report['provenance']}, {report['start']}; evaluated on {report['evaluated_on']}"]
    wide = max(12, *map(len, report["decodings"]))
    if report["steps"] < FEW_STEPS:
        lines.append(f"  the run has trained for {report['steps']} steps: its errors say nothing of the method")
    if report["other_boxes"]:
        lines.append(f"  {report['other_boxes']}")
    if report["mean_shape"] is not None:
        lines.append(f"  {'mean shape':{wide}s} NME({normaliser.upper()}) {100 * report['mean_shape']:.2f} %: the training "
                     "faces' mean put into each box, without a look at the picture")
    for key, values in report["decodings"].items():
        low, high = values[f"nme_{normaliser}_low"], values[f"nme_{normaliser}_high"]
        spread = f" [{100 * low:.2f}, {100 * high:.2f}]" if low is not None else ""
        others = "".join(f"  {name[4:].upper()} {100 * value:.2f} %" for name, value in values.items()
                         if name.startswith("nme_") and not name.startswith(f"nme_{normaliser}"))
        lines.append(f"  {key:{wide}s} NME({normaliser.upper()}) {100 * values[f'nme_{normaliser}']:.2f} %{spread}  "
                     f"FR@{threshold:g} {100 * values[f'fr_{normaliser}_{threshold:g}']:.2f} %  "
                     f"AUC@{threshold:g} {values[f'auc_{normaliser}_{threshold:g}']:.4f}{others}")
    for key, bins in report.get("yaw", {}).items():
        texts = (f"{name} {100 * row['nme']:.2f} % (variance {1e4 * row['variance']:.2f}, {row['faces']} faces)"
                 for name, row in bins.items())
        lines.append(f"  {key:{wide}s} NME({normaliser.upper()}) by yaw: {'  '.join(texts)}")
    if report.get("diagnostics"):
        figures = (f"{name} {value:.4g}" for name, value in report["diagnostics"].items() if value is not None)
        lines.append(f"  {'  '.join(figures)}")
    return "\n".join(lines)
