"""Running jobs side by side on the devices given, each in a process of its own; what was finished before is not run again."""

import math
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from queue import Queue

from tqdm import tqdm

from experiments.harness import datasets, estimates
from experiments.harness.grid import At, Measure, Train
from experiments.harness.on_worker import follow, reason_of
from gv.core.errors import InputError
from gv.core.exits import Interrupted

LOG_FILE = "worker.log"


def slots(devices, together):
    """["cpu:0", "cpu:1"] of "cpu:0,1": one run a device; together, one slot that holds them all."""
    kind, _, ids = devices.partition(":")
    return [devices] if together else [f"{kind}:{number}" for number in (ids or "0").split(",")]


def describe(job):
    """A job in one line."""
    if isinstance(job.source, Measure):
        return f"{job.source.name}, seed {job.seed}"
    run_with = {name: value for part in job.identity["config"].values() if isinstance(part, dict) for name, value in part.items()}
    options = ", ".join(f"{name}={run_with.get(name, value) if isinstance(value, At) else value}"
                        for name, value in job.source.options)
    curve = f", curve on {job.source.curve}" if job.source.curve else ""
    return f"{job.source.method} on {job.source.data}" + (f", {options}" if options else "") + f"{curve}, seed {job.seed}"


def settings(job, devices=1):
    """What a training is run with, in one line: schedule, rate, steps, crop, start, memory on each of its devices; "" of a
    measurement."""
    if isinstance(job.source, Measure):
        return ""
    config = job.identity["config"]
    training, crop = config["training"], config["crop"]
    rate = f"rate {training['lr']:g}" + (" cosine" if training["schedule"] == "cosine" else
                                         f", times {training['lr_factor']:g} at {', '.join(map(str, training['lr_epochs']))}")
    faces = job.images // training["epochs"]
    steps = math.ceil(faces / training["batch"]) * training["epochs"]
    return (f"{training['epochs']} epochs of {faces} faces, batch {training['batch']}, {steps} steps, {rate}; {crop['size']} px, "
            f"{crop['boxes']} boxes enlarged by {100 * crop['enlarge']:g} %; start {training['start']}; "
            f"{encoder_text(job)}{memory_text(job, devices)}")


def memory_text(job, devices):
    """What a training takes on each of its devices."""
    try:
        return f"about {estimates.memory(job, devices) / estimates.GIB:.1f} GiB a device (ESTIMATED)"
    except InputError:      # options that no net can be built with: the run will say it
        return "memory not known"


def encoder_text(job):
    """The encoder, where the method has a choice."""
    encoder = job.identity["config"]["options"].get("encoder")
    return f"{encoder}; " if encoder else ""


def arguments_of(job, tables, seeds, place):
    """The command line of experiments.worker for a job, without what depends on where it runs."""
    return ["--table", ",".join(table.key for table in tables), "--key", job.key, "--preset", place.preset, "--out", place.out,
            "--records", place.records, "--seeds", str(max(seeds) + 1), "--start", place.start,
            *(["--data", place.data] if place.data else [])]


class Processes:
    """Runs jobs in processes of this machine, one a slot: a context, which ``cluster.Cluster`` can stand for."""

    def __init__(self, tables, seeds, place, devices="cpu:0", together=False):
        self.asked, self.free = (tables, seeds, place), Queue()
        for slot in slots(devices, together):
            self.free.put(slot)
        self.beside, self.done = self.free.qsize(), 0
        self._running, self._held, self._stopped = set(), threading.Lock(), threading.Event()
        self._environment = {**os.environ}
        if devices.startswith("cpu"):
            self._environment.setdefault("OMP_NUM_THREADS", "1")   # beside the loader's thread, more of them are slower

    def __enter__(self):
        self._pool = ThreadPoolExecutor(self.beside)
        return self

    def __exit__(self, *error):
        self._pool.shutdown(wait=True)

    def run(self, jobs):
        """(job, reason why it failed or "") of every job."""
        return zip(jobs, self._pool.map(self._work, jobs))

    def _work(self, job):
        device = self.free.get()
        try:
            command = [sys.executable, "-m", "experiments.worker", *arguments_of(job, *self.asked), "--devices", device,
                       "--beside", str(self.beside), "--parent", str(os.getpid())]
            with self._held:
                if self._stopped.is_set():
                    return ""
                # a group of its own: Ctrl-C reaches it through this process alone, once
                process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=self._environment,
                                           start_new_session=True)
                self._running.add(process)
            said = follow(process, job.folder / LOG_FILE)
            code = process.wait()
            with self._held:
                self._running.discard(process)
                self.done += not code and not self._stopped.is_set()
            return reason_of(code, said)
        except OSError as error:
            return f"{error.filename or 'a file'}: {error.strerror}"
        finally:
            self.free.put(device)

    def stop(self):
        """End the runs under way, which save what there is, and start no other; returns how many those were."""
        with self._held:
            self._stopped.set()
            under_way = len(self._running)
            for process in self._running:
                process.terminate()
        say_stopping(under_way)
        self._pool.shutdown(wait=True)
        return under_way


def say_stopping(under_way):
    """Tell the user that runs are about to end."""
    if under_way:
        print(f"\nstopping: {under_way} run{'s' if under_way > 1 else ''} under way will save what there is", file=sys.stderr,
              flush=True)


def run_all(jobs, place, pool, quiet=False, before=None):
    """Run what is not finished on a pool, ``Processes`` or ``cluster.Cluster``; returns [(job, reason)] of those that failed.

    Trainings come before the measurements that read them. before: called once the pool can work.
    """
    todo = [job for job in jobs if not job.finished()]
    if not todo:
        return []
    names = {name for job in todo for name in ([job.source.data] if isinstance(job.source, Train) else job.source.data)}
    failed = []
    with ExitStack() as stack:
        stack.enter_context(pool)
        if before:
            before()
        bar = stack.enter_context(tqdm(total=len(todo), unit="run", disable=quiet, file=sys.stderr))
        try:
            datasets.make([place.dataset(name) for name in sorted(names)], os.cpu_count() or 1)
            for kind in (Train, Measure):
                for job, reason in pool.run([job for job in todo if isinstance(job.source, kind)]):
                    if reason:
                        failed.append((job, reason))
                    bar.set_postfix_str(describe(job)[:60], refresh=False)
                    bar.update()
        except BaseException as error:
            under_way = pool.stop()
            if isinstance(error, (KeyboardInterrupt, Interrupted)):
                kept = (f"{pool.done} of {len(todo)} runs were finished and are kept, "
                        f"{under_way} under way saved what there was; the same command goes on")
                raise Interrupted(getattr(error, "number", signal.SIGINT), kept) from None
            raise
    return failed


def explain(failed):
    """The InputError that says which runs failed, and why the first did."""
    job, reason = failed[0]
    return InputError(describe(job), reason, "", f"{len(failed)} run{'s' if len(failed) > 1 else ''} failed; the log is "
                      f"{job.folder / LOG_FILE}; the rest is kept, run the same command again")
