"""Aggregations: documents' values become one number; options, defaults and registration."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fasteval.api.registry import AGGREGATIONS, METRICS
from fasteval.errors import UnknownNameError, UsageError
from fasteval.metrics import check_options, default_metrics

labels = st.sampled_from([0, 1, 2])
pairs = st.lists(st.tuples(labels, labels), min_size=1, max_size=20)


def aggregate(name: str, values: list[Any]) -> float:
    """Returns what a registered aggregation makes of values."""
    return float(AGGREGATIONS.get(name)(values))


# Averages.


def test_mean_median_and_nanmean_of_known_values() -> None:
    assert aggregate("mean", [1, 0, True, 0]) == 0.5
    assert aggregate("median", [9, 1, 5]) == 5
    assert aggregate("median", [9, 1, 5, 4]) == 4.5  # sorted, and the mean of the middle two
    assert aggregate("nanmean", [1.0, math.nan, 3.0]) == 2


@pytest.mark.parametrize("name", AGGREGATIONS.names())
def test_every_aggregation_of_no_documents_is_nan(name: str) -> None:
    assert math.isnan(aggregate(name, []))


@pytest.mark.parametrize("name", ["mean", "median"])
def test_nan_is_not_hidden_by_mean_and_median(name: str) -> None:
    assert math.isnan(aggregate(name, [1.0, math.nan, 2.0]))


@given(st.lists(st.floats(-1e6, 1e6), min_size=1), st.randoms())
def test_the_mean_does_not_depend_on_the_order_of_documents(values: list[float], random: Any) -> None:
    shuffled = random.sample(values, len(values))
    assert aggregate("mean", values) == aggregate("mean", shuffled)


def test_bypass_scores_nothing() -> None:
    assert math.isnan(aggregate("bypass", ["any", "thing"]))


# Likelihood.


def test_perplexity_of_a_uniform_guess_among_four_is_four() -> None:
    assert aggregate("perplexity", [math.log(1 / 4)] * 3) == pytest.approx(4)


def test_weighted_perplexity_counts_words_and_not_documents() -> None:
    values = [(math.log(1 / 2) * 3, 3), (math.log(1 / 8) * 1, 1)]
    assert aggregate("weighted_perplexity", values) == pytest.approx(2 ** (6 / 4))


def test_bits_per_byte_of_a_coin_for_each_byte_is_one() -> None:
    assert aggregate("bits_per_byte", [(math.log(1 / 2) * 8, 8), (math.log(1 / 2) * 2, 2)]) == pytest.approx(1)


def test_a_perplexity_too_large_for_a_float_is_infinite() -> None:
    assert aggregate("perplexity", [-1e9]) == math.inf
    assert aggregate("perplexity", [-math.inf]) == math.inf


# Classification.


def f1_by_definition(items: list[tuple[int, int]], label: int) -> float:
    """2 TP / (2 TP + FP + FN), and 0 where that is nothing over nothing."""
    right = sum(gold == label == predicted for gold, predicted in items)
    wrong = sum((gold == label) != (predicted == label) for gold, predicted in items)
    return 2 * right / (2 * right + wrong) if right or wrong else 0.0


def test_f1_of_a_known_confusion() -> None:
    items = [(1, 1)] * 3 + [(1, 0)] * 1 + [(0, 1)] * 2 + [(0, 0)] * 4
    assert aggregate("f1", items) == pytest.approx(2 * 3 / (2 * 3 + 2 + 1))


def test_f1_without_any_positive_is_zero() -> None:
    assert aggregate("f1", [(0, 0), (0, 0)]) == 0


def test_f1_takes_truth_values() -> None:
    assert aggregate("f1", [(True, True), (False, True)]) == pytest.approx(2 / 3)


@given(st.lists(st.tuples(st.sampled_from([0, 1]), st.sampled_from([0, 1])), min_size=1))
def test_f1_is_that_of_label_one(items: list[tuple[int, int]]) -> None:
    assert f1_by_definition(items, 1) == pytest.approx(aggregate("f1", items))


@given(pairs)
def test_f1_macro_is_the_mean_over_labels_that_occur(items: list[tuple[int, int]]) -> None:
    occurring = {label for item in items for label in item}
    expected = sum(f1_by_definition(items, label) for label in occurring) / len(occurring)
    assert expected == pytest.approx(aggregate("f1_macro", items))


@pytest.mark.parametrize("items", [[("yes", "no")], [(1, 2)], [(-100, 1)]])
def test_f1_of_other_labels_points_to_f1_macro(items: list[Any]) -> None:
    with pytest.raises(UsageError, match=r"f1 is for the labels 0 and 1, .* f1_macro"):
        aggregate("f1", items)


@pytest.mark.parametrize("name", ["f1", "f1_macro", "mcc"])
@pytest.mark.parametrize("item", [1, ([0, 1], 1), (1, 1, 1)])
def test_f1_and_mcc_refuse_what_is_no_pair_of_labels(name: str, item: Any) -> None:
    with pytest.raises(UsageError, match="pairs of a gold and a predicted label"):
        aggregate(name, [item])


def test_mcc_of_a_known_confusion() -> None:
    # TP 6, FN 2, FP 1, TN 3: (6 * 3 - 1 * 2) / sqrt(7 * 8 * 4 * 5)
    items = [("cat", "cat")] * 6 + [("cat", "dog")] * 2 + [("dog", "cat")] * 1 + [("dog", "dog")] * 3
    assert aggregate("mcc", items) == pytest.approx(16 / math.sqrt(7 * 8 * 4 * 5))
    assert aggregate("mcc", items) == aggregate("matthews_corrcoef", items)


@pytest.mark.parametrize("items", [[(0, 0), (0, 1)], [(0, 1), (1, 1)], [(1, 1)]])
def test_mcc_is_zero_where_one_side_is_constant(items: list[Any]) -> None:
    assert aggregate("mcc", items) == 0


@given(pairs)
def test_mcc_is_the_correlation_of_indicator_vectors(items: list[tuple[int, int]]) -> None:
    golds, predictions = (np.eye(3)[list(side)] for side in zip(*items, strict=True))
    golds, predictions = golds - golds.mean(0), predictions - predictions.mean(0)
    scale = math.sqrt((golds**2).sum() * (predictions**2).sum())
    expected = (golds * predictions).sum() / scale if scale > 1e-12 else 0
    assert expected == pytest.approx(aggregate("mcc", items), abs=1e-9)


@given(pairs)
def test_mcc_is_symmetric_in_gold_and_prediction(items: list[tuple[int, int]]) -> None:
    swapped = [(predicted, gold) for gold, predicted in items]
    assert aggregate("mcc", items) == pytest.approx(aggregate("mcc", swapped))


def test_brier_score_is_the_squared_distance_from_the_right_class() -> None:
    assert aggregate("brier_score", [(0, [1.0, 0.0])]) == 0
    assert aggregate("brier_score", [(0, [0.0, 1.0])]) == 2
    assert aggregate("brier_score", [(1, [0.2, 0.5, 0.3]), (0, [0.5, 0.5])]) == pytest.approx((0.38 + 0.5) / 2)


def test_brier_score_refuses_a_right_class_that_is_none() -> None:
    with pytest.raises(UsageError, match="right class -100 is not one of the 2 classes"):
        aggregate("brier_score", [(-100, [0.5, 0.5])])


# Registration.


@pytest.mark.parametrize(
    ("output_type", "expected"),
    [
        ("loglikelihood", ("perplexity", "acc")),
        ("multiple_choice", ("acc", "acc_norm")),
        ("generate_until", ("exact_match",)),
        ("generate_until_multi_round", ("exact_match",)),
        ("loglikelihood_rolling", ("word_perplexity", "byte_perplexity", "bits_per_byte")),
    ],
)
def test_default_metrics_suit_their_output_type(output_type: str, expected: tuple[str, ...]) -> None:
    assert expected == default_metrics(output_type)
    assert all(output_type in METRICS.get(name).output_types for name in expected)


def test_an_unknown_output_type_offers_the_nearest_one() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'multiple_choice'"):
        default_metrics("multi_choice")


@pytest.mark.parametrize("name", METRICS.names())
def test_every_metric_names_an_aggregation_that_exists(name: str) -> None:
    assert METRICS.get(name).aggregation in AGGREGATIONS


@pytest.mark.parametrize(
    "name", ["perplexity", "word_perplexity", "byte_perplexity", "bits_per_byte", "ter", "brier_score"]
)
def test_lower_is_better_for_errors_and_perplexities(name: str) -> None:
    assert not METRICS.get(name).higher_is_better


@pytest.mark.parametrize(
    "name",
    ["acc", "acc_norm", "acc_norm_tokens", "acc_mutual_info", "acc_all", "f1", "mcc", "margin", "perplexity", "bypass"],
)
def test_metrics_of_log_probabilities_pass_the_tasks_value_on(name: str) -> None:
    value = (1, 0)
    assert METRICS.get(name).function(value) is value


def test_an_unknown_metric_offers_the_nearest_one_and_asks_no_network() -> None:
    with pytest.raises(UnknownNameError, match="unknown metric 'exact_mach': did you mean 'exact_match'"):
        METRICS.get("exact_mach")


def test_an_unknown_option_of_a_metric_offers_the_nearest_one() -> None:
    with pytest.raises(
        UnknownNameError, match="option of the metric exact_match 'ignore_cases': did you mean 'ignore_case'"
    ):
        check_options("exact_match", {"ignore_cases": True})


def test_a_metric_without_options_takes_none() -> None:
    with pytest.raises(UnknownNameError, match="option of the metric acc"):
        check_options("acc", {"ignore_case": True})


def test_known_options_pass() -> None:
    check_options("exact_match", {"ignore_case": True, "regexes_to_ignore": [",", r"\$"]})
    check_options("anls", {"threshold": 0.3})
    check_options("acc", {})


@pytest.mark.parametrize("patterns", [["("], "abc"])
def test_bad_patterns_are_refused_before_anything_runs(patterns: object) -> None:
    with pytest.raises(UsageError, match="regexes_to_ignore"):
        check_options("exact_match", {"regexes_to_ignore": patterns})
