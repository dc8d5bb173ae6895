"""Metrics of generated text: exact_match, anls, the distance under it, and the corpus metrics of translation."""

from __future__ import annotations

import sys
from functools import cache
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fasteval.api.registry import AGGREGATIONS, METRICS
from fasteval.errors import UsageError
from fasteval.metrics.levenshtein import levenshtein
from fasteval.metrics.text_matching import anls, exact_match

texts = st.text(alphabet="abcé ", max_size=12)


def distance_by_definition(first: str, second: str) -> int:
    """The textbook recursion."""

    @cache
    def distance(i: int, j: int) -> int:
        if i == 0 or j == 0:
            return i + j
        return min(
            distance(i - 1, j) + 1, distance(i, j - 1) + 1, distance(i - 1, j - 1) + (first[i - 1] != second[j - 1])
        )

    return distance(len(first), len(second))


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [("", "", 0), ("", "abc", 3), ("kitten", "sitting", 3), ("flaw", "lawn", 2), ("a" * 200, "b" + "a" * 200, 1)],
)
def test_levenshtein_of_known_pairs(first: str, second: str, expected: int) -> None:
    assert expected == levenshtein(first, second)


@given(texts, texts)
def test_levenshtein_is_what_its_definition_says(first: str, second: str) -> None:
    assert distance_by_definition(first, second) == levenshtein(first, second)


@given(texts, texts, texts)
def test_levenshtein_is_a_metric(first: str, second: str, third: str) -> None:
    assert levenshtein(first, second) == levenshtein(second, first)
    assert (levenshtein(first, second) == 0) == (first == second)
    assert levenshtein(first, third) <= levenshtein(first, second) + levenshtein(second, third)


def test_levenshtein_of_texts_longer_than_a_machine_word() -> None:
    assert levenshtein("ab" * 500, "ba" * 500) == 2


# exact_match


@pytest.mark.parametrize(
    ("reference", "prediction", "options", "expected"),
    [
        ("Paris", "Paris", {}, 1.0),
        ("Paris", "paris", {}, 0.0),
        ("Paris", "paris", {"ignore_case": True}, 1.0),
        ("A", "A.", {"ignore_punctuation": True}, 1.0),
        ("A", "A。", {"ignore_punctuation": True}, 0.0),  # ASCII's punctuation, as in Hugging Face's metric
        ("room", "room 12", {"ignore_numbers": True}, 0.0),  # the space stays
        ("room ", "room 12", {"ignore_numbers": True}, 1.0),
        ("cat", "the cat", {"regexes_to_ignore": ["the "]}, 1.0),
        ("cat", "THE cat", {"regexes_to_ignore": ["the "], "ignore_case": True}, 0.0),  # patterns come before case
        (3, "3", {}, 1.0),  # a number of a data set
    ],
)
def test_exact_match_compares_as_its_options_say(
    reference: object, prediction: str, options: dict[str, Any], expected: float
) -> None:
    assert expected == exact_match(references=[reference], predictions=[prediction], **options)


def test_exact_match_needs_only_one_of_several_references() -> None:
    assert exact_match(references=["grey", "gray"], predictions=["gray"]) == 1.0


def test_exact_match_of_several_predictions_is_their_share() -> None:
    assert exact_match(references=["a"], predictions=["a", "b", "a", "c"]) == 0.5


@pytest.mark.parametrize(("references", "predictions"), [([], ["a"]), (["a"], []), ("ab", ["a"]), (["a"], "ab")])
def test_exact_match_refuses_a_comparison_with_nothing_or_with_characters(references: Any, predictions: Any) -> None:
    with pytest.raises(UsageError, match="metric exact_match"):
        exact_match(references=references, predictions=predictions)


def test_exact_match_names_a_bad_pattern() -> None:
    with pytest.raises(UsageError, match=r"'\(' is not a regular expression"):
        exact_match(references=["a"], predictions=["a"], regexes_to_ignore=["("])


# anls


@pytest.mark.parametrize(
    ("references", "prediction", "expected"),
    [
        (["coca cola"], "Coca  Cola", 1.0),  # neither case nor the width of a gap counts
        (["0.28", "0.28%"], "0.28%", 1.0),  # the nearest reference counts
        (["abcd"], "abce", 0.75),
        (["ab"], "ac", 0.5),  # exactly the threshold counts
        (["abc"], "xyz", 0.0),
        (["abc"], "axy", 0.0),  # a similarity of one third is below the threshold
        ([""], "", 1.0),
        (["a"], "", 0.0),
    ],
)
def test_anls_of_known_answers(references: list[str], prediction: str, expected: float) -> None:
    assert expected == pytest.approx(anls(references=references, predictions=[prediction]))


def test_anls_divides_by_the_length_of_the_texts_as_they_came() -> None:
    assert anls(references=["ab  cd"], predictions=["ab ce"]) == pytest.approx(1 - 1 / 6)


def test_anls_keeps_smaller_similarities_with_a_lower_threshold() -> None:
    assert anls(references=["abc"], predictions=["axy"], threshold=0.2) == pytest.approx(1 / 3)


def test_anls_takes_repeats_as_a_list_and_scores_the_first() -> None:
    assert anls(references=["yes"], predictions=[["yes", "no"]]) == 1.0


@given(st.lists(texts, min_size=1, max_size=3), texts)
def test_anls_is_zero_or_between_threshold_and_one(references: list[str], prediction: str) -> None:
    score = anls(references=references, predictions=[prediction])
    assert score == 0 or 0.5 <= score <= 1


# Corpus metrics.


@pytest.mark.parametrize("name", ["bleu", "chrf", "ter"])
def test_corpus_metrics_say_what_to_install(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sacrebleu", None)
    with pytest.raises(UsageError, match=r"pip install fasteval\[metrics\]"):
        AGGREGATIONS.get(name)([("a", "a")])


@pytest.mark.parametrize("name", ["bleu", "chrf", "ter"])
def test_corpus_metrics_hand_over_the_nth_references_of_all_documents_together(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []

    def score(predictions: list[str], references: list[list[str | None]]) -> SimpleNamespace:
        seen.extend([predictions, references])
        return SimpleNamespace(score=12.5)

    monkeypatch.setitem(sys.modules, "sacrebleu", SimpleNamespace(**{f"corpus_{name}": score}))
    items = [(["a", "b"], "x"), ("c", ["y"])]
    assert AGGREGATIONS.get(name)(items) == 12.5
    assert seen == [["x", "y"], [["a", "c"], ["b", None]]]


@pytest.mark.parametrize("name", ["bleu", "chrf", "ter"])
def test_a_documents_value_for_corpus_metrics_is_its_references_and_its_answer(name: str) -> None:
    assert METRICS.get(name).function(references=["a", "b"], predictions=["c"]) == (["a", "b"], "c")


@pytest.mark.parametrize(("name", "best"), [("bleu", 100.0), ("chrf", 100.0), ("ter", 0.0)])
def test_corpus_metrics_of_the_right_answer_itself_are_perfect(name: str, best: float) -> None:
    pytest.importorskip("sacrebleu")
    items = [(["the cat sat on the mat"], "the cat sat on the mat")]
    assert AGGREGATIONS.get(name)(items) == pytest.approx(best)
