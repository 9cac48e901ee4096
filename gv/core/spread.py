"""One training over several processes, on one machine or many: ranks, sums over them, and what rank 0 says.

``here()`` is what this process is part of: ``Alone``, unless the launcher (``experiments.launch``) has said otherwise in the
environment. Every rank makes the same calls in the same order. Each cuts and computes its own share of every batch; gradients are
summed over all ranks, and each rank makes the same update, so that no rank is ahead. Rank 0 alone reads and writes the run's
folder.
"""

import hashlib
import json
import os
import signal
import sys
import time
import traceback
from functools import lru_cache

import numpy as np

from gv.core.errors import InputError, one_of
from gv.core.member import ENGINE, RANK, beat

BEAT_SECONDS = 0.2       # between two words on steps
EXACT = 1 << 16          # whole numbers below this are exact in float32, and so are their sums with zeros


def share(count, rank, ranks, devices):
    """(first, last) of a batch of ``count`` faces that a rank computes: its devices', where those of all ranks share it."""
    edges = np.cumsum([0, *(len(part) for part in np.array_split(np.arange(count), ranks * devices))])
    return int(edges[rank * devices]), int(edges[(rank + 1) * devices])


class Alone:
    """One process: nothing is sent, and nothing changed. Its methods say what they do over several ranks."""

    rank, size = 0, 1

    def first(self, make):
        """What ``make()`` gives on rank 0, as JSON values, on every rank."""
        return make()

    def first_arrays(self, make):
        """{part: {name: float32 NDArray}} that ``make()`` gives on rank 0, on every rank."""
        return make()

    def agree(self, where, what):
        """InputError where ranks hold other JSON values than rank 0."""

    def start(self, parameters):
        """Give every rank rank 0's parameters."""

    def chooser(self, devices):
        """Function of a batch's rows to those that this rank cuts, for so many devices of its own: its share, or, where it has
        none, the batch's first, for which ``weigh`` then counts nothing."""
        return list

    def weigh(self, parts, count):
        """``data.split_batch`` of this rank's rows of a batch of ``count`` faces."""
        return parts

    def update(self, trainer, parameters, images):
        """One step of a Trainer by the gradients of all ranks. parameters: in the Trainer's order; images: of the whole batch."""
        trainer.step(images)

    def total(self, losses, stop, step):
        """A step's losses (an NDArray a device) over all ranks, and, to be asked by ``ending``, whether one of them is to end."""
        return losses

    def ending(self, stop, done=False):
        """The number of the signal that ends the run, or None: the same on every rank, since it is of the last step that all have
        computed. done: wait for the step under way."""
        return stop

    def average(self, parameters):
        """Give every device of every rank the average of BatchNorm's statistics."""
        for parameter in parameters:
            copies = parameter.list_data()
            if len(copies) > 1:
                parameter.set_data(_mean(copies))

    def union(self, statistics, devices):
        """{"<number of the device among all>.<name>": NDArray} of {"<number among the rank's>.<name>": NDArray} of every rank."""
        return statistics

    def check_equal(self, weights):
        """RuntimeError where ranks hold other weights ({name: NDArray}), by a hash that all send to each other."""

    def finish(self):
        """All ranks have come to a good end."""


ALONE = Alone()


def _mean(copies):
    import mxnet as mx
    return mx.nd.add_n(*(copy.as_in_context(mx.cpu()) for copy in copies)) / len(copies)


class Several(Alone):
    """Some ranks of one training, over an engine that can ``add``."""

    def __init__(self, engine):
        self.engine, self.rank, self.size = engine, engine.rank, engine.size
        self._told, self._beaten = [], 0.0

    def _from_first(self, numbers, count):
        """A float32 vector of ``count`` numbers that rank 0 has, on every rank: all others add zeros to it."""
        import mxnet as mx
        vector = mx.nd.array(numbers if self.rank == 0 else np.zeros(count), dtype="float32")
        self.engine.add(f"first {count}", [vector])
        return vector

    def first(self, make):
        text = json.dumps(make()).encode() if self.rank == 0 else b""
        high, low = self._from_first(divmod(len(text), EXACT), 2).asnumpy().astype(int)
        length = int(high) * EXACT + int(low)
        text = np.frombuffer(text.ljust(length + length % 2), "<u2")
        pairs = self._from_first(text, (length + 1) // 2).asnumpy().astype("<u2")
        return json.loads(pairs.tobytes()[:length].decode())

    def first_arrays(self, make):
        import mxnet as mx
        mine = make() if self.rank == 0 else {}
        shapes = self.first(lambda: {part: {name: value.shape for name, value in sorted(values.items())}
                                     for part, values in mine.items()})
        found = {}
        for part, named in shapes.items():
            sizes = {name: int(np.prod(shape)) for name, shape in named.items()}
            flat = [mine[part][name].asnumpy().ravel() for name in named] if self.rank == 0 else []
            vector, at, found[part] = self._from_first(np.concatenate(flat) if flat else None, sum(sizes.values())), 0, {}
            for name, shape in named.items():
                found[part][name] = mx.nd.reshape(vector[at:at + sizes[name]], shape=tuple(shape)).copy()
                at += sizes[name]
        return found

    def gather(self, name, values):
        """(ranks, n) float32 of a vector (n,) of each rank, to the bit: each adds zeros to the others' rows."""
        import mxnet as mx
        table = np.zeros((self.size, len(values)), np.float32)
        table[self.rank] = values
        table = mx.nd.array(table)
        self.engine.add(f"gathered {name} {len(values)}", [table])
        return table.asnumpy()

    def _digests(self, name, data):
        """The ranks whose bytes are not rank 0's."""
        rows = self.gather(name, np.frombuffer(hashlib.sha256(data).digest(), np.uint8))
        return [rank for rank, row in enumerate(rows) if (row != rows[0]).any()]

    def agree(self, where, what):
        other = self._digests("agreed", json.dumps(what, sort_keys=True).encode())
        if other:
            raise InputError(where, f"rank {other[0]} has others than rank 0", "the same on every rank",
                             "copy the data and the code of the first host to all")

    def start(self, parameters):
        values = self.first_arrays(lambda: {"all": {f"{index:06d}": parameter.list_data()[0]
                                                    for index, parameter in enumerate(parameters)}})["all"]
        for index, parameter in enumerate(parameters):
            parameter.set_data(values[f"{index:06d}"])

    def chooser(self, devices):
        def choose(rows):
            first, last = share(len(rows), self.rank, self.size, devices)
            return rows[first:last] or rows[:1]
        return choose

    def weigh(self, parts, count):
        first, last = share(count, self.rank, self.size, len(parts))
        return parts if first < last else [(images, points, 0 * weights) for images, points, weights in parts]

    def update(self, trainer, parameters, images):
        for index, parameter in enumerate(parameters):
            if parameter.grad_req != "null":
                self.engine.add(f"gradient {index}", parameter.list_grad(), priority=-index)
        trainer.update(images)

    def total(self, losses, stop, step):
        import mxnet as mx
        loss = mx.nd.add_n(*(value.as_in_context(mx.cpu()).reshape((1,)) for value in losses))
        told = mx.nd.concat(loss, mx.nd.array([float(stop is not None)]), dim=0)
        self.engine.add("step", [told])
        self._told = [*self._told[-1:], (step, told)]
        return [told[0:1]]

    def ending(self, stop, done=False):
        told = self._told if done else self._told[:-1]
        if not told:
            return None
        step, told = told[-1]
        asked = told.asnumpy()[1] > 0
        if done or time.monotonic() - self._beaten > BEAT_SECONDS:
            beat(f"step {step}")
            self._beaten = time.monotonic()
        return (stop or signal.SIGTERM) if asked else None

    def average(self, parameters):
        for index, parameter in enumerate(parameters):
            copies = parameter.list_data()
            self.engine.add(f"statistics {index}", copies)
            for copy in copies:
                copy /= self.size * len(copies)

    def union(self, statistics, devices):
        names = sorted(statistics)
        rows = self.gather("statistics", np.concatenate([statistics[name].asnumpy().ravel() for name in names]))
        import mxnet as mx
        found = {}
        for rank, row in enumerate(rows):
            at = 0
            for name in names:
                number, _, rest = name.partition(".")
                shape = statistics[name].shape
                found[f"{rank * devices + int(number)}.{rest}"] = mx.nd.array(row[at:at + int(np.prod(shape))].reshape(shape))
                at += int(np.prod(shape))
        return found

    def check_equal(self, weights):
        digest = hashlib.sha256()
        for name in sorted(weights):
            digest.update(name.encode() + weights[name].asnumpy().tobytes())
        other = self._digests("weights", digest.digest())
        if other:
            raise RuntimeError(f"rank {other[0]} of {self.size} holds other weights than rank 0")

    def finish(self):
        self.engine.finish()


class ParameterServer:
    """MXNet's own: each server sums what the workers push, and they pull the sum. One process more, the scheduler, names all.

    The ranks are the launcher's, not those that the scheduler deals out as workers come.
    """

    def __init__(self):
        import mxnet as mx
        from mxnet.base import _LIB, check_call
        self.store = mx.kv.create("dist_sync")
        self.rank, self.size = int(os.environ[RANK]), self.store.num_workers
        self._keys = {}
        check_call(_LIB.MXKVStoreSetBarrierBeforeExit(self.store.handle, 0))     # a rank that fails waits for none

    def add(self, name, arrays, priority=0):
        """Sum an array, of which ``arrays`` are one a device, over devices and ranks, into all of them; it waits for nothing."""
        import mxnet as mx
        if name not in self._keys:
            self._keys[name] = len(self._keys)
            self.store.init(self._keys[name], mx.nd.zeros(arrays[0].shape))
        self.store.push(self._keys[name], arrays, priority=priority)
        self.store.pull(self._keys[name], out=arrays, priority=priority)

    def finish(self):
        """Wait for the other workers, and end servers and scheduler. Now, while MXNet's threads can still be joined."""
        import mxnet as mx
        from mxnet.base import _LIB, check_call
        mx.nd.waitall()
        check_call(_LIB.MXKVStoreSetBarrierBeforeExit(self.store.handle, 1))
        self.store = None


class Ring:
    """Horovod's all-reduce: every rank sends as much whatever their number. One device a process."""

    def __init__(self):
        try:
            import horovod.mxnet as hvd
        except ImportError as error:
            raise InputError("--engine horovod", f"Horovod cannot be loaded ({error})", "Horovod built for MXNet",
                             "docs/machines.md says how, or use --engine dist") from None
        hvd.init()
        self._hvd, self.rank, self.size = hvd, hvd.rank(), hvd.size()

    def add(self, name, arrays, priority=0):
        """As ``ParameterServer.add``."""
        if len(arrays) > 1:
            raise InputError("--engine horovod", f"{len(arrays)} devices a process", "one", "start more workers")
        self._hvd.allreduce_(arrays[0], average=False, name=name, priority=priority)

    def finish(self):
        """Nothing waits."""


ENGINES = {"dist": ParameterServer, "horovod": Ring}


def _say_and_end(kind, error, trace):
    """An exception that nobody expects ends this process at once: its end would wait for sums that never come."""
    traceback.print_exception(kind, error, trace)
    sys.stderr.flush()
    os._exit(1)


@lru_cache(maxsize=None)
def here():
    """What this process is part of."""
    engine = os.environ.get(ENGINE)
    if not engine:
        return ALONE
    sys.excepthook = _say_and_end
    beat("joining")
    found = Several(ENGINES[one_of(ENGINE, engine, ENGINES)]())
    beat("joined")
    return found
