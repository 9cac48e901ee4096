#!/bin/sh
# Makes the environment in $VENV (.venv where unset), with this project installed in it, and does nothing where it is ready.
#
#   VENV    folder of the environment                      PYTHON  the Python to make it with (else: found, 3.11 first)
#   EXTRAS  extras of setup.py to install (test,onnx where unset)
#
# Everything that can be known to fail is looked at before the packages (about 850 MB) are fetched.
# Exit codes: 0 ready, 1 the installation failed, 2 something is missing on this machine (one line on stderr says what).
set -eu
cd "$(dirname "$0")/.."
venv=${VENV:-.venv}
extras=${EXTRAS-test,onnx}
begun=$venv/.setup-begun    # this script made the folder
ready=$venv/.setup-ready    # ... and finished; holds what it was made from

say() { echo "setup: $*" >&2; }
stop() { say "$*"; exit 2; }

# PROBE prints "VERSION FAULT" for the Python that runs it; FAULT is "none" where it will do. It must run on any Python.
PROBE='
import platform, struct, sys
version = "%d.%d.%d" % sys.version_info[:3]
fault, machine = "none", platform.machine().lower()
if not (3, 8) <= sys.version_info[:2] <= (3, 13):
    fault = "version"
elif platform.python_implementation() != "CPython" or struct.calcsize("P") != 8:
    fault = "build"
elif (sys.platform[:5], machine) not in (("linux", "x86_64"), ("linux", "aarch64"), ("darwi", "x86_64")):
    fault = "platform:%s-%s" % (sys.platform, machine)
elif sys.platform[:5] == "linux" and platform.libc_ver()[0] != "glibc":
    fault = "platform:linux-without-glibc"
else:
    try:
        import bz2, ctypes, lzma, ssl, zlib
        import ensurepip, venv
    except ImportError as error:
        fault = "module:%s" % str(error).split()[-1].strip("\x27")
print(version + " " + fault)
'

# LIBRARIES prints the Debian packages that hold the shared libraries which the wheels need, do not bundle, and do not find here.
LIBRARIES='
import ctypes, platform, sys
wanted = [("libstdc++.so.6", "libstdc++6"), ("libgomp.so.1", "libgomp1"),
          ("libGL.so.1", "libgl1"), ("libgthread-2.0.so.0", "libglib2.0-0")]
if platform.machine() == "aarch64":
    wanted.append(("libarmpl_lp64_mp.so", "Arm-Performance-Libraries"))
else:
    wanted.append(("libquadmath.so.0", "libquadmath0"))
missing = []
for library, package in wanted if sys.platform.startswith("linux") else []:
    try:
        ctypes.CDLL(library)
    except OSError:
        missing.append(package)
print(" ".join(missing))
'

probe() { "$1" -c "$PROBE" 2>/dev/null || echo "unknown missing"; }

# Sets $python, or stops with one line. The newest Python that MXNet was made for comes first, then later ones; pyenv's, which may
# be off the PATH, last.
find_python() {
    if [ -n "${PYTHON:-}" ]; then
        found=$(probe "$PYTHON")
        case ${found#* } in
            none) python=$PYTHON; return ;;
            missing) stop "PYTHON=$PYTHON does not run; give a Python 3.8 to 3.13" ;;
            version) stop "PYTHON=$PYTHON is Python ${found% *}; MXNet 1.9.1 with these pins needs 3.8 to 3.13" ;;
            build) stop "PYTHON=$PYTHON is not a 64-bit CPython, for which the wheels are built" ;;
            module:*) no_module "$PYTHON" "${found#* }" ;;
            *) no_platform "${found#* }" ;;
        esac
    fi
    seen="" lame="" alien=""
    pyenv=${PYENV_ROOT:-$HOME/.pyenv}/versions
    for candidate in python3.11 python3.10 python3.9 python3.8 python3.12 python3.13 python3 python \
            "$pyenv"/3.11.*/bin/python "$pyenv"/3.10.*/bin/python "$pyenv"/3.9.*/bin/python "$pyenv"/3.8.*/bin/python \
            "$pyenv"/3.12.*/bin/python "$pyenv"/3.13.*/bin/python; do
        command -v "$candidate" >/dev/null 2>&1 || continue
        found=$(probe "$candidate")
        case ${found#* } in
            none) python=$candidate; return ;;
            missing) ;;
            module:*) [ -n "$lame" ] || lame="$candidate ${found#* }" ;;
            platform:*) [ -n "$alien" ] || alien=${found#* } ;;
            *) case " $seen " in *" ${found% *} "*) ;; *) seen="$seen ${found% *}" ;; esac ;;
        esac
    done
    [ -z "$lame" ] || no_module "${lame% *}" "${lame#* }"
    [ -z "$alien" ] || no_platform "$alien"
    stop "no Python 3.8 to 3.13 here (found:${seen:- none}); install one (Debian 12: apt-get install python3 python3-venv;" \
        "elsewhere: pyenv install 3.11) or name it: make setup PYTHON=/path/to/python3.11"
}

no_module() {
    case $2 in
        module:ensurepip | module:venv)
            short=$("$1" -c 'import sys; print("python%d.%d" % sys.version_info[:2])')
            stop "$1 cannot make environments; Debian keeps that apart: apt-get install $short-venv" ;;
        *) stop "$1 was built without the module ${2#module:}; name another Python 3.8 to 3.13: make setup PYTHON=..." ;;
    esac
}

no_platform() {
    case $1 in
        *darwin*) stop "MXNet 1.9.1 has no wheel for Apple silicon; use an x86_64 Python (Rosetta 2) or a Linux container" ;;
        *win* | *msys*) stop "MXNet 1.9.1 has no wheel for Windows; use WSL 2 or an x86_64 Linux container" ;;
        *) stop "MXNet 1.9.1 has no wheel for ${1#platform:}; use an x86_64 Linux with glibc (Debian, Ubuntu, Fedora, ...)" ;;
    esac
}

check_libraries() {
    missing=$("$python" -c "$LIBRARIES")
    case $missing in
        "") ;;
        *Arm-Performance-Libraries*)
            stop "MXNet's wheel for aarch64 needs what it does not bundle (missing: $missing); install it or use x86_64" ;;
        *) stop "libraries that MXNet and OpenCV need are missing: apt-get install $missing" ;;
    esac
}

# What the environment is made from: the pins, this script, the extras, and the place (an environment cannot be moved).
key="$(cat setup.py .ci/setup.sh | cksum) [$extras] $PWD"
inside=$(probe "$venv/bin/python")
if [ "${inside#* }" = none ] && { [ -z "${PYTHON:-}" ] || [ "$(probe "$PYTHON")" = "$inside" ]; }; then fits=yes; else fits=no; fi
if [ "$fits" = yes ] && [ -f "$ready" ] && [ "$(cat "$ready")" = "$key" ]; then exit 0; fi

if [ -f "$begun" ]; then
    other=$(cat "$begun")
    if [ ! -f "$ready" ] && kill -0 "$other" 2>/dev/null; then
        say "another setup (process $other) is making $venv; waiting for it (if that is no setup, delete $begun)"
        while [ -f "$begun" ] && kill -0 "$other" 2>/dev/null; do sleep 1; done
        exec sh .ci/setup.sh
    fi
    if [ "$fits" = no ] || [ ! -f "$ready" ]; then
        find_python
        check_libraries
        if [ -f "$ready" ]; then why="has another Python"; else why="was left unfinished"; fi
        say "$venv $why; making it again"
        rm -rf "$venv"
    fi
elif [ -d "$venv" ] && [ -n "$(ls -A "$venv")" ]; then  # not made by this script: never deleted, completed where it can be
    [ -f "$venv/pyvenv.cfg" ] && [ "$fits" = yes ] \
        || stop "$venv is there, and is no environment of the Python wanted; move it away or choose another: make setup VENV=..."
fi

if [ -x "$venv/bin/python" ]; then
    python=$venv/bin/python
    check_libraries
    rm -f "$ready"
    [ ! -f "$begun" ] || echo $$ >"$begun"
else
    [ -n "${python:-}" ] || find_python
    check_libraries
    say "making $venv with $python ($(probe "$python" | cut -d' ' -f1))"
    mkdir -p "$venv"
    echo $$ >"$begun"
    "$python" -m venv "$venv"
fi

pip() { "$venv/bin/python" -m pip --disable-pip-version-check "$@" >&2; }
failed() { say "$*, see above; mend that and call this again"; exit 1; }
[ -t 2 ] && quiet="" || quiet=--quiet  # pip's progress is for a person at a terminal
say "installing the packages (about 850 MB; a minute on a fast line)"
pip install --quiet --upgrade pip || failed "pip could not be renewed"
pip install $quiet --use-pep517 --editable ".${extras:+[$extras]}" || failed "pip could not install the packages"
if "$venv/bin/python" -c 'import sys; sys.exit(sys.version_info < (3, 13))'; then
    # MXNet's own metadata forbids NumPy 2, the only one for this Python; gv.compat gives it the names that it misses
    pip install $quiet --no-deps mxnet==1.9.1 || failed "pip could not install MXNet"
    unfit=$("$venv/bin/python" -m pip --disable-pip-version-check check 2>/dev/null | grep -v "^mxnet 1.9.1 has requirement numpy" \
        | grep -v "^No broken requirements" || true)
    [ -z "$unfit" ] || failed "the installed packages do not fit each other: $unfit"
else
    pip check || failed "the installed packages do not fit each other"
fi
OMP_NUM_THREADS=1 "$venv/bin/python" -W ignore -c 'import gv, cv2, gluoncv, mxnet' || failed "the installed packages do not import"
echo "$key" >"$ready"
say "$venv is ready"
