"""Ranks that were run by themselves give, together, what one process gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import fasteval
from fasteval.cli import main
from fasteval.errors import IncomparableError, SavedResultsError
from fasteval.evaluation.merge import merge
from fasteval.models.replay import ReplayEngine
from fasteval.results.saved import rank_files, read_run
from tests.stubs import echo
from tests.test_evaluation import TASKS, folder

if TYPE_CHECKING:
    from pathlib import Path

    from fasteval.results.model import Results
    from fasteval.results.saved import SavedRun

__all__ = ["folder"]  # the fixture with one task of each kind


def run(folder: Path, output: Path | None, *names: str, **options: Any) -> Results:
    options = {"include_path": (str(folder),), "bootstrap_iters": 50, "no_cache": True, **options}
    engine = ReplayEngine(echo, fingerprint="the model")
    return fasteval.evaluate(engine, names or tuple(TASKS), output_path=output, **options)


def ranks(folder: Path, output: Path, count: int, *names: str, **options: Any) -> list[SavedRun]:
    for rank in range(count):
        run(folder, output, *names, rank=rank, world_size=count, **options)
    return [read_run(path) for path in rank_files(output)]


def numbers(results: Results) -> dict[str, Any]:
    return {name: (dict(task.metrics), dict(task.stderrs), task.n_effective) for name, task in results.tasks.items()}


def shown(results: Results, task: str) -> list[dict[str, Any]]:
    # An answer that documents share has the tokens of one of them: samples have the sums only.
    own = {"request_keys": None, "prompt_tokens": None}
    return [sample | own for sample in results.samples(task)]


@pytest.mark.parametrize("count", [2, 3, 5])
def test_ranks_together_have_the_numbers_and_samples_of_one_process(folder: Path, tmp_path: Path, count: int) -> None:
    whole = run(folder, None)
    together = merge(ranks(folder, tmp_path, count)[::-1])
    assert numbers(whole) == numbers(together)
    assert [shown(whole, task) for task in TASKS] == [shown(together, task) for task in TASKS]


def test_each_rank_sees_a_part_only(folder: Path, tmp_path: Path) -> None:
    parts = ranks(folder, tmp_path, 3, "generate")
    seen = [sample["doc_id"] for part in parts for sample in part.tasks["generate"].samples]
    assert sorted(set(seen)) == sorted(seen)
    assert 3 == len(parts)


def test_a_rank_that_left_nothing_is_named(folder: Path, tmp_path: Path) -> None:
    parts = ranks(folder, tmp_path, 3, "generate")
    with pytest.raises(SavedResultsError, match=r"of 3 ranks, 1 left no results"):
        merge([parts[0], parts[2]])


def test_a_rank_that_was_run_again_counts_once(folder: Path, tmp_path: Path) -> None:
    ranks(folder, tmp_path, 2, "generate")
    run(folder, tmp_path, "generate", rank=1, world_size=2)
    assert 2 == len(rank_files(tmp_path))
    parts = [read_run(path) for path in rank_files(tmp_path)]
    with pytest.raises(SavedResultsError, match="rank 1 is there twice"):
        merge([*parts, parts[1]])
    assert numbers(run(folder, None, "generate")) == numbers(merge(parts))


def test_ranks_of_different_runs_are_not_put_together(folder: Path, tmp_path: Path) -> None:
    one = ranks(folder, tmp_path / "one", 2, "generate")
    other = ranks(folder, tmp_path / "other", 2, "generate", limit=2)
    with pytest.raises(IncomparableError, match="differ in limit"):
        merge([one[0], other[1]])


def test_the_command_merges_what_is_in_a_folder(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ranks(folder, tmp_path / "ranks", 2, "generate")
    assert 0 == main(["merge", str(tmp_path / "ranks"), "--output_path", str(tmp_path / "whole.json")])
    whole = read_run(tmp_path / "whole.json")
    assert (0, 1) == tuple(whole.facts["config"]["resolved_cli_args"][name] for name in ("rank", "world_size"))
    assert "generate" in capsys.readouterr().out


def test_a_folder_without_ranks_is_a_clear_mistake(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(folder, tmp_path, "generate")
    assert 0 != main(["merge", str(tmp_path)])
    assert "no results of ranks in this folder" in capsys.readouterr().err
