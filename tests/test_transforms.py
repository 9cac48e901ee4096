"""Augmentation: the published ranges over many draws, and that a picture and its landmarks move together."""

import dataclasses

import numpy as np
import pytest

from gv.core import geometry, transforms
from gv.core.errors import InputError
from gv.core.transforms import Augment

SIZE = 64
CENTRE = ((SIZE - 1) / 2, (SIZE - 1) / 2)
STILL = Augment(rotation=0, rotation_p=0, scale_min=1, scale_max=1, flip_p=0)


def draws(augment, count=4000, seed=0):
    """(degrees, scales, shifts in pixels, mirrored) of so many draws, read back from the matrices."""
    rng, found = np.random.default_rng(seed), []
    for _ in range(count):
        matrix, mirrored = transforms.random_affine(rng, SIZE, augment)
        linear = matrix[:, :2]
        assert (np.linalg.det(linear) < 0) == mirrored
        shift = geometry.transform_points(matrix, CENTRE) - CENTRE
        if mirrored:
            linear, shift = np.diag([-1.0, 1.0]) @ linear, shift * [-1, 1]
        scale = np.sqrt(np.linalg.det(linear))
        np.testing.assert_allclose(linear @ linear.T, np.eye(2) * scale ** 2, atol=1e-9)  # a similarity, nothing else
        found.append((np.degrees(np.arctan2(linear[1, 0], linear[0, 0])), scale, *shift, mirrored))
    degrees, scales, x, y, mirrored = np.array(found, float).T
    return degrees, scales, np.stack([x, y], 1), mirrored


def test_the_defaults_are_the_papers():
    """Section 4.3: rotation up to 30 degrees for half of the images, scale 75 to 125 % for all, flip for half, no more."""
    degrees, scales, shifts, mirrored = draws(Augment())
    turned = np.abs(degrees) > 1e-9
    assert abs(turned.mean() - 0.5) < 0.04 and np.abs(degrees).max() <= 30
    assert abs(degrees[turned].mean()) < 1.5 and abs(degrees[turned].std() - 30 / np.sqrt(3)) < 1
    assert scales.min() >= 0.75 and scales.max() <= 1.25 and (scales.min() < 0.755 and scales.max() > 1.245)
    assert abs(scales.mean() - 1) < 0.01 and abs(scales.std() - 0.25 / np.sqrt(3)) < 0.01
    assert abs(mirrored.mean() - 0.5) < 0.04
    np.testing.assert_allclose(shifts, 0, atol=1e-9)
    for a, b in ((turned, mirrored), (scales, mirrored), (turned, scales), (degrees[turned], scales[turned])):
        assert abs(np.corrcoef(a, b)[0, 1]) < 0.07  # drawn one by one
    assert Augment().occlusion_p == Augment().brightness == Augment().contrast == 0


def test_shift_is_a_share_of_the_crop():
    _, _, shifts, _ = draws(dataclasses.replace(Augment(), translate=0.1), 1000)
    assert 0.98 * 6.4 < np.abs(shifts).max() <= 6.4 + 1e-9 and np.abs(shifts.mean(0)).max() < 0.4


def test_nothing_on_is_nothing_done():
    matrix, mirrored = transforms.random_affine(np.random.default_rng(0), SIZE, STILL)
    np.testing.assert_allclose(matrix, [[1, 0, 0], [0, 1, 0]], atol=1e-12)
    assert mirrored is False


def test_a_certain_flip_is_the_mirror():
    matrix, mirrored = transforms.random_affine(np.random.default_rng(0), SIZE, dataclasses.replace(STILL, flip_p=1))
    np.testing.assert_allclose(matrix, geometry.mirror_matrix(SIZE), atol=1e-12)
    assert mirrored is True


def test_the_same_generator_state_gives_the_same_draw():
    matrices = [transforms.random_affine(np.random.default_rng(5), SIZE, Augment())[0] for _ in range(2)]
    np.testing.assert_array_equal(*matrices)


@pytest.mark.parametrize("largest", [0.4, 0.1, 1.0, 0.0])
def test_occlusion_hides_one_rectangle_of_at_most_the_stated_side(largest):
    """On a white crop; what was hidden is read from the rectangle around the pixels that are no longer white."""
    crop, rng, sides, flat = np.full((SIZE, SIZE, 3), 255, np.uint8), np.random.default_rng(1), [], 0
    for _ in range(300):
        hidden = transforms.occlude(crop, rng, largest)
        rows, columns = np.nonzero((hidden != crop).any(axis=2))
        if not len(rows):  # a white rectangle
            continue
        inner = hidden[rows.min():rows.max() + 1, columns.min():columns.max() + 1]
        sides += [inner.shape[0], inner.shape[1]]
        flat += len(np.unique(inner.reshape(-1, 3), axis=0)) == 1
        outer = hidden.copy()
        outer[rows.min():rows.max() + 1, columns.min():columns.max() + 1] = 255
        assert (outer == 255).all() and (inner != 255).any(axis=2).mean() > 0.99
    assert (crop == 255).all(), "the crop given was written to"
    assert 1 <= min(sides) and max(sides) <= max(1, largest * SIZE)
    if largest == 0.4:
        assert max(sides) >= 24 and 100 < flat < 200  # flat colour or noise, half and half


def test_occlusion_reaches_every_part_of_the_crop():
    rng, crop = np.random.default_rng(2), np.zeros((SIZE, SIZE, 3), np.uint8)
    hit = sum((transforms.occlude(crop, rng, 0.4) > 0).any(axis=2).astype(int) for _ in range(2000))
    assert hit.min() > 0


def test_colour_stays_within_its_shares():
    crop, rng = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, 2), np.random.default_rng(3)
    np.testing.assert_array_equal(transforms.jitter_colour(crop, rng, 0, 0), crop)
    for _ in range(100):
        brighter = transforms.jitter_colour(crop, rng, 0.2, 0).astype(int)
        assert np.abs(brighter - crop).max() <= 0.2 * 255 + 1
        stretched = transforms.jitter_colour(crop, rng, 0, 0.2).astype(int)
        assert np.abs(stretched - crop).max() <= 0.2 * 128 + 1 and abs(stretched[8, 0, 0] - 128) <= 1


@pytest.mark.parametrize("bad", [dict(rotation_p=1.1), dict(flip_p=-0.1), dict(occlusion_p=2), dict(occlusion_side=1.5),
                                 dict(translate=-1), dict(brightness=2), dict(contrast=-1), dict(rotation=-5),
                                 dict(scale_min=1.3), dict(scale_min=0), dict(scale_max=0.5)])
def test_augmentation_out_of_range_is_one_line_that_names_it(bad):
    with pytest.raises(InputError, match=next(iter(bad))):
        Augment(**bad)
