"""How a run shows that it is alive."""

from __future__ import annotations

import io

import pytest

from fasteval.results.progress import PlainProgress, Progress, RichProgress, SilentProgress, choose_progress


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
    progress.start(100, 20)
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


def test_plain_progress_writes_a_line_every_ten_seconds_of_a_slow_run() -> None:
    stream, clock = io.StringIO(), Clock()
    progress = PlainProgress(stream, clock)
    progress.start(100_000, 0)
    for _ in range(25):
        clock.now += 1.0
        progress.advance(1)
    assert 1 + 2 == len(stream.getvalue().splitlines())


def test_plain_progress_of_a_fast_run_is_two_lines() -> None:
    stream = io.StringIO()
    progress = PlainProgress(stream, Clock())
    progress.start(50, 0)
    for _ in range(50):
        progress.advance()
    assert 2 == len(stream.getvalue().splitlines())
    assert "50/50 requests (100%)" in stream.getvalue()


def test_requests_that_are_added_later_move_the_end() -> None:
    stream, clock = io.StringIO(), Clock()
    progress = PlainProgress(stream, clock)
    progress.start(2, 0)
    progress.start(4, 0)
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
    progress.start(10, 3)
    progress.advance(2, "mme[/]")
    progress.message("[red]hello[/red] \x1b[2J")
    progress.stop()
    progress.stop()
    assert "[red]hello[/red] [2J" in stream.getvalue()
    assert "5/10" in stream.getvalue()


@pytest.mark.parametrize(("stream", "kind"), [(Terminal(), RichProgress), (io.StringIO(), PlainProgress)])
def test_a_terminal_gets_a_bar_and_a_log_gets_lines(stream: io.StringIO, kind: type) -> None:
    assert kind is type(choose_progress(stream))


def test_silent_progress_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    progress: Progress = SilentProgress()
    progress.stage("loading")
    progress.start(2, 1)
    progress.advance(1, "mme")
    progress.message("hello")
    progress.stop()
    assert ("", "") == capfd.readouterr()
