"""The house rules that a machine can check: who imports whom, what importing costs, what the files may not mention."""

import ast
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import setuptools

from gv.core.errors import InputError

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("gv", "anchorface", "data_prep", "experiments")
# floor -> the floors it may import; "gv" stands for the package without gv.core, and the bare gv/__init__.py is open to all
MAY_IMPORT = {
    "gv.core": {"gv.core"},
    "gv": {"gv.core", "gv"},
    "anchorface": {"gv.core", "anchorface"},
    "data_prep": {"gv.core", "data_prep"},
    "experiments": {"gv.core", "gv", "anchorface", "data_prep", "experiments"},
}
# the rooms of experiments/, from the top: a module imports its own room and those below, never one above
ROOMS = ("demo", "restamp", "report", "worker", "launch", "studies", "catalogue", "gv_tables", "anchorface_tables", "trainings",
         "harness", "plots", "papers")
MOST_ARROWS = 36     # between rooms
HEAVY = {"mxnet", "gluoncv"}
MAX_LINES = 350
# In pieces, so that this file does not hold what it forbids.
FORBIDDEN = ["/" + "work/", "/" + "root/", "../" + "shared", "pypi" + ".org", "python" + "hosted.org", "registry.npm" + "js",
             "deb." + "debian", "proxy.go" + "lang"]


def project_files():
    """Every file that is tracked or would be: git's list, or, outside a checkout, the files of the tree bar ignored folders."""
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    if listed.returncode == 0:
        return sorted(ROOT / name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file())
    ignored = re.compile(r"(^|/)(\.venv[^/]*|\.git|build|dist|runs|data|__pycache__|\.\w+_cache|\.hypothesis|[^/]+\.egg-info)/")
    return sorted(path for path in ROOT.rglob("*") if path.is_file() and not ignored.search(path.relative_to(ROOT).as_posix()))


def module_name(path):
    """gv/core/faces.py -> gv.core.faces; a package is named by its folder."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in project_files()
           if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in PACKAGES}


def floor_of(module):
    """The floor a module belongs to, or None for what is not ours and for the bare gv/__init__.py."""
    if module == "gv.core" or module.startswith("gv.core."):
        return "gv.core"
    first = module.split(".")[0]
    return None if module == "gv" or first not in PACKAGES else first


def import_statements(tree, at_import_time):
    """The import statements of a module; with ``at_import_time`` only those that run when it is imported."""
    pending = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield node
        elif not (at_import_time and isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))):
            pending.extend(ast.iter_child_nodes(node))


def imports_of(name, path, modules, at_import_time=False):
    """The full names that a module imports. ``from gv import codec`` is gv.codec where that is a module of ``modules``."""
    found = set()
    for node in import_statements(ast.parse(path.read_text(encoding="utf-8"), str(path)), at_import_time):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
            continue
        base = node.module or ""
        if node.level:
            package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
            package = package[: len(package) - (node.level - 1)]
            base = ".".join(package + ([base] if base else []))
        for alias in node.names:
            inner = f"{base}.{alias.name}"
            found.add(inner if inner in modules else base)
    return found


def wrong_arrows(modules):
    """["module imports module", ...] for every import that the floors do not allow."""
    return [f"{name} imports {target}"
            for name, path in sorted(modules.items())
            for target in sorted(imports_of(name, path, modules))
            if floor_of(target) and floor_of(target) not in MAY_IMPORT.get("gv" if name == "gv" else floor_of(name), set())]


def chain_to_heavy(name, modules):
    """["data_prep.w300", "gv.core.faces", ..., "mxnet"] where importing ``name`` loads a heavy package, else None."""
    pending, seen = [[name]], set()
    while pending:
        chain = pending.pop(0)
        if chain[-1].split(".")[0] in HEAVY:
            return chain
        if chain[-1] not in modules or chain[-1] in seen:
            continue
        seen.add(chain[-1])
        parts = chain[-1].split(".")
        parents = {".".join(parts[:end]) for end in range(1, len(parts))}
        pending.extend(chain + [target] for target in parents | imports_of(chain[-1], modules[chain[-1]], modules, True))
    return None


def test_imports_run_downward_only():
    assert wrong_arrows(MODULES) == []


def room_of(module):
    """The folder or file of experiments/ that a module belongs to, or None for what lies elsewhere."""
    parts = module.split(".")
    return parts[1] if parts[0] == "experiments" and len(parts) > 1 else None


def arrows_between_rooms(modules):
    """{(room, room that it imports): [the modules that do]} of experiments/."""
    arrows = {}
    for name, path in sorted(modules.items()):
        for target in imports_of(name, path, modules):
            if room_of(name) and room_of(target) and room_of(name) != room_of(target):
                arrows.setdefault((room_of(name), room_of(target)), []).append(name)
    return arrows


def test_the_rooms_of_experiments_import_downward_only():
    assert {room_of(name) for name in MODULES} - {None} == set(ROOMS)
    arrows = arrows_between_rooms(MODULES)
    assert {pair: names for pair, names in arrows.items() if ROOMS.index(pair[0]) > ROOMS.index(pair[1])} == {}
    assert len(arrows) <= MOST_ARROWS
    assert not {("gv_tables", "anchorface_tables"), ("worker", "report"), ("report", "worker")} & set(arrows)


def test_every_old_name_in_experiments_has_a_successor_in_the_documents():
    text = (ROOT / "docs/contributing.md").read_text(encoding="utf-8")
    named = dict(re.findall(r"^\| `experiments\.([\w.]+)` \| `experiments\.([\w.]+)` \|$", text, re.MULTILINE))
    assert len(named) > 40
    for old, new in named.items():
        assert f"experiments.{new}" in MODULES, f"{old} -> {new}"
        assert f"experiments.{old}" not in MODULES or old == "report", old


def test_importing_gv_imports_nothing():
    assert imports_of("gv", MODULES["gv"], MODULES, at_import_time=True) == {"gv.compat"}      # which imports nothing of others
    assert imports_of("gv.compat", MODULES["gv.compat"], MODULES, at_import_time=True) == {
        "contextlib", "importlib.abc", "importlib.machinery", "sys", "warnings"}


def test_data_prep_needs_no_mxnet():
    for name in (name for name in MODULES if floor_of(name) == "data_prep"):
        heavy = {target for target in imports_of(name, MODULES[name], MODULES) if target.split(".")[0] in HEAVY}
        assert not heavy, f"{name} imports {heavy}"
        assert chain_to_heavy(name, MODULES) is None


def test_no_import_is_built_from_a_string():
    for name, path in MODULES.items():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            called = ast.dump(node.func) if isinstance(node, ast.Call) else ""
            assert "'import_module'" not in called and "'__import__'" not in called, f"{name}:{node.lineno} imports by string"


@pytest.mark.parametrize("source, arrow", [
    ("from gv.codec import encode", "gv.core.x imports gv.codec"),
    ("from gv import codec", "gv.core.x imports gv.codec"),
    ("from .. import codec", "gv.core.x imports gv.codec"),
    ("def late():\n    import anchorface.net", "gv.core.x imports anchorface.net"),
    ("from gv import __version__\nfrom . import faces\nimport numpy.random", None),
])
def test_the_check_of_arrows_sees_them(tmp_path, source, arrow):
    path = tmp_path / "x.py"
    path.write_text(source)
    modules = {"gv.core.x": path, "gv.codec": tmp_path / "codec.py", "gv.core.faces": tmp_path / "faces.py"}
    for other in set(modules.values()) - {path}:
        other.write_text("")
    assert wrong_arrows(modules) == ([arrow] if arrow else [])


def test_the_check_of_weight_sees_chains_but_not_late_imports(tmp_path):
    sources = {"data_prep.a": "from gv.core import b", "gv.core.b": "try:\n    import mxnet as mx\nexcept ImportError:\n    pass",
               "data_prep.c": "def late():\n    import mxnet"}
    modules = {name: tmp_path / f"{name}.py" for name in sources}
    for name, path in modules.items():
        path.write_text(sources[name])
    assert chain_to_heavy("data_prep.a", modules) == ["data_prep.a", "gv.core.b", "mxnet"]
    assert chain_to_heavy("data_prep.c", modules) is None


def test_light_modules_load_without_mxnet():
    light = ["gv.core.faces"] + sorted(name for name in MODULES if floor_of(name) == "data_prep" and "__main__" not in name)
    code = f"import sys, {', '.join(light)}; print(*sorted({HEAVY!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True)
    assert (done.returncode, done.stdout.decode().strip()) == (0, ""), done.stderr.decode()


def test_no_file_mentions_a_machine_or_a_registry():
    found = [f"{path.relative_to(ROOT)}: {word}" for path in project_files()
             for word in FORBIDDEN if word.encode() in path.read_bytes()]
    assert found == []


def test_modules_read_in_one_sitting():
    lengths = {path.relative_to(ROOT).as_posix(): len(path.read_text(encoding="utf-8").splitlines())
               for path in project_files() if path.suffix == ".py"}
    assert {name: length for name, length in lengths.items() if length > MAX_LINES and not name.startswith("tests/")} == {}


@pytest.fixture(scope="module")
def packaging():
    """What setup.py hands to setuptools."""
    given = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        patch.setattr(setuptools, "setup", lambda **arguments: given.update(arguments))
        runpy.run_path(str(ROOT / "setup.py"))
    return given


def test_setup_packs_every_package(packaging):
    assert sorted(packaging["packages"]) == sorted(name for name, path in MODULES.items() if path.name == "__init__.py")
    bare = {path.parent for path in MODULES.values()} - {path.parent for path in MODULES.values() if path.name == "__init__.py"}
    assert bare == set(), "folders of modules without __init__.py are not packed"


def test_setup_takes_its_version_from_gv(packaging):
    import gv

    assert packaging["version"] == gv.__version__


def test_console_scripts_exist(packaging):
    for script in packaging["entry_points"]["console_scripts"]:
        module, function = script.split("=")[1].strip().split(":")
        assert module in MODULES, f"{script}: no module {module}"
        body = ast.parse(MODULES[module].read_text(encoding="utf-8")).body
        defined = {node.name for node in body if isinstance(node, ast.FunctionDef)}
        assert function in defined, f"{script}: no {function} in {MODULES[module]}"


def test_commands_named_in_the_documents_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8").replace("\\\n", " ")
    targets = set(re.findall(r"^([a-z][\w-]*):", makefile, re.MULTILINE))
    for names in re.findall(r"^(?:TABLES|FIGURES) = (.*)$", makefile, re.MULTILINE):
        targets.update(names.split())
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert {"test", "demo"} <= set(re.findall(r"^make ([\w-]+)", readme, re.MULTILINE))
    for document in (readme, (ROOT / "docs/contributing.md").read_text(encoding="utf-8")):
        named = set(re.findall(r"(?:^|`)make ([a-z][\w-]*)", document, re.MULTILINE))
        assert named <= targets, f"no such target: {named - targets}"


def test_the_readmes_claims_are_those_of_the_records(tmp_path):
    """The block between its marks, as ``make report`` writes it."""
    from experiments import catalogue
    from experiments.harness.jobs import RECORDS, Place
    from experiments.report import markdown_page
    from experiments.report.gather import gather
    report = gather(list(catalogue.TABLES.values()), Place("ablate", None, "nowhere", str(ROOT / RECORDS)))
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert text.count(markdown_page.BEGIN) == text.count(markdown_page.END) == 1
    assert markdown_page.block(report) in text, "run: make report"
    (tmp_path / "page.md").write_text("no place")
    with pytest.raises(InputError, match="no place for the claims"):
        markdown_page.write_block(report, tmp_path / "page.md")


@pytest.mark.parametrize("arguments, code, stream, words", [
    (["--version"], 0, "stdout", "anchorface "),
    (["--help"], 0, "stdout", "templates"),
    ([], 2, "stderr", "required"),
    (["train", "--data", "x"], 2, "stderr", "--out"),
])
def test_anchorface_is_a_command(arguments, code, stream, words):
    done = subprocess.run([sys.executable, "-m", "anchorface.cli", *arguments], cwd=ROOT, capture_output=True)
    output = getattr(done, stream).decode()
    assert done.returncode == code and words in output
    if code:
        assert len(output.splitlines()) == 1 and done.stdout == b""


def test_the_container_installs_what_the_readme_says_and_runs_its_commands():
    """The image's packages are the README's, and every ``make`` target and option that its lines use is there."""
    lines = (ROOT / "docs/container/Dockerfile").read_text(encoding="utf-8")
    needed = re.search(r"`python3-venv`: `([^`]*)`", (ROOT / "README.md").read_text(encoding="utf-8")).group(1)
    installed = re.search(r"--no-install-recommends (.*?) *\\", lines).group(1)
    assert installed.split() == ["make", *needed.split()]
    targets = {*re.findall(r'(?:RUN|landmarks|sh -c ") ?make ([a-z]+)', lines), *re.findall(r'CMD \["make", "([a-z]+)"\]', lines)}
    assert targets == {"test", "setup", "demo"}
    for target in targets:
        assert subprocess.run(["make", "-n", target, "GPU=unchecked"], cwd=ROOT, capture_output=True).returncode == 0
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    assert {"data", "runs", ".git", ".venv*"} <= set(ignored)
