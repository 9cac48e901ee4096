"""Stand-ins for the processes that Dask workers start: a "training" of STEPS short steps that saves after every second one.

As a script it is such a process, called as experiments.worker is. As a Dask preload, and by ``stand_in``, it makes a worker start
it instead of experiments.worker.
"""

import argparse
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

STEPS, STEP_SECONDS, SAVE_EVERY = 6, 0.05, 2


def process(arguments):
    """Go on with the steps of a job from where they were saved; everything that happens goes into OUT/journal."""
    from experiments.worker import end_with
    from gv.core.files import write_text
    parser = argparse.ArgumentParser()
    for name in ("key", "out", "devices", "sources", "beside"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--parent", type=int)
    args, _ = parser.parse_known_args(arguments)
    end_with(args.parent)
    saved = Path(args.out, f"{args.key}.steps")
    asked = []
    signal.signal(signal.SIGTERM, lambda *_: asked.append(True))

    def note(what, **more):
        line = {"what": what, "key": args.key, "pid": os.getpid(), "parent": args.parent, "devices": args.devices,
                "beside": args.beside, **more}
        with open(Path(args.out, "journal"), "a") as journal:
            journal.write(json.dumps(line) + "\n")

    with open(Path(args.out, f"{args.key}.lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        step = int(saved.read_text()) if saved.exists() else 0
        note("begin", step=step)
        steps = int(os.environ.get("STAND_IN_STEPS", STEPS))
        while step < steps and not asked:
            time.sleep(STEP_SECONDS)
            step += 1
            note("step", step=step)
            if step % SAVE_EVERY == 0:
                write_text(saved, str(step))
        if asked:
            write_text(saved, str(step))
        note("stopped" if asked else "end", step=step)
    print(f"the last line of {args.key}", flush=True)
    return 143 if asked else 0


def start(command, **options):
    """``Popen`` of the stand-in for a command of experiments.worker."""
    assert command[1:3] == ["-m", "experiments.worker"]
    return subprocess.Popen([sys.executable, __file__, *command[3:]], **options)


def stand_in(popen=start):
    """What stands for the module ``subprocess`` on a worker."""
    return SimpleNamespace(Popen=popen, PIPE=subprocess.PIPE, STDOUT=subprocess.STDOUT)


def dask_setup(worker):
    """Called by ``dask worker --preload``."""
    from experiments.harness import on_worker
    on_worker.subprocess = stand_in()


def journal(out):
    """What the stand-ins noted in a folder of runs, in order."""
    path = Path(out, "journal")
    return [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []


if __name__ == "__main__":
    sys.exit(process(sys.argv[1:]))
