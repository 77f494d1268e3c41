"""Exit shares for a given compute: found where they exist, and what they cost is what they were asked for."""

import numpy as np
import pytest

from studies.exit_shares import STATED, costs, extreme, row
from tools.imports import ROOT


def test_shares_give_the_compute_that_was_asked_for():
    operations, memory = costs("cifar10_resnet9", ROOT)
    for goal in (memory, -memory):
        shares = extreme(goal, operations, 1.89)
        assert shares.sum() == pytest.approx(1.0)
        assert 1 / (operations @ shares) == pytest.approx(1.89)


def test_two_exits_have_one_answer():
    np.testing.assert_allclose(extreme(np.array([0.0, 1.0]), np.array([0.5, 1.0]), 1.6), [0.75, 0.25])


def test_no_shares_cost_less_than_the_first_exit():
    with pytest.raises(ValueError, match="no exit shares"):
        extreme(np.array([0.0, 1.0]), np.array([0.5, 1.0]), 3.0)


def test_every_stated_pair_has_a_row():
    rows = [row(*stated, ROOT) for stated in STATED]
    assert [found[1] for found in rows] == ["1.89x", "2.39x", "1.78x"]
