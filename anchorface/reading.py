"""AnchorFace from crops to landmarks: what a template's anchors say together, with the head at every anchor or once a template.

B images, L landmarks, K templates, P anchor points. Both forms give the same values (``AnchorHead`` says which), template first:
Eq. 2 is a weighted sum, and the regression head is linear, with weights of its own for each template.
"""

from mxnet.gluon import HybridBlock

TINY = 1e-30     # keeps the share of a template without votes above 0; its part of every sum is 0


def _starts(F, decoder, votes, anchors):
    """The anchors (2L, K * P) summed under the votes (B, K, P), template by template: (K, B, 2L) in crop pixels."""
    places = F.reshape(anchors, (2 * decoder.landmarks, decoder.templates, -1))                         # (2L, K, P)
    return F.batch_dot(F.transpose(votes, (1, 0, 2)), F.transpose(places, (1, 2, 0)))


def _shares(F, votes):
    """How much of the result is each template's, (K, B, 1), of votes (B, K, P)."""
    return F.expand_dims(F.transpose(F.sum(votes, axis=2), (1, 0)), 2)


def _confidence(F, votes, logits):
    """The voting anchors' mean confidence, (B, 1)."""
    return F.sum(F.reshape(votes, (0, -1)) * F.sigmoid(F.reshape(logits, (0, -1))), axis=1, keepdims=True)


class AnchorHead(HybridBlock):
    """The backbone's map (B, c, g, g) -> points (B, 2L), sums (K, B, 2L), shares (K, B, 1), confidence (B, 1) of an ``AnchorNet``
    under its decoder's votes.

    points: in crop pixels, Eq. 2; sums: a template's part of them, the places O + T that its anchors vote for, under their
    votes; shares: the votes' sums; confidence: the mean over the voting anchors, under their votes.
    """

    def __init__(self, net, decoder, **kwargs):
        super().__init__(**kwargs)
        self.regress, self.confide, self.decoder, self.anchors = net.regress, net.confide, decoder, decoder.anchors

    def hybrid_forward(self, F, found, anchors):
        d = self.decoder
        offsets, logits = self.regress(found), self.confide(found)
        votes = d.votes(F, logits)
        points = d.count // d.templates
        moves = F.batch_dot(F.reshape(offsets, (-1, 2 * d.landmarks, points)), F.reshape(votes, (-1, points, 1)))
        moves = F.transpose(F.reshape(moves, (-1, d.templates, 2 * d.landmarks)), (1, 0, 2))            # (K, B, 2L)
        sums = _starts(F, d, votes, anchors) + d.offset_unit * moves
        return F.sum(sums, axis=0), sums, _shares(F, votes), _confidence(F, votes, logits)


class FusedHead(HybridBlock):
    """``AnchorHead`` for a P-th of the regression head's work: the features are summed first, under the votes, and the head is
    applied once a template instead of at every anchor point; for the points alone it is one matrix product over all of them,
    which at a batch of one is ten times faster than one a template. The graph without ``sums`` has nothing of the latter."""

    def __init__(self, net, decoder, **kwargs):
        super().__init__(**kwargs)
        self.regress, self.confide, self.decoder = net.regress, net.confide, decoder
        self.weight, self.bias, self.anchors = net.regress.weight, net.regress.bias, decoder.anchors

    def hybrid_forward(self, F, found, weight, bias, anchors):
        d = self.decoder
        logits = self.confide(found)
        votes = d.votes(F, logits)                                                                      # (B, K, P)
        pooled = F.batch_dot(votes, F.reshape(found, (0, 0, -1)), transpose_b=True)                     # (B, K, c)
        heads = F.reshape(weight, (d.templates, 2 * d.landmarks, -1))                                   # (K, 2L, c)
        biases = F.reshape(bias, (d.templates, 2 * d.landmarks))
        moves = F.FullyConnected(pooled, F.reshape(F.transpose(heads, (1, 0, 2)), (0, -1)), no_bias=True,
                                 num_hidden=2 * d.landmarks)                                            # (B, 2L)
        moves = moves + F.dot(F.sum(votes, axis=2), biases)
        points = d.starts(F, votes, anchors) + d.offset_unit * moves
        moves = F.batch_dot(F.transpose(pooled, (1, 0, 2)), heads, transpose_b=True)                    # (K, B, 2L)
        shares = _shares(F, votes)
        moves = moves + F.broadcast_mul(shares, F.expand_dims(biases, 1))
        sums = _starts(F, d, votes, anchors) + d.offset_unit * moves
        return points, sums, shares, _confidence(F, votes, logits)


class Sums(HybridBlock):
    """x (B, 3, S, S) -> what ``head`` makes of an ``AnchorNet``'s map."""

    def __init__(self, net, head, **kwargs):
        super().__init__(**kwargs)
        self.net, self.head = net, head

    def hybrid_forward(self, F, x):
        return self.head(self.net.features(F, x))


class Aggregate(HybridBlock):
    """``AnchorHead``'s values -> points_px (B, L, 2), Eq. 2, and scores (B, L): confidence times the templates' agreement.

    The agreement on a landmark is 1 - tanh(spread / beta), the form of Eq. 5, where spread is the root mean square distance of
    the templates' places for it from their mean, under their shares, in shares of the input's ``size``.
    """

    def __init__(self, landmarks, size, beta, **kwargs):
        super().__init__(**kwargs)
        self.landmarks, self.size, self.beta = landmarks, size, beta

    def hybrid_forward(self, F, points, sums, shares, confidence):
        apart = F.broadcast_sub(sums, F.broadcast_mul(shares, F.expand_dims(points, 0)))                # share times distance
        apart = F.broadcast_div(F.square(apart), shares + TINY)
        spread = F.sqrt(F.sum(F.reshape(F.sum(apart, axis=0), (0, self.landmarks, 2)), axis=2)) / self.size
        return (F.reshape(points, (0, self.landmarks, 2)),
                F.broadcast_mul(confidence, 1 - F.tanh(spread / self.beta)))
