"""Which files of this repository a module imports, directly and in the end, and which parameters it names: from the source."""

import ast
from pathlib import Path

ROOT = Path(__file__).parents[1]
OWN = ("pipeline", "stages")


def direct(path: Path) -> set[Path]:
    """Files that `path` imports, wherever in it the import stands, with the packages on the way to them."""
    found: set[Path] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
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


def parameters(path: Path, sections: set[str]) -> set[str]:
    """What `path` names of `params` or `results.params`, as `section` or `section.name`, for the given sections.

    The ledger's entries have parameters of their own, which are no stage's.
    """
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        parts: list[str] = []
        inner: ast.AST = node
        while isinstance(inner, ast.Attribute):
            parts.insert(0, inner.attr)
            inner = inner.value
        if isinstance(inner, ast.Name):
            names = [inner.id, *parts]
            start = names.index("params") if "params" in names else len(names)
            after = names[start + 1 :][:2] if start == 0 or names[start - 1 : start] == ["results"] else []
            if after and after[0] in sections:
                found.add(".".join(after))
    return found
