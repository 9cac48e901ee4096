"""Small trainings under the launcher, for the studies of this folder, and what they leave."""

import csv
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from gv.core import checkpoint

# the smallest net of the project: 32 px, 8 x 8 cells, half of ResNetV2-18
TINY = {"size": 32, "side": 8, "width": 8, "faces": 0, "batch": 8, "lr": 1e-3, "detector_faces": 0}
FACES = 96              # drawn, of which a part trains
WORKER = """
import sys
from gv.core import train as training
training.SAVE_SECONDS = float(sys.argv.pop(1))
from gv.cli import main
sys.exit(main())
"""


def drawn_faces(folder):
    """An index of drawn faces in a folder, made where it is not there; returns its path."""
    folder = Path(folder, "faces")
    if not (folder / "index.json").is_file():
        command = [sys.executable, "-m", "data_prep.synthetic", "--like", "300w", "--size", str(FACES), "--out", str(folder)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return folder


def arguments(data, out, **settings):
    """The arguments of ``gv train``."""
    given = [f"--set={name}={value}" for name, value in {**TINY, **settings}.items()]
    return ["train", "--data", str(data), "--preset", "smoke", *given, "--out", str(out), "--threads", "1"]


@contextmanager
def launched(data, out, where, save_seconds=0.0, **settings):
    """A Popen of the launcher, which is gone when the block is left. where: its options; save_seconds: between checkpoints, at
    ends of epochs."""
    command = [sys.executable, "-m", "experiments.launch", *where, "--", "python", "-c", WORKER, str(save_seconds),
               *arguments(data, out, **settings)]
    with open(f"{out}.txt", "wb") as printed:
        process = subprocess.Popen(command, stdout=printed, stderr=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()      # its guards see it, and end all
        process.wait()


def messages(process):
    """(the lines that the launcher itself says, until it has ended; its exit code)."""
    said = process.communicate()[1].decode().splitlines()
    return said, process.returncode


def alone(data, out, devices="cpu:0", **settings):
    """Train in one process."""
    subprocess.run([sys.executable, "-m", "gv.cli", *arguments(data, out, **settings), "--devices", devices], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def log(folder):
    """The rows of a run's log."""
    with open(Path(folder, "log.csv"), newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def speed(folder):
    """Images a second, the median of the epochs but the first."""
    return float(np.median([float(row["images_per_second"]) for row in log(folder)[1:]]))


def apart(one, other, part="weights"):
    """(largest difference, share of numbers that are more than 1e-6 apart) of two runs' weights."""
    first, second = checkpoint.load(one, part), checkpoint.load(other, part)
    gaps = np.concatenate([np.abs(first[name].asnumpy() - second[name].asnumpy()).ravel() for name in first])
    return float(gaps.max()), float((gaps > 1e-6).mean())


def below(parent):
    """{process: its DMLC_ROLE} of a process's descendants that are no guards."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(path.parent.name)] = int(path.read_text(errors="replace").rpartition(")")[2].split()[1])
        except OSError:
            pass
    found, inside = {}, {parent}
    while True:
        more = {child for child, of in parents.items() if of in inside} - inside
        if not more:
            break
        inside |= more
    for child in inside - {parent}:
        try:
            words = Path(f"/proc/{child}/cmdline").read_bytes()
            environment = dict(line.partition(b"=")[::2] for line in Path(f"/proc/{child}/environ").read_bytes().split(b"\0"))
        except OSError:
            continue
        if b"experiments.launch.guard" not in words and b"DMLC_ROLE" in environment:
            found[child] = environment[b"DMLC_ROLE"].decode()
    return found


def loopback_bytes():
    """Bytes that have gone over this machine's loopback."""
    for line in Path("/proc/self/net/dev").read_text(encoding="ascii").splitlines():
        name, _, rest = line.partition(":")
        if name.strip() == "lo":
            return int(rest.split()[8])
    raise OSError("no loopback")
