"""Rate coding of images as signed Poisson spike trains (section 5.1; Sengupta et al. 2019, doi 10.3389/fnins.2019.00095).

z = (x - mean) / std per channel;  p = rate * min(1, |z| / scale);  s[t] = sign(z) with probability p, else 0,
where `scale` is the largest |z| of the training split and `rate` the spikes per 1 ms step at the largest intensity.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.base.files import damaged, read_json, write_json
from pipeline.base.seeding import digest_of, row_streams

FIXED = -1  # the realisation of evaluation splits, the same at every use


@dataclass(frozen=True)
class Encoder:
    """Statistics of the training split: `mean` and `std` per channel (pixels scaled to 0..1), `scale` in units of z. `direct`:
    the network receives z itself (`pipeline.training.direct_feed`) and no spikes are drawn."""

    mean: tuple[float, ...]
    std: tuple[float, ...]
    scale: float
    time_steps: int
    rate: float
    seed: int
    direct: bool = False

    def encode(self, images: np.ndarray, rows: np.ndarray, split: str, realisation: int) -> np.ndarray:
        """Spike trains int8 `[B, T, C, H, W]` in {-1, 0, 1} of uint8 images `[B, C, H, W]`.

        The noise of an image depends on (seed, split, realisation, row) alone, so it is the same in any batch: row r
        draws from a Philox stream of its own, whose counter starts at r * 2**192.
        """
        signed = self._signed_probability(images)
        key = digest_of(self.seed, "poisson", split, realisation)
        spikes = np.empty((len(images), self.time_steps, *images.shape[1:]), dtype=np.int8)
        for position, stream in enumerate(row_streams(key, rows)):
            uniform = stream.random(spikes.shape[1:], dtype=np.float32)
            np.less(uniform, np.abs(signed[position]), out=spikes[position].view(bool))
        spikes *= np.sign(signed).astype(np.int8)[:, None]
        return spikes

    def _signed_probability(self, images: np.ndarray) -> np.ndarray:
        mean, std = (np.array(values, dtype=np.float32)[:, None, None] for values in (self.mean, self.std))
        normalised = (images.astype(np.float32) / 255 - mean) / std
        return np.clip(normalised / self.scale, -1, 1) * np.float32(self.rate)

    def save(self, path: Path) -> None:
        """Write the statistics as JSON."""
        write_json(path, {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "direct" or self.direct})

    @classmethod
    def load(cls, path: Path) -> "Encoder":
        """Read what `save` wrote.

        Raises:
            UserError: missing or damaged.
        """
        content = read_json(path)
        try:
            return cls(**{**content, "mean": tuple(content["mean"]), "std": tuple(content["std"])})
        except (KeyError, TypeError) as error:
            raise damaged(path, "not an encoder's statistics") from error


def fit_encoder(train_images: np.ndarray, time_steps: int, max_rate_hz: float, seed: int, direct: bool = False) -> Encoder:
    """Encoder for uint8 training images `[n, C, H, W]`; a channel without any variation gets std 1."""
    values = np.arange(256) / 255
    counts = np.stack([np.bincount(train_images[:, c].ravel(), minlength=256) for c in range(train_images.shape[1])])
    mean = counts @ values / counts.sum(1)
    std = np.sqrt((counts * (values - mean[:, None]) ** 2).sum(1) / counts.sum(1))
    std = np.where(std > 0, std, 1.0)
    extremes = np.abs((values - mean[:, None]) / std[:, None]) * (counts > 0)
    scale = float(extremes.max()) or 1.0
    return Encoder(tuple(mean.tolist()), tuple(std.tolist()), scale, time_steps, max_rate_hz / 1000.0, seed, direct)
