"""Training batches from processes of their own, for devices that one core cannot feed."""

import itertools
import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

from gv.core.data import batch_rows, cut, training_batches
from gv.core.errors import InputError
from gv.core.pictures import to_input

AHEAD = 2              # batches a process cuts before they are asked for
PER_GPU = 4            # processes a GPU; ASSUMED
LOOK = 1.0             # seconds between a process's looks for the training that it loads for

_dataset = None        # of a loading process


def default_workers(devices, cores):
    """How many processes load for these devices: none for a CPU, which they would take the cores from."""
    gpus = sum(device.device_type == "gpu" for device in devices)
    return min(PER_GPU * gpus, max(0, cores - 1))


def _end_with(parent):
    """End this process when it is no longer a child of ``parent``, which may have been killed."""
    while os.getppid() == parent:
        time.sleep(LOOK)
    os._exit(1)


def _begin(dataset, parent):
    """In a loading process: it is ended by the training, not by signals that this one handles, and never outlives it."""
    global _dataset
    _dataset = dataset
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _cut(epoch, rows):
    _dataset.epoch = epoch
    return cut(_dataset, rows)


class Loader:
    """Batches of a data set, cut by ``workers`` processes, or by this one where that is 0. A context manager.

    What a batch holds is a function of (seed, epoch, index) alone: their number changes no number. The processes are forked when
    the first batch is asked for; they touch no device. choose: as ``data.training_batches`` has it.
    """

    def __init__(self, dataset, batch, workers=0, choose=list):
        self.dataset, self.batch, self.workers, self.choose, self.pool = dataset, batch, workers, choose, None

    def __enter__(self):
        if self.workers:
            self.pool = ProcessPoolExecutor(self.workers, multiprocessing.get_context("fork"), _begin,
                                            (self.dataset, os.getpid()))
        return self

    def __exit__(self, *_):
        if self.pool:
            self.pool.shutdown()

    def batches(self, epoch, first_step=0):
        """The batches of one epoch from ``first_step`` on, as ``data.training_batches`` gives them."""
        if not self.pool:
            yield from training_batches(self.dataset, self.batch, epoch, first_step, self.choose)
            return
        waiting, rest = deque(), iter(batch_rows(self.dataset, self.batch, epoch, first_step, self.choose))
        try:
            waiting.extend(self.pool.submit(_cut, epoch, rows) for rows in itertools.islice(rest, AHEAD * self.workers))
            while waiting:
                crops, points = waiting.popleft().result()
                waiting.extend(self.pool.submit(_cut, epoch, rows) for rows in itertools.islice(rest, 1))
                yield to_input(crops), points
        except BrokenProcessPool:
            raise InputError("--workers", f"one of {self.workers} loading processes has ended", "memory enough for all of them",
                             "give fewer, or --workers 0") from None
        finally:
            for future in waiting:
                future.cancel()
