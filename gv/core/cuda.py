"""What the NVIDIA driver of this machine says: its CUDA version and its cards, and whether MXNet's wheel can use them.

Needs the standard library alone, and runs as a file before anything is installed (.ci/setup.sh does so):

    python gv/core/cuda.py --check          one line and exit code 2 where MXNet for CUDA cannot work here; warnings on stdout
    python gv/core/cuda.py --platform       the same of the platform alone
    python gv/core/cuda.py --usable         the number of the first card that the wheel has code for, or nothing
    python gv/core/cuda.py --driver-file    the driver's file, where it cannot be opened as libcuda.so, or nothing
    python gv/core/cuda.py --json           what ``look`` finds, free memory included
"""

import argparse
import ctypes
import json
import os
import platform
import sys
from typing import NamedTuple, Optional

LIBRARY = "libcuda.so.1"     # the driver's own name for itself; no package of CUDA brings it
# Machine code in libmxnet.so of mxnet-cu117 1.9.1: the ELF entries of its 197 fat binaries; no PTX, which newer cards could take
ARCHITECTURES = ((5, 0), (6, 0), (7, 0), (8, 0), (8, 6))
NVRTC_KNOWS = (8, 7)         # the newest that CUDA 11.7's run-time compiler makes code for (tried: it takes compute_87)
OLDEST_DRIVER = 11000        # of cuDriverGetVersion: CUDA 11.0, from which on 11.x's libraries run (minor version compatibility)
OWN_DRIVER = 11070           # CUDA 11.7: from it on the driver also takes what NVRTC 11.7 compiles
NO_DEVICE = 100              # CUDA_ERROR_NO_DEVICE, cuda.h
MAJOR, MINOR = 75, 76        # CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and _MINOR, cuda.h
NAME_BYTES = 256             # longer than any card's name
GPU_FOLDER = "/proc/driver/nvidia/gpus"      # of the kernel's driver: a folder a card, hidden or not
UNCHECKED = "GPU=unchecked makes the environment without this check"


class Card(NamedTuple):
    """A card as the driver shows it. number: of gpu:NUMBER; capability: (major, minor); total, free: bytes, None if unknown."""

    number: int
    name: str
    capability: tuple
    total: Optional[int]
    free: Optional[int]


class Driver(NamedTuple):
    """The driver. loads: whether its library does; cuda: 11070 for CUDA 11.7, or None; fault: a line, or ""; cards: of Card."""

    loads: bool
    cuda: Optional[int]
    fault: str
    cards: tuple


def one_line(where, found, expected="", mend=""):
    """The text of an error, in the order of ``gv.core.errors.InputError``, which may not be there yet."""
    parts = [f"{where}: {found}", expected and f"expected {expected}", mend]
    return " ".join("; ".join(part for part in parts if part).split())


def version_text(number):
    """11070 -> "11.7"."""
    return f"{number // 1000}.{number % 1000 // 10}"


def code_for(capability):
    """The architecture (major, minor) whose code a card of this capability runs: the same major, no newer minor; else None."""
    return max((one for one in ARCHITECTURES if one[0] == capability[0] and one[1] <= capability[1]), default=None)


def fault_of(card):
    """Why MXNet's wheel cannot use a card, in one line, or ""."""
    if code_for(card.capability):
        return ""
    return one_line(f"gpu:{card.number} ({card.name})",
                    f"compute capability {dotted(card.capability)}, for which mxnet-cu117 1.9.1 has no code",
                    f"5.x to 8.x (code for {', '.join(map(dotted, ARCHITECTURES))})",
                    "use another card, or the CPU: GPU=0")


def note_of(card):
    """What is not certain of a card that the wheel has code for, in one line, or ""."""
    if not code_for(card.capability) or card.capability <= NVRTC_KNOWS:
        return ""
    return (f"gpu:{card.number} ({card.name}): should work on the code for {dotted(code_for(card.capability))}, not tried yet; "
            "CUDA 11.7's run-time compiler does not know it: if it stops, set MXNET_USE_FUSION=0")


def dotted(capability):
    """(8, 6) -> "8.6"."""
    return ".".join(map(str, capability))


def platform_fault(system, machine):
    """Why there is no wheel for CUDA here, in one line, or "". system, machine: of ``platform``."""
    if (system.lower(), machine.lower()) in (("linux", "x86_64"), ("linux", "amd64")):
        return ""
    return one_line("this machine", f"{system} on {machine}", "Linux on x86_64, the only one that mxnet-cu117 is built for",
                    "use the CPU: GPU=0")


class _Failed(Exception):
    """A call into the driver that did not return 0."""

    def __init__(self, code, text):
        self.code = code
        super().__init__(text)


def _call(library, function, *arguments):
    code = getattr(library, function)(*arguments)
    if code:
        name = ctypes.c_char_p()
        known = library.cuGetErrorName(code, ctypes.byref(name)) == 0 and name.value
        raise _Failed(code, f"{function} gives {code}" + (f" ({name.value.decode(errors='replace')})" if known else ""))


def _number(library, function, *arguments, kind=ctypes.c_int):
    """The number that a function of the driver writes where its first argument points to."""
    value = kind()
    _call(library, function, ctypes.byref(value), *arguments)
    return value.value


def _free(library, device):
    """Free bytes of a card, or None where it lets nobody in; opens it for that, which takes some of its memory for a moment."""
    context, free, total = ctypes.c_void_p(), ctypes.c_size_t(), ctypes.c_size_t()
    try:
        _call(library, "cuDevicePrimaryCtxRetain", ctypes.byref(context), device)
        try:
            _call(library, "cuCtxSetCurrent", context)
            _call(library, "cuMemGetInfo_v2", ctypes.byref(free), ctypes.byref(total))
            return free.value
        finally:
            library.cuCtxSetCurrent(None)
            library.cuDevicePrimaryCtxRelease(device)
    except _Failed:
        return None


def _card(library, number, free):
    device = _number(library, "cuDeviceGet", number)
    name = ctypes.create_string_buffer(NAME_BYTES)
    _call(library, "cuDeviceGetName", name, NAME_BYTES, device)
    capability = tuple(_number(library, "cuDeviceGetAttribute", which, device) for which in (MAJOR, MINOR))
    total = _number(library, "cuDeviceTotalMem_v2", device, kind=ctypes.c_size_t)
    return Card(number, name.value.decode(errors="replace"), capability, total, _free(library, device) if free else None)


def look(free=False):
    """The Driver of this machine. free: whether to open each card to learn its free memory."""
    try:
        library = ctypes.CDLL(LIBRARY)
    except OSError as error:
        fault = one_line("NVIDIA driver", f"{LIBRARY} does not load ({error})", "a driver for CUDA 11.0 or newer",
                         "install NVIDIA's driver, or start the container with the GPUs (--gpus all)")
        return Driver(False, None, fault, ())
    version = None
    try:
        version = _number(library, "cuDriverGetVersion")
        if version < OLDEST_DRIVER:
            fault = one_line("NVIDIA driver", f"for CUDA {version_text(version)}", "CUDA 11.0 or newer (driver 450 or newer)",
                             "renew NVIDIA's driver")
            return Driver(True, version, fault, ())
        _call(library, "cuInit", 0)
        return Driver(True, version, "", tuple(_card(library, i, free) for i in range(_number(library, "cuDeviceGetCount"))))
    except _Failed as error:
        if error.code == NO_DEVICE:
            return Driver(True, version, "", ())
        found = str(error)
    except AttributeError as error:
        found = f"{LIBRARY} is no driver ({error})"
    return Driver(True, version, one_line("NVIDIA driver", found, "a driver that starts", "nvidia-smi may say more"), ())


def hidden(cards, folder=GPU_FOLDER):
    """What CUDA_VISIBLE_DEVICES hides, in one line, or "". cards: those that are shown; folder: the kernel's list of all."""
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    there = len(os.listdir(folder)) if os.path.isdir(folder) else None
    if chosen is None or (cards if there is None else len(cards) >= there):
        return ""
    found = f"shows {len(cards)} of {there} cards" if there else "is set, and no card is shown"
    return one_line(f'CUDA_VISIBLE_DEVICES="{chosen}"', found, "", "unset it to see all")


def judge(driver):
    """(fault, [warning, ...]) of making an environment for a Driver: lines, "" where it can be made."""
    if driver.fault:
        return f"{driver.fault}; {UNCHECKED}", []
    faults = [fault for fault in map(fault_of, driver.cards) if fault]
    if faults and len(faults) == len(driver.cards):
        others = ", ".join(f"gpu:{card.number} ({card.name})" for card in driver.cards[1:])
        return faults[0] + (f"; nor is there any for {others}" if others else ""), []
    warnings = faults + [note for note in map(note_of, driver.cards) if note]
    if driver.cuda < OWN_DRIVER:
        warnings.append(f"the driver is for CUDA {version_text(driver.cuda)}, older than the libraries' 11.7: if what MXNet "
                        "compiles at run time is refused, set MXNET_USE_FUSION=0 or renew the driver")
    if not driver.cards:
        warnings.append(hidden(()) or "the NVIDIA driver loads but shows no card; going on without")
    return "", warnings


def driver_file():
    """The path of the driver's library where nothing can be opened as libcuda.so, else None. Linux alone."""
    ctypes.CDLL(LIBRARY)
    try:
        ctypes.CDLL("libcuda.so")
        return None
    except OSError:
        pass
    with open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as maps:
        loaded = [line.split(None, 5)[5].rstrip("\n") for line in maps if "/libcuda.so" in line]
    named = os.path.join(os.path.dirname(loaded[0]), LIBRARY)    # which a newer driver renews; the file behind it has a version
    return named if os.path.exists(named) else loaded[0]


def main(argv=None):
    """Entry point; returns the exit code."""
    parser = argparse.ArgumentParser(prog="cuda.py", description="What the NVIDIA driver of this machine says.")
    what = parser.add_mutually_exclusive_group(required=True)
    for name in ("check", "platform", "usable", "driver-file", "json"):
        what.add_argument(f"--{name}", action="store_true")
    chosen = parser.parse_args(argv)
    if chosen.json:
        driver = look(free=True)
        print(json.dumps({**driver._asdict(), "cards": [card._asdict() for card in driver.cards]}))
    elif chosen.usable:
        print(*[card.number for card in look().cards if code_for(card.capability)][:1])
    elif chosen.driver_file:
        print(driver_file() or "")
    else:
        fault, warnings = platform_fault(platform.system(), platform.machine()), []
        if not fault and chosen.check:
            fault, warnings = judge(look())
        if fault:
            print(fault)
            return 2
        for warning in warnings:
            print(warning)
    return 0


if __name__ == "__main__":
    sys.exit(main())
