"""The paper's tables 1 and 2 with this run's rows, and what else the run measured, as `Table`s."""

from typing import Any

from pipeline.layout import REPORTS
from pipeline.reporting.facts import Facts
from pipeline.reporting.headline import headline
from pipeline.reporting.paper import literature
from pipeline.reporting.results import METHODS, NAMES, Results
from pipeline.reporting.scale import DATASETS, TEST_PICKED, family, paper_scale_text, scale_text
from pipeline.reporting.text import Table
from pipeline.reporting.verdicts import claims_table

FOLDER = REPORTS / "tables"
MODEL_COLUMNS = ("model", "training_method", "dataset", "dataset_size", "accuracy_percent", "over_seeds", "scale", "note")
DATASET = MODEL_COLUMNS.index("dataset")
THIS_RUN = "(this run)"
PAPER_TABLES = {
    "table_1": ("table_1_cifar10", "cifar10", "Table 1: accuracy on CIFAR-10"),
    "table_2": ("table_2_cifar100", "cifar100", "Table 2: accuracy on CIFAR-100"),
}


def build_tables(facts: Facts) -> list[Table]:
    """Every table of the reports, in the order of the page; the claims and the paper's tables also draw on the ledger."""
    results = facts.results
    return [
        headline(facts.ledger),
        claims_table(facts),
        this_run(facts),
        experiments(facts),
        *(paper_table(facts, name) for name in PAPER_TABLES),
        accuracy_by_depth(results),
        partition(results),
        training_memory(results),
        inference(results),
        tradeoff(results),
        training_time(results),
    ]


def own_rows(facts: Facts) -> list[list[Any]]:
    """This run's rows: BlocTrain, BlocTrain-base and end-to-end at full depth."""
    results = facts.results
    depth = len(results.blocks) if len(results.built) == len(results.blocks) else len(results.built)
    cut = "" if depth == len(results.blocks) else f"{depth} of {len(results.blocks)} blocks built"
    notes = {"bloctrain": "; ".join(note for note in (cut, picked(results)) if note)}
    return [
        [
            f"{family(results.params)} {THIS_RUN}",
            NAMES[method],
            DATASETS[results.dataset],
            results.trained_on(method),
            round(100 * facts.accuracy(method), 4),
            over_seeds(facts, f"accuracy.{method}"),
            scale_text(results, method),
            notes.get(method, ""),
        ]
        for method in METHODS
    ]


def over_seeds(facts: Facts, metric: str) -> str:
    """Mean and standard deviation of an accuracy over seeds and machines in percent, or nothing where one run was made."""
    spread = facts.spreads.get(metric)
    return f"{100 * spread.mean:.2f} ± {100 * spread.std:.2f} ({spread.seeds} runs)" if spread else ""


def picked(results: Results) -> str:
    """The mark of results that rest on hard classes picked on the test set, or nothing."""
    return TEST_PICKED if results.params.partition.source == "test" else ""


def this_run(facts: Facts) -> Table:
    return Table("this_run", "This run", MODEL_COLUMNS, own_rows(facts))


def published_rows(facts: Facts) -> list[list[Any]]:
    """The rows of every published experiment but this one, named by experiment."""
    return [[row[0].replace(THIS_RUN, f"({entry.name})"), *row[1:]] for entry in facts.others for row in entry.rows]


def experiments(facts: Facts) -> Table:
    """This run and every published experiment."""
    return Table("experiments", "All experiments", MODEL_COLUMNS, own_rows(facts) + published_rows(facts))


def paper_table(facts: Facts, name: str) -> Table:
    """The paper's rows, and ours on the same data set: this run's and those of the ledger."""
    section, source, title = PAPER_TABLES[name]
    ours = [row for row in own_rows(facts) + published_rows(facts) if row[DATASET] == DATASETS[source]]
    note = (
        "Rows with (this run) or an experiment's name are ours, at the scale stated."
        if ours
        else "None of our runs is on this data."
    )
    return Table(name, title, MODEL_COLUMNS, [_paper_row(row, DATASETS[source]) for row in literature(section)] + ours, [note])


def _paper_row(row: tuple[str, str, int, float], dataset: str) -> list[Any]:
    model, method, size, percent = row
    own = "(the paper)" in model
    note = TEST_PICKED if own and model.startswith("VGG-16") else ""
    return [model, method, dataset, size, percent, "", paper_scale_text(size, dataset) if own else "as quoted by the paper", note]


def accuracy_by_depth(results: Results) -> Table:
    """Test accuracy in percent of the first `depth` blocks."""
    columns = ("depth", "block", *(f"{method}_percent" for method in METHODS), "note")
    built = {block.key: block for block in results.blocks}
    rows = [
        [row["depth"], row["block"], *(_percent(row[method]) for method in METHODS), _note(results, built[row["block"]])]
        for row in results.depths
    ]
    return Table("accuracy_by_depth", "Test accuracy by depth", columns, rows)


def _percent(value: float | None) -> float | None:
    return None if value is None else round(100 * value, 4)


def _note(results: Results, block: Any) -> str:
    if not block.built:
        return f"not built: {block.reason}"
    return picked(results)


def partition(results: Results) -> Table:
    """Per block and class: accuracies on the images that decide, and on which side of the threshold the class lies."""
    columns = ("block", "class", "recall_percent", "one_vs_rest_percent", "group", "trained_on_it", "note")
    rows: list[list[Any]] = []
    for block in results.blocks:
        if not block.built:
            rows.append([block.key, "", None, None, "", "", f"not built: {block.reason}"])
            continue
        for index, name in enumerate(results.class_names):
            group = "hard" if index in block.hard else "easy" if index in block.easy else "decided earlier"
            accuracies = [_percent(float(block.accuracy[metric][index])) for metric in ("recall", "one_vs_rest")]
            rows.append([block.key, name, *accuracies, group, "yes" if index in block.trained_on else "no", picked(results)])
    source, metric = results.params.partition.source, results.params.partition.metric
    notes = [f"Accuracies of the network up to the block, on the {source} set; {metric} decides which classes are hard."]
    return Table("partition", "Easy and hard classes", columns, rows, notes)


def training_memory(results: Results) -> Table:
    sizes = ("weights_mb", "state_mb", "total_mb", "reduction", "reduction_same_depth", "saved_mb_measured")
    columns = ("method", "depth", "block", *sizes, "note")
    note = "Counted for one mini-batch over all time steps; reduction is against the deepest end-to-end network."
    return Table("training_memory", "Training memory", columns, _rows(results, results.memory, columns), [note])


def inference(results: Results) -> Table:
    """Cost per image; the measured speed-up stands beside the counted efficiency."""
    compute = ("macs_per_image", "compute_efficiency", "measured_speedup")
    columns = ("method", "accuracy_percent", *compute, "memory_mb", "memory_overhead", "synaptic_operations", "note")
    rows = [
        [
            NAMES[method],
            _percent(row["accuracy"]),
            *(row[column] for column in columns[2:4]),
            results.latency["speedup"].get(method),
            *(row[column] for column in columns[5:8]),
            picked(results) if method == "bloctrain" else "",
        ]
        for method, row in results.inference.items()
    ]
    notes = [
        f"theta_conf {results.params.inference.theta_conf:g}. Ratios are against end-to-end. The speed-up is the median of "
        f"{results.latency['repeats']} measurements over {results.latency['images']} images in batches of "
        f"{results.latency['batch_size']}."
    ]
    return Table("inference", "Cost of inference", columns, rows, notes)


def tradeoff(results: Results) -> Table:
    shares = [f"share_{block.key}" for block in results.blocks]
    present = [name for name in shares if results.tradeoff and name in results.tradeoff[0]]
    columns = ("method", "split", "theta_conf", "accuracy", "compute_efficiency", "memory_overhead", *present, "note")
    return Table("tradeoff", "Accuracy against cost over theta_conf", columns, _rows(results, results.tradeoff, columns))


def training_time(results: Results) -> Table:
    columns = ("method", "depth", "block", "images", "epochs", "seconds", "median_seconds_per_epoch", "ms_per_image", "note")
    rows = [row | {"ms_per_image": 1000 * row["median_seconds_per_epoch"] / row["images"]} if row["images"] else row
            for row in results.times]  # fmt: skip
    note = "Wall time on this machine; a time of another machine is not comparable. Deeper blocks train on fewer images."
    return Table("training_time", "Training time", columns, _rows(results, rows, columns), [note])


def _rows(results: Results, rows: list[dict[str, Any]], columns: tuple[str, ...]) -> list[list[Any]]:
    """CSV rows in the order of `columns`, theta_conf as text so that no digit is lost, and a note on BlocTrain's rows."""
    blocks = {block.key: block for block in results.blocks}
    table = []
    for row in rows:
        own = row["method"] == "bloctrain"
        cells = [row.get(column) for column in columns[:-1]]
        cells[0] = NAMES[row["method"]]
        if "theta_conf" in columns:
            cells[columns.index("theta_conf")] = f"{row['theta_conf']:.12g}"
        note = (_note(results, blocks[row["block"]]) if "block" in row else picked(results)) if own else ""
        table.append([*cells, note])
    return table
