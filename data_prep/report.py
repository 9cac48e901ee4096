"""What a data set's command found, against what its authors distribute: the text and the JSON it prints."""

from dataclasses import dataclass, field

OWN = "own"      # the provenance of pictures that no data set's authors distribute


@dataclass
class Report:
    """Found and official counts of a data set, by part and by split, and the list of what was left out.

    root: the raw data's folder, as given. ask: where the official set is asked for, a clause.
    parts, splits: {name: (found, official)}. left_out: (file below ``root``, reason). notes: further lines. own: faces whose
    pictures have no name of the official set's: the user's own in folders of its names. box_source: what an
    index says of its boxes, of a set that has a choice.
    """

    source: str
    root: str
    ask: str
    parts: dict = field(default_factory=dict)
    splits: dict = field(default_factory=dict)
    left_out: list = field(default_factory=list)
    notes: list = field(default_factory=list)
    own: int = 0
    box_source: str = ""

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


def _state(found, official):
    if found == official:
        return ""
    return "  missing" if not found else "  partial" if found < official else "  more than official"


def _counts(pairs):
    return {name: {"found": found, "official": official} for name, (found, official) in pairs.items()}
