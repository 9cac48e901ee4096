"""The data an experiment runs on: the user's prepared indexes, or drawn faces made on the spot."""

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from data_prep.synthetic.sets import SETS as LIKES
from data_prep.synthetic.sets import VERSION, counts, generate
from gv.core.errors import InputError, one_of
from gv.core.faces import read_index
from gv.core.files import lock

# name in experiments -> (--like of the drawn faces, folder below it)
SETS = {
    "300w": ("300w", ""), "cofw": ("cofw", ""), "wflw": ("wflw", ""), "jd": ("jd", ""), "aflw": ("aflw", ""),
    "menpo/semifrontal": ("menpo", "semifrontal"), "menpo/profile": ("menpo", "profile"),
}
# pictures of an embedded set, by preset: paper has as many as the set it stands for
EMBEDDED_SIZE = {"smoke": 60, "ablate": 5000, "mini": 5000}
EMBEDDED_SEED = 0
EMBEDDED = "embedded"
PICTURES_A_PROCESS = 500     # at least, of a set that is made: what a process takes to start is lost below that


def embedded_size(like, preset):
    """Pictures of the embedded set that stands for ``like`` at a preset."""
    return EMBEDDED_SIZE.get(preset) or sum(count for part in LIKES[like][1].values() for count, _ in part.splits.values())


@dataclass(frozen=True)
class DataSet:
    """A set an experiment runs on. folder: of its index; landmarks: a face; provenance: "embedded", "official" or "official,
    partial"; identity: what tells it from any other, as JSON values; line: what results call it."""

    name: str
    folder: Path
    landmarks: int
    normaliser: str
    provenance: str
    identity: dict
    line: str


@lru_cache(maxsize=None)
def _split_digest(path):
    """A hash of a split's faces: the pictures' names, not where they lie."""
    digest = hashlib.sha256()
    with open(path, "rb") as lines:
        for line in lines:
            try:
                face = json.loads(line)
                face["image"] = Path(face["image"]).name
            except (ValueError, KeyError, TypeError) as error:
                raise InputError(path, f"not a split of an index ({type(error).__name__})", "a face a line",
                                 "prepare the index again") from None
            digest.update(json.dumps(face, sort_keys=True).encode() + b"\n")
    return digest.hexdigest()


def find(name, preset, data, out):
    """The ``DataSet`` of a name. data: the folder of the user's prepared indexes, or None for drawn faces below ``out``."""
    like, part = SETS[one_of("data set", name, SETS)]
    if data is None:
        size = embedded_size(like, preset)
        made = LIKES[like][1][part]
        identity = {"like": like, "part": part, "size": size, "seed": EMBEDDED_SEED, "version": VERSION}
        folder = Path(out, "data", f"{like}-{size}-{EMBEDDED_SEED}", part)
        line = f"{LIKES[like][0]} {part}".strip() + f", {size} drawn faces in all"
        return DataSet(name, folder, made.layout, made.normaliser, EMBEDDED, identity, line)
    index = read_index(Path(data, name))
    if not isinstance(index.layout, int):
        raise InputError(index.folder, f"{index.landmarks} landmarks of a scheme of its own",
                         f"the set's {LIKES[like][1][part].layout}", "tables run on the papers' sets; gv train takes any index")
    identity = {"source": index.source, "splits": {split: _split_digest(Path(index.folder, f"{split}.jsonl"))
                                                   for split in sorted(index.splits)}}
    return DataSet(name, index.folder, index.layout, index.normaliser, index.provenance, identity, index.provenance_line())


def has_split(dataset, split):
    """Whether a set has faces of a split; an embedded one need not be made yet."""
    return _to_make(dataset) or read_index(dataset.folder).splits.get(split, 0) > 0


def make(datasets, workers):
    """Make the embedded sets among these that are not there yet; an interrupted one goes on."""
    for dataset in datasets:
        if _to_make(dataset):
            identity = dataset.identity
            root = dataset.folder.parent if identity["part"] else dataset.folder
            with lock(root):
                if _to_make(dataset):   # still: another process may have made it while this one waited
                    useful = max(1, min(workers, identity["size"] // PICTURES_A_PROCESS))
                    generate(identity["like"], identity["size"], identity["seed"], root, useful)
        elif _is_ours(dataset) and read_index(dataset.folder).extra.get("version") != VERSION:
            raise InputError(dataset.folder, "drawn faces that another version of the project made", f"version {VERSION}",
                             "remove the folder: they are made again")


def _is_ours(dataset):
    """Whether a set is made here, not given as an index: drawn faces that the user prepared are given."""
    return "like" in dataset.identity


def _to_make(dataset):
    return _is_ours(dataset) and not Path(dataset.folder, "index.json").is_file()


def train_faces(dataset):
    """How many training faces an embedded set has, without making it; of another, what its index says."""
    if _is_ours(dataset):
        return counts(dataset.identity["like"], dataset.identity["size"])[dataset.identity["part"], "train"]
    return read_index(dataset.folder).splits.get("train", 0)
