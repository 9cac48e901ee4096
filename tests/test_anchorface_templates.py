"""Templates and anchors against loops written from the paper (Section 3.1), and the experiment that measures them."""

import math

import numpy as np
import pytest

from anchorface import templates as t
from anchorface.anchors import anchor_points, as_maps, place
from anchorface.methods import METHODS
from gv.core.errors import InputError
from gv.core.layouts import LAYOUTS
from gv.core.run import plan


def shapes_of(landmarks, count=30, seed=0):
    rng = np.random.default_rng(seed)
    return rng.uniform(0.2, 0.8, (1, landmarks, 2)) + rng.normal(0, 0.05, (count, landmarks, 2))


@pytest.mark.parametrize("landmarks", t.EYE_CORNERS)
def test_eye_corners_are_corners_of_eyes_that_mirror_each_other(landmarks):
    layout = LAYOUTS[landmarks]
    (left_inner, left_outer), (right_inner, right_outer) = t.EYE_CORNERS[landmarks]
    assert {left_inner, left_outer} <= set(layout.groups["left_eye"])
    assert {right_inner, right_outer} <= set(layout.groups["right_eye"])
    assert layout.flip[left_inner] == right_inner and layout.flip[left_outer] == right_outer
    if "ion" in layout.normalisers:     # the outer corners, as the metric has them
        assert layout.normalisers["ion"] == ((left_outer,), (right_outer,))


def test_equation_1_against_the_paper():
    shapes = shapes_of(68)
    found = t.eye_indicator(shapes)
    for shape, r in zip(shapes, found):
        left, right = math.dist(shape[39], shape[36]), math.dist(shape[42], shape[45])
        assert r == pytest.approx(left / right - right / left)
    assert t.eye_indicator(shapes * 7 + 3) == pytest.approx(found)


def test_equation_1_with_eyes_of_no_width():
    shapes = shapes_of(19, 3)
    shapes[:2, 9] = shapes[:2, 11]
    shapes[1:, 6] = shapes[1:, 8]
    assert t.eye_indicator(shapes).tolist() == [np.inf, 0.0, -np.inf]
    assert t.buckets(shapes).tolist() == [0, 1, 2]


def test_a_mirrored_face_changes_sides():
    shapes = shapes_of(98)
    mirrored = (shapes * (-1, 1))[:, list(LAYOUTS[98].flip)]
    assert t.eye_indicator(mirrored) == pytest.approx(-t.eye_indicator(shapes))


def turned_faces():
    """Faces of 19 points with r about 8, 0 and -8 in turn, ten of each, jittered by nothing but their place."""
    base = shapes_of(19, 1)[0]
    faces = []
    for left, right in ((0.4, 0.05), (0.2, 0.2), (0.05, 0.4)):
        face = base.copy()
        face[8], face[6], face[9], face[11] = (0.4, 0.4), (0.4 - left, 0.4), (0.6, 0.4), (0.6 + right, 0.4)
        faces.append(face)
    return np.stack([faces[i % 3] + (0.01 * i, -0.02 * i) for i in range(30)]), np.stack(faces)


def test_hand_design_is_the_mean_of_each_bucket():
    shapes, faces = turned_faces()
    assert np.allclose(t.hand_prototypes(shapes, 6.0), faces - faces.mean(1, keepdims=True))
    with pytest.raises(InputError, match="bucket"):
        t.hand_prototypes(shapes, 9.0)
    with pytest.raises(InputError, match="no two eyes"):
        t.hand_prototypes(shapes_of(39))


def test_kmeans_finds_separate_groups_in_order_of_the_nose():
    shapes, faces = turned_faces()
    faces[0, 12:15, 0] += 0.3
    faces[2, 12:15, 0] -= 0.3
    shapes = np.stack([faces[i % 3] + (0.01 * i, -0.02 * i) for i in range(30)])
    expected = faces[[2, 1, 0]]
    assert np.allclose(t.kmeans_prototypes(shapes, 3), expected - expected.mean(1, keepdims=True))
    with pytest.raises(InputError, match="clusters"):
        t.kmeans_prototypes(shapes[:2], 3)


def test_turning_by_45_degrees_eight_times_changes_nothing():
    shape = shapes_of(68, 1)
    once = shape
    for _ in range(8):
        once = t.rolled(once, 8)[1:2]
    assert np.allclose(once, shape - shape.mean(1, keepdims=True), atol=1e-12)


def test_rolls_against_a_loop():
    shapes = shapes_of(29, 2)
    found = t.rolled(shapes, 16)
    assert found.shape == (32, 29, 2)
    for m in range(2):
        mean = shapes[m].mean(0)
        for k in range(16):
            angle = math.radians(22.5 * k)
            for j in range(29):
                x, y = shapes[m, j] - mean
                turned = (x * math.cos(angle) - y * math.sin(angle), x * math.sin(angle) + y * math.cos(angle))
                assert found[16 * m + k, j] == pytest.approx(turned)


def test_pitch_gives_back_the_projection_of_a_turned_face():
    rng = np.random.default_rng(0)
    face = rng.normal(size=(19, 3))
    yaw, pitch = np.deg2rad(35), np.deg2rad(20)
    turn = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    nod = np.array([[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]])
    posed = (face - face.mean(0)) @ turn.T * 0.3
    found = t.pitched((posed[None, :, :2] + 0.5), (0, 20), face + 7)
    assert np.allclose(found[0], posed[:, :2]) and np.allclose(found[1], (posed @ nod.T)[:, :2])
    assert np.allclose(t.pitched(posed[None, :, :2], (0,), face)[0], posed[:, :2])
    with pytest.raises(InputError, match="mean_face"):
        t.pitched(posed[None, :, :2], (5,), face[:, :2])


@pytest.mark.parametrize("settings, count", [({"rolls": 1}, 3), ({}, 24), ({"rolls": 16}, 48),
                                             ({"clusters": 24, "rolls": 1}, 24)])
@pytest.mark.parametrize("landmarks", [19, 39])
def test_templates_are_centred_and_the_seed_decides(landmarks, settings, count):
    shapes = shapes_of(landmarks, 60)
    first, again = (t.make_templates(shapes, **settings, seed=3) for _ in range(2))
    assert first.shape == (count, landmarks, 2) and np.isfinite(first).all()
    assert np.array_equal(first, again) and np.allclose(first.mean(1), 0)


def test_the_mean_face_comes_from_a_file(tmp_path):
    face = np.random.default_rng(0).normal(size=(19, 3))
    np.save(tmp_path / "face.npy", face)
    np.savetxt(tmp_path / "face.txt", face)
    (tmp_path / "bad.txt").write_text("nose\n")
    assert np.allclose(t.read_mean_face(tmp_path / "face.npy", 19), t.read_mean_face(tmp_path / "face.txt", 19))
    settings = {"pitch": "-30,0,30", "mean_face": str(tmp_path / "face.txt")}
    method = plan(METHODS, "anchorface", "paper", settings, 19).method
    assert method.fit(shapes_of(19) * 224, 0)["templates"].shape == (72, 19, 2)
    for path, words in (("", "not given"), ("none.txt", "none.txt"), (tmp_path / "bad.txt", "bad.txt")):
        with pytest.raises(InputError, match=words):
            t.read_mean_face(path, 19)


def test_templates_are_shares_of_the_input():
    shapes = shapes_of(19)
    method = plan(METHODS, "anchorface", "paper", {}, 19).method
    assert np.allclose(method.fit(shapes * 224, 0)["templates"], t.make_templates(shapes))


@pytest.mark.parametrize("grid", [1, 3, 5, 7, 13])
@pytest.mark.parametrize("area", [14, 56, 112])
def test_the_grid_is_centred_on_the_crop(grid, area):
    for where, step in (("edges", area / max(grid - 1, 1)), ("centres", area / grid)):
        points = anchor_points(224, area, grid, where)
        assert points.shape == (grid * grid, 2) and np.allclose(points.mean(0), 111.5)
        for row in range(grid):
            for column in range(grid):
                expected = (111.5 + (column - (grid - 1) / 2) * step, 111.5 + (row - (grid - 1) / 2) * step)
                assert points[row * grid + column] == pytest.approx(expected)


def test_wrong_grids_are_named():
    for arguments in ({"grid": 0}, {"area": -1.0}, {"where": "corners"}):
        with pytest.raises(InputError, match="grid"):
            anchor_points(224, **arguments)


def test_anchors_against_a_loop():
    templates, points = shapes_of(5, 3) - 0.5, anchor_points(96, 24, 4)
    anchors = place(templates, points, 96)
    maps = as_maps(anchors, 3)
    assert anchors.shape == (48, 5, 2) and maps.shape == (1, 3, 10, 16)
    for k in range(3):
        for p in range(16):
            for j in range(5):
                expected = points[p] + 96 * templates[k, j]
                assert anchors[k * 16 + p, j] == pytest.approx(expected)
                assert maps[0, k, 2 * j:2 * j + 2, p] == pytest.approx(expected)


@pytest.mark.parametrize("settings, words", [
    ({"design": "eye"}, "design"), ({"clusters": "0"}, "clusters"), ({"rolls": "0"}, "rolls"), ({"grid": "0"}, "grid"),
    ({"grid_points": "corners"}, "grid_points"), ({"area": "-1"}, "area"), ({"beta": "0"}, "beta"), ({"gamma": "-1"}, "gamma"),
    ({"lam": "-1"}, "lam"), ({"pitch": ""}, "pitch"), ({"confidence": "far"}, "confidence"), ({"weight": "none"}, "weight"),
    ({"entropy": "mse"}, "entropy"), ({"distance_units": "mm"}, "distance_units"), ({"offset_units": "mm"}, "offset_units"),
])
def test_wrong_options_are_named(settings, words):
    with pytest.raises(InputError, match=words):
        plan(METHODS, "anchorface", "paper", settings, 68)


def test_the_paper_preset_is_the_paper():
    run = plan(METHODS, "anchorface", "paper", {}, 68)
    o, training, augment = run.method.options, run.training, run.augment
    assert (run.crop.size, o.area, o.grid, o.clusters * o.rolls, o.beta, o.lam) == (224, 56, 7, 24, 0.05, 0.5)
    assert (training.epochs, training.lr, training.wd) == (50, 1e-3, 1e-5)
    assert training.schedule == "step" and training.lr_epochs == (20, 30, 40) and training.lr_factor == 0.1
    assert run.method.Decoding() == run.method.Decoding("weighted", 0.6)
    assert (augment.rotation, augment.rotation_p, augment.translate, augment.scale_min, augment.scale_max) == (30, 1, 0.1, 1, 1)


def test_the_experiment_measures_what_the_codec_targets(tmp_path):
    import mxnet as mx

    from anchorface.codec import AnchorTargets
    from experiments.anchorface_tables import anchors as experiment
    rng = np.random.default_rng(0)
    base = rng.uniform(0.2, 0.8, (19, 2))
    path = tmp_path / "shapes.txt"
    path.write_text("".join(f"face{i} " + " ".join(f"{v:.5f}" for v in (base + rng.normal(0, 0.03, (19, 2))).ravel()) + "\n"
                            for i in range(40)))
    shapes = experiment.read_shapes(path)
    anchors = place(t.make_templates(shapes / 224), anchor_points(224), 224)
    found = experiment.measure(shapes, anchors, 0.05)
    targets = AnchorTargets(anchors, 24, 224)
    targets.initialize()
    confidence = targets(mx.nd.array(shapes))[1].asnumpy()
    assert (np.abs(confidence - 0.6) > 1e-5).all() and found["voting"].tolist() == (confidence >= 0.6).sum((1, 2)).tolist()
    gaps = [[math.sqrt(((a - s) ** 2).sum() / 19) for a in anchors] for s in shapes[:3]]
    assert found["nearest"][:3] == pytest.approx([100 * min(row) / 224 for row in gaps])
    path.write_text("face 1 2 3\n")
    with pytest.raises(InputError, match="shapes.txt:1"):
        experiment.read_shapes(path)
