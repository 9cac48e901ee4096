"""The landmark schemes: how many points, which is which, and what a mirror does to them. Data, no code paths.

Indices are 0-based and in the order of the data sets' own annotation files. "left" and "right" are those of the
picture (the viewer's), so ``left_eye`` has the smaller x on an upright frontal face; it is the person's right eye.

19   AFLW without the two ears (the CCL / CFSS release).
29   COFW (the LFPW markup).
39   Menpo profile. The order follows the correspondence with the 68-point scheme that OpenFace's Menpo scripts use.
68   300W (the iBUG markup).
98   WFLW.
106  JD-landmark, also LaPa.
"""

from dataclasses import dataclass, field

from gv.core.errors import InputError


@dataclass(frozen=True)
class Layout:
    """One landmark scheme of ``size`` points.

    name: the data set it is best known from, or what the user calls an own one (``own_layout``).
    flip: (size,) index map. Landmark i of the mirrored face is landmark flip[i] of the face:
        ``mirrored = points[flip]`` with x' = W - 1 - x. Its own inverse.
    groups: {name: indices}. Among contour, chin, left_brow, right_brow, nose, left_eye, right_eye, outer_lip, inner_lip,
        pupils each landmark is in exactly one; ``mouth`` is all of the mouth. A profile has one brow and one eye.
    edges: lines to draw, each a tuple of indices; a closed line ends on the index it began with.
    normalisers: {"ion", "ipn" or "pair": (left indices, right indices)}: the distance between the two means is the NME's unit.
        Only where the data set's protocol (or, at 106, LaPa's) has one; an own scheme's is "pair".
    names: (size,) what each landmark is called, or nothing where they go by number.

    Two are equal whose landmarks are: what is drawn and measured by may differ.
    """

    size: int
    name: str = field(compare=False)
    flip: tuple
    groups: dict = field(compare=False)
    edges: tuple = field(compare=False)
    normalisers: dict = field(default_factory=dict, compare=False)
    names: tuple = ()


def _span(first, last):
    return tuple(range(first, last + 1))


def _closed(line):
    return (*line, line[0])


def _flip(size, *pairs):
    """The index map that swaps each pair of equally long index runs and keeps every other landmark."""
    flip = list(range(size))
    for left, right in pairs:
        for i, j in zip(left, right):
            flip[i], flip[j] = j, i
    return tuple(flip)


_AFLW = Layout(
    size=19, name="AFLW",
    flip=_flip(19, ((0, 1, 2), (5, 4, 3)), ((6, 7, 8), (11, 10, 9)), ((12,), (14,)), ((15,), (17,))),
    # 7 and 10 are the eyes' centres, 16 the mouth's.
    groups={"left_brow": _span(0, 2), "right_brow": _span(3, 5), "left_eye": _span(6, 8), "right_eye": _span(9, 11),
            "nose": _span(12, 14), "mouth": _span(15, 17), "chin": (18,)},
    edges=(_span(0, 2), _span(3, 5), _span(6, 8), _span(9, 11), _span(12, 14), _span(15, 17)),
)

_COFW = Layout(
    size=29, name="COFW",
    flip=_flip(29, ((0, 2, 4, 5), (1, 3, 6, 7)), ((8, 10, 12, 13), (9, 11, 14, 15)),
               ((16, 18, 22), (17, 19, 23))),
    groups={"left_brow": (0, 4, 2, 5), "right_brow": (3, 6, 1, 7), "left_eye": (8, 12, 10, 13), "right_eye": (11, 14, 9, 15),
            "pupils": (16, 17), "nose": _span(18, 21), "mouth": _span(22, 27), "outer_lip": (22, 24, 23, 27),
            "inner_lip": (25, 26), "chin": (28,)},
    edges=(_closed((0, 4, 2, 5)), _closed((3, 6, 1, 7)), _closed((8, 12, 10, 13)), _closed((11, 14, 9, 15)),
           _closed((18, 20, 19, 21)), _closed((22, 24, 23, 27)), _closed((22, 25, 23, 26))),
    normalisers={"ion": ((8,), (9,)), "ipn": ((16,), (17,))},
)

# Left and right profiles are annotated as mirror images of each other, index for index: the mirror of a right profile is
# a left profile in the same order, so that the flip is the identity (OpenFace's collection of Menpo's profiles agrees: 0 is by
# the ear, 9 the chin, 19 the tip of the nose). ASSUMED, no annotation being at hand: 10 and 11 go on from the chin towards the
# lip, and the eye's front is not marked.
_MENPO_PROFILE = Layout(
    size=39, name="Menpo profile",
    flip=_span(0, 38),
    groups={"contour": _span(0, 11), "brow": _span(12, 15), "nose": _span(16, 21), "eye": _span(22, 26), "mouth": _span(27, 38),
            "outer_lip": _span(27, 33), "inner_lip": _span(34, 38)},
    edges=(_span(0, 11), _span(12, 15), _span(16, 21), _closed(_span(22, 26)), _span(27, 33), _span(34, 38)),
)

_300W = Layout(
    size=68, name="300W",
    flip=_flip(68, (_span(0, 7), range(16, 8, -1)), (_span(17, 21), range(26, 21, -1)), ((31, 32), (35, 34)),
               (_span(36, 39), range(45, 41, -1)), ((40, 41), (47, 46)), (_span(48, 50), (54, 53, 52)), ((58, 59), (56, 55)),
               ((60, 61), (64, 63)), ((67,), (65,))),
    groups={"contour": _span(0, 16), "left_brow": _span(17, 21), "right_brow": _span(22, 26), "nose": _span(27, 35),
            "left_eye": _span(36, 41), "right_eye": _span(42, 47), "mouth": _span(48, 67), "outer_lip": _span(48, 59),
            "inner_lip": _span(60, 67)},
    edges=(_span(0, 16), _span(17, 21), _span(22, 26), _span(27, 30), _span(31, 35), _closed(_span(36, 41)),
           _closed(_span(42, 47)), _closed(_span(48, 59)), _closed(_span(60, 67))),
    normalisers={"ion": ((36,), (45,)), "ipn": (_span(36, 41), _span(42, 47))},
)

_WFLW = Layout(
    size=98, name="WFLW",
    flip=_flip(98, (_span(0, 15), range(32, 16, -1)), (_span(33, 37), range(46, 41, -1)), (_span(38, 41), range(50, 46, -1)),
               ((55, 56), (59, 58)), (_span(60, 64), range(72, 67, -1)), (_span(65, 67), (75, 74, 73)),
               (_span(76, 78), (82, 81, 80)), ((86, 87), (84, 83)), ((88, 89), (92, 91)), ((95,), (93,)), ((96,), (97,))),
    groups={"contour": _span(0, 32), "left_brow": _span(33, 41), "right_brow": _span(42, 50), "nose": _span(51, 59),
            "left_eye": _span(60, 67), "right_eye": _span(68, 75), "mouth": _span(76, 95), "outer_lip": _span(76, 87),
            "inner_lip": _span(88, 95), "pupils": (96, 97)},
    edges=(_span(0, 32), _closed(_span(33, 41)), _closed(_span(42, 50)), _span(51, 54), _span(55, 59), _closed(_span(60, 67)),
           _closed(_span(68, 75)), _closed(_span(76, 87)), _closed(_span(88, 95))),
    normalisers={"ion": ((60,), (72,)), "ipn": ((96,), (97,))},
)

_JD = Layout(
    size=106, name="JD-landmark",
    flip=_flip(106, (_span(0, 15), range(32, 16, -1)), (_span(33, 37), range(46, 41, -1)), (_span(38, 41), range(50, 46, -1)),
               (_span(55, 59), range(65, 60, -1)), (_span(66, 70), range(79, 74, -1)), (_span(71, 74), (82, 81, 80, 83)),
               (_span(84, 86), (90, 89, 88)), ((94, 95), (92, 91)), ((96, 97), (100, 99)), ((103,), (101,)), ((104,), (105,))),
    # 74 and 83 are the eyes' centres, beside the pupils 104 and 105.
    groups={"contour": _span(0, 32), "left_brow": _span(33, 41), "right_brow": _span(42, 50), "nose": _span(51, 65),
            "left_eye": _span(66, 74), "right_eye": _span(75, 83), "mouth": _span(84, 103), "outer_lip": _span(84, 95),
            "inner_lip": _span(96, 103), "pupils": (104, 105)},
    edges=(_span(0, 32), _closed(_span(33, 41)), _closed(_span(42, 50)), _span(51, 54), _span(55, 65), _closed(_span(66, 73)),
           _closed(_span(75, 82)), _closed(_span(84, 95)), _closed(_span(96, 103))),
    normalisers={"ion": ((66,), (79,)), "ipn": ((104,), (105,))},
)

LAYOUTS = {layout.size: layout for layout in (_AFLW, _COFW, _MENPO_PROFILE, _300W, _WFLW, _JD)}


def get_layout(layout):
    """The ``Layout`` of a known scheme's number of landmarks, or an own one as it is: what indexes and runs hold is either.

    InputError that lists the valid numbers where there is none.
    """
    if isinstance(layout, Layout):
        return layout
    if layout not in LAYOUTS:
        raise InputError("layout", f"no scheme of {layout!r} landmarks", f"one of {', '.join(map(str, sorted(LAYOUTS)))}",
                         "python -m data_prep.own makes an index with a scheme of its own")
    return LAYOUTS[layout]


def landmarks_of(layout):
    """How many landmarks: of a known scheme the number itself."""
    return layout.size if isinstance(layout, Layout) else layout


def edges_of(layout, count):
    """The lines to draw between ``count`` landmarks, () where a scheme has none; layout None: the known one of so many."""
    layout = LAYOUTS.get(count) if layout is None else get_layout(layout)
    return layout.edges if layout else ()
