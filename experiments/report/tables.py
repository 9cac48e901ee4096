"""A table beside the print, and its pictures, as the report shows them: plain values, worked out from the records."""

import tempfile
from pathlib import Path

import numpy as np

from experiments.harness.grid import Measure, Train
from experiments.harness.jobs import seeds_of
from experiments.harness.results import MILLION, number_text
from experiments.papers import published
from experiments.report.shown import Drawing, Grid, ShownCell, ShownRow
from gv.core.errors import InputError


def signed(value):
    """A difference to three digits, with its sign."""
    return f"{value / MILLION:+.3g}M" if abs(value) >= MILLION else f"{value:+.3g}"


def reads_data(source):
    """Whether a number of a source comes from a data set."""
    return isinstance(source, Train) or bool(source.data or source.needs)


def is_printed(table):
    """Whether the paper prints a table of this one's number."""
    return table.number in published.PAPERS[table.paper]


def difference_text(value, decimals):
    """A difference in a table, with its sign."""
    text = number_text(value, decimals)
    return text if text.startswith("-") else f"+{text}"


def _print_of(table):
    """({printed column: our column}, {printed row: [our rows]}) of a table's own number; None where it is laid out otherwise."""
    columns, rows = {}, {}
    for (row, column), cell in table.cells.items():
        if cell.published and (cell.published[2:] or (table.number,))[0] == table.number:
            columns.setdefault(cell.published[1], set()).add(column)
            rows.setdefault(cell.published[0], []).append(row)
    if any(len(names) > 1 for names in columns.values()):
        return None
    return {name: names.pop() for name, names in columns.items()}, rows


def _texts(table, row):
    """{printed column: text} of a printed row."""
    found = {}
    for column in published.columns(table.paper, table.number):
        try:
            found[column] = published.printed(table.paper, table.number, row, column)
        except InputError:     # a dash
            continue
    return found


def _cell(results, key):
    """The ``ShownCell`` of one of our cells."""
    table, values = results.table, results.values(key)
    cell, number = table.cells[key], results.published(key)
    printed = ""
    if cell.published:
        row, column, where = (*cell.published, table.number)[:3]
        printed = published.printed(table.paper, where, row, column)
    mean, decimals = (float(np.mean(values)) if values else None), results.decimals(key)
    return ShownCell(printed, number_text(mean, decimals), len(values),
                     number_text(float(np.std(values, ddof=1)), decimals) if len(values) > 1 else "",
                     difference_text(mean - number, decimals) if values and number is not None else "", True,
                     isinstance(cell.source, Measure) and cell.source.exact, reads_data(cell.source))


def _order(table, woven):
    """[(our row or None, printed row or None)]: other methods first, then ours. woven: as ``_print_of`` has it."""
    printed, same = (published.rows(table.paper, table.number), woven[1]) if woven else ([], {})
    others = [(None, row) for row in printed if row not in same]
    ours = {name: row for row in reversed(printed) for name in same.get(row, [])}      # a row of ours by the first it stands for
    return others + sorted(ours.items(), key=lambda names: printed.index(names[1])) + [
        (row, None) for row in table.rows if row not in ours]


def grid_of(results):
    """The ``Grid`` of a table beside the print. Rows that only the paper has come first."""
    table = results.table
    woven = _print_of(table) if is_printed(table) else None
    place = {name: woven[0].get(name, f"{name} (printed)" if name in table.columns else name)
             for name in (published.columns(table.paper, table.number) if woven else ())}
    columns, rows = list(dict.fromkeys([*place.values(), *table.columns])), []    # in the paper's order, ours behind
    for ours, printed in _order(table, woven):
        texts = {place[name]: text for name, text in (_texts(table, printed) if printed else {}).items()}
        cells = [_cell(results, (ours, column)) if (ours, column) in table.cells
                 else ShownCell(printed=texts.get(column, "")) for column in columns]
        counts = {cell.seeds for cell in cells if cell.seeds and not cell.exact}
        rows.append(ShownRow(ours or printed, ours is not None, cells, any(cell.seeds for cell in cells),
                             any(cell.printed for cell in cells), counts.pop() if len(counts) == 1 else None,
                             any(cell.data and cell.difference for cell in cells)))
    return Grid(columns, rows, is_printed(table) and woven is None)


def folder_of(record, out):
    """The folder of a record's run, where it is there: as the record has it, or under the same name below ``out``."""
    kind = "trainings" if record["kind"] == "train" else "measurements"
    places = Path(record["run"]), Path(out, kind, Path(record["run"]).name)
    return next((place for place in places if place.is_dir()), None)


def drawings_of(results, out):
    """[Drawing]: a table's figures, and what its measurements left in their folders."""
    table, shown = results.table, []
    if any(results.values(key) for key in table.cells):
        with tempfile.TemporaryDirectory() as folder:
            for figure in table.figures:
                path, why = Path(folder, f"{figure.name}.png"), ""
                try:
                    figure.draw(results, path)
                except (ValueError, TypeError, LookupError, ZeroDivisionError) as error:   # of figures that are partly there
                    why = f"not drawn from what there is so far ({type(error).__name__})"
                there = path.is_file() and not why
                shown.append(Drawing(figure.name, figure.caption, path.read_bytes() if there else None,
                                     "" if there else why or "not drawn"))
    for source in table.sources():
        for seed in seeds_of(source, results.seeds) if isinstance(source, Measure) else ():
            record = results.record(source, seed)
            folder = folder_of(record, out) if record else None
            pictures = sorted(folder.glob("*.png")) if folder else []
            shown += [Drawing(path.stem, f"{path.stem.replace('_', ' ')} ({source.name}, seed {seed})", path.read_bytes())
                      for path in pictures]
            if pictures:
                break
    return shown
