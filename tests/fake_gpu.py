"""Stand-ins for what a machine with NVIDIA cards has, and for the packages that its set-up downloads."""

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import ROOT

# what a caller may have set, make among them, which hands its variables on
OURS = ("GPU", "MXNET", "VENV", "PYTHON", "EXTRAS", "CUDA_VISIBLE_DEVICES", "MAKEFLAGS", "MFLAGS", "MAKEOVERRIDES", "MAKELEVEL")
# A Python whose environments are folders, whose pip notes what it is asked for, and that is else the one that runs the tests.
PYTHON = """#!/bin/sh
site="$(dirname "$0")/../lib/python3/site-packages"
case "$*" in
    "-m venv "*) [ -z "$FAKE_BREAK" ] || exit 1
        mkdir -p "$3/bin" && cp "$0" "$3/bin/python" && echo made >"$3/pyvenv.cfg"; exit ;;
    *"-m pip"*"--editable"*) mkdir -p "$site/mxnet" && touch "$site/mxnet/libmxnet.so"
        case $MXNET in
            cu117) touch "$site/mxnet_cu117-1.9.1.dist-info"
                mkdir -p "$site/nvidia/cudnn/lib" && touch "$site/nvidia/cudnn/lib/libcudnn.so.8" ;;
            1.5.1) touch "$site/mxnet-1.5.1.post0.dist-info" ;;
            *) touch "$site/mxnet-$MXNET.dist-info" ;;
        esac
        echo "MXNET=$MXNET $*" >>"$FAKE_LOG"; exit ;;
    *"-m pip"*) echo "$*" >>"$FAKE_LOG"; exit ;;
    *gv.core.trial*) echo "$*" >>"$FAKE_LOG"; echo "${FAKE_TRIAL:-gpu:0 works}"; [ -z "$FAKE_TRIAL" ]; exit ;;
    *"import gv, cv2"*) echo "imported" >>"$FAKE_LOG"; exit ;;
    *get_paths*) echo "$site"; exit ;;
    *libquadmath*) exit ;;
    *"version_info < (3, 13)"*) [ -n "$FAKE_313" ]; exit ;;
esac
exec "{real}" "$@"
"""


def build_driver(folder, name="libcuda.so.1"):
    """The folder with the stand-in of the driver's library (fake_libcuda.c says how it is told what to show)."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if not compiler or (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        pytest.skip("needs a C compiler and Linux on x86_64")
    Path(folder).mkdir(parents=True, exist_ok=True)
    subprocess.run([compiler, "-shared", "-fPIC", "-w", "-Wl,-soname,libcuda.so.1", "-o", str(Path(folder, name)),
                    str(ROOT / "tests/fake_libcuda.c")], check=True)
    return Path(folder)


def environment(driver=None, cards="", **more):
    """The environment of a process that finds the stand-in in the folder ``driver``, or no driver of ours."""
    kept = {name: value for name, value in os.environ.items() if name not in OURS and not name.startswith("FAKE_")}
    paths = [str(driver)] * bool(driver) + [kept[name] for name in ("LD_LIBRARY_PATH",) if kept.get(name)]
    return {**kept, "LD_LIBRARY_PATH": os.pathsep.join(paths), "FAKE_CUDA_CARDS": cards, **more}


def has_driver():
    """Whether this machine has a real driver, where "there is none" cannot be tried."""
    done = subprocess.run([sys.executable, "-c", "import ctypes; ctypes.CDLL('libcuda.so.1')"], stderr=subprocess.DEVNULL)
    return done.returncode == 0


class Checkout:
    """What .ci/setup.sh needs of this project in a folder of its own, with the stand-in for Python."""

    def __init__(self, folder):
        self.folder, self.venv, self.log = folder, folder / "env", folder / "log"
        for name in (".ci/setup.sh", ".ci/link_cuda.py", "setup.py", "gv/core/cuda.py"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
        self.python = folder / "bin/python"
        self.python.parent.mkdir()
        self.python.write_text(PYTHON.replace("{real}", sys.executable))
        self.python.chmod(0o755)

    @property
    def site(self):
        return self.venv / "lib/python3/site-packages"

    def setup(self, driver=None, cards="", **variables):
        """(exit code, [line of stderr, ...], what pip and others were asked for, a line each) of one set-up."""
        self.log.write_text("")
        given = {"PYTHON": str(self.python), "VENV": str(self.venv), "FAKE_LOG": str(self.log), **variables}
        done = subprocess.run(["sh", str(self.folder / ".ci/setup.sh")], env=environment(driver, cards, **given), cwd=self.folder,
                              capture_output=True)
        assert done.stdout == b""
        return done.returncode, done.stderr.decode().splitlines(), self.log.read_text()
