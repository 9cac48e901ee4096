"""A table of the catalogue whose cells hold what the paper prints: what its claims would say of the paper's own numbers."""

from types import SimpleNamespace

from experiments.harness import claims
from experiments.harness.results import Results


def filled(table, provenance="official", seeds=2):
    """The ``Results`` of a table whose cells hold what is printed, where anything is."""
    jobs, empty = {}, Results(table, {}, list(range(seeds)), None)
    for key, cell in table.cells.items():
        for seed in range(seeds):
            new = {"provenance": provenance, "metrics": {}, "views": {}, "curve": []}
            record = jobs.setdefault((cell.source, seed), SimpleNamespace(record=new)).record
            view = record["views"].setdefault(cell.view.name(), {"metrics": {}}) if cell.view else record
            if empty.published(key) is not None:
                view["metrics"][cell.metric] = empty.published(key) / cell.scale
    return Results(table, jobs, list(range(seeds)), None)


def check_claims(table, unprinted):
    """The print disagrees with none of the paper's claims; those it has no numbers for are the texts ``unprinted``."""
    verdicts = {claim.text: filled(table).judge(claim)["verdict"] for claim in table.claims if not claim.ours}
    assert {text for text, verdict in verdicts.items() if verdict == claims.NOT_RUN} == unprinted
    assert {verdict for text, verdict in verdicts.items() if text not in unprinted} <= {claims.REPRODUCED}
