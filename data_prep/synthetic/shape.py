"""Who the face is and what it does: a linear model over the mean head, each direction a smooth displacement in mm.

Every point that belongs to the head (skin, ears, eyeballs) moves by the same displacements, so that landmarks, which are
places in the skin's grid, never leave the surface. Weights are standard deviations for ``IDENTITY`` and shares of a full
expression for ``EXPRESSION``; ``left`` and ``right`` are those of the picture.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from data_prep.synthetic.head import CAVITY, EYE, INSIDE, MOUTH_HALF, SEAM_Y, ear, mean_head

# How the mean of real faces (iBUG's 68 points on HELEN and LFPW, measured) differs from the sculpture, in its own directions.
_MEAN = {"mid_length": -0.85, "chin_length": -0.45, "nose_width": -0.55, "mouth_width": -0.7, "lips": -0.3, "width": 0.3}
JAW_DROP = 26.0                            # mm that the chin comes down at a full opening
_HINGE = np.array([0.0, 18.0, 8.0])        # the jaw turns about this axis, in front of the ears


def _step(v, low, high):
    """0 below ``low``, 1 above ``high``, smooth between."""
    t = np.clip((v - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def _bump(p, centre, radii):
    """A Gaussian hill, mirrored in x, with its standard deviations 1/sqrt(2) of ``radii``."""
    q = (np.stack([np.abs(p[:, 0]), p[:, 1], p[:, 2]], 1) - centre) / radii
    return np.exp(-(q ** 2).sum(1))


def _move(weight, x=0.0, y=0.0, z=0.0):
    """(N, 3) displacements: weight (N,) times (x, y, z), each a number or (N,)."""
    return np.stack([weight * x, weight * y, weight * z], 1)


def identity_basis(p):
    """{name: (N, 3) displacement of one standard deviation} at the mean head's points p (N, 3)."""
    side = np.tanh(p[:, 0] / 3)
    x, y, z = p.T
    eye = _bump(p, (31.5, 0, 76), (21, 14, 26))
    nose = _bump(p, (0, 40, 104), (17, 17, 17))
    lip_up = _bump(p, (0, 65, 102), (26, 5, 18)) * (y <= SEAM_Y)
    lip_low = _bump(p, (0, 80, 100), (24, 6, 18)) * (y >= SEAM_Y)
    neck = _step(y, 122, 160)
    return {
        "width": _move(x * (1 - neck), 0.035),
        "jaw_width": _move(x * _step(y, 15, 85) * (1 - neck), 0.07),
        "chin_length": _move(_step(y, 72, 118) * _step(z, -10, 40), y=4.5) + _move(neck, y=4.0),
        "mid_length": _move(_step(y, 4, 48), y=3.2),
        "forehead": _move(_step(-y, 12, 70), y=-6.0),
        "slope": _move(_step(-y, 15, 80) * _step(z, 0, 60), z=-5.0),
        "depth": _move(z, z=0.03),
        "nose_width": _move(_bump(p, (11, 43, 99), (9, 11, 15)), side * 2.2),
        "nose_length": _move(nose, y=3.0),
        "nose_out": _move(_bump(p, (0, 36, 108), (15, 20, 18)), z=3.2),
        "nose_tip": _move(_bump(p, (0, 40, 112), (9, 8, 12)), y=-2.4, z=0.5),
        "bridge": _move(_bump(p, (0, 10, 90), (10, 17, 16)), z=2.6),
        "hook": _move(_bump(p, (0, 22, 98), (8, 9, 14)), z=1.6),
        "eye_apart": _move(eye, side * 1.6),
        "eye_size": _move(eye, (np.abs(x) - EYE[0]) * side * 0.07, y * 0.08),
        "eye_tilt": _move(eye, y=-(np.abs(x) - EYE[0]) * 0.09),
        "eye_deep": _move(_bump(p, (31.5, -2, 76), (24, 16, 26)), z=-2.2),
        "brow_height": _move(_bump(p, (33, -18, 80), (32, 9, 26)), y=-2.2),
        "brow_ridge": _move(_bump(p, (24, -16, 82), (28, 8, 18)), z=2.4),
        "lips": _move(lip_up, y=-1.5, z=1.0) + _move(lip_low, y=1.7, z=1.2),
        "mouth_width": _move(_bump(p, (27, SEAM_Y, 88), (15, 17, 22)), side * 2.3),
        "mouth_height": _move(_bump(p, (0, SEAM_Y, 95), (44, 15, 34)), y=1.8),
        "chin_out": _move(_bump(p, (0, 108, 92), (24, 17, 24)), z=3.5),
        "chin_square": _move(_bump(p, (20, 112, 78), (12, 10, 20)), side * 3.0, 0.6),
        "fat": (_move(_bump(p, (54, 58, 42), (26, 30, 40)), side * 4.5, 0, 1.0)
                + _move(_bump(p, (0, 132, 50), (50, 16, 40)), y=3, z=3.5)),
        "cheekbone": _move(_bump(p, (54, 22, 45), (19, 16, 24)), side * 2.2, 0, 1.8),
        "neck": _move(x * _step(y, 100, 140) * (1 - _step(y, 175, 215)), 0.09),
        "skew_nose": _move(_bump(p, (0, 38, 104), (18, 22, 22)), 1.2),
        "skew_jaw": _move(_step(y, 50, 120) * (1 - neck), 1.6),
        "skew_mouth": _move(_bump(p, (0, SEAM_Y, 95), (40, 16, 34)), y=x / 30 * 1.1),
        "skew_eyes": _move(_bump(p, (31, -8, 78), (28, 22, 28)), y=side * 0.9),
    }


def expression_basis(p, lower):
    """{name: (N, 3) displacement of the full expression}; ``lower`` (N,) marks the points below the mouth's seam."""
    side = np.tanh(p[:, 0] / 3)
    x, y, z = p.T
    along = np.clip(np.abs(x) / MOUTH_HALF, 0, 1) ** 2
    distance = np.abs(y - SEAM_Y) / (15 + np.maximum(np.abs(x) - MOUTH_HALF, 0) * 1.1)
    blend = 0.5 * along * np.exp(-distance ** 2)
    jaw = np.where(lower, 1 - blend, blend) * _step(z, -12, 22) * (1 - _step(y, 126, 158))
    turn = 0.30                                                                 # radians at a full opening, about 26 mm
    arm_y, arm_z = y - _HINGE[1], z - _HINGE[2]
    corner = _bump(p, (MOUTH_HALF, SEAM_Y, 88), (15, 15, 24))
    cheek = _bump(p, (41, 42, 64), (19, 17, 24))
    apart = np.clip((MOUTH_HALF - np.abs(x)) / 8, 0, 1)              # what parts the lips must not tear the skin beside them
    upper_lip = _bump(p, (0, 66, 102), (24, 9, 22)) * ~lower * apart
    lower_lip = _bump(p, (0, 77, 100), (24, 10, 22)) * lower * apart
    lips = _bump(p, (0, SEAM_Y, 100), (22, 12, 22))
    brow = _bump(p, (34, -17, 80), (27, 11, 30))
    inner = _bump(p, (13, -13, 88), (13, 10, 24))
    smile = (_move(corner, side * 6.5, -5.5, -4.5) + _move(cheek, side * 1.0, -3.5, 3.0) + _move(lips, z=-2.0)
             + _move(_bump(p, (14, 44, 98), (9, 8, 16)), side * 1.6, -1.2) + _move(upper_lip, y=-1.6) + _move(lower_lip, y=-1.0))
    basis = {
        "jaw": _move(jaw, y=arm_z * np.sin(turn) + arm_y * (np.cos(turn) - 1), z=-arm_y * np.sin(turn)),
        "smile": smile,
        "pout": _move(corner, side * -7.0, 0, 3.0) + _move(lips, z=4.5),
        "bare": _move(upper_lip, y=-4.5, z=-0.5) + _move(lower_lip, y=3.0),
        "sad": _move(corner, side * 1.0, 5.0, -1.0) + _move(_bump(p, (0, 92, 94), (22, 9, 22)), y=-2, z=1),
        "press": _move(upper_lip, y=1.6, z=-2.0) + _move(lower_lip, y=-2.0, z=-2.0),
        "puff": _move(_bump(p, (44, 66, 60), (20, 20, 30)), side * 6.0, 0, 4.0),
        "brow_up": _move(brow, y=-6.0, z=0.5),
        "brow_in": _move(inner, side * -2.8, 4.2, 1.2),
        "worry": _move(inner, side * -1.0, -5.0),
        "wrinkle": _move(_bump(p, (11, 40, 98), (13, 12, 20)), side * 0.8, -2.8) + _move(upper_lip, y=-1.8),
    }
    right = _step(x, -8, 8)[:, None]
    for name in ("smile", "brow_up", "sad"):
        both = basis.pop(name)
        basis[f"{name}_left"], basis[f"{name}_right"] = both * (1 - right), both * right
    return basis


@dataclass(frozen=True)
class Model:
    """The head's points in one array, and the displacements. Slices into the points: skin (R*C), ears, eyes.

    points: (N, 3), the sculpture, whose x and y are the skin's own coordinates. rest: (N, 3), the mean face.
    basis: (K, N, 3) float32 in the order of ``names``. shape, seam: of the skin's grid. ear_hollow: 0..1 over an ear's grid.
    """

    points: np.ndarray
    rest: np.ndarray
    basis: np.ndarray
    names: tuple
    shape: tuple
    seam: int
    skin: slice
    ears: tuple
    ear_shape: tuple
    ear_hollow: np.ndarray
    eyes: slice

    def pose(self, weights):
        """Points (N, 3) float32 of the face with ``weights`` {name: value}; the mouth's inside closed behind the lips."""
        values = np.array([weights.get(name, 0.0) for name in self.names], np.float32)
        used = np.flatnonzero(values)
        points = self.rest + np.einsum("k,knd->nd", values[used], self.basis[used])
        grid = points[self.skin].reshape(*self.shape, 3)
        top, bottom = grid[self.seam], grid[self.seam + INSIDE + 1]
        span = np.sqrt(np.clip(1 - (self.points[self.skin].reshape(*self.shape, 3)[self.seam, :, 0] / MOUTH_HALF) ** 2, 0, 1))
        span = span * (top[:, 2] > 40)
        for i, share in enumerate((0.0, 0.5, 1.0)):
            grid[self.seam + 1 + i] = top + share * (bottom - top)
            grid[self.seam + 1 + i, :, 2] -= (CAVITY * span).astype(np.float32)
        return points


@lru_cache(maxsize=1)
def model():
    """The ``Model``, built once a process."""
    grid = mean_head()
    rows, columns = grid.shape
    ear_points, hollow = ear()
    eyes = np.stack([EYE * [-1, 1, 1], EYE])
    right = ear_points.reshape(-1, 3)
    points = np.concatenate([grid.points.reshape(-1, 3), right * [-1, 1, 1], right, eyes])
    lower = np.zeros(len(points), bool)
    lower[:rows * columns] = np.repeat(np.arange(rows) > grid.seam + INSIDE // 2, columns)
    # The eyeballs go where the lids' front goes.
    where = points.copy()
    where[-2:, 2] = EYE[2] + 12
    basis = {**identity_basis(where), **expression_basis(where, lower)}
    rest = points + sum(weight * basis[name] for name, weight in _MEAN.items())
    a, b = rows * columns, rows * columns + len(right)
    directions = np.stack(list(basis.values())).astype(np.float32)
    ears = slice(a, b), slice(b, b + len(right))
    return Model(points.astype(np.float32), rest.astype(np.float32), directions, tuple(basis), (rows, columns), grid.seam,
                 slice(0, a), ears, hollow.shape, hollow, slice(len(points) - 2, len(points)))
