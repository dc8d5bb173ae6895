"""Corpus metrics of machine translation: bleu, chrf and ter, computed by sacrebleu (an optional dependency)."""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from fasteval.api.registry import register_aggregation, register_metric
from fasteval.errors import UsageError
from fasteval.metrics.text_matching import GENERATING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["bleu", "chrf", "references_and_prediction", "ter"]


def references_and_prediction(*, references: Sequence[str], predictions: Sequence[str]) -> tuple[list[str], str]:
    """Returns the pair that the corpus metrics put together: a document's right answers and its (first) answer."""
    return list(references), predictions[0]


for _name, _higher in (("bleu", True), ("chrf", True), ("ter", False)):
    register_metric(metric=_name, higher_is_better=_higher, aggregation=_name, output_type=GENERATING)(
        references_and_prediction
    )


@register_aggregation("bleu")
def bleu(items: Sequence[Any]) -> float:
    """Returns corpus BLEU, from 0 to 100 (Papineni et al. 2002, in sacrebleu's form: Post 2018).

    Args:
        items: for each document its right answer, or a list of them, and its answer.

    Raises:
        UsageError: sacrebleu is not installed.
    """
    return _score("corpus_bleu", items)


@register_aggregation("chrf")
def chrf(items: Sequence[Any]) -> float:
    """Returns corpus chrF2, from 0 to 100 (Popović 2015, by sacrebleu).

    Args:
        items: as for `bleu`.

    Raises:
        UsageError: sacrebleu is not installed.
    """
    return _score("corpus_chrf", items)


@register_aggregation("ter")
def ter(items: Sequence[Any]) -> float:
    """Returns corpus TER: edits for each 100 words of the right answer, 0 is best (Snover et al. 2006, by sacrebleu).

    Args:
        items: as for `bleu`.

    Raises:
        UsageError: sacrebleu is not installed.
    """
    return _score("corpus_ter", items)


def _score(function: str, items: Sequence[Any]) -> float:
    if not len(items):
        return float("nan")
    try:
        import sacrebleu
    except ImportError:
        raise UsageError("bleu, chrf and ter need sacrebleu: pip install fasteval[metrics]") from None
    references = [[reference] if isinstance(reference, str) else list(reference) for reference, _ in items]
    predictions = [prediction if isinstance(prediction, str) else prediction[0] for _, prediction in items]
    # sacrebleu wants the first references of all documents, then the second ones, …; None where there is none.
    streams = [list(stream) for stream in zip_longest(*references)]
    return float(getattr(sacrebleu, function)(predictions, streams).score)
