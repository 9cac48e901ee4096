"""Losses: outputs and landmarks to one number an image. Targets are made on the device the outputs lie on."""

from mxnet.gluon import HybridBlock

from anchorface.codec import AnchorTargets, centred_share
from gv.core.errors import InputError, one_of

WEIGHTS = ("target", "predicted", "predicted_detached")
ENTROPIES = ("target", "printed")
EPSILON = 1e-6      # the printed Eq. 6 has log(0) at confidence targets of 0 and 1


def entropy_from_logits(F, logits, target):
    """-t log C - (1 - t) log(1 - C) with C = sigmoid(logits), finite for every logit."""
    return F.relu(logits) - logits * target + F.Activation(-F.abs(logits), act_type="softrelu")


class AnchorLoss(HybridBlock):
    """Offsets (B, K * 2L, g, g), logits (B, K, g, g), points_px (B, L, 2) -> (B,): L_reg + lambda L_con (Eq. 7).

    target: arguments of ``AnchorTargets``. weight of an anchor in L_reg (Eq. 4): its "target" confidence, the "predicted"
    one (as Table 1 has it), or the predicted one without a gradient ("predicted_detached"). entropy (Eq. 6): "target", the
    usual cross-entropy that pulls C to its target, or "printed", with the prediction outside the logarithms and the target
    inside, clipped to [EPSILON, 1 - EPSILON]. Both are sums over the anchors, as printed.
    """

    def __init__(self, target, weight="target", entropy="target", lam=0.5, **kwargs):
        super().__init__(**kwargs)
        if lam < 0:
            raise InputError("lam", lam, "0 or more")
        self.weight, self.entropy = one_of("weight", weight, WEIGHTS), one_of("entropy", entropy, ENTROPIES)
        self.lam = lam
        with self.name_scope():
            self.targets = AnchorTargets(**target)

    def parts(self, F, offsets, logits, points_px):
        """(L_reg, L_con), each (B,)."""
        true_offsets, target = self.targets(points_px)
        logits = F.reshape_like(logits, target)                                          # (B, K, P)
        weight = target if self.weight == "target" else F.sigmoid(logits)
        if self.weight == "predicted_detached":
            weight = F.BlockGrad(weight)
        misses = F.abs(F.reshape_like(offsets, true_offsets) - true_offsets)
        misses = self.targets.sum(F, misses)                                             # (B, K, P)
        if self.entropy == "target":
            entropy = entropy_from_logits(F, logits, target)
        else:
            clipped, confidence = F.clip(target, EPSILON, 1 - EPSILON), F.sigmoid(logits)
            entropy = -confidence * F.log(clipped) - (1 - confidence) * F.log(1 - clipped)
        return F.sum(weight * misses, axis=0, exclude=True), F.sum(entropy, axis=0, exclude=True)

    def hybrid_forward(self, F, offsets, logits, points_px):
        regression, confidence = self.parts(F, offsets, logits, points_px)
        return regression + self.lam * confidence


class RegressionLoss(HybridBlock):
    """Vector (B, 2L), points_px (B, L, 2) -> (B,): the L1 distance, in shares of the input's side.

    A sum over the coordinates, as an anchor's is in Eq. 4, so that weight decay weighs alike in both methods of Table 6.
    """

    def __init__(self, size, **kwargs):
        super().__init__(**kwargs)
        self.size = size

    def hybrid_forward(self, F, vector, points_px):
        return F.sum(F.abs(vector - centred_share(F, points_px, self.size)), axis=0, exclude=True)
