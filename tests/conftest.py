"""Settings that hold for every test."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

import fasteval
from tests.chromium import HOW_TO_GET_ONE, launch_options
from tests.cli_stub import Evaluation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

# A loaded machine must not fail a law: no deadline, and the same examples every time.
settings.register_profile("fasteval", deadline=None, derandomize=True)
settings.load_profile("fasteval")


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keeps tests away from the user's cache and from each other's."""
    monkeypatch.setenv("FASTEVAL_CACHE", str(tmp_path_factory.mktemp("fasteval-cache")))
    monkeypatch.delenv("LMMS_EVAL_USE_CACHE", raising=False)


@pytest.fixture
def evaluation(monkeypatch: pytest.MonkeyPatch) -> Iterator[Evaluation]:
    """Puts a run that only remembers its settings in the place of the real one."""
    fake = Evaluation()
    module = ModuleType("fasteval.evaluation")
    module.__path__ = [str(Path(fasteval.__file__).parent / "evaluation")]
    module.evaluate = fake.evaluate  # type: ignore[attr-defined]  # a module is what one puts in it
    monkeypatch.setitem(sys.modules, "fasteval.evaluation", module)
    for name in ("RANK", "WORLD_SIZE", "LMMS_EVAL_USE_CACHE"):
        monkeypatch.delenv(name, raising=False)
    yield fake
    logging.getLogger("fasteval").setLevel(logging.NOTSET)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A real Chromium, one for the tests of a module: while it runs, no other event loop can."""
    options = launch_options()
    if options is None:
        pytest.skip(HOW_TO_GET_ONE)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(**options)
        yield started
        started.close()
