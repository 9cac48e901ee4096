"""What a step over many machines costs, on paper: from the nets' sizes, and speeds that are assumed or measured.

    python -m experiments.studies.machines.cost                    # the tables of docs/machines.md
    python -m experiments.studies.machines.cost --measure 2        # how fast one server takes in and sums, from so many workers

Bytes are exact: four a weight, there and back. The rest is a model: gradients begin to travel when the step is computed (MXNet
sends the last layers' earlier, which hides a part), links run at their nominal speed, and no message waits for another.
"""

import math
import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np

from experiments.harness.jobs import METHODS
from experiments.studies.machines import runs
from gv.core.exits import Parser
from gv.core.exits import run as run_main
from gv.core.flops import multiply_adds
from gv.core.run import plan

NETS = {"GV(ResNet50)": ("gv", ["encoder=resnet50v2"]), "GV(HRNet-W32)": ("gv", ["encoder=hrnetv2_w32"]),
        "AnchorFace": ("anchorface", [])}
LANDMARKS = 68
FACES, DEVICES = 16, 8          # a GPU; GPUs a machine, which make one worker
MACHINES = (8, 64)              # 64 and 512 GPUs; the 8 of one machine are one process, which sends nothing
# ASSUMED: a V100 trains ResNet-50 (4.1 G multiply-adds, 224 px, float32) at 380 images a second, as NVIDIA has published of its
# containers of MXNet, and every net here at as many multiply-adds a second. Depthwise nets take longer, which hides more traffic
ADDS_A_SECOND = 380 * 4.1e9
LINKS = {"10 Gbit/s": 1.25e9, "100 Gbit/s": 12.5e9}     # of a machine, each way
# bytes of gradients that a server takes in, sums and hands out in a second of one core: measured, with --measure 2
SERVER_RATE = 1.4e9
ARRAYS, TURNS, LOOK_SECONDS = 4, (10, 60), 0.05      # of the measurement: arrays, rounds of two runs, between looks
LATENCY, FUSED = 50e-6, 64 * 2 ** 20     # ASSUMED: of a hop of the ring; bytes that Horovod sends at once (its default)


def size(method, settings):
    """(weights that learn, multiply-adds) of a net at preset paper."""
    import mxnet as mx
    run = plan(METHODS, method, "paper", dict(pair.split("=") for pair in settings), LANDMARKS)
    net, shape = run.method.net(LANDMARKS, run.method.blank(LANDMARKS)), (1, 3, run.crop.size, run.crop.size)
    graph = net(mx.sym.var("data"))
    graph = mx.sym.Group(list(graph)) if isinstance(graph, (list, tuple)) else graph
    shapes = dict(zip(graph.list_arguments(), graph.infer_shape(data=shape)[0]))
    learning = {name for name, parameter in net.collect_params().items() if parameter.grad_req != "null"}
    return sum(int(np.prod(shapes[name])) for name in learning & set(shapes)), sum(multiply_adds(net, shape).values())


def server_seconds(weights, machines, servers, link, rate=math.inf):
    """Seconds that gradients take there and back: the busiest link, or the sums of the busiest server, whichever is slower.

    servers: processes, spread over the machines; where each has one, a link carries its worker's bytes and its server's. rate:
    bytes a second that a server sums.
    """
    sent, others = 4 * weights, (machines - 1) / machines
    worker, served = sent * others, machines * sent / servers * others
    busiest = worker + served if servers >= machines else max(worker, served)
    return max(busiest / link, machines * sent / servers / rate)


def ring_seconds(weights, machines, link):
    """Seconds of a ring all-reduce over machines."""
    messages = 2 * (machines - 1) * math.ceil(4 * weights / FUSED)
    return 2 * 4 * weights * (machines - 1) / machines / link + messages * LATENCY


def table(rate=SERVER_RATE):
    """The lines of the model, as Markdown: milliseconds of gradients a step, and the share of a step that is computing."""
    lines = ["| net, bytes a step | computing | GPUs | link | one server | a server a machine | the same, measured sums | ring | "
             "one server keeps up |", "|---|---:|---:|---|---:|---:|---:|---:|---:|"]
    for name, (method, settings) in NETS.items():
        weights, adds = size(method, settings)
        computing = FACES * adds / ADDS_A_SECOND
        for machines in MACHINES:
            for label, link in LINKS.items():
                times = [server_seconds(weights, machines, 1, link), server_seconds(weights, machines, machines, link),
                         server_seconds(weights, machines, machines, link, rate), ring_seconds(weights, machines, link)]
                cells = " | ".join(f"{1000 * time:.0f} ms, {100 * computing / (computing + time):.0f} %" for time in times)
                most = computing * link / (4 * weights)      # machines whose gradients one link takes in while they compute
                gpus = f"{DEVICES * machines} in {machines} machines, or {machines} in {machines}"
                what = f"{name}, {8 * weights / 1e6:.0f} MB | {1000 * computing:.0f} ms | {gpus} | {label}"
                lines.append(f"| {what} | {cells} | to {most:.1f} machines |")
    return lines


SUMMER = """
import sys
import mxnet as mx
from gv.core import spread
many, values = spread.here(), [mx.nd.ones((int(sys.argv[1]),)) for _ in range(ARRAYS)]
for turn in range(int(sys.argv[2])):
    for number, value in enumerate(values):
        many.engine.add(f"measured {number}", [value])
    mx.nd.waitall()
many.finish()
""".replace("ARRAYS", str(ARRAYS))


def server_time(workers, turns, numbers=1 << 20):
    """(bytes of gradients that one server takes in from workers on this machine and hands out, its CPU seconds, all in all)."""
    command = [sys.executable, "-m", "experiments.launch", "--local", str(workers), "--tries", "1", "--", "python", "-c", SUMMER,
               str(numbers), str(turns)]
    process, seconds = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL), 0.0
    while process.poll() is None:
        for child, role in runs.below(process.pid).items():
            if role == "server":
                with suppress(OSError):
                    words = Path(f"/proc/{child}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
                    seconds = max(seconds, (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK"))
        time.sleep(LOOK_SECONDS)
    return workers * ARRAYS * 4 * numbers * turns, seconds


def main(argv=None):
    """Print the tables, or measure a server."""
    parser = Parser(prog="python -m experiments.studies.machines.cost", description=__doc__.splitlines()[0])
    parser.add_argument("--measure", type=int, metavar="WORKERS", help="measure one server with so many workers")
    args = parser.parse_args(argv)
    if args.measure:
        (few, before), (many, after) = server_time(args.measure, TURNS[0]), server_time(args.measure, TURNS[1])
        print(f"one server: {(many - few) / 1e9:.2f} GB of gradients in, and as much out, in {after - before:.2f} s of one core: "
              f"{(many - few) / (after - before) / 1e9:.2f} GB/s")
        return
    print("\n".join(table()))


if __name__ == "__main__":
    sys.exit(run_main(main, "cost"))
