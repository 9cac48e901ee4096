"""The comparison of whole pipelines, with stand-ins for the peers: how they are asked, timed and told, and how they fail."""

import json
import os
import stat
import sys

import numpy as np
import pytest
from helpers import make_index

from experiments.studies import peers
from gv.core.errors import InputError
from gv.core.faces import read_split

# Answers as a peer's process does: landmarks that lie as far to the right as SHIFT says, none for the second picture
STAND_IN = """#!{python}
import json, sys, time
points, count = json.loads({points!r}), 0
print("ready", flush=True)
for line in sys.stdin:
    time.sleep({pause})
    name = line.strip().rsplit("/", 1)[-1]
    print(json.dumps({{"seconds": {pause}, "points": None if name == "common1.png" else points[name]}}), flush=True)
"""


def stand_in(path, index, pause=0.01, shift=0.0):
    points = {face.image.rsplit("/", 1)[-1]: (face.points + [shift, 0]).tolist() for face in read_split(index, "common")}
    path.write_text(STAND_IN.format(python=sys.executable, points=json.dumps(points), pause=pause))
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_pipelines_take_turns_and_are_told_with_their_errors(tmp_path, monkeypatch, capsys):
    index = make_index(tmp_path / "index", 2, 3)
    ours, dlib, mesh = (stand_in(tmp_path / name, index, pause, shift) for name, pause, shift in
                        (("ours", 0.01, 0.0), ("dlib", 0.02, 3.0), ("mediapipe", 0.005, 0.0)))
    monkeypatch.setattr(peers.sys, "executable", ours)
    peers.main(["--data", str(index.folder), "--faces", "3", "--peer", f"dlib={dlib}", "--peer", f"mediapipe={mesh}"])
    rows = {line.split("|")[1].strip(): [cell.strip() for cell in line.split("|")[2:-1]]
            for line in capsys.readouterr().out.splitlines() if line.startswith("| ") and "ms a picture" not in line}
    assert list(rows) == ["ours", "dlib", "mediapipe"] and {row[3] for row in rows.values()} == {"2"}
    assert rows["dlib"][2].startswith("2.00 [") and rows["mediapipe"][2].startswith("0.50 [") and rows["ours"][1] == "100"
    faces = [face for i, face in enumerate(read_split(index, "common")) if i != 1]
    expected = np.mean([300 / np.linalg.norm(face.points[45] - face.points[36]) for face in faces])
    assert rows["ours"][4] == "0.00" and float(rows["dlib"][4]) == pytest.approx(expected, abs=6e-3)
    assert rows["mediapipe"][4] == "other landmarks"


def test_what_cannot_be_compared_is_named(tmp_path, monkeypatch):
    index = make_index(tmp_path / "index", 2, 2)
    monkeypatch.setattr(peers.sys, "executable", stand_in(tmp_path / "ours", index))
    asked = ["--data", str(index.folder)]
    with pytest.raises(InputError, match="--peer.*one of dlib, mediapipe"):
        peers.main([*asked, "--peer", f"other={os.devnull}"])
    with pytest.raises(InputError, match="--faces"):
        peers.main([*asked, "--faces", "0"])
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\necho 'no module named dlib' >&2\nexit 1\n")
    broken.chmod(0o700)
    with pytest.raises(InputError, match="does not start .no module named dlib"):
        peers.main([*asked, "--peer", f"dlib={broken}"])
    ends = tmp_path / "ends"
    ends.write_text("#!/bin/sh\necho ready\nread line\n")
    ends.chmod(0o700)
    with pytest.raises(InputError, match="ended at"):
        peers.main([*asked, "--peer", f"dlib={ends}"])
