"""fasteval with an engine that costs nothing: what everything around an engine takes."""

from __future__ import annotations

import time
from pathlib import Path

import click

from benchmarks.measure import report


@click.command()
@click.option("--folder", required=True, help="The task's folder.")
@click.option("--task", required=True)
@click.option("--output", required=True, help="Where results and samples go.")
def main(folder: str, task: str, output: str) -> None:
    """Evaluates a task with metrics and samples, saves both, and reports the times."""
    import datasets  # noqa: F401 - lm-eval has it too when its clock starts

    from fasteval.api.request import EngineRequest, Kind, Response
    from fasteval.evaluation import RunSettings, evaluate
    from fasteval.models.replay import ReplayEngine

    generated = Response(texts=("lol",), finish_reason="stop")
    scores = [Response(logprob=-number / 997, is_greedy=False) for number in range(997)]

    def answer(request: EngineRequest) -> Response:
        if request.kind is Kind.LOGLIKELIHOOD:
            return scores[hash(request.continuation) % 997]  # as good as random, at no cost
        return generated

    started, processor = time.perf_counter(), time.process_time()
    settings = RunSettings(
        model=ReplayEngine(answer), tasks=(task,), include_path=(folder,), no_cache=True, output_path=Path(output)
    )
    results = evaluate(settings)
    results.save(Path(output), log_samples=True)
    report(
        evaluate=time.perf_counter() - started,
        evaluate_processor=time.process_time() - processor,
        documents=results.tasks[task].n_effective,
    )


if __name__ == "__main__":
    main()
