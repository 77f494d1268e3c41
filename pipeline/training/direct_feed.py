"""Images sent into the first convolution as they are, the same at every step (`encoding.kind: direct`)."""

import numpy as np
import torch

from pipeline.base.folders import ENCODER
from pipeline.data.augment import augment
from pipeline.data.prepared import Prepared
from pipeline.encoding.poisson import FIXED, Encoder
from pipeline.network.walk import Bundle
from pipeline.training.feed import Host, filled_up


class DirectFeed:
    """A `Feed` of normalised images z = (x - mean) / std; training images are augmented, each realisation anew."""

    def __init__(self, prepared: Prepared, encoder: Encoder, split: str, augmentation: str = "none"):
        self.prepared, self.encoder, self.split, self.augmentation = prepared, encoder, split, augmentation

    def read(self, rows: np.ndarray, realisation: int, count: int = 0) -> Host:
        """See `Feed.read`: pixels uint8 `[B, C, H, W]`."""
        images = self.prepared.images[rows]
        if realisation != FIXED:
            images = augment(images, rows, self.augmentation, self.encoder.seed, self.split, realisation)
        return {ENCODER: filled_up(images, count)}

    def to_device(self, host: Host, device: torch.device, dtype: torch.dtype) -> Bundle:
        """See `Feed.to_device`."""
        return {ENCODER: normalised(host[ENCODER], self.encoder, device, dtype)}


def normalised(images: np.ndarray, encoder: Encoder, device: torch.device, dtype: torch.dtype) -> torch.Tensor:
    """z `[T, B, C, H, W]` of pixels uint8 `[B, C, H, W]`, channels last; one step in memory, which stands for all T."""
    pixels = torch.from_numpy(images).to(device).float().contiguous(memory_format=torch.channels_last)
    mean, std = (torch.tensor(values, device=device)[:, None, None] for values in (encoder.mean, encoder.std))
    return ((pixels / 255 - mean) / std).to(dtype).expand(encoder.time_steps, *images.shape)
