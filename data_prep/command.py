"""What the data sets' commands share: their options, the paths of pictures, and the exit code of bad input."""

import json
import os
from pathlib import Path

from data_prep import pack
from gv.core.errors import InputError
from gv.core.exits import Parser
from gv.core.faces import write_index


def parser(module, description, example_root):
    """An ArgumentParser with ``--root --out --pack --check-only --json``; ``module`` is what stands after ``python -m``."""
    options = Parser(prog=f"python -m {module}", description=description)
    options.add_argument("--root", required=True, help=f"the data set as it unpacks, e.g. {example_root}")
    options.add_argument("--out", help="the index folder to write (not needed with --check-only)")
    options.add_argument("--pack", nargs="?", type=int, const=pack.DEFAULT_SIDE, metavar="SIDE",
                         help="cut the faces out once, with margin for augmentation, and write their pictures into the index: "
                              f"training no longer decodes whole pictures. SIDE: largest side of the face's box in pixels "
                              f"({pack.DEFAULT_SIDE}: inputs of {pack.LARGEST_INPUT}; the input's side x "
                              f"{pack.LARGEST_SCALE:g} suits others). A second run goes on with an interrupted one")
    options.add_argument("--check-only", action="store_true", help="print the report and write nothing")
    options.add_argument("--json", action="store_true", help="print the report as JSON, and nothing else, on stdout")
    return options


def parse(options, arguments=None):
    """The parsed options; InputError where ``--root`` does not exist, or ``--out`` is not given or is a file."""
    args = options.parse_args(arguments)
    if not os.path.isdir(args.root):
        raise InputError("--root", f"no folder {args.root}", "the data set's folder, as it unpacks")
    if not args.check_only and not args.out:
        raise InputError("--out", "not given", "the index folder to write, or --check-only")
    if args.pack is not None and args.pack < pack.SMALLEST_SIDE:
        raise InputError("--pack", args.pack, f"at least {pack.SMALLEST_SIDE} pixels")
    if args.out and os.path.exists(args.out) and not os.path.isdir(args.out):
        raise InputError("--out", f"{args.out} is a file", "a folder, or a name not yet taken")
    return args


def write_set(args, report, splits, folder, *, layout, box_source, normaliser, extra=None):
    """Write the index of a set that was read, unless ``--check-only``, packed where asked for; notes it in ``report``.

    splits: {name: faces}, pictures named by ``picture_path(..., folder)``. The counts and the provenance are the report's.
    """
    if args.check_only:
        return
    extra = dict(extra or {})
    if args.pack:
        splits, extra["packed"] = pack.pack_splits(splits, folder, args.root, args.pack, report)
    absolute = any(os.path.isabs(face.image) for faces in splits.values() for face in faces)
    write_index(folder, splits, layout=layout, source=report.source, box_source=box_source, normaliser=normaliser,
                provenance=report.provenance, official=report.official, found=report.found,
                extra={"image_paths": "absolute" if absolute else "relative", **extra})
    if args.pack:
        pack.clean(folder, splits)
        paths = f"it holds its pictures, a face's box at most {args.pack} pixels"
    else:
        paths = "it names its pictures by " + (
            "absolute paths" if absolute else "paths relative to itself: a moved index needs its pictures moved alike")
    report.notes.append(f"written: {folder}; {paths}")


def show(report, as_json):
    """Print a ``Report``, or {name: Report} of a set that is several indexes, on stdout."""
    if isinstance(report, dict):
        text = json.dumps({name: one.record() for name, one in report.items()}, indent=2) if as_json else (
            "\n\n".join(one.text() for one in report.values()))
    else:
        text = json.dumps(report.record(), indent=2) if as_json else report.text()
    print(text)


def picture_path(path, folder):
    """The path under which an index in ``folder`` names a picture: relative where possible, else absolute; parts joined by "/".

    Symbolic links to folders are resolved first, for ".." leaves one by its target.
    """
    path = Path(path)
    path = path.parent.resolve() / path.name
    try:
        return Path(os.path.relpath(path, os.path.realpath(folder))).as_posix()
    except ValueError:  # on another drive (Windows)
        return path.as_posix()
