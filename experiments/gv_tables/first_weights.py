"""Ours: what the comparison of heatmaps and vectors hangs on: the head's first weights, the decoder, the cells.

    python -m experiments.gv_tables.first_weights --preset ablate --seeds 3 --devices cpu:0,1 --data data

Thirteen trainings a seed, nine of them evaluated after every epoch; five are those of Figure 6, two of Table 8. A heatmap net
whose head is drawn as its other layers are has a first loss some thousand times that of predicting nothing, and stands still for
thousands of steps; until 2026-11-27 that was this project's baseline.
"""

from experiments.harness.claims import Claim, beats
from experiments.harness.command import exit_with
from experiments.harness.grid import Cell, Table, Train, View, cross
from experiments.harness.results import CURVE_AT
from experiments.trainings import (
    FINE,
    GV_300W,
    GV_FINE_300W,
    GV_RELU_300W,
    HEATMAP_300W,
    HEATMAP_RELU_300W,
    OTHER_ENCODER,
    WEIGHT_MAP_300W,
)

SPLIT = HEATMAP_300W.curve
XAVIER, HEATMAP, VECTOR = "Heatmap, Xavier's head", "Heatmap", "Vector"
FINE_HEATMAP, FINE_VECTOR = "Heatmap, twice the cells", "Vector, twice the cells"
FINE_MAP = "Heatmap, weight map, twice the cells"
ROWS = {XAVIER: Train("heatmap-xavier", "300w", curve=SPLIT), HEATMAP: HEATMAP_300W, "Heatmap, ReLU": HEATMAP_RELU_300W,
        VECTOR: GV_300W, "Vector, ReLU": GV_RELU_300W, FINE_HEATMAP: Train("heatmap", "300w", FINE, curve=SPLIT),
        FINE_VECTOR: GV_FINE_300W, "Heatmap, weight map": WEIGHT_MAP_300W,
        FINE_MAP: Train("heatmap-awing", "300w", FINE, curve=SPLIT)}
BANDS = {f"Vector, l = {width} alone{cells}": plain.but(bands=(width,)) for width in (5, 7)
         for cells, plain in (("", GV_300W), (", twice the cells", GV_FINE_300W))}
COLUMNS = {f"after {share:.0%} of the epochs": share for share in (0.2, 0.4, 0.6, 0.8, 1.0)}
END = list(COLUMNS)[-1]


def cell(row, column):
    """One training's error after a part of its epochs; at the end with the test faces' own errors, which its claims count."""
    return Cell(ROWS[row], "nme_ion" if column == END else f"{CURVE_AT}{COLUMNS[column]}", View(SPLIT))


TABLE = Table(
    key="gv-first-weights", paper="gv", number=0, title="Ours: first weights, decoder and cells of heatmaps and vectors",
    unit="NME (ION) %, 300W full set, while training",
    cells={**cross(ROWS, COLUMNS, cell), **{(row, END): Cell(BANDS[row], "nme_ion", View(SPLIT)) for row in BANDS}},
    claims=(
        Claim("a head drawn from Normal(0.001) lets the heatmap net learn", "ours",
              (beats((HEATMAP, END), (XAVIER, END)),), ours=True),
        Claim("BatchNorm and ReLU in the decoder help heatmaps", "ours",
              (beats(("Heatmap, ReLU", END), (HEATMAP, END)),), ours=True),
        Claim("vectors beat heatmaps on a native map of twice the side", "ours: below preset paper",
              (beats((FINE_VECTOR, END), (FINE_HEATMAP, END)),), ours=True),
        Claim("vectors are ahead of heatmaps under the weight map on a native map of twice the side",
              "ours: Figure 6 there, below preset paper",
              (beats((FINE_VECTOR, END), (FINE_MAP, END)),), ours=True,
              hangs="the decoder and the map, as in Figure 6 on 32 cells: under the map most of a heatmap's background counts a "
                    "tenth, which is the imbalance that vectors are meant to cure (docs/readings.md)."),
        Claim("an oversized band harms on a native map of twice the side, too: l = 7 is worse than l = 5",
              "ours: below preset paper",
              (beats(("Vector, l = 5 alone, twice the cells", END), ("Vector, l = 7 alone, twice the cells", END)),), ours=True),
    ),
    notes=(OTHER_ENCODER, "\"twice the cells\": with the first pooling's stride dropped, a map of 64 cells below preset paper; "
                          "there, where all have them, the same as the rows without.",
           "The rate falls to nought over the schedule, so that what stands after a part of it is not what a schedule of that "
           "length would reach."),
)

if __name__ == "__main__":
    exit_with(TABLE, __doc__)
