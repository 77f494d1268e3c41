"""Which published data set some images are, by their names and numbers."""

from collections.abc import Mapping
from typing import Any

SHAPE = [3, 32, 32]
"""Channels, height and width of both CIFAR sets."""
CIFAR = {
    "cifar10": (6000, ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]),
    "cifar100": (
        600,
        [
            "apple",
            "aquarium_fish",
            "baby",
            "bear",
            "beaver",
            "bed",
            "bee",
            "beetle",
            "bicycle",
            "bottle",
            "bowl",
            "boy",
            "bridge",
            "bus",
            "butterfly",
            "camel",
            "can",
            "castle",
            "caterpillar",
            "cattle",
            "chair",
            "chimpanzee",
            "clock",
            "cloud",
            "cockroach",
            "couch",
            "crab",
            "crocodile",
            "cup",
            "dinosaur",
            "dolphin",
            "elephant",
            "flatfish",
            "forest",
            "fox",
            "girl",
            "hamster",
            "house",
            "kangaroo",
            "keyboard",
            "lamp",
            "lawn_mower",
            "leopard",
            "lion",
            "lizard",
            "lobster",
            "man",
            "maple_tree",
            "motorcycle",
            "mountain",
            "mouse",
            "mushroom",
            "oak_tree",
            "orange",
            "orchid",
            "otter",
            "palm_tree",
            "pear",
            "pickup_truck",
            "pine_tree",
            "plain",
            "plate",
            "poppy",
            "porcupine",
            "possum",
            "rabbit",
            "raccoon",
            "ray",
            "road",
            "rocket",
            "rose",
            "sea",
            "seal",
            "shark",
            "shrew",
            "skunk",
            "skyscraper",
            "snail",
            "snake",
            "spider",
            "squirrel",
            "streetcar",
            "sunflower",
            "sweet_pepper",
            "table",
            "tank",
            "telephone",
            "television",
            "tiger",
            "tractor",
            "train",
            "trout",
            "tulip",
            "turtle",
            "wardrobe",
            "whale",
            "willow_tree",
            "wolf",
            "woman",
            "worm",
        ],
    ),
}
"""Images per class, training and test together, and class names in torchvision's order (Krizhevsky 2009)."""


def known_dataset(source: str, manifest: Mapping[str, Any]) -> str:
    """`data.source`; an image folder with the class names, the shape and the counts of a CIFAR set counts as that set.

    `manifest` is the content of data/prepared/manifest.json.
    """
    counts = {split: count["per_class"] for split, count in manifest["counts"].items()}
    without = {split: count for split, count in counts.items() if split != "validation"}  # whose images may be trained on as well
    totals = [[sum(of_class) for of_class in zip(*splits.values(), strict=True)] for splits in (counts, without)]
    for name, (images, classes) in CIFAR.items():
        same = list(manifest["class_names"]) == classes and list(manifest["image_shape"]) == SHAPE
        if source == "image_folder" and same and [images] * len(classes) in totals:
            return name
    return source
