"""The targets of `benchmarks.fuzz`, with fixed seeds: nothing but a FastEvalError comes out of a parser."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.fuzz import TARGETS, check

EXAMPLES = {"task_file": 60, "cache_lines": 100, "model_args": 100}


@pytest.mark.parametrize("name", TARGETS)
def test_nothing_but_an_error_in_words_comes_out(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    target = TARGETS[name]

    @settings(max_examples=EXAMPLES.get(name, 300), suppress_health_check=list(HealthCheck))
    @given(target.inputs)
    def feed(value: Any) -> None:
        check(target, value)

    feed()


def test_a_fault_is_found() -> None:
    from benchmarks.fuzz import Target, _run

    def faulty(number: int) -> None:
        if number > 1000:
            raise KeyError(number)

    count, failure = _run(Target(st.integers(), faulty), seconds=5)
    assert count >= 1
    assert "KeyError: 1001" in failure
