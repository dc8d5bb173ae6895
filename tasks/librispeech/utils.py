"""LibriSpeech's prompt and word error rate. Source: Panayotov et al., ICASSP 2015; arXiv:2212.04356, appendix C."""

from __future__ import annotations

import math
import re
import unicodedata
from typing import Any

from whisper_normalizer.basic import BasicTextNormalizer
from whisper_normalizer.english import EnglishTextNormalizer

from fasteval.metrics.levenshtein import word_edits

_english, _basic = EnglishTextNormalizer(), BasicTextNormalizer()
# What models write around a transcript, such as the language.
_TAG = re.compile(r"<\|.*?\|>")


def doc_to_text(doc: dict[str, Any], lmms_eval_specific_kwargs: dict[str, str]) -> str:
    before, after = lmms_eval_specific_kwargs["pre_prompt"], lmms_eval_specific_kwargs["post_prompt"]
    return f"{before}Please recognize the speech and only output the recognized content:{after}"


def words(transcript: str) -> list[str]:
    """Returns the words that are compared: in Whisper's normal form, without those that are punctuation only."""
    text = _basic(_english(_TAG.sub(" ", transcript)))
    return [word for word in text.lower().split() if any(unicodedata.category(sign)[0] != "P" for sign in word)]


def process_results(doc: dict[str, Any], results: list[str]) -> dict[str, Any]:
    reference = words(doc["gt"])
    return {"wer": {"edits": word_edits(reference, words(results[0])), "words": len(reference)}}


def word_error_rate(items: list[dict[str, int]]) -> float:
    """Returns the edits of all transcripts over the words of all references, in percent."""
    total = sum(item["words"] for item in items)
    return 100 * sum(item["edits"] for item in items) / total if total else math.nan
