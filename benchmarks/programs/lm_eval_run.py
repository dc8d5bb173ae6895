"""lm-eval with its dummy model, which costs nothing, run by the interpreter of lm-eval's own environment."""

from __future__ import annotations

import argparse
import time
from typing import Any

from benchmarks.measure import report


def main() -> None:
    """Evaluates a task with metrics and samples, saves both, and reports the times."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", required=True)
    parser.add_argument("--task", required=True)
    parser.add_argument("--cache", default=None)
    parser.add_argument("--output", required=True)
    options = parser.parse_args()
    import lm_eval
    from lm_eval.loggers import EvaluationTracker
    from lm_eval.tasks import TaskManager

    tracker = EvaluationTracker(output_path=options.output)
    started, processor = time.perf_counter(), time.process_time()
    manager = TaskManager(include_path=options.folder, include_defaults=False)
    results: dict[str, Any] = lm_eval.simple_evaluate(
        model="dummy",
        tasks=[options.task],
        use_cache=options.cache,
        log_samples=True,
        task_manager=manager,
        evaluation_tracker=tracker,
    )
    samples = results.pop("samples")
    tracker.save_results_aggregated(results=results, samples=samples)
    for name, entries in samples.items():
        tracker.save_results_samples(task_name=name, samples=entries)
    report(
        evaluate=time.perf_counter() - started,
        evaluate_processor=time.process_time() - processor,
        documents=len(samples[options.task]),
    )


if __name__ == "__main__":
    main()
