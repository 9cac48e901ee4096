"""What this machine has to train with and what is wrong with it: the command ``devices``. MXNet is loaded when it runs."""

import json
import os
import platform
import subprocess
import sys

from gv.core import cuda, trial
from gv.core.errors import PartlyDone
from gv.core.machine import cores, memory

FEATURES = {"CUDA": "CUDA", "cuDNN": "CUDNN", "NCCL": "NCCL", "oneDNN": "MKLDNN"}    # what MXNet calls them
SECONDS = 60          # ASSUMED: a driver that does not answer within them hangs
MAKE = "make setup GPU=1"


def driver():
    """What ``cuda.look`` finds, as JSON values, by a process of its own: opening a card takes memory, and may end or hang it."""
    try:
        done = subprocess.run([sys.executable, cuda.__file__, "--json"], capture_output=True, timeout=SECONDS)
        return json.loads(done.stdout.decode())
    except subprocess.TimeoutExpired:
        found = f"no answer in {SECONDS} s"
    except ValueError:
        found = f"ends the process that asks it (code {done.returncode})"
    fault = cuda.one_line("NVIDIA driver", found, "a driver that starts", "nvidia-smi may say more")
    return {**cuda.Driver(True, None, fault, ())._asdict(), "cards": []}


def mxnet():
    """{"version", "features": {name: whether it was built with it}, "fault": why it cannot be imported, in one line, or ""}."""
    try:
        import mxnet as mx
        from mxnet import runtime  # which MXNet 1.5.1 does not load by itself
    except (ImportError, OSError) as error:
        mend = "make setup"
        if cuda.LIBRARY in str(error):
            mend = "it is built for CUDA and wants NVIDIA's driver; make setup GPU=0 makes the environment for the CPU"
        return {"version": None, "features": {}, "fault": cuda.one_line("MXNet", f"does not import ({error})", "", mend)}
    built = runtime.Features()
    return {"version": mx.__version__, "fault": "",
            "features": {name: bool(inner in built and built.is_enabled(inner)) for name, inner in FEATURES.items()}}


def _gpu(card, attempt):
    """A card as the report has it. attempt: a function of "gpu:0" that tries it, or None; not asked where there is no code."""
    code, fault = cuda.code_for(card.capability), cuda.fault_of(card)
    tried = attempt(f"gpu:{card.number}") if attempt and code else {"works": None, "error": None, "fused": None, "fault": fault}
    return {"device": f"gpu:{card.number}", "name": card.name, "capability": cuda.dotted(card.capability),
            "memory_bytes": card.total, "free_bytes": card.free, "code": code and cuda.dotted(code),
            **tried, "note": cuda.note_of(card)}


def examine(attempt=trial.in_process):
    """The report of the command, as JSON values. attempt: a function of "gpu:0" as ``trial.in_process`` that tries a GPU."""
    found, library = driver(), mxnet()
    on_cuda = library["features"].get("CUDA", False)
    cards = [cuda.Card(**{**card, "capability": tuple(card["capability"])}) for card in found["cards"]]
    gpus = [_gpu(card, attempt if on_cuda else None) for card in cards]
    total, available = memory()
    faults, advice = [library["fault"]] if library["fault"] else [], []
    if on_cuda:
        faults += [found["fault"]] if found["fault"] else []
        faults += [gpu["fault"] if gpu["works"] is None else trial.sentence(gpu["device"], gpu)
                   for gpu in gpus if not gpu["works"]]
        if not found["fault"] and not cards:
            advice.append("MXNet is built for CUDA, but the driver shows no card: nvidia-smi lists them; containers: --gpus all")
    elif library["version"] and platform.system() == "Linux":
        usable = [gpu for gpu in gpus if gpu["code"]]
        advice.append(f"MXNet is built for the CPU; {MAKE} makes the environment for " +
                      (", ".join(gpu["device"] for gpu in usable) if usable else "NVIDIA cards of compute capability 5.x to 8.x"))
    hidden = cuda.hidden(cards)
    return {"mxnet": library, "python": platform.python_version(), "platform": f"{platform.system()} {platform.machine()}",
            "cores": cores(), "threads": int(os.environ.get("OMP_NUM_THREADS", 0)) or None, "memory_bytes": total,
            "available_bytes": available,
            "driver": {"loads": found["loads"], "fault": found["fault"],
                       "cuda": found["cuda"] and cuda.version_text(found["cuda"])},
            "gpus": gpus, "faults": faults, "advice": ([hidden] if hidden else []) + advice}


def _size(count):
    return "unknown" if count is None else f"{count / 2 ** 30:.1f} GiB"


def _gpu_lines(gpu):
    code = f"MXNet's wheel runs its code for {gpu['code']}" if gpu["code"] else "MXNet's wheel has no code for it"
    yield (f"{gpu['device']}: {gpu['name']}, compute capability {gpu['capability']}, memory {_size(gpu['memory_bytes'])}, free "
           f"{_size(gpu['free_bytes'])}; {code}")
    if gpu["works"] is not None:
        yield f"  {trial.sentence(gpu['device'], gpu)}"
    for line in (gpu["fault"] if gpu["works"] is None else "", gpu["note"]):
        if line:
            yield f"  {line.partition(': ')[2]}"     # the card has been named


def as_text(report):
    """The report of ``examine`` for people."""
    library, nvidia = report["mxnet"], report["driver"]
    lines = [library["fault"]]
    if library["version"]:
        states = ", ".join(f"{name} {'on' if on else 'off'}" for name, on in library["features"].items())
        lines = [f"MXNet {library['version']} for {'NVIDIA GPUs' if library['features']['CUDA'] else 'the CPU'} ({states})"]
    lines.append(f"Python {report['python']}, {report['platform']}, cores {report['cores']}, OpenMP threads {report['threads']}, "
                 f"memory {_size(report['memory_bytes'])}, available {_size(report['available_bytes'])}")
    if nvidia["loads"]:
        lines.append(nvidia["fault"] or f"NVIDIA driver for CUDA {nvidia['cuda']}, cards {len(report['gpus'])}")
    else:
        lines.append(f"no NVIDIA driver: {cuda.LIBRARY} does not load")
    for gpu in report["gpus"]:
        lines += _gpu_lines(gpu)
    return "\n".join(lines + report["advice"])


def devices(arguments):
    """``devices``: (report, text); PartlyDone with both where something is wrong, which the lack of a GPU is not."""
    report = examine()
    if report["faults"]:
        raise PartlyDone(report, as_text(report), "this machine", "; ".join(report["faults"]))
    return report, as_text(report)
