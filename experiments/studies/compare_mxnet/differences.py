"""How far two builds lie apart, and what is allowed: numbers alone, no MXNet."""

from dataclasses import dataclass

import numpy as np

from gv.core import gaps

# What was allowed was chosen after one run (docs/results/mxnet_151.md), which came to at most 2e-6, 1e-6 and 7e-5 px
MOST_OUTPUT, MOST_LOSS, MOST_POINT_PX = 1e-5, 1e-5, 1e-3
MULTIPLE = 3.0          # of the control, within which a gradient or a training counts as no further away
ROUNDING = 1e-5         # relative: gradients this near each other, or their control this near to nothing, are taken as equal
SMOOTH_GRADIENT = 1e-5  # of nets in which nothing can be switched by rounding: at most 1e-6 in that run
STEP_LOSS = 1e-4        # of the first step's loss, before anything can have drifted
MOST_ERROR_GAP = 0.1    # of the error after a training, relative, where the control's gap is smaller still


def largest(found, right):
    """The largest difference, as a share of the largest right value."""
    found, right = np.asarray(found, np.float64), np.asarray(right, np.float64)
    gap, most = np.abs(found - right).max(), np.abs(right).max()
    return float(gap / most) if most else float(gap)


def joined(arrays, start):
    """Those of {name: array} whose names start so, in one vector, in the order of their names."""
    return np.concatenate([np.asarray(arrays[name], np.float64).ravel() for name in sorted(arrays) if name.startswith(start)])


@dataclass(frozen=True)
class Apart:
    """One build from another, on one net: see ``apart``."""

    output: float
    point_px: float
    loss: float
    gradient: float


def apart(found, right):
    """``Apart`` of what ``child.measure`` wrote: outputs and losses by the largest, points in px, gradients by their length."""
    point = float(np.abs(found["points"] - right["points"]).max()) if "points" in found and "points" in right else float("nan")
    return Apart(largest(joined(found, "output"), joined(right, "output")), point, largest(found["losses"], right["losses"]),
                 gaps.length(joined(found, "gradient"), joined(right, "gradient")))


def worst(several):
    """The ``Apart`` of the worst of each over several."""
    return Apart(*(max(getattr(one, name) for one in several) for name in Apart.__dataclass_fields__))


@dataclass(frozen=True)
class Net:
    """What was measured on one net, the worst over seeds. other, control: ``Apart`` from 1.9.1; truth: {build: L2 of its gradient
    from float64's}; smooth: {build: L2 of its gradient from 1.9.1's} without ReLU and maxima, or {}."""

    name: str
    other: Apart
    control: Apart
    truth: dict
    smooth: dict


def net_from(value):
    """A ``Net`` of what ``vars`` made of it."""
    return Net(**{**value, "other": Apart(**value["other"]), "control": Apart(**value["control"])})


def judged(net):
    """(how the gradient stands, [what is broken]) of a ``Net``.

    "control": within MULTIPLE of the control's. "truth": further, but no further from float64's gradient than MULTIPLE times
    the worse of 1.9.1's two ways, so that the control was luck; "": neither, which is broken.
    """
    broken = [f"{net.name}: {what} {value:.1e}, allowed {most:g}" for what, value, most in
              (("outputs", net.other.output, MOST_OUTPUT), ("losses", net.other.loss, MOST_LOSS),
               ("points", net.other.point_px, MOST_POINT_PX)) if not value <= most]
    allowed = MULTIPLE * max(net.control.gradient, ROUNDING)
    near = MULTIPLE * max(net.truth["main"], net.truth["control"], ROUNDING)
    how = "control" if net.other.gradient <= allowed else "truth" if net.truth["other"] <= near else ""
    if not how:
        broken.append(f"{net.name}: gradients {net.other.gradient:.1e}, allowed {allowed:.1e} (from float64 "
                      f"{net.truth['other']:.1e}, allowed {near:.1e})")
    if net.smooth and not net.smooth["other"] <= SMOOTH_GRADIENT:
        broken.append(f"{net.name}: gradients without switches {net.smooth['other']:.1e}, allowed {SMOOTH_GRADIENT:g}")
    return how, broken


@dataclass(frozen=True)
class Trained:
    """Two trainings from one start. loss: the largest relative gap of the first losses; weights: {steps: length of the weights'
    gap, as a share of how far the weights had moved}."""

    loss: float
    weights: dict


def trained_from(value):
    """A ``Trained`` of what ``vars`` and JSON made of it."""
    return Trained(value["loss"], {int(stop): gap for stop, gap in value["weights"].items()})


def trained(found, right, stops):
    """``Trained`` of what ``child.steps`` wrote; the losses are compared up to the first of ``stops``."""
    moved = {}
    for stop in stops:
        start, here = joined(right, "0 "), joined(right, f"{stop} ")
        moved[stop] = float(np.linalg.norm(joined(found, f"{stop} ") - here) / np.linalg.norm(here - start))
    first = min(stops)
    return Trained(float(np.max(np.abs(found["losses"][:first] / right["losses"][:first] - 1))), moved)


def judged_training(name, other, control, errors, first_losses):
    """[what is broken] of a training. other, control: ``Trained``; errors, first_losses: {build: number}."""
    broken = []
    gap = abs(first_losses["other"] / first_losses["main"] - 1)
    if not gap <= STEP_LOSS:
        broken.append(f"{name}: the first step's loss differs by {gap:.1e}, allowed {STEP_LOSS:g}")
    for stop, moved in other.weights.items():
        allowed = MULTIPLE * max(control.weights[stop], ROUNDING)
        if not moved <= allowed:
            broken.append(f"{name}: weights after {stop} steps {moved:.1e}, allowed {allowed:.1e}")
    gap, usual = (abs(errors[build] / errors["main"] - 1) for build in ("other", "control"))
    if not gap <= max(MOST_ERROR_GAP, MULTIPLE * usual):
        broken.append(f"{name}: the error after the training differs by {100 * gap:.0f} %, the control's by {100 * usual:.0f} %")
    return broken


def median_ratio(seconds, base):
    """The median of ``seconds`` over that of ``base``, two lists of equally many rounds."""
    return float(np.median(seconds) / np.median(base))


def judged_exchanges(exchanges):
    """[what is broken] of the checkpoints that builds exchanged, as ``measuring.exchanges`` has them.

    Between the two builds the weights of a run gone on with may differ by MULTIPLE times what the control's do.
    """
    usual = {one["name"]: one["resumed"] for one in exchanges if one["read"] == "control"}
    broken = []
    for one in exchanges:
        title = f"{one['name']}, written by {one['written']} and read by {one['read']}"
        if not one["equal"]:
            broken.append(f"{title}: weights or optimiser's state are not the same")
        if not one["points_px"] <= MOST_POINT_PX:
            broken.append(f"{title}: points {one['points_px']:.1e} px, allowed {MOST_POINT_PX:g}")
        allowed = MULTIPLE * max(usual.get(one["name"], 0.0), ROUNDING)
        if one["read"] != "control" and not one["resumed"] <= allowed:
            broken.append(f"{title}: weights at the end {one['resumed']:.1e}, allowed {allowed:.1e}")
    return broken
