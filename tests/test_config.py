"""Options by name: what is unknown or of the wrong type is said in one line, and a run's config builds the same run again."""

import dataclasses
import json

import pytest

from gv.cli import METHOD_NAMES
from gv.cli import PRESETS as PRESET_NAMES
from gv.core.config import Training, fill, fill_parts, jsonable, parse_settings
from gv.core.errors import InputError
from gv.core.pictures import Crop
from gv.core.run import from_config, plan
from gv.core.transforms import Augment
from gv.methods import METHODS

SETTINGS = {"epochs": "3", "lr": "5e-4", "lr_epochs": "1,2", "enlarge": "0.25", "flip_p": "0", "start": "imagenet",
            "detector": "0.01,-0.2,1.5", "sigma": "1.5"}
EXTRA = {"gv": {"bands": "7", "folded": "true", "alpha": "0.25"}}


def parts_of(method):
    return {"options": METHODS[method].Options, "crop": Crop, "augment": Augment, "training": Training}


@dataclasses.dataclass(frozen=True)
class Kinds:
    yes: bool = False
    whole: int = 1
    real: float = 1.0
    maybe: float = None
    several: tuple = (1, 2)
    perhaps: tuple = None
    text: str = "a"


# Names


@pytest.mark.parametrize("method", METHODS)
def test_an_options_name_is_in_one_part_only(method):
    names = [field.name for kind in parts_of(method).values() for field in dataclasses.fields(kind)]
    assert len(names) == len(set(names))
    decoding = {field.name for field in dataclasses.fields(METHODS[method].Decoding)}
    assert not decoding & set(names)


@pytest.mark.parametrize("method", METHODS)
def test_every_option_is_described(method):
    """Each name stands in the docstring of its dataclass: what ``options`` prints has no blank."""
    for kind in (*parts_of(method).values(), METHODS[method].Decoding):
        text = (METHODS["gv"].Options.__doc__ if "As ``VectorOptions``" in kind.__doc__ else "") + kind.__doc__
        assert [field.name for field in dataclasses.fields(kind) if field.name not in text] == []


@pytest.mark.parametrize("name, close", [("epoch", "epochs"), ("sigm", "sigma"), ("flipp", "flip_p"), ("zzz", None)])
def test_an_unknown_key_names_the_closest_and_lists_all(name, close):
    with pytest.raises(InputError) as caught:
        fill_parts(parts_of("gv"), {"epochs": 3, name: 1})
    message = str(caught.value)
    assert f"--set {name}" in message and "no such option" in message and "\n" not in message
    assert all(option in message for option in ("brightness", "epochs", "encoder", "size"))
    assert (f"did you mean {close}?" in message) if close else ("did you mean" not in message)


def test_values_go_to_the_part_that_knows_them():
    parts = fill_parts(parts_of("gv"), {"epochs": "7", "size": "128", "flip_p": "0.25", "bands": "1,7"})
    assert (parts["training"].epochs, parts["crop"].size) == (7, 128)
    assert (parts["augment"].flip_p, parts["options"].bands) == (0.25, (1, 7))
    untouched = fill_parts(parts_of("gv"), {})
    assert untouched == {part: kind() for part, kind in parts_of("gv").items()}


def test_fill_of_one_part_lists_its_own_names():
    with pytest.raises(InputError, match='option "size": unknown; expected one of yes, whole'):
        fill(Kinds, {"size": 3})


# Types


@pytest.mark.parametrize("name, value, expected", [
    ("yes", "true", True), ("yes", "True", True), ("yes", "1", True), ("yes", "FALSE", False), ("yes", "0", False),
    ("yes", True, True),
    ("whole", "12", 12), ("whole", "-3", -3), ("whole", 12, 12), ("real", "0.5", 0.5), ("real", "1e-4", 1e-4), ("real", "3", 3.0),
    ("real", 3, 3.0), ("maybe", "none", None), ("maybe", None, None), ("maybe", "1.5", 1.5), ("several", "3,5", (3, 5)),
    ("several", "3", (3,)), ("several", "0.5,1,-2", (0.5, 1, -2)), ("several", [3, 5], (3, 5)), ("several", (7,), (7,)),
    ("several", "", ()), ("perhaps", None, None), ("perhaps", "none", None), ("text", "none", "none"), ("text", "", ""),
])
def test_values_and_texts_of_the_right_type(name, value, expected):
    found = getattr(fill(Kinds, {name: value}), name)
    assert found == expected and type(found) is type(expected)
    if isinstance(expected, tuple):
        assert [type(part) for part in found] == [type(part) for part in expected]


@pytest.mark.parametrize("name, value, expected", [
    ("yes", "maybe", "true or false"), ("yes", 1, "true or false"), ("yes", "", "true or false"), ("yes", None, "a value"),
    ("whole", "1.5", "a whole number"), ("whole", 1.5, "a whole number"), ("whole", True, "a whole number"),
    ("whole", "x", "a whole number"), ("whole", "", "a whole number"), ("whole", None, "a value"), ("whole", "none", "a value"),
    ("real", "x", "a number"), ("real", "", "a number"), ("real", "1,5", "a number"), ("real", True, "number"),
    ("real", "nan", "a number"), ("real", "inf", "a number"), ("real", [1], "number"), ("real", "none", "a value"),
    ("several", "3;5", "numbers with commas"), ("several", "a,b", "numbers with commas"), ("several", "true", "numbers"),
    ("several", 3, "numbers with commas"), ("several", "null", "numbers"), ("several", [[1]], "numbers"),
    ("several", "NaN", "numbers"),
    ("several", "1,Infinity", "numbers"), ("several", '"3"', "numbers"), ("several", None, "a value"), ("text", 3, "text"),
    ("text", None, "a value"),
])
def test_the_wrong_type_is_one_line_that_names_the_option(name, value, expected):
    with pytest.raises(InputError) as caught:
        fill(Kinds, {name: value})
    message = str(caught.value)
    assert message.startswith(f"{name}: ") and expected in message and "\n" not in message


@pytest.mark.parametrize("name, value", [
    ("epochs", "0"), ("batch", "-1"), ("lr", "0"), ("lr", "-1"), ("schedule", "exp"), ("batchnorm", "off"), ("seed", "-1"),
    ("faces", "-1"), ("warmup", "-1"), ("wd", "-1e-5"), ("curve_every", "0"), ("detector_faces", "-1"), ("size", "100"),
    ("square", "crop"), ("flip_p", "2"),
])
def test_a_value_out_of_range_is_one_line_that_names_the_option(name, value):
    with pytest.raises(InputError, match=f"^{name}: "):
        fill_parts(parts_of("gv"), {name: value})


def test_settings_are_pairs():
    assert parse_settings(["epochs=3", "start=a=b", " lr = 1e-3 ", "curve_split="]) == {
        "epochs": "3", "start": "a=b", "lr": "1e-3", "curve_split": ""}
    for bad in ("epochs", "=3"):
        with pytest.raises(InputError, match="key=value"):
            parse_settings([bad])


# Presets and runs


def test_the_command_knows_the_methods_and_their_presets():
    assert set(METHOD_NAMES) == set(METHODS)
    assert all(set(PRESET_NAMES) == set(method.PRESETS) for method in METHODS.values())


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("preset", PRESET_NAMES)
def test_every_preset_makes_a_run_whose_net_loss_and_decoder_build(method, preset):
    known = {field.name for kind in parts_of(method).values() for field in dataclasses.fields(kind)}
    assert set(METHODS[method].PRESETS[preset]) <= known
    run = plan(METHODS, method, preset, {}, 68)
    assert (run.method.name, run.preset, run.landmarks, run.method.size) == (method, preset, 68, run.crop.size)
    run.method.net(68, {})
    run.method.loss({})
    run.method.decoder(METHODS[method].Decoding(), {})


@pytest.mark.parametrize("method", METHODS)
def test_the_paper_preset_is_the_papers(method):
    """Section 4.3, and the defaults of docs/readings.md."""
    run = plan(METHODS, method, "paper", {}, 68)
    assert (run.crop.size, run.crop.enlarge, run.method.options.side, run.method.options.encoder) == (256, 0, 64, "resnet50v2")
    assert (run.method.options.sigma, run.method.options.width, run.method.options.decoder) == (2, 256, "fpn")
    assert (run.training.epochs, run.training.batch, run.training.lr, run.training.lr_epochs) == (60, 16, 1e-3, (30, 50))
    assert run.augment == Augment()
    if method == "gv":
        o = run.method.options
        assert (o.theta, o.bands, o.alpha, o.label, o.rounding, o.taps) == (3, (3, 5), 0.5, "gaussian", "nearest", "normalised")


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("preset", PRESET_NAMES)
@pytest.mark.parametrize("settings", [{}, SETTINGS])
def test_a_config_builds_the_same_run_again(method, preset, settings):
    """Through JSON text and back: tuples, None and whole numbers in real fields included."""
    settings = {**settings, **(EXTRA.get(method, {}) if settings else {})}
    run = plan(METHODS, method, preset, settings, 68)
    config = json.loads(json.dumps(run.config()))
    again = from_config(METHODS, config, "config.json")
    for name in ("crop", "augment", "training", "landmarks", "preset"):
        assert getattr(again, name) == getattr(run, name), name
    assert type(again.method) is type(run.method) and again.method.options == run.method.options
    assert json.loads(json.dumps(again.config())) == config


def test_jsonable_holds_every_option():
    parts = fill_parts(parts_of("gv"), {})
    plain = jsonable(parts)
    assert {part: set(values) for part, values in plain.items()} == {
        part: {field.name for field in dataclasses.fields(kind)} for part, kind in parts_of("gv").items()}


@pytest.mark.parametrize("spoil", [
    lambda c: None, lambda c: {}, lambda c: [], lambda c: {**c, "crop": None}, lambda c: {**c, "landmarks": "many"},
    lambda c: {**c, "landmarks": None}, lambda c: {**c, "options": [1]}, lambda c: {**c, "method": "cnn"},
    lambda c: {**c, "method": []},
    lambda c: {**c, "training": {**c["training"], "epochs": "x"}}, lambda c: {**c, "augment": {**c["augment"], "new": 1}},
])
def test_a_spoilt_config_is_one_line(spoil):
    config = json.loads(json.dumps(plan(METHODS, "gv", "smoke", {}, 68).config()))
    with pytest.raises(InputError) as caught:
        from_config(METHODS, spoil(config), "config.json")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("method, preset, words", [("cnn", "paper", ("--method", *METHODS)),
                                                   ("gv", "tiny", ("--preset", *PRESET_NAMES))])
def test_unknown_method_and_preset_list_what_there_is(method, preset, words):
    with pytest.raises(InputError) as caught:
        plan(METHODS, method, preset, {}, 68)
    assert all(word in str(caught.value) for word in words)
