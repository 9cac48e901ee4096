"""Whole pipelines side by side, from a picture's file to landmarks: this project's, and others' where they are installed.

    python -m experiments.studies.peers --data data/300w --peer mediapipe=/path/to/python --peer dlib=/path/to/python

Each pipeline lives in a process of its own, on the Python that has it, and they take turns, a picture each; one looks for faces
itself. Ours is that of ``--run``, or of the weights that come with the package. mediapipe: MediaPipe's face mesh
(mediapipe==0.10.14, which brings its models). dlib: its frontal detector and 68 points (dlib-bin, face_recognition_models).
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from experiments.studies import peer_worker
from gv.core import timing
from gv.core.data import choose_faces
from gv.core.errors import InputError, one_of
from gv.core.evaluate import face_errors
from gv.core.exits import AsWritten, Parser
from gv.core.exits import run as run_main
from gv.core.faces import read_index, read_split

ROOT = Path(__file__).resolve().parents[2]
OURS = "ours"
SAME_POINTS = ("ours", "dlib")      # whose landmarks are the index's own, in its order


def start(name, python, run=""):
    """The process of a pipeline, once it is ready; InputError where it does not come up."""
    process = subprocess.Popen([python, peer_worker.__file__, name, run], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True, env={**os.environ, "GV_ROOT": str(ROOT)})
    if process.stdout.readline().strip() != "ready":
        said = process.communicate()[1].strip().splitlines()
        raise InputError(f"--peer {name}={python}", f"does not start ({said[-1][:120] if said else 'it said nothing'})",
                         "a Python with what the pipeline needs")
    return process


def ask(process, path):
    """What a pipeline says of a picture, {"seconds", "points"}."""
    process.stdin.write(f"{path}\n")
    process.stdin.flush()
    line = process.stdout.readline()
    if not line:
        raise InputError("a pipeline", f"ended at {path}", "an answer")
    return json.loads(line)


def compare(processes, index, faces):
    """{name: {"seconds": [...], "found": n, "errors": [NME of each face it found, a share, ...]}}; a first picture warms up."""
    paths = [os.path.join(str(index.folder), face.image) for face in faces]
    results = {name: {"seconds": [], "found": 0, "errors": []} for name in processes}
    for process in processes.values():
        ask(process, paths[0])
    for path, face in zip(paths, faces):
        for name, process in processes.items():
            answer = ask(process, path)
            results[name]["seconds"].append(answer["seconds"])
            results[name]["found"] += answer["points"] is not None
            if answer["points"] is not None and name in SAME_POINTS and len(answer["points"]) == len(face.points):
                error, = face_errors(np.array([answer["points"]]), [face], index.normaliser, index.layout)
                results[name]["errors"].append(float(error))
    return results


def main(arguments=None):
    """Measure, and print the table as Markdown."""
    options = Parser(prog="python -m experiments.studies.peers", description=__doc__, formatter_class=AsWritten)
    options.add_argument("--data", required=True, help="index folder of real faces")
    options.add_argument("--split", default="common", help="of it (default %(default)s)")
    options.add_argument("--faces", type=int, default=100, help="in an even spread over the split (default %(default)s)")
    options.add_argument("--run", default="", help="ours (default: the weights that come with the package)")
    others = sorted(set(peer_worker.PIPELINES) - {OURS})
    options.add_argument("--peer", action="append", default=[], metavar="NAME=PYTHON",
                         help=f"{', '.join(others)}, and the Python that has it; may be repeated")
    args = options.parse_args(arguments)
    if args.faces < 1:
        raise InputError("--faces", args.faces, "at least 1")
    peers = {OURS: sys.executable}
    for text in args.peer:
        name, _, python = text.partition("=")
        peers[one_of("--peer", name, others)] = python
    index = read_index(args.data)
    faces = choose_faces(read_split(index, args.split), args.faces)
    processes = {}
    try:
        for name, python in peers.items():
            processes[name] = start(name, python, args.run if name == OURS else "")
        results = compare(processes, index, faces)
    finally:
        for process in processes.values():
            process.kill()
            process.wait()
    print(f"{len(faces)} pictures of {index.provenance_line(args.split)}\n")
    print("| pipeline | ms a picture | faces a second | times ours | found | NME of those found, % |\n|---|" + "---:|" * 5)
    for name, found in results.items():
        took = timing.milliseconds(found["seconds"])
        against = timing.text(timing.ratio(found["seconds"], results[OURS]["seconds"]))
        error = f"{100 * np.mean(found['errors']):.2f}" if found["errors"] else "other landmarks"
        print(f"| {name} | {timing.text(took, 1)} | {1000 / took['median']:.0f} | {against} | {found['found']} | {error} |")


if __name__ == "__main__":
    sys.exit(run_main(main, "peers"))
