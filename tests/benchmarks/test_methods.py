"""One epoch of a block and of the whole network, as the methods' benchmark measures them."""

import pytest

from benchmarks.methods import measure_epoch
from benchmarks.methods_report import write_reports


@pytest.mark.slow
@pytest.mark.parametrize("source", ["cached", "recompute"])
def test_an_epoch_of_the_second_block(source):
    row = measure_epoch({"family": "resnet9", "depth": 3, "keys": ["b2"], "source": source, "images": 4, "batch": 2,
                         "micro_batch": 2, "steps": 3, "precision": "bf16"})  # fmt: skip
    assert row["seconds"] > 0
    assert (row["feature_seconds"] > 0) == (source == "cached")
    assert 0 < row["saved_bytes_per_image"] < row["paper_bytes_per_image"]


def test_reports_show_the_ratio_and_every_depth(tmp_path):
    def memory(method, depth, saved):
        return {"method": method, "depth": depth, "batch": 2, "steps": 3, "peak_rss_mb": 900.0, "start_rss_mb": 800.0,
                "saved_bytes_per_image": saved, "paper_bytes_per_image": 3 * saved}  # fmt: skip

    seconds = {"b1": 1.0, "b2_cached": 2.0, "b3_cached": 3.0, "b2_recompute": 3.0, "b3_recompute": 4.0, "end_to_end": 5.0}
    ratio = {"share": 0.3, "median": 1.2, "min": 1.1, "max": 1.3}
    summary = {
        "machine": "m", "paper_slowdown": 1.13,
        "epoch": {"images": 8, "steps": 3, "batch": 2, "precision": "32", "seconds": seconds,
                  "feature_seconds": {"b2_cached": 1.0},
                  "bloctrain_over_end_to_end": {name: ratio | {"source": name} for name in ("cached", "recompute")}},
        "by_depth": [memory(m, d, 1e6 * d) for m in ("bloctrain", "end_to_end") for d in (3, 4)],
    }  # fmt: skip
    write_reports(tmp_path, summary)
    text = (tmp_path / "methods.md").read_text()
    assert "| cached | 30% of the images | 1.00 s | 2.00 s | 0.90 s | 3.90 s | 5.00 s | 1.20 | 1.10 to 1.30 |" in text
    assert (tmp_path / "memory_by_depth.png").stat().st_size > 5000
