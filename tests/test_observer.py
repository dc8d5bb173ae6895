"""An observer orders the documents of a run, sees them as they are scored, and may have seen enough."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest

from fasteval.evaluation import evaluate
from fasteval.evaluation.settings import RunSettings
from fasteval.models.replay import ReplayEngine
from tests.stubs import echo

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from fasteval.results.model import Results
    from fasteval.results.sample import ScoredDocument

TASK = """
task: {name}
dataset_path: json
dataset_kwargs: {{data_files: {{test: {name}.jsonl}}}}
test_split: test
output_type: {kind}
doc_to_text: "{{{{question}}}}"
doc_to_target: 0
doc_to_choice: ["x", "y", "z"]
metric_list: [{{metric: {metric}, aggregation: mean, higher_is_better: true}}]
"""
COUNT = 60


class Reader:
    """Reads the documents from the last to the first, and has enough of a task after `enough` of them."""

    def __init__(self, enough: dict[str, int]) -> None:
        self.enough = enough
        self.seen: dict[str, list[int]] = {name: [] for name in enough}

    def ranks(self, task: str, doc_ids: NDArray[np.int64]) -> NDArray[np.float64]:
        return 1 - doc_ids / COUNT

    def receive(self, task: str, document: ScoredDocument) -> Collection[str]:
        self.seen[task].append(document.doc_id)
        return [task] if len(self.seen[task]) == self.enough[task] else []


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, kind, metric in (("words", "generate_until", "exact_match"), ("choices", "multiple_choice", "acc")):
        docs = b"\n".join(orjson.dumps({"question": f"{name} {number}"}) for number in range(COUNT))
        (tmp_path / f"{name}.jsonl").write_bytes(docs)
        (tmp_path / f"{name}.yaml").write_text(TASK.format(name=name, kind=kind, metric=metric))
    return tmp_path


def run(folder: Path, observer: Reader | None, *tasks: str, **options: Any) -> tuple[Results, ReplayEngine]:
    engine = ReplayEngine(echo)
    given: dict[str, Any] = {
        "no_cache": True,
        "window": 6,
        "bootstrap_iters": 0,
        "include_path": (str(folder),),
    } | options
    return evaluate(RunSettings(model=engine, tasks=tasks, **given), observer=observer), engine


def test_documents_are_asked_in_the_observers_order(folder: Path) -> None:
    reader = Reader({"words": -1})
    _, engine = run(folder, reader, "words")
    expected = [f"words {number}" for number in reversed(range(COUNT))]
    assert expected == [request.prompt.plain_text() for request in engine.requests]
    assert list(reversed(range(COUNT))) == reader.seen["words"]


def test_the_choices_of_a_document_stay_together(folder: Path) -> None:
    reader = Reader({"choices": -1})
    _, engine = run(folder, reader, "choices")
    asked = [request.prompt.plain_text() for request in engine.requests]
    assert all(len(set(asked[first : first + 3])) == 1 for first in range(0, 3 * COUNT, 3))
    assert list(reversed(range(COUNT))) == reader.seen["choices"]


def test_a_task_that_is_no_longer_wanted_ends_and_the_others_go_on(folder: Path) -> None:
    whole, _ = run(folder, None, "words", "choices")
    reader = Reader({"words": 10, "choices": -1})
    results, engine = run(folder, reader, "words", "choices")
    assert COUNT == results.tasks["choices"].n_effective
    read = [document.doc_id for document in results.tasks["words"].documents]
    assert 10 <= len(read) < 20
    assert read == list(range(COUNT - len(read), COUNT))
    assert len(read) + 3 * COUNT == len(engine.requests) == results.statistics.sent
    expected = {document.doc_id: document.values for document in whole.tasks["words"].documents}
    assert all(expected[document.doc_id] == document.values for document in results.tasks["words"].documents)
    assert results.interrupted
    assert not results.is_complete


def test_an_answer_that_another_task_wants_is_still_asked_for(folder: Path) -> None:
    twin = (folder / "words.yaml").read_text().replace("task: words", "task: twin")
    (folder / "twin.yaml").write_text(twin)
    results, engine = run(folder, Reader({"words": 1, "twin": -1}), "words", "twin")
    assert COUNT == len(engine.requests)
    assert COUNT == results.tasks["twin"].n_effective


def test_a_run_whose_observer_never_has_enough_is_complete(folder: Path) -> None:
    results, _ = run(folder, Reader({"words": -1}), "words")
    assert results.is_complete
