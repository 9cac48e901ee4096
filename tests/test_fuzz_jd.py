"""Damaged JD-landmark files through data_prep.jd: 106 landmarks or four numbers, or a one-line error."""

import numpy as np
import pytest
from fuzz import fuzz_text

from data_prep import jd


def _landmarks():
    for seed in range(4):
        points = np.random.default_rng(seed).uniform(-9, 900, (106, 2)).round(seed)
        yield "\n".join(["106", *(f"{x:g} {y:g}" for x, y in points)]) + "\n"


def _boxes():
    return ["10 20 210 220\n", "-5 0 61 72", "1.5 2.5 30.25 40\r\n"]


def _check_landmarks(points):
    assert np.shape(points) == (106, 2) and np.isfinite(points).all() and np.abs(points).max() <= 2 ** 20


def _check_box(box):
    assert len(box) == 4 and np.isfinite(box).all() and box[0] < box[2] and box[1] < box[3]


def _fuzz(count):
    for texts, parse, check in ((_landmarks(), jd.parse_landmarks, _check_landmarks), (_boxes(), jd.parse_box, _check_box)):
        seen = fuzz_text(lambda data, parse=parse: parse(data, "here"), list(texts), count, check)
        assert sum(seen.values()) == count and min(seen["parsed"], seen["refused"]) > count // 50, seen


def test_damaged_texts_are_parsed_or_refused():
    _fuzz(300)


@pytest.mark.slow
def test_10000_damaged_texts_of_each_kind_are_parsed_or_refused():
    _fuzz(10000)
