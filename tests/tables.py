"""A table of the catalogue whose cells hold what the paper prints: what its claims would say of the paper's own numbers."""

from types import SimpleNamespace

from experiments.harness import claims
from experiments.harness.grid import Measure
from experiments.harness.jobs import Place
from experiments.harness.records import pack_errors
from experiments.harness.results import Results

NO_FACES = pack_errors([0.0])    # of one face, too few for a chance in which faces there are


def place(tmp_path, preset="smoke"):
    """A place with nothing in it, on drawn faces."""
    return Place(preset, None, str(tmp_path), str(tmp_path / "records"))


def check_wanted(tables, jobs):
    """Every cell's job of seed 0 is there, not run, and asked for the cell's view."""
    for table in tables:
        for cell in table.cells.values():
            job = jobs[cell.source, 0]
            assert not job.finished() and (isinstance(cell.source, Measure) or cell.view in job.views)


def filled(table, provenance="official", seeds=2, preset="paper"):
    """The ``Results`` of a table whose cells hold what is printed, where anything is."""
    jobs, empty = {}, Results(table, {}, list(range(seeds)), None)
    for key, cell in table.cells.items():
        for seed in range(seeds):
            new = {"provenance": provenance, "preset": preset, "metrics": {}, "views": {}, "curve": [], "normaliser": "ion",
                   "train_faces": 1}
            record = jobs.setdefault((cell.source, seed), SimpleNamespace(record=new)).record
            view = record["views"].setdefault(cell.view.name(), {"metrics": {}, "errors": NO_FACES}) if cell.view else record
            if empty.published(key) is not None:
                view["metrics"][cell.metric] = empty.published(key) / cell.scale
    return Results(table, jobs, list(range(seeds)), None)


def check_claims(table, unprinted):
    """The print disagrees with none of the paper's claims; those it has no numbers for are the texts ``unprinted``."""
    verdicts = {claim.text: filled(table).judge(claim)["verdict"] for claim in table.claims if not claim.ours}
    assert {text for text, verdict in verdicts.items() if verdict == claims.NOT_RUN} == unprinted
    assert {verdict for text, verdict in verdicts.items() if text not in unprinted} <= {claims.REPRODUCED}
