"""A damaged object in .dvc/cache: DVC trusts its read-only objects unread, and how to have it read them."""

import pytest
from fault_tools import assert_same, cached, cut, damage, flip
from tiny_pipeline import run, stages_run

pytestmark = pytest.mark.faults
NAMES = ("runs/b1/block.safetensors", "runs/b1/readout_test.npz", "runs/b2/groups.json")


@pytest.mark.parametrize("how", [cut, flip])
def test_nothing_reads_it_while_the_result_is_there(how, workspace, finished, trial):
    for name in NAMES:
        damage(cached(workspace, name), how)
    output = run(workspace, "dvc", "repro")
    for _ in NAMES:
        with trial("a cache object damaged, its result in place: not read"):
            assert stages_run(output) == []
            assert_same(workspace, finished)


@pytest.mark.xfail(strict=True, reason="DVC checks out a read-only cache object without reading its digest")
@pytest.mark.parametrize("how", [cut, flip])
def test_it_is_not_restored_unread(how, workspace, finished, trial):
    with trial("a cache object damaged, its result deleted: not restored silently"):
        for name in NAMES:
            damage(cached(workspace, name), how)
            (workspace / name).unlink()
        run(workspace, "dvc", "checkout")
        for name in NAMES:
            assert not (workspace / name).exists() or (workspace / name).read_bytes() == (finished / name).read_bytes()


@pytest.mark.parametrize("how", [cut, flip])
def test_writable_objects_are_read_and_thrown_away(how, workspace, finished, tmp_path, trial):
    """`chmod -R u+w .dvc/cache/files` and an empty DVC_SITE_CACHE_DIR: damaged objects go, their stages run again."""
    fresh = {"DVC_SITE_CACHE_DIR": str(tmp_path / "fresh")}
    for name in NAMES:
        damage(cached(workspace, name), how)
        (workspace / name).unlink()
    run(workspace, "dvc", "checkout")
    run(workspace, "chmod", "-R", "u+w", ".dvc/cache/files")
    seen = run(workspace, "dvc", "status", **fresh)
    chain = ("partition@b1", "partition@b2")
    done = stages_run(run(workspace, "dvc", "repro", *chain, **fresh))
    assert {"train_block@b1", "forward@b1", "partition@b2"} <= set(done)
    for name in NAMES:
        with trial("a cache object damaged: found by `chmod -R u+w .dvc/cache/files`, `DVC_SITE_CACHE_DIR=.. dvc repro`"):
            assert name in seen
            assert (workspace / name).read_bytes() == (finished / name).read_bytes()
