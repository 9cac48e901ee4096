"""The sizes and schedules of ``--preset``: each names only where it differs from the options' defaults."""

# Section 4.1. Not stated and ASSUMED: batch 64, rotation by up to 30 degrees, always; shift by up to 10 % of the box; flip
_PAPER = {
    "size": 224, "epochs": 50, "batch": 64, "lr": 1e-3, "schedule": "step", "lr_epochs": (20, 30, 40), "wd": 1e-5,
    "rotation_p": 1.0, "scale_min": 1.0, "scale_max": 1.0, "translate": 0.1,
}

# two to three hours of a core on 2012 faces of 300-W; the rate between those tried in docs/results/rates.md. At 112
# pixels the backbone's stem has one stride less, so that the map is the paper's 7 x 7
_MINI = {
    **_PAPER, "size": 112, "epochs": 60, "batch": 8, "lr": 2e-3, "schedule": "cosine", "warmup": 1.0,
    "brightness": 0.2, "contrast": 0.2, "translate": 0.05,
}

# a run of five to eight minutes on a core, so that a grid with seeds can finish: the same input and map, half the channels
_ABLATE = {**_MINI, "multiplier": 0.5, "epochs": 15, "faces": 1500, "detector_faces": 0}

# two steps
_SMOKE = {**_MINI, "multiplier": 0.5, "epochs": 1, "faces": 8, "batch": 4, "warmup": 0.0, "detector_faces": 0}

REGRESSION_PRESETS = {"paper": _PAPER, "mini": _MINI, "ablate": _ABLATE, "smoke": _SMOKE}
# the anchor area in pixels: the same quarter of the input as the paper's 56 of 224
ANCHOR_PRESETS = {name: {**values, "area": values["size"] / 4} for name, values in REGRESSION_PRESETS.items()}
