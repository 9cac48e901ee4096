"""AnchorFace, Table 9: the grid of anchor points.

    python -m experiments.anchorface_tables.table9_grid --preset ablate --seeds 3 --devices cpu:0,1

Four trainings a seed; 7 x 7 is the one of Tables 6 and 10.
"""

from experiments.harness.claims import Claim, not_better
from experiments.harness.command import exit_with
from experiments.harness.grid import Cell, Table, cross
from experiments.trainings import AFLW_COLUMNS, ANCHORFACE_AFLW, NARROW_NOTE, aflw_view

DEFAULT = 7
ROWS = {f"{side}x{side}": side for side in (3, 5, 7, 13)}


def cell(row, column):
    """One grid on one yaw bin."""
    side = ROWS[row]
    source = ANCHORFACE_AFLW if side == DEFAULT else ANCHORFACE_AFLW.but(grid=side, upsample=side > DEFAULT)
    return Cell(source, "nme_box", aflw_view(column), published=(row, column))


TABLE = Table(
    key="anchorface-table9", paper="anchorface", number=9, title="AnchorFace, Table 9: anchor grid",
    unit="NME (face size) %, AFLW", cells=cross(ROWS, AFLW_COLUMNS, cell),
    claims=(Claim("a grid of 7 x 7 is at least as good as 3 x 3, 5 x 5 and 13 x 13", "Section 4.5, Table 9",
                  tuple(not_better((name, "full"), ("7x7", "full")) for name in ROWS if name != "7x7")),),
    decimals=3, notes=(NARROW_NOTE, "Where the grid is not the map's own, the backbone's map is resized to it: the paper does "
                                    "not say how.",),
)

if __name__ == "__main__":
    exit_with(TABLE, __doc__)
