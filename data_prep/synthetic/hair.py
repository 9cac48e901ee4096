"""Hair and hats: a shell over the posed skin, its colour, and how much of each pixel it covers."""

from functools import lru_cache

import numpy as np

from data_prep.synthetic.appearance import gloss, illuminate
from data_prep.synthetic.head import mean_head
from data_prep.synthetic.render import grid_triangles
from data_prep.synthetic.shape import model
from data_prep.synthetic.textures import HAIRLINE, sample_noise

_EVERY = 2                                       # the shell has every second row and column of the skin

# For each style: where it ends (azimuth from the front, degrees; height, mm), how thick it is on top and at the sides (mm),
# how far from the axis it hangs below the eyes (mm, 0: it follows the head), how ragged its edge is (mm), how curly (mm).
_SHORT = HAIRLINE
_FRINGE = ((0, 30, 46, 56, 66, 73, 79, 86, 91, 103, 112, 130, 180), (-33, -31, -28, -20, -8, 6, 18, 18, 0, -10, 30, 62, 72))
_LONG = ((0, 10, 25, 40, 52, 60, 66, 71, 76, 82, 180), (-79, -77, -72, -60, -42, -16, 24, 95, 138, 146, 150))
_BOB = ((0, 15, 35, 50, 60, 66, 71, 76, 82, 180), (-76, -74, -62, -44, -14, 30, 78, 92, 96, 92))
_LONG_FRINGE = ((0, 30, 46, 56, 62, 67, 72, 76, 82, 180), (-30, -29, -24, -10, 16, 60, 110, 136, 146, 150))
_TIED = ((0, 22, 38, 50, 60, 70, 80, 88, 94, 103, 114, 130, 180), (-76, -76, -70, -60, -48, -34, -16, -6, -24, -22, 14, 44, 50))
STYLES = {
    "short": (_SHORT, 20, 8, 0, 8, 2.5),
    "crop": (_SHORT, 9, 4, 0, 5, 1.2),
    "quiff": (_SHORT, 30, 6, 0, 7, 3.0),
    "curls": (_SHORT, 26, 14, 0, 8, 5.0),
    "fringe": (_FRINGE, 15, 10, 0, 12, 1.5),
    "long": (_LONG, 15, 13, 92, 8, 2.5),
    "bob": (_BOB, 16, 15, 95, 8, 2.0),
    "waves": (_LONG, 20, 18, 102, 10, 7.0),
    "long_fringe": (_LONG_FRINGE, 15, 13, 92, 10, 2.0),
    "tied": (_TIED, 5, 3, 0, 4, 0.6),
    "hat": (((0, 60, 80, 100, 180), (-52, -46, -38, -30, -20)), 15, 9, 0, 0, 0.0),
}


@lru_cache(maxsize=1)
def _shell():
    """(rows, columns, azimuth (C',), height (R', C'), triangles): the shell's grid on the mean head."""
    grid = mean_head()
    rows = np.concatenate([np.arange(0, grid.seam, _EVERY), np.arange(grid.seam + 5, grid.shape[0], _EVERY)])
    columns = np.arange(0, grid.shape[1], _EVERY)
    height = grid.points[np.ix_(rows, columns)][..., 1]
    return rows, columns, grid.azimuth[columns], height, grid_triangles(len(rows), len(columns))


def build(person, points, style):
    """(vertices (N, 3) in head axes, triangles, attributes (N, 3): signed mm inside the hair's edge, azimuth, height)."""
    rows, columns, azimuth, height, triangles = _shell()
    edge, top, sides, hang, _, curl = STYLES[style]
    m = model()
    skin = points[m.skin].reshape(*m.shape, 3)[np.ix_(rows, columns)].astype(np.float32)
    part = 14 * np.sin(person.offset[0])
    around = np.abs(azimuth - part * np.exp(-(azimuth / 50) ** 2))
    line = np.interp(around, *edge)[None] - (person.receding * 26 * np.exp(-((around - 30) / 26) ** 2))[None] * (style != "hat")
    inside = line - height
    up = np.clip((-height - 40) / 50, 0, 1)
    thick = (sides + (top - sides) * up) * np.clip(inside / 22 + 0.25, 0.12, 1)
    if style == "quiff":
        thick = thick * (1 + 0.5 * np.exp(-(azimuth / 40) ** 2))
    around_all = np.broadcast_to(azimuth, height.shape)
    lumps = sample_noise((around_all * 1.7 + person.offset[0]).ravel(), (height * 1.7 + person.offset[1]).ravel())
    thick = thick + curl * lumps[1].reshape(height.shape) * np.clip(inside / 10, 0, 1)
    out = skin - np.array([0, -30, 0], np.float32)
    out[..., 1] = np.minimum(out[..., 1], 0)
    out /= np.linalg.norm(out, axis=-1, keepdims=True)
    shell = skin + out * thick[..., None].astype(np.float32)
    if hang:
        low = np.clip((height + 25) / 40, 0, 1)
        radius = np.hypot(shell[..., 0], shell[..., 2])
        behind = np.clip((np.abs(azimuth)[None] - 90) / 60, 0, 1)
        wish = hang + 8 * behind + 0.05 * np.maximum(height, 0) + curl * lumps[0].reshape(height.shape)
        grow = np.maximum(radius, radius + low * (wish - radius)) / np.maximum(radius, 1e-3)
        grow = np.where(height > 150, np.minimum(grow, 1.06), grow).astype(np.float32)
        shell[..., 0] *= grow
        shell[..., 2] *= grow
    attributes = np.stack([inside, np.broadcast_to(azimuth, height.shape), height], -1).reshape(-1, 3).astype(np.float32)
    return shell.reshape(-1, 3), triangles, attributes, (len(rows), len(columns))


def layers(triangles, attributes, style):
    """(solid, edge): the triangles that cover all behind them, and those at the hair's end, to be laid over them."""
    inside = attributes[triangles, 0]
    ragged = STYLES[style][4]
    solid = inside.min(1) > ragged + 5
    return triangles[solid], triangles[~solid & (inside.max(1) > -ragged - 3)]


def shade(person, attributes, normal, light, style, turn):
    """((P, 3) linear colour, (P,) cover in 0..1) of the shell's pixels. attributes: (3, P), interpolated from ``build``."""
    inside, azimuth, height = attributes
    ragged = STYLES[style][4]
    if style == "hat":
        knit = 1 + 0.10 * sample_noise(azimuth * 4, height * 4)[2] - 0.25 * (inside < 9)
        lit = illuminate(normal, np.ones(len(inside), np.float32), np.ones(len(inside), np.float32), light, (0.1, 0.1, 0.1))
        return person.hat * knit[:, None] * lit, np.clip(inside / 1.5 + 0.5, 0, 1)
    sway = 3.0 * np.sin(height / 23 + person.offset[1])
    fine = sample_noise(azimuth * 11 + sway * 4 + person.offset[0], height * 1.2 + person.offset[1])
    coarse = sample_noise(azimuth * 3.6 + sway + person.offset[1], height * 0.5)
    strand = 0.5 * fine[3] + 0.3 * coarse[3] + 0.25 * coarse[1]
    cover = np.clip((inside + ragged * 0.75 * (strand - 0.1)) / 5.0, 0, 1)
    lit = illuminate(normal, np.clip(0.55 + 0.03 * inside, 0.5, 1), np.ones(len(inside), np.float32), light, (0.15, 0.15, 0.15))
    tangent = turn[:, 1].astype(np.float32)
    half = light.key + np.array([0, 0, 1.0])
    half = (half / np.linalg.norm(half)).astype(np.float32)
    along = tangent - normal * (normal @ tangent)[:, None]
    along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-3)
    sheen = np.sqrt(np.clip(1 - (along @ half + 0.12 * strand) ** 2, 0, 1)) ** 24 * np.clip(gloss(normal, light, 1.0), 0, 1)
    colour = person.hair * np.clip(0.85 + 0.55 * strand, 0.25, 2.0)[:, None] * lit
    tint = (0.4 + 0.6 * person.hair / max(person.hair.max(), 0.05)) * light.key_colour
    return colour + (0.10 * sheen * np.clip(0.6 + 0.5 * strand, 0, 1))[:, None] * tint, cover
