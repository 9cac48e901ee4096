"""One job on a Dask worker: a process of its own, on devices of the worker that are free, ended when nobody wants it any more.

A Dask worker imports this module and loads no MXNet: it waits for processes, as the harness does on one machine.
"""

import os
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from weakref import WeakKeyDictionary

REFUSED = 3             # exit code of experiments.worker where code, data or devices are not those that the command means
LOOK_SECONDS = 0.5      # between looks at whether the job is still wanted
ENDED_BY_SIGNAL = (130, 143)
LEAVING_SECONDS = 3.0   # in which a worker that is ended together with its job's process begins to leave

_held = threading.Lock()
_free = WeakKeyDictionary()     # {worker: {kind: numbers of its devices that no job has}}
_under_way = set()              # keys of the tasks whose process runs


def follow(process, path):
    """What a process prints, put into a log as it comes, until it ends; returns the last line. A full disk costs the log."""
    last, log = b"", None
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        log = open(path, "ab", buffering=0)
    with process.stdout:
        for line in process.stdout:
            last = line.strip() or last
            if log:
                with suppress(OSError):
                    log.write(line)
    if log:
        log.close()
    return last.decode("utf-8", "replace")


def reason_of(code, said):
    """Why a job's process failed, by its exit code and the last line it printed; "" where it did not."""
    return code and ((said if code > 0 else f"ended by signal {-code}") or f"exit code {code}") or ""


@contextmanager
def _taken(worker, kind, count):
    """("gpu:0,2", runs that fit this worker side by side): devices of a worker that no other job has meanwhile.

    The scheduler sends no more jobs at a time than the worker's resource allows.
    """
    total = int(worker.state.total_resources[kind])
    with _held:
        free = _free.setdefault(worker, {}).setdefault(kind, list(range(total)))
        numbers, free[:] = free[:count], free[count:]
    try:
        yield f"{kind}:{','.join(map(str, numbers))}", total // count
    finally:
        with _held:
            free[:] = sorted(free + numbers)


def _wanted(worker, key):
    """Whether a task is: not cancelled, its client not gone, the worker not about to leave."""
    task = worker.state.tasks.get(key)
    return task is not None and task.state != "cancelled" and worker.status.name in ("running", "paused")


def under_way():
    """The keys of the tasks whose process runs in this worker, to ask workers for."""
    with _held:
        return sorted(_under_way)


def _lacking(folder, shared):
    """What this machine does not see of the command's folders, in words, or ""."""
    if not os.path.isdir(folder):
        return f"no folder {folder}, in which the command was called"
    missing = [path for path in shared if not Path(folder, path).is_file()]
    return f"another folder {Path(folder, missing[0]).parent} than the command's" if missing else ""


def run(arguments, folder, log, shared, environment, kind, count):
    """Run experiments.worker with ``arguments`` on ``count`` devices of a kind: a task of Dask's.

    folder: the command's, in which the process starts; log: of what it prints; shared: files that the command has put into the
    folders of runs and records, to see that they are the same here. Paths below ``folder``. environment: on top of this worker's.

    Returns {"worker": where, "reason": why it failed or ""}, with "refused" where this worker must not run such jobs, and with
    "stopped" where the process was ended since it was not wanted: it has saved what there was.
    """
    from distributed import get_worker
    worker = get_worker()
    key = worker.get_current_task()
    answer = {"worker": worker.address, "host": socket.gethostname(), "reason": "", "refused": False, "stopped": False}
    lacking = _lacking(folder, shared)
    if lacking:
        return {**answer, "refused": True, "reason": f"{lacking}; expected one on a file system that all machines share"}
    with _taken(worker, kind, count) as (devices, beside):
        command = [sys.executable, "-m", "experiments.worker", *arguments, "--devices", devices, "--beside", str(beside),
                   "--parent", str(os.getpid())]
        try:
            process = subprocess.Popen(command, cwd=folder, env={**os.environ, **environment}, stdout=subprocess.PIPE,
                                       stderr=subprocess.STDOUT, start_new_session=True)
        except OSError as error:
            return {**answer, "refused": True, "reason": f"{error.filename}: {error.strerror}"}
        over, unwanted = threading.Event(), threading.Event()

        def watch():
            while not over.wait(LOOK_SECONDS):
                if not _wanted(worker, key):
                    unwanted.set()
                    process.terminate()
                    return

        with _held:
            _under_way.add(key)
        watching = threading.Thread(target=watch, daemon=True)
        watching.start()
        try:
            said = follow(process, Path(folder, log))
            code = process.wait()
            if code in ENDED_BY_SIGNAL and not unwanted.is_set():
                unwanted.wait(LEAVING_SECONDS)
        finally:
            over.set()
            with _held:
                _under_way.discard(key)
    return {**answer, "reason": reason_of(code, said), "refused": code == REFUSED, "stopped": unwanted.is_set() and code != 0}
