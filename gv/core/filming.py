"""The sub-command ``predict --video``. It loads MXNet for a trained run, and none for an exported one."""

import time
from contextlib import ExitStack, closing
from itertools import islice
from math import floor

from tqdm import tqdm

from gv.core import draw, landmark_files, video
from gv.core.config import fill, parse_settings
from gv.core.errors import InputError
from gv.core.exits import Interrupted, Stop
from gv.core.files import printable
from gv.core.following import REDETECT, Follower
from gv.core.geometry import tight_box
from gv.core.predicting import face_values, hardly_trained, named, open_finder, parse_box, refuse
from gv.core.smoothing import OneEuro
from gv.core.telling import Telling

PICTURE_OPTIONS = {"IMAGE": "images", "--boxes": "boxes", "--pts": "pts", "--recursive": "recursive"}
STEPS = ("read", "detect", "net", "draw", "write")


def predict(arguments, load_methods):
    """``predict --video``: landmarks of the faces in every frame, drawn into a video of the same size and speed.

    It prints by itself. Ctrl-C and TERM end the video after the frame at hand, and all that was done is kept.
    """
    follow = _check(arguments)
    watch = video.Stopwatch()
    with ExitStack() as open_, Stop().listening() as stop:
        with watch("read"):
            reader = open_.enter_context(closing(video.Reader(arguments.video)))
        finder = open_finder(arguments, load_methods)
        follower = Follower(finder, watch=watch, **follow)
        telling = open_.enter_context(Telling(arguments.json, "frames"))
        telling.heading = hardly_trained(finder)
        with ExitStack() as files:
            write = files.enter_context(video.writing(arguments.out, reader.fps, reader.size)) if arguments.out else None
            add = files.enter_context(landmark_files.table(arguments.save, landmark_files.FRAME, finder.names)) \
                if arguments.save else None
            seen = _go_through(reader, follower, write, add, telling, watch, arguments.frames, stop)
        report = {"run": str(arguments.run), "video": printable(arguments.video), "size": list(reader.size), "fps": reader.fps,
                  **named(finder), **seen}
        telling.end(report, {}, _lines(report, arguments))
    kept = " and ".join(printable(path) for path in (arguments.out, arguments.save) if path)
    if stop.number is not None:
        raise Interrupted(stop.number, f"{kept or 'what is printed'} has the {seen['count']} frames up to here")
    if arguments.frames is None and reader.is_cut_short(seen["count"]):
        raise InputError(f"--video {arguments.video}", f"ends after {seen['count']} of {reader.count} frames", "a whole video",
                         "what could be read is done")


def _check(arguments):
    """How faces are followed, as keywords of ``Follower``; InputError where the options do not go together."""
    refuse(arguments, PICTURE_OPTIONS, "given with --video", "pictures or a video")
    if arguments.box:
        refuse(arguments, {"--redetect": "redetect"}, "given with --box", "one of them: no face is looked for beside those given")
    if not (arguments.out or arguments.save or arguments.json):
        raise InputError("--video", "nothing would be kept", "--out FILE, --save FILE or --json")
    if arguments.out:
        video.check_target(arguments.out)
    if arguments.frames is not None and arguments.frames < 1:
        raise InputError("--frames", arguments.frames, "at least 1")
    smooth = None
    if arguments.smooth is not None:
        smooth = fill(OneEuro, parse_settings(filter(None, arguments.smooth.split(",")), "--smooth "))
    return {"redetect": REDETECT if arguments.redetect is None else arguments.redetect, "smooth": smooth,
            "boxes": [parse_box(text) for text in arguments.box] if arguments.box else None}


def _go_through(reader, follower, write, add, telling, watch, most, stop):
    """What was seen, as JSON values, after every frame has been found, drawn and told."""
    frames, written, with_faces, faces_most, numbers, seconds = 0, 0, 0, 0, set(), 0.0
    begin = time.perf_counter()
    total = most if reader.count is None else min(most or reader.count, reader.count)
    for frame in tqdm(_timed(islice(reader, most), watch), unit="frame", total=total, leave=False, disable=None):
        faces = follower(frame.image, frame.seconds)
        # a camera's frames come when they are done: each stays until the next one
        times = max(0, floor(frame.seconds * reader.fps + 0.5) + 1 - written) if reader.live else 1
        if write and times:
            with watch("draw"):
                shapes = [face.points for face in faces]      # in their rectangles: the box looked in is one frame behind
                drawn = draw.draw_faces(frame.image, shapes, [tight_box(points) for points in shapes], enlarge=False,
                                        layout=follower.finder.layout)
            with watch("write"):
                for _ in range(times):
                    write(drawn)
            written += times
        if add:
            add(frame.number, round(frame.seconds, 4), faces)
        telling.add({"frame": frame.number, "seconds": round(frame.seconds, 4),
                     "faces": [{"face": face.number, **face_values(face)} for face in faces]}, [])
        frames, seconds = frames + 1, frame.seconds
        with_faces, faces_most = with_faces + bool(faces), max(faces_most, len(faces))
        numbers.update(face.number for face in faces)
        if stop.number is not None:
            break
    taken = time.perf_counter() - begin
    return {"count": frames, "seconds": round(seconds, 4), "with_faces": with_faces, "most_faces": faces_most,
            "different_faces": len(numbers), "frames_a_second": round(frames / taken, 2),
            **{name: {step: round(1000 * spent[step] / frames, 2) for step in STEPS if step in spent}
               for name, spent in (("milliseconds", watch.seconds), ("cpu_milliseconds", watch.cpu))}}


def _timed(frames, watch):
    """The same frames, the time for each of which is noted."""
    frames = iter(frames)
    while True:
        with watch("read"):
            frame = next(frames, None)
        if frame is None:
            return
        yield frame


def _lines(report, arguments):
    """What is printed of a video."""
    (width, height), count = report["size"], report["count"]
    steps = ", ".join(f"{step} {value:.1f}" for step, value in report["milliseconds"].items())
    return [f"{report['video']}: {count} frame{'' if count == 1 else 's'} of {width} x {height} pixels, {report['fps']:.5g} a "
            "second",
            f"  faces in {report['with_faces']} of them, at most {report['most_faces']} at once, "
            f"{report['different_faces']} told apart",
            f"  {report['frames_a_second']:.1f} frames a second; milliseconds a frame: {steps}",
            *([f"drawn: {printable(arguments.out)}"] if arguments.out else []),
            *([f"written: {printable(arguments.save)}"] if arguments.save else [])]
