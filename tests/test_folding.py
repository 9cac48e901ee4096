"""The smaller graph that prediction runs: the same outputs for every net, whatever its weights, and the plain net where not."""

import json

import mxnet as mx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mxnet.gluon import nn

from anchorface.codec import AnchorDecoder
from anchorface.methods import METHODS as ANCHORFACE
from anchorface.reading import AnchorHead, FusedHead, Sums
from gv.bpm import BandPooling
from gv.core import folding, gaps
from gv.core.method import as_list
from gv.core.run import plan
from gv.encoders import ENCODERS
from gv.methods import METHODS as GAUSSIAN_VECTOR
from gv.net import VectorNet, VectorReader

METHODS = {**GAUSSIAN_VECTOR, **ANCHORFACE}
DEVICES = [mx.cpu()]
SMALL = "resnet18v2_quarter"


STATISTICS = ("gamma", "beta", "running_mean", "running_var", "bias")


def filled(net, size, seed=0):
    """The net with weights and statistics that no layer could do without."""
    mx.random.seed(seed)
    net.initialize(mx.init.Xavier())
    net(mx.nd.zeros((1, 3, size, size)))
    rng = np.random.default_rng(seed)
    for name, parameter in net.collect_params().items():
        if parameter.shape == (3,):     # of ResNetV2's first layer, which leaves the input as it is
            continue
        if name.endswith(("gamma", "running_var")):
            parameter.set_data(mx.nd.array(rng.uniform(0.5, 1.5, parameter.shape)))
        elif name.endswith(STATISTICS):
            parameter.set_data(mx.nd.array(rng.normal(0, 0.2, parameter.shape)))
    return net


def operators(block):
    """{operator: how many} of a folded net."""
    found = {}
    for node in json.loads(block._cached_graph[1].tojson())["nodes"]:
        found[node["op"]] = found.get(node["op"], 0) + 1
    return found


def reader_of(net):
    return VectorReader(net).prepare(DEVICES)


def check(reader, net, size, batch=3):
    """Fold, and compare on other pictures than ``fold`` did, of another number; returns the folded net."""
    made, apart = folding.fold(reader, net, size, DEVICES)
    assert made is not net and apart <= folding.TOLERANCE
    x = mx.nd.array(np.random.default_rng(5).normal(size=(batch, 3, size, size)))
    found, expected = ([value.asnumpy() for value in as_list(block(x))] for block in (made, net))
    assert [value.shape for value in found] == [value.shape for value in expected]
    assert gaps.longest(found, expected) <= folding.TOLERANCE
    return made


@pytest.mark.parametrize("decoder", ["fpn", "fpn_relu", "hrnet", "lines"])
@pytest.mark.parametrize("encoder", ENCODERS)
def test_every_encoder_and_decoder(encoder, decoder):
    net = filled(VectorNet(19, 64, encoder=encoder, decoder=decoder, width=8), 64)
    made = operators(check(reader_of(net), net, 64))
    left = made.get("BatchNorm", 0)
    assert left < operators(folding.block_of(folding.graph_of(reader_of(net)), DEVICES)).get("BatchNorm", 1)
    if "resnet" not in encoder:
        assert left == 0
    assert "sum" not in made and "one_hot" not in made and made.get("_ones", 0) == 0, "what only weights decide is worked out"


@pytest.mark.parametrize("options", [
    {"bands": (1,)}, {"bands": (3,)}, {"bands": (5, 7), "alpha": 0.2}, {"stem_stride": 2}, {"taps": "raw"},
    {"side": 32, "upsample": True}, {"side": 64, "upsample": True}, {"decoder": "hrnet", "side": 32, "upsample": True},
    {"decoder": "fpn_relu", "side": 32, "upsample": True}, {"folded": True}, {"width": 1}], ids=str)
def test_every_option_of_the_decoder(options):
    net = filled(VectorNet(5, 64, encoder=SMALL, **{"width": 8, **options}), 64)
    check(reader_of(net), net, 64)


@settings(max_examples=15, deadline=None)
@given(size=st.integers(1, 7).map(lambda n: 32 * n), landmarks=st.integers(1, 30), width=st.integers(1, 20),
       bands=st.sampled_from([(1,), (3, 5), (7,), (1, 9)]), seed=st.integers(0, 99),
       decoder=st.sampled_from(["fpn", "fpn_relu", "lines"]))
def test_any_size(size, landmarks, width, bands, seed, decoder):
    bands = bands if size > 32 else (1, 3)
    net = filled(VectorNet(landmarks, size, encoder=SMALL, width=width, bands=bands, decoder=decoder), size, seed)
    check(reader_of(net), net, size, batch=1)


@pytest.mark.parametrize("side, bands, alpha", [(16, (1,), 0.5), (16, (5,), 0.5), (8, (3, 5), 0.3), (4, (7,), 0.5)])
def test_band_pooling_as_a_matrix(side, bands, alpha):
    pool = BandPooling(side, bands, alpha)
    lines = np.random.default_rng(0).normal(size=(2, 3, 1, side)).astype(np.float32)
    expected = pool.smooth_profile(mx.nd, mx.nd.array(lines)).asnumpy()
    np.testing.assert_allclose(lines[:, :, 0] @ pool.matrix(), expected, atol=1e-6)


@pytest.mark.parametrize("name", sorted(METHODS))
def test_every_method(name):
    run = plan(METHODS, name, "smoke", {}, 68)
    size, rng = run.crop.size, np.random.default_rng(0)
    fitted = run.method.fit(size * rng.uniform(0.2, 0.8, (30, 68, 2)), 0)
    net = filled(run.method.net(68, fitted), size)
    check(run.method.reader(net, DEVICES), net, size)


@pytest.mark.parametrize("aggregate", ["weighted", "argmax", "mean", "mean_confident"])
def test_anchorface_with_its_aggregation(aggregate):
    """The whole of it in one graph: pictures in, points out."""
    run = plan(METHODS, "anchorface", "smoke", {}, 68)
    size = run.crop.size
    fitted = run.method.fit(size * np.random.default_rng(0).uniform(0.2, 0.8, (30, 68, 2)), 0)
    net = filled(run.method.net(68, fitted), size)
    decoder = AnchorDecoder(run.method.anchors(fitted), len(fitted["templates"]), size, aggregate)
    decoder.initialize()
    made = operators(check(Sums(net, FusedHead(net, decoder)), Sums(net, AnchorHead(net, decoder)), size))
    assert made.get("BatchNorm", 0) == 0


# the passes

def chain(*layers, inputs=3):
    net = nn.HybridSequential()
    net.add(*layers)
    return filled(net, 16)


def test_a_batchnorm_behind_a_convolution_becomes_part_of_it():
    for bias in (False, True):
        net = chain(nn.Conv2D(4, 3, in_channels=3, use_bias=bias), nn.BatchNorm(in_channels=4), nn.Activation("relu"),
                    nn.Conv2D(4, 3, in_channels=4, groups=2, use_bias=bias), nn.BatchNorm(in_channels=4, scale=False))
        made = operators(check(net, net, 16))
        assert made["Convolution"] == 2 and "BatchNorm" not in made


def test_a_batchnorm_that_shifts_nothing_becomes_part_of_what_follows():
    """And one that shifts does not: zeros that pad the convolution are not shifted with it."""
    norm = nn.BatchNorm(in_channels=3, center=False)
    net = chain(norm, nn.Conv2D(4, 3, padding=1, in_channels=3))
    norm.running_mean.set_data(mx.nd.zeros(3))
    norm.beta.set_data(mx.nd.zeros(3))
    assert "BatchNorm" not in operators(check(net, net, 16))
    norm.running_mean.set_data(mx.nd.array([0, 0, 1]))
    assert operators(check(net, net, 16))["BatchNorm"] == 1


class Shared(mx.gluon.HybridBlock):
    """One convolution read twice, by a BatchNorm and by itself."""

    def __init__(self):
        super().__init__()
        with self.name_scope():
            self.conv, self.norm = nn.Conv2D(3, 1, in_channels=3), nn.BatchNorm(in_channels=3)

    def hybrid_forward(self, F, x):
        y = self.conv(x)
        return self.norm(y) + y + self.conv(self.norm(y))


def test_what_others_read_is_left_alone():
    net = filled(Shared(), 16)
    assert operators(check(net, net, 16))["BatchNorm"] == 2


class Weights(mx.gluon.HybridBlock):
    """Outputs of which one hangs on weights alone."""

    def __init__(self):
        super().__init__()
        with self.name_scope():
            self.scale = self.params.get("scale", shape=(1, 3, 1, 1))

    def hybrid_forward(self, F, x, scale):
        return F.broadcast_mul(x, F.broadcast_add(F.exp(scale), F.sum(scale, keepdims=True))), F.exp(scale)


def test_what_no_input_reaches_is_worked_out_once():
    net = filled(Weights(), 16)
    made = operators(check(net, net, 16))
    assert set(made) <= {"null", "broadcast_mul", "exp"} and made["broadcast_mul"] == 1


def test_the_plain_net_is_kept_where_the_folded_one_differs(monkeypatch):
    net = filled(VectorNet(5, 64, encoder=SMALL, width=8), 64)
    affine = folding._affine
    for wrong in (1.001, float("nan")):
        monkeypatch.setattr(folding, "_affine", lambda graph, node, wrong=wrong: [wrong * value for value in affine(graph, node)])
        kept, apart = folding.fold(net, net, 64, DEVICES)
        assert kept is net and not apart <= folding.TOLERANCE


def test_folding_leaves_the_net_as_it_was():
    net = filled(VectorNet(5, 64, encoder=SMALL, width=8), 64)
    before = {name: p.data().asnumpy() for name, p in net._collect_params_with_prefix().items()}
    folding.fold(reader_of(net), net, 64, DEVICES)
    after = net._collect_params_with_prefix()
    assert set(after) == set(before) and all((after[name].data().asnumpy() == value).all() for name, value in before.items())
