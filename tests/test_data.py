"""From an index to batches: crops and landmarks agree after every augmentation, and order and draws repeat exactly."""

import dataclasses

import cv2
import mxnet as mx
import numpy as np
import pytest

from gv.core import data, geometry, pictures
from gv.core.data import FaceDataset
from gv.core.errors import InputError
from gv.core.faces import Face
from gv.core.layouts import LAYOUTS
from gv.core.pictures import Crop
from gv.core.transforms import Augment

SIZE = 128
CPUS = [mx.cpu(n) for n in range(4)]
OFF = Augment(rotation=0, rotation_p=0, scale_min=1, scale_max=1, flip_p=0)


def grid_points(layout, width, height):
    """As many well separated points as the layout has, on a jittered grid in the middle of the picture, in an order that
    is not the grid's."""
    rng, columns = np.random.default_rng(layout), int(np.ceil(np.sqrt(layout)))
    cells = np.array([(i % columns, i // columns) for i in rng.permutation(columns ** 2)[:layout]], float)
    step = min(width, height) * 0.75 / columns
    return (cells - (columns - 1) / 2) * step + (width / 2, height / 2) + rng.uniform(-0.1, 0.1, cells.shape) * step


def disc_picture(points, width, height, radius):
    """White discs with soft edges at real-valued points on black, (H, W, 3)."""
    picture = np.zeros((height, width, 3), np.uint8)
    for x, y in points:
        cv2.circle(picture, (round(x * 16), round(y * 16)), round(radius * 16), (255, 255, 255), -1, cv2.LINE_AA, 4)
    return picture


def save(path, picture):
    """Write an RGB picture."""
    cv2.imwrite(str(path), picture[:, :, ::-1])


def disc_faces(folder, layout, count=1, width=400, height=360):
    """Faces whose landmarks are the discs of their pictures; the box is the landmarks' rectangle, enlarged."""
    faces = []
    for n in range(count):
        points = grid_points(layout, width, height) + n
        spacing = min(width, height) * 0.75 / np.ceil(np.sqrt(layout))
        save(folder / f"{n}.png", disc_picture(points, width, height, 0.28 * spacing))
        faces.append(Face(f"{n}.png", points, geometry.enlarge_box(geometry.tight_box(points), 0.2)))
    return faces


def near(crop, point, reach):
    """The centroid of the light within ``reach`` pixels of a point, or None where that window leaves the crop."""
    x0, y0, x1, y1 = (int(np.floor(v)) for v in (*(point - reach), *(point + reach + 1)))
    if x0 < 0 or y0 < 0 or x1 >= crop.shape[1] or y1 >= crop.shape[0]:
        return None
    light = crop[y0:y1 + 1, x0:x1 + 1, 0].astype(float)
    rows, columns = np.mgrid[y0:y1 + 1, x0:x1 + 1]
    return np.array([(columns * light).sum(), (rows * light).sum()]) / max(light.sum(), 1)


# Crops and points


@pytest.mark.parametrize("augment", [None, Augment(), dataclasses.replace(Augment(), flip_p=1, rotation_p=1, translate=0.1)],
                         ids=["none", "default", "all"])
@pytest.mark.parametrize("layout", sorted(LAYOUTS))
def test_the_augmented_crop_shows_its_landmarks_where_they_are_said_to_be(tmp_path, layout, augment):
    """A disc at each landmark: its centroid in the crop is the landmark that is returned. Which disc belongs to which
    landmark is checked by the next test; here each must lie on a disc of its own."""
    faces = disc_faces(tmp_path, layout)
    dataset = FaceDataset(tmp_path, faces, layout, Crop(SIZE), augment, seed=3)
    reach, checked = 0.45 * SIZE / 1.4 / np.ceil(np.sqrt(layout)) * 0.75, 0
    for epoch in range(8 if augment else 1):
        dataset.epoch = epoch
        crop, points = dataset[0]
        assert crop.shape == (SIZE, SIZE, 3) and crop.dtype == np.uint8
        assert points.shape == (layout, 2) and points.dtype == np.float32
        for point in points:
            found = near(crop, point, reach)
            if found is not None:
                assert np.abs(found - point).max() < 0.7
                checked += 1
    assert checked > layout * (2 if augment else 0.7)


@pytest.mark.parametrize("layout", sorted(LAYOUTS))
def test_landmarks_keep_their_meaning_through_the_mirror(tmp_path, layout):
    """Each landmark's disc has its own grey. Landmark i of a mirrored crop must lie on the disc of landmark flip[i]."""
    points, flip = grid_points(layout, 400, 360), LAYOUTS[layout].flip
    picture, spacing = np.zeros((360, 400, 3), np.uint8), 270 / np.ceil(np.sqrt(layout))
    greys = 40 + 2 * np.arange(layout)
    for (x, y), grey in zip(points, greys):
        cv2.circle(picture, (round(x), round(y)), round(0.3 * spacing), (int(grey),) * 3, -1)
    save(tmp_path / "0.png", picture)
    face = Face("0.png", points, geometry.enlarge_box(geometry.tight_box(points), 0.5))
    for flip_p in (0, 1):
        augment = dataclasses.replace(Augment(), rotation_p=1, flip_p=flip_p, scale_max=1)
        crop, found = FaceDataset(tmp_path, [face], layout, Crop(256), augment, seed=1)[0]
        expected = greys[list(flip)] if flip_p else greys
        columns, rows = np.round(found).astype(int).T
        np.testing.assert_array_equal(crop[rows, columns, 0], expected)


def test_a_mirrored_crop_is_the_crop_mirrored(tmp_path):
    """x' = S - 1 - x, for the picture and for the points."""
    faces = disc_faces(tmp_path, 68)
    (crop, points), (mirrored, mirrored_points) = (
        FaceDataset(tmp_path, faces, 68, Crop(SIZE), dataclasses.replace(OFF, flip_p=p))[0] for p in (0, 1))
    assert np.abs(mirrored.astype(int) - crop[:, ::-1]).max() <= 255 / 32  # OpenCV samples on a grid of 1/32 pixel
    np.testing.assert_allclose(mirrored_points, (points * [-1, 1] + [SIZE - 1, 0])[list(LAYOUTS[68].flip)], atol=1e-4)


def test_without_augmentation_the_crop_is_the_box_by_the_policy(tmp_path):
    faces = disc_faces(tmp_path, 19)
    box = faces[0].box
    squared = geometry.square_box(box)
    for crop, cut in ((Crop(SIZE), squared), (Crop(SIZE, square="stretch"), box),
                      (Crop(SIZE, enlarge=0.25), geometry.enlarge_box(squared, 0.25))):
        matrix = geometry.crop_matrix(cut, SIZE)
        dataset = FaceDataset(tmp_path, faces, 19, crop)
        np.testing.assert_allclose(dataset.matrix(0), matrix, atol=1e-12)
        expected = geometry.transform_points(matrix, faces[0].points)
        np.testing.assert_allclose(dataset[0][1], expected, atol=1e-4)
        np.testing.assert_allclose(dataset.points_px(0), expected, atol=1e-9)
    np.testing.assert_allclose(Crop(SIZE).matrix(box, 0.1),
                               geometry.crop_matrix(geometry.square_box(geometry.shrink_box(box, 0.1)), SIZE), atol=1e-12)


def test_a_face_without_box_is_cut_by_its_landmarks(tmp_path):
    face = dataclasses.replace(disc_faces(tmp_path, 19)[0], box=None)
    points = FaceDataset(tmp_path, [face], 19, Crop(SIZE)).points_px(0)
    width, height = np.ptp(points, axis=0)
    assert max(width, height) == pytest.approx(SIZE) and points.min() == pytest.approx(-0.5)


@pytest.mark.parametrize("bad", [dict(size=100), dict(size=0), dict(size=16), dict(square="crop")])
def test_a_bad_crop_policy_is_one_line_that_names_it(bad):
    with pytest.raises(InputError, match=next(iter(bad))):
        Crop(**bad)


# Randomness and order


def test_a_sample_depends_on_seed_epoch_and_index_alone(tmp_path):
    everything = Augment(translate=0.05, occlusion_p=0.5, brightness=0.2, contrast=0.2)
    faces = disc_faces(tmp_path, 19, 3)

    def sample(index, epoch, seed, others=()):
        dataset = FaceDataset(tmp_path, faces, 19, Crop(SIZE), everything, seed)
        dataset.epoch = epoch
        for other in others:  # what was drawn before must not matter
            dataset[other]
        np.random.seed(epoch)
        return dataset[index]

    crop, points = sample(1, 5, 7)
    for others in ((0,), (2, 1, 0)):
        again, points_again = sample(1, 5, 7, others)
        np.testing.assert_array_equal(again, crop)
        np.testing.assert_array_equal(points_again, points)
    for different in ((1, 6, 7), (1, 5, 8)):
        assert not np.allclose(sample(*different)[1], points)
    same = [dataclasses.replace(faces[0]), dataclasses.replace(faces[0])]  # one face twice: two draws
    twice = FaceDataset(tmp_path, same, 19, Crop(SIZE), everything)
    assert not np.allclose(twice[0][1], twice[1][1])


def test_occlusion_and_colour_do_not_move_the_landmarks(tmp_path):
    """They are drawn after the affine map, so that switching them on compares like with like."""
    faces = disc_faces(tmp_path, 19)
    changed = Augment(occlusion_p=1, brightness=0.2, contrast=0.2)
    (crop, points), (other, other_points) = (FaceDataset(tmp_path, faces, 19, Crop(SIZE), a, 4)[0] for a in (Augment(), changed))
    np.testing.assert_array_equal(other_points, points)
    assert not np.array_equal(other, crop)


def test_the_order_of_an_epoch_is_a_permutation_of_its_own():
    orders = [tuple(data.epoch_order(50, seed, epoch)) for seed in (0, 1) for epoch in range(5)]
    assert all(sorted(order) == list(range(50)) for order in orders) and len(set(orders)) == 10
    assert tuple(data.epoch_order(50, 1, 3)) == orders[8]


class Numbers:
    """A data set whose sample i of epoch e is the number 10 e + i."""

    seed, epoch = 0, 0

    def __init__(self, count):
        self.count = count

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        return np.full((2, 2, 3), 10 * self.epoch + index, np.uint8), np.full((1, 2), index, np.float32)


@pytest.mark.parametrize("count, batch, sizes", [(10, 4, [4, 4, 2]), (8, 4, [4, 4]), (3, 4, [3]), (5, 1, [1] * 5)])
def test_batches_cover_the_epoch_once_and_may_start_anywhere(count, batch, sizes):
    whole = list(data.training_batches(Numbers(count), batch, 2))
    assert [len(points) for _, points in whole] == [len(images) for images, _ in whole] == sizes
    seen = [int(point[0, 0]) for _, points in whole for point in points]
    assert seen == list(data.epoch_order(count, 0, 2)) and sorted(seen) == list(range(count))
    first = whole[0][0][0]
    np.testing.assert_array_equal(first, pictures.to_input(np.full((1, 2, 2, 3), 20 + seen[0], np.uint8))[0])  # of epoch 2
    for first_step in range(len(sizes) + 1):
        tail = list(data.training_batches(Numbers(count), batch, 2, first_step))
        assert len(tail) == len(sizes) - first_step
        for found, expected in zip(tail, whole[first_step:]):
            for a, b in zip(found, expected):
                np.testing.assert_array_equal(a, b)


# Input and devices


def test_input_is_rgb_by_imagenets_mean_and_deviation():
    crop = np.zeros((1, 2, 3, 3), np.uint8)
    crop[0, 1, 2] = (255, 128, 51)
    found = pictures.to_input(crop)
    assert found.shape == (1, 3, 2, 3) and found.dtype == np.float32 and found.flags.c_contiguous
    np.testing.assert_allclose(found[0, :, 1, 2], [(1 - 0.485) / 0.229, (128 / 255 - 0.456) / 0.224, (0.2 - 0.406) / 0.225],
                               rtol=1e-5)
    np.testing.assert_allclose(found[0, :, 0, 0], [-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225], rtol=1e-5)


def test_input_is_the_formula_at_every_value_to_the_last_bit():
    crop = np.random.default_rng(0).permutation(np.arange(3 * 256) % 256).astype(np.uint8).reshape(1, 16, 16, 3)
    by_formula = (crop.astype(np.float32) / 255 - pictures.IMAGENET_MEAN) / pictures.IMAGENET_STD
    np.testing.assert_array_equal(pictures.to_input(crop), by_formula.transpose(0, 3, 1, 2))


@pytest.mark.parametrize("count, devices, sizes", [(8, 2, [4, 4]), (7, 2, [4, 3]), (5, 3, [2, 2, 1]), (1, 3, [1, 1, 1]),
                                                   (3, 1, [3]), (2, 4, [1, 1, 1, 1])])
def test_a_batch_is_shared_among_devices_each_sample_once(count, devices, sizes):
    images = np.arange(count * 12, dtype=np.float32).reshape(count, 3, 2, 2)
    points = np.arange(count * 4, dtype=np.float32).reshape(count, 2, 2)
    shares = data.split_batch(images, points, CPUS[:devices])
    assert [len(weights) for _, _, weights in shares] == sizes
    counted = []
    for device, (x, y, weights) in zip(CPUS, shares):
        assert x.context == y.context == weights.context == device and len(x) == len(y) == len(weights)
        assert set(weights.asnumpy()) in ({0.0}, {1.0})
        counted += [(int(y[n, 0, 0].asscalar()) // 4, int(x[n, 0, 0, 0].asscalar()) // 12)
                    for n in range(len(x)) if weights[n].asscalar()]
    assert counted == [(n, n) for n in range(count)]  # a device left with nothing holds a sample of weight 0


# Pictures


def with_orientation(jpeg, orientation):
    """A JPEG with an EXIF block that says how it should be turned."""
    entry = b"\x01\x12\x00\x03\x00\x00\x00\x01" + bytes([0, orientation]) + b"\x00\x00"
    tiff = b"Exif\x00\x00MM\x00\x2a\x00\x00\x00\x08\x00\x01" + entry + b"\x00\x00\x00\x00"
    return jpeg[:2] + b"\xff\xe1" + (len(tiff) + 2).to_bytes(2, "big") + tiff + jpeg[2:]


def test_pictures_are_rgb_and_taken_as_stored(tmp_path):
    """Landmarks were set on the stored pixels: an EXIF orientation, which OpenCV would follow, is left alone."""
    picture = np.zeros((40, 60, 3), np.uint8)
    picture[:, :30] = (250, 130, 10)
    jpeg = cv2.imencode(".jpg", picture[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 100])[1].tobytes()
    (tmp_path / "turned.jpg").write_bytes(with_orientation(jpeg, 6))
    assert cv2.imread(str(tmp_path / "turned.jpg")).shape == (60, 40, 3), "the EXIF block of this test is not read"
    found = pictures.read_picture(tmp_path / "turned.jpg")
    assert found.shape == (40, 60, 3) and found.dtype == np.uint8
    assert np.abs(found[20, 10].astype(int) - (250, 130, 10)).max() <= 4 and found[20, 50].max() <= 4


@pytest.mark.parametrize("stored", ["grey", "alpha", "sixteen"])
def test_pictures_of_other_kinds_become_three_bytes_a_pixel(tmp_path, stored):
    pixels = {"grey": np.full((8, 9), 77, np.uint8), "alpha": np.full((8, 9, 4), 77, np.uint8),
              "sixteen": np.full((8, 9, 3), 77 * 257, np.uint16)}[stored]
    cv2.imwrite(str(tmp_path / "x.png"), pixels)
    found = pictures.read_picture(tmp_path / "x.png")
    assert found.shape == (8, 9, 3) and found.dtype == np.uint8 and (found == 77).all()


def test_a_name_with_other_letters_is_read(tmp_path):
    cv2.imwrite(str(tmp_path / "x.png"), np.zeros((4, 4, 3), np.uint8))
    (tmp_path / "x.png").rename(tmp_path / "Gesicht ä 顔.png")
    assert pictures.read_picture(tmp_path / "Gesicht ä 顔.png").shape == (4, 4, 3)


@pytest.mark.parametrize("content", [None, b"", b"no picture", b"\x89PNG\r\n\x1a\n" + b"\x00" * 40, "folder"])
def test_what_is_no_picture_is_one_line_that_names_the_file(tmp_path, content):
    path = tmp_path / "broken.jpg"
    if content == "folder":
        path.mkdir()
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match="broken.jpg: (no such picture|not a picture); expected") as caught:
        pictures.read_picture(path)
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="broken.jpg"):
        FaceDataset(tmp_path, [Face("broken.jpg", np.zeros((19, 2)), (0, 0, 9, 9))], 19, Crop(SIZE))[0]
