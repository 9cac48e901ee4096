"""The sub-commands that AnchorFace has beside the common ones. Heavy imports wait until they run."""

from pathlib import Path

from gv.core.errors import InputError

PUBLISHED = {"LAB": 10.6e9, "SAN": 11.3e9, "Wing": 3.8e9, "AVS": 1.8e9, "AnchorFace": 227e6}     # Table 5, "Flops"
TOLD = 0.005      # share of the time from which on an operator is told of


def _templates_arguments(parser):
    parser.add_argument("--data", required=True, help="index folder")
    parser.add_argument("--split", default="train", help="split to learn the templates from (default %(default)s)")
    parser.add_argument("--out", required=True, help="folder for templates.npy and the pictures")
    parser.add_argument("--preset", default="paper", help="paper, mini, ablate or smoke (default %(default)s)")
    parser.add_argument("--set", dest="settings", action="append", default=[], metavar="KEY=VALUE",
                        help="change one option, e.g. design=hand; may be repeated")
    parser.add_argument("--seed", type=int, default=0, help="of KMeans (default %(default)s)")


def templates(arguments, methods):
    """``templates``: the anchor templates of an index, as an array and drawn as in Figs. 3 to 5."""
    import numpy as np

    from anchorface import pictures
    from anchorface.anchors import anchor_points
    from gv.core.config import parse_settings
    from gv.core.data import FaceDataset
    from gv.core.faces import read_index, read_split
    from gv.core.files import replacing, write_figure
    from gv.core.run import plan
    index = read_index(arguments.data)
    faces = read_split(index, arguments.split)
    run = plan(methods, "anchorface", arguments.preset, parse_settings(arguments.settings), index.layout)
    o, size = run.method.options, run.crop.size
    dataset = FaceDataset(index.folder, faces, index.layout, run.crop)
    shapes = np.stack([dataset.points_px(i) for i in range(len(dataset))])
    found = run.method.fit(shapes, arguments.seed)["templates"]
    out = Path(arguments.out)
    out.mkdir(parents=True, exist_ok=True)
    with replacing(out / "templates.npy") as temporary, open(temporary, "wb") as file:
        np.save(file, found)
    points = anchor_points(size, o.area, o.grid, o.grid_points)
    figures = {"fig3_anchors.png": pictures.anchors_figure(shapes[0], found, points, o.area, size, o.rolls, index.layout)}
    report = {"templates": list(found.shape), "anchors": len(found) * len(points), "design": o.design, "faces": len(faces),
              "provenance": index.provenance_line(arguments.split), "files": ["templates.npy"]}
    lines = [f"{len(found)} templates of {index.landmarks} landmarks ({o.design}) on {len(points)} points: "
             f"{report['anchors']} anchors"]
    two_eyes = pictures.can_bucket(index.layout)
    if two_eyes:
        figures["fig4_buckets.png"], report["buckets"] = pictures.buckets_figure(shapes, o.gamma)
        lines.append("faces by Eq. 1: " + ", ".join(f"{name} {count}" for name, count in report["buckets"].items()))
    figures["fig5_prototypes.png"] = pictures.prototypes_figure(shapes / size, o.gamma, o.clusters, arguments.seed, index.layout)
    for name, figure in figures.items():
        write_figure(figure, out / name)
        report["files"].append(name)
    return report, "\n".join([*lines, *(f"written: {out / name}" for name in report["files"])])


def _votes_arguments(parser):
    parser.add_argument("--run", required=True, help="folder of the run")
    parser.add_argument("--data", required=True, help="index folder")
    parser.add_argument("--split", default="common", help="split to take faces from (default %(default)s)")
    parser.add_argument("--faces", type=int, default=4, help="how many, evenly spread over the split (default %(default)s)")
    parser.add_argument("--out", required=True, help="folder for the pictures")
    parser.add_argument("--set", dest="settings", action="append", default=[], metavar="KEY=VALUE", help="e.g. c_th=0.5")
    parser.add_argument("--random", type=int, metavar="SEED",
                        help="draw the two anchors that are shown, as Fig. 7 has them (default: the most confident)")


def votes(arguments, methods):
    """``votes``: per face the anchors that vote, what they say and what comes of it, as in Fig. 7."""
    import mxnet as mx
    import numpy as np

    from anchorface import pictures
    from gv.core import draw
    from gv.core.config import fill, parse_settings
    from gv.core.data import FaceDataset
    from gv.core.devices import parse_devices
    from gv.core.faces import read_index, read_split
    from gv.core.method import as_list
    from gv.core.pictures import to_input
    from gv.core.run import open_run, refuse_layout
    device = parse_devices(arguments.devices)[0]
    run, _, fitted, net = open_run(methods, arguments.run, [device])
    if run.method.name != "anchorface":
        raise InputError(arguments.run, f"a run of {run.method.name}, which has no anchors", "a run of anchorface")
    if arguments.faces < 1:
        raise InputError("--faces", arguments.faces, "at least 1")
    if arguments.random is not None and arguments.random < 0:
        raise InputError("--random", arguments.random, "a seed, at least 0")
    index = read_index(arguments.data)
    faces = read_split(index, arguments.split)
    refuse_layout(run, index)
    decoding = fill(run.method.Decoding, parse_settings(arguments.settings))
    decoder, vote = run.method.ready_decoder(decoding, fitted, device), run.method.diagnostics(decoding, fitted)
    dataset = FaceDataset(index.folder, faces, index.layout, run.crop)
    out = Path(arguments.out)
    out.mkdir(parents=True, exist_ok=True)
    report, lines = [], []
    rng = None if arguments.random is None else np.random.default_rng(arguments.random)
    for i in np.unique(np.linspace(0, len(faces) - 1, arguments.faces).round().astype(int)):
        crop, true = dataset[i]
        outputs = as_list(net(mx.nd.array(to_input(crop[None]), ctx=device)))
        confidence, predictions = (values[0] for values in vote.votes(outputs))
        panel = pictures.votes_panel(crop, vote.anchors, confidence, predictions, decoder(*outputs).asnumpy()[0], true,
                                     len(fitted["templates"]), decoding.c_th, rng, run.layout)
        path = out / f"{arguments.split}_{i:05d}.png"
        draw.write_picture(path, panel)
        count = int((confidence >= decoding.c_th).sum())
        report.append({"image": faces[i].image, "voting": count, "of": len(confidence), "highest": float(confidence.max()),
                       "file": str(path)})
        lines.append(f"{path}: {faces[i].image}, {count} of {len(confidence)} anchors at or above {decoding.c_th:g}, "
                     f"the highest {confidence.max():.3f}")
    return {"run": str(arguments.run), "faces": report}, "\n".join(lines)


def _bench_arguments(parser):
    parser.add_argument("--flops", action="store_true", help="count multiply-adds only, for every layout")
    parser.add_argument("--preset", default="paper", help="sizes of the nets: paper, mini, ablate or smoke (default %(default)s)")
    parser.add_argument("--landmarks", type=int, default=98, help="layout of the speed test (default %(default)s)")
    parser.add_argument("--batches", default="1,64", help="batch sizes of the speed test (default %(default)s)")
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement (default %(default)s)")
    parser.add_argument("--parts", action="store_true", help="time the net's parts, as published and as prediction runs them")
    parser.add_argument("--rounds", type=int, default=20, help="turns that each part takes (default %(default)s)")


def bench(arguments, methods):
    """``bench``: multiply-adds of the nets, or images a second of the whole pipeline."""
    from anchorface import bench as measure
    from gv.core.devices import parse_devices
    from gv.core.layouts import get_layout
    if arguments.flops:
        rows = measure.count_all(methods, arguments.preset)
        lines = [f"multiply-adds in millions at {rows[0]['size']} pixels, {rows[0]['templates']} templates",
                 "landmarks  AnchorFace   fused  regression"]
        lines += [f"{row['landmarks']:9d}  {row['anchorface'] / 1e6:10.1f}  {row['fused'] / 1e6:6.1f}  "
                  f"{row['regression'] / 1e6:10.1f}" for row in rows]
        lines.append("Table 5: " + ", ".join(f"{name} {value / 1e6:,.0f}" for name, value in PUBLISHED.items()))
        return {"multiply_adds": rows, "published": PUBLISHED}, "\n".join(lines)
    get_layout(arguments.landmarks)
    try:
        batches = [int(part) for part in arguments.batches.split(",")]
    except ValueError:
        batches = []
    if not batches or min(batches) < 1:
        raise InputError("--batches", f'"{arguments.batches}"', "whole numbers with commas between")
    if arguments.seconds <= 0:
        raise InputError("--seconds", arguments.seconds, "more than 0")
    device = parse_devices(arguments.devices)[0]
    if arguments.parts:
        if arguments.rounds < 1:
            raise InputError("--rounds", arguments.rounds, "at least 1")
        return _parts([measure.parts(methods, arguments.preset, arguments.landmarks, device, batch, arguments.rounds)
                       for batch in batches], arguments, device)
    rows = measure.speed_all(methods, arguments.preset, arguments.landmarks, batches, arguments.seconds, device)
    lines = [f"images a second on {device}, crop to landmarks, {arguments.landmarks} landmarks"]
    lines += [f"  batch {row['batch']:3d}  " + "  ".join(f"{name} {row[name]:.1f}" for name in measure.PIPELINES) for row in rows]
    return {"device": str(device), "landmarks": arguments.landmarks, "images_per_second": rows}, "\n".join(lines)


def _parts(rows, arguments, device):
    """(report, text) of ``bench.parts`` of several batches."""
    from gv.core import timing
    lines = [f"{arguments.landmarks} landmarks, preset {arguments.preset}, {device}; milliseconds, median [quartiles] of "
             f"{arguments.rounds} rounds in which all take turns"]
    for row in rows:
        width = max(map(len, row["times"]))
        lines += [f"  batch {row['batch']}:",
                  *(f"    {name:{width}s}  {timing.text(found)}" for name, found in row["times"].items()),
                  f"    fused: the net {timing.text(row['faster'])} times faster, its heads and aggregation "
                  f"{timing.text(row['heads'], 1)} times;",
                  f"    {100 * row['share']['median']:.0f} % of the bound that the backbone sets, "
                  f"{100 * row['share_of_folded_backbone']['median']:.0f} % of a folded backbone's",
                  "    fused, by operator: " + ", ".join(f"{name} {100 * share:.1f} %" for name, share in row["operators"].items()
                                                         if share >= TOLD)]
    return {"device": str(device), "landmarks": arguments.landmarks, "parts": rows}, "\n".join(lines)


# name: (help, example's arguments, adds arguments to a parser, the command)
MORE = {
    "templates": ("Learn the anchor templates of an index, and draw them as in Figs. 3 to 5.",
                  "--data data/300w --out drawn --set design=hand", _templates_arguments, templates),
    "votes": ("Draw how the anchors of a run vote on faces of an index (Fig. 7).",
              "--run runs/first --data data/300w --out drawn", _votes_arguments, votes),
    "bench": ("Count multiply-adds (--flops), or measure images a second of the whole pipeline.",
              "--flops", _bench_arguments, bench),
}
