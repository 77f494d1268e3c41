import numpy as np
import pytest

from pipeline.partition.hardness import class_accuracies, divide, hardness_threshold
from pipeline.partition.params import ThresholdParams

LABEL = np.array([0, 0, 0, 0, 1, 1, 1, 2, 2, 2])
PREDICTION = np.array([0, 0, 0, 1, 1, 1, 2, 2, 0, 0])


def test_class_accuracies_by_hand():
    accuracy = class_accuracies(PREDICTION, LABEL, 3)
    assert accuracy["recall"].tolist() == pytest.approx([3 / 4, 2 / 3, 1 / 3])
    # Of ten images, class 0: 1 missed and 2 falsely in it, class 1: 1 and 1, class 2: 2 and 1.
    assert accuracy["one_vs_rest"].tolist() == pytest.approx([0.7, 0.8, 0.7])


def test_guard_the_two_metrics_order_classes_differently():
    accuracy = class_accuracies(PREDICTION, LABEL, 3)
    assert accuracy["recall"].argmax() == 0
    assert accuracy["one_vs_rest"].argmax() == 1


@pytest.mark.parametrize("seed", range(3))
def test_class_accuracies_are_those_of_their_definition(seed):
    rng = np.random.default_rng(seed)
    label, prediction = rng.integers(0, 7, (2, 500))
    accuracy = class_accuracies(prediction, label, 7)
    for c in range(7):
        assert accuracy["recall"][c] == pytest.approx((prediction[label == c] == c).mean())
        assert accuracy["one_vs_rest"][c] == pytest.approx(((prediction == c) == (label == c)).mean())


def test_perfect_and_useless():
    assert class_accuracies(LABEL, LABEL, 3)["recall"].tolist() == [1, 1, 1]
    assert class_accuracies(LABEL, LABEL, 3)["one_vs_rest"].tolist() == [1, 1, 1]
    assert class_accuracies((LABEL + 1) % 3, LABEL, 3)["recall"].tolist() == [0, 0, 0]


def test_a_class_without_images_is_finite():
    accuracy = class_accuracies(np.array([0, 1]), np.array([0, 0]), 3)
    assert accuracy["recall"].tolist() == [0.5, 0, 0]
    assert accuracy["one_vs_rest"].tolist() == [0.5, 0.5, 1]


ACCURACY = np.array([0.9, 0.8, 0.7, 0.6])  # mean 0.75, population deviation sqrt(0.0125)


@pytest.mark.parametrize(
    ("mode", "value", "threshold"),
    [
        ("absolute", 0.955, 0.955), ("relative", 0.0, 0.75), ("relative", -1.0, 0.75 - 0.0125**0.5),
        ("relative", 0.5, 0.75 + 0.0125**0.5 / 2),
    ],
)  # fmt: skip
def test_threshold(mode, value, threshold):
    assert hardness_threshold(ACCURACY, ThresholdParams(mode=mode, value=value)) == pytest.approx(threshold)


def test_at_or_below_is_hard():
    assert divide(np.array([0.9, 0.8, 0.75, 0.7]), [0, 1, 2, 3], 0.8) == ([0], [1, 2, 3])
    assert divide(np.array([0.9, 0.8, 0.75, 0.7]), [0, 1, 2, 3], 0.79) == ([0, 1], [2, 3])


def test_only_candidates_are_divided():
    # Algorithm 1 loops over H_{i-1}: an easy class never becomes hard again, however badly it does.
    assert divide(np.array([0.1, 0.9, 0.2, 0.8]), [1, 2, 3], 0.5) == ([1, 3], [2])


def test_groups_are_plain_integers_in_order():
    easy, hard = divide(np.array([0.9, 0.1, 0.9, 0.1]), np.array([3, 2, 1, 0]), 0.5)
    assert (easy, hard) == ([2, 0], [3, 1])
    assert all(type(c) is int for c in easy + hard)


def test_a_class_without_a_mistake_is_never_hard():
    accuracy = np.array([1.0, 0.9, 1.0])
    assert divide(accuracy, [0, 1, 2], 1.0) == ([0, 2], [1])
    assert divide(np.ones(3), [0, 1, 2], 1.0) == ([0, 1, 2], [])
