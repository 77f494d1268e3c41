"""The paper's statements (claims.yaml), one `Claim` per entry, and the scale that they were made at."""

from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from pipeline.reporting.scale import Scale

LITERATURE = {"table_1_cifar10": "Table 1", "table_2_cifar100": "Table 2"}
WHERE = {"setup": "5.1", "heuristics": "6.1"} | LITERATURE
RESULTS = {
    "cifar10_resnet9": ("cifar10", "ResNet-9", "CIFAR-10 ResNet-9"),
    "cifar100_resnet11": ("cifar100", "ResNet-11", "CIFAR-100 ResNet-11"),
    "cifar100_vgg16": ("cifar100", "VGG-16", "CIFAR-100 VGG-16"),
}
"""Data set, network family and printed name of each section of the paper's results."""
STAND_INS = ("digits", "image_folder")
"""Data that is not the paper's: a claim may show its direction there, never its value."""
WIDTHS = {
    "ResNet-9": [64, 128, 256, 512],
    "VGG9-like": [64, 128, 256, 512],
    "ResNet-11": [64, 128, 256, 512, 512],
    "VGG-16": [64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512],
}
"""Channels per layer or residual unit, of the networks that the paper builds on: Lee et al. 2020, Simonyan and Zisserman 2014."""
SIDE = 32
"""Both CIFAR sets are 32x32 pixels."""


@dataclass(frozen=True)
class Claim:
    """One entry. `id` is `section.name`; `value` as the paper states it (percent, ratio, count or text). `judged` says how the
    claim is judged, in the words of claims.yaml."""

    section: str
    name: str
    value: Any
    where: str
    needs: str = ""
    unit: str = ""
    fields: dict[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """What names the claim everywhere."""
        return f"{self.section}.{self.name}"

    @property
    def judged(self) -> dict[str, Any]:
        """How the claim is judged; nothing for what no run can test."""
        how = read_claims_file()["judged"]
        found: dict[str, Any] = how.get(self.id, how.get(self.name, {}))
        return found

    @property
    def times(self) -> int:
        """What brings a share 0..1 to the claim's unit."""
        return 100 if self.unit.startswith(("%", "points")) else 1

    @property
    def show(self) -> str:
        """How our value is printed, unless claims.yaml says otherwise."""
        return "{this:.2f} %" if self.unit == "%" else "{this:.2f}" if self.unit.startswith("ratio") else "{this}"

    def text(self) -> str:
        """The paper's value with its unit."""
        value = [f"{key}: {item}" for key, item in self.value.items()] if isinstance(self.value, dict) else self.value
        words = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        return f"{'about ' * bool(self.fields.get('approximate'))}{words} {self.unit}".strip()


@cache
def read_claims_file() -> dict[str, Any]:
    """claims.yaml as it is."""
    content: dict[str, Any] = yaml.safe_load(files("pipeline.reporting.claims").joinpath("claims.yaml").read_text("utf-8"))
    return content


@cache
def load_claims() -> dict[str, Claim]:
    """Every statement of the paper by its id, in the file's order."""
    claims = [c for section, entries in read_claims_file().items() if section != "judged" for c in _of_section(section, entries)]
    return {claim.id: claim for claim in claims}


def literature(section: str) -> list[tuple[str, str, int, float]]:
    """Rows (model, training method, dataset size in images, accuracy in percent) of one of the paper's two tables.

    A row in flow style whose model holds commas comes apart: what precedes the last three cells is the model.
    """
    return [(", ".join(map(str, row[:-3])), row[-3], row[-2], row[-1]) for row in read_claims_file()[section]]


def _of_section(section: str, entries: Any) -> list[Claim]:
    if section in LITERATURE:
        rows = enumerate(literature(section), start=1)
        return [
            Claim(section, f"row_{n}", row[3], WHERE[section], "", "%", {"model": row[0], "method": row[1]}) for n, row in rows
        ]
    if section not in RESULTS:
        return [Claim(section, str(name), value, WHERE.get(section, f"Figure {name}")) for name, value in entries.items()]
    return [Claim(section, e["id"], e["value"], e["where"], e["needs"], e.get("unit", ""), e) for e in entries]


def section_of(family: str, dataset: str) -> str | None:
    """The paper's section of a network family on its data or on a stand-in; None if there is none."""
    return next(
        (name for name, (data, network, _) in RESULTS.items() if network == family and dataset in (data, *STAND_INS)), None
    )


def at_paper_scale(scale: Scale, section: str, trained: bool) -> bool:
    """The paper's data, image size, network at full width, time steps and batch size: what analytic claims need. Where a claim is
    of `trained` networks also its epochs, learning rates, images and test set, no augmentation, dropout or schedule (it mentions
    none), with hard classes picked where the paper picks them: for VGG-16, which trains on all images, on the test set (5.4)."""
    setup, training, vgg = read_claims_file()["setup"], scale.training, section == "cifar100_vgg16"
    network = (scale.dataset, scale.channels, scale.image_size, scale.time_steps, training["batch_size"])
    same = network == (RESULTS[section][0], WIDTHS.get(scale.family), SIDE, setup["time_steps"], setup["batch_size"])
    if not same or not trained:
        return same
    split, rates = setup["split"], setup["learning_rate"]
    wanted = {f"b{number}": rates.get(f"block_{number}", rates["deeper"]) for number in range(1, scale.blocks + 1)}
    how = (training["augmentation"], training["dropout"], training["schedule"], scale.test_images, scale.partition["source"])
    return (
        how == ("none", 0.0, "constant", split["test"], "test" if vgg else "validation")
        and scale.learning_rates == wanted | {"end_to_end": rates["end_to_end"]}
        and training["epochs"] >= setup["epochs"]
        and scale.images["bloctrain"] >= split["train"] + (split["validation"] if vgg else 0)
    )


def paper_scale_text(size: int, data: str) -> str:
    """The paper's own scale in the words of ours; only for its own rows."""
    setup, network = read_claims_file()["setup"], f"{data} {SIDE}x{SIDE}, first layer {WIDTHS['ResNet-9'][0]} channels"
    return f"{network}, {setup['time_steps']} time steps, {setup['epochs']} epochs, {size} images"


@dataclass(frozen=True)
class Reference:
    """The paper's values that a figure of this run is drawn beside: those of the same network, or of none."""

    section: str | None

    @property
    def label(self) -> str:
        """`paper, CIFAR-10 ResNet-9`: the scale that nobody must mistake."""
        return f"paper, {RESULTS[self.section][2]}" if self.section else "paper"

    def value(self, name: str, key: str = "value") -> Any:
        """The value that the section states under `name`, or another field of that entry, or None."""
        claim = load_claims().get(f"{self.section}.{name}")
        return claim.fields.get(key) if claim else None
