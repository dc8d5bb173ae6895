"""Listing the names in lmms-eval's and lm-eval's task folders: `python -m benchmarks.listing`.

fasteval lists both folders and its own library, cold (no index on disk) and warm; lm-eval lists its own folder with
`lm_eval ls tasks`, and keeps no index. Prints JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from functools import partial

from benchmarks.environments import ROOT, peer_python, peer_tasks
from benchmarks.measure import Figures, median, run_program


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    lm_eval = peer_python("lm-eval").parent / "lm_eval"
    folders = [word for name in ("lmms-eval", "lm-eval") for word in ("--include_path", str(peer_tasks(name)))]
    ours = [sys.executable, "-m", "fasteval", "tasks", "list", *folders]
    programs: dict[str, list[Figures]] = {"fasteval, cold": [], "fasteval, warm": [], "lm-eval": []}
    for _ in range(runs):
        with tempfile.TemporaryDirectory() as cache:
            list_names = partial(run_program, ours, environment={"XDG_CACHE_HOME": cache}, folder=ROOT)
            programs["fasteval, cold"].append(list_names())
            programs["fasteval, warm"].append(list_names())
        programs["lm-eval"].append(run_program([str(lm_eval), "ls", "tasks"]))
    seconds = {name: round(median(figures, "seconds"), 2) for name, figures in programs.items()}
    factors = {name: round(seconds["lm-eval"] / value, 1) for name, value in seconds.items()}
    print(json.dumps({"runs": runs, "seconds": seconds, "lm-eval's time over it": factors}, indent=1))


if __name__ == "__main__":
    main()
