"""What the two papers print: every number of every table, and those that stand in the text only.

A key is (paper, table, row, column): paper "gv" or "anchorface"; table the paper's number, or "text"; row and column are
strings. The papers disagree with each other, so no shorter key would do.

- row: the method or the setting, by the paper's name without its citation: "GV(ResNet50)", "KMeans-24", "tau=2.0", "l=3".
- column: what was measured, in the table's own order of headings, outer before inner: "ion/common", "nme/pose", "fr/test".
  Subsets are named as in the indexes: test, full, common, challenge, pose, ...
- The data modules ``gv`` and ``anchorface`` beside this one say for each table what its rows and columns stand for.

Values are as printed, in the unit printed (``unit``), while ``gv.core.metrics`` speaks in fractions: 3.14 % is 0.0314
there. A cell that holds a dash has no key.
"""

from dataclasses import dataclass

from experiments.papers import anchorface, gv
from gv.core.errors import InputError

PAPERS = {"gv": gv.TABLES, "anchorface": anchorface.TABLES}

# metric: (unit as printed, whether higher is better; None where neither is). nme_<normaliser> as in gv.core.metrics.
METRICS = {
    "nme_ion": ("%", False),
    "nme_ipn": ("%", False),
    "nme_box": ("%", False),
    "nme_rectangle": ("%", False),
    "nme_diagonal": ("%", False),
    "fr": ("%", False),
    "auc": ("fraction", True),
    "auc_percent": ("%", True),  # JD-landmark's, to a threshold of 8 %; every other AUC is to 10 %
    "pearson": ("", False),  # of confidence and error: the nearer to -1 the better
    "flops": ("FLOPs", False),
    "fps": ("fps", True),
    "ms": ("ms", False),
    "saving": ("%", True),
    "elements": ("elements", False),
    "cells": ("cells", None),
    "response": ("", None),
}

SI_PREFIXES = {"M": "e6", "G": "e9"}


@dataclass(frozen=True)
class Cell:
    """One cell as printed: its text without the bold print ("3.14", "227M", "-"), whether bold, and its column's metric."""

    text: str
    bold: bool
    metric: str

    @property
    def number(self):
        """The float that is printed; 227M is 227e6. None for a dash."""
        prefix = SI_PREFIXES.get(self.text[-1])
        if self.text == "-":
            return None
        return float(self.text[:-1] + prefix if prefix else self.text)


def read_block(prefix, metrics, text):
    """{(row, column): Cell} of one block of a table.

    text: a line of column names, then one line a row, ``name | cell  cell ...``; an asterisk after a cell is bold print.
    prefix: what the columns' names begin with. metrics: names out of METRICS, one for all columns or one each.
    """
    lines = [line.split("|") for line in text.strip("\n").splitlines()]
    columns = [prefix + name for name in lines[0][1].split()]
    metrics = metrics.split()
    metrics = metrics * len(columns) if len(metrics) == 1 else metrics
    block = {}
    for name, cells in lines[1:]:
        row, cells = name.strip(), cells.split()
        if not len(cells) == len(columns) == len(metrics):
            raise ValueError(f"{row}: {len(cells)} cells, {len(columns)} columns, {len(metrics)} metrics")
        for column, metric, cell in zip(columns, metrics, cells):
            if (row, column) in block:
                raise ValueError(f"{row}, {column}: given twice")
            block[row, column] = Cell(cell.rstrip("*"), cell.endswith("*"), metric)
    return block


def _read_tables(papers):
    """{(paper, table): {(row, column): Cell}}, rows and columns in the printed order."""
    tables = {}
    for paper, numbered in papers.items():
        for table, (_, blocks) in numbered.items():
            cells = tables[paper, table] = {}
            for block in blocks:
                read = read_block(*block)
                if set(read) & set(cells):
                    raise ValueError(f"{paper} table {table}: two blocks share {sorted(set(read) & set(cells))}")
                cells.update(read)
    return tables


_TABLES = _read_tables(PAPERS)

# {(paper, table, row, column): the number printed}
PUBLISHED = {(*table, *place): cell.number for table, cells in _TABLES.items() for place, cell in cells.items()
             if cell.number is not None}
# The keys printed in bold; marked for "gv" only.
BOLD = frozenset((*table, *place) for table, cells in _TABLES.items() for place, cell in cells.items() if cell.bold)


_CUT = "cut off rather than rounded:"
# {identity: {key: why it fails}}: every number that breaks an identity it should keep. Nothing is corrected.
KNOWN_INCONSISTENT = {
    # full = (554 common + 135 challenge) / 689 on 300W, within the rounding of the three
    "full": {
        ("gv", 1, "TCDCN", "ipn/full"): "its subsets give 5.19; 5.54 would need 8.58 on the challenge subset, not 6.80",
        ("gv", 1, "LAB", "ipn/full"): "its subsets give 4.83",
        ("gv", 1, "LAB", "ion/full"): "its subsets give 3.41",
        ("anchorface", 3, "LAB", "full"): "its subsets give 3.41; the other paper prints the same three",
        ("anchorface", 3, "SBR", "full"): "its subsets give 4.12",
    },
    # AUC >= 1 - NME / t, since the mean of min(e, t) is at most the mean of e
    "auc": {
        ("gv", 3, "AWing", "auc/expression"): "at an NME of 4.58 it is at least 0.542",
        ("gv", 3, "AWing", "auc/make-up"): "at an NME of 4.27 it is at least 0.573",
    },
    # FR is a whole number of the subset's images
    "count": {
        ("gv", 2, "RCPR", "ipn/fr"): "of 507 images 101 are 19.92 and 102 are 20.12",
        ("gv", 2, "TCDCN", "ipn/fr"): "of 507 images 101 are 19.92 and 102 are 20.12",
        ("gv", 2, "PCD-CNN", "ipn/fr"): "of 507 images 18 are 3.55 and 19 are 3.75",
        ("gv", 2, "HRNetV2", "ion/fr"): f"{_CUT} 1 of 507 images is 0.197",
        ("gv", 3, "ESR", "fr/make-up"): "80 of 206 images are 38.83",
        ("anchorface", 5, "AnchorFace", "fr/expression"): f"{_CUT} 16 of 314 images are 5.096",
        ("anchorface", 5, "AnchorFace", "fr/make-up"): f"{_CUT} 20 of 206 images are 9.709",
        ("anchorface", 5, "AnchorFace", "fr/blur"): f"{_CUT} 64 of 773 images are 8.279",
    },
    # bold print marks the best of its column
    "bold": {
        ("gv", 4, "GV(HRNet)", "auc"): "the authors' own entry, second to Baidu VIS",
        ("gv", 4, "GV(HRNet)", "nme"): "the authors' own entry, second to Baidu VIS",
        ("gv", 5, "BPM", "shrunk"): "both numbers on the shrunk box are bold; the better one is 4.10",
    },
    # the running text repeats a table's number
    "text": {
        ("gv", 2, "GV(HRNet)", "ipn/fr"): "Section 4.4 says 0.39, the value that the table has under ION",
    },
    # the two papers print the same number for the same method; the key is AnchorFace's
    "papers": {
        ("anchorface", 5, "CFSS", f"fr/{subset}"): "the failure rate that GV's Table 3 gives SDM"
        for subset in ("test", "pose", "expression", "illumination", "make-up", "occlusion", "blur")
    },
}


def _listed(names):
    return f"one of {', '.join(map(str, dict.fromkeys(names)))}"


def _cells(paper, table):
    """{(row, column): Cell} of one table."""
    if paper not in PAPERS:
        raise InputError("published numbers", f'paper "{paper}"', _listed(PAPERS))
    if table not in PAPERS[paper]:
        raise InputError(f"published numbers, {paper}", f"table {table!r}", _listed(PAPERS[paper]))
    return _TABLES[paper, table]


def _column(paper, table, column):
    """[Cell, ...] of one column."""
    cells = _cells(paper, table)
    found = [cell for (_, name), cell in cells.items() if name == column]
    if not found:
        raise InputError(f"published numbers, {paper} table {table}", f'column "{column}"', _listed(columns(paper, table)))
    return found


def _cell(paper, table, row, column):
    """One Cell that holds a number."""
    cells, where = _cells(paper, table), f"published numbers, {paper} table {table}"
    if row not in rows(paper, table):
        raise InputError(where, f'row "{row}"', _listed(rows(paper, table)))
    _column(paper, table, column)
    cell = cells.get((row, column))
    if cell is None or cell.number is None:
        there = [name for (name, other), cell in cells.items() if other == column and cell.number is not None]
        raise InputError(where, f'no number for row "{row}" in column "{column}"', _listed(there))
    return cell


def value(paper, table, row, column):
    """The number printed, a float in ``unit(paper, table, column)``."""
    return _cell(paper, table, row, column).number


def printed(paper, table, row, column):
    """The number as the paper writes it, with its trailing zeros and prefixes: "1.50", "10.6G"."""
    return _cell(paper, table, row, column).text


def rows(paper, table):
    """[names of the rows] in the printed order."""
    return list(dict.fromkeys(row for row, _ in _cells(paper, table)))


def columns(paper, table):
    """[names of the columns] in the printed order."""
    return list(dict.fromkeys(column for _, column in _cells(paper, table)))


def caption(paper, table):
    """The table's caption."""
    _cells(paper, table)
    return PAPERS[paper][table][0]


def metric(paper, table, column):
    """The column's name in METRICS."""
    return _column(paper, table, column)[0].metric


def unit(paper, table, column):
    """The unit that the column is printed in: "%", "fraction", "ms", ...; empty for a pure number."""
    return METRICS[metric(paper, table, column)][0]


def higher_is_better(paper, table, column):
    """True or False; None where a number is neither good nor bad."""
    return METRICS[metric(paper, table, column)][1]
