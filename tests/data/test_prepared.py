import numpy as np
import pytest

from pipeline.data.params import DataParams, SplitParams
from pipeline.data.prepare import prepare, split_source
from pipeline.data.prepared import load_manifest, load_prepared
from pipeline.data.sources import Pool, Source

SPLITS = ("train", "validation", "test")


def numbered(labels):
    """Images whose pixel says which row they were."""
    labels = np.array(labels)
    rows = np.arange(len(labels))
    images = np.stack([rows // 256, rows % 256], axis=1).astype(np.uint8)[:, None, None, :]
    return Pool(np.repeat(images, 2, axis=2), labels)


def rows_of(pool):
    return pool.images[:, 0, 0, 0].astype(int) * 256 + pool.images[:, 0, 0, 1]


def sizes(train, validation, test):
    return SplitParams(train=train, validation=validation, test=test)


LABELS = [0] * 400 + [1] * 200 + [2] * 100  # 4 : 2 : 1


def test_splits_are_disjoint_stratified_and_of_the_asked_size():
    splits = split_source(Source(["a", "b", "c"], numbered(LABELS), None), sizes(350, 140, 70), 0)
    rows = np.concatenate([rows_of(splits[name]) for name in SPLITS])
    assert len(set(rows)) == len(rows) == 560
    expected = {"train": [200, 100, 50], "validation": [80, 40, 20], "test": [40, 20, 10]}
    assert {name: np.bincount(splits[name].labels).tolist() for name in SPLITS} == expected
    assert all(np.array_equal(splits[name].labels, np.array(LABELS)[rows_of(splits[name])]) for name in SPLITS)


def test_the_same_seed_gives_the_same_splits_and_another_does_not():
    source = Source(["a", "b", "c"], numbered(LABELS), None)
    first, again, other = (split_source(source, sizes(350, 140, 70), seed) for seed in (0, 0, 1))
    for name in SPLITS:
        assert np.array_equal(rows_of(first[name]), rows_of(again[name]))
        assert not np.array_equal(rows_of(first[name]), rows_of(other[name]))


def test_a_source_with_its_own_test_set_never_trains_on_it():
    held_out = numbered([0, 1, 2] * 20)
    splits = split_source(Source(["a", "b", "c"], numbered(LABELS), held_out), sizes(350, 350, 30), 0)
    assert sorted(np.concatenate([rows_of(splits["train"]), rows_of(splits["validation"])])) == list(range(700))
    assert np.bincount(splits["test"].labels).tolist() == [10, 10, 10]
    assert set(rows_of(splits["test"])) < set(range(60))


@pytest.mark.parametrize("own_test_set", [True, False])
def test_validation_images_that_are_trained_on_as_well(own_test_set):
    """VGG-16 trains on all images (section 5.4): nothing is held out, validation images are some of those trained on."""
    source = Source(["a", "b", "c"], numbered(LABELS), numbered([0, 1, 2] * 20) if own_test_set else None)
    splits = split_source(source, SplitParams(train=640, validation=64, test=60, held_out=False), 0)
    assert [len(splits[name].labels) for name in SPLITS] == [640, 64, 60]
    assert set(rows_of(splits["validation"])) < set(rows_of(splits["train"]))
    assert own_test_set or not set(rows_of(splits["test"])) & set(rows_of(splits["train"]))


def test_nearly_the_whole_test_set_can_be_asked_for():
    held_out = numbered([0, 1, 2] * 20)
    splits = split_source(Source(["a", "b", "c"], numbered(LABELS), held_out), sizes(350, 350, 59), 0)
    assert len(set(rows_of(splits["test"]))) == 59


@pytest.mark.parametrize(
    ("source", "wanted", "words"),
    [
        (Source(["a", "b", "c"], numbered(LABELS), None), (500, 150, 51), ("650 + 51 images", "the source has 700", "lower")),
        (Source(["a", "b", "c"], numbered(LABELS), numbered([0, 1, 2])), (500, 100, 4), ("split.test is 4", "are 3 images")),
        (Source(["a", "b", "c"], numbered(LABELS), None), (500, 2, 50), ("3 classes", "and 2 (validation)")),
        (Source(["a", "b"], numbered([0] * 50 + [1]), None), (20, 10, 10), ("the rarest with 1 image",)),
        (Source(["a", "rare"], numbered([0] * 400 + [1] * 4), None), (300, 50, 40), ("class 'rare' has too few images (4)",)),
        (Source(["a", "none"], numbered([0] * 50), None), (20, 10, 10), ("class 'none' has too few images (0)",)),
    ],
    ids=["too many", "test set too small", "fewer than classes", "one image", "rare", "no image"],
)  # fmt: skip
def test_splits_that_cannot_be_filled(source, wanted, words, refusal):
    line = refusal(split_source, source, sizes(*wanted), 0)
    assert line.startswith("params.yaml: data.split")
    assert all(word in line for word in words), line


def digits(**changes):
    split = {"train": 300, "validation": 100, "test": 100}
    return DataParams(**({"source": "digits", "image_size": 8, "split": split} | changes))


def test_prepare_writes_the_same_bytes_for_the_same_seed(tmp_path):
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        prepare(digits(), seed, tmp_path / name, tmp_path)
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert names == ["manifest.json", "test.npz", "train.npz", "validation.npz"]
    for name in names:
        first, again, other = ((tmp_path / folder / name).read_bytes() for folder in "abc")
        assert first == again
        assert first != other


def test_manifest_counts_what_was_written(tmp_path):
    prepare(digits(), 0, tmp_path, tmp_path)
    manifest = load_manifest(tmp_path)
    assert manifest.class_names == [str(digit) for digit in range(10)]
    assert (manifest.image_shape, manifest.classes) == ((1, 8, 8), 10)
    for split, count in (("train", 300), ("validation", 100), ("test", 100)):
        prepared = load_prepared(tmp_path, split)
        assert prepared.images.shape == (count, 1, 8, 8)
        assert manifest.counts[split] == {"total": count, "per_class": np.bincount(prepared.label, minlength=10).tolist()}


@pytest.mark.parametrize("damage", ["missing", "truncated", "other arrays", "lengths"])
def test_damaged_prepared_file_is_one_line(damage, tmp_path, refusal):
    path = tmp_path / "train.npz"
    arrays = {"images": np.zeros((3, 1, 2, 2), np.uint8)}
    if damage != "other arrays":
        arrays["label"] = np.zeros(2 if damage == "lengths" else 3, np.int64)
    if damage != "missing":
        np.savez(path, **arrays)
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:-100])
    assert refusal(load_prepared, tmp_path, "train").startswith(f"{path}: ")


@pytest.mark.parametrize("content", [None, "{", "[]", "{}", '{"image_shape": [1, 8]}', '{"image_shape": [1, 8, 8]}'])
def test_a_damaged_manifest_is_one_line(content, tmp_path, refusal):
    if content is not None:
        (tmp_path / "manifest.json").write_text(content)
    assert refusal(load_manifest, tmp_path).startswith(f"{tmp_path / 'manifest.json'}: ")
