"""The command ``anchorface``. The method is still to come: until then every use but --help and --version says so."""

import argparse
import sys

from gv import __version__

STILL_TO_COME = "anchorface: the AnchorFace method is still to come; this version trains Gaussian Vector, see gv --help"


def main(argv=None):
    """Run the command; returns the exit code (2: nothing here can be used yet)."""
    parser = argparse.ArgumentParser(
        prog="anchorface",
        description="AnchorFace facial landmark detection. The method is still to come: there is only --help and --version.",
    )
    parser.add_argument("--version", action="version", version=f"anchorface {__version__}")
    parser.parse_known_args(argv)
    print(STILL_TO_COME, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
