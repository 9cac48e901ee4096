"""Jobs: a training or a measurement with every option resolved, the key it is kept under, and what running it gives."""

from dataclasses import dataclass, field
from pathlib import Path

from anchorface.methods import METHODS as ANCHORFACE
from experiments.harness import code_hash, datasets, records
from experiments.harness.grid import At, Measure, Share, Train, Written
from gv.core import checkpoint
from gv.core.errors import InputError
from gv.core.files import write_text
from gv.core.pictures import Crop
from gv.core.run import SCRATCH, get_method, plan
from gv.methods import METHODS as GAUSSIAN_VECTOR
from gv.methods import HeatmapXavier

METHODS = {**GAUSSIAN_VECTOR, **ANCHORFACE, HeatmapXavier.name: HeatmapXavier}
# What every training runs, with the method's own module: weights are kept under the hash of this code.
TRAINING_CODE = ("gv.core.train",)
# What turns weights into a record, besides: where only this has changed, a run is evaluated again, not trained.
EVALUATION_CODE = ("gv.core.evaluate", "experiments.harness.running")
ALWAYS = {"detector_faces": 0}    # boxes come from the index: no cascade is fitted


RECORDS, SMOKE = "docs/results/records", "smoke"
STARTS = (SCRATCH, "imagenet")


def records_of(preset, out):
    """Where records are kept unless told otherwise: with the project, but those of ``smoke`` below the folder of runs."""
    return str(Path(out, SMOKE, "records")) if preset == SMOKE else RECORDS


@dataclass(frozen=True)
class Place:
    """Where an experiment runs: the preset, the user's indexes (None: drawn faces), the folders of runs and of records.

    start: what the trainings of methods with published weights begin from, "scratch" or "imagenet"; the others from scratch.
    """

    preset: str
    data: str = None
    out: str = "runs"
    records: str = RECORDS
    start: str = SCRATCH

    def dataset(self, name):
        """The ``datasets.DataSet`` of a name."""
        return datasets.find(name, self.preset, self.data, self.out)

    def lacks(self, source):
        """The sets that a source runs on, and of which the user's data has no folder."""
        return [name for name in sets_of(source) if self.data and not Path(self.data, name).is_dir()]


def sets_of(source):
    """The names of the sets that a Train or a Measure runs on."""
    needs = [train.data for train in source.needs] if isinstance(source, Measure) else []
    return list(dict.fromkeys([source.data] if isinstance(source, Train) else [*source.data, *needs]))


@dataclass
class Job:
    """One training or measurement with one seed. identity: what its key is the hash of; sources: the hash of its code.

    views: what is asked of a training. record: what there is already, of these sources (or any, where any will do).
    images: that a training shows its net, for estimates.
    """

    source: object
    seed: int
    identity: dict
    sources: str
    folder: Path
    views: set = field(default_factory=set)
    record: dict = None
    images: int = 0
    weights: bool = False    # a measurement wants the weights, not the record alone

    @property
    def key(self):
        """The name of its record."""
        return records.key_of(self.identity)

    def missing(self):
        """The views that the record lacks."""
        have = self.record["views"] if self.record else {}
        return sorted((view for view in self.views if view.name() not in have), key=lambda view: view.name())

    def finished(self):
        """Whether nothing is left to run."""
        if self.record is None:
            return False
        if isinstance(self.source, Measure):
            return all(Path(self.record["run"], name).is_file() for name in self.source.pictures)
        return not self.missing() and not (self.weights and not self.trained())

    def trained(self):
        """Whether its folder has the weights of the whole training, not those of one that was interrupted."""
        try:
            return bool(checkpoint.read_sidecar(self.folder).get("finished"))
        except InputError:
            return False


def _file(written, out):
    return Path(out, "files", written.name)


def write_files(train, out):
    """Write the files that a training's options name, where they are missing."""
    for _, value in train.options:
        if isinstance(value, Written) and not _file(value, out).is_file():
            write_text(_file(value, out), value.text())


def settings_of(train, preset, seed, out="runs", start=SCRATCH):
    """{option: value} of a training on top of its preset. out: below which the files lie that options name; start: a Place's."""
    options = dict(ALWAYS)
    if start != SCRATCH and get_method(METHODS, train.method).PRETRAINED:
        options["start"] = start
    if train.curve:
        options["curve_split"] = train.curve
    given = {name: value.at(preset) if isinstance(value, At) else value for name, value in train.options}
    options.update((name, value) for name, value in given.items() if value is not None)
    size = options.get("size") or get_method(METHODS, train.method).PRESETS.get(preset, {}).get("size", Crop.size)
    options = {name: value.of_side(size) if isinstance(value, Share) else str(_file(value, out)) if isinstance(value, Written)
               else value for name, value in options.items()}
    return {**options, "seed": seed}


def make_run(train, preset, seed, landmarks, out="runs", start=SCRATCH):
    """The ``gv.core.run.Run`` of a training."""
    return plan(METHODS, train.method, preset, settings_of(train, preset, seed, out, start), landmarks, train.data)


def make_job(source, seed, place, any_sources=False):
    """The ``Job`` of a Train or a Measure, with what its record holds."""
    if isinstance(source, Train):
        dataset = place.dataset(source.data)
        run = make_run(source, place.preset, seed, dataset.landmarks, place.out, place.start)
        identity = {"kind": "train", "data": dataset.identity, "provenance": dataset.provenance,
                    "config": _plain(run.config(), source)}
        trained_by = code_hash.digest((*TRAINING_CODE, type(run.method).__module__))
        code = code_hash.digest((*TRAINING_CODE, *EVALUATION_CODE, type(run.method).__module__))
        faces = datasets.train_faces(dataset)
        images = run.training.epochs * min(run.training.faces or faces, faces)
    else:
        identity = {"kind": "measure", "name": source.name, "preset": place.preset, "seed": seed,
                    "options": [list(pair) for pair in source.options],
                    "data": {name: place.dataset(name).identity for name in source.data},
                    "needs": [make_job(train, seed, place).key for train in source.needs]}
        read = {name for train in source.needs for name in (*TRAINING_CODE, get_method(METHODS, train.method).__module__)}
        code = code_hash.digest((source.function.__module__, "experiments.harness.running", *sorted(read)))
        trained_by, images = code, 0
    job = Job(source, seed, identity, code, Path(), images=images)
    job.folder = Path(place.out, "trainings" if isinstance(source, Train) else "measurements", f"{job.key}-{trained_by[:8]}")
    record = records.read(place.records, job.key)
    if record and (any_sources or record["sources"] == code):
        job.record = record
    return job


def _plain(config, train):
    """A run's config without its preset's name, two presets that agree being one run, and without this machine's paths."""
    written = {name: value.name for name, value in train.options if isinstance(value, Written)}
    return {name: {**value, **{option: written[option] for option in written if option in value}}
            if isinstance(value, dict) else value for name, value in config.items() if name != "preset"}


def collect(tables, seeds, place, any_sources=False):
    """{(source, seed): Job} of what the tables want, trainings first; a measurement that is exact is run with one seed.

    Sources that come to the same run, such as one that names an option's own value, share a Job. Those on sets that the user's
    data lacks are left out; InputError where nothing is left.
    """
    jobs, by_key = {}, {}

    def want(source, seed):
        if (source, seed) not in jobs:
            job = make_job(source, seed, place, any_sources)
            jobs[source, seed] = by_key.setdefault(job.key, job)
        return jobs[source, seed]

    lacking = absent(tables, place)
    if all(set(place.lacks(cell.source)) & lacking for table in tables for cell in table.cells.values()):
        for name in sorted(lacking):
            place.dataset(name)     # which says what is missing
    for table in tables:
        for cell in table.cells.values():
            for seed in seeds_of(cell.source, seeds) if not place.lacks(cell.source) else ():
                job = want(cell.source, seed)
                if isinstance(cell.source, Train) and datasets.has_split(place.dataset(cell.source.data), cell.view.split):
                    job.views.add(cell.view)
    for (source, seed), job in list(jobs.items()):
        if isinstance(source, Measure) and not job.finished():
            for train in source.needs:
                want(train, seed).weights = True
    return dict(sorted(jobs.items(), key=lambda item: isinstance(item[0][0], Measure)))


def absent(tables, place):
    """The names of the sets that tables run on, and of which the user's data has no folder."""
    return {name for table in tables for source in table.sources() for name in place.lacks(source)}


def unique(jobs):
    """The jobs of ``collect``, each once."""
    return list({job.key: job for job in jobs.values()}.values())


def seeds_of(source, seeds):
    """The seeds a source is run with."""
    return seeds[:1] if isinstance(source, Measure) and source.exact else seeds
