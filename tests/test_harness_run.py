"""The harness at work, on trainings of two steps: what is run, what is kept, and what a kill leaves behind.

Most workers run here, in this process, so that MXNet is loaded once; those of the slow tests are processes of their own.
"""

import contextlib
import io
import json
import shutil
import signal
import subprocess
import sys
import threading
import time
import traceback
from pathlib import Path
from types import SimpleNamespace

import mxnet as mx
import numpy as np
import pytest
from helpers import ROOT, child_environment

from data_prep.synthetic.sets import generate
from experiments import catalogue, worker
from experiments.harness import code_hash, command, records, scheduling
from experiments.harness.datasets import lock
from experiments.harness.grid import Cell, Measure, Table, Train, View, pairs
from experiments.harness.jobs import Place, collect, make_run
from gv.core import checkpoint, exits
from gv.core.data import choose_faces
from gv.core.faces import read_index, read_split
from gv.core.run import load_run
from gv.core.train import train

GV = Train("gv", "300w")
FULL, COMMON = View("full"), View("common")
METRIC = "nme_ion"
SHRUNK = View("full", pairs(beyond_box=True, tau=2.0), 0.1)
BAD = GV.but(start="no such weights")    # what only the training itself can find out


def weigh(context):
    """Reads the weights of what it needs, and draws."""
    folder, = context.runs.values()
    run, sidecar, _ = load_run(context.methods, folder)
    (context.folder / "drawn.png").write_bytes(b"a picture")
    return {"steps": sidecar["step"], "seed": run.training.seed, "half": context.options["half"]}


def fail(context):
    raise RuntimeError("the measurement broke")


weigh.__module__ = fail.__module__ = "experiments.plots"     # a test's own module is none of the project's
WEIGH = Measure("weigh", weigh, needs=(GV,), data=("300w",), options=pairs(half=0.5), pictures=("drawn.png",))


def table_of(key, **sources):
    """A table of a cell each: name=(source, view) or name=Measure."""
    cells = {(name, "NME"): Cell(source, "steps", scale=1) if isinstance(source, Measure) else Cell(source[0], METRIC, source[1])
             for name, source in sources.items()}
    return Table(key=key, paper="gv", number=0, title="A table", unit="NME %", cells=cells)


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    """The folder of drawn faces that a smoke run of 300W makes itself."""
    folder = tmp_path_factory.mktemp("faces")
    generate("300w", 60, 0, folder / "300w-60-0")
    return folder


def popen(start):
    """What stands for the module ``subprocess`` in the harness."""
    return SimpleNamespace(Popen=start, PIPE=subprocess.PIPE, STDOUT=subprocess.STDOUT)


class Process:
    """What ``Popen`` gives, of a process that needs no waiting."""

    def __init__(self, code=None, told=""):
        self.code, self.stdout = code, io.BytesIO(told.encode())

    def wait(self):
        return self.code

    def terminate(self):
        pass


class Harness:
    """A folder of runs, tables that the workers know, and the workers that were started."""

    def __init__(self, folder, patch, capsys):
        self.out, self.records, self.patch, self.capsys, self.started = folder / "runs", folder / "records", patch, capsys, []
        patch.setattr(scheduling, "subprocess", popen(self.start))

    def start(self, arguments, **options):
        """A worker, in this process: the same arguments, bar the parent it would watch."""
        arguments = arguments[3:]
        parent = arguments.index("--parent")
        self.started.append(dict(zip(arguments[::2], arguments[1::2])))
        told = io.StringIO()
        with contextlib.redirect_stderr(told):
            try:
                code = worker.main(arguments[:parent] + arguments[parent + 2:])
            except Exception:
                traceback.print_exc()
                code = 1
        return Process(code, told.getvalue())

    def __call__(self, table, *arguments, expect=0, runs=None):
        """Call the command of a table: its stdout. runs: how many workers it must start."""
        self.patch.setitem(catalogue.TABLES, table.key, table)
        self.started.clear()
        code = command.main(table, "", ["--preset", "smoke", "--out", str(self.out), "--records", str(self.records), *arguments])
        told = self.capsys.readouterr()
        self.error = told.err.strip().splitlines()[-1] if told.err.strip() else ""
        assert code == expect, told.err
        assert runs is None or len(self.started) == runs, self.started
        return told.out

    def job(self, source, seed=0):
        """The ``Job`` of a source as a fresh harness sees it."""
        place = Place("smoke", None, str(self.out), str(self.records))
        view = None if isinstance(source, Measure) else FULL
        return collect([Table("x", "gv", 0, "", "", {("r", "c"): Cell(source, "m", view)})], [seed], place)[source, seed]

    def state(self, source=GV):
        """What must not change where nothing is run: bytes and times of the record and the sidecar."""
        job = self.job(source)
        files = [self.records / f"{job.key}.json", job.folder / "checkpoint" / "sidecar.json"]
        return [(path.read_bytes(), path.stat().st_mtime_ns) if path.is_file() else None for path in files]


@pytest.fixture
def harness(tmp_path, monkeypatch, capsys, faces):
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "data").symlink_to(faces)
    monkeypatch.delenv("DATA", raising=False)
    return Harness(tmp_path, monkeypatch, capsys)


@pytest.fixture(scope="module")
def finished(tmp_path_factory, faces):
    """A folder in which the plain training has been run on its full view, to begin from."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "runs").mkdir()
    (folder / "runs" / "data").symlink_to(faces)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("DATA", raising=False)
        run = Harness(folder, patch, SimpleNamespace(readouterr=lambda: SimpleNamespace(out="", err="")))
        run(table_of("t", plain=(GV, FULL)), runs=1)
    return folder


@pytest.fixture
def trained(harness, finished):
    """A harness that begins where ``finished`` ended."""
    for name in ("runs", "records"):
        shutil.copytree(finished / name, harness.out.parent / name, symlinks=True, dirs_exist_ok=True,
                        ignore=shutil.ignore_patterns("data"))
    return harness


def numbers(record):
    """{view: its figures and errors} of a record."""
    return record["views"]


def test_a_run_leaves_a_record_of_what_it_was(trained):
    record, = records.read_all(trained.records)
    assert (record["kind"], record["method"], record["seed"], record["preset"]) == ("train", "gv", 0, "smoke")
    assert (record["provenance"], record["devices"], record["start"]) == ("embedded", ["cpu(0)"], "from scratch")
    assert (record["steps"], record["images"], record["train_faces"], record["beside"]) == (2, 8, 8, 1)
    assert record["identity"]["config"]["training"]["detector_faces"] == 0 and record["seconds"] > 0
    assert record["key"] == records.key_of(record["identity"]) == trained.job(GV).key
    view, = record["views"].values()
    errors = records.unpack_errors(view["errors"])
    assert view["faces"] == len(errors) == len((trained.out / "data/300w-60-0/full.jsonl").read_text().splitlines())
    metrics = view["metrics"]
    assert metrics["nme_ion"] == pytest.approx(errors.mean(), abs=records.ERROR_UNIT)
    assert metrics["variance"] == pytest.approx(errors.var(), rel=1e-4)
    assert metrics["fr_ion_0.1"] == (errors > 0.1).mean() and {"nme_ipn", "auc_ion_0.08", "auc_ipn_0.1"} <= set(metrics)


def test_the_second_call_runs_nothing_and_says_the_same(trained):
    before, table = trained.state(), table_of("t", plain=(GV, FULL))
    first = trained(table, runs=0)
    assert trained(table, runs=0) == first and trained.state() == before
    assert "| plain | " in first and trained(table, "--dry-run", runs=0) == "1 of 1 recorded; nothing to run\n"


def test_a_new_view_reads_the_weights_that_are_there(trained):
    record, sidecar = trained.state()
    trained(table_of("t", plain=(GV, FULL), subset=(GV, COMMON), shrunk=(GV, SHRUNK)), runs=1)
    assert trained.state()[1] == sidecar, "trained again"
    views = numbers(records.read(trained.records, trained.job(GV).key))
    assert set(views) == {FULL.name(), COMMON.name(), SHRUNK.name()}
    assert views[FULL.name()] == numbers(json.loads(record[0]))[FULL.name()]
    common = records.unpack_errors(views[COMMON.name()]["errors"])
    full = records.unpack_errors(views[FULL.name()]["errors"])
    assert len(common) < len(full) and full[:len(common)] == pytest.approx(common, abs=2e-6), "the full set begins with it"
    assert views[SHRUNK.name()]["metrics"]["nme_ion"] != views[FULL.name()]["metrics"]["nme_ion"]


def test_without_its_folder_a_finished_run_is_run_again_only_for_its_weights(trained):
    table, job = table_of("t", plain=(GV, FULL)), trained.job(GV)
    shutil.rmtree(job.folder)
    trained(table, runs=0)
    before = numbers(job.record)
    out = trained(table_of("t", plain=(GV, FULL), weighed=WEIGH), runs=2)
    assert "| weighed | 2.00 |" in out
    assert [started["--key"] for started in trained.started] == [job.key, trained.job(WEIGH).key], "the training first"
    assert numbers(records.read(trained.records, job.key)) == before, "the same to the bit"
    record = records.read(trained.records, trained.job(WEIGH).key)
    assert record["metrics"] == {"steps": 2.0, "seed": 0.0, "half": 0.5} and record["kind"] == "measure"
    assert (trained.out / "t" / "smoke-embedded" / "drawn.png").read_bytes() == b"a picture"
    shutil.rmtree(job.folder)
    trained(table_of("t", plain=(GV, FULL), weighed=WEIGH), runs=0)
    (trained.job(WEIGH).folder / "drawn.png").unlink()
    trained(table_of("t", plain=(GV, FULL), weighed=WEIGH), runs=2)


def test_weights_of_half_a_training_are_gone_on_with_not_measured(trained):
    job, whole = trained.job(GV), trained.state()
    shutil.copytree(job.folder, job.folder.with_name("whole"))

    def half():
        """The folder as a training leaves it that was killed after the first of its two steps."""
        shutil.rmtree(job.folder)
        index = read_index(trained.out / "data" / "300w-60-0")
        run = make_run(GV, "smoke", 0, index.layout)
        train(job.folder, run, index, choose_faces(read_split(index, "train"), 8), [mx.cpu()], quiet=True, stop_after=1)

    half()
    assert not job.trained() and trained.state()[0] == whole[0]
    trained(table_of("t", weighed=WEIGH), runs=2)
    for part in ("weights", "optimiser"):
        found, expected = (checkpoint.load(folder, part) for folder in (job.folder, job.folder.with_name("whole")))
        assert all(found[name].asnumpy().tobytes() == value.asnumpy().tobytes() for name, value in expected.items())
    half()
    next((job.folder / "checkpoint").glob("weights*")).write_bytes(b"broken")
    (trained.records / f"{trained.job(WEIGH).key}.json").unlink()
    trained(table_of("t", weighed=WEIGH), expect=2, runs=2)
    assert "damaged" in trained.error and "2 runs failed" in trained.error
    assert records.read(trained.records, trained.job(WEIGH).key) is None
    assert "no weights of a finished training" in (trained.job(WEIGH).folder / scheduling.LOG_FILE).read_text()


def test_changed_code_is_run_again_and_changed_evaluation_evaluated_again(trained, monkeypatch):
    (old, _), sidecar = trained.state()
    digest, table = code_hash.digest, table_of("t", plain=(GV, FULL))
    monkeypatch.setattr(code_hash, "digest", lambda modules: "e" * 64 if "gv.core.evaluate" in modules else digest(modules))
    trained(table, "--any-sources", runs=0)
    trained(table, runs=1)
    record = records.read(trained.records, trained.job(GV).key)
    assert trained.state()[1] == sidecar and record["sources"] == "e" * 64
    monkeypatch.setattr(code_hash, "digest", lambda modules: "f" * 64)
    trained(table, runs=1)
    again = records.read(trained.records, trained.job(GV).key)
    assert trained.state()[1] not in (None, sidecar) and again["sources"] == "f" * 64
    assert numbers(again) == numbers(record) == numbers(json.loads(old)), "it was the same code, after all"
    trained(table, runs=0)


def test_what_fails_is_named_with_its_log_and_the_rest_is_kept(harness):
    table = table_of("t", bad=(BAD, FULL), good=(GV, FULL), broken=Measure("break", fail))
    out = harness(table, expect=2, runs=3)
    assert "| bad | - |" in out and "| good | -" not in out and "| broken | - |" in out
    log = harness.job(BAD).folder / scheduling.LOG_FILE
    assert harness.error.startswith('gv on 300w, start=no such weights, seed 0: start: "no such weights"; expected scratch')
    assert f"2 runs failed; the log is {log}; the rest is kept" in harness.error
    assert "Traceback" in (harness.job(Measure("break", fail)).folder / scheduling.LOG_FILE).read_text()
    assert [record["key"] for record in records.read_all(harness.records)] == [harness.job(GV).key]
    before = harness.state()
    shown = json.loads(harness(table, "--json", expect=2, runs=2))[0]
    assert shown["missing"] == ["gv on 300w, start=no such weights, seed 0", "break, seed 0"]
    assert harness.state() == before


def test_a_crash_and_a_kill_are_told_apart(harness):
    table = table_of("t", broken=Measure("break", fail))
    harness(table, expect=2)
    assert harness.error.startswith("break, seed 0: RuntimeError: the measurement broke")
    harness.patch.setattr(scheduling, "subprocess", popen(lambda *args, **options: Process(-signal.SIGKILL)))
    harness(table, expect=2)
    assert harness.error.startswith("break, seed 0: ended by signal 9; 1 run failed")


def test_a_worker_that_waited_finds_the_work_done(trained):
    job, before = trained.job(GV), trained.state()
    arguments = ["--table", "t", "--preset", "smoke", "--out", str(trained.out), "--records", str(trained.records),
                 "--devices", "cpu:0", "--seeds", "1"]
    trained.patch.setitem(catalogue.TABLES, "t", table_of("t", plain=(GV, FULL)))
    assert worker.main([*arguments, "--key", job.key]) == 0 and trained.state() == before
    assert worker.main([*arguments, "--key", "0" * 16]) == 2
    assert trained.capsys.readouterr().err.splitlines() == ["--key: 0000000000000000; expected a job of t"]


def test_a_folder_is_worked_in_by_one_at_a_time(tmp_path):
    order, first = [], lock(tmp_path / "job")

    def second():
        with lock(tmp_path / "job"):
            order.append("second")

    waiting = threading.Thread(target=second)
    waiting.start()
    waiting.join(0.2)
    assert waiting.is_alive() and order == []
    order.append("first")
    first.close()
    waiting.join(10)
    assert order == ["first", "second"]


class Pretend:
    """Workers that only wait, until they are ended or as many as ``together`` have been there at once, with as many devices."""

    def __init__(self, together=99):
        self.together, self.enough, self.held = together, threading.Event(), threading.Lock()
        self.devices, self.busy, self.ended = [], set(), []

    def __call__(self, arguments, **options):
        assert options["start_new_session"], "Ctrl-C would reach the worker twice"
        device, process, over = arguments[arguments.index("--devices") + 1], Process(), threading.Event()
        with self.held:
            assert device not in self.busy, "two on one device"
            self.devices.append(device)
            self.busy.add(device)
            if len(self.busy) == self.together:
                self.enough.set()

        def wait():
            deadline = time.monotonic() + 60
            while not over.is_set() and not self.enough.wait(0.01) and time.monotonic() < deadline:
                pass
            with self.held:
                self.busy.discard(device)
            return 0

        def terminate():
            self.ended.append(device)
            over.set()

        process.wait, process.terminate = wait, terminate
        return process


@pytest.mark.parametrize("devices, together, slots", [
    ("cpu:0", False, {"cpu:0"}), ("cpu:0,1", False, {"cpu:0", "cpu:1"}), ("gpu:0,2,3", False, {"gpu:0", "gpu:2", "gpu:3"}),
    ("cpu:0,1", True, {"cpu:0,1"}),
])
def test_one_run_a_device_side_by_side(harness, devices, together, slots):
    table = table_of("t", **{f"row{i}": (GV.but(theta=float(i)), FULL) for i in range(6)})
    place = Place("smoke", None, str(harness.out), str(harness.records))
    pretend = Pretend(len(slots))
    harness.patch.setattr(scheduling, "subprocess", popen(pretend))
    jobs = list(collect([table], [0], place).values())
    assert scheduling.run_all(jobs, place, scheduling.Processes([table], [0], place, devices, together), quiet=True) == []
    assert set(pretend.devices) == slots and len(pretend.devices) == 6 and pretend.enough.is_set()


def test_an_interruption_ends_the_workers_and_starts_no_other(harness):
    table = table_of("t", **{f"row{i}": (GV.but(theta=float(i)), FULL) for i in range(8)})
    place = Place("smoke", None, str(harness.out), str(harness.records))
    jobs = list(collect([table], [0], place).values())
    pretend, threads = Pretend(), threading.active_count()

    def begin(arguments, **options):
        return Process(0) if jobs[0].key in arguments else pretend(arguments, **options)

    harness.patch.setattr(scheduling, "subprocess", popen(begin))

    def interrupt(job):
        raise KeyboardInterrupt

    harness.patch.setattr(scheduling, "describe", interrupt)    # called as the end of the first run is shown
    began = time.monotonic()
    with pytest.raises(exits.Interrupted, match="1 of 8 runs were finished and are kept, .* the same command goes on"):
        scheduling.run_all(jobs, place, scheduling.Processes([table], [0], place, "cpu:0,1"), quiet=True)
    assert time.monotonic() - began < 30 and threading.active_count() <= threads + 1
    assert sorted(pretend.ended) == sorted(pretend.devices) and len(pretend.devices) <= 2


def test_a_worker_ends_with_the_process_that_started_it(tmp_path):
    """A parent that is killed with SIGKILL, which it cannot see; the child would live a minute."""
    child = "import os, sys, time; from experiments.worker import end_with; end_with(os.getppid()); " \
            "print(os.getpid(), flush=True); time.sleep(60)"
    parent = subprocess.Popen([sys.executable, "-c", "import subprocess, sys; "
                               f"subprocess.Popen([sys.executable, '-c', {child!r}]).wait()"],
                              cwd=ROOT, env=child_environment(), stdout=subprocess.PIPE, text=True)
    number = int(parent.stdout.readline())
    assert alive(number)
    parent.kill()
    parent.wait()
    assert gone([number], worker.PARENT_SECONDS + 20)


def test_a_worker_in_a_process_of_its_own_gives_the_same_record(harness, trained):
    """A table of the catalogue, whose plain view this process has evaluated as well."""
    here = numbers(trained.job(GV).record)
    shutil.rmtree(trained.out / "trainings")
    shutil.rmtree(trained.records)
    harness.patch.setattr(scheduling, "subprocess", subprocess)
    out = harness(catalogue.get_table("gv-table6"), "--json")
    plain, fine = sorted(map(numbers, records.read_all(harness.records)), key=len, reverse=True)     # of twice the cells
    assert plain[FULL.name()] == here[FULL.name()] and (len(plain), len(fine)) == (23, 21)
    shown, = json.loads(out)
    assert shown["missing"] == [] and all(len(cell["ours"]) == 1 for cell in shown["cells"])


# with processes of their own, as a user calls them

def start(tables, out, devices="cpu:0", *arguments):
    """The catalogue's command on some tables, smoke, in a process of its own."""
    return subprocess.Popen([sys.executable, "-m", "experiments.catalogue", *tables, "--preset", "smoke", "--out", str(out),
                             "--devices", devices, "--json", *arguments], cwd=ROOT,
                            env={**child_environment(), "DATA": ""}, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def finish(process):
    """The tables that a command printed; it must have ended well, and have printed nothing else."""
    out, err = process.communicate(timeout=1500)
    assert process.returncode == 0, err.decode()[-3000:]
    return json.loads(out)


def alive(number):
    """Whether a process runs; one that has ended and was not yet asked for its code does not."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def gone(processes, seconds):
    """Whether all these have ended within some seconds."""
    deadline = time.monotonic() + seconds
    while any(map(alive, processes)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return not any(map(alive, processes))


def descendants(number):
    """{id: command line} of the processes that a process has started, and those that they have."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parents[int(path.name)] = int((path / "stat").read_text().rpartition(")")[2].split()[1])
    found, waiting = {}, [number]
    while waiting:
        number = waiting.pop()
        for child in [child for child, parent in parents.items() if parent == number and child not in found]:
            with contextlib.suppress(OSError):
                found[child] = Path(f"/proc/{child}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                waiting.append(child)
    return found


def kept(out):
    """({key: views} of the records, {table: text} of the tables) below a folder of runs."""
    tables = {path.parent.parent.name: path.read_text() for path in Path(out).glob("*/smoke-embedded/table.*")}
    return {record["key"]: record["views"] for record in records.read_all(Path(out, "smoke", "records"))}, tables


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_two_devices_side_by_side_give_what_one_gives(tmp_path):
    tables = ["anchorface-table3", "anchorface-table10"]     # of one training each
    one, two = (finish(start(tables, tmp_path / devices, devices)) for devices in ("cpu:0", "cpu:0,1"))
    assert one == two and kept(tmp_path / "cpu:0") == kept(tmp_path / "cpu:0,1")
    found = records.read_all(tmp_path / "cpu:0,1" / "smoke" / "records")
    assert sorted(record["devices"][0] for record in found) == ["cpu(0)", "cpu(1)"], "each had one of its own"
    assert {record["beside"] for record in found} == {2}


KILLS = 10
SEED_OF_KILLS = 6


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_killed_at_ten_random_moments_the_table_is_that_of_an_uninterrupted_grid(tmp_path, capsys):
    """Table 8 of Gaussian Vector, ten trainings. SIGKILL for the harness alone: what it has started must end by itself.

    Once more before the ten, while the faces are drawn.
    """
    rng = np.random.default_rng(SEED_OF_KILLS)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    began = time.monotonic()
    expected = finish(start(["gv-table8"], whole))
    spent = time.monotonic() - began
    hit, orphans, waits = [], 0, []

    def kill(process):
        """How many processes the harness had started; all must end soon."""
        children = descendants(process.pid)
        process.kill()
        began = time.monotonic()
        assert gone(children, 60), {number: text for number, text in children.items() if alive(number)}
        waits.append(time.monotonic() - began)
        process.communicate()
        return len(children)

    process, journal = start(["gv-table8"], broken), broken / "data" / "300w-60-0" / ".drawn.jsonl"
    while not (journal.is_file() and journal.read_text().count("\n") > 5):
        assert process.poll() is None and time.monotonic() - began < 2 * spent + 60
        time.sleep(0.01)
    kill(process)
    assert journal.is_file() and not (broken / "smoke").exists(), "the faces were whole"
    while len(hit) < KILLS:
        process = start(["gv-table8"], broken)
        try:
            process.communicate(timeout=rng.uniform(0.02, 0.25) * spent)   # from its first imports to a few trainings later
        except subprocess.TimeoutExpired:
            orphans += kill(process)
            hit.append(len(records.read_all(broken / "smoke" / "records")))     # each whole, or it would be refused
        else:                                                       # done before ten kills: again from nothing
            assert process.returncode == 0 and kept(broken) == kept(whole)
            shutil.rmtree(broken)
    assert finish(start(["gv-table8"], broken)) == expected
    assert kept(broken) == kept(whole)
    for path in (whole / "data" / "300w-60-0").glob("*.jsonl"):
        assert path.read_bytes() == (broken / path.relative_to(whole)).read_bytes()
    for path in broken.rglob("*"):
        assert not (path.is_file() and path.name.startswith(".") and path.suffix == ".tmp"), f"left behind: {path}"
    with capsys.disabled():
        print(f"\n{spent:.0f} s uninterrupted; records there at each kill: {hit}; {orphans} processes outlived it, "
              f"by at most {max(waits):.1f} s")
