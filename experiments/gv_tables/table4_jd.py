"""Gaussian Vector, Table 4: JD-landmark's test set.

    python -m experiments.gv_tables.table4_jd --preset ablate --seeds 3 --devices cpu:0,1

Two trainings a seed: GV(HRNet), the paper's entry, far the dearer one, and GV(ResNet50), which the paper does not print here.
"""

from experiments.harness.claims import Claim, Margin, at_least
from experiments.harness.command import exit_with
from experiments.harness.grid import Cell, Table, View, cross
from experiments.papers.published import value
from experiments.trainings import GV_ROWS, HRNET_NOTE, OTHER_ENCODER, beats_method, gv, hrnet_beats

ENTRY = "GV(HRNet)"
CHAMPION = "Baidu VIS"
BEST = value("gv", 4, CHAMPION, "nme")
COMPARABLE = 0.1             # points, ASSUMED: the paper calls 1.35 comparable to 1.31
SECOND = "USTC-NELSLIP"      # the leaderboard's second, which the entry would have displaced
# column: (metric, the printed number's column and table)
COLUMNS = {"auc": ("auc_rectangle_0.08", ("auc", 4)), "nme": ("nme_rectangle", ("nme", 4)),
           "fr": ("fr_rectangle_0.08", ("jd/fr", "text"))}


def cell(row, column):
    """One encoder and one figure of the test set; the printed ones are the paper's entry's."""
    metric, printed = COLUMNS[column]
    return Cell(gv("jd", GV_ROWS[row]), metric, View("test"), published=(row, *printed) if row == ENTRY else None)


TABLE = Table(
    key="gv-table4", paper="gv", number=4, title="Gaussian Vector, Table 4: JD-landmark",
    unit="AUC to 8 %, NME and share of failures (NME > 8 %), all %, by the landmarks' rectangle, JD-landmark test set",
    cells=cross(GV_ROWS, COLUMNS, cell),
    claims=(
        Claim("HRNet beats ResNet50", "ours: the paper enters HRNet alone", hrnet_beats(("nme",)), ours=True),
        Claim("GV(HRNet) would be second on the leaderboard", "Section 1, Section 4.4",
              (beats_method(4, ENTRY, "nme", SECOND),
               at_least((ENTRY, "auc"), value("gv", 4, SECOND, "auc") / 100)), official=True),
        Claim(f"its error is comparable to the champion's (within {COMPARABLE:g} points)", "Section 4.4",
              (Margin(f"{ENTRY} nme against {CHAMPION}'s printed {BEST:g} + {COMPARABLE:g}", ((ENTRY, "nme"),),
                      lambda a: (BEST + COMPARABLE) / 100 - a),), official=True),
    ),
    notes=(OTHER_ENCODER, HRNET_NOTE, "The failure rate of Section 4.4 has no threshold printed; 8 %, the AUC's, is ASSUMED."),
)

if __name__ == "__main__":
    exit_with(TABLE, __doc__)
