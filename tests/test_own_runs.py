"""An own landmark scheme everywhere: in indexes, in training pictures, in runs, in commands; and what one run gives another."""

import json

import cv2
import mxnet as mx
import numpy as np
import pytest
from helpers import make_index, train_tiny
from hypothesis import given
from hypothesis import strategies as st

from anchorface.methods import METHODS as ANCHORFACE
from gv import cli
from gv.core import checkpoint, draw, transfer
from gv.core import train as training
from gv.core.data import FaceDataset
from gv.core.errors import InputError
from gv.core.faces import Face, read_index, read_split, write_index
from gv.core.layouts import LAYOUTS, Layout, edges_of, get_layout
from gv.core.own_layout import from_values, layout_of, to_values
from gv.core.pictures import Crop
from gv.core.predict import Predictor
from gv.core.run import from_config, plan, refuse_layout
from gv.core.transforms import Augment
from gv.methods import METHODS

ROWS = [36, 39, 42, 45, 30, 48, 54, 8]      # of 300-W's 68
NAMES = ("left_out", "left_in", "right_in", "right_out", "nose", "left_mouth", "right_mouth", "chin")
EIGHT = Layout(8, "eight", (3, 2, 1, 0, 4, 6, 5, 7), {"mouth": (5, 6)}, ((0, 1), (2, 3), (5, 6)), {"pair": ((0,), (3,))}, NAMES)
SMALL = {"size": 64, "batch": 4, "epochs": 2, "faces": 8, "width": 8}


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    return make_index(tmp_path_factory.mktemp("known"), train=12, common=4)


@pytest.fixture(scope="module")
def own(known):
    """The same faces with eight landmarks of their 68."""
    splits = {split: [Face(str(known.folder / face.image), face.points[ROWS], face.box) for face in read_split(known, split)]
              for split in known.splits}
    return write_index(known.folder / "own", splits, layout=EIGHT, source="eight", box_source="landmarks", normaliser="pair",
                       provenance="own")


def own_run(method="gv", layout=EIGHT, methods=METHODS, **settings):
    options = {name: str(value) for name, value in {**SMALL, **settings}.items()}
    if methods is ANCHORFACE:
        options.pop("width")
    return plan(methods, method, "smoke", options, layout)


def trained(folder, index, run, **options):
    training.train(folder, run, index, read_split(index, "train")[:8], [mx.cpu()], quiet=True, **options)
    return {name: value.asnumpy() for name, value in checkpoint.load(folder).items()}


# --- as values

@st.composite
def schemes(draw_one):
    size = draw_one(st.integers(1, 12))
    order, pairs = draw_one(st.permutations(range(size))), draw_one(st.integers(0, size // 2))
    flip = list(range(size))
    for i, j in zip(order[:pairs], order[pairs:2 * pairs]):
        flip[i], flip[j] = j, i
    rows = st.lists(st.integers(0, size - 1), min_size=1, max_size=4).map(tuple)
    names = tuple(f"point {i}" for i in range(size)) if draw_one(st.booleans()) else ()
    ends = {"pair": ((0,), (size - 1,))} if size > 1 and draw_one(st.booleans()) else {}
    groups = draw_one(st.dictionaries(st.sampled_from("xyz"), rows))
    return Layout(size, draw_one(st.text("abc é", min_size=1)), tuple(flip), groups,
                  tuple(draw_one(st.lists(rows, max_size=3))), ends, names)


@given(schemes())
def test_a_scheme_comes_back_from_json(layout):
    found = from_values(json.loads(json.dumps(to_values(layout))), "here")
    for name in ("size", "name", "flip", "groups", "edges", "normalisers", "names"):
        assert getattr(found, name) == getattr(layout, name)
    assert found == layout and (np.array(found.flip)[list(found.flip)] == np.arange(layout.size)).all()
    assert layout_of({"landmarks": layout.size, "layout": to_values(layout)}, "here") == layout
    assert layout_of({"landmarks": 68, "layout": "300W"}, "here") == 68


def test_what_makes_two_schemes_the_same():
    values = to_values(EIGHT)
    assert from_values({**values, "name": "other", "edges": [], "groups": {}, "normaliser": "box"}, "x") == EIGHT
    assert from_values({**values, "mirror_pairs": [[0, 3]]}, "x") != EIGHT
    assert from_values({**values, "landmarks": [*NAMES[:-1], "beard"]}, "x") != EIGHT
    assert from_values(to_values(LAYOUTS[68]), "x") != 68 and get_layout(EIGHT) is EIGHT
    assert edges_of(None, 68) == LAYOUTS[68].edges and edges_of(None, 8) == () and edges_of(EIGHT, 8) == EIGHT.edges


def test_an_index_keeps_it_and_those_of_known_schemes_are_as_they_were(known, own):
    header = json.loads((known.folder / "index.json").read_text())
    assert header["layout"] == 68 and header["extra"] == {} and known.layout == known.landmarks == 68
    assert read_index(own.folder).layout == EIGHT and own.landmarks == 8
    assert json.loads((own.folder / "index.json").read_text())["layout"] == 8
    assert "layout" not in own_run(layout=68).config()
    assert list(own_run(layout=68).config()) == ["method", "preset", "landmarks", "options", "crop", "augment", "training"]


@pytest.mark.parametrize("change, words", [
    (lambda header: header.update(layout=9), "9 landmarks with a scheme of 8"),
    (lambda header: header["extra"]["layout"].update(mirror_pairs=[[0, 1], [1, 2]]), "two pairs"),
    (lambda header: header["extra"].update(layout=5), "a JSON object"),
    (lambda header: header.update(extra=[1]), "not an index")])
def test_an_index_whose_scheme_is_damaged(tmp_path, own, change, words):
    header = json.loads((own.folder / "index.json").read_text())
    change(header)
    (tmp_path / "index.json").write_text(json.dumps(header))
    with pytest.raises(InputError, match=words) as error:
        read_index(tmp_path)
    assert "\n" not in str(error.value)


# --- pictures

def test_mirrored_training_pictures_have_the_right_points(tmp_path):
    """Each landmark is a dot of its own colour: in a mirrored picture, landmark i stands on the dot of its partner."""
    points = np.array([[20, 30], [36, 32], [58, 30], [78, 28], [50, 52], [30, 70], [66, 72], [50, 90]], np.float64)
    colours = np.array([[250, 20, 20], [20, 250, 20], [20, 20, 250], [250, 250, 20], [250, 20, 250], [20, 250, 250],
                        [250, 130, 20], [250, 250, 250]])
    picture = np.zeros((100, 100, 3), np.uint8)
    for (x, y), colour in zip(points.astype(int), colours):
        cv2.circle(picture, (int(x), int(y)), 4, colour.tolist(), -1)
    cv2.imwrite(str(tmp_path / "dots.png"), picture[..., ::-1])
    index = write_index(tmp_path, {"train": [Face("dots.png", points, (-0.5, -0.5, 99.5, 99.5))]}, layout=EIGHT, source="x",
                        box_source="provided", normaliser="box", provenance="own")
    for flip_p, partner in ((0.0, range(8)), (1.0, EIGHT.flip)):
        augment = Augment(rotation_p=0.0, scale_min=1.0, scale_max=1.0, flip_p=flip_p)
        data = FaceDataset(index.folder, read_split(index, "train"), index.layout, Crop(size=96), augment)
        crop, found = data[0]
        for i, (x, y) in enumerate(np.round(found).astype(int)):
            assert np.abs(crop[y, x].astype(int) - colours[partner[i]]).max() < 30, (flip_p, i)
        upright = FaceDataset(index.folder, data.faces, index.layout, data.crop).points_px(0)
        expected = upright if not flip_p else (np.array([95.0, 0]) + upright * [-1, 1])[list(EIGHT.flip)]
        np.testing.assert_allclose(found, expected, atol=1e-4)


def test_drawing_takes_the_schemes_lines_or_none():
    image, points = np.zeros((500, 500, 3), np.uint8), np.random.default_rng(0).uniform(50, 450, (8, 2))
    dots = draw.draw_landmarks(image, points)
    lines = draw.draw_landmarks(image, points, layout=EIGHT)
    assert (draw.draw_landmarks(image, points, edges=False) == dots).all() and (lines > 0).sum() > (dots > 0).sum() + 500
    assert (draw.draw_faces(image, [points], [None], layout=EIGHT) == lines).all()


# --- runs

def test_a_run_carries_its_scheme(tmp_path, own, known):
    run = own_run()
    trained(tmp_path / "run", own, run, stop_after=1)
    found = Predictor(METHODS, tmp_path / "run")
    assert found.layout == EIGHT and found.names == NAMES and Predictor.names.fget(found) == NAMES
    assert from_config(METHODS, json.loads((tmp_path / "run/config.json").read_text()), "x").layout == EIGHT
    refuse_layout(run, own)
    with pytest.raises(InputError, match="68 landmarks a face; expected 8"):
        refuse_layout(run, known)
    other = write_index(tmp_path / "other", {"train": read_split(own, "train")}, source="x", box_source="landmarks",
                        layout=from_values({**to_values(EIGHT), "mirror_pairs": []}, "x"), normaliser="box", provenance="own")
    with pytest.raises(InputError, match="8 landmarks a face of another scheme"):
        refuse_layout(run, other)
    with pytest.raises(InputError, match="another scheme"):
        trained(tmp_path / "run", other, own_run(layout=other.layout), resume=True)


def test_the_commands_take_it(tmp_path, own, capfd):
    def call(*arguments, code=0):
        capfd.readouterr()
        found = cli.main([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        assert found == code, err
        return out if code == 0 else err

    small = [text for name, value in SMALL.items() for text in ("--set", f"{name}={value}")]
    call("train", "--data", own.folder, "--preset", "smoke", *small, "--set", "flip_p=1", "--out", tmp_path / "run")
    report = json.loads(call("eval", "--run", tmp_path / "run", "--data", own.folder, "--json"))
    assert list(report["decodings"]["default"])[0] == "nme_pair" and report["mean_shape"] > 0
    image = read_split(own, "common")[0].image
    found = json.loads(call("predict", "--run", tmp_path / "run", image, "--box", "10,10,80,80", "--json",
                            "--save", tmp_path / "a.jsonl"))
    assert found["landmarks"] == list(NAMES) == json.loads((tmp_path / "a.jsonl").read_text())["landmarks"]
    assert len(found["images"][0]["faces"][0]["points"]) == 8
    assert "chin " in call("predict", "--run", tmp_path / "run", image, "--box", "10,10,80,80")
    said = call("layouts", "--data", own.folder, "--draw", tmp_path / "charts")
    assert "8 landmarks: eight" in said and "0-3, 1-2, 5-6" in said and "pair         between 0 and 3" in said
    assert cv2.imread(str(tmp_path / "charts/layout_8_own.png")).shape[0] > 600
    assert "one of them" in call("layouts", "--data", own.folder, "--landmarks", 68, code=2)
    for arguments, words in ((["--start-from", "nowhere"], "nowhere"), (["--start-from", "a", "--set", "start=b"], "both"),
                             (["--start-from", tmp_path], "expected scratch")):
        assert words in call("train", "--data", own.folder, "--preset", "smoke", *arguments, "--out", tmp_path / "x", code=2)
    assert not (tmp_path / "x").exists()


# --- what a run gives another

PARTS = [("gv", METHODS, {}, "encoder and decoder"), ("gv", METHODS, {"decoder": "fpn_relu"}, "encoder and decoder"),
         ("gv", METHODS, {"decoder": "lines"}, "encoder and decoder"),
         ("heatmap", METHODS, {"decoder": "hrnet"}, "encoder and decoder"),
         ("anchorface", ANCHORFACE, {"clusters": 2, "rolls": 2, "grid": 2}, "encoder"),
         ("regression", ANCHORFACE, {}, "encoder")]


@pytest.mark.parametrize("method, methods, settings, parts", PARTS, ids=[f"{p[0]}-{p[2].get('decoder', '')}" for p in PARTS])
def test_a_run_of_other_landmarks_gives_its_encoder(tmp_path, known, own, method, methods, settings, parts):
    before = trained(tmp_path / "before", known, own_run(method, 68, methods, **settings), stop_after=1)
    still = {"lr": 1e-30, "batchnorm": "frozen"}      # so that what is saved is what it began with
    scratch = trained(tmp_path / "scratch", own, own_run(method, EIGHT, methods, **settings, **still), stop_after=1)
    after = trained(tmp_path / "after", own, own_run(method, EIGHT, methods, start=tmp_path / "before", **settings, **still),
                    stop_after=1)
    heads = {name for name in after if name not in before or after[name].shape != before[name].shape}
    assert heads and not any(name.startswith("encoder.") for name in heads)
    new = heads if "decoder" in parts else {name for name in after if not name.startswith("encoder.")}
    for name, value in after.items():
        np.testing.assert_allclose(value, (scratch if name in new else before)[name], atol=1e-6, err_msg=name)
    assert any((before[name] != scratch[name]).any() for name in after if name not in new)
    sidecar = checkpoint.read_sidecar(tmp_path / "after")
    assert sidecar["start"] == (f"from the run before (its {parts}, {len(after) - len(new)} of {len(after)} arrays; the rest is "
                                "new, for 8 landmarks)")
    assert sidecar["provenance"] == "eight: own; begun from a run trained on drawn: embedded"


def test_the_same_number_of_landmarks_of_another_scheme_gets_a_new_head(tmp_path, known):
    before = trained(tmp_path / "before", known, own_run(layout=68), stop_after=1)
    anyones = from_values({**to_values(LAYOUTS[68]), "name": "anyone's"}, "x")
    index = write_index(known.folder / "anyones", {"train": [Face(str(known.folder / face.image), face.points)
                                                             for face in read_split(known, "train")]},
                        layout=anyones, source="x", box_source="landmarks", normaliser="box", provenance="own")
    still = {"lr": 1e-30, "batchnorm": "frozen", "start": tmp_path / "before"}
    after = trained(tmp_path / "after", index, own_run(layout=anyones, **still), stop_after=1)
    same = trained(tmp_path / "same", known, own_run(layout=68, **still), stop_after=1)
    for name, value in after.items():
        is_taken = np.allclose(value, before[name], atol=1e-6)
        assert is_taken != name.startswith("decoder.head.") and np.allclose(same[name], before[name], atol=1e-6), name
    assert checkpoint.read_sidecar(tmp_path / "same")["start"] == "from the run before"
    assert checkpoint.read_sidecar(tmp_path / "same")["provenance"] == "drawn: embedded"


def test_other_decoders_give_the_encoder_alone_and_other_encoders_nothing(tmp_path, known, own):
    trained(tmp_path / "before", known, own_run(layout=68), stop_after=1)
    for settings in ({"width": 12}, {"decoder": "lines"}, {"decoder": "fpn_relu"}):
        run = own_run(start=tmp_path / "before", **settings)
        net = run.method.net(8, {})
        began, _ = training._start_weights(run, net, [mx.cpu()], run.training.start)
        assert "(its encoder, 92 of" in began
    trained(tmp_path / "lines", known, own_run(layout=68, decoder="lines"), stop_after=1)
    run = own_run()
    assert "(its encoder, 92 of" in training._start_weights(run, run.method.net(8, {}), [mx.cpu()], str(tmp_path / "lines"))[0]
    run = own_run(encoder="resnet18v2_half")
    with pytest.raises(InputError, match="quarter; expected one with the encoder of .*half") as error:
        training._start_weights(run, run.method.net(8, {}), [mx.cpu()], str(tmp_path / "before"))
    assert "\n" not in str(error.value)
    run = own_run("regression", EIGHT, ANCHORFACE)
    with pytest.raises(InputError, match="a run of method gv with encoder=resnet18v2_quarter"):
        training._start_weights(run, run.method.net(8, {}), [mx.cpu()], str(tmp_path / "before"))


def test_a_begun_run_resumes_to_the_bit_without_the_first(tmp_path, known, own):
    train_tiny(tmp_path / "before", known, 8, stop_after=1)
    run = own_run(size=32, side=8, start=tmp_path / "before")
    whole = trained(tmp_path / "whole", own, run)
    trained(tmp_path / "parts", own, run, stop_after=1)
    first = checkpoint.read_sidecar(tmp_path / "parts")
    (tmp_path / "before").rename(tmp_path / "gone")
    parts = trained(tmp_path / "parts", own, run, resume=True)
    assert all((parts[name] == value).all() for name, value in whole.items())
    last = checkpoint.read_sidecar(tmp_path / "parts")
    assert last["step"] == 4 and all(last[name] == first[name] for name in ("start", "provenance"))


def test_terms_are_those_of_both_data():
    from gv.core.exporting import terms
    line = transfer.provenance("eight: own", "300W: official, partial: 2012 of 3148 train faces")
    assert terms(line) == "the user's own pictures; for research only, no commercial products"
    assert terms("eight: own") == "the user's own pictures"
    assert transfer.provenance("a", "") == transfer.provenance("a", "a") == "a"


def test_anchorface_needs_no_known_nose_and_refuses_hand_design():
    shapes = np.random.default_rng(0).uniform(0, 64, (20, 8, 2))
    run = own_run("anchorface", EIGHT, ANCHORFACE, clusters=2, rolls=2, grid=2)
    assert run.method.fit(shapes, 0)["templates"].shape == (4, 8, 2)
    with pytest.raises(InputError, match="hand.*eight.*kmeans"):
        own_run("anchorface", EIGHT, ANCHORFACE, design="hand")
