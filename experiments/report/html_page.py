"""``make report``: one page on what came out of every table and figure of both papers, from the records there are.

    python -m experiments.report                                        # runs/report/index.html
    python -m experiments.report --markdown docs/RESULTS.md             # and the same as Markdown, without pictures

It runs nothing. First the claims, then table by table: printed, ours, the difference, the figures; then where it all comes
from. Every preset and every provenance of data (embedded / official / official, partial) has tables of its own.
"""

import base64
import os
import re
from pathlib import Path

from experiments import catalogue
from experiments.harness import chance, claims
from experiments.harness.code_hash import ROOT
from experiments.harness.jobs import RECORDS, STARTS, Place, records_of
from experiments.report import markdown_page
from experiments.report.gather import gather
from experiments.report.tables import folder_of
from gv.core.config import PRESETS
from gv.core.errors import InputError
from gv.core.exits import AsWritten, Parser
from gv.core.files import write_text

LOGS = ("worker.log", "log.csv", "config.json", "metrics.json")
MARKS = {claims.REPRODUCED: "✓", claims.CONTRADICTED: "✗", claims.UNDECIDED: "?", claims.NOT_COMPARABLE: "≁",
         claims.NOT_RUN: "○"}


def inline(text):
    """A line of Markdown as HTML: code and bold print; the rest is escaped."""
    from markupsafe import Markup, escape
    html = re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text)))
    return Markup(re.sub(r"\*\*([^*]+)\*\*", r"<strong>\1</strong>", html))


def command(text):
    """A command as HTML, broken between its words alone."""
    from markupsafe import Markup, escape
    words = (f'<span class="nowrap">{escape(word)}</span>' for word in text.split())
    return Markup(f"<code>{' '.join(words)}</code>")


def breakable(text):
    """A column's name as HTML that may be broken behind a slash."""
    from markupsafe import Markup, escape
    return Markup(str(escape(text)).replace("/", "/<wbr>"))


def data_uri(png):
    """A PNG's bytes as a data URI."""
    return "data:image/png;base64," + base64.b64encode(png).decode()


def address(path, folder):
    """The relative address of a file from a page in ``folder``."""
    return os.path.relpath(path, folder).replace(os.sep, "/")


def links_of(run, kept, folder):
    """[(name, relative address)] of what there is of a run: its record and, where its folder is here, its logs.

    kept: the folder of records; folder: the page's.
    """
    files = [("record", Path(kept, f"{run.key}.json"))]
    if run.folder:
        files += [(name, Path(run.folder, name)) for name in LOGS]
        files += [(path.name, path) for path in sorted(run.folder.glob("errors_*.csv"))]
    return [(name, address(path, folder)) for name, path in files if path.is_file()]


def write_page(report, place, made_by, folder):
    """Write index.html whole, and return its path."""
    from jinja2 import Environment, PackageLoader
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    environment = Environment(loader=PackageLoader("experiments"), autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters.update(inline=inline, command=command, breakable=breakable, data_uri=data_uri)
    for group in report.groups:
        for run in group.runs:
            run.folder = folder_of({"run": run.run, "kind": "measure" if run.measures else "train"}, place.out)
            run.links = links_of(run, place.records, folder)
    environment.filters["address"] = lambda path: address(Path(ROOT, path), folder)
    page = environment.get_template("report.html").render(
        **vars(report), glances=report.glances, lead=report.lead, marks=MARKS, verdicts=claims.VERDICTS, command=made_by,
        level=round(100 * chance.LEVEL), chosen_text=claims.CHOSEN, needs_text=claims.NEEDS, same=round(100 * claims.SAME),
        near=f"{claims.NEAR:g}")
    return write_text(folder / "index.html", page)


def parse(arguments=None):
    """The parsed command line; InputError for what cannot be."""
    options = Parser(prog="python -m experiments.report", description=__doc__, formatter_class=AsWritten)
    options.add_argument("--preset", choices=PRESETS, default="ablate",
                         help="the one that comes first, with what running the rest of it costs (default %(default)s)")
    options.add_argument("--seeds", type=int, help="show seeds 0 to N-1, and reckon with as many (default: all there are; 3)")
    options.add_argument("--data", default=os.environ.get("DATA") or None,
                         help="folder of prepared indexes: official data comes first (default: $DATA, else drawn faces)")
    options.add_argument("--out", default="runs", help="folder of runs; the page is OUT/report/index.html (default %(default)s)")
    options.add_argument("--records", help=f"folder of records (default {RECORDS}; at smoke, OUT/smoke/records)")
    options.add_argument("--start", choices=STARTS, default=STARTS[0], help="show the runs that began so (default %(default)s)")
    options.add_argument("--markdown", metavar="FILE", help="write the results as Markdown too")
    options.add_argument("--readme", metavar="FILE", help="put the claims at a glance into this page, between its marks")
    args = options.parse_args(arguments)
    if args.seeds is not None and args.seeds < 1:
        raise InputError("--seeds", args.seeds, "at least 1")
    for name in ("data", "records"):
        given = getattr(args, name)
        if given and not Path(given).is_dir():
            raise InputError(f"--{name}", f"no folder {given}", "a folder that is there")
    args.records = args.records or records_of(args.preset, args.out)
    return args


def command_of(args):
    """The command that makes the same again, for the page."""
    given = f" --seeds {args.seeds}" if args.seeds else ""
    return f"python -m experiments.report --preset {args.preset}{given}{' --data DIR' if args.data else ''}"


def main(arguments=None):
    """Write the page, and the Markdown where it is asked for."""
    args = parse(arguments)
    place = Place(args.preset, args.data, args.out, args.records, args.start)
    report = gather(list(catalogue.TABLES.values()), place, args.seeds, pictures=True)
    print(write_page(report, place, command_of(args), Path(args.out, "report")))
    if args.markdown:
        shown = Path(args.markdown).name if os.path.isabs(args.markdown) else args.markdown
        print(markdown_page.write(report, f"{command_of(args)} --markdown {shown}", args.markdown))
    if args.readme:
        print(markdown_page.write_block(report, args.readme))
