"""Peers emit this project's spikes from its weights, or differ exactly where they say they do."""

import pytest

from benchmarks.agreement import compare
from benchmarks.networks import resnet9
from benchmarks.peers import PEERS, installed

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def rows():
    params = resnet9(steps=6, precision="32", width=4, image_size=8, gain=1.0)  # so small a network would be silent at less
    return {row["implementation"]: row for row in compare(params, ["b1", "b2", "b3"], images=2)}


@pytest.mark.slow
@pytest.mark.parametrize("name", PEERS)
def test_peer_emits_the_same_spikes_under_its_own_reset_rule(rows, name):
    pytest.importorskip(name)
    row = rows[name]
    shares = row.get("equal_under_their_reset", row["equal"])
    assert all(share > 0.999 for share in shares.values()), shares
    assert row["differences"]


@pytest.mark.slow
def test_a_reset_before_the_leak_is_told_apart(rows):
    """A guard: were the comparison blind to the reset, SpikingJelly's would agree either way."""
    pytest.importorskip("spikingjelly")
    assert min(rows["spikingjelly"]["equal"].values()) < 0.999


def test_every_layer_is_compared_and_fires(rows):
    own = rows["bloctrain"]
    assert list(own["equal"]) == ["b1_0", "b1_1", "b1_2a", "b1_2b", "b2_0a", "b2_0b", "b3_0a", "b3_0b", "hidden"]
    assert all(rate > 0 for rate in own["rate"].values())
    assert min(own["equal"].values()) == 1
    assert own["first_gradient_cosine"] > 0.999
    assert set(rows) == {"bloctrain", *installed()}
