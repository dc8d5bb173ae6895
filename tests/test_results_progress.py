"""How a run shows that it is alive."""

from __future__ import annotations

import io
import math
import re
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fasteval.results.bars import RichProgress
from fasteval.results.pace import Pace, RunningScore, TaskLoad
from fasteval.results.progress import PlainProgress, Progress, SilentProgress, choose_progress


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_plain_progress_writes_a_line_at_each_tenth_with_rate_time_left_and_cache_hits() -> None:
    stream, clock = io.StringIO(), Clock()
    progress = PlainProgress(stream, clock)
    progress.start({"mme": TaskLoad(60, 20), "pope": TaskLoad(40)})
    for _ in range(20):
        clock.now += 0.5
        progress.advance(2, "mme")
    assert stream.getvalue().splitlines() == [
        "fasteval: 100 requests, 20 of them answered from the cache",
        "fasteval: 30/100 requests (30%), 4.0 requests/s, 18 s left, 20 from the cache",
        "fasteval: 40/100 requests (40%), 4.0 requests/s, 15 s left, 20 from the cache",
        "fasteval: 50/100 requests (50%), 4.0 requests/s, 12 s left, 20 from the cache",
        "fasteval: 60/100 requests (60%), 4.0 requests/s, 10 s left, 20 from the cache",
    ]


def scored(*values: float) -> RunningScore:
    score = RunningScore("acc")
    for value in values:
        score.add(value)
    return score


@given(st.lists(st.floats(0, 1), min_size=2, max_size=40))
def test_the_running_score_is_the_mean_and_its_interval(values: list[float]) -> None:
    score = scored(*values)
    assert pytest.approx(statistics.mean(values)) == score.mean
    assert pytest.approx(1.96 * statistics.stdev(values) / len(values) ** 0.5, abs=1e-9) == score.half_width


def test_a_running_score_of_one_document_has_no_interval_and_nan_counts_for_nothing() -> None:
    assert "acc 0.5000" == str(scored(0.5, math.nan))
    assert "acc 0.5000 ± 0.9800" == str(scored(0.0, 1.0))


def test_plain_progress_says_the_scores_so_far_and_where_the_time_goes() -> None:
    stream, clock = io.StringIO(), Clock()
    progress = PlainProgress(stream, clock)
    progress.start({"mme": TaskLoad(10)})
    progress.score("mme", scored(0.0, 1.0))
    progress.bottleneck("engine 93% of the time")
    progress.advance(1, "mme")
    clock.now += 2
    progress.advance(4, "mme")
    assert stream.getvalue().splitlines()[-1] == (
        "fasteval: 5/10 requests (50%), 2.0 requests/s, 2 s left; mme acc 0.5000 ± 0.9800; engine 93% of the time"
    )


def test_plain_progress_writes_a_line_every_ten_seconds_of_a_slow_run() -> None:
    stream, clock = io.StringIO(), Clock()
    progress = PlainProgress(stream, clock)
    progress.start({"mme": TaskLoad(100_000)})
    for _ in range(25):
        clock.now += 1.0
        progress.advance(1)
    assert 1 + 2 == len(stream.getvalue().splitlines())


def test_plain_progress_of_a_fast_run_is_two_lines() -> None:
    stream = io.StringIO()
    progress = PlainProgress(stream, Clock())
    progress.start({"mme": TaskLoad(50)})
    for _ in range(50):
        progress.advance()
    assert 2 == len(stream.getvalue().splitlines())
    assert "50/50 requests (100%)" in stream.getvalue()


def test_requests_that_are_added_later_move_the_end() -> None:
    stream, clock = io.StringIO(), Clock()
    progress = PlainProgress(stream, clock)
    progress.start({"mme": TaskLoad(2)})
    progress.start({"mme": TaskLoad(4)})
    progress.advance(2)
    clock.now = 11
    progress.advance(1)
    assert "3/4 requests (75%)" in stream.getvalue()


def test_messages_cannot_move_the_cursor() -> None:
    stream = io.StringIO()
    PlainProgress(stream).message("bad \x1b[2J\nname")
    assert "fasteval: bad [2J name\n" == stream.getvalue()


def test_rich_progress_shows_markup_as_it_is() -> None:
    stream = Terminal()
    progress = RichProgress(stream)
    progress.stage("loading [bold]x[/bold]")
    progress.start({"mme[/]": TaskLoad(10, 3)})
    progress.advance(2, "mme[/]")
    progress.message("[red]hello[/red] \x1b[2J")
    progress.stop()
    progress.stop()
    assert "[red]hello[/red] [2J" in stream.getvalue()
    assert "5/10" in stream.getvalue()


def drawn(monkeypatch: pytest.MonkeyPatch, width: int, **environment: str) -> str:
    """Returns what a terminal of that width is shown of two tasks."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    stream, clock = Terminal(), Clock()
    progress = RichProgress(stream, clock)
    progress.stage("evaluating")
    progress.start({"mme": TaskLoad(100, 20), "pope": TaskLoad(100)})
    progress.bottleneck("engine 93% of the time")
    clock.now += 20  # an engine starts
    progress.advance(8, "mme")
    clock.now += 8
    progress.advance(32, "mme")
    progress.score("mme", scored(0.0, 1.0))
    progress.message("a line")
    progress.stop()
    return stream.getvalue()


def test_a_terminal_shows_each_task_with_rate_time_left_score_and_cache_hits(monkeypatch: pytest.MonkeyPatch) -> None:
    out = drawn(monkeypatch, 140)
    for text in (
        "evaluating", "60/200", "4.0/s · 35 s left · 20 cached", "engine 93% of the time",
        "  mme", "60/100", "10 s left", "acc 0.5000 ± 0.9800",
    ):  # fmt: skip
        assert text in out
    assert "pope" not in out  # nothing of it was asked yet


def test_the_rate_of_what_is_done_stays() -> None:
    clock = Clock()
    pace = Pace(clock)
    pace.start([TaskLoad(10)])
    clock.now = 100
    pace.add(2)
    clock.now = 104
    pace.add(8)
    clock.now = 1000
    assert (2.0, "", 1.0) == (pace.rate, pace.left, pace.share)


def test_a_narrow_terminal_shows_the_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    out = drawn(monkeypatch, 90)
    assert "━" not in out
    assert "acc 0.5000" in out


def test_colours_respect_no_color(monkeypatch: pytest.MonkeyPatch) -> None:
    colour = re.compile("\x1b\\[[0-9;]*(3[0-8]|9[0-7])(;[0-9;]*)?m")
    assert colour.search(drawn(monkeypatch, 140))
    assert not colour.search(drawn(monkeypatch, 140, NO_COLOR="1"))


@pytest.mark.parametrize(("stream", "kind"), [(Terminal(), RichProgress), (io.StringIO(), PlainProgress)])
def test_a_terminal_gets_a_bar_and_a_log_gets_lines(stream: io.StringIO, kind: type) -> None:
    assert kind is type(choose_progress(stream))


def test_silent_progress_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    progress: Progress = SilentProgress()
    progress.stage("loading")
    progress.start({"mme": TaskLoad(2, 1)})
    progress.score("mme", RunningScore("acc"))
    progress.bottleneck("engine")
    progress.advance(1, "mme")
    progress.message("hello")
    progress.stop()
    assert ("", "") == capfd.readouterr()
