"""Flags, from the command line and from `--config run.yaml`, become `RunSettings`.

Only what was given is passed on: the defaults are the settings' own; explicit flags win over a file's.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fasteval.errors import UnknownNameError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import click

    from fasteval.evaluation.settings import RunSettings

__all__ = ["flat", "make_settings", "merged", "read_config", "use_config"]


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
        **{name: merged(flags[name]) for name in ("model_args", "gen_kwargs", "judge_args", "ray_args", "datasets")},
        **{name: flat(flags[name]) for name in ("tasks", "include_path")},
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
    if requests == "delete":
        raise UsageError("--cache_requests delete is not supported: compiled requests are replaced with `refresh`")
    return {
        # The cache is on wherever nothing is said; "true" asks for just that.
        "use_cache": None if folder is None or str(folder).lower() == "true" else Path(folder).expanduser(),
        "no_cache": no_cache,
        "cache_requests": None if requests is None else requests in ("true", "refresh"),
        "rewrite_requests_cache": True if requests == "refresh" else flags["rewrite_requests_cache"],
    }


def _from_environment(value: str) -> tuple[str | None, bool | None]:
    """Returns cache folder and whether the cache is off, as LMMS_EVAL_USE_CACHE has it: a folder, true or false."""
    if value.lower() in ("", "true", "1"):
        return None, None
    if value.lower() in ("false", "0"):
        return None, True
    return value, None


def use_config(ctx: click.Context, _: click.Parameter, value: str | None) -> None:
    """Makes the file's entries the defaults of the command's flags: click's callback of `--config`.

    Its `env:`, as in lmms-eval, is set in this process's environment, where `$NAME` stands for what is there already.
    """
    if value is not None:
        path = Path(value)
        _set_environment(path, _load(path).get("env") or {})
        ctx.default_map = {**(ctx.default_map or {}), **read_config(path, ctx.command)}


def read_config(path: Path, command: click.Command) -> dict[str, Any]:
    """Returns the flags of a YAML file by parameter name: one mapping whose keys are flags of `command` (or "env").

    A results file may stand in its place: the run that wrote it is repeated. Entries without a value are left out.

    Raises:
        UsageError: the file is not there, is no YAML mapping, or has a value that was redacted.
        UnknownNameError: a key is no flag.
    """
    from fasteval.results.redaction import REDACTED

    entries = _load(path)
    if isinstance(entries.get("config"), dict) and "resolved_cli_args" in entries["config"]:
        entries = entries["config"]["resolved_cli_args"]
    spellings = {_normal(name): option for option in command.params for name in (*option.opts, option.name or "")}
    entries.pop("env", None)
    flags: dict[str, Any] = {}
    for key, value in entries.items():
        option = spellings.get(_normal(str(key)))
        if option is None or option.name in (None, "config", "help"):
            raise UnknownNameError("key", str(key), spellings, hint=f"in {path}; the keys are the flags of a run")
        if value is None:
            continue
        if REDACTED in str(value):
            raise UsageError(
                f"{path}: {key} was redacted when it was written: put the value in again, or pass the flag"
            )
        is_single = getattr(option, "multiple", False) and not isinstance(value, list)
        flags[str(option.name)] = [value] if is_single else value
    return flags


def _load(path: Path) -> dict[str, Any]:
    from fasteval.safety.yaml_loader import read_yaml

    entries = read_yaml(path, "--config")
    if isinstance(entries, list) and len(entries) == 1:
        (entries,) = entries
    if isinstance(entries, list):
        raise UsageError(f"--config {path} is a list of {len(entries)} runs: one file describes one run")
    if not isinstance(entries, dict):
        raise UsageError(f"--config {path} is not a mapping of flags to values")
    return entries


def _set_environment(path: Path, variables: Any) -> None:
    if not isinstance(variables, dict):
        raise UsageError(f"{path}: env is not a mapping of names to values")
    for name, value in variables.items():
        os.environ[str(name)] = os.path.expandvars(str(value))


def _normal(name: str) -> str:
    return name.lstrip("-").replace("-", "_")
