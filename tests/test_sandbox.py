"""data_prep.sandbox: what a child returns, and that nothing a reader does reaches the parent but one InputError."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from data_prep import sandbox
from data_prep.sandbox import GIB, Limits
from gv.core.errors import InputError

# Functions that a child calls; a module of its own, since a child imports what it calls.
READERS = '''
import os, signal, subprocess, sys, time
import numpy as np
from gv.core.errors import InputError

def values(path, count):
    return {"halves": np.arange(count) / 2, "none": np.zeros((0, 3), np.uint8), "turned": np.arange(6).reshape(2, 3).T,
            "one": np.float32(3), "raw": b"\\x00\\xff", "words": ["\\u00e9", ""], "path": path, "missing": None}

def pictures(path, count):
    for i in range(count):
        yield {"i": i, "picture": np.full((300, 400), i, np.uint8)}
    if path == "bad end":
        raise InputError(path, "a bad end")

def printing(path):
    print("on stdout")
    os.write(1, b"by a library")
    return {"pid": os.getpid()}

def crash(path):
    if path == "good":
        return {"pid": os.getpid()}
    os.kill(os.getpid(), signal.SIGSEGV)

def sleep(path):
    signal.pause()

def spin(path):
    while True:
        pass

def fill(path):
    return {"ones": np.ones(2 ** 34)}

def leave(path):
    os._exit(3)

def refuse(path):
    raise InputError(path + ":7", "a comma", "a number", "remove it")

def fail(path):
    raise KeyError("two\\nlines")

def orphan(path):
    child = subprocess.Popen(["sleep", "60"])
    yield {"pid": child.pid}
    time.sleep(60)

def write(path):
    with open(path, "wb") as file:
        for _ in range(50):
            file.write(bytes(2 ** 20))
    return {"done": 1}

def objects(path):
    return {"a": np.array([{}])}
'''
SMALL = Limits(memory=GIB, seconds=1)


@pytest.fixture(autouse=True)
def readers(tmp_path, monkeypatch):
    (tmp_path / "sandbox_readers.py").write_text(READERS)
    monkeypatch.syspath_prepend(str(tmp_path))


def test_what_is_returned_comes_out():
    found = sandbox.read("sandbox_readers:values", "a b.mat", count=5)
    assert np.array_equal(found.pop("halves"), [0, 0.5, 1, 1.5, 2])
    none, turned, one = found.pop("none"), found.pop("turned"), found.pop("one")
    assert none.shape == (0, 3) and none.dtype == np.uint8
    assert np.array_equal(turned, [[0, 3], [1, 4], [2, 5]])
    assert one.shape == () and one.dtype == np.float32 and one == 3
    assert found == {"raw": b"\x00\xff", "words": ["é", ""], "path": "a b.mat", "missing": None}


def test_a_stream_is_read_one_at_a_time():
    found = sandbox.stream("sandbox_readers:pictures", "x", count=50)
    assert [(answer["i"], answer["picture"].shape, int(answer["picture"].max())) for answer in found] == [
        (i, (300, 400), i) for i in range(50)]
    found = sandbox.stream("sandbox_readers:pictures", "bad end", count=1)
    assert next(found)["i"] == 0
    with pytest.raises(InputError, match="bad end: a bad end"):
        next(found)


def test_one_child_reads_many_and_is_restarted_after_a_crash():
    with sandbox.Reader("sandbox_readers:crash", SMALL) as reader:
        first = reader.read("good")["pid"]
        assert reader.read("good")["pid"] == first
        with pytest.raises(InputError, match="bad: cannot be read .*SIGSEGV"):
            reader.read("bad")
        assert reader.read("good")["pid"] not in (first, os.getpid())
        last = reader.child
    assert last.poll() is not None


def test_a_stream_that_is_left_does_not_mix_with_the_next():
    with sandbox.Reader("sandbox_readers:pictures") as reader:
        half = reader.stream("x", count=9)
        assert next(half)["i"] == 0
        half.close()
        assert [answer["i"] for answer in reader.stream("x", count=2)] == [0, 1]


def test_what_a_library_prints_is_not_an_answer(capfd):
    assert sandbox.read("sandbox_readers:printing", "x")["pid"] != os.getpid()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("function, reason", [
    ("crash", "x: cannot be read (its library crashed, SIGSEGV)"),
    ("leave", "x: cannot be read (its library crashed, exit code 3)"),
    ("sleep", "x: cannot be read (not done after 1 s)"),
    ("fill", "x: cannot be read (it asks for more than 1 GiB of memory)"),
    ("fail", "x: cannot be read (KeyError: 'two\\nlines')"),
    ("objects", "x: cannot be read (TypeError: a is an array of object)"),
    ("refuse", "x:7: a comma; expected a number; remove it"),
])
def test_a_failure_is_one_input_error(function, reason):
    start = time.monotonic()
    with pytest.raises(InputError) as caught:
        sandbox.read(f"sandbox_readers:{function}", "x", SMALL)
    assert str(caught.value).startswith(reason) and "\n" not in str(caught.value)
    assert time.monotonic() - start < 30


def test_what_a_child_starts_ends_with_it():
    with sandbox.Reader("sandbox_readers:orphan") as reader:
        number = next(reader.stream("x"))["pid"]
        assert Path(f"/proc/{number}").exists()
    deadline = time.monotonic() + 10
    while Path(f"/proc/{number}").exists() and "Z" not in Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0]:
        assert time.monotonic() < deadline, "the child's own child lives on"
        time.sleep(0.05)


def test_a_child_cannot_fill_the_disk(tmp_path):
    with pytest.raises(InputError, match="File too large|OSError"):
        sandbox.read("sandbox_readers:write", tmp_path / "big")
    assert (tmp_path / "big").stat().st_size <= sandbox.LARGEST_WRITTEN


def test_processor_time_is_limited_without_the_parents_watch():
    """The child ends by itself, as it must where the parent is gone."""
    code = "from data_prep.sandbox import serve\nfrom sandbox_readers import spin\nserve(spin)"
    request = json.dumps({"path": "x", "keywords": {}}).encode() + b"\n"
    done = subprocess.run([sys.executable, "-c", code, str(GIB), "0.2"], input=request, capture_output=True, timeout=60,
                          env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
    assert done.returncode == -24  # SIGXCPU


def test_a_module_that_cannot_be_imported_is_a_fault_of_ours():
    with pytest.raises(RuntimeError, match="No module named 'nowhere_at_all'"):
        sandbox.read("nowhere_at_all:read", "x")
    with pytest.raises(ValueError, match="module:function"):
        sandbox.Reader("os; import sys:x")
