"""The mean head: one watertight-looking surface over a regular grid, sculpted from smooth solids.

Millimetres; the origin lies midway between the eyes on the vertical axis through the ears, x to the picture's right on a
frontal view, y down, z towards the viewer. The proportions are those of adult anthropometry (Farkas, "Anthropometry of the
Head and Face", 1994: 90 mm between the outer eye corners, 195 mm head length, 145 mm between the ears).

The surface is found by casting rays from a vertical axis inside the head (from one point for the top of the skull) against a
signed field, a smooth union of ellipsoids, capsules and a loft. Row r of the grid is one height y, column c one azimuth,
so that (column, row) is also the texture coordinate and a landmark is a place in the grid. The mouth's seam is a run of rows
(``SEAM``): the two lips' edges with the mouth's inside between them, all of no height while the mouth is closed.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.interpolate import PchipInterpolator

EYE = np.array([31.5, -0.9, 68.5])          # centre of the eyeball on the picture's right
EYE_RADIUS = 12.0
LID = 1.6                                  # thickness of the lids over the eyeball
SEAM_Y = 70.7                              # where the lips meet
MOUTH_HALF = 28.0                          # from the middle to the corner of the mouth
INSIDE = 3                                 # rows of the mouth's inside between the lips' edges
CAVITY = 13.0                              # depth of the mouth's inside behind the lips

# Heights of the loft's sections, their half width, the depth of their widest place, and the depth of the midline.
_SECTIONS = np.array([
    # y     half width  z of it  front
    [-130, 40.0, 0.0, 40.0],
    [-95, 58.0, 0.0, 68.0],
    [-70, 66.0, 0.0, 82.0],
    [-50, 69.5, 0.0, 90.5],
    [-25, 71.0, 2.0, 94.0],
    [-10, 71.0, 4.0, 91.0],
    [0, 71.0, 5.0, 87.5],
    [20, 71.0, 6.0, 89.5],
    [40, 69.0, 8.0, 92.0],
    [55, 67.5, 10.0, 95.5],
    [71, 63.0, 14.0, 97.0],
    [80, 59.0, 19.0, 95.0],
    [87, 54.5, 25.0, 92.5],
    [96, 47.0, 35.0, 93.5],
    [105, 37.0, 48.0, 95.0],
    [112, 27.0, 60.0, 93.0],
    [117, 17.5, 69.0, 88.5],
    [120.5, 8.0, 77.0, 82.0],
    [124, 2.0, 76.0, 78.0],
])


@dataclass(frozen=True)
class Grid:
    """The mean surface. points: (R, C, 3) mm. azimuth: (C,) degrees, the first and last column both at the back.

    seam: row of the upper lip's edge; row seam + INSIDE + 1 is the lower lip's.
    """

    points: np.ndarray
    azimuth: np.ndarray
    seam: int

    @property
    def shape(self):
        return self.points.shape[:2]


def union(a, b, k):
    """Smooth minimum of two fields that blends them over k mm (polynomial)."""
    h = np.clip(0.5 + 0.5 * (b - a) / k, 0, 1)
    return b + (a - b) * h - k * h * (1 - h)


def carve(a, b, k):
    """Field a with solid b smoothly taken away."""
    return -union(-a, b, k)


def ellipsoid(p, centre, radii):
    """Approximate distance from p (..., 3) to an ellipsoid."""
    q = (p - np.asarray(centre, float)) / np.asarray(radii, float)
    length = np.linalg.norm(q, axis=-1)
    slope = np.linalg.norm(q / radii, axis=-1) + 1e-9
    return length * (length - 1) / slope


def capsule(p, a, b, ra, rb):
    """Distance to a rod from a to b whose radius goes from ra to rb."""
    a, b = np.asarray(a, float), np.asarray(b, float)
    t = np.clip(((p - a) @ (b - a)) / ((b - a) @ (b - a)), 0, 1)
    return np.linalg.norm(p - a - t[..., None] * (b - a), axis=-1) - (ra + (rb - ra) * t)


@lru_cache(maxsize=1)
def _section_table():
    """The sections at every quarter millimetre of height, smoothly between the knots: (heights, (K, 3))."""
    heights = np.arange(_SECTIONS[0, 0], _SECTIONS[-1, 0], 0.25)
    return heights, PchipInterpolator(_SECTIONS[:, 0], _SECTIONS[:, 1:])(heights)


def _loft(p):
    """The face and jaw without their features: a superellipse at every height."""
    heights, table = _section_table()
    half, centre, front = (np.interp(p[:, 1], heights, column) for column in table.T)
    z = p[:, 2] - centre
    depth = np.where(z > 0, front - centre, 60.0)
    n = 2.15
    g = ((np.abs(p[:, 0]) / half) ** n + (np.abs(z) / depth) ** n) ** (1 / n)
    return np.maximum((g - 1) * np.minimum(half, depth) * 0.85, np.maximum(p[:, 1] - 122.5, -60 - p[:, 1]))


def field(q):
    """The head's signed field at q (N, 3), x >= 0: negative inside, in about mm."""
    f = union(_loft(q), ellipsoid(q, (0, -33, -3), (76, 87, 97)), 12)
    f = union(f, ellipsoid(q, (24, -19, 77), (24, 9, 10)), 12)                  # brow ridge
    f = union(f, ellipsoid(q, (49, 25, 43), (18, 15, 18)), 22)                  # cheekbone
    f = union(f, ellipsoid(q, (31, 46, 68), (20, 22, 15)), 18)                  # cheek
    f = union(f, ellipsoid(q, (0, 70, 84), (27, 25, 14)), 14)                   # mouth's mound
    f = union(f, ellipsoid(q, (0, 106, 84), (15, 11, 13)), 12)                  # chin
    f = carve(f, ellipsoid(q, (31, 1, 91), (18, 12, 15)), 11)                   # socket
    f = union(f, np.linalg.norm(q - EYE, axis=-1) - EYE_RADIUS - LID, 4)        # lids over the eyeball
    f = union(f, capsule(q, (0, 0, 82), (0, 34, 103.5), 6.5, 8.5), 8)           # bridge
    f = union(f, capsule(q, (5, 12, 82), (9, 39, 93), 6, 7.5), 10)              # its sides
    f = union(f, ellipsoid(q, (0, 39, 106.5), (9.5, 8.5, 9.5)), 7)              # tip
    f = union(f, ellipsoid(q, (11.5, 43.5, 98), (6.5, 6.6, 9)), 5)              # wing
    f = union(f, capsule(q, (0, 45, 107), (0, 51, 97), 3.6, 4), 5)              # columella
    f = carve(f, ellipsoid(q, (6.3, 49, 104), (3.4, 2.6, 5)), 2)                # nostril
    y = q[:, 1]
    flare = np.maximum(y - 128, 0) ** 1.7 * 0.035
    neck = np.stack([q[:, 0] / (54 + flare), (q[:, 2] + 20 + 0.18 * (y - 100)) / (56 + 0.3 * flare)], axis=-1)
    f = union(f, np.maximum((np.linalg.norm(neck, axis=-1) - 1) * 50, 20 - y), 14)
    return union(f, ellipsoid(q, (0, 300, -40), (215, 125, 92)), 40)            # shoulders


def _azimuths():
    """Column azimuths in degrees: fine in front, coarse behind."""
    half = np.concatenate([np.arange(0, 24, 1.15), np.arange(24, 66, 1.8), np.arange(66, 112, 3.0), np.linspace(112, 180, 8)])
    return np.concatenate([-half[:0:-1], half])


def _heights():
    """Row heights below the skull's top, and the index of the seam among them."""
    upper = np.concatenate([np.arange(-58, -24, 3.6), np.arange(-24, 20, 1.55), np.arange(20, 36, 2.3), np.arange(36, 54, 1.3),
                            np.arange(54, SEAM_Y - 0.5, 1.7)])
    lower = np.concatenate([np.arange(SEAM_Y + 1.3, 88, 1.7), np.arange(88, 117, 2.6), np.arange(117, 130, 1.6),
                            np.arange(130, 150, 5), np.arange(150, 215, 9), np.arange(215, 300, 18)])
    return upper, lower


def lip_edges(x):
    """Heights of the red of the lips on the mean face at |x| mm: (its upper edge, its lower edge)."""
    u = np.clip(np.abs(x) / MOUTH_HALF, 0, 1)
    upper = SEAM_Y - np.interp(u, [0, 0.1, 0.25, 0.4, 0.65, 0.85, 1], [5.6, 6.1, 7.2, 6.6, 4.4, 2.0, 0])
    lower = SEAM_Y + np.interp(u, [0, 0.2, 0.4, 0.6, 0.8, 0.92, 1], [10.6, 10.3, 9.0, 6.8, 3.8, 1.6, 0])
    return upper, lower


def _relief(x, y):
    """Depth in mm that the fine features add at (x, y) of the front of the face: lips, philtrum, chin's fold."""
    upper, lower = lip_edges(x)
    inside = np.abs(x) < MOUTH_HALF
    taper = np.sqrt(np.clip(1 - (x / MOUTH_HALF) ** 2, 0, 1))
    top = np.clip((y - upper) / np.maximum(SEAM_Y - upper, 0.1), 0, 1) * inside
    low = np.clip((lower - y) / np.maximum(lower - SEAM_Y, 0.1), 0, 1) * inside
    dz = np.where(y <= SEAM_Y, 4.2 * taper * np.sin(np.pi * top ** 0.9 * 0.80), 5.0 * taper * np.sin(np.pi * low ** 0.8 * 0.80))
    dz -= 2.0 * np.exp(-((np.abs(x) - 29) / 4) ** 2 - ((y - SEAM_Y) / 3.5) ** 2)                                # corners
    dz -= 1.5 * np.exp(-(x / 2.6) ** 2 - ((y - 58.5) / 5.5) ** 2)                                               # philtrum
    dz += 0.8 * (np.exp(-((np.abs(x) - 5) / 2) ** 2) * np.exp(-((y - 59.5) / 5) ** 2))                          # its columns
    return dz - 1.8 * np.exp(-(x / 20) ** 2 - ((y - 87.5) / 4.5) ** 2)


def _cast(origins, directions, reach):
    """Outermost crossing of the field along rays (N, 3): the points (N, 3)."""
    distance = np.asarray(reach, float) * np.ones(len(origins))
    going = np.arange(len(origins))
    for _ in range(80):
        step = field(origins[going] + distance[going, None] * directions[going])
        distance[going] = np.maximum(distance[going] - 0.75 * np.clip(step, -2, 30), 1.0)
        going = going[np.abs(step) > 0.02]
        if not len(going):
            break
    return origins + distance[:, None] * directions


def _smooth(points, weight):
    """Each point moved towards the mean of its eight neighbours by ``weight`` (R, C, 1)."""
    padded = np.pad(points, ((1, 1), (1, 1), (0, 0)), mode="edge")
    rows, columns = points.shape[:2]
    mean = sum(padded[i:i + rows, j:j + columns] for i in range(3) for j in range(3)) / 9
    return points + weight * (mean - points)


@lru_cache(maxsize=1)
def mean_head():
    """The mean ``Grid``, built once a process (about two seconds)."""
    azimuth = _azimuths()
    half = azimuth[len(azimuth) // 2:]
    upper, lower = _heights()
    radians = np.deg2rad(half)
    crown = np.deg2rad([88, 80, 72, 64, 56, 48, 41, 34, 27, 20, 13.5, 7])
    flat = np.stack([np.sin(radians), np.zeros_like(radians), np.cos(radians)], axis=1)
    origins, directions, reach = [], [], []
    for elevation in crown:
        origins.append(np.tile([0, -61.0, 0], (len(flat), 1)))
        directions.append(flat * np.cos(elevation) + np.array([0, -np.sin(elevation), 0]))
        reach.append(np.full(len(flat), 170.0))
    for y in [*upper, SEAM_Y, *lower]:
        origins.append(np.tile([0, y, -np.interp(y, [95, 150], [0, 28])], (len(flat), 1)))
        directions.append(flat)
        reach.append(np.full(len(flat), 300.0 if y > 160 else 170.0))
    points = _cast(np.concatenate(origins), np.concatenate(directions), np.concatenate(reach))
    points = points.reshape(-1, len(half), 3)
    points = np.concatenate([points[:, :0:-1] * [-1, 1, 1], points], axis=1)
    under = np.clip((points[..., 1:2] - 100) / 15, 0, 1) * np.clip((150 - points[..., 1:2]) / 15, 0, 1)
    for _ in range(6):
        points = _smooth(points, 0.08 + 0.6 * under)
    points[:, :, 0] = (points[:, :, 0] - points[:, ::-1, 0]) / 2
    front = np.clip((points[..., 2] - 40) / 25, 0, 1)
    points[..., 2] += front * _relief(points[..., 0], points[..., 1])
    seam = len(crown) + len(upper)
    points = np.concatenate([points[:seam + 1], np.repeat(points[seam:seam + 1], INSIDE + 1, axis=0), points[seam + 1:]])
    return Grid(points, azimuth, seam)


def ear(columns=15, rows=19):
    """The mean ear of the picture's right side: (rows, columns, 3) mm, and its hollow (rows, columns), 0 to 1.

    A sheet from the head to the rim: column 0 lies on the head, the last turns back behind the rim.
    """
    v, u = np.meshgrid(np.linspace(0, 1, rows), np.linspace(0, 1, columns), indexing="ij")
    angle = np.pi * (v - 0.5)                                       # from the top of the ear to the lobe
    reach = (0.14 + 0.86 * np.abs(np.cos(angle)) ** 0.7) * (1 - 0.32 * v)   # how far back the rim goes
    out = np.clip(u / 0.86, 0, 1)
    back = 33 * reach * out
    y = 8 + 31 * np.sin(angle) * (0.35 + 0.65 * out) - 4 * out * (1 - v)
    rim = np.exp(-((out - 0.90) / 0.10) ** 2)
    bowl = np.exp(-((out - 0.42) / 0.22) ** 2) * np.exp(-((v - 0.55) / 0.22) ** 2)
    fold = np.exp(-((out - 0.66) / 0.07) ** 2) * np.exp(-((v - 0.38) / 0.25) ** 2)
    lift = 4.5 * rim + 2.5 * fold - 7.0 * bowl + 2.0 * np.exp(-((out - 0.12) / 0.1) ** 2 - ((v - 0.58) / 0.12) ** 2)
    lift -= np.clip(u - 0.86, 0, 1) / 0.14 * 6                      # behind the rim
    tilt = np.deg2rad(28)
    x = 69 + np.sin(tilt) * back + np.cos(tilt) * lift
    z = -2 - np.cos(tilt) * back + np.sin(tilt) * lift
    hollow = np.clip(0.9 * bowl + 0.55 * np.exp(-((out - 0.79) / 0.05) ** 2) * (v < 0.7), 0, 1)
    return np.stack([x, y - 0.18 * (z + 2), z], axis=-1), hollow
