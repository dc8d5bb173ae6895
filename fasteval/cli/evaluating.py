"""A run as commands make it: evaluated under the eyes of signals and trackers, or scored again; saved, and shown."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fasteval.cli.output import EXIT_INCOMPLETE, Output
from fasteval.cli.parameters import flag, flags
from fasteval.cli.prompting import compat_flag, data_flag, folder_flag
from fasteval.cli.settings import flat, merged
from fasteval.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from fasteval.evaluation.callbacks import Callback
    from fasteval.evaluation.observer import Observer
    from fasteval.evaluation.session import Session
    from fasteval.evaluation.settings import RunSettings
    from fasteval.evaluation.wandb_tracker import WandbTracker
    from fasteval.results.model import Results
    from fasteval.results.saved import SavedRun

__all__ = ["evaluate_and_save", "score_saved", "scoring_flags", "trackers"]

_DEFAULT = Output()
#: What commands that score saved runs again take, for `score_saved`.
scoring_flags = flags(
    folder_flag,
    data_flag,
    compat_flag,
    flag("--output_path", "-o", metavar="PATH", help="Folder (or .json file) for the new results."),
)


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

    with Interruption() as interruption:
        with output.progress() as progress:
            results = evaluate(
                settings,
                progress=progress,
                observer=observer,
                interruption=interruption,
                callbacks=callbacks,
                session=session,
            )
        with interruption.deferred():
            saved = _save_and_print(settings, results, output)
    for callback in callbacks if saved else ():
        callback.on_saved(results, saved)  # one that raises fails the command: all is on disk and shown
    return results, interruption.exit_code or 0


def _save_and_print(settings: RunSettings, results: Results, output: Output = _DEFAULT) -> list[Path]:
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


def score_saved(runs: Iterable[SavedRun], score: Callable[..., Results], flags: Mapping[str, Any], **own: Any) -> int:
    """Scores saved runs with `score(runs, progress=…, **changes)`, saves and prints; returns the exit code.

    Args:
        runs: the saved runs; they are read when the progress is shown.
        score: gives the results.
        flags: those of `scoring_flags`.
        **own: settings that the new results have in place of the first run's, beside those flags.
    """
    from fasteval.evaluation.rescore import saved_settings
    from fasteval.results.progress import choose_progress

    given: dict[str, Any] = {"include_path": flat(flags["include_path"]), "datasets": merged(flags["datasets"])}
    given["compat"] = flags["compat"]
    changes = {name: value for name, value in given.items() if value}
    changes["output_path"] = Path(flags["output_path"]) if flags["output_path"] else None
    with choose_progress() as progress:
        saved = list(runs)
        scored = score(saved, progress=progress, **changes)
    _save_and_print(saved_settings(saved[0], **own, **changes), scored)
    return 0 if scored.is_complete else EXIT_INCOMPLETE


@contextmanager
def trackers(flags: dict[str, Any], *, quiet: bool) -> Iterator[list[Callback]]:
    """Takes their flags out of `flags`; gives the trackers, and closes them however the run ends.

    Raises:
        UsageError: the flags are not enough, or a tracker cannot be used.
    """
    hub, wandb = _hub(flags), _wandb(flags, quiet=quiet)
    try:
        yield [*wandb, *hub]
    except BaseException:
        for tracker in wandb:
            tracker.close(failed=True)
        raise
    for tracker in wandb:
        tracker.close()


def _wandb(flags: dict[str, Any], *, quiet: bool) -> list[WandbTracker]:
    arguments, config = merged(flags.pop("wandb_args")), merged(flags.pop("wandb_config_args"))
    log_samples = bool(flags.pop("wandb_log_samples"))
    if not arguments and (config or log_samples):
        raise UsageError("--wandb_config_args and --wandb_log_samples need --wandb_args, such as project=…")
    if not arguments:
        return []
    from fasteval.evaluation.wandb_tracker import WandbTracker

    if quiet:
        os.environ.setdefault("WANDB_SILENT", "true")
    return [WandbTracker(arguments, config, log_samples=log_samples)]


def _hub(flags: dict[str, Any]) -> list[Callback]:
    arguments = merged(flags.pop("hf_hub_log_args"))
    if not arguments:
        return []
    from fasteval.evaluation.hub_tracker import HubTracker

    if not flags["output_path"]:
        raise UsageError("--hf_hub_log_args needs --output_path: what is pushed are the files that the run writes")
    if arguments.get("push_samples_to_hub") and flags["log_samples"] is False:
        raise UsageError("--hf_hub_log_args push_samples_to_hub=true and --log_samples false contradict each other")
    if (flags["world_size"] or 1) > 1:
        raise UsageError("one rank has no results to push to the Hub: `fasteval merge` makes them, `hf upload` pushes")
    return [HubTracker(arguments)]
