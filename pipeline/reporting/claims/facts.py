"""What the verdicts are decided from: this run's numbers, the published experiments, and what is noise."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from pipeline.analysis.noise import Spread, Variation, accuracy_noise, variation
from pipeline.base.folders import Folders
from pipeline.config import Params
from pipeline.reporting.claims.paper import Claim, at_paper_scale
from pipeline.reporting.ledger.alike import same_data, same_parameters
from pipeline.reporting.ledger.entry import Entry, entry_of, load_ledger, load_spreads
from pipeline.reporting.results import Block, Results, Row, load_results
from pipeline.reporting.summary import build_summary

DEVIATIONS = {90.5: 0.0, 92.0: 0.5, 93.0: 1.0}
"""Hardness thresholds on CIFAR-100 in percent, and the standard deviations from the mean class accuracy that they are about
(sections 5.3 and 6.1): that is what carries over to a network of other accuracy."""
OF_NO_RESULT = (
    "seed", "expectations", "data.path", "compute.device", "compute.devices", "compute.nodes", "compute.threads",
    "inference.steps", "inference.points_lost", "baselines.trained", "baselines.end_to_end_at",
)  # fmt: skip
"""Parameters in which the runs of one experiment may differ. Which baselines are trained changes no number of a method. Nor does
where the images lie: whether they are the same is asked apart (`same_data`)."""


@dataclass(frozen=True)
class Facts:
    """Results and summary of the run in force, the spread of its numbers over seeds where that was measured, and the ledger.

    Where verdicts are not to be drawn from the ledger, `published` are the experiments that say how much trainings vary. `timed`:
    whether training times can be compared.
    """

    results: Results
    summary: dict[str, Any]
    spreads: Mapping[str, Spread] = field(default_factory=dict)
    ledger: Sequence[Entry] = ()
    published: Sequence[Entry] = ()
    timed: bool = True

    @cached_property
    def own(self) -> Entry:
        """The run in force, in the form of the ledger, with the study of its threshold where the ledger's entry of its name is of
        the same parameters, but for the threshold, and data."""
        own, free = entry_of(self.results, self.summary, self.spreads), (*OF_NO_RESULT, "partition.threshold")
        known = (*self.ledger, *self.published)
        studied = [each.thresholds for each in known if same_experiment(each, own.parameters, self.results.manifest, free)]
        return replace(own, thresholds=studied[0] if studied else ())

    @property
    def others(self) -> list[Entry]:
        """The published experiments but the one in force, which stands for its own entry."""
        return [entry for entry in self.ledger if entry.name != self.results.params.experiment]

    def accuracy(self, method: str) -> float:
        """Test accuracy 0..1 at full depth."""
        return float(self.summary["accuracy"][method])

    def by_depth(self, method: str) -> dict[str, float]:
        """Test accuracy 0..1 of the network up to each block."""
        return dict(self.summary["accuracy"]["by_depth"][method])

    def at_theta(self, theta: float, split: str = "test") -> Row | None:
        """BlocTrain's trade-off row at one confidence threshold, or None if the sweep has no such value."""
        return next((row for row in self.own.sweep(split) if row["theta_conf"] == theta), None)

    def relaxed(self, drop: float) -> Row | None:
        """The test row at the lowest threshold that costs less than `drop` (0..1) of *validation* accuracy against theta 1.

        The threshold is chosen on validation, so the test set chooses nothing.
        """
        full = self.at_theta(1.0, "validation")
        if full is None:
            return None
        allowed = [row["theta_conf"] for row in self.own.sweep("validation") if full["accuracy"] - row["accuracy"] < drop]
        return self.at_theta(min(allowed)) if allowed else None

    @cached_property
    def variation(self) -> Variation:
        """How much a training's accuracy varies: over this run's seeds, else by the pairs of every experiment on its data."""
        others = [entry for entry in self.published or self.ledger if entry.name != self.own.name]
        return pooled(self.spreads, [self.own, *(entry for entry in others if entry.scale.dataset == self.own.scale.dataset)])

    def noise(self, first: float, second: float) -> float:
        """What two accuracies on the test set may differ by without meaning (`accuracy_noise`)."""
        return accuracy_noise(first, second, self.own.scale.test_images, self.variation)

    def clearly(self, first: float, second: float) -> int:
        """Sign of first - second, two accuracies on the test set; 0 if they differ by no more than `noise`."""
        return 0 if abs(first - second) <= self.noise(first, second) else (1 if first > second else -1)

    @property
    def band(self) -> tuple[float, float]:
        """Thresholds that give block 1's very partition (`partition_band`)."""
        return partition_band(self.results.blocks[0], self.results.params.partition.metric)

    def gives(self, threshold: float) -> bool:
        """Whether a threshold in percent gives b1's partition: a class at or below the threshold is hard."""
        low, high = self.band
        return low <= threshold / 100 < high

    def partitioned_at(self, threshold: float) -> bool:
        """Whether the run's partition is that of one of the paper's thresholds in percent: by its standard deviations from the
        mean where it states them and the run's threshold is relative, else by the accuracy itself."""
        partition = self.own.scale.partition
        if partition["mode"] == "relative" and threshold in DEVIATIONS:
            return bool(partition["value"] == DEVIATIONS[threshold])
        return self.gives(threshold)

    def studied_at(self, threshold: float) -> Row | None:
        """The row of the threshold study at one of the paper's thresholds in percent, by its standard deviations."""
        return next((row for row in self.own.thresholds if row["threshold"] == DEVIATIONS[threshold]), None)

    def at_paper_scale(self, claim: Claim) -> bool:
        """Whether the run is at the scale that the claim was made at. A claim on their hardware is at none of ours."""
        return claim.needs != "hardware" and at_paper_scale(self.own.scale, claim.section, claim.needs == "training")


def load_facts(params: Params, folders: Folders) -> Facts:
    """The run in force beside the ledger.

    Raises:
        UserError: a file is missing or damaged.
    """
    results = load_results(params, folders)
    ledger = load_ledger(folders.published)
    spreads = own_spreads(params.model_dump(mode="json"), results.manifest, ledger, folders)
    return Facts(results, build_summary(results), spreads, ledger)


def same_experiment(
    entry: Entry, own: Mapping[str, Any], manifest: Mapping[str, Any] | None, free: Sequence[str] = OF_NO_RESULT
) -> bool:
    """Whether an entry is of the parameters `own`, but for those in `free`, and of the images of `manifest`, where known."""
    if entry.name != own["experiment"] or not same_parameters(entry.parameters, own, free):
        return False
    recorded = entry.provenance.get("data")
    return not recorded or not manifest or same_data(recorded, manifest, entry.parameters.get("seed") == own["seed"])


def own_spreads(
    own: Mapping[str, Any], manifest: Mapping[str, Any] | None, ledger: Sequence[Entry], folders: Folders
) -> dict[str, Spread]:
    """The spreads over seeds that belong to recorded parameters and the images of `manifest`: of the published experiment of that
    name, if it is the same experiment; else none."""
    same = any(same_experiment(entry, own, manifest) for entry in ledger)
    return load_spreads(folders.published / str(own["experiment"])) if same else {}


def pooled(spreads: Mapping[str, Spread], entries: Sequence[Entry]) -> Variation:
    """`variation` over the entries whose block 1 and end-to-end networks train alike."""
    return variation(spreads, [entry.summary for entry in entries if entry.scale.equal_learning_rates])


def partition_band(block: Block, metric: str) -> tuple[float, float]:
    """(highest accuracy of a hard class, lowest of an easy one), 0..1; 0 and 1 where there is no such class."""
    accuracy = block.accuracy[metric]
    return max(accuracy[block.hard], default=0.0), min(accuracy[block.easy], default=1.0)
