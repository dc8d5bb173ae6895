"""Whether ranks, replicas and Ray actors give the results of one engine, also when one of them is killed meanwhile.

`python -m benchmarks.same_results --limit 500` prints a table; a few minutes. No cache is shared between the ways.
"""

from __future__ import annotations

import contextlib
import os
import signal
import tempfile
import time
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import orjson

import fasteval
from benchmarks.campaign.lab import Lab
from fasteval.distributed.opening import open_engine
from fasteval.evaluation.merge import merge
from fasteval.models.create import resolve_model
from fasteval.results.saved import rank_files, read_run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fasteval.distributed.replicated import ReplicatedEngine
    from fasteval.results.model import Results

__all__ = [
    "ARGUMENTS",
    "TASKS",
    "Again",
    "Comparison",
    "KillOne",
    "actors",
    "compare",
    "hosts",
    "killed_rank",
    "one_engine",
    "ranks",
    "replicas",
    "written_twice",
]

TASKS = ("easy_vqa", "easy_vqa_choices", "easy_vqa_mme")
ARGUMENTS = {"dtype": "float32", "max_model_len": 2048}
_OPTIONS: dict[str, Any] = {"bootstrap_iters": 50, "prompt_profile": "qwen2_vl"}
# Log-probabilities of batches that are not equal, in fp32.
_TOLERANCE = 1e-3


@dataclass(slots=True)
class Comparison:
    """How one way's results differ from one engine's.

    Attributes:
        samples: how many were compared.
        differing: those with another answer, as "task/document".
        largest: largest difference of a log-probability.
        same_metrics: whether all metrics are equal.
    """

    samples: int = 0
    differing: list[str] = field(default_factory=list)
    largest: float = 0.0
    same_metrics: bool = False

    @property
    def is_same(self) -> bool:
        """Whether nothing differs but roundings."""
        return not self.differing and self.same_metrics and self.largest <= _TOLERANCE


def compare(expected: Results, found: Results) -> Comparison:
    """Compares two runs, document by document."""
    result = Comparison(same_metrics=_metrics(expected) == _metrics(found))
    for name in expected.tasks:
        for ours, theirs in zip(expected.tasks[name].samples, found.tasks[name].samples, strict=True):
            result.samples += 1
            pairs = list(zip(ours.logprobs or (), theirs.logprobs or (), strict=True))
            result.largest = max(result.largest, *(abs(one - other) for one, other in pairs), 0.0)
            same = pairs or list(ours.resps) == list(theirs.resps)
            if ours.doc_id != theirs.doc_id or not same or ours.metrics != theirs.metrics:
                result.differing.append(f"{name}/{ours.doc_id}")
    return result


def _metrics(results: Results) -> Any:
    return {name: (task.metrics, task.stderrs, task.n_effective) for name, task in results.tasks.items()}


def one_engine(limit: int, **options: Any) -> Results:
    """Evaluates with one engine, or as one rank."""
    return fasteval.evaluate("demo", TASKS, model_args=ARGUMENTS, limit=limit, **_OPTIONS, **options)


def ranks(count: int, limit: int, folder: Path) -> Results:
    """Evaluates rank by rank and merges what they leave in `folder`."""
    for rank in range(count):
        one_engine(limit, rank=rank, world_size=count, no_cache=True, output_path=folder, report=False)
    return merge([read_run(path) for path in rank_files(folder)])


def replicas(count: int, limit: int, executor: str = "local", **options: Any) -> Results:
    """Evaluates with several engines, all of which are ready before the first request."""
    engine = _warm(count, executor)
    return fasteval.evaluate(engine, TASKS, limit=limit, **_OPTIONS, **options)


def _warm(count: int, executor: str) -> ReplicatedEngine:
    source = resolve_model("demo", ARGUMENTS, cache_folder=Path(tempfile.gettempdir()) / "fasteval-digests")

    unused: Any = None  # only models that somebody wrote see instances
    engine: Any = open_engine(source, unused, {}, replicas=count, executor=executor)
    engine.start()
    deadline = time.monotonic() + 300
    while not all(each.is_ready for each in getattr(engine, "_engines", [engine])):
        engine.poll(0.1)
        if time.monotonic() > deadline:
            raise TimeoutError("an engine was not ready within five minutes")
    return engine  # type: ignore[no-any-return]  # or a single engine, which has the same methods


class KillOne(fasteval.Callback):
    """Sends SIGKILL to one of some processes when the first document is scored."""

    def __init__(self, processes: Callable[[], list[int]]) -> None:
        """Remembers whom to choose from."""
        self._processes, self.killed = processes, 0

    def on_document(self, task: str, document: Any) -> None:  # noqa: ARG002 - as the base class has it
        """Kills, once."""
        if not self.killed:
            self.killed = self._processes()[-1]
            os.kill(self.killed, signal.SIGKILL)


def hosts() -> list[int]:
    """Returns the process ids of this process's engine hosts."""
    return [
        pid for pid, words in _processes() if b"fasteval.models.host.worker" in words and _parent(pid) == os.getpid()
    ]


def actors() -> list[int]:
    """Returns the process ids of the Ray actors that keep engine hosts on this machine."""
    return [pid for pid, words in _processes() if words.startswith(b"ray::HostKeeper")]


def _processes() -> Iterator[tuple[int, bytes]]:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            yield int(path.parent.name), path.read_bytes()


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def written_twice(cache: Path) -> int:
    """Returns how many answers a cache got more than once: they were computed again although they were there."""
    lines = [line for path in cache.glob("*.jsonl") for line in path.read_bytes().splitlines()]
    return len(lines) - len({orjson.loads(line)["key"] for line in lines})


@dataclass(frozen=True, slots=True)
class Again:
    """What became of a rank that was killed and run again.

    Attributes:
        exit_code: the killed process's.
        written: answers in its cache when it was dead.
        again: of these, how many the second run computed again.
        total: answers of the rank.
    """

    exit_code: int
    written: int
    again: int
    total: int


def killed_rank(rank: int, count: int, limit: int, folder: Path, at: int, *flags: str) -> Again:
    """Kills a rank when so many answers are written, runs it again, and leaves its results in `folder`."""
    arguments = ("--tasks", ",".join(TASKS), "--rank", str(rank), "--world_size", str(count))
    profile = ("--prompt_profile", "qwen2_vl")
    model = ("--model", "demo", "--model_args", ",".join(f"{name}={value}" for name, value in ARGUMENTS.items()))
    lab = Lab(folder / f"lab{rank}", limit, arguments=arguments + profile, model=model)
    cache = folder / f"cache{rank}"
    first = lab.start("killed", *flags, cache=cache)
    first.wait_until(lambda: first.lines >= at)
    first.kill()
    dead = first.wait()
    written = dead.written  # now, before the second run adds to them
    second = lab.run("again", "--bootstrap_iters", "50", "--output_path", str(folder), cache=cache)
    if second.exit_code:
        raise RuntimeError(f"the rank's second run failed: {second.messages[-1:]}")
    (path,) = (path for path in rank_files(folder) if f"_rank{rank}_" in path.name)
    counts = read_run(path).facts["throughput"]
    total = counts["unique_requests"]
    return Again(dead.exit_code, written, counts["sent"] - (total - written), total)


def _ways(limit: int, folder: Path) -> Iterator[tuple[str, Callable[[], tuple[Results, str]]]]:
    """Yields each way with what does it; the text says what a kill has cost."""

    def of_ranks(count: int) -> tuple[Results, str]:
        return ranks(count, limit, folder / f"{count}-ranks"), ""

    def with_a_dead_rank() -> tuple[Results, str]:
        place = folder / "dead-rank"
        again = killed_rank(1, 3, limit, place, 200)
        for rank in (0, 2):
            one_engine(limit, rank=rank, world_size=3, no_cache=True, output_path=place, report=False)
        text = f"exit {again.exit_code} with {again.written} of {again.total} written, {again.again} computed again"
        return merge([read_run(path) for path in rank_files(place)]), text

    def of_replicas(count: int, executor: str, kill: Callable[[], list[int]] | None) -> tuple[Results, str]:
        killer = None if kill is None else KillOne(kill)
        callbacks = () if killer is None else (killer,)
        cache = folder / f"cache-{executor}-{count}-{killer is not None}"
        results = replicas(count, limit, executor, use_cache=cache, callbacks=callbacks)
        counters = results.statistics.counters
        moved = counters.get("requests_passed_on", 0)
        return (
            results,
            "" if killer is None else f"{moved:.0f} requests passed on, {written_twice(cache)} written twice",
        )

    for count in (2, 3, 5):
        yield f"{count} ranks", partial(of_ranks, count)
    yield "3 ranks, one killed and run again", with_a_dead_rank
    yield "1 replica", partial(of_replicas, 1, "local", None)
    yield "2 replicas", partial(of_replicas, 2, "local", None)
    yield "2 replicas, a host killed", partial(of_replicas, 2, "local", hosts)
    yield "Ray, 2 actors", partial(of_replicas, 2, "ray", None)
    yield "Ray, 2 actors, one killed", partial(of_replicas, 2, "ray", actors)


@click.command()
@click.option("--limit", default=500, show_default=True, help="Documents a task.")
@click.option("--only", default="", help="Ways whose names have this in them.")
def main(limit: int, only: str) -> None:
    """Prints how each way's results differ from one engine's."""
    expected = one_engine(limit, no_cache=True)
    counts = {name: task.n_effective for name, task in expected.tasks.items()}
    print(f"documents: {counts}; requests: {expected.statistics.unique_requests}", flush=True)
    print(
        "| way | samples | differing | largest Δ log-probability | metrics | s | kill |\n|---|---|---|---|---|---|---|"
    )
    with tempfile.TemporaryDirectory() as folder:
        for name, way in _ways(limit, Path(folder)):
            if only in name:
                started = time.monotonic()
                found, text = way()
                result = compare(expected, found)
                equal = "equal" if result.same_metrics else "DIFFERENT"
                differing = ", ".join(result.differing) or "0"
                seconds = time.monotonic() - started
                print(
                    f"| {name} | {result.samples} | {differing} | {result.largest:.1e} | {equal} | {seconds:.0f} "
                    f"| {text} |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
