"""The landmark schemes: their flips against published ones, their groups, edges and normalisers by what they mean."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from gv.core.errors import InputError
from gv.core.layouts import LAYOUTS, get_layout

# The flips that public landmark code uses, index by index; 39 has none there.
PUBLISHED_FLIPS = {
    19: [5, 4, 3, 2, 1, 0, 11, 10, 9, 8, 7, 6, 14, 13, 12, 17, 16, 15, 18],
    29: [1, 0, 3, 2, 6, 7, 4, 5, 9, 8, 11, 10, 14, 15, 12, 13, 17, 16, 19, 18, 20, 21, 23, 22, 24, 25, 26, 27, 28],
    68: [16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 27, 28, 29, 30, 35,
         34, 33, 32, 31, 45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40, 54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, 64,
         63, 62, 61, 60, 67, 66, 65],
    98: [32, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2,
         1, 0, 46, 45, 44, 43, 42, 50, 49, 48, 47, 37, 36, 35, 34, 33, 41, 40, 39, 38, 51, 52, 53, 54, 59, 58, 57, 56, 55, 72,
         71, 70, 69, 68, 75, 74, 73, 64, 63, 62, 61, 60, 67, 66, 65, 82, 81, 80, 79, 78, 77, 76, 87, 86, 85, 84, 83, 92, 91,
         90, 89, 88, 95, 94, 93, 97, 96],
    106: [32, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2,
          1, 0, 46, 45, 44, 43, 42, 50, 49, 48, 47, 37, 36, 35, 34, 33, 41, 40, 39, 38, 51, 52, 53, 54, 65, 64, 63, 62, 61,
          60, 59, 58, 57, 56, 55, 79, 78, 77, 76, 75, 82, 81, 80, 83, 70, 69, 68, 67, 66, 73, 72, 71, 74, 90, 89, 88, 87, 86,
          85, 84, 95, 94, 93, 92, 91, 100, 99, 98, 97, 96, 103, 102, 101, 105, 104],
}

# Profile landmark: 300W landmark, for a face of which the left half is seen (0-based). The contour and the brow have
# other numbers of points there and are left out.
PROFILE_TO_68_LEFT = {16: 27, 17: 28, 18: 29, 19: 30, 20: 33, 21: 31, 22: 38, 23: 37, 24: 36, 25: 41, 26: 40, 27: 51, 28: 50,
                      29: 49, 30: 48, 31: 59, 32: 58, 33: 57, 34: 62, 35: 61, 36: 60, 37: 67, 38: 66}
PROFILE_TO_68_RIGHT = {16: 27, 17: 28, 18: 29, 19: 30, 20: 33, 21: 35, 22: 43, 23: 44, 24: 45, 25: 46, 26: 47, 27: 51, 28: 52,
                       29: 53, 30: 54, 31: 55, 32: 56, 33: 57, 34: 62, 35: 63, 36: 64, 37: 65, 38: 66}

SIZES = sorted(LAYOUTS)
FRONTAL = [size for size in SIZES if size != 39]


def mirrored_name(name):
    side, _, part = name.partition("_")
    return f"{ {'left': 'right', 'right': 'left'}[side] }_{part}" if side in ("left", "right") else name


def segments(layout):
    return {frozenset(pair) for line in layout.edges for pair in zip(line, line[1:])}


def test_sizes_are_those_of_the_six_schemes():
    assert SIZES == [19, 29, 39, 68, 98, 106]
    assert all(get_layout(size).size == size for size in SIZES)


@pytest.mark.parametrize("size", [0, 67, "68", None])
def test_unknown_size_lists_the_valid_ones(size):
    with pytest.raises(InputError, match="19, 29, 39, 68, 98, 106"):
        get_layout(size)


@pytest.mark.parametrize("size", FRONTAL)
def test_flip_is_the_published_one(size):
    assert list(LAYOUTS[size].flip) == PUBLISHED_FLIPS[size]


@pytest.mark.parametrize("size", SIZES)
def test_flip_is_a_permutation_and_its_own_inverse(size):
    flip = np.array(LAYOUTS[size].flip)
    assert sorted(flip) == list(range(size))
    assert (flip[flip] == np.arange(size)).all()


@pytest.mark.parametrize("size", SIZES)
def test_flip_takes_each_group_to_its_mirror(size):
    layout = LAYOUTS[size]
    for name, indices in layout.groups.items():
        assert {layout.flip[i] for i in indices} == set(layout.groups[mirrored_name(name)]), name


@pytest.mark.parametrize("size", SIZES)
def test_every_landmark_is_in_one_part(size):
    groups = LAYOUTS[size].groups
    lips = {"outer_lip", "inner_lip"} & set(groups)
    if lips:
        assert sorted(i for name in lips for i in groups[name]) == sorted(groups["mouth"])
    parts = [i for name, indices in groups.items() if name not in lips for i in indices]
    assert sorted(parts) == list(range(size))


@pytest.mark.parametrize("size", SIZES)
def test_edges_are_in_range_without_repeats_and_flip_onto_themselves(size):
    layout = LAYOUTS[size]
    drawn = [frozenset(pair) for line in layout.edges for pair in zip(line, line[1:])]
    assert all(len(pair) == 2 and pair <= set(range(size)) for pair in drawn)
    assert len(drawn) == len(set(drawn))
    assert {frozenset(layout.flip[i] for i in pair) for pair in drawn} == set(drawn)


@pytest.mark.parametrize("size", SIZES)
def test_an_edge_stays_within_its_part(size):
    layout = LAYOUTS[size]
    for line in layout.edges:
        assert any(set(line) <= set(indices) for indices in layout.groups.values()), line


@pytest.mark.parametrize("size", SIZES)
def test_only_single_points_are_left_undrawn(size):
    layout = LAYOUTS[size]
    eye_centres = {74, 83} if size == 106 else set()
    undrawn = set(range(size)) - {i for line in layout.edges for i in line}
    assert undrawn == set(layout.groups.get("pupils", ())) | set(layout.groups.get("chin", ())) | eye_centres


@pytest.mark.parametrize("size", SIZES)
def test_normalisers_swap_sides_under_the_flip(size):
    layout = LAYOUTS[size]
    for name, (left, right) in layout.normalisers.items():
        assert {layout.flip[i] for i in left} == set(right), name
        for indices, side in ((left, "left_eye"), (right, "right_eye")):
            assert set(indices) <= set(layout.groups[side]) | set(layout.groups.get("pupils", ()))


def test_normalisers_are_those_of_the_protocols():
    assert LAYOUTS[68].normalisers == {"ion": ((36,), (45,)), "ipn": ((36, 37, 38, 39, 40, 41), (42, 43, 44, 45, 46, 47))}
    assert LAYOUTS[98].normalisers == {"ion": ((60,), (72,)), "ipn": ((96,), (97,))}
    assert LAYOUTS[29].normalisers == {"ion": ((8,), (9,)), "ipn": ((16,), (17,))}
    assert LAYOUTS[19].normalisers == LAYOUTS[39].normalisers == {}


def test_the_mirror_of_a_right_profile_is_a_left_profile_in_the_same_order():
    flip_68 = LAYOUTS[68].flip
    assert list(LAYOUTS[39].flip) == list(range(39))
    assert {i: flip_68[j] for i, j in PROFILE_TO_68_LEFT.items()} == PROFILE_TO_68_RIGHT


def test_the_profile_parts_are_those_of_the_68_points():
    profile, frontal = LAYOUTS[39], LAYOUTS[68]
    for name, frontal_name in (("nose", "nose"), ("eye", "left_eye"), ("outer_lip", "outer_lip"), ("inner_lip", "inner_lip")):
        assert {PROFILE_TO_68_LEFT[i] for i in profile.groups[name]} <= set(frontal.groups[frontal_name])
    shared = {pair for pair in segments(profile) if all(i in PROFILE_TO_68_LEFT for i in pair)}
    own = {frozenset({19, 20}), frozenset({20, 21}), frozenset({22, 26})}
    assert {frozenset(PROFILE_TO_68_LEFT[i] for i in pair) for pair in shared - own} <= segments(frontal)


def test_a_layout_cannot_be_changed_and_can_be_a_key():
    with pytest.raises(AttributeError):
        LAYOUTS[68].size = 67
    assert {LAYOUTS[68]: 1}[get_layout(68)] == 1


MEAN_FACES = {19: "meanface_AFLW.txt", 29: "meanface_COFW.txt", 68: "meanface_data_300W.txt", 98: "meanface_WFLW.txt",
              106: "meanface_LaPa.txt"}


def mean_face(size):
    folder = os.environ.get("GV_REFERENCE_DIR")
    if not folder:
        pytest.skip("GV_REFERENCE_DIR is not set: the folder with flip_index.json and the mean faces")
    return np.array((Path(folder) / MEAN_FACES[size]).read_text().split(), dtype=float).reshape(size, 2)


@pytest.mark.parametrize("size", FRONTAL)
def test_reference_mean_face_is_its_own_mirror(size):
    points, layout = mean_face(size), LAYOUTS[size]
    mirrored = points[list(layout.flip)] * [-1, 1]
    apart = mirrored - mirrored.mean(0) - (points - points.mean(0))
    assert np.linalg.norm(apart, axis=1).max() < 0.05 * np.ptp(points, axis=0).max()
    table = json.loads((Path(os.environ["GV_REFERENCE_DIR"]) / "flip_index.json").read_text())
    assert list(layout.flip) == table[str(size)]["flip"]


@pytest.mark.parametrize("size", FRONTAL)
def test_reference_mean_face_has_its_parts_in_place(size):
    points, groups = mean_face(size), LAYOUTS[size].groups
    centre = {name: points[list(indices)].mean(0) for name, indices in groups.items()}
    for part in ("brow", "eye"):
        assert centre[f"left_{part}"][0] < centre["nose"][0] < centre[f"right_{part}"][0]
        assert points[list(groups[f"left_{part}"]), 0].max() < points[list(groups[f"right_{part}"]), 0].min()
    for side in ("left", "right"):
        assert centre[f"{side}_brow"][1] < centre[f"{side}_eye"][1] < centre["nose"][1] < centre["mouth"][1]
    assert points[:, 1].max() == points[list(groups.get("contour", groups.get("chin"))), 1].max()
    if "pupils" in groups:
        for pupil, side in zip(groups["pupils"], ("left_eye", "right_eye")):
            eye = points[list(groups[side])]
            assert (eye.min(0) < points[pupil]).all() and (points[pupil] < eye.max(0)).all()
    if len(groups.get("inner_lip", ())) > 2:
        inner, outer = points[list(groups["inner_lip"])], points[list(groups["outer_lip"])]
        assert (outer.min(0) < inner.min(0)).all() and (inner.max(0) < outer.max(0)).all()


@pytest.mark.parametrize("size", [68, 98, 106])
def test_reference_closed_edges_run_around_without_crossing_far(size):
    """A line through neighbours is short: no segment is longer than a quarter of the face."""
    points = mean_face(size)
    longest = max(np.linalg.norm(np.subtract(*points[list(pair)])) for pair in segments(LAYOUTS[size]))
    assert longest < 0.25 * np.ptp(points, axis=0).max()
