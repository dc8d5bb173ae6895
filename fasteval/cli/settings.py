"""Flags become `RunSettings`. Only what was given is passed on: the defaults are the settings' own."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fasteval.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from fasteval.evaluation.settings import RunSettings

__all__ = ["flat", "make_settings", "merged"]


def make_settings(flags: Mapping[str, Any]) -> RunSettings:
    """Returns the settings that the flags of `fasteval run` describe.

    Raises:
        UsageError: a flag that is needed is missing, or flags contradict each other.
    """
    from fasteval.evaluation.settings import RunSettings

    if not flags["model"]:
        raise UsageError("no model is named: pass --model (and see `fasteval models`)")
    seed, fewshot_seed = flags["seed"] or (None, None)
    output_path = flags["output_path"]
    values = dict(flags) | {
        "model_args": merged(flags["model_args"]),
        "gen_kwargs": merged(flags["gen_kwargs"]),
        "judge_args": merged(flags["judge_args"]),
        "ray_args": merged(flags["ray_args"]),
        "datasets": merged(flags["datasets"]),
        "tasks": flat(flags["tasks"]),
        "include_path": flat(flags["include_path"]),
        "output_path": Path(output_path) if output_path else None,
        "seed": seed,
        "fewshot_seed": fewshot_seed if flags["fewshot_seed"] is None else flags["fewshot_seed"],
    }
    values |= _caches(flags)
    given = {name: value for name, value in values.items() if value is not None and value != {}}
    return RunSettings(**given)


def merged(parts: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Returns one dict of all; later entries win."""
    return {name: value for part in parts for name, value in part.items()}


def flat(parts: Iterable[Iterable[str]]) -> tuple[str, ...]:
    """Returns all names once, in the order in which they were first given."""
    return tuple(dict.fromkeys(name for part in parts for name in part))


def _caches(flags: Mapping[str, Any]) -> dict[str, Any]:
    folder, no_cache, requests = flags["use_cache"], flags["no_cache"], flags["cache_requests"]
    if folder is None and no_cache is None:
        folder, no_cache = _from_environment(os.environ.get("LMMS_EVAL_USE_CACHE", ""))
    caches: dict[str, Any] = {
        # The cache is on wherever nothing is said; "true" asks for just that.
        "use_cache": None if folder is None or str(folder).lower() == "true" else Path(folder).expanduser(),
        "no_cache": no_cache,
        "cache_requests": None,
    }
    if requests == "delete":
        raise UsageError("--cache_requests delete is not supported: compiled requests are replaced with `refresh`")
    if requests is not None:
        caches["cache_requests"] = requests in ("true", "refresh")
    if requests == "refresh":
        caches["rewrite_requests_cache"] = True
    return caches


def _from_environment(value: str) -> tuple[str | None, bool | None]:
    """Returns cache folder and whether the cache is off, as LMMS_EVAL_USE_CACHE has it: a folder, true or false."""
    if value.lower() in ("", "true", "1"):
        return None, None
    if value.lower() in ("false", "0"):
        return None, True
    return value, None
