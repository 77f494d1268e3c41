from pipeline.config import load_params
from pipeline.config.load import parse_params
from studies.ablation import INGREDIENTS, WHOLE, changed
from tools.imports import ROOT


def test_each_ingredient_is_one_of_the_recipe_and_leaves_parameters_that_hold():
    own = load_params(ROOT / "experiments/cifar10-modern-cpu.yaml").model_dump(mode="json")
    for name, changes in INGREDIENTS.items():
        without = parse_params(changed(own, changes)).model_dump(mode="json")
        assert (without == own) == (name == WHOLE), name


def test_a_copy_is_changed():
    own = {"a": {"b": 1}, "c": 2}
    assert changed(own, {"a.b": 3}) == {"a": {"b": 3}, "c": 2}
    assert own == {"a": {"b": 1}, "c": 2}
