"""Landmarks in a video: how many frames a second, where the time goes, jitter with and without smoothing, and lag.

    python -m experiments.studies.video --run runs/first --out runs/video

Draws a film of one head that talks and blinks: a third of it still, a third in slow motion, a third in quick motion, with the
noise of a sensor, and every landmark known. Then it runs ``gv predict --video`` on it, as a user would. Milliseconds are of the
process's own time, so that they hold beside other work; frames a second are by the clock, and by its own time.
"""

import contextlib
import copy
import io
import json
import os
import sys
from pathlib import Path

import cv2
import numpy as np

from data_prep.synthetic import extras, scene
from data_prep.synthetic.landmarks import face_places, scheme, surface_points
from data_prep.synthetic.person import draw_person
from data_prep.synthetic.picture import OVERSAMPLE, draw_light
from data_prep.synthetic.render import Camera, rotation
from data_prep.synthetic.shape import JAW_DROP, model
from gv.core import detector, geometry, video
from gv.core.errors import InputError
from gv.core.exits import Parser
from gv.core.exits import run as run_main
from gv.core.filming import STEPS

FPS, SIZE = 30.0, (640, 480)                     # width, height
FACE, DISTANCE, NOISE = 0.42, 900.0, 0.008       # of the height; mm; deviation of a pixel, of 1
PARTS = ("still", "slow", "quick")
FASTER = 2.5                                     # quick motion over slow
CORNERS = (36, 45)                               # outer corners of the eyes, of 68 landmarks
WAYS = {"each frame by itself": ["--redetect", "1"], "the same, smoothed": ["--redetect", "1", "--smooth"],
        "followed": [], "followed, smoothed": ["--smooth"]}


def motion(frames):
    """(how far the head is from rest, the phase of its motion in seconds), each (frames,): still, slow, then quick."""
    t = np.arange(frames) / FPS
    third = frames / FPS / len(PARTS)
    rise = np.clip((t - third) / (0.3 * third), 0, 1)
    quick = np.clip((t - 2 * third) / (0.3 * third), 0, 1)
    return rise * rise * (3 - 2 * rise), np.cumsum(1 + (FASTER - 1) * quick * quick * (3 - 2 * quick)) / FPS


def draw_film(seed, frames):
    """Yields (picture (H, W, 3) uint8 RGB, landmarks (68, 2) in its pixels); the same for the same seed."""
    rng = np.random.default_rng(seed)
    person, light = draw_person(rng, expression=0.0), draw_light(rng, False)
    person.glasses, person.hat = "", None
    width, height = (round(side * OVERSAMPLE) for side in SIZE)
    behind = extras.backdrop(rng, (height, width), 0.5)
    rest = _spots(person, Camera(rotation(0, 0, 0), scene.PIVOT, DISTANCE, 1.0, (0.0, 0.0)))[1]
    focal = FACE * SIZE[1] / max(np.ptp(rest, axis=0))
    gain = None
    for number, (far, phase) in enumerate(zip(*motion(frames))):
        swing = [np.sin(2 * np.pi * phase / period + start) - np.sin(start) for period, start in
                 ((3.1, 0), (4.3, 1), (3.7, 2), (5.3, 0.5), (2.9, 1.5), (4.7, 2.5))]
        yaw, pitch, roll = far * np.array([22, 7, 9]) * swing[:3]
        alive = copy.copy(person)
        alive.weights = {**person.weights, "jaw": 0.18 * far * (1 - np.cos(2 * np.pi * phase / 0.9))}
        alive.jaw_drop = JAW_DROP * alive.weights["jaw"]
        alive.openness = tuple(value * _lids(number / FPS, far) for value in person.openness)
        centre = (np.array(SIZE) - 1) / 2 + far * np.array([0.13, 0.10]) * SIZE * swing[3:5]
        camera = Camera(rotation(yaw, pitch, roll), scene.PIVOT, DISTANCE, focal * (1 + 0.12 * far * swing[5]), tuple(centre))
        points, xy = _spots(alive, camera)
        render = scene.render_head(alive, points, scene.magnify(camera, OVERSAMPLE), light, (height, width), alive.gaze)
        linear = behind + render.cover[..., None] * (render.colour - behind)
        linear = cv2.resize(linear, SIZE, interpolation=cv2.INTER_AREA)
        gain = gain or 0.34 / max(float(linear[tuple(slice(*span) for span in _span(xy))].mean()), 1e-3)
        picture = np.sqrt(np.clip(linear * gain, 0, 1)) + NOISE * rng.standard_normal(linear.shape)
        yield np.round(255 * np.clip(picture, 0, 1)).astype(np.uint8), xy


def _lids(seconds, far):
    """How far the lids are open, 0 to 1: a blink of a fifth of a second every two seconds, of a head that moves."""
    return 1 - far * max(0.0, 1 - abs(seconds % 2.0 - 1.0) / 0.1)


def _spots(person, camera):
    """(the head's points, its 68 landmarks (68, 2) in pixels)."""
    points = model().pose(person.weights)
    places = face_places(person.openness, person.brow_thickness, person.brow_arch)
    found = surface_points(points, camera, places, person.gaze)
    return points, camera.pixels(camera.view(np.array([found[name] for name in scheme(68)]))).astype(np.float64)


def _span(xy):
    """The rows and the columns of the landmarks' rectangle."""
    x0, y0, x1, y1 = (int(value) for value in geometry.tight_box(xy))
    return (y0, y1), (x0, x1)


def write_film(path, seed, frames):
    """The film as a file; its landmarks (frames, 68, 2)."""
    truth = []
    with video.writing(path, FPS, SIZE) as write:
        for picture, points in draw_film(seed, frames):
            write(picture)
            truth.append(points)
    return np.array(truth)


def predict(run, film, *options):
    """The report of ``gv predict --video`` as JSON values."""
    from gv import cli
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        code = cli.main(["predict", "--run", str(run), "--video", str(film), "--json", "--threads",
                         os.environ.get("OMP_NUM_THREADS", "1"), *options])
    if code:
        raise InputError("gv predict --video", f"exit code {code}", "0")
    return json.loads(said.getvalue())


def found_points(report, truth):
    """Landmarks (frames, 68, 2) of the face that overlaps the true one most, NaN where there is none."""
    found = np.full_like(truth, np.nan)
    for frame, points, into in zip(report["frames"], truth, found):
        shapes, target = [np.array(face["points"]) for face in frame["faces"]], geometry.tight_box(points)
        shared = [detector.overlap(geometry.tight_box(shape), target) for shape in shapes]
        if max(shared, default=0) > detector.MATCH_IOU:
            into[:] = shapes[int(np.argmax(shared))]
    return found


def measures(found, truth):
    """{"found": share of frames, "error", "jitter", "lag"} of some frames in a row.

    error: mean distance, in % of the mean distance between the outer eye corners. jitter: the standard deviation over time of the
    second differences of a landmark's error, root of the sum over x and y, mean over the landmarks: (pixels, the same %).
    lag: milliseconds by which the landmarks trail, by least squares: error = bias - lag * velocity; NaN where nothing moves.
    """
    eyes = np.linalg.norm(truth[:, CORNERS[0]] - truth[:, CORNERS[1]], axis=1).mean()
    error = found - truth
    there = np.isfinite(error).all((1, 2))
    if there.sum() < 3:
        raise InputError("--run", f"finds the face in {there.sum()} of {len(there)} frames", "a run that finds it in three")
    second = error[2:] - 2 * error[1:-1] + error[:-2]
    jitter = float(np.sqrt(np.nanvar(second, axis=0).sum(-1)).mean())
    velocity = np.gradient(truth, axis=0) * FPS
    centred = error[there] - error[there].mean(0)
    moving = velocity[there] - velocity[there].mean(0)
    power = float((moving ** 2).sum())
    lag = -1000 * float((centred * moving).sum()) / power if power / moving.size > 1 else float("nan")
    return {"found": float(there.mean()), "error": 100 * float(np.linalg.norm(error[there], axis=2).mean()) / eyes,
            "jitter": (jitter, 100 * jitter / eyes), "lag": lag}


def by_part(found, truth):
    """{part: ``measures``}."""
    count = len(truth) // len(PARTS)
    return {part: measures(found[i * count:(i + 1) * count], truth[i * count:(i + 1) * count]) for i, part in enumerate(PARTS)}


def main(arguments=None):
    """Draw, measure, and print the tables as Markdown."""
    options = Parser(prog="python -m experiments.studies.video", description=__doc__.splitlines()[0])
    options.add_argument("--run", required=True, help="a run of gv train, or an exported folder, of 68 landmarks")
    options.add_argument("--out", required=True, help="folder for the film and the drawn ones; a film that is there is taken")
    options.add_argument("--frames", type=int, default=300, help="of the film (default %(default)s)")
    options.add_argument("--seed", type=int, default=0, help="who is in it (default %(default)s)")
    options.add_argument("--smooth", default="", metavar="KEY=VALUE,...", help="other figures of the One Euro filter")
    args = options.parse_args(arguments)
    if args.frames < 9 * len(PARTS):
        raise InputError("--frames", args.frames, f"at least {9 * len(PARTS)}")
    out = Path(args.out)
    film = out / f"film-{args.seed}-{args.frames}.mp4"
    known = film.with_suffix(".npy")
    if not (film.exists() and known.exists()):
        film.unlink(missing_ok=True)
        np.save(known, write_film(film, args.seed, args.frames))
    truth = np.load(known)
    rows, times = [], []
    for name, flags in WAYS.items():
        drawn = out / f"{film.stem}-{name.replace(', ', '-').replace(' ', '-')}.mp4"
        drawn.unlink(missing_ok=True)
        given = [part for flag in flags for part in ([flag, args.smooth] if flag == "--smooth" and args.smooth else [flag])]
        report = predict(args.run, film, "--out", str(drawn), *given)
        times.append((name, report))
        rows += [(name, part, found) for part, found in by_part(found_points(report, truth), truth).items()]
    print(f"{args.frames} frames of {SIZE[0]} x {SIZE[1]} pixels, seed {args.seed}\n")
    print("| way | part | found | error, % | jitter, px | jitter, % | lag, ms |\n|---|---|---:|---:|---:|---:|---:|")
    for name, part, found in rows:
        lag = "–" if np.isnan(found["lag"]) else f"{found['lag']:.0f}"
        print(f"| {name} | {part} | {100 * found['found']:.0f} % | {found['error']:.2f} | {found['jitter'][0]:.2f} | "
              f"{found['jitter'][1]:.2f} | {lag} |")
    print(f"\n| way | frames a second | of its own time | {' | '.join(f'{step}, ms' for step in STEPS)} |\n|---|---:|---:|"
          f"{'---:|' * len(STEPS)}")
    for name, report in times:
        spent = report["cpu_milliseconds"]
        print(f"| {name} | {report['frames_a_second']:.1f} | {1000 / sum(spent.values()):.1f} | "
              + " | ".join(f"{spent.get(step, 0):.1f}" for step in STEPS) + " |")


if __name__ == "__main__":
    sys.exit(run_main(main, "video"))
