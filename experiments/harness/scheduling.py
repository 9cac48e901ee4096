"""Running jobs side by side on the devices given, each in a process of its own; what was finished before is not run again."""

import math
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from queue import Queue

from tqdm import tqdm

from experiments.harness import datasets, estimates
from experiments.harness.grid import Measure, Train
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
    options = ", ".join(f"{name}={value}" for name, value in job.source.options)
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
            f"{encoder_text(job)}about {estimates.memory(job, devices) / estimates.GIB:.1f} GiB a device (ESTIMATED)")


def encoder_text(job):
    """The encoder, where the method has a choice."""
    encoder = job.identity["config"]["options"].get("encoder")
    return f"{encoder}; " if encoder else ""


def _command(job, tables, seeds, place, device, beside):
    command = [sys.executable, "-m", "experiments.worker", "--table", ",".join(table.key for table in tables),
               "--key", job.key, "--preset", place.preset, "--out", place.out, "--records", place.records, "--devices", device,
               "--seeds", str(max(seeds) + 1), "--beside", str(beside), "--parent", str(os.getpid())]
    return command + (["--data", place.data] if place.data else []) + ["--start", place.start]


def run_all(jobs, tables, seeds, place, devices="cpu:0", together=False, quiet=False):
    """Run what is not finished; returns [(job, reason)] of those that failed.

    devices: as ``--devices``; one run a device side by side, or, together, one run at a time over all of them. Trainings come
    before the measurements that read them.
    """
    todo = [job for job in jobs if not job.finished()]
    names = {name for job in todo for name in ([job.source.data] if isinstance(job.source, Train) else job.source.data)}
    free = Queue()
    for slot in slots(devices, together):
        free.put(slot)
    beside = free.qsize()
    datasets.make([place.dataset(name) for name in sorted(names)], os.cpu_count() or 1)
    failed, running, held, stopped = [], set(), threading.Lock(), threading.Event()
    done = []
    environment = {**os.environ}
    if devices.startswith("cpu"):
        environment.setdefault("OMP_NUM_THREADS", "1")   # beside the loader's thread, more of them are slower

    def work(job):
        device = free.get()
        try:
            command = _command(job, tables, seeds, place, device, beside)
            with held:
                if stopped.is_set():
                    return
                # a group of its own: Ctrl-C reaches it through this process alone, once
                process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment,
                                           start_new_session=True)
                running.add(process)
            said = _follow(process, job.folder / LOG_FILE)
            code = process.wait()
            with held:
                running.discard(process)
            if stopped.is_set():
                return
            if code:
                failed.append((job, (said if code > 0 else f"ended by signal {-code}") or f"exit code {code}"))
            else:
                done.append(job)
        except OSError as error:
            failed.append((job, f"{error.filename or 'a file'}: {error.strerror}"))
        finally:
            free.put(device)

    with tqdm(total=len(todo), unit="run", disable=quiet or not todo, file=sys.stderr) as bar, ThreadPoolExecutor(beside) as pool:
        try:
            for kind in (Train, Measure):
                batch = [job for job in todo if isinstance(job.source, kind)]
                for job, _ in zip(batch, pool.map(work, batch)):
                    bar.set_postfix_str(describe(job)[:60], refresh=False)
                    bar.update()
        except BaseException as error:
            with held:
                stopped.set()
                under_way = len(running)
                for process in running:
                    process.terminate()
            if under_way:
                print(f"\nstopping: {under_way} run{'s' if under_way > 1 else ''} under way will save what there is",
                      file=sys.stderr, flush=True)
            pool.shutdown(wait=True)      # they save what they have
            if isinstance(error, (KeyboardInterrupt, Interrupted)):
                kept = (f"{len(done)} of {len(todo)} runs were finished and are kept, "
                        f"{under_way} under way saved what there was; the same command goes on")
                raise Interrupted(getattr(error, "number", signal.SIGINT), kept) from None
            raise
    return failed


def _follow(process, path):
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


def explain(failed):
    """The InputError that says which runs failed, and why the first did."""
    job, reason = failed[0]
    return InputError(describe(job), reason, "", f"{len(failed)} run{'s' if len(failed) > 1 else ''} failed; the log is "
                      f"{job.folder / LOG_FILE}; the rest is kept, run the same command again")
