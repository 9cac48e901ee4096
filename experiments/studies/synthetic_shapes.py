"""How near the embedded mean head's landmarks are to published mean shapes, landmark by landmark.

    python -m experiments.studies.synthetic_shapes --reference DIR [--csv FILE]

DIR holds ``meanface_<set>.txt`` (x y interleaved, shares of the face's crop): AFLW, COFW, data_300W, WFLW, LaPa (106 points).
Shapes are compared after a similarity (shift, turn, one scale), and again after a similarity and one more scale of y, since the
crops that some reference shapes were averaged in are stretched to a square. Distances are per cent of the face's width.
"""

import csv
import json
import os
import sys

import numpy as np

from data_prep.synthetic.landmarks import mean_landmarks
from gv.core.errors import InputError
from gv.core.exits import Parser, run

SETS = {19: "AFLW", 29: "COFW", 68: "data_300W", 98: "WFLW", 106: "LaPa"}
BOUND = 5.0                                   # per cent of the face's width that a landmark should be within
STRETCHES = np.arange(0.7, 1.3, 0.005)


def similarity_distances(ours, wanted):
    """Distances (L,) after the best similarity of ``ours`` onto ``wanted``, both (L, 2), in units of ``wanted``."""
    a, b = ours - ours.mean(0), wanted - wanted.mean(0)
    u, singular, v = np.linalg.svd(a.T @ b)
    return np.linalg.norm(a @ (u @ v) * singular.sum() / (a ** 2).sum() - b, axis=1)


def compare(size, wanted):
    """(distances (L,) in %, best y stretch, distances (L,) in % with it) of a scheme's mean shape; wanted: (L, 2)."""
    ours = mean_landmarks(size)[:, :2]
    scale = 100 / np.ptp(wanted[:, 0])        # the widest pair: contour, or the brows' ends where a scheme has no contour
    plain = similarity_distances(ours, wanted) * scale
    best = min(STRETCHES, key=lambda stretch: np.square(similarity_distances(ours * [1, stretch], wanted)).sum())
    return plain, float(best), similarity_distances(ours * [1, best], wanted) * scale


def main(argv=None):
    """Compare, and print a line a scheme (or JSON alone)."""
    parser = Parser(prog="python -m experiments.studies.synthetic_shapes", description=__doc__.splitlines()[0])
    parser.add_argument("--reference", required=True, help="folder of meanface_<set>.txt")
    parser.add_argument("--csv", help="write every landmark's distances here")
    parser.add_argument("--json", action="store_true", help="print JSON alone on stdout")
    arguments = parser.parse_args(argv)
    rows, lines = [], {}
    for size, name in SETS.items():
        path = os.path.join(arguments.reference, f"meanface_{name}.txt")
        try:
            wanted = np.loadtxt(path).reshape(size, 2)
        except (OSError, ValueError) as error:
            raise InputError(path, str(error), f"{2 * size} numbers") from None
        plain, stretch, stretched = compare(size, wanted)
        lines[size] = {"mean": plain.mean(), "max": plain.max(), "over": [int(i) for i in np.flatnonzero(plain > BOUND)],
                       "stretch": stretch, "stretched_mean": stretched.mean(), "stretched_max": stretched.max()}
        rows += [(size, i, f"{a:.2f}", f"{b:.2f}") for i, (a, b) in enumerate(zip(plain, stretched))]
    if arguments.csv:
        with open(arguments.csv, "w", newline="", encoding="utf-8") as out:
            writer = csv.writer(out)
            writer.writerows([("landmarks", "index", "similarity_percent", "with_y_stretch_percent"), *rows])
    if arguments.json:
        print(json.dumps(lines, indent=1))
        return
    for size, line in lines.items():
        print(f"{size:4d}  similarity: mean {line['mean']:.1f} %, worst {line['max']:.1f} %, "
              f"{len(line['over'])} over {BOUND:g} %; "
              f"y x {line['stretch']:.2f}: mean {line['stretched_mean']:.1f} %, worst {line['stretched_max']:.1f} %")


if __name__ == "__main__":
    sys.exit(run(main))
