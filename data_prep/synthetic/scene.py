"""A person before a camera: the picture of the head with its hair, and where every landmark is and whether it is seen."""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from data_prep.synthetic import appearance, hair
from data_prep.synthetic import textures as tex
from data_prep.synthetic.head import mean_head
from data_prep.synthetic.render import Camera, Cover, grid_normals, grid_triangles, rasterise, rotation
from data_prep.synthetic.shape import model

PIVOT = np.array([0.0, 35.0, 15.0])              # the head turns about this point, mm
_TOLERANCE = 5.0                                 # mm a landmark may lie behind the surface and still be seen
_LIT_AREA = 190.0                                # half side of the shadow map, mm


@dataclass(frozen=True)
class Render:
    """colour: (h, w, 3) float32 linear RGB. cover: (h, w) 0..1. depth: (h, w) camera z, mm. masked: (h, w) bool, a face mask."""

    colour: np.ndarray
    cover: np.ndarray
    depth: np.ndarray
    masked: np.ndarray


def look_at(points, yaw, pitch, roll, distance, size, share, shift):
    """A ``Camera`` for a picture of ``size`` pixels.

    The rectangle round ``points`` has ``share`` of the picture's side and lies ``shift`` (x, y; shares of it) off its middle.
    """
    camera = Camera(rotation(yaw, pitch, roll), PIVOT, distance, 1.0, (0.0, 0.0))
    xy = camera.pixels(camera.view(points))
    low, high = xy.min(0), xy.max(0)
    focal = share * size / max(high - low)
    centre = (size - 1) / 2 + np.asarray(shift) * size - focal * (low + high) / 2
    return Camera(camera.turn, PIVOT, distance, float(focal), (float(centre[0]), float(centre[1])))


def magnify(camera, scale):
    """The same camera with ``scale`` pixels for one; pixel edges stay pixel edges."""
    centre = tuple((c + 0.5) * scale - 0.5 for c in camera.centre)
    return Camera(camera.turn, camera.pivot, camera.distance, camera.focal * scale, centre)


@lru_cache(maxsize=1)
def _triangles():
    """(triangles (T, 3) of the model's points, how many of them, the last, are the ears')."""
    m = model()
    parts = [grid_triangles(*m.shape)] + [grid_triangles(*m.ear_shape, part.start) for part in m.ears]
    return np.concatenate(parts), sum(len(part) for part in parts[1:])


def _normals(points):
    """(N, 3) unit normals of the model's points in head axes."""
    m = model()
    out = np.zeros_like(points)
    out[m.skin] = grid_normals(points[m.skin].reshape(*m.shape, 3)).reshape(-1, 3)
    for part, sign in zip(m.ears, (1, -1)):
        out[part] = sign * grid_normals(points[part].reshape(*m.ear_shape, 3)).reshape(-1, 3)
    return out


def _reached(view, normals, light, cells=96):
    """(N,) 0..1: how much of the key light reaches each camera-space point, by a coarse shadow map of the points themselves."""
    m = model()
    axis = light.key
    side = np.cross(axis, [0, 1, 0.01])
    side /= np.linalg.norm(side)
    frame = np.stack([side, np.cross(axis, side), axis]).astype(np.float32)
    x, y, z = frame @ view.T
    column = ((x + _LIT_AREA) * (cells / (2 * _LIT_AREA))).astype(np.int32)
    row = ((y + _LIT_AREA) * (cells / (2 * _LIT_AREA))).astype(np.int32)
    near = (column >= 0) & (column < cells) & (row >= 0) & (row < cells)
    cell = np.where(near, row * cells + column, 0)
    top = np.full(cells * cells, -1e3, np.float32)
    order = np.argsort(z, kind="stable")
    top[cell[order]] = z[order]
    facing = np.clip(normals @ axis.astype(np.float32), 0.12, 1)
    slack = 3 + 1.2 * (2 * _LIT_AREA / cells) * np.sqrt(1 - facing ** 2) / facing
    out = np.where(near, np.clip(1 - (top[cell] - z - slack) / 5, 0, 1), 1).astype(np.float32)
    out[m.skin] = cv2.GaussianBlur(out[m.skin].reshape(m.shape), (0, 0), 1.3).ravel()
    return out


def render_head(person, points, camera, light, size, gaze):
    """The ``Render`` of a person's head and hair at ``size`` = (h, w)."""
    m = model()
    if person.mask:
        points = _masked(points)
    view = camera.view(points)
    xy = camera.pixels(view)
    normals = (_normals(points) @ camera.turn.T).astype(np.float32)
    triangles, ear_triangles = _triangles()
    cover = rasterise(xy, view[:, 2], triangles, size, two_sided=ear_triangles)
    rows, columns = m.shape
    grid_row, grid_column, on_ear = np.zeros((3, len(points)), np.float32)
    grid_row[m.skin] = np.repeat(np.arange(rows), columns)
    grid_column[m.skin] = np.tile(np.arange(columns), rows)
    for part, column in zip(m.ears, (columns // 2 - 40, columns // 2 + 40)):
        grid_row[part], grid_column[part], on_ear[part] = 60, column, 1
    reached = _reached(view, normals, light)
    v = cover.interpolate([grid_row, grid_column, *m.points[:, :2].T, *normals.T, tex.openness(), reached, *points.T, on_ear])
    normal = _unit_rows(v[4:7].T)
    ear = v[12] > 0.5
    normal[ear] *= np.sign(normal[ear, 2:3] + np.float32(1e-6))
    s = appearance.Surface(v[0], v[1], v[2], v[3], normal, v[7], v[8], np.ascontiguousarray(v[9:12].T), ear)
    azimuth = np.interp(s.column, np.arange(columns), mean_head().azimuth).astype(np.float32)
    noise = tex.sample_noise(azimuth * 4.4 + person.offset[0], s.y * 2.9 + person.offset[1])
    maps = tex.sample_maps(s.row, s.column)
    maps[:, ear] = 0
    colour, shiny = appearance.skin_albedo(person, s, maps, noise, azimuth)
    open_eye = appearance.lid_lines(person, s, colour)
    lit = appearance.illuminate(normal, s.open, s.lit, light)
    colour *= lit
    reach = (1 - light.harsh * (1 - s.lit)) * s.open
    shine = shiny * reach * (0.75 * appearance.gloss(normal, light, 14) + 0.8 * appearance.gloss(normal, light, 60))
    colour += shine[:, None] * light.key_colour
    appearance.shade_mouth(person, s, colour)
    eye = np.flatnonzero(open_eye)
    if len(eye):
        column, row = cover.pixel[eye] % size[1], cover.pixel[eye] // size[1]
        across, down = (column - camera.centre[0]) / camera.focal, (row - camera.centre[1]) / camera.focal
        rays = np.stack([across, down, -np.ones(len(eye))], 1)
        look = np.stack([g / np.linalg.norm(g) for g in gaze]) @ camera.turn.T
        colour[eye] = appearance.shade_eyes(person, s, eye, rays, camera, camera.view(points[m.eyes]), look, light)
    picture = np.zeros((size[0] * size[1], 3), np.float32)
    picture[cover.pixel] = colour
    mask = np.zeros(size[0] * size[1], np.float32)
    mask[cover.pixel] = 1
    depth = cover.depth.copy()
    masked = np.zeros(size, bool)
    if person.mask:
        masked.reshape(-1)[cover.pixel] = appearance.under_mask(s) > 0.5
    for style in _layers(person):
        _add_hair(person, points, camera, light, size, style, picture, mask, depth)
    return Render(picture.reshape(*size, 3), mask.reshape(size), depth, masked)


def _unit_rows(v):
    """(P, 3) rows made unit vectors, contiguous."""
    v = np.ascontiguousarray(v)
    return v / np.maximum(np.sqrt(np.einsum("pd,pd->p", v, v)), 1e-6)[:, None]


def _masked(points):
    """The model's points with a cloth mask stretched over nose, mouth and chin."""
    m = model()
    out = points.copy()
    grid = out[m.skin].reshape(*m.shape, 3)
    mean = m.points[m.skin].reshape(*m.shape, 3)
    share = appearance.mask_share(*np.moveaxis(mean, -1, 0)).astype(np.float32)
    share = cv2.GaussianBlur(share, (0, 0), 2)[..., None]
    flat = cv2.GaussianBlur(grid, (0, 0), 7)
    flat[..., 2] = np.maximum(flat[..., 2], grid[..., 2]) + 2
    grid += share * (flat - grid)
    return out


def _layers(person):
    layers = [] if person.style in ("none", "buzz") else [person.style]
    return layers + (["hat"] if person.hat is not None else [])


def _add_hair(person, points, camera, light, size, style, picture, mask, depth):
    """Lay a hair shell over ``picture`` (h*w, 3), ``mask`` (h*w,) and ``depth`` (h, w), in place."""
    vertices, triangles, attributes, shape = hair.build(person, points, style)
    view = camera.view(vertices)
    xy = camera.pixels(view)
    normals = (grid_normals(vertices.reshape(*shape, 3)).reshape(-1, 3) @ camera.turn.T).astype(np.float32)
    values = [*attributes.T, *normals.T]
    flat = depth.reshape(-1)
    for part in hair.layers(triangles, attributes, style):
        cover = rasterise(xy, view[:, 2], part, size, two_sided=len(part))
        height = cover.depth.reshape(-1)[cover.pixel]
        front = np.flatnonzero(height > flat[cover.pixel] - 0.5)
        pixel, height = cover.pixel[front], height[front]
        v = Cover(pixel, cover.corners[front], cover.weights[front], depth).interpolate(values)
        normal = _unit_rows(v[3:].T)
        away = normal[:, 2] < 0
        normal = np.where(away[:, None], -normal, normal)
        colour, share = hair.shade(person, v[:3], normal, light, style, camera.turn)
        colour *= np.where(away, np.float32(0.45), np.float32(1))[:, None]
        picture[pixel] += share[:, None] * (colour - picture[pixel])
        mask[pixel] = np.maximum(mask[pixel], share)
        solid = share > 0.6
        flat[pixel[solid]] = height[solid]


def seen(points, camera, depth, scale):
    """(N,) bool: landmarks (N, 3) in head axes that no nearer surface hides. depth at ``scale`` pixels per picture pixel."""
    view = camera.view(points)
    xy = (camera.pixels(view) + 0.5) * scale - 0.5
    column, row = np.round(xy).astype(int).T
    height, width = depth.shape
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    # On a silhouette the pixel may fall beside the head: the farthest of the neighbours decides.
    far = np.full(len(points), np.inf, np.float32)
    for dr in (-1, 0, 1):
        for dc in (-1, 0, 1):
            far = np.minimum(far, depth[np.clip(row + dr, 0, height - 1), np.clip(column + dc, 0, width - 1)])
    return inside & (view[:, 2] > far - _TOLERANCE)

