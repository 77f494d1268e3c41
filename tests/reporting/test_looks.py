"""Reports whatever the names of classes and the settings of the user are."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
import pytest
from fake_run import digits_params, write_run
from matplotlib.cbook import is_math_text

from pipeline.analysis import plot
from pipeline.base.files import read_json, write_json
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


STAGES = """
from importlib import import_module
for name in ("tables", "figures", "validate", "report"):
    stage = import_module(f"stages.{name}")
    stage.STAGE.run(stage.main, stage.__doc__)
"""
MINE = """\
axes.facecolor: black
axes.formatter.use_locale: True
font.family: serif
savefig.dpi: 30
"""
ASCII = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0", "TZ": "Pacific/Kiritimati"}
GERMAN = {"LC_ALL": "de_DE.ISO-8859-1", "PYTHONUTF8": "0", "TZ": "America/St_Johns"}


def reported(root: Path, environment: dict[str, str]) -> dict[str, bytes]:
    """Everything below reports/ of a made-up run that is reported in such an environment."""
    write_run(root, digits_params())
    manifest = read_json(root / "data/prepared/manifest.json")
    write_json(root / "data/prepared/manifest.json", manifest | {"class_names": ["ß", "猫", "naïve", "\u202e", *"abcdef"]})
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"} | environment
    subprocess.run([sys.executable, "-c", STAGES], env=environment, check=True, cwd=root)
    return {str(path.relative_to(root)): path.read_bytes() for path in (root / "reports").rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    return reported(tmp_path_factory.mktemp("plain"), {"PYTHONUTF8": "1", "TZ": "UTC"})


@pytest.mark.parametrize("environment", [ASCII, GERMAN], ids=["ascii", "german"])
def test_reports_are_the_same_bytes_in_any_environment(environment, plain, tmp_path):
    (tmp_path / "matplotlibrc").write_text(MINE)
    if environment == GERMAN:
        define = ["localedef", "-i", "de_DE", "-f", "ISO-8859-1", str(tmp_path / "de_DE.iso88591")]
        if not shutil.which("localedef") or subprocess.run(define, check=False).returncode:
            pytest.skip("the C library cannot make a locale here")
    assert reported(tmp_path, environment | {"MPLCONFIGDIR": str(tmp_path), "LOCPATH": str(tmp_path)}) == plain
    assert len(plain) > 40


def test_guard_a_style_on_top_of_the_users_settings_would_keep_them():
    with mpl.rc_context({"axes.facecolor": "black"}):
        with mpl.rc_context(plot.STYLE):
            assert mpl.rcParams["axes.facecolor"] == "black"
        with plot.style():
            assert mpl.rcParams["axes.facecolor"] == "white"
