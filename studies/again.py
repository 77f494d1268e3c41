"""Run a published experiment again: `python -m studies.again cifar10-resnet9-cpu` writes its parameters to params.yaml.

What was moved or added since it was recorded is put where it belongs now, switched off. Images that were read from a folder or
zip come from `--path`; without it those of CIFAR-10 and CIFAR-100 come through torchvision.
"""

import argparse
from typing import Any

import yaml

from pipeline.base.errors import UserError
from pipeline.base.yaml_file import read_mapping
from pipeline.config import parse_params
from pipeline.data.known import CIFAR
from pipeline.reporting.ledger.entry import load_entry
from studies.experiments import FOLDERS, in_one_line

MOVED = {("training", "end_to_end_learning_rate"): ("baselines", "end_to_end_learning_rate")}
GONE = ("prev2",)
"""Keys of a block that follow from the others."""
ADDED = {"accounting": {"memory_images": 1}}
"""Sections without which dvc.yaml cannot be read."""


def main() -> None:
    """Write params.yaml."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("experiment", choices=sorted(path.parent.name for path in FOLDERS.published.glob("*/entry.json")))
    parser.add_argument("--path", help="the folder or zip of its images")
    given = parser.parse_args()
    folder = FOLDERS.published / given.experiment
    content = recorded(read_mapping(folder / "params.yaml"), load_entry(folder).scale.dataset, given.path)
    parse_params(content, str(folder / "params.yaml"))
    FOLDERS.params.write_text(yaml.safe_dump(content, sort_keys=False))
    print(f"{FOLDERS.params} holds the parameters of {given.experiment}; `dvc repro` runs it")


def recorded(content: dict[str, Any], dataset: str, path: str | None) -> dict[str, Any]:
    """Parameters as they were recorded, in today's form; the images of `dataset` from `path`.

    Raises:
        UserError: images of a folder that only their owner has, and no path.
    """
    content = {section: dict(value) if isinstance(value, dict) else value for section, value in content.items()}
    for (section, name), (target, new) in MOVED.items():
        if name in content[section]:
            content.setdefault(target, {})[new] = content[section].pop(name)
    content["blocks"] = {
        key: {name: value for name, value in block.items() if name not in GONE} for key, block in content["blocks"].items()
    }
    content |= {section: value for section, value in ADDED.items() if section not in content}
    data = content["data"]
    if path:
        data |= {"source": "image_folder", "path": path}
    elif dataset in CIFAR:
        data |= {"source": dataset, "path": None}
    elif data["source"] == "image_folder":
        raise UserError(f"data.path: {content['experiment']} was run on {data['path']}; say where its images are by --path")
    return content


if __name__ == "__main__":
    in_one_line(main)
