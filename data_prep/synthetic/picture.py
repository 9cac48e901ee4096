"""One annotated picture: a person, a pose, a light, a camera, and what stands in the way. A pure function of seed and options."""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from data_prep.synthetic import extras, scene
from data_prep.synthetic.appearance import Light
from data_prep.synthetic.landmarks import face_places, scheme, surface_points
from data_prep.synthetic.person import draw_person
from data_prep.synthetic.shape import model

OVERSAMPLE = 1.25                                  # rendered pixels for one of the picture
_EXPOSED = 0.34                                    # linear light that a camera makes of a face
_SHOULDER = np.float32(0.55)                      # linear light over which the film presses highlights together


@dataclass(frozen=True)
class Options:
    """How hard the pictures are. Angles in degrees, chances and strengths in 0..1, sizes as shares of the picture's side.

    yaw: "normal" (deviation ``yaw_spread``), or a tuple of (low, high, weight) bins of |yaw|.
    face: range of the landmarks' rectangle's long side. expression, make_up, harsh, blur, occlusion: see the six attributes
    of WFLW; for the last four they are chances.
    """

    yaw: object = "normal"
    yaw_spread: float = 16.0
    pitch_spread: float = 8.0
    roll_spread: float = 7.0
    face: tuple = (0.46, 0.60)
    expression: float = 0.5
    make_up: float = None
    harsh: float = 0.2
    blur: float = 0.15
    occlusion: float = 0.15
    busy: float = 0.5
    company: float = 0.08
    grey: float = 0.04


@dataclass(frozen=True)
class Sample:
    """image: (size, size, 3) uint8 BGR. points: {name: (x, y)} in pixels, visible: {name: bool}, of every scheme's landmarks.

    attributes: yaw, pitch, roll in degrees; the six of WFLW as 0 or 1. quality: JPEG's.
    """

    image: np.ndarray
    points: dict
    visible: dict
    attributes: dict
    quality: int

    def landmarks(self, size):
        """((L, 2) points, (L,) visibility) of a scheme; 39 is the profile that shows."""
        names = scheme(size, self.attributes["yaw"])
        return np.array([self.points[name] for name in names]), np.array([self.visible[name] for name in names], np.uint8)


def _unit(v):
    v = np.asarray(v, float)
    return v / np.linalg.norm(v)


def draw_light(rng, harsh):
    """A ``Light``; ``harsh`` picks a strong one from the side, above, below or behind."""
    warm = rng.normal(0, 0.07)
    white = np.array([1 + warm, 1.0, 1 - warm], np.float32)
    cast = np.array([1 - 0.6 * warm, 1.0, 1 + 0.6 * warm], np.float32) * (1 + rng.normal(0, 0.04, 3)).astype(np.float32)
    if harsh:
        key = _unit([rng.choice([-1, 1]) * rng.uniform(0.5, 1.6), rng.uniform(-1.3, 0.5), rng.uniform(-0.1, 0.8)])
        strength, ambient = rng.uniform(0.9, 1.5), rng.uniform(0.10, 0.30)
        shadow = rng.uniform(0.75, 1.0)
    else:
        key = _unit([rng.normal(0, 0.55), -abs(rng.normal(0.45, 0.3)), rng.uniform(0.6, 1.2)])
        strength, ambient = rng.uniform(0.6, 1.05), rng.uniform(0.16, 0.48)
        shadow = rng.uniform(0.2, 0.75)
    sky = ambient * cast
    ground = sky * rng.uniform(0.25, 0.75) * np.array([1.04, 1.0, 0.94], np.float32)
    fill = _unit([-key[0] + rng.normal(0, 0.3), rng.normal(-0.1, 0.25), rng.uniform(0.4, 1)])
    colour = (1 + rng.normal(0, 0.12, 3)).astype(np.float32)
    return Light(key, (strength * white).astype(np.float32), fill, (rng.uniform(0.02, 0.25) * colour).astype(np.float32),
                 sky.astype(np.float32), ground.astype(np.float32), float(shadow))


def draw_pose(rng, options):
    """(yaw, pitch, roll) in degrees."""
    if options.yaw == "normal":
        yaw = float(np.clip(rng.normal(0, options.yaw_spread), -75, 75))
    else:
        low, high, weight = np.array(options.yaw, float).T
        k = rng.choice(len(low), p=weight / weight.sum())
        yaw = float(rng.uniform(low[k], high[k]) * rng.choice([-1, 1]))
    pitch = float(np.clip(rng.normal(0, options.pitch_spread), -35, 35))
    return yaw, pitch, float(rng.normal(0, options.roll_spread))


def _develop(rng, linear, brightness, options, size):
    """((size, size, 3) uint8 BGR, JPEG quality, whether blurred) of a linear RGB picture: exposure, lens, sensor.

    brightness: of the face, mean linear light, that the exposure goes half way to make up for.
    """
    picture = linear * np.float32(rng.uniform(0.75, 1.3) * np.clip(np.sqrt(_EXPOSED / max(brightness, 1e-3)), 0.6, 2.5))
    picture = cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA)
    over = np.maximum(picture, _SHOULDER)
    picture = np.where(picture < _SHOULDER, picture, 1 - (1 - _SHOULDER) ** 2 / (over + 1 - 2 * _SHOULDER))
    picture = np.sqrt(np.clip(picture, 0, 1))
    picture += np.float32(rng.uniform(0.0, 0.9)) * picture * (1 - picture) * (2 * picture - 1)      # contrast, by a smooth step
    if rng.random() < options.grey:
        picture = np.repeat(picture @ np.array([[0.3], [0.59], [0.11]], np.float32), 3, axis=2)
    else:
        grey = picture.mean(2, keepdims=True)
        picture = grey + (picture - grey) * np.float32(rng.uniform(0.65, 1.15))
    blurred = rng.random() < options.blur
    if blurred:
        kind = rng.integers(3)
        if kind == 0:
            picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(1.2, 2.8) * size / 256)
        elif kind == 1:
            length = int(rng.uniform(5, 15) * size / 256) | 1
            kernel = np.zeros((length, length), np.float32)
            turn = rng.uniform(0, np.pi)
            reach = np.array([np.cos(turn), np.sin(turn)]) * length / 2
            ends = np.round([length // 2 - reach, length // 2 + reach]).astype(int).tolist()
            cv2.line(kernel, tuple(ends[0]), tuple(ends[1]), 1.0, 1)
            picture = cv2.filter2D(picture, -1, kernel / kernel.sum())
        else:
            small = int(size / rng.uniform(2.2, 4.5))
            coarse = cv2.resize(picture, (small, small), interpolation=cv2.INTER_AREA)
            picture = cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC)
    elif rng.random() < 0.3:
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.35, 0.8) * size / 256)
    else:                                         # most cameras sharpen
        picture += np.float32(rng.uniform(0.1, 0.9)) * (picture - cv2.GaussianBlur(picture, (0, 0), 1.2 * size / 256))
    noise = rng.uniform(0.003, 0.015) if rng.random() < 0.8 else rng.uniform(0.015, 0.04)
    grain = rng.standard_normal(picture.shape, np.float32)
    picture = np.clip(picture + grain * np.float32(noise), 0, 1)
    image = np.ascontiguousarray(np.round(picture * 255).astype(np.uint8)[..., ::-1])
    return image, int(rng.integers(62, 97)), blurred


def _company(rng, options, size, light):
    """A ``Render`` of somebody else beside the middle of a picture of ``size`` rendered pixels, or None."""
    if rng.random() >= options.company:
        return None
    other = draw_person(rng)
    points = model().pose(other.weights)
    yaw, pitch, roll = draw_pose(rng, replace(options, yaw="normal", yaw_spread=25))
    side = rng.choice([-1, 1])
    camera = scene.look_at(points[model().skin][1500:12000], yaw, pitch, roll, 1400, size, rng.uniform(0.4, 0.62),
                           (side * rng.uniform(0.40, 0.52), rng.uniform(-0.12, 0.15)))
    return scene.render_head(other, points, camera, light, (size, size), other.gaze)


def draw_sample(rng, options, size=256):
    """A ``Sample`` of ``size`` pixels from a ``numpy.random.Generator``."""
    make_up = None if options.make_up is None else bool(rng.random() < options.make_up)
    person = draw_person(rng, options.expression, make_up)
    harsh = rng.random() < options.harsh
    light = draw_light(rng, harsh)
    yaw, pitch, roll = draw_pose(rng, options)
    occluded = rng.random() < options.occlusion
    kind = str(rng.choice(["hand", "microphone", "thing", "sun", "mask"], p=[0.28, 0.12, 0.28, 0.20, 0.12])) if occluded else ""
    if kind == "sun":
        person.glasses = "sun"
    person.mask = kind == "mask"
    m = model()
    points = m.pose(person.weights)
    distance = float(rng.uniform(650, 2200))
    turn = scene.Camera(scene.rotation(yaw, pitch, roll), scene.PIVOT, distance, 1.0, (0, 0))
    wanted = surface_points(points, turn, face_places(person.openness, person.brow_thickness, person.brow_arch), person.gaze)
    names = sorted(set().union(*(scheme(count, yaw) for count in (19, 29, 39, 68, 98, 106))))
    camera = scene.look_at(np.array([wanted[name] for name in scheme(68)]), yaw, pitch, roll, distance, size,
                           rng.uniform(*options.face), rng.normal(0, 0.02, 2))
    spots = np.array([wanted[name] for name in names])
    n = int(round(size * OVERSAMPLE))
    scale = n / size
    big = scene.magnify(camera, scale)
    render = scene.render_head(person, points, big, light, (n, n), person.gaze)
    hidden = np.zeros((n, n), bool)
    hidden |= render.masked
    visible = scene.seen(spots, camera, render.depth, scale)
    xy = camera.pixels(camera.view(spots)).astype(float)
    if person.glasses:
        extras.glasses(rng, person, points, big, render, light, hidden)
    inner = (xy.min(0) + 0.2 * np.ptp(xy, 0), xy.max(0) - 0.2 * np.ptp(xy, 0))
    (left, upper), (right, lower) = ((np.clip(corner, 0, size - 1) * scale).astype(int) for corner in inner)
    brightness = float(render.colour[upper:lower + 1, left:right + 1].mean())
    picture = extras.backdrop(rng, (n, n), options.busy)
    other = _company(rng, options, n, light)
    if other is not None:
        picture += other.cover[..., None] * (other.colour - picture)
    picture += render.cover[..., None] * (render.colour - picture)
    if kind in ("hand", "microphone", "thing"):
        _occlude(rng, kind, picture, hidden, render.cover, light, person, (xy + 0.5) * scale - 0.5, names)
    column, row = np.clip(np.round((xy + 0.5) * scale - 0.5).astype(int), 0, n - 1).T
    visible &= ~hidden[row, column]
    shut = {"l.pupil": person.openness[0] < 0.2, "r.pupil": person.openness[1] < 0.2}
    visible &= ~np.array([shut.get(name, False) for name in names])
    image, quality, blurred = _develop(rng, picture, brightness, options, size)
    attributes = {"yaw": round(yaw, 2), "pitch": round(pitch, 2), "roll": round(roll, 2),
                  "pose": int(_large_pose(yaw, pitch, roll)), "expression": int(person.expression), "illumination": int(harsh),
                  "make-up": int(person.make_up), "occlusion": int(occluded), "blur": int(blurred)}
    points = {name: (float(x), float(y)) for name, (x, y) in zip(names, xy)}
    return Sample(image, points, dict(zip(names, visible.tolist())), attributes, quality)


def _large_pose(yaw, pitch, roll):
    """Whether WFLW would call the pose large; ASSUMED bounds, in degrees."""
    return abs(yaw) > 35 or abs(pitch) > 22 or abs(roll) > 28


def _occlude(rng, kind, picture, hidden, cover, light, person, xy, names):
    """Put a hand, a microphone or a thing over part of the face; xy: rendered pixels of ``names``."""
    face = xy.max(0) - xy.min(0)
    size = max(face)
    if kind == "microphone":
        mouth = xy[names.index("mouth_centre")]
        away = np.array([rng.normal(0, 0.12), rng.uniform(0.05, 0.3)])
        extras.microphone(rng, picture, hidden, cover, light, mouth + away * size, size * rng.uniform(0.14, 0.24))
        return
    low = xy.min(0)
    target = low + face * rng.uniform([0.05, 0.25], [0.95, 1.0])
    if kind == "hand":
        skin = person.skin * (0.9 if rng.random() < 0.8 else rng.uniform(0.4, 1.2))
        extras.hand(rng, picture, hidden, cover, light, skin, target, size * rng.uniform(0.55, 0.85))
    else:
        extras.thing(rng, picture, hidden, cover, light, target, size * rng.uniform(0.15, 0.4))
