"""What travels to a Ray cluster, and what goes wrong on the way; real actors are in test_distributed_engines.py."""

from __future__ import annotations

import signal
import sys
from typing import Any

import pytest

from fasteval.distributed.ray_cluster import Parcels, RayCluster
from fasteval.errors import EngineError, UsageError
from fasteval.models.host.wire import Frame

ray = pytest.importorskip("ray")
LARGE = 100_000


@pytest.fixture
def stored(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Stands for the object store: a reference is the number of what was put there."""
    store: list[bytes] = []

    def put(blob: bytes) -> int:
        store.append(blob)
        return len(store) - 1

    monkeypatch.setattr(ray, "put", put)
    return store


def frame(**media: bytes) -> Frame:
    fields = [{"content_id": name, "source": number} for number, name in enumerate(media)]
    return Frame("requests", {"requests": [], "media": fields}, tuple(media.values()))


def test_a_large_medium_is_put_into_the_object_store_once(stored: list[bytes]) -> None:
    parcels, large, small = Parcels(), b"x" * LARGE, b"y" * (LARGE - 1)
    assert [0, small] == parcels.wrap(frame(large=large, small=small))
    assert [0] == parcels.wrap(frame(large=large))
    assert [large] == stored


def test_what_was_used_longest_ago_leaves_the_object_store(stored: list[bytes]) -> None:
    parcels = Parcels(bytes_kept=2 * LARGE)
    for name in ("a", "b", "a", "c", "a", "b"):
        parcels.wrap(frame(**{name: name.encode() * LARGE}))
    assert b"abcb" == b"".join(blob[:1] for blob in stored)


def test_a_medium_that_is_a_path_travels_as_one(stored: list[bytes]) -> None:
    requests = Frame("requests", {"requests": [], "media": [{"content_id": "a", "source": "/a.png"}]})
    assert [] == Parcels().wrap(requests) == stored


def test_ray_that_is_not_installed_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UsageError, match=r"pip install 'fasteval\[ray\]'"):
        RayCluster(None, {}, gpus=1)


def test_an_option_that_ray_does_not_have_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray, "is_initialized", lambda: True)
    with pytest.raises(UsageError, match=r"--ray_args: .*num_cpu"):
        RayCluster(None, {"num_cpu": 1}, gpus=1)


def test_a_run_still_ends_on_sigterm_in_its_own_way(monkeypatch: pytest.MonkeyPatch) -> None:
    def init(**_options: Any) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)

    monkeypatch.setattr(ray, "init", init)
    before = signal.getsignal(signal.SIGTERM)
    RayCluster(None, {}, gpus=1)
    assert before == signal.getsignal(signal.SIGTERM)


def test_an_address_without_a_cluster_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def init(**_options: Any) -> None:
        raise ConnectionError("Could not find any running Ray instance")

    monkeypatch.setattr(ray, "init", init)
    with pytest.raises(EngineError, match="no Ray cluster at auto: Could not find"):
        RayCluster("auto", {}, gpus=1)
