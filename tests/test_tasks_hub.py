"""A Hub that does not answer is asked once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import datasets
import huggingface_hub

from fasteval.tasks.hub import go_offline_if_unreachable

if TYPE_CHECKING:
    import pytest


def test_a_hub_that_cannot_be_reached_puts_the_libraries_into_offline_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def refuse(*arguments: Any, **options: Any) -> None:
        asked.append(arguments)
        raise ConnectionError("nobody there")

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"):
        monkeypatch.setattr(datasets.config, name, False)
    monkeypatch.setattr(huggingface_hub.HfApi, "dataset_info", refuse)
    go_offline_if_unreachable.cache_clear()
    go_offline_if_unreachable()
    go_offline_if_unreachable()
    assert 1 == len(asked)
    assert huggingface_hub.constants.HF_HUB_OFFLINE
    assert datasets.config.HF_HUB_OFFLINE
    go_offline_if_unreachable.cache_clear()
