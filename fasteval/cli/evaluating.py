"""A run as commands make it: evaluated under the eyes of signals, saved, and shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fasteval.cli.showing import Output

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from fasteval.evaluation.callbacks import Callback
    from fasteval.evaluation.observer import Observer
    from fasteval.evaluation.session import Session
    from fasteval.evaluation.settings import RunSettings
    from fasteval.results.model import Results

__all__ = ["evaluate_and_save", "save_and_print"]

_DEFAULT = Output()


def evaluate_and_save(
    settings: RunSettings,
    *,
    observer: Observer | None = None,
    callbacks: Sequence[Callback] = (),
    output: Output = _DEFAULT,
    session: Session | None = None,
) -> tuple[Results, int]:
    """Evaluates, saves and shows; `session` has what earlier runs left, and keeps what this one leaves.

    Returns:
        The results, and the exit code of the signal that ended the run early; 0 if none did.
    """
    from fasteval.evaluation import evaluate
    from fasteval.evaluation.interruption import Interruption

    progress = output.progress()
    with Interruption() as interruption:
        try:
            results = evaluate(
                settings,
                progress=progress,
                observer=observer,
                interruption=interruption,
                callbacks=callbacks,
                session=session,
            )
        finally:
            progress.stop()
        with interruption.deferred():
            saved = save_and_print(settings, results, output)
    for callback in callbacks if saved else ():
        callback.on_saved(results, saved)  # one that raises fails the command: all is on disk and shown
    return results, interruption.exit_code or 0


def save_and_print(settings: RunSettings, results: Results, output: Output = _DEFAULT) -> list[Path]:
    """Writes the files that the settings ask for, shows the results, and says what is missing; returns the files."""
    saved: list[Path] = []
    try:
        # Saved before anything is printed: whoever reads the output may stop reading.
        if settings.output_path is not None:
            saved = results.save(settings.output_path, log_samples=settings.log_samples, layout=settings.layout)
    finally:
        output.show(results)
    report = results.save_report(saved, log_samples=settings.log_samples) if saved and settings.report else None
    output.show_end(results, saved, report)
    return saved
