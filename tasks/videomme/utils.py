"""Video-MME's prompts and scores. Source: arXiv:2405.21075 §3.3 and §4.1 (accuracy, by length and overall)."""

from __future__ import annotations

import math
from typing import Any

from fasteval._library._parsing.letters import extract_letter
from fasteval.compat.videofiles import get_cache_dir, get_video

_DURATIONS = ("short", "medium", "long")
_TASK = (
    "Select the best answer to the following multiple-choice question based on the video and the subtitles. "
    "Respond with only the letter (A, B, C, or D) of the correct option."
)


def doc_to_visual(doc: dict[str, Any]) -> list[str]:
    """Returns the path of the video.

    Raises:
        FileNotFoundError: it is not in `$HF_HOME/videomme/data`.
    """
    folder = get_cache_dir({"dataset_kwargs": {"cache_dir": "videomme"}}, "data")
    try:
        return [get_video(folder, doc["videoID"])]
    except FileNotFoundError:
        return [get_video(folder, doc["videoID"], "mkv")]


def doc_to_text(doc: dict[str, Any], lmms_eval_specific_kwargs: dict[str, str]) -> str:
    # The prompt names subtitles, though none are given: so it is in lmms-eval, whose numbers are compared with.
    options = "\n".join(doc["options"])
    after = lmms_eval_specific_kwargs["post_prompt"]
    if lmms_eval_specific_kwargs.get("format") == "qwen3_vl":
        return f"{lmms_eval_specific_kwargs['pre_prompt']}{doc['question']}\nOptions:\n{options}\n{after}"
    return f"{_TASK}\n{doc['question']}\n{options}\n{after}"


def process_results(doc: dict[str, Any], results: list[str]) -> dict[str, Any]:
    if doc["duration"] not in _DURATIONS:
        raise ValueError(f"Video-MME has no videos of the length {doc['duration']!r}")
    right = float(extract_letter(results[0]) == doc["answer"].strip().upper())
    return {"videomme_perception_score": right, f"videomme_{doc['duration']}": right}


def percent(items: list[float]) -> float:
    """Returns the share of right answers, in percent; no number where nothing was asked."""
    return 100 * math.fsum(items) / len(items) if items else math.nan
