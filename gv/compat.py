"""MXNet 1.9.1 and GluonCV beside what came after them: names that NumPy has dropped are put back before MXNet is imported, and
PyTorch is out of GluonCV's sight while that is imported.

``install`` is called when ``gv`` is imported, which every part of this project does first; it loads nothing by itself. NumPy
1.26, which Python 3.12 needs, lacks the aliases of built-in types; NumPy 2, which Python 3.13 needs, more. GluonCV refuses to be
imported where PyTorch 2 is installed, for parts of it that are not used here.
"""

import contextlib
import importlib.abc
import importlib.machinery
import sys
import warnings

FIRST = (3, 12)      # Python from which on it is needed
# what MXNet 1.9.1 and GluonCV 0.10.5 still ask NumPy for, by what it is called now
TYPES = {"bool": bool, "int": int, "float": float, "object": object, "str": str}
RENAMED = {"alltrue": "all", "sometrue": "any", "cumproduct": "cumprod", "product": "prod", "round_": "round",
           "NaN": "nan", "NAN": "nan", "PINF": "inf", "Inf": "inf", "Infinity": "inf", "infty": "inf", "float_": "float64",
           "complex_": "complex128", "unicode_": "str_", "string_": "bytes_"}
NUMBERS = {"PZERO": 0.0, "NZERO": -0.0, "NINF": float("-inf")}
# functions for money and sorting that MXNet lists and nobody here calls
GONE = ("asfarray", "fv", "ipmt", "irr", "mirr", "msort", "nper", "npv", "pmt", "ppmt", "pv", "rate")


def _gone(name):
    def call(*args, **options):
        raise AttributeError(f"NumPy has no {name} any more")
    return call


def prepare():
    """Give NumPy the names that MXNet wants and it no longer has."""
    import numpy
    wanted = {**{name: (lambda now=now: getattr(numpy, now)) for name, now in RENAMED.items()},
              **{name: (lambda value=value: value) for name, value in {**TYPES, **NUMBERS}.items()},
              **{name: (lambda name=name: _gone(name)) for name in GONE}}
    for name, make in wanted.items():
        if name not in vars(numpy) and not _still_there(numpy, name):
            setattr(numpy, name, make())


def _still_there(numpy, name):
    """Whether NumPy gives a name by its own ``__getattr__``, as it does with what it is about to drop."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return getattr(numpy, name) is not None
        except AttributeError:
            return False


class _BeforeMXNet(importlib.abc.MetaPathFinder):
    """Finds nothing; sees that MXNet is about to be imported."""

    def find_spec(self, name, path=None, target=None):
        if name == "mxnet":
            sys.meta_path = [finder for finder in sys.meta_path if finder is not self]     # the old list is being walked
            prepare()


class _NoTorch(importlib.abc.MetaPathFinder):
    """Finds PyTorch nowhere."""

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "torch":
            raise ModuleNotFoundError("No module named 'torch'", name="torch")


@contextlib.contextmanager
def without_torch():
    """``import torch`` fails within, as where it is not installed; whoever has it already keeps it.

    A None in its place would fail too, but SciPy asks what lies there.
    """
    finder, had = _NoTorch(), sys.modules.pop("torch", None)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path = [other for other in sys.meta_path if other is not finder]
        if had is not None:
            sys.modules["torch"] = had


class _GluonCV(importlib.abc.Loader):
    """GluonCV's own loader, with PyTorch out of sight while it works."""

    def __init__(self, loader):
        self.loader = loader

    def create_module(self, spec):
        return self.loader.create_module(spec)

    def exec_module(self, module):
        module.__spec__.loader = module.__loader__ = self.loader
        with without_torch():
            self.loader.exec_module(module)


class _BeforeGluonCV(importlib.abc.MetaPathFinder):
    """Finds GluonCV where the others would."""

    def find_spec(self, name, path=None, target=None):
        if name != "gluoncv":
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        if spec is not None and spec.loader is not None:
            spec.loader = _GluonCV(spec.loader)
        return spec


def _add(finder, module):
    if module not in sys.modules and not any(isinstance(other, finder) for other in sys.meta_path):
        sys.meta_path.insert(0, finder())


def install():
    """Have ``prepare`` called just before MXNet is imported, where Python is new enough to need it, and GluonCV imported without
    PyTorch in its sight; once."""
    if sys.version_info >= FIRST:
        _add(_BeforeMXNet, "mxnet")
    _add(_BeforeGluonCV, "gluoncv")
