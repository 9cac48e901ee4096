"""Things before and behind the face: glasses, hands, microphones, other things, backdrops. Drawn with OpenCV.

Pictures are float32 linear RGB (h, w, 3), changed in place; ``hidden`` (h, w) bool marks what an occluder covers.
"""

import cv2
import numpy as np

from data_prep.synthetic.shape import model

_WALLS = np.array([(1, 1, 1), (1, 1, 1), (1.0, 0.8, 0.6), (0.75, 0.95, 0.6), (0.65, 0.85, 1.15), (1.1, 1.0, 0.85),
                   (1.1, 0.7, 0.6)])                # hues of backdrops, linear RGB
_BITS = 4                                        # fractional bits of OpenCV's drawing coordinates


def _fixed(points):
    return np.round(np.asarray(points) * (1 << _BITS)).astype(np.int32)


def _paint(picture, mask, colour, share=1.0):
    """picture moved towards colour (3,) or (h, w, 3) where mask (h, w) uint8 says so."""
    weight = mask.astype(np.float32)[..., None] * (share / 255)
    picture += weight * (np.asarray(colour, np.float32) - picture)


def _puffed(mask, colour, light, height):
    """(h, w, 3) colour of a rounded solid with outline ``mask``: its depth is a dome over the distance to the outline."""
    height = float(height)      # NumPy 2 would make doubles of what a double of its own is multiplied with
    reach = cv2.distanceTransform((mask > 127).astype(np.uint8), cv2.DIST_L2, 3)
    dome = np.sqrt(np.clip(reach * (2 * height) - np.minimum(reach, height) ** 2, 0, None))
    dome = cv2.GaussianBlur(dome, (0, 0), max(height / 6, 0.8))
    gx, gy = cv2.Sobel(dome, cv2.CV_32F, 1, 0, scale=0.125), cv2.Sobel(dome, cv2.CV_32F, 0, 1, scale=0.125)
    normal = np.stack([-gx, -gy, np.ones_like(gx)], -1)
    normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
    key = np.clip(normal @ light.key.astype(np.float32) * 0.8 + 0.2, 0, 1)[..., None] * light.key_colour
    fill = np.clip(normal @ light.fill.astype(np.float32) * 0.8 + 0.2, 0, 1)[..., None] * light.fill_colour
    up = (0.5 - 0.5 * normal[..., 1:2])
    return np.asarray(colour, np.float32) * (key + fill + up * light.sky + (1 - up) * light.ground)


def glasses(rng, person, points, camera, render, light, hidden):
    """Spectacles on the posed head, in its depth: hidden where the head is nearer. Sunglasses mark what they cover."""
    picture, depth = render.colour, render.depth
    sun = person.glasses == "sun"
    eyes = points[model().eyes].astype(float)
    middle, gap = eyes.mean(0), (eyes[1, 0] - eyes[0, 0]) / 2
    half_w, half_h = rng.uniform(22, 26.5) + 2 * sun, rng.uniform(13.5, 20) + 3.5 * sun
    square = rng.uniform(2.0, 4.0)
    frame = np.clip(rng.normal(1.6, 0.9), 0.6, 3.6)
    colour = (rng.uniform(0.0, 0.25, 3) if rng.random() < 0.3 else np.full(3, rng.uniform(0.003, 0.05))).astype(np.float32)
    tint = (np.full(3, rng.uniform(0.002, 0.03)) * rng.uniform(0.6, 1.4, 3)).astype(np.float32)
    dark = rng.uniform(0.86, 0.99)
    drop = 3.5
    turn = np.linspace(0, 2 * np.pi, 49)

    def bent(x, y):
        """A point of the glasses' plane, curved round the face: (n, 3)."""
        depth = middle[2] + 25 - 0.0042 * np.asarray(x) ** 2 - 0.02 * np.asarray(y)
        return np.stack([middle[0] + x, middle[1] + drop + y, depth], -1)

    def project(p):
        view = camera.view(p)
        return camera.pixels(view), view[:, 2]

    thick = max(1, int(round(frame * camera.focal / camera.distance)))
    facing = camera.turn[2, 2]

    def stroke(line, width, slack):
        xy, z = project(line)
        column = np.clip(np.round(xy[:, 0]).astype(int), 0, depth.shape[1] - 1)
        row = np.clip(np.round(xy[:, 1]).astype(int), 0, depth.shape[0] - 1)
        clear = z > depth[row, column] - slack
        ink = np.zeros(depth.shape, np.uint8)
        for i in range(len(xy) - 1):
            if clear[i] and clear[i + 1]:
                cv2.line(ink, _fixed(xy[i]), _fixed(xy[i + 1]), 255, width, cv2.LINE_AA, _BITS)
        glint = 1 + 1.5 * np.clip(light.key[1] * -1, 0, 1) * 0.3
        _paint(picture, ink, colour * glint * (light.key_colour + light.sky))
        np.maximum(render.cover, ink / np.float32(255), out=render.cover)

    for sign in (-1, 1):
        shape = [np.sign(wave) * np.abs(wave) ** (2 / square) for wave in (np.cos(turn), np.sin(turn))]
        centre = sign * (gap + 1.5)
        rim = bent(centre + half_w * shape[0], half_h * shape[1] * (1 - 0.08 * sign * shape[0]))
        xy, z = project(rim)
        area = np.cross(np.roll(xy, -1, 0) - xy, xy).sum()
        if facing > -0.2 and abs(area) > 4:
            lens = np.zeros(depth.shape, np.uint8)
            cv2.fillPoly(lens, [_fixed(xy)], 255, cv2.LINE_AA, _BITS)
            lens[depth > z.max() + 1] = 0
            if (camera.turn @ np.array([sign * 0.35, 0, 0.94]))[2] < 0.02:
                lens[:] = 0
            if sun:
                _paint(picture, lens, tint + 0.06 * light.sky * rng.random(), dark)
                hidden |= lens > 127
            else:
                _paint(picture, lens, light.sky * 0.8, rng.uniform(0.02, 0.12))
            if rng.random() < 0.5:
                shine = np.zeros_like(lens)
                low, high = xy.min(0), xy.max(0)
                at = low + (high - low) * rng.uniform(0.1, 0.6, 2)
                end = at + (high - low) * np.array([0.25, -0.4])
                cv2.line(shine, _fixed(at), _fixed(end), 255, max(2, int((high - low)[0] * 0.18)), cv2.LINE_AA, _BITS)
                _paint(picture, cv2.GaussianBlur(shine, (0, 0), 2) & lens, light.key_colour * 0.8, rng.uniform(0.1, 0.5))
            np.maximum(render.cover, lens / np.float32(255) * (0.9 if sun else 0), out=render.cover)
        stroke(rim, thick, 12)
        outer = bent(np.array(centre + sign * half_w), np.array(-half_h * 0.3))
        ear = np.array([sign * 76.0, middle[1] - 2, 2.0])
        stroke(outer + np.linspace(0, 1, 16)[:, None] * (ear - outer), max(1, int(thick * 0.8)), 3)
    bridge = np.linspace(-(gap + 1.5 - half_w), gap + 1.5 - half_w, 9)
    stroke(bent(bridge, -3 - 2.5 * np.cos(bridge / max(abs(bridge[0]), 1) * np.pi / 2)), thick, 12)


def hand(rng, picture, hidden, cover, light, skin, target, size):
    """A hand laid on ``target`` (x, y): a palm and four or five fingers, ``size`` pixels long, from below or the side."""
    angle = rng.uniform(-0.6, 0.6) + rng.choice([-0.5, 0.0, 0.5])
    up = np.array([np.sin(angle), -np.cos(angle)])
    right = np.array([-up[1], up[0]])
    palm = np.asarray(target) - up * size * rng.uniform(0.3, 0.6)
    width = size * 0.115
    parts = []
    wrist = [(palm - up * size * 1.4, palm - up * size * 0.2, 2.9)]
    spread = rng.uniform(0.8, 1.5)
    for i in range(4):
        lean = (i - 1.5) * 0.12 * spread
        start = palm + right * (i - 1.5) * width * 1.15 + up * size * 0.18
        direction = up * np.cos(lean) + right * np.sin(lean)
        length = size * (0.46, 0.56, 0.53, 0.40)[i] * rng.uniform(0.55, 1.0)
        parts.append((start, start + direction * length, 1.0))
    thumb = palm - right * width * 2.2
    parts.append((thumb, thumb - right * size * 0.22 + up * size * 0.26, 1.1))
    height, wide = picture.shape[:2]
    for group in (wrist + [(palm - up * size * 0.1, palm + up * size * 0.15, 3.6)], *[[p] for p in parts]):
        mask = np.zeros((height, wide), np.uint8)
        for a, b, thick in group:
            cv2.line(mask, _fixed(a), _fixed(b), 255, max(2, int(width * thick)), cv2.LINE_AA, _BITS)
        edge = cv2.GaussianBlur(mask, (0, 0), max(width / 5, 1))
        _paint(picture, edge, np.zeros(3), 0.30)
        _paint(picture, mask, _puffed(mask, skin, light, width * (0.5 if len(group) == 1 else 1.2)))
        hidden |= mask > 127
        np.maximum(cover, mask / np.float32(255), out=cover)


def microphone(rng, picture, hidden, cover, light, target, size):
    """A microphone held up to ``target``."""
    angle = rng.uniform(-0.9, 0.9)
    down = np.array([np.sin(angle), np.cos(angle)])
    mask = np.zeros(picture.shape[:2], np.uint8)
    cv2.line(mask, _fixed(target), _fixed(target + down * size * 4), 255, max(2, int(size * 0.55)), cv2.LINE_AA, _BITS)
    metal = np.full(3, rng.uniform(0.01, 0.15), np.float32)
    _paint(picture, mask, _puffed(mask, metal, light, size * 0.28))
    ball = np.zeros_like(mask)
    cv2.circle(ball, _fixed(target), int(size * 0.62 * (1 << _BITS)), 255, -1, cv2.LINE_AA, _BITS)
    mesh = np.float32(1) + 0.5 * ((np.add.outer(np.arange(ball.shape[0]), np.arange(ball.shape[1])) % 4) < 2)[..., None]
    _paint(picture, ball, _puffed(ball, metal * 1.4, light, size * 0.6) * mesh)
    both = np.maximum(mask, ball)
    hidden |= both > 127
    np.maximum(cover, both / np.float32(255), out=cover)


def thing(rng, picture, hidden, cover, light, target, size):
    """A flat or rounded object of no particular kind over ``target``: a phone, a cup, a sheet, a leaf."""
    corners = int(rng.choice([4, 4, 4, 14]))
    turn = rng.uniform(0, 2 * np.pi) + np.arange(corners) * 2 * np.pi / corners
    stretch = np.array([1.0, rng.uniform(0.4, 1.0)])
    tilt = rng.uniform(0, np.pi)
    spin = np.array([[np.cos(tilt), -np.sin(tilt)], [np.sin(tilt), np.cos(tilt)]])
    outline = target + (np.stack([np.cos(turn), np.sin(turn)], 1) * stretch) @ spin.T * size
    mask = np.zeros(picture.shape[:2], np.uint8)
    cv2.fillPoly(mask, [_fixed(outline)], 255, cv2.LINE_AA, _BITS)
    colour = rng.uniform(0.01, 0.8, 3) ** 2
    _paint(picture, cv2.GaussianBlur(mask, (0, 0), size / 12), np.zeros(3), 0.25)
    painted = _puffed(mask, colour, light, size * rng.uniform(0.08, 0.6))
    if rng.random() < 0.4:
        rows = np.arange(mask.shape[0])[:, None] * rng.uniform(-1, 1) + np.arange(mask.shape[1])[None] * rng.uniform(-1, 1)
        painted = painted * (0.6 + 0.4 * (np.sin(rows * rng.uniform(0.2, 0.8)) > 0))[..., None]
    _paint(picture, mask, painted)
    hidden |= mask > 127
    np.maximum(cover, mask / np.float32(255), out=cover)


def _wall(rng):
    """A linear RGB colour of the kinds that stand behind people: greys, browns, greens, blues, now and then anything."""
    colour = _WALLS[rng.integers(len(_WALLS))] if rng.random() < 0.85 else rng.uniform(0.2, 1.4, 3)
    return np.clip(colour * (1 + rng.normal(0, 0.06, 3)), 0, 1.5) * rng.uniform(0.1, 0.95) ** 2


def backdrop(rng, size, busy):
    """(h, w, 3) float32 linear RGB for ``size`` = (h, w): from a plain wall to a cluttered, out-of-focus street. busy: 0..1."""
    height, width = size[0] // 2, size[1] // 2                 # it is out of focus, and made at half the size
    a, b = (_wall(rng) for _ in range(2))
    if rng.random() < 0.6:
        b = a * rng.uniform(0.4, 1.6)
    angle = rng.uniform(0, np.pi)
    ramp = np.add.outer(np.linspace(-1, 1, height) * np.sin(angle), np.linspace(-1, 1, width) * np.cos(angle)) * 0.35 + 0.5
    picture = (a + ramp[..., None] * (b - a)).astype(np.float32)
    canvas = np.sqrt(picture) * np.float32(255)
    for _ in range(rng.poisson(4 + 22 * busy) if rng.random() < 0.35 + 0.65 * busy else 0):
        tone = rng.normal(110, 60)
        colour = tuple(float(v) for v in np.clip(tone * (0.6 + 0.4 * np.sqrt(_wall(rng) * 4)) + rng.normal(0, 6, 3), 0, 255))
        x, y = rng.uniform(0, width), rng.uniform(0, height)
        reach = rng.uniform(0.03, 0.35) * height
        kind = rng.integers(4)
        if kind == 0:
            cv2.circle(canvas, (int(x), int(y)), int(reach * 0.5) + 1, colour, -1, cv2.LINE_AA)
        elif kind == 1:
            cv2.rectangle(canvas, (int(x), int(y)), (int(x + reach), int(y + reach * rng.uniform(0.3, 3))), colour, -1)
        elif kind == 2:
            end = int(x + rng.normal(0, height)), int(y + rng.normal(0, height))
            cv2.line(canvas, (int(x), int(y)), end, colour, int(reach * 0.12) + 1, cv2.LINE_AA)
        else:
            corners = np.round(np.array([x, y]) + rng.normal(0, reach * 0.6, (5, 2))).astype(np.int32)
            cv2.fillPoly(canvas, [corners], colour, cv2.LINE_AA)
    for scale, strength in ((6, 7), (18, 12), (60, 24)):
        if rng.random() < 0.3 + 0.5 * busy:
            rough = rng.standard_normal((height // scale + 3, width // scale + 3, 1)).astype(np.float32) * strength * rng.random()
            canvas += cv2.resize(rough, (width, height), interpolation=cv2.INTER_CUBIC)[..., None]
    blur = rng.uniform(0.4, 1.5) if rng.random() < 0.25 else rng.uniform(1.5, 9)
    canvas = cv2.GaussianBlur(canvas, (0, 0), blur * height / 256)
    canvas = cv2.resize(canvas, size[::-1], interpolation=cv2.INTER_LINEAR)
    return np.square(np.clip(canvas, 0, 255) * np.float32(1 / 255))
