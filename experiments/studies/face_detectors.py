"""What each face detector finds, and what it costs: faces as they are, and made harder to find.

    python -m experiments.studies.face_detectors --data data/300w --faces 120

The faces are the test set's, evenly spread, and those of all sets that are turned furthest; the detectors' maps are fitted on
training faces, as training fits them. All detectors take turns at every picture, in one thread; times are the processor's, which
other work on the machine changes less.
"""

import os
import sys
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")      # of a detector's own threads, as the command line sets it; before it is loaded

import cv2  # noqa: E402
import numpy as np  # noqa: E402

from gv.core import detector, detectors, geometry, timing  # noqa: E402
from gv.core.data import FaceDataset, choose_faces  # noqa: E402
from gv.core.errors import InputError  # noqa: E402
from gv.core.exits import Parser  # noqa: E402
from gv.core.exits import run as run_main  # noqa: E402
from gv.core.faces import read_index, read_split  # noqa: E402
from gv.core.layouts import get_layout  # noqa: E402
from gv.core.pictures import Crop, read_picture  # noqa: E402

SEED = 0                                # of places and colours
SCENE = (640, 480)                      # pixels of the picture that a small face is pasted into
BLUR = 40.0                             # pixels of its background, which is the same picture, enlarged
SMALL, ROLLS = (48, 32, 24, 16, 12), (15, 30, 60)      # the landmarks' box's longer side in pixels; degrees
CLOSE = 0.1                             # share of the landmarks' square that is left around it


def turned(points, layout):
    """How far the middle of the nose lies off the middle between the contour's ends, in halves of their distance: 0 for a frontal
    face, 1 where the nose reaches one of them. points: (L, 2)."""
    contour, nose = layout.groups["contour"], points[list(layout.groups["nose"])].mean(0)
    left, right = points[contour[0]], points[contour[-1]]
    across = right - left
    return float(abs(2 * np.dot(nose - left, across) / np.dot(across, across) - 1))


def as_it_is(picture, points, number, rng):
    """The picture and the landmarks' box."""
    return picture, geometry.tight_box(points)


def small(side):
    """The face shrunk to ``side`` pixels, its picture somewhere in a larger one."""
    def make(picture, points, number, rng):
        box = np.array(geometry.tight_box(points))
        scale = side / max(geometry.box_size(box))
        shrunk = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)[:SCENE[1], :SCENE[0]]
        scene = cv2.GaussianBlur(cv2.resize(picture, SCENE), (0, 0), BLUR)
        height, width = shrunk.shape[:2]
        x, y = int(rng.integers(0, SCENE[0] - width + 1)), int(rng.integers(0, SCENE[1] - height + 1))
        scene[y:y + height, x:x + width] = shrunk
        return scene, tuple((box + 0.5) * scale - 0.5 + np.array([x, y, x, y]))
    return make


def rolled(degrees):
    """The picture turned about the face's middle, every other one to the other side."""
    def make(picture, points, number, rng):
        box = geometry.tight_box(points)
        centre = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
        matrix = geometry.similarity_about(centre, degrees if number % 2 else -degrees)
        height, width = picture.shape[:2]
        return (cv2.warpAffine(picture, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE),
                geometry.tight_box(geometry.transform_points(matrix, points)))
    return make


def covered(part):
    """One half of the landmarks' box painted over in one colour: the "right" or the "lower"."""
    def make(picture, points, number, rng):
        box = geometry.tight_box(points)
        x0, y0, x1, y1 = (int(round(value)) for value in box)
        x0, y0 = (x0 + x1) // 2 if part == "right" else x0, (y0 + y1) // 2 if part == "lower" else y0
        picture = picture.copy()
        picture[max(0, y0):y1 + 1, max(0, x0):x1 + 1] = rng.integers(0, 256, 3)
        return picture, box
    return make


def close(picture, points, number, rng):
    """The picture cut to the landmarks' square and a little."""
    box = geometry.tight_box(points)
    wanted = geometry.enlarge_box(geometry.square_box(box), 2 * CLOSE)
    x0, y0 = max(0, int(wanted[0])), max(0, int(wanted[1]))
    cut = picture[y0:int(np.ceil(wanted[3])) + 1, x0:int(np.ceil(wanted[2])) + 1]
    return np.ascontiguousarray(cut), (box[0] - x0, box[1] - y0, box[2] - x0, box[3] - y0)


CONDITIONS = {"as they are": as_it_is, "cut close": close,
              **{f"rolled by {degrees} degrees": rolled(degrees) for degrees in ROLLS},
              "right half covered": covered("right"), "lower half covered": covered("lower"),
              **{f"{side} pixels in {SCENE[0]} x {SCENE[1]}": small(side) for side in SMALL}}


def fits(index, names, count):
    """{detector: ((dx, dy, scale), faces found, faces tried, mean overlap)} on up to ``count`` training faces."""
    dataset = FaceDataset(index.folder, read_split(index, "train"), index.layout, Crop(boxes="landmarks"))
    found = {}
    for name in names:
        pairs, tried = detector.match_faces(dataset, count, detectors.make(name), name)
        mapping = detector.fit_mapping(pairs)
        found[name] = mapping, len(pairs), tried, detector.mean_overlap(pairs, mapping) if mapping else float("nan")
    return found


def compare(finders, maps, index, faces, make):
    """{detector: (share found, other boxes a picture, overlap of the mapped boxes, times)} of faces in one condition."""
    rng = np.random.default_rng(SEED)
    seconds, pairs, others = ({name: [] for name in finders} for _ in range(3))
    for number, face in enumerate(faces):
        picture, target = make(read_picture(os.path.join(str(index.folder), face.image)), face.points, number, rng)
        for name, find in finders.items():
            begin = time.process_time()
            boxes = find(picture)
            seconds[name].append(time.process_time() - begin)
            match = detector.best_match(boxes, target)
            others[name].append(len(boxes) - (match is not None))
            if match is not None:
                pairs[name].append((match, target))
    return {name: (len(pairs[name]) / len(faces), float(np.mean(others[name])),
                   detector.mean_overlap(pairs[name], maps[name]) if pairs[name] and maps[name] else float("nan"),
                   timing.milliseconds(seconds[name])) for name in finders}


def _tell(condition, found):
    for name, (share, others, right, times) in found.items():
        print(f"| {condition} | {name} | {100 * share:.1f} % | {others:.2f} | {right:.3f} | {timing.text(times, 0)} |",
              flush=True)


def main(arguments=None):
    """Measure, and print the tables as Markdown."""
    options = Parser(prog="python -m experiments.studies.face_detectors", description=__doc__.splitlines()[0])
    options.add_argument("--data", required=True, help="index folder")
    options.add_argument("--split", default="common", help="split to search (default %(default)s)")
    options.add_argument("--faces", type=int, default=120, help="of it, and turned ones (default %(default)s)")
    options.add_argument("--fit", type=int, default=200, help="training faces for the maps (default %(default)s)")
    args = options.parse_args(arguments)
    for name in ("faces", "fit"):
        if getattr(args, name) < detector.FEWEST_MATCHES:
            raise InputError(f"--{name}", getattr(args, name), f"at least {detector.FEWEST_MATCHES}")
    cv2.setNumThreads(1)
    index = read_index(args.data)
    layout = get_layout(index.layout)
    if not {"contour", "nose"} <= set(layout.groups):
        raise InputError(args.data, f"{index.layout} landmarks a face", "a layout with contour and nose")
    every = [face for split in dict.fromkeys(("train", args.split)) for face in read_split(index, split)]
    faces = choose_faces(read_split(index, args.split), args.faces)
    side = sorted(every, key=lambda face: -turned(face.points, layout))[:args.faces]
    names = detectors.installed()
    finders = {name: detectors.make(name) for name in names}
    fitted = fits(index, names, args.fit)
    least, most = (100 * turned(face.points, layout) for face in (side[-1], side[0]))
    print(f"{index.provenance_line()}; {len(faces)} faces of {args.split}; the {len(side)} of {len(every)} faces that are turned "
          f"furthest, the nose {least:.0f} to {most:.0f} % of the way to the contour\n\n"
          "| detector | dx | dy | scale | found | overlap of the mapped box |\n|---|---:|---:|---:|---:|---:|")
    for name, (mapping, found, tried, right) in fitted.items():
        told = " | ".join(f"{value:.3f}" for value in mapping or (float("nan"),) * 3)
        print(f"| {name} | {told} | {found} of {tried} | {right:.3f} |")
    print("\n| faces | detector | found | other boxes a picture | overlap of the mapped box | ms |\n"
          "|---|---|---:|---:|---:|---:|", flush=True)
    maps = {name: found[0] for name, found in fitted.items()}
    _tell("turned furthest", compare(finders, maps, index, side, as_it_is))
    for condition, make in CONDITIONS.items():
        _tell(condition, compare(finders, maps, index, faces, make))


if __name__ == "__main__":
    sys.exit(run_main(main, "face_detectors"))
