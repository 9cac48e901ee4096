"""Where a report's numbers come from: the settings of each row, the runs with their records, and the project's other pages."""

import re
from pathlib import Path

from data_prep import cofw, jd, w300, wflw
from experiments.harness import estimates, scheduling
from experiments.harness.code_hash import ROOT
from experiments.harness.grid import Measure, Train
from experiments.harness.jobs import METHODS
from experiments.report.shown import Page, Provenance, Reading, RecordKey, Setting, ShownRun
from gv.core.run import get_method

READINGS = "docs/readings.md"
EARLIER = "docs/results"
SEED = "seed"
# What a preset's size is, in a row a method and set: heading -> option of the run's config
BACKBONE = "ShuffleNetV2"      # of the methods that have no option for it
SIZES = {"epochs": "epochs", "batch": "batch", "rate": "lr", "input, px": "size", "vector or heatmap, cells": "side",
         "encoder": "encoder", "box": "boxes", "enlarged by": "enlarge", "start": "start"}
# {set: {split: faces of the official set}}
OFFICIAL = {"300w": {split: sum(w300.PARTS[part] for part in parts) for split, parts in w300.SPLITS.items()},
            "wflw": {**wflw.SPLITS, **wflw.SUBSETS}, "cofw": cofw.SPLITS, "jd": jd.SPLITS}
MOST_NAMES = 6
SUMMARY = 240        # characters of a page's summary, at most, where a sentence ends before


def flat(config):
    """{option: value} of a run's config, without its seed."""
    parts = {name: value for part in ("options", "crop", "augment", "training") for name, value in config[part].items()}
    return {name: value for name, value in parts.items() if name != SEED}


def value_text(value):
    """An option's value in a table's cell."""
    if isinstance(value, (list, tuple)):
        return ", ".join(map(value_text, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _first_jobs(results, kind):
    """[Job] of each source of a kind that the table reads, with the first seed whose record is there, else the first."""
    found = []
    for source in results.table.sources():
        if isinstance(source, kind):
            jobs = [results.jobs[source, seed] for seed in results.seeds if (source, seed) in results.jobs]
            found += sorted(jobs, key=lambda job: job.record is None)[:1]
    return found


def _label(table, source):
    """The rows, or columns, or cells that a source fills, in a few words."""
    mine = [key for key, cell in table.cells.items() if cell.source == source]
    for axis in (0, 1):
        names = dict.fromkeys(key[axis] for key in mine)
        if all(cell.source == source for key, cell in table.cells.items() if key[axis] in names):
            return "all" if len(names) == len({key[axis] for key in table.cells}) else _listed(list(names))
    return _listed([" × ".join(key) for key in mine])


def _listed(names):
    """Names in a row, the middle left out where they are many."""
    return "; ".join(names if len(names) <= MOST_NAMES else [*names[:MOST_NAMES - 2], "...", names[-1]])


def _settings(results):
    """[Setting]: each source, and where it differs from the plainest of its method and set."""
    table, shown, plainest = results.table, [], {}
    jobs = _first_jobs(results, Train)
    for job in sorted(jobs, key=lambda job: len(job.source.options)):
        plainest.setdefault((job.source.method, job.source.data), flat(job.identity["config"]))
    for job in jobs:
        source, plain = job.source, plainest[job.source.method, job.source.data]
        differs = [f"{name} = {value_text(value)}" for name, value in flat(job.identity["config"]).items()
                   if value != plain.get(name)]
        shown.append(Setting(_label(table, source), f"{source.method} on {source.data}", ", ".join(differs) or "plain",
                             _runs(results, source)))
    for job in _first_jobs(results, Measure):
        options = ", ".join(f"{name} = {value_text(value)}" for name, value in job.source.options)
        shown.append(Setting(_label(table, job.source), f"measurement: {job.source.name}", options, _runs(results, job.source)))
    return shown


def _runs(results, source):
    """[RecordKey] of a source."""
    return [RecordKey(seed, record["key"]) for seed in results.seeds for record in [results.record(source, seed)] if record]


def tested(records):
    """Of trainings on a part of an official set: on how many of its test faces they were measured, as in ", tested on 330 of 689
    full"; else ""."""
    found = {}
    for record in records:
        if record["provenance"] == "official, partial" and "views" in record:
            for view, figures in record["views"].items():
                split = view.partition("|")[0]
                found[split] = figures["faces"], OFFICIAL.get(record["set"], {}).get(split)
    told = [f"{faces} of {official} {split}" for split, (faces, official) in found.items() if official and split != "train"]
    return f", tested on {', '.join(told)}" if told else ""


def provenance_of(results, asked):
    """Where a table's numbers come from, over all its records: data, seeds, commits, versions, devices, time, settings.
    asked: the seeds that every run should have; of others, which some have where a verdict wanted more, only those that there are
    count."""
    sources = results.table.sources()
    jobs = {job.key: job for (source, seed), job in results.jobs.items() if source in sources and (job.record or seed in asked)}
    records = [job.record for job in jobs.values() if job.record]

    def told(tell):
        return sorted({tell(record) for record in records} - {""})

    by_data = {line: [record for record in records if record["data"] == line] for line in told(lambda record: record["data"])}
    return Provenance(
        records=len(records), runs=len(jobs), data=[line + tested(found) for line, found in by_data.items()],
        seeds=sorted({record["seed"] for record in records}), commits=told(lambda record: record["commit"] or "unknown"),
        earlier=sum(bool(job.record) and job.record["sources"] != job.sources for job in jobs.values()),
        versions=told(lambda record: ", ".join(f"{name} {text}" for name, text in sorted(record["versions"].items()))),
        devices=told(lambda record: ", ".join(record["devices"])),
        machines=told(lambda record: f"{record['machine']['processor']}, {record['machine']['cores']} cores, "
                                     f"{record['machine']['system']}"),
        dates=_span(told(lambda record: record["date"])),
        time=estimates.text_of_seconds(sum(record["seconds"] for record in records)), settings=_settings(results))


def _span(dates):
    """"first to last" of sorted dates, or the only one."""
    return " to ".join(dict.fromkeys([dates[0], dates[-1]])) if dates else ""


def runs_of(group):
    """[ShownRun]: every run that a group's tables read, trainings first."""
    found = {}
    for results in group.results.values():
        for job in results.jobs.values():
            if job.record:
                found[job.key] = job
    jobs = sorted(found.values(), key=lambda job: (isinstance(job.source, Measure), scheduling.describe(job)))
    return [ShownRun(key=job.key, what=scheduling.describe(job), seed=job.seed, date=job.record["date"],
                     commit=job.record["commit"] or "unknown", earlier=job.record["sources"] != job.sources,
                     devices=", ".join(job.record["devices"]), beside=job.record.get("beside", 1), run=job.record["run"],
                     data=job.record["data"], time=estimates.text_of_seconds(job.record["seconds"]),
                     faces=job.record.get("train_faces"), measures=isinstance(job.source, Measure)) for job in jobs]


def sizes_of(group):
    """(headings, rows) of what a preset's sizes are: a row a method and set, as the tables' plainest training has them."""
    plainest = {}
    for results in group.results.values():
        for job in _first_jobs(results, Train):
            place = job.source.method, job.source.data
            if place not in plainest or len(job.source.options) < len(plainest[place].source.options):
                plainest[place] = job
    rows = []
    for (method, data), job in sorted(plainest.items()):
        options = flat(job.identity["config"])
        options = {"encoder": f"{BACKBONE} x {options.get('multiplier', 1):g}", **options}
        faces = job.record["train_faces"] if job.record else options["faces"] or "all"
        name = get_method(METHODS, method).name
        rows.append([name, data, value_text(faces), *(value_text(options.get(option, "–")) for option in SIZES.values())])
    return ["method", "set", "training faces", *SIZES], rows


def sections_of(text):
    """[(heading, lines)] of a Markdown page's second-level sections."""
    parts = re.split(r"^## +(.*)$", text, flags=re.MULTILINE)
    return [(parts[i].strip(), parts[i + 1].strip().splitlines()) for i in range(1, len(parts), 2)]


def readings(root=ROOT):
    """[Reading] of the page on how the papers are read."""
    path = Path(root, READINGS)
    shown = []
    for title, lines in sections_of(path.read_text(encoding="utf-8")) if path.is_file() else ():
        rows = [[cell.strip() for cell in line.strip()[1:-1].split("|")] for line in lines if line.startswith("|")]
        points, inside = [], False
        for line in lines:
            if line.startswith("- ") or (line and not line.startswith("|") and not inside):
                points.append(line[2:] if line.startswith("- ") else line)
            elif line and not line.startswith("|"):
                points[-1] += f" {line.strip()}"
            inside = bool(line) and not line.startswith("|")
        shown.append(Reading(title, rows[:1] + rows[2:], points))
    return shown


def earlier(root=ROOT):
    """[Page] of what earlier work left in docs/results."""
    pages = []
    for path in sorted(Path(root, EARLIER).glob("*.md")):
        blocks = [" ".join(block.split()) for block in path.read_text(encoding="utf-8").split("\n\n") if block.strip()]
        title = blocks[0].lstrip("# ") if blocks else path.stem
        prose = next((block for block in blocks[1:] if block[0].isalpha() or block[0] in "*`"), "")
        summary = ""
        for sentence in re.split(r"(?<=\.) (?=[A-Z])", re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", prose)):
            if summary and len(summary) + len(sentence) > SUMMARY:
                break
            summary = f"{summary} {sentence}".strip()
        pages.append(Page(f"{EARLIER}/{path.name}", title, summary))
    return pages
