"""`fasteval sweep`: many checkpoints of one model, by one engine host that stays warm."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

from fasteval.cli.evaluating import evaluate_and_save
from fasteval.cli.foreign import take_foreign_flags
from fasteval.cli.output import EXIT_INCOMPLETE, Output, complain, say, say_json, take_output_flags
from fasteval.cli.parameters import flag, names
from fasteval.cli.run import RunningCommand
from fasteval.cli.settings import flat, make_settings
from fasteval.errors import CheckpointError, EngineError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fasteval.evaluation.interruption import Interruption
    from fasteval.evaluation.session import Session
    from fasteval.results.model import Results
    from fasteval.sweep import Checkpoint, Sweep

__all__ = ["sweep"]

_TRACKERS = ("wandb_args", "wandb_config_args", "wandb_log_samples", "hf_hub_log_args")


class _OfOneCheckpoint(Output):
    """Shows a run's progress and gaps; its numbers are in the table of all."""

    def show(self, results: Results) -> None:
        """Shows nothing."""


@click.command(cls=RunningCommand, without=_TRACKERS)
@flag(
    "--checkpoints",
    type=names,
    metavar="PATTERN",
    help="Folders of checkpoints, or patterns of them: 'runs/step-*'.",
)
@flag("--watch", is_flag=True, help="Wait for new checkpoints; each is evaluated once it is whole.")
@flag("--watch_timeout", type=float, metavar="SECONDS", help="End a watch after so long without a new checkpoint.")
def sweep(checkpoints: Sequence[Sequence[str]], watch: bool, watch_timeout: float | None, **flags: Any) -> int:
    """Evaluates many checkpoints of one model, in the order of their steps, without starting anew for each.

    All flags of `fasteval run` are understood but those of trackers; a checkpoint is the `pretrained` of --model
    (default: vllm). Prints a table with a row a checkpoint; --output_path gets the files of each run, sweep.json and
    the curve, sweep.svg. Ctrl-C ends a watch. Exit code 3: a checkpoint could not be evaluated, or some documents have
    no score.
    """
    from fasteval.evaluation.interruption import Interruption
    from fasteval.evaluation.session import Session
    from fasteval.sweep import Sweep

    patterns = flat(checkpoints)
    if not patterns:
        raise UsageError("no checkpoints are named: pass --checkpoints 'runs/step-*'")
    if watch_timeout is not None and not watch:
        raise UsageError("--watch_timeout goes with --watch")
    output = take_output_flags(flags)
    found = Sweep(make_settings(take_foreign_flags(flags | {"model": flags["model"] or "vllm"})))
    exit_code, interruption = 0, Interruption()
    # What is done is shown, whenever a signal comes; while a run goes on, the run takes it.
    with Session() as session, interruption, interruption.deferred():
        for checkpoint in _watched(patterns, watch_timeout, interruption) if watch else _present(patterns):
            exit_code = _evaluate(found, checkpoint, session, output)
            if exit_code or interruption.is_requested:
                break
    if not watch:  # a signal is how a watch ends
        exit_code = exit_code or interruption.exit_code or 0
    if output.as_json:
        say_json(found.to_dict(), indent=True)
    elif found.points:
        say(found.table())
    return exit_code or (0 if found.is_complete else EXIT_INCOMPLETE)


def _present(patterns: Sequence[str]) -> Iterator[Checkpoint]:
    """Yields the checkpoints that are there now; says which ones are not whole."""
    from fasteval.sweep import find_checkpoints

    several = find_checkpoints(patterns)
    whole = [checkpoint for checkpoint in several if checkpoint.missing() is None]
    for checkpoint in several:
        if checkpoint not in whole:
            complain(f"warning: {checkpoint.path} is left out: {checkpoint.missing()}")
    if not whole:
        raise CheckpointError(f"no checkpoint matches {', '.join(patterns)}")
    yield from whole


def _watched(patterns: Sequence[str], timeout: float | None, interruption: Interruption) -> Iterator[Checkpoint]:
    """Yields checkpoints as they become whole, until a signal or the timeout ends the watch."""
    from fasteval.sweep import CheckpointWatch

    watch = CheckpointWatch(patterns, timeout=timeout, should_stop=lambda: interruption.is_requested)
    while True:
        complain(f"waiting for checkpoints: {', '.join(patterns)}")
        whole = watch.wait()
        if not whole:
            break
        yield from whole
    for checkpoint, reason in watch.unfinished():
        complain(f"warning: {checkpoint.path} was not evaluated: {reason}")


def _evaluate(found: Sweep, checkpoint: Checkpoint, session: Session, output: Output) -> int:
    """Evaluates a checkpoint and writes what the sweep has so far; returns the exit code of a signal, or 0.

    A checkpoint that cannot be loaded, or that the engine dies of, costs its own row only.
    """
    from fasteval.evaluation.interruption import RunInterrupted
    from fasteval.sweep.sweep import Point

    started, exit_code = time.monotonic(), 0
    settings, quiet = found.run_of(checkpoint), _OfOneCheckpoint(quiet=True)
    if not output.quiet:
        complain(f"checkpoint {checkpoint.path}")
    try:
        results, exit_code = evaluate_and_save(settings, output=quiet, session=session)
        point = Point(checkpoint, results)
    except (CheckpointError, EngineError) as error:
        complain(f"warning: {checkpoint.path}: {error}")
        point = Point(checkpoint, error=str(error))
    except RunInterrupted as error:  # before there was anything of this checkpoint's to keep
        return error.exit_code
    found.points.append(point)
    if found.settings.output_path is not None:
        found.save(found.settings.output_path)
    if not output.quiet and point.results is not None:
        (task, metric), value, _ = next(point.values(), (("", "nothing"), 0.0, 0.0))
        seconds = time.monotonic() - started
        complain(f"checkpoint {checkpoint.label}: {task} {metric} {value:.4f}, {seconds:.1f} s")
    return exit_code
