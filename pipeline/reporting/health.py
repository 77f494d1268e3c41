"""What looks wrong with a finished run: its trainings, its depth, its easy classes."""

from dataclasses import dataclass

from pipeline.analysis.table import NAMES
from pipeline.base.files import read_table
from pipeline.inference.sweep import falls_with_depth
from pipeline.reporting.results import Results, Row
from pipeline.training.watch import RATE, warnings


@dataclass(frozen=True)
class Training:
    """One finished training: the rows of its history, and spikes per neuron and step of each layer by epoch."""

    method: str
    key: str
    history: list[Row]
    rates: dict[str, list[float]]


def trainings(results: Results) -> list[Training]:
    """Every training of the run; rates are empty where an older version trained it."""
    found = []
    for method in results.methods:
        for key in results.params.blocks:
            history = read_table(results.folders.block(key, method) / "history.csv")
            if history:
                layers = [name for name in history[0] if name.startswith(RATE)]
                rates = {name.removeprefix(RATE): [row[name] for row in history] for name in layers}
                found.append(Training(method, key, history, rates))
    return found


def health(results: Results) -> list[str]:
    """A line for each thing that looks wrong; none where nothing does."""
    told: list[str] = []
    for training in trainings(results):
        classes = len(next(block.trained_on for block in results.blocks if block.key == training.key))
        classes = classes if training.method == "bloctrain" else len(results.class_names)
        name = f"{NAMES[training.method]} {training.key}"
        told += warnings(name, training.history[-1], classes, results.params.neuron.levels).values()
    for method in results.methods:
        accuracy = [row[method] for row in results.depths if row[method] is not None]
        if fallen := falls_with_depth(accuracy, list(results.params.blocks)):
            told.append(f"{NAMES[method]}: test accuracy {fallen}")
    for block in results.built:
        lost = [results.class_names[index] for index in block.easy if block.accuracy["recall"][index] == 0]
        if lost:
            told.append(
                f"{block.key}: none of the images of {', '.join(lost)} is recognised, and yet they are easy; see partition.metric"
            )
    return told
