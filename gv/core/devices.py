"""Devices by name: "cpu:0", "cpu:0,1", "gpu:0,1,2,3"."""

import mxnet as mx

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
    if there and kind == "gpu" and max(numbers) >= mx.context.num_gpus():
        raise InputError("--devices", f'"{text}" with {mx.context.num_gpus()} GPUs seen', "GPUs that are there",
                         "use cpu:0, or install an MXNet build for your CUDA")
    return [mx.Context(kind, number) for number in numbers]


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
