"""COFW: 29 landmarks and their occlusion, on faces behind hands, food, sunglasses.

The official set (``COFW_color.zip``) is two MATLAB v7.3 files, that is HDF5, with the pictures inside. The names and shapes are
those that the authors' own code reads (RCPR's ``demoRCPR.m`` and ``shapeGt.m``) and MMPose's ``parse_cofw_dataset.py``:

    COFW_train_color.mat   IsTr {1345 x 1}   bboxesTr 1345 x 4   phisTr 1345 x 87
    COFW_test_color.mat    IsT  {507 x 1}    bboxesT  507 x 4    phisT  507 x 87

``Is`` holds pictures, H x W x 3 in RGB or, for grey ones among them, H x W, both uint8; ``bboxes`` a face's x, y, width, height;
``phis`` 29 x, then 29 y, then 29 flags, 1 where the landmark is occluded. MATLAB's order of axes is the reverse of HDF5's, so
h5py sees (87, N), (4, N), and pictures (3, W, H) or (W, H).

Coordinates are MATLAB's, 1-based: the authors draw them over the picture in MATLAB, and MMPose subtracts 1. Boxes are in the
same frame (RCPR places shapes by them), so they are shifted alike here; MMPose leaves them, and other loaders (PIPNet, the HRNet
family) leave both: half a pixel to one of difference. The first 845 training faces are LFPW's, without occlusion, the other 500
are COFW's own (as public loaders have it; the paper on Gaussian Vector prints 1354 for their sum).

An index names files, so every picture is written as ``OUT/images/train_0001.png`` and so on, by the number of its cell. One
that is already there with the same pixels is kept: an interrupted run goes on, and ``index.json`` is written last.

The boxes are the provided ones unless ``--boxes landmarks``: the protocol enlarges them by 10 % (a matter of the crop).
"""

import os
import sys
from pathlib import Path

import cv2
import h5py
import numpy as np
from tqdm import tqdm

from data_prep import command, sandbox
from data_prep.boxes import check_box
from data_prep.points_files import LARGEST
from data_prep.report import Report
from gv.core import exits
from gv.core.errors import InputError
from gv.core.faces import Face
from gv.core.files import replacing
from gv.core.geometry import tight_box

LANDMARKS = 29
FILES = {"train": "COFW_train_color.mat", "test": "COFW_test_color.mat"}
NAMES = {"train": ("IsTr", "phisTr", "bboxesTr"), "test": ("IsT", "phisT", "bboxesT")}
SPLITS = {"train": 1345, "test": 507}
PARTS = {"train/lfpw": 845, "train/cofw": 500, "test": 507}
LFPW = 845  # the training faces before this cell are LFPW's
LARGEST_SIDE = 2 ** 14  # of a picture, pixels: a camera's; more is a damaged header
PICTURES = "images"
ASK = ("Caltech, https://data.caltech.edu/records/bc0bf-nc666 (COFW_color.zip), which "
       "http://www.vision.caltech.edu/xpburgos/ICCV13/ describes")


def read_mat(path, split):
    """Runs in the sandbox's child. Yields {"phis": (N, 87), "boxes": (N, 4)}, numbers as they stand in the file, then for each
    cell {"picture": (H, W) or (H, W, 3) uint8, RGB} or {"wrong": why there is none}.
    """
    cells_name, phis_name, boxes_name = NAMES[split]
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise InputError(path, f"cannot be read ({error})", "a MATLAB v7.3 (HDF5) file, whole") from None
    with file:
        cells = _dataset(file, cells_name, path)
        if h5py.check_ref_dtype(cells.dtype) is not h5py.Reference or cells.ndim != 2 or 1 not in cells.shape:
            raise InputError(path, f"{cells_name} is {cells.dtype} {cells.shape[::-1]}", "a cell array, N x 1")
        phis = _numbers(file, phis_name, 3 * LANDMARKS, cells.size, path)
        boxes = _numbers(file, boxes_name, 4, cells.size, path)
        yield {"phis": phis, "boxes": boxes}
        for reference in cells[()].ravel():
            try:
                yield {"picture": _picture(file[reference])}
            except MemoryError:
                raise
            except Exception as error:  # h5py raises almost anything on a damaged cell
                yield {"wrong": f"{type(error).__name__}: {error}"[:200]}


def _dataset(file, name, path):
    found = file.get(name)
    if not isinstance(found, h5py.Dataset):
        raise InputError(path, f"no variable {name}", f"the variables {', '.join(NAMES['train'])} or {', '.join(NAMES['test'])}")
    return found


def _numbers(file, name, columns, count, path):
    found = _dataset(file, name, path)
    if found.dtype.kind not in "fiu" or found.shape != (columns, count):
        raise InputError(path, f"{name} is {found.dtype} {' x '.join(map(str, found.shape[::-1]))}",
                         f"numbers, {count} x {columns}, a row a cell of pictures")
    return found[()].T.astype(np.float64)


def _picture(found):
    if not isinstance(found, h5py.Dataset) or found.dtype != np.uint8:
        raise ValueError(f"a cell of {getattr(found, 'dtype', type(found).__name__)}, not a uint8 picture")
    shape = found.shape[::-1]
    if len(shape) not in (2, 3) or shape[2:] not in ((), (3,)) or not 0 < min(shape) <= max(shape) <= LARGEST_SIDE:
        raise ValueError(f"an array {' x '.join(map(str, shape))}, not a picture H x W or H x W x 3")
    return found[()].T


def mat_file(root, split):
    """The official file of a split, in ``root`` or up to two folders below; None where there is none."""
    return next((path for depth in ("", "*/", "*/*/") for path in sorted(Path(root).glob(depth + FILES[split]))), None)


def faces_of(answers, path, split, boxes, out, report, progress=None):
    """The faces of one file from what ``read_mat`` yields for it; what cannot be used is noted in ``report``.

    out: the index folder, below which the pictures are written, or None where nothing is.
    """
    answers = iter(answers)
    numbers = next(answers)
    faces = []
    for i, (phis, box, answer) in enumerate(zip(numbers["phis"], numbers["boxes"], answers)):
        try:
            points, visible, box = _face(phis, box, boxes, f"{path}: face {i + 1}")
            if "wrong" in answer:
                raise InputError(f"{path}: face {i + 1}", f"no picture ({answer['wrong']})")
            name = f"{PICTURES}/{split}_{i + 1:04d}.png"
            if out is not None:
                write_picture(Path(out, name), answer["picture"])
            faces.append(Face(name, points, box, visible, {"part": _part(split, i)}))
        except InputError as error:
            report.leave_out(error)
        if progress is not None:
            progress.update()
    return faces


def _part(split, cell):
    return "test" if split == "test" else "train/lfpw" if cell < LFPW else "train/cofw"


def _face(phis, box, boxes, where):
    """(points (29, 2), visible (29,), box) of the numbers of one face, 0-based."""
    x, y, occluded = phis.reshape(3, LANDMARKS)
    points = np.stack([x, y], axis=1) - 1
    if not (np.abs(points) <= LARGEST).all():  # nor of a NaN
        raise InputError(where, "a landmark that is no number of pixels", f"29 x and y, at most {LARGEST}")
    if not np.isin(occluded, (0, 1)).all():
        raise InputError(where, f"an occlusion flag of {next(v for v in occluded if v not in (0, 1)):g}", "0 or 1")
    corners = tight_box(points) if boxes == "landmarks" else (*(box[:2] - 1), *(box[:2] - 1 + box[2:]))
    check_box(corners, where)
    return points, (occluded == 0).astype(np.uint8), corners


def write_picture(path, picture):
    """Write an RGB or grey picture as PNG, in one step, unless the file is there with the same pixels."""
    picture = picture if picture.ndim == 2 else picture[:, :, ::-1]
    if path.is_file():
        there = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        if there is not None and np.array_equal(there, picture):
            return
    with replacing(path) as temporary:
        temporary.write_bytes(cv2.imencode(".png", np.ascontiguousarray(picture))[1].tobytes())


def read_tree(root, boxes="provided", out=None):
    """The faces of both files: ({split: faces}, without the empty ones; Report). InputError where not one face can be used.

    out: the index folder; with it the pictures are written below ``out/images``, without it nothing is.
    """
    root = os.path.normpath(root)
    report = Report("COFW", root, ASK)
    splits, refused = {split: [] for split in SPLITS}, []
    with tqdm(total=sum(SPLITS.values()), unit="face", file=sys.stderr, disable=None) as progress:
        for split in SPLITS:
            try:
                path = mat_file(root, split)
                if path is None:
                    raise InputError(root, f"no {FILES[split]}", "it in this folder or up to two below", "unpack COFW_color.zip")
                answers = sandbox.stream("data_prep.cofw:read_mat", path, split=split)
                splits[split] = faces_of(answers, path, split, boxes, out, report, progress)
            except InputError as error:
                report.leave_out(error)
                refused.append(str(error))
    counted = [face.attributes["part"] for faces in splits.values() for face in faces]
    report.parts = {part: (counted.count(part), official) for part, official in PARTS.items()}
    report.splits = {split: (len(splits[split]), official) for split, official in SPLITS.items()}
    if not any(splits.values()):
        reasons = refused or [": ".join(report.left_out[0])]
        raise InputError(root, f"not one face of COFW that can be used ({'; '.join(reasons)})",
                         " and ".join(FILES.values()), f"the official set is asked for from {ASK}")
    return {split: faces for split, faces in splits.items() if faces}, report


def main(arguments=None):
    """Read the options, write the pictures and the index, print the report."""
    options = command.parser("data_prep.cofw", "COFW, as it unpacks, to an index of faces and their pictures.", "DATA_ROOT/cofw")
    options.add_argument("--boxes", choices=("provided", "landmarks"), default="provided",
                         help="provided: the faces' boxes in the files (default); landmarks: the landmarks' tight rectangle")
    args = command.parse(options, arguments)
    splits, report = read_tree(args.root, args.boxes, None if args.check_only else args.out)
    command.write_set(args, report, splits, args.out, layout=LANDMARKS, box_source=args.boxes, normaliser="ion")
    command.show(report, args.json)


if __name__ == "__main__":
    sys.exit(exits.run(main))
