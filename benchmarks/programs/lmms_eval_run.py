"""lmms-eval's `--model vllm` on a task folder, run by the interpreter of lmms-eval's own environment.

"Steady" is from the moment at which it begins to build requests (model and data set are loaded by then) to the end of
`generate_until`. It always asks for at least as many new tokens as its model's default; `--honour_max_tokens` sets that
default to what the task says.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from typing import Any

from benchmarks.measure import report
from benchmarks.programs.engine import CHECKPOINT, ENGINE, prepare


def main() -> None:
    """Evaluates the task and reports times, accuracy and answers."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", required=True)
    parser.add_argument("--task", required=True)
    parser.add_argument("--limit", type=int, default=None)
    parser.add_argument("--batch_size", type=int, default=1)
    parser.add_argument("--honour_max_tokens", type=int, default=None)
    options = parser.parse_args()
    prepare()
    os.environ["LMMS_EVAL_USE_CACHE"] = "False"
    from lmms_eval import evaluator
    from lmms_eval.tasks import TaskManager

    clock = _Clock()
    clock.watch()
    settings: dict[str, Any] = {"model": str(CHECKPOINT), "disable_log_stats": True} | ENGINE
    if options.honour_max_tokens is not None:
        settings["max_new_tokens"] = options.honour_max_tokens
    started = time.perf_counter()
    results = evaluator.simple_evaluate(
        model="vllm",
        model_args=",".join(f"{name}={value}" for name, value in settings.items()),
        tasks=[options.task],
        batch_size=options.batch_size,
        limit=options.limit,
        log_samples=True,
        bootstrap_iters=0,
        task_manager=TaskManager(include_path=options.folder, model_name="vllm"),
    )
    samples = sorted(results["samples"][options.task], key=lambda sample: sample["doc_id"])
    report(
        steady=clock.ended - clock.started,
        evaluate=time.perf_counter() - started,
        requests=len(samples),
        accuracy=float(results["results"][options.task]["exact_match,none"]),
        images_decoded=len(samples),
        answers=[_text(sample["filtered_resps"]) for sample in samples],
    )
    sys.stdout.flush()
    os._exit(0)  # vLLM's and accelerate's clean-up say nothing about evaluation


class _Clock:
    """Notes when requests are first built, and when the last answers are there."""

    started = ended = 0.0

    def watch(self) -> None:
        from lmms_eval.api import task
        from lmms_eval.models.chat import vllm

        build, generate = task.ConfigurableTask.build_all_requests, vllm.VLLM.generate_until

        def timed_build(*args: Any, **kwargs: Any) -> Any:
            self.started = self.started or time.perf_counter()
            return build(*args, **kwargs)

        def timed_generate(*args: Any, **kwargs: Any) -> Any:
            answers = generate(*args, **kwargs)
            self.ended = time.perf_counter()
            return answers

        task.ConfigurableTask.build_all_requests = timed_build
        vllm.VLLM.generate_until = timed_generate


def _text(answer: Any) -> str:
    while isinstance(answer, (list, tuple)):
        answer = answer[0]
    return str(answer).strip()


if __name__ == "__main__":
    main()
