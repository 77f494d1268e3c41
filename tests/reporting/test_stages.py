"""The four stages as commands: files, bytes, exit codes, and the page."""

import hashlib
import html
import os
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from commands import ROOT, run
from fake_run import digits_params, paper_params, write_run

from pipeline.base import machine
from pipeline.base.files import read_json, write_json
from pipeline.reporting.claims.paper import load_claims
from pipeline.reporting.page.samples import SHOWN, sample_groups
from tools.imports import direct


def digests(root: Path) -> dict[str, str]:
    files = sorted(path for path in (root / "reports").rglob("*") if path.is_file())
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


class Page(HTMLParser):
    """Collects what the page loads and where it links to."""

    def __init__(self) -> None:
        super().__init__()
        self.images: list[dict[str, str | None]] = []
        self.ids: list[str] = []
        self.anchors: list[str] = []
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "img":
            self.images.append(found)
        if found.get("id"):
            self.ids.append(str(found["id"]))
        if tag == "a":
            self.anchors.append(str(found["href"]))
        elif tag in ("script", "link", "iframe", "object", "embed"):
            self.loads.append(tag)
        self.loads += [str(found[name]) for name in ("src", "srcset", "poster") if name in found and tag != "img"]


@pytest.fixture(scope="module")
def page(reports: Path) -> tuple[str, Page]:
    text = (reports / "reports/report.html").read_text()
    parser = Page()
    parser.feed(text)
    return text, parser


def test_same_inputs_same_bytes(reports: Path, tmp_path: Path) -> None:
    first = digests(reports)
    write_run(tmp_path, digits_params())
    for stage in ("tables", "figures", "validate", "report"):
        assert run(tmp_path, stage).returncode == 0
    assert digests(tmp_path) == first
    assert len([name for name in first if name.endswith(".svg")]) == 13


def test_another_threshold_with_the_same_partition_changes_only_what_states_it(reports: Path, tmp_path: Path) -> None:
    params = digits_params()
    params["partition"]["threshold"]["value"] = 0.1
    write_run(tmp_path, params)
    for key in ("b1", "b2", "b3"):
        write_json(tmp_path / f"runs/{key}/classes.json", {"threshold": 0.895})
    for stage in ("tables", "figures", "validate", "report"):
        assert run(tmp_path, stage).returncode == 0
    first, second = digests(reports), digests(tmp_path)
    stating = {"tables/partition.md", "figures/figure_4.png", "figures/figure_4.svg", "figures/captions.json", "report.html"}
    assert {name for name in first if first[name] != second[name]} == {f"reports/{name}" for name in stating}


def test_the_hardness_threshold_stands_on_the_page_and_in_figure_4(page: tuple[str, Page], reports: Path) -> None:
    words = "Hardness threshold, relative (the mean +0 standard deviations of the class accuracies): 88.30 % after b1"
    assert words in page[0] and words in (reports / "reports/tables/partition.md").read_text()
    captions = read_json(reports / "reports/figures/captions.json")
    assert "The threshold is 88.30 %." in captions["figure_4"]["alt"]


def test_the_page_says_how_samples_were_chosen(page: tuple[str, Page]) -> None:
    """They are spread over the test set, which may be sorted by class, and are not the first of each kind."""
    text = " ".join(page[0].split())
    assert "up to 8 of each kind, spread evenly over the test set in its order" in text and "the first of each kind" not in text
    rng = np.random.default_rng(0)
    images, label = rng.integers(0, 256, (100, 1, 4, 4), dtype=np.uint8), np.arange(100) // 50
    exits = {"exit_block": np.ones(100, int), "prediction": label, "label": label, "index": np.arange(100)}
    easy, hard, mistakes = sample_groups(images, exits, ["b1"], [1], ["a", "b"])
    assert [sample.index for sample in easy.samples] == [0, 7, 14, 21, 28, 35, 42, 49] and len(easy.samples) == SHOWN
    assert (hard.samples[-1].index, mistakes.samples) == (99, [])


def test_a_commit_with_edits_is_marked(tmp_path: Path) -> None:
    def git(*arguments: str) -> None:
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
        subprocess.run(["git", *identity, *arguments], cwd=tmp_path, check=True, capture_output=True)

    assert machine.commit_or_modified(tmp_path) == ""
    git("init", "-q")
    (tmp_path / "reports").mkdir()
    for name in ("code.py", "dvc.lock", "reports/summary.json"):
        (tmp_path / name).write_text("one")
    git("add", "-A")
    git("commit", "-qm", "one")
    commit = machine.git("rev-parse", "HEAD", folder=tmp_path)
    for name in ("dvc.lock", "reports/summary.json"):  # what a run writes itself
        (tmp_path / name).write_text("two")
    assert machine.commit_or_modified(tmp_path) == commit and len(commit) == 40
    (tmp_path / "code.py").write_text("two")
    assert machine.commit_or_modified(tmp_path) == f"{commit} (modified)"


def test_without_a_commit_the_page_says_why(reports: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(reports, tmp_path, dirs_exist_ok=True)
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    settings = {"GIT_TEST_ASSUME_DIFFERENT_OWNER": "1", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    assert run(tmp_path, "report").returncode == 0
    said = html.unescape((tmp_path / "reports/report.html").read_text())
    assert f"Code: no commit; git says: detected dubious ownership in repository at '{tmp_path}'." in said


def test_page_has_every_claim(page: tuple[str, Page]) -> None:
    text = page[0].replace("<wbr>", "")
    assert [name for name in load_claims() if f"<code>{name}</code>" not in text] == []


def test_page_loads_nothing(page: tuple[str, Page]) -> None:
    text, parser = page
    assert parser.loads == []
    assert "url(" not in text and "@import" not in text
    assert [a for a in parser.anchors if not a.startswith("#")] == ["https://doi.org/10.3389/fnins.2021.603433"]
    assert text.count("http://") + text.count("https://") == 1


def test_images_are_embedded_and_described(page: tuple[str, Page]) -> None:
    images = page[1].images
    assert len(images) > 12
    assert all(str(image["src"]).startswith("data:image/png;base64,") and image.get("alt") for image in images)


def test_anchors_lead_somewhere_and_ids_are_unique(page: tuple[str, Page]) -> None:
    parser = page[1]
    assert [a for a in parser.anchors if a.startswith("#") and a[1:] not in parser.ids] == []
    assert len(parser.ids) == len(set(parser.ids))


def test_class_names_are_escaped(page: tuple[str, Page]) -> None:
    assert "class &lt;3&gt;" in page[0] and "class <3>" not in page[0]


def test_no_paths_on_the_page(page: tuple[str, Page], reports: Path) -> None:
    assert str(reports) not in page[0] and "&#34;path&#34;" not in page[0]


def test_table_1_takes_this_run_only_on_cifar10(reports: Path, tmp_path: Path) -> None:
    assert "this run)" not in (reports / "reports/tables/table_1.csv").read_text()
    write_run(tmp_path, paper_params())
    assert run(tmp_path, "tables").returncode == 0
    lines = (tmp_path / "reports/tables/table_1.csv").read_text().splitlines()
    assert "ResNet-9 (the paper),BlocTrain,CIFAR-10,40000,86.4" in lines[9]
    assert lines[11].startswith('ResNet-9 (this run),BlocTrain,CIFAR-10,40000,90.0,,"CIFAR-10 32x32, first layer 64 channels')
    assert len(lines) == 1 + 10 + 3
    assert "this run)" not in (tmp_path / "reports/tables/table_2.csv").read_text()


def test_a_block_not_built_says_why(tmp_path: Path) -> None:
    write_run(tmp_path, digits_params(), built=2)
    for stage in ("tables", "figures", "validate", "report"):
        done = run(tmp_path, stage)
        assert done.returncode == 0, done.stderr
    for name in ("accuracy_by_depth", "partition", "training_time"):
        assert "not built: target accuracy reached" in (tmp_path / f"reports/tables/{name}.md").read_text()
    assert "b3: not built: target accuracy reached" in (tmp_path / "reports/report.html").read_text()


def test_missing_input_is_one_line(tmp_path: Path) -> None:
    write_run(tmp_path, digits_params())
    (tmp_path / "runs/exits_test.npz").unlink()
    for stage in ("tables", "figures"):
        done = run(tmp_path, stage)
        assert done.returncode == 1
        assert done.stderr.splitlines() == ["error: runs/exits_test.npz: missing; run `dvc repro` (or `dvc checkout`) to make it"]
    assert not (tmp_path / "reports").exists() or not list((tmp_path / "reports").iterdir())


def set_expectations(root: Path, *expectations: dict[str, Any]) -> None:
    params = {**digits_params(), "expectations": list(expectations)}
    (root / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False))


@pytest.mark.parametrize(
    ("expectation", "code", "line"),
    [
        ({"metric": "accuracy.bloctrain", "min": 0.9, "max": 0.9}, 0, ""),
        ({"metric": "accuracy.bloctrain", "min": 0.91}, 1, "accuracy.bloctrain: 0.9, expected at least 0.91 (Table 1)"),
        ({"metric": "exits.b1", "max": 0.5}, 1, "exits.b1: 0.6, expected at most 0.5 (Table 1)"),
        ({"metric": "exits.b7", "min": 0.0}, 1, "exits.b7: missing from reports/summary.json, expected at least 0 (Table 1)"),
        ({"metric": "exits", "min": 0.0}, 1, "exits: missing from reports/summary.json, expected at least 0 (Table 1)"),
    ],
)
def test_validate_exit_codes(tmp_path: Path, expectation: dict[str, Any], code: int, line: str) -> None:
    write_run(tmp_path, digits_params())
    assert run(tmp_path, "tables").returncode == 0
    set_expectations(tmp_path, {**expectation, "source": "Table 1"})
    assert run(tmp_path, "validate").returncode == 0
    before = digests(tmp_path)
    strict = run(tmp_path, "validate", "--strict")
    assert (strict.returncode, strict.stderr.strip()) == (code, line)
    assert digests(tmp_path) == before
    assert strict.stdout == (tmp_path / "reports/validation.md").read_text()


def test_reporting_itself_needs_no_torch() -> None:
    """Of the packages with networks in them it imports what is made without torch: parameters, and what a run stored."""
    without = {"params", "stored", "known", "exit_rule", "hardness", "sweep", "watch"}
    for path in (ROOT / "pipeline/reporting").rglob("*.py"):
        text = path.read_text()
        assert "import torch" not in text and "from torch" not in text, path
        modules = re.findall(r"^from pipeline\.(?:data|network|neuron|training|partition|inference)\.?(\w*)", text, re.MULTILINE)
        assert set(modules) <= without, f"{path} imports {modules}"


ROOMS = ("ledger", "claims", "figures", "page")


def test_rooms_import_one_way() -> None:
    """ledger -> claims -> figures and tables -> page; what the rooms share imports none of them."""
    folder = ROOT / "pipeline/reporting"
    for path in folder.rglob("*.py"):
        room = path.relative_to(folder).parts[0]
        imported = {file.relative_to(folder).parts[0] for file in direct(path) if folder in file.parents} & {*ROOMS, "tables.py"}
        before = {"tables.py": ROOMS[:2], "page": (*ROOMS, "tables.py")}
        allowed = before.get(room, ROOMS[: ROOMS.index(room) + 1] if room in ROOMS else ())
        assert imported <= set(allowed), f"{path} imports {imported}"
