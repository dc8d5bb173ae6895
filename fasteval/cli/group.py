"""`fasteval`: the group of commands, and how each failure becomes one line and an exit code."""

from __future__ import annotations

import io
import logging
import sys
from typing import TYPE_CHECKING, Any

import click

import fasteval
from fasteval.cli.bench import bench
from fasteval.cli.cache import cache
from fasteval.cli.compare import compare
from fasteval.cli.completion import completion
from fasteval.cli.doctor import doctor
from fasteval.cli.gate import gate
from fasteval.cli.merge import merge
from fasteval.cli.models import models
from fasteval.cli.output import complain
from fasteval.cli.parameters import CommandGroup
from fasteval.cli.prompts import prompts
from fasteval.cli.report import report
from fasteval.cli.reproduce import reproduce
from fasteval.cli.rescore import rescore
from fasteval.cli.run import run
from fasteval.cli.sweep import sweep
from fasteval.cli.tasks import tasks
from fasteval.errors import FastEvalError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from click.shell_completion import CompletionItem

__all__ = ["group", "main"]

_EXIT_INTERRUPTED = 130
_EXIT_FAILURE = 1
# `eval` is what lmms-eval calls it.
_ALIASES = {"eval": "run"}


class _ImpliedRun(CommandGroup):
    """Takes `fasteval --model x --tasks y` for `fasteval run --model x --tasks y`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        own = {name for parameter in self.get_params(ctx) for name in parameter.opts}
        if args and args[0].startswith("-") and args[0] not in own:
            args = ["run", *args]
        elif args and args[0] in _ALIASES:
            args = [_ALIASES[args[0]], *args[1:]]
        return super().parse_args(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Completes commands, and the flags of the run that is meant where none is named."""
        found = super().shell_complete(ctx, incomplete)
        return found + run.shell_complete(ctx, incomplete) if incomplete.startswith("-") else found


@click.group(cls=_ImpliedRun, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(fasteval.__version__, prog_name="fasteval", message="%(prog)s %(version)s")
def group() -> None:
    """Evaluates multimodal and text models on vLLM.

    \b
      fasteval --model demo --tasks easy_vqa --limit 100
      fasteval --model vllm --model_args pretrained=Qwen/Qwen2-VL-2B-Instruct --tasks mme,easy_vqa

    Where no command is named, `run` is meant; its flags: `fasteval run --help`.
    """  # noqa: D301 - the escape is meant: click keeps the lines of a paragraph that begins with it


_COMMANDS: tuple[click.Command, ...] = (
    *(run, tasks, models, report, prompts, compare, gate, cache),
    *(rescore, merge, reproduce, sweep, bench, doctor, completion),
)
for command in _COMMANDS:
    group.add_command(command)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit code.

    0: done. 1: failed. 2: the command was wrong. 3: the run ended, but some documents have no score. 130 and 143:
    interrupted (SIGINT, SIGTERM).

    Args:
        arguments: the words after the program's name; None takes those of this process.
    """
    for stream in (sys.stdout, sys.stderr):
        # A terminal that knows no arrows shows question marks; it does not end the run.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        result: Any = group.main(arguments, prog_name="fasteval", standalone_mode=False)
    except (FastEvalError, click.ClickException) as error:
        return _report(error, _describe(error), error.exit_code)
    except (click.Abort, KeyboardInterrupt) as error:
        # click makes an Abort of an EOFError too, which nobody's keyboard sent.
        if isinstance(error.__cause__, EOFError):
            return _report_fault(error.__cause__)
        complain("interrupted; answers that were complete are in the cache")
        return int(getattr(error.__cause__ or error, "exit_code", _EXIT_INTERRUPTED))
    except Exception as error:  # noqa: BLE001 - the last line of defence: a fault of ours is one line too
        return _report_fault(error)
    return result if isinstance(result, int) else 0


def _report_fault(error: BaseException) -> int:
    text = f"{type(error).__name__}: {error} (a fault of fasteval's; --verbosity debug shows where)"
    return _report(error, text, _EXIT_FAILURE)


def _report(error: BaseException, text: str, exit_code: int) -> int:
    """Prints one line, and below it the traceback if the user asked for debugging."""
    complain(f"error: {text}")
    if logging.getLogger("fasteval").level == logging.DEBUG:
        import traceback

        complain("".join(traceback.format_exception(error)), keep_lines=True)
    return exit_code


def _describe(error: FastEvalError | click.ClickException) -> str:
    """Returns the error's own text; for an unknown flag, one that offers the nearest."""
    if isinstance(error, FastEvalError):
        return str(error)
    if isinstance(error, click.NoSuchOption) and error.ctx is not None:
        flags = [name for parameter in error.ctx.command.params for name in parameter.opts if name.startswith("--")]
        hint = f"see `{error.ctx.command_path} --help`"
        return str(UnknownNameError("flag", error.option_name, flags, hint=hint))
    if isinstance(error, click.UsageError) and error.ctx is not None:
        return f"{error.format_message()} (see `{error.ctx.command_path} --help`)"
    return error.format_message()
