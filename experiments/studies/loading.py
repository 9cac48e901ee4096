"""How fast training batches are made, by the number of loading processes, and what one picture costs step by step.

    python -m experiments.studies.loading --data data/300w --size 256 --workers 0,1,2

Augmentation is the paper's; no net is run. Images a second of whole epochs' batches, in turns.
"""

import itertools
import sys
import time

import cv2
import numpy as np

from gv.core import geometry, timing, transforms
from gv.core.config import fill
from gv.core.data import FaceDataset
from gv.core.errors import InputError
from gv.core.exits import Parser
from gv.core.exits import run as run_main
from gv.core.faces import read_index, read_split
from gv.core.loader import Loader
from gv.core.pictures import Crop, to_input
from gv.core.transforms import Augment

BATCH, BATCHES = 16, 12      # of a round
STEPS = ("read the file", "warp", "colour", "normalise")


def speeds(dataset, workers, rounds):
    """{number of processes: images a second, spread}; each round makes ``BATCHES`` batches, the processes' start left out."""
    found = {count: [] for count in workers}
    for turn in range(rounds):
        for count in workers:
            with Loader(dataset, BATCH, count) as loader:
                batches = loader.batches(turn)
                next(batches)
                begin = time.perf_counter()
                made = sum(len(points) for _, points in itertools.islice(batches, BATCHES))
                found[count].append(made / (time.perf_counter() - begin))
                batches.close()
    return {count: timing.spread(values) for count, values in found.items()}


def steps(dataset, count):
    """{step: spread, ms} of making one training picture, over ``count`` of them."""
    taken = {step: [] for step in STEPS}
    for i in range(count):
        rng = np.random.default_rng([0, 0, i])
        marks = [time.perf_counter()]
        picture = dataset.picture(i)
        marks.append(time.perf_counter())
        change, _ = transforms.random_affine(rng, dataset.crop.size, dataset.augment)
        crop = geometry.warp(picture, geometry.compose(change, dataset.matrix(i)), dataset.crop.size)
        marks.append(time.perf_counter())
        crop = transforms.jitter_colour(crop, rng, dataset.augment.brightness, dataset.augment.contrast)
        marks.append(time.perf_counter())
        to_input(crop[None])
        marks.append(time.perf_counter())
        for step, value in zip(STEPS, np.diff(marks)):
            taken[step].append(value)
    return {step: timing.milliseconds(values) for step, values in taken.items()}


def main(arguments=None):
    """Measure, and print the tables as Markdown."""
    options = Parser(prog="python -m experiments.studies.loading", description=__doc__.splitlines()[0])
    options.add_argument("--data", required=True, help="index folder")
    options.add_argument("--size", type=int, default=256, help="of the crop in pixels (default %(default)s)")
    options.add_argument("--workers", default="0,1,2", help="numbers of processes, with commas between (default %(default)s)")
    options.add_argument("--rounds", type=int, default=5, help="turns that each takes (default %(default)s)")
    args = options.parse_args(arguments)
    try:
        workers = [int(part) for part in args.workers.split(",")]
    except ValueError:
        workers = [-1]
    if min(workers) < 0 or args.rounds < 1:
        raise InputError("--workers, --rounds", f"{args.workers}, {args.rounds}", "0 or more each, and at least 1")
    cv2.setNumThreads(1)
    index = read_index(args.data)
    faces = read_split(index, "train")
    if len(faces) < BATCH * (BATCHES + 1):
        raise InputError(args.data, f"{len(faces)} training faces", f"at least {BATCH * (BATCHES + 1)}")
    augment = fill(Augment, {"brightness": 0.2, "contrast": 0.2})
    dataset = FaceDataset(index.folder, faces, index.layout, Crop(size=args.size), augment)
    print(f"{len(faces)} training faces, crops of {args.size} pixels, batches of {BATCH}\n")
    print("| processes | images a second |\n|---:|---:|")
    for count, found in speeds(dataset, workers, args.rounds).items():
        print(f"| {count or 'none of their own'} | {timing.text(found, 0)} |")
    print("\n| step of one picture | ms |\n|---|---:|")
    for step, found in steps(dataset, min(len(faces), 300)).items():
        print(f"| {step} | {timing.text(found)} |")


if __name__ == "__main__":
    sys.exit(run_main(main, "loading"))
