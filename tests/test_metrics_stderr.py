"""Standard errors: closed forms, clusters, and bootstraps that draw from the very distribution of resampling."""

from __future__ import annotations

import math
import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fasteval.api.registry import AGGREGATIONS
from fasteval.errors import UnknownNameError
from fasteval.metrics import bootstrap, standard_error

DRAWS = 20_000  # the bootstrap's own relative error is then half a percent

numbers = st.lists(st.floats(-100, 100), min_size=2, max_size=30)


def naive_bootstrap(name: str, values: list[Any], clusters: list[int] | None = None, draws: int = 3_000) -> float:
    """Draws documents (or clusters), aggregates, and takes the deviation: what every shortcut must agree with."""
    rng = np.random.default_rng(7)
    aggregate = AGGREGATIONS.get(name)
    groups: dict[int, list[Any]] = {}
    for index, value in enumerate(values):
        groups.setdefault(index if clusters is None else clusters[index], []).append(value)
    units = list(groups.values())
    sample = [
        aggregate([value for unit in rng.integers(0, len(units), len(units)) for value in units[unit]])
        for _ in range(draws)
    ]
    return float(np.std(sample, ddof=1))


def example(name: str, count: int) -> list[Any]:
    """Values that suit an aggregation, always the same ones."""
    rng = np.random.default_rng(3)
    if name in ("f1", "mcc"):
        golds = rng.integers(0, 2, count)
        return [
            (int(gold), int(gold if keep else 1 - gold))
            for gold, keep in zip(golds, rng.random(count) < 0.8, strict=True)
        ]
    if name == "f1_macro":
        return [(f"label {gold}", f"label {gold // 2 + 1}") for gold in rng.integers(0, 4, count)]
    logprobs = rng.normal(-2, 0.5, count)
    if name in ("weighted_perplexity", "bits_per_byte"):
        return [
            (float(logprob * weight), int(weight))
            for logprob, weight in zip(logprobs, rng.integers(1, 9, count), strict=True)
        ]
    return [float(logprob) for logprob in logprobs]


# Closed forms.


def test_the_error_of_a_mean_is_the_sample_deviation_over_the_root_of_n() -> None:
    # deviations from 0.5: sample variance 4 * 0.25 / 3
    assert standard_error("mean", [1, 0, 1, 0]) == pytest.approx(math.sqrt(1 / 3 / 4))


def test_the_error_of_a_mean_needs_no_bootstrap() -> None:
    assert standard_error("mean", [1, 0], bootstrap_iterations=0) == pytest.approx(0.5)


def test_nanmean_leaves_out_what_is_nan() -> None:
    assert standard_error("nanmean", [1, math.nan, 0, 1, 0]) == standard_error("mean", [1, 0, 1, 0])


def test_the_error_of_the_brier_score_is_that_of_a_mean_of_scores() -> None:
    items = [(0, [1.0, 0.0]), (0, [0.0, 1.0]), (1, [0.5, 0.5])]
    assert standard_error("brier_score", items) == pytest.approx(standard_error("mean", [0, 2, 0.5]))


@given(numbers)
def test_the_error_of_a_mean_ignores_order_and_shift_and_scales_with_the_values(values: list[float]) -> None:
    error = standard_error("mean", values)
    assert error == pytest.approx(standard_error("mean", values[::-1]), abs=1e-9)
    assert error == pytest.approx(standard_error("mean", [value + 5 for value in values]), abs=1e-9)
    assert error is not None
    assert 3 * error == pytest.approx(standard_error("mean", [3 * value for value in values]), abs=1e-9)


def test_registered_functions_are_known_by_identity() -> None:
    values = [1.0, 2.0, 4.0]
    assert standard_error("mean", values) == standard_error(AGGREGATIONS.get("mean"), values)


# Clusters.


@given(numbers)
def test_clusters_of_one_document_each_change_nothing(values: list[float]) -> None:
    clustered = standard_error("mean", values, clusters=range(len(values)))
    assert standard_error("mean", values) == pytest.approx(clustered, abs=1e-9)


def test_clusters_of_equal_answers_count_as_one_document_each() -> None:
    # Four clusters of five equal documents: by equation 4 of the paper, with N = 20 and deviations of 1/2.
    values = [1.0] * 5 + [0.0] * 5 + [1.0] * 5 + [0.0] * 5
    expected = math.sqrt(5 / (20 * 19) + 4 * (2.5**2 - 5 * 0.25) / 20**2)
    assert expected == pytest.approx(standard_error("mean", values, clusters=[i // 5 for i in range(20)]))


def test_clusters_are_told_apart_by_label_and_not_by_place() -> None:
    values = [1.0, 0.0, 1.0, 0.0, 0.5]
    names = ["film", "clip", "film", "clip", "news"]
    assert standard_error("mean", values, clusters=names) == standard_error("mean", values, clusters=[5, 1, 5, 1, 0])


def test_opposite_answers_within_clusters_make_the_mean_more_certain() -> None:
    values, clusters = [1.0, 0.0] * 10, [i // 2 for i in range(20)]
    plain, clustered = standard_error("mean", values), standard_error("mean", values, clusters=clusters)
    assert plain is not None
    assert clustered is not None
    assert clustered < plain


def test_a_single_cluster_has_no_error() -> None:
    assert standard_error("mean", [1.0, 0.0, 1.0], clusters=["a", "a", "a"]) is None


def test_as_many_clusters_as_values_are_needed() -> None:
    with pytest.raises(ValueError, match="2 clusters for 3 values"):
        standard_error("mean", [1, 2, 3], clusters=[0, 1])


# No error to be had.


@pytest.mark.parametrize("name", AGGREGATIONS.names())
@pytest.mark.parametrize("count", [0, 1])
def test_fewer_than_two_documents_have_no_error(name: str, count: int) -> None:
    assert standard_error(name, [1.0] * count) is None


@pytest.mark.parametrize("name", ["mean", "median", "perplexity", "weighted_perplexity"])
@pytest.mark.parametrize(
    "values", [["a", "b"], [{"score": 1}, {"score": 0}], [None, 1], [[1, 2, 3], [1, 2, 3]], [1.0, math.nan]]
)
def test_values_that_are_not_numbers_have_no_error(name: str, values: list[Any]) -> None:
    assert standard_error(name, values) is None


def test_aggregations_of_task_files_are_never_run_again_for_an_error() -> None:
    def aggregate(values: list[float]) -> float:
        raise AssertionError("must not be called")

    assert standard_error(aggregate, [1.0, 2.0]) is None


def test_bypass_has_no_error() -> None:
    assert standard_error("bypass", [1.0, 2.0]) is None


def test_an_unknown_aggregation_offers_the_nearest_name() -> None:
    with pytest.raises(UnknownNameError, match="unknown aggregation 'medain': did you mean 'median'"):
        standard_error("medain", [1.0, 2.0])


@pytest.mark.parametrize("name", ["f1", "mcc", "median", "perplexity"])
def test_no_bootstrap_where_none_is_asked_for(name: str) -> None:
    assert standard_error(name, example(name, 20), bootstrap_iterations=0) is None


def test_a_perplexity_that_overflows_has_no_error() -> None:
    assert standard_error("perplexity", [-1e9, -1.0, -2.0]) is None


# Bootstraps.

SHORTCUTS = ["f1", "mcc", "f1_macro", "median", "perplexity", "weighted_perplexity", "bits_per_byte"]


@pytest.mark.parametrize("count", [40, 41])  # a median of an even number is another case
@pytest.mark.parametrize("name", SHORTCUTS)
def test_a_shortcut_agrees_with_drawing_documents(name: str, count: int) -> None:
    values = example(name, count)
    assert naive_bootstrap(name, values) == pytest.approx(
        standard_error(name, values, bootstrap_iterations=DRAWS), rel=0.06
    )


@pytest.mark.parametrize("name", SHORTCUTS)
def test_a_shortcut_agrees_with_drawing_clusters(name: str) -> None:
    values, clusters = example(name, 60), [index % 15 for index in range(60)]
    assert naive_bootstrap(name, values, clusters) == pytest.approx(
        standard_error(name, values, clusters=clusters, bootstrap_iterations=DRAWS), rel=0.08
    )


@pytest.mark.parametrize(("count", "middle"), [(3, 3.0), (4, 2.5)])
def test_the_median_of_very_few_documents_agrees_too(count: int, middle: float) -> None:
    values = [1.0, 3.0, 10.0, 2.0][:count]
    assert middle == AGGREGATIONS.get("median")(values)
    assert naive_bootstrap("median", values, draws=20_000) == pytest.approx(
        standard_error("median", values, bootstrap_iterations=100_000), rel=0.03
    )


def test_the_bootstrap_of_a_sum_comes_near_the_closed_form() -> None:
    # Equal weights make bits per byte a mean: then the bootstrap is the closed form without its N / (N - 1).
    values = example("mean", 50)
    closed = standard_error("mean", values)
    assert closed is not None
    drawn = standard_error("bits_per_byte", [(value, 1) for value in values], bootstrap_iterations=DRAWS)
    assert closed * math.sqrt(49 / 50) / math.log(2) == pytest.approx(drawn, rel=0.03)


@pytest.mark.parametrize("name", SHORTCUTS)
def test_equal_seeds_give_equal_errors_and_other_seeds_others(name: str) -> None:
    values = example(name, 30)
    first, again, other = (standard_error(name, values, bootstrap_iterations=500, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first != other


@pytest.mark.parametrize("name", SHORTCUTS)
def test_chunks_bound_memory_without_changing_what_is_estimated(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    values = example(name, 30)
    whole = standard_error(name, values, bootstrap_iterations=4_000)
    monkeypatch.setattr(bootstrap, "CHUNK", 100)
    assert whole == pytest.approx(standard_error(name, values, bootstrap_iterations=4_000), rel=0.1)


def test_work_is_bounded_by_fewer_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "MAX_WORK", 0)
    values = example("perplexity", 30)
    few = standard_error("perplexity", values, bootstrap_iterations=bootstrap.MIN_DRAWS)
    assert few == standard_error("perplexity", values, bootstrap_iterations=1_000_000)


@given(st.lists(st.sampled_from([0.0, 1.0, 2.5]), min_size=2, max_size=12))
@settings(max_examples=40)
def test_a_median_never_varies_more_than_its_values(values: list[float]) -> None:
    error = standard_error("median", values, bootstrap_iterations=200)
    assert error is not None
    assert 0 <= error <= max(values) - min(values)


@pytest.mark.parametrize("name", ["bleu", "chrf", "ter"])
def test_corpus_metrics_are_drawn_a_hundred_times_at_most(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = 0

    def score(predictions: list[str], references: list[list[str]]) -> SimpleNamespace:
        nonlocal calls
        calls += 1
        hits = [prediction == reference for prediction, reference in zip(predictions, references[0], strict=True)]
        return SimpleNamespace(score=sum(hits) / len(hits))

    monkeypatch.setitem(sys.modules, "sacrebleu", SimpleNamespace(**{f"corpus_{name}": score}))
    values = [("a", "a"), ("a", "b")] * 20
    error = standard_error(name, values)
    assert calls == 100
    assert standard_error("mean", [1, 0] * 20) == pytest.approx(error, rel=0.3)
