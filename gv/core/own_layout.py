"""A landmark scheme of the user's own as JSON values: in a file for ``data_prep.own``, in an index, in a run, in an export.

    {"name": "twelve",
     "landmarks": ["left_eye_outer", "left_eye_inner", ..., "chin"],     or their number
     "mirror_pairs": [["left_eye_outer", "right_eye_outer"], ...],       landmarks that are in no pair lie on the middle line
     "normaliser": ["left_eye_outer", "right_eye_outer"],                or "box", "rectangle", "diagonal"
     "edges": [["left_eye_outer", "left_eye_inner"], ...],               lines to draw
     "groups": {"eyes": ["left_eye_outer", ...], ...}}

A landmark is named, or numbered from 0; an end of ``normaliser`` may be a list of landmarks, whose mean counts. "landmarks" and
"mirror_pairs" are needed, the rest is not. Nothing here needs MXNet.
"""

import difflib
import json

from gv.core.errors import InputError, one_of
from gv.core.layouts import Layout

KEYS = ("name", "landmarks", "mirror_pairs", "normaliser", "edges", "groups")
LENGTHS = ("box", "rectangle", "diagonal")      # normalisers that need no landmark's name (gv.core.metrics)
PAIR = "pair"                                   # the normaliser of two landmarks
MOST = 10_000                                   # landmarks; ASSUMED to be a slip beyond that
SHOWN = 12                                      # names that an error lists


def to_values(layout):
    """A ``Layout`` as JSON values, from which ``from_values`` makes it again; landmarks by number."""
    values = {"name": layout.name, "landmarks": list(layout.names) or layout.size,
              "mirror_pairs": [[i, j] for i, j in enumerate(layout.flip) if i < j]}
    if PAIR in layout.normalisers:
        values["normaliser"] = [list(rows) for rows in layout.normalisers[PAIR]]
    if layout.edges:
        values["edges"] = [list(line) for line in layout.edges]
    if layout.groups:
        values["groups"] = {name: list(rows) for name, rows in layout.groups.items()}
    return values


def from_values(values, where):
    """The ``Layout`` of JSON values; InputError at ``where`` for what is no scheme."""
    check_keys(values, where)
    names, size = landmarks(values, where)
    if "mirror_pairs" not in values:
        raise InputError(where, 'no "mirror_pairs"', "the landmarks that a mirror swaps, [[left, right], ...]",
                         "[] where it swaps none")

    def row(found, key):
        return index_of(found, names, size, f'{where}: "{key}"')

    def rows(found, key):
        return tuple(row(one, key) for one in _list(found, where, key))

    normaliser, groups = values.get("normaliser"), values.get("groups", {})
    if not isinstance(groups, dict):
        raise InputError(where, f'"groups" is {_shown(groups)}', "names with lists of landmarks")
    ends = {}
    if not isinstance(normaliser, (str, type(None))):
        sides = _list(normaliser, where, "normaliser", 2)
        left, right = (rows(side if isinstance(side, list) else [side], "normaliser") for side in sides)
        if set(left) == set(right) or not left or not right:
            raise InputError(where, f'"normaliser" is {_shown(normaliser)}', "two different landmarks, or lists of them")
        ends = {PAIR: (left, right)}
    elif normaliser is not None:
        one_of(f'{where}: "normaliser"', normaliser, LENGTHS)
    return Layout(
        size=size, name=str(values.get("name") or "own"), flip=_flip(values["mirror_pairs"], row, names, size, where),
        groups={str(name): rows(found, "groups") for name, found in groups.items()},
        edges=tuple(rows(line, "edges") for line in _list(values.get("edges", []), where, "edges")),
        normalisers=ends, names=names)


def layout_of(config, where):
    """What a run's config, or an exported model's description, says of the landmarks: the number of a known scheme's, or the
    ``Layout`` that it keeps."""
    own = config.get("layout")
    return from_values(own, where) if isinstance(own, dict) else int(config["landmarks"])


def normaliser_of(values):
    """What values say of the NME's unit: the name of a normaliser, or None where they say nothing."""
    found = values.get("normaliser")
    return found if isinstance(found, (str, type(None))) else PAIR


def check_keys(values, where):
    """InputError where values are no object, or have a key that no scheme has."""
    if not isinstance(values, dict):
        raise InputError(where, f"{_shown(values)}", "a landmark scheme, a JSON object")
    unknown = [key for key in values if key not in KEYS]
    if unknown:
        raise InputError(where, f'"{unknown[0]}"', f"of a landmark scheme: {', '.join(KEYS)}")


def landmarks(values, where):
    """(names (size,) or (), size) of the landmarks that values list or count."""
    found = values.get("landmarks")
    if isinstance(found, int) and not isinstance(found, bool):
        if not 1 <= found <= MOST:
            raise InputError(where, f'"landmarks" is {found}', f"1 to {MOST}")
        return (), found
    names = _list(found, where, "landmarks")
    for name in names:
        if not isinstance(name, str) or not name.strip() or not name.isprintable():
            raise InputError(where, f'"landmarks" has {_shown(name)}', "names, or their number")
    twice = [name for name in names if names.count(name) > 1]
    if twice or not 1 <= len(names) <= MOST:
        raise InputError(where, f'"landmarks" has {_shown(twice[0])} twice' if twice else f'"landmarks" has {len(names)} names',
                         "a name of its own for each landmark")
    return tuple(names), len(names)


def index_of(landmark, names, size, where):
    """The number of a landmark that is named or numbered; InputError for an unknown one."""
    numbers = f"a number from 0 to {size - 1}"
    if isinstance(landmark, str):
        if landmark in names:
            return names.index(landmark)
        close = difflib.get_close_matches(landmark, names, n=1)
        listed = ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
        raise InputError(where, f"no landmark {_shown(landmark)}", f"one of {listed}" if names else numbers,
                         f"did you mean {close[0]}?" if close else "")
    if isinstance(landmark, bool) or not isinstance(landmark, int) or not 0 <= landmark < size:
        raise InputError(where, f"no landmark {_shown(landmark)}", numbers + (", or a name" if names else ""))
    return landmark


def _flip(pairs, row, names, size, where):
    """The index map of mirror pairs; InputError where it would not be its own inverse."""
    flip, seen = list(range(size)), {}
    for pair in _list(pairs, where, "mirror_pairs"):
        i, j = (row(one, "mirror_pairs") for one in _list(pair, where, "mirror_pairs", 2))
        for one in (i, j):
            if one in seen or i == j:
                called = names[one] if names else one
                found = f"{called} is paired with itself" if i == j else f"{called} is in two pairs"
                raise InputError(f'{where}: "mirror_pairs"', found,
                                 "each landmark in one pair at most: a mirror's map is its own inverse",
                                 "leave out those on the middle line" if i == j else "")
            seen[one] = True
        flip[i], flip[j] = j, i
    return tuple(flip)


def _list(found, where, key, count=None):
    if not isinstance(found, (list, tuple)) or count not in (None, len(found)):
        raise InputError(where, f'"{key}" is {_shown(found)}', "a list" if count is None else f"a list of {count}")
    return list(found)


def _shown(value):
    return json.dumps(value, ensure_ascii=False, default=str)[:60]
