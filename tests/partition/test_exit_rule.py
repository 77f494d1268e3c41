from dataclasses import replace

import numpy as np
import pytest
from scipy.special import logit

from pipeline.partition.exit_rule import BlockVote, exit_rule, replay


def vote(logits, classes=None, hcd=None, low=None, high=None, easy=(), hard=()):
    """`hcd` in probabilities."""
    logits = np.array(logits, np.float32)
    hcd_logit = None if hcd is None else logit(np.array(hcd)).astype(np.float32)
    columns = np.arange(logits.shape[1]) if classes is None else np.array(classes)
    return BlockVote(logits, columns, hcd_logit, low, high, tuple(easy), tuple(hard))


def decide(one, theta_conf=0.9, last=False, running=None, classes=4):
    running = np.zeros((len(one.logits), classes), np.float32) if running is None else running
    decision = exit_rule(running, one, theta_conf, last)
    return decision.leaves.tolist(), decision.prediction.tolist()


# Two classes, logit difference ln 9: probability 0.9.
LN9 = float(np.log(9))


def test_block_1_exits_on_confidence_alone():
    # Probabilities 0.9...: just below, above; 0.5.
    logits = [[0, LN9 - 0.01], [LN9 + 0.01, 0], [0, 0]]
    assert decide(vote(logits), 0.9, classes=2) == ([False, True, False], [1, 0, 0])


def test_confidence_at_the_threshold_exits():
    assert decide(vote([[0.0, 0.0]]), 0.5, classes=2)[0] == [True]


def test_theta_conf_1_means_that_the_probability_rounds_to_1_in_float32():
    # 1 / (1 + exp(-d)) is 1 in float32 once exp(-d) < 2^-24, d > 16.64; in float64 not before d > 36.7.
    assert decide(vote([[0, 15.0], [0, 18.0], [0, 30.0]]), 1.0, classes=2)[0] == [False, True, True]
    assert 1 / (1 + np.exp(-30.0)) < 1  # the guard: in float64 nobody would leave here


def test_a_theta_conf_that_rounds_to_1_is_1():
    assert decide(vote([[0, 15.0], [0, 18.0]]), 0.99999999999, classes=2)[0] == [False, True]


def test_confidence_and_hard_probability_by_hand():
    one = vote([[0, np.log(3)], [np.log(9), 0], [0, 0]], hcd=[0.7, 0.1, 0.5], low=0.2, high=0.6, easy=(0,), hard=(1,))
    decision = exit_rule(np.zeros((3, 2), np.float32), one, 0.9, False)
    assert decision.confidence.tolist() == pytest.approx([0.75, 0.9, 0.5])
    assert decision.hard_probability.tolist() == pytest.approx([0.7, 0.1, 0.5])
    assert decision.confidence.dtype == decision.hard_probability.dtype == np.float32


def test_refinement_changes_the_prediction_and_not_the_confidence():
    one = vote([[0, LN9]], hcd=[0.1], low=0.2, high=0.6, easy=(0,), hard=(1,))
    decision = exit_rule(np.zeros((1, 2), np.float32), one, 1.0, False)
    assert decision.prediction.tolist() == [0]
    assert decision.confidence.tolist() == pytest.approx([0.9])


# Classes 0 and 1 easy, 2 and 3 hard; nobody is confident; theta_low 0.2, theta_high 0.6.
HCD = {"low": 0.2, "high": 0.6, "easy": (0, 1), "hard": (2, 3)}


@pytest.mark.parametrize(
    ("logits", "hcd", "leaves", "prediction"),
    [
        ([0, 1, 2, 0], 0.7, False, 2),  # likely hard: goes on
        ([0, 1, 2, 0], 0.5, True, 2),  # below theta_high: leaves, prediction kept
        ([0, 1, 2, 0], 0.1, True, 1),  # below theta_low: most probable easy class instead
        ([1, 0, 2, 0], 0.1, True, 0),
        ([0, 3, 2, 0], 0.1, True, 1),  # predicted easy: nothing to refine
        ([-9, -8, 1, 2], 0.1, True, 1),  # however improbable the easy classes are
        ([0, 0, 9, 0], 0.7, True, 2),  # confident: leaves whatever the HCD says
        ([0, 1, 9, 0], 0.1, True, 1),  # confident and refined
    ],
)
def test_hcd_branches(logits, hcd, leaves, prediction):
    assert decide(vote([logits], hcd=[hcd], **HCD)) == ([leaves], [prediction])


def test_hcd_at_a_threshold_does_not_fall_below_it():
    one = BlockVote(np.array([[0, 1, 2, 0]], np.float32), np.arange(4), np.zeros(1, np.float32), 0.5, 0.5, (0, 1), (2, 3))
    assert decide(one) == ([False], [2])


def test_no_easy_class_keeps_the_prediction():
    one = vote([[0, 1, 2, 0]], hcd=[0.1], low=0.2, high=0.6, easy=(), hard=(0, 1, 2, 3))
    assert decide(one) == ([True], [2])


def test_the_last_block_lets_everyone_out_and_still_refines():
    one = vote([[0, 1, 2, 0], [0, 1, 2, 0]], hcd=[0.9, 0.1], **HCD)
    assert decide(one, 1.0, last=True) == ([True, True], [2, 1])


def test_thresholds_of_0_leave_the_hcd_out():
    one = vote([[0, 1, 2, 0]], hcd=[1e-30], low=0.0, high=0.0, easy=(0, 1), hard=(2, 3))
    assert decide(one) == ([False], [2])


def test_logits_add_up_class_by_class_and_softmax_runs_over_the_blocks_classes():
    running = np.array([[50, 1, 0, 2]], np.float32)
    # Columns of this block: class 3, then class 1. Class 0's 50 must not matter, neither must the column order.
    one = vote([[1.0, 4.5]], classes=[3, 1])
    decision = exit_rule(running, one, 0.9, False)
    assert running.tolist() == [[50, 5.5, 0, 3]]
    assert decision.prediction.tolist() == [1]
    assert decision.leaves.tolist() == [True]
    assert decision.confidence.tolist() == pytest.approx([1 / (1 + np.exp(-2.5))])  # 0.924
    assert np.isnan(decision.hard_probability).all()


def test_refinement_looks_at_the_easy_classes_among_permuted_columns():
    # Classes 5 and 3 are the block's; 3 easy, 5 hard. An easy class of another block (0) is no candidate.
    one = vote([[2.0, 0.0, 1.0]], classes=[5, 3, 4], hcd=[0.05], low=0.2, high=0.6, easy=(3, 4), hard=(5,))
    assert decide(one, classes=6) == ([True], [4])


def test_no_images():
    one = vote(np.zeros((0, 4)), hcd=[], **HCD)
    assert decide(one) == ([], [])


def three_blocks():
    """Five images, classes 0 to 3. Block 1: all classes; block 2: all, HCD of easy {0, 1}, hard {2, 3}; block 3: {2, 3}."""
    first = vote([[9, 0, 0, 0], [0, 1, 2, 0], [0, 1, 2, 0], [0, 0, 2, 1], [0, 0, 2, 1]])
    second = vote(
        [[0, 9, 0, 0], [0, 1, 0, 0], [0, 1, 9, 0], [0, 0, 0, 0], [0, 0, 0, 0.5]], hcd=[0.9, 0.1, 0.9, 0.9, 0.9], **HCD
    )  # fmt: skip
    third = vote([[0, 9]] * 3 + [[0, 2], [0, 0]], classes=[2, 3], hcd=[0.9] * 5, low=0.2, high=0.6, easy=(2,), hard=(3,))
    return [first, second, third]


def test_replay_by_hand():
    exits = replay(three_blocks(), [0.9, 0.9, 0.9], 4)
    # 0: confident at once. 1: sums (0, 2, 2, 0), class 1 first of two equals, HCD low: leaves at 2. 2: sum 11 at class 2:
    # confident at 2. 3: 2 : 1 + 2 at block 3: class 3. 4: 2 : 1.5 at block 3: class 2; its own logits alone would tie.
    assert exits.exit_block.tolist() == [1, 2, 2, 3, 3]
    assert exits.prediction.tolist() == [0, 1, 2, 3, 2]
    e = np.exp
    # Where each image left: image 3 among classes 2 and 3 with sums 2 and 1 + 2, image 4 with 2 and 1.5.
    over = [e(9) + 3, 2 * e(2) + 2, e(11) + e(2) + 2, e(3) + e(2), e(2) + e(1.5)]
    assert exits.confidence.tolist() == pytest.approx(np.array([e(9), e(2), e(11), e(3), e(2)]) / over)
    assert exits.hard_probability.tolist() == pytest.approx([np.nan, 0.1, 0.9, 0.9, 0.9], nan_ok=True)


def test_guard_without_sums_the_predictions_differ():
    last = three_blocks()[2]
    alone = exit_rule(np.zeros((5, 4), np.float32), last, 0.9, True).prediction
    assert alone[2] == 3
    assert replay(three_blocks(), [0.9] * 3, 4).prediction[2] == 2


def test_replay_of_one_block_lets_everyone_out():
    assert replay(three_blocks()[:1], [1.0], 4).exit_block.tolist() == [1] * 5


def test_replay_does_not_change_its_input():
    votes = three_blocks()
    before = [one.logits.copy() for one in votes]
    replay(votes, [0.9] * 3, 4)
    assert all(np.array_equal(one.logits, logits) for one, logits in zip(votes, before, strict=True))


def test_each_block_has_its_own_theta_conf():
    assert replay(three_blocks(), [0.5, 0.9, 0.9], 4).exit_block.tolist() == [1, 1, 1, 1, 1]
    assert replay(three_blocks(), [1.0, 0.0, 0.9], 4).exit_block.tolist() == [2, 2, 2, 2, 2]
    assert replay(three_blocks(), [1.0, 1.0, 0.0], 4).exit_block.tolist() == [3, 2, 3, 3, 3]


def algorithm_3(votes, theta_conf, classes):
    """Image by image, as the paper prints it."""
    exits = []
    for image in range(len(votes[0].logits)):
        total = np.zeros(classes, np.float32)
        for position, one in enumerate(votes):
            total[one.classes] += one.logits[image]
            scores = np.exp(total[one.classes].astype(np.float64) - total[one.classes].max())
            probability = scores / scores.sum()
            predicted = one.classes[probability.argmax()]
            hard = None if one.hcd_logit is None else 1 / (1 + np.exp(-float(one.hcd_logit[image])))
            if probability.max() >= theta_conf or (hard is not None and hard < one.theta_high) or position == len(votes) - 1:
                if hard is not None and predicted in one.hard and hard < one.theta_low and one.easy:
                    candidates = [k for k, c in enumerate(one.classes) if c in one.easy]
                    predicted = one.classes[max(candidates, key=lambda k: probability[k])]
                exits.append((position + 1, int(predicted)))
                break
    return exits


@pytest.mark.parametrize("seed", range(5))
def test_replay_is_algorithm_3_image_by_image(seed):
    rng = np.random.default_rng(seed)
    count = 200

    def block(classes, easy=None, hard=None):
        hcd = None if easy is None else rng.uniform(0, 1, count)
        return vote(rng.normal(0, 2, (count, len(classes))), classes, hcd, 0.3, 0.6, easy or (), hard or ())

    votes = [
        block(range(6)), block([5, 4, 3, 2, 1, 0], (0, 3), (1, 2, 4, 5)), block([1, 2, 4, 5], (2, 4), (1, 5)),
        block([5, 1], (), (1, 5)),
    ]  # fmt: skip
    exits = replay(votes, [0.8] * 4, 6)
    assert list(zip(exits.exit_block.tolist(), exits.prediction.tolist(), strict=True)) == algorithm_3(votes, 0.8, 6)
    assert set(exits.exit_block) == {1, 2, 3, 4}


def test_the_earlier_logits_are_weighted_class_by_class():
    running = np.array([[1.0, 2.0, 4.0]], np.float32)
    one = BlockVote(np.array([[0.5, 0.25]], np.float32), np.array([0, 2]), earlier=0.5)
    exit_rule(running, one, 1.0, True)
    assert running.tolist() == [[1.0, 2.0, 2.25]]  # the class that the block does not know keeps its sum


def test_a_block_may_decide_by_its_own_logits():
    first, second = np.array([[9.0, 0.0]], np.float32), np.array([[0.0, 1.0]], np.float32)
    votes = {weight: [vote(first), replace(vote(second), earlier=weight)] for weight in (1.0, 0.0)}
    found = {weight: replay(two, [1.0, 1.0], 2).prediction.tolist() for weight, two in votes.items()}
    assert found == {1.0: [0], 0.0: [1]}
