"""Sources told apart by digests that comments and docstrings do not change."""

import ast
import hashlib
import io
import tokenize
from pathlib import Path


def digest(path: Path, docstrings: bool = False) -> str:
    """SHA-256 of a source, of Python without comments, empty lines and, unless they count, docstrings."""
    content = path.read_bytes()
    if path.suffix == ".py":
        content = "\n".join(running_lines(content.decode(), docstrings)).encode()
    return hashlib.sha256(content).hexdigest()


def running_lines(source: str, docstrings: bool = False) -> list[str]:
    """The lines of a Python source that do something, in order, with docstrings if they count. Inside long strings blanks
    count."""
    lines, inside = source.split("\n"), set[int]()  # not splitlines, which knows more ends of lines than Python's parser
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            lines[row - 1] = lines[row - 1][:column]
        elif token.end[0] > token.start[0]:
            inside |= set(range(token.start[0] - 1, token.end[0]))
    nodes = [] if docstrings else [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Expr)]
    for node in sorted(nodes, key=lambda node: (node.lineno, node.col_offset), reverse=True):  # those before keep their places
        if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            assert node.end_lineno is not None and node.end_col_offset is not None
            first, last = node.lineno - 1, node.end_lineno - 1
            before, after = lines[first].encode()[: node.col_offset], lines[last].encode()[node.end_col_offset :]
            inside -= set(range(first, last + 1))
            lines[first : last + 1] = [before.decode(), *[""] * (last - first)]
            lines[last] = lines[last].rstrip() + after.decode()
    return [line if row in inside else line.rstrip() for row, line in enumerate(lines) if line.strip() or row in inside]
