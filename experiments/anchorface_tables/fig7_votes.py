"""AnchorFace, Figure 7: for a face of each yaw bin the anchors that vote, what they say, and what comes of it.

    python -m experiments.anchorface_tables.fig7_votes --preset ablate

It reads the weights of the training of Tables 6 and 10, and trains it where they are gone.
"""

from experiments.anchorface_tables.measures import VOTES, YAW_BINS
from experiments.harness.command import exit_with
from experiments.harness.grid import Cell, Table, cross

COLUMNS = {"anchors that vote": ("voting", 0), "highest C": ("highest", 3)}     # metric, decimals
TABLE = Table(
    key="anchorface-fig7", paper="anchorface", number=0, title="AnchorFace, Figure 7: how anchors vote",
    unit="one test face of AFLW a yaw bin",
    cells=cross(YAW_BINS, COLUMNS, lambda row, column: Cell(VOTES, f"{COLUMNS[column][0]}_{row}", scale=1,
                                                             decimals=COLUMNS[column][1])),
    notes=("From left to right: the grid, filled where an anchor of the point votes; the most confident anchor and the most "
           "confident one of another point in orange, their predictions in green; what all that vote say; the result in green, "
           "the truth in red. A second sheet has two anchors drawn at random, as the paper's figure.",),
)

if __name__ == "__main__":
    exit_with(TABLE, __doc__)
