"""Proves an index: what a data set's command wrote, or says what is wrong with it, face by face.

``python -m data_prep.check --data DIR [--page FILE.html] [--json]``; DIR is an index or a folder of indexes. Exit code 0 if
every check passes, else 2. Known duplicates of a data set (``duplicates`` in the index) are told and do not fail.
"""

import hashlib
import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from data_prep import duplicates
from data_prep.boxes import has_area, rounded
from data_prep.check_flip import flip_offences
from data_prep.pack import FARTHEST
from data_prep.pictures import check_picture
from gv.core import exits, geometry, metrics
from gv.core.errors import InputError
from gv.core.faces import INDEX_FILE, Face, face_from_line, face_to_line, read_index
from gv.core.layouts import get_layout

NAMES = 10  # offenders that the text names; --json and the page name all
# Chin and brows leave a detector's box by up to a quarter of its side; twice that is another face's box
POINT_MARGIN = 0.5
# The landmarks' longer side by the box's: profiles of 19 points fill 0.4 of a head's box; less than this is no face's box
SMALLEST_FILL = 0.25
# Faces at a picture's edge are cut by it, but hardly ever beyond the middle
BOX_INSIDE = 0.5


@dataclass
class Subject:
    """A face of the index, where it stands, and what was seen of its picture."""

    face: Face
    places: dict  # {split: line number}
    size: tuple = None  # (width, height) of the picture
    digest: str = ""  # of the picture's bytes
    hash: np.ndarray = None
    fault: str = ""  # why the picture cannot be used

    @property
    def name(self):
        return self.name_for(duplicates.purpose(next(iter(self.places))))

    def name_for(self, use):
        """Its line in the first split that is for "train", "val" or "test", and its picture."""
        split = next(split for split in self.places if duplicates.purpose(split) == use)
        return f"{split}.jsonl:{self.places[split]} {self.face.image}"

    @property
    def box(self):
        return self.face.box if self.face.box is not None else geometry.tight_box(self.face.points)


@dataclass
class Check:
    """One check: what it asks for, of how many, who offends: (name, reason, subjects to draw). notes: worth knowing, no fault."""

    name: str
    claim: str
    tested: int
    offences: list = field(default_factory=list)
    notes: list = field(default_factory=list)

    @property
    def passed(self):
        return not self.offences

    def text(self):
        lines = [f"  {'passed' if self.passed else 'FAILED'}  {self.name:<10} {self.claim}: "
                 f"{len(self.offences)} of {self.tested} offend" if self.offences else
                 f"  passed  {self.name:<10} {self.claim}: {self.tested} tested"]
        lines += [f"            {name}: {why}" for name, why, _ in self.offences[:NAMES]]
        if len(self.offences) > NAMES:
            lines.append(f"            and {len(self.offences) - NAMES} more (--json names all)")
        return "\n".join(lines + [f"            note: {note}" for note in self.notes])

    def record(self):
        return {"name": self.name, "claim": self.claim, "passed": self.passed, "tested": self.tested, "notes": self.notes,
                "offenders": [{"name": name, "why": why} for name, why, _ in self.offences]}


def read_subjects(index):
    """(the index's faces, each once; the Check of its lines). A line that is no face is an offence, not the end."""
    subjects = {}
    check = Check("lines", f"every line is a face of {index.landmarks} landmarks, all numbers below {FARTHEST:g}", 0)
    if not index.splits:
        check.offences.append((INDEX_FILE, "no splits; expected at least one", []))
    for split, expected in index.splits.items():
        path, count = index.folder / f"{split}.jsonl", 0
        try:
            lines = path.read_bytes().split(b"\n")
        except OSError as error:
            check.offences.append((path.name, f"cannot be read ({error.strerror})", []))
            continue
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            count += 1
            where = f"{path.name}:{number}"
            try:
                face = face_from_line(line, where)
                if len(face.points) != index.landmarks:
                    raise InputError(where, f"{len(face.points)} landmarks", f"{index.landmarks} ({INDEX_FILE})")
                if np.abs([*face.points.ravel(), *(face.box or ())]).max() > FARTHEST:
                    raise InputError(where, f"a coordinate beyond {FARTHEST:g} pixels")
                subjects.setdefault(face_to_line(face), Subject(face, {})).places.setdefault(split, number)
            except InputError as error:
                check.offences.append((where, "; expected ".join(filter(None, (error.found, error.expected))), []))
        check.tested += count
        if count != expected or not count:
            check.offences.append((path.name, f"{count} faces; expected {expected or 'at least one'} ({INDEX_FILE})", []))
    return list(subjects.values()), check


def look_at_pictures(index, subjects):
    """Fill in what the pictures show; returns the Check that they are whole. Each picture is decoded once."""
    by_picture = {}
    for subject in subjects:
        by_picture.setdefault(subject.face.image, []).append(subject)

    def look(image):
        path = index.folder / image
        try:
            check_picture(path)
            data = path.read_bytes()
            grey = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION)
        except InputError as error:
            return error.found
        except (ValueError, cv2.error) as error:  # a path that no file can have; more pixels than OpenCV takes
            return f"cannot be read ({str(error).strip().splitlines()[0]})"
        for subject in by_picture[image]:
            subject.size, subject.digest = grey.shape[::-1], hashlib.sha256(data).hexdigest()
            try:
                subject.hash = duplicates.face_hash(grey, subject.box)
            except InputError:  # a box without area, which another check names
                continue
        return ""

    check = Check("pictures", "every picture is there, whole, and can be decoded", len(by_picture))
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        faults = tqdm(pool.map(look, by_picture), "pictures", len(by_picture), file=sys.stderr, disable=None)
        for image, fault in zip(by_picture, faults):
            if fault:
                check.offences.append((by_picture[image][0].name, fault, []))
    return check


def check_normaliser(index, subjects):
    """Every face's error can be divided by the set's normaliser; the smallest is told, for it makes errors large."""
    check = Check("normaliser", f'"{index.normaliser}" is above zero for every face', len(subjects))
    if index.normaliser not in metrics.NORMALISERS:
        valid = ", ".join(metrics.NORMALISERS)
        check.offences.append((INDEX_FILE, f'no normaliser "{index.normaliser}"; expected one of {valid}', []))
        return check
    if not subjects:
        return check
    points = np.stack([subject.face.points for subject in subjects])
    unboxed = [subject for subject in subjects if subject.face.box is None]
    if index.normaliser == "box" and unboxed:
        check.offences += [(subject.name, "no box to take the normaliser from", [subject]) for subject in unboxed]
        return check
    boxes = np.array([subject.box for subject in subjects])
    try:
        lengths = metrics.NORMALISERS[index.normaliser](points, get_layout(index.layout), boxes)
    except InputError as error:
        check.offences.append((INDEX_FILE, f"{error.found}; expected {error.expected}", []))
        return check
    check.offences += [(subject.name, f"{length:g} pixels", [subject])
                       for subject, length in zip(subjects, lengths) if not length > 0]
    extents = np.linalg.norm(np.ptp(points, axis=1), axis=1)
    shares = np.where(lengths > 0, lengths / np.maximum(extents, 1e-9), np.inf)
    if np.isfinite(shares).any():
        least = int(shares.argmin())
        check.notes.append(f"the smallest is {shares[least]:.3f} of its landmarks' diagonal, {lengths[least]:.1f} pixels: "
                           f"{subjects[least].name}")
    return check


def check_points(subjects):
    """The landmarks are those of the face in the box."""
    boxed = [subject for subject in subjects if subject.face.box is not None and has_area(subject.face.box)]
    check = Check("points", f"landmarks lie about their box: their middle in it, none beyond it by over {POINT_MARGIN:g} of its "
                            f"side, together at least {SMALLEST_FILL:g} of it", len(boxed))
    for subject in boxed:
        points, box = subject.face.points, np.array(subject.face.box)
        side = max(box[2:] - box[:2])
        middle = np.median(points, axis=0)
        beyond = max((box[:2] - points).max(), (points - box[2:]).max()) / side
        fill = max(np.ptp(points, axis=0)) / side
        if not ((middle >= box[:2]).all() and (middle <= box[2:]).all()):
            check.offences.append((subject.name, "the landmarks' middle is outside the box", [subject]))
        elif beyond > POINT_MARGIN:
            check.offences.append((subject.name, f"a landmark {beyond:.2f} sides beyond the box", [subject]))
        elif fill < SMALLEST_FILL:
            check.offences.append((subject.name, f"the landmarks fill {fill:.3f} of the box's side", [subject]))
    return check


def check_boxes(subjects):
    """The box has an area, most of it in the picture."""
    boxed = [subject for subject in subjects if subject.face.box is not None]
    check = Check("boxes", f"boxes have an area, at least {BOX_INSIDE:g} of it in the picture", len(boxed))
    for subject in boxed:
        box = subject.face.box
        if not has_area(box):
            check.offences.append((subject.name, f"a box without area, {rounded(box)}", [subject]))
        elif subject.size is not None:
            width, height = (min(box[k + 2], subject.size[k] - 0.5) - max(box[k], -0.5) for k in (0, 1))
            share = max(0, width) * max(0, height) / ((box[2] - box[0]) * (box[3] - box[1]))
            if share < BOX_INSIDE:
                check.offences.append((subject.name, f"{share:.2f} of the box in the picture of "
                                                     f"{subject.size[0]} x {subject.size[1]}", [subject]))
    if len(boxed) < len(subjects):
        check.notes.append(f"without a box: {len(subjects) - len(boxed)} of {len(subjects)} faces")
    return check


def check_duplicates(index, subjects):
    """No photograph serves both for training and for testing."""
    known = index.extra.get("duplicates") or []
    if not (isinstance(known, list) and all(isinstance(pair, list) and len(pair) == 2 for pair in known)):
        raise InputError(index.folder / INDEX_FILE, 'extra "duplicates" is no list of pairs', "[[name, name], ...]",
                         "prepare the index again")
    groups, shared = {}, set()
    for subject in subjects:
        for use in {duplicates.purpose(split) for split in subject.places}:
            groups.setdefault(use, []).append(subject)
    check = Check("duplicates", f"no photograph in two of train, val, test: faces differ in over {duplicates.NEAR} of "
                                f"{duplicates.BITS} bits", len(subjects))
    uses = [use for use in ("train", "val", "test") if use in groups]
    for a, b in ((a, b) for i, a in enumerate(uses) for b in uses[i + 1:]):
        pairs = {}
        first, second = ([s for s in groups[use] if s.hash is not None] for use in (a, b))
        if first and second:
            pairs = {(id(first[i]), id(second[j])): (first[i], second[j], f"{distance} bits apart") for i, j, distance in
                     duplicates.near_pairs(*(np.stack([s.hash for s in group]) for group in (first, second)))}
        by_digest = {}
        for subject in groups[a]:
            by_digest.setdefault(subject.digest, []).append(subject)
        for other in groups[b]:
            for subject in by_digest.get(other.digest, ()) if other.digest else ():
                if subject is other or duplicates.overlap(subject.box, other.box) > duplicates.SAME_FACE:
                    how = "the same face" if subject is other else "the same bytes and box"
                    pairs[id(subject), id(other)] = (subject, other, how)
                elif (id(subject), id(other)) not in pairs:
                    shared.add(subject.digest)
        for subject, other, how in pairs.values():
            if duplicates.is_known(subject.face.image, other.face.image, known):
                check.notes.append(f"a known pair: {subject.name_for(a)} and, for {b}, {other.name_for(b)}, {how}")
            else:
                check.offences.append((subject.name_for(a), f"also for {b}: {other.name_for(b)}, {how}", [subject, other]))
    if shared:
        check.notes.append(f"pictures with different faces of two of train, val, test: {len(shared)}")
    return check


def check_flip(index, subjects):
    """The layout's mirror map against the set's own mean shape."""
    check = Check("flip", "the mean shape is its own mirror image under the layout's flip map", index.landmarks)
    offences, notes = flip_offences([subject.face.points for subject in subjects], get_layout(index.layout).flip)
    check.offences += [(f"landmark {i}", why, []) for i, why in offences]
    check.notes += notes
    return check


def check_index(folder):
    """(Index, its faces, [Check]) of one index; InputError where there is none."""
    index = read_index(folder)
    get_layout(index.layout)
    subjects, lines = read_subjects(index)
    pictures = look_at_pictures(index, subjects)
    return index, subjects, [lines, pictures, check_normaliser(index, subjects), check_points(subjects), check_boxes(subjects),
                             check_duplicates(index, subjects), check_flip(index, subjects)]


def find_indexes(data):
    """{name: folder} of the index ``data``, or of those right below it."""
    folder = Path(data)
    below = {path.parent.name: path.parent for path in sorted(folder.glob(f"*/{INDEX_FILE}"))}
    return below if below and not (folder / INDEX_FILE).is_file() else {folder.name: folder}


def main(arguments=None):
    """Check, write the page where asked for, print the report; InputError where a check failed."""
    options = exits.Parser(prog="python -m data_prep.check", description="Proves an index, or says what is wrong.")
    options.add_argument("--data", required=True, help="an index, or a folder of indexes")
    options.add_argument("--page", metavar="FILE.html", help="write a page of drawn faces: some of every split, every offender")
    options.add_argument("--json", action="store_true", help="print the report as JSON, and nothing else, on stdout")
    args = options.parse_args(arguments)
    found = {name: check_index(folder) for name, folder in find_indexes(args.data).items()}
    if args.page:
        from data_prep.check_page import write_page
        write_page(args.page, found)
    records, texts = {}, []
    for name, (index, subjects, checks) in found.items():
        pictures = len({subject.face.image for subject in subjects})
        records[name] = {"data": str(index.folder), "source": index.source, "passed": all(check.passed for check in checks),
                         "faces": len(subjects), "pictures": pictures, "splits": index.splits,
                         "checks": [check.record() for check in checks]}
        texts.append("\n".join([f"{index.source} ({index.folder}): {len(subjects)} faces in {pictures} pictures",
                                *(check.text() for check in checks)]))
    single = len(records) == 1 and (Path(args.data) / INDEX_FILE).is_file()
    print(json.dumps(next(iter(records.values())) if single else records, indent=2) if args.json else "\n\n".join(texts))
    failed = [f"{check.name} ({len(check.offences)})" if single else f"{name}: {check.name} ({len(check.offences)})"
              for name, (_, _, checks) in found.items() for check in checks if not check.passed]
    if failed:
        raise InputError(args.data, f"failed: {', '.join(failed)}", "every check to pass", "mend the data, or prepare it again")


if __name__ == "__main__":
    sys.exit(exits.run(main))
