"""The coloured picture of a run: bars as a terminal shows them half-way, and the table that ends it."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from rich.console import Console

import fasteval
from fasteval.results.bars import RichProgress
from fasteval.results.table import rich_table, sections, throughput_line

if TYPE_CHECKING:
    from pathlib import Path

    from fasteval.results.pace import Pace

_TASKS = ("easy_vqa", "easy_vqa_mme", "easy_vqa_choices")
_COMMAND = f"fasteval --model demo --tasks {','.join(_TASKS)} --limit 1000"


class _Photographed(RichProgress):
    """Keeps what the terminal shows once more than half of the work is done."""

    def __init__(self, console: Console) -> None:
        super().__init__(io.StringIO())
        self._paper, self._is_taken = console, False

    def advance(self, n: int = 1, task: str = "") -> None:
        super().advance(n, task)
        pace: Pace = self._pace
        if pace.share > 0.6 and not self._is_taken:
            self._is_taken = True
            self._draw_all()
            self._paper.print(self._display.get_renderable())


def draw(path: Path) -> None:
    """Runs the demo and writes the picture as SVG."""
    console = Console(record=True, width=120, file=io.StringIO(), force_terminal=True, color_system="truecolor")
    console.print(f"[bold]$ {_COMMAND}[/bold]", highlight=False)
    results = fasteval.evaluate("demo", _TASKS, limit=1000, no_cache=True, progress=_Photographed(console))
    for title, rows in sections(results):
        console.print(rich_table(title, rows))
    console.print(throughput_line(results.statistics), highlight=False)
    path.parent.mkdir(exist_ok=True)
    path.write_text(console.export_svg(title="fasteval"), "utf-8")
