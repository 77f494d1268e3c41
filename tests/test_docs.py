"""README is short, the site names every page, links lead to files, and `tools.walk` runs the commands of a page.

That what a page shows is what its commands print is not compared: other processors round in another order. `--write` renews it.
"""

import re

import pytest

from tools.imports import ROOT
from tools.walk import walk

DOCS = ROOT / "docs"


def test_readme_is_read_in_minutes():
    text = (ROOT / "README.md").read_text()
    assert len(text.split()) < 900 and len(text.splitlines()) < 110


def test_the_site_names_every_page():
    index = (DOCS / "index.md").read_text()
    assert {page.stem for page in DOCS.glob("*.md")} - set(re.findall(r"^([a-z-]+)$", index, re.MULTILINE)) == {"index"}


@pytest.mark.parametrize("page", [ROOT / "README.md", *sorted(DOCS.glob("*.md"))], ids=lambda page: page.name)
def test_links_lead_to_files(page):
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text())
    assert [link for link in links if not link.startswith("http") and not (page.parent / link).exists()] == []


def test_a_walk_runs_the_commands_and_keeps_what_they_print(tmp_path):
    other = "```sh\n$ false\n```\n"
    page = "```console tail=1\n$ echo one; echo two\n$ echo three\nold output\n```\n"
    shown = "```console tail=1\n$ echo one; echo two\ntwo\n$ echo three\nthree\n```\n"
    assert walk(other + page, tmp_path) == other + shown


def test_a_walk_ends_at_a_command_that_fails(tmp_path):
    with pytest.raises(SystemExit, match="`false` ended with 1"):
        walk("```console\n$ false\n$ touch made\n```\n", tmp_path)
    assert not (tmp_path / "made").exists()
