"""lmms-eval's own scoring functions, on documents and answers that it is handed: reads a JSON file, reports the scores.

Runs in an environment that has lmms-eval's files and the packages that score. What else its task code imports is put in
the place of by modules in which every name is a stand-in: they are imported, and not used to score.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import math
import random
import sys
import traceback
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import yaml

#: Under this name: for each round whether the answer to each document was left out.
DRAWN = "drawn"


class _Function(str):
    """The `module.name` of a `!function`."""

    __slots__ = ()


class _Loader(yaml.SafeLoader):
    """YAML with `!function`."""


_Loader.add_constructor("!function", lambda loader, node: _Function(loader.construct_scalar(node)))  # type: ignore[arg-type]  # a scalar


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


def _package() -> Path:
    """Returns the folder of lmms-eval."""
    spec = importlib.util.find_spec("lmms_eval")
    return Path(next(iter((spec and spec.submodule_search_locations) or [])))


def main() -> None:
    """Prints one JSON object: task -> metric -> score, or the reason why there is none."""
    package = _package()
    sys.meta_path.append(_StandIns())
    tasks = ModuleType("lmms_eval.tasks")  # without what its own file imports
    tasks.__path__ = [str(package / "tasks")]
    sys.modules["lmms_eval.tasks"] = tasks
    given = json.loads(Path(sys.argv[1]).read_text())
    files: dict[str, Path] = {}
    for path in sorted((package / "tasks").rglob("*.yaml")):
        text = path.read_text()
        for name in given:
            if f"\ntask: {name}\n" in f"\n{text}\n" or f'\ntask: "{name}"\n' in f"\n{text}\n":
                files.setdefault(name, path)
    print(json.dumps({name: _score(files.get(name), **entry) for name, entry in given.items()}))


def _score(path: Path | None, docs: list[dict[str, Any]], rounds: list[list[str]]) -> dict[str, Any]:
    if path is None:
        return {"": "lmms-eval has no task of this name"}
    random.choice = _draw  # type: ignore[assignment]  # scores that depend on chance are left out
    try:
        settings, folder = _settings(path)
        if "process_results" not in settings:
            return {"": "its file has no function that scores"}
        if "process_docs" in settings:
            return {"": "its documents are made by process_docs, which needs the package datasets"}
        process = _function(folder, settings["process_results"])
        values = [[_one(process, *pair) for pair in zip(docs, answers, strict=True)] for answers in rounds]
        scores: dict[str, Any] = {
            entry["metric"]: [_aggregate(folder, entry, [one for one in answers if one]) for answers in values]
            for entry in settings["metric_list"]
        }
        return scores | {DRAWN: [[one is None for one in answers] for answers in values]}
    except Exception:  # noqa: BLE001 - whatever their code raises is what there is to say
        return {"": traceback.format_exc(limit=-1)}


class _Drawn(BaseException):
    """Their code asks for chance."""


def _draw(*_: Any, **__: Any) -> None:
    raise _Drawn


def _one(process: Any, doc: dict[str, Any], answer: str) -> dict[str, Any] | None:
    """Returns the values of one answer; None where they depend on chance."""
    try:
        values: dict[str, Any] = process(dict(doc), [answer])
    except _Drawn:
        return None
    return values


def _aggregate(folder: Path, entry: dict[str, Any], values: list[dict[str, Any]]) -> Any:
    items = [value[entry["metric"]] for value in values if entry["metric"] in value]
    if not isinstance(entry["aggregation"], _Function):
        return math.fsum(items) / len(items) if items else None
    aggregate = _function(folder, entry["aggregation"])
    try:
        names = aggregate.__code__.co_varnames[: aggregate.__code__.co_argcount]
        score = aggregate(items, SimpleNamespace(output_path=".")) if "args" in names else aggregate(items)
    except Exception as error:  # noqa: BLE001 - the same
        return f"{type(error).__name__}: {error}"
    return float(score) if isinstance(score, int | float) else repr(score)


def _settings(path: Path) -> tuple[dict[str, Any], Path]:
    own = yaml.load(path.read_text(), _Loader)  # noqa: S506 - a safe loader
    merged: dict[str, Any] = {}
    includes = own.pop("include", [])
    for name in [includes] if isinstance(includes, str) else includes:
        merged |= _settings(path.parent / name)[0]
    return merged | own, path.parent


def _function(folder: Path, name: str) -> Any:
    module, _, function = name.rpartition(".")
    file = folder / f"{module}.py"
    if file not in _MODULES:
        spec = importlib.util.spec_from_file_location(module, file)
        _MODULES[file] = importlib.util.module_from_spec(spec)  # type: ignore[arg-type]
        spec.loader.exec_module(_MODULES[file])  # type: ignore[union-attr]
    return getattr(_MODULES[file], function)


_MODULES: dict[Path, ModuleType] = {}

if __name__ == "__main__":
    main()
