"""Give records the hash of today's code, where today's code is proven to compute the same.

    python -m experiments.restamp                                    # the records in docs/results/records
    python -m experiments.restamp --records DIR --devices cpu:0,1

A record counts only for the code that made it, so that a rename would cost hours of training. This command proves instead that
nothing changed: it trains the smoke run of what each such record trained, once with the code of the record's commit and once with
today's, and compares. Where every weight and every figure is equal to the bit, and the commit's code is the one that the record
names, today's hash is written into the record, with both commits. Where anything differs the record stays as it is and is named.
There is no way around the proof. A measured time is never equal twice: such a measurement is run again instead.
"""

import os
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from experiments import catalogue
from experiments.harness import records, running
from experiments.harness.code_hash import ROOT
from experiments.harness.jobs import RECORDS, SMOKE, Job, Place, make_job
from experiments.report.by_preset import find_groups
from gv.core.errors import InputError
from gv.core.exits import AsWritten, Parser
from gv.core.exits import run as run_main

COMMIT = re.compile(r"[0-9a-f]{7,40}")
LAST_LINES = 3      # of a failed run's output, as a reason


@dataclass(frozen=True)
class Stale:
    """A record of other code than today's. job: what today's code would run for it; tables: keys of the catalogue that have it;
    smoke: the key of the smoke run that stands for it."""

    record: dict
    job: Job
    tables: tuple
    smoke: str


@dataclass(frozen=True)
class Outcome:
    """What a smoke run gave. record: as it was kept; weights: {file's part: {parameter: array}}, empty of a measurement."""

    record: dict
    weights: dict


def find_stale(folder, tables):
    """([Stale, ...], how many records are of today's code, [keys that no table of today has])."""
    found = records.read_all(folder)
    presets = dict.fromkeys(record["preset"] for record in found)
    if not found:
        raise InputError(folder, "no records", "a folder of records", "run a table, or give --records")
    groups, unknown = find_groups(list(tables.values()), Place(next(iter(presets)), None, "runs", str(folder)), None, found)
    stale, fresh = {}, set()
    for group in groups:
        for key, results in group.results.items():
            for (source, _), job in results.jobs.items():
                if not job.record:
                    continue
                if job.record["sources"] == job.sources:
                    fresh.add(job.key)
                elif source in results.table.sources():
                    smoke = make_job(source, 0, Place(SMOKE, None, "runs", "none")).key
                    before = stale[job.key].tables if job.key in stale else ()
                    stale[job.key] = Stale(job.record, job, (*before, key), smoke)
    return list(stale.values()), len(fresh), unknown


def choose_tables(stale, there):
    """Few tables, of the keys ``there``, that between them have each record that any of them has."""
    chosen, left = [], [set(one.tables) & set(there) for one in stale]
    left = [tables for tables in left if tables]
    while left:
        best = max(there, key=lambda table: sum(table in tables for tables in left))
        chosen.append(best)
        left = [tables for tables in left if best not in tables]
    return chosen


def check_commit(commit, root=ROOT):
    """None where a commit's code can be had from the checkout at ``root``, else why not."""
    if not commit or not COMMIT.fullmatch(commit):
        return f"its code is no commit's ({commit or 'outside a checkout'})"
    there = subprocess.run(["git", "cat-file", "-e", f"{commit}^{{commit}}"], cwd=root, capture_output=True)
    return None if there.returncode == 0 else f"commit {commit} is not in this checkout"


def _weights(record):
    """{part: {parameter: array}} of the checkpoint that a run left."""
    import mxnet as mx
    found = {}
    for path in sorted(Path(record["run"]).rglob("*.params")):
        part = path.stem.rpartition("-")[0] or path.stem
        found[part] = {name: value.asnumpy() for name, value in mx.nd.load(str(path)).items()}
    return found


def _environment(tree):
    return {**os.environ, "PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1", "DATA": ""}


def tables_of(tree):
    """The keys of the tables that the code in ``tree`` knows."""
    code = "from experiments import catalogue; print(*catalogue.TABLES)"
    done = subprocess.run([sys.executable, "-c", code], cwd=tree, env=_environment(tree), capture_output=True)
    if done.returncode:
        raise InputError(tree, done.stderr.decode(errors="replace").strip().splitlines()[-1], "code that lists its tables")
    return done.stdout.decode().split()


def run_smoke(tree, tables, out, devices):
    """({key: Outcome}, what a failure said or "") of the smoke runs of tables (keys) with the code in ``tree``.

    A run that failed is missing. Goes on where it was interrupted.
    """
    kept = Path(out, "records")
    command = [sys.executable, "-m", "experiments.catalogue", *tables, "--preset", SMOKE, "--seeds", "1", "--out", str(out),
               "--records", str(kept), "--devices", devices]
    done = subprocess.run(command, cwd=tree, env=_environment(tree), stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said = done.stdout.decode(errors="replace").strip().splitlines()[-LAST_LINES:] if done.returncode else []
    outcomes = {record["key"]: Outcome(record, _weights(record) if record["kind"] == "train" else {})
                for record in records.read_all(kept)}
    return outcomes, " ".join(said)


def differences(one, other):
    """[what differs between two Outcomes], to the bit; empty where they are the same."""
    found = []
    figures = records.FIGURES[one.record["kind"]]
    if one.record[figures] != other.record[figures]:
        names = sorted(set(one.record[figures]) | set(other.record[figures]))
        unequal = [name for name in names if one.record[figures].get(name) != other.record[figures].get(name)]
        found.append(f"{figures}: {', '.join(unequal)}")
    if one.record.get("loss") != other.record.get("loss"):
        found.append(f"last loss: {one.record.get('loss')!r} and {other.record.get('loss')!r}")
    if one.record["kind"] == "train" and not (one.weights and other.weights):
        found.append("weights: there are none to compare")
    for part in sorted(set(one.weights) | set(other.weights)):
        mine, theirs = one.weights.get(part, {}), other.weights.get(part, {})
        unequal = [name for name in sorted(set(mine) | set(theirs)) if name not in mine or name not in theirs
                   or mine[name].dtype != theirs[name].dtype or not np.array_equal(mine[name], theirs[name], equal_nan=True)]
        if unequal:
            found.append(f"{part}: {', '.join(unequal[:3])}" + (f" and {len(unequal) - 3} more" if len(unequal) > 3 else ""))
    return found


def judge(stale, then, now):
    """[reason, ...] not to restamp a record, or []. then, now: {key: Outcome} of its commit's code and of today's."""
    before, after = then.get(stale.smoke), now.get(stale.smoke)
    if before is None or after is None:
        which = "the commit's code" if before is None else "today's code"
        return [f"{which} has no smoke run under the key {stale.smoke}: what is run has changed"]
    if before.record["sources"] != stale.record["sources"]:
        return ["the commit's code is not the code that the record names"]
    if after.record["sources"] != stale.job.sources:
        return ["today's smoke run was made by other code: commit, and try again"]
    return differences(before, after)


def restamp(stale, folder, today):
    """Write today's hash into a record; where its run's folder is here, give it the name that today's code looks for."""
    record = {name: value for name, value in stale.record.items() if name != "format"}
    stamps = record.get("restamped", [])
    record["restamped"] = [*stamps, {"sources": record["sources"], "commit": record["commit"] if not stamps else stamps[-1]["by"],
                                     "by": today, "date": running.now()}]
    record["sources"] = stale.job.sources
    kind, there = Path(record["run"]).parent.name, Path(record["run"])
    target = there.with_name(stale.job.folder.name)
    if kind in ("trainings", "measurements"):
        if there.is_dir() and not target.exists():
            there.rename(target)
        record["run"] = str(target)
    records.write(folder, record)


def code_commit(record):
    """The commit whose code a record's hash is of: that of its last stamp, else that of its run."""
    stamps = record.get("restamped")
    return stamps[-1]["by"] if stamps else record["commit"]


def prove_all(stale, folder, out, devices, root=ROOT, say=print):
    """Restamp what can be proven; returns ([Stale restamped], [(Stale, reasons)])."""
    today = records.commit()
    if check_commit(today, root):
        raise InputError(root, f"code that no commit has ({today})", "a clean checkout", "commit, and try again")
    by_commit = defaultdict(list)
    for one in stale:
        by_commit[code_commit(one.record)].append(one)
    done, refused, ready = [], [], []
    for commit, group in sorted(by_commit.items(), key=lambda item: str(item[0])):
        reason = check_commit(commit, root)
        if reason:
            refused += [(one, [reason]) for one in group]
        else:
            ready.append((commit, group))
    with tqdm(total=2 * len(ready), unit="tree", file=sys.stderr, disable=None) as bar:
        for commit, group in ready:
            with checked_out(commit, root) as tree:
                tables = choose_tables(group, tables_of(tree))
                sides = []
                for name, code in ((commit, tree), (today, root)):
                    bar.set_postfix_str(f"{len(tables)} tables at smoke, code of {name}")
                    outcomes, said = run_smoke(code, tables, Path(out, name).resolve(), devices) if tables else ({}, "")
                    sides.append(outcomes)
                    bar.update()
                    if said:
                        say(f"some smoke runs failed with the code of {name}: {said}")
            for one in group:
                reasons = judge(one, *sides)
                if reasons:
                    refused.append((one, reasons))
                else:
                    restamp(one, folder, today)
                    done.append(one)
    return done, refused


@contextmanager
def checked_out(commit, root):
    """A folder with the tree of a commit, which is gone afterwards."""
    with tempfile.TemporaryDirectory() as place:
        tree = Path(place, "tree")
        subprocess.run(["git", "worktree", "add", "--detach", str(tree), commit], cwd=root, check=True, capture_output=True)
        try:
            yield tree
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", str(tree)], cwd=root, capture_output=True)


def main(arguments=None):
    """Prove and restamp; InputError that counts the refused, after all others are written."""
    parser = Parser(prog="python -m experiments.restamp", description=__doc__, formatter_class=AsWritten)
    parser.add_argument("--records", default=RECORDS, help="folder of records (default %(default)s)")
    parser.add_argument("--out", default="runs/restamp", help="folder of the smoke runs, one per commit (default %(default)s)")
    parser.add_argument("--devices", default="cpu:0", help="as of a table's command (default %(default)s)")
    args = parser.parse_args(arguments)
    stale, fresh, unknown = find_stale(args.records, catalogue.TABLES)
    print(f"{len(stale)} records of other code, {fresh} of today's" + (f", {len(unknown)} that no table has" if unknown else ""))
    done, refused = prove_all(stale, args.records, args.out, args.devices)
    for one, reasons in refused:
        print(f"{one.record['key']}  {one.tables[0]}: {'; '.join(reasons)}")
    print(f"{len(done)} restamped, {len(refused)} refused")
    if refused:
        raise InputError(args.records, f"{len(refused)} records differ from what today's code computes", "equality to the bit",
                         "run their tables again")


if __name__ == "__main__":
    sys.exit(run_main(main))
