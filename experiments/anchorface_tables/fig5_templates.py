"""AnchorFace, Figure 5: three base anchors by hand design and by KMeans.

    python -m experiments.anchorface_tables.fig5_templates --preset ablate

No training. Each hand-designed base anchor is paired with its KMeans one.
"""

from experiments.anchorface_tables.measures import BASES, SMOKE_GAMMA
from experiments.harness.claims import Claim, Margin
from experiments.harness.command import exit_with
from experiments.harness.grid import Cell, Table, cross

BUCKETS = ("left", "frontal", "right")
COLUMNS = {"its KMeans partner": "own", "the next one": "next"}
SIMILAR = 0.5      # ASSUMED: how near its partner is at most, as a share of the distance from the next one


def similar(name):
    """The margin by which a base anchor's partner is nearer than that share of the next one's distance."""
    return Margin(f"{name}: {SIMILAR:g} of the next one's distance against its KMeans partner's",
                  ((name, "its KMeans partner"), (name, "the next one")), lambda own, other: SIMILAR * other - own)


TABLE = Table(
    key="anchorface-fig5", paper="anchorface", number=0, title="AnchorFace, Figure 5: base anchors by hand and by KMeans",
    unit="root mean square distance over the landmarks, % of the crop's side",
    cells=cross(BUCKETS, COLUMNS, lambda row, column: Cell(BASES, f"{COLUMNS[column]}_{row}")),
    claims=(Claim("KMeans finds anchors along the yaw that are similar to the hand-designed ones", "Section 3.1, Fig. 5",
                  tuple(map(similar, BUCKETS))),),
    notes=("\"similar\" is read as: each hand-designed base anchor is at most half as far from its own partner as from the "
           "nearest of the other two. ASSUMED.",
           f"At preset smoke gamma is {SMOKE_GAMMA:g} instead of 6: none of its few faces is turned so far."),
)

if __name__ == "__main__":
    exit_with(TABLE, __doc__)
