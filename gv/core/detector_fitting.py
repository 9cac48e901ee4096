"""The sub-command ``fit-detector``: how face detectors' boxes map to the boxes that a run was trained on."""

import sys

from gv.core import detector, detectors, exported
from gv.core.data import FaceDataset
from gv.core.errors import InputError
from gv.core.faces import read_index, read_split
from gv.core.run import load_run


def fit_one(name, dataset, count):
    """{"map": [dx, dy, scale], "found", "of", "overlap"} of a detector on up to ``count`` faces of a data set, or None where it
    finds too few. overlap: mean of the mapped boxes with the trained-on boxes' squares."""
    pairs, tried = detector.match_faces(dataset, count, detectors.make(name), name)
    mapping = detector.fit_mapping(pairs)
    if mapping is None:
        print(f"{name} found {len(pairs)} of {tried} faces; its boxes are fitted from {detector.FEWEST_MATCHES} on: this run "
              "will not use it", file=sys.stderr, flush=True)
        return None
    return {"map": list(mapping), "found": len(pairs), "of": tried, "overlap": round(detector.mean_overlap(pairs, mapping), 4)}


def fit_others(folder, run, index, faces, split):
    """After a training: the detectors beside the cascade that are installed and were not fitted yet."""
    done = detectors.read_fits(folder)
    names = [name for name in detectors.installed() if name != detectors.CASCADE and name not in done]
    if not run.training.detector_faces or not names:
        return
    dataset = FaceDataset(index.folder, faces, index.layout, run.crop)
    fits = {name: fit_one(name, dataset, run.training.detector_faces) for name in names}
    fits = {name: {**fit, "data": index.provenance_line(split)} for name, fit in fits.items() if fit}
    if fits:
        detectors.write_fits(folder, fits)


def fit(arguments, methods):
    """``fit-detector``: detectors.json in the run's folder. Nothing is written unless all that were asked for could be fitted."""
    if arguments.faces < detector.FEWEST_MATCHES:
        raise InputError("--faces", arguments.faces, f"at least {detector.FEWEST_MATCHES}")
    for name in arguments.detector or ():
        detectors.make(name)
    if exported.is_exported(arguments.run):
        raise InputError(arguments.run, "an exported folder", "the run that it was exported from",
                         "fit the detector there, and export it again")
    run, _, _ = load_run(methods, arguments.run)
    detectors.read_fits(arguments.run)
    index = read_index(arguments.data)
    faces = read_split(index, arguments.split)
    if index.layout != run.landmarks:
        raise InputError(arguments.data, f"{index.layout} landmarks a face", f"{run.landmarks}, as the run was trained with")
    dataset = FaceDataset(index.folder, faces, index.layout, run.crop)
    fits = {}
    for name in dict.fromkeys(arguments.detector or detectors.installed()):
        fits[name] = fit_one(name, dataset, arguments.faces)
        if fits[name] is None:
            raise InputError(f"--detector {name}", "finds too few of these faces", f"at least {detector.FEWEST_MATCHES}",
                             "give more with --faces, or other --data; nothing was written")
        fits[name]["data"] = index.provenance_line(arguments.split)
    detectors.write_fits(arguments.run, fits)
    report = {"run": str(arguments.run), "detectors": fits}
    return report, "\n".join([f"{arguments.run}: written to {detectors.FITS_FILE}", *map(_line, fits, fits.values())])


def _line(name, fit):
    dx, dy, scale = fit["map"]
    return (f"  {name} found {fit['found']} of {fit['of']} faces ({fit['data']}); its boxes are moved by {100 * dx:.1f} % of "
            f"their side to the right and {100 * dy:.1f} % down, and are {scale:.3f} times as large; overlap with the trained-on "
            f"boxes {fit['overlap']:.3f}")
