"""A lock on a folder, which the system lets go when the process that holds it ends, however it ends."""

import fcntl
from pathlib import Path

LOCK_FILE = ".lock"


def lock(folder):
    """An open file that locks a folder until it is closed or this process ends; waits for another that has it."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    held = open(Path(folder, LOCK_FILE), "w", encoding="utf-8")  # kept open: the lock is the process's
    fcntl.flock(held, fcntl.LOCK_EX)
    return held
