"""What this machine gives the process; needs no package."""

import os
import resource
import sys

SCRATCHES = "MXNET_CPU_TEMP_COPY"    # pieces of scratch memory that all CPUs share; MXNet reads it when it first wants one
CPU_SCRATCH = 1024                   # one for each operator of a step; taken as they are used

def cores():
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def peak_memory():
    """The most memory that this process has held so far, in bytes."""
    try:        # first: what getrusage says begins with what the process that started this one held
        with open("/proc/self/status", encoding="ascii") as status:
            return next(1024 * int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    except (OSError, StopIteration):      # no Linux
        pass
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def memory():
    """(total, available) bytes of this machine's memory; None for what the system does not say."""
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            sizes = {line.split(":")[0]: 1024 * int(line.split()[1]) for line in file if line.startswith("Mem")}
        return sizes.get("MemTotal"), sizes.get("MemAvailable")
    except OSError:      # no Linux
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), None
