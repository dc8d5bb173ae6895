"""Media in an engine host: decoded ahead of their turn, each once, and counted while the backend has them in hand."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter, OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

from PIL import Image, ImageOps

from fasteval.errors import FastEvalError, RequestError
from fasteval.media import DecodedAudio, DecodedVideo, decode_frames, decode_image, decode_sound, eight_bits
from fasteval.media.opening import max_pixels
from fasteval.models.vllm.kv_cache import total_memory

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fasteval.media import Media
    from fasteval.models.host.wire import HostRequest

__all__ = ["Decoded", "MediaDecoder", "MediaInHand", "decoded_bytes", "to_rgb"]

#: A decoded medium.
Decoded = Image.Image | DecodedVideo | DecodedAudio

# What is kept of decoded media for the requests that follow.
_BYTES_KEPT = 256 << 20
# A video can be a gigabyte: so many are decoded, or about to be, before their turn.
_VIDEOS_AHEAD = 2
# Of what is decoded before its turn no more is begun with beyond this: a large photo takes 100 MB.
_BYTES_AHEAD = 256 << 20
# What a model is shown of a picture can take eight times as much as the picture: floats, and each patch twice.
_SHARE_OF_MEMORY, _LEAST = 32, 512 << 20


class MediaDecoder:
    """Decodes media in threads (decoders release the interpreter lock), and keeps what was used last.

    Used by one thread. A medium that cannot be decoded is an error for each request that shows it.
    """

    def __init__(self, threads: int | None = None, bytes_kept: int = _BYTES_KEPT) -> None:
        """Starts no thread yet.

        Args:
            threads: how many at most; by default one a core, but no more than four.
            bytes_kept: how much may stay decoded after its request has gone on.

        Raises:
            UsageError: the environment sets a limit of pixels that is no number.
        """
        max_pixels()
        self._pool = ThreadPoolExecutor(threads or min(4, os.cpu_count() or 1), "decode")
        self._bytes_kept = bytes_kept
        self._futures: OrderedDict[str, Future[Decoded]] = OrderedDict()
        self._sizes: dict[str, int] = {}
        self._kept = 0
        self._ahead: set[str] = set()
        self._waiting: dict[str, tuple[Future[Decoded], int]] = {}
        self._timing = threading.Lock()
        #: Seconds that the threads were at work, added up.
        self.busy = 0.0
        #: How many media were decoded, by kind.
        self.decoded: Counter[str] = Counter(image=0)

    def prefetch(self, media: Sequence[Media]) -> None:
        """Begins to decode, unless enough waits already; returns at once. Of videos only the next are begun with."""
        for medium in media:
            if medium.content_id not in self._futures and self._waiting_bytes() >= _BYTES_AHEAD:
                return
            if medium.kind != "video" or medium.content_id in self._futures:
                self._future(medium)
            elif len(self._ahead) < _VIDEOS_AHEAD:
                self._ahead.add(medium.content_id)
                self._future(medium)

    def is_decoded(self, media: Sequence[Media]) -> bool:
        """Whether `decode` would return at once."""
        return all(self._future(medium).done() for medium in media)

    def decode(self, media: Sequence[Media]) -> tuple[Decoded, ...]:
        """Returns the media, pictures in RGB, waiting for them if need be.

        Raises:
            RequestError: one of them cannot be decoded.
            UnsupportedError: a package that this takes is not installed.
        """
        self._ahead.difference_update(medium.content_id for medium in media)
        decoded = tuple(self._future(medium).result() for medium in media)
        for medium, item in zip(media, decoded, strict=True):
            self._waiting.pop(medium.content_id, None)
            if medium.content_id not in self._sizes:
                self._sizes[medium.content_id] = decoded_bytes(item)
                self._kept += self._sizes[medium.content_id]
        self._evict()
        return decoded

    def _future(self, medium: Media) -> Future[Decoded]:
        future = self._futures.get(medium.content_id)
        if future is None:
            future = self._futures[medium.content_id] = self._pool.submit(self._timed, medium)
            self._waiting[medium.content_id] = future, _expected_bytes(medium)
            self.decoded[medium.kind] += 1
        self._futures.move_to_end(medium.content_id)
        return future

    def _timed(self, medium: Media) -> Decoded:
        started = time.perf_counter()
        try:
            return _decode(medium)
        finally:
            with self._timing:
                self.busy += time.perf_counter() - started

    def _waiting_bytes(self) -> int:
        """Returns how much memory is or will be taken by what is decoded before its turn."""
        return sum(
            decoded_bytes(future.result()) if future.done() and future.exception() is None else expected
            for future, expected in self._waiting.values()
        )

    def _evict(self) -> None:
        """Drops what was used longest ago; a request that has its media keeps them alive by itself."""
        if self._kept <= self._bytes_kept:
            return  # nearly always: the names need not be listed
        for content_id in list(self._futures):
            if self._kept <= self._bytes_kept:
                return
            if content_id in self._sizes:
                del self._futures[content_id]
                self._kept -= self._sizes.pop(content_id)

    def clear(self) -> None:
        """Forgets all media."""
        self._futures.clear()
        self._sizes.clear()
        self._ahead.clear()
        self._waiting.clear()
        self._kept = 0

    def close(self) -> None:
        """Stops the threads."""
        self._pool.shutdown(wait=False, cancel_futures=True)


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


def to_rgb(image: Image.Image) -> Image.Image:
    """Returns the picture upright (by its EXIF orientation) and in RGB, transparency on white.

    The same for all engines, and what vLLM does with pictures itself, but for 16-bit greys (see `eight_bits`).
    """
    image = eight_bits(ImageOps.exif_transpose(image))
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if not image.has_transparency_data:
        return image.convert("RGB")
    image = image.convert("RGBA")
    opaque = Image.new("RGB", image.size, (255, 255, 255))
    opaque.paste(image, mask=image.getchannel("A"))
    return opaque


def decoded_bytes(decoded: Decoded) -> int:
    """Returns how much memory a decoded medium takes."""
    if isinstance(decoded, Image.Image):
        return decoded.width * decoded.height * 3
    return (decoded.frames if isinstance(decoded, DecodedVideo) else decoded.samples).nbytes


def _expected_bytes(medium: Media) -> int:
    """Returns how much memory a medium is going to take, roughly: photographs are stored in a tenth of it or less."""
    if isinstance(medium.source, bytes):
        return len(medium.source) * (1 if medium.raw else 16)
    try:
        return os.stat(medium.source).st_size * 16  # noqa: PTH116 - no object is needed for a number
    except OSError:  # decoding will say so
        return 0


def _decode(medium: Media) -> Decoded:
    try:
        if medium.kind == "video":
            return decode_frames(medium)
        return decode_sound(medium) if medium.kind == "audio" else to_rgb(decode_image(medium))
    except (FastEvalError, MemoryError):
        raise
    except Exception as error:  # decoders of broken files raise all sorts of errors
        raise RequestError(f"unreadable {medium.kind}: {type(error).__name__}: {error}") from error
