"""The page: every table with the control beside the number, as Markdown."""

import numpy as np

from experiments.harness import claims
from experiments.studies.compare_mxnet import differences, measuring, whole

COMMAND, MORE = "make compare-mxnet", ' ARGS="--more mxnet-mkl=PYTHON"'
# of a trial before this study, with 120 drawn faces: why the distance from float64 is asked for, too
TRIAL = ("On other faces one may be, where the control happens to switch as 1.9.1 does: in a trial regression at half width was "
         "4.7e-4 from 1.9.1, its control 2.8e-6; from float64 the three were 5.9e-3, 5.8e-3 and 5.8e-3, and without switches "
         "1e-7 apart.")
LEVEL = 0.1      # two distances that differ by less are told as level
NAMES = {"main": "{main}", "control": "{main} without oneDNN", "other": "{other}"}


def number(value):
    """A gap, short."""
    if value is None or value != value:
        return "–"
    return "0" if value == 0 else f"{value:.0e}" if value < 1e-3 else f"{value:.1e}"


def table(headings, rows):
    """Lines of a Markdown table; all but the first column to the right."""
    lines = [f"| {' | '.join(row)} |" for row in (headings, *rows)]
    return [lines[0], "|---|" + "---:|" * (len(headings) - 1), *lines[1:], ""]


def build(versions):
    """How a build is called: "1.5.1", or "1.5.1 (mxnet-mkl)" where oneDNN is in a version that also exists without."""
    return versions["mxnet"] + (" (mxnet-mkl)" if versions["onednn"] and versions["mxnet"].startswith("1.5") else "")


def nets_section(found, main, other):
    rows = []
    for net in found["nets"]:
        how, _ = differences.judged(net)
        pairs = [f"{number(getattr(net.other, name))} / {number(getattr(net.control, name))}"
                 for name in ("output", "point_px", "loss", "gradient")]
        truth = " / ".join(number(net.truth[name]) for name in measuring.COMPARED)
        smooth = f"{number(net.smooth['other'])} / {number(net.smooth['control'])}" if net.smooth else "–"
        rows.append([net.name, *pairs, truth, smooth, how or "**broken**"])
    worst = differences.worst([net.other for net in found["nets"]])
    unswitched = max((net.smooth["other"] for net in found["nets"] if net.smooth), default=0.0)
    nearer = nearer_the_truth(found["nets"])
    beyond = [net.name for net in found["nets"] if differences.judged(net)[0] == "truth"]
    return [
        "## Every net, from the same weights", "",
        f"Each cell: {other} / the control, that is, {main} without oneDNN, both against {main}; the worst of {found['seeds']} "
        "seeds (first weights and faces). Outputs and losses: the largest difference as a share of the largest value; points: "
        "px of the crop; gradients: of all weights in one vector, length of the difference as a share of its length (L2). "
        f"*From float64*: the gradient of {main}, of {main} without oneDNN and of {other}, each against the same gradient in "
        f"float64 by {main}. *Unswitched*: the gradient again (other / control) where it was more than {measuring.SWITCHED:g} "
        "apart, with softplus for every ReLU and the mean for the stem's maximum. *Within*: which bound holds it.", "",
        *table(["net", "outputs", "points, px", "losses", "gradients", "from float64", "unswitched", "within"], rows),
        f"Largest of {other}: outputs {number(worst.output)}, points {number(worst.point_px)} px, losses {number(worst.loss)}, "
        f"gradients {number(worst.gradient)}.", "",
        "**Why gradients differ by more than rounding.** ReLU switches: where its input lies within rounding of 0, one build "
        "lets a gradient through and another does not. Few units do, so how many two builds have in common is luck. Two things "
        "show it. "
        f"Without what can switch, the largest gap of those nets is {number(unswitched)} (*unswitched*). And of the gradients "
        f"against float64, {main} is the nearer in {nearer['main']} nets, {other} in {nearer['other']}, and they are level, "
        f"within a tenth, in {nearer['level']}. "
        + (f"Further from {main} than {differences.MULTIPLE:g} times the control, and no further from float64 than "
           f"{differences.MULTIPLE:g} times {main}'s: {', '.join(beyond)}. " if beyond else
           f"No net was further apart than {differences.MULTIPLE:g} times its control. ") + TRIAL, ""]


def nearer_the_truth(nets):
    """{"main", "other", "level": how many nets}: whose gradient is nearer float64's."""
    found = {"main": 0, "other": 0, "level": 0}
    for net in nets:
        ours, theirs = net.truth["main"], net.truth["other"]
        level = abs(ours - theirs) <= LEVEL * max(ours, theirs)
        found["level" if level else "main" if ours < theirs else "other"] += 1
    return found


def trainings_section(found, main, other):
    first, last = measuring.STOPS
    rows = []
    for one in found["trainings"]:
        losses = " / ".join(f"{one['last'][name]:.4g}" for name in (*measuring.COMPARED, "nudged"))
        errors = " / ".join(f"{100 * one['errors'][name]:.2f}" for name in (*measuring.COMPARED, "nudged"))
        gaps = [" / ".join(number(one["apart"][name].weights[stop]) for name in ("other", "control", "nudged"))
                for stop in measuring.STOPS]
        loss = " / ".join(number(one["apart"][name].loss) for name in ("other", "control", "nudged"))
        rows.append([one["name"], loss, *gaps, losses, errors])
    return [
        f"## {first} and {last} steps", "",
        f"From the same weights on the same {measuring.BATCHES} batches of 4 augmented faces, which go round; Adam at ablate's "
        f"rate, "
        f"preset smoke's sizes. Gaps to {main}: {other} / control / a second control, {main} itself with every first weight "
        f"times "
        f"1 + {measuring.NUDGE:g}. *Weights*: length of the gap as a share of how far the weights had moved. The last two "
        f"columns: "
        f"{main} / control / {other} / second control.", "",
        *table(["training", f"losses of the first {first} steps", f"weights after {first}", f"weights after {last}",
                f"mean of the last {measuring.LAST} losses", "error on faces kept aside, % of the crop"], rows),
        "One rounding of the first weights leads about as far away as another build does: training repeats to the digit on one "
        "build "
        "alone. So short a training's error differs as much between two ways of one version.", ""]


def exchanges_section(found, main, other):
    names = {key: name.format(main=main, other=other) for key, name in NAMES.items()}
    rows = [[one["name"], names[one["written"]], names[one["read"]], "yes" if one["equal"] else "**no**",
             number(one["points_px"]), number(one["resumed"])] for one in found["exchanges"]]
    return [
        "## Checkpoints", "",
        f"`train` stopped after {measuring.FIRST_STEPS} of 9 steps, in the middle of an epoch; both builds read the checkpoint, "
        f"and "
        "both go on from it with `--resume` to the end. The gap of the weights at the end is a share of how far they moved after "
        "the checkpoint.", "",
        *table(["run", "written by", "read by", "weights and Adam's state equal to the bit", "points, px", "weights at the end"],
               rows)] if rows else []


def whole_section(found, main, other):
    """Trainings to the end under each build."""
    lines = []
    names = {key: name.format(main=main, other=other) for key, name in NAMES.items()}
    for title in dict.fromkeys(one["training"] for one in found["whole"]):
        entries = [entry for entry in found["whole"] if entry["training"] == title and whole.is_shown(entry["view"])]
        builds = [build for build in measuring.COMPARED if build in entries[0]["errors"]]
        seeds = sorted(set(entries[0]["seeds"]))
        rows = [[whole.view_text(entry["view"]), *(whole.spread(entry["errors"][build]) for build in builds),
                 *(whole.apart(entry, build) for build in builds[1:])] for entry in entries]
        lines += [f"{title}; seeds {', '.join(map(str, seeds))}:", "",
                  *table(["view", *(names[build] for build in builds),
                          *(f"{names[build]} less {main}" for build in builds[1:])], rows)]
    return [
        "## Whole trainings", "",
        "The same runs of a table to their end under each build: NME in %, mean ± standard deviation over seeds, and the "
        "difference seed by seed with Student's 95 % interval. "
        f"*Equal*: all of it within ± {100 * claims.SAME:g} % of the error; of an interval wider than that nothing is said. Of a "
        "grid of tau and sigma, the paper's are shown. `make gv-table6 SEEDS=3 DATA=data MXNET=1.5.1 ARGS=\"--records FOLDER\"` "
        "trains them, `--trained other=FOLDER` reads them; the control's with `MXNET_MKLDNN_ENABLED=0` in the environment.", "",
        *lines] if lines else []


def speeds_section(found, main, other):
    further = list(found["further"])
    rows = []
    for one in found["speeds"]:
        for what in ("step", "pass"):
            base = one[what]["main"]
            cells = [f"{1e3 * np.median(base):.0f}"]
            for name in ("control", "other", *further):
                cells.append(f"{1e3 * np.median(one[what][name]):.0f} ({differences.median_ratio(one[what][name], base):.2f})")
            rows.append([f"{one['name']}, {one['batch']} images", what, *cells])
    return [
        "## Speed", "",
        f"Milliseconds of a training step and of a pass over one batch, one thread, medians of {found['rounds']} rounds in "
        f"which the "
        f"builds take turns; in brackets the ratio to {main}. The machine was shared: ratios tell more than milliseconds.", "",
        *table(["net", "what", main, f"{main} without oneDNN", other, *(build(found["versions"][name]) for name in further)],
               rows)] if rows else []


def faulty(found, name):
    """Whether a build has wrong gradients."""
    return any(not gap <= differences.ROUNDING for gap in found["faults"][name].values())


def further_section(found, main):
    lines = []
    for name, nets in found["further"].items():
        title = build(found["versions"][name])
        rows = [[net, number(one["apart"].output), number(one["apart"].loss), number(one["apart"].gradient), number(one["truth"]),
                 number(one["main"]), number(one["plain"])] for net, one in nets.items()]
        lines += [
            f"## {title}" + (": not for training" if faulty(found, name) else ""), "",
            f"Shown, not judged; seed 0. Outputs, losses and gradients against {main}; then the gradient against float64's, "
            f"that of "
            f"{main} beside it, and that of {title} without `hybridize`.", "",
            *table(["net", "outputs", "losses", "gradients", f"{title} from float64", f"{main} from float64", "not hybridized"],
                   rows)]
    return lines


FAULTS = [
    "## Two operators with wrong gradients in mxnet-mkl 1.5.1", "",
    "`gv.core.known_faults` tries both in a few lines. The forward pass is right. Relative to the right gradient (L2):", ""]
FAULTS_WHY = [
    "- **BatchNorm's backward pass** under oneDNN, hybridized, tried on a processor with AVX-512. Wrong where the convolution "
    "before "
    "it has 8, 24 or 40 input channels (a multiple of 8, not of 16) and 16, 32, 48 or 64 output channels, and its result is used "
    "twice, as in a residual sum, before another convolution; right with 3, 12, 16, 32, 48 or 64 input channels, and with 8 or "
    "24 "
    "output channels. BatchNorm's input then lies in blocks of 8 channels, the gradient of the sum in blocks of 16, and the "
    "gradient that it hands down is written in blocks of 16 and read in blocks of 8: only the first pixel's values are in "
    "their place, the others are those of other pixels and channels. Gamma's and beta's are right. Smallest net that shows it: "
    "1 x 1 convolution "
    "from 8 "
    "channels to 16, BatchNorm, `y + y`, 1 x 1 convolution. Of this project's nets MobileNetV3 has such layers (120 channels to "
    "48, "
    "...). Hard swish, squeeze-and-excite, pooling, depthwise convolution and `static_alloc` have no part in it: each was taken "
    "out, and it stayed.",
    "- **The depthwise 3 x 3 convolution with stride 2**: its weights' gradient, hybridized or not, is off by 0.1 to 0.3 where "
    "the "
    "channels are a multiple of 8 and the side is even (8, 14 and 28 tried). Stride 1, 5 x 5 kernels, odd sides, a side of 4 "
    "and 3 "
    "channels are right, and so is the gradient handed down. MobileNetV3 and ShuffleNetV2 (so AnchorFace and direct regression) "
    "have such layers.", "",
    "So `gv train`, `anchorface train` and the tables refuse to train a net with depthwise convolutions on a build that shows "
    "either fault, in one line. `MXNET_MKLDNN_ENABLED=0` in the environment makes both right. ResNets and HRNet have no such "
    "layers.",
    ""]


def faults_section(found):
    builds = {name: build(versions) + ("" if name != "control" else " without oneDNN")
              for name, versions in found["versions"].items() if name != measuring.TRUTH}
    rows = [[title, *(number(value) for value in found["faults"][name].values())] for name, title in builds.items()]
    unseen = [] if any(faulty(found, name) for name in builds) else [
        "None of these builds has them; `--more mxnet-mkl=PYTHON` shows one that has.", ""]
    return [*FAULTS, *table(["build", *found["faults"]["main"]], rows), *unseen, *FAULTS_WHY]


def text(found):
    """The page. found: as ``__main__.measure`` gives it, with seconds, seeds, rounds, commit, machine and broken."""
    main, other = (build(found["versions"][name]) for name in ("main", "other"))
    versions, machine = found["versions"]["main"], found["machine"]
    same = ", ".join(f"{name} {versions[name.lower()]}" for name in ("NumPy", "GluonCV", "OpenCV")).replace(
        "GluonCV 0.11.0", "GluonCV 0.10.5.post0 (which calls itself 0.11.0)")
    allowed = (
        f"outputs and losses within {differences.MOST_OUTPUT:g}, points within {differences.MOST_POINT_PX:g} px; gradients and "
        f"trainings within {differences.MULTIPLE:g} times the control, or gradients no further from float64's than "
        f"{differences.MULTIPLE:g} times {main}'s")
    held = "**All bounds hold**" if not found["broken"] else f"**{len(found['broken'])} bounds are broken**"
    lines = [
        f"# MXNet {other} beside {main}", "",
        f"The paper used MXNet 1.5.1; this project runs on {main}. On the same weights and pictures the two give the same "
        f"outputs, "
        "points and losses to rounding, and gradients and trainings that differ as much as one version's own two ways of "
        "computing "
        "do. Drawn faces, but for the whole trainings.", "",
        f"`{COMMAND}{MORE if found['further'] else ''}`: commit {found['commit']}; {machine['cores']} shared virtual cores "
        f"({machine['processor']}), no GPU; "
        f"Python "
        f"{versions['python']}, {same}, the same in each environment; {versions['omp_threads']} thread; "
        f"{found['seconds'] / 60:.0f} minutes beside other work. {other} is PyPI's `mxnet==1.5.1.post0`, without oneDNN.", "",
        f"{held}: {allowed}.", "", *(f"- {line}" for line in found["broken"]), *([""] if found["broken"] else []),
        *nets_section(found, main, other), *trainings_section(found, main, other), *whole_section(found, main, other),
        *exchanges_section(found, main, other),
        *speeds_section(found, main, other), *further_section(found, main), *faults_section(found)]
    return "\n".join(lines).rstrip() + "\n"
