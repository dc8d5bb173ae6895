"""`--config run.yaml`: flags from a file, for which explicit flags win."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fasteval.errors import UnknownNameError, UsageError

if TYPE_CHECKING:
    import click

__all__ = ["read_config", "use_config"]


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
