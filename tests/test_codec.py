"""Labels and their decoding against loops over GV Eq. 1, 2, 6 and 7, written from the paper."""

import math

import mxnet as mx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gv import codec
from gv.core.errors import InputError
from gv.methods import GaussianVector, HeatmapDecoding, VectorDecoding, VectorOptions, default_tau

SIDE, STRIDE = 32, 4
SIZE = SIDE * STRIDE
# an eighth of a pixel is exact in float32 through every step, so that ties and the cut at 3 sigma are no matter of rounding
EIGHTHS = st.integers(-8 * 60, 8 * (SIZE + 60)).map(lambda n: n / 8)
PLACES = st.lists(st.tuples(EIGHTHS, EIGHTHS), min_size=1, max_size=6)
INSIDE = st.floats(-0.5, SIZE - 0.51)
SHAPES = st.tuples(st.sampled_from([0.0, 1.0, 3.0]), st.sampled_from([1.0, 2.0, 2.5, 3.0]), st.sampled_from(codec.ROUNDINGS))
FOUR_PEAKED = math.sqrt(8 * math.log(2))  # Eq. 7 at x = 1, tau = 2, sigma = 2: 2.3548 cells


def bell(d, sigma, theta, label, rounding):
    """Eq. 2 for one distance in cells; "exact" has no cell at d = 0, so the bell itself is scaled to 1 + theta."""
    if d >= 3 * sigma:
        return 0.0
    value = math.exp(-d / (2 * sigma ** 2)) if label == "printed" else math.exp(-d ** 2 / (2 * sigma ** 2))
    if rounding == "exact":
        return (1 + theta) * value
    return 1 + theta if d == 0 else value


def place(pixel, stride, rounding):
    """The cell of a pixel coordinate; "nearest" rounds half up."""
    cell = (pixel + 0.5) / stride - 0.5
    return math.floor(cell + 0.5) if rounding == "nearest" else cell


def vector_loop(pixel, sigma, theta, label, rounding, side=SIDE, stride=STRIDE):
    x0 = place(pixel, stride, rounding)
    return [bell(math.sqrt((i - x0) ** 2), sigma, theta, label, rounding) for i in range(side)]


def heatmap_loop(x, y, sigma, theta, rounding, side=SIDE, stride=STRIDE):
    x0, y0 = place(x, stride, rounding), place(y, stride, rounding)
    return [[bell(math.hypot(i - x0, j - y0), sigma, theta, "gaussian", rounding) for i in range(side)] for j in range(side)]


def points(places):
    """A batch of one face."""
    return mx.nd.array([places])


def one(vector, dtype="float64"):
    """A batch of one landmark."""
    return mx.nd.array(np.reshape(vector, (1, 1, -1)), dtype=dtype)


def read(decoder, vector, dtype="float64"):
    """The decoded x of one vector, in cells."""
    return codec.to_cells(float(decoder(one(vector, dtype), one(vector, dtype)).asnumpy()[0, 0, 0]), decoder.stride)


# Cells


def test_cells_and_pixels_are_inverse_and_map_the_crops_edges_onto_the_maps():
    assert codec.to_cells(-0.5, 4) == -0.5 and codec.to_cells(255.5, 4) == 63.5
    assert codec.to_cells(1.5, 4) == 0 and codec.to_pixels(0, 4) == 1.5  # pixels 0, 1, 2, 3 are the first cell
    assert codec.to_pixels(codec.to_cells(17.3, 4), 4) == pytest.approx(17.3, abs=1e-12)


# Labels


@pytest.mark.parametrize("label", codec.LABELS)
@settings(max_examples=40)
@given(places=PLACES, shape=SHAPES)
def test_vector_label_is_eq_2(label, places, shape):
    theta, sigma, rounding = shape
    x, y = codec.VectorLabel(SIDE, STRIDE, sigma, theta, label, rounding)(points(places))
    assert x.shape == y.shape == (1, len(places), SIDE)
    for k, (px, py) in enumerate(places):
        np.testing.assert_allclose(x[0, k].asnumpy(), vector_loop(px, sigma, theta, label, rounding), rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(y[0, k].asnumpy(), vector_loop(py, sigma, theta, label, rounding), rtol=1e-5, atol=1e-7)


@settings(max_examples=25)
@given(places=PLACES, shape=SHAPES)
def test_heatmap_label_is_a_bell_cut_at_three_sigma(places, shape):
    theta, sigma, rounding = shape
    maps = codec.HeatmapLabel(SIDE, STRIDE, sigma, theta, rounding)(points(places)).asnumpy()
    assert maps.shape == (1, len(places), SIDE, SIDE)
    for k, (px, py) in enumerate(places):
        np.testing.assert_allclose(maps[0, k], heatmap_loop(px, py, sigma, theta, rounding), rtol=1e-5, atol=1e-6)


def test_the_defaults_by_hand():
    """sigma 2, theta 3: peak 4, neighbours e^(-1/8), zero from the sixth cell on."""
    x, y = codec.VectorLabel(SIDE, STRIDE)(points([(4 * 10 + 1.5, 4 * 20 + 1.5)]))
    x, y = x.asnumpy()[0, 0], y.asnumpy()[0, 0]
    assert (x.argmax(), y.argmax(), x.max(), y.max()) == (10, 20, 4, 4)
    assert x[11] == x[9] == pytest.approx(math.exp(-1 / 8)) and x[15] == pytest.approx(math.exp(-25 / 8))
    assert x[16] == x[4] == 0 and np.count_nonzero(x) == 11
    printed = codec.VectorLabel(SIDE, STRIDE, label="printed")(points([(41.5, 81.5)]))[0].asnumpy()[0, 0]
    assert printed[15] == pytest.approx(math.exp(-5 / 8)) and printed[16] == 0  # the cliff that docs/readings.md speaks of


def test_a_heatmaps_default_peak_is_one():
    heatmap = codec.HeatmapLabel(SIDE, STRIDE)(points([(41.5, 81.5)])).asnumpy()[0, 0]
    assert heatmap.max() == heatmap[20, 10] == 1 and heatmap[22, 11] == pytest.approx(math.exp(-5 / 8))


@pytest.mark.parametrize("pixel, cell, peak", [(-0.5, 0, True), (-0.625, -1, False), (SIZE - 0.625, SIDE - 1, True),
                                               (SIZE - 0.5, SIDE, False)])
def test_the_borders_of_the_crop(pixel, cell, peak):
    """Half up: the left edge belongs to the first cell, the right edge already to the one after the last."""
    x = codec.VectorLabel(SIDE, STRIDE)(points([(pixel, 20)]))[0].asnumpy()[0, 0]
    np.testing.assert_allclose(x, [bell(abs(i - cell), 2, 3, "gaussian", "nearest") for i in range(SIDE)], rtol=1e-5)
    assert (x.max() == 4) == peak


@pytest.mark.parametrize("cells, reaches_in", [(1, True), (5, True), (6, False), (400, False)])
def test_a_landmark_outside_leaves_its_tail_and_no_peak(cells, reaches_in):
    px = codec.to_pixels(-cells, STRIDE)
    x, y = codec.VectorLabel(SIDE, STRIDE)(points([(px, SIZE - 1 - px)]))
    assert np.array_equal(x.asnumpy(), y.asnumpy()[:, :, ::-1])
    assert x.max().asscalar() == pytest.approx(math.exp(-cells ** 2 / 8) if reaches_in else 0)


@pytest.mark.parametrize("block", [codec.VectorLabel, codec.HeatmapLabel])
def test_bad_label_options_are_named(block):
    for bad in (dict(sigma=0), dict(sigma=-1), dict(theta=-0.1), dict(rounding="up")):
        with pytest.raises(InputError, match=next(iter(bad))):
            block(SIDE, STRIDE, **bad)
    with pytest.raises(InputError, match="gaussian, printed"):
        codec.VectorLabel(SIDE, STRIDE, label="square")


@pytest.mark.parametrize("kind, options", [(codec.VectorLabel, {}), (codec.HeatmapLabel, {}),
                                           (codec.VectorLabel, {"label": "printed", "rounding": "exact"})])
def test_hybridized_labels_are_the_same(kind, options):
    block = kind(SIDE, STRIDE, **options)
    places = points([(3, 4), (-9, 60), (100, 200)])
    before = block(places)
    block.hybridize()
    for a, b in zip(before, block(places)):
        np.testing.assert_array_equal(a.asnumpy(), b.asnumpy())


# Flip


@pytest.mark.parametrize("label", codec.LABELS)
@settings(max_examples=40)
@given(places=PLACES, shape=SHAPES)
def test_encoding_commutes_with_the_mirror(label, places, shape):
    """x' = S - 1 - x reverses x and leaves y; not on exact half-cell ties, which both round up."""
    theta, sigma, rounding = shape
    places = [p for p in places if rounding == "exact" or ((p[0] + 0.5) / STRIDE) % 1 != 0]
    if not places:
        return
    mirrored = [(SIZE - 1 - x, y) for x, y in places]
    encode = codec.VectorLabel(SIDE, STRIDE, sigma, theta, label, rounding)
    (x, y), (x_mirrored, y_mirrored) = encode(points(places)), encode(points(mirrored))
    np.testing.assert_array_equal(x_mirrored.asnumpy(), x.asnumpy()[:, :, ::-1])
    np.testing.assert_array_equal(y_mirrored.asnumpy(), y.asnumpy())
    encode = codec.HeatmapLabel(SIDE, STRIDE, sigma, theta, rounding)
    np.testing.assert_array_equal(encode(points(mirrored)).asnumpy(), encode(points(places)).asnumpy()[:, :, :, ::-1])


@settings(max_examples=25)
@given(seed=st.integers(0, 2 ** 32 - 1), shift=st.sampled_from(codec.SHIFTS), beyond=st.booleans())
def test_decoding_commutes_with_the_mirror(seed, shift, beyond):
    vectors = np.random.default_rng(seed).uniform(0.01, 4, (2, 3, SIDE)).astype(np.float32)
    vectors[0, 0, 0] = vectors[0, 1, -1] = 5
    decode = codec.VectorDecoder(SIDE, STRIDE, shift, beyond, tau=6.0)
    forward, mirrored = (decode(mx.nd.array(v), mx.nd.array(vectors)).asnumpy() for v in (vectors, vectors[:, :, ::-1]))
    np.testing.assert_allclose(mirrored[:, :, 0], SIZE - 1 - forward[:, :, 0], atol=2e-4)
    np.testing.assert_array_equal(mirrored[:, :, 1], forward[:, :, 1])


# Decoding


def shifted(line, m, shift):
    """The refined position of the maximum ``m`` of a line; none at the two ends (docs/readings.md, 3.1)."""
    if shift == "none" or m in (0, len(line) - 1):
        return float(m)
    if shift == "quarter":
        return m + (0.25 if line[m + 1] > line[m - 1] else -0.25 if line[m + 1] < line[m - 1] else 0.0)
    below, at, above = (math.log(v) for v in line[m - 1:m + 2])
    return m + (below - above) / (2 * (below - 2 * at + above))  # vertex of the parabola through the three


@pytest.mark.parametrize("shift", codec.SHIFTS)
def test_vector_decoding_is_a_loop(shift):
    rng = np.random.default_rng(0)
    x, y = (rng.uniform(0.01, 1, (3, 40, SIDE)).astype(np.float32) for _ in range(2))
    x[0, 0, 0], x[0, 1, -1], y[0, 2, 1], y[0, 3, -2] = 2, 2, 2, 2  # both ends and their neighbours
    decode = codec.VectorDecoder(SIDE, STRIDE, shift)
    decode.hybridize()
    found = decode(mx.nd.array(x), mx.nd.array(y)).asnumpy()
    assert found.shape == (3, 40, 2)
    for axis, vectors in enumerate((x, y)):
        expected = [[codec.to_pixels(shifted(v, int(np.argmax(v)), shift), STRIDE) for v in face] for face in vectors]
        np.testing.assert_allclose(found[:, :, axis], expected, atol=2e-3 if shift == "taylor" else 0)


@pytest.mark.parametrize("shift", codec.SHIFTS)
def test_heatmap_decoding_is_a_loop(shift):
    maps = np.random.default_rng(1).uniform(0.01, 1, (2, 30, SIDE, SIDE)).astype(np.float32)
    for k, (row, column) in enumerate([(0, 0), (0, SIDE - 1), (SIDE - 1, 0), (SIDE - 1, SIDE - 1), (0, 5), (9, SIDE - 1)]):
        maps[0, k, row, column] = 2
    decode = codec.HeatmapDecoder(SIDE, STRIDE, shift)
    decode.hybridize()
    found = decode(mx.nd.array(maps)).asnumpy()
    for n, face in enumerate(maps):
        for k, heatmap in enumerate(face):
            row, column = divmod(int(np.argmax(heatmap)), SIDE)
            x, y = shifted(heatmap[row], column, shift), shifted(heatmap[:, column], row, shift)
            np.testing.assert_allclose(found[n, k], [codec.to_pixels(v, STRIDE) for v in (x, y)],
                                       atol=2e-3 if shift == "taylor" else 0)


def test_taylor_stays_within_half_a_cell_and_finite_on_outputs_that_are_not_positive():
    v = np.full((1, 4, SIDE), -1.0, np.float32)
    v[0, 0, 7], v[0, 1, 7:9], v[0, 2, 7], v[0, 2, 8] = 1, (1, 0.999), 1e-20, -1e-20
    found = codec.VectorDecoder(SIDE, STRIDE, "taylor")(mx.nd.array(v), mx.nd.array(v)).asnumpy()
    tops = codec.to_pixels(np.array([7, 7, 7, 0]), STRIDE)
    assert np.isfinite(found).all() and (np.abs(found[0, :, 0] - tops) <= STRIDE / 2 + 1e-4).all()


@settings(max_examples=60)
@given(places=st.lists(st.tuples(INSIDE, INSIDE), min_size=1, max_size=8), shape=SHAPES,
       shift=st.sampled_from(codec.SHIFTS), label=st.sampled_from(codec.LABELS))
def test_decode_encode_is_within_half_a_cell(places, shape, shift, label):
    theta, sigma, rounding = shape
    limit = STRIDE / 2 + 1e-4
    vectors = codec.VectorLabel(SIDE, STRIDE, sigma, theta, label, rounding)(points(places))
    assert np.abs(codec.VectorDecoder(SIDE, STRIDE, shift)(*vectors).asnumpy()[0] - places).max() <= limit
    heatmaps = codec.HeatmapLabel(SIDE, STRIDE, sigma, theta, rounding)(points(places))
    assert np.abs(codec.HeatmapDecoder(SIDE, STRIDE, shift)(heatmaps).asnumpy()[0] - places).max() <= limit


@settings(max_examples=25)
@given(places=st.lists(st.tuples(st.floats(4, SIZE - 5), st.floats(4, SIZE - 5)), min_size=1, max_size=8))
def test_exact_labels_read_by_taylor_return_the_very_point(places):
    """A parabola through the logarithms of a Gaussian is that Gaussian, so nothing is left of the quantisation
    (off the two end cells, where nothing is shifted)."""
    vectors = codec.VectorLabel(SIDE, STRIDE, rounding="exact")(points(places))
    np.testing.assert_allclose(codec.VectorDecoder(SIDE, STRIDE, "taylor")(*vectors).asnumpy()[0], places, atol=5e-3)
    heatmaps = codec.HeatmapLabel(SIDE, STRIDE, rounding="exact")(points(places))
    np.testing.assert_allclose(codec.HeatmapDecoder(SIDE, STRIDE, "taylor")(heatmaps).asnumpy()[0], places, atol=5e-3)


@pytest.mark.parametrize("decoder", [codec.VectorDecoder, codec.HeatmapDecoder])
def test_unknown_shift_lists_the_shifts(decoder):
    with pytest.raises(InputError, match="quarter, none, taylor"):
        decoder(SIDE, STRIDE, "half")


# Beyond the box


@pytest.mark.parametrize("shift", codec.SHIFTS)
def test_eq_7_by_hand(shift):
    assert FOUR_PEAKED == pytest.approx(2.35482, abs=1e-5)
    decode = codec.VectorDecoder(SIDE, STRIDE, shift, True, tau=2.0, sigma_bbs=2.0)
    falling = np.linspace(1, 0.1, SIDE)
    for dtype, tolerance in (("float64", 1e-9), ("float32", 1e-5)):
        assert read(decode, falling, dtype) == pytest.approx(-FOUR_PEAKED, abs=tolerance)
        assert read(decode, falling[::-1], dtype) == pytest.approx(SIDE - 1 + FOUR_PEAKED, abs=tolerance)


@settings(max_examples=80)
@given(outside=st.floats(0.1, 8), tau=st.sampled_from([1.0, 1.5, 2.0, 2.5]), sigma=st.sampled_from([2.0, 3.0]),
       right=st.booleans())
def test_eq_7_undoes_eq_6(outside, tau, sigma, right):
    """In float64 to 1e-6 of a cell. In float32 x / tau is known to 6e-8, so that d = sigma sqrt(-2 log(x / tau)) is known
    to about sigma^2 6e-8 / d, and the result to a step of float32 at its size (8e-6 pixels at 128)."""
    vector = np.array([tau * math.exp(-(i + outside) ** 2 / (2 * sigma ** 2)) for i in range(SIDE)])
    vector, place_ = (vector[::-1], SIDE - 1 + outside) if right else (vector, -outside)
    decode = codec.VectorDecoder(SIDE, STRIDE, "quarter", True, tau, sigma)
    assert read(decode, vector) == pytest.approx(place_, abs=1e-6)
    assert read(decode, vector, "float32") == pytest.approx(place_, abs=1e-5 + 3e-7 * sigma ** 2 / outside)


@pytest.mark.parametrize("side, stride", [(SIDE, STRIDE), (64, 4), (64, 2)])
@pytest.mark.parametrize("k", range(1, 6))
def test_the_projects_own_labels_cut_off(side, stride, k):
    """theta = 3, sigma = 2, tau = 2: the end of a label k cells outside holds e^(-k^2 / 8), which Eq. 7 puts
    sqrt(8 ln 2 + k^2) outside, at most 1.6 cells too far."""
    left, right = codec.to_pixels(-k, stride), codec.to_pixels(side - 1 + k, stride)
    x, y = codec.VectorLabel(side, stride)(points([(left, right)]))
    decode = codec.VectorDecoder(side, stride, "quarter", True, default_tau(3))
    distance = math.sqrt(8 * math.log(2) + k ** 2)
    for dtype, tolerance in (("float64", 1e-6), ("float32", 2e-5)):
        found = codec.to_cells(decode(x.astype(dtype), y.astype(dtype)).asnumpy()[0, 0], stride)
        np.testing.assert_allclose(found, [-distance, side - 1 + distance], atol=tolerance)


def test_where_eq_7_is_undefined():
    epsilon, decode = 1e-6, codec.VectorDecoder(SIDE, STRIDE, "quarter", True, tau=2.0, epsilon=1e-6)
    for end in (2.0, 2.5, 4.0, 1e9):  # x >= tau: the peak is at the end itself
        vector = np.zeros(SIDE)
        vector[0] = end
        assert read(decode, vector) == 0 and read(decode, vector[::-1]) == SIDE - 1
    furthest = math.sqrt(-8 * math.log(epsilon / 2))
    for end in (0.0, -0.1, -50.0, 1e-9):  # x <= 0, or less than epsilon
        vector = np.full(SIDE, -100.0)
        vector[0] = end
        assert read(decode, vector) == pytest.approx(-furthest, abs=1e-6)
        assert read(decode, vector[::-1]) == pytest.approx(SIDE - 1 + furthest, abs=1e-6)


@pytest.mark.parametrize("shift", codec.SHIFTS)
def test_a_maximum_inside_is_left_alone(shift):
    rng = np.random.default_rng(2)
    x, y = (rng.uniform(0.01, 1, (2, 50, SIDE)) for _ in range(2))
    for v in (x, y):
        v[:, :, 0] = v[:, :, -1] = 0.005
    x, y = mx.nd.array(x), mx.nd.array(y)
    plain, beyond = (codec.VectorDecoder(SIDE, STRIDE, shift, on)(x, y).asnumpy() for on in (False, True))
    np.testing.assert_array_equal(beyond, plain)


def test_beyond_the_box_is_an_axis_by_itself():
    x = np.linspace(1, 0.1, SIDE)
    y = np.array(vector_loop(codec.to_pixels(9, STRIDE), 2, 3, "gaussian", "nearest"))
    found = codec.VectorDecoder(SIDE, STRIDE, "quarter", True)(one(x), one(y)).asnumpy()[0, 0]
    np.testing.assert_allclose(codec.to_cells(found, STRIDE), [-FOUR_PEAKED, 9], atol=1e-9)


def test_beyond_box_is_off_by_default_and_tau_follows_theta():
    assert VectorDecoding().beyond_box is False and HeatmapDecoding().beyond_box is False
    assert [default_tau(theta) for theta in (0, 1, 3)] == [0.5, 1.0, 2.0]
    for theta, tau in ((3.0, 2.0), (0.0, 0.5)):
        decoder = GaussianVector(VectorOptions(theta=theta), 256).decoder(VectorDecoding(), {})
        assert (decoder.tau, decoder.sigma_bbs, decoder.beyond_box, decoder.side, decoder.stride) == (tau, 2.0, False, 64, 4)
    assert GaussianVector(VectorOptions(), 256).decoder(VectorDecoding(tau=1.5, beyond_box=True), {}).tau == 1.5
    with pytest.raises(InputError, match="heatmap"):
        HeatmapDecoding(beyond_box=True)


@pytest.mark.parametrize("bad", [dict(tau=0), dict(tau=-1), dict(sigma_bbs=0), dict(epsilon=0), dict(tau=0.5, epsilon=0.5)])
def test_bad_beyond_box_options_are_named(bad):
    with pytest.raises(InputError, match="tau, sigma_bbs, epsilon"):
        codec.VectorDecoder(SIDE, STRIDE, beyond_box=True, **bad)
