"""Gradients that some builds of MXNet compute wrongly, tried where it counts: on the build and the processor at hand.

``mxnet-mkl`` 1.5.1 has both, on processors with AVX-512; plain 1.5.1 and 1.9.1 have neither (docs/results/mxnet_151.md). The
forward pass is right in both, so that evaluation and prediction are.
"""

import mxnet as mx
import numpy as np
from mxnet import autograd
from mxnet.gluon import HybridBlock, nn

from gv.core import gaps
from gv.core.errors import InputError

WRONG = 0.01        # relative; rounding leaves 1e-7, the faults 0.1 and more
SIDE, CHANNELS = 8, 8      # an even side, a block of oneDNN's channels: what both faults want
MEND = "set MXNET_MKLDNN_ENABLED=0 in the environment, which is right and slower, or install the plain mxnet"


class _Doubled(HybridBlock):
    """8 channels to 16, BatchNorm, its result used twice: the gradient is laid out in blocks of 16 and read in blocks of 8."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2D(2 * CHANNELS, 1, use_bias=False, in_channels=CHANNELS)
        self.norm = nn.BatchNorm(in_channels=2 * CHANNELS)
        self.last = nn.Conv2D(2 * CHANNELS, 1, use_bias=False, in_channels=2 * CHANNELS)

    def hybrid_forward(self, F, x):
        y = self.norm(self.first(x))
        return self.last(y + y)


def batchnorm():
    """How far the hybridized gradient before a BatchNorm lies from the one that is not hybridized: L2, relative."""
    draw, net = np.random.default_rng(0), _Doubled()
    net.initialize()
    for parameter in net.collect_params().values():
        if parameter.name.endswith("weight"):
            parameter.set_data(mx.nd.array(draw.normal(size=parameter.shape)))
    images, weights = (mx.nd.array(draw.normal(size=(1, channels, 2, 2))) for channels in (CHANNELS, 2 * CHANNELS))
    found = []
    for hybrid in (True, False):
        net.hybridize(hybrid)
        with autograd.record():
            total = (net(images) * weights).sum()
        total.backward()
        found.append(net.first.weight.grad().asnumpy())
    return gaps.length(*found)


def depthwise():
    """How far the gradient of a depthwise 3 x 3 kernel with stride 2 lies from NumPy's: L2, relative."""
    draw = np.random.default_rng(0)
    images, kernel = draw.normal(size=(1, CHANNELS, SIDE, SIDE)), draw.normal(size=(CHANNELS, 1, 3, 3))
    weights = draw.normal(size=(1, CHANNELS, SIDE // 2, SIDE // 2))
    weight = mx.nd.array(kernel)
    weight.attach_grad()
    with autograd.record():
        maps = mx.nd.Convolution(mx.nd.array(images), weight, kernel=(3, 3), stride=(2, 2), pad=(1, 1), num_filter=CHANNELS,
                                 num_group=CHANNELS, no_bias=True)
        total = (maps * mx.nd.array(weights)).sum()
    total.backward()
    padded = np.pad(images, ((0, 0), (0, 0), (1, 1), (1, 1)))
    right = np.array([[(padded[:, :, row:row + SIDE:2, column:column + SIDE:2] * weights).sum((0, 2, 3)) for column in range(3)]
                      for row in range(3)])                                             # (3, 3, channels)
    return gaps.length(weight.grad.asnumpy()[:, 0], right.transpose(2, 0, 1))


FAULTS = {"BatchNorm's backward pass": batchnorm, "the depthwise convolution's": depthwise}


def has_depthwise(net):
    """Whether a net has depthwise convolutions: both faults are met in such nets alone (MobileNetV3, ShuffleNetV2)."""
    found = []
    net.apply(lambda block: found.append(isinstance(block, nn.Conv2D) and block._kwargs["num_group"] > 1))
    return any(found)


def refuse(net):
    """InputError where this build of MXNet would train ``net`` on wrong gradients."""
    if has_depthwise(net):
        wrong = [f"{name} is off by {100 * apart:.0f} %" for name, apart in ((name, probe()) for name, probe in FAULTS.items())
                 if not apart <= WRONG]
        if wrong:
            raise InputError("mxnet", f"this build of {mx.__version__} has wrong gradients: {' and '.join(wrong)}",
                             "one that this net can be trained with", MEND)
