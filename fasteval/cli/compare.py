"""`fasteval compare`: runs side by side, document by document."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from fasteval.cli.output import complain, say, say_json, write_file
from fasteval.cli.parameters import flag

__all__ = ["compare"]


@click.command()
@click.argument("base")
@click.argument("candidates", nargs=-1, required=True)
@flag("--metric", metavar="NAME", help="What documents are compared by: metric, or metric,filter (default: the first).")
@flag("--category", metavar="COLUMN", help='Column of the documents that makes categories; "" makes none.')
@flag("--cluster", metavar="COLUMN", help='Column whose equal values belong together (default: the task\'s own); "".')
@flag("--alpha", type=float, default=0.05, show_default=True, help="Level of the tests.")
@flag("--force", is_flag=True, help="Compare what is not comparable; the output says so.")
@flag("--seed", type=int, default=1234, show_default=True, help="Seed of the bootstrap.")
@flag("--json", is_flag=True, parameter="as_json", help="Print JSON.")
@flag("--html", metavar="FILE", help="Write a page: flipped documents with their images, side by side.")
@flag("--markdown", is_flag=True, help="Print Markdown, with the first documents that flipped.")
def compare(base: str, candidates: tuple[str, ...], **flags: Any) -> int:
    """Compares runs document by document.

    BASE and each CANDIDATE are results files, folders with one (the newest counts), or samples files, of fasteval,
    lmms-eval or lm-eval. Runs that differ in prompts, data or scoring are refused, with what differs.
    """
    from fasteval.comparison import ComparisonOptions, compare_runs, markdown, print_comparison
    from fasteval.comparison.page import comparison_page
    from fasteval.results.report.album import reload_media
    from fasteval.results.saved import read_run

    names = ("alpha", "metric", "category", "cluster", "force", "seed")
    options = ComparisonOptions(**{name: flags[name] for name in names})
    base_run = read_run(Path(base))
    comparison = compare_runs(base_run, [read_run(Path(path)) for path in candidates], options)
    if flags["html"]:
        media, missing = reload_media(base_run)
        if missing:
            complain(f"warning: no images: {missing}")
        write_file(flags["html"], comparison_page(comparison, media, missing))
    if flags["as_json"]:
        say_json(comparison.to_dict(), indent=True)
    elif flags["markdown"]:
        say(markdown(comparison).rstrip("\n"))
    else:
        print_comparison(comparison)
    return 0
