"""The bootstrap of F1 over 2,000 documents, by fasteval or (in its environment) by lm-eval; both get the same items."""

from __future__ import annotations

import argparse
import random
import time

from benchmarks.measure import report


def main() -> None:
    """Computes the standard error and reports the time."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", choices=("fasteval", "lm-eval"), required=True)
    parser.add_argument("--draws", type=int, required=True)
    options = parser.parse_args()
    draw = random.Random(0)
    golds = [draw.random() < 0.4 for _ in range(2_000)]
    items = [(int(gold), int(gold if draw.random() < 0.8 else not gold)) for gold in golds]
    if options.program == "fasteval":
        from fasteval.metrics.stderr import standard_error

        started = time.perf_counter()
        error = standard_error("f1", items, bootstrap_iterations=options.draws)
    else:
        from lm_eval.api.metrics import bootstrap_stderr, f1_score

        started = time.perf_counter()
        error = bootstrap_stderr(f1_score, items, iters=options.draws)
    report(bootstrap=time.perf_counter() - started, standard_error=error, draws=options.draws)


if __name__ == "__main__":
    main()
