"""``python -m data_prep.synthetic``: an embedded set in the shape of one of the papers' data sets, or a contact sheet of one."""

import json
import sys

from data_prep.synthetic.sets import SETS, generate
from data_prep.synthetic.sheet import write_sheet
from gv.core import exits
from gv.core.errors import InputError, one_of


def main(arguments=None):
    """Read the options and write the set or the sheet."""
    options = exits.Parser(prog="python -m data_prep.synthetic", description="Embedded faces with exact landmarks.")
    options.add_argument("--like", required=True, help=f"the data set whose shape it takes: {', '.join(SETS)}")
    options.add_argument("--size", type=int, help="pictures in all; the splits share them in the official proportions")
    options.add_argument("--seed", type=int, default=0, help="same seed, same bytes (default 0)")
    options.add_argument("--out", help="the folder to write; menpo writes two indexes, semifrontal and profile, in it")
    options.add_argument("--workers", type=int, default=1, help="processes; the bytes do not depend on it (default 1)")
    options.add_argument("--sheet", help="write a contact sheet of the set to this picture instead")
    options.add_argument("--json", action="store_true", help="print what was written as JSON, and nothing else, on stdout")
    args = options.parse_args(arguments)
    one_of("--like", args.like, SETS, "no data set")
    if args.sheet:
        write_sheet(args.like, args.seed, args.sheet)
        written = {"sheet": args.sheet}
    elif args.size is None or not args.out:
        missing = "--out" if args.size is not None else "--size" if args.out else "--size and --out"
        raise InputError(missing, "not given", "how many pictures and where, or --sheet FILE")
    else:
        indexes = generate(args.like, args.size, args.seed, args.out, args.workers)
        written = {index.source: {"folder": str(index.folder), "layout": index.layout, "splits": index.splits}
                   for index in indexes.values()}
    if args.json:
        print(json.dumps(written, indent=2))
    else:
        for name, what in written.items():
            splits = "" if name == "sheet" else "".join(f", {split} {count}" for split, count in what["splits"].items())
            print(f"{name}: {what if name == 'sheet' else what['folder']}{splits}")


if __name__ == "__main__":
    sys.exit(exits.run(main))
