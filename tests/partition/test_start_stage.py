import pytest

from pipeline.base.folders import Folders
from pipeline.data.prepared import Manifest
from pipeline.partition.groups import load_groups
from pipeline.partition.start_stage import start_stage


def manifest(folder, classes):
    names = [f"class {number}" for number in range(classes)]
    Manifest(source="digits", class_names=names, image_shape=(1, 8, 8), counts={}, sha256_of_pixels={}).save(folder)


def start(make_params, classes, **changes):
    manifest(Folders().prepared, classes)
    start_stage(Folders(), make_params({f"partition.{name}": value for name, value in changes.items()}).partition)


@pytest.mark.parametrize(("classes", "metric"), [(2, "recall"), (3, "one_vs_rest")])
def test_every_class_is_hard(classes, metric, folder, make_params, capsys):
    start(make_params, classes, metric=metric)
    assert load_groups(Folders().block("b0")).hard == list(range(classes))
    assert capsys.readouterr().out == ""


def test_two_classes_by_a_metric_that_cannot_tell_them_apart(folder, make_params, refusal):
    line = refusal(start, make_params, 2, metric="one_vs_rest")
    assert "partition.metric is one_vs_rest" in line and "use metric: recall" in line


@pytest.mark.parametrize(("classes", "value"), [(2, 1.01), (3, 1.5), (9, 2.9)])
def test_a_threshold_that_no_class_can_reach_is_said_before_training(classes, value, folder, make_params, refusal, capsys):
    below, above = ({"mode": "relative", "value": sign * value} for sign in (-1, 1))
    line = refusal(start, make_params, classes, threshold=below)
    assert f"partition.threshold.value is -{value}" in line and "no_hard_class: stop" in line
    start(make_params, classes, threshold=below, no_hard_class="stop")
    start(make_params, classes + 1, threshold=below)
    assert capsys.readouterr().out == ""
    start(make_params, classes, threshold=above)
    assert "every class with a mistake will be hard" in capsys.readouterr().out
