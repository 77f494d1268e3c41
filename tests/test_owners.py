"""Who owns a parameter decides what runs again: a change of a package's parameters reaches its own stages and what follows."""

import pytest
from tiny_pipeline import copied, make_clone, run

OWNERS = {
    "data": "data", "encoding": "encoding", "neuron": "neuron", "network": "network", "training": "training",
    "partition": "partition", "inference": "inference",
}  # fmt: skip
REPORTS = {"tables", "figures", "report", "validate"}
NETWORKS = {
    "train_block", "forward", "train_base", "forward_base", "train_end_to_end", "forward_end_to_end", "infer", "account",
    "anytime",
}  # fmt: skip
AFTER_PARTITION = {"partition", "check", *REPORTS}
DETECTOR = {"train_hcd", "partition"}
"""Their parameters' file, training/params.py, also holds the section `hcd`; what it imports counts too."""
ALLOWED = {
    "data": {"prepare", "check", *REPORTS},
    "encoding": {"encode", "check", "account", *REPORTS},
    "neuron": NETWORKS | DETECTOR | REPORTS | {"check"},
    "network": NETWORKS | DETECTOR | REPORTS | {"check"},
    "training": NETWORKS | DETECTOR | REPORTS | {"check"},
    "partition": {*AFTER_PARTITION, "start"},  # it checks the metric against the classes
    "accounting": {"account", "check", *REPORTS},
    "inference": {"infer", "account", "anytime", "check", *REPORTS},
}
NEEDED = {"data": "prepare", "encoding": "encode", "training": "train_block", "partition": "partition", "inference": "infer"}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("owners")
    make_clone(folder)
    run(folder, "dvc", "repro")
    return folder


def would_run(folder) -> set[str]:
    """Stages that new code or parameters run again, `code` aside, which looks at the code."""
    run(folder, "dvc", "repro", "code")
    said = run(folder, "dvc", "repro", "--dry")
    return {line.split("'")[1].partition("@")[0] for line in said.splitlines() if line.startswith("Running stage")}


@pytest.mark.slow
def test_code_in_the_file_of_a_section_reaches_its_own_stages_alone(finished, tmp_path):
    assert would_run(finished) == set()
    for section in OWNERS:
        folder = copied(finished, tmp_path / section)
        path = folder / "pipeline" / section / "params.py"
        path.write_text(path.read_text() + "\nADDED = 1\n")
        found = would_run(folder)
        assert found <= ALLOWED[section], (section, found - ALLOWED[section])
        assert NEEDED.get(section, "check") in found


@pytest.mark.slow
def test_comments_and_docstrings_run_nothing_again(finished, tmp_path):
    folder = copied(finished, tmp_path / "comments")
    for path in (folder / "pipeline").rglob("*.py"):
        path.write_text(path.read_text() + "\n\n# A comment.\n")
    script = folder / "stages" / "train_block.py"
    script.write_text(script.read_text().replace('"""', '"""In short: ', 1))
    assert would_run(folder) == set()


@pytest.mark.slow
def test_expectations_reach_reports_alone(finished, tmp_path):
    folder = copied(finished, tmp_path / "expectations")
    path = folder / "pipeline" / "config" / "expectation.py"
    path.write_text(path.read_text() + "\nADDED = 1\n")
    assert "validate" in would_run(folder) <= REPORTS | {"check"}


@pytest.mark.slow
def test_a_new_parameter_of_training_reaches_trainings_and_what_follows(finished, tmp_path):
    folder = copied(finished, tmp_path / "new")
    path = folder / "pipeline" / "training" / "params.py"
    text = path.read_text()
    new = '    warm_up: int = 0\n    """Epochs of rising learning rate."""\n    epochs: Count\n'
    assert "    epochs: Count\n" in text
    path.write_text(text.replace("    epochs: Count\n", new, 1))
    found = would_run(folder)
    assert {"train_block", "train_base", "train_end_to_end"} <= found <= ALLOWED["training"]
