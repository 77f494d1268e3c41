"""Trained weights as safetensors."""

from pathlib import Path

import torch
from torch import Tensor, nn

from pipeline.base.files import damaged, read_tensors, write_tensors


def save_weights(path: Path, tensors: dict[str, Tensor]) -> None:
    """Write tensors on any device as float32."""
    write_tensors(path, {name: value.detach().float().cpu().contiguous().numpy() for name, value in tensors.items()})


def load_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a file, on the CPU.

    Raises:
        UserError: missing or damaged.
    """
    return {name: torch.from_numpy(value) for name, value in read_tensors(path).items()}


def load_into(module: nn.Module, path: Path) -> None:
    """Load a file's tensors into a module.

    Raises:
        UserError: missing or damaged, or the tensors are not those of this module.
    """
    try:
        module.load_state_dict(load_weights(path))
    except RuntimeError as error:
        raise damaged(path, "its tensors do not fit the network of params.yaml") from error
