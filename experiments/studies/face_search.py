"""What looking for faces costs and finds, by the sides that pictures are searched at; and the whole way from a file to points.

    python -m experiments.studies.face_search --data data/300w --run runs/first --faces 250

Faces of the training split, evenly spread. With --run, the time of each step of prediction, one face at a time.
"""

import os
import sys
import time

import cv2
import numpy as np

from gv.core import detector, geometry, timing
from gv.core.data import choose_faces
from gv.core.errors import InputError
from gv.core.exits import Parser
from gv.core.exits import run as run_main
from gv.core.faces import read_index, read_split
from gv.core.pictures import read_picture

SEARCHES = {"1024": (1024,), "512": (512,), "320": (320,), "256": (256,), "200": (200,), "256, then 1024": detector.SIDES}
STEPS = ("read the file", "look for faces", "cut the face out, net, decoding, back")


def searches(pictures, targets):
    """[(name, times, share found, other boxes, mean overlap of the mapped boxes with the landmarks' squares)]."""
    finders = {name: detector.FaceDetector(sides) for name, sides in SEARCHES.items()}
    seconds, pairs, others = ({name: [] for name in finders} for _ in range(3))
    for picture, target in zip(pictures, targets):
        for name, find in finders.items():
            begin = time.perf_counter()
            boxes = find(picture)
            seconds[name].append(time.perf_counter() - begin)
            match = detector.best_match(boxes, target)
            others[name].append(len(boxes) - (match is not None))
            if match is not None:
                pairs[name].append((match, target))
    rows = []
    for name in finders:
        mapping = detector.fit_mapping(pairs[name])
        right = detector.mean_overlap(pairs[name], mapping) if mapping else float("nan")
        rows.append((name, timing.milliseconds(seconds[name]), len(pairs[name]) / len(targets), sum(others[name]), right))
    return rows


def pipeline(folder, paths):
    """{step: spread, ms} of predicting the first face of each picture that has one, and how many have."""
    import gv
    finder = gv.load(folder)
    taken = {step: [] for step in STEPS}
    for path in paths:
        begin = time.perf_counter()
        picture = read_picture(path, upright=True)
        read = time.perf_counter()
        boxes = finder.faces(picture)[:1]
        searched = time.perf_counter()
        if boxes:
            finder(picture, boxes)
            for step, value in zip(STEPS, (read - begin, searched - read, time.perf_counter() - searched)):
                taken[step].append(value)
    return {step: timing.milliseconds(values[1:]) for step, values in taken.items()}, len(taken[STEPS[0]])


def main(arguments=None):
    """Measure, and print the tables as Markdown."""
    options = Parser(prog="python -m experiments.studies.face_search", description=__doc__.splitlines()[0])
    options.add_argument("--data", required=True, help="index folder")
    options.add_argument("--run", help="a trained run or an exported folder of the same layout")
    options.add_argument("--faces", type=int, default=250, help="of the training split (default %(default)s)")
    args = options.parse_args(arguments)
    if args.faces < detector.FEWEST_MATCHES:
        raise InputError("--faces", args.faces, f"at least {detector.FEWEST_MATCHES}")
    cv2.setNumThreads(1)
    index = read_index(args.data)
    faces = choose_faces(read_split(index, "train"), args.faces)
    paths = [os.path.join(str(index.folder), face.image) for face in faces]
    pictures, targets = [read_picture(path) for path in paths], [geometry.tight_box(face.points) for face in faces]
    sides = np.percentile([max(picture.shape) for picture in pictures], [5, 50, 95])
    print(f"{len(faces)} training faces; the pictures' longer sides: median {sides[1]:.0f}, 5 to 95 %: {sides[0]:.0f} to "
          f"{sides[2]:.0f} pixels\n")
    print("| searched at | ms | found | boxes that are no face's | overlap of the mapped box |\n|---|---:|---:|---:|---:|")
    for name, times, share, others, right in searches(pictures, targets):
        print(f"| {name} | {timing.text(times, 0)} | {100 * share:.1f} % | {others} | {right:.3f} |")
    if args.run:
        steps, count = pipeline(args.run, paths)
        whole = sum(found["median"] for found in steps.values())
        print(f"\n{count} faces, one at a time: {1000 / whole:.1f} a second by the medians\n\n| step | ms |\n|---|---:|")
        for step, found in steps.items():
            print(f"| {step} | {timing.text(found, 1)} |")


if __name__ == "__main__":
    sys.exit(run_main(main, "face_search"))
