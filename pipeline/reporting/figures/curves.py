"""Training curves: loss and accuracy per epoch of every network trained."""

from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from pipeline.layout import base_folder, block_folder, end_to_end_folder
from pipeline.reporting.facts import Facts
from pipeline.reporting.plot import OKABE_ITO, Drawn, new_figure
from pipeline.reporting.results import METHODS, NAMES, Row, read_table
from pipeline.reporting.scale import Reference

FOLDERS = {"bloctrain": block_folder, "bloctrain_base": base_folder, "end_to_end": end_to_end_folder}
COLOURS = [OKABE_ITO[name] for name in ("blue", "orange", "green", "purple", "sky", "black", "red")]


def load_histories(facts: Facts) -> dict[str, dict[str, list[Row]]]:
    """history.csv by method and block; an empty list for a block that was not built."""
    keys = list(facts.results.params.blocks)
    return {method: {key: read_table(FOLDERS[method](key) / "history.csv") for key in keys} for method in METHODS}


def training_curves(facts: Facts, paper: Reference) -> Drawn:
    """A row per method: loss, and training (solid) and validation (dashed) accuracy; a colour per block."""
    histories = load_histories(facts)
    keys = list(facts.results.params.blocks)
    figure, axes = new_figure(len(METHODS), 2, height=5.2)
    for row, method in enumerate(METHODS):
        loss, accuracy = axes[2 * row], axes[2 * row + 1]
        for position, key in enumerate(keys):
            history, colour = histories[method][key], COLOURS[position % len(COLOURS)]
            epochs = [entry["epoch"] for entry in history]
            loss.plot(epochs, [entry["loss"] for entry in history], color=colour)
            for column, line in (("train_accuracy", "-"), ("validation_accuracy", "--")):
                known = [(entry["epoch"], 100 * entry[column]) for entry in history if entry[column] is not None]
                accuracy.plot([x for x, _ in known], [y for _, y in known], line, color=colour)
        loss.set_ylabel("loss (log scale)")
        accuracy.set_ylabel("accuracy (%)")
        loss.set_yscale("log")
        loss.set_title(NAMES[method], loc="left", fontweight="bold")
        for axis in (loss, accuracy):
            axis.xaxis.set_major_locator(MaxNLocator(4, integer=True))
            axis.set_xlabel("epoch" if row == len(METHODS) - 1 else "")
    handles = [Line2D([], [], color=COLOURS[i % len(COLOURS)], label=key) for i, key in enumerate(keys)]
    handles += [Line2D([], [], color="#666666", linestyle="-", label="training")]
    handles += [Line2D([], [], color="#666666", linestyle="--", label="validation")]
    figure.legend(handles=handles, loc="outside upper center", ncols=min(len(handles), 3))
    caption = (
        "Training curves. A colour per block (end-to-end: the network whose last block it is); solid on the training "
        "images, dashed on the validation images. The baselines train on the validation images too, so they have no dashed line; "
        "BlocTrain's blocks from the third on train on the images of hard classes alone."
    )
    ends = ", ".join(f"{key} {histories['bloctrain'][key][-1]['loss']:.3g}" for key in keys if histories["bloctrain"][key])
    return Drawn(figure, caption, f"Loss and accuracy per epoch. BlocTrain's last losses: {ends}.")
