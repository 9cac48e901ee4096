"""A contact sheet: pictures of a set with their landmarks drawn, to be looked at."""

from pathlib import Path

import cv2
import numpy as np

from data_prep.synthetic.picture import draw_sample
from data_prep.synthetic.sets import SETS, SIDE, VERSION
from gv.core.draw import write_picture
from gv.core.errors import InputError, one_of
from gv.core.layouts import get_layout

SEEN, HIDDEN, LINE = (0, 230, 255), (60, 60, 255), (0, 190, 0)       # BGR


def draw(image, points, visible, layout):
    """A copy of a BGR picture with a scheme's lines and points: yellow where seen, red where hidden."""
    out = image.copy()
    for edge in layout.edges:
        cv2.polylines(out, [np.round(points[list(edge)] * 16).astype(np.int32)], False, LINE, 1, cv2.LINE_AA, 4)
    for (x, y), shown in zip(points, visible):
        cv2.circle(out, (int(round(x * 16)), int(round(y * 16))), 20, SEEN if shown else HIDDEN, -1, cv2.LINE_AA, 4)
    return out


def write_sheet(like, seed, path, rows=6, columns=8):
    """Write a sheet of the pictures that a set of this seed begins its splits with; one half has the landmarks drawn."""
    one_of("--like", like, SETS, "no data set")
    path = Path(path)
    if path.suffix.lower() not in (".png", ".jpg") or not path.parent.is_dir():
        raise InputError(path, "cannot be written", "a .png or .jpg in a folder that exists")
    keys = [(folder, split) for folder, part in SETS[like][1].items() for split in part.splits]
    tiles = []
    for i in range(rows * columns):
        place = i // columns % len(keys)
        folder, split = keys[place]
        part = SETS[like][1][folder]
        number = i // columns // len(keys) * columns + i % columns
        rng = np.random.default_rng([VERSION, seed, list(SETS).index(like), place, number])
        sample = draw_sample(rng, part.splits[split][1], SIDE)
        image = cv2.imdecode(cv2.imencode(".jpg", sample.image, [cv2.IMWRITE_JPEG_QUALITY, sample.quality])[1], cv2.IMREAD_COLOR)
        tiles.append(draw(image, *sample.landmarks(part.layout), get_layout(part.layout)) if i % 2 else image)
    picture = np.vstack([np.hstack(tiles[i:i + columns]) for i in range(0, len(tiles), columns)])
    write_picture(path, picture[..., ::-1])
