"""Whether MXNet computes on a device: a small convolution, forward and backward, beside the same on cpu(0).

``python -m gv.core.trial gpu:0`` says it in one line; exit code 1 where it does not. A library that does not fit its driver may
end the process instead of raising: ``in_process`` tries it in one of its own.
"""

import argparse
import json
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]     # where the package gv lies, for a process of its own
# TF32, which cuDNN may take from Ampere on, keeps 10 bits of a number: products are off by up to 2e-3; five times that
TOLERANCE = 1e-2
BATCH, CHANNELS, SIDE, FILTERS = 2, 8, 16, 16
SECONDS = 300          # ASSUMED: a first use of a card compiles and loads libraries of 2 GB, from a slow disk too
SHOWN = 300            # characters of a fault


def convolve(context, fused=False):
    """Output and gradients (input's, weights', bias's) of a 3x3 convolution on an MXNet context, as NumPy arrays.

    fused: with a chain of point-wise operations behind it, hybridized, which MXNet compiles into one kernel on a GPU.
    """
    import mxnet as mx
    import numpy as np

    rng = np.random.default_rng(0)
    net = mx.gluon.nn.HybridSequential()
    net.add(mx.gluon.nn.Conv2D(FILTERS, 3, padding=1, in_channels=CHANNELS))
    if fused:
        net.add(mx.gluon.nn.HybridLambda(lambda F, x: F.sigmoid(x * 2 + 1) * x))
    net.initialize(ctx=context)
    weights = [rng.normal(0, 0.1, parameter.shape).astype("float32") for parameter in net.collect_params().values()]
    for parameter, values in zip(net.collect_params().values(), weights):
        parameter.set_data(mx.nd.array(values))
    if fused:
        net.hybridize(static_alloc=True)     # as gv.core.train does
    x = mx.nd.array(rng.normal(size=(BATCH, CHANNELS, SIDE, SIDE)), ctx=context)
    x.attach_grad()
    with mx.autograd.record():
        y = net(x)
    y.backward(mx.nd.array(rng.normal(size=y.shape), ctx=context))
    found = [y, x.grad, *(parameter.grad(context) for parameter in net.collect_params().values())]
    return [array.asnumpy() for array in found]


def reason(text, otherwise):
    """The line of an error's text that says what failed, without the time of day; MXNet's begin with a traceback.

    otherwise: what is returned for an empty text.
    """
    lines = [re.sub(r"^(what\(\): +)?\[[\d:]+\] ", "", line.strip()) for line in text.splitlines() if line.strip()] or [otherwise]
    return next((line for line in reversed(lines) if "Error:" in line or "failed" in line), lines[0])[:SHOWN]


def attempt(name):
    """Try the device of this name ("gpu:0") in this process.

    Returns {"works", "error": largest relative difference to the CPU or None, "fused": whether fused kernels work too, "fault"}.
    """
    import mxnet as mx

    from gv.core import gaps

    kind, _, number = name.partition(":")
    result = {"works": False, "error": None, "fused": False, "fault": ""}
    for fused in (False, True):
        try:
            error = gaps.longest(convolve(mx.Context(kind, int(number)), fused), convolve(mx.cpu(0), fused))
            fault = "" if error <= TOLERANCE else f"differs from the CPU by {error:.1e} of its size, more than {TOLERANCE:g}"
        except (mx.base.MXNetError, OSError) as exception:
            error, fault = None, reason(str(exception), type(exception).__name__)
        if fused:
            result.update(fused=not fault, fault=fault)
        else:
            result.update(works=not fault, error=error if error is None or error < float("inf") else None, fault=fault)
        if fault:
            break
    return result


def in_process(name):
    """``attempt`` in a process of its own: the same result, also where that process is ended or hangs."""
    environment = {**os.environ, "MXNET_CUDNN_AUTOTUNE_DEFAULT": "0",      # which would time algorithms first
                   "PYTHONPATH": os.pathsep.join(path for path in (str(ROOT), os.environ.get("PYTHONPATH")) if path)}
    try:
        done = subprocess.run([sys.executable, "-W", "ignore", "-m", "gv.core.trial", name, "--json"], env=environment,
                              capture_output=True, timeout=SECONDS)
        return json.loads(done.stdout.decode())
    except subprocess.TimeoutExpired:
        fault = f"no answer in {SECONDS} s"
    except ValueError:
        ended = f"by signal {-done.returncode}" if done.returncode < 0 else f"with code {done.returncode}"
        fault = f"the process that tried it ended {ended}: {reason(done.stderr.decode(errors='replace'), 'without a word')}"
    return {"works": False, "error": None, "fused": False, "fault": fault}


def sentence(name, result):
    """A result of ``attempt`` in one line."""
    if not result["works"]:
        return f"{name} does not work: {result['fault']}"
    found = f"{name} works: a convolution's outputs and gradients are the CPU's to {result['error']:.0e}"
    if not result["fused"]:
        found += f", but not with MXNet's fused kernels ({result['fault']}): set MXNET_USE_FUSION=0"
    return found


def main(argv=None):
    """Entry point; returns the exit code."""
    parser = argparse.ArgumentParser(prog="trial", description=__doc__.splitlines()[0])
    parser.add_argument("device", help="gpu:0, cpu:0, ...")
    parser.add_argument("--json", action="store_true", help="try it in this process, and print JSON")
    arguments = parser.parse_args(argv)
    if arguments.json:
        print(json.dumps(attempt(arguments.device)))
        return 0
    result = in_process(arguments.device)
    print(sentence(arguments.device, result))
    return 0 if result["works"] else 1


if __name__ == "__main__":
    sys.exit(main())
