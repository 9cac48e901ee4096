"""What an experiment is, as data: trainings, ways of looking at them, and the cells of a table that they fill.

A table's script names cells; everything else (what has to be run, what is shared, what is already there) follows from them.
"""

from dataclasses import dataclass

from gv.core.errors import InputError


@dataclass(frozen=True)
class Share:
    """An option that is a share of the input's side, such as the anchor area: 0.25 is 56 of 224 pixels."""

    of: float

    def of_side(self, size):
        """The option's value at an input of ``size`` pixels."""
        return self.of * size

    def __str__(self):
        return f"{self.of:g} of the side"


@dataclass(frozen=True)
class At:
    """An option that is ``value`` at one preset, and ``otherwise`` at the others (None: its default)."""

    preset: str
    value: object
    otherwise: object = None

    def at(self, preset):
        """The option's value at a preset, or None."""
        return self.value if preset == self.preset else self.otherwise

    def __str__(self):
        return f"{self.value} at {self.preset}" + ("" if self.otherwise is None else f", else {self.otherwise}")


@dataclass(frozen=True)
class Written:
    """An option that names a file, which the harness writes below its folder of runs.

    name: the file's; it stands for the path in a training's key, so that another content wants another name. text: function
    without arguments to the content.
    """

    name: str
    text: object

    def __str__(self):
        return self.name


def pairs(**options):
    """Options as the sorted tuple of (name, value) that frozen dataclasses hold."""
    return tuple(sorted(options.items()))


@dataclass(frozen=True)
class Train:
    """A training. method: a name of METHODS; data: a name of SETS; options: where it differs from the preset, by ``pairs``.

    curve: the split that is evaluated after every epoch, for a convergence plot; it selects nothing.
    """

    method: str
    data: str
    options: tuple = ()
    curve: str = ""

    def but(self, **options):
        """The same training with some options changed, and without a curve."""
        return Train(self.method, self.data, pairs(**{**dict(self.options), **options}))


@dataclass(frozen=True)
class View:
    """A way to evaluate a training. split; decoding: options of the method's Decoding, by ``pairs``; shrink: share off."""

    split: str
    decoding: tuple = ()
    shrink: float = 0.0

    def name(self):
        """What the view is called in a record; equal views have one name, so 2 is written 2.0."""
        decoding = ",".join(f"{key}={float(value) if type(value) is int else value}" for key, value in self.decoding)
        return self.split + (f"|{decoding}" if decoding else "") + (f"|shrink={self.shrink:g}" if self.shrink else "")


@dataclass(frozen=True)
class Measure:
    """A measurement that is no training: a time, a count, a picture.

    function: of a ``running.Context`` to {name: number}; it may write pictures into ``context.folder``. needs: trainings whose
    weights it reads. data: sets it reads. exact: the figures have no chance in them, one seed is enough. options: what the
    function is told, by ``pairs``. pictures: the files it writes, without which it counts as missing.
    """

    name: str
    function: object
    needs: tuple = ()
    data: tuple = ()
    exact: bool = False
    options: tuple = ()
    pictures: tuple = ()


@dataclass(frozen=True)
class Cell:
    """One number of a table. source: Train or Measure; view: of a Train; metric: as the record names it.

    published: (row, column) of the printed number, or (row, column, number) where another table of the paper has it; None where
    the paper has none. scale: times which the fraction is shown. decimals: shown, where they are not the table's.
    """

    source: object
    metric: str
    view: View = None
    published: tuple = None
    scale: float = 100.0
    decimals: int = None

    def __post_init__(self):
        if isinstance(self.source, Train) != (self.view is not None):
            raise InputError(f"cell of {self.metric}", "a view without a training, or the reverse", "both or neither")


@dataclass(frozen=True)
class Figure:
    """A picture of a table's results. draw: function of (``results.Results``, path) that writes a PNG."""

    name: str
    caption: str
    draw: object


@dataclass(frozen=True)
class Table:
    """A table or figure of a paper.

    key: "gv-table8"; paper: "gv" or "anchorface"; number: the table's (0 for none); title: what it compares; unit: of its
    numbers; cells: {(row, column): Cell}; claims: what the paper concludes; figures: what is drawn; notes: readings of the paper
    that matter and what differs from it, a line each.
    """

    key: str
    paper: str
    number: int
    title: str
    unit: str
    cells: dict
    claims: tuple = ()
    figures: tuple = ()
    notes: tuple = ()
    decimals: int = 2

    def __hash__(self):
        return hash(self.key)

    @property
    def rows(self):
        """The rows' names, in order."""
        return list(dict.fromkeys(row for row, _ in self.cells))

    @property
    def columns(self):
        """The columns' names, in order."""
        return list(dict.fromkeys(column for _, column in self.cells))

    def sources(self):
        """The trainings and measurements the cells and pictures want, each once."""
        return list(dict.fromkeys(cell.source for cell in self.cells.values()))


def cross(rows, columns, cell):
    """{(row, column): cell(row, column)} in order, without those that are None."""
    made = {(row, column): cell(row, column) for row in rows for column in columns}
    return {key: value for key, value in made.items() if value is not None}
