"""Drawings of Gaussian Vector's tables, from their records: Fig. 5's cumulative errors and Fig. 6's convergence."""

import numpy as np

from experiments.figures import save
from experiments.plots import MINUTES, ced_figure, curve_figure

AXES = {"epochs": "epoch", "minutes": MINUTES}


def draw_ced(results, curves, path):
    """Cumulative errors, the images of all seeds together. curves: {name: cell}; one that has not run is left out."""
    found = {name: [results.errors(key, seed) for seed in results.seeds] for name, key in curves.items()}
    found = {name: [errors for errors in seeds if errors is not None] for name, seeds in found.items()}
    lines = [(name, np.concatenate(seeds)) for name, seeds in found.items() if seeds]
    if lines:
        save(ced_figure(lines, "ION"), path)


def mean_curve(results, key):
    """{"epochs", "minutes", "errors": (E,)} of a cell's training, the mean over the seeds that have run, or None."""
    recorded = [results.record(results.table.cells[key].source, seed) for seed in results.seeds]
    curves = [record["curve"] for record in recorded if record and record["curve"]]
    if not curves:
        return None
    epochs, seconds, errors = np.mean(curves, axis=0).T
    return {"epochs": epochs, "minutes": seconds / 60, "errors": errors}


def draw_curves(results, curves, across, path):
    """Error while training against ``across``, a name of AXES. curves: {name: cell}; one that has not run is left out."""
    found = {name: mean_curve(results, key) for name, key in curves.items()}
    lines = [(name, curve[across], curve["errors"]) for name, curve in found.items() if curve]
    if lines:
        save(curve_figure(lines, "ION", AXES[across]), path)
