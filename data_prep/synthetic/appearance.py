"""Light on skin, eyes and mouth: the colour of every pixel of the head, in linear light.

Arrays are over the P covered pixels. ``Surface`` is what the rasteriser interpolated there.
"""

from dataclasses import dataclass

import numpy as np

from data_prep.synthetic import textures as tex
from data_prep.synthetic.head import EYE_RADIUS, INSIDE, MOUTH_HALF
from data_prep.synthetic.landmarks import EYE_IN, EYE_OUT, brow_edges, brow_x, lids
from data_prep.synthetic.shape import model

_TEETH = np.array([0.72, 0.66, 0.56], np.float32)
_GUM = np.array([0.42, 0.16, 0.15], np.float32)
_TOOTH_GAPS = (0.0, 8.4, 15.0, 22.0, 28.5)        # mm from the middle


@dataclass(frozen=True)
class Light:
    """key, fill: unit directions towards the light in camera axes; their colours and the sky's and ground's, linear RGB."""

    key: np.ndarray
    key_colour: np.ndarray
    fill: np.ndarray
    fill_colour: np.ndarray
    sky: np.ndarray
    ground: np.ndarray
    harsh: float                                    # 0 soft .. 1: how dark the key's shadows are


@dataclass(frozen=True)
class Surface:
    """row, column: grid place; x, y: frontal position on the mean head, mm; normal: (P, 3) camera axes; open: 0..1;
    lit: 0..1, the key's light that reaches the place; head: (P, 3) posed position in head axes, mm; ear: bool."""

    row: np.ndarray
    column: np.ndarray
    x: np.ndarray
    y: np.ndarray
    normal: np.ndarray
    open: np.ndarray
    lit: np.ndarray
    head: np.ndarray
    ear: np.ndarray


def illuminate(normal, open_, lit, light, wrap=(0.28, 0.16, 0.12)):
    """(P, 3) light arriving at a surface; red wraps furthest round, as under skin."""
    wrap = np.asarray(wrap, np.float32)
    key = (normal @ light.key.astype(np.float32))[:, None]
    fill = (normal @ light.fill.astype(np.float32))[:, None]
    reach = (1 - light.harsh * (1 - lit))[:, None]
    out = np.clip((key + wrap) / (1 + wrap), 0, None) * reach * light.key_colour
    out += np.clip((fill + 0.2) / 1.2, 0, None) * light.fill_colour
    up = (0.5 - 0.5 * normal[:, 1])[:, None]
    out += up * light.sky + (1 - up) * light.ground
    return (out * (0.15 + 0.85 * open_ * np.sqrt(open_))[:, None]).astype(np.float32)


def gloss(normal, light, power):
    """(P,) mirror-like reflection of the key towards the camera, which looks along -z."""
    half = light.key + np.array([0, 0, 1.0])
    half = (half / np.linalg.norm(half)).astype(np.float32)
    return np.clip(normal @ half, 0, 1) ** power


def _mix(colour, other, share):
    """colour (P, 3) moved towards ``other`` by share (P,) in place."""
    colour += share.astype(np.float32)[:, None] * (other - colour)


def mask_share(x, y, z):
    """0..1: how much of a cloth face mask lies over a place of the mean head (mm)."""
    edge = np.interp(np.abs(x), [0, 14, 30, 62], [17, 25, 33, 38])
    low = np.interp(np.abs(x), [0, 30, 62], [131, 121, 84])
    return np.clip((y - edge) / 2 + 0.5, 0, 1) * np.clip((low - y) / 2 + 0.5, 0, 1) * np.clip((z - 12) / 4, 0, 1)


def under_mask(s):
    """``mask_share`` of a ``Surface``'s places; the mean head's depth is taken from the posed one."""
    return mask_share(s.x, s.y, s.head[:, 2]) * ~s.ear


def skin_albedo(person, s, maps, noise, azimuth):
    """((P, 3) linear reflectance, (P,) gloss) of skin with lips, brows, beard, make-up and clothes."""
    tone = person.skin
    shade = 1 + 0.045 * noise[0] * person.mottle + 0.035 * noise[1] * person.mottle + 0.055 * noise[2]
    colour = tone * shade[:, None]
    red = maps[tex.RED] * person.redness + s.ear * np.float32(0.35)
    colour *= 1 - red[:, None] * np.array([-0.06, 0.26, 0.22], np.float32)
    if person.freckles:
        spots = np.clip(noise[2] * 0.7 + noise[1] * 0.5 - 1.1, 0, 1) * person.freckles * (s.y < 60) * (s.y > -30)
        colour *= 1 - spots[:, None] * np.array([0.35, 0.5, 0.6], np.float32)
    colour *= (1 - maps[tex.FOLDS] * (0.05 + 0.36 * person.age))[:, None]
    colour *= 1 - maps[tex.DARK][:, None] * np.array([0.62, 0.75, 0.78], np.float32)
    shiny = person.oil * maps[tex.BONY] * (0.9 + 0.1 * noise[1] + 0.1 * noise[2])
    _mix(colour, person.shadow_colour, maps[tex.SHADOW] * person.eye_shadow)
    lips = maps[tex.LIPS]
    lip_noise = 1 + 0.12 * noise[1] + 0.10 * noise[2]
    _mix(colour, person.lip_colour * lip_noise[:, None], lips * 0.85)
    shiny = shiny * (1 - lips) + lips * person.lip_gloss
    _beard(person, s, maps, noise, azimuth, colour)
    shiny *= 1 - 0.7 * np.maximum(maps[tex.BEARD] * person.beard, maps[tex.MOUSTACHE] * person.moustache)
    _brows(person, s, noise, colour)
    if person.buzz:
        around = np.abs(azimuth)
        edge = np.interp(around, *tex.HAIRLINE) - person.receding * 26 * np.exp(-((around - 30) / 26) ** 2)
        cover = np.clip((edge - s.y) / 7 + 0.35 * noise[1] + 0.3 * noise[2], 0, 1) * person.buzz * ~s.ear
        _mix(colour, person.hair, cover)
    collar = s.y - np.interp(np.abs(s.x), [0, 20, 60, 90], person.collar)
    cloth = np.clip(collar / 2 + 0.5, 0, 1) * ~s.ear
    if person.cloth_pattern == "stripes":
        weave = np.where(np.mod(s.y, 16) < 8, 1.0, 0.55)
    elif person.cloth_pattern == "patches":
        weave = 0.75 + 0.4 * np.clip(noise[1] * 2, -1, 1)
    else:
        weave = 1 + 0.12 * noise[2]
    _mix(colour, person.cloth * weave.astype(np.float32)[:, None], cloth)
    if person.mask:
        over = under_mask(s)
        pleats = 1 - 0.16 * np.exp(-((np.mod(s.y - 52, 17) - 8) / 1.3) ** 2) * (np.abs(s.x) < 55)
        _mix(colour, person.mask_colour * pleats.astype(np.float32)[:, None], over)
        shiny = shiny * (1 - over)
    return np.clip(colour, 0.005, 1), shiny * (1 - cloth)


def _beard(person, s, maps, noise, azimuth, colour):
    """Stubble as a shade, longer beards as fine strands with the skin showing through at their edges."""
    if not (person.beard or person.moustache):
        return
    near = np.flatnonzero((maps[tex.BEARD] > 0.02) | (maps[tex.MOUSTACHE] > 0.02))
    strand = tex.sample_noise(azimuth[near] * 17 + person.offset[1], s.y[near] * 5 + azimuth[near] * 2)[3]
    grain = np.clip(0.75 + 0.35 * strand + 0.2 * noise[2, near], 0.2, 1.2)
    for mask, amount in ((tex.BEARD, person.beard), (tex.MOUSTACHE, person.moustache)):
        edge = maps[mask, near] * 1.5 - 0.25 + 0.16 * strand + 0.12 * noise[1, near]
        hairs = 0.55 + 0.5 * grain if amount > 0.5 else 0.8 + 0.35 * noise[2, near]
        cover = np.clip(edge, 0, 1) * amount * np.clip(hairs, 0, 1)
        colour[near] += np.clip(cover, 0, 0.95)[:, None] * (person.hair * (0.55 + 0.6 * grain)[:, None] - colour[near])


def _brows(person, s, noise, colour):
    """Brow hairs between the brow's two edges, rising at the inner end and lying down towards the temple."""
    near = np.flatnonzero((np.abs(s.x) > 8) & (np.abs(s.x) < 64) & (s.y > -34) & (s.y < -2) & ~s.ear)
    x, y = np.abs(s.x[near]), s.y[near]
    start, end = brow_x(0.0), brow_x(1.0)
    u = np.clip((x - start) / (end - start), 0, 1)
    upper, lower = brow_edges(u, person.brow_thickness, person.brow_arch)
    across = y + (0.9 - 0.75 * u) * x
    strands = tex.sample_noise(across * 9 + person.offset[0], x * 3.0 + person.offset[1])[3]
    inside = np.minimum(y - upper, lower - y)
    ends = np.minimum(x - start + 1.5, end - x + 1.0)
    cover = np.clip(inside / 2.2 + 0.55 + 0.22 * strands, 0, 1) * np.clip(ends / 3.5, 0, 1)
    cover *= np.clip(0.72 + 0.38 * strands + 0.12 * noise[2, near], 0.1, 1) * person.brow_density
    colour[near] += cover[:, None] * (person.brow * (1 + 0.25 * strands)[:, None] - colour[near])


def lid_lines(person, s, colour):
    """Lashes, the crease over the eye and the wet rim under it, darkened in ``colour`` (P, 3); returns the open-eye mask (P,)."""
    near = np.flatnonzero((np.abs(s.x) > 15) & (np.abs(s.x) < 50) & (s.y > -16) & (s.y < 9) & ~s.ear & (s.head[:, 2] > 40))
    x, y = s.x[near], s.y[near]
    wide = np.where(x < 0, person.openness[0], person.openness[1])
    upper, lower = lids(x, wide)
    u = np.clip((np.abs(x) - EYE_IN[0]) / (EYE_OUT[0] - EYE_IN[0]), 0, 1)
    body = np.sin(np.pi * np.clip(u, 0.02, 0.98)) ** 0.5
    over = upper - y
    lash = np.exp(-(np.where(over > 0, over, over * 2.5) / (0.9 + 0.5 * u + 0.6 * person.lashes)) ** 2) * body
    under = np.exp(-((y - lower) / 0.8) ** 2) * body * 0.35
    fold_at = (2.6 + 1.6 * person.crease) * (0.45 + 0.55 * wide) * body ** 0.7
    fold = np.exp(-((over - fold_at) / 0.9) ** 2) * body * person.crease_depth
    dark = np.clip(lash * (0.78 + 0.22 * person.lashes) + under * (0.8 + 0.6 * person.liner) + 0.55 * fold, 0, 0.93)
    colour[near] *= 1 - dark[:, None] * np.array([0.92, 0.97, 1.0], np.float32)
    seen = np.zeros(len(s.x), bool)
    seen[near] = (y > upper) & (y < lower) & (np.abs(x) > EYE_IN[0]) & (np.abs(x) < EYE_OUT[0])
    return seen


def shade_eyes(person, s, where, rays, camera, centres, gaze, light):
    """(Q, 3) linear colour of the eyeballs seen at pixels ``where``, by casting their rays against two spheres.

    rays: (Q, 3) directions with z = -1 from the camera at (0, 0, distance). centres: (2, 3), gaze: (2, 3), camera axes.
    """
    side = (s.x[where] > 0).astype(int)
    centre, look = centres[side], gaze[side]
    origin = np.array([0, 0, camera.distance]) - centre
    a = (rays ** 2).sum(1)
    b = (rays * origin).sum(1)
    root = b ** 2 - a * ((origin ** 2).sum(1) - EYE_RADIUS ** 2)
    hit = root > 0
    distance = (-b - np.sqrt(np.maximum(root, 0))) / a
    normal = ((origin + distance[:, None] * rays) / EYE_RADIUS).astype(np.float32)
    angle = np.degrees(np.arccos(np.clip((normal * look).sum(1), -1, 1)))
    iris_radius, pupil_radius = person.iris_radius, person.pupil_radius
    upper, lower = lids(s.x[where], np.where(side, person.openness[1], person.openness[0]))
    gap = np.clip((s.y[where] - upper) / 2.6, 0, 1)
    corner = np.clip((np.abs(np.abs(s.x[where]) - 31.5) - 6) / 9, 0, 1)
    colour = person.sclera * (1 - corner[:, None] * np.array([0.10, 0.30, 0.30], np.float32))
    around = np.arctan2(normal[:, 1] - look[:, 1], normal[:, 0] - look[:, 0])
    fibres = 0.82 + 0.22 * np.sin(around * 17 + person.offset[0]) * np.sin(around * 7 + 1)
    fibres += 0.25 * np.clip(angle / iris_radius, 0, 1)
    iris = person.iris * fibres[:, None]
    rim = np.clip((angle - 0.76 * iris_radius) / (0.22 * iris_radius), 0, 1)
    iris = iris * (1 - 0.72 * rim)[:, None]
    colour = colour + np.clip((iris_radius - angle) / 2.2 + 0.5, 0, 1)[:, None] * (iris - colour)
    colour = colour * (1 - np.clip((pupil_radius - angle) / 2.0 + 0.5, 0, 1) * 0.97)[:, None]
    colour = np.where(hit[:, None], colour, person.skin * np.array([0.85, 0.55, 0.5]))
    received = illuminate(normal, 0.35 + 0.65 * gap, np.minimum(s.lit[where] + 0.3, 1), light, (0.3, 0.3, 0.3))
    out = colour * received * (0.42 + 0.58 * gap)[:, None]
    # The cornea stands out of the sphere, so that its mirror image of the light sits nearer the pupil.
    cornea = normal + 0.55 * look * (angle < iris_radius)[:, None]
    cornea /= np.linalg.norm(cornea, axis=1, keepdims=True)
    spark = np.clip((gloss(cornea, light, 1.0) - 0.992) / 0.005, 0, 1) * person.spark + 0.12 * gloss(cornea, light, 30)
    return (out + spark[:, None] * light.key_colour * np.minimum(gap + 0.2, 1)[:, None]).astype(np.float32)


def shade_mouth(person, s, colour):
    """The mouth's inside painted into the lit ``colour`` (P, 3): teeth, gums, tongue, and the dark seam of closed lips."""
    if person.mask:
        return
    seam = model().seam
    across = np.sqrt(np.clip(1 - (s.x / MOUTH_HALF) ** 2, 0, 1)) * (np.abs(s.x) < MOUTH_HALF) * (s.head[:, 2] > 40) * ~s.ear
    line = np.where(s.row <= seam + 1, s.row - seam, np.where(s.row >= seam + INSIDE, s.row - seam - INSIDE - 1, 0))
    crease = np.exp(-(line / 0.33) ** 2) * (across > 0) * np.minimum(across * 2.5, 1)
    colour *= (1 - 0.78 * crease)[:, None]
    inside = np.flatnonzero((s.row > seam + 0.04) & (s.row < seam + INSIDE + 0.96) & (across > 0))
    if not len(inside):
        return
    x, y = s.head[inside, 0], s.head[inside, 1]
    bow = (x / 30) ** 2
    level = person.teeth_level
    top = level + 1.5 - 3.0 * bow
    bottom = level + 2.2 + person.jaw_drop + 1.5 * bow
    depth = np.clip((s.row[inside] - seam) / 0.8, 0, 1) * np.clip((seam + INSIDE + 1 - s.row[inside]) / 0.8, 0, 1)
    dark = np.array([0.030, 0.010, 0.010], np.float32)
    out = np.tile(dark, (len(inside), 1))
    tongue = np.clip((y - (bottom - 7)) / 5, 0, 1) * np.clip(person.jaw_drop / 12, 0, 1) * np.clip(1 - (x / 19) ** 2, 0, 1)
    out += tongue[:, None] * (np.array([0.24, 0.085, 0.085], np.float32) - out)
    gaps = np.clip(np.min([np.abs(np.abs(x) - g) for g in _TOOTH_GAPS], axis=0) / 0.5, 0.45, 1)
    lit = np.clip(1.05 - 0.85 * bow, 0.12, 1) * gaps
    upper = np.clip((top - y) / 0.7 + 0.5, 0, 1)
    gum = np.clip((top - 10.5 - y) / 1.2 + 0.5, 0, 1)
    for share, tint in ((np.clip((y - bottom) / 0.7 + 0.5, 0, 1), 0.72), (upper, 1.0)):
        out += (share * person.teeth)[:, None] * (_TEETH * (lit * tint)[:, None] - out)
    out += (gum * upper)[:, None] * (_GUM * lit[:, None] - out)
    shade = (0.40 + 0.60 * depth) * person.mouth_light
    colour[inside] = out * shade[:, None]
