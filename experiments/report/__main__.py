"""``python -m experiments.report``: see ``html_page``."""

import sys

from experiments.report.html_page import main
from gv.core.exits import run

if __name__ == "__main__":
    sys.exit(run(main))
