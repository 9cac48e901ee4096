"""Many pictures at once: which ones are meant, that none is held longer than it is looked at, and what is printed meanwhile."""

import json
import os
import tracemalloc

import cv2
import numpy as np
import pytest
from helpers import template
from hypothesis import given as examples
from hypothesis import strategies as st

from gv import cli
from gv.core import given, predicting
from gv.core.errors import InputError
from gv.core.finding import FEW_STEPS, Finder
from gv.core.pictures import Crop
from gv.core.telling import Telling


class StandIn(Finder):
    """Takes what is bright for a face, and finds its 68 landmarks in the middle of every crop. Needs no MXNet."""

    steps, crop = FEW_STEPS, Crop(size=64, boxes="landmarks")

    def faces(self, image):
        rows, columns = np.nonzero(image[..., 1] > 128)
        return [(columns.min() - 0.5, rows.min() - 0.5, columns.max() + 0.5, rows.max() + 0.5)] if len(rows) else []

    def read(self, crops):
        return np.repeat(template()[None] * 20 + 32, len(crops), 0), np.full((len(crops), 68), 0.5)


@pytest.fixture
def run(monkeypatch):
    """The arguments that name a run, whose net is a stand-in."""
    monkeypatch.setattr(predicting, "open_finder", lambda *arguments: StandIn())
    return ["predict", "--run", "a-run", "--threads", "1"]


def draw(path, height=60, width=80):
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = np.zeros((height, width, 3), np.uint8)
    picture[height // 4:height // 2, width // 4:width // 2] = 200
    cv2.imwrite(str(path), picture)
    return path


@pytest.fixture
def album(tmp_path):
    for name in ("b.png", "a.JPG", "sub/c.png", "sub/deep/d.jpg", ".hidden/e.png", ".f.png", "sub/[1].png"):
        draw(tmp_path / "album" / name)
    (tmp_path / "album/notes.txt").write_text("mine")
    (tmp_path / "album/empty").mkdir()
    return tmp_path / "album"


@pytest.mark.parametrize("patterns, recursive, expected", [
    (["."], False, "a.JPG b.png"),
    (["."], True, "a.JPG b.png sub/[1].png sub/c.png sub/deep/d.jpg"),
    (["*.png"], False, "b.png"),
    (["*"], False, "a.JPG b.png sub/[1].png sub/c.png"),       # as the shell has it, but for the notes
    (["**/*.jpg"], False, "sub/deep/d.jpg"),
    (["**"], False, "a.JPG b.png sub/[1].png sub/c.png sub/deep/d.jpg"),
    (["s?b/[a-c].*"], False, "sub/c.png"),
    (["sub/[1].png"], False, "sub/[1].png"),                   # the file of that name, not the pattern
    (["b.png", "*.png", ".", "b.png"], False, "b.png a.JPG"),  # each once, in the order in which it is first named
    (["nowhere.png", ".f.png"], False, "nowhere.png .f.png"),  # named outright: said later, where it is missing
])
def test_files_folders_and_patterns(album, monkeypatch, patterns, recursive, expected):
    monkeypatch.chdir(album)
    found = [os.path.normpath(path) for path in given.pictures(patterns, recursive)]
    assert (sorted(found) if "**" in patterns else found) == expected.split()


def test_a_folder_that_is_written_to_is_not_looked_into(album):
    draw(album / "drawn/a.png")
    assert str(album / "drawn/a.png") in given.pictures([album], True)
    assert str(album / "drawn/a.png") not in given.pictures([album], True, album / "drawn")


@pytest.mark.parametrize("path, recursive, words", [("*.gif", False, "no picture fits"), ("empty", True, "a folder without"),
                                                    ("empty", False, "--recursive"), ("**/x*.png", True, "no picture fits")])
def test_patterns_and_folders_without_a_picture(album, monkeypatch, path, recursive, words):
    monkeypatch.chdir(album)
    with pytest.raises(InputError, match=words.replace("*", "[*]")):
        given.pictures([path], recursive)


def test_names_are_told_apart_and_nothing_given_is_written_over(album):
    images = [str(draw(album / f"{letter}/x.png")) for letter in "abc"] + [str(draw(album / "d/x-2.png"))]
    names = [os.path.basename(path) for path in given.output_paths(images, album / "out").values()]
    assert names == ["x.png", "x-2.png", "x-3.png", "x-2-2.png"]
    os.symlink(images[2], draw(album / "out/y.png").with_name("x-3.png"))
    with pytest.raises(InputError, match="one of the pictures"):
        given.output_paths(images, album / "out")


VALUES = st.recursive(st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=5),
                      lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
                      max_leaves=8)


@examples(st.lists(VALUES, max_size=4), st.booleans())
def test_a_document_in_pieces_is_the_document(entries, failed):
    import contextlib
    import io
    before, after = {"run": 'runs/"é\n'}, {"failed": ["x"]} if failed else {}
    said = io.StringIO()
    with contextlib.redirect_stdout(said), Telling(True, "images") as telling:
        for entry in entries:
            telling.add(entry, ["text"])
        telling.end(before, after, ["more"])
    assert said.getvalue() == json.dumps({**before, "images": entries, **after}, indent=1) + "\n"


def test_text_comes_picture_by_picture_and_json_at_the_end(run, album, capfd, monkeypatch):
    find, said = predicting._find, []

    def listen(*arguments):
        said.append(capfd.readouterr().out)
        return find(*arguments)

    monkeypatch.setattr(predicting, "_find", listen)
    assert cli.main([*run, str(album), "--recursive"]) == 0
    assert said[0] == "" and [text.split(":")[0] for text in said[1:]] == [str(album / name) for name in
                                                                           ("a.JPG", "b.png", "sub/[1].png", "sub/c.png")]
    assert capfd.readouterr().out.startswith(f"{album / 'sub/deep/d.jpg'}: 1 face\n  box ")
    said.clear()
    assert cli.main([*run, str(album / "*.png"), str(album / "sub"), "--json"]) == 0
    report = json.loads(capfd.readouterr().out)
    assert said == ["", "", ""] and list(report) == ["run", "images"]
    assert [os.path.basename(one["image"]) for one in report["images"]] == ["b.png", "[1].png", "c.png"]
    assert np.array(report["images"][0]["faces"][0]["points"]).shape == (68, 2)


@pytest.mark.parametrize("options", [[], ["--json"], ["--out", "drawn", "--save", "found.csv", "--pts", "points"],
                                     ["--box", "900,900,950,950"]])      # which lies outside: every picture fails
def test_memory_does_not_grow_with_the_pictures(run, tmp_path, capfd, monkeypatch, options):
    monkeypatch.chdir(tmp_path)
    draw(tmp_path / "shots/0.png", 600, 800)
    for number in range(1, 25):
        os.link("shots/0.png", f"shots/{number}.png")
    (tmp_path / "shots/broken.png").write_bytes(b"nothing")
    one = 600 * 800 * 3

    def peak(*pictures):
        tracemalloc.start()
        code = cli.main([*run, *pictures, *options])
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return code, most

    peak("shots/0.png")     # what is loaded at first use
    alone, many = peak("shots/0.png"), peak("shots")
    assert alone[1] > one and many[0] == 2
    assert many[1] < alone[1] + 0.5 * one
    said = capfd.readouterr()
    assert ("26 of 26" if options[:1] == ["--box"] else "1 of 26 pictures: shots/broken.png") in said.err.splitlines()[-1]


def test_wrong_options_of_pictures(run, album, capfd):
    picture = str(album / "b.png")
    for wrong, words in (([], "IMAGE: none given"), ([picture, "--smooth"], "--smooth: given for pictures"),
                         ([picture, "--redetect", "3"], "--redetect"), ([picture, "--frames", "3"], "--video"),
                         ([str(album / "*.gif")], "*.gif")):
        assert cli.main([*run, *wrong]) == 2
        said = capfd.readouterr()
        assert said.out == "" and len(said.err.splitlines()) == 1 and words in said.err
