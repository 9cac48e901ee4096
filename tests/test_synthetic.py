"""The drawn faces: what they claim of themselves. Realism is measured elsewhere; here it is order, agreement and bytes."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from data_prep.synthetic import scene, sets
from data_prep.synthetic.__main__ import main
from data_prep.synthetic.landmarks import face_places, mean_landmarks, scheme, surface_points
from data_prep.synthetic.person import draw_person
from data_prep.synthetic.picture import Options, draw_sample
from data_prep.synthetic.render import Camera, rasterise, rotation
from data_prep.synthetic.sets import SETS, SIDE, WFLW_SUBSETS, YAW_BINS, counts, generate
from data_prep.synthetic.shape import model
from gv.core import exits
from gv.core.faces import read_index, read_split
from gv.core.layouts import LAYOUTS

SIZES = sorted(LAYOUTS)
CLEAR = {"occlusion": 0, "company": 0, "blur": 0, "grey": 0}
REFERENCE = os.environ.get("GV_REFERENCE_DIR")          # a folder of meanface_<data set>.txt: x y interleaved
MEAN_FACES = {19: "AFLW", 29: "COFW", 68: "data_300W", 98: "WFLW", 106: "LaPa"}


def camera(yaw=0.0, pitch=0.0, roll=0.0, pixels_a_mm=1.0):
    return Camera(rotation(yaw, pitch, roll), scene.PIVOT, 1100.0, 1100.0 * pixels_a_mm, (127.5, 127.5))


def landmarks(size, weights, view, yaw, openness=(0.9, 0.9), thickness=1.0, arch=0.0, gaze=(0, 0, 1)):
    found = surface_points(model().pose(weights), view, face_places(openness, thickness, arch), (gaze, gaze))
    return view.pixels(view.view(np.array([found[name] for name in scheme(size, yaw)]))).astype(float)


def mirrored(weights):
    swap = {"left": "right", "right": "left"}
    out = {}
    for name, value in weights.items():
        stem, _, side = name.rpartition("_")
        out[f"{stem}_{swap[side]}" if side in swap else name] = -value if name.startswith("skew") else value
    return out


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("seed", range(4))
def test_a_mirrored_head_has_the_flipped_landmarks(size, seed):
    rng = np.random.default_rng(seed)
    person = draw_person(rng, 0.9)
    yaw, pitch, roll = rng.uniform(-110, 110), rng.uniform(-25, 25), rng.uniform(-30, 30)
    if size == 39:
        yaw = np.copysign(75, yaw)
    gaze = np.array(person.gaze[0])
    style = {"thickness": person.brow_thickness, "arch": person.brow_arch}
    here = landmarks(size, person.weights, camera(yaw, pitch, roll), yaw, person.openness, gaze=gaze, **style)
    there = landmarks(size, mirrored(person.weights), camera(-yaw, pitch, -roll), -yaw, person.openness[::-1],
                      gaze=gaze * [-1, 1, 1], **style)
    flipped = there[list(LAYOUTS[size].flip)]
    flipped[:, 0] = 255 - flipped[:, 0]
    assert np.abs(flipped - here).max() < 1.0


@pytest.mark.parametrize("size", SIZES)
def test_schemes_name_their_landmarks(size):
    names = scheme(size)
    assert len(names) == size == len(set(names))


def test_schemes_agree_with_each_other():
    of = {size: scheme(size) for size in SIZES}
    assert of[98][:33:2] == of[68][:17]
    assert of[98][33:38] == of[106][33:38] == of[68][17:22]
    assert of[98][42:47] == of[106][42:47] == of[68][22:27]
    assert of[98][51:60] == of[68][27:36]
    assert of[98][76:83] == of[68][48:55] == of[106][84:91]
    corners = {68: (36, 39, 42, 45), 98: (60, 64, 68, 72), 106: (66, 70, 75, 79), 29: (8, 10, 11, 9), 19: (6, 8, 9, 11)}
    named = {tuple(of[size][i] for i in places) for size, places in corners.items()}
    assert named == {("l.eye_out", "l.eye_in", "r.eye_in", "r.eye_out")}
    assert of[98][96:] == of[106][104:] == of[29][16:18]
    assert of[29][28] == of[19][18] == of[68][8] == of[98][16]
    assert [of[29][i] for i in (20, 21, 22, 23, 24, 27)] == [of[68][i] for i in (30, 33, 48, 54, 51, 57)]
    assert set(of[39][12:]) <= set(of[68])


def test_the_frontal_face_is_laid_out_like_a_face():
    points = landmarks(98, {}, camera(), 0)
    assert (np.diff(points[4:29, 0]) > 0).all()                                  # the contour runs from the left to the right
    assert points[16, 1] == points[:, 1].max()                                    # the chin is lowest
    assert points[33:51, 1].max() < points[60:76, 1].min() + 1                    # brows over eyes
    assert points[60:76, 1].max() < points[55:60, 1].min() < points[76:96, 1].min()
    width = points[32, 0] - points[0, 0]
    assert 1.45 < width / np.linalg.norm(points[72] - points[60]) < 1.8


@pytest.mark.parametrize("size", SIZES)
def test_the_mean_face_is_symmetric_and_has_depth(size):
    mean = mean_landmarks(size)
    if size != 39:
        assert np.abs(mean[list(LAYOUTS[size].flip)] * [-1, 1, 1] - mean).max() < 0.1
    names = scheme(size)
    nose, corner = mean[names.index("r.bridge/3")], mean[names.index("l.eye_out")]
    assert 25 < nose[2] - corner[2] < 65 and 30 < nose[1] - corner[1] < 45


@pytest.mark.skipif(not REFERENCE, reason="GV_REFERENCE_DIR names no folder of published mean shapes")
@pytest.mark.parametrize("size", sorted(MEAN_FACES))
def test_mean_shape_is_the_published_one(size):
    """Within 5 % of the face's width at each landmark, after a similarity and the stretch of the set's crops to a square."""
    wanted = np.loadtxt(Path(REFERENCE, f"meanface_{MEAN_FACES[size]}.txt")).reshape(-1, 2)
    ours = landmarks(size, {"jaw": 0.12}, camera(), 0)
    worst = min(_distances(ours * [1, stretch], wanted).max() for stretch in np.arange(0.7, 1.25, 0.01))
    brow = {19: (0, 5), 29: (0, 1)}.get(size)
    width = np.ptp(wanted[:, 0]) if brow is None else np.linalg.norm(wanted[brow[1]] - wanted[brow[0]]) * 1.3
    assert worst < 0.05 * width


def _distances(a, b):
    a0, b0 = a - a.mean(0), b - b.mean(0)
    u, s, v = np.linalg.svd(a0.T @ b0)
    return np.linalg.norm(a0 @ (u @ v) * s.sum() / (a0 ** 2).sum() - b0, axis=1)


@pytest.mark.parametrize("side", [-1, 1])
def test_in_a_profile_the_far_eye_is_hidden(side):
    near, far = [], []
    for seed in range(6):
        sample = draw_sample(np.random.default_rng([7, seed]), Options(yaw=((88, 95, 1),), pitch_spread=3, **CLEAR))
        while np.sign(sample.attributes["yaw"]) != side:
            sample = draw_sample(np.random.default_rng([7, seed, len(near), int(abs(sample.attributes["yaw"]) * 100)]),
                                 Options(yaw=((88, 95, 1),), pitch_spread=3, **CLEAR))
        _, visible = sample.landmarks(68)
        left, right = visible[36:42].mean(), visible[42:48].mean()
        near.append(left if side > 0 else right)
        far.append(right if side > 0 else left)
    assert max(far) == 0
    assert np.median(near) > 0.6


def test_a_clear_frontal_face_is_seen():
    options = Options(yaw_spread=5, pitch_spread=3, **CLEAR)
    shares = [draw_sample(np.random.default_rng([8, seed]), options).landmarks(98)[1].mean() for seed in range(6)]
    assert np.median(shares) > 0.85


def test_occluders_hide():
    def seen(share):
        options = Options(occlusion=share, company=0)
        return np.mean([draw_sample(np.random.default_rng([9, seed]), options).landmarks(98)[1].mean() for seed in range(10)])

    free, covered = seen(0), seen(1)
    assert covered < free - 0.08


def test_rasteriser_finds_the_nearest_triangle():
    xy = np.array([[0, 0], [9, 0], [0, 9], [9, 9], [2, 2], [8, 2], [2, 8]], float)
    z = np.array([0, 0, 0, 0, 5, 5, 5], np.float32)
    cover = rasterise(xy, z, np.array([[0, 1, 2], [1, 3, 2], [4, 5, 6]]), (12, 12))
    assert np.isfinite(cover.depth[:10, :10]).all() and not np.isfinite(cover.depth[10:]).any()
    assert cover.depth[3, 3] == 5 and cover.depth[0, 0] == 0 and cover.depth[9, 9] == 0
    assert np.allclose(cover.weights.sum(1), 1, atol=1e-5)
    across = cover.interpolate([xy[:, 0].astype(np.float32)])[0]
    assert np.allclose(across, cover.pixel % 12, atol=1e-4)


def test_rasteriser_drops_back_faces_unless_told():
    xy, z, back = np.array([[0, 0], [0, 9], [9, 0]], float), np.zeros(3, np.float32), np.array([[0, 1, 2]])
    assert not len(rasterise(xy, z, back, (10, 10)).pixel)
    assert len(rasterise(xy, z, back, (10, 10), two_sided=1).pixel)


def digest(folder):
    files = sorted(path for path in Path(folder).rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """{like: folder} of a small set each."""
    folders = {}
    for like in SETS:
        folders[like] = tmp_path_factory.mktemp(like)
        generate(like, 20, 5, folders[like])
    return folders


def test_same_seed_same_bytes_whatever_the_workers(made, tmp_path):
    generate("300w", 20, 5, tmp_path, workers=2)
    assert digest(tmp_path) == digest(made["300w"])


def test_interrupted_it_goes_on_and_ends_with_the_same_bytes(made, tmp_path, monkeypatch):
    make, asked = sets._make, []

    def interrupted(job):
        if len(asked) == 7:
            raise KeyboardInterrupt
        asked.append(job)
        return make(job)

    monkeypatch.setattr(sets, "_make", interrupted)
    with pytest.raises(KeyboardInterrupt):
        generate("300w", 20, 5, tmp_path)
    assert not (tmp_path / "index.json").exists()
    with open(tmp_path / sets.JOURNAL, "r+b") as journal:  # and the last line was torn
        journal.truncate(journal.seek(0, os.SEEK_END) - 9)
    monkeypatch.setattr(sets, "_make", lambda job: asked.append(job) or make(job))
    generate("300w", 20, 5, tmp_path)
    assert len(asked) == 7 + (20 - 6) and digest(tmp_path) == digest(made["300w"])


def test_what_another_set_left_behind_is_not_taken_over(made, tmp_path):
    (tmp_path / sets.JOURNAL).write_text('{"version": 1, "like": "300w", "size": 20, "seed": 6}\nnot a face\n', encoding="utf-8")
    generate("300w", 20, 5, tmp_path)
    assert digest(tmp_path) == digest(made["300w"])


def test_another_seed_gives_other_faces(made, tmp_path):
    generate("cofw", 20, 6, tmp_path)
    ours, theirs = digest(tmp_path), digest(made["cofw"])
    assert ours.keys() == theirs.keys() and not {ours[name] for name in ours} & {theirs[name] for name in theirs}


@pytest.mark.parametrize("like", SETS)
def test_index_is_valid(made, like):
    for folder, part in SETS[like][1].items():
        index = read_index(made[like] / folder)
        assert (index.layout, index.normaliser) == (part.layout, part.normaliser)
        assert (index.provenance, index.box_source) == ("embedded", "provided")
        for split in index.splits:
            if not index.splits[split]:
                continue
            for face in read_split(index, split):
                image = cv2.imread(str(index.folder / face.image))
                assert image.shape == (SIDE, SIDE, 3)
                low, high = face.points.min(0), face.points.max(0)
                assert (low > -0.15 * SIDE).all() and (high < 1.15 * SIDE).all()
                inner = np.minimum(face.box[2:], high) - np.maximum(face.box[:2], low)
                assert np.prod(inner) > 0.6 * np.prod(high - low)
                assert {"yaw", "pitch", "roll", *WFLW_SUBSETS} <= face.attributes.keys()


def test_profiles_are_profiles(made):
    index = read_index(made["menpo"] / "profile")
    assert min(abs(face.attributes["yaw"]) for split in index.splits for face in read_split(index, split)) >= 60


@pytest.mark.parametrize("like", SETS)
@pytest.mark.parametrize("size", [20, 333, 5000])
def test_splits_are_in_the_official_proportions(like, size):
    number = counts(like, size)
    assert sum(number.values()) == size and min(number.values()) >= 1
    official = {(folder, split): part.splits[split][0] for folder, part in SETS[like][1].items() for split in part.splits}
    for key, count in number.items():
        assert abs(count - official[key] / sum(official.values()) * size) <= 1.5


def test_subsets_are_what_they_say(made):
    index = read_index(made["300w"])
    assert index.splits["full"] == index.splits["common"] + index.splits["challenge"]
    wflw = read_index(made["wflw"])
    for name in WFLW_SUBSETS:
        assert wflw.splits[name] == sum(face.attributes[name] == 1 for face in read_split(wflw, "test"))
    aflw = read_index(made["aflw"])
    assert sum(aflw.splits[name] for name in YAW_BINS) == aflw.splits["test"]


@pytest.mark.parametrize("arguments, named", [
    (["--like", "helen", "--size", "30", "--out", "x"], "--like"),
    (["--like", "300w", "--size", "3", "--out", "x"], "--size"),
    (["--like", "300w", "--size", "30", "--seed", "-1", "--out", "x"], "--seed"),
    (["--like", "300w", "--size", "30", "--workers", "0", "--out", "x"], "--workers"),
    (["--like", "300w", "--size", "many", "--out", "x"], "--size"),
    (["--like", "300w", "--size", "30"], "--out"),
    (["--size", "30", "--out", "x"], "--like"),
    (["--like", "300w", "--sheet", "no/such/folder/sheet.png"], "sheet.png"),
])
def test_bad_arguments_are_one_line_and_exit_2(arguments, named, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert exits.run(lambda: main(arguments)) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1 and named in said.err
    assert not list(tmp_path.iterdir())


def test_the_command_from_outside():
    done = subprocess.run([sys.executable, "-m", "data_prep.synthetic", "--like", "nobody", "--size", "30", "--out", "x"],
                          capture_output=True, text=True, cwd=Path(__file__).parents[1])
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and "300w" in done.stderr
