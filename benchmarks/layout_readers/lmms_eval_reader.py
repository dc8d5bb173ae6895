"""Reads samples files with lmms-eval's `--baseline` reader; prints one JSON object: by task, scores and results."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from lmms_eval.baselines import get_baseline_display_name, load_baseline


def main() -> None:
    """Takes a folder of results."""
    found = {}
    for path in sorted(Path(sys.argv[1]).glob("*/*_samples_*.jsonl")):
        task = path.stem.partition("_samples_")[2]
        scores, results = load_baseline(str(path), task)
        found[task] = {
            "name": get_baseline_display_name(str(path)),
            "scores": {str(doc_id): score for doc_id, score in scores.items()},
            "results": sorted((results or {}).get("results", {})),
        }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
