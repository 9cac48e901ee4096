"""What a method is: the things a paper adds. Training, evaluation, prediction and export ask nothing else of it."""

from abc import ABC, abstractmethod


class Method(ABC):
    """A landmark detector: how its net is built, trained and read.

    name: as in ``--method``. Options: frozen dataclass of what is fixed at training. Decoding: frozen dataclass of how
    outputs are turned into points, free to vary on the same weights. PRESETS: {name: {option: value}}, flat names of
    Options, Crop, Augment and Training. PRETRAINED: the same of what differs where training does not start from scratch; a
    preset that is not named there differs in nothing. beyond_box: whether ``Decoding`` can place landmarks outside the crop
    (Eq. 7).
    """

    name = ""
    Options = None
    Decoding = None
    PRESETS = {}
    PRETRAINED = {}
    beyond_box = False

    def __init__(self, options, size):
        """options: an instance of ``Options``; size: side of the input in pixels."""
        self.options, self.size = options, size

    def check_layout(self, layout):
        """The layout, as an index has it; InputError where the options do not fit its landmarks."""
        return layout

    def fit(self, points, seed):
        """What is learnt from the training shapes before training: {name: array}. points: (N, L, 2) in crop pixels."""
        return {}

    def blank(self, landmarks):
        """What ``fit`` gives with every number nought: enough to build a net whose size alone matters."""
        return {}

    @classmethod
    def crop_defaults(cls, source):
        """{option of ``Crop``: value} on a data set (an index's ``source``), below what the preset and the user say."""
        return {}

    @abstractmethod
    def net(self, landmarks, fitted):
        """The HybridBlock from images (B, 3, S, S) to one output or a list of them."""

    def reader(self, net, devices):
        """The HybridBlock with a trained net's weights and outputs that ``folding`` starts from: the net itself, or the same by
        fewer operators."""
        return net

    @abstractmethod
    def loss(self, fitted):
        """The HybridBlock from (*outputs, points_px (B, L, 2)) to one loss an image, (B,)."""

    @abstractmethod
    def decoder(self, decoding, fitted):
        """The HybridBlock from (*outputs) to points_px (B, L, 2), in crop pixels."""

    def ready_decoder(self, decoding, fitted, devices):
        """``decoder`` with the constants it may hold on ``devices``: an MXNet context, or a list of them."""
        decoder = self.decoder(decoding, fitted)
        decoder.initialize(ctx=devices)
        return decoder

    def load_start(self, net, path, devices):
        """Put published weights into the encoder (path None: the zoo's download)."""
        net.encoder.load_zoo(path, devices)

    def reusable(self, net):
        """{part of a net: names of its parameters, as checkpoints have them} that mean the same whatever the landmarks are:
        another run's encoder first, then what else a training can begin with."""
        return {"encoder": [name for name in net._collect_params_with_prefix() if name.startswith("encoder.")]}

    def scorer(self, fitted):
        """The HybridBlock from (*outputs) to how sure the net is of each landmark, (B, L) in 0 to 1; None: they do not say."""
        return None

    def prediction(self, net, decoding, fitted, devices):
        """(quick, plain, tail): two HybridBlocks from images to the same values, the one that ``folding`` starts from and the
        net as it was trained, and the ``reading.Tail`` of those values. net: trained, on ``devices``."""
        from gv.core.reading import Tail
        return self.reader(net, devices), net, Tail(self.ready_decoder(decoding, fitted, devices), self.scorer(fitted))

    def diagnostics(self, decoding, fitted):
        """The method's own figures: a function of (outputs, points_px (B, L, 2)) to {name: (B,) array}, NaN where a face
        has none; or None."""
        return None


def as_list(outputs):
    """A net's outputs as a list, whether it gives one or several."""
    return list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]
