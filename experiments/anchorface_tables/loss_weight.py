"""AnchorFace, Eq. 7: lambda, the weight of the confidence loss, to which the paper calls the accuracy insensitive.

    python -m experiments.anchorface_tables.loss_weight --preset ablate --seeds 3 --devices cpu:0,1

Four trainings a seed; lambda = 0.5 is the one of Tables 6 and 10.
"""

from experiments.harness.claims import SAME, Claim, same
from experiments.harness.command import exit_with
from experiments.harness.grid import Cell, Table, cross
from experiments.trainings import AFLW_COLUMNS, ANCHORFACE_AFLW, NARROW_NOTE, aflw_view

DEFAULT = 0.5
ROWS = {f"lambda={lam:g}": lam for lam in (0.1, 0.5, 1.0, 2.0)}


def cell(row, column):
    """One lambda on one yaw bin."""
    lam = ROWS[row]
    return Cell(ANCHORFACE_AFLW if lam == DEFAULT else ANCHORFACE_AFLW.but(lam=lam), "nme_box", aflw_view(column))


TABLE = Table(
    key="anchorface-lambda", paper="anchorface", number=0, title="AnchorFace, Eq. 7: lambda", unit="NME (face size) %, AFLW",
    cells=cross(ROWS, AFLW_COLUMNS, cell),
    claims=(Claim(f"lambda hardly matters (within {100 * SAME:g} % of the error)", "Section 3.3",
                  tuple(same((f"lambda={DEFAULT:g}", "full"), (name, "full")) for name in ROWS if ROWS[name] != DEFAULT)),),
    decimals=3, notes=(NARROW_NOTE, "The paper prints no number and no range: 0.1 to 2 is assumed.",),
)

if __name__ == "__main__":
    exit_with(TABLE, __doc__)
