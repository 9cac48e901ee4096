"""Videos: frames in and out, faces that keep their numbers, smoothing, the command, and what it says to bad input."""

import csv
import itertools
import json
import os
import resource
import signal
import subprocess
import sys
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from helpers import ROOT, child_environment, make_index, template, train_tiny
from hypothesis import given as examples
from hypothesis import strategies as st

import gv
from anchorface import cli as anchorface_cli
from experiments.studies import video as study
from gv import cli
from gv.core import draw, filming, following, geometry, video
from gv.core.errors import InputError
from gv.core.faces import read_split
from gv.core.finding import FEW_STEPS, Finder
from gv.core.pictures import Crop, read_picture
from gv.core.smoothing import OneEuro, Smoother

SIZE, FPS = (160, 120), 12.5
GOOD, POOR = 0.8, 0.2


def scene(*squares):
    """A picture with a bright square at each (x, y, side), 0-based pixels of its first corner."""
    picture = np.full((SIZE[1], SIZE[0], 3), 20, np.uint8)
    for x, y, side in squares:
        picture[max(0, y):max(0, y + side), max(0, x):max(0, x + side)] = 220
    return picture


class Squares(Finder):
    """Takes bright squares for faces, with 68 landmarks that fill them, and dark crops for no face. Needs no MXNet.

    larger: so much larger than the squares are the boxes that it wants and gives.
    """

    steps = FEW_STEPS

    def __init__(self, boxes="landmarks", larger=1.0):
        super().__init__()
        self.kind = Crop(size=64, boxes=boxes, enlarge=0.5 if larger == 1 else 0.0)
        self.larger, self.looks, self.more = larger, 0, []

    @property
    def crop(self):
        return self.kind

    def faces(self, image):
        self.looks += 1
        found = cv2.connectedComponentsWithStats((image[..., 1] > 128).astype(np.uint8))[2][1:]
        boxes = [(x - 0.5, y - 0.5, x + w - 0.5, y + h - 0.5) for x, y, w, h, _ in found.tolist()]
        return [geometry.resize_box(box, self.larger) for box in boxes] + self.more

    def read(self, crops):
        unit = template() - template().min(0)
        unit, points, scores = unit / unit.max(0), [], []
        for crop in crops:
            rows, columns = np.nonzero(crop[..., 1] > 128)
            there = len(rows) > 100
            x0, y0, x1, y1 = (columns.min(), rows.min(), columns.max(), rows.max()) if there else (0, 0, 63, 63)
            points.append(np.array([x0, y0]) - 0.5 + unit * (x1 - x0 + 1, y1 - y0 + 1))
            scores.append(np.full(68, GOOD if there else POOR))
        return np.array(points), np.array(scores)


@pytest.fixture
def run(monkeypatch):
    """The arguments that name a run, whose net is a stand-in."""
    monkeypatch.setattr(filming, "open_finder", lambda *arguments: Squares())
    return ["predict", "--run", "a-run", "--threads", "1"]


def write_film(path, pictures, fps=FPS):
    """Without loss of a bit."""
    height, width = pictures[0].shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter_fourcc(*"FFV1"), fps, (width, height))
    assert writer.isOpened()
    for picture in pictures:
        writer.write(picture[..., ::-1])
    writer.release()
    return path


MOVING = [scene((20 + 3 * i, 30 + i, 50)) for i in range(20)]


@pytest.fixture
def film(tmp_path):
    return write_film(tmp_path / "film.mkv", MOVING)


# --- frames

def test_a_file_is_read_as_it_was_written(film):
    reader = video.Reader(film)
    assert (reader.size, reader.fps, reader.count, reader.live) == (SIZE, FPS, 20, False)
    frames = list(reader)
    assert [frame.number for frame in frames] == list(range(20))
    np.testing.assert_allclose([frame.seconds for frame in frames], np.arange(20) / FPS, atol=1e-3)
    assert all(np.abs(frame.image.astype(int) - picture).max() <= 2 for frame, picture in zip(frames, MOVING))
    assert not reader.is_cut_short(20) and reader.is_cut_short(10)


@pytest.mark.parametrize("suffix", sorted(video.CODECS))
def test_a_file_is_written_in_every_kind_and_without_a_word(tmp_path, suffix, capfd):
    path = tmp_path / f"out{suffix}"
    with video.writing(path, FPS, SIZE) as write:
        for picture in MOVING:
            write(picture)
        assert not path.exists()
    reader = video.Reader(path)
    assert reader.size == SIZE and reader.fps == pytest.approx(FPS, rel=1e-3)
    frames = list(reader)
    assert len(frames) == 20
    assert np.abs(frames[7].image.astype(int) - MOVING[7]).mean() < 6     # it is the same frame, and RGB
    assert capfd.readouterr() == ("", "") and [one.name for one in tmp_path.iterdir()] == [path.name]


def test_odd_sides_lose_a_pixel(tmp_path):
    with video.writing(tmp_path / "odd.mp4", 10, (101, 75)) as write:
        write(np.zeros((75, 101, 3), np.uint8))
    assert video.Reader(tmp_path / "odd.mp4").size == (100, 74)


def test_a_file_is_whole_or_not_there(tmp_path):
    with pytest.raises(ZeroDivisionError), video.writing(tmp_path / "out.mp4", FPS, SIZE) as write:
        write(MOVING[0])
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_noticed(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (20, SIZE[1], SIZE[0], 3)).astype(np.uint8)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (60000, limits[1]))
    try:
        with pytest.raises(InputError, match="could be written.*room on the disk"), \
                video.writing(tmp_path / "out.avi", FPS, SIZE) as write:
            for picture in noise:
                write(picture)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == []


# --- following

def boxes_of(faces):
    return [geometry.tight_box(face.points) for face in faces]


def test_a_face_is_followed_and_looked_for_now_and_then():
    finder = Squares()
    follower = following.Follower(finder, redetect=8)
    for i, picture in enumerate(MOVING):
        face, = follower(picture, i / FPS)
        assert face.number == 0
        np.testing.assert_allclose(geometry.tight_box(face.points), (19.5 + 3 * i, 29.5 + i, 69.5 + 3 * i, 79.5 + i), atol=1.2)
    assert finder.looks == 3        # frames 0, 8, 16
    assert face.box != tuple(finder.faces(MOVING[-1])[0])       # where it was a frame ago, or before


def test_every_frame_by_itself_is_the_picture():
    finder = Squares()
    follower = following.Follower(finder, redetect=1)
    for i, picture in enumerate(MOVING):
        (face,), (alone,) = follower(picture, i / FPS), finder(picture)
        assert np.array_equal(face.points, alone.points) and face.box == alone.box and face.number == 0


def test_a_still_video_says_what_the_picture_says(tmp_path, monkeypatch):
    """A real net, from the file to smoothed landmarks."""
    index = make_index(tmp_path, train=12, common=1)
    train_tiny(tmp_path / "run", index)
    picture = read_picture(index.folder / read_split(index, "common")[0].image)
    box = (18.0, 20.0, 76.0, 80.0)
    finder = gv.load(tmp_path / "run")
    monkeypatch.setattr(finder, "faces", lambda image: [box])
    alone, = finder(picture, [box])
    film = write_film(tmp_path / "still.mkv", [picture] * 9)
    found = list(following.follow(finder, film, redetect=1, smooth=True))
    assert len(found) == 9
    for frame, (face,) in found:
        assert np.array_equal(frame.image, picture)
        np.testing.assert_allclose(face.points, alone.points, atol=1e-9)
        assert (face.number, face.box) == (0, box) and np.array_equal(face.scores, alone.scores)


def test_the_landmarks_of_a_still_face_stand_still_where_it_is_followed():
    follower = following.Follower(Squares(), redetect=3)
    found = [follower(scene((40, 30, 50)), i / FPS)[0] for i in range(9)]
    assert all(np.array_equal(face.points, found[1].points) for face in found[2:])
    np.testing.assert_allclose(found[1].points, found[0].points, atol=1)


def test_a_lost_face_is_looked_for_at_once_and_keeps_its_number_for_a_second():
    finder = Squares()
    follower = following.Follower(finder, redetect=100)
    assert [face.number for face in follower(scene((20, 20, 40)), 0.0)] == [0]
    assert follower(scene(), 0.1) == [] and finder.looks == 2
    assert follower(scene(), 0.2) == [] and finder.looks == 3         # with no face, every frame is searched
    assert [face.number for face in follower(scene((25, 20, 40)), 0.5)] == [0]
    assert [face.number for face in follower(scene((110, 70, 40)), 0.6)] == [1]        # a jump: another face
    np.testing.assert_allclose(boxes_of(follower(scene((110, 70, 40)), 0.7)), [(109.5, 69.5, 149.5, 109.5)], atol=1.2)
    assert follower(scene(), 1.0) == []
    assert [face.number for face in follower(scene((110, 70, 40)), 2.5)] == [2]        # after more than a second


def test_faces_are_told_apart_and_a_new_one_is_found_at_the_next_look():
    follower = following.Follower(Squares(), redetect=4)
    seen = []
    for i in range(12):
        first, second = (10 + 2 * i, 10, 40), (100 - 2 * i, 70, 40)
        seen.append([(face.number, round(face.points[:, 1].mean()) > 60) for face in
                     follower(scene(*([first] if i < 2 else [first, second])), i / FPS)])
    assert seen[:4] == [[(0, False)]] * 4 and seen[4:] == [[(0, False), (1, True)]] * 8


def test_smoothing_begins_anew_with_another_face():
    follower = following.Follower(Squares(), redetect=100, smooth=OneEuro(0.01, 0.0))
    for i in range(3):
        follower(scene((20, 20, 40)), i / FPS)
    face, = follower(scene((100, 60, 40)), 3 / FPS)
    np.testing.assert_allclose(geometry.tight_box(face.points), (99.5, 59.5, 139.5, 99.5), atol=1.2)
    face, = follower(scene((110, 60, 40)), 4 / FPS)         # the same face: held back by so low a cutoff
    assert geometry.tight_box(face.points)[0] < 101


def test_what_was_taken_for_a_face_does_not_stay():
    finder = Squares()
    finder.more = [(100.0, 60.0, 150.0, 110.0)]
    follower = following.Follower(finder, redetect=2)
    counts = []
    for i in range(12):
        counts.append(len(follower(scene((20, 20, 40)), i / FPS)))
        finder.more = []
    assert counts[0] == 2 and counts[-1] == 1 and sorted(counts, reverse=True) == counts


def test_a_box_of_another_kind_goes_with_the_face():
    finder = Squares("index", larger=1.5)
    follower = following.Follower(finder, redetect=100)
    for i, picture in enumerate(MOVING):
        face, = follower(picture, i / FPS)
        assert face.box[2] - face.box[0] == pytest.approx(75, abs=3)
        np.testing.assert_allclose(geometry.tight_box(face.points), (19.5 + 3 * i, 29.5 + i, 69.5 + 3 * i, 79.5 + i), atol=2.5)
    assert finder.looks == 1


@pytest.mark.parametrize("redetect", [1, 2, 100])
@pytest.mark.parametrize("kind", ["landmarks", "index"])
@pytest.mark.parametrize("place", [0.0, 31.5, -400.0, 900.0])
def test_a_net_that_has_learnt_nothing_stops_no_video(redetect, kind, place):
    finder = Squares(kind)
    finder.read = lambda crops: (np.full((len(crops), 68, 2), place), np.full((len(crops), 68), np.nan))
    follower = following.Follower(finder, redetect, smooth=True)
    for i, picture in enumerate(MOVING):
        assert len(follower(picture, i / FPS)) == 1


def test_given_boxes_alone_are_followed_and_tried_again_where_they_were():
    finder = Squares()
    follower = following.Follower(finder, boxes=[(19.5, 19.5, 59.5, 59.5)])
    seen = [len(follower(picture, i / FPS)) for i, picture in enumerate(
        [scene((20, 20, 40), (100, 60, 50)), scene((24, 20, 40), (100, 60, 50)), scene(), scene(), scene((24, 22, 40))])]
    assert seen == [1, 1, 0, 0, 1] and finder.looks == 0


# --- smoothing

SHAPE = template() * 50 + 100


def smooth(shapes, options=None, step=1 / 30, side=100):
    smoother = Smoother(options or OneEuro())
    return np.array([smoother(points, i * step, side) for i, points in enumerate(shapes)])


@examples(st.floats(0.01, 20), st.floats(0, 200), st.floats(0.01, 5))
def test_what_stands_still_stays(min_cutoff, beta, d_cutoff):
    assert np.array_equal(smooth([SHAPE] * 5, OneEuro(min_cutoff, beta, d_cutoff)), [SHAPE] * 5)


def test_noise_is_less_and_a_step_is_reached():
    rng = np.random.default_rng(0)
    noisy = SHAPE + rng.normal(0, 1, (200, 68, 2))
    assert smooth(noisy)[20:].std(0).mean() < 0.5 * noisy.std(0).mean()
    step = np.array([SHAPE] * 10 + [SHAPE + 40] * 60)
    found = smooth(step)[:, :, 0] - SHAPE[:, 0]
    assert (np.diff(found[9:], axis=0) >= 0).all() and np.abs(found[-1] - 40).max() < 1
    assert found[12].mean() > 30                     # three frames after a jump of 0.4 of the side


def test_it_lags_less_at_speed_where_beta_says_so():
    path = SHAPE + np.arange(60)[:, None, None] * 4.0
    behind = {beta: (path - smooth(path, OneEuro(0.5, beta)))[-1].mean() for beta in (0.0, 5.0, 50.0)}
    assert behind[0.0] > 3 * behind[5.0] > 6 * behind[50.0] > 0


def test_each_landmark_has_a_cutoff_of_its_own():
    path = np.array([SHAPE] * 40)
    path[:, 5] += np.arange(40)[:, None] * 5.0
    path[:, 60] += np.random.default_rng(1).normal(0, 1, (40, 2))
    both = smooth(path)
    alone = np.array([SHAPE] * 40)
    alone[:, 60] = path[:, 60]
    assert np.array_equal(both[:, 60], smooth(alone)[:, 60])


def test_time_counts_not_frames():
    """Frames twice as far apart, at the same speed, come out about the same; no time, no change; sizes do not matter."""
    seconds = np.arange(0, 2, 1 / 120)
    path = SHAPE + 30 * np.sin(2 * np.pi * 0.5 * seconds)[:, None, None]
    every, second = smooth(path, step=1 / 120)[::4], smooth(path[::4], step=1 / 30)
    as_if_of_the_same_rate = smooth(path[::4], step=1 / 120)
    assert np.abs(every - second).mean() < 0.5 * np.abs(every - as_if_of_the_same_rate).mean()
    smoother = Smoother(OneEuro())
    before = smoother(SHAPE, 1.0, 100)
    assert np.array_equal(smoother(SHAPE + 9, 1.0, 100), before)
    np.testing.assert_allclose(smooth(path * 3, side=300), smooth(path, side=100) * 3, atol=1e-9)


def test_the_papers_filter_by_hand():
    """One coordinate by the pseudo-code of the paper's appendix, its speed in sides."""
    values, rate, options = [0.0, 2.0, 3.0, 7.0], 30.0, OneEuro(1.5, 4.0, 1.0)

    def alpha(cutoff):
        return 1.0 / (1.0 + (1.0 / (2 * np.pi * cutoff)) * rate)

    held, slope, expected = values[0], 0.0, [values[0]]
    for value in values[1:]:
        slope = alpha(options.d_cutoff) * (value - held) * rate + (1 - alpha(options.d_cutoff)) * slope
        part = alpha(options.min_cutoff + options.beta * abs(slope) / 50)
        held = part * value + (1 - part) * held
        expected.append(held)
    found = smooth([np.array([[value, 0.0]]) for value in values], options, 1 / rate, 50)
    np.testing.assert_allclose(found[:, 0, 0], expected, atol=1e-12)


@pytest.mark.parametrize("options", [{"min_cutoff": 0.0}, {"beta": -1.0}, {"d_cutoff": 0.0}])
def test_figures_that_are_none(options):
    with pytest.raises(InputError, match=f"--smooth {list(options)[0]}"):
        OneEuro(**options)


# --- the command

@pytest.mark.parametrize("command", [cli.main, anchorface_cli.main])
def test_a_video_in_is_a_video_out(run, film, tmp_path, capfd, command):
    out, found = tmp_path / "drawn.mp4", tmp_path / "found.csv"
    assert command([*run, "--video", str(film), "--out", str(out), "--save", str(found)]) == 0
    said = capfd.readouterr()
    assert said.out.splitlines()[:2] == [f"{film}: 20 frames of 160 x 120 pixels, 12.5 a second",
                                         "  faces in 20 of them, at most 1 at once, 1 told apart"]
    assert f"drawn: {out}" in said.out and f"written: {found}" in said.out and said.err == ""
    reader = video.Reader(out)
    assert (reader.size, reader.fps) == (SIZE, FPS) and len(list(reader)) == reader.count == 20
    drawn = list(video.Reader(out))[10].image.astype(int)
    assert ((drawn[..., 1] - drawn[..., 0]) > 60).sum() > 30        # green
    with open(found, newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert [int(row["frame"]) for row in rows] == list(range(20)) and {row["face"] for row in rows} == {"0"}
    np.testing.assert_allclose([float(row["seconds"]) for row in rows], np.arange(20) / FPS, atol=1e-3)
    np.testing.assert_allclose([min(float(row[f"x_{i}"]) for i in range(68)) for row in rows], 19.5 + 3 * np.arange(20), atol=1.2)


def test_a_video_as_json(run, film, tmp_path, capfd):
    assert cli.main([*run, "--video", str(film), "--json", "--frames", "7", "--save", str(tmp_path / "found.jsonl")]) == 0
    report = json.loads(capfd.readouterr().out)
    assert report["count"] == 7 and report["size"] == list(SIZE) and report["fps"] == FPS and report["frames_a_second"] > 0
    assert {"read", "detect", "net"} == set(report["milliseconds"]) == set(report["cpu_milliseconds"])
    assert [frame["frame"] for frame in report["frames"]] == list(range(7))
    saved = [json.loads(line) for line in (tmp_path / "found.jsonl").read_text().splitlines()]
    for line, frame in zip(saved, report["frames"]):
        assert (line["frame"], line["seconds"], line["face"]) == (frame["frame"], frame["seconds"], frame["faces"][0]["face"])
        np.testing.assert_allclose(line["points"], frame["faces"][0]["points"], atol=1e-3)


def test_options_of_following_and_smoothing_reach_their_place(run, film, tmp_path, capfd, monkeypatch):
    made = []

    def make(finder, **options):
        made.append(options)
        return following.Follower(finder, **options)

    monkeypatch.setattr(filming, "Follower", make)
    for given in ([], ["--redetect", "3", "--smooth"], ["--smooth", "beta=7,min_cutoff=2"], ["--box", "10,20,70,80"]):
        assert cli.main([*run, "--video", str(film), "--json", *given]) == 0
    assert [(one["redetect"], one["smooth"], one["boxes"]) for one in made] == [
        (10, None, None), (3, OneEuro(), None), (10, OneEuro(2.0, 7.0), None), (10, None, [(10, 20, 70, 80)])]


@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_end_that_is_asked_for_keeps_what_is_done(run, film, tmp_path, capfd, monkeypatch, number, code):
    find, frames = following.Follower.__call__, itertools.count()

    def interrupt(self, *arguments):
        if next(frames) == 5:
            os.kill(os.getpid(), number)
        return find(self, *arguments)

    monkeypatch.setattr(following.Follower, "__call__", interrupt)
    out, found = tmp_path / "drawn.avi", tmp_path / "found.jsonl"
    assert cli.main([*run, "--video", str(film), "--out", str(out), "--save", str(found), "--json"]) == code
    said = capfd.readouterr()
    assert len(said.err.splitlines()) == 1 and f"{out} and {found} has the 6 frames up to here" in said.err
    assert len(list(video.Reader(out))) == 6 == len(found.read_text().splitlines()) == len(json.loads(said.out)["frames"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["drawn.avi", "film.mkv", "found.jsonl"]


def test_a_camera_whose_frames_come_as_they_can(run, tmp_path, capfd, monkeypatch):
    """Ten a second of a camera that says thirty: the film of it has thirty a second, and lasts as long."""
    clock, opened, real = itertools.count(), [], cv2.VideoCapture

    class Camera:
        def __init__(self, number):
            opened.append(number)
            self.left = 12

        def isOpened(self):
            return True

        def read(self):
            self.left -= 1
            return self.left >= 0, scene((20 + self.left, 30, 50))[..., ::-1].copy() if self.left >= 0 else None

        def get(self, what):
            return {cv2.CAP_PROP_FPS: 30.0, cv2.CAP_PROP_FRAME_COUNT: -1.0}.get(what, 0.0)

        def release(self):
            opened.append("released")

    def capture(source, *more):
        return real(source, *more) if isinstance(source, str) else Camera(source)

    monkeypatch.setattr(cv2, "VideoCapture", capture)
    monkeypatch.setattr(video, "time", SimpleNamespace(monotonic=lambda: next(clock) / 10, perf_counter=video.time.perf_counter,
                                                process_time=video.time.process_time))
    monkeypatch.chdir(tmp_path)
    assert cli.main([*run, "--video", "0", "--out", "drawn.mp4", "--save", "found.csv"]) == 0
    assert "0: 12 frames of 160 x 120 pixels, 30 a second" in capfd.readouterr().out
    assert opened[0] == 0 and opened[-1] == "released"
    assert len(list(video.Reader("drawn.mp4"))) == 34      # 11 tenths of a second, both ends
    with open("found.csv", newline="") as lines:
        np.testing.assert_allclose([float(row["seconds"]) for row in csv.DictReader(lines)], np.arange(12) / 10, atol=1e-6)


def test_a_file_that_is_cut_short_is_done_as_far_as_it_goes(run, tmp_path, capfd):
    with video.writing(tmp_path / "whole.avi", FPS, SIZE) as write:
        for picture in MOVING * 2:
            write(picture)
    data = (tmp_path / "whole.avi").read_bytes()
    (tmp_path / "cut.avi").write_bytes(data[:len(data) // 2])
    assert cli.main([*run, "--video", str(tmp_path / "cut.avi"), "--out", str(tmp_path / "drawn.mp4"), "--json"]) == 2
    said = capfd.readouterr()
    count = json.loads(said.out)["count"]
    assert 10 < count < 30 and len(said.err.splitlines()) == 1 and f"ends after {count} of 40 frames" in said.err
    assert len(list(video.Reader(tmp_path / "drawn.mp4"))) == count


@pytest.mark.parametrize("arguments, words", [
    (["--video", "none.mp4", "--json"], "--video none.mp4: no such file"),
    (["--video", ".", "--json"], "--video .: a folder"),
    (["--video", "text.mp4", "--json"], "not a video"),
    (["--video", "empty.mp4", "--json"], "not a video"),
    (["--video", "headers.avi", "--json"], "a video"),
    (["--video", "77", "--json"], ["--video 77: no camera", "no other program"]),
    (["--video", "film.mkv"], "nothing would be kept"),
    (["--video", "film.mkv", "--out", "there.mp4"], "--out there.mp4: is there already"),
    (["--video", "film.mkv", "--out", "film.mkv"], "is there already"),
    (["--video", "film.mkv", "--out", "drawn"], [".mp4", ".avi"]),
    (["--video", "film.mkv", "--out", "drawn.gif"], '".gif"'),
    (["--video", "film.mkv", "--out", "there.mp4/drawn.mp4"], "there.mp4"),
    (["--video", "film.mkv", "--save", "found.txt"], "--save"),
    (["--video", "film.mkv", "--json", "a.png"], "IMAGE: given with --video"),
    (["--video", "film.mkv", "--json", "--boxes", "b.csv"], "--boxes: given with --video"),
    (["--video", "film.mkv", "--json", "--pts", "points"], "--pts"),
    (["--video", "film.mkv", "--json", "--recursive"], "--recursive"),
    (["--video", "film.mkv", "--json", "--redetect", "0"], "--redetect: 0"),
    (["--video", "film.mkv", "--json", "--redetect", "4", "--box", "1,2,30,40"], "--redetect: given with --box"),
    (["--video", "film.mkv", "--json", "--box", "1,2,30"], "x0,y0,x1,y1"),
    (["--video", "film.mkv", "--json", "--box", "900,900,990,990"], "outside the picture"),
    (["--video", "film.mkv", "--json", "--frames", "0"], "--frames: 0"),
    (["--video", "film.mkv", "--json", "--smooth", "alpha=3"], '"alpha"'),
    (["--video", "film.mkv", "--json", "--smooth", "beta"], "key=value"),
    (["--video", "film.mkv", "--json", "--smooth", "beta=x"], "beta"),
    (["--video", "film.mkv", "--json", "--smooth", "min_cutoff=0"], "--smooth min_cutoff: 0"),
])
def test_bad_input_is_one_line_and_leaves_nothing(run, film, capfd, monkeypatch, arguments, words):
    monkeypatch.chdir(film.parent)
    for name, content in (("text.mp4", b"a text"), ("empty.mp4", b""), ("there.mp4", b"mine")):
        (film.parent / name).write_bytes(content)
    with video.writing(film.parent / "headers.avi", FPS, SIZE) as write:
        write(MOVING[0])
    data = (film.parent / "headers.avi").read_bytes()
    (film.parent / "headers.avi").write_bytes(data[:data.index(b"movi") + 4])
    before = sorted(path.name for path in film.parent.iterdir())
    assert cli.main([*run, *arguments]) == 2
    said = capfd.readouterr()
    assert said.out == "" and len(said.err.splitlines()) == 1 and said.err.startswith("gv: "), said.err
    for word in words if isinstance(words, list) else [words]:
        assert word in said.err
    assert sorted(path.name for path in film.parent.iterdir()) == before
    assert (film.parent / "there.mp4").read_bytes() == b"mine"


# --- the study

def walk(frames, step=2.0):
    """Shapes (frames, 68, 2) that go to the right, faster and slower."""
    return SHAPE + np.stack([np.cumsum(step * (1 + np.sin(np.arange(frames) / 5))), np.zeros(frames)], 1)[:, None]


def test_what_the_study_measures():
    truth, rng = walk(300), np.random.default_rng(0)
    eyes = np.linalg.norm(SHAPE[36] - SHAPE[45])
    exact = study.measures(truth, truth)
    assert exact["found"] == 1 and exact["error"] == exact["jitter"][0] == 0 and exact["lag"] == pytest.approx(0, abs=1e-9)
    shifted = study.measures(truth + 3, truth)                   # a bias is an error, and no jitter
    assert shifted["error"] == pytest.approx(100 * 3 * 2 ** 0.5 / eyes) and shifted["jitter"][0] == pytest.approx(0, abs=1e-9)
    noisy = study.measures(truth + rng.normal(0, 0.5, truth.shape), truth)
    assert noisy["jitter"][0] == pytest.approx(0.5 * (6 * 2) ** 0.5, rel=0.05)      # x[2] - 2 x[1] + x[0], and two coordinates
    assert noisy["jitter"][1] == pytest.approx(100 * noisy["jitter"][0] / eyes)
    late = study.measures(truth[:-2], truth[2:])
    assert late["lag"] == pytest.approx(2000 / study.FPS, rel=0.05)
    gaps = truth + rng.normal(0, 0.5, truth.shape)
    gaps[::10] = np.nan
    assert study.measures(gaps, truth)["found"] == 0.9 and study.measures(gaps, truth)["jitter"][0] > 1
    assert np.isnan(study.measures(np.repeat(truth[:1], 50, 0) + 1, np.repeat(truth[:1], 50, 0))["lag"])


def test_a_drawn_films_landmarks_are_where_the_face_is():
    picture, points = next(study.draw_film(0, 30))
    again, _ = next(study.draw_film(0, 30))
    assert picture.shape == (480, 640, 3) and points.shape == (68, 2) and np.array_equal(picture, again)
    assert np.ptp(points, axis=0).max() == pytest.approx(study.FACE * 480, rel=0.05)
    far, phase = study.motion(300)
    assert (far[:100] == 0).all() and far[199] == 1 and (np.diff(phase) > 0).all()
    assert np.diff(phase)[-1] == pytest.approx(study.FASTER * np.diff(phase)[150])


def test_the_study_of_videos(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(filming, "open_finder", lambda *arguments: Squares())
    monkeypatch.setattr(study, "SIZE", SIZE)
    unit = (template() - template().min(0)) / np.ptp(template(), axis=0)
    monkeypatch.setattr(study, "draw_film", lambda seed, frames: (
        (picture, np.array([19.5 + 3 * (i % 20), 29.5 + i % 20]) + unit * 50) for i, picture in enumerate((MOVING * 2)[:frames])))
    given = ["--run", "a-run", "--out", str(tmp_path), "--smooth", "beta=9"]
    assert study.run_main(lambda: study.main([*given, "--frames", "30"])) == 0
    said = capfd.readouterr().out.splitlines()
    assert said[0] == "30 frames of 160 x 120 pixels, seed 0" and len(said) == 4 + 4 * 3 + 1 + 2 + 4
    film = (tmp_path / "film-0-30.mp4").read_bytes()
    assert [line.split(" | ")[0] for line in said[-4:]] == [f"| {name}" for name in study.WAYS]
    assert len(list(tmp_path.glob("film-0-30-*.mp4"))) == 4
    assert study.run_main(lambda: study.main([*given, "--frames", "3"])) == 2
    monkeypatch.setattr(study, "draw_film", None)       # a film that is there is taken
    assert study.run_main(lambda: study.main([*given, "--frames", "30"])) == 0
    assert (tmp_path / "film-0-30.mp4").read_bytes() == film


def test_a_small_face_is_not_hidden_by_what_is_drawn():
    unit = (template() - template().min(0)) / np.ptp(template(), axis=0)
    points = 400 + 90 * unit
    drawn = draw.draw_faces(np.zeros((1200, 1600, 3), np.uint8), [points], [geometry.tight_box(points)], enlarge=False)
    assert drawn.shape == (1200, 1600, 3)
    assert 0.02 < (drawn[400:491, 400:491, 1] > 60).mean() < 0.4
    small = draw.draw_faces(scene(), [], [], enlarge=False)
    assert np.array_equal(small, scene()) and draw.draw_faces(scene(), [], []).shape[0] == 4 * SIZE[1]


def test_videos_need_no_mxnet():
    code = "import sys, gv.core.filming, gv.core.following; print(sorted({'mxnet', 'gluoncv'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=child_environment(), capture_output=True, text=True)
    assert done.stdout == "[]\n", done.stderr
