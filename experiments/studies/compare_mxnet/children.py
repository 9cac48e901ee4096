"""The interpreters that are compared, each a process that stays: asked by lines of JSON, together or one after the other."""

import json
import os
import subprocess

from experiments.harness.code_hash import ROOT
from gv.core.errors import InputError

MODULE = "experiments.studies.compare_mxnet.child"
QUIET = {"OMP_NUM_THREADS": "1", "MXNET_STORAGE_FALLBACK_LOG_VERBOSE": "0", "MXNET_SUBGRAPH_VERBOSE": "0"}
WITHOUT_ONEDNN = {"MXNET_MKLDNN_ENABLED": "0"}


class Child:
    """One interpreter. python: its path; more: {variable: value} of its environment; log: file for what it prints.

    InputError where it cannot be started, ends, or fails at what it is asked.
    """

    def __init__(self, name, python, log, more=None):
        self.name, self.log = name, log
        paths = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
        with open(log, "w", encoding="utf-8") as errors:
            try:
                self.process = subprocess.Popen([str(python), "-m", MODULE], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                                stderr=errors, text=True, cwd=os.getcwd(),
                                                env={**os.environ, **QUIET, "PYTHONPATH": paths, **(more or {})})
            except OSError as error:
                raise InputError(f"--other, --more {python}", error.strerror, "a Python with an MXNet and this project's pins",
                                 "MXNET=1.5.1 sh .ci/setup.sh makes one") from None

    def send(self, do, **request):
        """Ask for something; ``receive`` has the answer."""
        try:
            self.process.stdin.write(json.dumps({"do": do, **request}, default=str) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise self._ended() from None

    def receive(self):
        """The answer to what was sent."""
        line = self.process.stdout.readline()
        if not line:
            raise self._ended()
        answer = json.loads(line)
        if "failed" in answer:
            raise InputError(f"{self.name} ({self.log})", answer["failed"])
        return answer

    def _ended(self):
        code = self.process.wait()
        lines = open(self.log, encoding="utf-8", errors="replace").read().strip().splitlines()
        return InputError(f"{self.name} ({self.log})", f"ended with exit code {code}: {lines[-1] if lines else 'nothing said'}")

    def ask(self, do, **request):
        """The answer to one request."""
        self.send(do, **request)
        return self.receive()

    def close(self):
        """End the process."""
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


def ask_all(children, do, requests):
    """{name: answer} of several children at work at the same time; requests: {name: arguments}."""
    for name, request in requests.items():
        children[name].send(do, **request)
    return {name: children[name].receive() for name in requests}
