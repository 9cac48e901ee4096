"""Gaussian Vector, Table 8: the width of the bands of the Band Pooling Module, alone and fused in twos (alpha = 0.5).

    python -m experiments.gv_tables.table8_bandwidth --preset ablate --seeds 3 --devices cpu:0,1

Ten trainings a seed; (3, 5) is the one that Tables 1, 5, 6 and 7 read as well.
"""

from itertools import combinations

from experiments.harness.claims import Claim, beats
from experiments.harness.command import exit_with
from experiments.harness.grid import Cell, Table, View, cross
from experiments.trainings import GV_300W, OTHER_ENCODER

WIDTHS = (1, 3, 5, 7)
NAMES = {f"l={width}": width for width in WIDTHS}


def cell(row, column):
    """One width on the diagonal, two above it."""
    first, second = NAMES[row], NAMES[column]
    if first > second:
        return None
    bands = (first,) if first == second else (first, second)
    source = GV_300W if bands == (3, 5) else GV_300W.but(bands=bands)
    return Cell(source, "nme_ion", View("full"), published=(row, column))


FUSED = ("l=3", "l=5")
TABLE = Table(
    key="gv-table8", paper="gv", number=8, title="Gaussian Vector, Table 8: bandwidths of the Band Pooling Module",
    unit="NME (ION) %, 300W full set", cells=cross(NAMES, NAMES, cell),
    claims=(
        Claim("fusing l = 3 and l = 5 beats every single width", "Section 4.5",
              tuple(beats(FUSED, (name, name)) for name in NAMES)),
        Claim("fusing l = 3 and l = 5 is the best of all pairs", "Table 8",
              tuple(beats(FUSED, (a, b)) for a, b in combinations(NAMES, 2) if (a, b) != FUSED)),
        Claim("an undersized band harms: l = 1 is worse than l = 3 and l = 5", "Section 4.5",
              tuple(beats((name, name), ("l=1", "l=1")) for name in ("l=3", "l=5"))),
        Claim("an oversized band harms: l = 7 is worse than l = 3 and l = 5", "Section 4.5",
              tuple(beats((name, name), ("l=7", "l=7")) for name in ("l=3", "l=5"))),
    ),
    notes=(OTHER_ENCODER,
           "A cell is 4 pixels of the input at every preset, so that a band of l is as many cells wide as in the paper, beside "
           "labels of as many cells. At mini and ablate the face has half as many cells: a band of 7 takes in 22 % of the crop, "
           "in the paper 11 %, so that an oversized one harms more here; on maps of 64 cells l = 7 alone costs half as much "
           "(docs/readings.md, \"Cells\"; \"Ours: first weights, decoder and cells\")."),
)

if __name__ == "__main__":
    exit_with(TABLE, __doc__)
