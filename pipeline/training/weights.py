"""Trained weights as safetensors."""

from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from pipeline.files import atomic_file, damaged, missing


def save_weights(path: Path, tensors: dict[str, Tensor]) -> None:
    with atomic_file(path) as temporary:
        save_file({name: value.detach().float().cpu().contiguous() for name, value in tensors.items()}, temporary)


def load_weights(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except FileNotFoundError as error:
        raise missing(path) from error
    except (SafetensorError, OSError, ValueError) as error:
        raise damaged(path, error) from error


def load_into(module: nn.Module, path: Path) -> None:
    try:
        module.load_state_dict(load_weights(path))
    except RuntimeError as error:
        raise damaged(path, "its tensors do not fit the network of params.yaml") from error
