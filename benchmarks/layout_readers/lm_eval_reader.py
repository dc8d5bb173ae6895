"""Reads a folder of results with lm-eval's own readers; `python lm_eval_reader.py FOLDER` prints one JSON object."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any
from unittest import mock

import datasets
import lm_eval.loggers.evaluation_tracker as tracking
from lm_eval.utils import (
    get_file_datetime,
    get_file_task_name,
    get_results_filenames,
    get_sample_results_filenames,
    make_table,
)


def main() -> None:
    """Prints what was read."""
    folder = Path(sys.argv[1])
    names = [f"{path.parent.name}/{path.name}" for path in sorted(folder.glob("*/*.json*"))]
    (results_name,) = get_results_filenames(names)
    results = json.loads((folder / results_name).read_text("utf-8"))
    samples = {get_file_task_name(Path(name).name): folder / name for name in get_sample_results_filenames(names)}
    found = {
        "results_file": results_name,
        "tasks": sorted(samples),
        "datetimes": sorted({get_file_datetime(Path(name).name) for name in names if name.endswith(".jsonl")}),
        "table": make_table(results),
        "groups_table": make_table(results, "groups") if "groups" in results else "",
        "card": _metadata_card(folder, names),
        "saved_again": _save_again(results, samples),
        "rows": {task: _rows(path) for task, path in samples.items()},
    }
    print(json.dumps(found))


def _rows(path: Path) -> int:
    return len(datasets.load_dataset("json", data_files=str(path))["train"])


def _lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def _metadata_card(folder: Path, names: list[str]) -> str:
    """Returns the dataset card that lm-eval would push, made from the files as if they lay on the Hub."""
    tracker = tracking.EvaluationTracker()
    tracker.details_repo_private = "somebody/lm-eval-results-private"
    tracker.api = mock.Mock(list_repo_files=lambda **_: names)
    cards: list[Any] = []
    with (
        mock.patch("huggingface_hub.hf_hub_url", lambda filename, **_: str(folder / filename)),
        mock.patch("huggingface_hub.DatasetCard.push_to_hub", lambda card, *_, **__: cards.append(card)),
    ):
        tracker.recreate_metadata_card()
    return str(cards[0])


def _save_again(results: dict[str, Any], samples: dict[str, Path]) -> list[str]:
    """Returns the keys of the results file that lm-eval's tracker writes when it is handed ours."""
    lines = {task: _lines(path) for task, path in samples.items()}
    with tempfile.TemporaryDirectory() as output:
        tracker = tracking.EvaluationTracker(output_path=output)
        config = results["config"]
        tracker.general_config_tracker.log_experiment_args(
            results["model_source"], config["model_args"] or {"pretrained": results["model_name"]}, None, None, False
        )
        tracker.save_results_aggregated(results=dict(results), samples=lines)
        (written,) = Path(output).glob("*/results_*.json")
        saved = json.loads(written.read_text("utf-8"))
    if saved["task_hashes"] != results["task_hashes"]:
        raise SystemExit(f"the hashes of the tasks differ: {saved['task_hashes']} and {results['task_hashes']}")
    return sorted(saved)


if __name__ == "__main__":
    main()
