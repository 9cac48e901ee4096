"""A camera and a z-buffer in NumPy: which triangle covers each pixel, and anything interpolated over it."""

from dataclasses import dataclass

import numpy as np

_LEAST_AREA = 1e-6                                # twice the square pixels under which a triangle is nothing


def rotation(yaw, pitch, roll):
    """(3, 3) rotation, degrees. yaw > 0 turns the nose to the picture's right, pitch > 0 lifts it, roll > 0 turns clockwise."""
    a, b, c = np.deg2rad([yaw, pitch, roll])
    about_y = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    about_z = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    return about_z @ about_x @ about_y


@dataclass(frozen=True)
class Camera:
    """A pinhole ``distance`` mm in front of the head's centre that looks along -z; ``focal`` and ``centre`` in pixels."""

    turn: np.ndarray
    pivot: np.ndarray
    distance: float
    focal: float
    centre: tuple

    def view(self, points):
        """Camera coordinates (N, 3) of head points (N, 3): x right, y down, z towards the camera, in mm."""
        return ((points - self.pivot) @ self.turn.T).astype(np.float32)

    def pixels(self, view):
        """(N, 2) pixels of camera coordinates (N, 3); the centre of the top-left pixel is (0, 0)."""
        scale = self.focal / (self.distance - view[:, 2])
        return np.stack([view[:, 0] * scale + self.centre[0], view[:, 1] * scale + self.centre[1]], 1)


def grid_triangles(rows, columns, start=0):
    """(2 (rows-1) (columns-1), 3) vertex indices of a grid's triangles, wound so that a front face has a positive area."""
    index = np.arange(rows * columns).reshape(rows, columns) + start
    a, b, c, d = index[:-1, :-1].ravel(), index[:-1, 1:].ravel(), index[1:, :-1].ravel(), index[1:, 1:].ravel()
    return np.concatenate([np.stack([a, b, c], 1), np.stack([b, d, c], 1)])


def grid_normals(points):
    """(R, C, 3) unit normals of a grid surface, outward where columns run left to right and rows down."""
    across = np.empty_like(points)
    across[:, 1:-1] = points[:, 2:] - points[:, :-2]
    across[:, 0], across[:, -1] = points[:, 1] - points[:, 0], points[:, -1] - points[:, -2]
    down = np.empty_like(points)
    down[1:-1] = points[2:] - points[:-2]
    down[0], down[-1] = points[1] - points[0], points[-1] - points[-2]
    x = across[..., 1] * down[..., 2] - across[..., 2] * down[..., 1]
    y = across[..., 2] * down[..., 0] - across[..., 0] * down[..., 2]
    z = across[..., 0] * down[..., 1] - across[..., 1] * down[..., 0]
    normals = np.stack([x, y, z], axis=-1)
    return normals / np.maximum(np.sqrt((normals ** 2).sum(-1, keepdims=True)), 1e-9)


@dataclass(frozen=True)
class Cover:
    """What a rasterised mesh covers. pixel: (P,) flat pixel indices. corners: (P, 3) vertices. weights: (P, 3) barycentric.

    depth: (h, w) float32 camera z in mm, -inf where nothing is.
    """

    pixel: np.ndarray
    corners: np.ndarray
    weights: np.ndarray
    depth: np.ndarray

    def interpolate(self, values):
        """(K, P) float32 of K values at the vertices, each (V,)."""
        first, second, third = self.corners.T
        one, two, three = self.weights.T
        out = np.empty((len(values), len(self.pixel)), np.float32)
        for here, value in zip(out, values):
            here[:] = value[first] * one + value[second] * two + value[third] * three
        return out


def rasterise(xy, z, triangles, size, two_sided=0):
    """The ``Cover`` of a mesh on a picture of ``size`` = (h, w): nearest triangle at each pixel's centre.

    xy: (V, 2) pixels, z: (V,) camera depth. Back faces are dropped, but for the last ``two_sided`` triangles.
    """
    height, width = size
    xy = xy.astype(np.float32)
    p0, p1, p2 = xy[triangles[:, 0]], xy[triangles[:, 1]], xy[triangles[:, 2]]
    d1, d2 = p1 - p0, p2 - p0
    area = d1[:, 0] * d2[:, 1] - d1[:, 1] * d2[:, 0]
    top = np.maximum(np.ceil(np.minimum(np.minimum(p0[:, 1], p1[:, 1]), p2[:, 1])), 0).astype(np.int32)
    bottom = np.minimum(np.floor(np.maximum(np.maximum(p0[:, 1], p1[:, 1]), p2[:, 1])), height - 1).astype(np.int32)
    facing = area > _LEAST_AREA
    if two_sided:
        facing[-two_sided:] = np.abs(area[-two_sided:]) > _LEAST_AREA
    keep = np.flatnonzero(facing & (top <= bottom))
    triangles, p0, d1, d2, area, top, bottom = (part[keep] for part in (triangles, p0, d1, d2, area, top, bottom))
    # Barycentric weights 1 and 2 and the depth as planes over the picture, relative to the first corner: slopes in x and y.
    x1, y1, x2, y2 = d2[:, 1] / area, -d2[:, 0] / area, -d1[:, 1] / area, d1[:, 0] / area
    z0, z1, z2 = z[triangles[:, 0]], z[triangles[:, 1]], z[triangles[:, 2]]
    # Scan lines: one entry for each row that a triangle meets, with the run of pixels inside it.
    count = bottom - top + 1
    owner = np.repeat(np.arange(len(keep)), count)
    row = np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count) + top[owner]
    down = (row - p0[owner, 1]).astype(np.float32)
    left, right = np.full(len(owner), -np.inf, np.float32), np.full(len(owner), np.inf, np.float32)
    slope1, slope2, at1, at2 = x1[owner], x2[owner], y1[owner] * down, y2[owner] * down
    for slope, at in ((slope1, at1), (slope2, at2), (-slope1 - slope2, 1 - at1 - at2)):
        flat = np.abs(slope) < 1e-9
        cross = -at / np.where(flat, 1, slope)
        left = np.maximum(left, np.where(flat, np.where(at < 0, np.inf, -np.inf), np.where(slope > 0, cross, -np.inf)))
        right = np.minimum(right, np.where(flat, np.inf, np.where(slope < 0, cross, np.inf)))
    start_x = p0[owner, 0]
    first = np.clip(np.ceil(left + start_x - 1e-4), 0, width).astype(np.int32)
    last = np.clip(np.floor(right + start_x + 1e-4), -1, width - 1).astype(np.int32)
    run = np.maximum(last - first + 1, 0)
    line = np.repeat(np.arange(len(owner)), run)
    column = np.arange(len(line)) - np.repeat(np.cumsum(run) - run, run) + first[line]
    across = (column - start_x[line]).astype(np.float32)
    w1 = slope1[line] * across + at1[line]
    w2 = slope2[line] * across + at2[line]
    pixel = row[line] * width + column
    part = owner[line]
    depth = z0[part] + w1 * (z1 - z0)[part] + w2 * (z2 - z0)[part]
    winner = _nearest(pixel, depth, height * width)
    covered = np.flatnonzero(winner >= 0)
    chosen = winner[covered]
    buffer = np.full(height * width, -np.inf, np.float32)
    buffer[covered] = depth[chosen]
    w1, w2 = w1[chosen], w2[chosen]
    corners = np.ascontiguousarray(triangles[part[chosen]].T).T                     # each corner's indices lie together
    return Cover(covered, corners, np.stack([1 - w1 - w2, w1, w2]).T, buffer.reshape(size))


def _nearest(pixel, depth, pixels):
    """(pixels,) index of the entry of greatest depth at each pixel, or -1. Few entries share one, so a few rounds settle it."""
    winner = np.full(pixels, -1, np.int64)
    winner[pixel] = np.arange(len(pixel))
    rest = np.flatnonzero(depth > depth[winner[pixel]])
    while len(rest):
        winner[pixel[rest]] = rest
        rest = rest[depth[rest] > depth[winner[pixel[rest]]]]
    return winner
