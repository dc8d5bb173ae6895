"""`_task_utils.reasoning_utils`: the functions of a task that asks for reasoning, made from those of the plain task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fasteval.compat.reasoning import compute_score

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["DEFAULT_REASONING_SYSTEM_PROMPT", "make_reasoning_doc_to_messages", "make_reasoning_process_results"]

#: lmms-eval's prompt for reasoning, word for word: another one would be another benchmark.
DEFAULT_REASONING_SYSTEM_PROMPT = (
    "You are a helpful assistant. When user asks a question, your response must include two parts: "
    "first, reasoning process enclosed in <analysis>...</analysis> tags, then final answer enclosed in "
    "<answer>...</answer> tags.Please provide a clear, concise response within <answer> </answer> tags that directly "
    "addresses to question."
)


def make_reasoning_doc_to_messages(
    doc_to_visual_fn: Callable[[Any], list[Any]],
    doc_to_text_fn: Callable[..., str],
    system_prompt: str | None = None,
) -> Callable[..., list[dict[str, Any]]]:
    """Returns a `doc_to_messages`: a system turn that asks for reasoning, then the images and the question."""
    prompt = system_prompt or DEFAULT_REASONING_SYSTEM_PROMPT

    def doc_to_messages(doc: Any, lmms_eval_specific_kwargs: Any = None) -> list[dict[str, Any]]:
        content = [{"type": "image", "url": visual} for visual in doc_to_visual_fn(doc)]
        content.append({"type": "text", "text": doc_to_text_fn(doc, lmms_eval_specific_kwargs).strip()})
        return [
            {"role": "system", "content": [{"type": "text", "text": prompt}]},
            {"role": "user", "content": content},
        ]

    return doc_to_messages


def make_reasoning_process_results(
    data_source: str,
    doc_to_text_fn: Callable[..., str],
    gt_key: str = "answer",
    metrics_prefix: str = "",
    extra_info_fn: Callable[[Any], Mapping[str, Any]] | None = None,
) -> Callable[..., dict[str, float]]:
    """Returns a `process_results`: the means of the answers' `acc_score` and `format_score`."""

    def process_results(doc: Any, results: list[str]) -> dict[str, float]:
        extra = {"question": doc_to_text_fn(doc, None), **(extra_info_fn(doc) if extra_info_fn else {})}
        scores = [compute_score(data_source, answer.strip(), str(doc[gt_key]), extra) for answer in results]
        count = len(scores) or 1
        return {
            f"{metrics_prefix}acc_score": sum(score["acc_score"] for score in scores) / count,
            f"{metrics_prefix}format_score": sum(score["format_reward_score"] for score in scores) / count,
        }

    return process_results
