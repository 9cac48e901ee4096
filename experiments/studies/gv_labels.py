"""Section 3.2 of the Gaussian Vector paper: vector labels against heatmap labels.

The paper says that vectors raise the share of foreground in the labels and make them faster to prepare, without
figures. This measures both on an index's training faces, with the labels that training uses.

    python -m experiments.studies.gv_labels --data data/300w

Takes about half a minute. Times are the least of several rounds on one batch, so compare them with each other only.
"""

import argparse
import json
import sys
import time

import numpy as np

from gv.core.exits import run
from gv.core.faces import read_index, read_split

SIDE, STRIDE, SIGMA = 64, 4, 2.0    # Section 4.3: input 256, output a quarter of it, sigma = 2
BATCH, ROUNDS = 16, 20


def measure(points, repeat=ROUNDS):
    """{kind: {share of foreground, numbers a face, milliseconds a face}} of points (N, L, 2) in 256-pixel crops."""
    import mxnet as mx

    from gv.codec import HeatmapLabel, VectorLabel
    kinds = {"vectors": VectorLabel(SIDE, STRIDE, SIGMA, theta=3.0), "heatmaps": HeatmapLabel(SIDE, STRIDE, SIGMA)}
    table = {}
    for name, label in kinds.items():
        label.hybridize(static_alloc=True)

        def make(batch, label=label):
            made = label(mx.nd.array(batch))
            return list(made) if isinstance(made, (list, tuple)) else [made]

        counts = np.zeros(2)
        for start in range(0, len(points), BATCH):
            parts = [part.asnumpy() for part in make(points[start:start + BATCH])]
            counts += [sum((part > 0).sum() for part in parts), sum(part.size for part in parts)]
        times = []
        for _ in range(repeat):
            begin = time.perf_counter()
            make(points[:BATCH])
            mx.nd.waitall()
            times.append(time.perf_counter() - begin)
        table[name] = {"foreground": counts[0] / counts[1], "numbers": int(counts[1] / len(points)),
                       "ms": 1000 * min(times) / len(points[:BATCH])}
    return table


def main(argv=None):
    """Measure, and print a table (or JSON alone)."""
    parser = argparse.ArgumentParser(prog="python -m experiments.studies.gv_labels", description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="index folder")
    parser.add_argument("--split", default="train")
    parser.add_argument("--json", action="store_true", help="print JSON alone on stdout")
    arguments = parser.parse_args(argv)
    index = read_index(arguments.data)
    faces = read_split(index, arguments.split)
    from gv.core.data import Crop, FaceDataset
    dataset = FaceDataset(index.folder, faces, index.layout, Crop(size=SIDE * STRIDE))
    table = measure(np.stack([dataset.points_px(i) for i in range(len(faces))]))
    if arguments.json:
        print(json.dumps({"faces": len(faces), "labels": table}, indent=1))
        return
    print(f"{index.provenance_line()}, {len(faces)} faces, {SIDE} x {SIDE} cells, sigma {SIGMA:g}")
    for name, row in table.items():
        print(f"  {name:9s} foreground {100 * row['foreground']:.2f} %  {row['numbers']} numbers  {row['ms']:.4f} ms a face")
    a, b = table["vectors"], table["heatmaps"]
    print(f"  vectors have {a['foreground'] / b['foreground']:.0f} times the share of foreground, "
          f"1/{b['numbers'] / a['numbers']:.0f} of the numbers, and take 1/{b['ms'] / a['ms']:.0f} of the time")


if __name__ == "__main__":
    sys.exit(run(main))
