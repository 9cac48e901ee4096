"""The command ``gv``: Gaussian Vector and the heatmaps it is compared with."""

import sys

from gv import commands
from gv.core import cli, shipped
from gv.core.config import PRESETS

METHOD_NAMES = ("gv", "heatmap", "heatmap-awing")


def _methods():
    from gv.methods import METHODS
    return METHODS


def main(argv=None):
    """Entry point; returns the exit code."""
    return cli.main("gv", METHOD_NAMES, PRESETS, _methods, shipped.folder(__file__), argv, commands.MORE)


if __name__ == "__main__":
    sys.exit(main())
