"""What templates turned in pitch cost: the net's multiply-adds with and without them (AnchorFace, Section 3.1)."""

from experiments.anchorface_tables.anchors import LANDMARKS, PITCH
from experiments.anchorface_tables.measures import COUNTED_AT
from gv.core.flops import multiply_adds
from gv.core.run import plan


def count(context):
    """{"flat", "pitched": multiply-adds of one image, 19 landmarks}."""
    found = {}
    for name, settings in (("flat", {}), ("pitched", {"pitch": PITCH})):
        run = plan(context.methods, "anchorface", COUNTED_AT, settings, LANDMARKS)
        net = run.method.net(LANDMARKS, run.method.blank(LANDMARKS))
        found[name] = sum(multiply_adds(net, (1, 3, run.crop.size, run.crop.size)).values())
    return found
