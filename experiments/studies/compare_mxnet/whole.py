"""Whole trainings under several builds: the records that each has made of a table's runs, seed by seed."""

import json

import numpy as np

from experiments.harness import claims, records
from gv.core.errors import InputError

PAPERS_BBS = "sigma_bbs=2.0,tau=2.0"      # Section 3.4


def compare(folders):
    """[{"training", "view", "seeds", "errors": {build: [NME a seed]}}, ...] of the runs that every build has a record of.

    folders: {build: folder of records}. Several seeds of one training are one entry a view. InputError where nothing is in
    common, or where the main build's and the other's records are of one version of MXNet.
    """
    found = {build: {record["key"]: record for record in records.read_all(folder) if record["kind"] == "train"}
             for build, folder in folders.items()}
    shared = sorted(set.intersection(*(set(by_key) for by_key in found.values())))
    if not shared:
        raise InputError("--trained", "no run that every folder has a record of", "records of the same runs",
                         "run the same table with the same --preset, --seeds and --data under each build")
    first = {build: by_key[shared[0]]["versions"]["mxnet"] for build, by_key in found.items()}
    if first["main"] == first["other"]:
        raise InputError("--trained", f"records of MXNet {first['main']} for main and for other", "two versions")
    entries = {}
    for key in shared:
        title, seed = training(found["main"][key])
        for view in sorted(set.intersection(*(set(by_key[key]["views"]) for by_key in found.values()))):
            entry = entries.setdefault((title, view), {"training": title, "view": view, "seeds": [],
                                                       "errors": {build: [] for build in folders}})
            entry["seeds"].append(seed)
            for build, by_key in found.items():
                record = by_key[key]
                entry["errors"][build].append(record["views"][view]["metrics"][f"nme_{record['normaliser']}"])
    return list(entries.values())


def training(record):
    """(a training's name, the same for each of its seeds; the seed) of a record."""
    config = json.loads(json.dumps(record["config"]))
    seed = config["training"].pop("seed")
    options = config["options"]
    parts = [record["method"], *(str(options[name]) for name in ("encoder", "decoder") if name in options),
             *([f"of {options['width']} channels"] if "width" in options else [])]
    return f"{' '.join(parts)}, {record['preset']} ({records.key_of(config)[:4]}), {record['data']}", seed


def is_shown(view):
    """Whether a view stands on the page: without Beyond Box, or with the paper's tau and sigma."""
    return "tau=" not in view or PAPERS_BBS in view


def view_text(view):
    """A view's name without what would end a table's cell."""
    split, *parts = view.split("|")
    words = {f"beyond_box=True,{PAPERS_BBS}": "Beyond Box, tau = sigma = 2"}
    return ", ".join([split, *(words.get(part, part.replace("shrink=", "boxes shrunk by ")) for part in parts)])


def margin(entry, build):
    """A ``claims.judge_margin``: whether a build's errors are the main build's, to within ``claims.SAME`` of their size."""
    pairs = list(zip(entry["errors"]["main"], entry["errors"][build]))
    return claims.judge_margin(claims.same(("main", ""), (build, "")), pairs)


def judged(entries):
    """[what is broken]: an error of the other build that is surely another than the main build's."""
    return [f"{entry['training']}, {entry['view']}: the error after a whole training is another: {100 * found['mean']:+.3f} % of "
            f"the normaliser, granted {100 * found['granted']:.3f}" for entry in entries
            for found in [margin(entry, "other")] if found["verdict"] == claims.CONTRADICTED]


def spread(values):
    """Mean ± standard deviation over seeds of an NME, in %."""
    values = 100 * np.asarray(values)
    return f"{values.mean():.3f}" + (f" ± {values.std(ddof=1):.3f}" if len(values) > 1 else "")


def apart(entry, build):
    """The difference of a build's errors from the main build's with its interval and what it says, as text."""
    found = margin(entry, build)
    words = {claims.REPRODUCED: "equal", claims.CONTRADICTED: "**another**"}.get(found["verdict"], "undecided")
    return f"{100 * found['mean']:+.3f} [{100 * found['low']:+.3f}, {100 * found['high']:+.3f}], {words}"
