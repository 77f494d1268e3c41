"""Digests and measured times of a block's results and all before it, so that a later stage can depend on them as one."""

from pipeline.base.files import file_digest, read_json, write_json
from pipeline.config import Params
from pipeline.layout import RUNS, base_folder, block_folder, end_to_end_folder
from stages.command import run_block_stage

RESULTS = (
    "block.safetensors", "history.csv", "hcd.safetensors", "hcd.json", "class_accuracy.csv", "groups.json", "joint_targets.json",
    "outputs_validation.npz", "outputs_test.npz",
)  # fmt: skip
BASELINE = ("block.safetensors", "history.csv", "outputs_test.npz")


def main(params: Params, key: str) -> None:
    before = block_folder(params.blocks[key].prev)
    methods = {"bloctrain": block_folder(key), "bloctrain_base": base_folder(key), "end_to_end": end_to_end_folder(key)}
    files = [block_folder(key) / name for name in RESULTS]
    files += [folder / name for folder in (base_folder(key), end_to_end_folder(key)) for name in BASELINE]
    digests = read_json(before / "manifest.json")
    digests |= {str(path.relative_to(RUNS)): file_digest(path) for path in files}
    times = read_json(before / "timings.json")
    times[key] = {method: read_json(folder / "timing.json") for method, folder in methods.items()}
    write_json(block_folder(key) / "manifest.json", digests)
    write_json(block_folder(key) / "timings.json", times)


if __name__ == "__main__":
    run_block_stage(main, __doc__ or "")
