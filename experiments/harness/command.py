"""The command line that every table's script shares: run what is missing, print the table beside the printed one, keep it."""

import json
import math
import os
import shutil
import sys
from pathlib import Path

from experiments.harness import claims, cluster, estimates, records, scheduling
from experiments.harness.datasets import EMBEDDED
from experiments.harness.grid import Measure, Train
from experiments.harness.jobs import RECORDS, SMOKE, STARTS, Place, absent, collect, records_of, sets_of, unique
from experiments.harness.results import Results, margin_text, table_text
from gv.core.config import PRESETS
from gv.core.devices import parse_devices
from gv.core.errors import InputError
from gv.core.exits import AsWritten, Parser
from gv.core.exits import run as run_main
from gv.core.files import replacing, write_json, write_text


def parser(program, text):
    """The options of a table's script."""
    options = Parser(prog=program, description=text, formatter_class=AsWritten)
    options.add_argument("--preset", choices=PRESETS, default="ablate", help="size and schedule (default %(default)s)")
    options.add_argument("--data", default=os.environ.get("DATA") or None,
                         help="folder of prepared indexes, one a set: 300w, wflw, ... (default: $DATA, else drawn faces)")
    options.add_argument("--devices", default="cpu:0",
                         help="cpu:0,1 or gpu:0,1,2,3: one run a device, side by side (default %(default)s)")
    options.add_argument("--start", choices=STARTS, default=STARTS[0],
                         help="imagenet: encoders that the model zoos have weights of begin from those, which are downloaded or "
                              "lie in $MXNET_HOME/models (default %(default)s)")
    options.add_argument("--scheduler", metavar="ADDRESS",
                         help="run on the workers of this Dask scheduler (docs/cluster.md), which choose the devices' numbers: "
                              "--devices says their kind, and with --together how many share a run")
    options.add_argument("--together", action="store_true", help="one run at a time over all devices")
    options.add_argument("--seeds", type=int, default=1, help="runs of every row, with seeds 0, 1, ... (default %(default)s)")
    options.add_argument("--out", default="runs", help="folder of runs (default %(default)s)")
    options.add_argument("--records", help=f"folder of records (default {RECORDS}; at smoke, OUT/smoke/records)")
    options.add_argument("--any-sources", action="store_true", help="take records that other versions of the code have made")
    options.add_argument("--dry-run", action="store_true", help="list the runs that are missing and the time they will take")
    options.add_argument("--no-run", action="store_true", help="run nothing: print what the records have")
    options.add_argument("--json", action="store_true", help="print JSON, and nothing else, on stdout")
    return options


def place_of(args):
    """The ``Place`` of parsed arguments; InputError for a number of seeds or a folder that cannot be."""
    if args.seeds < 1:
        raise InputError("--seeds", args.seeds, "at least 1")
    parse_devices(args.devices, there=not (args.dry_run or args.scheduler))     # a plan may be for another machine
    if args.data and not Path(args.data).is_dir():
        raise InputError("--data", f"no folder {args.data}", "a folder of prepared indexes", "prepare them: see docs/data.md")
    return Place(args.preset, args.data, args.out, args.records or records_of(args.preset, args.out), args.start)


def pool_of(tables, seeds, place, args):
    """What runs the jobs of tables: the workers of a scheduler, or processes of this machine."""
    if args.scheduler:
        return cluster.Cluster(args.scheduler, tables, seeds, place, args.devices, args.together)
    return scheduling.Processes(tables, seeds, place, args.devices, args.together)


def plan_of(jobs, place, devices, together, scheduler=None):
    """[(line, seconds or None)] of the jobs that are missing, and the whole time as text."""
    known = estimates.speeds(records.read_all(place.records))
    sharing = len(devices.split(",")) if together else 1
    found = [(scheduling.describe(job), *estimates.seconds(job, place, known, devices, sharing))
             for job in jobs if not job.finished()]
    rows, scaled = [(line, seconds) for line, seconds, _ in found], sum(scaled for *_, scaled in found)
    unknown = sum(seconds is None for _, seconds in rows)
    text = f"{len(jobs) - len(rows)} of {len(jobs)} recorded"
    if not rows:
        return rows, f"{text}; nothing to run"
    beside = cluster.side_by_side(scheduler, devices, together) if scheduler else len(scheduling.slots(devices, together))
    total = sum(seconds for _, seconds in rows if seconds is not None) / max(beside, 1)
    text += f"; {len(rows)} to run, {estimates.text_of_seconds(total)} with {beside} side by side"
    if scaled > unknown:
        text += f", ESTIMATED from multiply-adds for {scaled - unknown} of them"
    return rows, text + (f", without {unknown} of which nothing like has been measured" if unknown else "")


def settings_of(jobs, args):
    """What the trainings among jobs that are missing are run with, and the memory that they take, a line a kind."""
    sharing = len(args.devices.split(",")) if args.together else 1
    found = dict.fromkeys((job.source.method, scheduling.settings(job, sharing)) for job in jobs
                          if isinstance(job.source, Train) and not job.finished())
    return [f"{method}: {line}" for method, line in found]


def announce(jobs, place, args):
    """Say on stderr how long the missing jobs will take, and what they are run with; a scheduler's workers are not asked yet."""
    device, together = (args.devices.split(",")[0], False) if args.scheduler else (args.devices, args.together)
    rows, text = plan_of(jobs, place, device, together)
    if rows:
        more = "; the scheduler's workers share it" if args.scheduler else ""
        print("\n".join([text + more, *settings_of(jobs, args)]), file=sys.stderr, flush=True)


def folder_of(table, place):
    """Where a table's results are kept: embedded and official numbers never share a place."""
    names = {name for source in table.sources() for name in sets_of(source) if name not in place.lacks(source)}
    embedded = all(place.dataset(name).provenance == EMBEDDED for name in names) if names else not place.data
    return Path(place.out, table.key, f"{place.preset}-{'embedded' if embedded else 'official'}")


def keep(results):
    """Write table.json, table.md, the figures of a table and its measurements' pictures, and return the folder."""
    table, place = results.table, results.place
    folder = folder_of(table, place)
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "table.json", as_json(results))
    write_text(folder / "table.md", as_text(results))
    for figure in table.figures:
        figure.draw(results, folder / f"{figure.name}.png")
    for source in table.sources():
        record = results.record(source, results.seeds[0]) if isinstance(source, Measure) else None
        for picture in sorted(Path(record["run"]).glob("*.png")) if record else ():
            with replacing(folder / picture.name) as temporary:
                shutil.copyfile(picture, temporary)
    return folder


def provenances(results):
    """The data of a table's trainings and measurements, each once."""
    lines = {}
    sources = set(results.table.sources())
    for (source, _), job in results.jobs.items():
        if job.record and source in sources and job.record["data"]:
            lines[job.record["data"]] = None
    return list(lines)


def _finite(values):
    """Values with null for the endless interval of a single seed, which JSON has no number for."""
    if isinstance(values, dict):
        return {name: _finite(value) for name, value in values.items()}
    if isinstance(values, list):
        return [_finite(value) for value in values]
    return None if isinstance(values, float) and not math.isfinite(values) else values


def as_json(results):
    """A table's numbers and verdicts as JSON values."""
    table = results.table
    cells = [{"row": row, "column": column, "published": results.published((row, column)), "ours": results.values((row, column))}
             for row, column in table.cells]
    return {"table": table.key, "title": table.title, "unit": table.unit, "preset": results.place.preset, "seeds": results.seeds,
            "provenance": provenances(results), "cells": cells,
            "claims": [_finite(results.judge(claim)) for claim in table.claims],
            "missing": [scheduling.describe(job) for job in results.missing()], "notes": list(table.notes)}


def as_text(results):
    """A table as Markdown: what it is, the numbers, the claims."""
    table, place = results.table, results.place
    lines = [f"# {table.title}", "", f"printed / ours ± deviation over seeds, {table.unit}; preset {place.preset}, "
             f"seeds asked for: {len(results.seeds)}; data: {'; '.join(provenances(results)) or 'none yet'}", "",
             table_text(results), ""]
    for claim in table.claims:
        judged = results.judge(claim)
        lines.append(f"- **{judged['verdict']}**: {judged['text']} ({judged['where']})")
        lines += [f"  - {margin_text(margin)}" for margin in judged["margins"]]
        if judged["hangs"]:
            lines.append(f"  - what it may hang on: {judged['hangs']}")
        if judged["apart"]:
            lines.append(f"  - {judged['apart']}")
        if judged["chosen"]:
            lines.append(f"  - {claims.CHOSEN}: {judged['chosen']}")
        if judged["verdict"] == claims.NOT_RUN:
            _, cost = plan_of(results.missing(claim.cells), place, "cpu:0", False)
            lines.append(f"  - it {claims.NEEDS}: --data" if claim.official else f"  - running it: {cost}")
    if place.preset == SMOKE:
        lines.append("- Preset smoke trains two steps: that it runs is all that these numbers say.")
    lines += [f"- {note}" for note in table.notes]
    return "\n".join(lines) + "\n"


def run_tables(tables, args):
    """Run what tables want and print them. InputError after all if a run failed; what finished is kept."""
    place, seeds = place_of(args), list(range(args.seeds))
    jobs = collect(tables, seeds, place, args.any_sources)
    for name in sorted(absent(tables, place)):
        keys = [table.key for table in tables if name in absent([table], place)]
        print(f"{name} is not prepared in {place.data}: what {', '.join(keys)} want of it is left out", file=sys.stderr)
    if args.dry_run:
        rows, text = plan_of(unique(jobs), place, args.devices, args.together, args.scheduler)
        if args.json:
            print(json.dumps({"runs": [{"run": line, "seconds": seconds} for line, seconds in rows], "total": text}, indent=2))
        else:
            lines = [f"{estimates.text_of_seconds(seconds):>10}  {line}" for line, seconds in rows]
            print("\n".join([*lines, text, *settings_of(unique(jobs), args)]))
        return
    failed = []
    if not args.no_run:
        failed = scheduling.run_all(unique(jobs), place, pool_of(tables, seeds, place, args),
                                    before=lambda: announce(unique(jobs), place, args))
        jobs = collect(tables, seeds, place, args.any_sources)
    shown = [Results(table, jobs, seeds, place) for table in tables]
    folders = [keep(results) for results in shown]
    if args.json:
        print(json.dumps([as_json(results) for results in shown], indent=2))
    else:
        for results, folder in zip(shown, folders):
            print(as_text(results))
            print(f"kept in {folder}\n")
    if failed:
        raise scheduling.explain(failed)


def main(table, text, arguments=None):
    """The exit code of a table's script. text: its docstring."""
    spec = sys.modules["__main__"].__spec__     # of `python -m module`: the module; else None
    program = f"python -m {spec.name}" if spec else table.key

    def go():
        run_tables([table], parser(program, text).parse_args(arguments))

    return run_main(go)


def exit_with(table, text):
    """End the process as ``main`` says."""
    sys.exit(main(table, text))
