"""Compiles a text task's requests to one table, and reports time and memory."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import click

from benchmarks.measure import report


def anonymous_memory() -> int:
    """Returns the memory of this process that is not a file's, in bytes."""
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Anonymous:"))


@click.command()
@click.option("--folder", required=True, help="The task's folder.")
@click.option("--task", "name", required=True)
def main(folder: str, name: str) -> None:
    """Compiles the task's requests."""
    from fasteval.tasks import TaskManager

    task = TaskManager(include_path=[folder]).load_task_or_group([name])[name]
    task.docs[0]  # what loading the data set takes is not what compiling takes
    before = peak = anonymous_memory()
    ended = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not ended.wait(0.05):
            peak = max(peak, anonymous_memory())

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    started = time.perf_counter()
    table = task.build_all_requests()
    seconds = time.perf_counter() - started
    ended.set()
    watcher.join()
    text, rows = len(table.text_values), len(table)
    kept = (anonymous_memory() - before - text) / rows
    report(compile=seconds, rows=rows, text=text / rows, bytes_at_peak=(peak - before - text) / rows, bytes_kept=kept)


if __name__ == "__main__":
    main()
