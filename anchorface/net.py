"""The networks: AnchorFace's two heads on the backbone's map (Fig. 2), and the baseline that regresses points directly."""

import mxnet as mx
from mxnet.gluon import HybridBlock, nn

from anchorface.shufflenet import ShuffleNetEncoder, map_side
from gv.core.errors import InputError, one_of

FEATURES = ("pool", "flatten")
HEAD_SPREAD = 1e-3      # ASSUMED: of the heads' first weights, so that training begins at the anchors, or the centre


class AnchorNet(HybridBlock):
    """x (B, 3, S, S) -> offsets (B, K * 2L, g, g), confidence logits (B, K, g, g).

    One 1x1 convolution each on stage 4; where the grid is not the map's own, the map is resized first (bilinear, its
    corners on the grid's), up only where ``upsample`` allows it. Channels of the offsets: template by template, x and y of each
    landmark in turn. stem, multiplier: the backbone's, see ``ShuffleNetEncoder``.
    """

    def __init__(self, landmarks, templates, size, grid=7, stem=4, upsample=False, multiplier=1.0, **kwargs):
        super().__init__(**kwargs)
        self.landmarks, self.templates, self.grid = landmarks, templates, grid
        side = map_side(size, stem)
        if grid > side and not upsample:
            raise InputError("grid", f"{grid} x {grid} of a map of {side} x {side}", f"at most {side}, the map's own",
                             "a larger input or stem_stride=2; upsample=true insists")
        self.resized = grid != side
        with self.name_scope():
            self.encoder = ShuffleNetEncoder(False, stem, multiplier)
            head = dict(kernel_size=1, in_channels=self.encoder.channels, weight_initializer=mx.init.Normal(HEAD_SPREAD))
            self.regress = nn.Conv2D(templates * 2 * landmarks, **head)
            self.confide = nn.Conv2D(templates, **head)

    def features(self, F, x):
        """The map both heads read, (B, 464, g, g)."""
        found = self.encoder(x)
        return F.contrib.BilinearResize2D(found, height=self.grid, width=self.grid) if self.resized else found

    def hybrid_forward(self, F, x):
        found = self.features(F, x)
        return self.regress(found), self.confide(found)


class RegressionNet(HybridBlock):
    """x (B, 3, S, S) -> (B, 2L), shares of the input's side from its centre: the baseline of Table 6.

    features: "pool" the backbone's map over its cells, or "flatten" it. conv5: read ShuffleNetV2's conv5 (1024 channels)
    instead of stage 4 (464).
    """

    def __init__(self, landmarks, size, features="pool", conv5=False, stem=4, multiplier=1.0, **kwargs):
        super().__init__(**kwargs)
        one_of("features", features, FEATURES)
        cells = map_side(size, stem) ** 2 if features == "flatten" else 1
        with self.name_scope():
            self.encoder = ShuffleNetEncoder(conv5, stem, multiplier)
            self.gather = nn.Flatten() if features == "flatten" else nn.GlobalAvgPool2D()
            self.output = nn.Dense(2 * landmarks, in_units=self.encoder.channels * cells,
                                   weight_initializer=mx.init.Normal(HEAD_SPREAD))

    def hybrid_forward(self, F, x):
        return self.output(self.gather(self.encoder(x)))
