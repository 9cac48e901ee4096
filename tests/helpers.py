"""A tiny index of drawn faces, and what several tests need to train on it."""

import os
from pathlib import Path

import cv2
import numpy as np

from gv.core.faces import Face, read_split, write_index

ROOT = Path(__file__).resolve().parents[1]
# What makes a net small enough for a test: 32 px in, 8 cells out, half of ResNetV2-18; no augmentation but what is asked for
TINY = {"size": 32, "side": 8, "width": 8, "faces": 0, "batch": 4, "epochs": 2}


def template():
    """68 points (68, 2) of a face that fills about [-1, 1] x [-1, 1], in the order of 300-W, symmetric under its flip."""
    def arc(centre_x, centre_y, radius_x, radius_y, first, last, count):
        angles = np.deg2rad(np.linspace(first, last, count))
        return np.stack([centre_x + radius_x * np.cos(angles), centre_y + radius_y * np.sin(angles)], 1)

    def line(start, end, count):
        return np.linspace(start, end, count)

    def ring(centre_x, centre_y, radius_x, radius_y, count):
        return arc(centre_x, centre_y, radius_x, radius_y, 180, 540, count + 1)[:-1]  # from the left corner over the top

    return np.concatenate([
        arc(0, -0.15, 1.0, 1.15, 180, 0, 17),                                                   # contour
        arc(-0.45, -0.5, 0.3, 0.15, 180, 360, 5), arc(0.45, -0.5, 0.3, 0.15, 180, 360, 5),      # brows
        line((0, -0.3), (0, 0.15), 4), line((-0.2, 0.3), (0.2, 0.3), 5),                        # nose
        ring(-0.45, -0.3, 0.2, 0.1, 6), ring(0.45, -0.3, 0.2, 0.1, 6),                          # eyes
        ring(0, 0.6, 0.4, 0.2, 12), ring(0, 0.6, 0.3, 0.08, 8),                                 # lips
    ])


def draw_face(points, side, rng):
    """A picture (side, side, 3) uint8 RGB of the face that has these landmarks."""
    picture = np.full((side, side, 3), rng.integers(0, 90, 3), np.uint8)
    picture = cv2.add(picture, rng.integers(0, 30, picture.shape).astype(np.uint8))

    def fill(indices, colour):
        cv2.fillPoly(picture, [np.round(points[list(indices)] * 16).astype(np.int32)], colour, cv2.LINE_AA, 4)

    def stroke(indices, colour):
        cv2.polylines(picture, [np.round(points[list(indices)] * 16).astype(np.int32)], False, colour, 1, cv2.LINE_AA, 4)

    skin = tuple(int(v) for v in rng.integers((190, 150, 120), (250, 200, 170)))
    middle = points[:17].mean(0)
    crown = 1.6 * middle - 0.6 * points[4:13].mean(0)
    hull = cv2.convexHull(np.vstack([points[:27], crown[None]]).astype(np.float32)).reshape(-1, 2)
    cv2.fillPoly(picture, [np.round(hull * 16).astype(np.int32)], skin, cv2.LINE_AA, 4)
    for brow in (range(17, 22), range(22, 27)):
        stroke(brow, (60, 40, 30))
    for eye in (range(36, 42), range(42, 48)):
        fill(eye, (255, 255, 255))
        x, y = points[list(eye)].mean(0)
        cv2.circle(picture, (round(x * 16), round(y * 16)), 24, (20, 20, 60), -1, cv2.LINE_AA, 4)
    stroke(range(27, 31), (120, 80, 60))
    stroke(range(31, 36), (120, 80, 60))
    fill(range(48, 60), (200, 40, 60))
    fill(range(60, 68), (80, 0, 10))
    return picture


def make_faces(folder, count, rng, side=96, name="face", roll=15):
    """``count`` drawn faces under folder/images, turned by up to ``roll`` degrees, boxes from the landmarks."""
    folder, faces = Path(folder), []
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for number in range(count):
        shape = template() * rng.uniform(0.9, 1.1, 2)
        shape[48:] += (0, rng.uniform(-0.06, 0.06))
        angle, size = np.deg2rad(rng.uniform(-roll, roll)), side * rng.uniform(0.27, 0.33)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        points = (side - 1) / 2 + rng.uniform(-0.06, 0.06, 2) * side + shape @ turn.T * size
        image = f"images/{name}{number}.png"
        cv2.imwrite(str(folder / image), cv2.cvtColor(draw_face(points, side, rng), cv2.COLOR_RGB2BGR))
        faces.append(Face(image, points, (*points.min(0), *points.max(0))))
    return faces


def make_index(folder, train=16, common=8, seed=0, roll=15):
    """An index of drawn faces with 68 landmarks in ``folder``; returns it as written."""
    rng = np.random.default_rng(seed)
    counts = {"train": train, "common": common}
    splits = {name: make_faces(folder, count, rng, name=name, roll=roll) for name, count in counts.items()}
    return write_index(folder, splits, layout=68, source="drawn", box_source="landmarks", normaliser="ion",
                       provenance="embedded")


def tiny_run(method="gv", **settings):
    """A Run of the smoke preset, smaller still, with settings on top."""
    from gv.core.run import plan
    from gv.methods import METHODS
    texts = {name: str(value) for name, value in {**TINY, **settings}.items()}
    return plan(METHODS, method, "smoke", texts, 68)


def train_tiny(folder, index, faces=None, devices="cpu:0", method="gv", settings=None, **options):
    """Train a tiny run on (some of) an index's train split; returns the net. options: of ``gv.core.train.train``."""
    from gv.core.devices import parse_devices
    from gv.core.train import train
    chosen = read_split(index, "train")[:faces]
    run = tiny_run(method, **(settings or {}))
    return train(folder, run, index, chosen, parse_devices(devices), quiet=True, **options)


def child_environment():
    """The environment of a process that imports the project and the tests, from wherever it is started."""
    paths = [str(ROOT), str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in paths if path)}
