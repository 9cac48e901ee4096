"""What AnchorFace's tables and figures measure beside errors: how much work, how fast, and what the anchors look like.

Each measure is a function of a ``running.Context``; the ``Measure``s below are what tables name.
"""

from argparse import Namespace

import cv2
import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.stats import spearmanr

from anchorface import bench, commands, pictures
from anchorface.anchors import anchor_points
from anchorface.templates import BUCKETS, buckets, eye_indicator, hand_prototypes, kmeans_prototypes
from experiments.harness.grid import Measure, Train
from experiments.plots import COLOURS, new_axes, save
from gv.core import draw
from gv.core.data import FaceDataset
from gv.core.errors import InputError
from gv.core.faces import read_index, read_split
from gv.core.files import write_figure
from gv.core.run import plan

SET = "aflw"
COUNTED_AT = "paper"          # the nets that are counted are the paper's, whatever size is trained
SPEED_LANDMARKS = 98          # the layout whose net has 227M multiply-adds
BATCHES = (1, 64, 256)        # Section 4.3: 1 and 256; at smoke without the last
SECONDS = 3.0                 # of each timing; at smoke one turn
SMOKE_GAMMA = 1.0             # no |r| exceeds 6 among smoke's few drawn faces: with it, hand design runs there too
BOTH_EYES = 80                # degrees of yaw up to which both eyes have a width in the picture
YAW_BINS = ("light", "medium", "large", "heavy")
SHOWN_WIDTH = 1600            # of Fig. 7, pixels


def count(context):
    """{"<net>_<landmarks>": multiply-adds of one image} of AnchorFace, its fused form and direct regression, every layout."""
    rows = bench.count_all(context.methods, COUNTED_AT)
    return {f"{net}_{row['landmarks']}": row[net] for row in rows for net in bench.PIPELINES}


def speed(context):
    """{"<net>_<batch>": images a second from crop to landmarks}, at the preset's input size."""
    batches, seconds = (BATCHES[:-1], 0) if context.preset == "smoke" else (BATCHES, SECONDS)
    rows = bench.speed_all(context.methods, context.preset, SPEED_LANDMARKS, batches, seconds, context.device)
    return {f"{net}_{row['batch']}": row[net] for row in rows for net in bench.PIPELINES}


def _training_faces(context):
    """(the ``Run`` of AnchorFace at its defaults, faces, their shapes (N, L, 2) in crop pixels) of the training split."""
    index = read_index(context.indexes[SET])
    run = plan(context.methods, "anchorface", context.preset, {}, index.layout)
    faces = read_split(index, "train")
    dataset = FaceDataset(index.folder, faces, index.layout, run.crop)
    return run, faces, np.stack([dataset.points_px(i) for i in range(len(faces))])


def _gamma(context, run):
    return SMOKE_GAMMA if context.preset == "smoke" else run.method.options.gamma


def configure(context):
    """Fig. 3: the anchor area, its grid and the templates, drawn over the most frontal training face."""
    run, _, shapes = _training_faces(context)
    o, size = run.method.options, run.crop.size
    templates = run.method.fit(shapes, context.seed)["templates"]
    points = anchor_points(size, o.area, o.grid, o.grid_points)
    frontal = shapes[np.abs(eye_indicator(shapes)).argmin()]
    write_figure(pictures.anchors_figure(frontal, templates, points, o.area, size, o.rolls), context.folder / "fig3_anchors.png")
    return {"area": o.area / size, "points": len(points), "step": np.diff(np.unique(points[:, 0])).mean() / size,
            "templates": len(templates), "anchors": len(points) * len(templates)}


def _yaws(faces):
    """Degrees (N,), NaN where a face has none."""
    found = [face.attributes.get("yaw") for face in faces]
    return np.array([value if isinstance(value, (int, float)) else np.nan for value in found], float)


def yaw_figure(yaw, r, gamma):
    """r of Eq. 1 against the true yaw, a dot a face, on an axis that is logarithmic beyond 1."""
    figure, axes = new_axes("true yaw, degrees", "r of Eq. 1")
    axes.scatter(yaw, r, s=5, color=COLOURS[0], alpha=0.5, linewidths=0)
    for edge in (-gamma, gamma):
        axes.axhline(edge, color=COLOURS[1], linewidth=1)
    axes.set_yscale("symlog", linthresh=1)
    top = max(10, 1.1 * np.abs(r[np.isfinite(r)]).max())
    axes.set_ylim(-top, top)
    ticks = [value for value in (1, 3, 6, 10, 30, 100, 300, 1000) if value <= top]
    axes.set_yticks([-value for value in reversed(ticks)] + [0] + ticks)
    axes.yaxis.set_major_formatter("{x:g}")
    axes.minorticks_off()
    figure.tight_layout()
    return figure


def indicate(context):
    """Fig. 4: r of Eq. 1 over the training faces, the buckets it parts them into, and, where the yaw is known, r against it.

    yaw_<bucket>: mean |yaw| in degrees. rank: of r and yaw, Spearman's coefficient without its sign, since the data sets
    disagree on which way is positive; rank_both_eyes: the same up to ``BOTH_EYES`` degrees.
    """
    run, faces, shapes = _training_faces(context)
    gamma = _gamma(context, run)
    figure, counts = pictures.buckets_figure(shapes, gamma)
    write_figure(figure, context.folder / "fig4_buckets.png")
    r, bucket, yaw = eye_indicator(shapes), buckets(shapes, gamma), _yaws(faces)
    known = np.isfinite(yaw)
    figures = {"gamma": gamma, "largest": np.abs(r[np.isfinite(r)]).max()}
    for number, name in enumerate(BUCKETS):
        figures[f"faces_{name}"], figures[f"share_{name}"] = counts[name], counts[name] / len(shapes)
        if (known & (bucket == number)).any():
            figures[f"yaw_{name}"] = np.abs(yaw[known & (bucket == number)]).mean()
    if known.any():
        save(yaw_figure(yaw[known], r[known], gamma), context.folder / "fig4_yaw.png")
        seen = known & (np.abs(yaw) < BOTH_EYES)
        for name, chosen in (("rank", known), ("rank_both_eyes", seen)):
            rank = abs(spearmanr(r[chosen], yaw[chosen])[0]) if chosen.sum() > 1 else np.nan
            if np.isfinite(rank):
                figures[name] = rank
    return figures


def compare_bases(context):
    """Fig. 5: hand-designed against KMeans base anchors.

    Each hand-designed one is paired with a KMeans one, so that the sum of distances is least. own_<bucket>: the root mean
    square distance over the landmarks from its partner, a share of the crop's side; next_<bucket>: from the nearest other.
    Nothing where a bucket is empty.
    """
    run, _, shapes = _training_faces(context)
    o, shapes, gamma = run.method.options, shapes / run.crop.size, _gamma(context, run)
    write_figure(pictures.prototypes_figure(shapes, gamma, o.clusters, context.seed), context.folder / "fig5_prototypes.png")
    try:
        hand = hand_prototypes(shapes, gamma)
    except InputError:
        return {}
    means = kmeans_prototypes(shapes, o.clusters, context.seed)
    distance = np.sqrt(((hand[:, None] - means[None]) ** 2).sum(axis=3).mean(axis=2))
    figures = {}
    for i, partner in zip(*linear_sum_assignment(distance)):
        figures[f"own_{BUCKETS[i]}"] = distance[i, partner]
        figures[f"next_{BUCKETS[i]}"] = np.delete(distance[i], partner).min()
    return figures


def vote(context):
    """Fig. 7: how the anchors vote on a face of each yaw bin. voting_<bin>: how many do; highest_<bin>: the greatest C."""
    (run,), data = context.runs.values(), context.indexes[SET]
    splits = read_index(data).splits
    device = f"{context.device.device_type}:{context.device.device_id}"
    figures = {}
    for file, drawn in (("fig7_votes.png", None), ("fig7_random.png", context.seed)):
        rows = []
        for name in [name for name in YAW_BINS if splits.get(name)] or ["test"]:
            asked = Namespace(run=run, data=data, split=name, faces=1, out=context.folder / "faces", settings=[], random=drawn,
                              devices=device)
            face = commands.votes(asked, context.methods)[0]["faces"][0]
            figures[f"voting_{name}"], figures[f"highest_{name}"] = face["voting"], face["highest"]
            rows.append(cv2.imread(face["file"]))
        sheet = np.vstack(rows)
        height = round(sheet.shape[0] * SHOWN_WIDTH / sheet.shape[1])
        sheet = cv2.resize(sheet, (SHOWN_WIDTH, height), interpolation=cv2.INTER_AREA)
        draw.write_picture(context.folder / file, sheet[..., ::-1])
    return figures


COUNTS = Measure("AnchorFace, multiply-adds", count, exact=True)
SPEEDS = Measure("AnchorFace, images a second", speed)
CONFIGURATION = Measure("AnchorFace, Figure 3", configure, data=(SET,), exact=True, pictures=("fig3_anchors.png",))
INDICATOR = Measure("AnchorFace, Figure 4", indicate, data=(SET,), exact=True, pictures=("fig4_buckets.png",))
BASES = Measure("AnchorFace, Figure 5", compare_bases, data=(SET,), exact=True, pictures=("fig5_prototypes.png",))
VOTES = Measure("AnchorFace, Figure 7", vote, needs=(Train("anchorface", SET),), data=(SET,),
                pictures=("fig7_votes.png", "fig7_random.png"))
