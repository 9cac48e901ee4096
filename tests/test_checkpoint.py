"""Checkpoints: what is written is read back, and whatever is not whole is refused in one line that says why."""

import json

import mxnet as mx
import numpy as np
import pytest
from mxnet import gluon

from gv.core import checkpoint
from gv.core.errors import InputError

WEIGHTS = {"a": mx.nd.array([[1.5, -2.25], [3.0, 0.1]]), "b": mx.nd.arange(300)}
STATE = {"0.mean": mx.nd.array([7.0])}


@pytest.fixture
def run(tmp_path):
    checkpoint.save(tmp_path, {"step": 12, "note": "kept"}, WEIGHTS, STATE)
    return tmp_path


def one_line(error, *words):
    message = str(error.value)
    assert "\n" not in message
    for word in words:
        assert word in message, message


def weights_file(run):
    return run / "checkpoint" / checkpoint.read_sidecar(run)["files"]["weights"]["file"]


def edit_sidecar(run, change):
    path = run / "checkpoint/sidecar.json"
    values = json.loads(path.read_text())
    change(values)
    path.write_text(json.dumps(values))


def test_it_comes_back_to_the_bit(run):
    for part, values in (("weights", WEIGHTS), ("optimiser", STATE)):
        loaded = checkpoint.load(run, part)
        assert set(loaded) == set(values)
        for name in values:
            np.testing.assert_array_equal(loaded[name].asnumpy(), values[name].asnumpy())
    sidecar = checkpoint.read_sidecar(run)
    assert (sidecar["step"], sidecar["note"], sidecar["version"]) == (12, "kept", checkpoint.VERSION)


def test_saving_again_leaves_no_stray_files(run):
    (run / "checkpoint/.weights-0000099.params.tmp").write_bytes(b"of a run that was killed")
    checkpoint.save(run, {"step": 13}, WEIGHTS)
    assert sorted(path.name for path in (run / "checkpoint").iterdir()) == ["sidecar.json", "weights-0000013.params"]
    assert [path.name for path in run.iterdir()] == ["checkpoint"]
    with pytest.raises(InputError) as error:
        checkpoint.load(run, "optimiser")
    one_line(error, "optimiser.params", "missing")


@pytest.mark.parametrize("where", [0, 100, -1])
def test_a_flipped_byte_is_seen(run, where):
    path = weights_file(run)
    data = bytearray(path.read_bytes())
    data[where] ^= 1
    path.write_bytes(data)
    with pytest.raises(InputError) as error:
        checkpoint.load(run)
    one_line(error, str(path), "SHA-256")


@pytest.mark.parametrize("length", [0, 1, 200])
def test_a_truncated_file_is_seen(run, length):
    path = weights_file(run)
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(InputError) as error:
        checkpoint.load(run)
    one_line(error, str(path), "damaged", "SHA-256")


def test_a_missing_file_is_named(run):
    path = weights_file(run)
    path.unlink()
    with pytest.raises(InputError) as error:
        checkpoint.load(run)
    one_line(error, str(path), "missing", "the weights named in sidecar.json")


def test_no_checkpoint(tmp_path):
    with pytest.raises(InputError) as error:
        checkpoint.read_sidecar(tmp_path)
    one_line(error, str(tmp_path), "no trained run here", "check the path")
    checkpoint.save(tmp_path / "below", {"step": 1}, {"a": mx.nd.zeros(2)})
    with pytest.raises(InputError) as error:
        checkpoint.read_sidecar(tmp_path)
    one_line(error, f"did you mean {tmp_path / 'below'}?")


@pytest.mark.parametrize("text", [
    "", "{", "null", "[]", '"text"', "{}", '{"version": 1}', '{"version": 1, "files": {}}',
    '{"version": 1, "files": [], "step": 1}',
    '{"version": 1, "step": 1, "files": {"weights": "weights-0000012.params"}}',
    '{"version": 1, "step": 1, "files": {"weights": {"file": "weights-0000012.params"}}}', "\ufeff{", "\x00",
])
def test_a_broken_sidecar(run, text):
    path = run / "checkpoint/sidecar.json"
    path.write_text(text)
    with pytest.raises(InputError) as error:
        checkpoint.load(run)
    one_line(error, str(path), "not a checkpoint's sidecar")


def test_a_sidecar_that_is_not_text(run):
    path = run / "checkpoint/sidecar.json"
    path.write_bytes(b"\xff\xfe\x00 {")
    with pytest.raises(InputError) as error:
        checkpoint.read_sidecar(run)
    one_line(error, str(path))


def test_another_version(run):
    edit_sidecar(run, lambda values: values.update(version=99))
    with pytest.raises(InputError) as error:
        checkpoint.read_sidecar(run)
    one_line(error, "checkpoint version 99", "expected 1")


def net(units=2, more=False):
    block = gluon.nn.HybridSequential()
    block.add(gluon.nn.Dense(units, in_units=3))
    block.add(gluon.nn.BatchNorm(in_channels=units))
    if more:
        block.add(gluon.nn.Dense(1, in_units=units))
    block.initialize(mx.init.Xavier(), ctx=[mx.cpu(0), mx.cpu(1)])
    return block


def test_gather_and_scatter_over_devices():
    one, other = net(), net()
    first, second = one[1].running_mean.list_data()
    first[:], second[:] = mx.nd.array([1, 2]), mx.nd.array([3, 6], ctx=second.context)
    values = checkpoint.gather(one)
    np.testing.assert_array_equal(values["1.running_mean"].asnumpy(), [2, 4])  # the devices' mean
    checkpoint.scatter(other, values, "here")
    for name, parameter in other._collect_params_with_prefix().items():
        for copy in parameter.list_data():
            np.testing.assert_array_equal(copy.asnumpy(), values[name].asnumpy())


@pytest.mark.parametrize("target, words", [
    (net(more=True), ['2 parameters differ, first "2.bias"']),
    (net(units=4), ['"0.weight" has shape (2, 3)', "expected (4, 3)"]),
])
def test_scatter_refuses_what_does_not_fit(target, words):
    values = checkpoint.gather(net())
    before = {name: value.asnumpy() for name, value in checkpoint.gather(target).items()}
    with pytest.raises(InputError) as error:
        checkpoint.scatter(target, values, "a-run")
    one_line(error, "a-run", *words)
    for name, value in checkpoint.gather(target).items():
        np.testing.assert_array_equal(value.asnumpy(), before[name])


def test_scatter_refuses_missing_names():
    values = checkpoint.gather(net())
    del values["0.bias"]
    with pytest.raises(InputError) as error:
        checkpoint.scatter(net(), values, "a-run")
    one_line(error, '1 parameters differ, first "0.bias"')


def test_fitted_digest_is_of_names_shapes_types_and_values():
    fitted = {"b": np.arange(6.0).reshape(2, 3), "a": np.array([1, 2])}
    digest = checkpoint.fitted_digest(fitted)
    assert digest == checkpoint.fitted_digest({"a": fitted["a"].copy(), "b": np.asfortranarray(fitted["b"])})
    assert digest == "9ef4e8cb06f5530361783901abf909a02e861ab06d8d57bbf40795ada4c386f8"
    others = [{"a": fitted["a"]}, {**fitted, "b": fitted["b"].reshape(3, 2)}, {**fitted, "a": fitted["a"] + 1},
              {**fitted, "b": fitted["b"].astype(np.float32)}, {"b": fitted["a"], "a": fitted["b"]}]
    assert len({digest, *map(checkpoint.fitted_digest, others)}) == len(others) + 1
