"""AnchorFace, Table 8: the side of the anchor area.

    python -m experiments.anchorface_tables.table8_area --preset ablate --seeds 3 --devices cpu:0,1

Four trainings a seed; 56 x 56 is the one of Tables 6 and 10.
"""

from experiments.harness.claims import Claim, not_better
from experiments.harness.command import exit_with
from experiments.harness.grid import Cell, Share, Table, cross
from experiments.trainings import AFLW_COLUMNS, ANCHORFACE_AFLW, NARROW_NOTE, aflw_view

INPUT = 224         # the paper's, which its areas are pixels of
DEFAULT = 56
ROWS = {f"{side}x{side}": side for side in (112, 56, 28, 14)}


def cell(row, column):
    """One area on one yaw bin."""
    side = ROWS[row]
    source = ANCHORFACE_AFLW if side == DEFAULT else ANCHORFACE_AFLW.but(area=Share(side / INPUT))
    return Cell(source, "nme_box", aflw_view(column), published=(row, column))


TABLE = Table(
    key="anchorface-table8", paper="anchorface", number=8, title="AnchorFace, Table 8: anchor area",
    unit="NME (face size) %, AFLW", cells=cross(ROWS, AFLW_COLUMNS, cell),
    claims=(Claim("an area of 56 x 56 is a good choice: none of the others is better", "Section 4.5, Table 8",
                  tuple(not_better((name, "full"), ("56x56", "full")) for name in ROWS if name != "56x56")),),
    decimals=3,
    notes=(NARROW_NOTE, "An area is a share of the input's side, that of so many of the paper's 224 pixels, at every preset.",
           "The paper's text calls the largest area 128 x 128, its table 112 x 112."),
)

if __name__ == "__main__":
    exit_with(TABLE, __doc__)
