"""What the tests of the library's benchmarks share: small data sets with the real schema, oracles, and runs of them."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from PIL import Image

import fasteval
from fasteval.api.request import EngineRequest, Response
from fasteval.evaluation.summary import merge, summarise
from fasteval.media import LazyAudio, to_media
from fasteval.models.replay import ReplayEngine

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from fasteval.results.model import Results

Test = TypeVar("Test")

#: The media part of a snapshot.
PICTURE = {"type": "media", "index": 0, "kind": "image"}

#: What many questions end in.
WORD = "\nAnswer the question using a single word or phrase."
LETTER = "\nAnswer with the option's letter from the given choices directly."

#: Generation kwargs that many tasks have.
NUCLEUS = {"top_p": 1.0, "num_beams": 1}
ASSISTANT = {"until": ["ASSISTANT:"]}


@dataclass(frozen=True, slots=True)
class Row:
    """A document, and what oracles say to it.

    Attributes:
        fields: the document as the data set has it.
        right: the right answer; of a question with choices the right choice, or the prompt's end that makes it right.
        wrong: a wrong answer; not used where there are choices.
        marker: the text by which the oracle knows the document in a prompt; its question. A sound is known by itself.
    """

    fields: dict[str, Any]
    right: str | tuple[str, ...]
    wrong: str = ""
    marker: str = ""

    def is_asked_by(self, request: EngineRequest) -> bool:
        """Whether the request is for this document."""
        if "audio" in self.fields:
            return request.media[0].content_id == to_media(LazyAudio(self.fields["audio"]["bytes"])).content_id
        return (self.marker or self.fields["question"]) in request.prompt.plain_text()

    def is_right(self, request: EngineRequest) -> bool:
        """Whether the request is for the log-probability of a right choice."""
        ends = (self.right,) if isinstance(self.right, str) else self.right
        continuation = (request.continuation or "").strip()
        return continuation in ends or request.prompt.plain_text().endswith(ends)


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """One task of the library, and what its tests need.

    Attributes:
        task: the task's name.
        path: the data set's name.
        config: the data set's configuration.
        split: the split that is evaluated.
        features: type of each column: a name of `datasets`, "image", "audio", "label ABCD" (a number with that name),
            [type] or {name: type}.
        rows: the documents.
        prompt: the first document's messages, or its text for a task without pictures.
        kwargs: its generation kwargs; of a task with choices the continuations.
        more_splits: documents of further splits.
        best: the metrics of an oracle that is right, where they are not all 1.
        worst: the metrics of an oracle that is wrong, where they are not all 0.
        judge: what scoring asks about answers, if it asks.
    """

    task: str
    path: str
    config: str | None = None
    split: str
    features: dict[str, Any]
    rows: Sequence[Row]
    prompt: Any
    kwargs: Any
    more_splits: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    best: Mapping[str, float] = field(default_factory=dict)
    worst: Mapping[str, float] = field(default_factory=dict)
    judge: Callable[[EngineRequest], Response] | None = None

    def write(self, folder: Path) -> Path:
        """Writes the data set as parquet, in a folder of its configuration, and returns the folder."""
        import datasets
        import pyarrow.parquet

        features = datasets.Features({name: feature(kind) for name, kind in self.features.items()})
        place = folder / self.config if self.config else folder
        place.mkdir(parents=True, exist_ok=True)
        for split, docs in {self.split: [row.fields for row in self.rows], **self.more_splits}.items():
            file = place / f"{split}-00000-of-00001.parquet"
            if "audio" in self.features.values():  # `datasets` encodes sounds with torchcodec only; these are encoded
                pyarrow.parquet.write_table(pyarrow.Table.from_pylist(docs, features.arrow_schema), file)
            else:
                datasets.Dataset.from_list(docs, features=features).to_parquet(file)
        return folder

    def engine(self, *, is_right: bool) -> ReplayEngine:
        """Returns an engine that answers every document rightly, or every document wrongly."""

        def answer(request: EngineRequest) -> Response:
            (row,) = [row for row in self.rows if row.is_asked_by(request)]
            if request.continuation is not None:
                is_likely = row.is_right(request) == is_right
                return Response(logprob=0.0 if is_likely else -1000.0, is_greedy=is_likely)
            text = row.right if is_right else row.wrong
            return Response(texts=(str(text),), finish_reason="stop")

        return ReplayEngine(answer)

    def evaluate(self, folder: Path, engine: ReplayEngine | None = None, **options: Any) -> Results:
        """Returns the results of a run over the folder that `write` made."""
        if self.judge is not None:
            options["judge"] = ReplayEngine(self.judge)
        run = fasteval.evaluate(
            engine or self.engine(is_right=True),
            self.task,
            datasets={self.path: str(folder)},
            no_cache=True,
            bootstrap_iters=0,
            **options,
        )
        task = run.tasks[self.task]
        assert () == task.failures
        assert [None] * len(task.documents) == [document.error for document in task.documents]
        return run

    def sharded_metrics(self, folder: Path, engine: ReplayEngine, *, world_size: int = 2) -> dict[str, Any]:
        """Returns the metrics of ranks that share the documents, put together."""
        from fasteval.tasks import TaskManager

        ranks = [self.evaluate(folder, engine, rank=rank, world_size=world_size) for rank in range(world_size)]
        documents = merge(rank.tasks[self.task].documents for rank in ranks)
        task = TaskManager(datasets={self.path: str(folder)}).load_task_or_group([self.task])[self.task]
        count = len(documents)
        return dict(summarise(task, documents, bootstrap_iterations=0, seed=0, n_docs=count, n_shot=0).metrics)


def greedy(**options: Any) -> dict[str, Any]:
    """Returns generation kwargs with what most tasks have in common."""
    return {"temperature": 0, "do_sample": False, "until": ["\n\n"], **options}


def feature(kind: Any) -> Any:
    """Returns the feature of `datasets` for a type as `Benchmark.features` writes it."""
    import datasets

    if isinstance(kind, dict):
        return {name: feature(entry) for name, entry in kind.items()}
    if isinstance(kind, list):
        # The way in which both sides of datasets 4 write a list, of mappings too.
        return [feature(kind[0])]
    if kind.startswith("label "):
        return datasets.ClassLabel(names=list(kind.removeprefix("label ")))
    media = {"image": datasets.Image, "audio": datasets.Audio}
    return media[kind]() if kind in media else datasets.Value(kind)


@functools.cache
def picture(shade: int = 0, size: tuple[int, int] = (8, 8)) -> Image.Image:
    """Returns a small picture in one colour."""
    return Image.new("RGB", size, (shade % 256, 0, 0))


def turn(*parts: Any) -> list[dict[str, Any]]:
    """Returns the one user turn of a snapshot: texts, and `PICTURE` for each picture, which are numbered here."""
    content: list[dict[str, Any]] = []
    pictures = 0
    for part in parts:
        if part is PICTURE:
            content.append(PICTURE | {"index": pictures})
            pictures += 1
        else:
            content.append({"type": "text", "text": part})
    return [{"role": "user", "content": content}]


def library_module(path: str) -> Any:
    """Returns a module of the library by its path, as in `mmstar.utils`, the way in which a task file loads it."""
    import importlib

    return importlib.import_module(f"fasteval._library.{path}")


#: Where the vectors come from that the tests hold a task's way of scoring against, by the task's name.
SOURCES: dict[str, list[str]] = {}


def vectors(*names: str, source: str) -> Callable[[Test], Test]:
    """Notes that a test has vectors for the scoring of tasks or groups, and where their rule is written."""

    def note(test: Test) -> Test:
        for name in names:
            SOURCES.setdefault(name, []).append(source)
        return test

    return note


def check_prompt(benchmark: Benchmark, folder: Path) -> None:
    """Fails if the first document's requests are not those of the snapshot."""
    engine = benchmark.engine(is_right=True)
    benchmark.evaluate(folder, engine, limit=1)
    requests = engine.requests
    first = requests[0]
    texts = [request.prompt.text for request in requests]
    one = first.prompt.messages if first.prompt.is_chat else first.prompt.text
    assert benchmark.prompt == (one if len(set(texts)) == 1 else texts)
    if first.continuation is None:
        assert benchmark.kwargs == first.generation_kwargs
    else:
        assert benchmark.kwargs == [request.continuation for request in requests]
    pictures = [part for message in first.prompt.messages or () for part in message["content"] if "index" in part]
    assert len(pictures) == len(first.media)


def check_score(benchmark: Benchmark, folder: Path, *, is_right: bool) -> None:
    """Fails if an oracle does not score the maximum, or its opposite the floor."""
    run = benchmark.evaluate(folder, benchmark.engine(is_right=is_right))
    metrics = run.tasks[benchmark.task].metrics
    exceptions, usual = (benchmark.best, 1.0) if is_right else (benchmark.worst, 0.0)
    expected = {key: exceptions.get(key.split(",")[0], usual) for key in metrics}
    assert expected == metrics
    # All of the file's metrics had a document that counts for them.
    assert set(run.tasks[benchmark.task].higher_is_better) == {key.split(",")[0] for key in metrics}


def check_order(benchmark: Benchmark, folder: Path) -> None:
    """Fails if the order of the requests, or how many processes share them, changes a number.

    The oracle is right about every other document, so that there is something to add up.
    """
    right, wrong = benchmark.engine(is_right=True), benchmark.engine(is_right=False)

    def answer(request: EngineRequest) -> Response:
        (number,) = [number for number, row in enumerate(benchmark.rows) if row.is_asked_by(request)]
        engine = wrong if number % 2 else right
        engine.submit([request])
        (completion,) = engine.poll(0)
        assert completion.response is not None
        return completion.response

    expected = dict(benchmark.evaluate(folder, ReplayEngine(answer)).tasks[benchmark.task].metrics)
    shuffled = benchmark.evaluate(folder, ReplayEngine(answer, newest_first=True), shuffle_seed=3, window=2)
    assert expected == shuffled.tasks[benchmark.task].metrics
    assert expected == benchmark.sharded_metrics(folder, ReplayEngine(answer))
