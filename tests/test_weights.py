"""The weights that come with the packages, the command that makes them, and the annotators' offsets."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from helpers import ROOT, child_environment, make_index, template, train_tiny
from hypothesis import given
from hypothesis import strategies as st

import anchorface
import gv
from data_prep.synthetic.sets import generate
from experiments.studies import label_offsets, weights
from gv import cli
from gv.core import checkpoint, detectors, geometry, shipped
from gv.core.errors import InputError
from gv.core.evaluate import face_errors
from gv.core.faces import read_index, read_split
from gv.core.layouts import get_layout

MOST_BYTES = 6_000_000      # of both nets together
PACKAGES = {"gv": (gv, 68), "anchorface": (anchorface, 98)}
LAYOUT = get_layout(68)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """{layout: index of twenty drawn faces that no net has seen}."""
    folder = tmp_path_factory.mktemp("drawn")
    return {68: generate("300w", 20, 987, folder / "300w")[""], 98: generate("wflw", 20, 987, folder / "wflw")[""]}


def test_the_weights_are_small():
    files = [path for package, _ in PACKAGES.values() for path in shipped.folder(package.__file__).rglob("*") if path.is_file()]
    assert 100_000 < sum(path.stat().st_size for path in files) <= MOST_BYTES


@pytest.mark.parametrize("name", PACKAGES)
def test_the_weights_find_drawn_faces_that_they_have_not_seen(name, drawn):
    package, landmarks = PACKAGES[name]
    detector, index = package.load(), drawn[landmarks]
    faces = read_split(index, "train")
    found = np.stack([detector(index.folder / face.image, boxes=[geometry.tight_box(face.points) if name == "gv" else face.box])
                      [0].points for face in faces])
    assert found.shape == (len(faces), landmarks, 2)
    assert np.median(face_errors(found, faces, "ion", landmarks)) < 0.09      # the annotators' offsets are part of it


@pytest.mark.parametrize("name", PACKAGES)
def test_what_is_said_of_the_weights_is_what_was_measured(name):
    package, landmarks = PACKAGES[name]
    folder = shipped.folder(package.__file__)
    about = json.loads((folder / shipped.ABOUT).read_text(encoding="utf-8"))
    assert about["says"] == shipped.about(folder) and f"{landmarks} landmarks" in about["says"]
    measured = about["nme_percent"]
    assert f"NME {measured.get('real', measured['drawn']):.2f} %" in about["says"]
    recipe, config = weights.RECIPES[name], checkpoint.read_sidecar(folder)["config"]
    flat = {**config["options"], **config["crop"], **config["augment"], **config["training"]}
    assert {key: flat[key] for key in recipe.settings} == recipe.settings and about["settings"] == recipe.settings


def test_predict_names_no_run_and_says_which_weights_it_used(drawn, tmp_path, capfd):
    index = drawn[68]
    face = read_split(index, "train")[0]
    box = ",".join(f"{v:.1f}" for v in geometry.tight_box(face.points))
    assert cli.main(["predict", str(index.folder / face.image), "--box", box, "--out", str(tmp_path / "drawn"), "--json",
                     "--threads", "1"]) == 0
    told = capfd.readouterr()
    report = json.loads(told.out)
    assert len(report["images"][0]["faces"][0]["points"]) == 68 and shipped.about(shipped.folder(gv.__file__)) in told.err
    assert [path.name for path in (tmp_path / "drawn").iterdir()] == [f"{Path(face.image).stem}.png"]


def test_a_package_without_weights_says_so(tmp_path):
    with pytest.raises(InputError, match="no weights come with this package.*--run"):
        shipped.chosen(None, tmp_path)
    assert shipped.chosen("runs/first", tmp_path) == "runs/first" and shipped.about(tmp_path) == ""
    (tmp_path / shipped.ABOUT).write_text("{}")
    with pytest.raises(InputError, match="no description of weights"):
        shipped.about(tmp_path)


def test_the_weights_are_where_an_installed_package_looks_for_them(tmp_path):
    """Built as pip builds it: every file of the weights is in the wheel's tree."""
    done = subprocess.run([sys.executable, "setup.py", "-q", "build_py", "--build-lib", str(tmp_path)], cwd=ROOT,
                          env=child_environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for package, _ in PACKAGES.values():
        folder = shipped.folder(package.__file__)
        for path in (path for path in folder.rglob("*") if path.is_file()):
            built = tmp_path / path.relative_to(ROOT)
            assert built.read_bytes() == path.read_bytes()


def test_halves_are_packed_and_loaded(tmp_path):
    index = make_index(tmp_path / "index", 4, 2)
    net = train_tiny(tmp_path / "run", index, settings={"epochs": 1})
    weights.pack(tmp_path / "run", tmp_path / "packed")
    sidecar, stored = checkpoint.read(tmp_path / "packed", "weights")
    assert {value.dtype for value in stored.values()} == {np.float16} and "optimiser" not in sidecar["files"]
    (tmp_path / "packed" / shipped.ABOUT).write_text(json.dumps({"says": "tiny"}))
    picture, box = index.folder / "images/common0.png", [[10.0, 10.0, 80.0, 80.0]]
    halves, whole = (gv.load(tmp_path / name)(picture, boxes=box)[0].points for name in ("packed", "run"))
    assert np.abs(halves - whole).mean() < 0.5      # pixels, of a net that has hardly begun: a few cells change
    assert {p.dtype for p in net.collect_params().values()} == {np.float32}


def test_the_command_makes_measures_and_installs(tmp_path, monkeypatch, capsys):
    """The recipe at its smallest; another drawn set stands for the real faces."""
    generate("300w", 60, 5, tmp_path / "data" / "300w")
    package = tmp_path / "package"
    package.mkdir()
    recipe = replace(weights.RECIPES["gv"], faces=60, package=SimpleNamespace(__file__=str(package / "__init__.py")),
                     settings={"epochs": 1, "size": 32, "side": 8, "width": 8, "encoder": "resnet18v2_quarter", "faces": 40})
    monkeypatch.setitem(weights.RECIPES, "gv", recipe)
    asked = ["--only", "gv", "--data", str(tmp_path / "data"), "--out", str(tmp_path / "out"), "--seeds", "2", "--install"]
    weights.main(asked)
    table, fitted = capsys.readouterr().out, len(detectors.installed())
    assert (package / "weights" / detectors.FITS_FILE).is_file() == (fitted > 1)
    assert table.count("| gv | 0 |") == table.count("| gv | 1 |") == table.count("| gv | all 2 |") == 2 + fitted
    assert shipped.about(package / "weights").startswith("the weights that come with the package: 68 landmarks")
    assert checkpoint.read_sidecar(package / "weights")["step"] == 5
    index = read_index(tmp_path / "out" / "faces-300w")
    train, annotated = read_split(index, "train"), read_split(index, "train_moved")
    offsets = label_offsets.read_offsets(label_offsets.OFFSETS_68, LAYOUT)
    expected = label_offsets.moved(np.stack([face.points for face in train]), offsets, LAYOUT)
    assert np.allclose([face.points for face in annotated], expected, atol=1e-3) and annotated[0].box is None
    with pytest.raises(InputError, match="--only"):
        weights.main(["--only", "heatmap"])
    with pytest.raises(InputError, match="--seeds"):
        weights.main(["--seeds", "0"])


@given(st.integers(0, 2 ** 32 - 1))
def test_offsets_that_faces_were_moved_by_are_found_again(seed):
    """Whatever the faces' place, size and turn: (moved - found) measured in their eyes' frame gives the offsets back."""
    rng = np.random.default_rng(seed)
    offsets = rng.normal(0, 0.03, (68, 2))
    offsets = (offsets + offsets[list(LAYOUT.flip)] * [-1, 1]) / 2
    offsets[[36, 45]] = 0           # what the frame is measured by
    shapes = np.stack([geometry.transform_points(geometry.similarity_about((0, 0), rng.uniform(-180, 180), rng.uniform(5, 90),
                                                                           rng.uniform(-200, 200, 2)), template())
                       for _ in range(5)])
    moved = label_offsets.moved(shapes, offsets, LAYOUT)
    assert label_offsets.offsets_of(shapes, moved, LAYOUT) == pytest.approx(offsets, abs=1e-9)


def test_offsets_move_right_and_down_in_the_frame_of_the_eyes():
    face = template()[None] * 10
    distance = face[0, 45, 0] - face[0, 36, 0]
    offsets = np.zeros((68, 2))
    offsets[8] = (0.1, 0.2)
    change = label_offsets.moved(face, offsets, LAYOUT) - face
    assert change[0, 8] == pytest.approx([0.1 * distance, 0.2 * distance]) and not change[0, :8].any()
    turned = face[..., ::-1] * [-1, 1]      # a quarter turn clockwise: right is down, down is left
    change = label_offsets.moved(turned, offsets, LAYOUT) - turned
    assert change[0, 8] == pytest.approx([-0.2 * distance, 0.1 * distance])


def test_the_offsets_that_are_kept_say_what_they_were_measured_on():
    values = json.loads(label_offsets.OFFSETS_68.read_text(encoding="utf-8"))
    offsets = np.array(values["offsets"])
    assert offsets == pytest.approx(offsets[list(LAYOUT.flip)] * [-1, 1], abs=2e-5)
    assert np.abs(offsets).max() < 0.12 and values["split"] == "train" and "300W" in values["of"]


def test_measuring_offsets(tmp_path, capsys):
    index = make_index(tmp_path / "index", 16, 2)
    train_tiny(tmp_path / "run", index)
    asked = ["--run", str(tmp_path / "run"), "--data", str(index.folder), "--faces", "4"]
    label_offsets.main([*asked, "--out", str(tmp_path / "once.json")])
    assert "4 faces, NME(ION)" in capsys.readouterr().out
    label_offsets.main([*asked, "--add", str(tmp_path / "once.json"), "--out", str(tmp_path / "twice.json")])
    once, twice = (label_offsets.read_offsets(tmp_path / name, LAYOUT) for name in ("once.json", "twice.json"))
    assert twice == pytest.approx(2 * once, abs=2e-5)
    (tmp_path / "wrong.json").write_text('{"offsets": [[1, 2]]}')
    with pytest.raises(InputError, match="no offsets of 68 landmarks"):
        label_offsets.main([*asked, "--add", str(tmp_path / "wrong.json"), "--out", str(tmp_path / "no.json")])
    assert not (tmp_path / "no.json").exists()
