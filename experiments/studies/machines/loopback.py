"""Four processes on this machine beside one: equality, images a second, bytes a step.

    python -m experiments.studies.machines.loopback --out runs/loopback

As root it runs in a network namespace of its own, so that no one else's bytes are counted. Minutes on two cores.
"""

import ctypes
import os
import subprocess
import sys
from pathlib import Path

from experiments.studies.machines import runs
from gv.core import checkpoint
from gv.core.errors import InputError
from gv.core.exits import Parser
from gv.core.exits import run as run_main
from gv.core.files import write_json

CLONE_NEWNET = 0x40000000      # of Linux's sched.h
STEADY = {"batchnorm": "frozen", "lr": 1e-5}      # what differs is rounding alone


def own_network():
    """Leave for a network namespace with nothing but a loopback; returns whether that was to be had."""
    if os.geteuid() or ctypes.CDLL(None).unshare(CLONE_NEWNET):
        return False
    return subprocess.run(["ip", "link", "set", "lo", "up"]).returncode == 0


def over(out, name, data, workers, servers, **settings):
    """Train over processes, in out/name; returns the bytes that went over the loopback."""
    before = runs.loopback_bytes()
    where = ["--local", str(workers), "--servers", str(servers), "--tries", "1"]
    with runs.launched(data, out / name, where, 1e9, **settings) as process:
        said, code = runs.messages(process)
    if code:
        raise InputError(name, said[-1], "a good end")
    return runs.loopback_bytes() - before


def measure(out, workers, epochs):
    """{what: number} of runs in ``out``."""
    data = runs.drawn_faces(out)
    runs.alone(data, out / "first", epochs=4)
    steady = {**STEADY, "start": out / "first", "epochs": epochs}
    runs.alone(data, out / "one", **steady)
    sent = over(out, "many", data, workers, 1, **steady)
    half = over(out, "half", data, workers, 1, **{**steady, "epochs": epochs // 2})
    devices = "cpu:" + ",".join(str(number) for number in range(workers))
    still = {"start": out / "first", "epochs": epochs, "lr": 1e-8}
    runs.alone(data, out / "devices", devices, **still)
    over(out, "shares", data, workers, 2, **still)
    steps = checkpoint.read_sidecar(out / "many")["step"]
    numbers = sum(value.size for value in checkpoint.load(out / "many", "optimiser").values()) // 2
    return {"workers": workers, "steps": steps, "numbers": numbers,
            "frozen": runs.apart(out / "one", out / "many"), "frozen_adam": runs.apart(out / "one", out / "many", "optimiser"),
            "batchnorm": runs.apart(out / "devices", out / "shares"),
            "losses": [[float(row["loss"]) for row in runs.log(out / name)][-1] for name in ("one", "many", "devices", "shares")],
            "images_s": {name: runs.speed(out / name) for name in ("one", "many", "devices", "shares")},
            "bytes_a_step": (sent - half) / (steps - checkpoint.read_sidecar(out / "half")["step"])}


def text(found):
    """The lines of a report."""
    expected = 2 * 4 * found["numbers"] * found["workers"]
    speeds = ", ".join(f"{name} {value:.0f}" for name, value in found["images_s"].items())
    return "\n".join([
        f"{found['workers']} processes, {found['steps']} steps, {found['numbers']} weights that learn",
        f"BatchNorm frozen, rate {STEADY['lr']:g}, beside one process: weights at most {found['frozen'][0]:.1e} apart, Adam's "
        f"state {found['frozen_adam'][0]:.1e}; last losses {found['losses'][0]:.6g}, {found['losses'][1]:.6g}",
        f"BatchNorm on shares, rate 1e-8, beside {found['workers']} devices of one process: {found['batchnorm'][0]:.1e}; last "
        f"losses {found['losses'][2]:.6g}, {found['losses'][3]:.6g}",
        f"images a second: {speeds}",
        f"bytes a step over the loopback: {found['bytes_a_step'] / 1e6:.2f} MB, of which gradients there and back "
        f"{expected / 1e6:.2f} MB (8 bytes x weights x workers)"])


def main(argv=None):
    """Measure and print."""
    parser = Parser(prog="python -m experiments.studies.machines.loopback", description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="runs/loopback", help="folder, new (default %(default)s)")
    parser.add_argument("--workers", type=int, default=4, help="default %(default)s")
    parser.add_argument("--epochs", type=int, default=6, help="default %(default)s")
    args = parser.parse_args(argv)
    out = Path(args.out)
    if (out / "one").exists():
        raise InputError(f"--out {out}", "exists", "a new folder")
    out.mkdir(parents=True, exist_ok=True)
    if not own_network():
        print("the loopback is shared: bytes of others are counted too", file=sys.stderr)
    found = measure(out, args.workers, args.epochs)
    write_json(out / "found.json", found)
    print(text(found))


if __name__ == "__main__":
    sys.exit(run_main(main, "loopback"))
