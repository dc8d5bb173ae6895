"""`docs/benchmarks.md`: written from the records, so that no figure on it was typed by anybody."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from benchmarks import bootstrap, cached_run, compiling, host_overhead, memory, photo_images, small_images
from benchmarks.record import Record, table

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.record import Chart, Section

__all__ = ["BENCHMARKS", "write_page"]

#: The benchmarks, in the order of the page.
BENCHMARKS = {
    "small_images": small_images,
    "photo_images": photo_images,
    "cached_run": cached_run,
    "host_overhead": host_overhead,
    "compiling": compiling,
    "memory": memory,
    "bootstrap": bootstrap,
}

_INTRODUCTION = """\
# Benchmarks

Written by `make bench` (`python -m benchmarks.run --size full`). The same command writes a page of its own on any other
machine. Raw figures: [benchmarks/](benchmarks/).

Every program has the same checkpoint (the bundled demo model), prompts, stop strings and limits, and answers are
compared beside the speeds. The peers run in environments of their own, with the same vLLM. The programs of a benchmark
run in turn; figures are medians. No response cache is used unless it is the subject.

*Steady* is from the first document read to the last answer, the engine being ready. For fasteval it is read from the
run's own timeline: the stages "engine" and "load", and whatever loading was hidden behind the engine's start;
so nothing is had for free that the plain script does while its clock runs. The *plain script* builds its prompts in the
data's order, decodes each image for its request and calls `LLM.generate` once, with the engine settings that fasteval
chooses, prefix caching on. It neither scores nor keeps anything. lmms-eval's clock runs from its first request built
(model and data are loaded) to the end of `generate_until`. *Whole* is the process, from its start to its end.
"""
#: Load average beyond which somebody else is at work: then read the figures as ratios, and those with care.
_BUSY = 0.7
_WIDTH, _BAR, _LABEL = 760, 22, 330


def write_page(folder: Path) -> Path:
    """Writes `<folder>/benchmarks.md` and its charts from the records in `<folder>/benchmarks`; returns the page."""
    records = [Record.load(path) for path in sorted((folder / "benchmarks").glob("*.json"))]
    known = {record.benchmark: record for record in records if record.benchmark in BENCHMARKS}
    ordered = [known[name] for name in BENCHMARKS if name in known]
    sections = [(record, BENCHMARKS[record.benchmark].report(record)) for record in ordered]
    parts = [_INTRODUCTION, _targets([section for _, section in sections])]
    for record, section in sections:
        parts.append(f"## {section.title}\n\n{section.text}\n\n{_taken(record)}")
        for number, chart in enumerate(section.charts):
            name = f"{record.benchmark}{number or ''}.svg"
            (folder / "benchmarks" / name).write_text(_svg(chart))
            parts.append(f"![{chart.title}, {chart.unit}](benchmarks/{name})")
    missing = [f"`{name}`" for name in BENCHMARKS if name not in known]
    if missing:
        parts.append(f"## Not measured\n\n{', '.join(missing)}: `python -m benchmarks.run --size full --only …`.")
    page = folder / "benchmarks.md"
    page.write_text("\n\n".join(part.strip() for part in parts) + "\n")
    return page


def _targets(sections: list[Section]) -> str:
    rows = [
        [target.what, target.aim, target.value, "yes" if target.holds else "**no**"]
        for section in sections
        for target in section.targets
    ]
    return "## What was aimed at\n\n" + table(("", "aim", "figure", "holds"), rows)


def _taken(record: Record) -> str:
    machine = record.machine
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    hardware = f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gb']} GB"
    if machine.get("load", 0) > _BUSY:
        hardware += f", **shared: load average {machine['load']} before the first run**"
    software = f"Python {machine['python']}, {versions}"
    when = f"Size {record.size}, {record.taken_at} UTC, commit {record.revision}"
    return f"{when}. {hardware}, graphics: {machine['graphics']}. {software}."


def _svg(chart: Chart) -> str:
    """Returns horizontal bars as SVG; each run is a dot, the bar their median."""
    import statistics

    largest = max(max(values) for values in chart.bars.values()) or 1.0
    height = _BAR * len(chart.bars) + 40
    scale = (_WIDTH - _LABEL - 90) / largest
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" font-family="sans-serif"',
        ' font-size="12">',
        f'<rect width="{_WIDTH}" height="{height}" fill="white"/>',
        f'<text x="8" y="18" font-size="14">{escape(chart.title)}, {escape(chart.unit)}</text>',
    ]
    for row, (name, values) in enumerate(chart.bars.items()):
        top, middle = 30 + row * _BAR, statistics.median(values)
        colour = "#2b6cb0" if name.startswith("fasteval") else "#a0aec0"
        lines.append(f'<text x="{_LABEL - 6}" y="{top + 13}" text-anchor="end">{escape(name)}</text>')
        lines.append(f'<rect x="{_LABEL}" y="{top}" width="{middle * scale:.1f}" height="{_BAR - 6}" fill="{colour}"/>')
        for value in values:
            centre = f'cx="{_LABEL + value * scale:.1f}" cy="{top + (_BAR - 6) / 2}"'
            lines.append(f'<circle {centre} r="2" fill="#1a202c"/>')
        shown = f"{middle:,.0f}" if middle >= 100 else f"{middle:.2f}"
        lines.append(f'<text x="{_LABEL + max(values) * scale + 8:.1f}" y="{top + 13}">{shown}</text>')
    return "\n".join([*lines, "</svg>"]) + "\n"
