#!/bin/sh
# Makes the environment in $VENV (.venv where unset), with this project installed in it, and does nothing where it is ready.
#
#   VENV    folder of the environment                      PYTHON  the Python to make it with (else: found, 3.11 first)
#   EXTRAS  extras of setup.py to install (test,onnx,detect where unset)
#   MXNET   1.9.1 (where unset), or 1.5.1, the papers' own time's, in .venv-mxnet-1.5.1 where VENV is unset
#   GPU     1: MXNet for CUDA 11.7 with its libraries; unchecked: the same without a look at driver and cards, for images of
#           containers; 0: for the CPU; unset: whichever of these the environment is already, else for the CPU
#
# Everything that can be known to fail is looked at before the packages (280 MB, for GPUs 2.3 GB) are fetched.
# Exit codes: 0 ready, 1 the installation failed, 2 something is missing on this machine (one line on stderr says what).
set -eu
cd "$(dirname "$0")/.."
mxnet=${MXNET:-1.9.1}
case $mxnet in 1.9.1) venv=.venv ;; *) venv=.venv-mxnet-$mxnet ;; esac
venv=${VENV:-$venv}
extras=${EXTRAS-test,onnx,detect}
begun=$venv/.setup-begun    # this script made the folder
ready=$venv/.setup-ready    # ... and finished; holds what it was made from
kept=$venv/.setup-kind      # which MXNet it is made with, and whether the driver was looked at

say() { echo "setup: $*" >&2; }
stop() { say "$*"; exit 2; }

case $mxnet in
    1.9.1) last=3.13 wheels="MXNet 1.9.1" ;;
    1.5.1) last=3.11 wheels="MXNet 1.5.1" ;;
    *) stop "MXNET=$mxnet: no MXNet that this project is made for; expected 1.9.1 or 1.5.1 (for GPUs: GPU=1)" ;;
esac
span="3.8 to $last"

# PROBE prints "VERSION FAULT" for the Python that runs it; FAULT is "none" where it will do. Its argument is the newest Python
# that will. It must run on any Python.
PROBE='
import platform, struct, sys
version = "%d.%d.%d" % sys.version_info[:3]
fault, machine = "none", platform.machine().lower()
if not (3, 8) <= sys.version_info[:2] <= tuple(map(int, sys.argv[1].split("."))):
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

probe() { "$1" -c "$PROBE" "$last" 2>/dev/null || echo "unknown missing"; }

# Sets $python, or stops with one line. The newest Python that MXNet was made for comes first, then later ones; pyenv's, which may
# be off the PATH, last.
find_python() {
    if [ -n "${PYTHON:-}" ]; then
        found=$(probe "$PYTHON")
        case ${found#* } in
            none) python=$PYTHON; return ;;
            missing) stop "PYTHON=$PYTHON does not run; give a Python $span" ;;
            version) stop "PYTHON=$PYTHON is Python ${found% *}; $wheels with these pins needs $span" ;;
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
    stop "no Python $span here (found:${seen:- none}); install one (Debian 12: apt-get install python3 python3-venv;" \
        "elsewhere: pyenv install 3.11) or name it: make setup PYTHON=/path/to/python3.11"
}

no_module() {
    case $2 in
        module:ensurepip | module:venv)
            short=$("$1" -c 'import sys; print("python%d.%d" % sys.version_info[:2])')
            stop "$1 cannot make environments; Debian keeps that apart: apt-get install $short-venv" ;;
        *) stop "$1 was built without the module ${2#module:}; name another Python $span: make setup PYTHON=..." ;;
    esac
}

no_platform() {
    case $1 in
        *darwin*) stop "$wheels has no wheel for Apple silicon; use an x86_64 Python (Rosetta 2) or a Linux container" ;;
        *win* | *msys*) stop "$wheels has no wheel for Windows; use WSL 2 or an x86_64 Linux container" ;;
        *) stop "$wheels has no wheel for ${1#platform:}; use an x86_64 Linux with glibc (Debian, Ubuntu, Fedora, ...)" ;;
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

# Which MXNet the environment in $venv has or was to have: 1.9.1, 1.5.1, cu117, "cu117 unchecked", other, or nothing.
kind_there() {
    if [ -f "$kept" ]; then cat "$kept"; return; fi
    for info in "$venv"/lib/python3*/site-packages/mxnet*-*.dist-info; do
        case ${info##*/} in
            mxnet-1.9.1.dist-info) echo 1.9.1 ;;
            mxnet-1.5.1.post0.dist-info) echo 1.5.1 ;;
            mxnet_cu117-1.9.1.dist-info) echo cu117 ;;
            "mxnet*-*.dist-info") ;;
            *) echo other ;;
        esac
    done
}

# Sets $kind (1.9.1, 1.5.1 or cu117) and $checked (whether the driver and the cards are to be looked at).
choose_kind() {
    there=$(kind_there)
    checked=no
    case ${GPU:-} in
        "") case "$mxnet $there" in
                "1.9.1 cu117") kind=cu117 checked=yes ;;
                "1.9.1 cu117 unchecked") kind=cu117 ;;
                *) kind=$mxnet ;;
            esac ;;
        0) kind=$mxnet ;;
        1) kind=cu117 checked=yes ;;
        unchecked) kind=cu117 ;;
        *) stop "GPU=$GPU: no such choice; expected 1, unchecked, or 0" ;;
    esac
    if [ "$kind" = cu117 ] && [ "$mxnet" != 1.9.1 ]; then
        stop "GPU=$GPU: not with MXNET=$mxnet; expected MXNET=1.9.1, the only one with a wheel for CUDA 11; leave one of the two out"
    fi
}

# For GPUs: stops where the platform, the driver or the cards will not do. Says warnings once.
check_gpu() {
    [ "$kind" = cu117 ] && [ -z "${looked:-}" ] || return 0
    looked=yes
    if [ "$checked" = yes ]; then what=--check; else what=--platform; fi
    said=$("$python" gv/core/cuda.py "$what") || stop "GPU=${GPU:-1}: ${said:-"$python" gv/core/cuda.py $what failed, see above}"
    [ -z "$said" ] || echo "$said" | while read -r line; do say "$line"; done
}

# MXNet 1.5.1 has a wheel for one platform only.
check_platform() {
    [ "$kind" != 1.5.1 ] || [ "$("$python" -c 'import platform; print(platform.system(), platform.machine())')" = "Linux x86_64" ] \
        || stop "$wheels has a wheel for Linux on x86_64 alone"
}

check() { check_gpu; check_platform; check_libraries; }

# What the environment is made from: the pins, these scripts, the extras, MXNet, and the place (an environment cannot be moved).
choose_kind
key="$(cat setup.py .ci/setup.sh .ci/link_cuda.py | cksum) [$extras] $kind $PWD"
inside=$(probe "$venv/bin/python")
if [ "${inside#* }" = none ] && { [ -z "${PYTHON:-}" ] || [ "$(probe "$PYTHON")" = "$inside" ]; }; then fits=yes; else fits=no; fi
if [ -n "$there" ] && [ "${there%% *}" != "$kind" ]; then same=no; else same=yes; fi
late=no     # whether an environment that was made unchecked only lacks the look at the driver, and what hangs on it
if [ "$fits$same" = yesyes ] && [ -f "$ready" ] && [ "$(cat "$ready")" = "$key" ]; then
    [ "${GPU:-}" = 1 ] && [ "$there" = "cu117 unchecked" ] || exit 0
    late=yes
fi

if [ -f "$begun" ]; then
    other=$(cat "$begun")
    if [ ! -f "$ready" ] && kill -0 "$other" 2>/dev/null; then
        say "another setup (process $other) is making $venv; waiting for it (if that is no setup, delete $begun)"
        while [ -f "$begun" ] && kill -0 "$other" 2>/dev/null; do sleep 1; done
        exec sh .ci/setup.sh
    fi
    if [ "$fits" = no ] || [ "$same" = no ] || [ ! -f "$ready" ]; then
        find_python
        check
        if [ ! -f "$ready" ]; then why="was left unfinished"
        elif [ "$fits" = no ]; then why="has another Python"
        else why="has another MXNet (${there%% *}, wanted: $kind)"; fi  # which write the same files, so that one spoils the other
        say "$venv $why; making it again"
        rm -rf "$venv"
    fi
elif [ -d "$venv" ] && [ -n "$(ls -A "$venv")" ]; then  # not made by this script: never deleted, completed where it can be
    [ -f "$venv/pyvenv.cfg" ] && [ "$fits" = yes ] \
        || stop "$venv is there, and is no environment of the Python wanted; move it away or choose another: make setup VENV=..."
    [ "$same" = yes ] || stop "$venv has another MXNet (${there%% *}, wanted: $kind), and was not made by this script; move it away" \
        "or choose another: make setup VENV=..."
fi

if [ -x "$venv/bin/python" ]; then
    python=$venv/bin/python
    check
    rm -f "$ready"
    [ ! -f "$begun" ] || echo $$ >"$begun"
else
    [ -n "${python:-}" ] || find_python
    check
    say "making $venv with $python ($(probe "$python" | cut -d' ' -f1))"
    mkdir -p "$venv"
    echo $$ >"$begun"
    echo "$kind" >"$kept"
    "$python" -m venv "$venv"
fi
if [ "$kind$checked" = cu117no ]; then echo "cu117 unchecked" >"$kept"; else echo "$kind" >"$kept"; fi

# -I: without PYTHONPATH, by which another environment or this folder itself would be taken for what is installed
pip() { "$venv/bin/python" -I -m pip --disable-pip-version-check "$@" >&2; }
failed() { say "$*, see above; mend that and call this again"; exit 1; }

install_packages() {
    [ -t 2 ] && quiet="" || quiet=--quiet  # pip's progress is for a person at a terminal
    case $kind in
        cu117) say "installing the packages (2.3 GB to download, most of it CUDA; minutes on a fast line)" ;;
        *) say "installing the packages (280 MB to download; a minute on a fast line)" ;;
    esac
    pip install --quiet --upgrade pip || failed "pip could not be renewed"
    MXNET=$kind pip install $quiet --use-pep517 --editable ".${extras:+[$extras]}" || failed "pip could not install the packages"
    if "$venv/bin/python" -c 'import sys; sys.exit(sys.version_info < (3, 13))'; then
        # MXNet's own metadata forbids NumPy 2, the only one for this Python; gv.compat gives it the names that it misses
        case $kind in cu117) wheel=mxnet-cu117 ;; *) wheel=mxnet ;; esac
        pip install $quiet --no-deps "$wheel==1.9.1" || failed "pip could not install MXNet"
        unfit=$("$venv/bin/python" -I -m pip --disable-pip-version-check check 2>/dev/null | grep -v "^$wheel 1.9.1 has requirement numpy" \
            | grep -v "^No broken requirements" || true)
        [ -z "$unfit" ] || failed "the installed packages do not fit each other: $unfit"
    else
        pip check || failed "the installed packages do not fit each other"
    fi
}

link_cuda() {
    driver=""
    if [ "$checked" = yes ]; then driver=$("$venv/bin/python" gv/core/cuda.py --driver-file) || failed "the driver's file is not found"; fi
    site=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
    "$venv/bin/python" .ci/link_cuda.py "$site" ${driver:+"$driver"} || failed "CUDA's libraries could not be linked"
}

[ "$late" = yes ] || install_packages
[ "$kind" != cu117 ] || link_cuda
if [ "$kind$checked" = cu117no ]; then
    say "GPU=unchecked: not imported, since MXNet for CUDA loads only where a driver is; make setup GPU=1 there does the rest"
else
    OMP_NUM_THREADS=1 "$venv/bin/python" -W ignore -c 'import gv, cv2, gluoncv, mxnet' || failed "the installed packages do not import"
fi
echo "$key" >"$ready"
say "$venv is ready"

if [ "$kind$checked" = cu117yes ]; then
    card=$("$venv/bin/python" gv/core/cuda.py --usable)
    if [ -n "$card" ]; then
        said=$(OMP_NUM_THREADS=1 "$venv/bin/python" -W ignore -m gv.core.trial "gpu:$card") || { say "$said; gv devices says more"; exit 1; }
        say "$said"
    fi
fi
