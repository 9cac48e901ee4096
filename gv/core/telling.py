"""What a command prints of many things: text as it comes, or one JSON document. Neither is held in memory.

    with Telling(as_json, "images") as telling:
        telling.add({"image": "a.jpg"}, ["a.jpg: 1 face"])       # as often as wanted
        telling.end({"run": "runs/first"}, {"failed": []}, ["written: found.csv"])
"""

import json
import sys
import tempfile

from tqdm import tqdm

IN_MEMORY = 1 << 20      # bytes of JSON; more of it waits in a temporary file


class Telling:
    """Text goes to stdout line by line; JSON waits for ``end``, so that a command that fails prints none.

    as_json: which of both. name: of the list that the document has. The document is to the byte what ``json.dumps`` with
    ``indent=1`` makes of the whole.
    """

    def __init__(self, as_json, name):
        self.as_json, self.name, self.count, self.heading = as_json, name, 0, []
        self._spool = tempfile.SpooledTemporaryFile(IN_MEMORY, "w+", encoding="ascii") if as_json else None

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if self._spool:
            self._spool.close()

    def add(self, entry, lines):
        """One entry of the list as JSON values, and the same as lines of text."""
        if self.as_json:
            text = json.dumps(entry, indent=1).replace("\n", "\n  ")
            self._spool.write(f"{',' if self.count else ''}\n  {text}")
        else:
            self._print(lines)
        self.count += 1

    def end(self, before, after, lines):
        """What the document has before and after the list, dicts, and the last lines of the text."""
        if not self.as_json:
            self._print(lines)
            return
        head, tail = json.dumps({**before, self.name: 0}, indent=1)[:-len("0\n}")], json.dumps(after, indent=1)
        sys.stdout.write(f"{head}[")
        self._spool.seek(0)
        for part in iter(lambda: self._spool.read(IN_MEMORY), ""):
            sys.stdout.write(part)
        sys.stdout.write(("\n ]" if self.count else "]") + (f",{tail[1:]}" if after else "\n}") + "\n")
        sys.stdout.flush()

    def _print(self, lines):
        lines, self.heading = [*self.heading, *lines], []
        if lines:
            tqdm.write("\n".join(lines), file=sys.stdout)      # a progress bar on the terminal makes room
            sys.stdout.flush()
