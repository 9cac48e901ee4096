"""Gaussian Vector, Section 3.2: vector labels against heatmap labels, their share of foreground and the time they take to make.

    python -m experiments.gv_tables.labels --preset ablate --seeds 3

No training: the labels of 300W's training faces, as training makes them, under a minute; every seed measures the times again. The
paper gives no figures.
"""

import time

import numpy as np

from experiments.harness.claims import Claim, beats
from experiments.harness.command import exit_with
from experiments.harness.grid import Cell, Measure, Table, cross

SIDE, STRIDE, SIGMA = 64, 4, 2.0    # Section 4.3: input 256, output a quarter of it, sigma = 2
BATCH, ROUNDS = 16, 20
HEATMAP, VECTOR = "Heatmap", "Gaussian Vector"


def measure(points, repeat=ROUNDS):
    """{kind: {share of foreground, numbers a face, milliseconds a face}} of points (N, L, 2) in 256-pixel crops.

    A time is the least of several rounds on one batch, in which the kinds take turns: compare them with each other only.
    """
    import mxnet as mx

    from gv.codec import HeatmapLabel, VectorLabel
    kinds = {HEATMAP: HeatmapLabel(SIDE, STRIDE, SIGMA), VECTOR: VectorLabel(SIDE, STRIDE, SIGMA, theta=3.0)}
    table, best = {}, {}

    def make(label, batch):
        made = label(mx.nd.array(batch))
        return list(made) if isinstance(made, (list, tuple)) else [made]

    for name, label in kinds.items():
        label.hybridize(static_alloc=True)
        counts = np.zeros(2)
        for start in range(0, len(points), BATCH):
            parts = [part.asnumpy() for part in make(label, points[start:start + BATCH])]
            counts += [sum((part > 0).sum() for part in parts), sum(part.size for part in parts)]
        table[name] = {"foreground": counts[0] / counts[1], "numbers": int(counts[1] / len(points))}
    for _ in range(repeat):
        for name, label in kinds.items():
            begin = time.perf_counter()
            for part in make(label, points[:BATCH]):
                part.wait_to_read()
            best[name] = min(time.perf_counter() - begin, best.get(name, np.inf))
    return {name: {**row, "ms": 1000 * best[name] / len(points[:BATCH])} for name, row in table.items()}


def compare(context):
    """{"foreground/KIND", "numbers/KIND", "ms/KIND"} of a set's training faces."""
    from gv.core.data import FaceDataset
    from gv.core.faces import read_index, read_split
    from gv.core.pictures import Crop
    (folder,) = context.indexes.values()
    index = read_index(folder)
    faces = read_split(index, "train")
    dataset = FaceDataset(index.folder, faces, index.layout, Crop(size=SIDE * STRIDE, boxes="landmarks"))
    table = measure(np.stack([dataset.points_px(i) for i in range(len(faces))]))
    return {f"{figure}/{kind}": value for kind, row in table.items() for figure, value in row.items()}


LABELS = Measure("gv-labels", compare, data=("300w",))
COLUMNS = {"foreground, %": ("foreground", 100, 2), "numbers a face": ("numbers", 1, 0), "ms a face": ("ms", 1, 4)}
TABLE = Table(
    key="gv-labels", paper="gv", number=0, title="Gaussian Vector, Section 3.2: vector labels against heatmap labels",
    unit="share of the label's numbers above 0, how many numbers, milliseconds to make them; 300W, 64 x 64 cells",
    cells=cross((HEATMAP, VECTOR), COLUMNS, lambda row, column: Cell(
        LABELS, f"{COLUMNS[column][0]}/{row}", scale=COLUMNS[column][1], decimals=COLUMNS[column][2])),
    claims=(
        Claim("vectors alleviate the extreme imbalance of foreground and background: a greater share is foreground",
              "Section 3.2", (beats((VECTOR, "foreground, %"), (HEATMAP, "foreground, %"), higher=True),)),
        Claim("vectors accelerate the preparing of labels", "Section 3.2",
              (beats((VECTOR, "ms a face"), (HEATMAP, "ms a face")),)),
    ),
    notes=("Foreground: what Eq. 2 sets above 0. The paper names no share that would do.",),
)

if __name__ == "__main__":
    exit_with(TABLE, __doc__)
