import pytest

from pipeline.base.folders import Folders
from pipeline.data.prepared import Manifest
from pipeline.partition.groups import load_groups
from pipeline.partition.start_stage import start_stage


def manifest(folder, classes):
    names = [f"class {number}" for number in range(classes)]
    Manifest(source="digits", class_names=names, image_shape=(1, 8, 8), counts={}, sha256_of_pixels={}).save(folder)


@pytest.mark.parametrize(("classes", "metric"), [(2, "recall"), (3, "one_vs_rest")])
def test_every_class_is_hard(classes, metric, folder):
    manifest(Folders().prepared, classes)
    start_stage(Folders(), metric)
    assert load_groups(Folders().block("b0")).hard == list(range(classes))


def test_two_classes_by_a_metric_that_cannot_tell_them_apart(folder, refusal):
    manifest(Folders().prepared, 2)
    line = refusal(start_stage, Folders(), "one_vs_rest")
    assert "partition.metric is one_vs_rest" in line and "use metric: recall" in line
