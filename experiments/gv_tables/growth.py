"""How the search for the maxima grows with the map's side: O(N^2) of heatmaps, O(N) of vectors (Gaussian Vector, Section 3.3)."""

import time

import numpy as np

from experiments.gv_tables.timing import FLOAT_BYTES, LANDMARKS, MOST_ROUNDS, PLAIN, ROUNDS, ROW_BYTES, VECTOR
from gv.bench import search

SIDES = (64, 128, 256, 512)     # cells; 64 is the paper's
FACES = 64                      # of a turn at most: what is timed has to be longer than the clock's steps


def outputs(row, side, rng):
    """Faces' outputs (N, lines, numbers) as they are read, in a row that is longer than a processor's cache."""
    shape = (LANDMARKS, side * side) if row == PLAIN else (2 * LANDMARKS, side)
    count = max(1, ROW_BYTES // (FLOAT_BYTES * shape[0] * shape[1]))
    return np.tile(rng.random((1, *shape), np.float32), (count, 1, 1))


def milliseconds(faces):
    """Of a search through the outputs of one face, the mean over some that lie in a row."""
    begin = time.perf_counter()
    for face in faces:
        search(face)
    return 1000 * (time.perf_counter() - begin) / len(faces)


def power(sides, times):
    """p of the power law t = c * N^p through times at some sides, by least squares of the logarithms."""
    return float(np.polyfit(np.log(sides), np.log(times), 1)[0])


def measure(context):
    """{"search/ROW/SIDE": milliseconds a face, the median of rounds in which all take turns; "power/ROW": of the side}."""
    rng = np.random.default_rng(context.seed)
    noted = {}
    for _ in range(ROUNDS.get(context.preset, MOST_ROUNDS)):
        for row in (PLAIN, VECTOR):
            for side in SIDES:
                faces = outputs(row, side, rng)
                start = int(rng.integers(max(1, len(faces) - FACES)))
                noted.setdefault((row, side), []).append(milliseconds(faces[start:start + FACES]))
    found = {key: float(np.median(values)) for key, values in noted.items()}
    return {**{f"search/{row}/{side}": value for (row, side), value in found.items()},
            **{f"power/{row}": power(SIDES, [found[row, side] for side in SIDES]) for row in (PLAIN, VECTOR)}}
