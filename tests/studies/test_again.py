import pytest

from pipeline.base.yaml_file import read_mapping
from pipeline.config import parse_params
from pipeline.reporting.ledger.alike import same_parameters
from pipeline.reporting.ledger.entry import load_entry
from studies.again import recorded
from tools.imports import ROOT

PUBLISHED = ROOT / "reports/published"
NAMES = sorted(path.parent.name for path in PUBLISHED.glob("*/entry.json"))
MOVED = ("training.end_to_end_learning_rate", "baselines", "accounting", "data.source", "data.path")


@pytest.mark.parametrize("path", [None, "images.zip"])
@pytest.mark.parametrize("name", NAMES)
def test_every_published_experiment_can_be_run_again(name, path):
    entry, before = load_entry(PUBLISHED / name), read_mapping(PUBLISHED / name / "params.yaml")
    content = recorded(before, entry.scale.dataset, path)
    typed = parse_params(content, "params.yaml")
    wanted = read_mapping(ROOT / "experiments/digits.yaml")
    assert set(content) >= set(wanted) - {"expectations"}, "each section that dvc.yaml names"
    assert same_parameters(before, content, (*MOVED, *(f"blocks.{key}.prev2" for key in before["blocks"])))
    assert not any("shared" in str(value) for value in content["data"].values())
    if name.startswith("cifar"):
        assert typed.data.source == ("image_folder" if path else name.partition("-")[0])
        assert typed.baselines.end_to_end_learning_rate > 0


def test_images_that_only_their_owner_has_need_a_path(refusal):
    content = read_mapping(ROOT / "experiments/digits.yaml")
    content["data"] |= {"source": "image_folder", "path": "/home/somebody/pets"}
    assert "was run on /home/somebody/pets" in refusal(recorded, content, "pets", None)
    assert recorded(content, "pets", "pets.zip")["data"]["path"] == "pets.zip"
