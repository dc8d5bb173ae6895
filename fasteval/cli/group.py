"""`fasteval`: the group of commands, and how each failure becomes one line and an exit code."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

import fasteval
from fasteval.cli.models import models
from fasteval.cli.run import run
from fasteval.cli.tasks import tasks
from fasteval.errors import FastEvalError, UnknownNameError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["group", "main"]

_EXIT_INTERRUPTED = 130
_EXIT_FAILURE = 1
# `eval` is what lmms-eval calls it.
_ALIASES = {"eval": "run"}


class _Group(click.Group):
    """Takes `fasteval --model x --tasks y` for `fasteval run --model x --tasks y`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        own = {name for parameter in self.get_params(ctx) for name in parameter.opts}
        if args and args[0].startswith("-") and args[0] not in own:
            args = ["run", *args]
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = _ALIASES.get(args[0], args[0])
        if name not in self.commands:
            raise UnknownNameError("command", name, self.commands, hint="see `fasteval --help`")
        return super().resolve_command(ctx, [name, *args[1:]])


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(fasteval.__version__, prog_name="fasteval", message="%(prog)s %(version)s")
def group() -> None:
    r"""Evaluates multimodal and text models on vLLM.

    \b
      fasteval --model demo --tasks easy_vqa --limit 100
      fasteval --model vllm --model_args pretrained=Qwen/Qwen2-VL-2B-Instruct --tasks mme,pope --output_path results

    Where no command is named, `run` is meant; its flags: `fasteval run --help`.
    """


group.add_command(run)
group.add_command(tasks)
group.add_command(models)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit code.

    0: done. 1: failed. 2: the command was wrong. 3: the run ended, but some documents have no score. 130: interrupted.

    Args:
        arguments: the words after the program's name; None takes those of this process.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        result: Any = group.main(words, prog_name="fasteval", standalone_mode=False)
    except FastEvalError as error:
        return _report(error, str(error), error.exit_code, words)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return error.exit_code
    except click.ClickException as error:
        return _report(error, _describe(error), error.exit_code, words)
    except (click.Abort, KeyboardInterrupt):
        print("fasteval: interrupted; answers that were complete are in the cache", file=sys.stderr)
        return _EXIT_INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the last line of defence: a fault of ours is one line too
        text = f"{type(error).__name__}: {error} (a fault of fasteval's; --verbosity debug shows where)"
        return _report(error, text, _EXIT_FAILURE, words)
    return result if isinstance(result, int) else 0


def _report(error: Exception, text: str, exit_code: int, words: Sequence[str]) -> int:
    """Prints one line, and below it the traceback if the user asked for debugging."""
    print(f"fasteval: error: {' '.join(text.split())}", file=sys.stderr)
    if _wants_debugging(words):
        import traceback

        traceback.print_exception(error)
    return exit_code


def _wants_debugging(words: Sequence[str]) -> bool:
    # Read from the words themselves, since the error may be that they cannot be parsed.
    pairs = zip(words, [*words[1:], ""], strict=True)
    return any(
        (word == "--verbosity" and following.lower() == "debug") or word.lower() == "--verbosity=debug"
        for word, following in pairs
    )


def _describe(error: click.ClickException) -> str:
    """Returns click's message; for an unknown flag, ours, which offers the nearest."""
    if isinstance(error, click.NoSuchOption) and error.ctx is not None:
        flags = [name for parameter in error.ctx.command.params for name in parameter.opts if name.startswith("--")]
        hint = f"see `{error.ctx.command_path} --help`"
        return str(UnknownNameError("flag", error.option_name, flags, hint=hint))
    if isinstance(error, click.UsageError) and not isinstance(error, UsageError) and error.ctx is not None:
        return f"{error.format_message()} (see `{error.ctx.command_path} --help`)"
    return error.format_message()
