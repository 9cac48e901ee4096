"""Drawings that tables share."""

import numpy as np

from experiments.plots import COLOURS, new_axes


def save(figure, path):
    """Write a figure and let it go."""
    from matplotlib import pyplot
    figure.savefig(path, dpi=130, bbox_inches="tight")
    pyplot.close(figure)


def bars_by_yaw(results, methods, bins, variance, path):
    """AnchorFace, Fig. 6: a bar a method and yaw bin, the whisker being the deviation of the images' errors."""
    figure, plot = new_axes("yaw", "NME, %")
    width = 0.8 / len(methods)
    for i, (method, colour) in enumerate(zip(methods, COLOURS)):
        values, spreads = [], []
        for name in bins:
            found, varied = results.values((method, name)), results.values((method, variance + name))
            values.append(np.mean(found) if found else np.nan)
            spreads.append(np.sqrt(np.mean(varied)) if varied else 0)
        places = np.arange(len(bins)) + (i - (len(methods) - 1) / 2) * width
        low = np.minimum(spreads, values)     # an error is not below nought
        plot.bar(places, values, width, yerr=[low, spreads], color=colour, label=method, capsize=3,
                 error_kw={"elinewidth": 0.8, "ecolor": "#444444"})
    plot.set_xticks(range(len(bins)), [name.capitalize() for name in bins])
    plot.legend(frameon=False)
    figure.tight_layout()
    save(figure, path)
