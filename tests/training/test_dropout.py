"""Dropout: masks by row, currents divided by the kept share, the same gradient whatever the micro-batch."""

import numpy as np
import pytest
import torch
from networks import build_block, compute_of
from quadrants import CLASSES, training_set

from pipeline.base.errors import UserError
from pipeline.base.seeding import numpy_generator
from pipeline.network.block import Dropout
from pipeline.training.dropout import dropped, keep_mask
from pipeline.training.loop import Job, _dropout, _plan
from pipeline.training.step import accumulate


def test_a_mask_belongs_to_its_row_and_purpose():
    rows = np.array([7, 2, 9])
    mask = keep_mask(rows, 5000, 0.4, 0, "b1", "train", 3)
    assert np.array_equal(mask[1:], keep_mask(rows[1:], 5000, 0.4, 0, "b1", "train", 3))
    for other in [(0, "b1", "train", 4), (0, "b1", "validation", 3), (1, "b1", "train", 3)]:
        assert not np.array_equal(mask, keep_mask(rows, 5000, 0.4, *other))
    assert mask.mean() == pytest.approx(0.6, abs=0.02)
    assert not np.array_equal(mask[0], mask[1])


def test_currents_count_for_the_share_that_the_masks_drop(make_params):
    masks = keep_mask(np.arange(400), 5000, 0.2, "test")
    assert dropped(0.2) == 51 / 256
    assert 1 - masks.mean() == pytest.approx(51 / 256, abs=0.0009)  # three standard errors; 0.2 itself is 0.0008 away
    params, part = make_params({"training.dropout": 0.2}), training_set(8)
    block = build_block(params, ["b1"], 1, CLASSES, False, "b1")
    (micro,) = _plan([part], 8, 8, numpy_generator(0), 0, 1)
    assert _dropout(Job(compute_of(params), params.training, block, "b1", 0), micro, 0).share == dropped(0.2)


@pytest.mark.parametrize("kernel", ["reference", "lean", "fused", "events"])
@pytest.mark.parametrize("hidden", [0, 16])
def test_kept_spikes_count_for_the_dropped_ones(kernel, hidden, make_params):
    """As a block whose classifier sees the kept spikes only, through weights divided by the kept share."""
    params = make_params({"compute.kernel": kernel, "network.init_gain": 2.0, "blocks.b1.hidden": hidden})
    spikes = torch.randint(-1, 2, (9, 6, 1, 8, 8), generator=torch.Generator().manual_seed(0)).float()
    try:
        block, scaled = (build_block(params, ["b1"], 1, 5, False, "b1") for _ in range(2))
    except UserError as error:
        pytest.skip(str(error))
    mask = torch.from_numpy(keep_mask(np.arange(6), block.classifier_inputs, 0.75, "test"))
    first = scaled.hidden.weight if scaled.hidden is not None else scaled.readout
    first.data *= 4
    height, width = block(spikes).spikes.shape[3:]
    kept = mask.unflatten(1, (height, width, -1)).permute(0, 3, 1, 2)
    wanted = scaled.classify(scaled.trunk(spikes) * kept)[0]
    found = block(spikes, Dropout(mask, 0.75)).logits
    assert found.abs().max() > 0.01
    assert torch.allclose(found, wanted, atol=1e-5)
    wanted.square().sum().backward()
    found.square().sum().backward()
    own, others = list(block.parameters()), list(scaled.parameters())
    for mine, other in zip(own, others, strict=True):
        expected = other.grad * (4 if other is first else 1)
        assert ((mine.grad - expected).norm() / expected.norm()).item() < 1e-4


def test_the_micro_batch_does_not_change_the_masks(make_params):
    params, part = make_params({"training.dropout": 0.5}), training_set(24)
    compute, gradients = compute_of(params), []
    for size in (24, 5):
        block = build_block(params, ["b1"], 1, CLASSES, False, "b1")
        for micro in _plan([part], 24, size, numpy_generator(0), 0, 1):
            dropout = _dropout(Job(compute, params.training, block, "b1", 0), micro, 0)
            assert dropout is not None and not dropout.mask.all()
            accumulate(compute, block, micro, micro.read(0), dropout)
        gradients.append(torch.cat([weight.grad.flatten() for weight in block.parameters()]))
    assert ((gradients[1] - gradients[0]).norm() / gradients[0].norm()).item() < 1e-6
