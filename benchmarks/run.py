"""All benchmarks in one go: `python -m benchmarks.run --size quick|full`, or `make bench`.

Measures, keeps the raw figures as JSON, and writes the page. `--only` measures some benchmarks anew and leaves the
other records as they are; `--page` only writes the page.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from benchmarks.environments import ROOT
from benchmarks.page import BENCHMARKS, write_page
from benchmarks.record import Size

__all__ = ["SIZES"]

#: Quick: a few minutes, for a first look. Full: what is published.
SIZES = {
    size.name: size
    for size in (
        Size("quick", 1, 1_000, 24, (50, 250), 2_000, 1_000, 50_000, 1_000),
        Size("full", 5, 9_673, 120, (500, 5_000), 10_000, 9_673, 1_000_000, 2_000),
    )
}


@click.command()
@click.option("--size", "size_name", type=click.Choice([*SIZES]), default="quick", show_default=True)
@click.option("--only", multiple=True, type=click.Choice([*BENCHMARKS]), help="These benchmarks (default: all).")
@click.option("--runs", type=int, help="Runs of each program, in place of the size's own number.")
@click.option("--folder", type=click.Path(path_type=Path), default=ROOT / "docs", help="Where the page goes.")
@click.option("--page", "page_only", is_flag=True, help="Write the page from what was measured before.")
def main(size_name: str, only: tuple[str, ...], runs: int | None, folder: Path, page_only: bool) -> None:
    """Measures fasteval beside its peers and writes docs/benchmarks.md."""
    from dataclasses import replace

    size = SIZES[size_name] if runs is None else replace(SIZES[size_name], runs=runs)
    for name in () if page_only else only or BENCHMARKS:
        print(f"{name} ({size.name}):", file=sys.stderr, flush=True)
        BENCHMARKS[name].measure(size).save(folder / "benchmarks")
    click.echo(f"written: {write_page(folder)}")


if __name__ == "__main__":
    main()
