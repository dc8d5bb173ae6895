"""`fasteval.simple_evaluate`: lm-eval's function, with its signature and the shape of what it returns."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from fasteval.api.arguments import parse_arguments
from fasteval.errors import UnsupportedError
from fasteval.evaluation.public import evaluate
from fasteval.results.layouts import lm_eval_results, lm_eval_sample

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fasteval.api.model import LMM
    from fasteval.api.task import Task

__all__ = ["simple_evaluate"]

_LOG = logging.getLogger("fasteval.evaluation")

_NOT_NEEDED = {
    "batch_size": "vLLM batches continuously",
    "max_batch_size": "vLLM batches continuously",
    "device": "the engine takes the device that vLLM was built for",
    "write_out": "the samples hold every prompt",
}
_REFUSED = {
    "delete_requests_cache": "compiled requests are replaced with rewrite_requests_cache",
    "samples": "choose documents with limit, or with fasteval.evaluate's offset and limit",
    "check_integrity": "`fasteval tasks validate` loads the tasks",
    "evaluation_tracker": "hand what is returned to the tracker, or save it with fasteval.evaluate(…).save()",
    "task_manager": "name folders of tasks with fasteval.evaluate's include_path",
    "metadata": "write it into the task's YAML file",
}


def simple_evaluate(
    model: str | LMM,
    model_args: str | dict[str, Any] | None = None,
    tasks: Sequence[str | dict[str, Any] | Task] | None = None,
    num_fewshot: int | None = None,
    batch_size: int | str | None = None,
    max_batch_size: int | None = None,
    device: str | None = None,
    use_cache: str | None = None,
    cache_requests: bool = False,
    rewrite_requests_cache: bool = False,
    delete_requests_cache: bool = False,
    limit: float | None = None,
    samples: dict[str, list[int]] | None = None,
    bootstrap_iters: int = 100_000,
    check_integrity: bool = False,
    write_out: bool = False,
    log_samples: bool = True,
    evaluation_tracker: Any = None,
    system_instruction: str | None = None,
    apply_chat_template: bool | str = False,
    fewshot_as_multiturn: bool = True,
    gen_kwargs: str | dict[str, Any] | None = None,
    task_manager: Any = None,
    verbosity: str | None = None,
    predict_only: bool = False,
    random_seed: int | None = 0,
    numpy_random_seed: int | None = 1234,
    torch_random_seed: int | None = 1234,
    fewshot_random_seed: int | None = 1234,
    confirm_run_unsafe_code: bool = False,
    metadata: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Evaluates a model on tasks and returns lm-eval's dict: "results", "configs", "versions", "samples", and so on.

    The arguments mean what they mean in lm-eval 0.4.13; what fasteval does anyway is accepted with a line in the log.
    As there, few-shot examples are turns of a dialog only where the chat template is applied. `random_seed` draws
    sampled answers; numpy and torch draw nothing here.

    Raises:
        UnsupportedError: an argument asks for what fasteval does not do.
        FastEvalError: anything else that concerns the whole run.
    """
    given = dict(locals())
    _take(given)
    if verbosity is not None:
        logging.getLogger("fasteval").setLevel(verbosity.upper())
    arguments = parse_arguments(gen_kwargs) if isinstance(gen_kwargs, str) else dict(gen_kwargs or {})
    seeds: dict[str, Any] = {"seed": random_seed, "fewshot_seed": fewshot_random_seed}
    results = evaluate(
        model,
        tuple(tasks or ()),  # type: ignore[arg-type]  # a task's settings may be a dict, too
        model_args=model_args,
        num_fewshot=num_fewshot,
        use_cache=use_cache,
        cache_requests=cache_requests or rewrite_requests_cache,
        rewrite_requests_cache=rewrite_requests_cache,
        limit=limit,
        bootstrap_iters=bootstrap_iters,
        system_instruction=system_instruction,
        apply_chat_template=True if apply_chat_template else None,
        fewshot_as_multiturn=bool(apply_chat_template) and fewshot_as_multiturn,
        gen_kwargs=arguments,
        predict_only=predict_only,
        confirm_run_unsafe_code=confirm_run_unsafe_code,
        **{name: seed for name, seed in seeds.items() if seed is not None},
    )
    content = lm_eval_results(results)
    if log_samples:
        content["samples"] = {
            name: [lm_eval_sample(sample, task) for sample in task.samples] for name, task in results.tasks.items()
        }
    return content


def _take(given: Mapping[str, Any]) -> None:
    """Logs a line for each argument that is not needed.

    Raises:
        UnsupportedError: one that cannot be honoured.
    """
    for name, reason in _REFUSED.items():
        if given[name]:
            raise UnsupportedError(f"simple_evaluate: {name} is not supported: {reason}")
    if isinstance(given["apply_chat_template"], str):
        raise UnsupportedError("simple_evaluate: templates have no names here: model_args chat_template=<file>")
    for name, reason in _NOT_NEEDED.items():
        if given[name]:
            _LOG.info("%s is not needed: %s", name, reason)
