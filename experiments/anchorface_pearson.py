"""AnchorFace, Eq. 9: Pearson's P between the anchors' confidences and their errors, and how many anchors vote.

    python -m experiments.anchorface_pearson --preset ablate --seeds 3 --devices cpu:0,1

No training of its own: it reads that of Tables 6 and 10.
"""

from experiments.bases import AFLW_COLUMNS, ANCHORFACE_AFLW, aflw_view
from experiments.harness.claims import Claim, at_most
from experiments.harness.command import exit_with
from experiments.harness.grid import Cell, Table, cross

P = "P"
ROWS = {P: ("pearson", 1), "faces with no anchor, %": ("no_anchor", 100), "anchors that vote": ("voting", 1)}  # metric, scale


def cell(row, column):
    """One figure on one yaw bin; the paper has P on the whole test set alone."""
    metric, scale = ROWS[row]
    published = ("AnchorFace", "pearson", "text") if (row, column) == (P, "full") else None
    return Cell(ANCHORFACE_AFLW, metric, aflw_view(column), published=published, scale=scale)


TABLE = Table(
    key="anchorface-pearson", paper="anchorface", number=0, title="AnchorFace, Eq. 9: confidence against error",
    unit="P: mean over faces of Pearson's r over the anchors, AFLW", cells=cross(ROWS, AFLW_COLUMNS, cell),
    claims=(Claim("confident anchors err less: P is at most -0.8", "Section 4.4, Eq. 9", (at_most((P, "full"), -0.8),)),),
    notes=("r is over all anchors of a face; one votes at C >= 0.6, and where none does the most confident decides.",),
)

if __name__ == "__main__":
    exit_with(TABLE, __doc__)
