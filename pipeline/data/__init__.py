"""Images: where they come from, how they are split, how they are stored."""

from pipeline.data.augment import augment
from pipeline.data.prepared import Prepared, load_prepared, prepare

__all__ = ["Prepared", "augment", "load_prepared", "prepare"]
