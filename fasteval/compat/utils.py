"""`lmms_eval.utils` and `lm_eval.utils`: the few functions that task code calls, and the logger."""

from __future__ import annotations

import importlib
import logging
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fasteval.compat.missing import import_or_refuse
from fasteval.compat.sklearnmetrics import f1_score

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "eval_logger",
    "general_detokenize",
    "handle_non_serializable",
    "logging",
    "resolve_cache_dir",
    "sanitize_model_name",
    "weighted_f1_score",
]

_ODD_IN_FILE_NAMES = re.compile(r'["<>:/|\\?*\[\]]+')

try:
    eval_logger = importlib.import_module("loguru").logger
except ModuleNotFoundError:
    eval_logger = importlib.import_module("fasteval.compat.loguru").logger


def resolve_cache_dir(cache_dir: str, base_dir: str | None = None) -> str:
    """Returns the folder with `~` and variables filled in; a relative one lies below `base_dir` where that is given."""
    folder = Path(os.path.expandvars(cache_dir)).expanduser()
    return str(folder if base_dir is None else Path(base_dir) / folder)


def sanitize_model_name(model_name: str, full_path: bool = False) -> str:
    """Returns a name that can stand in a file's name: of a path its last two parts, unless all are wanted."""
    parts = [model_name] if full_path else model_name.split("/")[-2:]
    return _ODD_IN_FILE_NAMES.sub("__", "/".join(parts))


def general_detokenize(string: str) -> str:
    """Returns the text without the spaces that a word tokenizer put before and after punctuation."""
    for apart, joined in ((" n't", "n't"), (" )", ")"), ("( ", "("), ('" ', '"'), (' "', '"')):
        string = string.replace(apart, joined)
    return re.sub(r" (?=['.,])", "", string)


def weighted_f1_score(items: Sequence[tuple[Any, Any]]) -> float:
    """Returns the mean of the labels' F1 scores, each weighted by how often the label is the right one.

    Equal to `sklearn.metrics.f1_score(golds, predictions, average="weighted")`.
    """
    return f1_score([gold for gold, _ in items], [predicted for _, predicted in items], average="weighted")


def handle_non_serializable(value: Any) -> Any:
    """Returns what JSON has for a value that it cannot hold: numbers as numbers, sets as lists, others as text."""
    numpy = import_or_refuse("numpy", "handle_non_serializable")
    if isinstance(value, numpy.integer):
        return int(value)
    return list(value) if isinstance(value, set) else str(value)
