"""Gaussian Vector, Section 4.3: random occlusion in training, on and off, on 300W and on COFW's occluded faces.

    python -m experiments.gv_tables.occlusion --preset ablate --seeds 3 --devices cpu:0,1

Five trainings a seed; those without occlusion are the ones of Tables 1 and 2. The paper says that it helps, and no number.
Occlusion is a regulariser: it is judged on nets that do better on the faces they were trained on than on others; of 300W's
training split ablate takes a part, so that the others are of the same split.
"""

from experiments.harness.claims import Claim, beats
from experiments.harness.command import exit_with
from experiments.harness.grid import Cell, Table, View, cross
from experiments.harness.results import SEEN, UNSEEN
from experiments.trainings import OTHER_ENCODER, gv

WITHOUT, LITTLE, MUCH = "without", "with a little", "with much"
# options of a training; ASSUMED: the paper says neither how often nor how large (docs/readings.md)
ROWS = {WITHOUT: {}, LITTLE: {"occlusion_p": 0.25, "occlusion_side": 0.2}, MUCH: {"occlusion_p": 0.5}}
NME = "nme_ion"
# column: (set, split, metric)
COLUMNS = {"300W common": ("300w", "common", NME), "300W challenge": ("300w", "challenge", NME),
           "300W full": ("300w", "full", NME), "300W, trained on": ("300w", "train", SEEN),
           "300W, kept from training": ("300w", "train", UNSEEN), "COFW": ("cofw", "test", NME),
           "COFW, trained on": ("cofw", "train", SEEN)}
OVERFITS = ("how little a net of this size overfits in ablate's 25 epochs: a net cannot gain more by a regulariser than it does "
            "worse on faces that it was not trained on, which the table's columns have, and it pays in what it learns of the "
            "others.")
HANGS = OVERFITS + (" Not on the rectangle's size and how often it is drawn, which the paper does not say, it seems: on faces "
                    "kept aside from training, none of four settings is better than none (docs/readings.md, \"Against the "
                    "paper\").")
HANGS_TEST = HANGS + (" On the test faces, perhaps: the partial 300W's are all HELEN's, which are easier than Challenge, and on "
                      "drawn faces, which have such, it is undecided.")
HANGS_MUCH = "how much of it there is, for one: on 300W a little of it costs less. For another, " + OVERFITS


def cell(row, column):
    """One training on one split; a little of it on 300W alone."""
    data, split, metric = COLUMNS[column]
    if row == LITTLE and data != "300w":
        return None
    return Cell(gv(data).but(**ROWS[row]) if ROWS[row] else gv(data), metric, View(split))


TABLE = Table(
    key="gv-occlusion", paper="gv", number=0, title="Gaussian Vector, Section 4.3: random occlusion in training",
    unit="NME (ION) %", cells=cross(ROWS, COLUMNS, cell),
    claims=(
        Claim("random occlusion improves the performance on 300W", "Section 4.3",
              (beats((LITTLE, "300W full"), (WITHOUT, "300W full")),),
              overfits=((WITHOUT, "300W, trained on"), (WITHOUT, "300W, kept from training")), hangs=HANGS_TEST),
        Claim("much of it improves the performance on 300W, too", "ours",
              (beats((MUCH, "300W full"), (WITHOUT, "300W full")),), ours=True,
              overfits=((WITHOUT, "300W, trained on"), (WITHOUT, "300W, kept from training")), hangs=HANGS_MUCH),
        Claim("much of it improves the performance on COFW, too", "ours: Section 4.3 names no set",
              (beats((MUCH, "COFW"), (WITHOUT, "COFW")),), ours=True,
              overfits=((WITHOUT, "COFW, trained on"), (WITHOUT, "COFW")), hangs=HANGS_MUCH),
        Claim("random occlusion helps on 300W's faces kept from training, too", "ours",
              (beats((LITTLE, "300W, kept from training"), (WITHOUT, "300W, kept from training")),), ours=True, hangs=HANGS),
    ),
    notes=(OTHER_ENCODER,
           "One rectangle of flat colour or noise: \"a little\" with probability 0.25, its sides up to 0.2 of the crop, \"much\" "
           "with 0.5 and 0.4. ASSUMED. Of four settings tried, the former is the best on 202 training faces kept aside, and the "
           "paper's claim is judged with it.",
           "Until 29 November 2026 the paper's claim was judged with much of it, which nothing had chosen, on 300W and on COFW, "
           "and contradicted on both. Both stand as claims of ours.",
           "The paper does not say whether its tables were made with it; ours are made without.",
           "\"Trained on\" and \"kept from training\" are faces of the training split, of which ablate trains on 1500. On 300W "
           "they tell how far a net overfits; its test faces are another set's, and easier."),
)

if __name__ == "__main__":
    exit_with(TABLE, __doc__)
