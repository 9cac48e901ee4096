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
from gv.encoders import ENCODERS, get_encoder
from gv.net import HeatmapNet, VectorNet

SIZE, SIDE, WIDTH, BATCH = 64, 16, 16, 2
CHANNELS = {"resnet50v2": (256, 512, 1024, 2048), "hrnetv2_w32": (32, 64, 128, 256), "mobilenetv3_large": (24, 40, 112, 160),
            "mobilenetv3_small": (16, 24, 48, 96), "resnet18v2": (64, 128, 256, 512), "resnet18v2_half": (32, 64, 128, 256)}
SMALL = "resnet18v2_half"
RESNETS = [name for name in ENCODERS if name.startswith("resnet")]


def pictures(seed=0, size=SIZE, batch=BATCH):
    return mx.nd.array(np.random.default_rng(seed).normal(0, 1, (batch, 3, size, size)))


def started(net, size=SIZE):
    """The net with random weights, all shapes settled."""
    mx.random.seed(1)
    net.initialize(mx.init.Xavier())
    net(pictures(size=size))
    return net


def vector_net(encoder=SMALL, landmarks=19, size=SIZE, side=SIDE, **options):
    return VectorNet(landmarks, size, side, encoder=encoder, **{"width": WIDTH, **options})


def gradients_of(net, x, weights):
    """Outputs and {structural name: gradient} of a weighted sum of the outputs, which reaches every output value."""
    with autograd.record():
        outputs = net(x)
        outputs = list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]
        total = sum((output * weight).sum() for output, weight in zip(outputs, weights))
    total.backward()
    named = {name: p.grad().asnumpy() for name, p in net._collect_params_with_prefix().items() if p.grad_req != "null"}
    return [output.asnumpy() for output in outputs], named


def frozen_by_design(net):
    """Parameters that training leaves alone: every BatchNorm's running statistics (it updates them itself), and the gamma
    and beta of ResNetV2's BatchNorm on the input, which its authors fix at 1 and 0."""
    names = {name for name in net._collect_params_with_prefix() if name.endswith(("running_mean", "running_var"))}
    if isinstance(net.encoder, type(get_encoder(SMALL))) and net.encoder.raw_sums:
        first = net.encoder.stages[0][0]
        assert isinstance(first, nn.BatchNorm)
        names |= {f"encoder.stages.0.0.{part}" for part in ("gamma", "beta")}
    return names


def settled(name):
    """A bias that a BatchNorm right behind it takes away again: its true gradient is 0."""
    return False


@pytest.mark.parametrize("landmarks", sorted(LAYOUTS))
@pytest.mark.parametrize("encoder", ENCODERS)
def test_every_encoder_with_every_layout_trains(encoder, landmarks):
    net = vector_net(encoder, landmarks)
    net.initialize(mx.init.Xavier())
    net.hybridize(static_alloc=True)
    weights = [mx.nd.array(np.random.default_rng(n).normal(0, 1, (BATCH, landmarks, SIDE))) for n in range(2)]
    (x, y), gradients = gradients_of(net, pictures(), weights)
    assert x.shape == y.shape == (BATCH, landmarks, SIDE)
    assert np.isfinite(x).all() and np.isfinite(y).all()
    assert set(net._collect_params_with_prefix()) - set(gradients) == frozen_by_design(net)
    assert [name for name, g in gradients.items() if not np.isfinite(g).all()] == []
    assert [name for name, g in gradients.items() if not g.any()] == []
