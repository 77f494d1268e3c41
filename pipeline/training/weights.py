"""Trained weights as safetensors."""

from pathlib import Path

import torch
from torch import Tensor, nn

from pipeline.base.files import damaged, read_tensors, write_tensors


def save_weights(path: Path, tensors: dict[str, Tensor]) -> None:
    write_tensors(path, {name: value.detach().float().cpu().contiguous().numpy() for name, value in tensors.items()})


def load_weights(path: Path) -> dict[str, Tensor]:
    return {name: torch.from_numpy(value) for name, value in read_tensors(path).items()}


def load_into(module: nn.Module, path: Path) -> None:
    try:
        module.load_state_dict(load_weights(path))
    except RuntimeError as error:
        raise damaged(path, "its tensors do not fit the network of params.yaml") from error
