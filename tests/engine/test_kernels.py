"""The lean and the compiled way through a block give what the reference gives."""

import pytest
import torch
from networks import build_block

from pipeline.neuron.fused.library import KernelsUnavailable, load_library


def run(make_params, kernel, changes, channels):
    params = make_params({"compute.kernel": kernel, "neuron.leak": 0.9, "network.init_gain": 2.0, **changes})
    block = build_block(params, ["b1"], channels, 5, True, "b1")
    spikes = torch.randint(-1, 2, (9, 6, channels, 8, 8), generator=torch.Generator().manual_seed(0)).float()
    spikes = spikes.permute(0, 1, 3, 4, 2).contiguous().permute(0, 1, 4, 2, 3)  # channels last, as feeds give them
    output = block(spikes)
    (output.logits.square().sum() + output.hcd_logit.square().sum()).backward()
    return output, [weight.grad for weight in block.parameters()]


@pytest.mark.parametrize("kernel", ["lean", "fused", "events"])
@pytest.mark.parametrize("delay", [0, 1])
@pytest.mark.parametrize(
    "changes",
    [
        {}, {"network.shortcuts": False}, {"blocks.b1.hidden": 0}, {"blocks.b1.threshold": 0.6, "neuron.damping": 0.8},
        {"blocks.b1.layers.2.stride": 2},
        {"blocks.b1.layers": [{"kind": "residual", "channels": 6}, {"kind": "pool", "size": 4}]},
    ],
    ids=["default", "no shortcuts", "linear classifier", "own threshold", "stride", "residual first"],
)  # fmt: skip
@pytest.mark.parametrize("channels", [1, 3])
def test_same_spikes_and_gradients_as_the_reference(kernel, delay, changes, channels, make_params):
    if kernel != "lean":
        try:
            load_library()
        except KernelsUnavailable as error:
            pytest.skip(str(error))
    expected, expected_gradients = run(make_params, "reference", {"neuron.delay": delay, **changes}, channels)
    found, gradients = run(make_params, kernel, {"neuron.delay": delay, **changes}, channels)
    assert torch.equal(found.spikes.float(), expected.spikes)
    assert 0.01 < expected.spikes.mean() < 0.99
    assert torch.allclose(found.logits, expected.logits, atol=1e-5)
    assert torch.allclose(found.hcd_logit, expected.hcd_logit, atol=1e-5)
    for gradient, wanted in zip(gradients, expected_gradients, strict=True):
        assert ((gradient - wanted).norm() / wanted.norm()).item() < 1e-5
