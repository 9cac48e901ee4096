"""Devices by name: "cpu:0", "cpu:0,1", "gpu:0,1,2,3"."""

import mxnet as mx
from mxnet import runtime

from gv.core.errors import InputError
from gv.core.machine import peak_memory


def parse_devices(text, there=True):
    """A list of MXNet contexts; InputError for a bad name, or a GPU that is not there. there: whether they have to be."""
    kind, _, ids = text.partition(":")
    try:
        numbers = [int(part) for part in (ids or "0").split(",")]
    except ValueError:
        numbers = []
    if kind not in ("cpu", "gpu") or not numbers or min(numbers) < 0 or len(set(numbers)) != len(numbers):
        raise InputError("--devices", f'"{text}"', "cpu:0, cpu:0,1 or gpu:0,1,...")
    if there and kind == "gpu":
        _check_gpus(text, max(numbers))
    return [mx.Context(kind, number) for number in numbers]


def _check_gpus(text, last):
    """InputError where this MXNet does not see gpu:last."""
    try:
        seen = mx.context.num_gpus()
    except mx.base.MXNetError as error:      # a driver that does not start
        raise InputError("--devices", f'"{text}" with GPUs that MXNet cannot count ({str(error).splitlines()[-1]})',
                         "a driver that starts", "gv devices says more") from None
    if last < seen:
        return
    if not runtime.Features().is_enabled("CUDA"):
        raise InputError("--devices", f'"{text}" with an MXNet built for the CPU, which sees no GPUs',
                         "an MXNet for CUDA, or cpu:0", "make setup GPU=1 makes that environment; gv devices says what is there")
    raise InputError("--devices", f'"{text}" with {seen} GPUs seen', "GPUs that are there, or cpu:0",
                     "gv devices says what is there")


def memory_used(devices):
    """{device: bytes}: of each GPU what is taken now, by MXNet's pool, which gives nothing back, and by whoever else is there; of
    CPUs the process's peak."""
    used = {}
    for device in devices:
        if device.device_type == "gpu":
            free, total = mx.context.gpu_memory_info(device.device_id)
            used[f"gpu:{device.device_id}"] = total - free
        else:
            used["cpu"] = peak_memory()
    return used


def memory_text(used):
    """``memory_used`` in words."""
    return ", ".join(f"{name} {size / 2**30:.1f} GiB" for name, size in used.items())
