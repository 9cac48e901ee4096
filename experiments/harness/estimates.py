"""What a training will take, before it is run: time from like runs, else from multiply-adds; memory from the net's graph.

Times are of one shared two-core machine and for planning only.
"""

from functools import lru_cache

from experiments.harness.grid import At, Measure
from experiments.harness.jobs import METHODS
from gv.core.errors import InputError
from gv.core.run import get_method, plan

# Images a second of a training on one core of a shared two-core machine beside another, measured 2026-11-27 and 28, at the
# preset's size, of paper in batches of 8 (docs/results/full_size.md): the estimate where no record of a like run is there.
# {(method, preset), or with another encoder than the preset's: images/s}
SPEED = {("gv", "ablate"): 95, ("heatmap", "ablate"): 58, ("heatmap-awing", "ablate"): 58, ("anchorface", "ablate"): 40,
         ("regression", "ablate"): 55, ("gv", "mini"): 40, ("heatmap", "mini"): 33, ("heatmap-awing", "mini"): 33,
         ("heatmap-xavier", "ablate"): 58, ("heatmap-xavier", "mini"): 33, ("anchorface", "mini"): 12, ("regression", "mini"): 14,
         ("gv", "ablate", "hrnetv2_w18_small"): 32, ("gv", "mini", "hrnetv2_w32"): 6,
         ("gv", "paper"): 1.8, ("gv", "paper", "hrnetv2_w32"): 0.95, ("heatmap", "paper"): 1.2, ("heatmap-awing", "paper"): 1.2,
         ("heatmap-xavier", "paper"): 1.2, ("anchorface", "paper"): 16, ("regression", "paper"): 20}
SCALED_FROM = "mini"      # whose measured speed stands for sizes without one of their own, in proportion to the multiply-adds
GPU_WORK = 1.1e12         # ASSUMED: multiply-adds a second of a TITAN X at a third of its peak
PASSES = 3                # a training step's work in forward passes: forward, and backward to the inputs and to the weights
START_SECONDS = 6         # of a worker: imports, and building the net
MEASURE_SECONDS = 30
# options that a training's speed depends on most
LIKE = ("size", "encoder", "stem_stride", "decoder", "width", "grid", "rolls", "conv5")
FLOAT_BYTES, GIB = 4, 2 ** 30
COPIES = 4                # of a weight: itself, its gradient, Adam's two moments


def _like(method, config, device):
    options = {**config["crop"], **config["options"]}
    return method, device[:3], tuple((name, str(options.get(name))) for name in LIKE)


def speeds(found):
    """{(method, kind of device, options that speed depends on): images a second} of records."""
    gathered = {}
    for record in found:
        if record.get("kind") == "train" and record["seconds"] > 0:
            like = _like(record["method"], record["config"], (record.get("devices") or ["cpu(0)"])[0])
            gathered.setdefault(like, []).append(record["images"] / record["seconds"])
    return {key: sum(values) / len(values) for key, values in gathered.items()}


@lru_cache(maxsize=None)
def _size(method, preset, settings, landmarks):
    """``flops.size_of`` the net of a preset with {option: value} pairs on top."""
    from gv.core.flops import size_of
    run = plan(METHODS, method, preset, dict(settings), landmarks)
    return size_of(run.method.net(landmarks, run.method.blank(landmarks)), (1, 3, run.crop.size, run.crop.size))


def size(job):
    """``flops.Size`` of a training's net."""
    config = job.identity["config"]
    given = {**config["options"], "size": config["crop"]["size"]}
    settings = tuple(sorted((name, tuple(value) if isinstance(value, list) else value) for name, value in given.items()
                            if name != "mean_face"))     # a file, which changes no size
    return _size(job.source.method, "paper", settings, config["landmarks"])


def memory(job, devices=1):
    """Bytes that a training takes on each of its devices: weights with their gradient and Adam's moments, and what every
    operator gives out with its gradient. What MXNet shares or needs besides is left out."""
    net, batch = size(job), job.identity["config"]["training"]["batch"]
    return FLOAT_BYTES * (COPIES * net.weights + 2 * -(-batch // devices) * net.outputs)


def _scaled(job, preset, device):
    """Images a second from multiply-adds, or None where nothing of the method has been measured."""
    method = get_method(METHODS, job.source.method).name
    encoder = dict(job.identity["config"]["options"]).get("encoder")
    keys = [key for base in (preset, SCALED_FROM) for key in ((method, base, encoder), (method, base)) if key in SPEED]
    if not keys:
        return None
    if device.startswith("gpu"):
        return GPU_WORK / (PASSES * size(job).multiply_adds)
    known = tuple([("encoder", encoder)] if len(keys[0]) == 3 else [])
    measured = _size(method, keys[0][1], known, job.identity["config"]["landmarks"]).multiply_adds
    return SPEED[keys[0]] * measured / size(job).multiply_adds


def seconds(job, place, known, device="cpu:0", sharing=1):
    """(seconds that a job will take or None, whether that is only from multiply-adds). known: ``speeds`` of the records.

    sharing: devices that work on it together; taken for as many times one's speed on GPUs, and for no gain on a CPU's cores.
    """
    if isinstance(job.source, Measure):
        return MEASURE_SECONDS, False
    method = get_method(METHODS, job.source.method).name
    if job.trained():
        return START_SECONDS, False     # to be evaluated only
    rate = known.get(_like(method, job.identity["config"], device))
    if rate is None and device.startswith("cpu") and "stem_stride" not in dict(job.source.options):
        named = dict(job.source.options).get("encoder")
        named = named.at(place.preset) if isinstance(named, At) else named
        rate = SPEED.get((method, place.preset, named) if named else (method, place.preset))
    if rate is None and place.preset == "smoke":
        return START_SECONDS, False
    scaled = rate is None
    try:
        rate = _scaled(job, place.preset, device) if scaled else rate
        rate = rate * sharing if rate and device.startswith("gpu") else rate
    except InputError:      # options that no net can be built with: the run will say it
        rate = None
    return (START_SECONDS + job.images / rate if rate else None), scaled


def text_of_seconds(value):
    """"3 min", "2 h 05 min", "40 h", or "not known"."""
    if value is None:
        return "not known"
    minutes = round(value / 60)
    if value < 90:
        return f"{value:.0f} s"
    if minutes >= 60 * 24:
        return f"{round(minutes / 60)} h"
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60:02d} min"
