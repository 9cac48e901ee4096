"""gv.compat: what NumPy has dropped is put back before MXNet is imported, and nothing else is touched."""

import subprocess
import sys
import types

import pytest
from helpers import ROOT, child_environment

from gv import compat


class Old(types.ModuleType):
    """A NumPy that gives some names by its own ``__getattr__``, as it does before it drops them."""

    def __getattr__(self, name):
        if name == "product":
            return "still there"
        raise AttributeError(name)


@pytest.fixture
def numpy(monkeypatch):
    module = Old("numpy")
    module.all, module.prod, module.float64, module.nan = "all", "prod", "float64", "nan"
    module.any = module.cumprod = module.round = module.inf = module.complex128 = module.str_ = module.bytes_ = "now"
    module.bool = "NumPy's own"
    monkeypatch.setitem(sys.modules, "numpy", module)
    return module


def test_names_that_are_gone_are_put_back_and_others_left_alone(numpy):
    compat.prepare()
    assert (numpy.alltrue, numpy.float_, numpy.NaN, numpy.int, numpy.PZERO) == ("all", "float64", "nan", int, 0.0)
    assert numpy.bool == "NumPy's own" and "product" not in vars(numpy) and numpy.product == "still there"
    with pytest.raises(AttributeError, match="no mirr any more"):
        numpy.mirr([1, 2])


def test_it_is_done_when_mxnet_is_imported_and_not_before():
    code = ("import sys, gv; from gv import compat; seen = []; compat.prepare = lambda: seen.append('numpy' in sys.modules)\n"
            "compat.FIRST = (3, 0); compat.install(); compat.install(); assert seen == [] and 'numpy' not in sys.modules\n"
            "import mxnet; assert seen == [False], seen; import mxnet.gluon; compat.install(); assert len(seen) == 1\n"
            "assert not any(type(finder).__name__ == '_BeforeMXNet' for finder in sys.meta_path)")
    if sys.version_info >= compat.FIRST:
        pytest.skip("here MXNet cannot be imported without it")
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=child_environment(), check=True)


@pytest.mark.parametrize("package", ["gv", "anchorface", "experiments", "gv.core"])
def test_every_package_that_imports_mxnet_sees_to_it_first(package):
    code = (f"import sys, {package}; from gv import compat; assert 'mxnet' not in sys.modules and 'numpy' not in sys.modules\n"
            "assert any(type(finder).__name__ == '_BeforeMXNet' for finder in sys.meta_path) or sys.version_info < compat.FIRST")
    subprocess.run([sys.executable, "-c", f"import sys; {code}"], cwd=ROOT, env=child_environment(), check=True)
    loaded = f"import sys, {package}; assert 'gv' in sys.modules"
    subprocess.run([sys.executable, "-c", loaded], cwd=ROOT, env=child_environment(), check=True)


def run(code, folder):
    environment = child_environment()
    environment["PYTHONPATH"] = f"{folder}:{ROOT}"
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize("body", ["__version__ = '2.14.1'", "raise RuntimeError('its library does not load')"])
def test_gluoncv_is_imported_beside_any_pytorch_and_gives_it_back(tmp_path, body):
    (tmp_path / "torch.py").write_text(f"{body}\n")
    refused = run("import gluoncv", tmp_path)
    assert refused.returncode, "GluonCV bears this PyTorch by itself now: gv.compat need not hide it"
    done = run("import gv, gluoncv, sys; from gluoncv.model_zoo import get_model; assert 'torch' not in sys.modules\n"
               "assert not gluoncv._found_pytorch and gluoncv._found_mxnet\n"
               "assert type(gluoncv.__spec__.loader).__module__.startswith('_frozen_importlib')", tmp_path)
    assert done.returncode == 0, done.stderr
    if body.startswith("__version__"):
        done = run("import gv, torch; before = torch; import gluoncv; import torch; assert torch is before\n"
                   "assert torch.__version__ == '2.14.1'", tmp_path)
        assert done.returncode == 0, done.stderr
        done = run("import gv, gluoncv, torch; assert torch.__version__ == '2.14.1'", tmp_path)
        assert done.returncode == 0, done.stderr


def test_pytorch_comes_back_when_gluoncv_fails():
    for there in ({"torch": "a module"}, {}):
        before = dict(sys.modules)
        sys.modules.pop("torch", None)
        sys.modules.update(there)
        try:
            with pytest.raises(KeyError), compat.without_torch():
                with pytest.raises(ImportError):
                    import torch  # noqa: F401
                assert "torch" not in sys.modules       # of which SciPy would take a None for the module
                raise KeyError
            assert sys.modules.get("torch") == there.get("torch") and ("torch" in sys.modules) == bool(there)
        finally:
            sys.modules.pop("torch", None)
            if "torch" in before:
                sys.modules["torch"] = before["torch"]
