"""The six data sets' shapes: splits, sizes, attributes, poses and difficulty of each ``--like`` name, and writing one.

A set is a pure function of (like, size, seed): picture i of a split is drawn from its own generator, seeded by those and by
``VERSION``, so that neither the number of worker processes nor the other splits change a byte.
"""

import json
import multiprocessing
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from data_prep.synthetic.picture import Options, draw_sample
from gv.core.errors import InputError, one_of
from gv.core.faces import Face, face_from_line, face_to_line, write_index
from gv.core.files import naming

VERSION = 1                                       # of the difficulty options and of the generator: a change of bytes raises it
JOURNAL = ".drawn.jsonl"                          # the faces drawn so far; gone when the set is whole
SIDE = 256                                        # pixels of a picture
SMALLEST = 20                                     # pictures a set must have, so that no split is empty

_HARD = Options(yaw_spread=32, pitch_spread=14, roll_spread=14, expression=0.9, harsh=0.45, blur=0.3, occlusion=0.4, busy=0.8)
# Shares of |yaw| in 0-30, 30-60, 60-90, 90-120 degrees: after the ratio of the eyes' widths of AFLW's 4386 test shapes.
_AFLW_YAW = ((0, 30, 0.53), (30, 60, 0.19), (60, 90, 0.25), (90, 120, 0.03))
WFLW_SUBSETS = {"pose": 326, "expression": 314, "illumination": 698, "make-up": 206, "occlusion": 736, "blur": 773}   # of 2500
FRONTAL = (0, 15)                                 # |yaw| in degrees; ASSUMED, three in ten as AFLW-Frontal is
YAW_BINS = {"light": (0, 30), "medium": (30, 60), "large": (60, 90), "heavy": (90, 181)}

_AFLW_SUBSETS = {**YAW_BINS, "frontal": FRONTAL}


@dataclass(frozen=True)
class Part:
    """One index: its layout and splits. splits: {name: (official count, Options)}; unions: {name: splits joined};
    subsets: {name: test of a Face} picked from the split ``of``."""

    layout: int
    normaliser: str
    splits: dict
    unions: dict = field(default_factory=dict)
    subsets: dict = field(default_factory=dict)
    of: str = "test"


def _wflw_options():
    chances = {name: count / 2500 for name, count in WFLW_SUBSETS.items()}
    return Options(yaw=((0, 35, 1 - chances["pose"]), (35, 80, chances["pose"])), expression=0.5, make_up=chances["make-up"],
                   harsh=chances["illumination"], blur=chances["blur"], occlusion=chances["occlusion"], roll_spread=10)


def _in_bin(low, high):
    return lambda face: low <= abs(face.attributes["yaw"]) < high


def _has(name):
    return lambda face: face.attributes[name] == 1


_WFLW, _EASY = _wflw_options(), Options()
_JD = Options(yaw=((0, 30, 0.7), (30, 60, 0.22), (60, 85, 0.08)), pitch_spread=11, expression=0.5, harsh=0.25, blur=0.2,
              occlusion=0.2)
_AFLW = Options(yaw=_AFLW_YAW, pitch_spread=11, roll_spread=11, harsh=0.25, blur=0.2, occlusion=0.15)
_COFW = Options(yaw_spread=18, pitch_spread=9, roll_spread=10, occlusion=0.62, harsh=0.2, expression=0.5)
_SEMI = Options(yaw=((0, 30, 0.75), (30, 60, 0.25)), pitch_spread=11, harsh=0.25, occlusion=0.2, expression=0.5)
_PROFILE = Options(yaw=((60, 90, 0.8), (90, 110, 0.2)), pitch_spread=9, harsh=0.25, occlusion=0.12)

# name: (name printed in results, {folder below --out: Part}). Counts: the data sets' own.
SETS = {
    "300w": ("300W-like", {"": Part(68, "ion", {"train": (3148, _EASY), "common": (554, _EASY), "challenge": (135, _HARD)},
                                    unions={"full": ("common", "challenge")})}),
    "cofw": ("COFW-like", {"": Part(29, "ion", {"train": (1345, replace(_COFW, occlusion=0.5)), "test": (507, _COFW)})}),
    "wflw": ("WFLW-like", {"": Part(98, "ion", {"train": (7500, _WFLW), "test": (2500, _WFLW)},
                                    subsets={name: _has(name) for name in WFLW_SUBSETS})}),
    "jd": ("JD-landmark-like", {"": Part(106, "rectangle", {"train": (11393, _JD), "val": (2000, _JD), "test": (2000, _JD)})}),
    "aflw": ("AFLW-like", {"": Part(19, "box", {"train": (20000, _AFLW), "test": (4386, _AFLW)},
                                    subsets={name: _in_bin(*edges) for name, edges in _AFLW_SUBSETS.items()})}),
    "menpo": ("Menpo-like", {"semifrontal": Part(68, "diagonal", {"train": (6679, _SEMI), "test": (5335, _SEMI)}),
                             "profile": Part(39, "diagonal", {"train": (2300, _PROFILE), "test": (1946, _PROFILE)})}),
}


def counts(like, size):
    """{(folder, split): pictures} of a set of ``size`` pictures, in the official proportions, none empty."""
    parts = SETS[like][1]
    keys = [(folder, split) for folder, part in parts.items() for split in part.splits]
    official = np.array([parts[folder].splits[split][0] for folder, split in keys], float)
    exact = official / official.sum() * size
    number = np.maximum(np.floor(exact).astype(int), 1)
    for i in np.argsort(-(exact - number), kind="stable")[:max(size - number.sum(), 0)]:
        number[i] += 1
    while number.sum() > size:
        number[number.argmax()] -= 1
    return dict(zip(keys, number.tolist()))


def _detector_box(rng, points):
    """A box as a face detector might give it: the landmarks' rectangle, moved and scaled a little."""
    low, high = points.min(0), points.max(0)
    middle, side = (low + high) / 2, high - low
    middle = middle + rng.normal(0, 0.03, 2) * side
    side = side * (1 + rng.normal(0.04, 0.05)) * (1 + rng.normal(0, 0.02, 2))
    return tuple(round(float(v), 3) for v in (*(middle - side / 2), *(middle + side / 2)))


def _make(job):
    """Draw one picture, write it, and return its ``Face``."""
    like, folder, split, number, seed, out = job
    part = SETS[like][1][folder]
    place = list(counts(like, SMALLEST)).index((folder, split))
    rng = np.random.default_rng([VERSION, seed, list(SETS).index(like), place, number])
    sample = draw_sample(rng, part.splits[split][1], SIDE)
    points, visible = sample.landmarks(part.layout)
    points = points.round(3)
    image = f"images/{split}/{number:06d}.jpg"
    path = Path(out, folder, image)
    done, data = cv2.imencode(".jpg", sample.image, [cv2.IMWRITE_JPEG_QUALITY, sample.quality])
    if not done:
        raise InputError(path, "OpenCV could not encode the picture")
    path.write_bytes(data.tobytes())
    return Face(image, points, _detector_box(rng, points), visible, sample.attributes)


def _single_threaded():
    cv2.setNumThreads(1)


def generate(like, size, seed, out, workers=1):
    """Write a set of ``size`` pictures under ``out``; returns {folder: Index}. InputError for what cannot be done.

    Interrupted, it goes on where it was when called again with the same arguments.
    """
    one_of("--like", like, SETS, "no data set")
    if size < SMALLEST:
        raise InputError("--size", size, f"at least {SMALLEST}, so that no split is empty")
    if seed < 0:
        raise InputError("--seed", seed, "0 or more")
    if workers < 1:
        raise InputError("--workers", workers, "1 or more")
    source, parts = SETS[like]
    number = counts(like, size)
    jobs = [(like, folder, split, i, seed, str(out)) for (folder, split), count in number.items() for i in range(count)]
    for folder, split in number:
        Path(out, folder, "images", split).mkdir(parents=True, exist_ok=True)
    journal = Path(out, JOURNAL)
    head = json.dumps({"version": VERSION, "like": like, "size": size, "seed": seed}) + "\n"
    drawn = _drawn(journal, head)
    with naming(journal), open(journal, "w", encoding="utf-8") as lines, \
            tqdm(total=len(jobs), initial=len(drawn), unit="face", file=sys.stderr, disable=None) as progress:
        lines.write(head + "".join(face_to_line(face) + "\n" for face in drawn))
        for face in _map(jobs[len(drawn):], workers):
            drawn.append(face)
            lines.write(face_to_line(face) + "\n")
            lines.flush()
            progress.update()
    faces = {key: [] for key in number}
    for job, face in zip(jobs, drawn):
        faces[job[1], job[2]].append(face)
    indexes = {folder: _write(like, folder, part, {split: faces[folder, split] for split in part.splits}, seed, size, source, out)
               for folder, part in parts.items()}
    journal.unlink()
    return indexes


def _drawn(journal, head):
    """The faces that an interrupted call of the same set had drawn, in their order."""
    lines = journal.read_text(encoding="utf-8").splitlines(keepends=True) if journal.is_file() else []
    faces = []
    for line in lines[1:] if lines[:1] == [head] else []:
        if not line.endswith("\n"):  # torn by the interruption
            break
        faces.append(face_from_line(line, str(journal)))
    return faces


def _map(jobs, workers):
    """The faces of the jobs, in their order."""
    if workers == 1:
        before = cv2.getNumThreads()
        _single_threaded()
        try:
            yield from map(_make, jobs)
        finally:
            cv2.setNumThreads(before)
        return
    with multiprocessing.get_context("spawn").Pool(workers, initializer=_single_threaded) as pool:
        yield from pool.imap(_make, jobs, chunksize=8)


def _write(like, folder, part, splits, seed, size, source, out):
    splits = dict(splits)
    official = {split: count for split, (count, _) in part.splits.items()}
    for name, joined in part.unions.items():
        splits[name] = [face for split in joined for face in splits[split]]
        official[name] = sum(official[split] for split in joined)
    for name, wanted in part.subsets.items():
        splits[name] = [face for face in splits[part.of] if wanted(face)]
    return write_index(Path(out, folder), splits, layout=part.layout, source=f"{source} {folder}".strip(), box_source="provided",
                       normaliser=part.normaliser, provenance="embedded", official=official,
                       found={split: len(faces) for split, faces in splits.items()},
                       extra={"like": like, "seed": seed, "size": size, "version": VERSION})
