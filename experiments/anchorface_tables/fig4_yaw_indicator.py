"""AnchorFace, Figure 4: the ratio r of Eq. 1, which parts the training faces into left, frontal and right.

    python -m experiments.anchorface_tables.fig4_yaw_indicator --preset ablate

No training. Where the faces' yaw is known, r is drawn against it.
"""

from experiments.anchorface_tables.measures import BOTH_EYES, INDICATOR, SMOKE_GAMMA
from experiments.harness.claims import Claim, beats
from experiments.harness.command import exit_with
from experiments.harness.grid import Cell, Table, cross

BUCKETS = ("left", "frontal", "right")
YAW = "mean turn, degrees"      # of yaw without its sign
COLUMNS = {"faces": ("faces", 1, 0), "share, %": ("share", 100, 2), YAW: ("yaw", 1, 1)}     # metric, scale, decimals


def cell(row, column):
    """A figure of one bucket."""
    metric, scale, decimals = COLUMNS[column]
    return Cell(INDICATOR, f"{metric}_{row}", scale=scale, decimals=decimals)


TABLE = Table(
    key="anchorface-fig4", paper="anchorface", number=0, title="AnchorFace, Figure 4: the yaw indicator r",
    unit="training faces of AFLW; the last two rows are Spearman's coefficient of r and yaw, without its sign",
    cells={**cross(BUCKETS, COLUMNS, cell),
           ("rank correlation with yaw, all faces", YAW): Cell(INDICATOR, "rank", scale=1),
           (f"rank correlation with yaw, up to {BOTH_EYES} degrees", YAW): Cell(INDICATOR, "rank_both_eyes", scale=1)},
    claims=(Claim("the side buckets hold faces that are turned further than the frontal one's", "Section 3.1, Fig. 4",
                  tuple(beats((side, YAW), ("frontal", YAW), higher=True) for side in ("left", "right"))),),
    notes=(f"gamma = 6 as in the paper; at preset smoke {SMOKE_GAMMA:g}, as none of its few faces is turned so far.",
           "\"left\" is where the eye on the left of the picture is the wider one.",
           f"On drawn faces the far eye's corners lie on the outline beyond {BOTH_EYES} degrees, and r falls again."),
)

if __name__ == "__main__":
    exit_with(TABLE, __doc__)
