"""A table's runs as tasks of Dask's distributed scheduler: devices of many machines, one run a device; docs/cluster.md."""

import logging
import os
import re
import sys
import time
import uuid
from contextlib import suppress
from pathlib import Path
from queue import Empty, Queue

from experiments.harness import on_worker, records
from experiments.harness.jobs import sets_of
from experiments.harness.scheduling import LOG_FILE, arguments_of, say_stopping
from gv.core.errors import InputError
from gv.core.files import lock

ADDRESS = re.compile(r"inproc://\S+|([a-z]+://)?[^\s/]+:\d+")
CONNECT_SECONDS = 20
WAIT_SECONDS = 30.0      # for a first worker that has the device
LOOK_SECONDS = 5.0       # between looks at the workers while no run ends
MARK = ".experiments-"   # begins the names of files that say whose folder it is
KEPT_VARIABLES = ("OMP_NUM_THREADS", "MXNET_")    # of the command's environment, which change what a run computes, ...
OWN_VARIABLES = ("MXNET_HOME",)                   # ... and those that are each machine's own


def connect(address):
    """A Dask ``Client`` of a scheduler; InputError where there is none, or no Dask."""
    try:
        from distributed import Client
    except ImportError as error:
        raise InputError("--scheduler", f"Dask's scheduler cannot be imported ({error})", "",
                         'install it on every machine: pip install ".[cluster]"') from None
    expected = "the address that dask scheduler prints, such as tcp://host:8786"
    if not ADDRESS.fullmatch(address):
        raise InputError("--scheduler", f'"{address}"', expected, "see docs/cluster.md")
    logging.getLogger("distributed").setLevel(logging.CRITICAL)    # what is lost is said here, in one line
    try:
        return Client(address, timeout=CONNECT_SECONDS, set_as_default=False, name="experiments")
    except (OSError, ValueError) as error:
        raise InputError("--scheduler", f"no scheduler at {address} ({str(error) or type(error).__name__})", expected,
                         "see docs/cluster.md") from None


def device_of(devices, together):
    """("gpu", 4) of "gpu:0,1,2,3" together, else ("gpu", 1): the kind and the number of devices that a run takes."""
    kind, _, ids = devices.partition(":")
    return kind, len(ids.split(",")) if together else 1


def workers(client):
    """{address: what Dask tells of it} of a scheduler's workers."""
    try:
        return client.scheduler_info(n_workers=-1)["workers"]
    except TypeError:       # of before 2025, which tell of all
        return client.scheduler_info()["workers"]


def fitting(client, kind, count):
    """{address: runs side by side} of the workers with ``count`` devices of a kind, and threads to wait for their runs."""
    fits = {address: min(int(worker["resources"].get(kind, 0)) // count, worker["nthreads"])
            for address, worker in workers(client).items()}
    return {address: number for address, number in fits.items() if number}


def side_by_side(address, devices, together):
    """How many runs the workers of a scheduler have room for now, for a plan."""
    client = connect(address)
    try:
        return sum(fitting(client, *device_of(devices, together)).values())
    finally:
        client.close()


def _variables(kind):
    """The environment that runs get from the command's."""
    kept = {name: value for name, value in os.environ.items() if name.startswith(KEPT_VARIABLES) and name not in OWN_VARIABLES}
    if kind == "cpu":
        kept.setdefault("OMP_NUM_THREADS", "1")
    return kept


def mark(folder, name):
    """The ``Lock`` on a file in a folder, by which workers see that it is theirs too; what killed commands left there goes."""
    for path in Path(folder).glob(f"{MARK}*"):
        left = lock(folder, path.name, wait=False)
        if left:
            path.unlink(missing_ok=True)
            left.close()
    return lock(folder, name)


class Cluster:
    """Runs jobs on the workers of a scheduler, one a device: a context, with the interface of ``scheduling.Processes``."""

    def __init__(self, address, tables, seeds, place, devices="cpu:0", together=False):
        self.address, self.asked, self.place = address, (tables, seeds, place), place
        self.kind, self.count = device_of(devices, together)
        self.name, self.marks = f"{MARK[1:]}{uuid.uuid4().hex[:12]}", []
        self.shared = [str(Path(folder, f".{self.name}")) for folder in (place.out, place.records)]
        self.refused, self.done, self.waiting, self.ended = {}, 0, {}, Queue()
        self.told = False

    def __enter__(self):
        self.client = connect(self.address)
        try:
            deadline = time.monotonic() + WAIT_SECONDS
            while not self._usable() and time.monotonic() < deadline:
                time.sleep(0.2)
            if not self._usable():
                have = "; ".join(f"{address}: {_text(worker['resources'])}" for address, worker in workers(self.client).items())
                raise self._none(f"no worker has {self.kind}={self.count} ({have or 'no worker at all'})")
            self.marks += [mark(folder, f".{self.name}") for folder in (self.place.out, self.place.records)]
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *error):
        for path in self.shared:
            with suppress(OSError):
                os.unlink(path)
        for each in self.marks:
            each.close()
        with suppress(OSError):
            self.client.close()

    def _usable(self):
        """{address: runs side by side} of the workers that have the device and were not refused."""
        fits = fitting(self.client, self.kind, self.count)
        return {address: number for address, number in fits.items() if address not in self.refused}

    def _none(self, found):
        return InputError(f"--scheduler {self.address}", found, f"dask worker {self.address} --nthreads N --resources "
                          f"{self.kind}=N in the project's environment", "see docs/cluster.md")

    def _submit(self, job):
        """Hand a job to the scheduler, past the workers that were refused."""
        tables, seeds, place = self.asked
        indexes = [f"{name}={records.key_of(place.dataset(name).identity)}" for name in sets_of(job.source)]
        arguments = [*arguments_of(job, tables, seeds, place), "--sources", job.sources,
                     *(word for index in indexes for word in ("--index", index))]
        only = sorted(self._usable()) if self.refused else None
        future = self.client.submit(
            on_worker.run, arguments, os.getcwd(), str(job.folder / LOG_FILE), self.shared, _variables(self.kind), self.kind,
            self.count, key=f"{self.name}-{job.key}-{uuid.uuid4().hex[:8]}", resources={self.kind: self.count}, workers=only,
            pure=False)
        self.waiting[future.key] = future, job, only
        future.add_done_callback(self.ended.put)

    def run(self, jobs):
        """(job, reason or "") of every job, as they end; a lost worker's are taken up by another, from the last checkpoint."""
        left = len(jobs)
        for job in jobs:
            self._submit(job)
        while left:
            try:
                future = self.ended.get(timeout=LOOK_SECONDS)
            except Empty:
                self._look()
                continue
            _, job, _ = self.waiting.pop(future.key, (None, None, None))
            if job is None:
                continue
            answer = self._answer(future)
            if answer["refused"]:
                self._refuse(answer)
                self._submit(job)
            elif answer["stopped"]:
                self._submit(job)       # its worker is leaving
            else:
                left -= 1
                self.done += not answer["reason"]
                yield job, answer["reason"]

    def _answer(self, future):
        """What ``on_worker.run`` returned, or the same of a task that could not."""
        if future.status == "finished":
            return future.result()
        if future.status == "error":
            error = future.exception()
            if type(error).__name__ == "KilledWorker":
                error = "the workers that ran it were lost, one after another; their logs say more"
            return {"reason": " ".join(str(error).split()) or type(error).__name__, "refused": False, "stopped": False}
        raise InputError(f"--scheduler {self.address}", "lost", "", "what was trained is kept; the same command goes on")

    def _refuse(self, answer):
        """Give a worker no more jobs; InputError where no other is left."""
        if answer["worker"] not in self.refused:
            self.refused[answer["worker"]] = answer["reason"]
            where = f"worker {answer['worker']} on {answer['host']}"
            if not self._usable():
                raise InputError(where, f"refused: {answer['reason']}", "", "no other worker is left; what was finished is kept")
            print(f"\n{where}: refused: {answer['reason']}; the others go on", file=sys.stderr, flush=True)

    def _look(self):
        """Notice what the scheduler does not: jobs bound to workers of which none is left, and that nothing can go on."""
        usable = self._usable()
        if not usable and not self.told:
            print(f"\nno worker with {self.kind}={self.count} is left: waiting for one", file=sys.stderr, flush=True)
        self.told = not usable
        for key, (future, job, only) in list(self.waiting.items()):
            if usable and only and not set(only) & set(usable):
                del self.waiting[key]
                self.client.cancel([future])
                self._submit(job)

    def stop(self):
        """Cancel what is left, and wait until the runs under way have saved what there is; returns how many those were."""
        futures, self.waiting = [future for future, _, _ in self.waiting.values()], {}
        try:
            begun = self._under_way()
            self.client.cancel(futures)
            say_stopping(len(begun))
            while self._under_way():
                time.sleep(on_worker.LOOK_SECONDS)
        except (OSError, TimeoutError):
            return 0    # the scheduler is gone, and its workers end what nobody wants
        return len(begun)

    def _under_way(self):
        """The keys of this command's tasks that run on workers now."""
        found = self.client.run(on_worker.under_way, on_error="ignore")
        return {key for keys in found.values() if keys for key in keys if key.startswith(self.name)}


def _text(resources):
    """{"cpu": 2.0} as "cpu=2"."""
    return ", ".join(f"{name}={amount:g}" for name, amount in resources.items()) or "no resources"
