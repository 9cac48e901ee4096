"""A training that begins with another run's weights: all, or, for other landmarks, its encoder and what else still fits."""

from pathlib import Path

from gv.core import checkpoint
from gv.core.errors import InputError
from gv.core.own_layout import layout_of
from gv.core.run import check_whole

BEGUN = "; begun from a run trained on "      # in a line of provenance, before the other run's own


def is_run(folder):
    """Whether a folder holds a run's checkpoint."""
    return (Path(folder) / checkpoint.FOLDER).is_dir()


def begin(run, net, folder):
    """Put another run's weights into a net whose shapes are settled; returns (what was taken, in words; provenance of that run).

    Where the landmarks and every weight's name and shape are the same: all. Otherwise the encoder, which has to be the same, and
    the decoder but its head where it is the same too; the rest stays as it was drawn. InputError where there is no such run, or
    its encoder is another.
    """
    sidecar, weights = checkpoint.read(folder, "weights")
    check_whole(sidecar, folder)
    config = sidecar.get("config") or {}
    parameters = net._collect_params_with_prefix()
    taken, began = parameters, f"from the run {Path(folder).name}"
    if not (_layout(config, folder) == run.layout and _fit("", parameters, weights, parameters)):
        parts = {part: names for part, names in run.method.reusable(net).items() if _fit(f"{part}.", names, weights, parameters)}
        if "encoder" not in parts:
            raise InputError("start", f"{folder}: a run of {_kind(config)}", f"one with the encoder of {_kind(run.config())}",
                             "set the options of its encoder, or choose another run")
        taken = [name for names in parts.values() for name in names]
        began += (f" (its {' and '.join(parts)}, {len(taken)} of {len(parameters)} arrays; the rest is new, for {run.landmarks} "
                  "landmarks)")
    for name in taken:
        parameters[name].set_data(weights[name])
    return began, sidecar["provenance"]


def provenance(line, before):
    """The line of provenance of a training that begins with a run whose own is ``before``, or ""."""
    return line + BEGUN + before if before not in ("", line) else line


def _layout(config, where):
    try:
        return layout_of(config, where)
    except (KeyError, TypeError, ValueError):     # of a run that does not say
        return None


def _fit(prefix, names, weights, parameters):
    """Whether all that weights call ``prefix``... is what parameters are called, and those of some names have their shapes."""
    ours, theirs = ({name for name in found if name.startswith(prefix)} for found in (parameters, weights))
    return ours == theirs and all(weights[name].shape == tuple(parameters[name].shape) for name in names)


def _kind(config):
    """A run's method and encoder, in words."""
    options = config.get("options") or {}
    facts = (f"{name}={options[name]}" for name in ("encoder", "multiplier", "conv5") if options.get(name))
    return " with ".join(filter(None, [f"method {config.get('method')}", ", ".join(facts)]))
