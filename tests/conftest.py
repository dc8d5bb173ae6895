"""Settings that hold for every test."""

from __future__ import annotations

import pytest
from hypothesis import settings

# A loaded machine must not fail a law: no deadline, and the same examples every time.
settings.register_profile("fasteval", deadline=None, derandomize=True)
settings.load_profile("fasteval")


@pytest.fixture(autouse=True)
def _own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keeps tests away from the user's cache and from each other's."""
    monkeypatch.setenv("FASTEVAL_CACHE", str(tmp_path_factory.mktemp("fasteval-cache")))
    monkeypatch.delenv("LMMS_EVAL_USE_CACHE", raising=False)
