"""The landmark scheme of the user's own data: what a file says, completed by what the data say, and told."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from data_prep import mirror
from data_prep.check_flip import flip_offences
from gv.core import metrics
from gv.core.errors import InputError, one_of
from gv.core.faces import NOT_JSON
from gv.core.layouts import LAYOUTS, Layout, get_layout
from gv.core.own_layout import LENGTHS, check_keys, from_values, landmarks, normaliser_of

USUAL = "box"       # the unit where nothing says another: the side of the face's box
MOST_SAID = 60      # mirror pairs that are told one by one


@dataclass
class Scheme:
    """A scheme on its way. values: JSON values as ``gv.core.own_layout`` has them, as far as they are known; where: what they
    are from; known: a known scheme's ``Layout`` instead, or None; normaliser: of the NME; layout: what the index keeps, at the
    end; how, confidence: where the mirror pairs are from, as ``mirror.Mirror`` has them; notes: lines to tell."""

    values: dict = field(default_factory=dict)
    where: str = "--layout"
    known: Layout = None
    normaliser: str = None
    layout: object = None
    how: str = ""
    confidence: float = None
    notes: list = field(default_factory=list)

    @classmethod
    def read(cls, layout, normaliser):
        """What ``--layout`` (a file, or the number of landmarks of a known scheme; or None) and ``--normaliser`` say."""
        found = cls()
        if layout is not None and layout.isdigit():
            found.known, found.where = get_layout(int(layout)), f"--layout {layout}"
        elif layout is not None:
            found.values, found.where = _values(layout), layout
        if normaliser and "," in normaliser:
            if found.known:
                raise InputError("--normaliser", normaliser, "a name", "a known scheme has its own landmarks to measure by")
            found.values["normaliser"] = [int(end) if end.isdigit() else end for end in map(str.strip, normaliser.split(","))]
        elif normaliser:
            one_of("--normaliser", normaliser, [*LENGTHS, *(found.known.normalisers if found.known else ())])
            found.values["normaliser"] = normaliser
        return found

    @property
    def landmarks(self):
        """How many, or 0 where nothing says."""
        if self.known:
            return self.known.size
        return landmarks(self.values, self.where)[1] if "landmarks" in self.values else 0

    def complete(self, read, shapes, name):
        """The scheme with what its file leaves out; InputError where it cannot be had, or the file and the data disagree.

        read: an ``own_files.Read``; shapes: [(L, 2), ...] of all faces; name: of the set.
        """
        if self.landmarks not in (0, read.landmarks):
            raise InputError(self.where, f"{self.landmarks} landmarks", f"{read.landmarks}, as the data have")
        if self.known:
            self.layout, self.how = self.known.size, "the scheme's"
            self.normaliser = self.values.get("normaliser") or next(iter(self.known.normalisers), USUAL)
            return self
        given, _ = landmarks(self.values, self.where) if "landmarks" in self.values else ((), 0)
        if given and read.names and given != read.names:
            other = next(i for i, pair in enumerate(zip(given, read.names)) if pair[0] != pair[1])
            raise InputError(self.where, f"landmark {other} is {given[other]}", f"{read.names[other]}, as the data call it",
                             "the file's order has to be the data's")
        names = given or read.names
        values = {"name": name, **self.values, "landmarks": list(names) or read.landmarks}
        if read.edges:
            values.setdefault("edges", [list(edge) for edge in read.edges])
        values.setdefault("normaliser", USUAL)
        if "mirror_pairs" in values:
            self.how = f"by {self.where}"
        else:
            from_values({**values, "mirror_pairs": []}, self.where)     # what is wrong with the rest is said first
            found = mirror.by_names(names) or mirror.by_symmetry(shapes)
            values["mirror_pairs"], self.how, self.confidence = [list(pair) for pair in found.pairs], found.how, found.confidence
        self.layout, self.normaliser = from_values(values, self.where), normaliser_of(values)
        if read.landmarks in LAYOUTS:
            self.notes.append(f"{LAYOUTS[read.landmarks].name}'s scheme has as many landmarks: if these are those, in its order, "
                              f"--layout {read.landmarks} takes it")
        return self

    def check(self, splits):
        """Note what the faces of {split: faces} say against the scheme; InputError where one has no unit of its error."""
        faces = [face for of in splits.values() for face in of]
        layout, points = get_layout(self.layout), np.stack([face.points for face in faces])
        lengths = metrics.NORMALISERS[self.normaliser](points, layout, np.array([face.box for face in faces]))
        if lengths.min() <= 0:
            raise InputError(faces[int(lengths.argmin())].image, f'the unit of its error, "{self.normaliser}", is nought',
                             "a length above 0 for every face", "give another --normaliser")
        if self.confidence is None:
            offences, _ = flip_offences(list(points), layout.flip)
            self.notes += [f"is the mirror right? landmark {i}: {why}" for i, why in offences]

    def lines(self):
        """The scheme in words."""
        layout = get_layout(self.layout)
        named = [f"{i} {name}" for i, name in enumerate(layout.names)] or [str(i) for i in range(layout.size)]
        pairs = [(i, j) for i, j in enumerate(layout.flip) if i < j]
        middle = [named[i] for i, j in enumerate(layout.flip) if i == j]
        sure = f", confidence {self.confidence:.2f}" if self.confidence is not None else ""
        lines = [f"scheme: {layout.size} landmarks, {layout.name}"]
        if layout.names:
            lines.append(f"  landmarks: {', '.join(named)}")
        if not self.known:
            told = ", ".join(f"{named[i]} - {named[j]}" for i, j in pairs[:MOST_SAID]) + (", ..." if pairs[MOST_SAID:] else "")
            lines += [f"  a mirror swaps ({self.how}{sure}): {told or 'nothing'}",
                      f"  and keeps: {', '.join(middle) or 'none'}"]
        return lines + [f"  NME in units of {self._unit(layout, named)}", *self.notes]

    def _unit(self, layout, named):
        if self.normaliser in layout.normalisers:
            left, right = ("the mean of " * (len(rows) > 1) + ", ".join(named[i] for i in rows)
                           for rows in layout.normalisers[self.normaliser])
            return f"{self.normaliser}: the distance of {left} and {right}"
        return {USUAL: "box: √(w·h) of the face's box", "rectangle": "rectangle: √(w·h) of the landmarks' rectangle",
                "diagonal": "diagonal: that of the landmarks' rectangle"}[self.normaliser]

    def record(self):
        """The scheme as JSON values."""
        layout = get_layout(self.layout)
        return {"landmarks": list(layout.names) or layout.size, "scheme": layout.name, "normaliser": self.normaliser,
                "mirror_pairs": [[i, j] for i, j in enumerate(layout.flip) if i < j], "mirror": self.how,
                "confidence": self.confidence, "scheme_notes": self.notes}


def _values(path):
    try:
        values = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"--layout {path}", f"cannot be read ({error.strerror})",
                         f"a JSON file, or one of {', '.join(map(str, sorted(LAYOUTS)))}") from None
    except NOT_JSON as error:
        raise InputError(path, f"not JSON ({error})", "a landmark scheme (docs/own_data.md)") from None
    check_keys(values, path)
    return values
