"""How far annotators put each landmark from where the drawn faces have it, measured on real training faces.

    python -m experiments.studies.label_offsets --run runs/drawn --data data/300w --faces 400 --out offsets.json

--run is a net trained on drawn faces. Its error on real ones has a part that is the same on every face: a habit of the
annotators, or a place that the drawing has wrong. The median of that part, a landmark, in the frame of the eyes, is what is
written; the two sides of the face are made alike. --add puts it on top of offsets that the drawn faces were moved by already.
Numbers are shares of the distance between the eyes' outer corners.
"""

import json
import sys
from pathlib import Path

import mxnet as mx
import numpy as np

from gv.core.data import FaceDataset, choose_faces
from gv.core.errors import InputError
from gv.core.evaluate import decode_faces, face_errors, true_points
from gv.core.exits import AsWritten, Parser
from gv.core.exits import run as run_main
from gv.core.faces import NOT_JSON, read_index, read_split
from gv.core.files import write_json
from gv.core.layouts import get_layout
from gv.core.run import open_run
from gv.methods import METHODS

OFFSETS_68 = Path(__file__).with_name("label_offsets_68.json")


def frames(points, layout):
    """((N, 2, 2), (N,)): a matrix a face whose rows are the directions from eye to eye and down, and the eyes' distance.

    points: (N, L, 2) in pixels.
    """
    left, right = layout.normalisers["ion"]
    across = points[:, list(right)].mean(1) - points[:, list(left)].mean(1)
    distance = np.linalg.norm(across, axis=1)
    across = across / distance[:, None]
    return np.stack([across, np.stack([-across[:, 1], across[:, 0]], axis=1)], axis=1), distance


def offsets_of(found, true, layout):
    """(L, 2) median of true less found points, (N, L, 2) in pixels, in shares of the eyes' distance; mirror pairs alike."""
    axes, distance = frames(true, layout)
    apart = np.einsum("nld,ned->nle", true - found, axes) / distance[:, None, None]
    middle = np.median(apart, axis=0)
    return (middle + middle[list(layout.flip)] * [-1, 1]) / 2


def moved(points, offsets, layout, eyes=None):
    """Points (N, L, 2) moved by offsets (L, 2). eyes: points (N, L, 2) that the frames are taken of, where it is not these."""
    axes, distance = frames(points if eyes is None else eyes, layout)
    return points + np.einsum("le,ned->nld", offsets, axes) * distance[:, None, None]


def read_offsets(path, layout):
    """The (L, 2) offsets that a file has; InputError where it has none of this layout."""
    try:
        values = np.array(json.loads(Path(path).read_text(encoding="utf-8"))["offsets"], np.float64)
        if values.shape != (layout.size, 2) or not np.isfinite(values).all():
            raise ValueError(f"an array of shape {values.shape}")
        return values
    except NOT_JSON as error:
        raise InputError(path, f"no offsets of {layout.size} landmarks ({error})", "the file that this command wrote") from None


def main(arguments=None):
    """Measure, write the offsets, and print what they come to."""
    options = Parser(prog="python -m experiments.studies.label_offsets", description=__doc__, formatter_class=AsWritten)
    options.add_argument("--run", required=True, help="folder of a run trained on drawn faces")
    options.add_argument("--data", required=True, help="index folder of real faces of the same layout")
    options.add_argument("--split", default="train", help="of them: never the faces that are tested on (default %(default)s)")
    options.add_argument("--faces", type=int, default=400, help="faces in an even spread over the split (default %(default)s)")
    options.add_argument("--add", help="offsets that the run's faces were moved by, to add these to")
    options.add_argument("--out", required=True, help="file to write, JSON")
    args = options.parse_args(arguments)
    if args.faces < 1:
        raise InputError("--faces", args.faces, "at least 1")
    run, sidecar, fitted, net = open_run(METHODS, args.run, [mx.cpu()])
    index = read_index(args.data)
    layout = get_layout(index.layout)
    if index.layout != run.landmarks or "ion" not in layout.normalisers:
        raise InputError(args.data, f"{index.layout} landmarks a face", f"{run.landmarks}, with eye corners among them")
    before = read_offsets(args.add, layout) if args.add else np.zeros((layout.size, 2))
    faces = choose_faces(read_split(index, args.split), args.faces)
    decoder = run.method.ready_decoder(run.method.Decoding(), fitted, [mx.cpu()])
    dataset = FaceDataset(index.folder, faces, index.layout, run.crop)
    found, true = decode_faces(net, {"points": decoder}, dataset, [mx.cpu()])["points"], true_points(faces)
    offsets = offsets_of(found, true, layout)
    errors = [100 * float(face_errors(points, faces, "ion", index.layout).mean())
              for points in (found, moved(found, offsets, layout, true))]
    write_json(args.out, {"layout": layout.size, "unit": "distance between the eyes' outer corners", "faces": len(faces),
                          "split": args.split, "of": index.provenance_line(args.split), "trained on": sidecar["provenance"],
                          "offsets": np.round(before + offsets, 5).tolist()})
    print(f"{len(faces)} faces, NME(ION): {errors[0]:.2f} %, with the offsets {errors[1]:.2f} %; "
          f"mean length {100 * np.linalg.norm(before + offsets, axis=1).mean():.2f} %")
    print(f"written: {args.out}")


if __name__ == "__main__":
    sys.exit(run_main(main, "label_offsets"))
