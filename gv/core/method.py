"""What a method is: the things a paper adds. Training, evaluation, prediction and export ask nothing else of it."""

from abc import ABC, abstractmethod


class Method(ABC):
    """A landmark detector: how its net is built, trained and read.

    name: as in ``--method``. Options: frozen dataclass of what is fixed at training. Reading: frozen dataclass of how
    outputs are turned into points, free to vary on the same weights. PRESETS: {name: {option: value}}, flat names of
    Options, Crop, Augment and Training. beyond_box: whether ``Reading`` can place landmarks outside the crop (Eq. 7).
    """

    name = ""
    Options = None
    Reading = None
    PRESETS = {}
    beyond_box = False

    def __init__(self, options, size):
        """options: an instance of ``Options``; size: side of the input in pixels."""
        self.options, self.size = options, size

    def fit(self, points, seed):
        """What is learnt from the training shapes before training: {name: array}. points: (N, L, 2) in crop pixels."""
        return {}

    @classmethod
    def crop_defaults(cls, source):
        """{option of ``Crop``: value} on a data set (an index's ``source``), below what the preset and the user say."""
        return {}

    @abstractmethod
    def net(self, landmarks, arrays):
        """The HybridBlock from images (B, 3, S, S) to one output or a list of them."""

    @abstractmethod
    def loss(self, arrays):
        """The HybridBlock from (*outputs, points_px (B, L, 2)) to one loss an image, (B,)."""

    @abstractmethod
    def decoder(self, reading, arrays):
        """The HybridBlock from (*outputs) to points_px (B, L, 2), in crop pixels."""

    def ready_decoder(self, reading, arrays, device):
        """``decoder`` with the constants it may hold on ``device``."""
        decoder = self.decoder(reading, arrays)
        decoder.initialize(ctx=device)
        return decoder

    def load_start(self, net, path, devices):
        """Put published weights into the encoder (path None: the zoo's download)."""
        net.encoder.load_zoo(path, devices)

    def diagnostics(self, reading, arrays):
        """The method's own figures: a function of (outputs, points_px (B, L, 2)) to {name: (B,) array}, NaN where a face
        has none; or None."""
        return None


def as_list(outputs):
    """A net's outputs as a list, whether it gives one or several."""
    return list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]
