"""AnchorFace's networks: the backbone against GluonCV's own, every layout, gradients, the count of multiply-adds."""

import mxnet as mx
import numpy as np
import pytest
from gluoncv.model_zoo.shufflenet import ShuffleNetV2
from mxnet import autograd, gluon

from anchorface.anchors import anchor_points, place
from anchorface.bench import build, count_all
from anchorface.codec import AnchorDecoder
from anchorface.methods import METHODS
from anchorface.net import AnchorNet, RegressionNet
from anchorface.reading import Aggregate, AnchorHead, FusedHead, Sums
from anchorface.shufflenet import ShuffleNetEncoder, map_side
from gv.core.errors import InputError
from gv.core.flops import Size, multiply_adds, size_of
from gv.core.layouts import LAYOUTS
from gv.core.method import as_list
from gv.core.reading import Reading
from gv.core.run import plan

SIZE = 64


def images(count=2, size=SIZE, seed=0):
    return mx.nd.array(np.random.default_rng(seed).normal(size=(count, 3, size, size)))


def started(net, size=SIZE):
    mx.random.seed(0)
    net.initialize(mx.init.Xavier())
    net(mx.nd.zeros((1, 3, size, size)))
    return net


def shaken(net):
    """The net with heads that say something everywhere: weights to match an untrained map, biases other than 0."""
    rng, found = np.random.default_rng(0), net.features(mx.nd, images()).asnumpy()
    for head in (net.regress, net.confide):
        head.weight.set_data(mx.nd.array(rng.normal(0, 0.1 / found.std(), head.weight.shape)))
        head.bias.set_data(mx.nd.array(rng.normal(0, 0.2, head.bias.shape)))
    return net


@pytest.fixture(scope="module")
def zoo(tmp_path_factory):
    """GluonCV's whole network, and its weights as a file."""
    net = started(ShuffleNetV2())
    path = str(tmp_path_factory.mktemp("zoo") / "shufflenet.params")
    net.save_parameters(path)
    return net, path


@pytest.mark.parametrize("hybrid", [False, True])
@pytest.mark.parametrize("conv5, cut, channels", [(False, 5, 464), (True, 6, 1024)])
def test_the_backbone_is_gluoncvs_to_the_bit(zoo, hybrid, conv5, cut, channels):
    net, path = zoo
    encoder = started(ShuffleNetEncoder(conv5))
    encoder.load_zoo(path, [mx.cpu()])
    if hybrid:
        encoder.hybridize()
    found = encoder(images())
    assert found.shape == (2, channels, 2, 2) and np.array_equal(found.asnumpy(), net.features[:cut](images()).asnumpy())


def test_no_weights_are_published():
    with pytest.raises(InputError, match="publishes no weights"):
        started(ShuffleNetEncoder()).load_zoo(None, [mx.cpu()])


@pytest.mark.parametrize("size, side", [(32, 1), (64, 2), (96, 3), (112, 4), (128, 4), (224, 7)])
def test_the_side_of_the_map(size, side):
    assert map_side(size) == side
    encoder = ShuffleNetEncoder()
    encoder.initialize()
    assert encoder(mx.nd.zeros((1, 3, size, size))).shape == (1, 464, side, side)


@pytest.mark.parametrize("size, stem", [(32, 2), (96, 2), (112, 2), (192, 2), (208, 4), (224, 4), (256, 4)])
def test_a_small_input_has_a_stem_of_one_stride_less(size, stem):
    """The paper's map has 7 x 7 cells at 224; both methods of Table 6 alike."""
    for method in METHODS.values():
        assert method(method.Options(), size).options.stem_stride == stem
    assert (map_side(size) >= 7) == (stem == 4)


@pytest.mark.parametrize("multiplier, channels", [(1.0, 464), (0.5, 192)])
def test_a_stem_of_stride_2_and_a_narrow_backbone(multiplier, channels):
    encoder = ShuffleNetEncoder(stem=2, multiplier=multiplier)
    encoder.initialize()
    assert encoder(images(1, 112)).shape == (1, channels, 7, 7) and map_side(112, 2) == 7
    published = ShuffleNetEncoder(multiplier=multiplier)
    published.initialize()
    assert published(images(1, 224)).shape == (1, channels, 7, 7)
    assert set(published._collect_params_with_prefix()) == set(encoder._collect_params_with_prefix())


def test_what_a_backbone_cannot_be_is_named():
    for arguments, word in (({"multiplier": 0.7}, "multiplier"), ({"stem": 3}, "stem_stride"),
                            ({"conv5": True, "multiplier": 0.5}, "conv5")):
        with pytest.raises(InputError, match=word):
            ShuffleNetEncoder(**arguments)
    with pytest.raises(InputError, match="multiplier=1"):
        ShuffleNetEncoder(multiplier=0.5).load_zoo("any.params", [mx.cpu()])
    with pytest.raises(InputError, match="upsample=true"):
        AnchorNet(5, 3, 224, 13)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("landmarks", LAYOUTS)
def test_every_layout_trains(name, landmarks):
    """Outputs and loss are finite, and every parameter gets a gradient."""
    run = plan(METHODS, name, "smoke", {"grid": 3, "clusters": 2, "rolls": 2} if name == "anchorface" else {}, landmarks)
    rng = np.random.default_rng(landmarks)
    points = rng.uniform(16, 48, (1, landmarks, 2)) + rng.normal(0, 2, (8, landmarks, 2))
    fitted = run.method.fit(points, 0)
    net, loss = started(run.method.net(landmarks, fitted)), run.method.loss(fitted)
    loss.initialize()
    net.hybridize(static_alloc=True)
    loss.hybridize(static_alloc=True)
    with autograd.record():
        outputs = as_list(net(images(4)))
        value = loss(*outputs, mx.nd.array(points[:4]))
    value.backward()
    assert value.shape == (4,) and np.isfinite(value.asnumpy()).all()
    for parameter_name, parameter in net.collect_params().items():
        if parameter.grad_req != "null":
            gradient = parameter.grad().asnumpy()
            assert np.isfinite(gradient).all() and np.abs(gradient).max() > 0, parameter_name
    found = run.method.ready_decoder(run.method.Decoding(), fitted, mx.cpu())(*outputs).asnumpy()
    assert found.shape == (4, landmarks, 2) and np.isfinite(found).all()


@pytest.mark.parametrize("size, grid", [(64, 2), (64, 3), (64, 7), (112, 7), (224, 7), (224, 3), (224, 13)])
def test_every_grid_has_its_anchors(size, grid):
    net = started(AnchorNet(5, 3, size, grid, upsample=grid > map_side(size)), size)
    offsets, logits = net(images(1, size))
    assert offsets.shape == (1, 30, grid, grid) and logits.shape == (1, 3, grid, grid)
    assert net.resized == (grid != map_side(size))


def test_training_begins_at_the_anchors():
    net = started(AnchorNet(5, 3, SIZE, 3, stem=2))
    offsets, logits = net(images())
    assert np.abs(offsets.asnumpy()).max() < 0.2 and np.abs(logits.asnumpy()).max() < 0.2


@pytest.mark.parametrize("grid", [2, 5])
@pytest.mark.parametrize("how", ["weighted", "argmax", "mean", "mean_confident"])
def test_the_fused_net_says_the_same(grid, how):
    net = shaken(started(AnchorNet(5, 4, SIZE, grid, upsample=True)))
    anchors = place(np.random.default_rng(0).uniform(-0.3, 0.3, (4, 5, 2)), anchor_points(SIZE, 16, grid), SIZE)
    decoder = AnchorDecoder(anchors, 4, SIZE, how, c_th=0.6)
    decoder.initialize()
    x = images(3)
    wanted = decoder(*net(x)).asnumpy()
    assert np.ptp(net(x)[1].asnumpy(), axis=(2, 3)).min() > 0.5 and np.ptp(wanted, axis=0).max() > 1
    scores = []
    for first in (Sums(net, FusedHead(net, decoder)), Sums(net, AnchorHead(net, decoder))):
        fused = Reading(first, Aggregate(5, SIZE, 0.05))
        for hybrid in (False, True):
            fused.hybridize(hybrid)
            points, score = (found.asnumpy() for found in fused(x))
            assert np.allclose(points, wanted, rtol=1e-4, atol=2e-3)
            scores.append(score)
        assert set(fused.collect_params()) == set(net.collect_params()) | set(decoder.collect_params())
    assert all(np.allclose(score, scores[0], atol=1e-4) for score in scores)
    assert np.allclose(scores[0], agreement(decoder, *(found.asnumpy() for found in net(x)), anchors), atol=1e-4)


def agreement(decoder, offsets, logits, anchors):
    """The scores by hand: each template's voting anchors make one place, and the places are compared."""
    batch, templates = logits.shape[:2]
    votes = decoder.votes(mx.nd, mx.nd.array(logits)).asnumpy().astype(np.float64)                        # (B, K, P)
    confidence = (votes / (1 + np.exp(-logits.reshape(votes.shape)))).sum(axis=(1, 2))
    found = offsets.reshape(batch, templates, -1, 2, votes.shape[2]).transpose(0, 1, 4, 2, 3) * SIZE
    found = found + anchors.reshape(1, templates, -1, *anchors.shape[1:])                                 # (B, K, P, L, 2)
    apart = np.zeros((batch, anchors.shape[1]))
    for b in range(batch):
        mean = (votes[b, :, :, None, None] * found[b]).sum(axis=(0, 1))
        for k in range(templates):
            share = votes[b, k].sum()
            if share:
                place = (votes[b, k, :, None, None] * found[b, k]).sum(axis=0) / share
                apart[b] += share * ((place - mean) ** 2).sum(axis=1)
    return confidence[:, None] * (1 - np.tanh(np.sqrt(apart) / SIZE / 0.05))


def test_multiply_adds_of_layers_worked_by_hand():
    net = gluon.nn.HybridSequential()
    net.add(gluon.nn.Conv2D(6, 3, padding=1, in_channels=3), gluon.nn.Conv2D(6, 3, groups=6, in_channels=6),
            gluon.nn.Dense(4, in_units=6 * 6 * 6))
    net.initialize()
    assert multiply_adds(net, (1, 3, 8, 8)) == {"Convolution": 64 * 6 * 27 + 36 * 6 * 9, "FullyConnected": 4 * 216}
    assert size_of(net, (1, 3, 8, 8)) == Size(64 * 6 * 27 + 36 * 6 * 9 + 4 * 216, 6 * 64 + 6 * 36 + 4,
                                              6 * 27 + 6 + 6 * 9 + 6 + 4 * 216 + 4)


def test_multiply_adds_are_the_papers_227_million():
    """Table 5: 227M at 98 landmarks. The regression head alone makes 107 M, the backbone 120.6 M."""
    rows = {row["landmarks"]: row for row in count_all(METHODS)}
    assert 227.0e6 <= rows[98]["anchorface"] <= 228.1e6 + 1e4
    assert rows[98]["anchorface"] - rows[68]["anchorface"] == 30 * 2 * 24 * 49 * 464
    assert rows[98]["regression"] == pytest.approx(120.6e6, rel=2e-3)
    assert rows[98]["fused"] < 125e6
    assert sorted(rows) == sorted(LAYOUTS)


def test_conv5_is_the_381_million_variant():
    """docs/readings.md: heads on conv5 (1024 channels) would make 381 M."""
    net = started(RegressionNet(98, 224, conv5=True), 224)
    backbone = multiply_adds(net, (1, 3, 224, 224))["Convolution"]
    assert backbone + 49 * 1024 * 24 * (2 * 98 + 1) == pytest.approx(381e6, rel=2e-3)


@pytest.mark.parametrize("features, conv5, units", [("pool", False, 464), ("flatten", False, 464 * 4), ("pool", True, 1024)])
def test_direct_regression_reads_what_it_is_told(features, conv5, units):
    net = started(RegressionNet(5, SIZE, features, conv5))
    assert net.output.weight.shape == (10, units) and net(images()).shape == (2, 10)
    with pytest.raises(InputError, match="features"):
        RegressionNet(5, SIZE, "max")


def test_a_net_and_its_symbol_give_the_same(tmp_path):
    _, _, fused, _ = build(METHODS, "anchorface", "smoke", 19, mx.cpu())
    fused.hybridize()
    x = images(1, 112)
    wanted = fused(x).asnumpy()
    fused.export(str(tmp_path / "net"))
    again = gluon.SymbolBlock.imports(str(tmp_path / "net-symbol.json"), ["data"], str(tmp_path / "net-0000.params"))
    assert np.array_equal(again(x).asnumpy(), wanted)


def test_wrong_sizes_are_named():
    with pytest.raises(InputError, match="size"):
        plan(METHODS, "anchorface", "mini", {"size": "100"}, 68)
    with pytest.raises(InputError, match="multiple of 32"):
        from gv.net import HeatmapNet
        HeatmapNet(68, 112, 28)
