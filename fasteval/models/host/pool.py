"""`HostPool`: engine hosts that outlive their engines, so that the next checkpoint finds its imports done."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from fasteval.models.checkpoint.fingerprint import fingerprint_parts
from fasteval.models.host.wire import Frame

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping
    from pathlib import Path

    from fasteval.models.engine_config import EngineConfig
    from fasteval.models.host.process import Host, Launch

__all__ = ["HostPool"]

_WEIGHTS = (".safetensors", ".safetensors.index.json", ".bin", ".bin.index.json", ".pt", ".pth", ".gguf")


class HostPool:
    """Keeps the hosts whose engines were closed, one a place, and hands them to the next engine that may have them.

    An engine of the same weights is taken over as it is. Where nothing but the weights differs, the host frees its
    engine and makes a new one, caches and all: on CPU vLLM's way of reloading weights in place leaves copies of the
    old ones behind, and on GPUs nobody has verified it yet. Everything else is a fresh start.
    """

    def __init__(self, cache_folder: Path | None = None) -> None:
        """Keeps nothing yet; `cache_folder` is where digests of large files are remembered."""
        self._cache_folder = cache_folder
        self._parked: dict[Hashable, _PooledHost] = {}

    def launch(self, place: Hashable, launch: Launch) -> Launch:
        """Returns what starts a host as `launch` does, or takes over the one that is kept from the same place."""

        def start(config: EngineConfig, *, send_timeout: float) -> Host:
            parts = fingerprint_parts(config, self._cache_folder)
            parked = self._parked.pop(place, None)
            if parked is not None:
                if parked.take_over(config, parts):
                    return parked
                parked.end()
            park = partial(self._parked.__setitem__, place)
            return _PooledHost(launch(config, send_timeout=send_timeout), config, parts, park)

        return start

    def close(self) -> None:
        """Stops the hosts that are kept."""
        while self._parked:
            self._parked.popitem()[1].end()


class _PooledHost:
    """A host that is kept when its engine stops it."""

    def __init__(
        self, host: Host, config: EngineConfig, parts: Mapping[str, Any], park: Callable[[_PooledHost], None]
    ) -> None:
        self._host, self._config, self._parts, self._park = host, config, parts, park
        self._is_stale = False  # what it says still concerns the engine before

    def take_over(self, config: EngineConfig, parts: Mapping[str, Any]) -> bool:
        """Has the host load what another engine wants; returns False where that takes a fresh start."""
        is_alike = replace(config, checkpoint=self._config.checkpoint) == self._config
        has_gone = self._host.has_ended or self._host.is_stuck
        if has_gone or not is_alike or _without_weights(parts) != _without_weights(self._parts):
            return False
        keeps = parts == self._parts
        self._host.send(Frame("configure", {"config": config.to_dict(), "keeps_engine": keeps}))
        self._config, self._parts, self._is_stale = config, parts, True
        return True

    def receive(self, timeout: float) -> Frame | None:
        """Returns the next message; answers that an earlier engine did not wait for are dropped."""
        frame = self._host.receive(timeout)
        if frame is None or not self._is_stale:
            return frame
        self._is_stale = frame.type != "ready"
        return None if frame.type == "completions" else frame

    def stop(self) -> None:
        """Keeps the host for the next engine."""
        self._park(self)

    def end(self) -> None:
        """Stops the host for good."""
        self._host.stop()

    def __getattr__(self, name: str) -> Any:
        """Everything else is the host's own."""
        return getattr(self._host, name)


def _without_weights(parts: Mapping[str, Any]) -> dict[str, Any]:
    files = {name: digest for name, digest in parts["checkpoint"].items() if not name.endswith(_WEIGHTS)}
    return {**parts, "checkpoint": files}
