"""A hash of the code that a result depends on: modules and what they import of this project, bar comments and docstrings."""

import ast
import hashlib
import io
import tokenize
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("gv", "anchorface", "data_prep", "experiments")
RESOLVED = (".presets",)   # what these modules say stands, resolved, in the config that the result is kept under
VERSION = "gv"             # the package's own file holds the version alone, which a record tells and does not depend on
_SKIPPED = (tokenize.COMMENT, tokenize.NL, tokenize.ENCODING, tokenize.ENDMARKER)
_STATEMENT_STARTS = (None, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)


def _path(module):
    base = ROOT.joinpath(*module.split("."))
    return next((path for path in (base.with_suffix(".py"), base / "__init__.py") if path.is_file()), None)


@lru_cache(maxsize=None)
def _imports(path):
    """The modules of this project that a file imports (``from gv import codec`` is gv.codec where that is a module)."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        found += [name for name in names if name.split(".")[0] in PACKAGES and _path(name)]
    return found


def closure(modules):
    """The names of the modules and of all they import within the project, sorted."""
    found, waiting = set(), list(modules)
    while waiting:
        name = waiting.pop()
        if name not in found and name != VERSION and not name.endswith(RESOLVED):
            if _path(name) is None:
                raise ValueError(f"{name} is no module of this project: what is measured has to stand in one that is imported")
            found.add(name)
            waiting += _imports(_path(name))
    return sorted(found)


def _tokens(text):
    """The tokens of a source; a formatted string is one, as it stands, which from Python 3.12 on comes in pieces."""
    lines, depth, start = text.splitlines(keepends=True), 0, None
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        kind = tokenize.tok_name[token.type]
        if kind == "FSTRING_START":
            depth, start = depth + 1, start or token.start
        elif kind == "FSTRING_END":
            depth -= 1
            if depth == 0:
                (first, left), (last, right) = start, token.end
                rows = lines[first - 1:last]
                rows[-1] = rows[-1][:right]     # before the left side is cut: it may be the same row
                rows[0] = rows[0][left:]
                yield token._replace(type=tokenize.STRING, string="".join(rows), start=start)
                start = None
        elif depth == 0:
            yield token


def code_of(text):
    """The tokens of a source that can change what it does: no comments, no docstrings, no blank lines."""
    kept, before, docstring = [], None, False
    # a last line without an end is no other code
    tokens = [token for token in _tokens(text + "\n") if token.type not in _SKIPPED]
    for token, after in zip(tokens, [*tokens[1:], None]):
        alone = token.type == tokenize.STRING and before in _STATEMENT_STARTS and after.type == tokenize.NEWLINE
        ends_one = token.type == tokenize.NEWLINE and docstring
        docstring = alone
        if not alone and not ends_one:
            kept.append(token.string if token.type not in (tokenize.INDENT, tokenize.DEDENT, tokenize.NEWLINE)
                        else tokenize.tok_name[token.type])
        before = token.type
    return "\n".join(kept)


@lru_cache(maxsize=None)
def _code(path):
    """``code_of`` a file, as bytes."""
    return code_of(path.read_text(encoding="utf-8")).encode()


@lru_cache(maxsize=None)
def digest(modules):
    """A hash of the code of the modules (a tuple of names) and of all they import within the project."""
    total = hashlib.sha256()
    for name in closure(modules):
        total.update(name.encode() + b"\0" + _code(_path(name)) + b"\0")
    return total.hexdigest()
