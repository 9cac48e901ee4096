"""What is compared: every net as a case, and which of them also take steps, exchange checkpoints and are timed. Data alone."""

from dataclasses import dataclass, field

ENCODERS = ("resnet50v2", "resnet18v2", "resnet18v2_half", "resnet18v2_quarter", "hrnetv2_w32", "hrnetv2_w18_small",
            "mobilenetv3_large", "mobilenetv3_small")     # gv.encoders.ENCODERS, which a test holds beside it: this is light
PRESET = "smoke"
SIZE = {"size": 64}      # of the maps' methods: the smallest side whose last map still has a row beside another


@dataclass(frozen=True)
class Case:
    """One net. settings: {option: value} on top of preset smoke."""

    name: str
    method: str
    settings: dict = field(default_factory=dict)

    def asked(self):
        """As a child process is asked for it."""
        return {"method": self.method, "settings": self.settings}


def _maps(encoder, method, decoder="fpn", **more):
    words = " ".join(f"{name}={value}" for name, value in more.items())
    return Case(" ".join(filter(None, (encoder, method, decoder, words))), method,
                {**SIZE, "encoder": encoder, "decoder": decoder, **more})


NETS = [
    *(_maps(encoder, "gv") for encoder in ENCODERS),
    *(_maps(encoder, "heatmap", "fpn_relu") for encoder in ENCODERS),
    *(_maps(encoder, "heatmap") for encoder in ("resnet50v2", "hrnetv2_w18_small", "mobilenetv3_small", "resnet18v2_quarter")),
    _maps("resnet18v2_half", "gv", folded=False),
    _maps("resnet18v2_half", "gv", "fpn_relu"),
    _maps("resnet18v2_half", "gv", "lines"),
    _maps("resnet18v2_half", "gv", stem_stride=2),
    _maps("resnet18v2_half", "gv", taps="raw"),
    _maps("resnet18v2_half", "heatmap-awing"),
    _maps("hrnetv2_w18_small", "gv", "hrnet"),
    _maps("hrnetv2_w18_small", "heatmap", "hrnet"),
    Case("anchorface, half width", "anchorface"),
    Case("anchorface", "anchorface", {"multiplier": 1.0}),
    Case("anchorface, map resized", "anchorface", {"grid": 5}),
    Case("regression, half width", "regression"),
    Case("regression", "regression", {"multiplier": 1.0}),
    Case("regression, flattened", "regression", {"features": "flatten"}),
    Case("regression, conv5", "regression", {"conv5": True, "multiplier": 1.0}),
]
BY_NAME = {case.name: case for case in NETS}

_TRAINED = {"batch": 4, "lr": 2e-3}      # ablate's rate, smoke's batch and size
STEPS = [
    Case("gv fpn", "gv", _TRAINED),
    Case("heatmap fpn_relu", "heatmap", {**_TRAINED, "decoder": "fpn_relu"}),
    Case("gv fpn, mobilenetv3_small", "gv", {**_TRAINED, "encoder": "mobilenetv3_small"}),
    Case("anchorface, half width", "anchorface", _TRAINED),
    Case("regression, half width", "regression", _TRAINED),
]
EXCHANGED = [
    Case("gv fpn", "gv", {"batch": 8, "epochs": 3, "faces": 24}),
    Case("anchorface, half width", "anchorface", {"batch": 8, "epochs": 3, "faces": 24}),
]
_TIMED = {"batch": 4}
TIMED = [
    *(Case(f"{encoder} gv fpn, 128 px", "gv", {**_TIMED, "size": 128, "width": 64, "encoder": encoder})
      for encoder in ("resnet50v2", "resnet18v2_half", "hrnetv2_w18_small", "mobilenetv3_large")),
    Case("resnet18v2_half heatmap fpn, 128 px", "heatmap", {**_TIMED, "size": 128, "width": 64, "encoder": "resnet18v2_half"}),
    Case("anchorface, 112 px", "anchorface", {**_TIMED, "multiplier": 1.0}),
    Case("regression, 112 px", "regression", {**_TIMED, "multiplier": 1.0}),
]
