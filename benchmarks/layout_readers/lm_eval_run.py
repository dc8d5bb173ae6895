"""Evaluates a task folder with lm-eval and a model that always answers the same; writes lm-eval's own files."""

from __future__ import annotations

import sys
from typing import Any

import lm_eval
from lm_eval.api.model import LM
from lm_eval.loggers import EvaluationTracker
from lm_eval.tasks import TaskManager


class Same(LM):  # type: ignore[misc]  # lm-eval is not installed where types are checked
    """Says "Paris", and finds a choice the less likely, the longer it is."""

    def generate_until(self, requests: list[Any], **_: Any) -> list[str]:
        """Answers each request."""
        return ["Paris" for _ in requests]

    def loglikelihood(self, requests: list[Any], **_: Any) -> list[tuple[float, bool]]:
        """Scores each continuation by its length."""
        return [(-float(len(request.args[1])), False) for request in requests]

    def loglikelihood_rolling(self, requests: list[Any], **_: Any) -> list[float]:
        """Is asked of no task here."""
        raise NotImplementedError


def main() -> None:
    """Takes a folder of tasks, a comma-separated list of them, and an output folder."""
    folder, tasks, output = sys.argv[1:4]
    tracker = EvaluationTracker(output_path=output)
    tracker.general_config_tracker.log_experiment_args("same", {"model": "same"}, None, None, False)
    results = lm_eval.simple_evaluate(
        model=Same(),
        tasks=tasks.split(","),
        task_manager=TaskManager(include_path=folder, include_defaults=False),
        bootstrap_iters=0,
    )
    samples = results.pop("samples")
    tracker.save_results_aggregated(results=results, samples=samples)
    for task, lines in samples.items():
        tracker.save_results_samples(task_name=task, samples=lines)


if __name__ == "__main__":
    main()
