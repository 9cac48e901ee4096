"""Who is in the picture: everything about a face but its pose and its light, drawn from a generator."""

from dataclasses import dataclass, field

import numpy as np

from data_prep.synthetic.head import SEAM_Y
from data_prep.synthetic.shape import JAW_DROP, model

# sRGB of skin from very light to very dark, after the range of the Fitzpatrick and Monk scales; ASSUMED evenly common.
_SKIN = np.array([(246, 214, 196), (236, 192, 166), (224, 172, 138), (198, 140, 104), (160, 106, 74), (118, 76, 52),
                  (82, 52, 38)]) / 255
_HAIR = np.array([(18, 14, 12), (28, 20, 16), (48, 32, 22), (74, 50, 32), (112, 76, 44), (160, 122, 80), (200, 170, 128),
                  (124, 56, 28)]) / 255
_GREY_HAIR = np.array([(150, 148, 146), (200, 198, 196), (96, 94, 92)]) / 255
_IRIS = np.array([(44, 26, 16), (70, 42, 22), (96, 66, 32), (92, 98, 58), (84, 110, 130), (110, 130, 142)]) / 255
_LIPSTICK = np.array([(160, 44, 56), (140, 34, 40), (186, 92, 100), (112, 40, 58), (176, 92, 84), (150, 70, 70)]) / 255
_CLOTH = np.array([(30, 32, 38), (220, 220, 218), (60, 84, 130), (140, 34, 40), (70, 96, 70), (150, 130, 100), (190, 160, 60),
                   (90, 60, 110)]) / 255
_COLLARS = ((150, 156, 164, 164), (205, 176, 160, 158), (172, 166, 162, 160), (138, 140, 146, 150))   # mm at 0, 20, 60, 90 mm off

# What faces do: how often on easy pictures and on pictures chosen for expression, how the lids' opening changes, the weights.
# A weight named without a side goes to both, a little unevenly. All ASSUMED.
_EXPRESSIONS = {
    "neutral": (6, 1, 0.0, {}),
    "smile": (5, 2, 0.0, {"smile": 0.75}),
    "grin": (9, 3, -0.15, {"smile": 1.0, "bare": 0.75, "jaw": 0.10}),
    "talk": (3, 2, 0.0, {"jaw": 0.5, "bare": 0.2}),
    "surprise": (1, 4, 0.18, {"brow_up": 1.0, "jaw": 0.75}),
    "anger": (1, 3, -0.15, {"brow_in": 1.0, "wrinkle": 0.6, "press": 0.5}),
    "sad": (1, 3, -0.10, {"sad": 1.0, "worry": 0.7, "press": 0.3}),
    "pout": (1, 3, 0.0, {"pout": 1.0}),
    "laugh": (4, 4, -0.28, {"smile": 1.05, "bare": 0.7, "jaw": 0.65}),
    "squint": (1, 2, -0.45, {"brow_in": 0.4, "wrinkle": 0.4}),
}
_STRONG = 0.7                                      # strength from which the second share counts
_MILD = ("neutral", "smile", "grin", "talk")       # not what WFLW calls an expression
_PAIRED = ("smile", "brow_up", "sad")
# How men's faces differ from the mean (women's the other way), and children's, in standard deviations. ASSUMED.
_MAN = {"jaw_width": 0.5, "brow_ridge": 0.7, "chin_square": 0.6, "neck": 0.6, "brow_height": -0.4, "lips": -0.3,
        "nose_width": 0.3, "chin_length": 0.3, "eye_size": -0.2}
_CHILD = {"eye_size": 1.6, "chin_length": -1.8, "mid_length": -1.2, "nose_out": -1.2, "nose_length": -1.0, "bridge": -1.4,
          "fat": 0.9, "jaw_width": -0.4, "neck": -1.8, "brow_ridge": -1.4, "forehead": 0.9}
# Shares of the hair styles.
_WOMEN = {"long": 0.26, "bob": 0.16, "fringe": 0.07, "long_fringe": 0.11, "tied": 0.18, "waves": 0.17, "short": 0.05}
_CHILDREN = {"short": 0.4, "fringe": 0.3, "crop": 0.3}
_MEN = {"short": 0.33, "crop": 0.24, "quiff": 0.17, "buzz": 0.10, "waves": 0.04, "curls": 0.08}


def linear(srgb):
    """Linear reflectance of sRGB values in 0..1 (gamma 2, as the camera undoes it)."""
    return (np.asarray(srgb, np.float32) ** 2).astype(np.float32)


@dataclass
class Person:
    """One face. Colours are linear RGB; weights drive ``Model.pose``. See the shading for what each number does."""

    weights: dict
    openness: tuple
    gaze: tuple
    skin: np.ndarray
    hair: np.ndarray
    brow: np.ndarray
    iris: np.ndarray
    cloth: np.ndarray
    lip_colour: np.ndarray = None
    shadow_colour: np.ndarray = None
    style: str = "none"                            # of the hair: see hair.STYLES, or "none", "buzz"
    hat: np.ndarray = None                         # its colour, where there is one
    sclera: np.ndarray = field(default_factory=lambda: np.array([0.40, 0.37, 0.355], np.float32))
    age: float = 0.2
    mottle: float = 1.0
    redness: float = 0.5
    freckles: float = 0.0
    oil: float = 0.12
    lip_gloss: float = 0.2
    eye_shadow: float = 0.0
    lashes: float = 0.2
    liner: float = 0.0
    crease: float = 0.5
    crease_depth: float = 0.5
    beard: float = 0.0
    moustache: float = 0.0
    buzz: float = 0.0
    receding: float = 0.0
    brow_thickness: float = 1.0
    brow_arch: float = 0.0
    brow_density: float = 0.9
    iris_radius: float = 28.0                      # degrees of the eyeball
    pupil_radius: float = 11.0
    spark: float = 1.0
    teeth: float = 1.0
    teeth_level: float = SEAM_Y
    jaw_drop: float = 0.0                          # mm
    mouth_light: float = 0.6
    collar: tuple = (165, 165, 165, 165)
    cloth_pattern: str = "plain"
    offset: tuple = (0.0, 0.0)
    glasses: str = ""                              # "", "clear", "sun"
    mask: bool = False                             # a cloth one, over nose and mouth
    mask_colour: np.ndarray = field(default_factory=lambda: np.array([0.45, 0.62, 0.72], np.float32))
    make_up: bool = False
    expression: bool = False                       # as WFLW counts one



def _pick(rng, table, jitter=0.06):
    """A row of ``table`` (sRGB), a little off, as linear RGB."""
    row = table[rng.integers(len(table))]
    return linear(np.clip(row * (1 + rng.normal(0, 1.5 * jitter)) * (1 + rng.normal(0, 0.4 * jitter, 3)), 0.01, 1))


def _choose(rng, shares):
    """A key of {name: share}."""
    share = np.array(list(shares.values()), float)
    return str(rng.choice(list(shares), p=share / share.sum()))


def _between(rng, low, high):
    return float(rng.uniform(low, high))


def _expression(rng, strength):
    """(name, weights, (left, right) opening of the lids) of an expression; ``strength`` 0 is mild, 1 as strong as faces get."""
    kind = _choose(rng, {name: deed[strength >= _STRONG] for name, deed in _EXPRESSIONS.items()})
    amount = _between(rng, 0.45, 1.0) * (0.65 + 0.5 * strength)
    _, _, change, deeds = _EXPRESSIONS[kind]
    weights = {"jaw": max(0.0, float(rng.normal(0.03, 0.04)))}
    brows = float(rng.normal(0, 0.18))
    for name, share in {"brow_up": 0.0, **deeds}.items():
        if name in _PAIRED:
            both = share * amount + brows * (name == "brow_up")
            weights[f"{name}_left"], weights[f"{name}_right"] = (both * (1 + rng.normal(0, 0.14, 2))).tolist()
        else:
            weights[name] = share * amount
    wide = float(rng.normal(0.92, 0.09)) + change * amount
    if rng.random() < 0.04:                        # a blink
        wide = _between(rng, 0.0, 0.2)
    left, right = np.clip(wide + rng.normal(0, 0.04, 2), 0.0, 1.15).tolist()
    if rng.random() < 0.015:                       # a wink
        left = 0.03
    return kind, weights, (left, right)


def _identity(rng, woman, child):
    """{name: weight} of who it is."""
    names = model().names
    weights = {name: float(np.clip(rng.normal(0, 0.85), -2.2, 2.2)) for name in names[:names.index("jaw")]}
    for name in weights:
        weights[name] *= 0.6 if name.startswith("skew") else 1.0
    for name, share in _MAN.items():
        weights[name] += -share if woman else share
    for name, value in _CHILD.items():
        weights[name] += value * child
    return weights


def _complexion(rng):
    """((3,) linear skin, its tone: a place in ``_SKIN``)."""
    tone = rng.random() ** 1.25 * (len(_SKIN) - 1)
    low = int(min(tone, len(_SKIN) - 2))
    srgb = _SKIN[low] + (tone - low) * (_SKIN[low + 1] - _SKIN[low])
    return linear(np.clip(srgb * (1 + rng.normal(0, [0.015, 0.012, 0.025])), 0.05, 0.98)), tone


def _paint(rng, person, woman, make_up):
    """Lips, lids and lashes, bare or made up."""
    skin = person.skin
    bare = skin * np.array([0.76, 0.52, 0.53], np.float32) * (1 + rng.normal(0, 0.04, 3)).astype(np.float32)
    person.lip_colour, person.shadow_colour = bare, skin * np.float32(0.7)
    person.eye_shadow, person.lip_gloss = _between(rng, 0.05, 0.5), _between(rng, 0.1, 0.3)
    person.lashes = _between(rng, 0.15, 0.65) * (1.2 if woman else 0.8)
    if make_up:
        stick = _pick(rng, _LIPSTICK, 0.04) * np.float32(rng.uniform(0.6, 1.1))
        person.lip_colour = bare + np.float32(rng.uniform(0.45, 0.95)) * (stick - bare)
        person.shadow_colour = (skin * rng.uniform(0.15, 0.8, 3)).astype(np.float32)
        person.eye_shadow, person.lashes, person.liner = _between(rng, 0.4, 0.9), _between(rng, 0.6, 1.0), float(rng.random())
        person.lip_gloss += 0.4 * float(rng.random())
    person.make_up = make_up


def _barber(rng, person, woman, child):
    """Hair style, beard, and how far the hairline has gone back."""
    bald = {"none": 0.04 + 0.22 * person.age}
    person.style = _choose(rng, _WOMEN if woman else _CHILDREN if child else {**_MEN, **bald})
    person.buzz = _between(rng, 0.25, 0.9) if person.style == "buzz" else 0.0
    if woman or child:
        return
    person.receding = max(0.0, person.age - 0.25) * _between(rng, 0, 1.6)
    kind = _choose(rng, {"shaven": 0.45, "stubble": 0.25, "full": 0.19, "moustache": 0.07, "goatee": 0.04})
    person.beard = {"stubble": _between(rng, 0.08, 0.35), "full": _between(rng, 0.75, 1.0)}.get(kind, 0.0)
    person.moustache = {"moustache": 0.9, "goatee": 0.7}.get(kind, person.beard if rng.random() < 0.85 else 0.0)


def draw_person(rng, expression=0.3, make_up=None):
    """A ``Person`` from a ``numpy.random.Generator``. expression: its strength. make_up: force it on or off."""
    woman = bool(rng.random() < 0.5)
    age = float(rng.beta(1.4, 2.2))
    child = age < 0.10
    kind, deeds, openness = _expression(rng, expression)
    skin, tone = _complexion(rng)
    dark = tone > 3.2
    grey = age > 0.6 and rng.random() < 0.75
    hair = _pick(rng, _GREY_HAIR, 0.015) if grey else _pick(rng, _HAIR[:3] if dark else _HAIR[:5] if tone > 1.8 else _HAIR)
    look = np.deg2rad(np.clip(rng.normal(0, [7, 4]), -18, 18))
    gaze = np.array([*np.sin(look), 1.0])
    iris = linear(_IRIS[rng.integers(2 if dark else len(_IRIS))] * rng.uniform(0.65, 0.95))
    person = Person(
        weights={**_identity(rng, woman, child), **deeds}, openness=openness, gaze=(gaze, gaze), skin=skin, hair=hair,
        brow=np.minimum(hair * 0.6, skin * 0.32), iris=iris, cloth=_pick(rng, _CLOTH, 0.15), age=age,
        mottle=_between(rng, 0.6, 1.4), redness=_between(rng, 0.2, 0.9) * (0.5 if dark else 1.0),
        freckles=_between(rng, 0.3, 1.0) if not dark and rng.random() < 0.15 else 0.0, oil=_between(rng, 0.02, 0.28),
        crease=_between(rng, 0, 1), crease_depth=_between(rng, 0, 1), brow_density=_between(rng, 0.65, 1.0),
        brow_thickness=float(np.clip(rng.normal(0.85 if woman else 1.05, 0.15), 0.55, 1.4)),
        brow_arch=float(rng.normal(0.3 if woman else 0, 0.35)), iris_radius=_between(rng, 26.5, 29.5),
        pupil_radius=_between(rng, 8, 15),
        spark=float(rng.random() < 0.85), teeth=_between(rng, 0.75, 1.15), teeth_level=SEAM_Y + float(rng.normal(0.3, 0.8)),
        jaw_drop=JAW_DROP * deeds["jaw"], mouth_light=_between(rng, 0.45, 0.8), collar=_COLLARS[rng.integers(len(_COLLARS))],
        cloth_pattern=_choose(rng, {"plain": 0.6, "stripes": 0.2, "patches": 0.2}), offset=tuple(rng.uniform(0, 512, 2).tolist()),
        glasses="clear" if rng.random() < 0.13 else "", hat=_pick(rng, _CLOTH, 0.2) if rng.random() < 0.06 else None,
        expression=kind not in _MILD)
    if rng.random() < 0.5:
        person.mask_colour = _pick(rng, _CLOTH)
    painted = rng.random() < 0.35 and woman and not child
    _paint(rng, person, woman, bool(painted if make_up is None else make_up))
    _barber(rng, person, woman, child)
    return person
