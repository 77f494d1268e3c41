"""The tables of the reports: the paper's with our rows, and what else a run measured."""

from collections.abc import Sequence
from typing import Any

from pipeline.analysis.table import NAMES, Table, Verbatim
from pipeline.base.folders import METHODS
from pipeline.reporting.claims.facts import Facts
from pipeline.reporting.claims.paper import literature, load_claims, paper_scale_text
from pipeline.reporting.claims.table import claims_table
from pipeline.reporting.ledger.entry import MODEL_COLUMNS, Entry
from pipeline.reporting.results import Row
from pipeline.reporting.scale import TEST_PICKED
from pipeline.reporting.summary import look_up

PAPER_TABLES = {
    "table_1": ("table_1_cifar10", "CIFAR-10", "Table 1: accuracy on CIFAR-10"),
    "table_2": ("table_2_cifar100", "CIFAR-100", "Table 2: accuracy on CIFAR-100"),
}
HEADLINE: list[tuple[str, list[str], str, str, int]] = [
    ("BlocTrain", ["accuracy_bloctrain"], "{:.1f} %", "accuracy.bloctrain", 100),
    ("BlocTrain-base", ["accuracy_base"], "{:.1f} %", "accuracy.bloctrain_base", 100),
    ("end to end", [], "{:.1f} %", "accuracy.end_to_end", 100),
    ("less compute", ["compute_efficiency"], "{:.2f}x", "efficiency.compute", 1),
    ("speed-up", [], "{:.2f}x", "efficiency.measured_speedup", 1),
    ("more memory", ["inference_memory_overhead"], "{:.2f}x", "efficiency.memory_overhead", 1),
    ("less training memory", ["training_memory_reduction_min", "training_memory_reduction_max"], "{:.2f}x",
     "efficiency.training_memory_reduction", 1),
    ("training time", ["training_time_same_batch"], "{:.2f}x", "training_time_ratio", 1),
]  # fmt: skip
"""Column, claims of the paper that state its number, how ours is printed, where it stands in a summary, and its factor."""
RATIO = (
    "Counted for so many images over all time steps, a mini-batch and accounting.memory_images of them; reduction is against the "
    "deepest end-to-end network."
)
TIME = (
    "Wall time on this machine; a time of another machine is not comparable. Deeper blocks train on fewer images. "
    "forward_seconds: the pass over the training images, once per training, that makes what the next block trains on."
)


def build_tables(facts: Facts) -> list[Table]:
    """Every table of the reports, in the order of the page; the claims and the paper's tables also draw on the ledger."""
    results, sizes = (
        facts.results,
        ("weights_mb", "state_mb", "total_mb", "reduction", "reduction_same_depth", "saved_mb_measured"),
    )
    shares = [f"share_{block.key}" for block in results.blocks]
    shares = [name for name in shares if results.tradeoff and name in results.tradeoff[0]]
    cost = ("split", "theta_conf", "accuracy", "compute_efficiency", "memory_overhead", *shares)
    seconds = ("images", "epochs", "seconds", "median_seconds_per_epoch", "ms_per_image", "forward_seconds")
    swept = [row | {"theta_conf": f"{row['theta_conf']:.12g}"} for row in results.tradeoff]  # as text: no digit is lost
    times = [row | {"ms_per_image": 1000 * row["median_seconds_per_epoch"] / row["images"] if row["images"] else None}
             for row in results.times if row["method"] in results.methods]  # fmt: skip
    own = _model_rows([facts.own], "this run")
    rows = own + _model_rows(facts.others)
    return [
        headline(facts.ledger),
        claims_table(facts),
        Table("this_run", "This run", MODEL_COLUMNS, own),
        Table("experiments", "This run and every published experiment", MODEL_COLUMNS, rows),
        *(_paper_table(name, rows) for name in PAPER_TABLES),
        _accuracy_by_depth(facts),
        _partition(facts),
        _of(facts, "training_memory", "Training memory", results.all_memory, ("images", "depth", "block", *sizes), RATIO),
        _inference(facts),
        _of(facts, "tradeoff", "Accuracy against cost over theta_conf", swept, cost),
        _of(facts, "training_time", "Training time", times, ("depth", "block", *seconds), TIME),
        *([_anytime(facts)] if results.policies else []),
    ]


def headline(ledger: Sequence[Entry]) -> Table:
    """The paper's headline numbers beside those of every published experiment: the table that README quotes."""
    rows = [["paper, ResNet-9", *(_stated(names, form) for _, names, form, _, _ in HEADLINE), "1"]]
    for entry in ledger:
        numbers = (_over_seeds(entry, path) or _span(_of_one_run(entry, path), form, x) for *_, form, path, x in HEADLINE)
        theta_conf = entry.parameters["inference"]["theta_conf"]
        rows.append([entry.name, *numbers, "per block" if isinstance(theta_conf, list) else f"{theta_conf:.12g}"])
    note = (
        "Accuracies are those of the test images; with ± they are mean and standard deviation over seeds, and all else is of one "
        "run. An accuracy that the run lacks is that of the one seed that has it. "
        "Ratios are over end to end at full depth: compute and memory of an inference, "
        "its measured speed-up, memory and time of a training. At what scale: table experiments; claim by claim: claims."
    )
    marked = [f"{entry.name}: {entry.scale.test_picked}." for entry in ledger if entry.scale.test_picked]
    columns = ["experiment", *(words for words, *_ in HEADLINE), "theta_conf"]
    return Table("headline", "The paper and the published experiments", columns, rows, [note, *marked])


def _stated(names: Sequence[str], form: str) -> str:
    """What the paper states by those claims, with the unit of `form`."""
    return " to ".join(f"{load_claims()[f'cifar10_resnet9.{name}'].value}{form.rpartition('}')[2]}" for name in names)


def _over_seeds(entry: Entry, path: str) -> str:
    """An accuracy over the seeds of a published experiment, "90.1±0.2 %"; nothing for other numbers and for one run."""
    spread = entry.spreads.get(path) if path.startswith("accuracy.") else None
    return f"{100 * spread.mean:.1f}±{100 * spread.std:.1f} %" if spread else ""


def _of_one_run(entry: Entry, path: str) -> Any:
    """A number of the run; an accuracy that it lacks, of the one seed that has it."""
    own = look_up(entry.summary, path)
    return entry.once.get(path) if own is None and path.startswith("accuracy.") else own


def _span(value: Any, form: str, times: int) -> str:
    """A number in words, the least and the largest of several; nothing where there is none."""
    values = list(value.values()) if isinstance(value, dict) else [value]
    if not values or None in values:
        return ""
    return " to ".join(form.format(times * end) for end in dict.fromkeys([min(values), max(values)]))


def _model_rows(entries: Sequence[Entry], name: str = "") -> list[list[Any]]:
    """The rows of experiments at full depth, a row per method, named by `name` or by experiment."""
    named = [(row, name or entry.name) for entry in entries for row in entry.rows]
    return [[f"{row['model']} ({of})", *(row[column] for column in MODEL_COLUMNS[1:])] for row, of in named]


def _paper_table(name: str, rows: list[list[Any]]) -> Table:
    """The paper's rows, and ours on the same data set."""
    section, dataset, title = PAPER_TABLES[name]
    paper: list[list[Any]] = []
    for model, method, size, percent in literature(section):
        own = "(the paper)" in model
        scale = paper_scale_text(size, dataset) if own else "as quoted by the paper"
        paper.append([model, method, dataset, size, percent, "", scale, TEST_PICKED if own and "VGG-16" in model else ""])
    ours = [row for row in rows if row[MODEL_COLUMNS.index("dataset")] == dataset]
    note = "Rows with (this run) or an experiment's name are ours, at the scale stated."
    return Table(name, title, MODEL_COLUMNS, paper + ours, [note if ours else "None of our runs is on this data."])


def _accuracy_by_depth(facts: Facts) -> Table:
    """Test accuracy in percent of the first `depth` blocks."""
    columns = ("depth", "block", *(f"{method}_percent" for method in METHODS), "note")
    rows = [
        [row["depth"], row["block"], *(_percent(row[method]) for method in METHODS), _note(facts, row["block"])]
        for row in facts.results.depths
    ]
    return Table("accuracy_by_depth", "Test accuracy by depth", columns, rows)


def _partition(facts: Facts) -> Table:
    """Per block and class: accuracies on the images that decide, and on which side of the threshold the class lies."""
    columns = ("block", "class", "recall_percent", "one_vs_rest_percent", "group", "trained_on_it", "note")
    rows: list[list[Any]] = []
    for block in facts.results.blocks:
        if not block.built:
            rows.append([block.key, "", None, None, "", "", _note(facts, block.key)])
        for index, name in enumerate(facts.results.class_names if block.built else []):
            group = "hard" if index in block.hard else "easy" if index in block.easy else "decided earlier"
            accuracies = [_percent(float(block.accuracy[metric][index])) for metric in ("recall", "one_vs_rest")]
            trained = "yes" if index in block.trained_on else "no"
            rows.append([block.key, Verbatim(name), *accuracies, group, trained, facts.own.scale.test_picked])
    source, metric = facts.own.scale.partition["source"], facts.own.scale.partition["metric"]
    decides = f"Accuracies of the network up to the block, on the {source} set; {metric} decides which classes are hard."
    return Table("partition", "Easy and hard classes", columns, rows, [decides, hardness_threshold(facts)])


def hardness_threshold(facts: Facts) -> str:
    """The threshold as it was set, and the accuracy that it came to after each block, in a sentence."""
    mode, value = facts.own.scale.partition["mode"], facts.own.scale.partition["value"]
    sense = "as given, of" if mode == "absolute" else f"the mean {value:+g} standard deviations of"
    after = ", ".join(f"{100 * (block.threshold or 0.0):.2f} % after {block.key}" for block in facts.results.built)
    return f"Hardness threshold, {mode} ({sense} the class accuracies): {after}."


def _inference(facts: Facts) -> Table:
    """Cost per image; the measured speed-up stands beside the counted efficiency."""
    compute = ("macs_per_image", "compute_efficiency", "measured_speedup")
    columns = ("accuracy_percent", *compute, "memory_mb", "memory_overhead", "synaptic_operations")
    latency, theta = facts.results.latency, facts.own.scale.theta_conf
    rows = [
        row | {"accuracy_percent": _percent(row["accuracy"]), "measured_speedup": latency["speedup"].get(method)}
        for method, row in facts.results.inference.items()
    ]
    note = (
        f"theta_conf {', '.join(f'{value:g}' for value in (theta if isinstance(theta, list) else [theta]))}. Ratios are against "
        f"end-to-end. The speed-up is the median of {latency['repeats']} measurements over {latency['images']} images in batches "
        f"of {latency['batch_size']}."
    )
    return _of(facts, "inference", "Cost of inference", rows, columns, note)


def _anytime(facts: Facts) -> Table:
    """A policy in each row: of which family, how much validation accuracy it may lose, and what it does on the test images."""
    rows = [row | {"accuracy": 100 * row["accuracy"]} for row in facts.results.policies]
    columns = ["accuracy_percent" if name == "accuracy" else name for name in rows[0]]
    own = facts.results.params.inference.points_lost
    note = (
        "Of each family the cheapest policy that loses at most so many points of validation accuracy; accuracy and cost are "
        "those of the test images. goes deeper after: the steps after which an image goes on to the next block. Predictions "
        f"leave by the policy of depth and time that may lose {own:g} points."
    )
    return Table("anytime", "Exits in depth and time", columns, [list(row.values()) for row in rows], [note])


def _of(facts: Facts, name: str, title: str, rows: list[Row], columns: Sequence[str], note: str = "") -> Table:
    """A table of this run by method, with a note on BlocTrain's rows."""
    cells = [
        [NAMES[row["method"]], *(row.get(column) for column in columns),
         _note(facts, row.get("block")) if row["method"] == "bloctrain" else ""]
        for row in rows
    ]  # fmt: skip
    return Table(name, title, ("method", *columns, "note"), cells, [note] if note else [])


def _note(facts: Facts, key: str | None) -> str:
    """That a block was not built and why, or the mark of results that rest on a leak."""
    missing = [f"not built: {block.reason}" for block in facts.results.blocks if block.key == key and not block.built]
    return missing[0] if missing else facts.own.scale.test_picked


def _percent(value: float | None) -> float | None:
    return None if value is None else round(100 * value, 4)
