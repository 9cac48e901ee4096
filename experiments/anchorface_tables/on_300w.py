"""AnchorFace on 300W, more than Table 3 asks: against direct regression, the aggregations and lambda, on one data set.

    python -m experiments.anchorface_tables.on_300w --preset ablate --seeds 3 --devices cpu:0,1

Five trainings a seed; AnchorFace's own is the one of Table 3. The paper does this on AFLW (Tables 6 and 10, Section 3.3).
"""

from experiments.anchorface_tables.table10_aggregation import MEAN_NOTE
from experiments.harness.claims import Claim, beats, same
from experiments.harness.command import exit_with
from experiments.harness.grid import Cell, Table, Train, View, cross, pairs
from experiments.trainings import ANCHORFACE_300W, OWN_RATE_NOTE, at_own_rate

REGRESSION_300W = Train("regression", "300w")
ROWS = {
    "direct regression": (REGRESSION_300W, ()),
    "direct regression, own rate": (at_own_rate(REGRESSION_300W), ()),
    "AnchorFace, weighted": (ANCHORFACE_300W, ()),
    "AnchorFace, argmax": (ANCHORFACE_300W, pairs(aggregate="argmax")),
    "AnchorFace, mean": (ANCHORFACE_300W, pairs(aggregate="mean")),
    "AnchorFace, mean of the confident": (ANCHORFACE_300W, pairs(aggregate="mean_confident")),
    "AnchorFace, lambda=0.1": (ANCHORFACE_300W.but(lam=0.1), ()),
    "AnchorFace, lambda=2": (ANCHORFACE_300W.but(lam=2.0), ()),
}
COLUMNS = {"NME": ("nme_ion", 100), "variance": ("variance", 1e4), "P": ("pearson", 1)}
WEIGHTED = ("AnchorFace, weighted", "NME")


def cell(row, column):
    """One decoding of one training on the common subset."""
    source, decoding = ROWS[row]
    if column == "P" and (source.method == "regression" or decoding):
        return None
    metric, scale = COLUMNS[column]
    published = ("AnchorFace", "common", 3) if (row, column) == WEIGHTED else None
    return Cell(source, metric, View("common", decoding), scale=scale, published=published)


TABLE = Table(
    key="anchorface-300w", paper="anchorface", number=0, title="AnchorFace on 300W: direct regression, aggregations, lambda",
    unit="NME (ION) %, 300W common subset; the variance of the images' NME in square percent", cells=cross(ROWS, COLUMNS, cell),
    claims=(
        Claim("anchors beat direct regression", "Table 6, there on AFLW", (beats(WEIGHTED, ("direct regression", "NME")),)),
        Claim("anchors beat direct regression at the rate that suits it best, too", "ours",
              (beats(WEIGHTED, ("direct regression, own rate", "NME")),), ours=True),
        Claim("the errors vary less with anchors", "Section 4.4, there on AFLW",
              (beats(("AnchorFace, weighted", "variance"), ("direct regression", "variance")),)),
        Claim("weighted beats argmax", "Table 10, there on AFLW", (beats(WEIGHTED, ("AnchorFace, argmax", "NME")),)),
        Claim("weighted beats the mean", "Table 10, there on AFLW",
              (beats(WEIGHTED, ("AnchorFace, mean", "NME")),), near=WEIGHTED),
        Claim("lambda hardly matters", "Section 3.3, there on AFLW",
              tuple(same(WEIGHTED, (f"AnchorFace, lambda={value}", "NME")) for value in ("0.1", "2"))),
    ),
    decimals=3, notes=(OWN_RATE_NOTE, MEAN_NOTE),
)

if __name__ == "__main__":
    exit_with(TABLE, __doc__)
