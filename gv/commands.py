"""The sub-commands that Gaussian Vector has beside the common ones. Heavy imports wait until they run."""

from gv.core.errors import InputError, one_of

SECTIONS = ("nets", "reading", "pipeline", "steps", "engines")


def _bench_arguments(parser):
    parser.add_argument("--what", default="nets,reading,pipeline", help=f"what to measure, of {', '.join(SECTIONS)}, with commas "
                                                                        "between (default %(default)s)")
    parser.add_argument("--encoder", default="mobilenetv3_large", help="as gv options lists them (default %(default)s)")
    parser.add_argument("--size", type=int, default=256, help="of the crop in pixels (default %(default)s)")
    parser.add_argument("--landmarks", type=int, default=68, help="default %(default)s")
    parser.add_argument("--batches", default="1", help="batch sizes, with commas between (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=20, help="turns that each of what is compared takes (default %(default)s)")
    parser.add_argument("--set", dest="settings", action="append", default=[], metavar="KEY=VALUE",
                        help="change one option of preset paper, e.g. width=128; may be repeated")


def whole_numbers(name, text):
    """Numbers of at least 1 in a text with commas between; InputError otherwise."""
    try:
        found = [int(part) for part in text.split(",")]
    except ValueError:
        found = []
    if not found or min(found) < 1:
        raise InputError(name, f'"{text}"', "whole numbers of at least 1, with commas between")
    return found


def bench(arguments, methods):
    """``bench``: times of heatmaps and vectors in one run."""
    import tempfile

    from gv import bench as measure
    from gv.core.config import parse_settings
    from gv.core.devices import parse_devices
    what = [one_of("--what", name, SECTIONS) for name in arguments.what.split(",")]
    batches = whole_numbers("--batches", arguments.batches)
    for name in ("size", "landmarks", "rounds"):
        if getattr(arguments, name) < 1:
            raise InputError(f"--{name}", getattr(arguments, name), "at least 1")
    device = parse_devices(arguments.devices)[0]
    settings = {"encoder": arguments.encoder, "size": str(arguments.size), **parse_settings(arguments.settings)}
    given, rounds = (methods, settings, arguments.landmarks), arguments.rounds
    report = {"encoder": arguments.encoder, "size": arguments.size, "landmarks": arguments.landmarks, "device": str(device),
              "rounds": rounds}
    for name, function in (("nets", measure.nets), ("reading", measure.readings), ("steps", measure.steps)):
        if name in what:
            report[name] = [function(*given, device, batch, rounds) for batch in batches]
    if "pipeline" in what:
        with tempfile.TemporaryDirectory() as folder:
            report["pipeline"] = measure.pipeline(*given, device, rounds, folder)
    if "engines" in what:
        report["engines"] = [measure.on_engines(*given, batch, rounds) for batch in batches]
    return report, _text(report)


def _rows(times, timing):
    width = max(map(len, times))
    return [f"    {name:{width}s}  {timing.text(found)}" for name, found in times.items()]


def _text(report):
    from gv.core import timing
    lines = [f"{report['encoder']}, {report['size']} px, {report['landmarks']} landmarks, {report['device']}; "
             f"milliseconds, median [quartiles] of {report['rounds']} rounds in which all take turns"]
    for one in report.get("nets", []):
        lines += [f"  one pass, batch {one['batch']}:", *_rows(one["times"], timing),
                  f"    folded vectors take {timing.text(one['faster'])} times less than the heatmap net, the encoder alone "
                  f"{timing.text(one['bound'])} times:",
                  f"    {100 * one['share']['median']:.0f} % of that bound; "
                  f"{100 * one['share_of_folded_encoder']['median']:.0f} % of the bound by an encoder with its BatchNorms folded"]
    for one in report.get("reading", []):
        lines.append(f"  points of the outputs, batch {one['batch']}:")
        for library, found in one["libraries"].items():
            lines.append(f"    {library:25s}  heatmaps {timing.text(found['heatmaps'], 3)}  vectors "
                         f"{timing.text(found['vectors'], 3)}  {timing.text(found['factor'], 1)} times")
    if "pipeline" in report:
        found = report["pipeline"]
        lines += ["  from a picture's file to points, batch 1:", *_rows({**found["steps"], "whole": found["whole"]}, timing)]
    for one in report.get("steps", []):
        lines.append(f"  one training step, batch {one['batch']}; time over the heatmap net's; MiB beyond the weights:")
        width = max(map(len, one["times"]))
        lines += [f"    {name:{width}s}  {timing.text(found)}  {timing.text(one['ratio'][name])}  {one['memory'][name]:.0f}"
                  for name, found in one["times"].items()]
    for one in report.get("engines", []):
        for graph, found in one["graphs"].items():
            lines += [f"  the graph {graph}, batch {one['batch']}:", *_rows(found["times"], timing),
                      *(f"    {engine}: {why}" for engine, why in found["absent"].items())]
    return "\n".join(lines)


# name: (help, example's arguments, adds arguments to a parser, the command)
MORE = {"bench": ("Measure times of heatmaps and vectors: nets, reading, pipeline, training steps, engines.",
                  "--encoder resnet50v2 --what nets,engines", _bench_arguments, bench)}
