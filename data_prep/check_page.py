"""The page of ``data_prep.check``: what it found, every offender drawn, and some faces of every split. One file, no other."""

import base64
import html
from pathlib import Path

import cv2
import numpy as np

from gv.core import draw, geometry
from gv.core.errors import InputError
from gv.core.files import write_text

SAMPLES, SEED = 12, 0  # faces drawn of every split, drawn by lot
MOST_OFFENDERS = 100  # drawn of one check; the rest are named
SHOWN = 1.6  # sides of the squared box that a picture shows
DRAWN, WIDTH, QUALITY = 480, 320, 82  # pixels drawn at, pixels kept, JPEG quality
FARTHEST = 1e5  # pixels: a landmark beyond is drawn here, for OpenCV draws with 32-bit integers

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 1320px; padding: 16px; color: #1b1f24; background: #fff; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; margin-top: 2rem; } h3 { font-size: 1rem; margin: 1.5rem 0 .5rem; }
ul { padding-left: 0; list-style: none; } li { margin: .4rem 0; overflow-wrap: anywhere; }
.passed, .failed { display: inline-block; min-width: 4.2em; padding: 0 .4em; border-radius: 4px; font-weight: 600;
  text-align: center; }
.passed { background: #d8f0df; color: #0b5226; } .failed { background: #fbdcd9; color: #8c1510; }
.note { color: #57606a; font-size: .875rem; }
.faces { display: grid; gap: 12px; grid-template-columns: repeat(auto-fill, minmax(min(170px, 45%), 1fr)); }
figure { margin: 0; } img { width: 100%; height: auto; display: block; border-radius: 4px; }
figcaption { font-size: .8125rem; overflow-wrap: anywhere; line-height: 1.35; margin-top: 4px; }
"""


def write_page(path, found):
    """Write the page of {name: (Index, subjects, checks)}, whole or not at all."""
    path = Path(path)
    if not path.parent.is_dir():
        raise InputError("--page", f"no folder {path.parent}", "a file in a folder that exists")
    parts = [_index_part(*one) for one in found.values()]
    page = (f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Data check</title>\n'
            f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style></head>\n'
            f'<body><h1>Data check</h1>\n<p class="note">Landmarks in green, the box in blue.</p>\n{"".join(parts)}'
            f'</body></html>\n')
    write_text(path, page.encode("utf-8", "backslashreplace").decode("utf-8"))


def _index_part(index, subjects, checks):
    items = []
    for check in checks:
        state = "passed" if check.passed else "failed"
        counts = f"{check.tested} tested" if check.passed else f"{len(check.offences)} of {check.tested} offend"
        notes = "".join(f'<div class="note">{html.escape(note)}</div>' for note in check.notes)
        items.append(f'<li><span class="{state}">{state}</span> <b>{check.name}</b>: {html.escape(check.claim)}: '
                     f'{counts}{notes}</li>\n')
    parts = [f"<h2>{html.escape(index.source)}: {len(subjects)} faces, {index.landmarks} landmarks, "
             f"{html.escape(index.provenance)}</h2>\n<ul>\n{''.join(items)}</ul>\n"]
    for check in (check for check in checks if not check.passed):
        parts.append(f"<h3>Offenders: {check.name}</h3>\n")
        drawn = [one for one in check.offences if one[2]][:MOST_OFFENDERS]
        figures = [_figure(index, subject, f"{subject.name}: {why}" if subject is pictured[0] else subject.name)
                   for _, why, pictured in drawn for subject in pictured]
        undrawn = [one for one in check.offences if not one[2]] + [one for one in check.offences if one[2]][MOST_OFFENDERS:]
        named = [f"<li>{html.escape(f'{name}: {why}')}</li>\n" for name, why, _ in undrawn]
        parts += [f'<div class="faces">\n{"".join(figures)}</div>\n'] * bool(figures)
        parts += [f'<ul>\n{"".join(named)}</ul>\n'] * bool(named)
    rng = np.random.default_rng(SEED)
    for split in index.splits:
        members = [subject for subject in subjects if split in subject.places]
        chosen = sorted(rng.choice(len(members), min(SAMPLES, len(members)), replace=False)) if members else []
        figures = "".join(_figure(index, members[i], _caption(members[i], split)) for i in chosen)
        parts.append(f'<h3>{html.escape(split)}: {len(chosen)} of {len(members)}</h3>\n<div class="faces">\n{figures}</div>\n')
    return "".join(parts)


def _caption(subject, split):
    facts = "".join(f", {name} {value:g}" if isinstance(value, float) else f", {name} {value}"
                    for name, value in subject.face.attributes.items() if value)
    hidden = int((subject.face.visible == 0).sum())
    return f"{split}:{subject.places[split]} {Path(subject.face.image).name}{facts}{f', {hidden} hidden' if hidden else ''}"


def _figure(index, subject, caption):
    picture = face_picture(index.folder / subject.face.image, subject, index.layout)
    shown = "" if picture is None else (
        f'<img alt="" width="{WIDTH}" height="{WIDTH}" src="data:image/jpeg;base64,{base64.b64encode(picture).decode()}">')
    return f"<figure>{shown}<figcaption>{html.escape(caption)}</figcaption></figure>\n"


def face_picture(path, subject, layout=None):
    """A JPEG (bytes) of what the face's box and landmarks cover, drawn, or of the whole picture; None where it cannot be read."""
    try:
        picture = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    except (OSError, ValueError, cv2.error):  # ValueError: a path that no file can have
        return None
    if picture is None:
        return None
    corners = np.vstack([np.reshape(subject.box, (2, 2)), subject.face.points]).clip(-FARTHEST, FARTHEST)
    try:
        region = geometry.resize_box(geometry.square_box(geometry.tight_box(corners)), SHOWN)
    except InputError:  # all in one place
        region = geometry.square_box((-0.5, -0.5, picture.shape[1] - 0.5, picture.shape[0] - 0.5))
    matrix = geometry.crop_matrix(region, DRAWN)
    crop = geometry.warp(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), matrix, DRAWN)
    places = geometry.transform_points(matrix, corners)
    drawn = draw.draw_landmarks(crop, places[2:], box=None if subject.face.box is None else places[:2].ravel(), layout=layout)
    small = cv2.resize(drawn, (WIDTH, WIDTH), interpolation=cv2.INTER_AREA)
    return cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()
