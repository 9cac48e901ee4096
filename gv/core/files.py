"""Files that are whole or not there: the one way in which anything is written."""

import fcntl
import json
import os
import re
import threading
from contextlib import contextmanager
from pathlib import Path

PART = re.compile(r"\..+\.(\d+)-\d+\.part")     # a temporary name, with the process it belongs to


@contextmanager
def naming(path, temporary=None):
    """An OSError inside that names no file, as that of a full disk does, or the temporary one, names ``path``."""
    try:
        yield
    except OSError as error:
        if error.filename in (None, str(temporary)) or error.filename2 == str(path):
            error.filename = str(path)      # what the user knows it by
        raise


@contextmanager
def replacing(path, sync=False):
    """A temporary path beside ``path``, which takes its name when the block ends well, and is gone when it does not.

    sync: on the disk before it takes the name, so that not even a power cut leaves half of it. The folder is made.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{threading.get_ident()}.part")
    try:
        with naming(path, temporary):
            yield temporary
            if sync:
                with open(temporary, "rb") as data:
                    os.fsync(data.fileno())
            os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path, text, sync=False):
    """UTF-8 text, whole or not at all; returns the path."""
    with replacing(path, sync) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return Path(path)


def write_json(path, values, sync=False, **options):
    """JSON, whole or not at all; options: of ``json.dumps``. Returns the path."""
    return write_text(path, json.dumps(values, **{"indent": 1, **options}) + "\n", sync)


def write_bytes(path, data):
    """Bytes, whole or not at all; returns the path."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)
    return Path(path)


def write_figure(figure, path, **options):
    """A Matplotlib figure as the kind that its suffix says, whole or not at all; options: of ``savefig``. Returns the path."""
    with replacing(path) as temporary:
        figure.savefig(temporary, format=Path(path).suffix[1:], **options)
    return Path(path)


class Lock:
    """A lock on a folder, which the system lets go when the process that holds it ends, however it ends."""

    def __init__(self, handle):
        self._handle = handle

    def close(self):
        """Let go."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()


def lock(folder, name="", wait=True):
    """The ``Lock`` on a folder, which is made if need be; None where another has it and ``wait`` is false.

    name: of a file in it that is locked instead of the folder itself: two names are two locks.
    """
    Path(folder).mkdir(parents=True, exist_ok=True)
    handle = os.open(Path(folder, name), os.O_CREAT | os.O_WRONLY if name else os.O_RDONLY, 0o666)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    except BaseException:
        os.close(handle)
        raise
    return Lock(handle)


def _alive(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def remove_leftovers(folder):
    """Remove the temporary files that processes which are no more left in a folder; how many there were."""
    count = 0
    for path in Path(folder).glob(".*.part") if Path(folder).is_dir() else ():
        match = PART.fullmatch(path.name)
        if match and not _alive(int(match.group(1))):
            path.unlink(missing_ok=True)
            count += 1
    return count


def printable(text):
    """A name that can be printed and written as JSON whatever its bytes are."""
    return str(text).encode("utf-8", "backslashreplace").decode("utf-8")
