"""What the paper's networks cost with the remedies that it names, counted by hand."""

import pandas as pd
import pytest

from pipeline.accounting.papers_networks import PAPER_SCALE, READS, papers_networks, remedies
from pipeline.base.parameters import load_parameters
from tools.imports import ROOT


def test_remedies_change_the_classifiers_and_no_trunk():
    blocks = load_parameters(ROOT / PAPER_SCALE["cifar100_resnet11"], READS).blocks
    found = remedies(blocks)
    assert found["as stated"] == blocks
    layers = [[layer for block in each.values() for layer in block.layers] for each in found.values()]
    assert all(own == layers[0] for own in layers)
    assert [len(each) for each in found.values()] == [4, 3, 4, 3]
    assert [(key, block.prev) for key, block in found["merged and linear"].items()] == [("b1", "b0"), ("b2", "b1"), ("b3", "b2")]
    assert {block.hidden for block in found["linear"].values()} == {0}
    assert {block.hidden for block in found["blocks 1 and 2 merged"].values()} == {1024}


def test_parameters_of_resnet_11(tmp_path):
    papers_networks(ROOT, 1, tmp_path)
    table = pd.read_csv(tmp_path / "paper_parameters.csv")
    own = table[table["network"] == "cifar100_resnet11"].set_index("classifiers")
    first = 128 * 16 * 16 * 1024 + 1024 * 100
    assert own["bloctrain"]["as stated"] - own["bloctrain"]["blocks 1 and 2 merged"] == first + 1024  # block 2 then has no HCD
    assert own["end_to_end"]["as stated"] == own["end_to_end"]["blocks 1 and 2 merged"]
    assert own["overhead"]["as stated"] == pytest.approx(own["bloctrain"]["as stated"] / own["end_to_end"]["as stated"])
    assert own["overhead"]["as stated"] > own["overhead"]["blocks 1 and 2 merged"] > own["overhead"]["linear"] > 1
