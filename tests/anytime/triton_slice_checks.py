"""What `test_triton_slices.py` runs: the kernel is the scan in torch, and the runner does what the replay says with it."""

import numpy as np
import pytest
import torch
from networks import build_block
from triton_tools import DEVICE, DTYPES, channels_last, need_gpu_or_interpreter

from pipeline.anytime.policies import replay_path, run_nodes
from pipeline.anytime.runner import Policy, TimeRunner
from pipeline.inference.networks import ExitBlock
from pipeline.neuron.carried.scan import lif_slice_in_torch
from pipeline.neuron.lif import LIF
from pipeline.partition.exit_rule import BlockVote
from pipeline.training.device import open_compute

need_gpu_or_interpreter()

from pipeline.neuron.carried import slice_kernels  # noqa: E402

STEPS, CLASSES, IMAGES = [2, 3, 5], 5, 11
PATHS = {
    "depth": ((0, 2), (1, 2), (2, 2)),
    "both": ((0, 0), (0, 1), (1, 1), (2, 1), (2, 2)),
    "deep early": ((0, 0), (1, 0), (2, 0), (2, 1), (2, 2)),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("delay", [0, 1])
@pytest.mark.parametrize("shape", [(1, 1), (3, 1025), (4, 2, 3, 5, 7)])
def test_the_kernel_is_the_scan_in_torch(shape, delay, dtype):
    generator = torch.Generator().manual_seed(len(shape))
    current = channels_last(torch.randn(shape, generator=generator).add(0.3).to(dtype))
    potential = torch.empty_like(current[0], dtype=torch.float32).copy_(torch.randn(shape[1:], generator=generator))
    other, neuron = potential.clone(), LIF(0.9, 1.0, 0.3, delay)
    moved = potential.to(DEVICE)
    spikes = slice_kernels.lif_slice_in_triton(current.to(DEVICE), neuron, moved)
    assert torch.equal(spikes.cpu(), lif_slice_in_torch(current, neuron, other))
    assert torch.equal(moved.cpu(), other)


class Spikes:
    """A feed of spike trains that are there."""

    def __init__(self, spikes):
        self.spikes = spikes

    def read(self, rows, realisation):
        return self.spikes[:, rows]

    def to_device(self, spikes, device, dtype):
        return {"b0": spikes.to(device, dtype)}


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
def test_the_runner_does_what_the_replay_says(path, make_params, monkeypatch):
    launched = []
    kernel = slice_kernels.lif_slice_in_triton
    monkeypatch.setattr(slice_kernels, "lif_slice_in_triton", lambda *given: (launched.append(1), kernel(*given))[1])
    params = make_params({
        "compute.kernel": "triton", "compute.device": DEVICE.type, "compute.micro_batch": 4, "neuron.leak": 0.9,
    })  # fmt: skip
    compute = open_compute(params.compute)
    assert compute.engine.name == "triton"
    vote = BlockVote(np.zeros((0, CLASSES), np.float32), np.arange(CLASSES))
    blocks = [ExitBlock(compute.place(build_block(params, [key], 3, CLASSES, False, key).eval()), vote) for key in params.blocks]
    size = params.data.image_size
    feed = Spikes(torch.randint(0, 2, (5, IMAGES, 3, size, size), generator=torch.Generator().manual_seed(0)).float())
    rows, temperature = np.arange(IMAGES), np.ones((3, 3))
    nodes = run_nodes(compute, blocks, feed, rows, STEPS, CLASSES)
    confidence = nodes.confidence(temperature)
    threshold = float(np.median(np.max([confidence[node] for node in path[:-1]], axis=0)))
    wanted = replay_path(nodes, confidence, np.zeros(IMAGES, int), path, threshold, np.ones((3, 3)))
    left = TimeRunner(compute, blocks, STEPS, Policy(path, threshold, temperature), CLASSES).run(feed, rows)
    b, s = np.array(path)[left.place].T
    assert launched and len(set(left.place)) > 1
    assert list(left.place) == list(wanted.left)
    assert list(left.confidence) == list(confidence[b, s, rows])
    assert list(left.prediction) == list(nodes.prediction[b, s, rows])
