"""How near the anchors are to real faces, without training: what Tables 7, 8 and 9 of the AnchorFace paper choose among.

    python -m experiments.anchorface_tables.anchors --train train_4000.txt --test test_4386.txt

A file holds a face a line: a name, then x1 y1 ... x19 y19 as shares of the face's crop (AFLW's 19 landmarks). Templates are
learnt from --train; then each shape of --test looks for its nearest anchor. The distance is the root mean square over the
landmarks in per cent of the crop's side, as the paper's inputs are cropped, and once more with the test shapes turned and
shifted as training turns and shifts them. Takes about a minute on one core.
"""

import json
import sys

import numpy as np

from anchorface.anchors import anchor_points, place
from anchorface.methods import AnchorOptions
from anchorface.presets import ANCHOR_PRESETS
from anchorface.templates import buckets, make_templates
from data_prep.synthetic.landmarks import mean_landmarks
from gv.core.config import fill
from gv.core.errors import InputError
from gv.core.exits import Parser, run
from gv.core.geometry import similarity_about, transform_points

SIZE = ANCHOR_PRESETS["paper"]["size"]
C_TH = 0.6                                          # Section 3.2
LANDMARKS = 19
PITCH = (-30, 0, 30)                                # degrees; the paper names none: ASSUMED
AUGMENT = ANCHOR_PRESETS["paper"]["translate"], 30  # share of the crop, degrees
CHUNK = 256
DEFAULT = "KMeans-24, 56 x 56, 7 x 7"
# row: options that differ from the paper's
SETTINGS = {
    "Templates (Table 7)": {
        "KMeans-3": {"rolls": 1}, DEFAULT: {}, "KMeans-48": {"rolls": 16}, "HandDesign-24": {"design": "hand"},
        "KMeans, 24 flat clusters": {"clusters": 24, "rolls": 1}, "KMeans-24 x 3 pitches": {"pitch": PITCH},
        "HandDesign-24 x 3 pitches": {"design": "hand", "pitch": PITCH}},
    "Area (Table 8)": {f"{area} x {area}": {"area": float(area)} for area in (112, 56, 28, 14)},
    "Grid (Table 9)": {f"{grid} x {grid}": {"grid": grid} for grid in (3, 5, 7, 13)},
    "Points": {"middles of cells (step 8)": {"grid_points": "centres"}},
}
# Full NME % of the paper where it has a row for the setting
PUBLISHED = {"KMeans-3": 1.60, DEFAULT: 1.56, "KMeans-48": 1.58, "HandDesign-24": 1.58, "112 x 112": 1.58, "56 x 56": 1.56,
             "28 x 28": 1.58, "14 x 14": 1.58, "3 x 3": 1.58, "5 x 5": 1.57, "7 x 7": 1.56, "13 x 13": 1.56}


def read_shapes(path):
    """Shapes (N, 19, 2) in crop pixels of a file of shares; InputError for a line that is not a face."""
    shapes = []
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            try:
                shapes.append(np.array([float(part) for part in line.split()[1:]]).reshape(LANDMARKS, 2))
            except ValueError:
                raise InputError(f"{path}:{number}", "not a face", f"a name and {2 * LANDMARKS} numbers") from None
    if not shapes:
        raise InputError(path, "no face", "a face a line")
    return np.stack(shapes) * SIZE - 0.5


def augmented(shapes, seed=0):
    """The shapes (N, L, 2) turned and shifted about the crop's centre as the paper preset does in training, without mirror."""
    rng, (shift, degrees) = np.random.default_rng(seed), AUGMENT
    centre = ((SIZE - 1) / 2, (SIZE - 1) / 2)
    return np.stack([transform_points(similarity_about(centre, rng.uniform(-degrees, degrees), 1.0,
                                                       rng.uniform(-shift, shift, 2) * SIZE), shape) for shape in shapes])


def distances(shapes, anchors):
    """The paper's ||v1 - v2||_2 of each shape (N, L, 2) from each anchor (A, L, 2), (N, A), as shares of the input."""
    x, a = (np.asarray(v, np.float64).reshape(len(v), -1) / SIZE for v in (shapes, anchors))
    return np.sqrt(np.maximum((x ** 2).sum(1)[:, None] + (a ** 2).sum(1) - 2 * x @ a.T, 0))


def measure(shapes, anchors, beta):
    """{"nearest", "confident", "voting": (N,)}: RMS distance to the nearest anchor in per cent of the crop, whether an anchor's
    target (Eq. 5) reaches C_TH, and how many do."""
    rows = {"nearest": [], "confident": [], "voting": []}
    for start in range(0, len(shapes), CHUNK):
        dist = distances(shapes[start:start + CHUNK], anchors)
        voting = (1 - np.tanh(dist / (beta * 2 * LANDMARKS)) >= C_TH).sum(axis=1)
        rows["nearest"].append(100 * dist.min(axis=1) / np.sqrt(LANDMARKS))
        rows["confident"].append(voting > 0)
        rows["voting"].append(voting)
    return {name: np.concatenate(values) for name, values in rows.items()}


def compare(train, test):
    """A row a setting: its anchors, and what ``measure`` finds for the test shapes, upright and augmented."""
    face, turned, moved, rows = mean_landmarks(LANDMARKS), buckets(test) != 1, augmented(test), []
    learnt = {}
    for table, settings in SETTINGS.items():
        for name, changes in settings.items():
            o = fill(AnchorOptions, {"area": ANCHOR_PRESETS["paper"]["area"], **changes})
            key = (o.design, o.clusters, o.pitch, o.rolls)
            if key not in learnt:
                learnt[key] = make_templates(train / SIZE, o.design, o.clusters, o.gamma, o.pitch, face, o.rolls)
            anchors = place(learnt[key], anchor_points(SIZE, o.area, o.grid, o.grid_points), SIZE)
            still, shaken = measure(test, anchors, o.beta), measure(moved, anchors, o.beta)
            rows.append({
                "table": table, "setting": name, "anchors": len(anchors), "nearest": float(still["nearest"].mean()),
                "nearest_p95": float(np.percentile(still["nearest"], 95)),
                "nearest_turned": float(still["nearest"][turned].mean()) if turned.any() else None,
                "confident": float(still["confident"].mean()), "voting": float(still["voting"].mean()),
                "augmented_nearest": float(shaken["nearest"].mean()),
                "augmented_nearest_p95": float(np.percentile(shaken["nearest"], 95)),
                "augmented_confident": float(shaken["confident"].mean()), "published_nme": PUBLISHED.get(name)})
            print(f"{table}: {name}", file=sys.stderr)
    return {"train": len(train), "test": len(test), "turned": int(turned.sum()), "rows": rows}


def table_text(report):
    """The report as Markdown tables."""
    lines = []
    for table in SETTINGS:
        lines += [f"### {table}", "", "| setting | anchors | nearest: mean | P95 | turned faces | share with C̄ ≥ 0.6 | "
                  "voting anchors | augmented: mean | P95 | share with C̄ ≥ 0.6 | paper's NME |", f"|---|{'---:|' * 10}"]
        for row in (row for row in report["rows"] if row["table"] == table):
            paper = f"{row['published_nme']:.2f}" if row["published_nme"] else ""
            turned = "" if row["nearest_turned"] is None else f"{row['nearest_turned']:.2f}"
            lines.append(f"| {row['setting']} | {row['anchors']} | {row['nearest']:.2f} | {row['nearest_p95']:.2f} | "
                         f"{turned} | {100 * row['confident']:.1f} % | {row['voting']:.0f} | "
                         f"{row['augmented_nearest']:.2f} | {row['augmented_nearest_p95']:.2f} | "
                         f"{100 * row['augmented_confident']:.1f} % | {paper} |")
        lines.append("")
    return "\n".join(lines)


def main(argv=None):
    """Measure, and print the tables (or JSON alone)."""
    parser = Parser(prog="python -m experiments.anchorface_tables.anchors", description=__doc__.splitlines()[0])
    parser.add_argument("--train", required=True, help="file of shapes to learn the templates from")
    parser.add_argument("--test", required=True, help="file of shapes to measure")
    parser.add_argument("--json", action="store_true", help="print JSON alone on stdout")
    arguments = parser.parse_args(argv)
    report = compare(read_shapes(arguments.train), read_shapes(arguments.test))
    print(json.dumps(report, indent=1) if arguments.json else
          f"{report['train']} shapes to learn from, {report['test']} measured, {report['turned']} of them turned "
          f"(|r| > 6)\n\n{table_text(report)}")


if __name__ == "__main__":
    sys.exit(run(main))
