"""AnchorFace, Table 6 and Figure 6: anchors against direct regression on the same backbone, by yaw.

    python -m experiments.anchorface_tables.table6_baseline --preset ablate --seeds 3 --devices cpu:0,1

Three trainings a seed, one of them without mirror images, and at preset ablate three more: both at the paper's rate, and the
baseline at twice the rate and batch. AnchorFace's is the one of Table 10 and of Pearson's P.
"""

from experiments.harness.claims import Claim, Margin, beats
from experiments.harness.command import exit_with
from experiments.harness.grid import Cell, Figure, Table, cross
from experiments.trainings import (
    AFLW_COLUMNS,
    ANCHORFACE_AFLW,
    NARROW_NOTE,
    REGRESSION_AFLW,
    TWICE_RATE_NOTE,
    aflw_view,
    at_the_papers_rate,
    at_twice_the_rate,
)
from gv.core.evaluate import YAW_STEP

TWICE_RATE = "Baseline, twice the rate"     # ours
NO_MIRROR = "AnchorFace, no mirror images"     # ours: Section 4.1 names rotation and translation only
THEIR_RATE = "Baseline, rate 1e-3", "AnchorFace, rate 1e-3"     # ours at ablate; elsewhere the rows without it
ONE = "AnchorFace, its most confident anchor"     # Table 10's Argmax
SOURCES = {"Baseline": REGRESSION_AFLW, "AnchorFace": ANCHORFACE_AFLW, ONE: ANCHORFACE_AFLW,
           TWICE_RATE: at_twice_the_rate(REGRESSION_AFLW), NO_MIRROR: ANCHORFACE_AFLW.but(flip_p=0.0),
           **{name: at_the_papers_rate(train) for name, train in zip(THEIR_RATE, (REGRESSION_AFLW, ANCHORFACE_AFLW))}}
PRINTED = ("Baseline", "AnchorFace")
BINS = ("light", "medium", "large", "heavy")
VARIANCE = "variance, "     # Fig. 6's: of the images' NME in a bin, in square percent
STEPS = {f"{low} to {low + YAW_STEP} degrees": f"yaw{low}" for low in range(0, 105, YAW_STEP)}     # finer bins, ours


def cell(row, column):
    """One method on one bin: its mean error, or with "variance, " before it the spread of the images' errors."""
    if row == ONE:
        return Cell(SOURCES[row], "nme_box", aflw_view(column, aggregate="argmax"), published=("Argmax", column, 10)) \
            if column in AFLW_COLUMNS else None
    figure = column[len(VARIANCE):] if column.startswith(VARIANCE) else column
    if figure in STEPS:
        metric, scale = ("variance", 1e4) if column.startswith(VARIANCE) else ("nme", 100)
        return Cell(SOURCES[row], f"{metric}_{STEPS[figure]}", aflw_view("full"), scale=scale) if row in PRINTED else None
    if column.startswith(VARIANCE):
        return Cell(SOURCES[row], "variance", aflw_view(column[len(VARIANCE):]), scale=1e4)
    return Cell(SOURCES[row], "nme_box", aflw_view(column), published=(row, column) if row in PRINTED else None)


def gains_more(column):
    """The gain in a bin less that in Light."""
    cells = tuple((row, name) for name in (column, "light") for row in PRINTED)
    return Margin(f"gain in {column} against gain in light", cells, lambda b, a, b0, a0: (b - a) - (b0 - a0))


def draw(results, path):
    """Fig. 6."""
    from experiments.plots import bars_by_yaw
    bars_by_yaw(results, PRINTED, BINS, VARIANCE, path)


def draw_finely(results, path):
    """Fig. 6 in finer bins."""
    from experiments.plots import bars_by_yaw
    bars_by_yaw(results, PRINTED, STEPS, VARIANCE, path)


HANGS = ("the rate and the length: at the paper's 1e-3, where both nets have learnt less in ablate's 15 epochs, anchors are the "
         "better ones on average (the rows at that rate); and the size, at which the anchors' error is more than three times the "
         "paper's.")
COLUMNS = (*AFLW_COLUMNS, *(VARIANCE + name for name in BINS), *STEPS, *(VARIANCE + name for name in STEPS))
TABLE = Table(
    key="anchorface-table6", paper="anchorface", number=6,
    title="AnchorFace, Table 6 and Figure 6: anchors against direct regression",
    unit="NME (face size) %, AFLW; variances in square percent", cells=cross(SOURCES, COLUMNS, cell),
    claims=(
        Claim("anchors beat direct regression on the whole test set", "Table 6",
              (beats(("AnchorFace", "full"), ("Baseline", "full")),), hangs=HANGS),
        Claim("anchors beat direct regression in every yaw bin", "Section 4.4, Table 6",
              tuple(beats(("AnchorFace", name), ("Baseline", name)) for name in BINS), hangs=HANGS),
        Claim("they gain more at larger yaw than in Light", "Section 4.4", tuple(gains_more(name) for name in BINS[1:])),
        Claim("the errors vary less with anchors, in every yaw bin", "Section 4.4, Fig. 6",
              tuple(beats(("AnchorFace", VARIANCE + name), ("Baseline", VARIANCE + name)) for name in BINS)),
        Claim("the split alone helps: even the most confident anchor beats direct regression",
              "ours: Tables 6 and 10's numbers say so; Section 4.5 names the split as the first of two reasons",
              (beats((ONE, "full"), ("Baseline", "full")),), ours=True, near=("AnchorFace", "full")),
        Claim("mirror images, which Section 4.1 does not name, help", "ours",
              (beats(("AnchorFace", "full"), (NO_MIRROR, "full")),), ours=True),
        Claim("anchors beat direct regression at twice the rate and batch, too", "ours",
              tuple(beats(("AnchorFace", name), (TWICE_RATE, name)) for name in ("full", *BINS)), ours=True),
        Claim("anchors beat direct regression at the paper's rate, 1e-3", "ours",
              (beats((THEIR_RATE[1], "full"), (THEIR_RATE[0], "full")),), ours=True),
    ),
    notes=(NARROW_NOTE, TWICE_RATE_NOTE,
           "Of the two reasons that Section 4.5 names for the gain, one is the split into anchors, before any aggregation. How "
           "far the most confident anchor is behind the vote goes with each anchor's own error: in an idealised net, at about "
           "the paper's common error, it is 0.02 points where that error is 0.2 % of the side, and 0.28 where it is 0.9 %, more "
           "than the 0.11 by which the paper's anchors beat direct regression. At ablate it is 3.2 % "
           "(docs/results/anchorface.md). So a single anchor is compared only near the paper's error."),
    figures=(Figure("yaw", "Mean error by yaw, and the deviation of the images' errors (Fig. 6)", draw),
             Figure("yaw_steps", f"The same in steps of {YAW_STEP} degrees", draw_finely)),
)

if __name__ == "__main__":
    exit_with(TABLE, __doc__)
