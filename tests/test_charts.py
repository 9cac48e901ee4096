"""The schemes in words and in charts: indices, groups, mirror pairs, and the shapes that the charts stand on."""

import json
import subprocess
import sys

import cv2
import numpy as np
import pytest
from helpers import ROOT, child_environment

from data_prep.synthetic.landmarks import chart_shape
from gv import cli
from gv.core import charts
from gv.core.layouts import LAYOUTS

SIZES = sorted(LAYOUTS)


@pytest.mark.parametrize("size", SIZES)
def test_the_shapes_are_the_drawn_heads(size):
    found = charts.shapes()[size]
    np.testing.assert_allclose(found, chart_shape(size), atol=0.051)
    apart = np.linalg.norm(found[:, None] - found[None], axis=2) + 1e3 * np.eye(size)
    assert apart.min() > 0.3      # mm: no landmark lies on another


@pytest.mark.parametrize("size", [size for size in SIZES if size != 39])
def test_mirror_pairs_lie_across_from_each_other(size):
    shape, layout = charts.shapes()[size], LAYOUTS[size]
    for i, j in charts.mirrored(layout):
        assert i < j and layout.flip[i] == j
        assert abs(shape[i, 0] + shape[j, 0]) < 1.5 and abs(shape[i, 1] - shape[j, 1]) < 1.5
    paired = {i for pair in charts.mirrored(layout) for i in pair}
    assert all(abs(shape[i, 0]) < 1.5 for i in range(size) if i not in paired)


@pytest.mark.parametrize("size", SIZES)
def test_every_landmark_has_its_smallest_group(size):
    layout = LAYOUTS[size]
    for i, name in enumerate(charts.group_of(layout)):
        assert i in layout.groups[name]
        assert all(len(rows) >= len(layout.groups[name]) for rows in layout.groups.values() if i in rows)


def test_runs_of_indices():
    assert charts.runs_text(range(17)) == "0-16" and charts.runs_text((0, 4, 2, 5)) == "0, 4, 2, 5"
    assert charts.runs_text((1, 2)) == "1, 2" and charts.runs_text((1, 2, 3, 7)) == "1-3, 7" and charts.runs_text(()) == ""


def test_the_command_lists_and_draws(tmp_path, capfd):
    assert cli.main(["layouts", "--draw", str(tmp_path), "--json"]) == 0
    found = json.loads(capfd.readouterr().out)["layouts"]
    assert sorted(one["landmarks"] for one in found) == SIZES
    for one in found:
        picture = cv2.imread(one["chart"])
        assert picture.shape[0] > 600 and 0.5 < (picture < 200).any(axis=2).mean() * 100 < 40
        assert sorted(i for pair in one["mirror_pairs"] for i in pair) == [i for i, j in enumerate(one["flip"]) if i != j]
    assert cli.main(["layouts", "--landmarks", "68"]) == 0
    said = capfd.readouterr().out
    assert "68 landmarks: 300W" in said and "between 36 and 45" in said and "0-16" in said and "106" not in said
    assert cli.main(["layouts", "--landmarks", "5"]) == 2


def test_it_needs_no_mxnet():
    code = "import sys; sys.modules['mxnet'] = None\nfrom gv.cli import main\nsys.exit(main(['layouts']))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=child_environment(), capture_output=True, text=True)
    assert done.returncode == 0 and "WFLW" in done.stdout
