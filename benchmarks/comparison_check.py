"""Holds a comparison of two runs against scipy and statsmodels: `python -m benchmarks.comparison_check BASE CANDIDATE`.

For each task two ways: its documents in their clusters, and every document for itself.
"""

from __future__ import annotations

import argparse

import numpy as np
import statsmodels.api
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar

from fasteval.comparison.compare import choose_metric, paired_scores
from fasteval.comparison.documents import documents_of, pair_documents
from fasteval.results.markdown import markdown_table
from fasteval.results.saved import SavedRun, read_run

COLUMNS = ("task", "figure", "fasteval", "scipy or statsmodels")


def main() -> None:
    """Prints a table of figures, ours and theirs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("base")
    parser.add_argument("candidate")
    given = parser.parse_args()
    base, candidate = read_run(given.base), read_run(given.candidate)
    rows = [row for name in base.tasks if name in candidate.tasks for row in figures(base, candidate, name)]
    print("\n".join(markdown_table(COLUMNS, rows, right=COLUMNS[2:])))


def figures(base: SavedRun, candidate: SavedRun, name: str) -> list[tuple[str, str, str, str]]:
    """Returns a task's figures: ours, and the ones of the libraries."""
    pairs = pair_documents(documents_of(base.tasks[name]), documents_of(candidate.tasks[name])).both
    key = choose_metric(base.tasks[name].metric_keys, None, name)
    alone = paired_scores(pairs, key, None, 1234)
    both = int(np.count_nonzero(alone.base * alone.candidate))
    table = [[both, alone.lost], [alone.gained, alone.count - both - alone.lost - alone.gained]]
    rows = [("McNemar's exact p", alone.p_value, mcnemar(table, exact=True).pvalue)]
    cluster = base.tasks[name].cluster_key
    if cluster:
        scores = paired_scores(pairs, key, cluster, 1234)
        differences = scores.candidate - scores.base
        fit = statsmodels.api.OLS(differences, np.ones(scores.count)).fit(
            cov_type="cluster", cov_kwds={"groups": scores.codes}, use_t=True
        )
        drawn = stats.bootstrap(
            (scores.clusters.sums, scores.clusters.sizes),
            lambda sums, sizes, axis: sums.sum(axis) / sizes.sum(axis),
            paired=True,
            n_resamples=20_000,
            rng=1,
        )
        low, high = scores.interval(0.95)
        rows += [
            ("difference", scores.mean, fit.params[0]),
            ("standard error, clusters (OLS)", scores.clusters.standard_error, fit.bse[0]),
            ("standard error, clusters (bootstrap)", scores.clusters.standard_error, drawn.standard_error),
            ("p, clusters (OLS, t)", scores.p_value, fit.pvalues[0]),
            ("interval, low (BCa bootstrap)", low, drawn.confidence_interval.low),
            ("interval, high (BCa bootstrap)", high, drawn.confidence_interval.high),
        ]
    return [(name, what, f"{ours:.6g}", f"{float(theirs):.6g}") for what, ours, theirs in rows]


if __name__ == "__main__":
    main()
