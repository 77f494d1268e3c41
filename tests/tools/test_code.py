"""A stage runs again where the code that it runs has changed, and for nothing else."""

import ast
import json
from textwrap import dedent

import pytest

from pipeline.base.code import digest, running_lines
from pipeline.base.folders import Folders
from stages import code
from tools.dvc_yaml import ORDER
from tools.imports import ROOT, _running, closure, code_of

SOURCE = dedent('''
    """What it is."""

    import os  # for paths


    class Section:
        """A section."""

        rate: float = 1.0  # a share
        """Of spikes."""


    def name():
        """The name.

        In two lines.
        """
        return "# no comment\\n" + """
    a  # text

    b""" + os.sep
''')


def test_comments_docstrings_and_empty_lines_do_not_count():
    bare = dedent('''
        import os
        class Section:
            rate: float = 1.0
        def name():
            return "# no comment\\n" + """
        a  # text

        b""" + os.sep
    ''')
    assert running_lines(SOURCE) == running_lines(bare)
    assert running_lines(SOURCE)[0] == "import os"


@pytest.mark.parametrize(
    ("old", "new"),
    [("1.0", "2.0"), ("# no comment", "# a comment"), ("a  # text", "a"), ("text\n\n", "text\n"), ("float", "int")],
)
def test_all_else_counts(old, new):
    assert old in SOURCE
    assert running_lines(SOURCE.replace(old, new)) != running_lines(SOURCE)


def test_docstrings_count_where_they_are_asked_for():
    changed = SOURCE.replace("In two lines", "In a word")
    assert running_lines(changed) == running_lines(SOURCE)
    assert running_lines(changed, docstrings=True) != running_lines(SOURCE, docstrings=True)
    assert running_lines(SOURCE.replace("# for paths", "# for names"), docstrings=True) == running_lines(SOURCE, docstrings=True)


def test_a_form_feed_in_a_string_moves_no_line():
    assert running_lines('a = "\f"  # one\n"""Of a."""\nb = 2\n') == ['a = "\f"', "b = 2"]


def test_captions_are_docstrings_so_figures_are_drawn_again_for_them():
    plot = "pipeline/analysis/plot.py"
    assert code_of(ROOT / "stages/figures.py")[plot] == digest(ROOT / plot, docstrings=True) != digest(ROOT / plot)
    for name in ("train_block", "train_end_to_end", "forward", "partition", "infer", "account"):
        listed = code_of(ROOT / "stages" / f"{name}.py")
        assert listed["pipeline/base/files.py"] == digest(ROOT / "pipeline/base/files.py")


def test_a_docstring_alone_leaves_a_source_that_differs_from_none():
    assert running_lines('def f():\n    """Nothing."""\n') == ["def f():"]


def test_every_module_that_a_stage_imports_is_digested_and_no_other():
    for name in ORDER:
        script = ROOT / "stages" / f"{name}.py"
        listed = {ROOT / path for path in code_of(script)}
        assert closure(script) == {path for path in listed if path.suffix == ".py"}


def test_sources_that_are_no_python_are_digested():
    for name in ("train_block", "infer"):
        listed = set(code_of(ROOT / "stages" / f"{name}.py"))
        assert {"pipeline/neuron/fused/kernels.cpp", "pipeline/engine/events/input.hpp"} <= listed
    assert any(path.startswith("pipeline/reporting/claims") for path in code_of(ROOT / "stages/tables.py"))


def test_there_is_one_file_per_stage(tmp_path):
    folders = Folders(tmp_path)
    (folders.runs / "code").mkdir(parents=True)
    code.main(folders, None)
    assert {path.stem for path in (folders.runs / "code").iterdir()} == set(ORDER) - {"code"}
    written = json.loads((folders.runs / "code/partition.json").read_text())
    assert written == code_of(ROOT / "stages/partition.py")


def test_code_on_the_line_of_a_docstring_counts():
    for source in ('class A(B): """x."""\n', '"""x.\n\ny."""; import os\n', 'def f(): "x"; "y"; g()\n'):
        lines = "\n".join(running_lines(source))
        assert "x" not in lines
        assert any(word in lines for word in ("class A(B):", "import os", "g()")), source
    assert running_lines('class A(B): "é"; rate = 1\n') != running_lines('class A(B): "é"; rate = 2\n')


def test_the_other_branch_of_type_checking_is_read(tmp_path):
    tree = ast.parse("if TYPE_CHECKING:\n    import a\nelse:\n    import b\n")
    assert [node.names[0].name for node in _running(tree) if isinstance(node, ast.Import)] == ["b"]
