"""One start of a run's processes: their output passed on, watched until they end, and ended together."""

import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from experiments.launch.hosts import guarded, start_on
from gv.core import member
from gv.core.exits import BAD_INPUT, Interrupted

WORDS = re.compile(rb"\x1f([^\x1f\r\n]*)\x1f")      # between two marks, as gv.core.member says them
OF_RING = re.compile(r"\[(\d+)\]<std(?:out|err)>:(.*)")      # a line of a rank, as horovodrun has it
SETTLE_SECONDS = 20.0     # for the other processes, when the first worker has come to its end
SAVE_SECONDS = 120.0      # for all workers to save what they have, when an end was asked for
KILL_SECONDS = 10.0       # for a guard to end its process
ALIVE_SECONDS = 10.0      # between signs of life to the guards
LOOK_SECONDS = 0.5        # between looks at the clock
SERVE = "import gv, mxnet"       # MXNet runs a server, or the scheduler, as it is imported, where DMLC_ROLE says so
NOT_FOUND, TOLD = 127, (128 + signal.SIGTERM, 128 + signal.SIGINT)


@dataclass(frozen=True)
class Plan:
    """hosts: [Host], the first of which has rank 0 and the scheduler; servers: of parameters, over all hosts; engine: dist or
    horovod; command: of a worker, without --resume; folder: where all run; environment: what remote processes are told; gpus: of
    each worker, 0: as the machine has it; patience: seconds without a step after which the run is taken to hang."""

    hosts: list
    servers: int
    engine: str
    command: list
    folder: str
    rsh: str
    python: str
    environment: dict
    gpus: int
    patience: float

    def workers(self):
        """[(host, its slot)] by rank."""
        return [(host, slot) for host in self.hosts for slot in range(host.slots)]


@dataclass
class Progress:
    """How far a run is, over all its starts: the last step heard of, and that of the last checkpoint."""

    step: int = 0
    saved: int = 0
    heard: set = field(default_factory=set)


class Failed(Exception):
    """A start came to no good end. again: whether another may."""

    def __init__(self, text, again=True):
        super().__init__(text)
        self.again = again


class Process:
    """One process under its guard; what it prints goes to ``say``, line by line, and its words and its end into a queue."""

    def __init__(self, name, host, rsh, folder, environment, command, events, say):
        self.name, self.role, self.last, self.code = name, name.partition(" ")[0], "", None
        command, environment, script = start_on(host, rsh, folder, environment, command)
        self.process = subprocess.Popen(command, cwd=None if host.name else folder, env=environment, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
        self.tell(script)
        threading.Thread(target=self._follow, args=(events, say), daemon=True).start()

    def tell(self, text):
        """Write to the guard; one that is gone hears nothing."""
        with suppress(OSError):
            self.process.stdin.write(text.encode())
            self.process.stdin.flush()

    def _follow(self, events, say):
        rest = b""
        while True:
            data = os.read(self.process.stdout.fileno(), 1 << 16)
            rest += data
            for word in WORDS.findall(rest):
                events.put((self, word.decode("utf-8", "replace")))
            *lines, rest = re.split(rb"[\r\n]", WORDS.sub(b"", rest))
            for line in lines + ([rest] if not data else []):
                text, name = line.decode("utf-8", "replace").rstrip(), self.name
                if OF_RING.match(text):
                    rank, text = OF_RING.match(text).groups()
                    name = f"worker {rank}"
                if text:
                    self.last = text
                    say(f"[{name}] {text}")
            if not data:
                break
        self.code = self.process.wait()
        events.put((self, None))

    def how(self):
        """How it ended, in words."""
        code = self.code if self.code >= 0 else 128 - self.code
        if 128 < code < 128 + signal.NSIG:
            return f"{self.name} ended by signal {code - 128}"
        return f"{self.name} ended with exit code {code}" + (f" ({self.last})" if self.last and code else "")

    def kill(self):
        """End it with all that it started, at once."""
        self.tell("kill\n")
        with suppress(OSError):
            self.process.stdin.close()
        try:
            self.process.wait(KILL_SECONDS)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


class Job:
    """One start. say: function of a line of output."""

    def __init__(self, plan, progress, resume, say):
        self.plan, self.progress, self.say = plan, progress, say
        self.command = [*plan.command, *(["--resume"] if resume else [])]
        self.events, self.processes, self.moved, self.port = queue.Queue(), [], time.monotonic(), None
        # when the first worker ended well; when an end asked for here was passed on; when one was told so elsewhere, and how
        self.finished = self.asked = self.told = None
        self.spoken = time.monotonic()     # when the guards were last told that the launcher is there

    def run(self, stop):
        """Start all, and wait for the end; raises ``Failed``, or ``Interrupted`` where ``stop`` (an ``exits.Stop``) says so."""
        try:
            (self._ring if self.plan.engine == "horovod" else self._parameter_server)(stop)
            while not self._look(stop):
                pass
        finally:
            for one in self.processes:
                one.tell("kill\n")      # all at once: none is to see another's end first
            for one in self.processes:
                one.kill()

    def _add(self, name, host, command, environment, port=False):
        remote = {**self.plan.environment, **environment} if host.name else environment
        self.processes.append(Process(name, host, self.plan.rsh, self.plan.folder, remote,
                                      guarded(self.plan.python, command, host, port), self.events, self.say))

    def _parameter_server(self, stop):
        plan = self.plan
        common = {"DMLC_NUM_WORKER": str(len(plan.workers())), "DMLC_NUM_SERVER": str(plan.servers),
                  "DMLC_PS_ROOT_URI": plan.hosts[0].reached()}
        serve = [plan.python, "-c", SERVE]
        # of more, OpenMP's would wait in loops between sums, on the cores that the workers compute on
        serving, first = {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}, plan.hosts[0]
        self._add("scheduler", first, serve, {**common, **serving, **first.network(), "DMLC_ROLE": "scheduler"}, port=True)
        while self.port is None:
            self._look(stop)
        common["DMLC_PS_ROOT_PORT"] = self.port
        for number in range(plan.servers):
            host = plan.hosts[number % len(plan.hosts)]
            self._add(f"server {number}", host, serve, {**common, **serving, **host.network(), "DMLC_ROLE": "server"})
        for rank, (host, slot) in enumerate(plan.workers()):
            environment = {**common, **host.network(), "DMLC_ROLE": "worker", member.ENGINE: "dist", member.RANK: str(rank),
                           member.BEATS: "1"}
            if plan.gpus:
                environment["CUDA_VISIBLE_DEVICES"] = ",".join(str(slot * plan.gpus + gpu) for gpu in range(plan.gpus))
            self._add(f"worker {rank}", host, self.command, environment)

    def _ring(self, stop):
        """Horovod's own launcher, which starts the workers over ssh, is all that is watched."""
        plan = self.plan
        beside = Path(plan.python).with_name("horovodrun")
        places = ",".join(f"{host.reached() if host.name else 'localhost'}:{host.slots}" for host in plan.hosts)
        command = self.command
        if plan.gpus:
            command = ["sh", "-c", 'CUDA_VISIBLE_DEVICES=$HOROVOD_LOCAL_RANK exec "$@"', "sh", *command]
        command = [str(beside) if beside.is_file() else "horovodrun", "--gloo", "-np", str(len(plan.workers())), "-H", places,
                   *command]
        here = type(plan.hosts[0])("", plan.hosts[0].slots)
        self._add("workers", here, command, {member.ENGINE: "horovod", member.BEATS: "1", **plan.environment})

    def _look(self, stop):
        """Take in what has happened; returns whether the run is over."""
        try:
            process, word = self.events.get(timeout=LOOK_SECONDS)
            if word is None:
                self._ended(process)
            else:
                self._heard(*word.partition(" ")[::2])
        except queue.Empty:
            pass
        now = time.monotonic()
        if now - self.spoken > ALIVE_SECONDS:
            self.spoken = now
            for one in self.processes:
                one.tell("here\n")
        workers = [one for one in self.processes if one.role.startswith("worker")]
        ended = [one for one in workers if one.code is not None]
        if stop.number is not None and self.asked is None:
            self.asked = now
            for one in workers:
                one.tell("term\n")
        if self.asked is not None:
            if len(ended) == len(workers) or now - self.asked > SAVE_SECONDS:
                raise Interrupted(stop.number, self.kept())
            if ended and self.finished is None:
                self.finished = now
            if self.finished is not None and now - self.finished > SETTLE_SECONDS:
                raise Interrupted(stop.number, self.kept())
            return False
        if self.told is not None:
            if len(ended) == len(workers) or now - self.told[0] > SETTLE_SECONDS:
                raise Failed(self.told[1])
            return False
        if workers and len(ended) == len(workers):
            return True
        if self.finished is not None and now - self.finished > SETTLE_SECONDS:
            if workers[0].code == 0:      # rank 0 has saved the end of the run
                return True
            raise Failed(f"{workers[0].name} did not end with the others")
        if self.finished is None and now - self.moved > self.plan.patience:
            raise Failed(f"nothing moved for {self.plan.patience:g} s")
        return False

    def _heard(self, word, value):
        self.moved = time.monotonic()
        if word == "port":
            self.port = value
        elif word == "step" and value.isdigit():
            self.progress.step = int(value)
        elif word == "saved" and value.isdigit():
            self.progress.saved = int(value)

    def _ended(self, process):
        if self.asked is not None or self.told is not None:
            return
        worker = process.role.startswith("worker")
        if worker and process.code in TOLD:      # and so will the others: they have agreed on the step to save
            self.told = time.monotonic(), f"{process.how()}{self._where()}"
            return
        if process.code == 0:
            self.finished = self.finished or time.monotonic()      # a server: the workers have told it to
            return
        if self.finished is None or worker:
            raise Failed(f"{process.how()}{self._where()}", again=process.code not in (BAD_INPUT, NOT_FOUND))

    def _where(self):
        return f" at step {self.progress.step}" if self.progress.step else ""

    def kept(self):
        """What is there now, in words."""
        if not self.progress.saved:
            return "no checkpoint was written"
        return f"the checkpoint of step {self.progress.saved} is kept; the same command with --resume goes on"


def speaker(out=None):
    """A function that prints a line whole, from any thread."""
    held, out = threading.Lock(), out or sys.stdout

    def say(text):
        with held:
            print(text, file=out, flush=True)

    return say
