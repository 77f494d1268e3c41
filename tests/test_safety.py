"""What docs/safety.md says, as far as it can be checked."""

import ast
import pickle
import re
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
import torchvision.datasets.utils
import yaml

from pipeline.base.files import read_arrays
from pipeline.base.yaml_file import _Loader
from pipeline.config import load_params, parse_params
from pipeline.data.params import DataParams
from pipeline.data.sources import read_source
from tools.imports import ROOT

FOLDERS = ("pipeline", "stages", "tools", "benchmarks", "studies")
FILES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))
PICKLERS = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
FORBIDDEN = {
    "eval", "exec", "compile", "__import__", "os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput",
    "torch.load", "torch.save", "torch.hub.load", "torch.jit.load", "yaml.unsafe_load", "yaml.full_load", "yaml.load_all",
    "tempfile.mktemp",
}  # fmt: skip
UNPICKLING = {"np.load", "numpy.load", "np.save", "np.savez", "np.savez_compressed", "np.lib.format.read_array"}


def faults(source: str) -> list[str]:
    """Calls and imports that could run what a file holds, or hand a text to a shell."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [str(node.module)]
            found += [f"import {name}" for name in names if name.split(".")[0] in PICKLERS]
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        named = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
        if name in FORBIDDEN or name.endswith((".extractall", ".extract")):
            found.append(name)
        if name in UNPICKLING and named.get("allow_pickle") != "False" and not name.endswith("np.save"):
            found.append(f"{name} without allow_pickle=False")
        if name == "yaml.load" and named.get("Loader") not in ("_Loader", "yaml.SafeLoader"):
            found.append("yaml.load without a safe loader")
        if named.get("shell", "False") != "False":
            found.append(f"{name} with a shell")
        if name.startswith("subprocess.") and node.args and isinstance(node.args[0], ast.Constant | ast.JoinedStr):
            found.append(f"{name} of a text")
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_can_run_code(path):
    assert faults(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "source",
    [
        "import pickle", "from joblib import load", "torch.load(path)", "np.load(path)", "np.load(path, allow_pickle=True)",
        "yaml.load(text, Loader=yaml.Loader)", "yaml.load(text)", "yaml.full_load(text)", "subprocess.run(text, shell=True)",
        "subprocess.run(f'ls {name}')", "eval(text)", "os.system(text)", "archive.extractall(folder)",
    ],
)  # fmt: skip
def test_the_search_finds(source):
    assert len(faults(source)) == 1


def test_the_loader_of_parameters_is_a_safe_one():
    assert issubclass(_Loader, yaml.SafeLoader)


@pytest.mark.parametrize(
    "tag", ["!!python/object/apply:os.system ['touch pwned']", "!!python/name:os.system", "!!python/module:os"]
)
def test_python_tags_are_refused(tag, folder, refusal):
    Path("params.yaml").write_text(f"seed: {tag}\n")
    assert refusal(load_params).startswith("params.yaml: not valid YAML (could not determine a constructor")
    assert not Path("pwned").exists()


def test_no_parameter_reaches_a_shell():
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    commands = [stage.get("do", stage)["cmd"] for stage in stages.values()]
    assert [command for command in commands if not re.fullmatch(r"python -m stages\.\w+", command)] == []


@pytest.mark.parametrize("key", ["b1; touch pwned", "$(touch pwned)", "../../b1", "b1\n", "'b1'", "-h", "b01"])
def test_the_schema_refuses_a_key_that_a_shell_would_read(key, make_content, refusal):
    content = make_content()
    content["blocks"] = {key if name == "b1" else name: block for name, block in content["blocks"].items()}
    assert refusal(parse_params, content).startswith("params.yaml: ")


class Payload:
    """Unpickling it creates a file."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_a_pickle_in_an_npz_is_not_opened(tmp_path, refusal):
    np.savez(tmp_path / "evil.npz", a=np.array([Payload(tmp_path / "pwned")], dtype=object))
    assert "cannot be read" in refusal(read_arrays, tmp_path / "evil.npz")
    assert not (tmp_path / "pwned").exists()


@pytest.mark.parametrize("arrives", ["in place", "as download"])
def test_cifar_with_another_digest_is_not_unpickled(arrives, tmp_path, monkeypatch, refusal):
    evil = pickle.dumps(Payload(tmp_path / "pwned"))
    if arrives == "in place":
        (tmp_path / "cifar-10-batches-py").mkdir()
        for name in ("data_batch_1", "test_batch", "batches.meta"):
            (tmp_path / "cifar-10-batches-py" / name).write_bytes(evil)

    def download(url: str, filename: str, *args: object, **named: object) -> None:
        if arrives == "in place":
            raise URLError("no network")
        Path(filename).write_bytes(evil)

    monkeypatch.setattr(torchvision.datasets.utils, "_urlretrieve", download)
    monkeypatch.setattr(torchvision.datasets.utils, "_get_redirect_url", lambda url, **named: url)
    params = DataParams(
        source="cifar10", path=str(tmp_path), image_size=32, split={"train": 4, "validation": 2, "test": 2}
    )  # fmt: skip
    assert "could not be downloaded" in refusal(read_source, params, tmp_path)
    assert not (tmp_path / "pwned").exists()
