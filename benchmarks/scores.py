"""Scores of random answers, by fasteval's library and by lmms-eval's own tasks: `python -m benchmarks.scores`.

The documents are those of the library's tests, which have the real schemas. Each task gets 200 answers: right ones,
near ones, wrong ones, letters, numbers and phrases, drawn with a seed; a task with choices gets 200 times random
log-probabilities. Where scores differ all three numbers are printed: fasteval's, those of `--compat lmms-eval`, and
lmms-eval's; `--table` prints them as a table for docs/faults_of_lmms_eval.md.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import datasets
from PIL.Image import Image

from benchmarks.environments import ROOT, peer_scoring_python
from benchmarks.programs.lmms_eval_scores import DRAWN, PICTURE
from fasteval.tasks import TaskManager
from tests import library_choices, library_media, library_text, library_words

if TYPE_CHECKING:
    from fasteval.tasks import ConfigurableTask
    from tests.library import Benchmark, Row

PEER = "lmms-eval"
PHRASES = (
    "A", "B", "C", "D", "(B)", "C.", "A: first", "The answer is D", "Answer: B", "yes", "No", "Yes.", "no, it is not",
    "I do not know", "", "3", "3.0", "0.5", "50%", "1,000", "twenty", "a dog", "The dog.", "red and blue",
    "[0.1, 0.2, 0.5, 0.6]", "[0.3, 0.2, 0.8, 0.75]", "[0.9, 0.9, 0.1, 0.1]", "(B) is wrong, so it is (C)",
    "It could be A or B", "none of them",
)  # fmt: skip

BENCHMARKS = (
    *library_words.BENCHMARKS,
    *(benchmark for benchmark in library_choices.BENCHMARKS if benchmark.task != "mmbench_en_dev"),  # GPT's there
    library_media.VIDEOMME,
    *library_text.BENCHMARKS,
)


@dataclass(frozen=True, slots=True)
class Compared:
    """One task's scores in each round of answers, by metric.

    Attributes:
        ours: fasteval's.
        compat: fasteval's with lmms-eval's faults.
        theirs: lmms-eval's; under an empty name the reason why there are none.
    """

    ours: dict[str, list[Any]]
    compat: dict[str, list[Any]]
    theirs: dict[str, Any]

    @property
    def reason(self) -> str:
        """Why the task was not compared; empty if it was."""
        return str(self.theirs.get("", "")).strip()

    def shared(self) -> list[str]:
        """Returns the metrics that both have."""
        return [name for name in self.ours if name in self.theirs]

    def different(self, ours: dict[str, list[Any]]) -> list[str]:
        """Returns the metrics in which some round differs."""
        return [name for name in self.shared() if not all(map(_is_equal, ours[name], self.theirs[name]))]


def main() -> None:
    """Scores with both and prints where they differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--answers", type=int, default=200)
    parser.add_argument("--table", action="store_true", help="print the differences as a table in Markdown")
    arguments = parser.parse_args()
    datasets.disable_progress_bars()
    with tempfile.TemporaryDirectory() as folder:
        compared = compare(Path(folder), arguments.answers)
    known = {name: task for name, task in compared.items() if not task.reason}
    for name, task in compared.items():
        _print(name, task)
    if arguments.table:
        print("\n".join(table(known)))
    equal = sum(not task.different(task.ours) for task in known.values())
    print(f"{equal} of {len(known)} tasks that were compared, {arguments.answers} answers each: every score is equal")
    print(f"{sum(not task.different(task.compat) for task in known.values())} of them with --compat {PEER}")


def compare(folder: Path, count: int) -> dict[str, Compared]:
    """Returns for each task of the library that has documents in the tests the scores of `count` answers."""
    tasks: dict[str, tuple[ConfigurableTask, ConfigurableTask]] = {}
    given: dict[str, dict[str, Any]] = {}
    for benchmark in BENCHMARKS:
        copies = {benchmark.path: str(benchmark.write(folder / benchmark.task))}
        ours, compat = (
            TaskManager(datasets=copies, compat=mode).load_task_or_group(benchmark.task)[benchmark.task]
            for mode in (None, PEER)
        )
        tasks[benchmark.task] = ours, compat
        documents = [{name: _plain(value) for name, value in row.fields.items()} for row in benchmark.rows]
        given[benchmark.task] = {"docs": documents, "rounds": draw_rounds(benchmark, ours, count)}
    theirs = _theirs(given, folder)
    compared = {}
    for name, both in tasks.items():
        rounds = given[name]["rounds"]
        drawn = theirs[name].get(DRAWN) or [[False] * len(answers) for answers in rounds]
        by_rules, with_faults = (scores(task, rounds, drawn) for task in both)
        compared[name] = Compared(by_rules, with_faults, theirs[name])
    return compared


def draw_rounds(benchmark: Benchmark, task: ConfigurableTask, count: int) -> list[list[Any]]:
    """Returns rounds of answers, one for each document, until there are `count`."""
    draw = random.Random(benchmark.task)

    def answer(row: Row) -> str:
        right = str(row.right)
        near = (right.upper(), right[:-1], f"{right}s", f"the  {right} ", f"{right}.")
        return draw.choice([right, row.wrong, draw.choice(near), *draw.sample(PHRASES, 4)]).strip()

    def logprobs(doc: dict[str, Any]) -> list[float]:
        return [-draw.expovariate(0.1) for _ in task.doc_to_choice(doc)]

    is_choice = task.OUTPUT_TYPE == "multiple_choice"
    rounds = range(math.ceil(count / len(benchmark.rows)))
    return [[logprobs(doc) for doc in task.docs] if is_choice else list(map(answer, benchmark.rows)) for _ in rounds]


def scores(task: ConfigurableTask, rounds: list[list[Any]], drawn: list[list[bool]]) -> dict[str, list[Any]]:
    """Returns the task's scores in each round, without the answers that lmms-eval scores by chance."""
    pipeline = task.filters()[0]
    found: dict[str, list[Any]] = {name: [] for name in task.aggregation()}
    for answers, without in zip(rounds, drawn, strict=True):
        values = []
        for doc, answer, is_drawn in zip(task.docs, answers, without, strict=True):
            responses = [answer] if isinstance(answer, str) else [(logprob, False) for logprob in answer]
            if not is_drawn:
                filtered = pipeline.apply([[response] for response in responses], [doc] * len(responses))
                values.append(task.process_results(doc, filtered))
        for name, aggregate in task.aggregation().items():
            found[name].append(aggregate([value[name] for value in values if name in value]))
    return found


def table(compared: dict[str, Compared]) -> list[str]:
    """Returns the rows of a table in Markdown: every score that differs, the means over the rounds."""
    lines = ["| task | score | fasteval | `--compat lmms-eval` | lmms-eval 0.7.3 |", "|---|---|--:|--:|--:|"]
    for name, task in compared.items():
        for metric in task.different(task.ours):
            means = (_mean(values[metric]) for values in (task.ours, task.compat, task.theirs))
            lines.append(f"| {name} | {metric} | {' | '.join(map(str, means))} |")
    return lines


def _theirs(tasks: dict[str, Any], folder: Path) -> dict[str, dict[str, Any]]:
    path = folder / "answers.json"
    path.write_text(json.dumps(tasks))
    command = [peer_scoring_python(PEER), ROOT / "benchmarks" / "programs" / "lmms_eval_scores.py", path]
    run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True, cwd=folder)
    found: dict[str, dict[str, Any]] = json.loads(run.stdout.splitlines()[-1])
    return found


def _print(name: str, task: Compared) -> None:
    """Prints what there is to say of a task."""
    if task.reason:
        print(f"{name}: not compared: {task.reason.splitlines()[-1]}")
        return
    different, still = task.different(task.ours), task.different(task.compat)
    count = len(task.shared())
    chance = sum(map(sum, task.theirs[DRAWN]))
    without = f", without {chance} answers that {PEER} scores by chance" if chance else ""
    print(f"{name}: {count - len(different)} of {count} scores are equal, {count - len(still)} with --compat{without}")
    for metric in different:
        means = [_mean(values[metric]) for values in (task.ours, task.compat, task.theirs)]
        print(f"    {metric}: fasteval {means[0]}, with --compat {means[1]}, {PEER} {means[2]}")


def _mean(values: list[Any]) -> Any:
    """Returns the mean over the rounds, or what is there in place of a number."""
    odd = [value for value in values if not isinstance(value, int | float)]
    return odd[0] if odd else round(math.fsum(values) / len(values), 4)


def _plain(value: Any) -> Any:
    """Returns a value of a document for JSON: of a picture its size."""
    if isinstance(value, Image):
        return {PICTURE: value.size}
    if isinstance(value, list):
        return list(map(_plain, value))
    return value


def _is_equal(one: Any, other: Any) -> bool:
    if not isinstance(one, int | float) or not isinstance(other, int | float):
        return False
    return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9) or (math.isnan(one) and math.isnan(other))


if __name__ == "__main__":
    main()
