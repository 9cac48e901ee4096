"""Times that can be compared on a machine that does other things too: what is timed takes turns, and medians are told.

A round is one call of each function. What disturbs a round disturbs all of them about alike, so that a ratio is taken within
each round, and its median and quartiles are over the rounds.
"""

import time

import numpy as np

WARM = 2       # calls before anything is timed: the first builds and tunes


def take_turns(functions, rounds, warm=WARM, rest=0.0):
    """{name: seconds of each round (rounds,)} of {name: function without arguments}, after ``warm`` calls of each.

    A function ends when its work is done: one that only asks for work, as MXNet's do, has to wait for it. rest: seconds to wait
    at the begin of a turn, before a call that is not timed: libraries' own threads go on spinning for a while after a call, and
    take the cores from the next library, which begins its turn with threads asleep.
    """
    for function in functions.values():
        for _ in range(warm):
            function()
    seconds = {name: np.empty(rounds) for name in functions}
    for turn in range(rounds):
        for name, function in functions.items():
            if rest:
                time.sleep(rest)
                function()
            begin = time.perf_counter()
            function()
            seconds[name][turn] = time.perf_counter() - begin
    return seconds


def waiting(block, *inputs):
    """A function that runs a block on its inputs and waits for the outputs."""
    def call():
        found = block(*inputs)
        for output in found if isinstance(found, (list, tuple)) else [found]:
            output.wait_to_read()
    return call


def spread(values):
    """{"median", "low", "high"}: median and quartiles, plain numbers."""
    low, middle, high = np.percentile(values, [25, 50, 75])
    return {"median": float(middle), "low": float(low), "high": float(high)}


def milliseconds(seconds):
    """``spread`` of times, in milliseconds."""
    return spread(1000 * np.asarray(seconds))


def ratio(seconds, base):
    """``spread`` of one function's times over another's, round by round."""
    return spread(np.asarray(seconds) / np.asarray(base))


def text(found, decimals=2):
    """A ``spread`` in words: median [low, high]."""
    return f"{found['median']:.{decimals}f} [{found['low']:.{decimals}f}, {found['high']:.{decimals}f}]"
