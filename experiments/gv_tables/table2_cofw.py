"""Gaussian Vector, Table 2: COFW, mean error and failure rate under both normalisers.

    python -m experiments.gv_tables.table2_cofw --preset ablate --seeds 3 --devices cpu:0,1

Two trainings a seed: GV(ResNet50), which ``gv_occlusion`` reads as well, and GV(HRNet), far the dearer one.
"""

from experiments.harness.claims import Claim
from experiments.harness.command import exit_with
from experiments.harness.grid import Cell, Table, View, cross
from experiments.trainings import GV_ROWS, HRNET_NOTE, OTHER_ENCODER, READ_OFF, beats_method, gv, hrnet_beats

COLUMNS = {"ipn/nme": "nme_ipn", "ipn/fr": "fr_ipn_0.1", "ion/nme": "nme_ion", "ion/fr": "fr_ion_0.1"}


def cell(row, column):
    """One encoder and one figure of the test set."""
    return Cell(gv("cofw", GV_ROWS[row]), COLUMNS[column], View("test"), published=(row, column))


TABLE = Table(
    key="gv-table2", paper="gv", number=2, title="Gaussian Vector, Table 2: COFW",
    unit="NME % and share of failures (NME > 10 %) %, by IPN and ION, COFW test set", cells=cross(GV_ROWS, COLUMNS, cell),
    claims=(
        Claim("HRNet beats ResNet50 in mean error", READ_OFF.format(2), hrnet_beats(("ipn/nme", "ion/nme")), ours=True),
        Claim("HRNet beats ResNet50 in failures", READ_OFF.format(2), hrnet_beats(("ipn/fr", "ion/fr")), ours=True),
        Claim("GV(ResNet50) beats the best before it (IPN)", "Section 4.4",
              (beats_method(2, "GV(ResNet50)", "ipn/nme", "AWing"),), official=True),
        Claim("GV(HRNet) is the best on COFW", "Section 4.4",
              (beats_method(2, "GV(HRNet)", "ipn/nme", "AWing"),
               beats_method(2, "GV(HRNet)", "ion/nme", "HRNetV2")), official=True),
        Claim("GV(HRNet) has fewer failures than AWing (IPN)", "Section 4.4",
              (beats_method(2, "GV(HRNet)", "ipn/fr", "AWing"),), official=True),
    ),
    notes=(OTHER_ENCODER, HRNET_NOTE, "One of COFW's 507 test pictures is 0.2 % of failures."),
)

if __name__ == "__main__":
    exit_with(TABLE, __doc__)
