"""reports/summary.json against numbers worked out by hand."""

from dataclasses import replace
from pathlib import Path

import pytest
from fake_run import digits_params, write_run

from pipeline.anytime.names import BOTH
from pipeline.base.errors import UserError
from pipeline.base.files import parameter_count, read_table
from pipeline.base.folders import Folders
from pipeline.reporting.results import Results, load_results, seconds_per_epoch
from pipeline.reporting.summary import METRICS, build_metrics, build_summary


@pytest.fixture
def results(tmp_path: Path) -> Results:
    return load_results(write_run(tmp_path, digits_params()), Folders(tmp_path))


def test_summary_values(results: Results) -> None:
    summary = build_summary(results)
    assert set(summary) == {
        "accuracy", "efficiency", "partition", "exits", "depth", "training_seconds", "training_time_ratio"
    }  # fmt: skip
    assert {m: summary["accuracy"][m] for m in ("bloctrain", "bloctrain_base", "end_to_end")} == {
        "bloctrain": 0.9,
        "bloctrain_base": 0.95,
        "end_to_end": 0.8,
    }
    assert summary["accuracy"]["by_depth"]["end_to_end"] == {"b1": 0.85, "b2": 0.84, "b3": 0.80}
    assert summary["exits"] == {"b1": 0.6, "b2": 0.3, "b3": 0.1}
    assert summary["partition"] == {"b1": {"easy": 7, "hard": 3}, "b2": {"easy": 0, "hard": 3}, "b3": {"easy": 0, "hard": 3}}
    efficiency = summary["efficiency"]
    assert (efficiency["compute"], efficiency["memory_overhead"], efficiency["measured_speedup"]) == (1.9, 1.5, 1.6)
    assert efficiency["training_memory_reduction"] == {"b1": 1.6, "b2": 4.0, "b3": 2.5}
    assert efficiency["base_extra_compute"] == pytest.approx(2200 / 2000 - 1)
    assert summary["depth"] == 3
    assert summary["training_seconds"] == {"bloctrain": 35.0, "bloctrain_base": 58.0, "end_to_end": 28.0}
    metrics = build_metrics(summary)
    assert list(metrics) == [name for name in METRICS if name not in ("in_time", "compute_in_time")] and len(metrics) <= 9
    assert (metrics["accuracy"], metrics["compute"], metrics["hard_b1"], metrics["depth"]) == (0.9, 1.9, 3, 3)
    # The forward pass of each of the three blocks takes 2 s, which its ten epochs share; end to end has none.
    assert summary["training_time_ratio"] == pytest.approx((1.0 + 2.0 + 0.5 + 3 * 0.2) / 2.8)


def test_exits_in_time_count_by_the_policy_that_predictions_leave_by(results: Results) -> None:
    rows = [
        {"exits_in": family, "points_lost_at_most": lost, "accuracy": accuracy, "compute_efficiency": 5.0}
        for family, lost, accuracy in (("depth", 0.5, 0.1), (BOTH, 0.25, 0.2), (BOTH, 0.5, 0.7))
    ]
    summary = build_summary(replace(results, policies=rows))
    assert (summary["accuracy"]["in_time"], summary["efficiency"]["compute_in_time"]) == (0.7, 5.0)
    assert list(build_metrics(summary)) == list(METRICS)
    assert build_metrics(summary)["compute_in_time"] == 5.0
    assert "in_time" not in build_summary(results)["accuracy"]


def test_an_epoch_carries_its_share_of_the_forward_pass() -> None:
    row = {"epochs": 10, "median_seconds_per_epoch": 1.0, "forward_seconds": 2.0}
    assert seconds_per_epoch(row) == pytest.approx(1.2)
    assert seconds_per_epoch(row | {"forward_seconds": 0.0}) == 1.0
    assert seconds_per_epoch({"epochs": 0, "median_seconds_per_epoch": None}) == seconds_per_epoch(None) == 0.0


def test_a_block_not_built_is_left_out(tmp_path: Path) -> None:
    summary = build_summary(load_results(write_run(tmp_path, digits_params(), built=2), Folders(tmp_path)))
    assert summary["depth"] == 2
    assert summary["exits"] == {"b1": 0.6, "b2": 0.4}
    assert set(summary["partition"]) == {"b1", "b2"}
    assert summary["accuracy"]["by_depth"]["bloctrain"] == {"b1": 0.80, "b2": 0.88}
    assert summary["accuracy"]["end_to_end"] == 0.8
    assert summary["training_seconds"]["bloctrain"] == 30.0


def test_blocks_know_their_classes(results: Results) -> None:
    assert [len(block.trained_on) for block in results.blocks] == [10, 10, 3]
    assert results.blocks[0].hard == [3, 5, 8]


def test_parameter_count_reads_the_header(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    header = b'{"__metadata__":{"a":"b"},"x":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}}'
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(24))
    assert parameter_count(path) == 6


@pytest.mark.parametrize("content", [b"", b"\xff" * 9, b"\x02\0\0\0\0\0\0\0{}x", b"\x04\0\0\0\0\0\0\0null"])
def test_damaged_weights_name_the_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "w.safetensors"
    path.write_bytes(content)
    if content.startswith(b"\x02"):
        assert parameter_count(path) == 0
    else:
        with pytest.raises(UserError, match=r"w\.safetensors"):
            parameter_count(path)


def test_missing_and_damaged_inputs_name_the_file(results: Results, tmp_path: Path) -> None:
    (tmp_path / "runs/latency.json").unlink()
    with pytest.raises(UserError, match=r"runs/latency\.json: missing"):
        load_results(results.params, results.folders)
    (tmp_path / "torn.csv").write_text("a,b\n1\n")
    with pytest.raises(UserError, match="not a table"):
        read_table(tmp_path / "torn.csv")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match=r"binary\.csv"):
        read_table(tmp_path / "binary.csv")
