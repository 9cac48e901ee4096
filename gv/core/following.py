"""Faces that keep their number from frame to frame, and are looked for only now and then. Nothing here needs MXNet.

    from gv.core.following import follow
    for frame, faces in follow(gv.load("runs/first"), "film.mp4", smooth=True):
        ...                        # frame.number, .seconds, .image; faces[0].number, .points, .box, .scores

Looking for a face costs several times what its landmarks do. Between two looks a face is where its landmarks were in the frame
before: their rectangle, or, for a run trained on other boxes, a box that lies about them as the one did in which it was found.
A box stays where it is until the face has clearly moved in it: the landmarks of a still face would shake with it otherwise.
"""

from contextlib import closing
from dataclasses import dataclass

import numpy as np

from gv.core import geometry
from gv.core.detector import MATCH_IOU, overlap
from gv.core.errors import InputError
from gv.core.finding import FoundFace, check_box
from gv.core.smoothing import OneEuro, Smoother
from gv.core.video import Reader, Stopwatch

REDETECT = 10          # frames from look to look
LOST_SHARE = 0.65      # of its best mean score: below, a face is lost (docs/results/video.md)
MISSED_LOOKS = 3       # that a face with poor scores may be missed by: what was taken for a face does not stay
REMEMBERED = 1.0       # seconds that a lost face's number waits for it
STEADY = 0.9           # overlap of the box with the one it should be, above which it stays (docs/results/video.md)
SMALLEST_SIDE = 4      # pixels of a face
SAME_FACE = 0.5        # overlap of two faces' landmarks from which they are one


@dataclass(frozen=True)
class FollowedFace(FoundFace):
    """A face of a frame. number: from 0, its own as long as it is followed, and where it is found again within a second."""

    number: int = 0


class _Track:
    """A face that is followed. box: to crop next. seen: the box in which a look found it, until the frame is done.

    rectangle: its last landmarks' square. about: how the boxes in which it was found lie about its landmarks, the mean over
    ``looks`` of (dx, dy, width, height) in sides of the landmarks' square, dx and dy between the centres. best: its best mean
    score. missed: by how many looks in a row.
    """

    def __init__(self, number, box):
        self.number, self.box, self.seen, self.rectangle = number, box, box, geometry.square_box(box)
        self.about, self.looks, self.best, self.missed, self.smoother = np.zeros(4), 0, 0.0, 0, None

    def note(self, points):
        """How the box in which it was just seen lies about its landmarks."""
        x0, y0, x1, y1 = geometry.square_box(_rectangle(points))
        left, top, right, bottom = self.seen
        lies = np.array([left + right - x0 - x1, top + bottom - y0 - y1, 2 * (right - left), 2 * (bottom - top)]) / 2 / (x1 - x0)
        self.looks, self.seen = self.looks + 1, None
        self.about = self.about + (lies - self.about) / self.looks

    def box_about(self, points):
        """The box that lies about landmarks as those do in which it was found."""
        x0, y0, x1, y1 = geometry.square_box(_rectangle(points))
        dx, dy, width, height = self.about * (x1 - x0)
        cx, cy = (x0 + x1) / 2 + dx, (y0 + y1) / 2 + dy
        return (cx - width / 2, cy - height / 2, cx + width / 2, cy + height / 2)


class Follower:
    """Called frame by frame with a video's pictures.

    finder: what ``gv.load`` gives. redetect: frames from look to look; 1: every frame is taken by itself, and faces only keep
    their numbers. boxes: those of the faces in the first frame; then none is ever looked for, and one that is lost is tried where
    it was last. smooth: a ``OneEuro``, True for its defaults, or None. watch: times "detect" and "net".
    """

    def __init__(self, finder, redetect=REDETECT, boxes=None, smooth=None, watch=None):
        if redetect < 1:
            raise InputError("--redetect", redetect, "at least 1")
        self.finder, self.redetect, self.fixed = finder, redetect, boxes is not None
        self.alone = redetect == 1 and not self.fixed      # every frame by itself
        self.smooth, self.watch = OneEuro() if smooth is True else smooth or None, watch or Stopwatch()
        self.tracks, self.gone, self.since, self.numbers, self.best = [], [], 0, 0, 0.0
        for box in boxes or ():
            self._begin(tuple(float(v) for v in box))

    def __call__(self, image, seconds):
        """[FollowedFace, ...] of the next frame (H, W, 3) uint8 RGB, by number. seconds: its time."""
        self.gone = [one for one in self.gone if seconds - one[1] <= REMEMBERED]
        self.since += 1
        looked = not self.fixed and (not self.tracks or self.since >= self.redetect)
        if looked:
            self._look(image, seconds)
        read = self._read(image, self.tracks)
        faces = [(track, face) for track, face in read if not self._is_lost(track, face, image)]
        for track in {track for track, _ in read} - {track for track, _ in faces}:
            self._end(track, seconds)
        if len(faces) < len(read) and not looked and not self.fixed:
            faces += self._read(image, self._look(image, seconds))
        shown = []
        for track, face in sorted(faces, key=lambda pair: pair[0].number):
            square = geometry.square_box(_rectangle(face.points))
            if any(overlap(square, other.rectangle) >= SAME_FACE for other, _ in shown):
                self._end(track, seconds)
                continue
            track.rectangle = square
            shown.append((track, face))
        return [self._follow(track, face, image, seconds) for track, face in shown]

    def _look(self, image, seconds):
        """Look for faces; those that are new, as tracks."""
        with self.watch("detect"):
            boxes = self.finder.faces(image)
        self.since, fresh, missed = 0, [], list(self.tracks)
        for box in boxes:
            track = _nearest(missed, box)
            if track:
                missed.remove(track)
                track.missed, track.seen = 0, box
                track.box = box if self.alone else track.box
            else:
                fresh.append(box)
        for track in missed:
            track.missed += 1
            if self.alone:
                self._end(track, seconds)
        return [self._begin(box) for box in fresh]

    def _begin(self, box):
        """A new track, with the number of a face that was lost here a moment ago, or the next one."""
        known = _nearest([track for track, _ in self.gone], box)
        self.gone = [one for one in self.gone if one[0] is not known]
        self.tracks.append(_Track(known.number if known else self.numbers, box))
        self.numbers += not known
        return self.tracks[-1]

    def _end(self, track, seconds):
        """A face is lost: nothing of it is kept but its number, and, where none is looked for, its box."""
        track.smoother = None
        if not self.fixed:
            self.tracks.remove(track)
            self.gone.append((track, seconds))

    def _read(self, image, tracks):
        """[(track, FoundFace), ...] of the tracks' boxes."""
        with self.watch("net"):
            return list(zip(tracks, self.finder(image, [track.box for track in tracks]))) if tracks else []

    def _next_box(self, track, points):
        return _rectangle(points) if self.finder.crop.boxes == "landmarks" else track.box_about(points)

    def _is_lost(self, track, face, image):
        """Whether what was read in a box is a face no more: poor scores, or landmarks that have left the box or the picture."""
        if self.alone or not track.looks:      # just found
            return False
        score = np.mean(face.scores)
        if score < LOST_SHARE * track.best or track.missed >= MISSED_LOOKS and not score >= LOST_SHARE * self.best:
            return True
        x0, y0, x1, y1 = _rectangle(face.points)
        inside = 0 <= x0 + x1 <= 2 * image.shape[1] and 0 <= y0 + y1 <= 2 * image.shape[0]
        box = self._next_box(track, face.points)
        if not inside or min(x1 - x0, y1 - y0) < SMALLEST_SIDE or not _is_usable(box, image):
            return True
        return overlap(geometry.square_box(box), geometry.square_box(face.box)) < MATCH_IOU

    def _follow(self, track, face, image, seconds):
        """The face as it is given out, after its track has learnt where to look next."""
        if track.seen:
            track.note(face.points)
        box = self._next_box(track, face.points)
        moved = overlap(geometry.square_box(box), geometry.square_box(track.box)) < STEADY
        if moved and not self.alone and _is_usable(box, image):
            track.box = box
        track.best = max(track.best, float(np.mean(face.scores)))      # which of NaN stays what it is
        self.best = max(self.best, track.best)
        points = face.points
        if self.smooth:
            track.smoother = track.smoother or Smoother(self.smooth)
            points = track.smoother(points, seconds, track.rectangle[2] - track.rectangle[0])
        return FollowedFace(points, face.box, face.scores, track.number)


def _rectangle(points):
    """The landmarks' rectangle; of a net that has learnt nothing, whose points may all be one, with sides of a pixel."""
    x0, y0, x1, y1 = geometry.tight_box(points)
    return (x0, y0, max(x1, x0 + 1), max(y1, y0 + 1))


def _is_usable(box, image):
    """Whether there is something of the picture in a box."""
    try:
        return bool(check_box(box, image))
    except InputError:
        return False


def _nearest(tracks, box):
    """The track whose box overlaps another one most, or None below MATCH_IOU."""
    square = geometry.square_box(box)
    shared, near = max(((overlap(geometry.square_box(track.box), square), -track.number, track) for track in tracks),
                       default=(0.0, 0, None))[::2]
    return near if shared >= MATCH_IOU else None


def follow(finder, source, redetect=REDETECT, boxes=None, smooth=None):
    """(Frame, [FollowedFace, ...]) of each frame of a video file or camera; see ``video.Reader`` and ``Follower``."""
    follower = Follower(finder, redetect, boxes, smooth)
    with closing(Reader(source)) as reader:
        for frame in reader:
            yield frame, follower(frame.image, frame.seconds)
