"""lmms-eval's own tasks, on documents and answers that they are handed: reads a JSON file, reports the scores.

Runs in an environment that has lmms-eval's files and the packages that score. A task is made as lmms-eval makes it,
from its own file by its own class, filters and aggregations included; only its documents are not fetched. What else the
code imports is replaced by modules in which every name is a stand-in: they are imported, and not used to score.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import json
import random
import re
import sys
import traceback
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

#: Under this name: for each round whether the answer to each document was left out.
DRAWN = "drawn"
#: Under this name alone in a mapping: width and height of a picture.
PICTURE = "picture"


_TASK = re.compile(r"""^ *["']?task["']?: *["']?([\w-]+)["']? *$""", re.MULTILINE)


class _StandIns:
    """Finds every module that is not installed."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:  # noqa: ARG002 - the protocol's
        if name.partition(".")[0] == "lmms_eval":
            return None
        return importlib.util.spec_from_loader(name, self, is_package=True)  # type: ignore[arg-type]

    def create_module(self, spec: Any) -> ModuleType:
        module: Any = MagicMock(name=spec.name)
        module.__path__, module.__spec__ = [], spec
        stand_in: ModuleType = module
        return stand_in

    def exec_module(self, module: ModuleType) -> None:
        pass


class _Picture:
    """A picture of a document: its size, which is all that scoring asks for."""

    def __init__(self, size: list[int]) -> None:
        self.size = self.width, self.height = tuple(size)

    def convert(self, mode: str) -> _Picture:  # noqa: ARG002 - Pillow's
        return self


class _Rows(list[dict[str, Any]]):
    """Documents as `process_docs` takes and makes them."""

    @classmethod
    def from_list(cls, rows: list[dict[str, Any]]) -> _Rows:
        return cls(rows)

    def map(self, function: Any, **_: Any) -> _Rows:
        return _Rows(row | function(row) for row in self)

    @property
    def features(self) -> dict[str, Any]:
        return dict(self[0])


class _Drawn(BaseException):
    """Their code asks for chance."""


def main() -> None:
    """Prints one JSON object: task -> metric -> score of each round, or the reason why there is none."""
    package = Path(next(iter(importlib.util.find_spec("lmms_eval").submodule_search_locations)))  # type: ignore[union-attr,arg-type]
    for name in ("jinja2", "pandas", "tenacity", "tqdm"):
        importlib.import_module(name)  # before there are stand-ins: these ask what else is installed
    sys.meta_path.append(_StandIns())
    tasks = ModuleType("lmms_eval.tasks")  # without what its own file imports
    tasks.__path__ = [str(package / "tasks")]
    sys.modules["lmms_eval.tasks"] = tasks
    random.choice = _draw  # type: ignore[assignment]  # scores that depend on chance are left out
    given = json.loads(Path(sys.argv[1]).read_text(), object_hook=_with_pictures)
    datasets: Any = importlib.import_module("datasets")
    datasets.Dataset = _Rows
    files: dict[str, Path] = {}
    for path in sorted((package / "tasks").rglob("*.yaml")):
        for name in _TASK.findall(path.read_text()):
            files.setdefault(name, path)
    print(json.dumps({name: _score(files.get(name), datasets, **entry) for name, entry in given.items()}))


def _with_pictures(entry: dict[str, Any]) -> Any:
    return _Picture(entry[PICTURE]) if list(entry) == [PICTURE] else entry


def _draw(*_: Any, **__: Any) -> None:
    raise _Drawn


def _score(path: Path | None, datasets: Any, docs: list[dict[str, Any]], rounds: list[list[Any]]) -> dict[str, Any]:
    if path is None:
        return {"": "lmms-eval has no task of this name"}
    # GQA's pictures are in a data set of their own.
    pictures = [{"id": doc["imageId"], "image": _Picture([1, 1])} for doc in docs if "imageId" in doc]
    datasets.load_dataset = lambda *_, **__: _Rows(pictures)
    scores: dict[str, list[Any]] = {}
    drawn = []
    try:
        for answers in rounds:
            task = _task(path, docs)  # anew: each round is a run of its own, and their modules keep state
            values = [_values(task, *pair) for pair in zip(task.task_docs, answers, strict=True)]
            drawn.append([one is None for one in values])
            for name, aggregate in task.aggregation().items():
                items = [one[name] for one in values if one is not None and name in one]
                scores.setdefault(name, []).append(_aggregate(aggregate, items))
    except Exception:  # noqa: BLE001 - whatever their code raises is what there is to say
        return {"": traceback.format_exc(limit=-1)}
    return scores | {DRAWN: drawn}


def _task(path: Path, docs: list[dict[str, Any]]) -> Any:
    """Returns lmms-eval's task of a file, with these documents in place of those that it would fetch."""
    importlib.import_module("lmms_eval.api.metrics")  # which registers them
    from lmms_eval.api.task import ConfigurableTask
    from lmms_eval.utils import load_yaml_config

    class Task(ConfigurableTask):  # type: ignore[misc]  # a stranger
        def download(self, dataset_kwargs: Any = None) -> None:  # noqa: ARG002 - the class's
            rows = _Rows(dict(doc) for doc in docs)
            process = self.config.process_docs
            rows = process(rows) if process else rows
            splits = ("training_split", "validation_split", "test_split", "fewshot_split")
            self.dataset = self.dataset_no_image = {getattr(self.config, split): rows for split in splits}

    fields = load_yaml_config(str(path))
    return Task(config={name: value for name, value in fields.items() if name != "group"}, model_name="vllm")


def _values(task: Any, doc: dict[str, Any], answer: Any) -> dict[str, Any] | None:
    """Returns the values of the first filter; None where they depend on chance."""
    if task.OUTPUT_TYPE == "multiple_choice":
        results = [(logprob, False) for logprob in answer]
    else:
        instance = SimpleNamespace(resps=[answer], filtered_resps={})
        task._filters[0].apply([instance], [doc])
        results = list(instance.filtered_resps.values())
    try:
        values: dict[str, Any] = task.process_results(dict(doc), results)
    except _Drawn:
        return None
    return values


def _aggregate(aggregate: Any, items: list[Any]) -> Any:
    try:
        takes_args = "args" in inspect.signature(aggregate).parameters
        score = aggregate(items, args=SimpleNamespace(output_path=".")) if takes_args else aggregate(items)
    except Exception as error:  # noqa: BLE001 - the same
        return f"{type(error).__name__}: {error}"
    try:
        return float(score)
    except (TypeError, ValueError):
        return repr(score)


if __name__ == "__main__":
    main()
