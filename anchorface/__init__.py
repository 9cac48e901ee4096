"""AnchorFace facial landmark detection (importing this package loads nothing heavy).

    import anchorface
    detector = anchorface.load("runs/anchors")
    faces = detector("picture.jpg")        # faces[0].points, .box, .scores
"""

import gv.core  # noqa: F401  (gv.compat, before a module of this package imports MXNet)


def load(run=None, devices="cpu:0", detector="cascade", mirrored=False, **decoding):
    """A detector from a run's folder, as ``anchorface train`` leaves it, or one that ``export`` wrote; see ``gv.load``.

    decoding: such as ``aggregate="argmax"`` (``anchorface options`` lists them).
    """
    from gv.core import exported, shipped
    run = shipped.chosen(run, shipped.folder(__file__))
    if exported.is_exported(run):
        return exported.load(run, devices, decoding).use(detector, mirrored)
    from anchorface.methods import METHODS
    from gv.core.devices import parse_devices
    from gv.core.predict import Predictor
    return Predictor(METHODS, run, parse_devices(devices)[0], decoding).use(detector, mirrored)
