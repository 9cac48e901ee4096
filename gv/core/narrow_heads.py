"""Heads with too few channels to tell all landmarks apart (docs/readings.md, "Channels")."""

from mxnet.gluon import nn

ENOUGH = 0.7    # of the landmarks: with 48 channels of 68 the best fit of perfect labels has no larger error, with 32 it has


def channels_of(net, landmarks):
    """The fewest channels from which a 1x1 convolution of ``net`` makes ``landmarks`` maps, or None where there is none."""
    found = []

    def look(block):
        if isinstance(block, nn.Conv2D) and block._channels == landmarks and set(block._kwargs["kernel"]) == {1}:
            found.append(block.weight.shape[1])
    net.apply(look)
    return min(filter(None, found), default=None)      # 0: not known before the first pass


def note(net, landmarks):
    """One line where the head has fewer than seven tenths as many channels as there are landmarks, else ""."""
    channels = channels_of(net, landmarks)
    if channels is None or channels >= ENOUGH * landmarks:
        return ""
    return (f"note: {landmarks} landmarks are made of {channels} channels, too few to tell them all apart: "
            f"--set width={landmarks} or more has a smaller error")
