"""A table's runs on Dask's workers: one a device, refused where the machine differs, gone on with where a worker is lost.

Most runs are stand-ins (``cluster_jobs``), whose every step is known.
"""

import contextlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from cluster_jobs import SAVE_EVERY, STEPS, journal, stand_in, start
from helpers import ROOT, child_environment, make_index

from experiments import catalogue, worker
from experiments.harness import cluster, command, datasets, on_worker, records, scheduling
from experiments.harness.grid import Cell, Measure, Table, Train, View
from experiments.harness.jobs import Place, collect
from gv.core import exits
from gv.core.errors import InputError
from gv.core.files import Lock

GV = Train("gv", "300w")
FULL = View("full")


def table_of(count, key="t"):
    """A table of trainings that differ in theta."""
    cells = {(f"row {i}", "NME"): Cell(GV.but(theta=1.0 + i), "nme_ion", FULL) for i in range(count)}
    return Table(key=key, paper="gv", number=0, title="A table", unit="NME %", cells=cells)


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A place without drawn faces, which stand-ins do not look at."""
    monkeypatch.setattr(datasets, "make", lambda *_: None)
    return Place("smoke", None, str(tmp_path / "runs"), str(tmp_path / "runs" / "records"))


def jobs_of(table, place):
    return list(collect([table], [0], place).values())


# where Dask is not needed

@pytest.mark.parametrize("devices, together, expected", [
    ("cpu:0", False, ("cpu", 1)), ("cpu", False, ("cpu", 1)), ("gpu:0,1,2,3", False, ("gpu", 1)), ("gpu:0,2", True, ("gpu", 2)),
])
def test_a_run_takes_one_device_or_together_as_many_as_named(devices, together, expected):
    assert cluster.device_of(devices, together) == expected


def test_without_dask_or_without_a_scheduler_one_line_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "distributed", None)
    arguments = ["--preset", "smoke", "--out", str(tmp_path), "--scheduler", "tcp://127.0.0.1:9"]
    assert command.main(table_of(1), "", arguments) == 2
    said = capsys.readouterr()
    assert said.out == "" and len(said.err.splitlines()) == 1
    assert said.err.startswith("--scheduler: Dask's scheduler cannot be imported") and "cluster" in said.err
    assert not (tmp_path / "data").exists(), "no faces are drawn for nothing"


def test_what_a_killed_command_left_to_compare_folders_goes_with_the_next(tmp_path):
    (tmp_path / ".experiments-killed").touch()
    (tmp_path / ".other").touch()
    with cluster.mark(tmp_path, ".experiments-first"), cluster.mark(tmp_path, ".experiments-second"):
        assert sorted(path.name for path in tmp_path.iterdir()) == [".experiments-first", ".experiments-second", ".other"]


def test_a_record_is_written_though_another_machine_takes_its_temporary_file_for_a_leftover(tmp_path, monkeypatch):
    record, replaced = {"key": "k", "kind": "train", "sources": "s", "views": {}}, os.replace

    def take(source, target):
        monkeypatch.setattr(os, "replace", replaced)
        os.unlink(source)
        replaced(source, target)

    monkeypatch.setattr(os, "replace", take)
    records.write(tmp_path, record)
    assert records.read(tmp_path, "k")["sources"] == "s" and len(list(tmp_path.iterdir())) == 1


def run_worker(job, place, capsys, **change):
    """(exit code, last line) of experiments.worker as a cluster calls it, with some arguments changed."""
    index = f"300w={records.key_of(place.dataset('300w').identity)}"
    given = {"--table": "t", "--key": job.key, "--preset": place.preset, "--out": place.out, "--records": place.records,
             "--seeds": "1", "--devices": "cpu:0", "--sources": job.sources, "--index": index,
             **({"--data": place.data} if place.data else {}), **change}
    code = worker.main([word for pair in given.items() for word in pair])
    said = capsys.readouterr().err.strip().splitlines()
    return code, said[-1] if said else "", len(said)


def test_a_worker_whose_code_data_or_devices_differ_refuses_in_one_line(tmp_path, monkeypatch, capsys):
    make_index(tmp_path / "data" / "300w", 4, 3)
    place = Place("smoke", str(tmp_path / "data"), str(tmp_path / "runs"), str(tmp_path / "records"))
    table = replace(table_of(1), cells={("row", "NME"): Cell(GV, "nme_ion", View("common"))})
    monkeypatch.setitem(catalogue.TABLES, "t", table)
    ran = []
    monkeypatch.setattr(worker, "run_train", lambda *arguments: ran.append(arguments))
    job, = jobs_of(table, place)
    assert run_worker(job, place, capsys) == (0, "", 0) and len(ran) == 1
    code, said, lines = run_worker(job, place, capsys, **{"--sources": "f" * 64})
    assert (code, lines) == (on_worker.REFUSED, 1)
    assert f"code with the hash {job.sources[:12]}; expected the command's, ffffffffffff" in said
    code, said, lines = run_worker(job, place, capsys, **{"--devices": "gpu:7"})
    assert (code, lines) == (on_worker.REFUSED, 1) and said.startswith('--devices: "gpu:7"')
    shutil.rmtree(tmp_path / "data" / "300w")
    make_index(tmp_path / "data" / "300w", 4, 3, seed=1)
    datasets._split_digest.cache_clear()
    meant = f"300w={records.key_of(job.identity['data'])}"
    code, said, lines = run_worker(job, place, capsys, **{"--index": meant})
    assert (code, lines) == (on_worker.REFUSED, 1)
    assert said.startswith(f"{tmp_path / 'data' / '300w'}: an index of 300w with the digest ") and "prepare the same data" in said
    shutil.rmtree(tmp_path / "data" / "300w")
    assert run_worker(job, replace(place, data=None), capsys, **{"--data": place.data, "--index": meant})[0] == on_worker.REFUSED
    assert len(ran) == 1


def test_a_machine_that_sees_other_folders_is_told(tmp_path):
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / ".token").write_text("")
    assert on_worker._lacking(str(tmp_path), ["runs/.token"]) == ""
    assert "no folder" in on_worker._lacking(str(tmp_path / "x"), ["runs/.token"])
    assert "records than the command's" in on_worker._lacking(str(tmp_path), ["runs/.token", "records/.token"])


@pytest.mark.parametrize("code, said, reason", [
    (0, "well", ""), (2, "bad", "bad"), (1, "", "exit code 1"), (-9, "half", "ended by signal 9")])
def test_the_reason_of_an_end(code, said, reason):
    assert on_worker.reason_of(code, said) == reason


# with Dask's scheduler and workers in this process

class Here:
    """A scheduler and workers in this process, whose jobs are stand-ins."""

    def __init__(self, distributed, patch, folder):
        self.distributed, self.patch, self.folder, self.clusters = distributed, patch, folder, []
        self.popen(start)

    def popen(self, begin):
        self.patch.setattr(on_worker, "subprocess", stand_in(begin))

    def __call__(self, workers=1, devices=1, **options):
        """A cluster of so many workers with so many devices each."""
        made = self.distributed.LocalCluster(**{
            "n_workers": workers, "threads_per_worker": devices, "processes": False, "dashboard_address": ":0",
            "resources": {"cpu": devices}, "silence_logs": 50, "local_directory": self.folder, **options})
        self.clusters.append(made)
        return made


@pytest.fixture
def here(monkeypatch, tmp_path):
    distributed = pytest.importorskip("distributed", reason='needs Dask: pip install ".[cluster]"')
    monkeypatch.setattr(on_worker, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(cluster, "LOOK_SECONDS", 0.5)
    made = Here(distributed, monkeypatch, str(tmp_path / "dask"))
    yield made
    for each in made.clusters:
        each.close()


@pytest.mark.parametrize("address, said", [
    ("nonsense", '--scheduler: "nonsense"; expected the address'),
    ("tcp://127.0.0.1:9", "--scheduler: no scheduler at tcp://127.0.0.1:9 ("),
])
def test_no_scheduler_there_is_one_line(here, place, monkeypatch, capsys, address, said):
    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 0.5)
    assert command.main(table_of(1), "", ["--preset", "smoke", "--out", place.out, "--scheduler", address]) == 2
    found = capsys.readouterr()
    assert found.out == "" and found.err.startswith(said) and len(found.err.splitlines()) == 1 and not Path(place.out).exists()


def run(address, table, place, devices="cpu:0", together=False):
    """[(job, reason)] of what failed, of a table's jobs on a cluster."""
    pool = cluster.Cluster(address, [table], [0], place, devices, together)
    return scheduling.run_all(jobs_of(table, place), place, pool, quiet=True)


def steps(place, key=None):
    """[(key, step)] of every step that was made, in order."""
    return [(line["key"], line["step"]) for line in journal(place.out) if line["what"] == "step" and key in (None, line["key"])]


def overlaps(lines):
    """The devices that two jobs had at once, of the lines of one worker's journal."""
    busy, found = {}, []
    for line in lines:
        for device in line["devices"].partition(":")[2].split(","):
            if line["what"] == "begin":
                found += [device] * (device in busy)
                busy[device] = line["key"]
            elif line["what"] in ("end", "stopped"):
                busy.pop(device, None)
    return found


@pytest.mark.parametrize("devices, together, on, beside", [
    ("cpu:0", False, {"cpu:0", "cpu:1"}, "2"), ("cpu:0,1", True, {"cpu:0,1"}, "1"),
])
def test_every_job_is_run_once_on_devices_of_its_own(here, place, devices, together, on, beside):
    table = table_of(5)
    assert run(here(1, 2).scheduler_address, table, place, devices, together) == []
    lines, keys = journal(place.out), sorted(job.key for job in jobs_of(table, place))
    assert sorted(steps(place)) == sorted((key, step) for key in keys for step in range(1, STEPS + 1)), "each step once"
    assert {line["devices"] for line in lines} == on and {line["beside"] for line in lines} == {beside} and overlaps(lines) == []
    assert not list(Path(place.out).glob(".experiments-*")), "what was put there to compare folders is gone"
    job = jobs_of(table, place)[0]
    assert (job.folder / scheduling.LOG_FILE).read_text() == f"the last line of {job.key}\n"


def test_a_job_that_fails_is_named_and_the_rest_is_run(here, place):
    table, keys = table_of(4), []

    def begin(command, **options):
        keys.append(command[command.index("--key") + 1])
        if keys[-1] == jobs_of(table, place)[1].key:
            return subprocess.Popen([sys.executable, "-c", "print('what was wrong'); raise SystemExit(2)"], **options)
        return start(command, **options)

    here.popen(begin)
    (job, reason), = run(here(2).scheduler_address, table, place)
    assert (job.key, reason) == (jobs_of(table, place)[1].key, "what was wrong")
    assert sorted(keys) == sorted(job.key for job in jobs_of(table, place)), "failed, and not tried again"
    assert len(steps(place)) == 3 * STEPS


def refuse(here, *names):
    """Let workers refuse what they are given."""
    from distributed import get_worker
    asked = []

    def begin(command, **options):
        if get_worker().name in names:
            asked.append(get_worker().name)
            code = f"print('old code'); raise SystemExit({on_worker.REFUSED})"
            return subprocess.Popen([sys.executable, "-c", code], **options)
        return start(command, **options)

    here.popen(begin)
    return asked


def test_what_one_worker_refuses_the_others_run(here, place, capsys):
    asked = refuse(here, 1)
    assert run(here(3).scheduler_address, table_of(6), place) == []
    assert sorted(step for _, step in steps(place)) == sorted(list(range(1, STEPS + 1)) * 6)
    said = [line for line in capsys.readouterr().err.splitlines() if "refused" in line]
    assert asked and len(said) == 1 and said[0].endswith(": refused: old code; the others go on")


def test_where_all_refuse_the_command_ends_with_one_line(here, place):
    refuse(here, 0, 1)
    with pytest.raises(InputError, match="^worker .*: refused: old code; no other worker is left"):
        run(here(2).scheduler_address, table_of(3), place)
    assert steps(place) == []


def test_workers_that_see_another_folder_are_refused(here, place, monkeypatch):
    monkeypatch.setattr(cluster, "mark", lambda *_: Lock(None))     # as if the file were elsewhere
    with pytest.raises(InputError, match="another folder .*runs than the command's; expected one on a file system that all"):
        run(here(1).scheduler_address, table_of(1), place)
    assert journal(place.out) == []


def test_a_device_that_no_worker_has_is_said_with_what_there_is(here, place, monkeypatch):
    monkeypatch.setattr(cluster, "WAIT_SECONDS", 0.5)
    address = here(1, 2).scheduler_address
    for devices, together, named in (("gpu:0", False, "gpu=1"), ("cpu:0,1,2", True, "cpu=3")):
        with pytest.raises(InputError, match=f"no worker has {named} .*: cpu=2.*dask worker .* --resources"):
            run(address, table_of(1), place, devices, together)


def test_the_plan_counts_what_the_workers_have(here, place, capsys):
    address = here(2, 2).scheduler_address
    arguments = ["--preset", "smoke", "--out", place.out, "--dry-run", "--scheduler", address]
    for more, beside in ([], 4), (["--together", "--devices", "cpu:0,1"], 2):
        assert command.main(table_of(4), "", arguments + more) == 0
        assert f"with {beside} side by side" in capsys.readouterr().out
    assert journal(place.out) == []


def test_a_worker_that_joins_later_takes_its_share(here, place):
    local, table, found = here(1), table_of(8), []
    threading.Thread(target=lambda: found.append(run(local.scheduler_address, table, place)), daemon=True).start()
    wait_until(lambda: steps(place))
    local.scale(2)
    wait_until(lambda: found)
    assert found == [[]] and len(steps(place)) == 8 * STEPS
    assert len(overlaps(journal(place.out))) > 0, "both had a cpu:0 of their own at once"


def stop_after_first(patch, error):
    """Raise as the end of the first run is shown."""
    def describe(job):
        raise error
    patch.setattr(scheduling, "describe", describe)


@pytest.mark.parametrize("error, number", [(KeyboardInterrupt(), signal.SIGINT), (exits.Interrupted(15), signal.SIGTERM)])
def test_an_interruption_saves_what_is_under_way_and_the_same_command_goes_on(here, place, monkeypatch, error, number):
    address, table = here(2).scheduler_address, table_of(6)
    with monkeypatch.context() as patch:
        stop_after_first(patch, error)
        with pytest.raises(exits.Interrupted, match=r"[1-3] of 6 runs were finished and are kept, \d under way") as caught:
            run(address, table, place)
    assert caught.value.number == number
    ends = [line for line in journal(place.out) if line["what"] in ("end", "stopped")]
    assert len(ends) == len([line for line in journal(place.out) if line["what"] == "begin"]) < 6, "none runs, the rest never did"
    assert run(address, table, place) == []
    assert sorted(set(steps(place))) == sorted(steps(place)), "no step twice"
    assert len(steps(place)) == 6 * STEPS


def test_a_worker_that_leaves_hands_its_job_to_another(here, place, monkeypatch):
    monkeypatch.setenv("STAND_IN_STEPS", "40")
    local, table, found = here(2), table_of(2), []
    threading.Thread(target=lambda: found.append(run(local.scheduler_address, table, place)), daemon=True).start()
    deadline = time.monotonic() + 60
    while len({key for key, _ in steps(place)}) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    local.scale(1)     # retires one in good order
    while not found and time.monotonic() < deadline:
        time.sleep(0.05)
    assert found == [[]]
    assert sorted(set(steps(place))) == sorted(steps(place)) and len(steps(place)) == 80, "no step twice, none left out"
    assert [line["what"] for line in journal(place.out)].count("stopped") == 1


def test_the_table_by_the_command_is_that_of_this_machine(here, tmp_path, monkeypatch, capsys):
    """Real trainings of two steps and a measurement that reads one: equal to the bit, and nothing to do after."""
    def begin(arguments, **options):
        told = io.StringIO()
        arguments = arguments[3:]
        parent = arguments.index("--parent")
        with contextlib.redirect_stderr(told):
            code = worker.main(arguments[:parent] + arguments[parent + 2:])
        return Ended(code, told.getvalue())

    table = table_of(2)
    table.cells["weighed", "NME"] = Cell(Measure("count", count, needs=(GV.but(theta=1.0),)), "seed", scale=1)
    monkeypatch.setitem(catalogue.TABLES, "t", table)
    monkeypatch.delenv("DATA", raising=False)
    monkeypatch.setattr(scheduling, "subprocess", stand_in(begin))
    here.popen(begin)
    (tmp_path / "cluster").mkdir()
    told = {}
    for name in ("here", "cluster"):
        place = Place("smoke", None, str(tmp_path / name), str(tmp_path / name / "smoke" / "records"))
        arguments = ["--preset", "smoke", "--out", place.out, "--json"]
        if name == "cluster":
            shutil.copytree(tmp_path / "here" / "data", tmp_path / "cluster" / "data")
            arguments += ["--scheduler", here(1).scheduler_address]
        assert command.main(table, "", arguments) == 0
        found = {record["key"]: record for record in records.read_all(place.records)}
        told[name] = json.loads(capsys.readouterr().out), {key: (record.get("views"), record.get("metrics"), record["sources"])
                                                           for key, record in found.items()}
        assert len(found) == 3 and {record["beside"] for record in found.values()} == {1}
    assert told["here"] == told["cluster"]
    here.popen(lambda *_, **__: pytest.fail("run again"))
    assert command.main(table, "", arguments) == 0


class Ended:
    """A process that has ended."""

    def __init__(self, code, told):
        self.code, self.stdout = code, io.BytesIO(told.encode())

    def wait(self):
        return self.code


def count(context):
    return {"seed": context.seed}


count.__module__ = "experiments.plots"     # a test's own module is none of the project's


# with workers and commands in processes of their own

APART_STEPS = 80    # four seconds: longer than it takes to notice what is lost


@pytest.fixture
def apart(here, place):
    """A function that starts a Dask worker in a process of its own: its ``Popen``; and the address of the scheduler."""
    local, started = here(0, 1, processes=True), []
    environment = {**child_environment(), "STAND_IN_STEPS": str(APART_STEPS)}

    def begin():
        started.append(subprocess.Popen(
            [sys.executable, "-m", "distributed.cli.dask_worker", local.scheduler_address, "--nthreads", "1",
             "--resources", "cpu=1", "--no-nanny", "--no-dashboard", "--preload", str(ROOT / "tests" / "cluster_jobs.py"),
             "--local-directory", place.out], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        return started[-1]

    Path(place.out).mkdir()
    yield begin, local.scheduler_address
    for process in started:
        process.kill()
        process.wait()


def wait_until(condition, seconds=300):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def alive(number):
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_lost_workers_job_is_taken_up_from_its_last_checkpoint(apart, place):
    """SIGKILL for a worker in the middle of a job, which then begins with an even step, the last that was saved."""
    begin, address = apart
    table, found = table_of(3), []
    workers = {process.pid: process for process in (begin(), begin())}
    threading.Thread(target=lambda: found.append(run(address, table, place)), daemon=True).start()
    wait_until(lambda: any(step >= 5 for _, step in steps(place)))
    lost = next(line for line in journal(place.out) if line["what"] == "step" and line["step"] >= 5)
    workers[lost["parent"]].kill()
    wait_until(lambda: not alive(lost["pid"]), worker.PARENT_SECONDS + 30)
    wait_until(lambda: found)
    assert found == [[]]
    begun = [line for line in journal(place.out) if line["what"] == "begin" and line["key"] == lost["key"]]
    assert len(begun) == 2 and begun[0]["parent"] != begun[1]["parent"]
    assert begun[1]["step"] >= 4 and begun[1]["step"] % 2 == 0
    made = [step for _, step in steps(place, lost["key"])]
    assert set(made) == set(range(1, APART_STEPS + 1))
    assert len(made) <= APART_STEPS + SAVE_EVERY, "no more than what came after the last checkpoint twice"
    assert len(steps(place)) - len(made) == 2 * APART_STEPS, "the other jobs were left alone"


def test_a_command_that_is_killed_leaves_nothing_running_and_goes_on(apart, place, tmp_path):
    begin, address = apart
    begin()
    table = table_of(2)
    code = ("import sys; sys.path.insert(0, 'tests'); from test_cluster import *; datasets.make = lambda *_: None; "
            f"run({address!r}, table_of(2), Place('smoke', None, {place.out!r}, {place.records!r}))")
    client = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=child_environment(), stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: steps(place) or client.poll() is not None)
        assert client.poll() is None
    finally:
        client.kill()
        client.wait()
    wait_until(lambda: "stopped" in [line["what"] for line in journal(place.out)])
    assert not alive(journal(place.out)[0]["pid"]) or journal(place.out)[-1]["what"] == "stopped"
    assert run(address, table, place) == []
    assert sorted(set(steps(place))) == sorted(steps(place)) and len(steps(place)) == 2 * APART_STEPS
    assert os.listdir(place.records) == []
