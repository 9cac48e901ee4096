"""The One Euro filter: landmarks that stand still on a still face, and do not lag behind a moving one.

G. Casiez, N. Roussel, D. Vogel: 1 € Filter: A Simple Speed-based Low-pass Filter for Noisy Input in Interactive Systems,
CHI 2012.
"""

import math
from dataclasses import dataclass, fields

import numpy as np

from gv.core.errors import InputError


@dataclass(frozen=True)
class OneEuro:
    """How much is smoothed. A landmark's cutoff frequency is ``min_cutoff`` + ``beta`` times its speed.

    min_cutoff: Hz, of a landmark that stands still; lower takes away more jitter and lags more at slow motion. beta: Hz for a
    speed of one face's side a second; higher lags less at fast motion. d_cutoff: Hz, of the filter on the speed itself (the
    paper's 1). Speeds are in sides of the landmarks' square, so that nothing depends on how large the face or the picture is.
    """

    min_cutoff: float = 0.5       # this and beta by trial: docs/results/video.md
    beta: float = 20.0
    d_cutoff: float = 1.0

    def __post_init__(self):
        for field in fields(self):
            value = getattr(self, field.name)
            if value < 0 or value == 0 and field.name != "beta":
                raise InputError(f"--smooth {field.name}", f"{value:g}", "0 or more" if field.name == "beta" else "more than 0")


def _share(cutoff, seconds):
    """The paper's alpha: the share of a new value in the smoothed one, of a cutoff in Hz and the seconds since the last one."""
    return 1 / (1 + 1 / (2 * math.pi * cutoff * seconds))


class Smoother:
    """The filter of one face's landmarks: each has a cutoff of its own, both coordinates the same."""

    def __init__(self, options):
        self.options = options
        self._seconds = self._points = self._velocity = None

    def __call__(self, points, seconds, side):
        """Smoothed landmarks (L, 2) of points (L, 2) in pixels. seconds: their time; side: of the landmarks' square, in pixels.

        The first ones come back as they are; where no time has passed, those before do.
        """
        points = np.asarray(points, np.float64)
        if self._points is None:
            self._points, self._velocity = points, np.zeros_like(points)
        elif seconds > self._seconds:
            passed = seconds - self._seconds
            velocity = (points - self._points) / passed
            self._velocity = self._velocity + _share(self.options.d_cutoff, passed) * (velocity - self._velocity)
            speed = np.linalg.norm(self._velocity, axis=1, keepdims=True) / side
            cutoff = self.options.min_cutoff + self.options.beta * speed
            self._points = self._points + _share(cutoff, passed) * (points - self._points)
        self._seconds = seconds
        return self._points.copy()
