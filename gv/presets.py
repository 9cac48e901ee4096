"""The sizes and schedules of ``--preset``: each names only where it differs from the options' defaults."""

# Section 4.3 states Adam and four GPUs. ASSUMED, since it states none: from scratch, batch 16 in all (four a GPU), 60 epochs,
# rate 1e-3, / 10 at 30 and 50, which at mini size ends 0.17 points above mini's own (docs/results/mini_300w.md)
_PAPER = {"batch": 16, "lr": 1e-3}
# from ImageNet's weights: the rate of the usual recipe for 300W, HRNet's, otherwise the same. ASSUMED
PRETRAINED = {"paper": {"lr": 1e-4}}

# what two cores do in an hour or two; batch and rate by trial at an earlier geometry (docs/results/mini_300w.md). At ablate, on
# faces kept aside, twice the rate is better by 0.1 points (docs/results/rates.md). The map is the paper's in cells: input / 4
_MINI = {
    "size": 128, "encoder": "resnet18v2_half", "width": 64,
    "epochs": 60, "batch": 8, "lr": 2e-3, "schedule": "cosine", "warmup": 1.0,
    "translate": 0.05, "brightness": 0.2, "contrast": 0.2,
}

# a run of six to eleven minutes on a core, so that a grid with seeds can finish: the same input and map, a schedule of 25
# epochs, which is as long as the order of vectors and heatmaps needs; a narrower encoder pays for it. The decoder's last map has
# more channels than any set has landmarks (106), as the paper's 256 are: fewer cannot tell all landmarks apart (docs/readings.md)
_ABLATE = {**_MINI, "encoder": "resnet18v2_quarter", "width": 112, "epochs": 25, "faces": 1500, "detector_faces": 0}

# two steps
_SMOKE = {**_ABLATE, "size": 64, "width": 16, "epochs": 1, "faces": 8, "batch": 4, "warmup": 0.0}

HEATMAP_PRESETS = {"paper": _PAPER, "mini": _MINI, "ablate": _ABLATE, "smoke": _SMOKE}
VECTOR_PRESETS = HEATMAP_PRESETS
