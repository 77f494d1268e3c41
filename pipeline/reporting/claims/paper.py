"""The paper's statements (claims.yaml), one `Claim` per entry, and the scale that they were made at."""

from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from pipeline.reporting.results import Results
from pipeline.reporting.scale import channels, family, scale_text

LITERATURE = {"table_1_cifar10": "Table 1", "table_2_cifar100": "Table 2"}
RESULTS = {
    "cifar10_resnet9": ("cifar10", "ResNet-9", "CIFAR-10 ResNet-9"),
    "cifar100_resnet11": ("cifar100", "ResNet-11", "CIFAR-100 ResNet-11"),
    "cifar100_vgg16": ("cifar100", "VGG-16", "CIFAR-100 VGG-16"),
}
"""Data set, network family and printed name of each section of the paper's results."""
STAND_INS = ("digits", "image_folder")
"""Data that is not the paper's: a claim may show its direction there, never its value."""
WIDTHS = {
    "ResNet-9": (64, 128, 256, 512),
    "VGG9-like": (64, 128, 256, 512),
    "ResNet-11": (64, 128, 256, 512, 512),
    "VGG-16": (64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512),
}
"""Channels per layer or residual unit, of the networks that the paper builds on: Lee et al. 2020, Simonyan and Zisserman 2014."""
SIDE = 32
"""Both CIFAR sets are 32x32 pixels."""


@dataclass(frozen=True)
class Claim:
    """One entry. `id` is `section.name`; `value` as the paper states it (percent, ratio, count or text). `judged` says how a
    claim of a result is judged, in the words of claims.yaml."""

    section: str
    name: str
    value: Any
    where: str
    needs: str = ""
    unit: str = ""
    fields: dict[str, Any] = field(default_factory=dict)
    judged: dict[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """What names the claim everywhere."""
        return f"{self.section}.{self.name}"

    def text(self) -> str:
        """The paper's value with its unit."""
        value = str(self.value)
        if isinstance(self.value, dict):
            value = ", ".join(f"{key}: {item}" for key, item in self.value.items())
        elif isinstance(self.value, list):
            value = ", ".join(str(item) for item in self.value)
        about = "about " if self.fields.get("approximate") else ""
        return f"{about}{value} {self.unit}".strip()


@cache
def read_claims_file() -> dict[str, Any]:
    """claims.yaml as it is."""
    content: dict[str, Any] = yaml.safe_load(files("pipeline.reporting.claims").joinpath("claims.yaml").read_text("utf-8"))
    return content


@cache
def load_claims() -> tuple[Claim, ...]:
    """Every statement of the paper, in the file's order."""
    sections = read_claims_file().items()
    return tuple(claim for section, entries in sections if section != "judged" for claim in _of_section(section, entries))


def claim(name: str) -> Claim:
    """The claim of that id; raises KeyError if there is none."""
    return {each.id: each for each in load_claims()}[name]


def literature(section: str) -> list[tuple[str, str, int, float]]:
    """Rows (model, training method, dataset size in images, accuracy in percent) of one of the paper's two tables.

    A row in flow style whose model holds commas comes apart: what precedes the last three cells is the model.
    """
    return [(", ".join(map(str, row[:-3])), row[-3], row[-2], row[-1]) for row in read_claims_file()[section]]


def _of_section(section: str, entries: Any) -> list[Claim]:
    if section in RESULTS:
        return [_result(section, entry) for entry in entries]
    if section in LITERATURE:
        return [
            Claim(section, f"row_{number}", accuracy, LITERATURE[section], unit="%", fields={"model": model, "method": method})
            for number, (model, method, _, accuracy) in enumerate(literature(section), start=1)
        ]
    where = {"setup": "5.1", "heuristics": "6.1"}.get(section, "")
    return [Claim(section, str(name), value, where or f"Figure {name}") for name, value in entries.items()]


def _result(section: str, entry: dict[str, Any]) -> Claim:
    name, how = entry["id"], read_claims_file()["judged"]
    rest = {key: value for key, value in entry.items() if key not in ("id", "value", "where", "needs", "unit")}
    judged = how.get(f"{section}.{name}", how.get(name))
    return Claim(section, name, entry["value"], entry["where"], entry["needs"], entry.get("unit", ""), rest, judged)


def section_of(network: str, data: str) -> str | None:
    """The paper's section of a network family on its data or on a stand-in; None if there is none."""
    for section, (source, name, _) in RESULTS.items():
        if network == name and data in (source, *STAND_INS):
            return section
    return None


def paper_network(results: Results, section: str) -> bool:
    """The paper's data, image size, network at full width, time steps and batch size: what analytic claims need."""
    setup, params = read_claims_file()["setup"], results.params
    return (
        results.dataset == RESULTS[section][0]
        and channels(params) == WIDTHS.get(family(params))
        and params.data.image_size == SIDE
        and params.encoding.time_steps == setup["time_steps"]
        and params.training.batch_size == setup["batch_size"]
    )


def paper_training(results: Results, section: str) -> bool:
    """`paper_network`, and the paper's epochs, learning rates, images and test set, no augmentation, dropout or schedule (it
    mentions none), with hard classes picked where the paper picks them.

    VGG-16 trains on the whole training set and picks hard classes on the test set (section 5.4).
    """
    setup, params, vgg = read_claims_file()["setup"], results.params, section == "cifar100_vgg16"
    split, rates, training = setup["split"], setup["learning_rate"], params.training
    wanted = [rates.get(f"block_{number}", rates["deeper"]) for number in range(1, len(params.blocks) + 1)]
    return (
        paper_network(results, section)
        and training.epochs >= setup["epochs"]
        and params.baselines.end_to_end_learning_rate == rates["end_to_end"]
        and [block.learning_rate for block in params.blocks.values()] == wanted
        and (training.augmentation, training.dropout, training.schedule) == ("none", 0.0, "constant")
        and results.images("train") >= split["train"] + (split["validation"] if vgg else 0)
        and results.images("test") == split["test"]
        and params.partition.source == ("test" if vgg else "validation")
    )


def paper_scale_text(size: int, data: str) -> str:
    """The paper's own scale in the words of ours; only for its own rows."""
    setup = read_claims_file()["setup"]
    return scale_text(data, SIDE, WIDTHS["ResNet-9"][0], setup["time_steps"], setup["epochs"], size)


@dataclass(frozen=True)
class Reference:
    """The paper's values that a figure of this run is drawn beside: those of the same network, or of none."""

    section: str | None

    @property
    def label(self) -> str:
        """`paper, CIFAR-10 ResNet-9`: the scale that nobody must mistake."""
        return f"paper, {RESULTS[self.section][2]}" if self.section else "paper"

    def value(self, name: str) -> Any:
        """The value that the section states under `name`, or None."""
        return self.field(name, "value")

    def field(self, name: str, key: str) -> Any:
        """Another field of the same entry, or None."""
        entries = read_claims_file()[self.section] if self.section else []
        return next((entry.get(key) for entry in entries if entry["id"] == name), None)
