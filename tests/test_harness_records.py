"""What a result is kept under and taken back by: records on disk, the hash of the code, the identity of the data."""

import ast
import json
import os
import shutil
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from helpers import ROOT, make_index
from hypothesis import given
from hypothesis import strategies as st

from experiments.harness import code_hash, datasets, records
from experiments.harness.jobs import EVALUATION_CODE, TRAINING_CODE
from gv.core.errors import InputError

KEY = "0123456789abcdef"
RECORD = {"key": KEY, "kind": "train", "sources": "a" * 64, "views": {"full": {"metrics": {"nme_ion": 0.05}, "errors": ""}}}


# records

@given(st.lists(st.floats(0, records.LARGEST_ERROR), max_size=50))
def test_errors_come_back_to_within_half_a_unit(errors):
    text = records.pack_errors(np.array(errors))
    assert text.isascii() and "\n" not in text
    back = records.unpack_errors(text)
    assert back.shape == (len(errors),)
    assert np.abs(back - errors).max(initial=0) <= records.ERROR_UNIT / 2 * (1 + 1e-6)
    assert records.pack_errors(back) == text, "packed again, they are the same text"


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 2200.0])
def test_an_error_that_is_none_is_refused_not_wrapped_around(value):
    with pytest.raises(InputError, match="errors of images"):
        records.pack_errors(np.array([0.05, value]))


def test_a_record_comes_back_as_written(tmp_path):
    path = records.write(tmp_path / "deep" / "records", RECORD)
    assert path == tmp_path / "deep" / "records" / f"{KEY}.json"
    assert records.read(path.parent, KEY) == {"format": records.FORMAT, **RECORD}
    assert records.read_all(path.parent) == [records.read(path.parent, KEY)]
    assert records.read(path.parent, "f" * 16) is None
    assert records.read_all(tmp_path / "nowhere") == []


@pytest.mark.parametrize("broken", [
    "", "{", '{"format": 1}', "[]", "3", "null", "\x00\x01",
    json.dumps({"format": 1, **RECORD, "key": "f" * 16}),                      # of another run
    json.dumps({"format": 2, **RECORD}),
    json.dumps({"format": 1, "key": KEY}),                                     # nothing in it
    json.dumps({"format": 1, **{name: value for name, value in RECORD.items() if name != "views"}}),
    json.dumps({"format": 1, **RECORD, "kind": "measure"}),
    json.dumps({"format": 1, **RECORD, "kind": "other"}),
    json.dumps({"format": 1, **RECORD, "views": []}),
    json.dumps({"format": 1, **RECORD, "sources": None}),
    json.dumps({"format": 1, **RECORD})[:-20],                                 # torn
    "[" * 100000,
], ids=lambda text: text[:30])
def test_what_is_no_record_is_refused_in_one_line(tmp_path, broken):
    (tmp_path / f"{KEY}.json").write_text(broken, encoding="utf-8")
    for look_up in (lambda: records.read(tmp_path, KEY), lambda: records.read_all(tmp_path)):
        with pytest.raises(InputError, match="not a record") as caught:
            look_up()
        assert len(str(caught.value).splitlines()) == 1 and f"{KEY}.json" in str(caught.value)


def test_bytes_that_are_no_text_are_refused(tmp_path):
    (tmp_path / f"{KEY}.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="not a record"):
        records.read(tmp_path, KEY)


@pytest.mark.parametrize("fails", ["write_text", "replace"])
def test_a_record_is_written_whole_or_not_at_all(tmp_path, monkeypatch, fails):
    """The write, or the step after it, goes wrong: the record before it stands, and nothing else is taken for one."""
    records.write(tmp_path, RECORD)

    def torn(path, text, encoding):
        with open(path, "w", encoding=encoding) as out:
            out.write(text[: len(text) // 2])
        raise OSError("disk full")

    def refused(source, target):
        raise OSError("no")

    if fails == "write_text":
        monkeypatch.setattr(Path, "write_text", torn)
    else:
        monkeypatch.setattr(os, "replace", refused)
    with pytest.raises(OSError):
        records.write(tmp_path, {**RECORD, "sources": "b" * 64})
    monkeypatch.undo()
    assert records.read(tmp_path, KEY)["sources"] == RECORD["sources"]
    assert [record["key"] for record in records.read_all(tmp_path)] == [KEY]


def test_the_key_is_of_the_value_not_of_its_order():
    assert records.key_of({"a": 1, "b": [1, 2]}) == records.key_of({"b": (1, 2), "a": 1})
    assert records.key_of({"a": 1}) != records.key_of({"a": 2})
    assert len(records.key_of({})) == records.KEY_DIGITS


def test_the_machine_and_the_commit_are_named():
    machine = records.machine()
    assert machine["processor"] and machine["cores"] >= 1
    found = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    if found.returncode == 0:
        assert records.commit().split("+")[0] == found.stdout[:12]


# sources

CODE = '''"""What it is."""

import os


def f(a, b=2):
    """Docs of f."""
    text = "a string that is no docstring"   # said
    return [a,
            b, text]


class C:
    """Docs of C."""

    x = 1
'''
HARMLESS = {
    "a comment": lambda text: text.replace("import os", "import os  # for nothing\n# another"),
    "a comment less": lambda text: text.replace("   # said", ""),
    "a docstring": lambda text: text.replace("Docs of f.", "Other words,\n\n    and more of them."),
    "a docstring's quotes": lambda text: text.replace('"""Docs of C."""', "'Docs of C.'"),
    "a comment after a docstring": lambda text: text.replace('of f."""', 'of f."""  # noqa'),
    "a docstring less": lambda text: text.replace('    """Docs of f."""\n', ""),
    "the module's docstring": lambda text: text.replace("What it is.", "What it was."),
    "blank lines": lambda text: text.replace("\n\n\n", "\n\n\n\n\n") + "\n\n",
    "spaces in brackets": lambda text: text.replace("            b, text", "   b,  text"),
    "the indent's width": lambda text: text.replace("\n    ", "\n  "),
    "the last line's end": lambda text: text.rstrip("\n"),
    "a comment as the last line": lambda text: text + "# the end",
}
HARMFUL = {
    "a number": lambda text: text.replace("b=2", "b=3"),
    "a string": lambda text: text.replace("no docstring", "no  docstring"),
    "a name": lambda text: text.replace("def f", "def g"),
    "a line less": lambda text: text.replace("    x = 1\n", ""),
    "an indent": lambda text: text.replace("\n    return [a,", "\n    if a:\n        return [a,"),
    "a string in the middle": lambda text: text.replace('    text = "', '    "" "', 1),
    "an import": lambda text: text + "import sys\n",
}


@pytest.mark.parametrize("name", HARMLESS)
def test_words_beside_the_code_are_not_code(name):
    changed = HARMLESS[name](CODE)
    assert changed != CODE
    compile(changed, "changed", "exec")
    assert code_hash.code_of(changed) == code_hash.code_of(CODE)


@pytest.mark.parametrize("name", HARMFUL)
def test_code_is_code(name):
    changed = HARMFUL[name](CODE)
    compile(changed, "changed", "exec")
    assert code_hash.code_of(changed) != code_hash.code_of(CODE)


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """A copy of the project's packages, which ``sources`` reads instead; a function to change a file of it."""
    for package in code_hash.PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__", "*.html", "images"))
    cached = [value for value in vars(code_hash).values() if hasattr(value, "cache_clear")]

    def forget():
        for function in cached:
            function.cache_clear()

    def change(name, text):
        with open(tmp_path.joinpath(*name.split(".")).with_suffix(".py"), "a", encoding="utf-8") as out:
            out.write(text)
        forget()

    forget()
    monkeypatch.setattr(code_hash, "ROOT", tmp_path)
    for owner, name in ((code_hash, "code_of"), (code_hash.ast, "parse")):    # once where a file did not change
        monkeypatch.setattr(owner, name, lru_cache(maxsize=None)(getattr(owner, name)))
    yield change
    forget()


MODULES = {"gv": (*TRAINING_CODE, *EVALUATION_CODE, "gv.methods"),
           "anchorface": (*TRAINING_CODE, *EVALUATION_CODE, "anchorface.methods")}


def digests():
    return {name: code_hash.digest(modules) for name, modules in MODULES.items()}


def test_a_change_of_any_module_that_a_result_depends_on_shows_and_of_no_other(tree):
    before = digests()
    inside = {name: set(code_hash.closure(modules)) for name, modules in MODULES.items()}
    assert {"gv.core.train", "gv.core.evaluate", "gv.core.metrics", "gv.core.geometry", "gv.core.data", "gv.codec", "gv.loss",
            "experiments.harness.running"} <= inside["gv"]
    assert "anchorface.codec" in inside["anchorface"] and not any(name.startswith("anchorface") for name in inside["gv"])
    every = sorted(inside["gv"] | inside["anchorface"])
    outside = ["gv.presets", "anchorface.presets", "gv.cli", "gv.core.export", "data_prep.w300", "experiments.trainings",
               "experiments.harness.claims", "experiments.harness.scheduling", "experiments.worker",
               "experiments.harness.code_hash"]
    modules = [name for name in every + outside if not (code_hash.ROOT.joinpath(*name.split(".")) / "__init__.py").is_file()]
    for name in modules:
        tree(name, "\n\n# a comment\n")
    assert digests() == before
    for name in modules:
        tree(name, "\nUSELESS = 1\n")
        after = digests()
        for method in MODULES:
            assert (after[method] != before[method]) == (name in inside[method]), f"{name}, {method}"
        before = after


def test_the_closure_is_what_importing_loads():
    """Python's own account: the project's modules that are there after the import, bar presets and packages' own files, and
    gv.compat, which only lets MXNet be imported."""
    modules = sorted({*MODULES["gv"], *MODULES["anchorface"]})
    code = f"import sys, json, {', '.join(modules)}; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = {module for module in json.loads(done.stdout.splitlines()[-1]) if module.split(".")[0] in code_hash.PACKAGES}
    packages = {module for module in loaded if (ROOT.joinpath(*module.split(".")) / "__init__.py").is_file()}
    assert set(code_hash.closure(modules)) - packages == loaded - packages - {"gv.presets", "anchorface.presets", "gv.compat"}


def test_a_new_version_number_reruns_nothing():
    assert "gv" not in code_hash.closure(MODULES["gv"]) and "gv.codec" in code_hash.closure(MODULES["gv"])


def test_the_packages_own_files_say_nothing_that_a_result_depends_on():
    """``closure`` need not hold them, then."""
    for path in (path for package in code_hash.PACKAGES for path in (ROOT / package).rglob("__init__.py")):
        text = path.read_text(encoding="utf-8")
        said = [ast.get_source_segment(text, node).split("=")[0].split("(")[0].strip() for node in ast.parse(text).body
                if not isinstance(node, ast.Expr)]
        allowed = {ROOT / "gv": ["from gv import compat", "__version__", "def load"],      # nothing calls load here
                   ROOT / "anchorface": ["import gv.core", "def load"], ROOT / "experiments": ["import gv"]}
        assert said == allowed.get(path.parent, []), path


def other_pythons():
    """A path to each Python that the project supports and this machine has, bar the one that runs this."""
    found = {minor: shutil.which(f"python3.{minor}") for minor in range(8, 14) if minor != sys.version_info[1]}
    for path in Path.home().glob(".pyenv/versions/3.*/bin/python"):
        minor = int(path.parts[-3].split(".")[1])
        if minor in found:
            found[minor] = str(path)
    return [path for path in found.values() if path]


def test_the_digest_is_the_same_under_every_python_that_is_at_hand():
    """No MXNet is needed to work it out: the module is run by itself."""
    code = ("import sys; sys.path.insert(0, '.'); from experiments.harness import code_hash; "
            f"print(code_hash.digest({MODULES['gv']!r}), code_hash.digest({MODULES['anchorface']!r}))")
    told = {}
    for python in other_pythons():
        done = subprocess.run([python, "-I", "-c", code], cwd=ROOT, capture_output=True, text=True)
        if done.returncode == 0:
            told[python] = done.stdout.split()
    expected = [digests()["gv"], digests()["anchorface"]]
    assert {python: found for python, found in told.items() if found != expected} == {}
    if not told:
        pytest.skip("no other Python is at hand")


# sets

def test_an_embedded_set_is_known_without_making_it(tmp_path):
    found = datasets.find("aflw", "smoke", None, tmp_path)
    assert (found.landmarks, found.normaliser, found.provenance) == (19, "box", datasets.EMBEDDED)
    assert found.identity == {"like": "aflw", "part": "", "size": 60, "seed": 0, "version": datasets.VERSION}
    assert "60 drawn faces" in found.line
    assert datasets.has_split(found, "heavy") and datasets.train_faces(found) == 49    # 60 * 20000 / 24386
    assert list(tmp_path.iterdir()) == []
    assert datasets.find("aflw", "smoke", None, tmp_path / "elsewhere").identity == found.identity


def test_an_embedded_set_is_as_large_as_the_preset_says(tmp_path):
    presets = ("smoke", "ablate", "mini", "paper")
    sizes = {preset: datasets.find("300w", preset, None, tmp_path).identity["size"] for preset in presets}
    assert sizes == {"smoke": 60, "ablate": 5000, "mini": 5000, "paper": 3148 + 554 + 135}
    assert datasets.find("300w", "ablate", None, tmp_path) == datasets.find("300w", "mini", None, tmp_path)
    semi, profile = (datasets.find(f"menpo/{part}", "paper", None, tmp_path) for part in ("semifrontal", "profile"))
    assert (semi.landmarks, profile.landmarks) == (68, 39) and semi.folder.parent == profile.folder.parent
    assert (datasets.train_faces(semi), datasets.train_faces(profile)) == (6679, 2300)


def test_embedded_sets_are_made_once_and_again_where_interrupted(tmp_path, monkeypatch):
    calls = []

    def generate(like, size, seed, root, workers):
        calls.append((like, size, seed, root, workers))
        make_index(root / "semifrontal", 2, 2)
        if len(calls) > 1:
            make_index(root / "profile", 2, 2)
        for part in ("semifrontal", "profile"):
            path = root / part / "index.json"
            if path.is_file():
                path.write_text(json.dumps({**json.loads(path.read_text()), "extra": {"version": datasets.VERSION}}))

    monkeypatch.setattr(datasets, "generate", generate)
    both = [datasets.find(f"menpo/{part}", "smoke", None, tmp_path) for part in ("semifrontal", "profile")]
    datasets.make(both[:1], 8)     # no process more for so few
    datasets.make(both[:1], 8)
    assert calls == [("menpo", 60, 0, tmp_path / "data" / "menpo-60-0", 1)]
    datasets.make(both, 1)
    assert len(calls) == 2 and datasets.has_split(both[1], "common") and not datasets.has_split(both[1], "test")
    datasets.make(both, 1)
    assert len(calls) == 2


def test_embedded_faces_of_another_version_are_not_taken_for_this_ones(tmp_path):
    found = datasets.find("300w", "smoke", None, tmp_path)
    make_index(found.folder, 2, 2)
    with pytest.raises(InputError, match="another version") as caught:
        datasets.make([found], 1)
    assert str(found.folder) in str(caught.value) and len(str(caught.value).splitlines()) == 1


def test_an_official_set_is_the_same_wherever_its_pictures_lie(tmp_path):
    def prepared(name, images, **change):
        index = make_index(tmp_path / name / "300w", 4, 3)
        header = json.loads((index.folder / "index.json").read_text())
        header.update({"provenance": "official, partial", "official": {"train": 9}, **change})
        (index.folder / "index.json").write_text(json.dumps(header))
        for path in index.folder.glob("*.jsonl"):
            path.write_text(path.read_text().replace('"images/', f'"{images}'))
        return datasets.find("300w", "ablate", str(tmp_path / name), tmp_path / "out")

    here, there = prepared("a", "images/"), prepared("b", "/mnt/faces/")
    assert here.identity == there.identity and here.folder != there.folder
    assert (here.provenance, here.landmarks, here.normaliser) == ("official, partial", 68, "ion")
    assert "official, partial: 4 of 9" in here.line
    assert datasets.train_faces(here) == 4 and datasets.has_split(here, "common") and not datasets.has_split(here, "challenge")
    other = prepared("c", "images/other")
    assert other.identity != here.identity, "other pictures"
    moved = tmp_path / "a" / "300w" / "common.jsonl"
    face = json.loads(moved.read_text().splitlines()[0])
    face["points"][0][0] += 1e-9
    moved.write_text("\n".join([json.dumps(face), *moved.read_text().splitlines()[1:]]) + "\n")
    datasets._split_digest.cache_clear()
    assert datasets.find("300w", "ablate", str(tmp_path / "a"), tmp_path).identity != here.identity, "a landmark moved"


def test_embedded_faces_that_the_user_prepared_are_an_index_like_any(tmp_path):
    """``--data`` may name faces that ``data_prep.synthetic`` wrote."""
    make_index(tmp_path / "300w", 4, 3)
    found = datasets.find("300w", "smoke", str(tmp_path), tmp_path / "out")
    assert found.provenance == datasets.EMBEDDED and datasets.train_faces(found) == 4
    assert not datasets.has_split(found, "challenge")
    datasets.make([found], 1)
    assert not (tmp_path / "out").exists()


def test_a_set_that_is_not_there_is_named_in_one_line(tmp_path):
    with pytest.raises(InputError, match='data set: "300v"; expected one of 300w, cofw') as caught:
        datasets.find("300v", "smoke", None, tmp_path)
    with pytest.raises(InputError, match="no index here") as caught:
        datasets.find("wflw", "smoke", str(tmp_path), tmp_path)
    assert "wflw" in str(caught.value) and len(str(caught.value).splitlines()) == 1
    index = make_index(tmp_path / "300w", 2, 2)
    (index.folder / "train.jsonl").write_text("not a face\n")
    with pytest.raises(InputError, match="train.jsonl: not a split of an index"):
        datasets.find("300w", "smoke", str(tmp_path), tmp_path)
