"""A finished run below a folder: the pipeline's working folder, or an entry of the ledger that holds its weights."""

from functools import cached_property
from pathlib import Path
from typing import Any

from pipeline.accounting.network_cost import NetworkCost
from pipeline.anytime.policy_file import load_policy
from pipeline.base.errors import UserError
from pipeline.base.files import parameter_count
from pipeline.base.folders import METHODS, Folders
from pipeline.base.parameters import Parameters, load_parameters
from pipeline.inference.networks import load_exit_blocks
from pipeline.inference.params import InferenceParams
from pipeline.inference.stored import built_keys
from pipeline.network.params import BlockParams, NetworkParams
from pipeline.neuron.params import NeuronParams
from pipeline.predict.network import Network, checked_thresholds
from pipeline.training.context import Context
from pipeline.training.params import ComputeParams, HcdParams
from pipeline.training.stored import WEIGHTS

READS = {
    "seed": int, "neuron": NeuronParams, "network": NetworkParams, "blocks": BlockParams, "hcd.joint": HcdParams,
    "inference.theta_conf": InferenceParams, "compute": ComputeParams,
}  # fmt: skip


class Run:
    """A finished run: `Run(".").network().predict(images)`.

    Keys of its params.yaml that this version does not know are passed over, so that old runs stay usable.
    """

    def __init__(self, folder: Path | str = ".", device: str | None = None):
        self.folders, self.device = Folders(Path(folder)), device

    def network(self, method: str = "bloctrain", theta_conf: float | list[float] | None = None) -> Network:
        """The network as trained by `method`: bloctrain, bloctrain_base or end_to_end.

        BlocTrain leaves by the run's policy in depth and time where `inference.steps` made it choose one. `theta_conf` replaces
        that, and the run's own: one number, or one per block, after all steps.

        Raises:
            UserError: no such method, no trained weights, thresholds that do not fit, or files that are missing or damaged.
        """
        if method not in METHODS:
            raise UserError(f"network {method!r}: must be one of {', '.join(METHODS)}")
        self._require_weights(method)
        context = self._context
        blocks = load_exit_blocks(context, method)
        timed = None
        if method == "bloctrain" and theta_conf is None:
            timed = load_policy(self.folders, built_keys(self.folders, context.params.blocks))
        chosen = self._parameters.inference.theta_conf if theta_conf is None else theta_conf
        theta_conf = checked_thresholds(chosen, len(blocks), len(context.params.blocks))
        steps, manifest = context.encoder.time_steps * context.params.neuron.levels, context.manifest
        return Network(
            method, blocks, theta_conf, list(manifest.class_names), manifest.image_shape, context.encoder,
            NetworkCost.of_run(self.folders, context.params, steps, manifest), context.compute, timed,
        )  # fmt: skip

    @cached_property
    def _parameters(self) -> Any:
        found = load_parameters(self.folders.params, READS, lenient=True)
        if self.device is None:
            return found
        return Parameters(vars(found) | {"compute": found.compute.model_copy(update={"device": self.device})})

    @cached_property
    def _context(self) -> Context:
        return Context.open(self.folders, self._parameters, quiet=True)

    def _require_weights(self, method: str) -> None:
        if not self.folders.params.is_file():
            raise UserError(f"{self.folders.root}: holds no params.yaml, so it is no run; name a folder that the pipeline ran in")
        paths = [self.folders.block(key, method) / WEIGHTS for key in self._parameters.blocks]
        if not any(path.exists() and parameter_count(path) for path in paths):  # a baseline that is left out has none
            raise UserError(
                f"{self.folders.root}: holds no trained weights of {method}; train with `dvc repro`, or name an entry of "
                "reports/published that has them"
            )
