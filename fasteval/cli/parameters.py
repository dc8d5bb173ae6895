"""What the commands share: flags in both spellings, the kinds of values that they take, and helpful groups."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from fasteval.errors import UnknownNameError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "CommandGroup",
    "FlagCommand",
    "arguments",
    "flag",
    "flags",
    "limit",
    "names",
    "pair",
    "seeds",
    "switch",
    "tags",
]

_TRUE, _FALSE = frozenset({"true", "1", "yes", "on"}), frozenset({"false", "0", "no", "off"})


def flag(name: str, *more: str, **attributes: Any) -> Callable[[Any], Any]:
    """Returns a decorator that adds the option `--name` in both spellings (`--model_args`, `--model-args`).

    Args:
        name: the option with underscores, as lm-eval and lmms-eval spell it; its words name the parameter.
        more: further spellings.
        attributes: click's. The type `switch` makes a flag that may stand alone or have a value; `names`, `pair` and
            `arguments` make one that may be given several times.
    """
    spellings = dict.fromkeys([name, "--" + name[2:].replace("_", "-"), *more])
    parameter = attributes.pop("parameter", name[2:])
    usual = {"cls": _Flag, "default": False if attributes.get("is_flag") else None}
    return click.option(*spellings, parameter, **(usual | _OF_TYPE.get(attributes.get("type"), {}) | attributes))


def flags(*decorators: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Returns a decorator that adds several flags, in this order."""

    def add(command: Any) -> Any:
        return functools.reduce(lambda decorated, decorate: decorate(decorated), reversed(decorators), command)

    return add


class _Flag(click.Option):
    """An option whose help names one of its long spellings."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        record = super().get_help_record(ctx)
        if record is None:
            return None
        shown = record[0]
        for name in [name for name in self.opts if name.startswith("--")][1:]:
            shown = shown.replace(f", {name}", "", 1)
        return shown, record[1]


class CommandGroup(click.Group):
    """A group that offers the nearest command for an unknown one, and its help where no command is named."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Shows the help, as an error, if there are no words; else parses."""
        if not args and not ctx.resilient_parsing:  # a shell that completes has no words yet
            click.echo(ctx.get_help(), err=True)
            ctx.exit(UsageError.exit_code)
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Returns the command that the first word names.

        Raises:
            UnknownNameError: there is none of that name.
        """
        if args[0] not in self.commands and not ctx.resilient_parsing:
            raise UnknownNameError("command", args[0], self.commands, hint=f"see `{ctx.command_path} --help`")
        return super().resolve_command(ctx, args)


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


def switch(value: Any) -> bool:
    """Reads "true" or "false". A flag of this type may stand alone, and then means true."""
    text = str(value).lower()
    if text not in _TRUE | _FALSE:
        raise click.BadParameter(f"{value!r} is neither true nor false")
    return text in _TRUE


def limit(value: Any) -> float | None:
    """Reads a number of documents, or a share of them below 1; -1 means all, as in lmms-eval."""
    try:
        number = float(value)
    except ValueError:
        raise click.BadParameter(f"{value!r} is not a number") from None
    return None if number == -1 else number


def names(value: Any) -> tuple[str, ...]:
    """Reads names with commas between them."""
    return tuple(name for name in (part.strip() for part in str(value).split(",")) if name)


def arguments(value: Any) -> dict[str, Any]:
    """Reads `name=value,name=value`, or a JSON object."""
    from fasteval.api.arguments import parse_arguments

    if isinstance(value, Mapping):
        return dict(value)
    try:
        return parse_arguments(str(value))
    except UsageError as error:
        raise click.BadParameter(str(error)) from None


def pair(value: Any) -> dict[str, str]:
    """Reads `NAME=PATH`; returns a dict of one entry."""
    if isinstance(value, Mapping):
        return {str(name): str(path) for name, path in value.items()}
    name, equals, path = str(value).partition("=")
    if not (name and equals and path):
        raise click.BadParameter(f"{value!r} is not of the form NAME=PATH")
    return {name: path}


def seeds(value: Any) -> tuple[int | None, int | None]:
    """Reads one number, or lm-eval's four; returns the seeds of the run and of few-shot sampling.

    None is where the default is to stay. lm-eval's four are for random, numpy, torch and few-shot sampling; of three
    the last is missing.
    """
    words = [str(part).strip() for part in (value if isinstance(value, list | tuple) else str(value).split(","))]
    try:
        numbers = [None if word.lower() == "none" else int(word) for word in words]
    except ValueError:
        numbers = []
    if len(numbers) not in (1, 3, 4):
        raise click.BadParameter(f"{value!r} is neither one number nor lm-eval's four (0,1234,1234,1234)")
    return numbers[0], None if len(numbers) == 3 else numbers[-1]


def tags(value: Any) -> tuple[tuple[str, str], ...]:
    """Reads pairs of tags: a JSON list of pairs, `open,close`, or "none"."""
    pairs = _parse_tags(value) if isinstance(value, str) else value
    if isinstance(pairs, list | tuple) and len(pairs) == 2 and all(isinstance(tag, str) for tag in pairs):
        pairs = [pairs]
    if not isinstance(pairs, list | tuple) or not all(_is_pair(tag_pair) for tag_pair in pairs):
        raise click.BadParameter(f'{value!r} is not a list of pairs such as [["<think>", "</think>"]], nor "none"')
    return tuple((opening, closing) for opening, closing in pairs)


def _parse_tags(text: str) -> Any:
    if text.strip().lower() in ("none", ""):
        return []
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return [part.strip() for part in text.split(",")]


def _is_pair(value: Any) -> bool:
    return isinstance(value, list | tuple) and len(value) == 2 and all(isinstance(tag, str) and tag for tag in value)


_OF_TYPE: dict[Any, dict[str, Any]] = {
    switch: {"is_flag": False, "flag_value": "true", "metavar": "[true|false]"},
    names: {"multiple": True, "default": ()},
    pair: {"multiple": True, "default": (), "metavar": "NAME=PATH"},
    arguments: {"multiple": True, "default": (), "metavar": "NAME=VALUE"},
}
