"""Which of the user's pictures are trained on, and which are kept for testing: by files, by folders, by a list, or by lot."""

import re
from dataclasses import replace
from pathlib import Path, PurePosixPath

import numpy as np

from data_prep import command
from gv.core.errors import InputError

TRAIN, TEST = "train", "test"
SHARE = 0.1         # of the pictures, kept for testing where nothing says which
NAME = re.compile(r"[\w.-]*\w[\w.-]*")


def add_arguments(options):
    """The options that decide the splits."""
    options.add_argument("--test", metavar="FILE", help="the pictures to test on, a name below --root a line; the others train")
    options.add_argument("--folders", action="store_true", help="the folders right below --root are the splits: train, test, ...")
    options.add_argument("--test-share", type=float, metavar="SHARE", help=f"share of the pictures, drawn by lot, to test on "
                                                                           f"(default {SHARE:g} where nothing else says)")
    options.add_argument("--seed", type=int, default=0, help="of the lot (default %(default)s)")


def split(rows, args, by_files, report):
    """({split: faces}, lines to tell) of [(split or "", row, face), ...]. All faces of a picture are in one split.

    by_files: whether the files name the splits. What has none is noted in ``report``.
    """
    ways = [name for name, given in (("SPLIT=FILE", by_files), ("--test", args.test), ("--folders", args.folders),
                                     ("--test-share", args.test_share is not None)) if given]
    if len(ways) > 1:
        raise InputError(" and ".join(ways), "two ways to split", "one of them")
    images = sorted({face.image for _, _, face in rows})
    if by_files:
        of, said = {}, "splits: by their files"
    elif args.test:
        of, said = _listed(args.test, images)
    elif args.folders:
        of, said = {image: PurePosixPath(image).parts[0] if "/" in image else None for image in images}, "splits: by folder"
    else:
        of, said = _drawn(images, SHARE if args.test_share is None else args.test_share, args.seed)
    found = {}
    for named, row, face in rows:
        name = named or of[face.image]
        if name is None or not NAME.fullmatch(name):
            report.leave_out(InputError(row.at, f"{face.image} is in no folder below --root that could name a split",
                                        "folders such as train, test"))
            continue
        found.setdefault(name, []).append(face)
    if not found:
        raise InputError(args.root, "no picture is in a split", "folders such as train and test")
    lines = [said]
    if TRAIN not in found:
        lines.append(f'no split is called "{TRAIN}": gv train takes --split {next(iter(found))}')
    order = sorted(found, key=lambda name: (name != TRAIN, name))
    return {name: found[name] for name in order}, lines


def _listed(path, images):
    """({picture: split}, a line) of a list of the test pictures; a name without suffix will do where only one picture has it."""
    try:
        names = [line.strip() for line in Path(path).read_text(encoding="utf-8-sig").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"--test {path}", f"cannot be read ({getattr(error, 'strerror', None) or 'not UTF-8'})",
                         "a text file, a picture's name a line") from None
    by_name = {}
    for image in images:
        path_of = PurePosixPath(image)
        for name in {path_of.name, path_of.stem, path_of.with_suffix("").as_posix()}:
            by_name.setdefault(name, set()).add(image)
    of = dict.fromkeys(images, TRAIN)
    for number, name in enumerate(names, 1):
        fits = {name} if name in of else by_name.get(name, set())
        if len(fits) != 1:
            raise InputError(f"{path}:{number}", f"{name}, which {'fits several' if fits else 'is none'} of the pictures that "
                             "can be used", "names below --root")
        of[fits.pop()] = TEST
    return of, f"splits: {len(names)} pictures to test on, listed in {path}"


def _drawn(images, share, seed):
    if not 0 <= share < 1:
        raise InputError("--test-share", share, "a share from 0 to below 1")
    if seed < 0:
        raise InputError("--seed", seed, "0 or more")
    count = min(len(images) - 1, max(round(share * len(images)), share > 0))
    kept = {images[i] for i in np.random.default_rng(seed).permutation(len(images))[:count]}
    said = f"splits: {count} of {len(images)} pictures are kept to test on, drawn by lot (--test-share {share:g} --seed {seed})"
    return {image: TEST if image in kept else TRAIN for image in images}, said


def named(face, root, folder):
    """The face with its picture's path as an index in ``folder`` has it."""
    return replace(face, image=command.picture_path(Path(root, face.image), folder))
