"""Where a net's error lies: by how far a coordinate is from the edge of its crop.

    python -m experiments.studies.edges --data data/300w --split full runs/first runs/second

A band of l is wider than what is left of the map within l / 2 cells of its edge, where zeros are padded: what that costs stands
apart here from what it costs elsewhere. For each run, the mean error of a coordinate in cells of its map, in bins of the distance
of the true coordinate from the nearer edge.
"""

import os
import sys

import numpy as np

from experiments.gv_tables.outside import in_cells
from experiments.harness.jobs import METHODS
from gv.core import evaluate
from gv.core.data import FaceDataset
from gv.core.devices import parse_devices
from gv.core.errors import InputError
from gv.core.exits import Parser
from gv.core.exits import run as run_main
from gv.core.faces import read_index, read_split
from gv.core.run import open_run, refuse_layout

EDGES = (0.5, 1.5, 2.5, 3.5, 5, 8)     # cells from the crop's edge: the bins of a width of 7, and two of what no band reaches


def by_distance(true, found, side, edges=EDGES):
    """([mean error in cells of each bin, NaN in an empty one], [share of the coordinates in each]).

    true, found: (..., 2) in cells of a map of ``side`` of them. The first bin takes in what lies outside the crop; a crop's edge
    is half a cell beyond the middle of the map's first and last.
    """
    error, distance = np.abs(found - true).ravel(), np.minimum(true + 0.5, side - 0.5 - true).ravel()
    bins = np.digitize(distance, edges)
    chosen = [bins == number for number in range(len(edges) + 1)]
    return [float(error[one].mean()) if one.any() else np.nan for one in chosen], [float(one.mean()) for one in chosen]


def read(folder, index, faces, devices):
    """(run, true, found): a run's landmarks of faces in cells of its map, (N, L, 2); InputError where it has no map, or other
    landmarks."""
    run, _, fitted, net = open_run(METHODS, folder, devices)
    refuse_layout(run, index)
    side = getattr(run.method.options, "side", None)
    if not side:
        raise InputError(str(folder), f"a run of {run.method.name}", "a run of a method that has a map of cells", "gv, heatmap")
    dataset = FaceDataset(index.folder, faces, index.layout, run.crop)
    matrices = [dataset.matrix(i) for i in range(len(faces))]
    decoders = {"default": run.method.ready_decoder(run.method.Decoding(), fitted, devices)}
    found = evaluate.decode_faces(net, decoders, dataset, devices, matrices)["default"]
    stride = run.crop.size / side
    return run, in_cells(evaluate.true_points(faces), matrices, stride), in_cells(found, matrices, stride)


def main(arguments=None):
    """Print the table: a row a run, and below them the shares of the coordinates."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    options = Parser(prog="python -m experiments.studies.edges", description=__doc__.splitlines()[0])
    options.add_argument("runs", nargs="+", metavar="RUN", help="folders of trained runs")
    options.add_argument("--data", required=True, help="index folder")
    options.add_argument("--split", default="full", help="of the index (default %(default)s)")
    args = options.parse_args(arguments)
    index = read_index(args.data)
    faces, devices = read_split(index, args.split), parse_devices("cpu:0")
    names = [f"< {EDGES[0]:g}", *(f"{a:g} to {b:g}" for a, b in zip(EDGES, EDGES[1:])), f"≥ {EDGES[-1]:g}"]
    print(f"Error of a coordinate, cells, by its distance from the crop's edge; {len(faces)} faces; {index.provenance_line()}\n")
    print("| run | map | all | " + " | ".join(names) + " |\n|---|---:|---:|" + "---:|" * len(names))
    shares = {}
    for folder in args.runs:
        run, true, found = read(folder, index, faces, devices)
        side, bands = run.method.options.side, getattr(run.method.options, "bands", None)
        errors, shares[side] = by_distance(true, found, side)
        label = run.method.name + (f", l = {' + '.join(map(str, bands))}" if bands else "") + f", seed {run.training.seed}"
        cells = " | ".join("–" if np.isnan(error) else f"{error:.3f}" for error in errors)
        print(f"| {label} | {side} | {np.abs(found - true).mean():.3f} | {cells} |", flush=True)
    for side, values in shares.items():
        print(f"| share of the coordinates | {side} | | " + " | ".join(f"{share:.1%}" for share in values) + " |")


if __name__ == "__main__":
    sys.exit(run_main(main))
