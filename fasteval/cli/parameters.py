"""Kinds of flags: both spellings, values that are names, pairs, seeds or switches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from fasteval.api.arguments import parse_arguments
from fasteval.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ARGUMENTS", "NAMES", "PAIR", "SEEDS", "SWITCH", "TAGS", "FlagCommand", "flag"]

_TRUE, _FALSE = frozenset({"true", "1", "yes", "on"}), frozenset({"false", "0", "no", "off"})


def flag(name: str, *more: str, **attributes: Any) -> Callable[[Any], Any]:
    """Returns a decorator that adds the option `--name` in both spellings (`--model_args`, `--model-args`).

    Args:
        name: the option with underscores, as lm-eval and lmms-eval spell it; its words name the parameter.
        more: further spellings.
        attributes: click's. The type `SWITCH` makes a flag that may stand alone or have a value.
    """
    spellings = dict.fromkeys([name, "--" + name[2:].replace("_", "-"), *more])
    parameter = attributes.pop("parameter", name[2:])
    if attributes.get("type") is SWITCH:
        attributes |= {"is_flag": False, "flag_value": "true", "metavar": "[true|false]"}
    return click.option(*spellings, parameter, **({"default": None} | attributes))


class FlagCommand(click.Command):
    """A command whose repeatable flags take several words: `--tasks mme pope` is `--tasks mme --tasks pope`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Writes the flag again before each further word, and parses."""
        greedy = {name for option in self.params if getattr(option, "multiple", False) for name in option.opts}
        words: list[str] = []
        current, has_value = "", False
        for word in args:
            if word.startswith("-"):
                name, equals, _ = word.partition("=")
                current, has_value = (name if name in greedy else ""), bool(equals)
            elif current and has_value:
                words.append(current)
            else:
                has_value = True
            words.append(word)
        return super().parse_args(ctx, words)

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the usage line without the placeholder for words that the command does not take."""
        formatter.write_usage(ctx.command_path, "[FLAGS]")


class _Switch(click.ParamType):
    name = "switch"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> bool:
        text = str(value).lower()
        if text not in _TRUE | _FALSE:
            self.fail(f"{value!r} is neither true nor false", param, ctx)
        return text in _TRUE


class _Names(click.ParamType):
    name = "names"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:  # noqa: ARG002 - click's signature
        return tuple(name for name in (part.strip() for part in str(value).split(",")) if name)


class _Arguments(click.ParamType):
    name = "name=value,…"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, Any]:
        if isinstance(value, Mapping):
            return dict(value)
        try:
            return parse_arguments(str(value))
        except UsageError as error:
            self.fail(str(error), param, ctx)


class _Pair(click.ParamType):
    name = "name=path"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, str]:
        if isinstance(value, Mapping):
            return {str(name): str(path) for name, path in value.items()}
        name, equals, path = str(value).partition("=")
        if not (name and equals and path):
            self.fail(f"{value!r} is not of the form NAME=PATH", param, ctx)
        return {name: path}


class _Seeds(click.ParamType):
    name = "seed"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int | None, ...]:
        """Returns the seeds of the run and of few-shot sampling; None where the default is to stay."""
        words = [str(part).strip() for part in (value if isinstance(value, list | tuple) else str(value).split(","))]
        try:
            seeds = [None if word.lower() == "none" else int(word) for word in words]
        except ValueError:
            seeds = []
        if len(seeds) not in (1, 3, 4):
            self.fail(f"{value!r} is neither one number nor lm-eval's four (0,1234,1234,1234)", param, ctx)
        # lm-eval's four are for random, numpy, torch and few-shot sampling; of three, the last is torch's.
        return (seeds[0], None if len(seeds) == 3 else seeds[-1])


class _Tags(click.ParamType):
    name = "tags"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[tuple[str, str], ...]:
        pairs = value
        if isinstance(value, str):
            if value.strip().lower() in ("none", ""):
                return ()
            import orjson

            try:
                pairs = orjson.loads(value)
            except orjson.JSONDecodeError:
                pairs = [value.split(",")]
        if isinstance(pairs, list | tuple) and len(pairs) == 2 and all(isinstance(tag, str) for tag in pairs):
            pairs = [pairs]
        if not isinstance(pairs, list | tuple) or not all(_is_pair(pair) for pair in pairs):
            self.fail(f'{value!r} is not a list of pairs such as [["<think>", "</think>"]], nor "none"', param, ctx)
        return tuple((pair[0], pair[1]) for pair in pairs)


def _is_pair(value: Any) -> bool:
    return isinstance(value, list | tuple) and len(value) == 2 and all(isinstance(tag, str) and tag for tag in value)


#: "true" or "false"; the flag alone means true.
SWITCH = _Switch()
#: Names with commas between them; becomes a tuple.
NAMES = _Names()
#: `name=value,name=value` or a JSON object; becomes a dict.
ARGUMENTS = _Arguments()
#: `NAME=PATH`; becomes a dict of one entry.
PAIR = _Pair()
#: One number, or lm-eval's four; becomes the seeds of the run and of few-shot sampling.
SEEDS = _Seeds()
#: Pairs of tags as JSON, `open,close`, or "none"; becomes a tuple of pairs.
TAGS = _Tags()
