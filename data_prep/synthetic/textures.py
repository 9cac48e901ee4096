"""What is painted where: fixed maps over the head's grid, and fixed noise. Built once a process, the same for every face."""

from functools import lru_cache

import cv2
import numpy as np

from data_prep.synthetic.head import INSIDE, SEAM_Y, field, lip_edges
from data_prep.synthetic.render import grid_normals
from data_prep.synthetic.shape import model

TEXELS = 4                                 # texels from one grid line to the next
NOISE = 512                                # side of the noise maps, which repeat
_NOISE_SEED = 20240229                     # the noise is part of the model, not of a face
LIPS, RED, BEARD, MOUSTACHE, FOLDS, SHADOW, DARK, BONY = range(8)

# Where the hair of the head ends: azimuth from the front in degrees, height in mm.
HAIRLINE = ((0, 22, 38, 50, 58, 66, 73, 79, 86, 91, 103, 112, 130, 180),
            (-75, -77, -70, -56, -42, -34, -14, 10, 12, -24, -26, 30, 62, 72))


def _normalise(noise):
    """Noise stretched so that its deviation is 40 grey levels about 128, as uint8."""
    return np.clip((noise - noise.mean()) / noise.std() * 40 + 128, 0, 255).astype(np.uint8)


@lru_cache(maxsize=1)
def noise_maps():
    """(NOISE, NOISE, 4) uint8 that repeat: patches, blotches, pores, and strands that run down the rows."""
    rng = np.random.default_rng(_NOISE_SEED)
    out = []
    for sigma in ((28, 28), (7, 7), (1.1, 1.1), (1.0, 26)):
        tiled = np.tile(rng.standard_normal((NOISE, NOISE)).astype(np.float32), (3, 3))
        blurred = cv2.GaussianBlur(tiled, (0, 0), sigmaX=sigma[0], sigmaY=sigma[1])
        out.append(_normalise(blurred[NOISE:2 * NOISE, NOISE:2 * NOISE]))
    return np.ascontiguousarray(np.stack(out, axis=-1))


def look_up(image, u, v, border=cv2.BORDER_REPLICATE):
    """Bilinear values (P, channels) of an image at columns u and rows v (P,); cv2.remap takes no row longer than 32766."""
    rows = max(1, -(-len(u) // 1024))
    where = np.zeros((2, rows * 1024), np.float32)
    where[0, :len(u)], where[1, :len(u)] = u, v
    found = cv2.remap(image, where[0].reshape(rows, 1024), where[1].reshape(rows, 1024), cv2.INTER_LINEAR, borderMode=border)
    return found.reshape(rows * 1024, -1)[:len(u)]


def sample_noise(x, y):
    """(4, P) float32 in about -1..1 at texels (P,) of the noise maps, bilinear, repeating."""
    found = look_up(noise_maps(), np.mod(x, NOISE), np.mod(y, NOISE), cv2.BORDER_WRAP)
    return (found.T.astype(np.float32, order="C") - 128) / 60


def sample_maps(row, column):
    """(8, P) float32 in 0..1 of the painted maps at grid rows and columns (P,)."""
    parts = [look_up(part, column * TEXELS, row * TEXELS) for part in _maps()]
    return np.concatenate([part.T for part in parts]).astype(np.float32, order="C") / 255


def _soft(distance, width):
    """1 where distance is over ``width``/2, 0 under minus that, smooth between."""
    t = np.clip(distance / width + 0.5, 0, 1)
    return t * t * (3 - 2 * t)


def _hill(x, y, centre, radii):
    return np.exp(-((x - centre[0]) / radii[0]) ** 2 - ((y - centre[1]) / radii[1]) ** 2)


def _line(x, y, path, width):
    """A soft stroke of ``width`` mm along a polyline of (x, y) on the right side of the face."""
    path = np.asarray(path, float)
    best = np.full(x.shape, np.inf)
    for a, b in zip(path[:-1], path[1:]):
        t = np.clip(((x - a[0]) * (b - a)[0] + (y - a[1]) * (b - a)[1]) / ((b - a) @ (b - a)), 0, 1)
        best = np.minimum(best, (x - a[0] - t * (b - a)[0]) ** 2 + (y - a[1] - t * (b - a)[1]) ** 2)
    return np.exp(-best / width ** 2)


@lru_cache(maxsize=1)
def _maps():
    """Two (H, W, 4) uint8 images: (lips, redness, beard, moustache) and (folds of age, eye shadow, dark, bony shine)."""
    m = model()
    rows, columns = m.shape
    grid = m.points[m.skin].reshape(rows, columns, 3)
    v, u = np.meshgrid(np.arange((rows - 1) * TEXELS + 1, dtype=np.float32) / TEXELS,
                       np.arange((columns - 1) * TEXELS + 1, dtype=np.float32) / TEXELS, indexing="ij")
    x, y, z = np.moveaxis(cv2.remap(grid, u, v, cv2.INTER_LINEAR), -1, 0)
    front = _soft(z - 30, 30)
    ax = np.abs(x)
    upper, lower = lip_edges(ax)
    lips = _soft(np.minimum(y - upper, lower - y) - 0.2, 1.5) * (ax < 28) * (z > 60)
    red = (0.8 * _hill(ax, y, (43, 38), (18, 15)) + 0.7 * _hill(ax, y, (0, 40), (15, 10))
           + 0.35 * _hill(ax, y, (0, 108), (14, 10)) + 0.35 * _hill(ax, y, (31, 8), (15, 6))
           + 0.25 * _hill(ax, y, (20, -3), (5, 6))) * front
    jaw = np.interp(ax, [0, 20, 34, 50, 62, 75], [84, 83, 74, 62, 42, 5])
    beard = _soft(y - jaw, 14) * _soft(129 - y, 12) * _soft(z - 14, 36) * (1 - 0.9 * _hill(ax, y, (0, 84), (14, 3.5)))
    beard = np.maximum(beard, _soft(y - 62, 10) * _hill(ax, 0, (33, 0), (5, 9)) * (y < 90) * front)
    beard *= 1 - lips
    moustache = _soft(y - np.interp(ax, [0, 8, 20, 34], [54, 54, 59, 72]), 4)
    moustache *= _soft(np.interp(ax, [0, 7, 28, 36], [65, 63, 71, 84]) - y, 3)
    moustache *= _soft(35 - ax, 8) * front * (1 - lips)
    folds = (_line(ax, y, [(19, 42), (25, 50), (32, 60), (37, 72)], 2.0) + 0.8 * _line(ax, y, [(20, 6), (27, 11), (38, 12)], 1.8)
             + 0.3 * _line(ax, y, [(0, -48), (25, -50), (44, -45)], 1.3)
             + 0.3 * _line(ax, y, [(0, -58), (25, -60), (42, -56)], 1.3)
             + 0.2 * _line(ax, y, [(0, -38), (22, -40), (38, -37)], 1.3) + 0.5 * _line(ax, y, [(6, -22), (7, -10)], 1.3)
             + 0.5 * _line(ax, y, [(47, -2), (58, -7)], 1.1) + 0.5 * _line(ax, y, [(47, 2), (59, 4)], 1.1)
             + 0.6 * _line(ax, y, [(30, 74), (34, 88)], 1.8)) * front
    shadow = _soft(y + 15.5, 5) * _soft(2 - y, 4) * _hill(ax, 0, (32, 0), (17, 9)) * front
    dark = (1.25 * _hill(ax, y, (6.6, 48.6), (3.8, 2.1)) + 0.55 * _line(ax, y, [(17.5, 38.5), (18.6, 43), (16, 47.5)], 1.3)
            + 0.55 * _hill(ax, y, (0, 85.5), (15, 3)) + 0.4 * _hill(ax, y, (28.5, SEAM_Y), (2.2, 1.6))
            + 0.5 * _hill(ax, y, (16.5, -2), (5, 6)) + 0.22 * _hill(ax, y, (31, -9), (15, 4))
            + 0.2 * _line(ax, y, [(17, 44), (24, 51), (31, 60)], 3.0)) * front
    bony = (_hill(ax, y, (0, 20), (5, 22)) + 0.8 * _hill(ax, y, (0, -50), (40, 24)) + 0.7 * _hill(ax, y, (46, 18), (16, 10))
            + 0.9 * _hill(ax, y, (0, 38), (8, 7)) + 0.5 * _hill(ax, y, (0, 106), (12, 8))) * front + 0.35
    first, second = (np.stack(part, axis=-1) for part in ((lips, red, beard, moustache), (folds, shadow, dark, bony)))
    return tuple(np.ascontiguousarray(np.clip(part * 255, 0, 255).astype(np.uint8)) for part in (first, second))


@lru_cache(maxsize=1)
def openness():
    """(N,) float32 in 0..1 for the model's points: how much of the surroundings each sees (1 in the open).

    From the signed field along the normal (Quilez' ambient occlusion), for the skin; the ears' hollows are given.
    """
    m = model()
    rows, columns = m.shape
    grid = m.points[m.skin].reshape(rows, columns, 3).astype(float)
    normals = grid_normals(grid).reshape(-1, 3)
    points = grid.reshape(-1, 3)
    blocked = np.zeros(len(points))
    for reach, weight in ((3, 0.10), (7, 0.055), (14, 0.026), (26, 0.012)):
        q = points + reach * normals
        q[:, 0] = np.abs(q[:, 0])
        blocked += weight * np.clip(reach - field(q), 0, None)
    out = np.ones(len(m.points), np.float32)
    out[m.skin] = np.clip(1 - 1.25 * blocked, 0.2, 1)
    seam = out[m.skin].reshape(rows, columns)
    seam[m.seam + 1:m.seam + INSIDE + 1] = 1.0
    for part in m.ears:
        out[part] = 1 - 0.55 * m.ear_hollow.ravel()
    return out
