"""Models, tasks, metrics and filters of another distribution: a tiny one, really installed."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

import orjson
import pytest

if TYPE_CHECKING:
    from pathlib import Path

FILES = {
    "tiny_plugin/__init__.py": 'print("tiny_plugin was imported")\n',
    "tiny_plugin/models.py": """
import fasteval


class Parrot(fasteval.LMM):
    def generate_until(self, requests):
        return ["PARIS!" for _ in requests]
""",
    "tiny_plugin/metrics.py": """
from fasteval.api.registry import register_metric


@register_metric(metric="same_length", higher_is_better=True)
def same_length(references, predictions):
    return {"same_length": float(len(references[0]) == len(predictions[0]))}
""",
    "tiny_plugin/filters.py": """
from fasteval.filters.base import Filter


class Bare(Filter):
    def apply(self, resps, docs):
        return [[text.strip("!") for text in answers] for answers in resps]
""",
    "tiny_tasks/__init__.py": 'raise RuntimeError("a package of tasks is not imported")\n',
    "tiny_tasks/capitals.jsonl": '{"country": "France", "capital": "Paris"}\n{"country": "Italy", "capital": "Rome"}\n',
    "tiny_tasks/tiny_capitals.yaml": """
task: tiny_capitals
dataset_path: json
dataset_kwargs: {data_files: {test: capitals.jsonl}}
test_split: test
output_type: generate_until
doc_to_text: "The capital of {{country}}?"
doc_to_target: capital
filter_list: [{name: bare, filter: [{function: bare}, {function: take_first}]}]
metric_list: [{metric: same_length, aggregation: mean, higher_is_better: true}]
""",
    "tiny_plugin-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: tiny-plugin\nVersion: 1.0\n",
    "tiny_plugin-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    "tiny_plugin-1.0.dist-info/entry_points.txt": """
[fasteval.models]
parrot = tiny_plugin.models:Parrot
broken = tiny_plugin.nowhere:Model

[fasteval.metrics]
same_length = tiny_plugin.metrics
nothing = tiny_plugin.models

[fasteval.filters]
bare = tiny_plugin.filters:Bare

[fasteval.tasks]
tiny = tiny_tasks
""",
}


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Installs the distribution with pip into a folder of its own."""
    work, target = tmp_path_factory.mktemp("wheel"), tmp_path_factory.mktemp("site")
    wheel = work / "tiny_plugin-1.0-py3-none-any.whl"
    record = "".join(f"{name},,\n" for name in FILES) + "tiny_plugin-1.0.dist-info/RECORD,,\n"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, text in {**FILES, "tiny_plugin-1.0.dist-info/RECORD": record}.items():
            archive.writestr(name, text)
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", target, wheel]
    subprocess.run([str(word) for word in command], check=True)
    return target


def fasteval(installed: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(installed), *sys.path])}
    command = [sys.executable, "-m", "fasteval", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def test_its_model_metric_filter_and_task_make_a_run(installed: Path) -> None:
    result = fasteval(installed, "--model", "parrot", "--tasks", "tiny_capitals", "--json", "--quiet")
    assert (0, "") == (result.returncode, result.stderr)
    imported, output = result.stdout.splitlines()
    assert "tiny_plugin was imported" == imported
    # "PARIS" is as long as "Paris", and not as "Rome".
    assert 0.5 == orjson.loads(output)["results"]["tiny_capitals"]["same_length,bare"]


@pytest.mark.parametrize(("words", "name"), [(("models",), "parrot"), (("tasks", "list", "tiny*"), "tiny_capitals")])
def test_its_names_are_listed_without_importing_it(installed: Path, words: tuple[str, ...], name: str) -> None:
    result = fasteval(installed, *words)
    assert name in result.stdout
    assert "was imported" not in result.stdout


def test_an_entry_point_that_cannot_be_imported_is_one_line(installed: Path) -> None:
    result = fasteval(installed, "--model", "broken", "--tasks", "tiny_capitals")
    assert 2 == result.returncode
    assert result.stderr.splitlines()[-1].startswith(
        "fasteval: error: fasteval.models 'broken' (tiny_plugin.nowhere:Model, of tiny-plugin 1.0) cannot be loaded: "
    )


def test_an_entry_point_that_registers_nothing_is_one_line(installed: Path, tmp_path: Path) -> None:
    text = FILES["tiny_tasks/tiny_capitals.yaml"].replace("same_length", "nothing").replace("tiny_capitals", "odd")
    (tmp_path / "odd.yaml").write_text(text.replace("capitals.jsonl", str(installed / "tiny_tasks" / "capitals.jsonl")))
    result = fasteval(installed, "--model", "parrot", "--tasks", "odd", "--include_path", str(tmp_path))
    assert 0 != result.returncode
    assert "the entry point 'nothing' of fasteval.metrics registers no metric of that name" in result.stderr


def test_a_misspelt_name_is_offered_an_entry_points(installed: Path) -> None:
    result = fasteval(installed, "--model", "parott", "--tasks", "tiny_capitals")
    assert "unknown model 'parott': did you mean 'parrot'?" in result.stderr
