"""`MediaInHand`: how much memory the media of the requests in hand take, so that large ones are fewer at a time."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from fasteval.models.host.media_decoder import decoded_bytes
from fasteval.models.vllm.kv_cache import total_memory

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fasteval.models.host.media_decoder import Decoded
    from fasteval.models.host.wire import HostRequest

__all__ = ["MediaInHand"]

# What a model is shown of a picture can take eight times as much as the picture: floats, and each patch twice.
_SHARE_OF_MEMORY, _LEAST = 32, 512 << 20


class MediaInHand:
    """Counts each medium once, however many requests show it."""

    def __init__(self, limit: int | None = None) -> None:
        """Takes the bytes of decoded media that are enough; a share of the machine's memory by default."""
        self._limit = max(_LEAST, total_memory() // _SHARE_OF_MEMORY) if limit is None else limit
        self._rows: dict[int, list[str]] = {}
        self._shown: Counter[str] = Counter()
        self._sizes: dict[str, int] = {}
        self._bytes = 0

    @property
    def has_room(self) -> bool:
        """Whether another request may come."""
        return self._bytes < self._limit

    def add(self, request: HostRequest, decoded: Sequence[Decoded]) -> None:
        """Counts the media of a request."""
        if decoded:
            self._rows[request.row] = names = [medium.content_id for medium in request.media]
            self._shown.update(names)
            for name, item in zip(names, decoded, strict=True):
                if name not in self._sizes:
                    self._sizes[name] = decoded_bytes(item)
                    self._bytes += self._sizes[name]

    def remove(self, rows: Iterable[int]) -> None:
        """Forgets the media of requests that are done with."""
        for row in rows:
            for name in self._rows.pop(row, ()):
                self._shown[name] -= 1
                if not self._shown[name]:
                    del self._shown[name]
                    self._bytes -= self._sizes.pop(name)
