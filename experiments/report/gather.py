"""What the report shows, gathered from the records as plain values: claims, tables, pictures, what running the rest costs.

``experiments.report`` makes a page of it and ``experiments.report.markdown`` a Markdown file; neither works anything out itself.
"""

import math
from pathlib import Path

from experiments.harness import claims, datasets, records, scheduling
from experiments.harness.grid import Measure, Train
from experiments.harness.jobs import seeds_of
from experiments.papers import published
from experiments.report.by_preset import NO_DATA, PROVENANCES, find_groups
from experiments.report.runs import earlier, provenance_of, readings, runs_of, sizes_of
from experiments.report.tables import drawings_of, grid_of, is_printed, reads_data, signed
from gv.core.errors import InputError

PAPERS = {"gv": "Gaussian Vector", "anchorface": "AnchorFace"}
NEEDS_OFFICIAL = "It compares with other methods' printed numbers, and needs the papers' own data, whole"
NO_SUCH_NUMBER = "Every run is there, and gives no such number on this data"
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
    """What running the missing cells of tables costs: {"runs", "seconds", "unknown", "weights", "weights_seconds", "absent"}.

    results: [Results, ...]; keys: of the first one's cells, or None for all. unknown: runs that nothing like has been measured
    for. weights: trainings that are recorded already, but whose weights a missing measurement reads: they have to be there, or
    are trained again. absent: sets that are not there.
    """
    missing, weights, absent = {}, {}, set()
    for one in results:
        for key, cell in one.table.cells.items():
            for seed in seeds_of(cell.source, group.cost_seeds) if keys is None or key in keys else ():
                job = one.jobs.get((cell.source, seed))
                if job is None:
                    absent.update([cell.source.data] if isinstance(cell.source, Train) else cell.source.data)
                elif not done(job, cell):
                    missing[job.key] = job
                    for train in cell.source.needs if isinstance(cell.source, Measure) else ():
                        need = one.jobs[train, seed]
                        (weights if need.record else missing)[need.key] = need
    weights = {key: job for key, job in weights.items() if key not in missing}
    times = [scheduling.estimate(job, group.place, known) for job in missing.values()]
    again = [_whole(job, group.place, known) for job in weights.values()]
    return {"runs": len(missing), "seconds": sum(time or 0 for time in times), "unknown": sum(time is None for time in times),
            "weights": len(weights), "weights_seconds": sum(time or 0 for time in again), "absent": sorted(absent)}


def done(job, cell):
    """Whether the record has what a cell asks of its job; whether weights or pictures are there is the machine's business."""
    return job.record is not None if isinstance(cell.source, Measure) else cell.view not in job.missing()


def _whole(job, place, known):
    """Seconds of a run from the start, whatever is recorded of it; None where nothing like it has been measured."""
    record, job.record = job.record, None
    try:
        return scheduling.estimate(job, place, known)
    finally:
        job.record = record


def cost_text(cost):
    """A cost in words."""
    if not cost["runs"]:
        return f"first prepare {', '.join(cost['absent'])}" if cost["absent"] else "nothing is missing"
    text = f"{cost['runs']} run{'s' if cost['runs'] > 1 else ''}"
    if cost["unknown"] == cost["runs"]:
        return f"{text}, how long is not known: nothing like them has been measured"
    text += f", about {scheduling.text_of_seconds(cost['seconds'])} on one device"
    if cost["unknown"]:
        text += f" without {cost['unknown']} of which nothing like has been measured"
    if cost["weights"]:
        text += (f"; they read the weights of {cost['weights']} finished training{'s' if cost['weights'] > 1 else ''}, "
                 f"{scheduling.text_of_seconds(cost['weights_seconds'])} more where those are gone")
    return text


def _decides(margin, per_seed):
    """What would decide a margin that is undecided, in words. per_seed: seconds of one more seed, or None."""
    if margin["seeds"] < 2:
        return "one seed decides nothing"
    if not margin["mean"] and not margin["spread"]:
        return "no difference at all in any seed"
    if margin["trivial"] or margin["untrained"]:
        return (claims.NOTHING if margin["trivial"] else claims.NOT_LEARNT)[2:]
    needs = margin.get("needs")
    if needs is None:
        text = f"more than {claims.MOST_SEEDS} seeds would be needed if it stays so"
    else:
        text = f"about {needs} seeds would decide if it stays so"
        if per_seed and needs > margin["seeds"]:
            text += f" ({needs - margin['seeds']} more: {scheduling.text_of_seconds((needs - margin['seeds']) * per_seed)})"
    if margin.get("needs_published"):
        text += f"; {margin['needs_published']} for a difference as large as the printed one"
    return text


def _printed_margin(results, margin):
    """(the margin of the printed numbers as shown or None, whether the print itself holds to the claim)."""
    numbers = [results.published(key) for key in margin.cells]
    if None in numbers:
        return None, None
    scale = results.table.cells[margin.cells[0]].scale
    value = float(scale * margin.of(*(number / scale for number in numbers)))
    return value, abs(value) <= claims.SAME * abs(numbers[0]) if margin.same else value >= 0


def _margin(results, margin, judged, known):
    """A margin as the board shows it."""
    printed, holds = _printed_margin(results, margin)
    shown = {"label": judged["label"], "verdict": judged["verdict"], "seeds": judged["seeds"], "ours": "", "interval": "",
             "exact": bool(judged.get("exact")), "printed": "" if printed is None else signed(printed), "notes": []}
    if holds is False:
        shown["notes"].append("the printed numbers themselves do not hold to it")
    if judged["verdict"] == claims.NOT_RUN:
        return shown
    scale = judged["scale"]
    shown["ours"] = signed(scale * judged["mean"])
    if judged["seeds"] > 1 and not judged["exact"]:
        shown["interval"] = f"[{signed(scale * judged['low'])}, {signed(scale * judged['high'])}]"
    if judged["granted"] is not None:
        shown["notes"].append(f"equal if within ±{scale * judged['granted']:.2g}")
    if judged["verdict"] == claims.UNDECIDED:
        sources = dict.fromkeys(results.table.cells[key].source for key in margin.cells)
        jobs = {job.key: job for source in sources for job in [results.jobs.get((source, results.seeds[0]))] if job}
        times = [_whole(job, results.place, known) for job in jobs.values()]
        shown["notes"].append(_decides(judged, None if None in times else sum(times)))
    return shown


def claims_of(group, results, known):
    """The claims of a table as the board shows them."""
    shown = []
    for number, claim in enumerate(results.table.claims, 1):
        judged = results.judge(claim)
        keys = {key for margin in claim.margins for key in margin.cells}
        margins = [_margin(results, margin, one, known) for margin, one in zip(claim.margins, judged["margins"])]
        used = [job for key in keys for seed in results.seeds
                for job in [results.jobs.get((results.table.cells[key].source, seed))] if job and job.record]
        shown.append({
            "id": f"claim-{group.slug}-{results.table.key}-{number}", "text": claim.text, "where": claim.where,
            "ours": claim.ours, "verdict": judged["verdict"], "margins": margins,
            "cost": _missing_text(group, results, claim, keys, known) if judged["verdict"] == claims.NOT_RUN else "",
            "earlier": any(job.record["sources"] != job.sources for job in used)})
    return shown


def _missing_text(group, results, claim, keys, known):
    """What a claim that is not run wants."""
    if claim.official and group.provenance != "official":
        return NEEDS_OFFICIAL
    cost = cost_of(group, [results], known, keys)
    return f"To run: {cost_text(cost)}" if cost["runs"] or cost["absent"] else NO_SUCH_NUMBER


def count_verdicts(tables):
    """{"paper": {verdict: claims}, "ours": {verdict: claims}} of gathered tables."""
    counted = {whose: dict.fromkeys(claims.VERDICTS, 0) for whose in ("paper", "ours")}
    for table in tables:
        for claim in table["claims"]:
            counted["ours" if claim["ours"] else "paper"][claim["verdict"]] += 1
    return counted


def gather_table(group, results, known, out):
    """Everything about one table in one group. out: the folder of runs, for pictures; None for none."""
    table = results.table
    ran = any(results.values(key) for key in table.cells)
    cost = cost_of(group, [results], known)
    return {
        "key": table.key, "anchor": f"{table.key}-{group.slug}", "title": table.title, "unit": table.unit, "paper": table.paper,
        "name": group.name if any(map(reads_data, table.sources())) else f"{group.preset}, no data set",
        "notes": list(table.notes), "ran": ran, "claims": claims_of(group, results, known), "grid": grid_of(results),
        "caption": published.caption(table.paper, table.number).rstrip(".") if is_printed(table) else "",
        "figures": drawings_of(results, out) if out and ran else [], "cost": cost, "cost_text": cost_text(cost),
        "command": command_of(group, table.key), "provenance": provenance_of(results)}


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
    return {"name": group.name, "slug": group.slug, "preset": group.preset, "provenance": group.provenance,
            "embedded": group.provenance == datasets.EMBEDDED, "first": group.first, "tables": tables,
            "counts": count_verdicts(tables), "cost": cost, "cost_text": cost_text(cost), "command": command_of(group),
            "sizes": sizes_of(group), "runs": runs_of(group), "seeds": len(group.cost_seeds)}


def in_order(tables):
    """Tables by paper and number; what has no number comes behind, as it stands."""
    return sorted(tables, key=lambda table: (list(PAPERS).index(table.paper), table.number or math.inf))


def gather(tables, place, seeds=None, pictures=False):
    """Everything a report shows. tables: [Table, ...]; place: whose preset and data come first, with the records' folder; seeds:
    how many, or None for all there are; pictures: whether figures are drawn, and looked for below ``place.out``."""
    found = check(records.read_all(place.records), place.records)
    groups, orphans = find_groups(tables, place, seeds, found)
    known = scheduling.speeds(found)
    shown = [gather_group(group, known, place.out if pictures else None) for group in groups]
    parts = []
    for table in in_order(tables):
        have = [(group, one) for group in shown for one in group["tables"] if one["key"] == table.key]
        if have:
            parts.append({"key": table.key, "title": table.title, "paper": table.paper, "parts": have})
    return {"groups": shown, "tables": parts, "papers": PAPERS, "records": len(found), "orphans": orphans,
            "readings": readings(), "earlier": earlier()}
