"""Every encoder with every landmark scheme, the decoders' readings of the same maps, and the folded vectors against the plain.

The nets are small (64 pixels, 16 heatmap cells, decoder 16 wide, two images), so that nothing is left out: every
encoder in every scheme is built, hybridized and run backwards in full.
"""

import mxnet as mx
import numpy as np
import pytest
from gluoncv.model_zoo import get_model
from mxnet import autograd
from mxnet.gluon import nn
from mxnet.gluon.model_zoo import vision

from gv.core.errors import InputError
from gv.core.layouts import LAYOUTS
from gv.encoders import ENCODERS, RESNETS, get_encoder
from gv.net import HeatmapNet, VectorNet

SIZE, SIDE, WIDTH, BATCH = 64, 16, 16, 2
CHANNELS = {"resnet50v2": (256, 512, 1024, 2048), "hrnetv2_w32": (32, 64, 128, 256), "mobilenetv3_large": (24, 40, 112, 160),
            "mobilenetv3_small": (16, 24, 48, 96), "resnet18v2": (64, 128, 256, 512), "resnet18v2_half": (32, 64, 128, 256),
            "resnet18v2_quarter": (16, 32, 64, 128), "hrnetv2_w18_small": (16, 32, 64, 128)}
SMALL = "resnet18v2_half"


def pictures(seed=0, size=SIZE, batch=BATCH):
    return mx.nd.array(np.random.default_rng(seed).normal(0, 1, (batch, 3, size, size)))


def started(net, size=SIZE):
    """The net with random weights, all shapes settled."""
    mx.random.seed(1)
    net.initialize(mx.init.Xavier())
    net(pictures(size=size))
    return net


def vector_net(encoder=SMALL, landmarks=19, size=SIZE, side=SIDE, **options):
    """A small net; a side of more cells than its map has is asked for by name."""
    allowed = {"upsample": side > size // options.get("stem_stride", 4)} if side else {}
    return VectorNet(landmarks, size, side, encoder=encoder, **{"width": WIDTH, **allowed, **options})


def gradients_of(net, x, weights):
    """Outputs and {structural name: gradient} of a weighted sum of the outputs, which reaches every output value."""
    with autograd.record():
        outputs = net(x)
        outputs = list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]
        total = sum((output * weight).sum() for output, weight in zip(outputs, weights))
    total.backward()
    named = {name: p.grad().asnumpy() for name, p in net._collect_params_with_prefix().items() if p.grad_req != "null"}
    return [output.asnumpy() for output in outputs], named


def output_weights(landmarks, side):
    return [mx.nd.array(np.random.default_rng(n).normal(0, 1, (BATCH, landmarks, side))) for n in range(2)]


def frozen_by_design(net):
    """Parameters that training leaves alone: every BatchNorm's running statistics (it updates them itself), and the gamma
    and beta of ResNetV2's BatchNorm on the input, which its authors fix at 1 and 0."""
    names = {name for name in net._collect_params_with_prefix() if name.endswith(("running_mean", "running_var"))}
    if isinstance(net.encoder, type(get_encoder(SMALL))) and net.encoder.raw_sums:
        first = net.encoder.stages[0][0]
        assert isinstance(first, nn.BatchNorm)
        names |= {f"encoder.stages.0.0.{part}" for part in ("gamma", "beta")}
    return names


def cancelled(encoder):
    """MobileNetV3's trunk is linear. Where only 1x1 convolutions under a BatchNorm read it, what a block's last beta adds
    is taken away again: its gradient is 0 in exact arithmetic. {structural name}"""
    blocks = {"mobilenetv3_large": ("0.3", "2.0", "2.1", "2.2", "2.3"), "mobilenetv3_small": ("2.0", "2.1", "2.2")}
    return {f"encoder.stages.{block}.conv2.bn.beta" for block in blocks.get(encoder, ())}


@pytest.mark.parametrize("landmarks", sorted(LAYOUTS))
@pytest.mark.parametrize("encoder", ENCODERS)
def test_every_encoder_with_every_layout_trains(encoder, landmarks):
    net = vector_net(encoder, landmarks)
    mx.random.seed(1)
    net.initialize(mx.init.Xavier())
    net.hybridize(static_alloc=True)
    (x, y), gradients = gradients_of(net, pictures(), output_weights(landmarks, SIDE))
    assert x.shape == y.shape == (BATCH, landmarks, SIDE)
    assert np.isfinite(x).all() and np.isfinite(y).all()
    assert set(net._collect_params_with_prefix()) - set(gradients) == frozen_by_design(net)
    largest = {name: np.abs(gradient).max() for name, gradient in gradients.items()}
    assert all(np.isfinite(list(largest.values())))
    usual = np.median(list(largest.values()))
    assert {name for name, value in largest.items() if value < 1e-4 * usual} == cancelled(encoder)


@pytest.mark.parametrize("encoder", ENCODERS)
def test_every_encoder_makes_heatmaps(encoder):
    net = started(HeatmapNet(68, SIZE, SIDE, encoder=encoder, width=WIDTH))
    net.hybridize()
    (heatmaps,), gradients = gradients_of(net, pictures(), [mx.nd.random.normal(shape=(BATCH, 68, SIDE, SIDE))])
    assert heatmaps.shape == (BATCH, 68, SIDE, SIDE) and np.isfinite(heatmaps).all()
    assert {name for name, g in gradients.items() if not g.any()} <= cancelled(encoder)


@pytest.mark.parametrize("encoder", ENCODERS)
def test_the_four_maps_lie_at_strides_4_8_16_32_with_the_declared_channels(encoder):
    net = get_encoder(encoder)
    net.initialize()
    assert tuple(net.channels) == CHANNELS[encoder]
    for size in (64, 96):
        maps = net(pictures(size=size))
        assert [m.shape for m in maps] == [(BATCH, c, size // s, size // s) for c, s in zip(CHANNELS[encoder], (4, 8, 16, 32))]


@pytest.mark.parametrize("encoder", RESNETS)
def test_a_stem_of_stride_2_doubles_every_map_and_takes_the_same_weights(encoder):
    net, published = get_encoder(encoder, 2), get_encoder(encoder)
    net.initialize()
    sides = [SIZE // stride for stride in (2, 4, 8, 16)]
    assert [m.shape for m in net(pictures())] == [(BATCH, count, side, side) for count, side in zip(CHANNELS[encoder], sides)]
    assert set(net._collect_params_with_prefix()) == set(published._collect_params_with_prefix())


@pytest.mark.parametrize("options, side", [({}, 16), ({"stem_stride": 2}, 32), ({"decoder": "fpn_relu"}, 16),
                                           ({"decoder": "hrnet"}, 16)])
def test_the_map_is_the_encoders_finest_unless_more_is_asked_for(options, side):
    for kind in (HeatmapNet, VectorNet):
        net = started(kind(19, SIZE, None, encoder=SMALL, width=WIDTH, **options))
        assert net.heatmaps(pictures()).shape == (BATCH, 19, side, side) and net.decoder.side == side
        with pytest.raises(InputError, match="upsample=true"):
            kind(19, SIZE, 2 * side, encoder=SMALL, width=WIDTH, **options)


def test_fpn_relu_is_the_linear_decoder_with_batchnorm_and_relu_behind_its_3x3():
    """Worked out layer by layer in numpy, from the merged map on; the parameters but for the BatchNorm's are the same ones."""
    plain, relu = (started(HeatmapNet(5, SIZE, encoder=SMALL, width=WIDTH, decoder=name)) for name in ("fpn", "fpn_relu"))
    extra = set(relu._collect_params_with_prefix()) - set(plain._collect_params_with_prefix())
    assert extra == {f"decoder.after.0.{part}" for part in ("gamma", "beta", "running_mean", "running_var")}
    norm, rng = relu.decoder.after[0], np.random.default_rng(0)
    statistics = {name: rng.uniform(0.5, 2, WIDTH) for name in ("gamma", "beta", "running_mean", "running_var")}
    for name, values in statistics.items():
        getattr(norm, name).set_data(mx.nd.array(values))
    smoothed = []
    relu.decoder.smooth.register_forward_hook(lambda block, inputs, output: smoothed.append(output.asnumpy()))
    found = relu.heatmaps(pictures()).asnumpy()
    gamma, beta, mean, var = (statistics[name].reshape(1, -1, 1, 1) for name in ("gamma", "beta", "running_mean", "running_var"))
    active = np.maximum(gamma * (smoothed[0] - mean) / np.sqrt(var + norm._kwargs["eps"]) + beta, 0)
    assert 0.01 < (active == 0).mean() < 0.99
    weight, bias = relu.decoder.head.weight.data().asnumpy()[:, :, 0, 0], relu.decoder.head.bias.data().asnumpy()
    np.testing.assert_allclose(found, np.einsum("lc,bcij->blij", weight, active) + bias[:, None, None], atol=1e-6)


@pytest.mark.parametrize("encoder", [SMALL, "mobilenetv3_small"])
def test_size_and_side_may_be_larger(encoder):
    for size, side in ((96, 24), (96, 48), (128, 128)):
        net = started(vector_net(encoder, size=size, side=side), size)
        assert net(pictures(size=size))[0].shape == (BATCH, 19, side)
        assert net.heatmaps(pictures(size=size)).shape == (BATCH, 19, side, side)


# Published networks


@pytest.mark.parametrize("encoder, published", [
    ("resnet50v2", vision.resnet50_v2), ("resnet18v2", vision.resnet18_v2),
    ("mobilenetv3_large", lambda: get_model("mobilenetv3_large")), ("mobilenetv3_small", lambda: get_model("mobilenetv3_small")),
])
def test_a_zoo_file_fits_and_the_last_map_is_the_zoos_own(encoder, published, tmp_path):
    """A file of the published network, classifier included, as ``start`` takes it; then the zoo's layers one after another."""
    zoo, x = published(), pictures()
    mx.random.seed(2)
    zoo.initialize(mx.init.Xavier())
    zoo(x)
    zoo.save_parameters(str(tmp_path / "zoo.params"))
    net = started(vector_net(encoder))
    before = net.features(x)[-1].asnumpy()
    net.encoder.load_zoo(str(tmp_path / "zoo.params"), [mx.cpu()])
    maps, expected, at = net.features(x), x, 0
    for m in maps:
        while at < len(zoo.features) and not (expected.shape == m.shape and np.array_equal(expected.asnumpy(), m.asnumpy())):
            expected, at = zoo.features[at](expected), at + 1
        assert at < len(zoo.features), "the zoo's layers never give the encoder's maps"
        assert m is maps[-1] or zoo.features[at](expected).shape[2] == m.shape[2] // 2, "not the last layer at this stride"
    assert not np.array_equal(before, maps[-1].asnumpy())


def test_hrnets_classification_weights_fit(tmp_path):
    zoo, x = get_model("hrnet_w32_c"), pictures()
    mx.random.seed(2)
    zoo.initialize(mx.init.Xavier())
    zoo(x)
    zoo.save_parameters(str(tmp_path / "zoo.params"))
    encoder = get_encoder("hrnetv2_w32")
    encoder.initialize()
    encoder(x)
    encoder.load_zoo(str(tmp_path / "zoo.params"), [mx.cpu()])
    stored = zoo._collect_params_with_prefix()
    for name, parameter in encoder.body._collect_params_with_prefix().items():
        np.testing.assert_array_equal(parameter.data().asnumpy(), stored[name].data().asnumpy(), err_msg=name)


def test_an_encoder_without_published_weights_says_so():
    with pytest.raises(InputError, match="start=scratch"):
        get_encoder("resnet18v2_half").load_zoo(None, [mx.cpu()])


# Readings of the same net


@pytest.mark.parametrize("options", [{}, {"folded": True}, {"decoder": "hrnet"}, {"decoder": "fpn_relu"}, {"taps": "raw"},
                                     {"bands": (1,)}])
@pytest.mark.parametrize("hybridize", [False, True])
def test_features_heatmaps_and_vectors_agree_with_the_forward_pass(options, hybridize):
    net, x = started(vector_net(**options)), pictures()
    if hybridize:
        net.hybridize(static_alloc=True)
    forward = [v.asnumpy() for v in net(x)]
    maps = net.features(x)
    assert len(maps) == 4
    for other in (net.vectors(x), net.bpm(net.heatmaps(x)), net.bpm(net.decoder(*maps))):
        for a, b in zip(forward, other):
            np.testing.assert_allclose(b.asnumpy(), a, atol=1e-5 * np.abs(a).max())


def test_heatmap_net_agrees_with_its_parts():
    net, x = started(HeatmapNet(19, SIZE, SIDE, encoder=SMALL, width=WIDTH)), pictures()
    before = net(x).asnumpy()
    net.hybridize()
    for other in (net(x), net.heatmaps(x), net.decoder(*net.features(x))):
        np.testing.assert_allclose(other.asnumpy(), before, atol=1e-5 * np.abs(before).max())


def test_vector_and_heatmap_nets_hold_the_same_weights():
    """Band pooling has none of its own."""
    names = [set(started(net)._collect_params_with_prefix())
             for net in (vector_net(), vector_net(folded=True), HeatmapNet(19, SIZE, SIDE, encoder=SMALL, width=WIDTH))]
    assert names[0] == names[1] == names[2]


# Folding


def copy_weights(source, target):
    held = source._collect_params_with_prefix()
    for name, parameter in target._collect_params_with_prefix().items():
        parameter.set_data(held[name].data())


def compare_folded(hybridize=True, **options):
    """Plain and folded with the same weights: values to 1e-5 of the largest; gradients to 1e-4 of the parameter's largest,
    or of a usual parameter's where that is more (a gamma under another BatchNorm is a small sum of large terms)."""
    plain, folded = (started(vector_net(folded=fold, **options)) for fold in (False, True))
    for parameter in plain._collect_params_with_prefix().values():  # biases start at 0, where their part would not show
        if parameter.grad_req != "null":
            parameter.set_data(parameter.data() + 0.05 * mx.nd.random.normal(shape=parameter.shape))
    copy_weights(plain, folded)
    weights, results = output_weights(19, options.get("side", SIDE)), []
    for net in (plain, folded):
        if hybridize:
            net.hybridize(static_alloc=True)
        results.append(gradients_of(net, pictures(), weights))
    (values, gradients), (folded_values, folded_gradients) = results
    for a, b in zip(values, folded_values):
        np.testing.assert_allclose(b, a, atol=1e-5 * np.abs(a).max())
    assert set(gradients) == set(folded_gradients)
    largest = {name: np.abs(gradient).max() for name, gradient in gradients.items()}
    usual = np.median(list(largest.values()))
    for name, gradient in gradients.items():
        np.testing.assert_allclose(folded_gradients[name], gradient, err_msg=name, atol=1e-4 * max(largest[name], usual))


@pytest.mark.parametrize("taps", ["normalised", "raw"])
@pytest.mark.parametrize("side", [SIDE, 2 * SIDE, 4 * SIDE])
def test_folded_equals_plain(side, taps):
    compare_folded(side=side, taps=taps)


@pytest.mark.parametrize("encoder", [name for name in ENCODERS if name != SMALL])
def test_folded_equals_plain_with_every_encoder(encoder):
    compare_folded(encoder=encoder, side=2 * SIDE)


@pytest.mark.parametrize("encoder", RESNETS)
def test_folded_equals_plain_on_a_finer_map(encoder):
    compare_folded(encoder=encoder, side=2 * SIDE, stem_stride=2)


@pytest.mark.parametrize("bands", [1, 7, (5, 1)])
def test_folded_equals_plain_with_other_bands_and_unhybridized(bands):
    compare_folded(hybridize=False, bands=bands, alpha=0.3)


# The other decoder, and what is refused


@pytest.mark.parametrize("encoder", ["hrnetv2_w32", SMALL])
@pytest.mark.parametrize("side", [SIDE, 2 * SIDE])
def test_hrnets_own_head(encoder, side):
    net = vector_net(encoder, decoder="hrnet", side=side)
    mx.random.seed(1)
    net.initialize(mx.init.Xavier())
    net.hybridize(static_alloc=True)
    (x, y), gradients = gradients_of(net, pictures(), output_weights(19, side))
    assert x.shape == y.shape == (BATCH, 19, side) and np.isfinite(x).all()
    assert net.decoder.mix.weight.shape == (sum(CHANNELS[encoder]),) * 2 + (1, 1)
    assert [name for name, g in gradients.items() if not g.any()] == []


@pytest.mark.parametrize("options, words", [
    ({"encoder": "resnet34"}, ["resnet34", *ENCODERS]),
    ({"decoder": "unet"}, ["unet", "fpn", "hrnet"]),
    ({"taps": "none"}, ["none", "normalised", "raw"]),
    ({"decoder": "hrnet", "folded": True}, ["folded", "decoder=fpn"]),
    ({"decoder": "fpn_relu", "folded": True}, ["folded", "decoder=fpn"]),
    ({"side": 32, "upsample": False}, ["side", "32", "16", "stem_stride=2", "upsample=true"]),
    ({"stem_stride": 3}, ["stem_stride", "3"]),
    ({"encoder": "mobilenetv3_small", "stem_stride": 2}, ["stem_stride", "mobilenetv3_small"]),
    ({"side": 24}, ["side", "24", "16"]),
    ({"side": 8}, ["side", "8", "16"]),
    ({"side": 48}, ["side", "48"]),
    ({"side": 0}, ["side", "0"]),
    ({"side": -16}, ["side", "-16"]),
    ({"decoder": "hrnet", "side": 24}, ["side", "24", "16"]),
    ({"decoder": "hrnet", "side": 0}, ["side", "0"]),
    ({"decoder": "hrnet", "side": -16}, ["side", "-16"]),
    ({"size": 112, "side": 28}, ["size", "112", "32"]),
    ({"decoder": "hrnet", "size": 112, "side": 28}, ["size", "112", "32"]),
    ({"width": 0}, ["width", "0"]),
    ({"bands": (2,)}, ["bands", "2"]),
])
def test_bad_options_are_one_line_that_lists_what_there_is(options, words):
    with pytest.raises(InputError) as caught:
        vector_net(**options)
    assert all(word in str(caught.value) for word in words) and "\n" not in str(caught.value)


# The head on lines

@pytest.mark.parametrize("encoder", ENCODERS)
def test_lines_make_vectors_of_averages_alone(encoder):
    """In float64 from the encoder's maps on: averages, laterals, nearest upsampling, and each direction's convolutions."""
    net = started(vector_net(encoder, landmarks=5, decoder="lines"))
    rng = np.random.default_rng(3)
    for name, parameter in net.decoder._collect_params_with_prefix().items():
        if name.endswith(("gamma", "beta", "running_mean", "running_var", "bias")):
            parameter.set_data(mx.nd.array(rng.uniform(0.5, 1.5, parameter.shape)))
    x = pictures()
    weights = {name: p.data().asnumpy().astype(np.float64) for name, p in net.decoder._collect_params_with_prefix().items()}

    def normalised(value, name, axis=1):
        shape = [-1 if i == axis else 1 for i in range(value.ndim)]
        gamma, beta, mean, var = (weights[f"{name}.{part}"].reshape(shape)
                                  for part in ("gamma", "beta", "running_mean", "running_var"))
        return np.maximum(gamma * (value - mean) / np.sqrt(var + 1e-5) + beta, 0)

    maps = [m.asnumpy().astype(np.float64) for m in net.features(x)]
    if net.encoder.raw_sums:
        maps = [normalised(m, f"entry.{level}.0") for level, m in enumerate(maps)]
    for found, axis, branch in zip(net(x), (2, 3), ("across", "down")):
        merged = 0
        for level in (3, 2, 1, 0):
            kernel, bias = weights[f"laterals.{level}.weight"][:, :, 0, 0], weights[f"laterals.{level}.bias"]
            lateral = np.einsum("oc,bcn->bon", kernel, maps[level].mean(axis)) + bias[None, :, None]
            merged = lateral + (np.repeat(merged, 2, axis=2) if level < 3 else 0)
        for layer in (0, 3, 6):
            kernel, padded = weights[f"{branch}.{layer}.weight"][:, :, 0], np.pad(merged, ((0, 0), (0, 0), (1, 1)))
            merged = sum(np.einsum("oc,bcn->bon", kernel[:, :, tap], padded[:, :, tap:tap + SIDE]) for tap in range(3))
            merged = normalised(merged, f"{branch}.{layer + 1}")
        expected = (np.einsum("oc,bcn->bon", weights[f"{branch}.9.weight"][:, :, 0, 0], merged)
                    + weights[f"{branch}.9.bias"][None, :, None])
        np.testing.assert_allclose(found.asnumpy(), expected, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize("encoder, stem_stride", [*((name, 4) for name in ENCODERS), (SMALL, 2)])
def test_a_net_on_lines_trains_in_every_weight(encoder, stem_stride):
    net = vector_net(encoder, side=None, decoder="lines", stem_stride=stem_stride)
    net.initialize(mx.init.Xavier())
    net.hybridize(static_alloc=True)
    side = SIZE // stem_stride
    (x, y), gradients = gradients_of(net, pictures(), output_weights(19, side))
    assert x.shape == y.shape == (BATCH, 19, side) and np.isfinite(x).all() and np.isfinite(y).all()
    assert set(net._collect_params_with_prefix()) - set(gradients) == frozen_by_design(net)
    assert all(np.isfinite(g).all() for g in gradients.values())
    assert {name for name, g in gradients.items() if not g.any()} <= cancelled(encoder)


def test_lines_have_no_heatmap_and_are_no_decoder_of_heatmaps():
    net = started(vector_net(decoder="lines"))
    with pytest.raises(InputError, match="heatmaps: none with decoder=lines; expected decoder=fpn, fpn_relu, hrnet"):
        net.heatmaps(pictures())
    with pytest.raises(InputError, match='decoder: "lines"; expected one of fpn, fpn_relu, hrnet'):
        HeatmapNet(19, SIZE, encoder=SMALL, decoder="lines")
    for options, words in (({"folded": True}, "folded"), ({"side": 32}, "side: 32; expected 16"), ({"width": 0}, "width")):
        with pytest.raises(InputError, match=words):
            vector_net(decoder="lines", **options)
