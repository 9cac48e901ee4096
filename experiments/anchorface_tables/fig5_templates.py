"""AnchorFace, Figure 5: three base anchors by hand design and by KMeans.

    python -m experiments.anchorface_tables.fig5_templates --preset ablate

No training. Each hand-designed base anchor is paired with its KMeans one.
"""

from experiments.anchorface_tables.measures import BASES, SMOKE_GAMMA
from experiments.harness.claims import Claim, beats
from experiments.harness.command import exit_with
from experiments.harness.grid import Cell, Table, cross

BUCKETS = ("left", "frontal", "right")
COLUMNS = {"its KMeans partner": "own", "the next one": "next"}
TABLE = Table(
    key="anchorface-fig5", paper="anchorface", number=0, title="AnchorFace, Figure 5: base anchors by hand and by KMeans",
    unit="root mean square distance over the landmarks, % of the crop's side",
    cells=cross(BUCKETS, COLUMNS, lambda row, column: Cell(BASES, f"{COLUMNS[column]}_{row}")),
    claims=(Claim("KMeans finds anchors along the yaw that are similar to the hand-designed ones", "Section 3.1, Fig. 5",
                  tuple(beats((name, "its KMeans partner"), (name, "the next one")) for name in BUCKETS)),),
    notes=("\"similar\" is read as: each hand-designed base anchor is nearer to its own partner than to the other two.",
           f"At preset smoke gamma is {SMOKE_GAMMA:g} instead of 6: none of its few faces is turned so far."),
)

if __name__ == "__main__":
    exit_with(TABLE, __doc__)
