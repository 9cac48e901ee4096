"""A table over two "machines" for real: Dask workers in network namespaces of their own, of which one is lost in the middle."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers import ROOT, child_environment

from experiments.harness import records
from gv.core.files import lock

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]
TABLE = "gv-table8"     # ten trainings
NAMES = ("gvtest-a", "gvtest-b")
BRIDGE, NET = "gvtest-br", "10.198.77"


def ip(*words, check=True):
    return subprocess.run(["ip", *words], check=check, capture_output=True, text=True)


@pytest.fixture
def namespaces():
    """Two network namespaces on a bridge of this machine's: the address of the bridge."""
    pytest.importorskip("distributed", reason='needs Dask: pip install ".[cluster]"')
    if os.geteuid() or not shutil.which("ip") or ip("netns", "add", f"{BRIDGE}-try", check=False).returncode:
        pytest.skip("needs root, iproute2 and a kernel with network namespaces")
    ip("netns", "del", f"{BRIDGE}-try")
    try:
        ip("link", "add", BRIDGE, "type", "bridge")
        ip("addr", "add", f"{NET}.1/24", "dev", BRIDGE)
        ip("link", "set", BRIDGE, "up")
        for number, name in enumerate(NAMES, 2):
            ip("netns", "add", name)
            ip("link", "add", f"{BRIDGE}{number}", "type", "veth", "peer", "name", "eth0", "netns", name)
            ip("link", "set", f"{BRIDGE}{number}", "master", BRIDGE, "up")
            ip("-n", name, "addr", "add", f"{NET}.{number}/24", "dev", "eth0")
            for device in ("lo", "eth0"):
                ip("-n", name, "link", "set", device, "up")
        yield f"{NET}.1"
    finally:
        for name in NAMES:
            ip("netns", "del", name, check=False)
        ip("link", "del", BRIDGE, check=False)


@pytest.fixture
def started():
    """The processes that a test starts, which end with it."""
    processes = []
    yield processes
    for process in processes:
        process.kill()
        process.wait()


def dask(what, *arguments, log, before=()):
    """A scheduler or a worker as ``dask scheduler`` and ``dask worker`` start it."""
    return subprocess.Popen([*before, sys.executable, "-m", f"distributed.cli.dask_{what}", *arguments, "--no-dashboard"],
                            env=child_environment(), stdout=log, stderr=log)


def inside(name):
    """{id: command line} of the processes in a namespace."""
    found = {}
    for number in ip("netns", "pids", name).stdout.split():
        try:
            found[int(number)] = Path(f"/proc/{number}/cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            pass
    return found


def busy(name):
    """The processes of jobs in a namespace."""
    return [number for number, text in inside(name).items() if "experiments.worker" in text]


def table(out, *more):
    command = [sys.executable, "-m", "experiments.catalogue", TABLE, "--preset", "smoke", "--out", str(out), "--json", *more]
    return subprocess.Popen(command, cwd=ROOT, env={**child_environment(), "DATA": ""}, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE)


def wait_until(condition, process, seconds=1800):
    deadline = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None and time.monotonic() < deadline, process.stderr.read().decode()[-3000:]
        time.sleep(0.05)


def found_in(out):
    """{key: figures} of the records of a folder of runs, and their number."""
    found = records.read_all(Path(out, "smoke", "records"))
    return {record["key"]: (record["views"], record["loss"], record["steps"], record["sources"]) for record in found}


def test_ten_runs_over_two_machines_of_which_one_is_lost_are_those_of_one(namespaces, started, tmp_path):
    """SIGKILL for a worker and its nanny while a job of theirs trains: that job's process ends, and the other worker runs it."""
    alone = table(tmp_path / "alone")
    started.append(alone)
    port = free_port()
    address = f"tcp://{namespaces}:{port}"
    with open(tmp_path / "dask.log", "wb") as log:
        started.append(dask("scheduler", "--host", namespaces, "--port", str(port), log=log))
        for name in NAMES:
            started.append(dask("worker", address, "--nthreads", "1", "--resources", "cpu=1", "--local-directory",
                                str(tmp_path / name), log=log, before=["ip", "netns", "exec", name]))
        over = table(tmp_path / "over", "--scheduler", address)
        started.append(over)
        wait_until(lambda: len(found_in(tmp_path / "over")) >= 3, over)
        training = lambda: [folder for folder in (tmp_path / "over" / "trainings").iterdir() if held(folder)]  # noqa: E731
        wait_until(lambda: busy(NAMES[0]) and len(training()) == 2, over)
        begun = training()
        orphans = busy(NAMES[0])
        lost = [number for number in inside(NAMES[0]) if number not in orphans]
        for number in lost:
            os.kill(number, 9)
        when = time.monotonic()
        wait_until(lambda: not inside(NAMES[0]), over, 60)
        ended = time.monotonic() - when
        out, said = over.communicate(timeout=1800)
        assert over.returncode == 0, said.decode()[-3000:]
        assert not busy(NAMES[1])
        expected, said = alone.communicate(timeout=1800)
        assert alone.returncode == 0, said.decode()[-3000:]
    assert json.loads(out) == json.loads(expected) and json.loads(out)[0]["missing"] == []
    assert len(found_in(tmp_path / "over")) == 10 and found_in(tmp_path / "over") == found_in(tmp_path / "alone")
    assert not list((tmp_path / "over").glob(".experiments-*"))
    print(f"\nlost {len(lost)} processes; the orphan ended after {ended:.2f} s; in training: {[folder.name for folder in begun]}")


def held(folder):
    """Whether a job's process is at work in a folder."""
    if not (folder / ".lock").exists():
        return False
    taken = lock(folder, ".lock", wait=False)
    if taken:
        taken.close()
    return taken is None


def free_port():
    with socket.socket() as listener:
        listener.bind(("", 0))
        return listener.getsockname()[1]
