"""Ours: whether Table 8's best bands hang on the map's side: 3 + 5, 5 and 5 + 7 on the preset's map and on one of twice the side.

    python -m experiments.gv_tables.cells --preset ablate --seeds 3 --devices cpu:0,1 --data data

Six trainings a seed; three are Table 8's, and 3 + 5 on the finer map is one of ``first_weights``.
"""

from experiments.harness.claims import Claim, beats
from experiments.harness.command import exit_with
from experiments.harness.grid import Cell, Table, View, cross
from experiments.trainings import GV_300W, GV_FINE_300W, OTHER_ENCODER

ROWS = {"l=3 + l=5": (3, 5), "l=5": (5,), "l=5 + l=7": (5, 7)}
COARSE, TWICE = "the preset's cells", "twice the cells"
COLUMNS = {COARSE: GV_300W, TWICE: GV_FINE_300W}


def cell(row, column):
    """One choice of bands on one map."""
    base, bands = COLUMNS[column], ROWS[row]
    return Cell(base if bands == (3, 5) else base.but(bands=bands), "nme_ion", View("full"))


def fused_best(column):
    """The margins of 3 + 5 over the other two."""
    return tuple(beats(("l=3 + l=5", column), (row, column)) for row in ("l=5", "l=5 + l=7"))


TABLE = Table(
    key="gv-cells", paper="gv", number=0, title="Ours: the bands of Table 8 on a map of twice the side",
    unit="NME (ION) %, 300W full set", cells=cross(ROWS, COLUMNS, cell),
    claims=(
        Claim("on a map of twice the side, fusing l = 3 and l = 5 beats l = 5 alone and l = 5 with l = 7", "ours",
              fused_best(TWICE), ours=True),
    ),
    notes=(OTHER_ENCODER, "At preset ablate the preset's map has 32 cells a side and the finer one 64, as many as the paper's; "
                          "there a cell is 2 pixels of an input of 128, and a band as wide a part of the face as the paper's."),
)

if __name__ == "__main__":
    exit_with(TABLE, __doc__)
