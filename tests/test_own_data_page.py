"""docs/own_data.md as it is written: its blocks run one after the other, and what it says is printed is."""

import csv
import json
import os
import re
import subprocess
import sys

import cv2
import pytest
from helpers import ROOT, child_environment

from gv.core import exported
from gv.core.faces import read_index, read_split

pytest.importorskip("onnx", reason="needs the extra onnx")
pytest.importorskip("onnxruntime", reason="needs the extra onnx")

PAGE = (ROOT / "docs/own_data.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def walked(tmp_path_factory):
    """(the folder in which the page's blocks were run, what each printed)."""
    folder, tools = tmp_path_factory.mktemp("walk"), tmp_path_factory.mktemp("bin")
    for name, arguments in (("python", ""), ("gv", "-m gv.cli ")):
        (tools / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {arguments}"$@"\n')
        (tools / name).chmod(0o755)
    environment = child_environment()
    environment["PATH"] = f"{tools}{os.pathsep}{environment['PATH']}"
    printed = []
    for kind, text in BLOCK.findall(PAGE):
        if kind == "text":
            continue
        program = {"sh": ["bash", "-e"], "python": [sys.executable, "-"]}[kind]
        done = subprocess.run(program, input=text, cwd=folder, env=environment, capture_output=True, text=True, timeout=280)
        assert done.returncode == 0, f"{text}\n{done.stderr}"
        printed.append(done.stdout)
    return folder, printed


def test_it_prints_what_the_page_says(walked):
    said = [text for kind, text in BLOCK.findall(PAGE) if kind == "text"]
    assert len(said) == 1 and said[0] in walked[1]


def test_what_it_leaves(walked):
    folder, printed = walked
    index = read_index(folder / "data/twelve")
    assert index.splits == {"train": 48, "test": 12} and index.layout.size == 12 and index.normaliser == "pair"
    drawn = {face.image.replace("/", "-"): face for split in ("train", "full")
             for face in read_split(read_index(folder / "data/drawn"), split)}
    for split in index.splits:
        for face in read_split(index, split):
            true = drawn[face.image.rpartition("/")[2]].points
            assert (face.points == true[[36, 39, 42, 45, 27, 30, 31, 35, 48, 54, 51, 8]]).all()
    assert cv2.imread(str(folder / "charts/layout_12_own.png")) is not None
    assert cv2.imread(str(folder / "drawn/images-train-000000.png")) is not None
    with open(folder / "found.csv", newline="") as lines:
        row, = csv.DictReader(lines)
    assert {"x_nose_tip", "y_chin", "score_left_mouth"} <= set(row)
    assert (folder / "points/images-train-000000.pts").read_text().count("\n") == 12 + 4
    description = json.loads((folder / "exported/model.json").read_text())
    assert description["layout"]["name"] == "twelve" and description["landmarks"] == 12
    assert exported.Exported(folder / "exported").names == index.layout.names
    assert "its encoder and decoder" in printed[-1] and "NME(PAIR)" in printed[-1]


def test_the_pages_lead_here():
    for page in ("README.md", "docs/data.md"):
        assert "own_data.md" in (ROOT / page).read_text(encoding="utf-8")
