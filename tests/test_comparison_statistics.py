"""The statistics of a comparison equal scipy's on the same data, and hold what they promise."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.optimize import minimize_scalar
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests

from fasteval.comparison.compare import holm
from fasteval.comparison.difference import ClusterSums, bootstrap_difference, cluster_sums
from fasteval.comparison.mcnemar import (
    detectable_difference,
    detectable_share,
    lower_tail,
    mcnemar_p_value,
    mcnemar_power,
    point,
    tango_interval,
    upper_limit,
    upper_tail,
)
from fasteval.metrics.stderr import clustered_standard_error

counts = st.integers(0, 400)
shares = st.floats(0.001, 0.999)


# Binomial tails.


@given(counts, counts, shares)
def test_tails_and_points_are_scipys(successes: int, more: int, probability: float) -> None:
    trials = successes + more
    law = stats.binom(trials, probability)
    assert law.cdf(successes) == pytest.approx(lower_tail(successes, trials, probability), rel=1e-8, abs=1e-15)
    assert law.sf(successes - 1) == pytest.approx(upper_tail(successes, trials, probability), rel=1e-8, abs=1e-13)
    assert law.pmf(successes) == pytest.approx(point(successes, trials, probability), rel=1e-8, abs=1e-300)


def test_tiny_tails_of_large_numbers_keep_their_digits() -> None:
    assert stats.binom.cdf(4600, 10_000, 0.5) == pytest.approx(lower_tail(4600, 10_000, 0.5), rel=1e-9)
    assert stats.binom.cdf(50, 100_000, 0.001) == pytest.approx(lower_tail(50, 100_000, 0.001), rel=1e-9)


@given(counts, counts, st.sampled_from([0.9, 0.95, 0.975]))
def test_the_upper_limit_is_clopper_and_pearsons(successes: int, more: int, confidence: float) -> None:
    trials = successes + more + 1
    expected = stats.binomtest(successes, trials, alternative="less").proportion_ci(confidence).high
    assert expected == pytest.approx(upper_limit(successes, trials, confidence))


# McNemar and Tango.


@given(counts, counts)
def test_the_exact_mcnemar_test_is_scipys_binomial_test(gained: int, lost: int) -> None:
    expected = stats.binomtest(gained, gained + lost).pvalue if gained + lost else 1.0
    assert expected == pytest.approx(mcnemar_p_value(gained, lost), rel=1e-8)


def test_the_exact_mcnemar_test_is_statsmodels() -> None:
    for gained, lost in ((3, 11), (0, 6), (40, 41), (150, 90)):
        expected = mcnemar([[500, lost], [gained, 70]], exact=True).pvalue
        assert expected == pytest.approx(mcnemar_p_value(gained, lost))


@given(counts, counts, counts)
def test_the_interval_excludes_zero_exactly_where_mcnemars_score_is_beyond_the_quantile(
    gained: int, lost: int, same: int
) -> None:
    count = gained + lost + same + 1
    score = abs(gained - lost) / math.sqrt(gained + lost) if gained + lost else 0.0
    low, high = tango_interval(gained, lost, count, 0.95)
    if abs(score - stats.norm.ppf(0.975)) > 1e-6:
        assert (score > stats.norm.ppf(0.975)) == (not low <= 0 <= high)


@pytest.mark.parametrize(("gained", "lost", "count"), [(1, 9, 100), (62, 16, 200), (0, 4, 60), (7, 7, 30)])
def test_the_interval_is_where_the_score_under_the_likeliest_shares_reaches_the_quantile(
    gained: int, lost: int, count: int
) -> None:
    def score(difference: float) -> float:
        """Tango's statistic, with the likeliest shares found by scipy."""

        def unlikelihood(share_lost: float) -> float:
            cells = (share_lost + difference, share_lost, 1 - 2 * share_lost - difference)
            numbers = (gained, lost, count - gained - lost)
            return -sum(n * math.log(max(cell, 1e-300)) for n, cell in zip(numbers, cells, strict=True) if n)

        bounds = (max(0.0, -difference), (1 - difference) / 2)
        share = minimize_scalar(unlikelihood, bounds=bounds, method="bounded", options={"xatol": 1e-12}).x
        return float((gained - lost - count * difference) / math.sqrt(count * (2 * share + difference - difference**2)))

    low, high = tango_interval(gained, lost, count, 0.9)
    assert stats.norm.ppf(0.95) == pytest.approx(score(low), abs=1e-3)
    assert stats.norm.ppf(0.05) == pytest.approx(score(high), abs=1e-3)


@given(counts, counts, counts)
def test_swapping_the_runs_swaps_the_interval(gained: int, lost: int, same: int) -> None:
    count = gained + lost + same + 1
    low, high = tango_interval(gained, lost, count, 0.95)
    assert (-high, -low) == pytest.approx(tango_interval(lost, gained, count, 0.95), abs=1e-9)
    assert low <= (gained - lost) / count <= high


# The bootstrap.


def test_equal_arguments_give_equal_draws_and_another_seed_others() -> None:
    sums = cluster_sums(np.random.default_rng(1).normal(size=50), None)
    one, same, other = (bootstrap_difference(sums, seed=seed, draws=500) for seed in (1, 1, 2))
    assert np.array_equal(one.distances, same.distances)
    assert not np.array_equal(one.distances, other.distances)


def test_drawing_kinds_of_clusters_is_drawing_clusters() -> None:
    rng = np.random.default_rng(5)
    few_kinds = cluster_sums(rng.choice([-1.0, 0.0, 1.0], 600, p=[0.1, 0.7, 0.2]), None)
    all_different = ClusterSums(few_kinds.sums + rng.normal(0, 1e-9, 600), few_kinds.sizes)
    by_kind, by_cluster = (bootstrap_difference(sums, seed=3) for sums in (few_kinds, all_different))
    assert by_kind.interval(0.95) == pytest.approx(by_cluster.interval(0.95), rel=0.03)


def test_many_independent_documents_give_students_interval() -> None:
    values = np.random.default_rng(2).normal(0.1, 1, 400)
    expected = stats.ttest_1samp(values, 0)
    drawn = bootstrap_difference(cluster_sums(values, None), seed=1)
    assert tuple(expected.confidence_interval(0.95)) == pytest.approx(drawn.interval(0.95), abs=0.01)
    assert expected.pvalue == pytest.approx(drawn.p_value, abs=0.01)


def test_scipys_bootstrap_of_the_same_documents_has_the_same_spread() -> None:
    base, candidate = np.random.default_rng(4).gamma(2, size=(2, 150))
    scipys = stats.bootstrap((candidate - base,), np.mean, n_resamples=5000, rng=7)
    ours = bootstrap_difference(cluster_sums(candidate - base, None), seed=7)
    assert scipys.standard_error == pytest.approx(ours.standard_error, rel=0.05)
    assert tuple(scipys.confidence_interval) == pytest.approx(ours.interval(0.95), abs=0.06)


def test_the_standard_error_is_the_one_that_results_show_for_clusters() -> None:
    rng = np.random.default_rng(6)
    values, codes = rng.normal(size=900), np.sort(rng.integers(0, 300, 900))
    codes = np.unique(codes, return_inverse=True)[1]
    expected = clustered_standard_error(values, codes)
    assert expected == pytest.approx(cluster_sums(values, codes).standard_error, rel=0.01)


def test_answers_that_come_in_clusters_count_as_often_as_there_are_clusters() -> None:
    values = np.random.default_rng(8).normal(0.2, 1, 60)
    alone = cluster_sums(values, None)
    tenfold = cluster_sums(np.repeat(values, 10), np.repeat(np.arange(60), 10))
    assert alone.standard_error == pytest.approx(tenfold.standard_error)
    expected, repeated = (bootstrap_difference(sums, seed=1) for sums in (alone, tenfold))
    assert expected.interval(0.95) == pytest.approx(repeated.interval(0.95))


# Holm.


@given(st.lists(st.floats(0, 1), max_size=12))
def test_adjusted_values_are_never_smaller_keep_their_order_and_stay_probabilities(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    assert all(p <= q <= 1 for p, q in zip(p_values, adjusted, strict=True))
    order = np.argsort(p_values, kind="stable")
    assert np.all(np.diff(np.array(adjusted)[order]) >= 0)


def test_holms_example() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_holms_correction_is_statsmodels() -> None:
    p_values = np.random.default_rng(1).random(30) ** 3
    assert multipletests(p_values, method="holm")[1] == pytest.approx(holm(list(p_values)))


# Power.


@pytest.mark.parametrize(("differing", "count"), [(0, 20), (0, 1000), (5, 100), (50, 1000), (900, 9673)])
def test_the_detectable_share_is_found_in_four_of_five_tries(differing: int, count: int) -> None:
    difference = detectable_share(differing, count, 0.05)
    assert difference is not None
    share = max(differing / count, difference)
    cells = [(share + difference) / 2, (share - difference) / 2, 1 - share]
    tries = np.random.default_rng(9).multinomial(count, cells, 4000)
    found = np.mean([mcnemar_p_value(int(gained), int(lost)) <= 0.05 for gained, lost, _ in tries])
    assert 0.8 == pytest.approx(found, abs=0.025)


def test_five_documents_find_nothing() -> None:
    assert detectable_share(0, 5, 0.05) is None
    assert 0.0 == mcnemar_power(0.0, 0.0, 100, 0.05)


def test_the_detectable_difference_is_the_textbooks() -> None:
    assert (1.959964 + 0.841621) * 0.01 == pytest.approx(detectable_difference(0.01, stats.norm.ppf(0.975)), rel=1e-5)
    assert detectable_difference(0.01, math.inf) is None
