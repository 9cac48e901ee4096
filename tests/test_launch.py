"""One training over several processes: the same as one process, whatever is killed, and nothing left over."""

import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
import types
from pathlib import Path

import mxnet as mx
import numpy as np
import pytest
from helpers import ROOT, TINY, child_environment, make_index, tiny_run
from test_several_devices import alive

from experiments.launch import __main__ as launch
from experiments.launch import guard, hosts, job
from gv.core import checkpoint, member, spread
from gv.core.data import split_batch
from gv.core.devices import parse_devices
from gv.core.errors import InputError
from gv.core.exits import Interrupted
from gv.core.faces import read_split
from gv.core.train import read_log, train

FACES, EPOCHS = 11, 4       # batches of 4, 4 and 3
SETTINGS = {**TINY, "epochs": EPOCHS, "detector_faces": 0, "lr": 1e-3}
WAIT = 240


# --- whole trainings

@pytest.fixture(scope="module")
def index(tmp_path_factory):
    return make_index(tmp_path_factory.mktemp("index"), train=FACES, common=2)


# A worker that saves after every epoch, and that signals end at a step of a start: "rank start step signal, ..."
WORKER = """
import os, sys
from pathlib import Path
from gv.core import train as training
from gv.core.member import RANK
training.SAVE_SECONDS = 0.0
rank, blows, counts = os.environ[RANK], sys.argv.pop(1), Path(sys.argv.pop(1), "starts" + os.environ[RANK])
start = int(counts.read_text()) + 1 if counts.exists() else 1
counts.write_text(str(start))
step, done = training.Optimiser.step, []
def blow(self, rate, images):
    step(self, rate, images)
    done.append(images)
    for text in filter(None, blows.split(",")):
        who, when, at, number = text.split()
        if (who, int(when), int(at)) == (rank, start, len(done)):
            os.kill(os.getpid(), int(number))
training.Optimiser.step = blow
from MODULE.cli import main
sys.exit(main())
"""


def launcher(folder, index, *options, blows="", program="gv", settings=None, wait=True):
    """(exit code, output, messages) of the launcher with a run in folder/run; or its process."""
    given = [f"--set={name}={value}" for name, value in (settings or SETTINGS).items()]
    command = [sys.executable, "-m", "experiments.launch", *options, "--", "python", "-c", WORKER.replace("MODULE", program),
               blows, str(folder), "train", "--data", str(index.folder), "--preset", "smoke", *given, "--out", f"{folder}/run"]
    process = subprocess.Popen(command, cwd=ROOT, env=child_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if not wait:
        return process
    out, said = process.communicate(timeout=WAIT)
    return process.returncode, out.decode(), said.decode()


def weights(folder, part="weights"):
    return {name: value.asnumpy() for name, value in checkpoint.load(folder, part).items()}


def left_over(folder):
    """Processes that have a folder's name in their command line."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if str(folder).encode() in path.read_bytes() and alive(int(path.parent.name)):
                found.append(int(path.parent.name))
        except OSError:
            pass
    return found


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory, index):
    folder = tmp_path_factory.mktemp("undisturbed")
    code, out, said = launcher(folder, index, "--local", "2")
    assert code == 0, out + said
    return folder, out, said


def test_output_has_names_and_files_are_rank_0s(undisturbed):
    folder, out, said = undisturbed
    assert all(re.match(r"\[(worker [01]|server 0|scheduler)\] ", line) for line in out.splitlines()), out
    assert f"[worker 1] {folder}/run: rank 1 of 2 is done" in out
    assert "[worker 0] " in out and "trained from scratch for 12 steps" in out
    assert said.splitlines()[0] == "[launch] 2 workers and 1 server on this machine, dist"
    assert re.fullmatch(r"\[launch\] done in \d+ s", said.splitlines()[-1])
    assert left_over(folder) == []
    assert member.MARK not in out + said
    sidecar = checkpoint.read_sidecar(folder / "run")
    assert sidecar["devices"] == ["cpu(0)", "cpu(0)"] and sidecar["finished"]
    assert sorted(path.name for path in (folder / "run").iterdir()) == ["checkpoint", "config.json", "log.csv"]


def test_told_to_end_and_killed_it_is_the_same_to_the_bit(undisturbed, index, tmp_path):
    """Rank 1 is told to end within an epoch, and all save that step; then rank 0 is killed, and an epoch is gone over again."""
    whole, _, _ = undisturbed
    code, out, said = launcher(tmp_path, index, "--local", "2", "--tries", "2",
                               blows=f"1 1 4 {int(signal.SIGTERM)},0 2 5 {int(signal.SIGKILL)}")
    assert code == 0, out + said
    lines = said.splitlines()
    assert re.fullmatch(r"\[launch\] worker [01] ended by signal 15 at step 5; start 2, from the checkpoint of step 5", lines[1])
    assert re.fullmatch(r"\[launch\] worker 0 ended by signal 9 at step \d+; start 3, from the checkpoint of step 9", lines[2])
    assert lines[-1].endswith(", 2 restarts") and len(lines) == 4
    for part in ("weights", "optimiser"):
        one, two = weights(whole / "run", part), weights(tmp_path / "run", part)
        assert one.keys() == two.keys() and all((one[name] == two[name]).all() for name in one)
    assert [row["loss"] for row in read_log(whole / "run")] == [row["loss"] for row in read_log(tmp_path / "run")]
    assert left_over(tmp_path) == []


def test_several_processes_train_as_one(index, tmp_path):
    """With BatchNorm's statistics left alone, three processes with their shares of 4, 4 and 3 do what one does, to 1e-6; two
    servers, AnchorFace, whose templates are rank 0's."""
    settings = {**{name: value for name, value in SETTINGS.items() if name not in ("side", "width")}, "size": 64, "lr": 1e-5,
                "batchnorm": "frozen", "area": 14, "grid": 4, "clusters": 2, "rolls": 2}
    code, out, said = launcher(tmp_path, index, "--local", "3", "--servers", "2", program="anchorface", settings=settings)
    assert code == 0, out + said
    from anchorface.methods import METHODS
    from gv.core.run import plan
    run = plan(METHODS, "anchorface", "smoke", {name: str(value) for name, value in settings.items()}, 68)
    train(tmp_path / "one", run, index, read_split(index, "train"), parse_devices("cpu:0"), quiet=True)
    one, many = weights(tmp_path / "one"), weights(tmp_path / "run")
    apart = np.concatenate([np.abs(one[name] - many[name]).ravel() for name in one])
    assert apart.max() < 1e-6, apart.max()
    begun = [float(rows[0]["loss"]) for rows in (read_log(tmp_path / "one"), read_log(tmp_path / "run"))]
    np.testing.assert_allclose(begun[1], begun[0], rtol=1e-5)
    first, second = (checkpoint.read_sidecar(tmp_path / name)["fitted_sha256"] for name in ("one", "run"))
    assert first == second


def test_bad_input_of_a_worker_ends_all_at_once(index, tmp_path):
    (tmp_path / "run").mkdir()
    code, out, said = launcher(tmp_path, index, "--local", "2")
    assert code == 2 and re.search(r"\[worker 0\] .*--out .*exists", out)
    assert "launch: the run: worker 0 ended with exit code 2" in said and "not tried again" in said and "start 2" not in said
    assert left_over(tmp_path) == []


def test_a_killed_launcher_leaves_nothing(index, tmp_path):
    process = launcher(tmp_path, index, "--local", "2", settings={**SETTINGS, "epochs": 100000}, wait=False)
    end = time.monotonic() + WAIT
    while not (tmp_path / "run/log.csv").exists() and time.monotonic() < end:
        time.sleep(0.1)
    assert len(left_over(tmp_path)) == 5       # the launcher, and two workers with their guards
    process.kill()
    process.communicate()
    end = time.monotonic() + 30
    while left_over(tmp_path) and time.monotonic() < end:
        time.sleep(0.1)
    assert left_over(tmp_path) == []


# --- the launcher, with workers that train nothing and no servers

SAY = "import os,sys,time; say=lambda w: os.write(2, f'\\x1f{w}\\x1f\\n'.encode()); "


@pytest.fixture
def quick(monkeypatch, tmp_path):
    """Function of (code of the workers, options) that runs them: (exception or starts, output, messages)."""
    monkeypatch.setattr(job, "SERVE", f"import time; time.sleep(60)  # {tmp_path}")
    monkeypatch.setattr(launch, "PAUSE", 0.01)

    def run(code, *options, stop=None):
        plan = launch.make_plan(launch._parser().parse_args([*options, "--", "python", "-c", SAY + code, str(tmp_path)]))
        out, said = [], []
        stop = stop or types.SimpleNamespace(number=None)
        try:
            found = launch.supervise(plan, 2, stop, out.append, said.append)
        except (InputError, Interrupted) as error:
            found = error
        assert left_over(tmp_path) == []
        return found, out, said

    return run


def test_lines_come_whole_with_their_names(quick):
    found, out, said = quick("print('one'); sys.stdout.write('half '); sys.stdout.flush(); say('step 3'); print('whole\\rtwo')",
                             "--local", "1")
    assert (found, said) == (1, []) and out[0] == "[worker 0] one" and out[-1] == "[worker 0] two"
    assert " ".join(line[len("[worker 0] "):] for line in out[1:-1]).replace("  ", " ") == "half whole"


def test_what_hangs_is_ended(quick):
    found, out, said = quick("say('step 7'); time.sleep(60)", "--local", "2", "--patience", "1.5")
    assert said == ["nothing moved for 1.5 s; start 2, from the beginning"]
    assert "the run: nothing moved for 1.5 s; expected a good end within 2 starts; no checkpoint is kept" in str(found)


def test_starts_are_counted_anew_after_a_checkpoint(quick, tmp_path):
    """Four starts that fail, of which all but the first two save: with two tries the third in vain is the end."""
    code = (f"n=len(os.listdir({str(tmp_path)!r})); open({str(tmp_path)!r}+f'/{{n}}','w').close(); "
            "n in (0, 1, 2) and say(f'saved {n + 1}'); sys.exit(5)")
    found, out, said = quick(code, "--local", "1")
    assert [re.search(r"start (\d), from the checkpoint of step (\d)", line).groups() for line in said] == [
        ("2", "1"), ("3", "2"), ("4", "3")]
    assert "worker 0 ended with exit code 5" in str(found) and "checkpoint of step 3 is kept" in str(found)


def test_a_server_that_ends_is_noticed(quick, monkeypatch):
    monkeypatch.setattr(job, "SERVE", "import os, time, signal; time.sleep(0.5); os.environ['DMLC_ROLE'] == 'server' and "
                                      "os.kill(os.getpid(), signal.SIGKILL); time.sleep(60)")
    found, out, said = quick("time.sleep(60)", "--local", "1")
    assert said == ["server 0 ended by signal 9; start 2, from the beginning"]


def test_resume_is_added_to_further_starts_alone(quick):
    found, out, said = quick("print(sys.argv[2:]); sys.exit(0 if '--resume' in sys.argv else 1)", "--local", "1")
    assert found == 2 and [line for line in out if "[" in line[10:]] == ["[worker 0] []", "[worker 0] ['--resume']"]


def test_an_end_that_is_asked_for_is_passed_on(quick):
    stop = types.SimpleNamespace(number=None)
    code = ("import signal; signal.signal(15, lambda *_: (say('saved 4'), os._exit(143))); print('ready', flush=True); "
            "time.sleep(60)")

    class Ready(list):
        def append(self, line):
            super().append(line)
            if "ready" in line:
                stop.number = signal.SIGINT

    plan = launch.make_plan(launch._parser().parse_args(["--local", "1", "--", "python", "-c", SAY + code]))
    with pytest.raises(Interrupted, match="checkpoint of step 4 is kept") as found:
        launch.supervise(plan, 2, stop, Ready().append, print)
    assert found.value.number == signal.SIGINT


def test_what_a_worker_started_ends_with_it(quick, tmp_path):
    code = (f"import subprocess; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)', {str(tmp_path)!r}]); "
            "time.sleep(0.3)")
    assert quick(code, "--local", "1")[0] == 1      # quick looks for what is left


def test_far_processes_are_told_everything_over_their_input(quick, tmp_path, monkeypatch):
    """A host reached by a command of one's own: folder, variables and spaces arrive, and PORT does not."""
    far = tmp_path / "far host"
    far.mkdir()
    (tmp_path / "hosts").write_text("# two\nhere address=127.0.0.1 slots=2\nthere address=127.0.0.1  # last\n")
    monkeypatch.setenv("PORT", "1")
    found, out, said = quick("print(os.getcwd(), os.environ['TOLD'], os.environ['HOST'], os.environ['DMLC_NODE_HOST'], "
                             "os.environ['GV_RANK'], 'PORT' in os.environ)", "--hosts", str(tmp_path / "hosts"), "--rsh",
                             "env -i HOST={host} PATH=/usr/bin:/bin", "--folder", str(far), "--env", "TOLD=a 'b'", "--env",
                             f"PYTHONPATH={ROOT}")
    assert found == 1, (found, out)
    told = sorted(line for line in out if "far host" in line)
    assert told == [f"[worker {rank}] {far} a 'b' {host} 127.0.0.1 {rank} False"
                    for rank, host in enumerate(("here", "here", "there"))]


@pytest.mark.parametrize("words, silence, seconds", [
    ((), 0.5, 0.5), (("here", "there", "here"), 0.5, 1.1), (("kill",), None, 0.0), (("here", "term"), None, 0.3),
])
def test_a_guard_ends_its_process(words, silence, seconds):
    """When it is told to, or when the launcher has said nothing for too long, its input still open."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
    inner, outer = os.pipe()
    begin = time.monotonic()

    def speak():
        for number, word in enumerate(words):
            time.sleep(0.3 if number else 0)
            os.write(outer, f"{word}\n".encode())

    speaker = threading.Thread(target=speak)
    before = {number: signal.getsignal(number) for number in guard.ENDING}
    speaker.start()
    try:
        assert guard.watch(child, inner, silence) == (-signal.SIGKILL if "kill" in words else -signal.SIGTERM)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert time.monotonic() - begin >= seconds
    speaker.join()
    os.close(inner), os.close(outer)


def test_names_become_numbers():
    """ps-lite listens on numbers alone; a machine that calls itself 127.0.1.1 is of no use to others."""
    assert guard.numeric("localhost") == "127.0.0.1" and guard.numeric("10.1.2.3") == "10.1.2.3"
    with pytest.raises(OSError):
        guard.numeric("no.such.host.invalid")


def test_a_host_that_nobody_knows_is_a_line(quick, tmp_path):
    (tmp_path / "hosts").write_text("no.such.host.invalid\n")
    found, out, said = quick("pass", "--hosts", str(tmp_path / "hosts"), "--rsh", "env HOST={host}")
    assert said == [] and "no.such.host.invalid: no such host" in str(found) and "not tried again" in str(found)


# --- the files for Slurm and Kubernetes

STANDS = {
    "scontrol": "#!/bin/sh\n[ \"$1 $2 $3\" = 'show hostnames a[1-2]' ] && printf 'a1\\na2\\n'\n",
    # in the launcher's place: says what it is given, and waits for an end
    "python": "#!/bin/sh\nsed 's/^/host /' \"$4\"\nprintf '<%s>' \"$@\"\ntrap 'exit 143' TERM\necho\n[ -z \"$WAIT\" ] && exit 7\n"
              "while :; do sleep 0.1; done\n"}


@pytest.mark.parametrize("told", [False, True])
def test_the_file_for_slurm(tmp_path, told):
    """With stand-ins: hosts, command line, exit code, and TERM passed on."""
    for name, text in STANDS.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "SLURM_JOB_NODELIST": "a[1-2]", "PYTHON": "python",
                   "SLURM_SUBMIT_DIR": "/there", "WAIT": "1" if told else "", "TMPDIR": str(tmp_path)}
    process = subprocess.Popen(["bash", str(ROOT / "docs/machines/slurm.sh"), "gv", "train", "--out", "a b"], env=environment,
                               stdout=subprocess.PIPE)
    lines = [process.stdout.readline().decode() for _ in range(3)]
    if told:
        process.terminate()
    assert process.wait(30) == (143 if told else 7)
    process.stdout.close()
    assert lines[:2] == ["host a1\n", "host a2\n"]
    given = re.findall(r"<([^>]*)>", lines[2])
    assert given[:2] == ["-m", "experiments.launch"] and given[-6:] == ["--", "gv", "train", "--out", "a b", "--resume"]
    (tmp_path / "kept").write_text("a1\na2\n")
    plan = launch.make_plan(launch._parser().parse_args(["--hosts", str(tmp_path / "kept"), *given[4:]]))
    words, _, script = hosts.start_on(plan.hosts[1], plan.rsh, plan.folder, {}, ["x"])
    assert words[0] == "srun" and words[-2:] == ["--nodelist=a2", "sh"] and script.startswith("cd /there &&")
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("tmp.")], "the list of hosts is left over"


def test_the_file_for_kubernetes(tmp_path):
    """The launcher understands the command of its Job, and reaches the pods of its StatefulSet."""
    yaml = pytest.importorskip("yaml")
    parts = list(yaml.safe_load_all((ROOT / "docs/machines/kubernetes.yaml").read_text(encoding="utf-8")))
    by_kind = {part["kind"]: part for part in parts}
    (tmp_path / "hosts").write_text(by_kind["ConfigMap"]["data"]["hosts"])
    command = by_kind["Job"]["spec"]["template"]["spec"]["containers"][0]["command"]
    assert command[1:3] == ["-m", "experiments.launch"]
    given = [f"--hosts={tmp_path}/hosts" if word.startswith("--hosts=") else word for word in command[3:]]
    plan = launch.make_plan(launch._parser().parse_args(given))
    pods, service = by_kind["StatefulSet"], by_kind["Service"]
    name, count = pods["metadata"]["name"], pods["spec"]["replicas"]
    assert [host.name for host in plan.hosts] == [f"{name}-{number}" for number in range(count)]
    assert [host.address for host in plan.hosts] == [f"{host.name}.{service['metadata']['name']}" for host in plan.hosts]
    assert pods["spec"]["serviceName"] == service["metadata"]["name"] and service["spec"]["clusterIP"] == "None"
    labels = pods["spec"]["template"]["metadata"]["labels"]
    assert service["spec"]["selector"] == labels == pods["spec"]["selector"]["matchLabels"]
    assert hosts.start_on(plan.hosts[2], plan.rsh, plan.folder, {}, ["x"])[0] == ["kubectl", "exec", "-i", "gv-2", "--", "sh"]
    assert plan.command[-1] == "--resume"


# --- what a step costs, on paper

def test_the_model_of_cost():
    """By hand: 1e6 weights, 8 machines, 1e9 bytes a second: 4 MB a worker, each way."""
    from experiments.studies.machines import cost
    assert cost.server_seconds(1e6, 8, 1, 1e9) == pytest.approx(8 * 4e-3 * 7 / 8)         # all but its own machine's
    assert cost.server_seconds(1e6, 8, 8, 1e9) == pytest.approx(2 * 4e-3 * 7 / 8)         # a worker's and a server's
    assert cost.server_seconds(1e6, 8, 8, 1e9, rate=1e8) == pytest.approx(4e-3 * 10)      # its sums are slower than its link
    assert cost.ring_seconds(1e6, 8, 1e9) == pytest.approx(2 * 4e-3 * 7 / 8 + 14 * cost.LATENCY)
    weights, adds = cost.size("anchorface", [])
    from anchorface.methods import METHODS
    from gv.core.run import plan
    run = plan(METHODS, "anchorface", "paper", {}, cost.LANDMARKS)
    net = run.method.net(cost.LANDMARKS, run.method.blank(cost.LANDMARKS))
    net.initialize()
    net(mx.nd.zeros((1, 3, run.crop.size, run.crop.size)))
    assert weights == sum(value.data().size for value in net.collect_params().values() if value.grad_req != "null") and adds > 1e8


# --- bad input

@pytest.mark.parametrize("text, words", [
    ("", "no host; expected lines of NAME"), ("a slots=0", "line 1: slots=0"), ("a slots=x", "line 1: slots=x"),
    ("a\na", 'line 2: "a" for the second time'), ("a colour=red", 'line 1: "a colour=red"'), ("a b", 'line 1: "a b"'),
    ("slots=2", 'line 1: "slots=2"'), ("-oProxyCommand=x", "line 1"), ("a address=", "line 1"),
])
def test_a_hosts_file_that_is_none(tmp_path, text, words):
    (tmp_path / "hosts").write_text(text + "\n")
    with pytest.raises(InputError, match=re.escape(words)):
        hosts.read_hosts(tmp_path / "hosts")


@pytest.mark.parametrize("arguments, words", [
    (["--local", "2", "--", "gv", "eval"], "-- gv eval: no training"),
    (["--local", "2", "--", "make", "train"], "-- make: no command that can be shared"),
    (["--local", "2"], "no command"),
    (["--local", "0", "--", "gv", "train"], "--local: 0; expected at least 1"),
    (["--local", "2", "--tries", "0", "--", "gv", "train"], "--tries: 0"),
    (["--local", "2", "--patience", "0", "--", "gv", "train"], "--patience"),
    (["--local", "2", "--folder", "/no/such", "--", "gv", "train"], "--folder /no/such: no such folder"),
    (["--local", "2", "--env", "1=2", "--", "gv", "train"], "--env 1=2: no variable"),
    (["--local", "2", "--engine", "horovod", "--", "gv", "train"], "--engine horovod: no command horovodrun"),
    (["--local", "2", "--engine", "horovod", "--servers", "2", "--", "gv", "train"], "--engine horovod: with --servers"),
    (["--hosts", "/no/such", "--", "gv", "train"], "/no/such: No such file"),
    (["--", "gv", "train"], "one of the arguments --local --hosts is required"),
])
def test_a_command_that_is_none_is_a_line(arguments, words):
    done = subprocess.run([sys.executable, "-m", "experiments.launch", *arguments], cwd=ROOT, env=child_environment(),
                          capture_output=True, timeout=60)
    said = done.stderr.decode()
    assert done.returncode == 2 and len(said.splitlines()) == 1 and words in said, said


# --- ranks, without processes

@pytest.mark.parametrize("count", [1, 2, 3, 5, 8, 9, 16])
@pytest.mark.parametrize("ranks, devices", [(1, 1), (2, 1), (3, 1), (2, 2), (4, 2)])
def test_shares_are_those_of_as_many_devices(count, ranks, devices):
    """Over ranks and their devices a batch is cut as over all devices of one process, in the same order."""
    images = np.arange(count, dtype=np.float32)[:, None]
    contexts = [mx.cpu(number) for number in range(ranks * devices)]
    expected = [(part[0].asnumpy().ravel(), part[2].asnumpy()) for part in split_batch(images, images, contexts)]
    found = []
    for rank in range(ranks):
        several = spread.Several(types.SimpleNamespace(rank=rank, size=ranks))
        rows = several.chooser(devices)(list(range(count)))
        parts = several.weigh(split_batch(images[rows], images[rows], contexts[:devices]), count)
        found += [(part[0].asnumpy().ravel(), part[2].asnumpy()) for part in parts]
    for (faces, weight), (true_faces, true_weight) in zip(found, expected):
        np.testing.assert_array_equal(weight, true_weight)
        assert not weight.any() or (faces == true_faces).all()
    assert sum(weight.sum() for _, weight in found) == count


class Rounds:
    """An engine of threads: what the ranks add is summed when all have."""

    def __init__(self, size):
        self.size, self.held, self.barrier = size, {}, threading.Barrier(size, timeout=20)

    def of(self, rank):
        def add(name, arrays, priority=0):
            self.held[rank] = [array.asnumpy() for array in arrays]
            self.barrier.wait()
            total = sum(value for one in sorted(self.held) for value in self.held[one])
            self.barrier.wait()
            for array in arrays:
                array[:] = mx.nd.array(total)
        return spread.Several(types.SimpleNamespace(rank=rank, size=self.size, add=add))


def on_ranks(size, function):
    """[what function(Several of a rank) gives, or raises] by rank, each in a thread."""
    engine, found = Rounds(size), queue.Queue()

    def one(rank):
        try:
            found.put((rank, function(engine.of(rank))))
        except Exception as error:
            found.put((rank, error))

    threads = [threading.Thread(target=one, args=(rank,)) for rank in range(size)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [value for _, value in sorted((found.get() for _ in threads), key=lambda pair: pair[0])]


def test_rank_0_is_heard_by_all_to_the_bit():
    odd = {"text": "ä\u2028" * 40001, "numbers": [0.1, 1e-300, -1.5], "nothing": None}
    assert on_ranks(3, lambda many: many.first(lambda: odd)) == [odd] * 3
    assert on_ranks(2, lambda many: many.first(lambda: "")) == ["", ""]
    values = {"part": {"b": np.float32([[1e-38, -3.25], [7, 1 / 3]]), "a": np.float32([5])}}

    def arrays(many):
        made = many.first_arrays(lambda: {"part": {name: mx.nd.array(value) for name, value in values["part"].items()}})
        return {name: value.asnumpy() for name, value in made["part"].items()}

    for found in on_ranks(3, arrays):
        assert found.keys() == values["part"].keys()
        assert all((found[name] == value).all() and found[name].shape == value.shape for name, value in values["part"].items())


def test_ranks_that_differ_are_refused():
    said = on_ranks(3, lambda many: many.agree("faces", {"rank": many.rank == 2}))
    assert all(isinstance(error, InputError) and "faces: rank 2 has others than rank 0" in str(error) for error in said)
    assert on_ranks(3, lambda many: many.agree("faces", [1, 2])) == [None] * 3
    said = on_ranks(2, lambda many: many.check_equal({"w": mx.nd.array([1.0, 2.0 + 1e-6 * many.rank])}))
    assert all(isinstance(error, RuntimeError) and "rank 1 of 2 holds other weights" in str(error) for error in said)
    assert on_ranks(2, lambda many: many.check_equal({"w": mx.nd.array([1.0])})) == [None] * 2


def test_all_end_at_the_same_step():
    """The signal of one rank ends all, at the step after the one it came in, or at once where the epoch ends."""
    def steps(many):
        ended = None
        for step in range(1, 9):
            many.total([mx.nd.array([1.0])], 15 if many.rank == 1 and step >= 3 else None, step)
            if ended is None and many.ending(None) is not None:
                ended = step
        return ended, many.ending(None, done=True)

    assert on_ranks(3, steps) == [(4, signal.SIGTERM)] * 3


def test_statistics_of_all_ranks_come_together():
    def union(many):
        mine = {f"{number}.bn": mx.nd.array([10 * many.rank + number, 0.1]) for number in range(2)}
        return {name: value.asnumpy().tolist() for name, value in many.union(mine, 2).items()}

    tenth = float(np.float32(0.1))
    expected = {"0.bn": [0, tenth], "1.bn": [1, tenth], "2.bn": [10, tenth], "3.bn": [11, tenth]}
    assert on_ranks(2, union) == [expected] * 2
    mean = checkpoint.averaged({name: mx.nd.array(value) for name, value in expected.items()})
    np.testing.assert_allclose(mean["bn"].asnumpy(), [5.5, 0.1], rtol=1e-6)


def test_one_process_is_alone(monkeypatch):
    monkeypatch.delenv(member.ENGINE, raising=False)
    spread.here.cache_clear()
    assert spread.here() is spread.ALONE


# --- Horovod, by a module that stands in for it

HOROVOD = """
import os
def init(): open(os.environ["SAW"], "a").write("init\\n")
def rank(): return 0
def size(): return 1
def allreduce_(tensor, average, name, priority): open(os.environ["SAW"], "a").write(f"{average} {name}\\n")
"""
HOROVODRUN = """#!{python}
import os, subprocess, sys
print("asked:", sys.argv[1:6])
print("[3]<stderr>:a line\\n[3]<stderr>:", flush=True)
sys.exit(subprocess.call(sys.argv[6:]))
"""


def test_horovod_sums_where_it_is_there(index, tmp_path, monkeypatch):
    """One worker over a stand-in: its command line, its calls, and the same weights as one process."""
    (tmp_path / "horovod").mkdir()
    (tmp_path / "horovod/__init__.py").write_text("")
    (tmp_path / "horovod/mxnet.py").write_text(HOROVOD)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/horovodrun").write_text(HOROVODRUN.format(python=sys.executable))
    (tmp_path / "bin/horovodrun").chmod(0o755)
    settings = {**SETTINGS, "epochs": 1}
    run = tiny_run(**settings)
    train(tmp_path / "one", run, index, read_split(index, "train"), parse_devices("cpu:0"), quiet=True)
    environment = {**child_environment(), "SAW": str(tmp_path / "saw"), "PATH": f"{tmp_path}/bin:{os.environ['PATH']}"}
    environment["PYTHONPATH"] += f":{tmp_path}"
    given = [f"--set={name}={value}" for name, value in settings.items()]
    done = subprocess.run([sys.executable, "-m", "experiments.launch", "--local", "1", "--engine", "horovod", "--", "gv", "train",
                           "--data", str(index.folder), "--preset", "smoke", *given, "--out", str(tmp_path / "run")], cwd=ROOT,
                          env=environment, capture_output=True, timeout=WAIT)
    out = done.stdout.decode()
    assert done.returncode == 0, out + done.stderr.decode()
    assert out.startswith("[workers] asked: ['--gloo', '-np', '1', '-H', 'localhost:1']\n[worker 3] a line\n[workers] ")
    saw = (tmp_path / "saw").read_text().splitlines()
    assert saw[0] == "init" and any(line.startswith("False gradient ") for line in saw) and "False step" in saw
    one, ring = weights(tmp_path / "one"), weights(tmp_path / "run")
    assert all((one[name] == ring[name]).all() for name in one)


def test_horovod_that_is_not_there_is_a_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "horovod", None)
    with pytest.raises(InputError, match="Horovod cannot be loaded"):
        spread.Ring()
