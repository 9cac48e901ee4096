"""What a paper concludes from a table, as a test on the numbers with their spread over seeds.

A claim is a list of margins. A margin is worked out once a seed, from cells of runs with that seed (paired), and is positive
where the numbers speak for the claim. It has a 95 % interval over seeds and, where the faces' own errors are at hand, over test
faces (``chance``), and the verdict is read off that: all of it above zero, reproduced; all below, contradicted; else undecided.
One seed decides nothing, unless there is no chance in the figures; nor does a difference below a thousandth of the errors,
however sure its sign.
"""

import math
from dataclasses import dataclass

import numpy as np

from experiments.harness import chance

SAME = 0.02            # ASSUMED: two errors closer than this share of their size are called equal ("insensitive", "adds nothing")
TRIVIAL = 0.001        # ASSUMED: a difference below this share of the errors is nothing, however sure its sign
NOTHING = "; below a thousandth of the errors: at this size no difference that matters, a larger one might show it"
UNTRAINED = 0.3        # ASSUMED: a net of a larger NME has not learnt yet; the mean shape put in the box has less (docs/results)
NOT_LEARNT = f"; a net has not learnt yet (an error above {100 * UNTRAINED:.0f} %, the mean shape has less): nothing can be said"
NOT_RUN, UNDECIDED, REPRODUCED, CONTRADICTED = "not run", "undecided", "reproduced", "contradicted"
NOT_COMPARABLE = "not comparable"
DECIDED = (REPRODUCED, CONTRADICTED)
VERDICTS = (CONTRADICTED, REPRODUCED, UNDECIDED, NOT_COMPARABLE, NOT_RUN)
CHOSEN = "No independent verdict: the reading was chosen by this very relation"
NEAR = 1.5             # ASSUMED: an error of up to so many times the printed one is near it
WHOLE = "paper"        # the preset at which a claim against other methods' printed numbers is judged
NEEDS = f"needs the papers' own data, whole, at preset {WHOLE}"


@dataclass(frozen=True)
class Margin:
    """label: what is compared; cells: (row, column) of the table; of: from their values, one a cell, to the margin.

    same: the claim is that the margin is nought, to within ``SAME`` of the first cell's value. least: a margin below this share
    of the first cell's value decides nothing, however sure its sign. ratio: it is of ratios or a count, which no cell's scale
    applies to. best: the cells of which the margin takes the best, for whose number its interval is widened.
    """

    label: str
    cells: tuple
    of: object
    same: bool = False
    least: float = 0.0
    ratio: bool = False
    best: tuple = ()

    @property
    def tries(self):
        """Of how many the margin is the best."""
        return max(1, len(self.best))


def name_of(cell):
    """A cell's name in a sentence."""
    return " ".join(part for part in cell if part)


def beats(better, worse, higher=False):
    """The margin by which one cell has the lower error (higher: the greater value) than another."""
    sign = -1 if higher else 1
    return Margin(f"{name_of(better)} against {name_of(worse)}", (better, worse), lambda a, b: sign * (b - a), least=TRIVIAL)


def best_of(cell, others):
    """The margin by which a cell has a lower error than each of many others, as that over the best of them."""
    return Margin(f"{name_of(cell)} against the best of the {len(others)} others", (cell, *others),
                  lambda a, *rest: min(rest) - a, least=TRIVIAL, best=tuple(others))


def at_most(cell, bound):
    """The margin by which a cell stays below a bound, in the table's own unit before scaling."""
    return Margin(f"{name_of(cell)} at most {bound:g}", (cell,), lambda a: bound - a)


def at_least(cell, bound):
    """The margin by which a cell stays above a bound."""
    return Margin(f"{name_of(cell)} at least {bound:g}", (cell,), lambda a: a - bound)


def beats_printed(cell, method, printed, scale=100):
    """The margin by which a cell is below the number printed for another method, which is ``scale`` times the fraction."""
    return Margin(f"{name_of(cell)} against {method}'s printed {printed:g}", (cell,), lambda a: printed / scale - a)


def ratio_at_least(numerator, denominator, factor):
    """The margin by which one cell is at least ``factor`` times another, as a ratio less the factor."""
    return Margin(f"{name_of(numerator)} / {name_of(denominator)} at least {factor:g}", (numerator, denominator),
                  lambda a, b: a / b - factor, ratio=True)


def same(a, b):
    """Two cells are equal to within ``SAME`` of the first."""
    return Margin(f"{name_of(a)} and {name_of(b)}", (a, b), lambda x, y: y - x, same=True)


def not_better(other, base):
    """``other`` is not better than ``base``: the margin of base, granted ``SAME`` of its value."""
    return Margin(f"{name_of(other)} no better than {name_of(base)}", (base, other), lambda x, y: y - x + SAME * abs(x))


def lowest_inside(grid):
    """The best cell of a grid (a list of rows of cells) is not at its edge: best edge less best inside. A single row has two
    edges, its ends."""
    edge = [cell for i, row in enumerate(grid) for j, cell in enumerate(row)
            if (len(grid) > 1 and i in (0, len(grid) - 1)) or j in (0, len(row) - 1)]
    inside = [cell for row in grid for cell in row if cell not in edge]
    if not inside:
        raise ValueError(f"a grid of {len(grid)} rows has no cell inside")
    return Margin("best inside the grid against best at its edge", (*inside, *edge),
                  lambda *values: min(values[len(inside):]) - min(values[:len(inside)]), least=TRIVIAL, best=tuple(inside))


@dataclass(frozen=True)
class Claim:
    """text: what the paper says; where: section or table; margins: all have to hold. ours: this project's, not the paper's.

    official: it compares with what is printed for other methods, so that it can be judged on the papers' own data and at preset
    paper alone. near: a cell of an error that has to be within ``NEAR`` of the printed one, or the claim is not comparable: where
    what decides it is shown to change with the error's size. overfits: cells of a net's error on the faces that it was trained on
    and on others; the former has to be the lower, or there is nothing for a regulariser, which the claim is of, to cure.
    hangs: where ours contradict it, what that may hang on; told with that verdict alone. chosen: the reading that was chosen by
    this very relation, where one was: whatever the claim's verdict, it is then no independent one, and every page says so.
    """

    text: str
    where: str
    margins: tuple
    ours: bool = False
    official: bool = False
    near: tuple = None
    overfits: tuple = ()
    hangs: str = ""
    chosen: str = ""

    @property
    def cells(self):
        """Keys of all cells that it takes to judge it: its margins' and those that say whether it can be compared."""
        gates = (*self.overfits, self.near) if self.near else self.overfits
        return {*(key for margin in self.margins for key in margin.cells), *gates}


def interval(values, faces=None, tries=1):
    """(mean, low, high) of seeds' margins, by ``chance.half_width``; low and high are infinite for a single seed."""
    values = np.asarray(values, np.float64)
    mean = float(values.mean())
    half = chance.half_width(float(values.std(ddof=1)), len(values), faces, tries) if len(values) > 1 else math.inf
    return mean, mean - half, mean + half


def judge_margin(margin, by_seed, exact=False, faces=None, among=1):
    """{"label", "verdict", "seeds", "mean", "low", "high", "spread", "needs", ...} of a margin.

    by_seed: [(value of each cell)], a tuple a seed that has them all. exact: one seed is enough. faces: ``chance.Faces`` of the
    margin, or None where its figures are no means over faces. among: margins of its claim, any of which contradicts it: only an
    interval widened for as many does. needs: seeds that would decide; needs_faces: test faces, where these are too few for any
    number of seeds; widened: (low, high) of the wider interval where it is what keeps the margin undecided, else None.
    """
    if not by_seed:
        return {"label": margin.label, "verdict": NOT_RUN, "seeds": 0}
    margins = [margin.of(*values) for values in by_seed]
    faces = faces if len(margins) > 1 and not exact else None
    mean, low, high = interval(margins, faces, margin.tries)
    _, least, most = interval(margins, faces, margin.tries * among)
    if exact:
        low = high = least = most = mean
    spread = float(np.std(margins, ddof=1)) if len(margins) > 1 else None
    first = abs(float(np.mean([values[0] for values in by_seed])))
    granted = SAME * first if margin.same else None
    trivial = not exact and len(margins) > 1 and abs(mean) < margin.least * first
    if margin.same:
        apart, against = (low > granted or high < -granted), (least > granted or most < -granted)
        verdict = REPRODUCED if -granted <= low and high <= granted else CONTRADICTED if against else UNDECIDED
    elif trivial:
        apart, verdict = False, UNDECIDED
    else:
        apart = high < 0
        verdict = REPRODUCED if low > 0 or (exact and low >= 0) else CONTRADICTED if most < 0 else UNDECIDED
    needs = needs_faces = None
    if verdict == UNDECIDED and spread and not trivial:
        distance = granted - abs(mean) if margin.same else mean
        tries = margin.tries * (among if distance < 0 else 1)
        needs = chance.seeds_to_decide(distance, spread, faces, tries) if distance else None
        needs_faces = chance.faces_to_decide(distance, faces, tries)
    return {"label": margin.label, "verdict": verdict, "seeds": len(margins), "mean": mean, "low": low, "high": high,
            "spread": spread, "needs": needs, "faces": faces.count if faces else None, "needs_faces": needs_faces,
            "granted": granted, "exact": exact, "trivial": trivial, "untrained": False,
            "widened": (least, most) if apart and verdict == UNDECIDED else None}


def combine(verdicts):
    """The verdict on a claim from those on its margins: contradicted by one, reproduced by all."""
    if CONTRADICTED in verdicts:
        return CONTRADICTED
    if NOT_RUN in verdicts:
        return NOT_RUN
    return UNDECIDED if UNDECIDED in verdicts else REPRODUCED
