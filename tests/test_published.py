"""The published numbers: what the papers' prose repeats, and the identities that hold between the numbers.

An identity is tested as "exactly the numbers listed in KNOWN_INCONSISTENT break it", so that a slip in typing shows as
one number too many, and a number put right as one too few.
"""

from decimal import Decimal

import numpy as np
import pytest
from scipy.optimize import linprog

from experiments.papers.published import (
    BOLD,
    KNOWN_INCONSISTENT,
    METRICS,
    PAPERS,
    PUBLISHED,
    Cell,
    caption,
    columns,
    higher_is_better,
    metric,
    printed,
    read_block,
    rows,
    unit,
    value,
)
from gv.core.errors import InputError

TABLES = [(paper, table) for paper, tables in PAPERS.items() for table in tables]
# Images a set or subset: AnchorFace, Section 4.1; COFW: GV, Section 4.1.
WFLW = {"test": 2500, "pose": 326, "expression": 314, "illumination": 698, "make-up": 206, "occlusion": 736, "blur": 773}
COFW = 507
# AUCs: (paper, table, column of the AUC, of the NME, the threshold and the AUC's full scale).
AUCS = [(paper, table, f"auc/{subset}", f"nme/{subset}", 10, 1) for paper, table in (("gv", 3), ("anchorface", 5))
        for subset in WFLW] + [("gv", 4, "auc", "nme", 8, 100)]
# Failure rates: (paper, table, column, images).
RATES = [(paper, table, f"fr/{subset}", images) for paper, table in (("gv", 3), ("anchorface", 5))
         for subset, images in WFLW.items()] + [("gv", 2, "ipn/fr", COFW), ("gv", 2, "ion/fr", COFW)]


def rounding(key):
    """Half a unit of the last printed place: the number meant is within this of the number printed."""
    return 0.5 * 10.0 ** Decimal(printed(*key)).as_tuple().exponent + 1e-9


def keys_with(paper, table, *names):
    """The keys, one a column, of every row that has a number in each of the columns."""
    for row in rows(paper, table):
        keys = [(paper, table, row, name) for name in names]
        if all(key in PUBLISHED for key in keys):
            yield keys


def best(paper, table, column):
    """The best number of a column."""
    numbers = [number for key, number in PUBLISHED.items() if key[:2] == (paper, table) and key[3] == column]
    return max(numbers) if higher_is_better(paper, table, column) else min(numbers)


# What the prose says, (number, key): typed from the sentences, not from the tables.
GV_PROSE = [
    (3.14, (1, "GV(ResNet50)", "ion/full")), (4.41, (1, "GV(ResNet50)", "ipn/full")),
    (2.99, (1, "GV(HRNet)", "ion/full")), (4.19, (1, "GV(HRNet)", "ipn/full")),
    (4.92, (2, "GV(ResNet50)", "ipn/nme")), (4.85, (2, "GV(HRNet)", "ipn/nme")),
    (0.99, (2, "AWing", "ipn/fr")), (0.39, (2, "GV(HRNet)", "ipn/fr")),
    (4.33, (3, "GV(HRNet)", "nme/test")), (1.35, (4, "GV(HRNet)", "nme")), (1.31, (4, "Baidu VIS", "nme")),
    (3.42, (5, "no BPM", "original")), (3.14, (5, "BPM", "original")), (4.57, (5, "BPM", "shrunk")),
    (4.10, (5, "BPM + BBS", "shrunk")), (4.10, (6, "tau=2.0", "sigma=2.0")), (3.94, (8, "l=1", "l=1")),
    (3.38, (8, "l=7", "l=7")), (3.14, (8, "l=3", "l=5")),
]
# Keys of a paper that stand for one and the same measurement.
SAME = [
    [("gv", 1, "GV(ResNet50)", "ion/full"), ("gv", 5, "BPM", "original"), ("gv", 7, "theta=3", "ion"), ("gv", 8, "l=3", "l=5")],
    [("gv", 5, "BPM + BBS", "shrunk"), ("gv", 6, "tau=2.0", "sigma=2.0")],
    [("anchorface", 5, "AnchorFace", "flops"), ("anchorface", "text", "AnchorFace", "flops")],
    [("anchorface", 2, "AnchorFace", "full"), ("anchorface", 6, "AnchorFace", "full")],
] + [
    [("anchorface", 6, "AnchorFace", column), ("anchorface", 7, "KMeans-24", column), ("anchorface", 8, "56x56", column),
     ("anchorface", 9, "7x7", column), ("anchorface", 10, "Weighted", column)]
    for column in ("full", "light", "medium", "large", "heavy")
]


def test_every_cell_of_the_papers_is_there():
    # Counted on the printed pages: cells with a number, dashes left out.
    counts = {("gv", 1): 9 * 3 + 7 * 3, ("gv", 2): 10 * 2 - 2 + 5 * 2, ("gv", 3): 3 * 9 * 7, ("gv", 4): 7 * 2, ("gv", 5): 4,
              ("gv", 6): 4 * 5, ("gv", 7): 5, ("gv", 8): 10, ("gv", 9): 2 * 6, ("gv", "text"): 6,
              ("anchorface", 2): 9 * 2 - 3, ("anchorface", 3): 9 * 3, ("anchorface", 4): 7 * 2, ("anchorface", 5): 3 * 7 * 7 + 5,
              ("anchorface", 6): 2 * 5, ("anchorface", 7): 4 * 5, ("anchorface", 8): 4 * 5, ("anchorface", 9): 4 * 5,
              ("anchorface", 10): 3 * 5, ("anchorface", "text"): 5}
    assert {place: sum(key[:2] == place for key in PUBLISHED) for place in TABLES} == counts


def test_the_prose_repeats_the_tables():
    wrong = {("gv", *key) for number, key in GV_PROSE if value("gv", *key) != number}
    assert wrong == set(KNOWN_INCONSISTENT["text"])
    # AnchorFace, 4.2: the best method is ahead "by 0.1% in NME" and costs ten times as much.
    assert abs(value("anchorface", 5, "AnchorFace", "nme/test") - best("anchorface", 5, "nme/test") - 0.1) <= 0.05 + 1e-9
    assert value("anchorface", 5, "Wing", "flops") > 10 * value("anchorface", 5, "AnchorFace", "flops")


@pytest.mark.parametrize("keys", SAME, ids=lambda keys: " ".join(map(str, keys[0])))
def test_one_measurement_has_one_number(keys):
    assert len({PUBLISHED[key] for key in keys}) == 1


def test_beyond_box_starts_from_the_shrunk_box_and_every_choice_helps():
    shrunk = value("gv", 5, "BPM", "shrunk")
    assert max(number for key, number in PUBLISHED.items() if key[:2] == ("gv", 6)) < shrunk


def test_full_set_of_300w_is_the_weighted_mean_of_its_halves():
    broken = set()
    for paper, table, prefix in (("gv", 1, "ipn/"), ("gv", 1, "ion/"), ("anchorface", 3, "")):
        for keys in keys_with(paper, table, *(prefix + name for name in ("common", "challenge", "full"))):
            shares = np.array([554, 135, -689]) / 689
            gap = abs(shares @ [PUBLISHED[key] for key in keys])
            if gap > abs(shares) @ [rounding(key) for key in keys]:
                broken.add(keys[2])
    assert broken == set(KNOWN_INCONSISTENT["full"])


def test_auc_is_at_least_what_the_mean_error_leaves():
    broken = set()
    for paper, table, auc, nme, threshold, scale in AUCS:
        for a, e in keys_with(paper, table, auc, nme):
            if (PUBLISHED[a] + rounding(a)) / scale < 1 - (PUBLISHED[e] + rounding(e)) / threshold:
                broken.add(a)
    assert broken == set(KNOWN_INCONSISTENT["auc"])


def test_failures_bound_the_auc_from_above_and_the_mean_error_from_below():
    seen = 0
    for paper, table, fr, _ in RATES:  # all at t = 10 %
        for f, e in keys_with(paper, table, fr, fr.replace("fr", "nme")):
            assert (PUBLISHED[f] - rounding(f)) / 100 * 10 <= PUBLISHED[e] + rounding(e), f  # Markov's inequality
            seen += 1
        for f, a in keys_with(paper, table, fr, fr.replace("fr", "auc")):
            assert PUBLISHED[a] - rounding(a) <= 1 - (PUBLISHED[f] - rounding(f)) / 100, f
            seen += 1
    assert seen == 2 * 7 * (9 + 7) + 8 + 5


def test_a_failure_rate_counts_images():
    broken = set()
    for paper, table, column, images in RATES:
        for (key,) in keys_with(paper, table, column):
            nearest = 100 * round(PUBLISHED[key] / 100 * images) / images
            if abs(nearest - PUBLISHED[key]) > rounding(key):
                broken.add(key)
    assert broken == set(KNOWN_INCONSISTENT["count"])


def test_bold_is_the_best_of_its_column():
    assert {key for key in BOLD if PUBLISHED[key] != best(key[0], key[1], key[3])} == set(KNOWN_INCONSISTENT["bold"])


def test_the_best_of_a_column_is_bold_where_methods_are_compared():
    for table in (1, 2, 3, 4):
        for column in columns("gv", table):
            found = {key for key, number in PUBLISHED.items()
                     if key[:2] == ("gv", table) and key[3] == column and number == best("gv", table, column)}
            assert found <= BOLD, (table, column)


@pytest.mark.parametrize("table, place", [(6, ("tau=2.0", "sigma=2.0")), (7, ("theta=3", "ion")), (8, ("l=3", "l=5"))])
def test_one_choice_of_an_ablation_is_bold_and_the_only_best(table, place):
    numbers = {key[2:]: number for key, number in PUBLISHED.items() if key[:2] == ("gv", table)}
    assert {key[2:] for key in BOLD if key[:2] == ("gv", table)} == {place}
    assert [key for key, number in numbers.items() if number == min(numbers.values())] == [place]


def test_the_papers_agree_on_a_method_but_for_the_failure_rates_of_cfss():
    twins = {key: ("gv", 1, key[2], f"ion/{key[3]}") if key[1] == 3 else ("gv", 3, *key[2:])
             for key in PUBLISHED if key[:2] in (("anchorface", 3), ("anchorface", 5))}
    shared = {key: twin for key, twin in twins.items() if twin in PUBLISHED}
    assert len(shared) == 3 + 4 * 3 * 7
    assert {key for key, twin in shared.items() if PUBLISHED[key] != PUBLISHED[twin]} == set(KNOWN_INCONSISTENT["papers"])
    assert all(PUBLISHED[key] == value("gv", 3, "SDM", key[3]) for key in KNOWN_INCONSISTENT["papers"])


def test_one_set_of_shares_of_the_yaw_bins_explains_every_full_set():
    """Full is the mean of the four bins weighted by their images: shares exist for which all 17 rows come out."""
    bins = [[PUBLISHED[key] for key in keys] for table in range(6, 11)
            for keys in keys_with("anchorface", table, "light", "medium", "large", "heavy", "full")]
    bins = np.array(bins)
    assert bins.shape == (17, 5)
    gap = np.full((17, 1), -1)
    solved = linprog([0, 0, 0, 0, 1], A_ub=np.block([[bins[:, :4], gap], [-bins[:, :4], gap]]),
                     b_ub=np.concatenate([bins[:, 4], -bins[:, 4]]), A_eq=[[1, 1, 1, 1, 0]], b_eq=[1], bounds=[(0, None)] * 5)
    assert solved.status == 0 and solved.fun <= 0.01  # half a hundredth from each side


def test_the_time_saved_follows_from_the_times():
    stages = ("net-forward", "post-processing", "transmission")
    heatmap, vectors = (sum(value("gv", 9, row, stage) for stage in stages) for row in ("Heatmap", "Gaussian Vector"))
    assert round(100 * (1 - vectors / heatmap)) == value("gv", "text", "Gaussian Vector", "time-saved") == 26


def test_values_are_in_the_range_of_their_unit():
    for paper, table, row, column in PUBLISHED:
        number, name = value(paper, table, row, column), unit(paper, table, column)
        low, high = {"fraction": (0, 1), "%": (0, 100)}.get(name, (-1, np.inf))
        assert isinstance(number, float) and low < number < high, (paper, table, row, column)


def test_units_are_those_printed():
    assert unit("gv", 4, "auc") == "%" and value("gv", 4, "GV(HRNet)", "auc") == 83.34
    assert unit("gv", 3, "auc/test") == unit("anchorface", 5, "auc/test") == "fraction"
    assert unit("anchorface", 5, "flops") == "FLOPs"
    assert [value("anchorface", 5, row, "flops") for row in ("LAB", "AnchorFace")] == [10.6e9, 227e6]
    assert [printed("anchorface", 5, row, "flops") for row in ("LAB", "AnchorFace")] == ["10.6G", "227M"]
    assert printed("gv", 4, "Smiles", "nme") == "1.50" and printed("gv", 2, "RCPR", "ipn/fr") == "20.0"
    assert (unit("gv", "text", "time-per-face"), value("gv", "text", "GV(ResNet50)", "time-per-face")) == ("ms", 28)
    assert value("anchorface", "text", "AnchorFace", "pearson") == -0.82
    assert [value("anchorface", "text", "AnchorFace", f"fps/batch={size}") for size in (256, 1)] == [4050, 320]


def test_the_direction_is_that_of_the_metric():
    up = {(paper, table, column) for paper, table in TABLES for column in columns(paper, table)
          if higher_is_better(paper, table, column)}
    assert up == {*((paper, table, f"auc/{subset}") for paper, table in (("gv", 3), ("anchorface", 5)) for subset in WFLW),
                  ("gv", 4, "auc"), ("gv", "text", "time-saved"),
                  *(("anchorface", "text", f"fps/batch={size}") for size in (1, 256))}
    assert higher_is_better("gv", "text", "fig4/peak-value") is None
    assert metric("gv", 1, "ipn/full") == "nme_ipn" and metric("gv", 4, "nme") == "nme_rectangle"
    assert metric("anchorface", 2, "full") == "nme_box" and metric("anchorface", 4, "profile") == "nme_diagonal"
    assert {metric(paper, table, column) for paper, table in TABLES for column in columns(paper, table)} == set(METRICS)


def test_rows_and_columns_stand_in_the_printed_order():
    assert rows("gv", 7) == [f"theta={theta}" for theta in range(5)]
    assert rows("gv", 8) == columns("gv", 8) == ["l=1", "l=3", "l=5", "l=7"]
    assert rows("anchorface", 5) == ["CFSS", "DVLN", "LAB", "SAN", "Wing", "AVS", "AnchorFace"]
    assert rows("gv", 1)[0] == "RCPR" and rows("gv", 1)[-2:] == ["DAN", "HRNetV2"]
    assert columns("gv", 1) == ["ipn/common", "ipn/challenge", "ipn/full", "ion/common", "ion/challenge", "ion/full"]
    assert caption("anchorface", 8) == "Comparisons of different anchor area settings"
    for paper, table in TABLES:
        assert {key[2:] for key in PUBLISHED if key[:2] == (paper, table)} <= {
            (row, column) for row in rows(paper, table) for column in columns(paper, table)}


@pytest.mark.parametrize("key, found, listed", [
    (("gvv", 1, "AWing", "ion/full"), 'paper "gvv"', ["gv", "anchorface"]),
    (("gv", 10, "AWing", "ion/full"), "table 10", ["1", "9", "text"]),
    (("gv", "1", "AWing", "ion/full"), "table '1'", ["1", "9", "text"]),
    (("gv", 1, "Awing", "ion/full"), 'row "Awing"', ["RCPR", "AWing", "GV(HRNet)"]),
    (("gv", 1, "AWing", "full"), 'column "full"', ["ipn/full", "ion/full"]),
    (("gv", 1, "RCPR", "ion/full"), 'no number for row "RCPR" in column "ion/full"', ["DAN", "DCFE", "GV(HRNet)"]),
    (("anchorface", 2, "TSR", "frontal"), 'no number for row "TSR" in column "frontal"', ["LBF", "AnchorFace"]),
    (("gv", 8, "l=5", "l=3"), 'no number for row "l=5" in column "l=3"', ["l=1", "l=3"]),
])
def test_a_failed_look_up_lists_what_there_is(key, found, listed):
    assert key not in PUBLISHED
    for look_up in (value, printed):
        with pytest.raises(InputError) as caught:
            look_up(*key)
        assert caught.value.found == found and len(str(caught.value).splitlines()) == 1
        assert caught.value.expected.startswith("one of ")
        assert set(listed) <= set(caught.value.expected[len("one of "):].split(", "))


def test_failed_look_ups_of_a_column_or_table():
    for look_up in (unit, higher_is_better, metric):
        with pytest.raises(InputError, match='column "nme"; expected one of nme/test, nme/pose'):
            look_up("gv", 3, "nme")
    for look_up in (rows, columns, caption):
        with pytest.raises(InputError, match="table 1; expected one of 2, 3"):
            look_up("anchorface", 1)


def test_a_block_is_read_as_written():
    text = """
               | a     b
        one    | 1.50* -
        two it | 3.8G  227M"""
    assert read_block("x/", "nme_ion flops", text) == {
        ("one", "x/a"): Cell("1.50", True, "nme_ion"), ("one", "x/b"): Cell("-", False, "flops"),
        ("two it", "x/a"): Cell("3.8G", False, "nme_ion"), ("two it", "x/b"): Cell("227M", False, "flops")}
    assert [Cell(cell, False, "fr").number for cell in ("1.50", "-", "-0.82", "3.8G", "227M")] == [1.5, None, -0.82, 3.8e9, 227e6]


@pytest.mark.parametrize("text, metrics, message", [
    ("  | a b\none | 1", "fr", "one: 1 cells, 2 columns"),
    ("  | a b\none | 1 2 3", "fr", "one: 3 cells, 2 columns"),
    ("  | a b\none | 1 2", "fr ms fps", "2 columns, 3 metrics"),
    ("  | a\none | 1\none | 2", "fr", "one, a: given twice"),
])
def test_a_block_with_a_cell_too_many_or_too_few_is_a_fault(text, metrics, message):
    with pytest.raises(ValueError, match=message):
        read_block("", metrics, text)


def test_every_known_inconsistency_names_a_number_and_a_reason():
    for broken in KNOWN_INCONSISTENT.values():
        assert broken and set(broken) <= set(PUBLISHED) and all(reason.strip() for reason in broken.values())
