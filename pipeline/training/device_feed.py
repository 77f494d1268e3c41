"""Images that live on the GPU and become spikes there: the host neither makes nor copies spikes."""

import numpy as np
import torch

from pipeline.base.folders import ENCODER
from pipeline.data.prepared import Prepared
from pipeline.encoding.device_encoder import DeviceEncoder, draw_shifts
from pipeline.encoding.poisson import FIXED, Encoder
from pipeline.network.walk import Bundle
from pipeline.training.feed import Host


class DeviceFeed:
    """Bit for bit the spikes of `EncodedFeed` with the same arguments, drawn on `device`.

    What it reads on the host are the rows of the images, how each is cropped and flipped, and the realisation.
    """

    def __init__(
        self, prepared: Prepared, encoder: Encoder, split: str, device: torch.device, realisations: int = 0,
        augmentation: str = "none",
    ):  # fmt: skip
        self.images = torch.from_numpy(prepared.images).to(device)
        self.encoder, self.split = DeviceEncoder(encoder, device), split
        self.realisations, self.augmentation = realisations, augmentation

    def read(self, rows: np.ndarray, realisation: int, count: int = 0) -> Host:
        """See `Feed.read`."""
        if self.realisations and realisation != FIXED:
            realisation %= self.realisations
        kind = self.augmentation if realisation != FIXED else "none"
        shifts = draw_shifts(rows, kind, self.images.shape[2], self.encoder.encoder.seed, self.split, realisation)
        host = {"rows": rows.astype(np.int64), "realisation": np.array(realisation), "count": np.array(max(count, len(rows)))}
        return host if shifts is None else host | {"shifts": shifts}

    def to_device(self, host: Host, device: torch.device, dtype: torch.dtype) -> Bundle:
        """See `Feed.to_device`."""
        rows, shifts = torch.from_numpy(host["rows"]).to(device), host.get("shifts")
        moved = None if shifts is None else torch.from_numpy(shifts).to(device)
        spikes = self.encoder.encode(self.images, rows, self.split, int(host["realisation"]), dtype, moved)
        missing = int(host["count"]) - spikes.shape[1]
        if missing > 0:
            last = spikes.permute(0, 1, 3, 4, 2)
            last = torch.cat([last, last.new_zeros((len(last), missing, *last.shape[2:]))], dim=1)
            spikes = last.permute(0, 1, 4, 2, 3)
        return {ENCODER: spikes}
