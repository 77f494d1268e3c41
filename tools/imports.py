"""Which files of this repository a module imports, directly and in the end: read from the source."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[1]
OWN = ("pipeline", "stages")


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


def _running(tree: ast.AST) -> list[ast.AST]:
    """Every node but those below `if TYPE_CHECKING:`."""
    found: list[ast.AST] = []
    todo = [tree]
    while todo:
        node = todo.pop()
        found.append(node)
        if not (isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"):
            todo += ast.iter_child_nodes(node)
    return found
