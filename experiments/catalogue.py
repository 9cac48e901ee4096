"""Every table and figure of both papers, and one command over them.

    python -m experiments.catalogue --preset smoke                       # all of them
    python -m experiments.catalogue gv-table8 gv-table6 --seeds 3        # some
"""

import sys

from data_prep.command import run as run_main
from experiments import (
    anchorface_300w,
    anchorface_table6_baseline,
    anchorface_table10_aggregation,
    gv_table6_beyond_box,
    gv_table8_bandwidth,
)
from experiments.harness.command import parser, run_tables
from gv.core.errors import InputError

MODULES = (gv_table6_beyond_box, gv_table8_bandwidth, anchorface_table6_baseline, anchorface_table10_aggregation,
           anchorface_300w)
TABLES = {module.TABLE.key: module.TABLE for module in MODULES}


def get_table(key):
    """The ``Table`` of a key; InputError that lists the keys where there is none."""
    if key not in TABLES:
        raise InputError("table", f'"{key}"', f"one of {', '.join(TABLES)}")
    return TABLES[key]


def main(arguments=None):
    """Run the tables that are named, or all."""
    options = parser("python -m experiments.catalogue", __doc__)
    options.add_argument("tables", nargs="*", metavar="TABLE", help=f"of {', '.join(TABLES)} (default: all)")
    args = options.parse_args(arguments)
    run_tables([get_table(key) for key in args.tables or TABLES], args)


if __name__ == "__main__":
    sys.exit(run_main(main))
