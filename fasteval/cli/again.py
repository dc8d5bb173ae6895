"""What the commands have in common that score saved runs again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from fasteval.cli.settings import flat, merged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    import click

    from fasteval.results.model import Results
    from fasteval.results.saved import SavedRun

__all__ = ["score_saved"]


def score_saved(
    context: click.Context,
    runs: Iterable[SavedRun],
    score: Callable[..., Results],
    *,
    include_path: Iterable[tuple[str, ...]],
    datasets: Iterable[Mapping[str, str]],
    output_path: str | None,
    **own: Any,
) -> None:
    """Scores saved runs with `score(runs, progress=…, **changes)`, prints and saves the results, and ends the command.

    Args:
        context: the command's.
        runs: the saved runs; they are read when the progress is shown.
        score: gives the results.
        include_path: further folders of tasks.
        datasets: local copies of data sets.
        output_path: where the new results go.
        **own: settings that the new results have in place of the first run's, beside those above.
    """
    from fasteval.cli.evaluating import save_and_print
    from fasteval.cli.showing import EXIT_INCOMPLETE
    from fasteval.evaluation.rescore import saved_settings
    from fasteval.results import choose_progress

    given: dict[str, Any] = {"include_path": flat(include_path), "datasets": merged(datasets)}
    changes = {name: value for name, value in given.items() if value}
    changes["output_path"] = Path(output_path) if output_path else None
    progress = choose_progress()
    try:
        saved = list(runs)
        scored = score(saved, progress=progress, **changes)
    finally:
        progress.stop()
    save_and_print(saved_settings(saved[0], **own, **changes), scored)
    context.exit(0 if scored.is_complete else EXIT_INCOMPLETE)
