"""Training curves: loss and accuracy per epoch of every network trained."""

from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from pipeline.base.files import read_table
from pipeline.base.folders import METHODS
from pipeline.reporting.claims.facts import Facts
from pipeline.reporting.claims.paper import Reference
from pipeline.reporting.figures import plot
from pipeline.reporting.figures.plot import Drawn
from pipeline.reporting.results import NAMES

COLOURS = [plot.OKABE_ITO[name] for name in ("blue", "orange", "green", "purple", "sky", "black", "red")]


def training_curves(facts: Facts, paper: Reference) -> Drawn:
    """A row per method: loss, and training (solid) and validation (dashed) accuracy; a colour per block."""
    keys, folders = list(facts.results.params.blocks), facts.results.folders
    colours = [COLOURS[position % len(COLOURS)] for position in range(len(keys))]
    figure, axes = plot.new_figure(len(METHODS), 2, height=5.2)
    ends = []
    for row, method in enumerate(METHODS):
        loss, accuracy = axes[2 * row], axes[2 * row + 1]
        for key, colour in zip(keys, colours, strict=True):
            history = read_table(folders.block(key, method) / "history.csv")  # empty for a block that was not built
            loss.plot([entry["epoch"] for entry in history], [entry["loss"] for entry in history], color=colour)
            for column, line in (("train_accuracy", "-"), ("validation_accuracy", "--")):
                known = [(entry["epoch"], 100 * entry[column]) for entry in history if entry[column] is not None]
                accuracy.plot([x for x, _ in known], [y for _, y in known], line, color=colour)
            if method == "bloctrain" and history:
                ends.append(f"{key} {history[-1]['loss']:.3g}")
        loss.set_ylabel("loss (log scale)")
        accuracy.set_ylabel("accuracy (%)")
        loss.set_yscale("log")
        loss.set_title(NAMES[method], loc="left", fontweight="bold")
        for axis in (loss, accuracy):
            axis.xaxis.set_major_locator(MaxNLocator(4, integer=True))
            axis.set_xlabel("epoch" if row == len(METHODS) - 1 else "")
    handles = [Line2D([], [], color=colour, label=key) for key, colour in zip(keys, colours, strict=True)]
    handles += [Line2D([], [], color="#666666", linestyle=s, label=n) for s, n in (("-", "training"), ("--", "validation"))]
    figure.legend(handles=handles, loc="outside upper center", ncols=min(len(handles), 3))
    caption = (
        "Training curves. A colour per block (end-to-end: the network whose last block it is); solid on the training "
        "images, dashed on the validation images. The baselines train on the validation images too, so they have no dashed line; "
        "BlocTrain's blocks from the third on train on the images of hard classes alone."
    )
    return Drawn(figure, caption, f"Loss and accuracy per epoch. BlocTrain's last losses: {', '.join(ends)}.")
