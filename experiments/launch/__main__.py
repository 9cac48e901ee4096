"""Train over several processes, on this machine or on many.

    python -m experiments.launch --local 4 -- gv train --data data/300w --preset mini --out runs/first
    python -m experiments.launch --hosts FILE --servers 2 -- anchorface train ...

Starts MXNet's scheduler and parameter servers and the workers, each of which takes its share of every batch, and prints what they
print with their names before it. Where a process ends, or nothing moves for --patience seconds, all are ended, and the run is
started again from its last checkpoint. docs/machines.md says the rest.
"""

import argparse
import os
import shutil
import sys
import time

from experiments.launch.hosts import RSH, Host, interpreter, passed_on, read_hosts
from experiments.launch.job import Failed, Job, Plan, Progress, speaker
from gv.core.errors import InputError
from gv.core.exits import AsWritten, Parser, Stop
from gv.core.exits import run as run_main

PATIENCE = 600      # seconds; ASSUMED: a first batch, an evaluation or a checkpoint takes less
PAUSE, LONGEST_PAUSE = 1.0, 60.0      # seconds before a further start, twice as many after each that got nowhere
MODULES = {"gv": "gv.cli", "anchorface": "anchorface.cli"}


def _parser():
    parser = Parser(prog="python -m experiments.launch", description=__doc__, formatter_class=AsWritten)
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--local", type=int, metavar="N", help="so many workers on this machine")
    where.add_argument("--hosts", metavar="FILE",
                       help="a host a line: NAME [slots=WORKERS] [address=IP] [interface=NAME]; the scheduler and rank 0, which "
                            "writes the run, are on the first")
    parser.add_argument("--servers", type=int, metavar="M", help="parameter servers (default: one a host)")
    parser.add_argument("--engine", choices=("dist", "horovod"), default="dist",
                        help="what sums gradients: MXNet's parameter server, or Horovod's ring (default %(default)s)")
    parser.add_argument("--tries", type=int, default=3, metavar="K",
                        help="starts without a new checkpoint between them (default %(default)s)")
    parser.add_argument("--patience", type=float, default=PATIENCE, metavar="SECONDS",
                        help="without a step before the run is taken to hang (default %(default)s)")
    parser.add_argument("--rsh", default=RSH, metavar="COMMAND",
                        help='how to reach a host, as "COMMAND HOST sh", or with {host} for its name (default "%(default)s")')
    parser.add_argument("--folder", default=os.getcwd(), metavar="DIR", help="where the processes run (default: here)")
    parser.add_argument("--python", metavar="PATH", help="interpreter of the processes (default: this one)")
    parser.add_argument("--env", action="append", default=[], metavar="NAME[=VALUE]",
                        help="a variable more for remote processes; may be repeated")
    parser.add_argument("--gpus", type=int, default=0, metavar="G",
                        help="give each worker so many GPUs of its own, which it knows as gpu:0, ... (default: all see all)")
    parser.add_argument("command", nargs=argparse.REMAINDER, help="-- gv train ..., or anchorface train ..., or python with a "
                                                                  "script that takes --resume")
    return parser


def worker_command(words, python):
    """The command line of a worker, of what was given after ``--``; InputError for what is no training."""
    words = words[1:] if words[:1] == ["--"] else words
    usual = "gv train ..., anchorface train ... or python ..."
    if not words:
        raise InputError("--", "no command", usual)
    if words[0] == "python":
        return [python, *words[1:]]
    if words[0] not in MODULES:
        raise InputError(f"-- {words[0]}", "no command that can be shared", usual)
    if words[1:2] != ["train"]:
        raise InputError(f"-- {' '.join(words[:2])}", "no training", usual)
    return [python, "-m", MODULES[words[0]], *words[1:]]


def make_plan(arguments):
    """A Plan of the command line; InputError where it is none."""
    for name, least in (("local", 1), ("servers", 1), ("tries", 1), ("gpus", 0)):
        if getattr(arguments, name) is not None and getattr(arguments, name) < least:
            raise InputError(f"--{name}", getattr(arguments, name), f"at least {least}")
    if arguments.patience <= 0:
        raise InputError("--patience", arguments.patience, "more than 0 seconds")
    hosts = [Host("", arguments.local)] if arguments.local else read_hosts(arguments.hosts)
    python = interpreter(arguments.python)
    command = worker_command(arguments.command, python)
    if arguments.engine == "horovod":
        if arguments.servers or arguments.rsh != RSH or arguments.gpus > 1:
            raise InputError("--engine horovod", "with --servers, --rsh or several --gpus", "none: it has no servers, knows ssh "
                             "alone, and one GPU a worker")
        if shutil.which("horovodrun", path=os.pathsep.join([os.path.dirname(python), os.environ.get("PATH", "")])) is None:
            raise InputError("--engine horovod", "no command horovodrun", "Horovod beside this Python",
                             "docs/machines.md says how to build it, or use --engine dist")
    if not arguments.hosts and not os.path.isdir(arguments.folder):
        raise InputError(f"--folder {arguments.folder}", "no such folder")
    return Plan(hosts, arguments.servers or len(hosts), arguments.engine, command, os.path.abspath(arguments.folder),
                arguments.rsh, python, passed_on(arguments.env), arguments.gpus, arguments.patience)


def _places(plan):
    workers = len(plan.workers())
    where = f"{len(plan.hosts)} hosts" if len(plan.hosts) > 1 else plan.hosts[0].name or "this machine"
    servers = f" and {plan.servers} server{'s' * (plan.servers > 1)}" if plan.engine == "dist" else ""
    return f"{workers} worker{'s' * (workers > 1)}{servers} on {where}, {plan.engine}"


def supervise(plan, tries, stop, say, tell):
    """Start a run until it comes to a good end; returns how many starts that took. InputError after ``tries`` starts without a
    checkpoint between them. say, tell: functions of a line, of the processes' output and of ours."""
    progress, starts, vain = Progress(), 0, 0
    while True:
        before, starts = progress.saved, starts + 1
        try:
            Job(plan, progress, starts > 1 and "--resume" not in plan.command, say).run(stop)
            return starts
        except Failed as failure:
            vain = vain + 1 if progress.saved == before else 1
            kept = f"the checkpoint of step {progress.saved}" if progress.saved else "no checkpoint"
            if not failure.again:
                raise InputError("the run", failure, "", f"it is not tried again; {kept} is kept") from None
            if vain >= tries:
                raise InputError("the run", failure, f"a good end within {tries} starts",
                                 f"{kept} is kept; the same command with --resume goes on") from None
            tell(f"{failure}; start {starts + 1}, from {kept if progress.saved else 'the beginning'}")
            _pause(min(LONGEST_PAUSE, PAUSE * 2 ** (vain - 1)), stop)
            progress.step = progress.saved


def _pause(seconds, stop):
    end = time.monotonic() + seconds
    while time.monotonic() < end and stop.number is None:
        time.sleep(0.1)


def main(argv=None):
    """Read the command line, and bring the run to its end."""
    plan, tries = make_plan(arguments := _parser().parse_args(argv)), arguments.tries
    say, ours = speaker(), speaker(sys.stderr)

    def tell(text):
        ours(f"[launch] {text}")

    began = time.monotonic()
    with Stop().listening() as stop:
        tell(_places(plan))
        starts = supervise(plan, tries, stop, say, tell)
    again = f", {starts - 1} restart{'s' * (starts > 2)}" if starts > 1 else ""
    tell(f"done in {time.monotonic() - began:.0f} s{again}")


if __name__ == "__main__":
    sys.exit(run_main(main, "launch"))
