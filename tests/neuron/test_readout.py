import pytest
import torch

from pipeline.neuron.readout import leaky_sum


def test_by_hand():
    # U[t+1] = 0.5 U[t] + S[t]: 1, 0.5, 1.25, 1.625.
    assert leaky_sum(torch.tensor([1.0, 0.0, 1.0, 1.0])[:, None], 0.5).tolist() == [1.625]


@pytest.mark.parametrize("leak", [0.99, 0.5, 1.0])
def test_weights_applied_once_give_the_last_potential_of_the_output_layer(leak):
    generator = torch.Generator().manual_seed(0)
    spikes = torch.randint(0, 2, (25, 4, 30), generator=generator).double()
    weight = torch.randn(10, 30, dtype=torch.float64, generator=generator)
    potential = torch.zeros(4, 10, dtype=torch.float64)
    for step in spikes:
        potential = leak * potential + step @ weight.T
    assert torch.allclose(leaky_sum(spikes, leak) @ weight.T, potential, rtol=1e-12, atol=1e-12)


def test_guard_the_first_spike_fades_and_not_the_last():
    first, last = torch.eye(2)[:, :, None]
    assert leaky_sum(first, 0.5).tolist() == [0.5]
    assert leaky_sum(last, 0.5).tolist() == [1.0]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_sum_is_float32(dtype):
    total = leaky_sum(torch.ones(300, 1, dtype=dtype), 1.0)  # 300 is not a bfloat16 number
    assert total.dtype == torch.float32
    assert total.item() == 300
