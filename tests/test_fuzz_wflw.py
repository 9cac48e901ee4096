"""Damaged WFLW lists through data_prep.wflw: each line a face or a one-line error, none lost."""

import numpy as np
import pytest
from fuzz import fuzz_text

from data_prep import wflw
from gv.core.errors import InputError


def _lists():
    """Four lists of three faces in the official layout."""
    texts = []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        texts.append("".join(" ".join([*(f"{v:.6f}" for v in rng.uniform(-9, 900, 196)), "61", "71", "185", "175",
                                       *map(str, rng.integers(0, 2, 6)), f"{i}--Parade/0_Parade {seed}.jpg"]) + "\n"
                             for i in range(3)).encode())
    return texts


def _fuzz(count):
    seen = {"faces": 0, "errors": 0}

    def read(data):
        return data, wflw.parse_list(data, "here")

    def check(result):
        data, rows = result
        assert len(rows) == sum(bool(text.strip()) for text in data.splitlines())
        for row in rows:
            if isinstance(row, InputError):
                assert str(row).startswith("here:") and len(str(row).splitlines()) == 1 and len(str(row)) < 400
                seen["errors"] += 1
                continue
            assert row.points.shape == (98, 2) and row.points.dtype == np.float64
            assert np.isfinite(row.points).all() and np.isfinite(row.box).all() and len(row.box) == 4
            assert tuple(row.flags) == wflw.ATTRIBUTES and set(row.flags.values()) <= {0, 1}
            assert row.image and row.image.isprintable() and not row.image.startswith("/") and ".." not in row.image.split("/")
            seen["faces"] += 1

    fuzz_text(read, _lists(), count, check)
    return seen


def test_damaged_lists_are_parsed_or_refused_line_by_line():
    seen = _fuzz(300)
    assert seen["faces"] > 100 and seen["errors"] > 100


@pytest.mark.slow
def test_many_damaged_lists_are_parsed_or_refused_line_by_line():
    seen = _fuzz(10_000)
    print(seen)
    assert seen["faces"] > 3000 and seen["errors"] > 3000
