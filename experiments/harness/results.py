"""The numbers of a table: from records to cells, seeds and verdicts, and the table as text beside the published one."""

from dataclasses import dataclass

import numpy as np

from experiments.harness import chance, claims, records
from experiments.harness.grid import Measure, Train
from experiments.harness.jobs import seeds_of
from experiments.papers.published import PUBLISHED
from gv.core.data import choose_faces


@dataclass
class Results:
    """What there is of a table. jobs: {(source, seed): Job}; seeds: those asked for."""

    table: object
    jobs: dict
    seeds: list
    place: object

    def record(self, source, seed):
        """The record of a source with a seed, or None."""
        job = self.jobs.get((source, seed))
        return job.record if job else None

    def value(self, key, seed):
        """A cell's number with one seed, as the record has it (before scaling), or None."""
        cell = self.table.cells[key]
        record = self.record(cell.source, seeds_of(cell.source, [seed])[0] if not _exact(cell) else self.seeds[0])
        if record is None:
            return None
        if isinstance(cell.source, Measure):
            return record["metrics"].get(cell.metric)
        if cell.metric == LOG_AREA:
            return log_area(record["curve"])
        if cell.metric.startswith(CURVE_AT):
            return error_at(record["curve"], float(cell.metric[len(CURVE_AT):]))
        if cell.metric in (SEEN, UNSEEN):
            found = self._by_training(key, seed)
            return None if found is None else float(found.mean())
        view = record["views"].get(cell.view.name())
        return view["metrics"].get(cell.metric) if view else None

    def _by_training(self, key, seed):
        """The errors of those faces of the training split that a net was trained on, or with ``UNSEEN`` of the others; None where
        there are none."""
        cell, errors = self.table.cells[key], self.errors(key, seed)
        if errors is None:
            return None
        trained = np.zeros(len(errors), bool)
        trained[list(choose_faces(range(len(errors)), self.record(cell.source, seed)["train_faces"]))] = True
        errors = errors[trained == (cell.metric == SEEN)]
        return errors if len(errors) else None

    def values(self, key):
        """A cell's numbers over the seeds that have one, scaled as they are shown."""
        cell = self.table.cells[key]
        seeds = self.seeds[:1] if _exact(cell) else self.seeds
        found = [self.value(key, seed) for seed in seeds]
        return [cell.scale * value for value in found if value is not None]

    def errors(self, key, seed):
        """The NME of each image of a cell of a training (N,), or None."""
        cell = self.table.cells[key]
        record = self.record(cell.source, seed)
        view = record["views"].get(cell.view.name()) if record and isinstance(cell.source, Train) else None
        return records.unpack_errors(view["errors"]) if view else None

    def published(self, key):
        """The printed number of a cell, or None where the paper prints none: a row of ours needs no word on it."""
        cell = self.table.cells[key]
        if cell.published is None:
            return None
        row, column, number = (*cell.published, self.table.number)[:3]
        return PUBLISHED.get((self.table.paper, number, row, column))

    def judge(self, claim):
        """{"text", "where", "ours", "verdict", "margins", "hangs", "apart", "chosen"}: a claim and what the seeds say of it.

        apart: where it is not comparable, why.
        """
        judged = []
        for margin in claim.margins:
            exact = all(_exact(self.table.cells[key]) for key in margin.cells)
            seeds = self.seeds[:1] if exact else self.seeds
            rows = {seed: tuple(self.value(key, seed) for key in margin.cells) for seed in seeds}
            rows = {seed: row for seed, row in rows.items() if None not in row} if self._may_judge(claim, margin) else {}
            faces = self._faces(margin, rows) if len(rows) > 1 and not exact else None
            rows = list(rows.values())
            found = claims.judge_margin(margin, rows, exact, faces, len(claim.margins))
            if found["verdict"] in claims.DECIDED and self._untrained(margin, rows):
                found.update(verdict=claims.UNDECIDED, untrained=True, needs=None)
            found["scale"] = 1 if margin.ratio else self.table.cells[margin.cells[0]].scale
            found["published"] = None if margin.same else self.printed_margin(margin)
            if found["verdict"] == claims.UNDECIDED and found.get("spread") and found["published"]:
                found["needs_published"] = chance.seeds_to_decide(found["published"] / found["scale"], found["spread"], faces,
                                                                       margin.tries)
            judged.append(found)
        verdict = claims.combine([margin["verdict"] for margin in judged])
        apart = self._apart(claim) if verdict != claims.NOT_RUN else ""
        if apart:
            apart += f". Judged all the same, it would be {verdict}"
            verdict = claims.NOT_COMPARABLE
        if any(not self.values(key) for key in claim.overfits):
            verdict = claims.NOT_RUN
        return {"text": claim.text, "where": claim.where, "ours": claim.ours, "verdict": verdict, "margins": judged,
                "hangs": claim.hangs if verdict == claims.CONTRADICTED else "",
                "apart": apart if verdict == claims.NOT_COMPARABLE else "",
                "chosen": claim.chosen if verdict != claims.NOT_RUN else ""}

    def _faces(self, margin, rows):
        """What the test faces add to the chance in a margin, or None where its figures are no means over faces. rows: {seed: a
        value a cell}."""
        weights, tables = chance.gradient(margin.of, np.mean(list(rows.values()), axis=0)), {}
        for key, weight in zip(margin.cells, weights):
            cell = self.table.cells[key]
            if weight:
                values = [self._per_face(key, seed) for seed in rows]
                if any(one is None for one in values) or len({len(one) for one in values}) > 1 or len(values[0]) < 2:
                    return None
                # the same faces, whatever is decoded and whatever box is cropped
                test = cell.source.data, cell.view.split, len(values[0])
                tables[test] = tables.get(test, 0) + weight * np.array(values)
        return chance.of_faces(tables.values()) if tables else None

    def _per_face(self, key, seed):
        """A value a face whose mean is a cell's number with a seed, or None where there is no such thing."""
        cell = self.table.cells[key]
        if cell.metric in (SEEN, UNSEEN):
            return self._by_training(key, seed)
        errors = self.errors(key, seed)
        return None if errors is None else chance.per_face(cell.metric, self.record(cell.source, seed)["normaliser"], errors)

    def _apart(self, claim):
        """Why a claim cannot be compared with the paper's, or ""."""
        means = {key: float(np.mean(self.values(key))) for key in (*claim.overfits, claim.near) if key and self.values(key)}
        if claim.near:
            printed, name = self.published(claim.near), claims.name_of(claim.near)
            if claim.near not in means or printed is None:
                return f"{name} is not both printed and run"
            if means[claim.near] > claims.NEAR * printed:
                return (f"{name} is {means[claim.near] / printed:.2f} times the printed {printed_text(printed)}, and the claim "
                        f"is judged up to {claims.NEAR:g} times")
        if claim.overfits and all(key in means for key in claim.overfits):
            (seen, trained), (unseen, tested) = ((claims.name_of(key), means[key]) for key in claim.overfits)
            if trained >= tested:
                return (f"nothing to cure: {seen} has {trained:.2f}, {unseen} {tested:.2f}, and a regulariser is judged on nets "
                        "that do better on the faces they were trained on")
        return ""

    def _may_judge(self, claim, margin):
        """Whether a margin's numbers can tell: those of the whole official sets at preset paper, where a claim wants those."""
        found = [self.record(self.table.cells[key].source, seed) for key in margin.cells for seed in self.seeds]
        return not claim.official or all((record["provenance"], record["preset"]) == ("official", claims.WHOLE)
                                         for record in found if record)

    def _untrained(self, margin, rows):
        """Whether a margin compares errors of a net that has not learnt. rows: a tuple of values a seed."""
        errors = [i for i, key in enumerate(margin.cells) if self.table.cells[key].metric.startswith("nme_")]
        return any(row[i] is not None and row[i] > claims.UNTRAINED for row in rows for i in errors)

    def printed_margin(self, margin):
        """The margin of the printed numbers, as it is shown, or None where one of them is not printed."""
        printed, scales = [self.published(key) for key in margin.cells], [self.table.cells[key].scale for key in margin.cells]
        if None in printed:
            return None
        found = float(margin.of(*(number / scale for number, scale in zip(printed, scales))))
        return found if margin.ratio else scales[0] * found

    def decimals(self, key):
        """How many decimals a cell is shown with."""
        cell = self.table.cells[key]
        return self.table.decimals if cell.decimals is None else cell.decimals

    def missing(self, keys=None):
        """The jobs that cells (all of them, or ``keys``) still want, each once."""
        found = {}
        for key, cell in self.table.cells.items():
            if keys is None or key in keys:
                needs = cell.source.needs if isinstance(cell.source, Measure) else ()
                for seed in seeds_of(cell.source, self.seeds):
                    wanted = [job for job in (self.jobs.get((source, seed)) for source in needs) if job and not job.finished()]
                    own = self.jobs.get((cell.source, seed))
                    wanted += [own] if own and waits(cell, own) else []
                    found.update((job.key, job) for job in wanted)
        return list(found.values())


def waits(cell, job):
    """Whether a cell's number waits for its job: not for what only other tables ask of it."""
    return not job.finished() if isinstance(cell.source, Measure) else cell.view in job.missing()


CURVE_AT = "curve_at_"  # of a convergence curve: the error when the share of the epochs that the number after it says is done
LOG_AREA = "log_area"   # of a convergence curve: the mean over epochs of log10 of the error in percent, as Fig. 6 draws it
# of a view of the training split: the mean error, by the set's own normaliser, of the faces trained on, and of the others
SEEN, UNSEEN = "nme_seen", "nme_unseen"


def error_at(curve, share):
    """The error, a fraction, of a curve [[epoch, seconds, error], ...] after a share of its epochs; None without it."""
    return curve[max(0, round(share * len(curve)) - 1)][2] if curve else None


def log_area(curve):
    """The mean of log10(100 error) over the epochs of a curve, or None without one: lower is faster."""
    errors = np.array([error for _, _, error in curve], np.float64)
    return float(np.log10(100 * errors).mean()) if len(errors) and (errors > 0).all() else None


def _exact(cell):
    return isinstance(cell.source, Measure) and cell.source.exact


MILLION = 1e6


def number_text(value, decimals):
    """A number as tables show it; from a million on, in millions."""
    if value is None:
        return "-"
    return f"{value / MILLION:.{decimals}f}M" if abs(value) >= MILLION else f"{value:.{decimals}f}"


def printed_text(value):
    """A printed number: "3.14", "227M"."""
    return f"{value / MILLION:g}M" if abs(value) >= MILLION else f"{value:g}"


def ours_text(values, decimals):
    """ "5.12 +- 0.04" over seeds, "5.12" of one, "-" of none."""
    if not values:
        return "-"
    text = number_text(float(np.mean(values)), decimals)
    return text + (f" ± {np.std(values, ddof=1):.{decimals}f}" if len(values) > 1 else "")


def margin_text(margin):
    """A judged margin in one line, in the unit that the table shows."""
    if margin["verdict"] == claims.NOT_RUN:
        return f"{margin['label']}: not run"
    scale = margin["scale"]
    text = f"{margin['label']}: {scale * margin['mean']:+.3g}"
    if not margin["exact"]:
        text += (f" [{scale * margin['low']:+.3g}, {scale * margin['high']:+.3g}]" if margin["seeds"] > 1 else "")
        text += f" over {margin['seeds']} seed{'s' if margin['seeds'] > 1 else ''}"
        text += f" and {margin['faces']} faces" if margin["faces"] else ""
    if margin.get("published") is not None:
        text += f" (printed: {margin['published']:+.3g})"
    if margin["widened"]:
        low, high = margin["widened"]
        text += f", widened for all margins of the claim [{scale * low:+.3g}, {scale * high:+.3g}]"
    if margin["granted"] is not None:
        text += f", equal within ±{scale * margin['granted']:.2g}"
    if margin["verdict"] == claims.UNDECIDED:
        needs = margin.get("needs")
        text += "; one seed decides nothing" if margin["seeds"] < 2 else claims.NOTHING if margin["trivial"] else (
            claims.NOT_LEARNT if margin["untrained"] else
            f"; {margin['faces']} test faces are too few, about {margin['needs_faces']} are wanted" if margin["needs_faces"] else
            f"; about {needs} seeds would decide if it stays so" if needs else
            f"; more than {chance.MOST_SEEDS} seeds would be needed")
        if margin.get("needs_published") and not margin["trivial"] and not margin["untrained"]:
            text += f", {margin['needs_published']} seeds for a difference as large as the printed one"
    return f"{text}: {margin['verdict']}"


def table_text(results):
    """The table in Markdown: a row a row, each cell "printed / ours ± spread", then the claims."""
    table = results.table
    lines = ["| |" + "|".join(table.columns) + "|", "|---|" + "---:|" * len(table.columns)]
    for row in table.rows:
        cells = []
        for column in table.columns:
            if (row, column) not in table.cells:
                cells.append("")
                continue
            printed = results.published((row, column))
            ours = ours_text(results.values((row, column)), results.decimals((row, column)))
            cells.append(f"{printed_text(printed)} / {ours}" if printed is not None else ours)
        lines.append(f"| {row} | " + " | ".join(cells) + " |")
    return "\n".join(lines)
