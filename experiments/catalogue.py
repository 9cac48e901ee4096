"""Every table and figure of both papers, and one command over them.

    python -m experiments.catalogue --preset smoke                       # all of them
    python -m experiments.catalogue gv-table8 gv-table6 --seeds 3        # some
"""

import os
import sys

from data_prep.command import run as run_main
from experiments import (
    anchorface_300w,
    anchorface_cost,
    anchorface_fig3_anchors,
    anchorface_fig4_yaw_indicator,
    anchorface_fig5_templates,
    anchorface_fig7_votes,
    anchorface_lambda,
    anchorface_pearson,
    anchorface_table2_aflw,
    anchorface_table3_300w,
    anchorface_table4_menpo,
    anchorface_table5_wflw,
    anchorface_table6_baseline,
    anchorface_table7_templates,
    anchorface_table8_area,
    anchorface_table9_grid,
    anchorface_table10_aggregation,
    gv_fig4_beyond_box,
    gv_fig6_convergence,
    gv_occlusion,
    gv_table1_300w,
    gv_table2_cofw,
    gv_table3_wflw,
    gv_table4_jd,
    gv_table5_ablation,
    gv_table6_beyond_box,
    gv_table7_theta,
    gv_table8_bandwidth,
    gv_table9_time,
)
from experiments.harness import execute
from experiments.harness.command import PRESETS, parser, run_tables
from experiments.harness.jobs import Place, collect, each
from gv.core.errors import InputError

MODULES = (gv_table1_300w, gv_table2_cofw, gv_table3_wflw, gv_table4_jd, gv_table5_ablation, gv_table6_beyond_box,
           gv_table7_theta, gv_table8_bandwidth, gv_table9_time, gv_fig4_beyond_box, gv_fig6_convergence, gv_occlusion,
           anchorface_table2_aflw, anchorface_table3_300w, anchorface_table4_menpo, anchorface_table5_wflw,
           anchorface_table6_baseline, anchorface_table7_templates, anchorface_table8_area, anchorface_table9_grid,
           anchorface_table10_aggregation, anchorface_pearson, anchorface_lambda, anchorface_cost, anchorface_300w,
           anchorface_fig3_anchors, anchorface_fig4_yaw_indicator, anchorface_fig5_templates, anchorface_fig7_votes)
TABLES = {module.TABLE.key: module.TABLE for module in MODULES}


def get_table(key):
    """The ``Table`` of a key; InputError that lists the keys where there is none."""
    if key not in TABLES:
        raise InputError("table", f'"{key}"', f"one of {', '.join(TABLES)}")
    return TABLES[key]


def time_of(table, preset):
    """What a table costs from nothing at a preset, one seed on one device, as text; the making of embedded faces left out."""
    place = Place(preset, out=os.devnull, records=os.devnull)    # where nothing has been run
    times = [execute.estimate(job, place, {}) for job in each(collect([table], [0], place))]
    return "unknown" if None in times else execute.text_of_seconds(sum(times))


def times_text():
    """A line a table: its key and its time at each preset, as the Makefile has them."""
    return "\n".join(f"#  {key:<20}" + "".join(f" {time_of(table, preset):>11}" for preset in PRESETS)
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
