"""Params files and sidecars that others made: refused in a line, or read as what they are.

Never a crash, a hang, or a path that is followed.
"""

import hashlib
import json
import threading
import time
from collections import Counter

import fuzz
import mxnet as mx
import numpy as np
import pytest
from helpers import make_index, train_tiny

from experiments.harness import records
from gv.core import checkpoint
from gv.core.errors import InputError
from gv.core.faces import read_index, read_split
from gv.core.run import load_run, open_run
from gv.methods import METHODS

MUTANTS = 300     # of each kind in every run of the tests; test_stress has ten thousand


def arrays():
    rng = np.random.default_rng(0)
    return {"a.weight": mx.nd.array(rng.normal(size=(3, 4, 1, 2))), "b": mx.nd.array(rng.normal(size=5), dtype="float64"),
            "c": mx.nd.array([1, 2], dtype="int32"), "d": mx.nd.array([1, 2], dtype="float16"),
            "e": mx.nd.array([3], dtype="uint8")}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    path = tmp_path_factory.mktemp("params") / "a.params"
    mx.nd.save(str(path), arrays())
    return path.read_bytes()


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """(index, run's folder)."""
    index = make_index(tmp_path_factory.mktemp("index"), 8, 4)
    folder = tmp_path_factory.mktemp("run") / "run"
    train_tiny(folder, index, 8, settings={"epochs": 1})
    return index, folder


def test_a_whole_file_is_read_as_mxnet_reads_it(whole):
    found, expected = checkpoint.read_params("x", whole), arrays()
    assert set(found) == set(expected)
    for name, value in expected.items():
        assert found[name].dtype == value.dtype and np.array_equal(found[name].asnumpy(), value.asnumpy())


def test_every_cut_is_refused(whole):
    for end in range(len(whole)):
        with pytest.raises(InputError, match="not a params file"):
            checkpoint.check_params(whole[:end], "x")
    with pytest.raises(InputError, match="1 bytes too many"):
        checkpoint.check_params(whole + b"\0", "x")


def mutate_params(rng, whole):
    """A copy with a few of its numbers changed, as a crafted file has them, or damaged as a disk does."""
    if rng.random() < 0.3:
        return fuzz.mutate_bytes(rng, whole)
    data = bytearray(whole)
    for _ in range(int(rng.integers(1, 4))):
        at = int(rng.integers(0, len(data) // 4)) * 4
        value = int(rng.choice([0, 1, 2, 0x7FFFFFFF, 0xFFFFFFFF, 0x80000000, int(rng.integers(0, 1 << 32))]))
        data[at:at + 4] = value.to_bytes(4, "little")
    return bytes(data)


def outcomes_of_params(whole, count, seed=0):
    """Counter of "read" and "refused" over crafted params files, read in this process."""
    rng, seen = np.random.default_rng(seed), Counter()
    for _ in range(count):
        try:
            found = checkpoint.read_params("x", mutate_params(rng, whole))
            assert sum(value.size for value in found.values()) <= len(whole)
            seen["read"] += 1
        except InputError as error:
            assert "\n" not in str(error)
            seen["refused"] += 1
    return seen


def test_crafted_params_are_read_or_refused(whole):
    seen = outcomes_of_params(whole, MUTANTS)
    assert seen["refused"] > MUTANTS / 4 and sum(seen.values()) == MUTANTS


def test_a_start_from_a_file_that_is_no_params_file_is_one_line(trained, tmp_path):
    index, _ = trained
    for name, data in (("empty.params", b""), ("text.params", b"weights"), ("zeros.params", bytes(1000))):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(InputError, match=f"{name}: not a params file"):
            train_tiny(tmp_path / "run", index, 8, settings={"start": str(tmp_path / name)})
    assert not (tmp_path / "run").exists()


def outcomes_of_text(read, path, count, seed=0):
    """Counter of "read" and "refused" of ``read()`` while ``path`` holds damaged copies of its text."""
    whole, rng, seen = path.read_bytes(), np.random.default_rng(seed), Counter()
    try:
        for number in range(count):
            path.write_bytes(fuzz.mutate_text(rng, whole))
            try:
                read()
                seen["read"] += 1
            except InputError as error:
                assert "\n" not in str(error), number
                seen["refused"] += 1
    finally:
        path.write_bytes(whole)
    return seen


def readers(trained, tmp_path):
    """{name: (function that reads, file whose text is damaged)} of every text that may come from somebody else."""
    index, folder = trained
    record = {"key": "0" * 16, "kind": "train", "sources": "x", "identity": {}, "views": {"full": {"metrics": {"a": 1.0}}},
              "seed": 0, "preset": "smoke"}
    kept = records.write(tmp_path, record)
    return {"sidecar": (lambda: load_run(METHODS, folder), folder / "checkpoint" / "sidecar.json"),
            "config": (lambda: _resumable(folder), folder / "config.json"),
            "index": (lambda: read_index(index.folder), index.folder / "index.json"),
            "split": (lambda: read_split(index, "train"), index.folder / "train.jsonl"),
            "record": (lambda: records.read(tmp_path, record["key"]), kept)}


def _resumable(folder):
    from gv.core.run import refuse_other, stored_config
    run, _, _ = load_run(METHODS, folder)
    stored, where = stored_config(folder)
    return refuse_other(stored, run, where)


@pytest.mark.parametrize("name", ["sidecar", "config", "index", "split", "record"])
def test_damaged_texts_are_read_or_refused(trained, tmp_path, name):
    read, path = readers(trained, tmp_path)[name]
    seen = outcomes_of_text(read, path, MUTANTS)
    assert sum(seen.values()) == MUTANTS and seen["refused"] > 0
    read()


@pytest.mark.parametrize("change", [
    {"coverage": "x"}, {"coverage": [1, 2]}, {"coverage": [1, None, 1]}, {"provenance": 3}, {"provenance": ...}, {"start": ...},
    {"seconds": ...}, {"within_epoch": [1]}, {"within_epoch": {"losses": ["a"], "images": 1}}], ids=str)
def test_a_field_that_is_gone_or_absurd_is_one_line_in_eval_and_resume(trained, capfd, change):
    from gv.cli import main
    index, folder = trained
    path = folder / "checkpoint" / "sidecar.json"
    whole = path.read_text()
    sidecar = {**json.loads(whole), **change}
    path.write_text(json.dumps({name: value for name, value in sidecar.items() if value is not ...}))
    try:
        assert main(["eval", "--run", str(folder), "--data", str(index.folder)]) == 2
        said = capfd.readouterr().err
        assert len(said.splitlines()) == 1 and next(iter(change)) in said
        with pytest.raises(InputError):
            train_tiny(folder, index, 8, settings={"epochs": 1}, resume=True)
    finally:
        path.write_text(whole)


def test_a_sidecar_follows_no_path(trained, tmp_path):
    _, folder = trained
    outside = tmp_path / "weights.params"
    outside.write_bytes(next((folder / "checkpoint").glob("weights*")).read_bytes())
    path = folder / "checkpoint" / "sidecar.json"
    whole = path.read_text()
    try:
        for name in (str(outside), "../../weights.params", "..", "", "a/b", ".", "weights\0.params", 3, None):
            sidecar = json.loads(whole)
            sidecar["files"]["weights"] = {"file": name, "sha256": hashlib.sha256(outside.read_bytes()).hexdigest()}
            path.write_text(json.dumps(sidecar))
            with pytest.raises(InputError, match="base name"):
                checkpoint.load(folder)
    finally:
        path.write_text(whole)


def test_a_run_that_is_being_trained_is_read_as_of_one_moment(tmp_path):
    """A writer replaces the checkpoint as fast as it can, every number of it the step's."""
    values, stop = {"a": mx.nd.zeros((50, 50))}, threading.Event()

    def keep(step):
        checkpoint.save(tmp_path, {"step": step, "seconds": 0.0}, {"a": values["a"] + step}, {"0.mean": values["a"] - step})

    keep(1)

    def write():
        step = 1
        while not stop.is_set():
            step += 1
            keep(step)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        deadline, seen = time.monotonic() + 3, set()
        while time.monotonic() < deadline:
            sidecar, weights, optimiser = checkpoint.read(tmp_path, "weights", "optimiser")
            seen.add(sidecar["step"])
            assert (weights["a"].asnumpy() == sidecar["step"]).all() and (optimiser["0.mean"].asnumpy() == -sidecar["step"]).all()
    finally:
        stop.set()
        writer.join()
    assert len(seen) > 3


def test_what_is_missing_for_good_is_refused_at_once(trained, tmp_path):
    began = time.monotonic()
    checkpoint.save(tmp_path, {"step": 1}, {"a": mx.nd.zeros(3)})
    next((tmp_path / "checkpoint").glob("weights*")).unlink()
    with pytest.raises(InputError, match="missing"):
        checkpoint.read(tmp_path, "weights")
    assert time.monotonic() - began < 2
    _, folder = trained
    run, sidecar, fitted, net = open_run(METHODS, folder, [mx.cpu()])
    assert run.method.name == "gv" and sidecar["step"] == 2
