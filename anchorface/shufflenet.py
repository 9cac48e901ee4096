"""The backbone: GluonCV's ShuffleNetV2 1.0x up to stage 4, or through conv5."""

from gluoncv.model_zoo.shufflenet import ShuffleNetV2, shuffleUnitV2
from mxnet.gluon import HybridBlock, nn

from gv.core.errors import InputError

STAGE4_END, CONV5_END = 5, 6              # where they end in GluonCV's ``features``
STAGE4_CHANNELS, CONV5_CHANNELS = {0.5: 192, 1.0: 464}, 1024   # stage 4's by the multiplier
STAGES = (2, 3, 4)
POOLING = 1                               # the pooling behind the first convolution
STRIDE = 32
PAPER_SIDE = 7                            # of the last map, at 224 pixels
STEM_STRIDES = (4, 2)                     # of the stem: as published, and with its pooling's stride dropped


def stem_stride(size):
    """4, as published, or 2 where the input is so small that the last map would have fewer than the paper's 7 x 7 cells."""
    return 4 if map_side(size) >= PAPER_SIDE else 2


def map_side(size, stem=4):
    """Side of the last map for an input of ``size`` pixels: five halvings (four at a stem of 2), rounded up."""
    return -(-size // (STRIDE * stem // 4))


def _exportable_shuffle(channels):
    """Channel shuffle of two groups of ``channels``, as GluonCV's, without the reshape codes that ONNX does not know."""
    def shuffle(F, data, groups):
        # swapaxes, not transpose, whose hybridized backward fails on the CPU ("... a reorder primitive")
        pairs = F.swapaxes(F.reshape(data, (0, groups, channels, -1)), dim1=1, dim2=2)
        return F.reshape_like(F.reshape(pairs, (0, groups * channels, -1)), data)
    return shuffle


class ShuffleNetEncoder(HybridBlock):
    """x (B, 3, S, S) -> the last map (B, channels, S/32, S/32): 464 channels after stage 4, 1024 after conv5.

    multiplier: 1.0x as published, or 0.5x, for small machines (192 channels after stage 4, no conv5). stem: stride of the first
    convolution and pooling together; at 2 the pooling moves by one pixel and the map is S/16.
    """

    def __init__(self, conv5=False, stem=4, multiplier=1.0, **kwargs):
        super().__init__(**kwargs)
        if multiplier not in STAGE4_CHANNELS or (conv5 and multiplier != 1):
            raise InputError("multiplier", f"{multiplier:g}" + (" with conv5" if conv5 else ""), "1, or 0.5 without conv5")
        if stem not in STEM_STRIDES:
            raise InputError("stem_stride", stem, "4 or 2")
        self.channels = CONV5_CHANNELS if conv5 else STAGE4_CHANNELS[multiplier]
        zoo = ShuffleNetV2()
        self._load = zoo.load_parameters       # only its loader is kept: its classifier must not become a child
        self.body = zoo.features[:CONV5_END if conv5 else STAGE4_END]
        if multiplier != 1:
            narrow = nn.HybridSequential(prefix="")
            narrow.add(*zoo.features[:POOLING + 1], *(zoo.make_stage(stage, multiplier) for stage in STAGES))
            self.body, self._load = narrow, None
        if stem == 2:
            self.body[POOLING]._kwargs["stride"] = (1, 1)
        for stage in self.body:
            for unit in stage if isinstance(stage, nn.HybridSequential) else ():
                if isinstance(unit, shuffleUnitV2):
                    unit.channel_shuffle = _exportable_shuffle(unit.equal_channels)

    def hybrid_forward(self, F, x):
        return self.body(x)

    def load_zoo(self, path, devices):
        """Take the weights of a GluonCV ``shufflenet_v2`` file; GluonCV publishes none."""
        if self._load is None:
            raise InputError("start", "weights for a narrower net", "multiplier=1", "use start=scratch")
        if path is None:
            raise InputError("start=imagenet", "GluonCV publishes no weights of ShuffleNetV2", "a file of its shufflenet_v2",
                             "use start=scratch, or give the file's path")
        self._load(path, ctx=devices)
