"""Metrics that compare a generated text with the right answers: exact_match and anls."""

from __future__ import annotations

import re
import string
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from fasteval.api.registry import register_metric
from fasteval.errors import UsageError
from fasteval.metrics.levenshtein import levenshtein

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["anls", "compile_patterns", "exact_match"]

GENERATING = ("generate_until", "generate_until_multi_round")

_PUNCTUATION = str.maketrans("", "", string.punctuation)
_DIGITS = str.maketrans("", "", string.digits)


@register_metric(metric="exact_match", higher_is_better=True, aggregation="mean", output_type=GENERATING)
def exact_match(
    *,
    references: Sequence[Any],
    predictions: Sequence[Any],
    regexes_to_ignore: Sequence[str] | None = None,
    ignore_case: bool = False,
    ignore_punctuation: bool = False,
    ignore_numbers: bool = False,
) -> float:
    """Returns the share of predictions that equal one of the references, from 0 to 1.

    The options and their order are those of the metric of the same name in Hugging Face `evaluate`, with which
    punctuation and digits are ASCII's.

    Args:
        references: the document's right answers, each of them good enough.
        predictions: the document's answers; mostly one.
        regexes_to_ignore: what these match is removed from both sides first.
        ignore_case: compare in lower case.
        ignore_punctuation: compare without punctuation.
        ignore_numbers: compare without digits.

    Raises:
        UsageError: there is nothing to compare, or a pattern is not a regular expression.
    """
    _check_present("exact_match", references, predictions)
    if not (regexes_to_ignore or ignore_case or ignore_punctuation or ignore_numbers):
        right = list(map(str, references))
        return sum([str(prediction) in right for prediction in predictions]) / len(predictions)
    patterns = compile_patterns(tuple(regexes_to_ignore or ()))

    def simplify(value: Any) -> str:
        text = str(value)
        for pattern in patterns:
            text = pattern.sub("", text)
        if ignore_case:
            text = text.lower()
        if ignore_punctuation:
            text = text.translate(_PUNCTUATION)
        return text.translate(_DIGITS) if ignore_numbers else text

    simplified = {simplify(reference) for reference in references}
    return sum(simplify(prediction) in simplified for prediction in predictions) / len(predictions)


@register_metric(metric="anls", higher_is_better=True, aggregation="mean", output_type=GENERATING)
def anls(*, references: Sequence[Any], predictions: Sequence[Any], threshold: float = 0.5) -> float:
    """Returns the normalised Levenshtein similarity to the nearest reference, from 0 to 1; 0 below the threshold.

    Its mean over documents is ANLS (Biten et al. 2019, "Scene Text Visual Question Answering", arXiv:1905.13648).
    As in the evaluation programs of the DocVQA challenge, case and runs of whitespace do not count as edits, the
    distance is divided by the longer of the two texts as they came, and a similarity of exactly the threshold counts.

    Args:
        references: the document's right answers.
        predictions: the document's answer; only the first is looked at.
        threshold: similarities below it are 0.

    Raises:
        UsageError: there is nothing to compare.
    """
    _check_present("anls", references, predictions)
    first = predictions[0]
    prediction = str(first[0] if isinstance(first, list | tuple) and first else first)  # repeats come as a list
    nearest = min(_normalised_distance(str(reference), prediction) for reference in references)
    return 1 - nearest if 1 - nearest >= threshold else 0.0


def _normalised_distance(reference: str, prediction: str) -> float:
    length = max(len(reference), len(prediction))
    if length == 0:
        return 0.0
    return levenshtein(" ".join(reference.lower().split()), " ".join(prediction.lower().split())) / length


def _check_present(metric: str, references: Sequence[Any], predictions: Sequence[Any]) -> None:
    if type(references) is type(predictions) is list and references and predictions:
        return
    for name, texts in (("references", references), ("predictions", predictions)):
        if isinstance(texts, str):
            raise UsageError(f"metric {metric}: {name} must be a list of texts, got the text {texts!r}")
        if len(texts) == 0:
            raise UsageError(f"metric {metric}: no {name}")


@lru_cache(maxsize=256)
def compile_patterns(patterns: tuple[str, ...]) -> tuple[re.Pattern[str], ...]:
    """Returns the compiled patterns of `regexes_to_ignore`.

    Raises:
        UsageError: one is not a regular expression.
    """
    compiled = []
    for pattern in patterns:
        try:
            compiled.append(re.compile(pattern))
        except (re.error, TypeError) as error:
            raise UsageError(f"regexes_to_ignore: '{pattern}' is not a regular expression: {error}") from None
    return tuple(compiled)
