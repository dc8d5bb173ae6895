"""What measures fasteval: programs run in turn, figures read from them, and a page that only says what was measured."""

from __future__ import annotations

import re
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.fasteval_run import steady_seconds
from benchmarks.measure import interleave, median, run_program
from benchmarks.page import BENCHMARKS, write_page
from benchmarks.record import Record, agreement

if TYPE_CHECKING:
    from pathlib import Path


def test_programs_run_in_turn_and_slow_ones_fewer_times() -> None:
    order: list[str] = []

    def program(name: str) -> dict[str, Any]:
        order.append(name)
        return {"n": len(order)}

    figures = interleave({name: partial(program, name) for name in "abc"}, {"a": 3, "b": 1})
    assert ["a", "b", "c", "a", "c", "a", "c"] == order
    assert [1, 4, 6] == [run["n"] for run in figures["a"]]
    assert 4 == median(figures["a"], "n")


def test_a_measured_program_reports_its_figures() -> None:
    program = "from benchmarks.measure import report; print('noise'); report(answers=['x'], steady=2.5)"
    figures = run_program([sys.executable, "-c", program])
    assert (2.5, ["x"]) == (figures["steady"], figures["answers"])
    assert figures["seconds"] > 0


def test_memory_is_that_of_the_whole_process_tree() -> None:
    child = "import time; x = bytearray(60_000_000); time.sleep(1.5)"
    program = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    assert 60e6 < run_program([sys.executable, "-c", program])["peak_memory"] < 200e6


def test_a_program_that_fails_is_no_measurement() -> None:
    with pytest.raises(RuntimeError, match=r"ended with 3:\nlast words"):
        run_program([sys.executable, "-c", "print('last words'); raise SystemExit(3)"])


@pytest.mark.parametrize(
    ("expected", "load", "busy_load", "start"),
    [
        (11.0, 1.0, 1.0, 8.0),  # loaded before the engine started
        (11.0, 0.0, 1.0, 8.0),  # loaded while it started: counts all the same
        (12.5, 2.0, 2.5, 8.0),
        (10.0, 0.0, 5.0, 0.0),  # loaded while the engine worked: hidden for good
    ],
)
def test_steady_counts_loading_that_the_start_hides(
    expected: float, load: float, busy_load: float, start: float
) -> None:
    stages = {"start": start, "load": load, "engine": 10.0, "scoring": 3.0, "other": 2.0}
    assert expected == steady_seconds({"stages": stages, "busy": {"load": busy_load}})


def test_answers_are_compared_and_then_left_out_of_the_record() -> None:
    programs: dict[str, list[dict[str, Any]]] = {
        "plain": [{"answers": ["a", "b"]}, {"answers": ["a", "b"]}],
        "ours": [{"answers": ["a", "b"]}, {"answers": ["a", "c"]}],
    }
    assert {"plain": 1.0, "ours": 0.75} == agreement(programs, "plain")
    assert {"plain": [{}, {}], "ours": [{}, {}]} == programs


def test_the_page_says_what_the_records_say(tmp_path: Path) -> None:
    figures = {"bootstrap": 0.02, "draws": 100_000, "standard_error": 0.0117}
    peer = figures | {"bootstrap": 10.0, "draws": 2_000}
    Record("bootstrap", "quick", {"fasteval": [figures], "lm-eval": [peer]}).save(tmp_path / "benchmarks")
    page = write_page(tmp_path).read_text()
    assert re.search(r"\| bootstrap of F1, .* \| at least 50 \| 25,000 \| yes \|", page)
    assert "100,000" in page
    assert "## Small images" not in page
    assert "`small_images`, `photo_images`" in page.partition("## Not measured")[2]


def test_every_benchmark_measures_and_reports() -> None:
    assert all(callable(module.measure) and callable(module.report) for module in BENCHMARKS.values())
