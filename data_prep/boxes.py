"""Which box a face has: the one that its set provides, or the landmarks' rectangle; and whether it is one.

A box is (x0, y0, x1, y1) in pixels of the picture. Gaussian Vector crops the landmarks' rectangle of every face, whatever box an
index has; AnchorFace crops the index's box (its Section 4.1: "the provided bounding boxes").
"""

from collections import Counter

import numpy as np

from data_prep.points_files import LARGEST
from gv.core.errors import InputError
from gv.core.geometry import tight_box

AUTO, PROVIDED, BY_LANDMARKS = "auto", "provided", "landmarks"
EITHER = f"{PROVIDED}, else {BY_LANDMARKS}"      # what an index says of its boxes where both stand in it


def has_area(box):
    """Whether a box is of finite pixels up to ``LARGEST`` and has an area."""
    box = np.asarray(box, np.float64)
    return bool((np.abs(box) <= LARGEST).all() and (box[2:] > box[:2]).all())


def rounded(box):
    """A box as messages show it."""
    return [round(float(value), 3) for value in box]


def check_box(box, at):
    """InputError, which names ``at``, where a box has no area."""
    if not has_area(box):
        raise InputError(at, f"a box without area, {rounded(box)}", "x0 < x1 and y0 < y1")


def choose_box(asked, given, points, at, points_at):
    """(box, ``PROVIDED`` or ``BY_LANDMARKS``) of a face, both it and the landmarks' rectangle with an area; InputError else.

    asked: ``AUTO``, ``BY_LANDMARKS``, or another for the given one. given: the set's box, or None. at, points_at: the files, or
    lines of them, that the box and the landmarks stand in.
    """
    tight = tight_box(points)
    if not has_area(tight):
        raise InputError(points_at, f"landmarks on one line, a rectangle without area, {rounded(tight)}")
    if asked == BY_LANDMARKS or asked == AUTO and (given is None or not has_area(given)):
        return tight, BY_LANDMARKS
    check_box(given, at)
    return tuple(given), PROVIDED


class BoxCounts:
    """How many training and test faces have a box of which source, where that was chosen face by face."""

    def __init__(self):
        self.counts = {"training": Counter(), "test": Counter()}

    def add(self, split, source):
        """Count a face. split: "train", or a test split's name."""
        self.counts["training" if split == "train" else "test"][source] += 1

    def source(self, asked):
        """What an index says of its boxes."""
        if asked != AUTO:
            return asked
        found = {source for counter in self.counts.values() for source, count in counter.items() if count}
        return EITHER if len(found) > 1 else next(iter(found), PROVIDED)

    def notes(self, asked):
        """What a report says of the boxes: nothing where they are what was asked for, or all provided."""
        if self.source(asked) not in (EITHER, BY_LANDMARKS) or asked != AUTO:
            return []
        told = " and ".join(f"{counter[BY_LANDMARKS]} of {sum(counter.values())} {kind} faces"
                            for kind, counter in self.counts.items() if counter)
        lines = [f"boxes: {told} have no provided box with an area: their landmarks' rectangle stands for it (AnchorFace crops "
                 "the index's boxes, Gaussian Vector the landmarks' rectangle of every face)"]
        shares = {counter[BY_LANDMARKS] / sum(counter.values()) for counter in self.counts.values() if counter}
        if len(shares) > 1 and shares & {0, 1}:
            lines.append("boxes: training and test faces are cropped by unlike boxes; --boxes landmarks makes them alike")
        return lines
