"""`fasteval report`: the HTML report of a run that is over."""

from __future__ import annotations

from pathlib import Path

import click

from fasteval.cli.output import complain, say
from fasteval.cli.parameters import flag
from fasteval.errors import UsageError

__all__ = ["report"]


@click.command()
@click.argument("results", metavar="RESULTS")
@flag("--output", "-o", metavar="FILE", help="The HTML file (default: …_report.html beside the results).")
@click.option("--open", "is_opened", is_flag=True, help="Show it in the browser.")
def report(results: str, output: str | None, is_opened: bool) -> None:
    """Writes the report of a run: one HTML file that needs no network.

    RESULTS is a results file, or a folder whose newest one is meant. Images are loaded from the tasks' data; where
    those are not there, or have changed, the report says so and shows everything else.
    """
    from fasteval.results.report import report_path, write_report
    from fasteval.results.report.album import reload_media
    from fasteval.results.saved import read_run

    run = read_run(results)
    path = Path(output) if output else report_path(Path(run.path))
    media, missing = reload_media(run)
    if missing:
        complain(f"warning: no images: {missing}")
    write_report(run, path, media, missing=missing)
    say(str(path))
    if is_opened:
        _open(path)


def _open(path: Path) -> None:
    import webbrowser

    if not webbrowser.open(path.absolute().as_uri()):
        raise UsageError(f"no browser is known here: open {path} yourself, or name one in the environment as BROWSER")
