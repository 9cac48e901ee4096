"""The pictures that a command line names, by files, folders and patterns, and the files that are written of them."""

import glob
import os
from pathlib import Path

from gv.core.errors import InputError

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")


def _is_picture(name):
    return os.path.splitext(name)[1].lower() in SUFFIXES and not os.path.basename(name).startswith(".")


def _inside(folder, recursive, without):
    """The pictures of a folder, sorted; with ``recursive`` those of the folders in it too, bar hidden ones and ``without``."""
    if not recursive:
        return sorted(str(Path(folder, name)) for name in os.listdir(folder) if _is_picture(name))
    found = []
    for here, folders, names in os.walk(folder):
        folders[:] = [name for name in folders
                      if not name.startswith(".") and not (without and _same(os.path.join(here, name), without))]
        found += [str(Path(here, name)) for name in names if _is_picture(name)]
    return sorted(found)


def _same(one, other):
    return os.path.exists(other) and os.path.samefile(one, other)


def pictures(given, recursive=False, without=None):
    """The paths of all pictures that are given, each once.

    given: files; folders, which stand for their pictures; patterns such as ``shots/*.jpg`` or ``**/face?.png``, where no file is
    so called: they stand for the pictures and folders that they fit. Hidden files are left out of the latter two.
    recursive: look into the folders of folders too. without: a folder that is not looked into, the one written to.
    InputError for a folder or a pattern without a picture.
    """
    found = []
    for path in map(str, given):
        if os.path.isdir(path):
            inside = _inside(path, recursive, without)
            if not inside:
                raise InputError(path, "a folder without pictures", f"files named {', '.join(SUFFIXES)} in it",
                                 "" if recursive else "folders within are not searched: name them, or give --recursive")
        elif glob.has_magic(path) and not os.path.lexists(path):
            inside = []
            for fit in sorted(glob.glob(path, recursive=True)):
                inside += _inside(fit, recursive, without) if os.path.isdir(fit) else [fit] if _is_picture(fit) else []
            if not inside:
                raise InputError(path, "no picture fits this pattern", f"files named {', '.join(SUFFIXES)}")
        else:
            inside = [path]
        found += inside
    return list(dict.fromkeys(found))


def output_paths(images, out, option="--out"):
    """{picture: file in ``out``}, pictures of the same name told apart by a number; InputError where one would be overwritten."""
    paths, taken, last = {}, set(), {}
    if os.path.exists(out) and not os.path.isdir(out):
        raise InputError(f"{option} {out}", "a file", "a folder, or a name not yet taken")
    for image in images:
        stem = Path(image).stem
        number = last.get(stem, 0) + 1
        path = Path(out) / (f"{stem}.png" if number == 1 else f"{stem}-{number}.png")
        while path in taken:
            number += 1
            path = Path(out) / f"{stem}-{number}.png"
        last[stem] = number
        taken.add(path)
        paths[image] = path
    known = {(state.st_dev, state.st_ino) for state in map(os.stat, filter(os.path.exists, images))}
    for path in filter(os.path.exists, taken):
        state = os.stat(path)
        if (state.st_dev, state.st_ino) in known:
            raise InputError(f"{option} {out}", f"{path} is one of the pictures given", "another folder", "it would be lost")
    return paths
