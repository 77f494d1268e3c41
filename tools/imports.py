"""Which code of this repository a module runs, directly and in the end: read from the source."""

import ast
import functools
from pathlib import Path

from pipeline.base.code import digest

_digest = functools.cache(digest)
ROOT = Path(__file__).parents[1]
OWN = ("pipeline", "stages")
OTHER = {".cpp", ".hpp", ".yaml", ".j2"}
"""Sources that are no Python; they come with the modules of their folder."""


@functools.cache
def direct(path: Path) -> set[Path]:
    """Files that `path` imports, wherever in it the import stands, with the packages on the way to them. Imports for type
    checking alone do not count."""
    found: set[Path] = set()
    for node in _running(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                raise ValueError(f"{path}: relative import")
            names = [str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        for name in names:
            parts = name.split(".")
            if parts[0] in OWN:
                for depth in range(1, len(parts) + 1):
                    base = ROOT.joinpath(*parts[:depth])
                    found |= {file for file in (base / "__init__.py", base.with_suffix(".py")) if file.exists()}
    return found


def closure(path: Path) -> set[Path]:
    """`path` and every file of this repository that it imports in the end."""
    seen: set[Path] = set()
    todo = [path]
    while todo:
        current = todo.pop()
        if current not in seen:
            seen.add(current)
            todo += direct(current)
    return seen


def code_of(path: Path) -> dict[str, str]:
    """The digest of each source that the module at `path` runs, by its path from the root. Docstrings count where one of them
    reads docstrings, as captions of figures."""
    modules = closure(path)
    documented = any(reads_docstrings(file) for file in modules)
    files = modules | {file for folder in {file.parent for file in modules} for file in folder.iterdir() if file.suffix in OTHER}
    return {str(file.relative_to(ROOT)): _digest(file, documented) for file in sorted(files)}


@functools.cache
def reads_docstrings(path: Path) -> bool:
    """Whether a module asks something for its docstring; a script's own `__doc__`, its description, is no such case."""
    return any(isinstance(node, ast.Attribute) and node.attr == "__doc__" for node in ast.walk(ast.parse(path.read_bytes())))


def _running(tree: ast.AST) -> list[ast.AST]:
    """Every node but those below `if TYPE_CHECKING:`."""
    found: list[ast.AST] = []
    todo = [tree]
    while todo:
        node = todo.pop()
        found.append(node)
        unread = isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        todo += node.orelse if unread and isinstance(node, ast.If) else ast.iter_child_nodes(node)
    return found
