"""The command ``anchorface``: AnchorFace and direct regression."""

import sys

from anchorface import commands
from gv.core import cli, shipped
from gv.core.config import PRESETS

METHOD_NAMES = ("anchorface", "regression")


def _methods():
    from anchorface.methods import METHODS
    return METHODS


def main(argv=None):
    """Entry point; returns the exit code."""
    return cli.main("anchorface", METHOD_NAMES, PRESETS, _methods, shipped.folder(__file__), argv, commands.MORE)


if __name__ == "__main__":
    sys.exit(main())
