"""The one error a user is meant to read: bad input, said in a single line."""


class InputError(Exception):
    """Something the user gave cannot be used; the command exits with code 2.

    ``where`` names the file or option, ``found`` what was there, ``expected`` what should have been,
    and ``mend`` what to do about it. ``str()`` of the error is always one line.
    """

    def __init__(self, where, found, expected="", mend=""):
        self.where, self.found, self.expected, self.mend = str(where), str(found), str(expected), str(mend)
        parts = [f"{self.where}: {self.found}"]
        if expected:
            parts.append(f"expected {self.expected}")
        if mend:
            parts.append(self.mend)
        super().__init__(" ".join("; ".join(parts).split()))

    def __reduce__(self):
        """Copied from process to process by its parts: the line alone would not make it again."""
        return type(self), (self.where, self.found, self.expected, self.mend)


class PartlyDone(InputError):
    """Some of what was asked for could not be used; the rest was done: ``report`` and ``text`` say it, as a command's do."""

    def __init__(self, report, text, *error):
        super().__init__(*error)
        self.report, self.text = report, text

    def __reduce__(self):
        return type(self), (self.report, self.text, self.where, self.found, self.expected, self.mend)


def one_of(where, found, choices, what=""):
    """``found`` if it is among ``choices``; InputError that lists them otherwise. what: the kind of thing, before its name."""
    if found not in choices:
        named = f'"{found}"' if isinstance(found, str) else repr(found)
        raise InputError(where, f"{what} {named}".strip(), f"one of {', '.join(map(str, choices)) or '(none)'}")
    return found
