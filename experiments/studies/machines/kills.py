"""Processes of a run killed at random moments: does it end by itself, where did it go on, and is it the same run?

    python -m experiments.studies.machines.kills --out runs/kills

Two workers, whose sums do not depend on who comes first, so that the undisturbed run is met to the bit. SIGKILL, once a run.
"""

import os
import re
import signal
import sys
import time
from pathlib import Path

import numpy as np

from experiments.studies.machines import runs
from gv.core.errors import InputError
from gv.core.exits import Parser
from gv.core.exits import run as run_main
from gv.core.files import write_json

COUNTS = {"worker": 10, "server": 3, "scheduler": 3}
IN_START = 3         # every so many kills come before the first step
WORKERS, SEED, STEP_SECONDS = 2, 16, 0.02
RESTART = re.compile(r"\[launch\] (.*); start (\d+), from (?:the checkpoint of step (\d+)|the beginning)")


def once(data, out, epochs, victim="", moment=0.0, training=False, rng=None):
    """One run, in which a process of the role ``victim`` is killed ``moment`` seconds after its start, or after the training's.

    Returns {what: value}; "start": the seconds until the training began.
    """
    begin, steps, killed = time.monotonic(), None, None
    with runs.launched(data, out, ["--local", str(WORKERS), "--patience", "200"], epochs=epochs) as process:
        while process.poll() is None and (steps is None or victim and killed is None):
            time.sleep(STEP_SECONDS)
            now = time.monotonic()
            if steps is None and (out / "config.json").exists():
                steps = now
            due = None if training and steps is None else (steps if training else begin) + moment
            if victim and due is not None and now >= due and killed is None:
                there = [child for child, role in sorted(runs.below(process.pid).items()) if role == victim]
                if there:
                    killed = now - begin
                    os.kill(there[int(rng.integers(len(there)))], signal.SIGKILL)
        said, code = runs.messages(process)
    restarts = [RESTART.match(line).groups() for line in said if RESTART.match(line)]
    return {"code": code, "seconds": time.monotonic() - begin, "start": (steps or begin) - begin, "victim": victim,
            "killed": killed, "restarts": restarts, "said": said[-1] if said else "",
            "loss": None if code else float(runs.log(out)[-1]["loss"])}


def row(number, found, whole, out):
    """A line of the table."""
    why, _, step = found["restarts"][0] if found["restarts"] else ("", "", "")
    same = "yes" if not found["code"] and runs.apart(whole, out)[0] == 0 and runs.apart(whole, out, "optimiser")[0] == 0 else "no"
    at = re.search(r" at step (\d+)", why)
    after = f"{found['killed']:.1f} s" if found["killed"] else ""
    first = f"| {number} | {found['victim']} | {after} | {why or 'nothing: it had ended'} | {at.group(1) if at else 0} | "
    return f"{first}{step or 0} | {found['seconds']:.0f} s | {found['loss']} | {same} |"


def main(argv=None):
    """Run, kill, and print the table."""
    parser = Parser(prog="python -m experiments.studies.machines.kills", description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="runs/kills", help="folder, new (default %(default)s)")
    parser.add_argument("--epochs", type=int, default=20, help="default %(default)s")
    parser.add_argument("--only", type=int, help="so many kills of each role at most")
    args = parser.parse_args(argv)
    out = Path(args.out)
    if (out / "whole").exists():
        raise InputError(f"--out {out}", "exists", "a new folder")
    data, rng = runs.drawn_faces(out), np.random.default_rng(SEED)
    whole = once(data, out / "whole", args.epochs)
    if whole["code"]:
        raise InputError("the undisturbed run", whole["said"], "a good end")
    steps = float(runs.log(out / "whole")[-1]["seconds"])
    print(f"undisturbed: {whole['seconds']:.0f} s, of which {whole['start']:.0f} before the first step and {steps:.0f} of steps; "
          f"loss {whole['loss']}, {runs.log(out / 'whole')[-1]['step']} steps\n")
    print("| | killed | after | what the launcher saw | at step | from step | whole run | last loss | equal to the bit |\n"
          "|---:|---|---:|---|---:|---:|---:|---:|---|", flush=True)
    found = []
    for victim, count in COUNTS.items():
        for number in range(min(count, args.only or count)):
            name, training = out / f"{len(found) + 1:02d}", number % IN_START != IN_START - 1
            moment = rng.uniform(0, 1) * (steps if training else whole["start"])
            found.append(once(data, name, args.epochs, victim, moment, training, rng))
            print(row(len(found), found[-1], out / "whole", name), flush=True)
    write_json(out / "found.json", {"whole": whole, "killed": found})


if __name__ == "__main__":
    sys.exit(run_main(main, "kills"))
