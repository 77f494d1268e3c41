"""What one run's networks cost per image: plans, classes and built blocks of the run, put into the paper's formulas."""

from dataclasses import dataclass

from pipeline.accounting.inference_cost import Cost, end_to_end_cost, exit_costs
from pipeline.base.folders import Folders
from pipeline.data.prepared import Manifest
from pipeline.inference.stored import built_keys
from pipeline.network.params import NetworkSections
from pipeline.network.plan import BlockPlan, Shape, plan_blocks
from pipeline.training.assignment import has_detector, load_assignment


@dataclass(frozen=True)
class NetworkCost:
    """The plans of all blocks, the blocks of BlocTrain that were `built` with the number of `classes` of each, and the shape
    (C, H, W) of an encoded `image`."""

    plans: dict[str, BlockPlan]
    built: list[str]
    classes: dict[str, int]
    all_classes: int
    time_steps: int
    image: Shape

    @classmethod
    def of_run(cls, folders: Folders, params: NetworkSections, time_steps: int, manifest: Manifest) -> "NetworkCost":
        """Read what the run below `folders` built."""
        built = built_keys(folders, params.blocks)
        classes = {key: len(load_assignment(folders.block(params.blocks[key].prev)).classes) for key in built}
        plans = plan_blocks(params, manifest.image_shape)
        return cls(plans, built, classes, manifest.classes, time_steps, manifest.image_shape)

    def chain(self, key: str) -> list[BlockPlan]:
        """The plans of the blocks from b1 up to and including `key`."""
        keys = list(self.plans)
        return [self.plans[k] for k in keys[: keys.index(key) + 1]]

    def exit_costs(self, method: str) -> list[Cost]:
        """Cost of an image that leaves at block 1, 2, ...; the end-to-end network has one exit."""
        if method == "end_to_end":
            return [self.end_to_end()]
        own = method == "bloctrain"
        keys = self.built if own else list(self.plans)
        classes = [self.classes[key] if own else self.all_classes for key in keys]
        hcds = [own and has_detector(key) for key in keys]
        return exit_costs([self.plans[key] for key in keys], classes, hcds, self.time_steps)

    def end_to_end(self) -> Cost:
        """Cost of an image that goes through the end-to-end network of full depth."""
        return end_to_end_cost(list(self.plans.values()), self.all_classes, self.time_steps)
