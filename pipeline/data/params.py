"""The section `data`: which images, and how they are split."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from pipeline.base.sections import Count, Section


class SplitParams(Section):
    """Images per split. Where the source has a test set of its own, `test` images are drawn from it."""

    train: Count
    """Images that BlocTrain trains on. Paper: 40000 (VGG-16: 50000)."""
    validation: Count
    """Images that pick hard classes and thresholds; the baselines train on them as well. Paper: 10000."""
    test: Count
    """Images that every published number is measured on. Paper: 10000."""
    held_out: bool = True
    """false: the validation images are some of those trained on. Paper: true; false for VGG-16, which trains on all images and
    picks hard classes on the test set."""


class DataParams(Section):
    """Where the images come from."""

    source: Literal["digits", "cifar10", "cifar100", "image_folder"]
    """digits: scikit-learn's, offline. cifar10 and cifar100: through torchvision. image_folder: a folder or zip with
    train/<class>/ and test/<class>/ inside. Paper: CIFAR-10 and CIFAR-100."""
    path: str | None = None
    """The folder or zip of `image_folder`, or the folder that holds torchvision's download."""
    image_size: Annotated[int, Field(ge=1, le=1024)]
    """Side of the square images. Digits are enlarged to it; other images must have it. Unit: pixels. Paper: 32."""
    split: SplitParams

    @model_validator(mode="after")
    def _path_fits_the_source(self) -> DataParams:
        if self.source == "image_folder" and not self.path:
            raise ValueError("source image_folder needs data.path, a folder or a zip with train/<class>/ and test/<class>/")
        if self.source == "digits" and self.path:
            raise ValueError(
                f"source digits has its own images, but data.path is {self.path}; for your own images write source: "
                "image_folder, else path: null"
            )
        return self
