"""What a report shows, as plain values: worked out by ``gather``, laid out by ``html_page`` and ``markdown_page``."""

from dataclasses import dataclass, field
from pathlib import Path

from experiments.harness.claims import NOT_RUN
from experiments.report.by_preset import PROVENANCES


@dataclass(frozen=True)
class Cost:
    """What running missing cells takes. runs; seconds; unknown: runs that nothing like has been measured for; weights: trainings
    that are recorded already, but whose weights a missing measurement reads, with their seconds; absent: sets not there;
    lacks: splits that the data has no face of ("300w/challenge"), which no run can give."""

    runs: int
    seconds: float
    unknown: int
    weights: int
    weights_seconds: float
    absent: list
    lacks: list


@dataclass
class ShownMargin:
    """A margin of a claim. ours, interval, printed: text; faces: that its interval is over, None for seeds alone; notes: more of
    it, a line each."""

    label: str
    verdict: str
    seeds: int
    exact: bool
    ours: str = ""
    interval: str = ""
    printed: str = ""
    faces: int = None
    notes: list = field(default_factory=list)


@dataclass(frozen=True)
class ShownClaim:
    """A claim. id: of its anchor; ours: this project's, not the paper's; cost: what running it takes, where it has not run;
    hangs: what a contradiction may hang on; apart: why it is not comparable; chosen: the reading that was chosen by the claim
    itself; earlier: whether earlier code made a number of it; official: whether it compares with other methods' printed
    numbers."""

    id: str
    text: str
    where: str
    ours: bool
    verdict: str
    margins: list
    hangs: str
    apart: str
    chosen: str
    cost: str
    earlier: bool
    official: bool


@dataclass(frozen=True)
class Glance:
    """A table in one row: its main claim, the paper's first that is judged, else ours, with its number. verdict: of that claim;
    what: the number's name; printed, ours: text; counts: {verdict: how many of the paper's claims}."""

    claim: str
    verdict: str
    what: str
    printed: str
    ours: str
    counts: dict


@dataclass(frozen=True)
class ShownCell:
    """A cell. asked: ours to run; exact: without chance; data: the number comes from a data set; the rest is text."""

    printed: str = ""
    ours: str = ""
    seeds: int = 0
    spread: str = ""
    difference: str = ""
    asked: bool = False
    exact: bool = False
    data: bool = False


@dataclass(frozen=True)
class ShownRow:
    """A row. ours: whether we run it; seeds: of all its numbers, None where they differ."""

    name: str
    ours: bool
    cells: list
    ran: bool
    printed: bool
    seeds: int
    data: bool


@dataclass(frozen=True)
class Grid:
    """A table beside the print. apart: the print is laid out otherwise and not woven in."""

    columns: list
    rows: list
    apart: bool


@dataclass(frozen=True)
class Drawing:
    """A figure. png: bytes, or None, and then ``why`` there is none."""

    name: str
    caption: str
    png: bytes
    why: str = ""


@dataclass(frozen=True)
class RecordKey:
    """A record that a row reads."""

    seed: int
    key: str


@dataclass(frozen=True)
class Setting:
    """Where a row's training differs from the plainest of its method and set. runs: [RecordKey]."""

    rows: str
    what: str
    differs: str
    runs: list


@dataclass(frozen=True)
class Provenance:
    """Where a table's numbers come from, over all its records. earlier: how many were made by earlier code."""

    records: int
    runs: int
    data: list
    seeds: list
    commits: list
    earlier: int
    versions: list
    devices: list
    machines: list
    dates: str
    time: str
    settings: list


@dataclass
class ShownRun:
    """A run that tables read. folder, links: filled in where a page is written."""

    key: str
    what: str
    seed: int
    date: str
    commit: str
    earlier: bool
    devices: str
    beside: int
    run: str
    data: str
    time: str
    faces: int
    measures: bool
    folder: Path = None
    links: list = field(default_factory=list)


@dataclass(frozen=True)
class ShownTable:
    """A table in one group."""

    key: str
    anchor: str
    title: str
    unit: str
    paper: str
    name: str
    notes: list
    ran: bool
    claims: list
    glance: Glance
    grid: Grid
    caption: str
    figures: list
    cost: Cost
    cost_text: str
    command: str
    provenance: Provenance

    @property
    def judged(self):
        """Whether it has a verdict to be shown at a glance."""
        return self.ran and bool(self.glance) and self.glance.verdict != NOT_RUN


@dataclass(frozen=True)
class Counts:
    """{verdict: claims}, the paper's and our own."""

    paper: dict
    ours: dict


@dataclass(frozen=True)
class Differing:
    """A claim that came out in opposite ways on two data. verdicts: [(name of a group, verdict)]."""

    table: str
    claim: str
    verdicts: list


@dataclass(frozen=True)
class Overall:
    """The papers' claims over the groups of a preset, each counted once. groups: names of those that have run, the data nearest
    to the papers' first; counts: {verdict: claims}, without ``whole``, those that nothing but the papers' own data can judge;
    chosen: for how many of the reproduced ones the reading was chosen by the claim itself."""

    preset: str
    groups: list
    counts: dict
    whole: int
    chosen: int
    differing: list


@dataclass(frozen=True)
class ShownGroup:
    """What there is of one preset on data of one provenance. sizes: (headings, rows); runs: [ShownRun]."""

    name: str
    slug: str
    preset: str
    provenance: str
    embedded: bool
    first: bool
    tables: list
    counts: Counts
    cost: Cost
    cost_text: str
    command: str
    sizes: tuple
    runs: list
    seeds: int

    @property
    def ran(self):
        """Whether any of its tables has a number."""
        return any(table.ran for table in self.tables)


@dataclass(frozen=True)
class TableParts:
    """A table in every group that has it: [(ShownGroup, ShownTable)]."""

    key: str
    title: str
    paper: str
    parts: list

    @property
    def ran(self):
        """Whether any group has a number of it."""
        return any(part.ran for _, part in self.parts)


@dataclass(frozen=True)
class Reading:
    """A section of the page on how the papers are read. table: rows, the headings first."""

    title: str
    table: list
    points: list


@dataclass(frozen=True)
class Page:
    """A page that earlier work left."""

    path: str
    title: str
    summary: str


@dataclass(frozen=True)
class Report:
    """Everything a report shows. orphans: keys of records that no table has; withdrawn: what is no longer held, a line each."""

    overall: Overall
    groups: list
    tables: list
    papers: dict
    records: int
    orphans: list
    readings: list
    earlier: list
    withdrawn: list

    @property
    def glances(self):
        """The tables that have a verdict, each a row of the overview."""
        return [part for table in self.tables for _, part in table.parts if part.judged]

    @property
    def lead(self):
        """(table, figure) of the picture at the page's head: the first of a table that has a verdict, of the preset asked for
        before any other and on the data nearest to the papers'; None without any."""
        def nearness(come):
            return come[0].preset != self.groups[0].preset, PROVENANCES.index(come[0].provenance)

        return next(((part, figure) for table in self.tables for _, part in sorted(table.parts, key=nearness) if part.judged
                     for figure in part.figures if figure.png), None)
