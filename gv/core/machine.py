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
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
