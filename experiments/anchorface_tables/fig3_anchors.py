"""AnchorFace, Figure 3: the anchor configuration drawn: area, grid, and the templates that sit on every point.

    python -m experiments.anchorface_tables.fig3_anchors --preset ablate

No training. The templates are learnt from the training faces as a training learns them.
"""

from experiments.anchorface_tables.measures import CONFIGURATION
from experiments.harness.command import exit_with
from experiments.harness.grid import Cell, Table

OURS = "AnchorFace"
ROWS = {"area, % of the side": ("area", 100, 2), "points": ("points", 1, 0), "step, % of the side": ("step", 100, 2),
        "templates": ("templates", 1, 0), "anchors": ("anchors", 1, 0)}       # row: metric, scale, decimals
TABLE = Table(
    key="anchorface-fig3", paper="anchorface", number=0, title="AnchorFace, Figure 3: anchor configuration",
    unit="counts; lengths as shares of the input's side",
    cells={(row, OURS): Cell(CONFIGURATION, metric, scale=scale, decimals=decimals)
           for row, (metric, scale, decimals) in ROWS.items()},
    notes=("The paper draws hand-designed templates; here they are those it trains with, KMeans-24.",),
)

if __name__ == "__main__":
    exit_with(TABLE, __doc__)
