"""What is asked of the interpreters, and the numbers that come of it. The weights and batches are always the main one's."""

import shutil
import sys
from pathlib import Path

import numpy as np

from data_prep.synthetic.sets import generate
from experiments.studies.compare_mxnet import cases, differences
from experiments.studies.compare_mxnet.children import ask_all
from gv.core import gaps

MAIN, CONTROL, OTHER, TRUTH = "main", "control", "other", "truth"
COMPARED = (MAIN, CONTROL, OTHER)
FACES, FACES_SEED = 200, 3          # drawn; the splits share them as 300-W's do
STOPS, BATCHES = (20, 200), 24      # steps after which weights are compared; batches that go round
NUDGE = 1e-7                        # of every first weight: about one rounding of float32
FIRST_STEPS = 5                     # before the checkpoint that is exchanged, in the middle of an epoch
LAST = 20                           # losses at the end of a training whose mean is told
SWITCHED = 1e-4                     # gradients further apart than this are measured again without what rounding can switch
PLAIN = ("mobilenet", "anchorface", "regression")      # nets that further builds also run without hybridize


def say(text):
    """Progress, on stderr."""
    print(text, file=sys.stderr, flush=True)


def draw(out, workers):
    """The folder of the drawn faces, which are drawn if they are not there."""
    folder = Path(out, "faces")
    if not (folder / "index.json").is_file():
        generate("300w", FACES, FACES_SEED, folder, workers)
    return str(folder)


def _loaded(path):
    with np.load(path) as stored:
        return {name: stored[name] for name in stored.files}


def _measured(children, names, case, seed, folder, **more):
    """{build: arrays} of one batch by several builds; the files are gone afterwards."""
    files = {name: str(Path(folder, f"{name}.npz")) for name in names}
    ask_all(children, "measure", {name: {"asked": case.asked(), "seed": seed, "folder": folder, "out": files[name],
                                         "wide": name == TRUTH, **more} for name in names})
    found = {name: _loaded(path) for name, path in files.items()}
    for path in files.values():
        Path(path).unlink()
    return found


def _gradient_gap(found, right):
    return gaps.length(differences.joined(found, "gradient"), differences.joined(right, "gradient"))


def nets(children, data, out, seeds, more=(), only=""):
    """([``differences.Net``], {further build: {net: its ``Apart`` from main, "truth": .., "plain": ..}}) of every case."""
    found, further = [], {name: {} for name in more}
    for case in cases.NETS:
        if only not in case.name:
            continue
        others, controls, truths, smooth = [], [], [], {}
        for seed in range(seeds):
            folder = str(Path(out, "net"))
            children[MAIN].ask("prepare", asked=case.asked(), seed=seed, data=data, folder=folder, batches=0)
            names = (*COMPARED, TRUTH, *(more if not seed else ()))
            got = _measured(children, names, case, seed, folder)
            others.append(differences.apart(got[OTHER], got[MAIN]))
            controls.append(differences.apart(got[CONTROL], got[MAIN]))
            truths.append({name: _gradient_gap(got[name], got[TRUTH]) for name in COMPARED})
            if others[-1].gradient > SWITCHED:
                bare = _measured(children, COMPARED, case, seed, folder, smooth=True)
                for name in (CONTROL, OTHER):
                    smooth[name] = max(smooth.get(name, 0.0), _gradient_gap(bare[name], bare[MAIN]))
            for name in more if not seed else ():
                plain = _measured(children, (name,), case, seed, folder, hybrid=False) if case.name.startswith(PLAIN) else None
                further[name][case.name] = {
                    "apart": differences.apart(got[name], got[MAIN]), "truth": _gradient_gap(got[name], got[TRUTH]),
                    "main": truths[0][MAIN], "plain": plain and _gradient_gap(plain[name], got[TRUTH])}
            shutil.rmtree(folder)
        truth = {name: max(one[name] for one in truths) for name in COMPARED}
        found.append(differences.Net(case.name, differences.worst(others), differences.worst(controls), truth, smooth))
        say(f"{case.name}: gradients {found[-1].other.gradient:.1e}, control {found[-1].control.gradient:.1e}")
    return found, further


def trainings(children, data, out, only=""):
    """[{"name", "apart": {build: ``Trained``}, "errors", "first", "last": {build: number}}], of the cases that take steps."""
    found = []
    for case in cases.STEPS:
        if only not in case.name:
            continue
        folder = str(Path(out, "steps"))
        children[MAIN].ask("prepare", asked=case.asked(), seed=0, data=data, folder=folder, batches=BATCHES)

        def request(name, folder=folder, case=case, **more):
            out = str(Path(folder, f"{name}.npz"))
            return {"asked": case.asked(), "seed": 0, "folder": folder, "out": out, "stops": STOPS, **more}

        answers = ask_all(children, "steps", {name: request(name) for name in COMPARED})
        answers["nudged"] = children[MAIN].ask("steps", **request("nudged", nudge=NUDGE))
        got = {name: _loaded(Path(folder, f"{name}.npz")) for name in answers}
        found.append({"name": case.name,
                      "apart": {name: differences.trained(got[name], got[MAIN], STOPS) for name in (OTHER, CONTROL, "nudged")},
                      "errors": {name: answer["error"] for name, answer in answers.items()},
                      "first": {name: float(one["losses"][0]) for name, one in got.items()},
                      "last": {name: float(one["losses"][-LAST:].mean()) for name, one in got.items()}})
        shutil.rmtree(folder)
        say(f"{case.name}: {STOPS[-1]} steps")
    return found


def exchanges(children, data, out):
    """[{"name", "written", "read", "equal", "points_px", "resumed"}]: a run begun by one build, read and gone on with by another.

    equal: whether weights and optimiser's state are read alike to the bit; points_px: largest gap of the points found with them;
    resumed: gap of the weights when both have gone on to the end, as a share of how far they moved.
    """
    found = []
    for case in cases.EXCHANGED:
        for writer, reader in ((MAIN, OTHER), (OTHER, MAIN), (MAIN, CONTROL)):
            folder = Path(out, "exchanged")
            shutil.rmtree(folder, ignore_errors=True)
            begun = folder / "begun"
            asked = {"asked": case.asked(), "seed": 0, "data": data}
            children[writer].ask("exchange", **asked, run_folder=str(begun), stop_after=FIRST_STEPS)
            ends = {}
            for name in (writer, reader):
                ends[name] = folder / name
                shutil.copytree(begun, ends[name])
            both = (writer, reader)

            def read(where, folder=folder, both=both):
                ask_all(children, "read_back", {name: {"data": data, "run_folder": str(where[name]),
                                                       "out": str(folder / f"{name}.npz")} for name in both})
                return [_loaded(folder / f"{name}.npz") for name in both]

            before, same = read(ends)
            ask_all(children, "exchange", {name: {**asked, "run_folder": str(ends[name]), "resume": True} for name in both})
            kept, gone_on = read(ends)
            arrays = [name for name in before if name != "points"]
            moved = differences.joined(kept, "weights") - differences.joined(before, "weights")
            gap = differences.joined(gone_on, "weights") - differences.joined(kept, "weights")
            found.append({"name": case.name, "written": writer, "read": reader,
                          "equal": set(before) == set(same) and all(np.array_equal(before[name], same[name]) for name in arrays),
                          "points_px": float(np.abs(before["points"] - same["points"]).max()),
                          "resumed": float(np.linalg.norm(gap) / np.linalg.norm(moved))})
            shutil.rmtree(folder)
    say("checkpoints exchanged")
    return found


def speeds(children, data, out, rounds, more=()):
    """[{"name", "batch", "pass", "step": {build: [seconds of each round]}}], the builds taking turns."""
    found = []
    for case in cases.TIMED:
        folder = str(Path(out, "timed", case.name.replace(" ", "-")))
        children[MAIN].ask("prepare", asked=case.asked(), seed=0, data=data, folder=folder, batches=0)
        row = {"name": case.name, "batch": case.settings["batch"], "pass": {}, "step": {}}
        for _ in range(rounds):
            for name in (*COMPARED, *more):
                took = children[name].ask("clock", asked=case.asked(), seed=0, folder=folder)
                for what in ("pass", "step"):
                    row[what].setdefault(name, []).append(took[what])
        shutil.rmtree(folder)
        found.append(row)
        say(f"{case.name}: timed")
    return found
