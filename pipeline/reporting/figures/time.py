"""Figures 10A, 11A and 11B: training time, and the batch that memory allows."""

from pipeline.reporting.facts import Facts
from pipeline.reporting.figure_cost import LABELLED, number
from pipeline.reporting.plot import METHOD_COLOURS, OKABE_ITO, Drawn, grouped_bars, label_bars, legend, new_figure, paper_line
from pipeline.reporting.results import METHODS, NAMES
from pipeline.reporting.scale import Reference

PAPER_BATCH = 60
"""Section 6.4.2: what the GPU's memory left to end-to-end training where BlocTrain took 64 images."""


def figure_10a(facts: Facts, paper: Reference) -> Drawn:
    """Training time per block, BlocTrain against BlocTrain-base."""
    figure, (axis,) = new_figure()
    keys = list(facts.results.params.blocks)
    rows = {method: facts.results.by_block(facts.results.times, method) for method in METHODS[:2]}
    series = {NAMES[m]: [number(rows[m].get(key), "median_seconds_per_epoch") for key in keys] for m in rows}
    grouped_bars(axis, keys, series, LABELLED)
    axis.set_ylabel("training time (s per epoch)")
    axis.set_xlabel("block")
    legend(figure, [axis])
    caption = (
        "Figure 10A. Training time per epoch of each block on this machine. BlocTrain-base trains every block on all classes."
    )
    words = "; ".join(f"{name}: " + ", ".join(f"{value:.3g} s" for value in values) for name, values in series.items())
    return Drawn(figure, caption, f"By block, {words}.")


def figure_11a(facts: Facts, paper: Reference) -> Drawn:
    """Training time per epoch over that of end-to-end training, at the same batch size."""
    figure, (axis,) = new_figure(height=2.2)
    ratio = facts.summary["training_time_ratio"]
    bars = axis.bar([0], [ratio], 0.5, color=METHOD_COLOURS["bloctrain"], label="this run, this machine")
    label_bars(axis, bars, "{:.2f}")
    axis.axhline(1.0, color=OKABE_ITO["black"], linewidth=0.8, label="as long as end-to-end")
    axis.set_xticks([0], ["BlocTrain"])
    axis.set_xlim(-0.8, 0.8)
    axis.set_ylabel("training time\n(ratio to end-to-end)")
    axis.grid(visible=False, axis="x")
    value = paper.value("training_time_same_batch")
    if value is not None:
        paper_line(axis, value, f"{paper.label}, their GPU")
    axis.set_ylim(0, 1.2 * max(ratio, value or 0, 1.0))
    legend(figure, [axis], columns=1)
    cached = facts.results.params.features.mode == "cached"
    note = " The spikes of earlier blocks are cached here; the paper recomputes them." if cached else ""
    caption = f"Figure 11A. Training time per epoch, summed over the blocks, relative to end-to-end at the same batch size.{note}"
    return Drawn(figure, caption, f"Ratio {ratio:.2f} on this machine.")


def figure_11b(facts: Facts, paper: Reference) -> Drawn:
    """The largest mini-batch of end-to-end training in the memory that BlocTrain's largest block needs for its own."""
    figure, (axis,) = new_figure(height=2.4)
    batch = facts.results.params.training.batch_size
    own = facts.results.by_block(facts.results.memory, "bloctrain")
    whole = facts.results.by_block(facts.results.memory, "end_to_end")[facts.results.params.deepest]
    budget = max(row["total_mb"] for row in own.values())
    allowed = max(0, int((budget - whole["weights_mb"]) / (whole["state_mb"] / batch)))
    names = [NAMES["bloctrain"], NAMES["end_to_end"]]
    axis.bar([0, 1], [batch, allowed], 0.5, color=[METHOD_COLOURS["bloctrain"], METHOD_COLOURS["end_to_end"]])
    axis.set_xticks([0, 1], names)
    axis.set_xlim(-0.6, 1.6)
    axis.set_ylabel("images per mini-batch")
    axis.grid(visible=False, axis="x")
    for place, value in enumerate((batch, allowed)):
        axis.annotate(str(value), (place, value), ha="center", va="bottom", fontsize=7)
    if paper.section:
        axis.plot([0.7, 1.3], [PAPER_BATCH] * 2, label=f"{paper.label}, their GPU", color=OKABE_ITO["red"], linestyle="--")
    axis.set_ylim(0, 1.2 * max(batch, allowed, PAPER_BATCH if paper.section else 0))
    legend(figure, [axis], columns=1)
    caption = (
        f"Figure 11B, its premise: in the {budget:.3g} MB that training BlocTrain's largest block takes with {batch} images "
        f"(counted), end-to-end training fits {allowed}. The paper measures on a GPU what smaller batches cost in time; that is "
        "not done here."
    )
    return Drawn(figure, caption, f"BlocTrain {batch} images, end-to-end {allowed} in the same memory.")
