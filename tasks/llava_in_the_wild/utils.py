"""LLaVA-Bench (In-the-Wild): prompts and scores. Source: arXiv:2304.08485 §5.1, and `rule.json` of its repository."""

from __future__ import annotations

import math
from typing import Any

from fasteval.judging import ask_judge
from fasteval.judging.verdicts import read_comparative

_RULE = """We would like to request your feedback on the performance of two AI assistants in response to the user question displayed above. The user asks the question on observing an image. For your reference, the visual content in the image is represented with a few sentences describing the image. \nPlease rate the helpfulness, relevance, accuracy, level of details of their responses. Each assistant receives an overall score on a scale of 1 to 10, where a higher score indicates better overall performance.\nPlease first output a single line containing only two values indicating the scores for Assistant 1 and 2, respectively. The two scores are separated by a space.\nIn the subsequent line, please provide a comprehensive explanation of your evaluation, avoiding any potential bias and ensuring that the order in which the responses were presented does not affect your judgment."""  # noqa: E501 - as it is sent
_GREEDY = {"temperature": 0, "max_new_tokens": 1024}


def doc_to_visual(doc: dict[str, Any]) -> list[Any]:
    return [doc["image"].convert("RGB")]


def doc_to_text(doc: dict[str, Any], lmms_eval_specific_kwargs: dict[str, str]) -> str:
    return f"{lmms_eval_specific_kwargs['pre_prompt']}{doc['question']}{lmms_eval_specific_kwargs['post_prompt']}"


def process_results(doc: dict[str, Any], results: list[str]) -> dict[str, Any]:
    captions = doc["caption"]
    context = captions if isinstance(captions, str) else "\n".join(captions)
    prompt = (
        f"[Context]\n{context}\n\n[Question]\n{doc['question']}\n\n"
        f"[Assistant 1]\n{doc['gpt_answer']}\n\n[End of Assistant 1]\n\n"
        f"[Assistant 2]\n{results[0]}\n\n[End of Assistant 2]\n\n[System]\n{_RULE}\n\n"
    )
    scores = read_comparative(ask_judge([{"role": "user", "content": prompt}], _GREEDY).text)
    return {"gpt_eval_llava_all": scores, f"gpt_eval_llava_{doc['category']}": scores}


def share(items: list[tuple[float, float]]) -> float:
    """Returns the model's marks as a percentage of the reference's."""
    reference, model = (math.fsum(marks) for marks in zip(*items, strict=True))
    return 100.0 * model / reference if reference else math.nan
