"""Whether the GPU's engine computes what the CPU's reference does."""

from typing import Any

import numpy as np
import torch

from benchmarks.gpu_networks import CLASSES, DEVICE, IMAGE, random_images, resnet
from pipeline.engine.choose import choose_engine
from pipeline.network.build import build_block
from pipeline.network.plan import LayerPlan
from pipeline.training.feed import EncodedFeed


def agreement() -> list[dict[str, Any]]:
    """Spikes of every layer and gradients of every weight on the GPU against the reference on the CPU, a quarter of the width."""
    torch.backends.cudnn.allow_tf32 = False  # float32 convolutions in float32, as in every training
    design, steps, images = resnet(16, 256), 25, 8
    prepared, encoder = random_images(images, steps)
    feed, rows = EncodedFeed(prepared, encoder, "train"), np.arange(images)
    host = feed.read(rows, 0)

    def run(engine, device: str) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor], torch.Tensor]:
        block = build_block(design, ["b1", "b2", "b3"], IMAGE, CLASSES, False, "check", engine).to(device)
        bundle = feed.to_device(host, torch.device(device), engine.dtype)
        found: dict[str, torch.Tensor] = {}

        def record(plan: LayerPlan, inputs: list[torch.Tensor]) -> torch.Tensor:
            out = block.trunk.layer(plan, inputs)
            found[plan.name] = out.float().cpu()
            return out

        with torch.autocast(device, torch.bfloat16, enabled=engine.dtype == torch.bfloat16):
            with torch.no_grad():
                block.trunk.outputs(bundle, record)
            logits = block(bundle).logits
        logits.square().sum().backward()
        return (
            found,
            {name: weight.grad.float().cpu() for name, weight in block.named_parameters() if weight.grad is not None},
            logits.detach().cpu(),
        )

    spikes, gradients, logits = run(choose_engine("reference", "cpu"), "cpu")
    rows_found = []
    for precision in ("32", "bf16"):
        own, own_gradients, own_logits = run(choose_engine("auto", DEVICE, precision), DEVICE)
        cosines = {
            name: float(torch.nn.functional.cosine_similarity(own_gradients[name].flatten(), gradients[name].flatten(), dim=0))
            for name in gradients
        }
        rows_found.append({
            "precision": precision, "equal_spikes": {n: float((own[n] == spikes[n]).float().mean()) for n in spikes},
            "rate": {n: float(spikes[n].mean()) for n in spikes},
            "gradient_cosine": cosines, "logit_difference": float((own_logits - logits).abs().max()),
            "logit_range": float(logits.abs().max()),
        })  # fmt: skip
    return rows_found
