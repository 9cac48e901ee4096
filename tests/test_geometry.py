"""Boxes, the one affine map of picture and points, and the warp that must put a pixel where the points go."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gv.core import geometry
from gv.core.errors import InputError

COORDINATE = st.floats(-500, 500)
LENGTH = st.floats(1, 800)
BOXES = st.tuples(COORDINATE, COORDINATE, LENGTH, LENGTH).map(lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3]))
POINTS = st.lists(st.tuples(COORDINATE, COORDINATE), min_size=1, max_size=8).map(np.array)
SIMILARITIES = st.builds(geometry.similarity_about, st.tuples(COORDINATE, COORDINATE), st.floats(-180, 180), st.floats(0.2, 5),
                         st.tuples(COORDINATE, COORDINATE))


def centre(box):
    return ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)


def dots(points, width, height, radius):
    """A black picture with a soft white dot at each point (x, y), real-valued; the brightness is the sum of the dots."""
    rows, columns = np.mgrid[:height, :width]
    light = sum(np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * radius ** 2)) for x, y in points)
    return np.repeat(np.round(255 * np.clip(light, 0, 1))[:, :, None], 3, axis=2).astype(np.uint8)


def centroid(image):
    """Where the light of a picture lies, (x, y)."""
    light = image[:, :, 0].astype(float)
    rows, columns = np.mgrid[:image.shape[0], :image.shape[1]]
    return np.array([(columns * light).sum(), (rows * light).sum()]) / light.sum()


# Boxes


def test_tight_box():
    assert geometry.tight_box([(3, 9), (-1, 4.5), (2, 20)]) == (-1, 4.5, 3, 20)


@given(box=BOXES, share=st.floats(0.01, 0.9))
def test_boxes_keep_their_centre_and_change_their_sides(box, share):
    width, height = geometry.box_size(box)
    wanted = {"square": (geometry.square_box(box), (max(width, height),) * 2),
              "enlarge": (geometry.enlarge_box(box, share), (width * (1 + share), height * (1 + share))),
              "shrink": (geometry.shrink_box(box, share), (width * (1 - share), height * (1 - share)))}
    for name, (changed, sides) in wanted.items():
        assert geometry.box_size(changed) == pytest.approx(sides, rel=1e-6), name
        assert centre(changed) == pytest.approx(centre(box), abs=1e-6), name


def test_boxes_by_hand():
    assert geometry.square_box((0, 10, 20, 50)) == (-10, 10, 30, 50)
    assert geometry.enlarge_box((0, 10, 20, 50), 0.25) == (-2.5, 5, 22.5, 55)
    assert geometry.shrink_box((0, 10, 20, 50), 0.1) == (1, 12, 19, 48)


@pytest.mark.parametrize("box", [(5, 5, 5, 9), (5, 5, 9, 5), (9, 5, 5, 9), (0, 0, np.nan, 1), (0, 0, np.inf, 1)])
@pytest.mark.parametrize("use", [geometry.box_size, geometry.square_box, lambda box: geometry.enlarge_box(box, 0.1),
                                 lambda box: geometry.crop_matrix(box, 64)])
def test_a_box_without_area_is_one_line(use, box):
    with pytest.raises(InputError, match="^box: .*expected x0 < x1 and y0 < y1$"):
        use(box)


# Matrices


@given(box=BOXES, size=st.sampled_from([32, 64, 256]))
def test_the_boxes_edges_are_the_crops(box, size):
    corners = geometry.transform_points(geometry.crop_matrix(box, size), [box[:2], box[2:], centre(box)])
    np.testing.assert_allclose(corners, [(-0.5, -0.5), (size - 0.5, size - 0.5), ((size - 1) / 2,) * 2], atol=1e-6)


def test_a_crop_of_the_whole_picture_at_its_own_size_changes_nothing():
    np.testing.assert_array_equal(geometry.crop_matrix((-0.5, -0.5, 63.5, 63.5), 64), [[1, 0, 0], [0, 1, 0]])


@given(box=BOXES, change=SIMILARITIES, points=POINTS)
def test_the_inverse_is_exact(box, change, points):
    matrix = geometry.compose(change, geometry.crop_matrix(box, 256))
    there = geometry.transform_points(matrix, points)
    rounding = 1e-13 * (np.abs(there).max() + np.abs(matrix).max()) / np.sqrt(abs(np.linalg.det(matrix[:, :2])))
    assert np.abs(geometry.transform_points(geometry.invert(matrix), there) - points).max() <= 1e-9 + rounding


@given(first=SIMILARITIES, second=SIMILARITIES, points=POINTS)
def test_compose_applies_the_inner_one_first(first, second, points):
    expected = geometry.transform_points(second, geometry.transform_points(first, points))
    np.testing.assert_allclose(geometry.transform_points(geometry.compose(second, first), points), expected, rtol=1e-9, atol=1e-6)


def test_compose_order_by_hand():
    double, right = np.array([[2.0, 0, 0], [0, 2, 0]]), np.array([[1.0, 0, 10], [0, 1, 0]])
    assert geometry.transform_points(geometry.compose(double, right), (1, 1)).tolist() == [22, 2]
    assert geometry.transform_points(geometry.compose(right, double), (1, 1)).tolist() == [12, 2]


def test_a_positive_angle_turns_clockwise_on_the_screen():
    """y points down: what is right of the centre goes below it."""
    turn = geometry.similarity_about((10, 10), 90)
    np.testing.assert_allclose(geometry.transform_points(turn, [(15, 10), (10, 15), (10, 10)]), [(10, 15), (5, 10), (10, 10)],
                               atol=1e-12)


def test_scale_and_shift_by_hand():
    change = geometry.similarity_about((10, 20), scale=2, shift=(3, -4))
    np.testing.assert_allclose(geometry.transform_points(change, [(10, 20), (11, 20)]), [(13, 16), (15, 16)], atol=1e-12)


@given(change=SIMILARITIES, points=POINTS)
def test_a_similarity_keeps_shapes(change, points):
    scale = np.sqrt(np.linalg.det(change[:, :2]))
    moved = geometry.transform_points(change, points)
    np.testing.assert_allclose(np.linalg.norm(moved - moved[0], axis=1), scale * np.linalg.norm(points - points[0], axis=1),
                               rtol=1e-6, atol=1e-6)


def test_the_mirror_swaps_the_outer_pixels_and_is_its_own_inverse():
    mirror = geometry.mirror_matrix(64)
    np.testing.assert_array_equal(geometry.transform_points(mirror, [(0, 5), (63, 6), (-0.5, 7)]), [(63, 5), (0, 6), (63.5, 7)])
    np.testing.assert_array_equal(geometry.compose(mirror, mirror), [[1, 0, 0], [0, 1, 0]])


@pytest.mark.parametrize("shape", [(2,), (5, 2), (3, 5, 2), (0, 2)])
def test_points_keep_their_shape_and_become_float64(shape):
    moved = geometry.transform_points(geometry.mirror_matrix(9), np.zeros(shape, np.float32))
    assert moved.shape == shape and moved.dtype == np.float64


# Warp


@settings(max_examples=40)
@given(place=st.tuples(st.floats(20, 179), st.floats(20, 129)), inset=st.tuples(st.floats(0.3, 0.7), st.floats(0.3, 0.7)),
       side=st.floats(60, 300), degrees=st.floats(-30, 30), flip=st.booleans())
def test_a_bright_dot_lands_where_the_points_say(place, inset, side, degrees, flip):
    """Boxes anywhere around the dot, mostly sticking out of the picture of 200 x 150."""
    box = (place[0] - inset[0] * side, place[1] - inset[1] * side, place[0] + (1 - inset[0]) * side,
           place[1] + (1 - inset[1]) * side)
    matrix = geometry.compose(geometry.similarity_about((47.5, 47.5), degrees), geometry.crop_matrix(box, 96))
    matrix = geometry.compose(geometry.mirror_matrix(96), matrix) if flip else matrix
    crop = geometry.warp(dots([place], 200, 150, 3), matrix, 96)
    assert crop.shape == (96, 96, 3) and crop.dtype == np.uint8
    np.testing.assert_allclose(centroid(crop), geometry.transform_points(matrix, place), atol=0.15)


@pytest.mark.parametrize("side", [90.0, 700.0, 1337.0, 3000.0])
def test_a_large_picture_is_averaged_down_and_keeps_its_places(side):
    """2011 x 1507 (sides that no factor divides), reduced by up to 47."""
    for x, y in ((400.3, 310.7), (1000.0, 753.2), (1601.9, 1102.4)):
        box = (x - 0.55 * side, y - 0.4 * side, x + 0.45 * side, y + 0.6 * side)
        matrix = geometry.crop_matrix(box, 64)
        crop = geometry.warp(dots([(x, y)], 2011, 1507, side / 40), matrix, 64)
        assert np.abs(centroid(crop) - geometry.transform_points(matrix, (x, y))).max() < 0.08


def test_small_dots_do_not_get_lost_in_a_large_picture():
    """16 pixels in, one out, and the dots are 4 wide: without averaging most would fall between the samples."""
    places = [(16.0 * n + 7.5, 16.0 * m + 7.5) for n in range(4, 60, 8) for m in range(4, 60, 8)]
    matrix = geometry.crop_matrix((-0.5, -0.5, 1023.5, 1023.5), 64)
    crop = geometry.warp(dots(places, 1024, 1024, 2), matrix, 64)
    for x, y in np.round(geometry.transform_points(matrix, places)).astype(int):
        assert crop[y, x, 0] > 15 and crop[y, x, 0] == crop[y - 1:y + 2, x - 1:x + 2, 0].max()


@pytest.mark.parametrize("box", [(-40.3, -20.7, 60, 79.6), (150, 100, 260, 210), (-100, -100, 300, 300), (60, 40, 110, 90),
                                 (-300, -300, -200, -200), (-2000, -2000, 2200, 2150)])
def test_what_lies_outside_the_picture_is_black_and_the_box_is_never_moved(box):
    """A white picture of 200 x 150: off its edge by more than a pixel, the crop is 255 inside and 0 outside."""
    matrix = geometry.crop_matrix(box, 64)
    crop = geometry.warp(np.full((150, 200, 3), 255, np.uint8), matrix, 64)
    rows, columns = np.mgrid[:64, :64]
    x, y = np.moveaxis(geometry.transform_points(geometry.invert(matrix), np.stack([columns, rows], -1)), -1, 0)
    margin = 1 + (box[2] - box[0]) / 64
    inside = (x > margin) & (x < 199 - margin) & (y > margin) & (y < 149 - margin)
    outside = (x < -margin) | (x > 199 + margin) | (y < -margin) | (y > 149 + margin)
    assert (crop[inside] == 255).all() and (crop[outside] == 0).all() and (inside | outside).any()


def test_a_crop_at_the_pictures_own_size_is_the_picture():
    picture = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    np.testing.assert_array_equal(geometry.warp(picture, geometry.crop_matrix((-0.5, -0.5, 63.5, 63.5), 64), 64), picture)
    np.testing.assert_array_equal(geometry.warp(picture, geometry.mirror_matrix(64), 64), picture[:, ::-1])
