"""experiments.studies.ideal_anchors: an idealised net has the errors it was given, and its aggregations what follows."""

import sys

import numpy as np
import pytest
from helpers import make_index

from anchorface.anchors import anchor_points, place
from experiments.studies import ideal_anchors
from gv.core.errors import InputError


@pytest.fixture(scope="module")
def ideal():
    rng = np.random.default_rng(0)
    shape = rng.uniform(-30, 30, (19, 2))
    points = 55.5 + shape + rng.normal(0, 3, (20, 19, 2)) + rng.normal(0, 5, (20, 1, 2))
    turned = [shape @ np.array([[np.cos(t), -np.sin(t)], [np.sin(t), np.cos(t)]]).T for t in np.arange(24) * np.pi / 12]
    anchors = place(np.array(turned) / 112, anchor_points(112, 28, 7), 112)

    def measure(*case):
        return ideal_anchors.measure(case, anchors, 24, points, 112, 0.05, np.full(20, 112.0), seed=0)
    return measure


def test_an_idealised_net_that_errs_not_at_all(ideal):
    found = ideal(0, 0, 0)
    assert all(found[name] < 1e-6 for name in ("weighted", "argmax", "mean", "mean_confident", "common", "deviation", "epsilon"))


def test_an_idealised_net_has_the_errors_it_was_given(ideal):
    assert ideal(0.02, 0.05, 0.01)["epsilon"] == pytest.approx(0.05, abs=2e-3)
    assert ideal(0.02, 0, 0.01)["common"] == pytest.approx(0.02, rel=0.05)
    assert ideal(0, 0, 0.01)["deviation"] == pytest.approx(0.01, rel=0.02)
    alike = ideal(0.02, 0, 0)       # what all anchors share, no aggregation takes back
    assert [alike[name] for name in ("argmax", "mean", "mean_confident")] == pytest.approx([alike["weighted"]] * 3, rel=1e-4)
    assert alike["weighted"] == pytest.approx(0.02 * np.sqrt(np.pi / 4), rel=0.05)       # the mean of a Rayleigh distance
    apart = ideal(0, 0, 0.03)       # of 1176 errors of its own each, the more are averaged the less is left
    assert apart["mean"] < apart["weighted"] < apart["argmax"] == pytest.approx(0.03 * np.sqrt(np.pi / 4), rel=0.05)


def test_p_follows_what_the_offsets_leave(ideal):
    assert ideal(0.01, 0.05, 0)["pearson"] < ideal(0.03, 0.05, 0)["pearson"] < ideal(0.03, 0.005, 0)["pearson"]
    assert ideal(0, 0.05, 0)["pearson"] < -0.9


def test_the_ideal_net_s_command(tmp_path, capsys, monkeypatch):
    index = make_index(tmp_path, train=30, common=4)
    monkeypatch.setattr(sys, "argv", ["x", "--data", str(index.folder), "--split", "common", "--faces", "3", "--preset", "smoke",
                                      "--case", "1,2,3"])
    ideal_anchors.main()
    out = capsys.readouterr().out
    assert "3 faces of" in out and "| 1 | 2 | 3 |" in out and "<" in out
    for case in ("1,2", "x,y,z", "-1,0,0", "nan,0,0", "100,0,0"):
        with pytest.raises(InputError, match="--case"):
            ideal_anchors.read_case(case)
