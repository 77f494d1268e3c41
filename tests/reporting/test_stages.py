"""The four stages as commands: files, bytes, exit codes, and the page."""

import hashlib
import os
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import yaml
from commands import ROOT, run
from fake_run import digits_params, paper_params, write_run
from pipeline.reporting.paper import load_claims


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


def test_threshold_that_changes_no_partition_changes_no_report(reports: Path, tmp_path: Path) -> None:
    params = digits_params()
    params["partition"]["threshold"]["value"] = 0.1
    write_run(tmp_path, params)
    for stage in ("tables", "figures", "validate", "report"):
        assert run(tmp_path, stage).returncode == 0
    assert digests(tmp_path) == digests(reports)


def test_page_has_every_claim(page: tuple[str, Page]) -> None:
    text = page[0].replace("<wbr>", "")
    assert [claim.id for claim in load_claims() if f"<code>{claim.id}</code>" not in text] == []


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


def test_no_paths_or_threshold_on_the_page(page: tuple[str, Page], reports: Path) -> None:
    assert str(reports) not in page[0] and "&#34;threshold&#34;: {" not in page[0]


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


def test_reporting_imports_no_torch() -> None:
    modules = "stages.tables, stages.figures, stages.report, stages.validate"
    code = f"import sys, {modules}; sys.exit('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)
    assert done.returncode == 0
