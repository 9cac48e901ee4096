"""One job in a process of its own: ``python -m experiments.worker --table T --key K ...``, as ``harness.scheduling`` calls it.

A worker holds a lock on its job's folder, so that two never train in one place, and ends when the process that started it does:
a killed harness leaves nothing running. What it had trained is gone on with.
"""

import argparse
import os
import sys
import threading
import time

from experiments.harness.on_worker import REFUSED
from gv.core import exits
from gv.core.files import lock

LOCK_FILE = ".lock"       # the folder itself is the training's to lock
PARENT_SECONDS = 1.0     # between looks at whether the parent is still there


def end_with(parent):
    """End this process when ``parent`` (its id) is no longer the one that started it."""
    def watch():
        while os.getppid() == parent:
            time.sleep(PARENT_SECONDS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def run_train(job, place, devices, beside):
    """Train and evaluate a job and write its record."""
    from experiments.harness import records, running
    from experiments.harness.jobs import METHODS, make_run, write_files
    from gv.core import known_faults
    dataset = place.dataset(job.source.data)
    write_files(job.source, place.out)
    run = make_run(job.source, place.preset, job.seed, dataset.landmarks, place.out, place.start)
    known_faults.refuse(run.method.net(run.landmarks, run.method.blank(run.landmarks)))
    views = job.missing() if job.trained() else sorted(job.views, key=lambda view: view.name())
    sidecar, log, results = running.train_job(METHODS, run, job.folder, dataset.folder, views, devices)
    curve = [[float(row["epoch"]), float(row["seconds"]), float(row[f"nme_{dataset.normaliser}"])]
             for row in log if row.get(f"nme_{dataset.normaliser}")]
    kept = job.record["views"] if job.record else {}
    views = {**kept, **{view.name(): {"faces": result["faces"], "metrics": result["metrics"],
                                      "errors": records.pack_errors(result["errors"])} for view, result in results.items()}}
    records.write(place.records, {
        "key": job.key, "kind": "train", "identity": job.identity, "sources": job.sources, "seed": job.seed,
        "preset": place.preset, "method": job.source.method, "set": dataset.name, "data": dataset.line,
        "provenance": dataset.provenance, "normaliser": dataset.normaliser, "config": run.config(), "views": views,
        "curve": curve, "steps": sidecar["step"], "images": job.images,
        "train_faces": sidecar["train_faces"], "seconds": sidecar["seconds"], "loss": float(log[-1]["loss"]),
        "start": sidecar["start"], "devices": sidecar["devices"], "versions": sidecar["versions"], "commit": records.commit(),
        "machine": records.machine(), "beside": beside, "date": running.now(), "run": str(job.folder)})


def run_measure(job, place, devices, beside):
    """Measure a job and write its record."""
    from experiments.harness import records, running
    from experiments.harness.jobs import METHODS, make_job
    from gv.core.devices import parse_devices
    from gv.core.errors import InputError
    from gv.core.train import versions
    trainings = {train: make_job(train, job.seed, place) for train in job.source.needs}
    for needed in trainings.values():
        if not needed.trained():
            raise InputError(needed.folder, "no weights of a finished training", f"those that {job.source.name} reads",
                             "run the same command again")
    runs = {train: needed.folder for train, needed in trainings.items()}
    indexes = {name: place.dataset(name).folder for name in job.source.data}
    context = running.Context(METHODS, place.preset, job.seed, job.folder, runs, indexes, parse_devices(devices)[0],
                               dict(job.source.options))
    figures, seconds = running.measure_job(job.source, context)
    lines = [place.dataset(name) for name in job.source.data]
    records.write(place.records, {
        "key": job.key, "kind": "measure", "name": job.source.name, "identity": job.identity, "sources": job.sources,
        "seed": job.seed, "preset": place.preset, "metrics": figures, "data": "; ".join(line.line for line in lines),
        "provenance": lines[0].provenance if lines else "none", "seconds": seconds, "devices": [str(context.device)],
        "versions": versions(), "commit": records.commit(), "machine": records.machine(), "beside": beside,
        "date": running.now(), "run": str(job.folder)})


def main(arguments=None):
    """Find the job by the key it must have, and run it unless it is already there."""
    parser = argparse.ArgumentParser(prog="python -m experiments.worker")
    for name in ("table", "key", "preset", "out", "records", "devices"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--seeds", required=True, type=int)
    parser.add_argument("--beside", type=int, default=1)
    parser.add_argument("--data")
    parser.add_argument("--start", default="scratch")
    parser.add_argument("--parent", type=int)
    parser.add_argument("--sources")                                # what a command on another machine means: the hash of the
    parser.add_argument("--index", action="append", default=[])     # job's code, and NAME=HASH of the sets it runs on
    args = parser.parse_args(arguments)
    if args.parent:
        end_with(args.parent)
    from experiments import catalogue
    from experiments.harness import code_hash, records
    from experiments.harness.grid import Train
    from experiments.harness.jobs import Place, collect
    from gv.core.devices import parse_devices
    from gv.core.errors import InputError
    place = Place(args.preset, args.data, args.out, args.records, args.start)
    tables = [catalogue.get_table(name) for name in args.table.split(",")]

    def find():
        found = [job for job in collect(tables, list(range(args.seeds)), place).values() if job.key == args.key]
        if not found:
            raise InputError("--key", args.key, f"a job of {args.table}")
        return found[0]

    def check():
        """InputError where this machine's code, data or devices are not those of the command."""
        for name, expected in (text.split("=") for text in args.index):
            dataset = place.dataset(name)
            found = records.key_of(dataset.identity)
            if found != expected:
                raise InputError(dataset.folder, f"an index of {name} with the digest {found}", f"the command's, {expected}",
                                 "prepare the same data on every machine")
        if args.sources != find().sources:
            raise InputError(code_hash.ROOT, f"code with the hash {find().sources[:12]}", f"the command's, {args.sources[:12]}",
                             "bring every machine to the same commit")
        parse_devices(args.devices)

    def go():
        with lock(find().folder, LOCK_FILE):
            todo = find()     # again: another process may have finished it while this one waited
            if not todo.finished():
                (run_train if isinstance(todo.source, Train) else run_measure)(todo, place, args.devices, args.beside)

    if args.sources and exits.run(check):
        return REFUSED
    return exits.run(go)


if __name__ == "__main__":
    sys.exit(main())
