"""``python -m experiments.report``: see ``html_page``."""

import sys

from data_prep.command import run
from experiments.report.html_page import main

if __name__ == "__main__":
    sys.exit(run(main))
