"""What callbacks and the progress display are told of a run."""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from fasteval.api.registry import register_filter
from fasteval.evaluation.callbacks import Callback
from fasteval.filters import Filter
from fasteval.results.pace import RunningScore, TaskLoad
from fasteval.results.progress import SilentProgress
from tests.test_evaluation import evaluate, folder  # noqa: F401 - a fixture

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from fasteval.results.model import Results
    from fasteval.results.sample import ScoredDocument


class Recording(Callback):
    def __init__(self) -> None:
        self.tasks: dict[str, int] = {}
        self.documents: Counter[tuple[str, int]] = Counter()
        self.results: list[Results] = []

    def on_start(self, tasks: Mapping[str, int]) -> None:
        assert not self.documents
        self.tasks.update(tasks)

    def on_document(self, task: str, document: ScoredDocument) -> None:
        assert not self.results
        self.documents[task, document.doc_id] += 1

    def on_end(self, results: Results) -> None:
        self.results.append(results)


@register_filter("whole_of_test")
class Whole(Filter):
    """Leaves answers as they are, once all are there."""

    def apply(self, resps: Sequence[Sequence[Any]], docs: Sequence[dict[str, Any]]) -> Sequence[Any]:
        assert 40 == len(docs)
        return resps


class Raising(Callback):
    calls = 0

    def on_document(self, task: str, document: ScoredDocument) -> None:
        self.calls += 1
        raise ValueError("no room")


class Telling(SilentProgress):
    def __init__(self) -> None:
        self.stages: list[str] = []
        self.loads: dict[str, TaskLoad] = {}
        self.scores: dict[str, str] = {}
        self.notes: list[str] = []
        self.advanced: Counter[str] = Counter()

    def stage(self, name: str) -> None:
        self.stages.append(name)

    def start(self, tasks: Mapping[str, TaskLoad]) -> None:
        self.loads.update(tasks)

    def advance(self, n: int = 1, task: str = "") -> None:
        self.advanced[task] += n

    def score(self, task: str, score: RunningScore) -> None:
        self.scores[task] = score.metric

    def bottleneck(self, text: str) -> None:
        self.notes.append(text)


@pytest.mark.parametrize("names", [("generate",), ("generate", "sampled", "choices")])
def test_a_callback_is_told_of_the_start_of_each_document_once_and_of_the_results(
    folder: Path,  # noqa: F811
    names: tuple[str, ...],
) -> None:
    callback = Recording()
    results = evaluate(folder, *names, callbacks=[callback])
    assert {"generate": 40, "sampled": 120, "choices": 120}.items() >= callback.tasks.items()
    assert Counter({(name, doc_id): 1 for name in names for doc_id in range(40)}) == callback.documents
    assert [results] == callback.results


def test_documents_whose_filters_wait_for_the_tasks_end_are_told_of_too(folder: Path) -> None:  # noqa: F811
    with (folder / "generate.yaml").open("a") as file:
        file.write("filter_list: [{name: whole, filter: [{function: whole_of_test}, {function: take_first}]}]")
    callback = Recording()
    evaluate(folder, "generate", callbacks=[callback])
    assert Counter({("generate", doc_id): 1 for doc_id in range(40)}) == callback.documents


def test_a_callback_is_told_of_the_files_and_one_that_raises_then_costs_no_result(
    folder: Path,  # noqa: F811
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Pushing(Callback):
        def on_saved(self, results: Results, paths: Sequence[Path]) -> None:
            raise OSError(", ".join(path.suffix for path in paths if path.is_file()))

    with caplog.at_level(logging.WARNING, "fasteval.evaluation"):
        results = evaluate(folder, "generate", output_path=tmp_path, callbacks=[Pushing()])
    assert "Pushing.on_saved raised OSError: .json, .jsonl" in caplog.text
    assert results.is_complete


def test_a_callback_that_raises_costs_one_warning_and_no_result(
    folder: Path,  # noqa: F811
    caplog: pytest.LogCaptureFixture,
) -> None:
    raising, recording = Raising(), Recording()
    with caplog.at_level(logging.WARNING, "fasteval.evaluation"):
        results = evaluate(folder, "generate", callbacks=[raising, recording])
    assert [
        "warning: the callback Raising.on_document raised ValueError: no room; it is not called again"
    ] == caplog.messages
    assert 1 == raising.calls
    assert 40 == len(recording.documents)
    assert results.is_complete


def test_the_display_is_told_the_load_each_answer_the_score_and_the_bottleneck(folder: Path) -> None:  # noqa: F811
    progress = Telling()
    evaluate(folder, "generate", "choices", progress=progress)
    assert {"generate": TaskLoad(40), "choices": TaskLoad(120)} == progress.loads
    assert {"generate": 40, "choices": 120} == progress.advanced
    assert ["loading tasks", "evaluating", "summing up"] == [
        stage for stage in progress.stages if stage != "starting the engine"
    ]
    assert progress.scores.items() <= {"generate": "exact_match", "choices": "acc"}.items()
    assert progress.scores
    assert all(note.endswith("% of the time") for note in progress.notes)


def test_cached_answers_are_in_the_load_and_not_told_again(folder: Path, tmp_path: Path) -> None:  # noqa: F811
    options: dict[str, Any] = {"use_cache": tmp_path / "cache"}
    evaluate(folder, "generate", **options)
    progress = Telling()
    evaluate(folder, "generate", progress=progress, **options)
    assert {"generate": TaskLoad(40, 40)} == progress.loads
    assert not progress.advanced
