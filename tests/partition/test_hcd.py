import numpy as np
import pytest
from scipy.special import expit, logit

from pipeline.partition.calibration import calibrate
from pipeline.partition.detector import fit_separate
from pipeline.training.params import HcdParams


def params(keep_hard=0.95, spare_hard=0.99):
    return HcdParams(joint=False, keep_hard=keep_hard, spare_hard=spare_hard)


def test_calibration_by_hand():
    hard = np.arange(1, 11) / 20  # 0.05 .. 0.5
    easy = np.array([0.01, 0.12, 0.3])
    logits, is_hard = logit(np.concatenate([easy, hard])).astype(np.float32), np.arange(13) >= 3
    found = calibrate(logits, is_hard, params(0.8, 0.9))
    # 8 of 10 hard images reach 0.15, 9 of them 0.10.
    assert found.theta_high == pytest.approx(0.15)
    assert found.theta_low == pytest.approx(0.10)
    assert found.chosen["hard_images_below_theta_high"] == pytest.approx(0.2)
    assert found.chosen["easy_images_below_theta_high"] == pytest.approx(2 / 3)


@pytest.mark.parametrize("count", [1, 2, 7, 20, 100, 333])
@pytest.mark.parametrize(("keep", "spare"), [(0.95, 0.99), (0.5, 0.5), (1.0, 1.0), (0.07, 0.93), (1e-9, 1.0)])
def test_calibration_keeps_its_promises(count, keep, spare):
    rng = np.random.default_rng(count)
    logits = rng.normal(0, 3, 2 * count).astype(np.float32)
    is_hard = np.arange(2 * count) % 2 == 0
    found = calibrate(logits, is_hard, params(keep, spare))
    hard = expit(logits[is_hard])
    # As exit_rule compares them: in float32, strictly below leaves.
    high, low = np.float32(found.theta_high), np.float32(found.theta_low)
    assert (hard >= high).mean() >= keep
    assert (hard >= low).mean() >= spare
    assert low <= high
    # The largest such value: one step up and too few would reach it.
    assert (hard > high).sum() < np.ceil(keep * count) or (hard > high).sum() == 0


def test_ties_are_kept_together():
    found = calibrate(np.zeros(20, np.float32), np.arange(20) < 10, params(0.5, 0.9))
    assert (found.theta_low, found.theta_high) == (0.5, 0.5)
    assert found.chosen["hard_images_below_theta_high"] == 0


@pytest.mark.parametrize("kind", [True, False])
def test_one_kind_of_class_means_that_the_hcd_never_decides(kind):
    found = calibrate(np.linspace(-5, 5, 9), np.full(9, kind), params())
    assert (found.theta_low, found.theta_high) == (0.0, 0.0)
    assert "one kind" in found.chosen["note"]


def test_no_images_mean_that_the_hcd_never_decides():
    assert calibrate(np.zeros(0), np.zeros(0, bool), params()).theta_high == 0.0


def test_separate_fit_tells_separable_images_apart():
    rng = np.random.default_rng(0)
    is_hard = rng.random(300) < 0.3
    summary = rng.random((300, 20)).astype(np.float32) * 10
    summary[:, 3] += np.where(is_hard, 20, 0)
    summary[:, 4] += np.where(is_hard, 0, 20)
    weight = fit_separate(summary, is_hard)
    assert weight.shape == (20,)
    assert weight.dtype == np.float32
    assert weight[3] > 0 > weight[4]
    assert np.array_equal(summary @ weight > 0, is_hard)


def test_separate_fit_is_the_same_whatever_the_unit_of_the_summaries():
    rng = np.random.default_rng(1)
    summary, is_hard = rng.random((200, 5)).astype(np.float32), rng.random(200) < 0.5
    once, scaled = fit_separate(summary, is_hard), fit_separate(summary * 64, is_hard)
    assert np.allclose(summary @ once, (summary * 64) @ scaled, atol=1e-5)


@pytest.mark.parametrize("kind", [True, False])
def test_separate_fit_of_one_kind_is_zero(kind):
    assert fit_separate(np.ones((4, 3), np.float32), np.full(4, kind)).tolist() == [0, 0, 0]


def test_silent_summaries_give_finite_weights():
    assert np.isfinite(fit_separate(np.zeros((4, 3), np.float32), np.array([True, False, True, False]))).all()
