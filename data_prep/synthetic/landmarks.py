"""Landmarks as places on the head's surface, and the six schemes read off them.

A place is (row, column) in the head's grid, found once on the mean head from its frontal (x, y) in mm, so that it stays on
the same spot of the skin whoever the face is and whatever it does. Lids and brows depend on the face (how open the eyes are,
how thick the brows), so theirs are found for each face. The contour is annotated as 300W, COFW, WFLW and JD annotate it, on
the outline of the picture: where the jaw itself is turned out of sight, the landmark slides forward along its height to
the silhouette (Zhu et al., "High-Fidelity Pose and Expression Normalization", CVPR 2015, call it landmark marching).

Frontal positions follow the published mean shapes of the six schemes. Names: ``l.`` and ``r.`` are the picture's sides.
"""

from functools import lru_cache

import numpy as np

from data_prep.synthetic.head import EYE_RADIUS, INSIDE, SEAM_Y, lip_edges, mean_head
from data_prep.synthetic.render import Camera, rotation
from data_prep.synthetic.shape import model

# Half the contour, from beside the ear to the chin: height and half width in mm.
_CONTOUR = np.array([(-8.3, 73.2), (1.2, 73.5), (21.3, 73.0), (41.2, 70.8), (60.7, 66.4), (78.8, 58.8), (94.5, 47.6),
                     (107.0, 33.4), (115.8, 17.6), (118.8, 8.0), (119.4, 0.0)])
# The jaw's edge in space: height in mm, azimuth in degrees from the front.
_JAW_AZIMUTH = ((-9, 20, 41, 61, 75, 88, 97, 107, 114, 118, 121), (86, 85, 82, 77, 70, 59, 47, 31, 20, 12, 0))
_CONTOURS = {"c68": 17, "c106": 17, "c39": 10}      # landmarks from beside the ear to the chin
_MARCH_TO, _MARCH_STEPS = 0.42, 30                  # how far forward a contour landmark may slide: a share of its azimuth
_START_68, _START_106 = -1.0, -8.3                  # the first landmark's height in the 68 and 98, and in the 106 scheme
# Upper and lower edge of the brow on the right, from its inner end outwards: shares of its length, height in mm.
_BROW_X = (13.6, 57.5)
_BROW_UPPER = ((0, 0.25, 0.5, 0.75, 1.0), (-16.5, -21.4, -23.6, -21.8, -13.6))
_BROW_LOWER = ((0, 0.25, 0.5, 0.75, 1.0), (-12.0, -14.8, -16.4, -15.6, -12.6))
EYE_IN, EYE_OUT = (19.4, 1.4), (45.0, 0.0)
_STATIC = {
    "bridge/0": (0, -1.6), "bridge/1": (0, 11.4), "bridge/2": (0, 24.2), "bridge/3": (0, 38.0),
    "base/0": (15.2, 46.8), "base/1": (7.7, 49.3), "base/2": (0, 51.0),
    "side": (10.9, 2.0), "wing_top": (15.6, 30.5), "wing": (18.2, 42.0),
    "chin_front/0": (0, 107.0), "chin_front/1": (0, 92.0),
}
_OUTER_X = (7.0, 18.0)                             # upper lip; the lower lip's are below
_LOWER_X = {68: (8.1, 18.5), 98: (11.5, 21.2)}
CHART_YAW, CHART_JAW = 60.0, 0.4                   # of ``chart_shape``: degrees, a share of the full opening
_INNER = {"inner/0": 0.0, "inner68": 7.6, "inner98": 13.8, "inner_corner": 24.5}


def _resample(path, share):
    """Points (n, 2) at shares (n,) of a polyline's (k, 2) length."""
    length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))])
    return np.stack([np.interp(np.asarray(share) * length[-1], length, path[:, i]) for i in range(2)], 1)


def _half_contour(start, count):
    """(count, 2) frontal (x, y) from the height ``start`` to the chin, evenly spaced."""
    path = _CONTOUR[_CONTOUR[:, 0] > start]
    path = np.concatenate([[[start, np.interp(start, _CONTOUR[:, 0], _CONTOUR[:, 1])]], path])
    return _resample(path[:, ::-1], np.linspace(0, 1, count))


def lids(x, openness):
    """Heights (upper, lower) in mm of the lids' edges at |x| mm on the mean head; they meet at the corners, or shut."""
    u = np.clip((np.abs(x) - EYE_IN[0]) / (EYE_OUT[0] - EYE_IN[0]), 0, 1)
    line = EYE_IN[1] + (EYE_OUT[1] - EYE_IN[1]) * u
    lower = line + 3.5 * np.abs(np.sin(np.pi * u ** 1.1)) ** 0.85
    upper = line - 6.9 * np.abs(np.sin(np.pi * u ** 0.92)) ** 0.72
    return lower + (upper - lower) * openness, lower


def brow_edges(u, thickness, arch):
    """Heights (upper, lower) of the brow's edges at shares u of its length from the inner end."""
    upper, lower = np.interp(u, *_BROW_UPPER), np.interp(u, *_BROW_LOWER)
    middle, half = (upper + lower) / 2, (upper - lower) / 2 * thickness
    lift = 3.5 * arch * (np.exp(-((u - 0.62) / 0.25) ** 2) - 0.45)
    return middle + half - lift, middle - half - lift


def brow_x(u):
    """Distance in mm from the middle of the face of shares u of the brow's length."""
    return _BROW_X[0] + (_BROW_X[1] - _BROW_X[0]) * np.asarray(u)


@lru_cache(maxsize=1)
def _open_grid():
    """Frontal (x, y) of the mean skin without the mouth's inside: (R', C, 2)."""
    m = model()
    grid = m.points[m.skin].reshape(*m.shape, 3)[..., :2].astype(np.float64)
    return np.concatenate([grid[:m.seam + 1], grid[m.seam + INSIDE + 2:]])


def _bilinear(grid, row, column):
    """Grid (R, C, D) at real rows and columns (n,): (n, D)."""
    r = np.clip(np.floor(row).astype(int), 0, grid.shape[0] - 2)
    c = np.clip(np.floor(column).astype(int), 0, grid.shape[1] - 2)
    a, b = (row - r)[:, None], (column - c)[:, None]
    above = grid[r, c] * (1 - b) + grid[r, c + 1] * b
    below = grid[r + 1, c] * (1 - b) + grid[r + 1, c + 1] * b
    return above * (1 - a) + below * a


def place(xy):
    """Places (n, 2) = (row, column) of frontal positions xy (n, 2) in front of the ears, by Newton's method."""
    grid = _open_grid()
    m = model()
    middle = m.shape[1] // 2
    column = middle + xy[:, 0] / 1.8
    row = np.interp(xy[:, 1], grid[12:, middle, 1], np.arange(12, len(grid)))
    for _ in range(12):
        rows = np.concatenate([row, row, row, row + 0.25, row - 0.25])
        columns = np.concatenate([column, column + 0.25, column - 0.25, column, column])
        here, ahead, behind, below, above = np.split(_bilinear(grid, rows, columns), 5)
        across, down = ahead - behind, below - above
        error = (xy - here) * 0.5
        det = across[:, 0] * down[:, 1] - across[:, 1] * down[:, 0]
        det = np.where(np.abs(det) < 1e-3, 1e-3, det)
        column = column + np.clip((error[:, 0] * down[:, 1] - error[:, 1] * down[:, 0]) / det, -4, 4)
        row = row + np.clip((across[:, 0] * error[:, 1] - across[:, 1] * error[:, 0]) / det, -4, 4)
    return np.stack([np.where(row > m.seam, row + INSIDE + 1, row), column], 1)


def _place_contour(heights):
    """Places (n, 2) on the right of the jaw's edge in space, from beside the ear over its angle to the chin's underside."""
    grid = _open_grid()
    m = model()
    middle = m.shape[1] // 2
    azimuth = np.interp(heights, *_JAW_AZIMUTH)
    column = np.interp(azimuth, mean_head().azimuth, np.arange(m.shape[1]))
    row = np.interp(heights, grid[12:, middle, 1], np.arange(12, len(grid)))
    return np.stack([np.where(row > m.seam, row + INSIDE + 1, row), column], 1)


def _mirror(places):
    return np.stack([places[:, 0], model().shape[1] - 1 - places[:, 1]], 1)


@lru_cache(maxsize=1)
def _static_places():
    """Places that are the same spot of the skin on every face: {name: (row, column)}."""
    m = model()
    right = dict(_STATIC)
    right["corner"] = (27.8, SEAM_Y - 0.05)
    for i, x in enumerate((0.0, *_OUTER_X)):
        right[f"upper/{i}"] = (x, float(lip_edges(x)[0]))
    for scheme, xs in _LOWER_X.items():
        for i, x in enumerate(xs, 1):
            right[f"lower{scheme}/{i}"] = (x, float(lip_edges(x)[1]))
    right["lower/0"] = (0.0, float(lip_edges(0)[1]))
    for name, x in _INNER.items():
        right[f"{name}.up"], right[f"{name}.low"] = (x, SEAM_Y), (x, SEAM_Y)
    names = list(right)
    places = place(np.array([right[name] for name in names], float))
    for i, name in enumerate(names):
        if name.endswith((".up", ".low")):
            places[i, 0] = m.seam if name.endswith(".up") else m.seam + INSIDE + 1
    table = {}
    for name, here, there in zip(names, places, _mirror(places)):
        table[f"r.{name}"], table[f"l.{name}"] = here, there
    for name, count in _CONTOURS.items():
        half = _place_contour(_half_contour(_START_106 if name == "c106" else _START_68, count)[:, 1])
        half[-1, 1] = m.shape[1] // 2
        for i, (here, there) in enumerate(zip(half, _mirror(half))):
            table[f"r.{name}/{i}"], table[f"l.{name}/{i}"] = here, there
    return table


def face_places(openness, thickness, arch):
    """Places of every landmark before the contour is marched: {name: (row, column)}.

    openness: of the (left, right) eye. thickness, arch: of the brows.
    """
    names, targets = [], []
    shares = {"lid8/1": 0.25, "lid8/2": 0.5, "lid8/3": 0.75, "lid6/1": 1 / 3, "lid6/2": 2 / 3}
    for side, sign, wide in (("l", -1, openness[0]), ("r", 1, openness[1])):
        names += [f"{side}.eye_in", f"{side}.eye_out"]
        targets += [(sign * EYE_IN[0], EYE_IN[1]), (sign * EYE_OUT[0], EYE_OUT[1])]
        for name, u in shares.items():
            x = EYE_IN[0] + (EYE_OUT[0] - EYE_IN[0]) * u
            upper, lower = lids(x, wide)
            names += [f"{side}.{name}.up", f"{side}.{name}.low"]
            targets += [(sign * x, upper), (sign * x, lower)]
        for i, u in enumerate((0.0, 0.25, 0.5, 0.75, 1.0)):
            upper, lower = brow_edges(u, thickness, arch)
            names += [f"{side}.brow/{i}.up", f"{side}.brow/{i}.low"]
            targets += [(sign * brow_x(u), upper), (sign * brow_x(u), lower)]
    return {**_static_places(), **dict(zip(names, place(np.array(targets, float))))}


def _contour(name):
    return [f"l.{name}/{i}" for i in range(16)] + [f"r.{name}/{i}" for i in range(16, -1, -1)]


def _scheme_68():
    left = [f"l.brow/{i}.up" for i in (4, 3, 2, 1, 0)]
    right = [f"r.brow/{i}.up" for i in range(5)]
    eye_l = ["l.eye_out", "l.lid6/2.up", "l.lid6/1.up", "l.eye_in", "l.lid6/1.low", "l.lid6/2.low"]
    eye_r = ["r.eye_in", "r.lid6/1.up", "r.lid6/2.up", "r.eye_out", "r.lid6/2.low", "r.lid6/1.low"]
    contour = [f"l.c68/{i}" for i in range(0, 16, 2)] + [f"r.c68/{i}" for i in range(16, -1, -2)]
    return (contour + left + right + [f"r.bridge/{i}" for i in range(4)] + _base() + eye_l + eye_r + _mouth(68))


def _base():
    return ["l.base/0", "l.base/1", "r.base/2", "r.base/1", "r.base/0"]


def _mouth(scheme):
    """Outer and inner lip, 20 names, clockwise from the left corner."""
    low = [f"lower{scheme}/{i}" for i in (1, 2)]
    inner = f"inner{scheme}"
    return ["l.corner", "l.upper/2", "l.upper/1", "r.upper/0", "r.upper/1", "r.upper/2", "r.corner", f"r.{low[1]}", f"r.{low[0]}",
            "r.lower/0", f"l.{low[0]}", f"l.{low[1]}", "l.inner_corner", f"l.{inner}.up", "r.inner/0.up", f"r.{inner}.up",
            "r.inner_corner", f"r.{inner}.low", "r.inner/0.low", f"l.{inner}.low"]


def _brow_8():
    return ([f"l.brow/{i}.up" for i in (4, 3, 2, 1, 0)] + [f"l.brow/{i}.low" for i in (0, 1, 2, 3)]
            + [f"r.brow/{i}.up" for i in range(5)] + [f"r.brow/{i}.low" for i in (3, 2, 1, 0)])


def _eye_8(side):
    out = [f"{side}.eye_out", *(f"{side}.lid8/{i}.up" for i in (3, 2, 1)), f"{side}.eye_in",
           *(f"{side}.lid8/{i}.low" for i in (1, 2, 3))]
    if side == "l":
        return out
    return [out[4], out[3], out[2], out[1], out[0], out[7], out[6], out[5]]


SCHEMES = {
    19: ["l.brow_tip", "l.brow_middle", "l.brow_root", "r.brow_root", "r.brow_middle", "r.brow_tip", "l.eye_out", "l.eye_centre",
         "l.eye_in", "r.eye_in", "r.eye_centre", "r.eye_out", "l.wing", "r.bridge/3", "r.wing", "l.corner", "mouth_centre",
         "r.corner", "r.c68/16"],
    29: ["l.brow_tip", "r.brow_tip", "l.brow_root", "r.brow_root", "l.brow/2.up", "l.brow/2.low", "r.brow/2.up", "r.brow/2.low",
         "l.eye_out", "r.eye_out", "l.eye_in", "r.eye_in", "l.lid8/2.up", "l.lid8/2.low", "r.lid8/2.up", "r.lid8/2.low",
         "l.pupil", "r.pupil", "l.wing", "r.wing", "r.bridge/3", "r.base/2", "l.corner", "r.corner", "r.upper/0", "r.inner/0.up",
         "r.inner/0.low", "r.lower/0", "r.c68/16"],
    68: _scheme_68(),
    98: (_contour("c68") + _brow_8() + [f"r.bridge/{i}" for i in range(4)] + _base() + _eye_8("l") + _eye_8("r") + _mouth(98)
         + ["l.pupil", "r.pupil"]),
    106: (_contour("c106") + _brow_8() + [f"r.bridge/{i}" for i in range(4)]
          + ["l.side", "l.wing_top", "l.wing", *_base(), "r.wing", "r.wing_top", "r.side"]
          + [*_eye_8("l"), "l.eye_centre", *_eye_8("r"), "r.eye_centre"] + _mouth(98) + ["l.pupil", "r.pupil"]),
}
# The side of a profile that is seen when the nose points to the picture's right; the other way round it is mirrored.
_PROFILE = ([f"l.c39/{i}" for i in range(10)] + ["r.chin_front/0", "r.chin_front/1"] + [f"l.brow/{i}.up" for i in (4, 3, 2, 1)]
            + [f"r.bridge/{i}" for i in range(4)] + ["r.base/2", "l.base/0"]
            + ["l.eye_out", "l.lid6/2.up", "l.lid6/1.up", "l.lid6/1.low", "l.lid6/2.low"]
            + ["l.corner", "l.upper/2", "l.upper/1", "r.upper/0", "r.lower/0", "l.lower68/1", "l.lower68/2"]
            + ["l.inner_corner", "l.inner68.up", "r.inner/0.up", "r.inner/0.low", "l.inner68.low"])
_SWAP = {"l.": "r.", "r.": "l."}


def scheme(size, yaw=0.0):
    """Names of a scheme's landmarks in its order; 39 is the profile that faces the way of ``yaw`` (degrees)."""
    if size != 39:
        return SCHEMES[size]
    return _PROFILE if yaw >= 0 else [_SWAP[name[:2]] + name[2:] for name in _PROFILE]


def _march(grid, camera, table):
    """Contour places slid to the silhouette: {name: (row, column)} for the names of ``table`` that are on a contour.

    Each goes to the place of its height that lies farthest out, and is then evened out with its neighbours along the contour.
    """
    out = {}
    middle = model().shape[1] // 2
    across = camera.turn[:2, 1]                                     # the picture's direction of the head's vertical
    outward = np.array([across[1], -across[0]])
    share = np.linspace(1, _MARCH_TO, _MARCH_STEPS)
    for side, sign in (("l", -1), ("r", 1)):
        for name, count in _CONTOURS.items():
            names = [f"{side}.{name}/{i}" for i in range(count)]
            places = np.array([table[name] for name in names])
            columns = middle + (places[:, 1] - middle)[:, None] * share
            rows = np.repeat(places[:, :1], len(share), axis=1)
            pixels = camera.pixels(camera.view(_bilinear(grid, rows.ravel(), columns.ravel()))).reshape(*rows.shape, 2)
            best = share[(pixels @ outward * sign).argmax(1)]
            for _ in range(2):
                best = np.convolve(np.pad(best, 1, mode="edge"), (0.25, 0.5, 0.25), mode="valid")
            out.update(zip(names, np.stack([places[:, 0], middle + (places[:, 1] - middle) * best], 1)))
    return out


def surface_points(points, camera, places, gaze):
    """Every landmark of every scheme: {name: (3,) head coordinates in mm}.

    points: the posed head (``Model.pose``). camera: whose silhouette the contour follows.
    places: ``face_places``. gaze: (left, right) unit vectors of the eyes.
    """
    m = model()
    grid = points[m.skin].reshape(*m.shape, 3)
    table = {**places, **_march(grid, camera, places)}
    names = list(table)
    where = np.array([table[name] for name in names])
    out = dict(zip(names, _bilinear(grid, where[:, 0], where[:, 1])))
    eyes = points[m.eyes]
    for side, eye, look in (("l", eyes[0], gaze[0]), ("r", eyes[1], gaze[1])):
        out[f"{side}.pupil"] = eye + EYE_RADIUS * np.asarray(look)
        out[f"{side}.eye_centre"] = np.mean([out[name] for name in _eye_8(side)], axis=0)
        out[f"{side}.inner_corner"] = (out[f"{side}.inner_corner.up"] + out[f"{side}.inner_corner.low"]) / 2
        out[f"{side}.brow_tip"] = (out[f"{side}.brow/4.up"] + out[f"{side}.brow/4.low"]) / 2
        out[f"{side}.brow_root"] = (out[f"{side}.brow/0.up"] + out[f"{side}.brow/0.low"]) / 2
        out[f"{side}.brow_middle"] = (out[f"{side}.brow/2.up"] + out[f"{side}.brow/2.low"]) / 2
    out["mouth_centre"] = (out["r.inner/0.up"] + out["r.inner/0.low"]) / 2
    return out


def mean_landmarks(size):
    """(L, 3) mm: a scheme's landmarks on the mean face, the contour as seen from in front. x right, y down, z to the viewer."""
    view = Camera(np.eye(3), np.zeros(3), 1e5, 1e5, (0.0, 0.0))
    ahead = np.array([0.0, 0.0, 1.0])
    found = surface_points(model().pose({}), view, face_places((0.92, 0.92), 1.0, 0.0), (ahead, ahead))
    return np.array([found[name] for name in scheme(size)], float)


def chart_shape(size):
    """(L, 2) mm, x right and y down: a scheme's landmarks on the mean face with the mouth open, so that no two lie on each other;
    the profile is turned as far as its faces are."""
    view = Camera(rotation(CHART_YAW if size == 39 else 0.0, 0.0, 0.0), np.zeros(3), 1e5, 1e5, (0.0, 0.0))
    ahead = np.array([0.0, 0.0, 1.0])
    found = surface_points(model().pose({"jaw": CHART_JAW}), view, face_places((0.92, 0.92), 1.0, 0.0), (ahead, ahead))
    return view.view(np.array([found[name] for name in scheme(size, CHART_YAW)], float))[:, :2].astype(float)
