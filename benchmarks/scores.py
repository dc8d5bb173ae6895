"""Scores of random answers, by fasteval's library and by lmms-eval's own functions: `python -m benchmarks.scores`.

The documents are those of the library's tests, which have the real schemas. Each task gets 200 answers: right ones,
wrong ones, letters, numbers and phrases, drawn with a seed. Differences are printed with both numbers.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.environments import ROOT, peer_scoring_python
from benchmarks.programs.lmms_eval_scores import DRAWN
from fasteval.tasks import TaskManager
from tests import library_choices, library_words

if TYPE_CHECKING:
    from tests.library import Benchmark, Row

PHRASES = (
    "A", "B", "C", "D", "(B)", "C.", "A: first", "The answer is D", "Answer: B", "yes", "No", "Yes.", "no, it is not",
    "I do not know", "", "3", "3.0", "0.5", "50%", "1,000", "twenty", "a dog", "The dog.", "red and blue",
    "[0.1, 0.2, 0.5, 0.6]",     "(B) is wrong, so it is (C)", "It could be A or B", "none of them",
)  # fmt: skip


#: Why scores of these tasks differ. The first two, and the sum of the third, are faults that are not copied.
KNOWN = {
    "pope": "lmms-eval counts 'Yes.' as wrong: an answer must be yes or no to the letter; its yes_ratio is the data's",
    "mmmu": "lmms-eval compares an open question's answer with the letters of the right one",
    "ocrbench": "lmms-eval divides by 1,000, the size of the whole benchmark, and adds up in a variable that stays",
}


def draw_rounds(benchmark: Benchmark, count: int) -> list[list[str]]:
    """Returns rounds of answers, one for each document, until there are `count`."""
    draw = random.Random(benchmark.task)

    def answer(row: Row) -> str:
        return draw.choice([str(row.right), row.wrong, *draw.sample(PHRASES, 4)]).strip()

    return [[answer(row) for row in benchmark.rows] for _ in range(math.ceil(count / len(benchmark.rows)))]


def ours(benchmark: Benchmark, folder: Path, rounds: list[list[str]], drawn: list[list[bool]]) -> dict[str, list[Any]]:
    """Returns the scores of the library's task in each round, without the answers that lmms-eval scores by chance."""
    manager = TaskManager(datasets={benchmark.path: str(benchmark.write(folder))})
    task = manager.load_task_or_group([benchmark.task])[benchmark.task]
    scores: dict[str, list[Any]] = {name: [] for name in task.aggregation()}
    for answers, without in zip(rounds, drawn, strict=True):
        pairs = zip(task.docs, answers, without, strict=True)
        values = [task.process_results(doc, [answer]) for doc, answer, is_drawn in pairs if not is_drawn]
        for name, aggregate in task.aggregation().items():
            scores[name].append(aggregate([value[name] for value in values if name in value]))
    return scores


def main() -> None:
    """Scores with both and prints where they differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--answers", type=int, default=200)
    count = parser.parse_args().answers
    benchmarks: dict[str, Benchmark] = {}
    tasks: dict[str, dict[str, Any]] = {}
    for benchmark in (*library_words.BENCHMARKS, *library_choices.BENCHMARKS):
        if not isinstance(benchmark.kwargs, dict):
            continue  # choices are scored by log-probabilities
        rounds = draw_rounds(benchmark, count)
        benchmarks[benchmark.task] = benchmark
        documents = [{name: value for name, value in row.fields.items() if _is_plain(value)} for row in benchmark.rows]
        tasks[benchmark.task] = {"docs": documents, "rounds": rounds}
    theirs = _theirs(tasks)
    equal = 0
    for name, benchmark in benchmarks.items():
        rounds = tasks[name]["rounds"]
        drawn = theirs[name].get(DRAWN) or [[False] * len(answers) for answers in rounds]
        with tempfile.TemporaryDirectory() as folder:
            equal += _compare(name, ours(benchmark, Path(folder), rounds, drawn), theirs[name])
    compared = sum("" not in theirs[name] for name in benchmarks)
    print(f"{equal} of {compared} tasks that were compared, {count} answers each: every score is equal")


def _theirs(tasks: dict[str, Any]) -> dict[str, dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "answers.json"
        path.write_text(json.dumps(tasks))
        command = [peer_scoring_python("lmms-eval"), ROOT / "benchmarks" / "programs" / "lmms_eval_scores.py", path]
        run = subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder)
    scores: dict[str, dict[str, Any]] = json.loads(run.stdout.splitlines()[-1])
    return scores


def _compare(task: str, ours: dict[str, list[Any]], theirs: dict[str, Any]) -> bool:
    """Prints what there is to say of a task; returns whether all scores are equal."""
    if "" in theirs:
        print(f"{task}: not compared: {theirs[''].strip().splitlines()[-1]}")
        return False
    shared = [name for name in ours if name in theirs]
    differ = [name for name in shared if not all(map(_is_equal, ours[name], theirs[name]))]
    chance = sum(map(sum, theirs[DRAWN]))
    without = f", without {chance} answers that lmms-eval scores by chance" if chance else ""
    print(f"{task}: {len(shared) - len(differ)} of {len(shared)} scores are equal{without}")
    for name in differ:
        print(f"    {name}: fasteval {_mean(ours[name])}, lmms-eval {_mean(theirs[name])}")
    reason = next((why for name, why in KNOWN.items() if differ and task.startswith(name)), "")
    if reason:
        print(f"    {reason}")
    return not differ


def _mean(scores: list[Any]) -> Any:
    """Returns the mean over the rounds, or what is there in place of a number."""
    odd = [score for score in scores if not isinstance(score, int | float)]
    return odd[0] if odd else round(math.fsum(scores) / len(scores), 4)


def _is_plain(value: Any) -> bool:
    try:
        json.dumps(value)
    except TypeError:
        return False
    return True


def _is_equal(one: Any, other: Any) -> bool:
    if not isinstance(one, int | float) or not isinstance(other, int | float):
        return False
    return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9) or (math.isnan(one) and math.isnan(other))


if __name__ == "__main__":
    main()
