"""Which aggregation wins in an idealised net: what the order of AnchorFace's Table 10 and P of Eq. 9 hang on.

    python -m experiments.studies.ideal_anchors --data INDEX --case 1.4,3,0.9 --case 4.6,0.4,3.2

No net is trained. Each anchor predicts the truth, plus an error that all anchors of a face share (normal, --case's first
number), plus a share of its own distance from the truth that its offsets have left (the second, epsilon), plus an error of its
own (normal, the third); its confidence is Eq. 5's. The first and third are root mean squares of the distance, in % of the
input's side; epsilon is in %. The four aggregations and the figures of Section 4.4 are then worked out by what evaluates
trained nets.
"""

import sys

import mxnet as mx
import numpy as np

from anchorface.codec import AGGREGATES, AnchorDecoder, AnchorTargets
from anchorface.diagnostics import AnchorDiagnostics
from anchorface.methods import METHODS
from gv.core import metrics
from gv.core.config import PRESETS
from gv.core.data import FaceDataset, choose_faces
from gv.core.errors import InputError
from gv.core.exits import AsWritten, Parser
from gv.core.exits import run as run_main
from gv.core.faces import read_index, read_split
from gv.core.layouts import get_layout
from gv.core.run import plan

CASES = ("1.4,3,0.9", "1.4,0.4,0.9", "4.6,3,3.2", "4.6,0.4,3.2")     # the first is like the paper's net, the last like ours
BATCH = 16
TOP = 1 - 1e-6      # of a confidence, whose logit is finite
FIGURES = ("pearson", "common", "deviation", "epsilon", "far_error")


def outputs_of(case, anchors, templates, points, size, beta, rng):
    """(offsets (B, K * 2L, P, 1), logits (B, K, P, 1)) of an idealised net. case: (common, epsilon, own), shares; points
    (B, L, 2) in crop pixels."""
    common, epsilon, own = case
    count, landmarks = anchors.shape[:2]
    batch = len(points)
    shared = rng.normal(0, size * common / np.sqrt(2), (batch, 1, landmarks, 2))
    single = rng.normal(0, size * own / np.sqrt(2), (batch, count, landmarks, 2))
    predictions = points[:, None] + shared + epsilon * (anchors - points[:, None]) + single
    offsets = ((predictions - anchors) / size).reshape(batch, templates, -1, 2 * landmarks).transpose(0, 1, 3, 2)
    targets = AnchorTargets(anchors, templates, size, beta)
    targets.initialize()
    confidence = np.clip(targets(mx.nd.array(points))[1].asnumpy().astype(np.float64), 1 - TOP, TOP)
    logits = np.log(confidence) - np.log1p(-confidence)
    return offsets.reshape(batch, templates * 2 * landmarks, -1, 1), logits.reshape(batch, templates, -1, 1)


def measure(case, anchors, templates, points, size, beta, normaliser, seed):
    """{aggregate: mean NME, figure of ``FIGURES``: mean} of an idealised net over faces, (N, L, 2) in crop pixels.

    normaliser: (N,) lengths in crop pixels.
    """
    rng, landmarks = np.random.default_rng(seed), anchors.shape[1]
    decoders = {name: AnchorDecoder(anchors, templates, size, name) for name in AGGREGATES}
    for decoder in decoders.values():
        decoder.initialize()
    diagnose, found = AnchorDiagnostics(anchors, size), {}
    for start in range(0, len(points), BATCH):
        true = points[start:start + BATCH]
        outputs = outputs_of(case, anchors, templates, true, size, beta, rng)
        given = [mx.nd.array(value) for value in outputs]
        rows = {name: metrics.nme(decoder(*given).asnumpy().reshape(-1, landmarks, 2), true, normaliser[start:start + BATCH])
                for name, decoder in decoders.items()}
        rows.update({name: values for name, values in diagnose(outputs, true).items() if name in FIGURES})
        for name, values in rows.items():
            found.setdefault(name, []).extend(values)
    return {name: float(np.mean(values)) for name, values in found.items()}


def read_case(text):
    """(common, epsilon, own) as shares of a --case; InputError where it is none."""
    try:
        case = tuple(float(part) / 100 for part in text.split(","))
    except ValueError:
        case = ()
    if len(case) != 3 or not all(0 <= value < 1 for value in case):
        raise InputError("--case", f'"{text}"', "COMMON,EPSILON,OWN in %, each from 0 to below 100")
    return case


def table(rows):
    """Markdown of [(case, found), ...]."""
    lines = ["| common error, % of the side | epsilon, % | own error, % of the side | " + " | ".join(AGGREGATES) +
             " | P | r of distance and error | order |", "|" + "---:|" * (6 + len(AGGREGATES)) + "---|"]
    for case, found in rows:
        order = " < ".join(sorted(("weighted", "argmax", "mean"), key=found.get))
        numbers = [*(f"{100 * value:g}" for value in case), *(f"{100 * found[name]:.3f}" for name in AGGREGATES)]
        lines.append("| " + " | ".join([*numbers, f"{found['pearson']:.2f}", f"{found['far_error']:.2f}", order]) + " |")
    return "\n".join(lines)


def main():
    parser = Parser(prog="python -m experiments.studies.ideal_anchors", description=__doc__, formatter_class=AsWritten)
    parser.add_argument("--data", required=True, help="index folder: its training faces make the anchors, its others are read")
    parser.add_argument("--split", default="test", help="faces to read (default %(default)s)")
    parser.add_argument("--faces", type=int, default=200, help="how many of them (default %(default)s)")
    parser.add_argument("--preset", default="ablate", choices=PRESETS, help="size and anchors (default %(default)s)")
    parser.add_argument("--case", action="append", metavar="COMMON,EPSILON,OWN",
                        help=f"in %%, may be repeated (default {' '.join(CASES)})")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    cases = [read_case(text) for text in args.case or CASES]
    if args.faces < 1:
        raise InputError("--faces", args.faces, "at least 1")
    index = read_index(args.data)
    run = plan(METHODS, "anchorface", args.preset, {}, index.layout, index.source)
    trained, read = (FaceDataset(index.folder, choose_faces(read_split(index, split), count), index.layout, run.crop)
                     for split, count in (("train", run.training.faces), (args.split, args.faces)))
    shapes, points = (np.stack([dataset.points_px(i) for i in range(len(dataset))]) for dataset in (trained, read))
    fitted = run.method.fit(shapes, args.seed)
    anchors, size = run.method.anchors(fitted), run.crop.size
    boxes = np.concatenate([points.min(axis=1), points.max(axis=1)], axis=1)
    normaliser = metrics.normaliser(index.normaliser, points, get_layout(index.layout), boxes)
    rows = [(case, measure(case, anchors, len(fitted["templates"]), points, size, run.method.options.beta, normaliser, args.seed))
            for case in cases]
    print(f"{len(points)} faces of {index.source}, {len(anchors)} anchors, {size} px; NME by {index.normaliser}, %\n")
    print(table(rows))


if __name__ == "__main__":
    sys.exit(run_main(main))
