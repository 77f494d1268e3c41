"""The paper's statements (claims.yaml), one `Claim` per entry."""

from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

LITERATURE = {"table_1_cifar10": "Table 1", "table_2_cifar100": "Table 2"}
RESULTS = ("cifar10_resnet9", "cifar100_resnet11", "cifar100_vgg16")


@dataclass(frozen=True)
class Claim:
    """One entry. `id` is `section.name`; `value` as the paper states it (percent, ratio, count or text)."""

    section: str
    name: str
    value: Any
    where: str
    needs: str = ""
    unit: str = ""
    fields: dict[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return f"{self.section}.{self.name}"

    def text(self) -> str:
        """The paper's value with its unit."""
        if isinstance(self.value, dict):
            value = ", ".join(f"{key}: {item}" for key, item in self.value.items())
        elif isinstance(self.value, list):
            value = ", ".join(str(item) for item in self.value)
        else:
            value = str(self.value)
        about = "about " if self.fields.get("approximate") else ""
        return f"{about}{value} {self.unit}".strip()


@cache
def read_claims_file() -> dict[str, Any]:
    """claims.yaml as it is."""
    content: dict[str, Any] = yaml.safe_load(files("pipeline.reporting").joinpath("claims.yaml").read_text(encoding="utf-8"))
    return content


def load_claims() -> list[Claim]:
    """Every entry of every section, in the file's order."""
    return [claim for section, entries in read_claims_file().items() for claim in _of_section(section, entries)]


def claim_values() -> dict[str, Any]:
    """The paper's value of each claim id."""
    return {claim.id: claim.value for claim in load_claims()}


def literature(section: str) -> list[tuple[str, str, int, float]]:
    """Rows (model, training method, dataset size in images, accuracy in percent) of one of the paper's two tables."""
    return [(row[0], row[1], row[2], row[3]) for row in _unquoted(read_claims_file()[section])]


def _of_section(section: str, entries: Any) -> list[Claim]:
    if section in RESULTS:
        return [_result(section, entry) for entry in entries]
    if section in LITERATURE:
        return [
            Claim(section, f"row_{number}", accuracy, LITERATURE[section], unit="%", fields={"model": model, "method": method})
            for number, (model, method, _, accuracy) in enumerate(literature(section), start=1)
        ]
    where = {"setup": "5.1", "heuristics": "6.1"}.get(section, "")
    return [
        Claim(section, str(name), value, where or f"Figure {name}", needs="training" if section == "figures" else "")
        for name, value in entries.items()
    ]


def _result(section: str, entry: dict[str, Any]) -> Claim:
    known = ("id", "value", "where", "needs", "unit")
    rest = {key: value for key, value in entry.items() if key not in known}
    return Claim(section, entry["id"], entry["value"], entry["where"], entry["needs"], entry.get("unit", ""), rest)


def _unquoted(rows: list[list[Any]]) -> list[list[Any]]:
    """A flow-style row whose model holds commas comes apart; join what precedes the last two numbers and the method."""
    return [[", ".join(str(part) for part in row[:-3]), *row[-3:]] for row in rows]
