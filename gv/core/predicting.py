"""The sub-command ``predict``. It loads MXNet for a trained run, and none for an exported one."""

import os
from contextlib import nullcontext
from pathlib import Path

from tqdm import tqdm

from gv.core import boxes, draw, exported, landmark_files
from gv.core.config import parse_settings
from gv.core.errors import InputError, PartlyDone
from gv.core.files import printable
from gv.core.finding import FEW_STEPS
from gv.core.pictures import read_picture

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")
MOST_SAID = 3        # pictures that could not be used, named one by one


def _parse_box(text):
    try:
        box = tuple(float(part) for part in text.split(","))
    except ValueError:
        box = ()
    if len(box) != 4:
        raise InputError("--box", f'"{text}"', "x0,y0,x1,y1 in pixels")
    return box


def _pictures(given):
    """The pictures of paths, some of which may be folders; InputError for a folder without one."""
    found = []
    for path in given:
        inside = [path]
        if os.path.isdir(path):
            inside = sorted(str(one) for one in Path(path).iterdir() if one.suffix.lower() in SUFFIXES)
        if not inside:
            raise InputError(path, "a folder without pictures", f"files named {', '.join(SUFFIXES)} in it",
                             "folders within are not searched: name them")
        found += inside
    return found


def _output_paths(images, out):
    """{picture: file in ``out``}, pictures of the same name told apart by a number; InputError where one would be overwritten."""
    paths, taken = {}, set()
    if os.path.exists(out) and not os.path.isdir(out):
        raise InputError(f"--out {out}", "a file", "a folder, or a name not yet taken")
    for image in images:
        stem, number = Path(image).stem, 1
        path = Path(out) / f"{stem}.png"
        while path in taken:
            number += 1
            path = Path(out) / f"{stem}-{number}.png"
        taken.add(path)
        paths[image] = path
    for path in taken:
        if any(os.path.exists(path) and os.path.exists(image) and os.path.samefile(path, image) for image in images):
            raise InputError(f"--out {out}", f"{path} is one of the pictures given", "another folder", "it would be lost")
    return paths


def _given_boxes(arguments, images):
    """{picture: [box, ...]} of the pictures whose boxes are given."""
    if arguments.box and arguments.boxes:
        raise InputError("--box, --boxes", "both", "one of them")
    if arguments.boxes:
        return boxes.boxes_of(images, boxes.read_boxes(arguments.boxes), f"--boxes {arguments.boxes}")
    same = [_parse_box(text) for text in arguments.box or ()]
    return dict.fromkeys(images, same) if same else {}


def _finder(arguments, load_methods):
    """What finds the landmarks: a trained run's net, or an exported folder's.

    load_methods: () -> {name: Method}, which loads MXNet: called for a trained run alone.
    """
    settings = parse_settings(arguments.settings)
    if exported.is_exported(arguments.run):
        return exported.load(arguments.run, arguments.devices, settings)
    if arguments.backend == "onnx":
        raise InputError("--backend onnx", f"{arguments.run} holds no {exported.MODEL}", "a folder that export wrote",
                         "export the run first, with --format onnx")
    methods = load_methods()
    from gv.core.devices import parse_devices
    from gv.core.predict import Predictor
    return Predictor(methods, arguments.run, parse_devices(arguments.devices)[0], settings)


def predict(arguments, load_methods):
    """``predict``: landmarks of every face, in image pixels; drawn into ``--out``. One picture is held at a time."""
    images = list(dict.fromkeys(_pictures(arguments.images)))
    given = _given_boxes(arguments, images)
    paths = _output_paths(images, arguments.out) if arguments.out else {}
    stems = _output_paths(images, arguments.pts) if arguments.pts else {}
    predictor = _finder(arguments, load_methods)
    results, lines, failed = [], [], []
    with landmark_files.table(arguments.save, predictor.names) if arguments.save else nullcontext() as add:
        for path in tqdm(images, unit="picture", leave=False, disable=None if len(images) > 1 else True):
            try:
                picture = read_picture(path, upright=True)
                faces = predictor(picture, given.get(path))
                if paths:
                    drawn = draw.draw_faces(picture, [face.points for face in faces], [face.box for face in faces],
                                            predictor.layout)
                    draw.write_picture(paths[path], drawn)
            except InputError as error:
                if len(images) == 1:
                    raise
                failed.append(error)
                continue
            if add:
                add(path, faces)
            if stems:
                landmark_files.write_pts(arguments.pts, stems[path].stem, faces)
            unlike = predictor.other_boxes(faces) if path in given else ""     # the detector's are mapped to the trained ones
            results.append({"image": printable(path), "faces": [
                {"box": list(face.box), "points": face.points.tolist(), "scores": landmark_files.numbers(face.scores)}
                for face in faces],
                **({"other_boxes": unlike} if unlike else {})})
            lines += _lines(path, faces, unlike, paths.get(path), predictor.names)
    return _told(arguments, predictor, images, results, lines, failed)


def _lines(path, faces, unlike, drawn, names):
    """What is printed of a picture."""
    lines = [f"{printable(path)}: {len(faces)} face{'' if len(faces) == 1 else 's'}" + ("" if faces else
             "; no frontal face was found, give --box x0,y0,x1,y1")]
    if unlike:
        lines.append(f"  {unlike}")
    for face in faces:
        points = [f"{x:.1f},{y:.1f}" for x, y in face.points]
        lines.append(f"  box {','.join(f'{v:.1f}' for v in face.box)}  landmarks " +
                     " ".join([f"{name} {point}" for name, point in zip(names, points)] if names else points))
    return lines + ([f"drawn: {printable(drawn)}"] if drawn else [])


def _told(arguments, predictor, images, results, lines, failed):
    """(report, text) of all pictures; an error where some could not be used."""
    written = [f"written: {printable(path)}" for path in (arguments.save, arguments.pts) if path]
    named = {"landmarks": list(predictor.names)} if predictor.names else {}
    report, text = {"run": str(arguments.run), **named, "images": results}, "\n".join([*lines, *written])
    if predictor.steps < FEW_STEPS:
        text = f"the run has trained for {predictor.steps} steps: its landmarks say nothing yet\n{text}"
    if failed:
        said = "; ".join(str(error) for error in failed[:MOST_SAID]) + ("; ..." if len(failed) > MOST_SAID else "")
        raise PartlyDone({**report, "failed": [str(error) for error in failed]}, text, f"{len(failed)} of {len(images)} pictures",
                         said, "", "the others are done")
    return report, text
