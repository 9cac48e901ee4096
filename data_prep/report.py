"""What a data set's command found, against what its authors distribute: the text and the JSON it prints."""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from data_prep.points_files import LARGEST
from gv.core.geometry import tight_box

AUTO = "auto"     # boxes: the provided ones, and a face without one has its landmarks' rectangle
PROVIDED, BY_LANDMARKS = "provided", "landmarks"
OWN = "own"      # the provenance of pictures that no data set's authors distribute


@dataclass
class Report:
    """Found and official counts of a data set, by part and by split, and the list of what was left out.

    root: the raw data's folder, as given. ask: where the official set is asked for, a clause.
    parts, splits: {name: (found, official)}. left_out: (file below ``root``, reason). notes: further lines. own: faces whose
    pictures have no name of the official set's: the user's own in folders of its names. boxes: how many faces have a box of
    which source, where that is chosen face by face.
    """

    source: str
    root: str
    ask: str
    parts: dict = field(default_factory=dict)
    splits: dict = field(default_factory=dict)
    left_out: list = field(default_factory=list)
    notes: list = field(default_factory=list)
    own: int = 0
    boxes: Counter = field(default_factory=Counter)

    @property
    def found(self):
        """{split or part: number of faces} that can be used."""
        return {name: found for name, (found, _) in {**self.splits, **self.parts}.items()}

    @property
    def official(self):
        """{split or part: number of faces} that the authors distribute."""
        return {name: official for name, (_, official) in {**self.splits, **self.parts}.items()}

    @property
    def provenance(self):
        """"official" where every count is the official one, else "official, partial"; "own" with pictures of other names."""
        if self.own:
            return OWN
        return "official" if self.found == self.official else "official, partial"

    @property
    def missing(self):
        """The parts (the splits, where there are no parts) of which not one face can be used."""
        return [name for name, (found, _) in (self.parts or self.splits).items() if not found]

    def leave_out(self, error):
        """Note the file that an InputError names, and the reason."""
        name, prefix = error.where, f"{self.root}/"
        reason = "; ".join(filter(None, (error.found, error.expected and f"expected {error.expected}", error.mend)))
        self.left_out.append((name[len(prefix):] if name.startswith(prefix) else name, reason))

    def box_source(self, asked):
        """What an index says of its boxes: what was asked for, or of ``AUTO`` what came out; a note says how many of each."""
        if asked != AUTO:
            return asked
        if not self.boxes[BY_LANDMARKS]:
            return PROVIDED
        counts = f"{self.boxes[BY_LANDMARKS]} of {sum(self.boxes.values())} faces have no provided box"
        self.notes.append(f"boxes: {counts}, and their landmarks' rectangle stands for it. AnchorFace crops these boxes, "
                          "Gaussian Vector the landmarks' rectangle of every face")
        return f"{PROVIDED}, else {BY_LANDMARKS}" if self.boxes[PROVIDED] else BY_LANDMARKS

    def text(self):
        """The report as lines to be read."""
        lines = [f"{self.source}: {self.provenance}"]
        for heading, counts in (("part", self.parts), ("split", self.splits)):
            lines.append(f"  {heading:<16} {'found':>6} {'official':>8}")
            lines += [f"  {name:<16} {found:>6} {official:>8}{_state(found, official)}"
                      for name, (found, official) in counts.items()]
        if self.left_out:
            lines.append(f"left out: {len(self.left_out)}")
            lines += [f"  {name}: {reason}" for name, reason in self.left_out]
        lines += self.notes
        if self.own:
            lines.append(f"{self.own} faces are of pictures whose names are not the official set's: numbers on them are not on "
                         f"{self.source}")
        if self.provenance != "official":
            lines.append(f"the official set is asked for from {self.ask}")
        return "\n".join(lines)

    def record(self):
        """The report as a JSON object."""
        return {
            "source": self.source, "provenance": self.provenance, "parts": _counts(self.parts), "splits": _counts(self.splits),
            "missing": self.missing, "left_out": [{"name": name, "reason": reason} for name, reason in self.left_out],
            "notes": self.notes, "ask": self.ask,
        }


def choose_box(asked, given, points):
    """(box, which it is) of a face: the one given (None: there is none), or the landmarks' rectangle where that is asked for, or
    where ``AUTO`` is and there is none with an area."""
    if asked == BY_LANDMARKS or asked == AUTO and not (given is not None and has_area(given)):
        return tight_box(points), BY_LANDMARKS
    return given, PROVIDED


def refused(box, points):
    """Of a face's box and its landmarks' rectangle, which both are cropped, the first that is no box with an area; else None."""
    return next((one for one in (box, tight_box(points)) if not has_area(one)), None)


def rounded(box):
    """A box as messages show it."""
    return [round(float(value), 3) for value in box]


def has_area(box):
    """Whether a box (x0, y0, x1, y1) is of finite pixels up to ``LARGEST`` and has an area."""
    box = np.asarray(box, np.float64)
    return bool((np.abs(box) <= LARGEST).all() and (box[2:] > box[:2]).all())


def _state(found, official):
    if found == official:
        return ""
    return "  missing" if not found else "  partial" if found < official else "  more than official"


def _counts(pairs):
    return {name: {"found": found, "official": official} for name, (found, official) in pairs.items()}
