"""Figures 10A, 11A and 11B: training time, and the batch that memory allows."""

from pipeline.base.folders import BLOCK_WISE
from pipeline.reporting.claims.facts import Facts
from pipeline.reporting.claims.paper import Reference
from pipeline.reporting.figures import plot
from pipeline.reporting.figures.cost import epoch_seconds
from pipeline.reporting.figures.plot import Drawn
from pipeline.reporting.results import NAMES, by_block

PAPER_BATCH = 60
"""Section 6.4.2: what the GPU's memory left to end-to-end training where BlocTrain took 64 images."""


def figure_10a(facts: Facts, paper: Reference) -> Drawn:
    """Training time per block, BlocTrain against BlocTrain-base."""
    figure, (axis,) = plot.new_figure()
    series = {method: epoch_seconds(facts, method) for method in BLOCK_WISE}
    plot.grouped_bars(axis, list(facts.results.params.blocks), series)
    axis.set_ylabel("training time (s per epoch)")
    axis.set_xlabel("block")
    plot.legend(figure, [axis])
    caption = (
        "Figure 10A. Training time per epoch of each block on this machine, with its share of the forward pass that makes the next "
        "block's features. BlocTrain-base trains every block on all classes."
    )
    return Drawn(figure, caption, f"By block, {plot.listed(series, '{:.3g} s')}.")


def figure_11a(facts: Facts, paper: Reference) -> Drawn:
    """Training time per epoch over that of end-to-end training, at the same batch size."""
    figure, (axis,) = plot.new_figure(height=2.2)
    ratio, value = facts.summary["training_time_ratio"], paper.value("training_time_same_batch")
    drawn = axis.bar([0], [ratio], 0.5, color=plot.METHOD_COLOURS["bloctrain"], label="this run, this machine")
    plot.label_bars(axis, drawn, "{:.2f}")
    axis.axhline(1.0, color=plot.OKABE_ITO["black"], linewidth=0.8, label="as long as end-to-end")
    axis.set_xticks([0], [NAMES["bloctrain"]])
    axis.set_xlim(-0.8, 0.8)
    axis.set_ylabel("training time\n(ratio to end-to-end)")
    axis.grid(visible=False, axis="x")
    plot.paper_line(axis, value, f"{paper.label}, their GPU")
    axis.set_ylim(0, 1.2 * max(ratio, value or 0, 1.0))
    plot.legend(figure, [axis], columns=1)
    cached = facts.results.params.features.mode == "cached"
    note = " The spikes of earlier blocks are cached here, which is counted; the paper recomputes them." if cached else ""
    caption = f"Figure 11A. Training time per epoch, summed over the blocks, relative to end-to-end at the same batch size.{note}"
    return Drawn(figure, caption, f"Ratio {ratio:.2f} on this machine.")


def figure_11b(facts: Facts, paper: Reference) -> Drawn:
    """The largest mini-batch of end-to-end training in the memory that BlocTrain's largest block needs for its own."""
    figure, (axis,) = plot.new_figure(height=2.4)
    batch, memory = facts.results.params.training.batch_size, facts.results.memory
    whole = by_block(memory, "end_to_end")[facts.results.params.deepest]
    budget = max(row["total_mb"] for row in by_block(memory, "bloctrain").values())
    allowed = max(0, int((budget - whole["weights_mb"]) / (whole["state_mb"] / batch)))
    methods = ("bloctrain", "end_to_end")
    plot.bars(axis, [NAMES[m] for m in methods], [batch, allowed], 0.5, [plot.METHOD_COLOURS[m] for m in methods])
    axis.set_xlim(-0.6, 1.6)
    axis.set_ylabel("images per mini-batch")
    for place, value in enumerate((batch, allowed)):
        axis.annotate(str(value), (place, value), ha="center", va="bottom", fontsize=7)
    stated = PAPER_BATCH if paper.section else None
    plot.paper_mark(axis, 1, stated, f"{paper.label}, their GPU", reach=0.3)
    axis.set_ylim(0, 1.2 * max(batch, allowed, stated or 0))
    plot.legend(figure, [axis], columns=1)
    caption = (
        f"Figure 11B, its premise: in the {budget:.3g} MB that training BlocTrain's largest block takes with {batch} images "
        f"(counted), end-to-end training fits {allowed}. The paper measures on a GPU what smaller batches cost in time; that is "
        "not done here."
    )
    return Drawn(figure, caption, f"BlocTrain {batch} images, end-to-end {allowed} in the same memory.")
