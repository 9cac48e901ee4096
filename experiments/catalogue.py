"""Every table and figure of both papers, and one command over them.

    python -m experiments.catalogue --preset smoke                       # all of them
    python -m experiments.catalogue gv-table8 gv-table6 --seeds 3        # some
"""

import os
import sys

from experiments.anchorface_tables import (
    cost,
    fig3_anchors,
    fig4_yaw_indicator,
    fig5_templates,
    fig7_votes,
    loss_weight,
    on_300w,
    pearson,
    table2_aflw,
    table3_300w,
    table4_menpo,
    table5_wflw,
    table6_baseline,
    table7_templates,
    table8_area,
    table9_grid,
    table10_aggregation,
)
from experiments.gv_tables import (
    fig4_beyond_box,
    fig6_convergence,
    first_weights,
    labels,
    occlusion,
    table1_300w,
    table2_cofw,
    table3_wflw,
    table4_jd,
    table5_ablation,
    table6_beyond_box,
    table7_theta,
    table8_bandwidth,
    table9_time,
)
from experiments.harness import estimates
from experiments.harness.command import parser, run_tables
from experiments.harness.jobs import Place, collect, unique
from gv.core.config import PRESETS
from gv.core.errors import one_of
from gv.core.exits import run as run_main

MODULES = (
    table1_300w, table2_cofw, table3_wflw, table4_jd, table5_ablation, table6_beyond_box, table7_theta,
    table8_bandwidth, table9_time, labels, fig4_beyond_box, fig6_convergence, first_weights, occlusion, table2_aflw, table3_300w,
    table4_menpo, table5_wflw, table6_baseline, table7_templates, table8_area, table9_grid, table10_aggregation,
    pearson, loss_weight, cost, on_300w, fig3_anchors, fig4_yaw_indicator, fig5_templates, fig7_votes,
)
TABLES = {module.TABLE.key: module.TABLE for module in MODULES}


def get_table(key):
    """The ``Table`` of a key; InputError that lists the keys where there is none."""
    return TABLES[one_of("table", key, TABLES)]


def time_of(table, preset):
    """What a table costs from nothing at a preset, one seed on one device, as text; the making of drawn faces left out."""
    place = Place(preset, out=os.devnull, records=os.devnull)    # where nothing has been run
    times = [estimates.seconds(job, place, {})[0] for job in unique(collect([table], [0], place))]
    return "unknown" if None in times else estimates.text_of_seconds(sum(times))


def times_text():
    """A line a table: its key and its time at each preset, as the Makefile has them."""
    return "\n".join(f"#  {key:<20}" + "".join(f" {time_of(table, preset):>11}" for preset in reversed(PRESETS))
                     for key, table in TABLES.items())


def main(arguments=None):
    """Run the tables that are named, or all."""
    options = parser("python -m experiments.catalogue", __doc__)
    options.add_argument("tables", nargs="*", metavar="TABLE", help=f"of {', '.join(TABLES)} (default: all)")
    options.add_argument("--times", action="store_true", help="print what each table costs from nothing, for the Makefile")
    args = options.parse_args(arguments)
    if args.times:
        print(times_text())
        return
    run_tables([get_table(key) for key in args.tables or TABLES], args)


if __name__ == "__main__":
    sys.exit(run_main(main))
