"""The papers' claims over all data: each once, as it came out on the data nearest to the papers' own that it was run on."""

from experiments.harness import claims
from experiments.report.by_preset import PROVENANCES
from experiments.report.shown import Differing, Overall


def overall(groups):
    """The ``Overall`` of shown groups, those of the first one's preset. A claim that compares with other methods' printed numbers
    and was not run stands apart: it needs the papers' own data, whole, at preset paper."""
    mine = sorted((group for group in groups if group.preset == groups[0].preset),
                  key=lambda group: PROVENANCES.index(group.provenance))
    verdicts = {}          # {(table, claim): [(group, claim as shown there), ...]}, the nearest data first
    for group in mine:
        for table in group.tables:
            for claim in table.claims:
                if not claim.ours:
                    verdicts.setdefault((table.title, claim.text), []).append((group, claim))
    counts, whole, chosen, differing = dict.fromkeys(claims.VERDICTS, 0), 0, 0, []
    for (title, text), shown in verdicts.items():
        ran = [(group, claim) for group, claim in shown if claim.verdict != claims.NOT_RUN]
        if not ran and shown[0][1].official:
            whole += 1
            continue
        counts[ran[0][1].verdict if ran else claims.NOT_RUN] += 1
        chosen += bool(ran and ran[0][1].verdict == claims.REPRODUCED and ran[0][1].chosen)
        decided = [(group, claim) for group, claim in ran if claim.verdict in claims.DECIDED]
        if len({claim.verdict for _, claim in decided}) > 1:
            differing.append(Differing(title, text, [(group.name, claim.verdict) for group, claim in decided]))
    return Overall(groups[0].preset, [group.name for group in mine if group.ran], counts, whole, chosen,
                   differing)
