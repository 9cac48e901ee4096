"""Gaussian Vector, Section 4.3: random occlusion in training, on and off, on 300W and on COFW's occluded faces.

    python -m experiments.gv_tables.occlusion --preset ablate --seeds 3 --devices cpu:0,1

Four trainings a seed; those without occlusion are the ones of Tables 1 and 2. The paper says that it helps, and no number.
Occlusion is a regulariser: it is judged on nets that do better on the faces they were trained on than on test faces.
"""

from experiments.harness.claims import Claim, beats
from experiments.harness.command import exit_with
from experiments.harness.grid import Cell, Table, View, cross
from experiments.trainings import OTHER_ENCODER, gv

ROWS = {"without": None, "with": 0.5}      # occlusion_p; ASSUMED (docs/readings.md)
# column: (set, split)
COLUMNS = {"300W common": ("300w", "common"), "300W challenge": ("300w", "challenge"), "300W full": ("300w", "full"),
           "300W train": ("300w", "train"), "COFW": ("cofw", "test"), "COFW train": ("cofw", "train")}
HANGS = "the rectangle's size and how often it is drawn, which the paper does not say, and the length of the training."


def cell(row, column):
    """One training on one split."""
    data, split = COLUMNS[column]
    train = gv(data)
    return Cell(train if ROWS[row] is None else train.but(occlusion_p=ROWS[row]), "nme_ion", View(split))


TABLE = Table(
    key="gv-occlusion", paper="gv", number=0, title="Gaussian Vector, Section 4.3: random occlusion in training",
    unit="NME (ION) %", cells=cross(ROWS, COLUMNS, cell),
    claims=(
        Claim("random occlusion improves the performance on 300W", "Section 4.3",
              (beats(("with", "300W full"), ("without", "300W full")),),
              overfits=(("without", "300W train"), ("without", "300W full")), hangs=HANGS),
        Claim("random occlusion improves the performance on COFW", "Section 4.3",
              (beats(("with", "COFW"), ("without", "COFW")),),
              overfits=(("without", "COFW train"), ("without", "COFW")), hangs=HANGS),
    ),
    notes=(OTHER_ENCODER, "One rectangle of flat colour or noise with probability 0.5, its sides up to 0.4 of the crop: ASSUMED.",
           "The paper does not say whether its tables were made with it; ours are made without.",
           "\"train\": all training faces of the set, of which ablate trains on 1500."),
)

if __name__ == "__main__":
    exit_with(TABLE, __doc__)
