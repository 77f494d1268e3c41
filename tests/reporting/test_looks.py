"""Figures whatever the names of classes and the settings of the user are."""

import subprocess
import sys

import matplotlib as mpl
import pytest
from matplotlib.cbook import is_math_text

from pipeline.analysis import plot
from tools.imports import ROOT

NAMES = ["ca$$h", "a_{b}^2", r"\alpha", "", "  ", "x\ty", "naïve", "{brace}", "100%", "\U0001f408"]


def drawn(names, path):
    with plot.style():
        _, (axis,) = plot.new_figure()
        plot.bars(axis, plot.short_names(names), [1.0] * len(names), 0.8, "k")
        plot.save(path, "figure", plot.finish([axis], "bars"))


def test_any_class_name_is_drawn(tmp_path):
    drawn(NAMES, tmp_path)
    assert (tmp_path / "figure.png").stat().st_size > 1000


def test_labels_are_told_apart_and_short():
    names = [f"a very long name of class {end}" for end in "xyz"] + ["猫", "犬", "cat"]
    labels = plot.short_names(names)
    assert len(set(labels)) == len(names)
    assert max(map(len, labels)) <= plot.NAME_WIDTH
    assert labels[3:] == ["#4", "#5", "cat"]
    assert plot.short_names(["cat", "dog"]) == ["cat", "dog"]


def test_dollars_are_shown_and_powers_of_ten_are_set(tmp_path):
    assert not is_math_text(plot.short_names(["ca$$h"])[0])
    with plot.style():
        _, (axis,) = plot.new_figure()
        axis.semilogy([1, 2], [1e-3, 1e3])
        plot.bars(axis, plot.short_names(["ca$$h", "b"]), [1.0, 2.0], 0.8, "k")
        plot.save(tmp_path, "figure", plot.finish([axis], "bars"))
        labels = [label.get_text() for label in axis.get_xticklabels()]
        assert labels[0] == r"ca\$\$h" and any(is_math_text(label.get_text()) for label in axis.get_yticklabels())


@pytest.mark.parametrize("setting", ["text.usetex: True", "font.size: 30", "axes.facecolor: black", "backend: nonsense"])
def test_the_users_settings_change_nothing(setting, tmp_path):
    code = f"import sys; sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / 'tests/reporting')!r}]; from pathlib import Path\n"
    code += "import test_looks; test_looks.drawn(test_looks.NAMES[:2], Path(sys.argv[1]))"
    made = []
    for name, line in (("plain", ""), ("own", setting)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "matplotlibrc").write_text(line)
        subprocess.run([sys.executable, "-W", "ignore", "-c", code, str(tmp_path / name)], check=True,
                       env={"MPLCONFIGDIR": str(tmp_path / name), "PATH": "/usr/bin:/bin"}, cwd=tmp_path)  # fmt: skip
        made.append((tmp_path / name / "figure.svg").read_text())
    assert made[0] == made[1]


def test_guard_a_style_on_top_of_the_users_settings_would_keep_them():
    with mpl.rc_context({"axes.facecolor": "black"}):
        with mpl.rc_context(plot.STYLE):
            assert mpl.rcParams["axes.facecolor"] == "black"
        with plot.style():
            assert mpl.rcParams["axes.facecolor"] == "white"
