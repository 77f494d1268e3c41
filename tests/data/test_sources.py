from http.client import IncompleteRead
from pathlib import Path
from types import SimpleNamespace
from urllib.error import URLError

import numpy as np
import pytest
import torchvision.datasets
from sklearn.datasets import load_digits

from pipeline.base.folders import Folders
from pipeline.data import sources
from pipeline.data.params import DataParams
from pipeline.data.sources import _found, read_source

RAW = Folders().raw


def params(source, size, **changes):
    return DataParams(source=source, image_size=size, split={"train": 4, "validation": 2, "test": 2}, **changes)


def test_digits_at_their_own_size_are_scaled_from_16_to_255():
    source = read_source(params("digits", 8), RAW)
    assert source.held_out is None
    assert source.pool.images.shape == (1797, 1, 8, 8)
    raw = load_digits().images
    assert np.array_equal(source.pool.images[:, 0], np.round(raw * 255 / 16))
    assert source.pool.images.max() == 255


def test_digits_enlarged_keep_their_brightness():
    small, large = (read_source(params("digits", size), RAW).pool.images.astype(float) for size in (8, 16))
    assert large.shape == (1797, 1, 16, 16)
    assert np.abs(large.mean((1, 2, 3)) - small.mean((1, 2, 3))).max() < 2


class FakeCifar:
    """What torchvision's dataset offers: data [n, 32, 32, 3], targets, classes."""

    def __init__(self, root, train, download):
        self.data = np.zeros((6 if train else 4, 32, 32, 3), np.uint8)
        self.data[:, 1, 2] = (10, 20, 30)
        self.targets = [0, 1] * (3 if train else 2)
        self.classes = ["a", "b"]


def test_cifar_becomes_channels_first(monkeypatch):
    monkeypatch.setattr(torchvision.datasets, "CIFAR10", FakeCifar)
    source = read_source(params("cifar10", 32), RAW)
    assert source.pool.images.shape == (6, 3, 32, 32)
    assert source.pool.images[0, :, 1, 2].tolist() == [10, 20, 30]
    assert source.held_out.labels.tolist() == [0, 1, 0, 1]


def test_another_size_than_the_source_has(monkeypatch, refusal):
    monkeypatch.setattr(torchvision.datasets, "CIFAR10", FakeCifar)
    line = refusal(read_source, params("cifar10", 16), RAW)
    assert line == "params.yaml: data.image_size is 16 but images of cifar10 are 32x32; set data.image_size: 32"


@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
@pytest.mark.parametrize(
    "error",
    [URLError("Temporary failure\nin name resolution"), RuntimeError("corrupted"), PermissionError(13, "denied")],
)  # fmt: skip
def test_cifar_without_network_is_one_line(name, error, monkeypatch, tmp_path, refusal):
    def fail(*args, **named):
        raise error

    monkeypatch.setattr(torchvision.datasets, name.upper(), fail)
    line = refusal(read_source, params(name, 32, path=str(tmp_path)), RAW)
    assert line.startswith(f"{tmp_path}: {name} is not there and could not be downloaded (")
    assert "image_folder" in line


def test_cifar_with_a_broken_connection_is_one_line(monkeypatch, refusal):
    def fail(*args, **named):
        raise IncompleteRead(b"some", 100)

    monkeypatch.setattr(torchvision.datasets, "CIFAR10", fail)
    assert "could not be downloaded" in refusal(read_source, params("cifar10", 32), RAW)


def test_downloads_go_to_the_raw_folder_by_default(monkeypatch):
    roots = []

    class Recorded(FakeCifar):
        def __init__(self, root, train, download):
            super().__init__(root, train, download)
            roots.append((str(root), train, download))

    monkeypatch.setattr(torchvision.datasets, "CIFAR10", Recorded)
    read_source(params("cifar10", 32), RAW)
    assert roots == [("data/raw", True, True), ("data/raw", False, True)]  # below the current folder
    read_source(params("cifar10", 32, path="elsewhere"), RAW)
    assert {root for root, *_ in roots[2:]} == {"elsewhere"}


def test_images_of_unequal_sides_are_refused(monkeypatch, refusal):
    wide = SimpleNamespace(images=np.zeros((2, 3, 8, 9), np.uint8), labels=np.zeros(2, int))
    monkeypatch.setattr(sources, "_digits", lambda params, raw: sources.Source(["a"], wide, None))
    assert "8x9" in refusal(read_source, params("digits", 8), RAW)


@pytest.mark.parametrize("path", ["images", "../images", "data/raw"])
def test_a_relative_path_means_the_same_in_a_dvc_experiment(path, tmp_path, monkeypatch):
    project, own = tmp_path / "project", tmp_path / "project/.dvc/tmp/exps/tmpx1"
    own.mkdir(parents=True)
    (project / path).mkdir(parents=True, exist_ok=True)
    monkeypatch.chdir(own)
    assert _found(Path(path)).resolve() == (project / path).resolve()
    (own / "data/raw").mkdir(parents=True)
    (own / "data/raw/.gitkeep").write_text("")
    assert _found(Path("data/raw")) == project / "data/raw"
    (own / "data/raw/cifar-10").write_text("")
    assert _found(Path("data/raw")) == Path("data/raw"), "what is there comes first"
    monkeypatch.chdir(project)
    assert _found(Path(path)) == Path(path)
    assert _found(Path("gone")) == Path("gone")
