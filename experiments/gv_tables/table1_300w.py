"""Gaussian Vector, Table 1: 300W, common, challenging and full set, under both normalisers.

    python -m experiments.gv_tables.table1_300w --preset ablate --seeds 3 --devices cpu:0,1

Two trainings a seed: GV(ResNet50), which Tables 5 to 8 and Figure 4 read as well, and GV(HRNet), far the dearer one.
"""

from experiments.harness.claims import Claim
from experiments.harness.command import exit_with
from experiments.harness.grid import Cell, Table, View, cross
from experiments.trainings import GV_ROWS, HRNET_NOTE, OTHER_ENCODER, READ_OFF, beats_method, gv, hrnet_beats

SUBSETS = ("common", "challenge", "full")
COLUMNS = {f"{norm}/{subset}": (f"nme_{norm}", subset) for norm in ("ipn", "ion") for subset in SUBSETS}


def cell(row, column):
    """One encoder on one subset under one normaliser."""
    metric, subset = COLUMNS[column]
    return Cell(gv("300w", GV_ROWS[row]), metric, View(subset), published=(row, column))


TABLE = Table(
    key="gv-table1", paper="gv", number=1, title="Gaussian Vector, Table 1: 300W", unit="NME %, by IPN and ION, 300W",
    cells=cross(GV_ROWS, COLUMNS, cell),
    claims=(
        Claim("HRNet beats ResNet50 on every subset", READ_OFF.format(1), hrnet_beats(COLUMNS), ours=True),
        Claim("GV(HRNet) is the best on 300W", "Section 4.4",
              tuple(beats_method(1, "GV(HRNet)", column, "AWing") for column in COLUMNS), official=True),
    ),
    notes=(OTHER_ENCODER, HRNET_NOTE, "Of the methods that the table quotes, AWing is the next best in every column."),
)

if __name__ == "__main__":
    exit_with(TABLE, __doc__)
