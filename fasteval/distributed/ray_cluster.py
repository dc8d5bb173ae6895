"""`RayCluster`: the Ray cluster on whose nodes engine hosts are started, and what is sent there only once."""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections import OrderedDict
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from fasteval.errors import EngineError, UsageError
from fasteval.models.vllm.distribution import is_cpu_build

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fasteval.models.engine_config import EngineConfig
    from fasteval.models.host.process import Host
    from fasteval.models.host.wire import Frame

__all__ = ["Parcels", "RayCluster"]

# Smaller ones travel in the message itself, as Ray does it with arguments up to this size.
_LARGE = 100_000
# What is kept in the object store for nodes that may still ask for it.
_BYTES_KEPT = 512 << 20


class Parcels:
    """Large media in Ray's object store: put there once, each node fetches them once. Any thread may use it."""

    def __init__(self, bytes_kept: int = _BYTES_KEPT) -> None:
        """Begins with nothing in the store, and keeps so much there at most."""
        self._references: OrderedDict[str, tuple[Any, int]] = OrderedDict()
        self._bytes_kept, self._bytes = bytes_kept, 0
        self._lock = threading.Lock()

    def wrap(self, frame: Frame) -> list[Any]:
        """Returns the blobs of a message, large media as references that Ray resolves on arrival."""
        names = {medium["source"]: medium["content_id"] for medium in frame.fields.get("media", ())}
        return [
            self._reference(names[number], blob) if len(blob) >= _LARGE and number in names else blob
            for number, blob in enumerate(frame.blobs)
        ]

    def _reference(self, name: str, blob: bytes) -> Any:
        import ray

        with self._lock:
            if name not in self._references:
                self._references[name] = ray.put(blob), len(blob)
                self._bytes += len(blob)
            self._references.move_to_end(name)
            reference, _ = self._references[name]
            while self._bytes > self._bytes_kept and len(self._references) > 1:
                _, (_, size) = self._references.popitem(last=False)
                self._bytes -= size
        return reference


class RayCluster:
    """A connection to a cluster; one that this process had already is left open at the end."""

    def __init__(self, address: str | None, options: Mapping[str, Any], *, gpus: int) -> None:
        """Connects.

        Args:
            address: the cluster's; None for `RAY_ADDRESS`, the cluster of this machine, or else one of its own.
            options: what each replica's actor needs, as Ray names it; by default the GPUs of one engine, or one core
                where vLLM is built for CPUs, on as many nodes as possible.
            gpus: how many GPUs one engine takes.

        Raises:
            UsageError: Ray is not installed, or it refuses an option.
            EngineError: there is no cluster at the address.
        """
        try:
            import ray
        except ImportError:
            raise UsageError("--executor ray needs Ray: pip install 'fasteval[ray]'") from None
        from fasteval.distributed.ray_host import HostKeeper

        self._was_connected = ray.is_initialized()
        if not self._was_connected:
            os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # of a cluster of our own
            try:
                with _own_handler(signal.SIGTERM):
                    ray.init(address=address, logging_level=logging.WARNING, log_to_driver=False)
            except (ConnectionError, RuntimeError, ValueError) as error:
                raise EngineError(f"no Ray cluster at {address or 'this machine'}: {error}") from error
        defaults: dict[str, Any] = {"num_cpus": 1} if is_cpu_build() else {"num_gpus": gpus}
        options = {"scheduling_strategy": "SPREAD", **defaults, **options}
        try:
            self._actor = ray.remote(concurrency_groups={"receiving": 1})(HostKeeper).options(**options)
        except (TypeError, ValueError) as error:
            self.close()
            raise UsageError(f"--ray_args: {error}") from error
        self._parcels = Parcels()

    def launch(self, config: EngineConfig, *, send_timeout: float) -> Host:
        """Starts a host on a node (see `fasteval.models.host.process.Launch`)."""
        from fasteval.distributed.ray_host import RayHost

        return RayHost(self._actor, self._parcels, config, send_timeout=send_timeout)

    def close(self) -> None:
        """Disconnects, and ends a cluster that was this run's own."""
        import ray

        if not self._was_connected:
            ray.shutdown()


@contextmanager
def _own_handler(number: signal.Signals) -> Iterator[None]:
    """Keeps a signal's handler: `ray.init` puts one of its own there, which ends a run and keeps nothing."""
    before = signal.getsignal(number)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():  # no other may set one, and neither may Ray
            signal.signal(number, before)
