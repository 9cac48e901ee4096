"""The trainings that tables share: the paper's own settings on each data set, and the views that their numbers come from."""

from experiments.harness.grid import Train, View, pairs

HRNET = pairs(encoder="hrnetv2_w32")
OTHER_ENCODER = ("GV(ResNet50) is trained on ResNetV2-50 at preset paper; at the smaller presets a ResNetV2-18 of half the width "
                 "stands for it.")


def gv(data, hrnet=False):
    """Gaussian Vector as Tables 1 to 4 have it."""
    return Train("gv", data, HRNET if hrnet else ())


GV_300W = gv("300w")
HEATMAP_300W = Train("heatmap", "300w")
ANCHORFACE_AFLW = Train("anchorface", "aflw")
REGRESSION_AFLW = Train("regression", "aflw")

# column of AnchorFace's Tables 6 to 10: split of the index (Section 4.5)
AFLW_COLUMNS = {"full": "test", "light": "light", "medium": "medium", "large": "large", "heavy": "heavy"}
SHRUNK = 0.1     # GV, Section 4.5: off each dimension of the box, in the test only


def aflw_view(column, **reading):
    """The view of a column of Tables 6 to 10."""
    return View(AFLW_COLUMNS[column], pairs(**reading))
