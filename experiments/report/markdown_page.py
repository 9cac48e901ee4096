"""docs/RESULTS.md: what the report shows, as Markdown without pictures, the same for the same records.

    python -m experiments.report --markdown docs/RESULTS.md
"""

import html
import os
from pathlib import Path

from experiments.harness import chance, claims
from experiments.harness.code_hash import ROOT
from gv.core.errors import InputError
from gv.core.files import write_text

EMBEDDED = ("Embedded faces are drawn by this project. They show whether a comparison comes out the same way there, in small; "
            "the numbers say nothing about the papers' data.")
BREAK = "<br>"     # within a cell
LEVEL = f"{100 * chance.LEVEL:.0f} %"
READING = f"""A claim is one or more margins, differences that are positive where the numbers speak for it, worked out once a
seed. It has a {LEVEL} interval, Student's over seeds, or the wider one that adds the chance in which faces the test set holds,
where a margin is of means over faces (it then names how many); where it is of the best of several cells, it is widened
for as many (Bonferroni). All of it above zero for every margin: *reproduced*; all of it below for one, widened for as many as
the claim has, since any of them would do: *contradicted*; else *undecided*, which is no weak form of reproduced. *Not
comparable*: it hangs on how large the error is (a share of time: on how long the net takes), and ours is more than
{claims.NEAR:g} times the printed one; or it is of what cures overfitting, and our nets do not overfit; it says what it would be
otherwise. *Not run*: a number is missing. Of many intervals at {LEVEL}, a few leave out zero by chance."""


def joined(lines):
    """Lines as one text, in which nothing that a name or a record holds is HTML: only our own line breaks in cells are."""
    text = "\n".join(lines).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return text.replace(html.escape(BREAK), BREAK)


def cell(text):
    """Text that may stand in a table's cell."""
    return str(text).replace("|", "\\|").replace("\n", " ")


def row(*cells):
    """A line of a table."""
    return "| " + " | ".join(cell(text) for text in cells) + " |"


def anchor(title):
    """The address that a heading has where Markdown is shown."""
    kept = "".join(letter for letter in title.lower() if letter.isalnum() or letter in " -_")
    return "#" + kept.replace(" ", "-")


def margin_line(margin, many):
    """A margin in a few words."""
    text = margin.label
    if margin.ours:
        text += f": **{margin.ours}**" + (f" {margin.interval}" if margin.interval else " (exact)" * margin.exact)
        text += f", n = {margin.seeds}" + (f", {margin.faces} faces" if margin.faces else "")
    if margin.printed:
        text += f"{', ' if margin.ours else ': '}printed {margin.printed}"
    if many and margin.verdict != claims.NOT_RUN:
        text += f", {margin.verdict}"
    return text + "".join(f"; {note}" for note in margin.notes)


def board(group):
    """The claims of a group, a table a paper's table."""
    lines = []
    for table in group.tables:
        if table.claims and table.ran:
            lines += ["", f"**[{table.title}]({anchor(table.title)})** (margins in: {table.unit})", "",
                      "| verdict | claim | margins |", "|---|---|---|"]
            for claim in table.claims:
                where = claim.where if claim.where.startswith("ours") or not claim.ours else f"ours: {claim.where}"
                margins = [margin_line(margin, len(claim.margins) > 1) for margin in claim.margins]
                margins += [claim.cost] if claim.cost else []
                margins += [f"May hang on: {claim.hangs}"] if claim.hangs else []
                margins += [claim.apart] if claim.apart else []
                margins += [f"{claims.CHOSEN}: {claim.chosen}"] if claim.chosen else []
                lines.append(row(f"**{claim.verdict}**", f"{claim.text} ({where})", BREAK.join(margins)))
    return lines


MARKS = {claims.REPRODUCED: "✓", claims.CONTRADICTED: "✗", claims.UNDECIDED: "?", claims.NOT_COMPARABLE: "≁",
         claims.NOT_RUN: "○"}


def glance(report):
    """A row a table that has run: what its main claim's verdict is, the number it is about, printed and ours."""
    lines = ["| | table | main claim | its number | printed | ours | all claims |", "|---|---|---|---|---:|---:|---|"]
    for part in report.glances:
        one = part.glance
        counts = " ".join(f"{MARKS[verdict]}{count}" for verdict, count in one.counts.items() if count)
        lines.append(row(MARKS[one.verdict], f"[{part.title}]({anchor(part.title)}), {part.name}", one.claim, one.what,
                         one.printed or "–", one.ours or "–", counts))
    legend = ", ".join(f"{mark} {verdict}" for verdict, mark in MARKS.items())
    if len(lines) == 2:
        return ["No claim has a verdict yet."]
    return [*lines, "", f"{legend}; the last column counts them over the paper's claims of the table, on that data: some want "
            "other data, or the papers' own. Printed numbers are of the papers' own data and sizes: expect the same winner, not "
            "the same numbers."]


def overall(report):
    """The papers' claims, each counted once."""
    one = report.overall
    text = f"The papers' claims, each once, on the data nearest to the papers' that it was run on: {count_line(one.counts)}."
    if one.chosen:
        text += f" For {one.chosen} of the reproduced, the reading was chosen by the claim itself, which each says."
    if one.whole:
        text += f" {one.whole} more compare with other methods' printed numbers, which {claims.NEEDS}."
    lines = [text]
    for differs in one.differing:
        ways = ", ".join(f"{verdict} on {name}" for name, verdict in differs.verdicts)
        lines += ["", f"- Not alike on all data: {differs.claim} ({differs.table}): {ways}."]
    return lines


def withdrawn(report):
    """What is no longer held."""
    return ["**Withdrawn:**", "", *(f"- {line}" for line in report.withdrawn)] if report.withdrawn else []


def count_line(counted):
    """ "3 reproduced, 1 contradicted, ..."."""
    return ", ".join(f"{counted[verdict]} {verdict}" for verdict in claims.VERDICTS)


def value(shown):
    """A cell of ours beside the printed number."""
    ours = "–" if shown.asked else ""
    if shown.seeds:
        ours = shown.ours + (f" ± {shown.spread}" if shown.spread else "")
    return " / ".join(text for text in (shown.printed, ours) if text)


def grid(table):
    """The rows of ours, each cell "printed / ours"."""
    shown = table.grid
    kept = [i for i in range(len(shown.columns)) if any(one.cells[i].asked for one in shown.rows)]
    lines = [row("printed / ours", "seeds", *(shown.columns[i] for i in kept)), "|---|---|" + "---:|" * len(kept)]
    for one in shown.rows:
        if one.ours:
            counts = sorted({"exact" if item.exact else str(item.seeds) for item in one.cells if item.seeds})
            lines.append(row(one.name, ", ".join(counts) or "not run", *(value(one.cells[i]) for i in kept)))
    return lines


def table_section(entry):
    """A table in every group that has numbers of it."""
    lines = ["", f"### {entry.title}", ""]
    _, first = entry.parts[0]
    lines += [f"In: {first.unit}.", ""] + [f"- {note}" for note in first.notes]
    for group, part in entry.parts:
        lines += ["", f"**{part.name}**" + ("" if part.ran else f": not run, {part.cost_text}")]
        if part.ran:
            come = part.provenance
            data = f"{'; '.join(come.data)} ({group.provenance})" if come.data else "no data set"
            lines += ["", *grid(part), "", f"{data}; {come.records} of {come.runs} runs; commit "
                      f"{', '.join(come.commits)}; {'; '.join(come.machines)}; {come.time} of training and measuring."]
    return lines


def costs(group):
    """What is not run in a group, and what running it takes."""
    rows = [row(table.title, table.cost_text, f"`{table.command}`")
            for table in group.tables if table.cost.runs or table.cost.absent]
    if not rows:
        return ["", f"Nothing, for {group.name} and {group.seeds} seeds."]
    return ["", f"For {group.name} and {group.seeds} seeds. Trainings that tables share stand with each of them; all "
            f"together: {group.cost_text}. `{group.command}` runs them all, and goes on where it was interrupted; add "
            "`--any-sources` to keep what earlier versions of the code made.", "",
            "| table | missing | command |", "|---|---|---|", *rows]


def text(report, command, folder="docs"):
    """The whole page. command: that makes it; folder: where the page will lie, for its links."""
    lines = ["# Results", "", f"Generated by `{command}` from {report.records} records; do not edit. `make report` makes the "
             "page with figures, all printed rows and the provenance of each run.", "", *withdrawn(report), "",
             "## At a glance", "", *overall(report), "", *glance(report), "", "## How to read the claims", "", READING]
    for group in report.groups:
        if group.ran:
            lines += ["", f"## Claims: {group.name}", ""]
            lines += [EMBEDDED, ""] if group.embedded else []
            lines += [f"The papers' claims: {count_line(group.counts.paper)}.", "",
                      f"Our own questions: {count_line(group.counts.ours)}.", *board(group)]
    for paper, name in report.papers.items():
        lines += ["", f"## {name}, table by table"]
        for entry in report.tables:
            lines += table_section(entry) if entry.paper == paper and entry.ran else []
    lines += ["", "## What the presets are"]
    for group in report.groups:
        headings, rows = group.sizes
        lines += ["", f"**{group.name}**", "", row(*headings), "|" + "---|" * len(headings), *(row(*one) for one in rows)]
    lines += ["", "## What earlier work measured", ""]
    for page in report.earlier:
        address = os.path.relpath(Path(ROOT, page.path), Path(folder).resolve()).replace(os.sep, "/")
        lines.append(f"- [{page.title}]({address}): {page.summary}")
    lines += ["", "## What is not run"]
    for group in report.groups:
        lines += costs(group) if group.first else []
    return joined(lines) + "\n"


BEGIN, END = "<!-- BEGIN CLAIMS -->", "<!-- END CLAIMS -->"


def block(report):
    """The claims at a glance and what is withdrawn, for another page."""
    lines = [line.replace("](#", "](docs/RESULTS.md#") for line in glance(report)]
    return "\n".join([BEGIN, joined([*overall(report), "", *lines, "", *withdrawn(report)]), END])


def write_block(report, path):
    """Put ``block`` in its place in a page, between its two marks, and return the page's path."""
    page = Path(path).read_text(encoding="utf-8")
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise InputError(path, "no place for the claims", f"a line {BEGIN} and a line {END}")
    return write_text(path, before + block(report) + after)


def write(report, command, path):
    """Write the page whole, and return its path."""
    return write_text(path, text(report, command, Path(path).parent))
