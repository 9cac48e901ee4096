"""BatchNorm over all devices: mean and variance of the whole batch, not of each device's share."""

import os

from mxnet.gluon import nn
from mxnet.gluon.contrib.nn import SyncBatchNorm

from gv.core.errors import InputError
from gv.core.machine import CPU_SCRATCH, SCRATCHES


def synchronise(net, devices):
    """Turn the BatchNorms of a net, in place, into Gluon's SyncBatchNorm over the devices; before it is hybridized.

    Parameters and running statistics stay what and where they are. Devices that hold equal shares of a batch then normalise as
    one device would; where a batch does not divide evenly, each share's mean counts the same, whatever its size.

    InputError for several CPUs without scratch memory for every operator: SyncBatchNorm waits within an operator, and MXNet
    lets operators of all CPUs take turns at four pieces of scratch memory, so that they would wait for each other for ever. GPUs
    have their own.
    """
    if sum(device.device_type == "cpu" for device in devices) > 1 and int(os.environ.get(SCRATCHES) or 0) < CPU_SCRATCH:
        said = os.environ.get(SCRATCHES) or "not set"
        raise InputError("batchnorm=sync", f"{SCRATCHES} is {said}, and CPUs would wait for each other for ever",
                         f"at least {CPU_SCRATCH}", "set it before Python starts")

    def change(block):
        if type(block) is nn.BatchNorm:
            same = {name: block._kwargs[name] for name in ("eps", "momentum", "fix_gamma", "use_global_stats")}
            block.__class__ = SyncBatchNorm       # of the same parameters; what is beside them in a block made anew is these
            block._kwargs = {**same, "ndev": len(devices), "key": block.prefix}

    net.apply(change)
