"""Encoders: networks of Gluon's and GluonCV's zoos, cut so that they give four maps at strides 4, 8, 16, 32."""

from gluoncv.model_zoo import get_model
from gluoncv.model_zoo.hrnet import HRNET_SPEC, HighResolutionBaseNet
from gluoncv.model_zoo.model_store import get_model_file
from gluoncv.utils import freeze_bn
from mxnet.gluon import HybridBlock, nn
from mxnet.gluon.model_zoo import vision
from mxnet.gluon.model_zoo.vision.resnet import BasicBlockV2, ResNetV2

from gv.core.errors import InputError, one_of


class StagedEncoder(HybridBlock):
    """x (B, 3, S, S) -> four maps (B, c, S/4 ... S/32), cut out of a sequential zoo network.

    cuts: where each stage ends in ``zoo.features``. raw_sums: the maps are sums of a pre-activation network, which
    want BatchNorm and ReLU before use (the decoder's entry owns them).
    """

    def __init__(self, zoo, cuts, channels, raw_sums, zoo_name=None, **kwargs):
        super().__init__(**kwargs)
        self.channels, self.raw_sums = channels, raw_sums
        # only its loader is kept: the zoo network itself must not become a child, its classifier is not used
        self._load, self._zoo_name = zoo.load_parameters, zoo_name
        self.stages = nn.HybridSequential(prefix="")
        for begin, end in zip((0, *cuts[:-1]), cuts):
            self.stages.add(zoo.features[begin:end])

    def hybrid_forward(self, F, x):
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps

    def load_zoo(self, path, devices):
        """Take the weights of a zoo file (its own .params), or of the zoo's download where path is None."""
        if path is None:
            if self._zoo_name is None:
                raise InputError("start=imagenet", "this encoder has no published weights", "start=scratch")
            path = get_model_file(self._zoo_name)
        self._load(path, ctx=devices)


class HRNetEncoder(HybridBlock):
    """HRNetV2's four branches: x (B, 3, S, S) -> four maps at strides 4, 8, 16, 32; W32's have 32, 64, 128, 256 channels.

    spec: GluonCV's name of the size. published: the name of its classification weights, or None.
    """

    raw_sums = False

    def __init__(self, spec="w32", published="hrnet_w32_cls", **kwargs):
        super().__init__(**kwargs)
        self.channels, self._published = tuple(HRNET_SPEC[spec][-1][3]), published
        self.body = HighResolutionBaseNet(HRNET_SPEC[spec], stage_interp_type="nearest")

    def hybrid_forward(self, F, x):
        return self.body(x)

    def load_zoo(self, path, devices):
        """Take the weights of the classification network, ``hrnet_w32_c`` of W32 (a file of its own, or the zoo's download)."""
        path = path if path is not None else get_model_file(self._published)
        self.body.load_parameters(path, ctx=devices, ignore_extra=True)


def _resnetv2(zoo, channels, stem_stride, zoo_name=None):
    """A ResNetV2 cut at its stages; stem_stride 2: its first pooling moves by one pixel, so that every map has twice the side.

    Its first layer normalises the input by statistics that have no weights. Nothing before it needs a gradient, so MXNet
    never runs its backward pass on a CPU and never updates them: they are used as they are, in training as in evaluation
    (0 and 1 from scratch, the zoo's with the zoo's weights).
    """
    freeze_bn(zoo.features[0])
    if stem_stride == 2:
        zoo.features[POOLING]._kwargs["stride"] = (1, 1)
    return StagedEncoder(zoo, (6, 7, 8, 9), channels, True, zoo_name)


def _resnet50v2(stem_stride):
    return _resnetv2(vision.resnet50_v2(), (256, 512, 1024, 2048), stem_stride, "resnet50_v2")


def _resnet18v2(stem_stride):
    return _resnetv2(vision.resnet18_v2(), (64, 128, 256, 512), stem_stride, "resnet18_v2")


def _narrow(stem_stride, width):
    """A ResNetV2-18 of another width, for which nobody publishes weights."""
    channels = [width, 2 * width, 4 * width, 8 * width]
    return _resnetv2(ResNetV2(BasicBlockV2, [2, 2, 2, 2], [width, *channels]), tuple(channels), stem_stride)


def _resnet18v2_half(stem_stride):
    return _narrow(stem_stride, 32)


def _resnet18v2_quarter(stem_stride):
    return _narrow(stem_stride, 16)


def _hrnetv2_w18_small():
    return HRNetEncoder("w18_small_v1", "hrnet_w18_small_v1_cls")


def _mobilenetv3_large():
    return StagedEncoder(get_model("mobilenetv3_large"), (6, 9, 15, 18), (24, 40, 112, 160), False, "mobilenetv3_large")


def _mobilenetv3_small():
    return StagedEncoder(get_model("mobilenetv3_small"), (4, 6, 11, 14), (16, 24, 48, 96), False, "mobilenetv3_small")


POOLING = 4             # of a ResNetV2's stem, in the zoo's ``features``
STEM_STRIDES = (4, 2)   # of the finest map: as published, and with the first pooling's stride dropped
RESNETS = {
    "resnet50v2": _resnet50v2,                  # GV(ResNet50)
    "resnet18v2": _resnet18v2,                  # ours, for small machines
    "resnet18v2_half": _resnet18v2_half,        # ours: the same with half the channels, for two cores
    "resnet18v2_quarter": _resnet18v2_quarter,  # ours: with a quarter of them
}
ENCODERS = {
    **RESNETS,
    "hrnetv2_w32": HRNetEncoder,                # GV(HRNet)
    "hrnetv2_w18_small": _hrnetv2_w18_small,    # ours, where W32 is too dear
    "mobilenetv3_large": _mobilenetv3_large,    # Table 9
    "mobilenetv3_small": _mobilenetv3_small,
}


def get_encoder(name, stem_stride=4):
    """A fresh, uninitialised encoder; InputError lists the names where there is none.

    stem_stride: of its finest map: 4, or, of a ResNetV2, 2.
    """
    one_of("encoder", name, ENCODERS)
    if stem_stride not in STEM_STRIDES or (stem_stride != 4 and name not in RESNETS):
        raise InputError("stem_stride", f"{stem_stride} with encoder {name}", "4, or 2 with a ResNetV2")
    return ENCODERS[name](stem_stride) if name in RESNETS else ENCODERS[name]()
