"""The sub-command ``predict``. It loads MXNet for a trained run, and none for an exported one."""

from contextlib import nullcontext

from tqdm import tqdm

from gv.core import boxes, draw, exported, given, landmark_files
from gv.core.config import parse_settings
from gv.core.errors import InputError
from gv.core.files import printable
from gv.core.finding import FEW_STEPS
from gv.core.pictures import read_picture
from gv.core.telling import Telling

VIDEO_OPTIONS = {"--redetect": "redetect", "--smooth": "smooth", "--frames": "frames"}
MOST_SAID = 3        # pictures that could not be used, named one by one


def parse_box(text):
    """A box of the command line; InputError where it is none."""
    try:
        box = tuple(float(part) for part in text.split(","))
    except ValueError:
        box = ()
    if len(box) != 4:
        raise InputError("--box", f'"{text}"', "x0,y0,x1,y1 in pixels")
    return box


def _given_boxes(arguments, images):
    """{picture: [box, ...]} of the pictures whose boxes are given."""
    if arguments.box and arguments.boxes:
        raise InputError("--box, --boxes", "both", "one of them")
    if arguments.boxes:
        return boxes.boxes_of(images, boxes.read_boxes(arguments.boxes), f"--boxes {arguments.boxes}")
    same = [parse_box(text) for text in arguments.box or ()]
    return dict.fromkeys(images, same) if same else {}


def refuse(arguments, options, found, expected):
    """InputError where one of the options, {name on the command line: attribute}, is given."""
    for name, attribute in options.items():
        if getattr(arguments, attribute) not in (None, False, []):
            raise InputError(name, found, expected)


def hardly_trained(finder):
    """The lines to begin with where a run's landmarks say nothing yet."""
    return [f"the run has trained for {finder.steps} steps: its landmarks say nothing yet"] if finder.steps < FEW_STEPS else []


def named(finder):
    """{"landmarks": names} for a report, where they have some."""
    return {"landmarks": list(finder.names)} if finder.names else {}


def face_values(face):
    """A found face as JSON values."""
    return {"box": list(face.box), "points": face.points.tolist(), "scores": landmark_files.numbers(face.scores)}


def open_finder(arguments, load_methods):
    """What finds the landmarks: a trained run's net, or an exported folder's.

    load_methods: () -> {name: Method}, which loads MXNet: called for a trained run alone.
    """
    settings = parse_settings(arguments.settings)
    if exported.is_exported(arguments.run):
        return exported.load(arguments.run, arguments.devices, settings).use(arguments.detector, arguments.mirrored)
    if arguments.backend == "onnx":
        raise InputError("--backend onnx", f"{arguments.run} holds no {exported.MODEL}", "a folder that export wrote",
                         "export the run first, with --format onnx")
    methods = load_methods()
    from gv.core.devices import parse_devices
    from gv.core.predict import Predictor
    predictor = Predictor(methods, arguments.run, parse_devices(arguments.devices)[0], settings)
    return predictor.use(arguments.detector, arguments.mirrored)


def predict(arguments, load_methods):
    """``predict``: landmarks of every face, in image pixels; drawn into ``--out``. It prints by itself.

    One picture is held at a time, and of those before nothing. InputError at the end where some could not be used.
    """
    if not arguments.images:
        raise InputError("IMAGE", "none given", "pictures, folders, patterns, or --video")
    refuse(arguments, VIDEO_OPTIONS, "given for pictures", "--video with it")
    images = given.pictures(arguments.images, arguments.recursive, arguments.out)
    chosen = _given_boxes(arguments, images)
    paths = given.output_paths(images, arguments.out) if arguments.out else {}
    stems = given.output_paths(images, arguments.pts, "--pts") if arguments.pts else {}
    finder = open_finder(arguments, load_methods)
    failed = []
    with Telling(arguments.json, "images") as telling:
        telling.heading = hardly_trained(finder)
        with landmark_files.table(arguments.save, names=finder.names) if arguments.save else nullcontext() as add:
            for path in tqdm(images, unit="picture", leave=False, disable=None if len(images) > 1 else True):
                try:
                    faces = _find(finder, path, chosen.get(path), paths.get(path))
                except InputError as error:
                    if len(images) == 1:
                        raise
                    failed.append(str(error))       # not the error itself, by whose traceback the picture would stay
                    continue
                if add:
                    add(path, faces)
                if stems:
                    landmark_files.write_pts(arguments.pts, stems[path].stem, faces)
                unlike = finder.other_boxes(faces) if path in chosen else ""     # the detector's are mapped to the trained ones
                telling.add({"image": printable(path), "faces": [face_values(face) for face in faces],
                             **({"other_boxes": unlike} if unlike else {})},
                            _lines(path, faces, unlike, paths.get(path), finder.names))
        telling.end({"run": str(arguments.run), **named(finder)}, {"failed": failed} if failed else {},
                    [f"written: {printable(path)}" for path in (arguments.save, arguments.pts) if path])
    if failed:
        said = "; ".join(failed[:MOST_SAID]) + ("; ..." if len(failed) > MOST_SAID else "")
        raise InputError(f"{len(failed)} of {len(images)} pictures", said, "", "the others are done")


def _find(finder, path, boxes, drawn):
    """[FoundFace, ...] of one picture, which is drawn into the file ``drawn``. Its pixels are gone when this returns."""
    picture = read_picture(path, upright=True)
    faces = finder(picture, boxes)
    if drawn:
        draw.write_picture(drawn, draw.draw_faces(picture, [face.points for face in faces], [face.box for face in faces],
                                                 layout=finder.layout))
    return faces


def _lines(path, faces, unlike, drawn, names):
    """What is printed of a picture."""
    lines = [f"{printable(path)}: {len(faces)} face{'' if len(faces) == 1 else 's'}" + ("" if faces else
             "; no face was found, give --box x0,y0,x1,y1 or try another --detector")]
    if unlike:
        lines.append(f"  {unlike}")
    for face in faces:
        points = [f"{x:.1f},{y:.1f}" for x, y in face.points]
        lines.append(f"  box {','.join(f'{v:.1f}' for v in face.box)}  landmarks " +
                     " ".join([f"{name} {point}" for name, point in zip(names, points)] if names else points))
    return lines + ([f"drawn: {printable(drawn)}"] if drawn else [])
