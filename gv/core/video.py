"""Frames of a video file or a camera, and frames into a file. OpenCV does both; nothing here needs MXNet."""

import os
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from gv.core.errors import InputError, one_of
from gv.core.files import replacing

# of what OpenCV's own wheels can write: MPEG-4 Part 2, Motion JPEG and VP8, of which browsers play the last alone
CODECS = {".mp4": "mp4v", ".m4v": "mp4v", ".mov": "mp4v", ".mkv": "mp4v", ".avi": "MJPG", ".webm": "VP80"}
USUAL_FPS, FASTEST = 25.0, 1000.0      # where a file or a camera says none, or one that cannot be
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")     # silent; read when OpenCV first opens a video
WHOLE = 0.98                           # of the frames that a file announces, some of which are estimates


@dataclass(frozen=True)
class Frame:
    """number: from 0. seconds: since the first frame. image: (H, W, 3) uint8 RGB."""

    number: int
    seconds: float
    image: np.ndarray


class Stopwatch:
    """Adds up what steps take: ``with watch("net"): ...``.

    seconds: {step: in all}; cpu: the same of the process's own time, which tells what a step costs beside other work.
    """

    def __init__(self):
        self.seconds, self.cpu = {}, {}

    @contextmanager
    def __call__(self, step):
        begin, began = time.perf_counter(), time.process_time()
        try:
            yield
        finally:
            self.seconds[step] = self.seconds.get(step, 0.0) + time.perf_counter() - begin
            self.cpu[step] = self.cpu.get(step, 0.0) + time.process_time() - began


@contextmanager
def _quiet():
    """OpenCV and FFmpeg write to stderr by themselves what is said here in one line."""
    before = os.dup(2)
    try:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(before, 2)
        os.close(before)


class Reader:
    """The frames of a video, once. Close it.

    source: a file's path, or a camera's number as an int or digits, unless a file is so called. live: whether it is a camera,
    whose frames have the time they came at. fps; size: (width, height); count: of frames, as the file announces it, or None.
    InputError for a file that is missing, no video or without a frame, and for a camera that is not there.
    """

    def __init__(self, source):
        self.name, text = str(source), str(source)
        self.live = text.isdigit() and not os.path.exists(text)
        if not self.live and not os.path.isfile(text):
            raise InputError(f"--video {text}", "a folder" if os.path.isdir(text) else "no such file",
                             "a video file, or a camera's number such as 0")
        with _quiet():
            self._capture = cv2.VideoCapture(int(text)) if self.live else cv2.VideoCapture(text, cv2.CAP_FFMPEG)
            opened = self._capture.isOpened()
            self._first = self._read() if opened else None
        if self._first is None:
            self.close()
            if self.live:
                raise InputError(f"--video {text}", "no camera" if not opened else "the camera gives no picture",
                                 "the number of a camera that no other program uses")
            raise InputError(f"--video {text}", "a video without a frame that can be read" if opened else "not a video",
                             f"a file that FFmpeg reads, such as {', '.join(CODECS)}")
        self.size = self._first.shape[1::-1]
        fps, count = self._capture.get(cv2.CAP_PROP_FPS), self._capture.get(cv2.CAP_PROP_FRAME_COUNT)
        self.fps = float(fps) if 0 < fps < FASTEST else USUAL_FPS
        self.count = int(count) if not self.live and 0 < count < 1e9 else None

    def _read(self):
        """The next frame's pixels, RGB, or None."""
        done, image = self._capture.read()
        return cv2.cvtColor(image, cv2.COLOR_BGR2RGB) if done else None

    def __iter__(self):
        """Frames up to the end. InputError where their size changes."""
        image, self._first = self._first, None
        number, began, last = 0, None, -1 / self.fps
        while image is not None:
            if image.shape[1::-1] != self.size:
                raise InputError(f"--video {self.name}", f"frame {number} has {image.shape[1]} x {image.shape[0]} pixels",
                                 f"{self.size[0]} x {self.size[1]}, as the first has")
            now = time.monotonic() if self.live else self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
            began = now if began is None else began
            # files without times of their own, and some versions of OpenCV, say nothing of use
            last = now - began if now - began > last else last + 1 / self.fps
            yield Frame(number, last, image)
            image, number = self._read(), number + 1

    def is_cut_short(self, frames):
        """Whether so many frames are clearly fewer than the file announces."""
        return self.count is not None and frames < WHOLE * self.count - 1

    def close(self):
        """Let go of the file or the camera."""
        self._capture.release()


def check_target(path):
    """InputError where no video can be written under a name: its ending is none of CODECS, or it is taken."""
    suffix = Path(path).suffix.lower()
    one_of(f"--out {path}", suffix, CODECS, "a video's name that ends in")
    if os.path.lexists(path):
        raise InputError(f"--out {path}", "is there already", "a name not yet taken")


@contextmanager
def writing(path, fps, size):
    """A function of (H, W, 3) uint8 RGB that adds a frame to a video file, which is whole or not there.

    size: (width, height); of an odd one, the last column or row is left out, which codecs want. InputError where it cannot be
    written.
    """
    check_target(path)
    path, (width, height) = Path(path), size
    with replacing(path) as temporary:
        named = temporary.with_name(temporary.name + path.suffix)       # by its ending, the kind of file is known
        try:
            with _quiet():
                writer = cv2.VideoWriter(str(named), cv2.CAP_FFMPEG, cv2.VideoWriter_fourcc(*CODECS[path.suffix.lower()]), fps,
                                         (width - width % 2, height - height % 2))
            if not writer.isOpened():
                raise InputError(f"--out {path}", f"cannot be written as a video of {width} x {height} pixels",
                                 f"a folder that can be written to, and one of {', '.join(CODECS)}")
            frames = 0

            def write(image):
                nonlocal frames
                writer.write(cv2.cvtColor(image[:height - height % 2, :width - width % 2], cv2.COLOR_RGB2BGR))
                frames += 1
            try:
                yield write
            finally:
                with _quiet():
                    writer.release()
            _check_whole(named, path, frames)
            os.replace(named, temporary)
        finally:
            named.unlink(missing_ok=True)


def _check_whole(written, path, frames):
    """InputError where a file that was written has not all its frames, as on a full disk, of which OpenCV says nothing."""
    with _quiet():
        capture = cv2.VideoCapture(str(written), cv2.CAP_FFMPEG)
        found = capture.get(cv2.CAP_PROP_FRAME_COUNT) if capture.isOpened() and capture.read()[0] else 0
        capture.release()
    if found < WHOLE * frames - 1:
        raise InputError(f"--out {path}", f"{found:.0f} of {frames} frames could be written", "room on the disk")
