"""The backbone: GluonCV's ShuffleNetV2 1.0x up to stage 4, or through conv5."""

from gluoncv.model_zoo.shufflenet import ShuffleNetV2, shuffleUnitV2
from mxnet.gluon import HybridBlock, nn

from gv.core.errors import InputError

STAGE4_END, CONV5_END = 5, 6              # where they end in GluonCV's ``features``
STAGE4_CHANNELS, CONV5_CHANNELS = 464, 1024
STRIDE = 32


def map_side(size):
    """Side of the last map for an input of ``size`` pixels: five halvings, rounded up."""
    return -(-size // STRIDE)


def _exportable_shuffle(channels):
    """Channel shuffle of two groups of ``channels``, as GluonCV's, without the reshape codes that ONNX does not know."""
    def shuffle(F, data, groups):
        # swapaxes, not transpose, whose hybridized backward fails on the CPU ("... a reorder primitive")
        pairs = F.swapaxes(F.reshape(data, (0, groups, channels, -1)), dim1=1, dim2=2)
        return F.reshape_like(F.reshape(pairs, (0, groups * channels, -1)), data)
    return shuffle


class ShuffleNetEncoder(HybridBlock):
    """x (B, 3, S, S) -> the last map (B, channels, S/32, S/32): 464 channels after stage 4, 1024 after conv5."""

    def __init__(self, conv5=False, **kwargs):
        super().__init__(**kwargs)
        self.channels = CONV5_CHANNELS if conv5 else STAGE4_CHANNELS
        zoo = ShuffleNetV2()
        self._load = zoo.load_parameters       # only its loader is kept: its classifier must not become a child
        self.body = zoo.features[:CONV5_END if conv5 else STAGE4_END]
        for stage in self.body:
            for unit in stage if isinstance(stage, nn.HybridSequential) else ():
                if isinstance(unit, shuffleUnitV2):
                    unit.channel_shuffle = _exportable_shuffle(unit.equal_channels)

    def hybrid_forward(self, F, x):
        return self.body(x)

    def load_zoo(self, path, devices):
        """Take the weights of a GluonCV ``shufflenet_v2`` file; GluonCV publishes none."""
        if path is None:
            raise InputError("start=imagenet", "GluonCV publishes no weights of ShuffleNetV2", "a file of its shufflenet_v2",
                             "use start=scratch, or give the file's path")
        self._load(path, ctx=devices)
