"""How far numbers lie from the right ones, as a share of their size. NumPy alone: no MXNet is loaded."""

import numpy as np


def length(found, right):
    """Length of the difference of two arrays of one shape, as a share of the right one's (L2).

    Where the right one is nothing, the length itself. NaN where a value is not a number.
    """
    found, right = np.asarray(found, np.float64), np.asarray(right, np.float64)
    most = np.linalg.norm(right)
    return float(np.linalg.norm(found - right) / (most or 1.0))


def longest(found, right):
    """The largest ``length`` of two lists of arrays, pair by pair; infinite where one of them is not finite."""
    lengths = [length(a, b) for a, b in zip(found, right)]
    return max(lengths) if np.all(np.isfinite(lengths)) else float("inf")
