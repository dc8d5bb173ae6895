"""`fasteval bench`: how fast a model answers here."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import click

from fasteval.cli.output import EXIT_INCOMPLETE, say, say_json, take_output_flags
from fasteval.cli.parameters import FlagCommand, flag
from fasteval.cli.run import run
from fasteval.cli.settings import make_settings
from fasteval.errors import UsageError

__all__ = ["bench"]

_SHAPE = ("requests", "words", "output_tokens", "images", "image_size")
_OF_A_RUN = (
    *("model", "model_args", "tasks", "include_path", "datasets", "limit", "offset", "num_fewshot", "gen_kwargs"),
    *("apply_chat_template", "system_instruction", "repeats", "window", "deterministic", "trust_remote_code"),
    *("quiet", "as_json", "verbosity"),
)


@click.command(cls=FlagCommand)
@flag("--runs", type=click.IntRange(1), default=1, show_default=True, help="How often; each run starts an engine.")
@flag("--requests", type=int, help="Without --tasks: how many requests are made up (default: 256).")
@flag("--words", type=int, help="Words of each prompt (default: 256).")
@flag("--output_tokens", type=int, help="Tokens of each answer (default: 32).")
@flag("--images", type=int, help="Pictures before each prompt (default: 0).")
@flag("--image_size", type=int, help="Their width and height in pixels (default: 336).")
def bench(runs: int, **flags: Any) -> int:
    """Measures how fast a model answers tasks, or made-up requests of one shape where no --tasks are named.

    Nothing is read from the response cache, and nothing kept. Seconds and rates of each run, their median, and
    counters that do not depend on the machine are printed; --json prints them as one object.
    """
    from fasteval.evaluation.settings import RunSettings
    from fasteval.evaluation.throughput import Synthetic, measure

    output = take_output_flags(flags)
    shape = {name: value for name in _SHAPE if (value := flags.pop(name)) is not None}
    if flags["tasks"] and shape:
        raise UsageError(f"--{next(iter(shape))} shapes made-up requests: leave it out, or --tasks")
    made_up = None if flags["tasks"] else Synthetic(**shape).task()
    names = {field.name for field in fields(RunSettings)}
    unset = {option.name: () if option.multiple else None for option in run.params if option.name in names}
    settings = make_settings(unset | flags | ({"tasks": [(made_up.name,)]} if made_up else {}))
    throughput = measure(replace(settings, tasks=(made_up,)) if made_up else settings, runs, output.progress)
    if output.as_json:
        say_json(throughput.to_dict(), indent=True)
    else:
        say(throughput.table())
    return EXIT_INCOMPLETE if throughput.errors else 0


bench.params += [option for option in run.params if option.name in _OF_A_RUN]
