"""Entries of the ledger with numbers chosen by hand."""

from typing import Any

from fake_run import paper_params

from pipeline.base.folders import METHODS
from pipeline.config import parse_params
from pipeline.reporting.ledger.entry import Entry, Finding
from pipeline.reporting.scale import Scale

CLAIM = "cifar10_resnet9.compute_efficiency"


def make_entry(name: str, params: dict[str, Any] | None = None, **parts: Any) -> Entry:
    """A published experiment without findings: the parameters of the paper, or those given; `dataset`, `summary` and the like
    replace parts of it."""
    content = parse_params(params or paper_params())
    layers = [layer.channels for block in content.blocks.values() for layer in block.layers if layer.kind != "pool"]
    split, partition = content.data.split, content.partition
    rates = {key: block.learning_rate for key, block in content.blocks.items()}
    scale = Scale(
        dataset=parts.pop("dataset", "cifar10"), image_size=content.data.image_size, channels=layers, family="ResNet-9",
        shortcuts=content.network.shortcuts, init_gain=content.network.init_gain, time_steps=content.encoding.time_steps,
        images={method: split.train + (0 if method == "bloctrain" else split.validation) for method in METHODS},
        test_images=split.test, seed=content.seed, training=content.training.model_dump(),
        learning_rates=rates | {"end_to_end": content.baselines.end_to_end_learning_rate}, theta_conf=1.0,
        partition={"source": partition.source, "metric": partition.metric, "threshold": 0.9} | partition.threshold.model_dump(),
    )  # fmt: skip
    row = {"model": "ResNet-9", "training_method": "BlocTrain", "dataset": scale.data, "dataset_size": 40000,
           "accuracy_percent": 65.0, "over_seeds": "", "scale": scale.text(), "note": ""}  # fmt: skip
    ratios = {"compute": 1.4, "memory_overhead": 1.66, "measured_speedup": 1.3}
    summary = {
        "accuracy": {"bloctrain": 0.64, "bloctrain_base": 0.66, "end_to_end": 0.6, "by_depth": {}},
        "efficiency": ratios | {"training_memory_reduction": {"b1": 1.9, "b2": 3.4}, "base_extra_compute": 0.1},
        "training_time_ratio": 0.57,
    }
    defaults = {"summary": summary, "parameters": content.model_dump(mode="json"), "rows": [row], "tradeoff": []}
    return Entry(name, scale, **(defaults | parts))


def entry(name: str, scale: str, verdict: Any = "same direction", dataset: str = "cifar10", **parts: Any) -> Entry:
    """A published experiment whose finding on CLAIM was made at `scale`."""
    found = Finding("1.70", verdict, "holds", 1.7, scale, "not CIFAR-10" not in scale, name)
    return make_entry(name, dataset=dataset, findings={CLAIM: found}, **parts)
