"""Readers of untrusted binary files, run in a child process with limits on memory and time.

HDF5, SQLite and MATLAB files are parsed by libraries in C, which a damaged file can crash, fill with memory or keep busy for
ever. Here that ends as one ``InputError`` that names the file:

    arrays = sandbox.read("data_prep.cofw:read_numbers", path, split="train")        # one answer
    for picture in sandbox.stream("data_prep.cofw:pictures", path, first=10):        # many, one in memory at a time
    with sandbox.Reader("data_prep.cofw:read_numbers", Limits(seconds=5)) as reader:  # one child for many files
        arrays = reader.read(path)                                                   # (restarted after a crash)

The function is named "module:function" and called as ``function(path, **keywords)`` in the child; the keywords are whatever
JSON holds. It returns a dict (or is a generator of dicts) of {name: value}; a value is an array of numbers, ``bytes``, or what
JSON holds: a string, a number, None, lists and dicts of them. An ``InputError`` that it raises is passed on as it is, any
other exception becomes one. Nothing is pickled in either direction: an answer is a JSON header and the arrays' bytes.

A child that cannot start (a module that cannot be imported) is a fault of ours and a RuntimeError.
"""

import json
import os
import re
import resource
import select
import signal
import struct
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from gv.core.errors import InputError

GIB = 2 ** 30
# Far more than an official file needs: the largest, COFW's, is read a picture at a time.
MEMORY = 8 * GIB
SECONDS = 600
LARGEST_HEADER = 256 * 2 ** 20
LARGEST_WRITTEN = 2 ** 20      # bytes that a child may write into one file: what libraries say on stderr, and no more
LENGTH = struct.Struct("<Q")
FUNCTION = re.compile(r"([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*):([A-Za-z_]\w*)", re.ASCII)
ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}  # threads cost address space
PLAIN = "biufc"  # dtype kinds that are nothing but numbers


@dataclass(frozen=True)
class Limits:
    """What one answer may take. memory: bytes of address space, the libraries' own included (RLIMIT_AS). seconds: wall-clock
    time that the parent waits, and as much processor time (RLIMIT_CPU); each answer of a stream has as much again."""

    memory: int = MEMORY
    seconds: float = SECONDS


def read(function, path, limits=None, **keywords):
    """The dict that ``function(path, **keywords)`` returns in a child of its own; InputError where it fails in any way."""
    with Reader(function, limits) as reader:
        return reader.read(path, **keywords)


def stream(function, path, limits=None, **keywords):
    """The dicts that the generator ``function(path, **keywords)`` yields in a child of its own, one at a time."""
    with Reader(function, limits) as reader:
        yield from reader.stream(path, **keywords)


class Reader:
    """One child that reads file after file with one function; it starts on the first and is started again after a crash.

    The child and all that it starts are one group, which ends with it, and no file that it writes grows beyond a mebibyte.
    """

    def __init__(self, function, limits=None):
        if not FUNCTION.fullmatch(function):
            raise ValueError(f"{function!r} is not module:function")
        self.function, self.limits = function, limits or Limits()
        self.child, self.errors, self._deadline = None, None, 0.0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def read(self, path, **keywords):
        """The one dict that the function returns for ``path``."""
        answers = list(self.stream(path, **keywords))
        if len(answers) != 1:
            raise RuntimeError(f"{self.function} gave {len(answers)} answers; use stream")
        return answers[0]

    def stream(self, path, **keywords):
        """The dicts that the function yields for ``path``. One that is not read to its end costs the child its life."""
        path = os.fspath(path)
        if self.child is None:
            self._start()
        self._deadline = time.monotonic() + self.limits.seconds
        request = json.dumps({"path": path, "keywords": keywords}).encode() + b"\n"
        finished = False
        try:
            self.child.stdin.write(request)
            self.child.stdin.flush()
            while True:
                header, values = self._answer(path)
                finished = header["kind"] != "item"
                if header["kind"] == "refused":
                    raise InputError(*header["error"])
                if header["kind"] == "failed":
                    raise InputError(path, f"cannot be read ({header['error']})")
                if finished:
                    return
                yield values
                self._deadline = time.monotonic() + self.limits.seconds
        except BrokenPipeError:
            raise self._crashed(path) from None
        finally:
            if not finished:
                self.close()

    def close(self):
        """End the child."""
        if self.child is not None:
            with suppress(ProcessLookupError):
                os.killpg(self.child.pid, signal.SIGKILL)     # it, and whatever it has started
            self.child.wait()
            self.child.stdin.close()
            self.child.stdout.close()
            self.errors.close()
        self.child = None

    def _start(self):
        module, name = FUNCTION.fullmatch(self.function).groups()
        code = f"from data_prep.sandbox import serve\nfrom {module} import {name}\nserve({name})"
        paths = os.pathsep.join(os.path.abspath(entry) for entry in sys.path)
        self.errors = tempfile.TemporaryFile()
        self.child = subprocess.Popen(
            [sys.executable, "-c", code, str(self.limits.memory), str(self.limits.seconds)], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=self.errors, bufsize=0, start_new_session=True,
            env={**os.environ, **ONE_THREAD, "PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"})
        self._deadline = time.monotonic() + SECONDS
        try:
            self._answer(self.function)
        except InputError as error:
            self.errors.seek(0)
            said = self.errors.read().decode(errors="replace")
            self.close()
            raise RuntimeError(f"the child of {self.function} did not start: {error.found}\n{said}") from None

    def _answer(self, path):
        """(header, values) of the child's next message."""
        header = json.loads(self._bytes(LENGTH.unpack(self._bytes(LENGTH.size, path))[0], path, LARGEST_HEADER))
        values = dict(header.get("values", {}))
        for name, (dtype, shape) in header.get("arrays", {}).items():
            if dtype == "bytes":
                values[name] = bytes(self._bytes(shape[0], path))
            else:
                size = int(np.prod(shape, dtype=object)) * np.dtype(dtype).itemsize
                values[name] = np.frombuffer(self._bytes(size, path), dtype).reshape(shape)
        return header, values

    def _bytes(self, size, path, most=None):
        """The next ``size`` bytes of the child; InputError where it ends, or takes longer than it may."""
        if size > min(most or self.limits.memory, self.limits.memory):
            raise InputError(path, f"cannot be read (an answer of {size} bytes)")
        parts = bytearray()
        while len(parts) < size:
            left = self._deadline - time.monotonic()
            if left <= 0 or not select.select([self.child.stdout], [], [], left)[0]:
                raise InputError(path, f"cannot be read (not done after {self.limits.seconds:g} s)", "a sound file of its kind")
            part = os.read(self.child.stdout.fileno(), min(size - len(parts), 2 ** 20))
            if not part:
                raise self._crashed(path)
            parts += part
        return parts

    def _crashed(self, path):
        code = self.child.wait()
        if code == -signal.SIGXCPU:
            reason = f"not done after {self.limits.seconds:g} s of processor time"
        else:
            reason = f"its library crashed, {signal.Signals(-code).name if code < 0 else f'exit code {code}'}"
        return InputError(path, f"cannot be read ({reason})", "a sound file of its kind")


def serve(function):
    """The child's loop: answers the requests on stdin, each {"path", "keywords"} a line of JSON, until there are no more.

    The memory and the seconds of an answer are the command's two arguments. Messages go out by what was stdout; anything that
    a library prints goes to stderr.
    """
    memory, seconds = int(sys.argv[1]), float(sys.argv[2])
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST_WRITTEN, LARGEST_WRITTEN))
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    memory = memory if hard == resource.RLIM_INFINITY else min(memory, hard)
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    _send(out, "ready")
    for line in sys.stdin.buffer:
        request = json.loads(line)
        try:
            _more_time(seconds)
            found = function(request["path"], **request["keywords"])
            for values in [found] if isinstance(found, dict) else found:
                _send(out, "item", values)
                _more_time(seconds)
            _send(out, "end")
        except InputError as error:
            _send(out, "refused", error=[error.where, error.found, error.expected, error.mend])
        except MemoryError:
            _send(out, "failed", error=f"it asks for more than {memory / GIB:g} GiB of memory")
        except BrokenPipeError:  # the parent is gone
            return
        except Exception as error:
            _send(out, "failed", error=f"{type(error).__name__}: {error}"[:300])


def _more_time(seconds):
    used = resource.getrusage(resource.RUSAGE_SELF)
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    soft = int(used.ru_utime + used.ru_stime + seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))


def _send(out, kind, values=None, **more):
    header, blobs = {"kind": kind, "values": {}, "arrays": {}, **more}, []
    for name, value in (values or {}).items():
        if isinstance(value, (bytes, bytearray)):
            header["arrays"][name] = ("bytes", [len(value)])
            blobs.append(value)
        elif isinstance(value, (np.ndarray, np.generic)):
            array = np.ascontiguousarray(value).reshape(np.shape(value))
            if array.dtype.kind not in PLAIN:
                raise TypeError(f"{name} is an array of {array.dtype}")
            header["arrays"][name] = (array.dtype.str, list(array.shape))
            blobs.append(array.tobytes())
        else:
            header["values"][name] = value
    text = json.dumps(header).encode()
    out.write(LENGTH.pack(len(text)) + text)
    for blob in blobs:
        out.write(blob)
    out.flush()
