"""The machines of a run, and how a process is started on one of them."""

import os
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

from gv.core.errors import InputError

RSH = "ssh -o BatchMode=yes -o ServerAliveInterval=15 -o ServerAliveCountMax=4"
PLACE = "{host}"                 # stands for the host's name in a --rsh
LOOPBACK = "127.0.0.1"
PASSED = ("MXNET_", "OMP_", "PS_", "NCCL_", "HOROVOD_", "GLOO_")      # beginnings of the variables that remote processes get
ALSO_PASSED = ("PYTHONPATH", "CUDA_VISIBLE_DEVICES")
SILENCE_SECONDS = 120.0          # after which a process on another machine takes its launcher for gone
FIELDS = "NAME [slots=N] [address=IP] [interface=NAME]"


@dataclass(frozen=True)
class Host:
    """name: as --rsh knows it, "" of this machine; slots: workers on it; address: where the others reach it, its name unless
    given; interface: the network card that its processes listen on."""

    name: str
    slots: int = 1
    address: str = ""
    interface: str = ""

    def reached(self):
        """Where other machines find it."""
        return self.address or self.name or LOOPBACK

    def network(self):
        """The variables that tell ps-lite under which address this host is known."""
        if self.interface:
            return {"DMLC_INTERFACE": self.interface}
        return {"DMLC_NODE_HOST": self.reached()}


def read_hosts(path):
    """[Host] of a file with one a line; # begins a remark. InputError for what is none."""
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        raise InputError(path, "not a text", f"lines of {FIELDS}") from None
    found = []
    for number, line in enumerate(lines, 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        where, fields = f"{path}, line {number}", dict(word.partition("=")[::2] for word in words[1:])
        odd = [name for name in fields if name not in ("slots", "address", "interface") or not fields[name]]
        if odd or "=" in words[0] or words[0].startswith("-"):
            raise InputError(where, f'"{line.strip()}"', FIELDS)
        if not fields.get("slots", "1").isdigit() or int(fields.get("slots", "1")) < 1:
            raise InputError(where, f'slots={fields["slots"]}', "a whole number of at least 1")
        if words[0] in (host.name for host in found):
            raise InputError(where, f'"{words[0]}" for the second time', "each host once", "use slots=N for several workers")
        found.append(Host(words[0], int(fields.pop("slots", 1)), **fields))
    if not found:
        raise InputError(path, "no host", f"lines of {FIELDS}")
    return found


def passed_on(names):
    """{name: value} of the variables that remote processes get: those of ``PASSED`` as they are here, and each NAME or NAME=VALUE
    of ``names``."""
    found = {name: value for name, value in os.environ.items() if name.startswith(PASSED) or name in ALSO_PASSED}
    for text in names:
        name, given, value = text.partition("=")
        if not name.isidentifier() or not given and name not in os.environ:
            raise InputError(f"--env {text}", "no variable" if not name.isidentifier() else "not set here", "NAME=VALUE, or NAME")
        found[name] = value if given else os.environ[name]
    return found


def guarded(python, command, host, port=False):
    """The command line that runs ``command`` on a host under a guard."""
    silence = ["--silence", str(SILENCE_SECONDS)] if host.name else []
    return [python, "-u", "-m", "experiments.launch.guard", "--share", str(host.slots), *(["--port"] if port else []), *silence,
            "--", *command]


def start_on(host, rsh, folder, environment, command):
    """(command line to run here, its environment, what to write into its standard input) that starts a guarded command on a host.

    Over ``rsh`` the far end is a shell, which is told folder, variables and command over its standard input: nothing is quoted
    twice, and nothing shows in the list of processes here.
    """
    if not host.name:
        return command, {**os.environ, **environment}, ""
    words = shlex.split(rsh)
    words = [word.replace(PLACE, host.name) for word in words] if PLACE in rsh else [*words, host.name]
    variables = " ".join(shlex.quote(f"{name}={value}") for name, value in environment.items())
    line = " ".join(shlex.quote(word) for word in command)
    return [*words, "sh"], {**os.environ}, f"cd {shlex.quote(str(folder))} && exec env {variables} {line}\n"


def interpreter(given):
    """The Python that runs the processes: as given, or this one."""
    return given or sys.executable
