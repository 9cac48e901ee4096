"""Exit codes, for every command of the project: 0 done, 2 bad input in one line, 130 and 143 ended by Ctrl-C and by TERM."""

import argparse
import os
import signal
import sys
import threading
from contextlib import contextmanager

from gv.core.errors import InputError

BAD_INPUT = 2
OUT_OF_MEMORY = ("bad_alloc", "out of memory", "insufficient memory", "failed to allocate", "cannot allocate memory")
SIGNALS = (signal.SIGINT, signal.SIGTERM)


AsWritten = argparse.RawDescriptionHelpFormatter     # for a Parser whose description is a docstring


class Parser(argparse.ArgumentParser):
    """argparse, but a wrong command line is said in one line, as every other bad input."""

    def error(self, message):
        self.exit(BAD_INPUT, f"{self.prog}: {message}; see {self.prog} --help\n")


class Interrupted(Exception):
    """Ctrl-C or TERM, after what was under way has been brought to a good end. kept: what is there now, for the user."""

    def __init__(self, number, kept=""):
        self.number, self.kept = number, kept
        super().__init__(kept)


def _name(number):
    return "interrupted" if number == signal.SIGINT else "ended by TERM"


def run(main, program=""):
    """Run ``main()``; returns the exit code, with one line on stderr for bad input and for an end that was asked for."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")      # file names need not be UTF-8
    before = f"{program}: " if program else ""

    def say(text):
        print(f"{before}{text}", file=sys.stderr, flush=True)

    try:
        with _term_raises():
            main()
    except BrokenPipeError:      # the reader of our output has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except SystemExit as error:      # of a Parser: a wrong command line, or --help
        return error.code or 0
    except InputError as error:
        say(error)
        return BAD_INPUT
    except OSError as error:
        say(InputError(error.filename or "a file", error.strerror or error))
        return BAD_INPUT
    except (Interrupted, KeyboardInterrupt) as error:
        number = getattr(error, "number", signal.SIGINT)
        kept = getattr(error, "kept", "")
        say(_name(number) + (f"; {kept}" if kept else ""))
        return 128 + number
    except Exception as error:
        if not _is_out_of_memory(error):
            raise
        say(InputError("memory", "there is not enough of it", "", "lower batch, size, or the number of --devices on one machine"))
        return BAD_INPUT
    return 0


def _is_out_of_memory(error):
    """Whether an exception, Python's, MXNet's or OpenCV's, says that memory could not be had."""
    text = str(error).lower()
    return isinstance(error, MemoryError) or any(words in text for words in OUT_OF_MEMORY)


@contextmanager
def _handled(handler, signals):
    """``handler`` for signals, in the main thread alone: elsewhere Python has none."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number in signals}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)


def _raise(number, frame):
    raise Interrupted(number)


def _term_raises():
    return _handled(_raise, (signal.SIGTERM,))


class Stop:
    """Whether an end was asked for, for loops that come to a good end by themselves. ``number``: the signal, or None.

    A second Ctrl-C or TERM does not wait.
    """

    def __init__(self):
        self.number = None

    def _note(self, number, frame):
        if self.number is not None:
            raise Interrupted(number, "at once: what was under way is lost")
        self.number = number

    @contextmanager
    def listening(self):
        """Signals are noted, not raised, inside."""
        with _handled(self._note, SIGNALS):
            yield self
