"""Mutated files for the readers of data_prep: what changes a file, and the loop that asserts what every reader owes.

    mutate_text(rng, text) -> bytes        one damaged copy of a text file
    mutate_bytes(rng, data) -> bytes       one damaged copy of a binary file
    fuzz_text(read, texts, count, check)   read(data) in this process on ``count`` damaged copies
    fuzz_binary(function, files, count, check, folder, limits, **keywords)    data_prep.sandbox on ``count`` damaged copies

Each outcome must be well-formed (``check`` asserts that) or an InputError of one line. Both loops return a Counter of
"parsed" and "refused". Deterministic: copy i of ``seed`` is always the same, and a failure says which it was.
"""

import re
import time
from collections import Counter

import numpy as np

from data_prep import sandbox
from gv.core.errors import InputError

NUMBER = re.compile(rb"[+-]?\d+\.?\d*(?:[eE][+-]?\d+)?")
NUMBERS = [b"nan", b"NaN", b"-nan", b"inf", b"-Infinity", b"1e999", b"-1e308", b"1e-320", b"99999999999999999999999999",
           b"-1", b"0", b"-0.0", b"4294967297", b"0x1F", b"1_000", b"1,5", b"1.2.3", b"--3", b"3.", b".", b"", b"\xd9\xa3",
           b"1e", b"True", b"9" * 400, b"\xc2\xb2", b"1d3", b"1;2"]
PIECES = [b"\n", b"\r", b"\r\n", b"\x00", b"\xff", b"\xfe\xff", b"\xef\xbb\xbf", b" ", b"\t", b"\x0c", b"\x1c", b",",
          b"}", b"{", b"/", b"..", b"\xe2\x80\xa8", b"\xc2\x85", b"\xc2\xa0", b"#", b'"', b"a", b"7 7\n", b"1 2 3\n",
          b"\xed\xa0\x80", b"%s", b"\\"]
ENCODINGS = ["utf-16", "utf-16-le", "utf-32", "utf-8-sig", "cp500", "utf-7"]
WORDS = [0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2 ** 63 - 1, 2 ** 64 - 1]
SECONDS_A_TEXT = 5  # a text reader that takes longer on a file of some kilobytes hangs
BINARY_LIMITS = sandbox.Limits(memory=2 * sandbox.GIB, seconds=20)


def _place(rng, data):
    return int(rng.integers(0, len(data) + 1))


def _lines(edit):
    def on_lines(rng, data):
        lines = data.splitlines(keepends=True) or [b""]
        edit(rng, lines, int(rng.integers(len(lines))), int(rng.integers(len(lines))))
        return b"".join(lines)
    return on_lines


def _flip(rng, data):
    data = bytearray(data or b"\x00")
    for _ in range(int(rng.integers(1, 5))):
        data[rng.integers(len(data))] ^= 1 << int(rng.integers(8))
    return bytes(data)


def _cut_end(rng, data):
    return data[:_place(rng, data)]


def _cut_start(rng, data):
    return data[_place(rng, data):]


def _remove(rng, data):
    start = _place(rng, data)
    return data[:start] + data[start + int(rng.integers(1, 40)):]


def _insert(rng, data):
    start = _place(rng, data)
    return data[:start] + PIECES[rng.integers(len(PIECES))] + data[start:]


def _noise(rng, data):
    start = _place(rng, data)
    return data[:start] + rng.bytes(int(rng.integers(1, 20))) + data[start + int(rng.integers(0, 20)):]


def _repeat(rng, data):
    start, length = _place(rng, data), int(rng.integers(1, 200))
    return data[:start] + data[start:start + length] * int(rng.integers(2, 6)) + data[start + length:]


@_lines
def _swap_lines(rng, lines, i, j):
    lines[i], lines[j] = lines[j], lines[i]


@_lines
def _repeat_line(rng, lines, i, j):
    lines.insert(j, lines[i])


@_lines
def _drop_line(rng, lines, i, j):
    del lines[i]


@_lines
def _cut_line(rng, lines, i, j):
    lines[i] = lines[i][:_place(rng, lines[i])]


def _number(rng, data):
    found = list(NUMBER.finditer(data))
    if not found:
        return data
    one = found[rng.integers(len(found))]
    return data[:one.start()] + NUMBERS[rng.integers(len(NUMBERS))] + data[one.end():]


def _repeat_number(rng, data):
    found = list(NUMBER.finditer(data))
    if not found:
        return data
    one = found[rng.integers(len(found))]
    return data[:one.end()] + b" " + one[0] + data[one.end():]


def _encode(rng, data):
    return data.decode("utf-8", errors="replace").encode(ENCODINGS[rng.integers(len(ENCODINGS))], errors="replace")


def _line_ends(rng, data):
    return data.replace(b"\r\n", b"\n").replace(b"\n", [b"\r\n", b"\r", b" \n", b"\n\n", b"\x0b"][rng.integers(5)])


def _separators(rng, data):
    return data.replace(b" ", [b"\t", b",", b"  ", b";", b"\xc2\xa0", b""][rng.integers(6)])


def _word(rng, data):
    width = int(rng.choice([1, 2, 4, 8]))
    value = (WORDS[rng.integers(len(WORDS))] % 2 ** (8 * width)).to_bytes(width, ["little", "big"][rng.integers(2)])
    start = int(rng.integers(max(1, len(data) - width)))
    return data[:start] + value + data[start + width:]


def _zero(rng, data):
    start, length = _place(rng, data), int(rng.integers(1, 64))
    return data[:start] + b"\x00" * length + data[start + length:]


def _noise_in_place(rng, data):
    start = _place(rng, data)
    piece = rng.bytes(int(rng.integers(1, 20)))[:len(data) - start]
    return data[:start] + piece + data[start + len(piece):]


def _copy(rng, data):
    start, source, length = _place(rng, data), _place(rng, data), int(rng.integers(1, 64))
    piece = data[source:source + length]
    return data[:start] + piece + data[start + len(piece):]


TEXT = [_flip, _cut_end, _cut_start, _remove, _insert, _noise, _repeat, _swap_lines, _repeat_line, _drop_line, _cut_line,
        _number, _number, _number, _repeat_number, _encode, _line_ends, _separators]
BINARY = [_flip, _flip, _flip, _word, _word, _word, _zero, _copy, _noise_in_place, _remove, _repeat, _cut_end]


def _mutate(rng, data, kinds):
    for _ in range(int(rng.choice([1, 1, 1, 2, 3, 5]))):
        data = kinds[rng.integers(len(kinds))](rng, data)
    return data


def mutate_text(rng, text):
    """A damaged copy of a text (str or bytes), as the bytes of a file: flips, cuts, insertions, lines swapped, repeated or
    lost, numbers huge, nan, inf, doubled or no numbers, other encodings, line ends and separators."""
    return _mutate(rng, text.encode() if isinstance(text, str) else text, TEXT)


def mutate_bytes(rng, data):
    """A damaged copy of a binary file: flips, extreme integers, zeroes, noise, pieces copied, repeated or lost, cuts."""
    return _mutate(rng, data, BINARY)


def _one_line(error):
    text = str(error)
    assert text and len(text.splitlines()) == 1 and "Traceback" not in text, text


def _loop(read, sources, count, check, mutate, seed, most_seconds):
    """Counter of "parsed" and "refused" over ``count`` copies."""
    seen = Counter()
    for i in range(count):
        rng = np.random.default_rng([seed, i])
        data = mutate(rng, sources[i % len(sources)])
        which, start = f"seed {seed}, copy {i}, {data[:200]!r}", time.monotonic()
        try:
            result = read(data)
        except InputError as error:
            _one_line(error)
            seen["refused"] += 1
        except Exception as error:
            raise AssertionError(f"{which}: {type(error).__name__}: {error}") from error
        else:
            try:
                check(result)
            except Exception as error:
                raise AssertionError(f"{which}: not well-formed: {error}") from error
            seen["parsed"] += 1
        assert time.monotonic() - start < most_seconds, which
    return seen


def fuzz_text(read, texts, count, check, seed=0):
    """``read(data)``, data bytes, on ``count`` damaged copies of ``texts`` in turn. check(result) asserts that it is sound."""
    return _loop(read, texts, count, check, mutate_text, seed, SECONDS_A_TEXT)


def fuzz_binary(function, files, count, check, folder, limits=BINARY_LIMITS, seed=0, name="mutated.bin", **keywords):
    """``function`` ("module:function") through ``data_prep.sandbox`` on ``count`` damaged copies of ``files`` (bytes).

    check(answers): the list of the dicts that it yields (of one dict, where it returns one). folder: where the copies are
    written, one after the other, as ``name``. One child reads them all and is restarted when it crashes.
    """
    path = folder / name
    with sandbox.Reader(function, limits) as reader:
        def read(data):
            path.write_bytes(data)
            return list(reader.stream(path, **keywords))
        return _loop(read, files, count, check, mutate_bytes, seed, 3 * limits.seconds)
