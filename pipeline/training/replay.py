"""Forward and backward passes recorded once and replayed as a CUDA graph: the host launches one thing instead of hundreds.

With few time steps a GPU waits for the host, which launches each operation. A graph holds addresses: inputs are copied to where
the recorded ones lay, and gradients are where they were then. What Python decides is decided once, at the recording.
"""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from tqdm import tqdm

from pipeline.training.device import Compute
from pipeline.training.step import COLUMN, HARD, MASK, Passes, Tensors

WARM_UP = 3
"""Passes before a recording, as https://docs.pytorch.org/docs/stable/notes/cuda.html asks for: kernels compile, libraries
choose theirs."""
Record = Callable[[Callable[[], Tensor]], Callable[[], Tensor]]
"""Turns passes into what repeats them on the same memory."""


def graph_replay(compute: Compute, block: nn.Module) -> "GraphReplay | None":
    """Return a `GraphReplay` for one process on a GPU, else None."""
    return GraphReplay(block) if compute.device.type == "cuda" and compute.fabric.world_size == 1 else None


class GraphReplay:
    """Replays the first passes that come twice in a row with the same shapes and constants; computes all others, such as the last
    of an epoch."""

    most = 4096
    """Images times steps of a micro-batch above which nothing is recorded: such passes keep an H200 busy by themselves."""

    def __init__(self, block: nn.Module, record: Record | None = None):
        self.block, self.record = block, record or cuda_graph
        self.last: object = None
        self.recorded: object = None
        self.inputs: Tensors = {}
        self.gradients: list[tuple[nn.Parameter, Tensor]] = []
        self.again: Callable[[], Tensor] | None = None
        self.can_record = True

    def __call__(self, tensors: Tensors, passes: Passes, constants: object) -> Tensor:
        """What `passes` gives for `tensors`; `constants` are what else it depends on."""
        if not self.can_record or not self._suits(tensors):
            return passes(tensors)
        shapes = tuple((name, tensor.dtype, tensor.shape, tensor.stride()) for name, tensor in tensors.items())
        given = constants, self.block.training, shapes
        if self.again is None and given == self.last:
            self._record(tensors, passes)
            self.recorded = given
        self.last = given
        if self.again is None or given != self.recorded:
            return passes(tensors)
        for name, tensor in tensors.items():
            self.inputs[name].copy_(tensor)
        self._return_gradients()
        return self.again().clone()

    def _suits(self, tensors: Tensors) -> bool:
        """Whether images times steps are at most `most` and no input repeats one step by stride 0."""
        spikes = [tensor for name, tensor in tensors.items() if name not in (COLUMN, HARD, MASK)]
        whole = all(len(tensor) == 1 or tensor.stride(0) for tensor in spikes)
        return whole and max(len(tensor) * tensor.shape[1] for tensor in spikes) <= self.most

    def _record(self, tensors: Tensors, passes: Passes) -> None:
        weights = list(self.block.parameters())
        held = [weight.grad for weight in weights]
        buffers = [(buffer, buffer.clone()) for buffer in self.block.buffers()]  # running statistics, which each pass moves
        self.block.zero_grad(set_to_none=True)
        self.inputs = {name: tensor.clone() for name, tensor in tensors.items()}
        try:
            self.again = self.record(partial(passes, self.inputs))
            self.gradients = [(weight, weight.grad) for weight in weights if weight.grad is not None]
        except RuntimeError as error:
            self.can_record, self.inputs = False, {}
            why = " ".join(str(error.__context__ or error).split())[:200]
            tqdm.write(f"passes are not recorded as a CUDA graph: {why}")
        for buffer, value in buffers:
            buffer.copy_(value)
        for weight, gradient in zip(weights, held, strict=True):
            weight.grad = gradient

    def _return_gradients(self) -> None:
        """Gradients to where the recording adds to them: zeros where there are none yet."""
        fresh = [own for weight, own in self.gradients if weight.grad is None]
        if fresh:
            torch._foreach_zero_(fresh)
        for weight, own in self.gradients:
            if weight.grad is not None and weight.grad is not own:
                own.copy_(weight.grad)
            weight.grad = own


def cuda_graph(call: Callable[[], Tensor]) -> Callable[[], Tensor]:
    """Record `call`, which must neither wait for the device nor copy from the host.

    Raises:
        RuntimeError: it does, or the memory left would not hold the same passes once more beside the graph.
    """
    before, graph = torch.cuda.current_stream(), torch.cuda.CUDAGraph()
    stream = torch.cuda.Stream()
    stream.wait_stream(before)
    with torch.cuda.stream(stream):
        for _ in range(WARM_UP):
            call()
    before.wait_stream(stream)
    free = torch.cuda.mem_get_info()[0]
    try:
        with torch.cuda.graph(graph, capture_error_mode="thread_local"):
            sums = call()
    finally:  # a capture that fails leaves its own stream in force
        torch.cuda.set_stream(before)
    left = torch.cuda.mem_get_info()[0]
    if left < free - left:
        raise RuntimeError(f"{left / 1e9:.1f} GB of memory would be left beside it")

    def again() -> Tensor:
        graph.replay()
        return sums

    return again
