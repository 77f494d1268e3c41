"""What is kept for backward, as `benchmarks.saved` counts it."""

import pytest

from benchmarks.networks import NETWORKS
from benchmarks.saved import COLUMNS, count


@pytest.mark.parametrize("network", NETWORKS)
def test_bf16_keeps_less_than_a_quarter_of_the_papers_accounting(network):
    rows = {row[2]: float(row[COLUMNS.index("over the paper's accounting")]) for row in count(network, 5)}
    assert 0.1 < rows["bloctrain"] < 0.25 < rows["bloctrain-float32"] < 1
