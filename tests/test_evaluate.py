"""From a net to errors and landmarks: evaluation, prediction, the face detector's boxes, drawing."""

import csv
import math
from dataclasses import replace

import mxnet as mx
import numpy as np
import pytest
from helpers import make_index, tiny_run, train_tiny

from gv.core import detector, draw, evaluate, geometry
from gv.core.data import FaceDataset
from gv.core.errors import InputError
from gv.core.faces import read_split
from gv.core.finding import Finder, check_box
from gv.core.layouts import get_layout
from gv.core.pictures import Crop, read_picture
from gv.core.predict import Predictor, prediction_decoding
from gv.core.run import open_run
from gv.methods import METHODS, GaussianVector, Heatmap


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    return make_index(tmp_path_factory.mktemp("index"), train=6, common=20)


@pytest.fixture(scope="module")
def faces(index):
    return read_split(index, "common")


@pytest.fixture(scope="module")
def run(tmp_path_factory, index):
    folder = tmp_path_factory.mktemp("runs") / "run"
    train_tiny(folder, index, settings={"epochs": 3, "lr": 1e-3, "enlarge": 0.25})
    return folder


# --- errors

def test_face_errors_against_a_loop(faces):
    rng = np.random.default_rng(1)
    guess = np.stack([face.points + rng.normal(0, 3, face.points.shape) for face in faces])
    for name in ("ion", "ipn", "box"):
        errors = evaluate.face_errors(guess, faces, name, 68)
        for face, points, error in zip(faces, guess, errors):
            total = 0.0
            for (x, y), (u, v) in zip(points, face.points):
                total += math.hypot(x - u, y - v)
            true, box = face.points, face.box
            length = {"ion": math.dist(true[36], true[45]), "ipn": math.dist(true[36:42].mean(0), true[42:48].mean(0)),
                      "box": math.sqrt((box[2] - box[0]) * (box[3] - box[1]))}[name]
            assert error == pytest.approx(total / 68 / length, rel=1e-12)


def test_a_face_without_box_takes_its_landmarks_rectangle(faces):
    guess = np.stack([face.points + 1 for face in faces])
    bare = [replace(face, box=None) for face in faces]
    np.testing.assert_array_equal(evaluate.face_errors(guess, bare, "box", 68), evaluate.face_errors(guess, faces, "box", 68))


class Oracle:
    """A net that counts its calls and a decoder that knows the true crop points of every face, in order."""

    def __init__(self, dataset, matrices):
        self.points = [geometry.transform_points(matrix, face.points) for matrix, face in zip(matrices, dataset.faces)]
        self.batches, self.at = [], 0

    def __call__(self, x):
        self.batches.append(x.shape)
        first = sum(shape[0] for shape in self.batches[:-1])
        return mx.nd.arange(first, first + x.shape[0])

    def decode(self, rows):
        return mx.nd.array(np.stack([self.points[int(row)] for row in rows.asnumpy()]))


@pytest.mark.parametrize("crop", [Crop(64), Crop(64, 0.25), Crop(96, 0.1, "stretch"), Crop(32)])
@pytest.mark.parametrize("shrink", [0.0, 0.1, 0.4])
def test_decoded_points_come_back_to_the_image(index, faces, crop, shrink):
    dataset = FaceDataset(index.folder, faces, 68, crop)
    matrices = [crop.matrix(face.box, shrink) for face in faces]
    oracle = Oracle(dataset, matrices)
    found = evaluate.decode_faces(oracle, {"a": oracle.decode}, dataset, [mx.cpu()], matrices if shrink else None)
    assert found["a"].shape == (20, 68, 2)
    assert np.abs(found["a"] - evaluate.true_points(faces)).max() < 1e-3


def test_many_decoders_one_forward(index, faces):
    dataset = FaceDataset(index.folder, faces, 68, Crop(64))
    oracle = Oracle(dataset, [dataset.matrix(i) for i in range(20)])
    decoders = {"true": oracle.decode, "right": lambda rows: oracle.decode(rows) + mx.nd.array([1, 0]), "again": oracle.decode}
    found = evaluate.decode_faces(oracle, decoders, dataset, [mx.cpu()])
    assert oracle.batches == [(16, 3, 64, 64), (4, 3, 64, 64)]
    assert list(found) == ["true", "right", "again"]
    np.testing.assert_array_equal(found["true"], found["again"])
    for face, true, right in zip(faces, found["true"], found["right"]):
        side = max(face.box[2] - face.box[0], face.box[3] - face.box[1])
        np.testing.assert_allclose(right - true, np.broadcast_to([side / 64, 0], (68, 2)), atol=1e-4)


def test_batches_do_not_change_the_points(index, faces, run):
    loaded, _, fitted, net = open_run(METHODS, run, [mx.cpu()])
    dataset = FaceDataset(index.folder, faces, 68, loaded.crop)
    decoders = {"d": loaded.method.decoder(loaded.method.Decoding(), fitted)}
    one, many = (evaluate.decode_faces(net, decoders, dataset, [mx.cpu()], batch=batch)["d"] for batch in (1, 7))
    np.testing.assert_allclose(one, many, atol=1e-3)


class Leaning(Finder):
    """Finds the leftmost and the rightmost bright pixel of a crop, which a mirror swaps, both two pixels too far right; sure
    of what is in the left half of the crop."""

    crop = Crop(size=64, boxes="landmarks")
    layout = replace(get_layout(68), size=2, flip=(1, 0))

    def read(self, crops):
        columns = [np.nonzero(crop[..., 1] > 128)[1] for crop in crops]
        rows = [np.nonzero(crop[..., 1] > 128)[0] for crop in crops]
        points = np.array([[(x.min(), y[x.argmin()]), (x.max(), y[x.argmax()])] for x, y in zip(columns, rows)], np.float64)
        return points + (2, 0), (points[..., 0] < 32).astype(float)


def test_what_a_net_does_wrong_to_one_side_the_mirror_image_takes_back():
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[20, 10] = picture[30, 50] = 255
    finder, box = Leaning(), (-0.5, -0.5, 63.5, 63.5)
    (plain,) = finder(picture, [box])
    np.testing.assert_allclose(plain.points, [(12, 20), (52, 30)], atol=1e-9)
    np.testing.assert_allclose(plain.scores, [1, 0])
    (mirrored,) = finder.use("cascade", mirrored=True)(picture, [box])
    np.testing.assert_allclose(mirrored.points, [(10, 20), (50, 30)], atol=1e-9)
    np.testing.assert_allclose(mirrored.scores, [0.5, 0.5])
    assert finder.use("cascade")(picture, [box])[0].points.tolist() == plain.points.tolist()
    finder.layout = None
    with pytest.raises(InputError, match="no layout"):
        finder.use("cascade", mirrored=True)


def test_the_mirrored_mean_is_the_same_of_the_mirrored_picture(index, faces, run):
    plain, both = Predictor(METHODS, run), Predictor(METHODS, run).use("cascade", mirrored=True)
    dataset, flip = FaceDataset(index.folder, faces[:4], 68, plain.crop), np.asarray(get_layout(68).flip)
    apart = {"plain": [], "both": []}
    for i, face in enumerate(dataset.faces):
        picture, (x0, y0, x1, y1) = dataset.picture(i), face.box
        last = picture.shape[1] - 1
        for name, finder in (("plain", plain), ("both", both)):
            (here,) = finder(picture, [face.box])
            (there,) = finder(np.ascontiguousarray(picture[:, ::-1]), [(last - x1, y0, last - x0, y1)])
            apart[name].append(np.abs(there.points[flip] * (-1, 1) + (last, 0) - here.points).mean())
    assert max(apart["both"]) < 0.1 * min(apart["plain"]), apart


def test_evaluation_has_the_mirrored_mean_as_prediction_has_it(index, faces, run):
    loaded, _, fitted, net = open_run(METHODS, run, [mx.cpu()])
    dataset = FaceDataset(index.folder, faces[:5], 68, loaded.crop)
    decoders = {name: loaded.method.decoder(loaded.method.Decoding(beyond_box=beyond), fitted)
                for name, beyond in (("off", False), ("on", True))}
    seen = []
    found = evaluate.decode_faces(net, decoders, dataset, [mx.cpu()], batch=2, mirrored=True,
                                  observe=lambda outputs, true: seen.append(outputs[0].asnumpy()))
    alone = []
    for name, points in evaluate.decode_faces(net, decoders, dataset, [mx.cpu()], batch=2,
                                              observe=lambda outputs, true: alone.append(outputs[0].asnumpy())).items():
        np.testing.assert_array_equal(points, found[name])
    np.testing.assert_array_equal(np.concatenate(seen), np.concatenate(alone))
    assert list(found) == ["off", "on", "off+mirrored", "on+mirrored"]
    predictor = Predictor(METHODS, run, decoding={"beyond_box": False}).use("cascade", mirrored=True)
    for i, face in enumerate(dataset.faces):
        np.testing.assert_allclose(predictor(dataset.picture(i), [face.box])[0].points, found["off+mirrored"][i], atol=1e-3)


def test_errors_csv(tmp_path, faces):
    rng = np.random.default_rng(2)
    errors = {"nme": rng.random(20) / 10, "nme_bbs": rng.random(20) / 10}
    evaluate.write_errors(tmp_path / "errors.csv", faces, errors)
    with open(tmp_path / "errors.csv", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert list(rows[0]) == ["image", "nme", "nme_bbs"]
    assert [row["image"] for row in rows] == [face.image for face in faces]
    for column, values in errors.items():
        np.testing.assert_allclose([float(row[column]) for row in rows], values, atol=1e-8)
    assert [path.name for path in tmp_path.iterdir()] == ["errors.csv"]


# --- prediction

def test_predictor_reads_as_evaluation_does(index, faces, run):
    loaded, _, fitted, net = open_run(METHODS, run, [mx.cpu()])
    dataset = FaceDataset(index.folder, faces[:5], 68, loaded.crop)
    decodings = {"off": {"beyond_box": False}, "on": {}}
    decoders = {name: loaded.method.decoder(prediction_decoding(loaded.method, decoding), fitted)
                for name, decoding in decodings.items()}
    expected = evaluate.decode_faces(net, decoders, dataset, [mx.cpu()])
    for name, decoding in decodings.items():
        predictor = Predictor(METHODS, run, decoding=decoding)
        for i, face in enumerate(faces[:5]):
            found = predictor(dataset.picture(i), [face.box, face.box])
            assert [one.box for one in found] == [face.box] * 2 and found[0].points.shape == (68, 2)
            np.testing.assert_allclose([one.points for one in found], [expected[name][i]] * 2, atol=1e-3)
    assert predictor(dataset.picture(0), []) == []


def test_beyond_box_is_on_for_prediction_where_there_are_vectors():
    assert prediction_decoding(GaussianVector, {}).beyond_box
    assert not prediction_decoding(GaussianVector, {"beyond_box": "false"}).beyond_box
    assert not prediction_decoding(Heatmap, {}).beyond_box
    with pytest.raises(InputError, match="Beyond Box needs --method gv"):
        prediction_decoding(Heatmap, {"beyond_box": "true"})
    with pytest.raises(InputError, match='option "colour": unknown; expected one of'):
        prediction_decoding(GaussianVector, {"colour": "red"})


@pytest.mark.parametrize("box, outside", [
    ((-5, -5, 200, 200), False), ((-30, 10, -0.4, 40), False), ((-30, 10, -0.5, 40), True), ((0, 49.4, 10, 60), False),
    ((0, 49.5, 10, 60), True), ((99.5, 0, 120, 10), True), ((-9, -9, -2, -2), True),
])
def test_a_box_must_overlap_the_picture(box, outside):
    picture = np.zeros((50, 100, 3), np.uint8)
    if outside:
        with pytest.raises(InputError, match="lies outside the picture; expected a box that overlaps its 100 x 50 pixels"):
            check_box(box, picture)
    else:
        check_box(box, picture)


@pytest.mark.parametrize("box", [(5, 5, 5, 9), (9, 5, 5, 9), (0, 0, math.nan, 9), (0, 0, math.inf, 9)])
def test_a_box_must_have_an_area(box):
    with pytest.raises(InputError, match="x0 < x1 and y0 < y1"):
        check_box(box, np.zeros((50, 100, 3), np.uint8))


# --- the face detector's boxes

def detections(mapping, count, rng, noise=0.0):
    """[(detected box, trained-on box)] such that the mapping carries the one to the square around the other."""
    dx, dy, scale = mapping
    pairs = []
    for _ in range(count):
        side, cx, cy, flat = rng.uniform(50, 300), *rng.uniform(0, 500, 2), rng.uniform(0.5, 1)
        found = (cx - side / 2, cy - side / 2, cx + side / 2, cy + side / 2)
        tx, ty, half = cx + (dx + rng.normal(0, noise)) * side, cy + (dy + rng.normal(0, noise)) * side, scale * side / 2
        pairs.append((found, (tx - half, ty - half * flat, tx + half, ty + half * flat)))
    return pairs


def test_the_mapping_is_recovered():
    mapping, rng = (0.02, 0.11, 0.83), np.random.default_rng(3)
    pairs = detections(mapping, 30, rng)
    np.testing.assert_allclose(detector.fit_mapping(pairs), mapping, atol=1e-9)
    for found, target in pairs:
        np.testing.assert_allclose(detector.map_box(found, mapping), geometry.square_box(target), atol=1e-6)


def test_the_mapping_withstands_noise_and_false_finds():
    mapping, rng = (-0.05, 0.2, 1.2), np.random.default_rng(4)
    pairs = detections(mapping, 180, rng, noise=0.02) + detections((1.0, -1.0, 3.0), 20, rng)
    np.testing.assert_allclose(detector.fit_mapping(pairs), mapping, atol=0.02)


def test_too_few_matches_fit_nothing():
    pairs = detections((0, 0, 1), detector.FEWEST_MATCHES, np.random.default_rng(5))
    assert detector.fit_mapping(pairs[1:]) is None and detector.fit_mapping(pairs) is not None
    with pytest.raises(InputError, match="detector_faces"):
        detector.map_box((0, 0, 10, 10), None)


def test_overlap_and_best_match():
    assert detector.overlap((0, 0, 10, 10), (0, 0, 10, 10)) == 1
    assert detector.overlap((0, 0, 10, 10), (5, 0, 15, 10)) == pytest.approx(1 / 3)
    assert detector.overlap((0, 0, 10, 10), (10, 0, 20, 10)) == 0 == detector.overlap((0, 0, 10, 10), (30, 30, 40, 40))
    boxes = np.array([[100, 100, 200, 200], [12, 8, 52, 48], [10, 10, 50, 50], [0, 0, 300, 300]], float)
    assert detector.best_match(boxes, (10, 15, 50, 45)) == (10, 10, 50, 50)  # its square
    assert detector.best_match(boxes, (600, 600, 700, 700)) is None
    assert detector.best_match(boxes[:0], (10, 10, 50, 50)) is None
    half = 10 * math.sqrt(detector.MATCH_IOU)
    assert detector.best_match([(0, 0, half + 1e-6, half + 1e-6)], (0, 0, 10, 10)) is not None
    assert detector.best_match([(0, 0, half - 1e-6, half - 1e-6)], (0, 0, 10, 10)) is None


@pytest.mark.parametrize("shape", [(200, 300, 3), (20, 20, 3), (1500, 1100, 3)])
def test_a_blank_picture_has_no_face(shape):
    boxes = detector.FaceDetector()(np.full(shape, 127, np.uint8))
    assert boxes.shape == (0, 4) and boxes.dtype == np.float64


class Cascade:
    """In place of OpenCV's cascade: says what it saw, and finds fixed boxes (x, y, w, h) in what has ``from_side`` pixels."""

    def __init__(self, from_side=0):
        self.seen, self.from_side = [], from_side

    def detectMultiScale(self, grey, *arguments, **options):
        self.seen.append(grey.shape)
        if max(grey.shape) < self.from_side:
            return ()
        return np.array([[10, 20, 30, 30], [100, 50, 60, 60]])


def test_boxes_are_pixel_edges_of_the_picture_largest_first():
    find = detector.FaceDetector()
    find.cascade = Cascade()
    np.testing.assert_array_equal(find(np.zeros((200, 250, 3), np.uint8)), [[99.5, 49.5, 159.5, 109.5], [9.5, 19.5, 39.5, 49.5]])
    boxes = find(np.zeros((256, 512, 3), np.uint8))  # searched at half its size
    assert find.cascade.seen == [(200, 250), (128, 256)]
    np.testing.assert_array_equal(boxes[1], [19.5, 39.5, 79.5, 99.5])


def test_small_faces_are_looked_for_where_there_are_no_large_ones():
    find = detector.FaceDetector()
    find.cascade = Cascade(from_side=500)
    np.testing.assert_array_equal(find(np.zeros((1024, 2048, 3), np.uint8))[1], [19.5, 39.5, 79.5, 99.5])
    assert find.cascade.seen == [(128, 256), (512, 1024)]
    find.cascade = Cascade(from_side=9999)
    assert find(np.zeros((1024, 2048, 3), np.uint8)).shape == find(np.zeros((200, 100, 3), np.uint8)).shape == (0, 4)
    assert find.cascade.seen == [(128, 256), (512, 1024), (200, 100)]     # a small picture is searched once


def test_the_mapping_is_fitted_on_what_the_cascade_finds(tmp_path, monkeypatch):
    index = make_index(tmp_path, train=24, common=1)
    dataset = FaceDataset(index.folder, read_split(index, "train"), 68, tiny_run().crop)
    squares = {read_picture(f"{index.folder}/{face.image}").tobytes(): geometry.square_box(face.box) for face in dataset.faces}

    def find(self, image):
        x0, y0, x1, y1 = squares[image.tobytes()]
        side = (x1 - x0) / 0.8  # what is trained on is 0.8 of what is found, a tenth of which lower
        cx, cy = (x0 + x1) / 2, (y0 + y1) / 2 - 0.1 * side
        return np.array([[0, 0, 9, 9], [cx - side / 2, cy - side / 2, cx + side / 2, cy + side / 2]])

    monkeypatch.setattr(detector.FaceDetector, "__call__", find)
    np.testing.assert_allclose(detector.fit_detector(dataset, 400), (0, 0.1, 0.8), atol=1e-9)
    assert detector.fit_detector(dataset, 10) is None


# --- drawing

def distance_to(colour, picture, point):
    """Pixels from a point to the nearest pixel of (about) a colour, among those up to 20 away."""
    x, y = (max(0, int(value) - 20) for value in point)
    rows, columns = np.nonzero(np.abs(picture[y:y + 41, x:x + 41].astype(int) - colour).max(2) < 40)
    return np.hypot(columns + x - point[0], rows + y - point[1]).min() if len(rows) else np.inf


@pytest.mark.parametrize("side, zoom", [(96, 5), (300, 2), (700, 1)])
def test_landmarks_are_drawn_where_they_are(side, zoom):
    rng = np.random.default_rng(6)
    image = np.full((side, side + 20, 3), 30, np.uint8)
    points, true = rng.uniform(0.2, 0.8, (2, 68, 2)) * side
    picture = draw.draw_landmarks(image, points, edges=False)
    assert picture.shape == (side * zoom, (side + 20) * zoom, 3) and picture.dtype == np.uint8
    assert (image == 30).all()
    for x, y in points:
        assert distance_to(draw.PREDICTED, picture, ((x + 0.5) * zoom - 0.5, (y + 0.5) * zoom - 0.5)) <= 1.5
    near = np.zeros(picture.shape[:2], bool)
    for x, y in np.round((points + 0.5) * zoom - 0.5).astype(int):
        near[max(0, y - 12):y + 13, max(0, x - 12):x + 13] = True
    assert (picture[~near] == 30).all()
    both = draw.draw_landmarks(image, points, true=true, box=(10, 10, side - 10, side - 10), edges=False)
    assert distance_to(draw.TRUE, both, (true[0] + 0.5) * zoom - 0.5) <= 8  # may lie below a green one
    assert distance_to(draw.BOX, both, (10.5 * zoom - 0.5, 10.5 * zoom - 0.5)) <= 2
    assert (draw.draw_landmarks(image, points) != picture).any()  # edges


def test_every_face_of_a_picture_is_drawn_in_place():
    image, square = np.full((100, 200, 3), 30, np.uint8), np.array([[0, 0], [20, 0], [20, 20], [0, 20]] * 17, float)
    shapes, boxes = [square + 10, square + (150, 60)], [(5, 5, 35, 35), (145, 55, 175, 85)]
    picture = draw.draw_faces(image, shapes, boxes)
    assert picture.shape == (500, 1000, 3)
    for shape, box in zip(shapes, boxes):
        for point in shape[:4]:
            assert distance_to(draw.PREDICTED, picture, (point + 0.5) * 5 - 0.5) <= 2
        assert distance_to(draw.BOX, picture, (np.array(box[:2]) + 0.5) * 5 - 0.5) <= 2


@pytest.mark.parametrize("size", [19, 29, 39, 68, 98, 106])
def test_every_layout_can_be_drawn(size):
    points = np.random.default_rng(size).uniform(20, 80, (get_layout(size).size, 2))
    assert (draw.draw_landmarks(np.zeros((100, 100, 3), np.uint8), points) > 0).any()


def test_pictures_are_written_in_rgb(tmp_path):
    picture = np.zeros((20, 30, 3), np.uint8)
    picture[:, :, 0] = 200
    assert draw.write_picture(tmp_path / "a.png", picture) == tmp_path / "a.png"
    np.testing.assert_array_equal(read_picture(tmp_path / "a.png"), picture)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OSError):
        draw.write_picture(tmp_path / "file" / "a.png", picture)
    for name in ("a.nothing", "a"):
        with pytest.raises(InputError, match="ends in .png"):
            draw.write_picture(tmp_path / name, picture)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "file"]
