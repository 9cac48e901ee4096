"""What the report shows, gathered from the records as plain values: claims, tables, pictures, what running the rest costs.

``experiments.report`` makes a page of it and ``experiments.report.markdown`` a Markdown file; neither works anything out itself.
"""

import math
from pathlib import Path

from experiments.harness import chance, claims, datasets, estimates, records
from experiments.harness.grid import Measure, Train
from experiments.harness.jobs import seeds_of
from experiments.harness.results import ours_text, printed_text
from experiments.papers import published
from experiments.report.by_preset import NO_DATA, PROVENANCES, find_groups
from experiments.report.overall import overall
from experiments.report.runs import earlier, provenance_of, readings, runs_of, sizes_of
from experiments.report.shown import (
    Cost,
    Counts,
    Glance,
    Report,
    ShownClaim,
    ShownGroup,
    ShownMargin,
    ShownTable,
    TableParts,
)
from experiments.report.tables import drawings_of, grid_of, is_printed, reads_data, signed
from gv.core.errors import InputError

PAPERS = {"gv": "Gaussian Vector", "anchorface": "AnchorFace"}
NEEDS_OFFICIAL = f"It compares with other methods' printed numbers, and {claims.NEEDS}"
CHOSEN_BY_IT = "the reading was chosen by it"     # behind such a claim
NO_SUCH_NUMBER = "Every run is there, and gives no such number on this data"
# What earlier pages of this project said and is not held any more, until the runs that measured it wrongly are run again.
# {the line: the table that will say it anew}
WITHDRAWN = {
    "What was told before 2026-11-27 of band pooling against heatmaps (Gaussian Vector, Table 5) and of Figure 6's order: the "
    "heatmap net had not learnt, because of how its first weights were drawn.": "gv-table5",
    "What was told before 2026-11-29 of Gaussian Vector's Tables 1, 3, 7 and 8 and of random occlusion: the nets' decoders had "
    "32 channels, too few to tell 68 landmarks apart (docs/readings.md, \"Channels\").": "gv-table8",
    "What was told before 2026-11-27 of AnchorFace's Tables 6 to 10 and of P: the net's map was 4 x 4 and stretched to the grid "
    "of 7 x 7.": "anchorface-table6",
}
NEEDED = ("key", "kind", "identity", "sources", "seed", "preset", "provenance", "data", "commit", "date", "seconds", "devices",
          "versions", "machine", "run")


def check(found, folder):
    """The records, or InputError that names the first that lacks what the report reads."""
    for record in found:
        lacks = [name for name in NEEDED if name not in record]
        if lacks or record["provenance"] not in (*PROVENANCES, NO_DATA):
            wrong = f"no {', '.join(lacks)}" if lacks else f'provenance "{record["provenance"]}"'
            raise InputError(Path(folder, f"{record['key']}.json"), wrong, "a record that an experiment wrote",
                             "remove it and run the experiment again")
    return found


def cost_of(group, results, known, keys=None):
    """The ``Cost`` of the missing cells of tables. results: [Results, ...]; keys: of the first one's cells, or None for all."""
    missing, weights, absent, lacks, there = {}, {}, set(), set(), splits_of(results)
    for one in results:
        for key, cell in one.table.cells.items():
            if keys is not None and key not in keys:
                continue
            if isinstance(cell.source, Train) and cell.view.split not in there.get(cell.source.data, {cell.view.split}):
                lacks.add(f"{cell.source.data}/{cell.view.split}")
                continue
            for seed in seeds_of(cell.source, group.cost_seeds):
                job = one.jobs.get((cell.source, seed))
                if job is None:
                    absent.update([cell.source.data] if isinstance(cell.source, Train) else cell.source.data)
                elif not done(job, cell):
                    missing[job.key] = job
                    for train in cell.source.needs if isinstance(cell.source, Measure) else ():
                        need = one.jobs[train, seed]
                        (weights if need.record else missing)[need.key] = need
    weights = {key: job for key, job in weights.items() if key not in missing}
    times = [estimates.seconds(job, group.place, known)[0] for job in missing.values()]
    again = [_whole(job, group.place, known) for job in weights.values()]
    return Cost(len(missing), sum(time or 0 for time in times), sum(time is None for time in times), len(weights),
                sum(time or 0 for time in again), sorted(absent), sorted(lacks))


def splits_of(results):
    """{name of a set: its splits} as the records of trainings on prepared data tell."""
    return {source.data: set(job.record["identity"]["data"]["splits"]) for one in results for (source, _), job in one.jobs.items()
            if isinstance(source, Train) and job.record and "splits" in job.record["identity"]["data"]}


def done(job, cell):
    """Whether the record has what a cell asks of its job; whether weights or pictures are there is the machine's business."""
    return job.record is not None if isinstance(cell.source, Measure) else cell.view not in job.missing()


def _whole(job, place, known):
    """Seconds of a run from the start, whatever is recorded of it; None where nothing like it has been measured."""
    record, job.record = job.record, None
    try:
        return estimates.seconds(job, place, known)[0]
    finally:
        job.record = record


def cost_text(cost):
    """A cost in words."""
    without = f"the data has no faces of {', '.join(cost.lacks)}" if cost.lacks else ""
    if not cost.runs:
        return f"first prepare {', '.join(cost.absent)}" if cost.absent else without or "nothing is missing"
    text = f"{cost.runs} run{'s' if cost.runs > 1 else ''}"
    if cost.unknown == cost.runs:
        return f"{text}, how long is not known: nothing like them has been measured"
    text += f", about {estimates.text_of_seconds(cost.seconds)} on one device"
    if cost.unknown:
        text += f" without {cost.unknown} of which nothing like has been measured"
    if cost.weights:
        text += (f"; they read the weights of {cost.weights} finished training{'s' if cost.weights > 1 else ''}, "
                 f"{estimates.text_of_seconds(cost.weights_seconds)} more where those are gone")
    return f"{text}; {without}" if without else text


def _decides(margin, per_seed):
    """What would decide a margin that is undecided, in words. per_seed: seconds of one more seed, or None."""
    if margin["seeds"] < 2:
        return "one seed decides nothing"
    if not margin["mean"] and not margin["spread"]:
        return "no difference at all in any seed"
    if margin["trivial"] or margin["untrained"]:
        return (claims.NOTHING if margin["trivial"] else claims.NOT_LEARNT)[2:]
    needs, faces = margin.get("needs"), margin.get("needs_faces")
    if faces:
        text = (f"{margin['faces']} test faces are too few for any number of seeds: about {faces:,} would let seeds decide if it "
                "stays so")
    elif needs is None:
        text = f"more than {chance.MOST_SEEDS} seeds would be needed if it stays so"
    else:
        text = f"about {needs} seeds would decide if it stays so"
        if per_seed and needs > margin["seeds"]:
            text += f" ({needs - margin['seeds']} more: {estimates.text_of_seconds((needs - margin['seeds']) * per_seed)})"
    if margin.get("needs_published"):
        text += f"; {margin['needs_published']} seeds for a difference as large as the printed one"
    return text


def _printed_margin(results, margin):
    """(the margin of the printed numbers as shown or None, whether the print itself holds to the claim)."""
    value = results.printed_margin(margin)
    if value is None:
        return None, None
    return value, abs(value) <= claims.SAME * abs(results.published(margin.cells[0])) if margin.same else value >= 0


def _margin(results, margin, judged, known):
    """A margin as the board shows it."""
    printed, holds = _printed_margin(results, margin)
    shown = ShownMargin(judged["label"], judged["verdict"], judged["seeds"], bool(judged.get("exact")),
                        printed="" if printed is None else signed(printed))
    if holds is False:
        shown.notes.append("the printed numbers themselves do not hold to it")
    if judged["verdict"] == claims.NOT_RUN:
        return shown
    scale = judged["scale"]
    shown.ours = signed(scale * judged["mean"])
    if judged["seeds"] > 1 and not judged["exact"]:
        shown.interval = f"[{signed(scale * judged['low'])}, {signed(scale * judged['high'])}]"
        shown.faces = judged["faces"]
    if judged["widened"]:
        low, high = (signed(scale * value) for value in judged["widened"])
        shown.notes.append(f"widened for all margins of the claim, as a contradiction by any of them wants: [{low}, {high}]")
    if judged["granted"] is not None:
        shown.notes.append(f"equal if within ±{scale * judged['granted']:.2g}")
    if judged["verdict"] == claims.UNDECIDED:
        sources = dict.fromkeys(results.table.cells[key].source for key in margin.cells)
        jobs = {job.key: job for source in sources for job in [results.jobs.get((source, results.seeds[0]))] if job}
        times = [_whole(job, results.place, known) for job in jobs.values()]
        shown.notes.append(_decides(judged, None if None in times else sum(times)))
    return shown


def claims_of(group, results, known):
    """The claims of a table as the board shows them."""
    shown = []
    for number, claim in enumerate(results.table.claims, 1):
        judged = results.judge(claim)
        margins = [_margin(results, margin, one, known) for margin, one in zip(claim.margins, judged["margins"])]
        used = [job for key in claim.cells for seed in results.seeds
                for job in [results.jobs.get((results.table.cells[key].source, seed))] if job and job.record]
        shown.append(ShownClaim(
            id=f"claim-{group.slug}-{results.table.key}-{number}", text=claim.text, where=claim.where, ours=claim.ours,
            verdict=judged["verdict"], margins=margins, hangs=judged["hangs"],
            apart=judged["apart"], chosen=judged["chosen"],
            cost=_missing_text(group, results, claim, known) if judged["verdict"] == claims.NOT_RUN else "",
            earlier=any(job.record["sources"] != job.sources for job in used), official=claim.official))
    return shown


def _missing_text(group, results, claim, known):
    """What a claim that is not run wants."""
    if claim.official and (group.provenance, group.preset) != ("official", claims.WHOLE):
        return NEEDS_OFFICIAL
    cost = cost_of(group, [results], known, claim.cells)
    if cost.runs or cost.absent:
        return f"To run: {cost_text(cost)}"
    return f"Not to be had here: {cost_text(cost)}" if cost.lacks else NO_SUCH_NUMBER


def count_verdicts(tables):
    """The ``Counts`` of shown tables."""
    counted = Counts(dict.fromkeys(claims.VERDICTS, 0), dict.fromkeys(claims.VERDICTS, 0))
    for claim in (claim for table in tables for claim in table.claims):
        (counted.ours if claim.ours else counted.paper)[claim.verdict] += 1
    return counted


def _about(results, margin):
    """The cell that a margin is about: its first, or, where that is one of several of which the margin takes the best, the best
    in print."""
    first = margin.cells[0]
    several = [key for key in margin.best if results.published(key) is not None] if first in margin.best else []
    return min(several, key=results.published, default=first)


def glance_of(results, shown):
    """The ``Glance`` of a table with its claims as shown: by the first of the paper's that has a verdict, or else of ours that
    has one; None without any claim."""
    pairs = sorted(zip(results.table.claims, shown), key=lambda pair: pair[0].ours)     # the paper's first, else as they stand
    if not pairs:
        return None
    claim, main = next((pair for pair in pairs if pair[1].verdict != claims.NOT_RUN), pairs[0])
    key = _about(results, claim.margins[0])
    number, values = results.published(key), results.values(key)
    counts = dict.fromkeys(claims.VERDICTS, 0)
    for one in shown:
        counts[one.verdict] += not one.ours
    text = f"{claim.text} ({CHOSEN_BY_IT})" if main.chosen else f"{claim.text} (ours)" if claim.ours else claim.text
    return Glance(text, main.verdict, claims.name_of(key), "" if number is None else printed_text(number),
                  ours_text(values, results.decimals(key)) if values else "", counts)


def gather_table(group, results, known, out):
    """Everything about one table in one group. out: the folder of runs, for pictures; None for none."""
    table = results.table
    ran = any(results.values(key) for key in table.cells)
    cost = cost_of(group, [results], known)
    shown = claims_of(group, results, known)
    return ShownTable(
        key=table.key, anchor=f"{table.key}-{group.slug}", title=table.title, unit=table.unit, paper=table.paper,
        name=group.name if any(map(reads_data, table.sources())) else f"{group.preset}, no data set",
        notes=list(table.notes), ran=ran, claims=shown, glance=glance_of(results, shown), grid=grid_of(results),
        caption=published.caption(table.paper, table.number).rstrip(".") if is_printed(table) else "",
        figures=drawings_of(results, out) if out and ran else [], cost=cost, cost_text=cost_text(cost),
        command=command_of(group, table.key), provenance=provenance_of(results, group.cost_seeds))


def command_of(group, *keys):
    """The command that runs tables (none: all) as a group has them."""
    data = "" if group.provenance == datasets.EMBEDDED else " --data DIR"
    tables = "".join(f" {key}" for key in keys)
    return f"python -m experiments.catalogue{tables} --preset {group.preset} --seeds {len(group.cost_seeds)}{data}"


def gather_group(group, known, out=None):
    """Everything about one group. out: as ``gather_table`` has it."""
    ordered = in_order([results.table for results in group.results.values()])
    tables = [gather_table(group, group.results[table.key], known, out) for table in ordered]
    cost = cost_of(group, list(group.results.values()), known)
    return ShownGroup(
        name=group.name, slug=group.slug, preset=group.preset, provenance=group.provenance,
        embedded=group.provenance == datasets.EMBEDDED, first=group.first, tables=tables, counts=count_verdicts(tables),
        cost=cost, cost_text=cost_text(cost), command=command_of(group), sizes=sizes_of(group), runs=runs_of(group),
        seeds=len(group.cost_seeds))


def in_order(tables):
    """Tables by paper and number; what has no number comes behind, as it stands."""
    return sorted(tables, key=lambda table: (list(PAPERS).index(table.paper), table.number or math.inf))


def gather(tables, place, seeds=None, pictures=False):
    """Everything a report shows. tables: [Table, ...]; place: whose preset and data come first, with the records' folder; seeds:
    how many, or None for all there are; pictures: whether figures are drawn, and looked for below ``place.out``."""
    found = check(records.read_all(place.records), place.records)
    groups, orphans = find_groups(tables, place, seeds, found)
    known = estimates.speeds(found)
    shown = [gather_group(group, known, place.out if pictures else None) for group in groups]
    shown.sort(key=lambda group: not group.ran)       # what has numbers comes first
    parts = []
    for table in in_order(tables):
        have = [(group, one) for group in shown for one in group.tables if one.key == table.key]
        have.sort(key=lambda pair: not pair[1].ran)
        if have:
            parts.append(TableParts(table.key, table.title, table.paper, have))
    parts.sort(key=lambda table: not table.ran)
    return Report(overall(shown), shown, parts, PAPERS, len(found), orphans, readings(), earlier(), _withdrawn(parts))


def _withdrawn(tables):
    """The lines of ``WITHDRAWN`` whose table's main claim has no new verdict in any group."""
    told = {table.key for table in tables for _, part in table.parts if part.judged}
    return [line for line, key in WITHDRAWN.items() if key not in told]
