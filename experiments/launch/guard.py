"""Stands beside a process of a run, on its machine, and ends it, with all that it started, when the launcher says so or is gone.

    python -m experiments.launch.guard [--share N] [--port] [--silence SECONDS] -- COMMAND ...

The launcher holds the other end of this process's standard input: ``term`` and ``kill`` on a line of their own go to the
command's process group, and an end of the input, which is all that a killed launcher leaves, means both. So does a silence: a
connection that is cut may never be seen to end. The exit code is the command's, 128 and more where a signal ended it. Needs no
package.
"""

import argparse
import ctypes
import os
import select
import signal
import socket
import subprocess
import sys
import time

from gv.core.exits import BAD_INPUT
from gv.core.machine import cores
from gv.core.member import MARK

LOOK_SECONDS = 0.05      # between looks at the command and at the input
GRACE_SECONDS = 5.0      # from TERM to KILL, where the launcher is gone
ELSEWHERE = "192.0.2.1"  # an address of no network here (RFC 5737)
ADDRESSES = ("DMLC_NODE_HOST", "DMLC_PS_ROOT_URI")
PR_SET_PDEATHSIG = 1     # Linux: the signal that the system sends a process when its parent ends
WORDS = {b"term": signal.SIGTERM, b"kill": signal.SIGKILL}      # others are signs of life
ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def _end_with_me():
    """In the new process, before the command: a guard that is killed takes it along. Elsewhere than on Linux nothing does."""
    try:
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    except (OSError, AttributeError):
        pass


def free_port():
    """A port of this machine that nothing listens on now."""
    with socket.socket() as found:
        found.bind(("", 0))
        return found.getsockname()[1]


def numeric(name):
    """The address of a host's name, since ps-lite listens on numbers alone; OSError where there is none.

    Many systems know their own name as 127.0.1.1, which is of no use to others: then it is the one that packets leave by.
    """
    found = socket.gethostbyname(name)
    if not found.startswith("127.") or name in ("localhost", found):
        return found
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as outward:
        outward.connect((ELSEWHERE, 9))      # sends nothing
        return outward.getsockname()[0]


def _to_group(child, number):
    try:
        os.killpg(child.pid, number)
    except ProcessLookupError:
        pass


def watch(child, source, silence=None):
    """Wait for a process that leads a group of its own, and do what comes over ``source`` meanwhile; returns its code.

    silence: the most seconds without a word; None: any.
    """
    deadline, text, heard = None, b"", time.monotonic()

    def end():
        nonlocal deadline
        if deadline is None:
            _to_group(child, signal.SIGTERM)
            deadline = time.monotonic() + GRACE_SECONDS

    for number in ENDING:
        signal.signal(number, lambda *_: end())
    there = True
    while child.poll() is None:
        if there and select.select([source], [], [], LOOK_SECONDS)[0]:
            data = os.read(source, 4096)
            there, text, heard = bool(data), text + data, time.monotonic()
            *words, text = text.split(b"\n")
            for number in filter(None, map(WORDS.get, words)):
                _to_group(child, number)
        elif not there:
            time.sleep(LOOK_SECONDS)
        if not there or silence and time.monotonic() - heard > silence:
            end()
        if deadline is not None and time.monotonic() > deadline:
            _to_group(child, signal.SIGKILL)
    _to_group(child, signal.SIGKILL)      # what the command has left behind
    return child.returncode


def main(argv=None):
    """Start the command and watch over it."""
    parser = argparse.ArgumentParser(prog="guard", description=__doc__.splitlines()[0])
    parser.add_argument("--share", type=int, default=1, help="how many such commands share this machine's cores")
    parser.add_argument("--port", action="store_true", help="give the command a free port as DMLC_PS_ROOT_PORT, and say it")
    parser.add_argument("--silence", type=float, help="end the command when the launcher has said nothing for so many seconds")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    arguments = parser.parse_args(argv)
    environment = {**os.environ}
    environment.pop("PORT", None)      # ps-lite would take it for its own
    # a core is left free, for loading and for what the network wants: OpenMP's waiting threads lose threefold beside others
    environment.setdefault("OMP_NUM_THREADS", str(max(1, (cores() - 1) // arguments.share)))
    for name in filter(environment.get, ADDRESSES):
        try:
            environment[name] = numeric(environment[name])
        except OSError as error:
            print(f"{environment[name]}: no such host ({error.strerror}); expected a name that every host knows, or address=IP",
                  flush=True)
            return BAD_INPUT
    if arguments.port:
        environment["DMLC_PS_ROOT_PORT"] = str(free_port())
        print(f"{MARK}port {environment['DMLC_PS_ROOT_PORT']}{MARK}", flush=True)
    child = subprocess.Popen(arguments.command[1:], env=environment, stdin=subprocess.DEVNULL, start_new_session=True,
                             preexec_fn=_end_with_me)
    code = watch(child, sys.stdin.fileno(), arguments.silence)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main())
