"""Records put in their places: for each preset and provenance, what every table has. Reads records only; runs nothing.

Figures of two presets, or of two provenances (embedded / official / official, partial), never share a group. Official data
need not be there: a record says which data it is of.
"""

import json
from collections import Counter
from dataclasses import dataclass, replace

from data_prep.synthetic.sets import counts
from experiments.harness import datasets
from experiments.harness.grid import Measure, Train
from experiments.harness.jobs import Place, make_job, seeds_of
from experiments.harness.results import Results
from gv.core.config import PRESETS
from gv.core.errors import InputError

NO_DATA = "none"                                            # of a record that reads no data set
PROVENANCES = ("official", "official, partial", datasets.EMBEDDED, "own")   # in the order they are shown
FEWEST_SEEDS = 3                                            # that costs are reckoned for, where no number is asked for
NOWHERE = "no-such-folder"                                  # of runs: what is shown depends on the records alone


@dataclass
class Group:
    """What there is of one preset on data of one provenance. results: {key of a table: Results}; first: whether it is the one
    that was asked for, with every table, run or not. cost_seeds: those that costs are reckoned for, and what is still to run."""

    preset: str
    provenance: str
    first: bool
    results: dict
    cost_seeds: list
    place: Place

    @property
    def name(self):
        """ "ablate, drawn faces"."""
        named = {datasets.EMBEDDED: "drawn faces", "official, partial": "part of the official data", "own": "own pictures"}
        data = named.get(self.provenance, f"{self.provenance} data")
        return f"{self.preset}, {data}"

    @property
    def slug(self):
        """The group's part of an anchor: "ablate-embedded"."""
        return f"{self.preset}-{self.provenance}".replace(", ", "-")


def _told_data(found):
    """{(preset, provenance): {name of a set: identity}} of official data, as most records have it."""
    told = {}
    for record in found:
        if record["provenance"] not in (datasets.EMBEDDED, NO_DATA):
            data = record["identity"]["data"]
            named = data if record["kind"] == "measure" else {record["set"]: data} if "set" in record else {}
            for name, identity in named.items():
                place = record["preset"], record["provenance"], name
                told.setdefault(place, Counter())[json.dumps(identity, sort_keys=True)] += 1
    chosen = {}
    for (preset, provenance, name), counted in sorted(told.items()):
        best = min(counted, key=lambda text: (-counted[text], text))
        chosen.setdefault((preset, provenance), {})[name] = json.loads(best)
    return chosen


def _given_data(place):
    """{(preset, provenance): {name of a set: identity}} of the indexes in ``place.data``; a set that is not there has none."""
    given = {}
    for name in datasets.SETS if place.data else ():
        try:
            dataset = place.dataset(name)
        except InputError:
            continue
        given.setdefault((place.preset, dataset.provenance), {})[name] = dataset.identity
    return given


def _job(source, seed, place, provenance, data, kept):
    """The ``Job`` of a source on data of a provenance with the record there is, or None where the data is not known."""
    embedded = provenance == datasets.EMBEDDED
    names = [source.data] if isinstance(source, Train) else source.data
    needs = [] if isinstance(source, Train) else [_job(train, seed, place, provenance, data, kept) for train in source.needs]
    if None in needs or not (embedded or all(name in data for name in names)):
        return None
    job = make_job(source, seed, place, any_sources=True)
    told = {name: data.get(name) or place.dataset(name).identity for name in names}
    if isinstance(source, Train):
        like, part = datasets.SETS[source.data]
        faces = counts(like, datasets.embedded_size(like, place.preset if embedded else "paper"))[part, "train"]
        training = job.identity["config"]["training"]
        job = replace(job, identity={**job.identity, "data": told[source.data], "provenance": provenance},
                      images=training["epochs"] * min(training["faces"] or faces, faces))
    else:
        job = replace(job, identity={**job.identity, "data": told, "needs": [need.key for need in needs]})
    job.record = kept.get(job.key)
    return job


def _collect(tables, seeds, place, provenance, data, kept):
    """{(source, seed): Job} of the tables, and of the trainings that their measurements read."""
    jobs = {}

    def want(source, seed):
        if (source, seed) not in jobs:
            job = _job(source, seed, place, provenance, data, kept)
            if job is None:
                return None
            jobs[source, seed] = job
        return jobs[source, seed]

    for table in tables:
        for cell in table.cells.values():
            for seed in seeds_of(cell.source, seeds):
                job = want(cell.source, seed)
                if job is not None and isinstance(cell.source, Train):
                    job.views.add(cell.view)
                for train in cell.source.needs if isinstance(cell.source, Measure) else ():
                    want(train, seed)
    return jobs


def _fills(results, first, alone):
    """Whether a group shows a table. alone: no other group of its preset comes before it."""
    jobs = [job for job in results.jobs.values() if job.source in results.table.sources()]
    if first:
        return bool(jobs)
    kinds = {job.record["provenance"] for job in jobs if job.record}
    return bool(kinds - {NO_DATA}) or (alone and bool(kinds))


def _order(found, place, given):
    """[(preset, provenance)] that groups are made of, those that were asked for first; and how many these are."""
    wanted = sorted(given, key=lambda key: PROVENANCES.index(key[1])) or [(place.preset, datasets.EMBEDDED)]
    there = {(record["preset"], record["provenance"]) for record in found if record["provenance"] != NO_DATA} - set(wanted)
    presets = {preset for preset, _ in {*there, *wanted}}
    there |= {(record["preset"], datasets.EMBEDDED) for record in found if record["preset"] not in presets}
    return wanted + sorted(there, key=lambda key: (PROVENANCES.index(key[1]), PRESETS.index(key[0]))), len(wanted)


def find_groups(tables, place, seeds, found):
    """([Group, ...], keys of the records that no group shows).

    place: the preset and the data asked for, whose groups come first and hold every table. seeds: how many, or None for all
    there are. found: the records, as ``records.read_all`` gives them.
    """
    kept, given = {record["key"]: record for record in found}, _given_data(place)
    known = _told_data(found)
    for key, data in given.items():
        known[key] = {**known.get(key, {}), **data}
    order, wanted = _order(found, place, given)
    groups, shown, before = [], set(), set()
    for number, (preset, provenance) in enumerate(order):
        here = Place(preset, None, NOWHERE, place.records, place.start)
        mine = [record["seed"] for record in found
                if record["preset"] == preset and record["provenance"] in (provenance, NO_DATA)]
        numbers = list(range(seeds or max([FEWEST_SEEDS, *(seed + 1 for seed in mine)])))
        jobs = _collect(tables, numbers, here, provenance, known.get((preset, provenance), {}), kept)
        results = {table.key: Results(table, jobs, numbers, here) for table in tables}
        filled = {key: one for key, one in results.items() if _fills(one, number < wanted, preset not in before)}
        before.add(preset)
        groups.append(Group(preset, provenance, number < wanted, filled, numbers[:seeds or FEWEST_SEEDS], here))
        shown |= {job.key for job in jobs.values() if job.record}
        if number == 0:
            whole = results
    for table in tables:       # of a set that was not prepared
        if not any(table.key in group.results for group in groups[:wanted]):
            groups[0].results[table.key] = whole[table.key]
    return groups, sorted(set(kept) - shown)
