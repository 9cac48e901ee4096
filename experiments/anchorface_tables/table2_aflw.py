"""AnchorFace, Table 2: AFLW, the whole test set and its frontal faces.

    python -m experiments.anchorface_tables.table2_aflw --preset ablate --seeds 3 --devices cpu:0,1

One training a seed, the one of Tables 6 to 10.
"""

from experiments.harness.claims import Claim, Margin, beats_printed
from experiments.harness.command import exit_with
from experiments.harness.grid import Cell, Table, View, cross
from experiments.papers.published import value
from experiments.trainings import ANCHORFACE_AFLW, NARROW_NOTE

NAME = "AnchorFace"
COLUMNS = {"full": "test", "frontal": "frontal"}      # column: split of the index
SA, ODN = value("anchorface", 2, "SA", "full"), {column: value("anchorface", 2, "ODN", column) for column in COLUMNS}


def cell(row, column):
    """The error on one of the two sets."""
    return Cell(ANCHORFACE_AFLW, "nme_box", View(COLUMNS[column]), published=(row, column))


GAIN = Margin("lead over ODN's printed numbers in full against that in frontal", ((NAME, "full"), (NAME, "frontal")),
              lambda full, frontal: (ODN["full"] / 100 - full) - (ODN["frontal"] / 100 - frontal))
TABLE = Table(
    key="anchorface-table2", paper="anchorface", number=2, title="AnchorFace, Table 2: AFLW", unit="NME (face size) %, AFLW",
    cells=cross((NAME,), COLUMNS, cell),
    claims=(
        Claim("it outperforms the other methods on AFLW-Full, the best of which is SA", "Section 4.2, Table 2",
              (beats_printed((NAME, "full"), "SA", SA),), official=True),
        Claim("it gains on AFLW-Full rather than on AFLW-Frontal, measured at ODN, which ties there", "Section 4.2, Table 2",
              (GAIN,), official=True),
    ),
    notes=(NARROW_NOTE, "Frontal: the official test faces with every landmark visible; of drawn faces, those within 15 degrees "
                        "of yaw.",),
)

if __name__ == "__main__":
    exit_with(TABLE, __doc__)
