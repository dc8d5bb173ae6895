"""Saved runs for tests of what reads them: fasteval's own, and files in the shapes of lmms-eval's and lm-eval's."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from fasteval.results.model import Results, TaskResult
from fasteval.results.sample import Sample, ScoredDocument
from fasteval.results.saved import SavedRun, saved_form
from fasteval.results.statistics import RunStatistics

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

METRIC = "exact_match"


def run(scores: Mapping[str, Sequence[float | None]], *, model: str = "model", **changes: Any) -> Results:
    """Returns a run whose tasks have these scores; None makes an error row. `changes` replace fields of the tasks."""
    tasks = {name: task(name, values, **changes) for name, values in scores.items()}
    statistics = RunStatistics(requests=sum(map(len, scores.values())))
    return Results(model_name=model, tasks=tasks, statistics=statistics, started_at=1_700_000_000.0)


def task(name: str, scores: Sequence[float | None], **changes: Any) -> TaskResult:
    """Returns a task's result: documents of three kinds, five to an image, with truncated answers where asked for."""
    truncated = changes.pop("truncated", ())
    prompt = changes.pop("prompt", "Question {number}?")
    documents = []
    for number, score in enumerate(scores):
        sample = Sample(
            doc_id=number,
            doc={"question": f"Question {number}?", "image_id": number // 5, "kind": f"kind {number % 3}"},
            target=f"answer {number}",
            prompt=f"<user>{prompt.format(number=number)}",
            context=prompt.format(number=number),
            resps=[f"raw {score}"],
            filtered_resps=[f"answer {number}" if score == 1 else f"no {score}"],
            metrics={} if score is None else {METRIC: score},
            finish_reason="length" if number in truncated else "stop",
            error="no answer" if score is None else None,
        )
        documents.append(ScoredDocument(number, samples=[sample], error=sample.error))
    valid = [score for score in scores if score is not None]
    config = {
        "task": name,
        "metric_list": [{"metric": METRIC, "aggregation": "mean", "higher_is_better": True}],
        "generation_kwargs": {"max_new_tokens": 8},
    }
    base = TaskResult(
        name=name,
        version=1,
        n_docs=len(scores),
        n_effective=len(scores),
        errors=len(scores) - len(valid),
        metrics={f"{METRIC},none": sum(valid) / max(1, len(valid))},
        stderrs={f"{METRIC}_stderr,none": 0.01},
        higher_is_better={METRIC: True},
        config=config | changes.pop("config", {}),
        documents=documents,
        fingerprint="f00",
    )
    return replace(base, **changes)


def saved(scores: Mapping[str, Sequence[float | None]], **changes: Any) -> SavedRun:
    """Returns the run as files would tell it."""
    return saved_form(run(scores, **changes))


def write_lmms_eval(folder: Path, name: str, scores: Sequence[float], *, limit: int | None = None) -> Path:
    """Writes a run like lmms-eval 0.7: no document, no metric names, one digest for all; returns the results file."""
    folder.mkdir(parents=True, exist_ok=True)
    mean = sum(scores) / len(scores)
    results = {
        "results": {
            name: {
                "alias": name,
                f"{METRIC},none": mean,
                f"{METRIC}_stderr,none": 0.1,
                f"{METRIC}_stderr_clt,none": 0.1,
            }
        },
        "group_subtasks": {name: []},
        "configs": {name: {"task": name, "generation_kwargs": {"max_new_tokens": 8}, "metadata": {"version": 1.0}}},
        "versions": {name: 1.0},
        "n-shot": {name: 0},
        "higher_is_better": {name: {METRIC: True}},
        "n-samples": {name: {"original": len(scores), "effective": len(scores)}},
        "config": {"model": "vllm", "limit": limit, "resolved_cli_args": {}},
        "git_hash": "abc",
        "lmms_eval_version": "0.7.2",
        "model_name": "Qwen/Qwen2-VL",
        "chat_template": None,
        "chat_template_sha": None,
        "system_instruction": None,
    }
    path = folder / "20261123_082850_results.json"
    path.write_text(json.dumps(results))
    lines = [
        {
            "doc_id": number,
            "target": f"answer {number}",
            "filtered_resps": [f"answer {number}" if score == 1 else "no"],
            "doc_hash": hashlib.sha256(b"null").hexdigest(),
            "token_counts": [{"input_tokens": 5, "output_tokens": 2, "reasoning_tokens": 0}],
            METRIC: {"question_id": str(number), "score": score} if number % 2 else score,
            "input": f"Question {number}?",
        }
        for number, score in enumerate(scores)
    ]
    write_lines(folder / f"20261123_082850_samples_{name}.jsonl", lines)
    return path


def write_lm_eval(folder: Path, name: str, scores: Sequence[float]) -> Path:
    """Writes a run like lm-eval 0.4, under two filters of which the first finds nothing; returns the results file."""
    folder.mkdir(parents=True, exist_ok=True)
    stamp = "2026-11-23T08-28-50.123456"
    mean = sum(scores) / len(scores)
    results = {
        "results": {
            name: {"alias": name, "exact_match,strict": 0.0, "exact_match_stderr,strict": 0.0}
            | {"exact_match,flexible": mean, "exact_match_stderr,flexible": 0.1}
        },
        "configs": {name: {"task": name, "generation_kwargs": {"until": ["\n"]}, "repeats": 1}},
        "versions": {name: 3.0},
        "n-shot": {name: 5},
        "higher_is_better": {name: {METRIC: True}},
        "n-samples": {name: {"original": len(scores), "effective": len(scores)}},
        "config": {"model": "hf", "model_args": "pretrained=x"},
        "lm_eval_version": "0.4.13",
        "model_name": "x",
        "chat_template_sha": None,
        "system_instruction": None,
    }
    path = folder / f"results_{stamp}.json"
    path.write_text(json.dumps(results))
    lines = [
        {
            "doc_id": number,
            "doc": {"question": f"Question {number}?", "subject": "ab"[number % 2]},
            "target": f"answer {number}",
            "arguments": {"gen_args_0": {"arg_0": f"Question {number}?", "arg_1": {"until": ["\n"]}}},
            "resps": [[f"answer {number}"]],
            "filtered_resps": [f"answer {number}"],
            "filter": filter_name,
            "metrics": [METRIC],
            "doc_hash": hashlib.sha256(f"doc {number}".encode()).hexdigest(),
            "prompt_hash": "p",
            "target_hash": "t",
            METRIC: score if filter_name == "flexible" else 0.0,
        }
        for filter_name in ("strict", "flexible")
        for number, score in enumerate(scores)
    ]
    write_lines(folder / f"samples_{name}_{stamp}.jsonl", lines)
    return path


def write_lines(path: Path, lines: Sequence[Mapping[str, Any]]) -> None:
    """Writes JSON lines."""
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
