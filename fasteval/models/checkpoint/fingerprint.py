"""Fingerprints: what identifies a model for the cache. Equal fingerprints mean equal answers, on any machine."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import xxhash

from fasteval.cache.folder import make_private
from fasteval.errors import CheckpointError
from fasteval.media import DEFAULT_FRAMES
from fasteval.models.checkpoint.engine_arguments import NEUTRAL_ARGUMENTS, PATH_ARGUMENTS
from fasteval.models.vllm.distribution import distribution_version, vllm_distribution

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from fasteval.models.engine_config import EngineConfig

__all__ = ["checkpoint_digest", "checkpoint_files", "engine_fingerprint", "fingerprint_of", "fingerprint_parts"]

# Raise it when the form changes, and no old answer is mistaken for a new one.
_FORM = b"fingerprint-1"
_SUFFIXES = frozenset(
    {".json", ".jinja", ".txt", ".model", ".tiktoken", ".py", ".safetensors", ".bin", ".pt", ".pth", ".gguf"}
)
# What training leaves beside the weights.
_BESIDES = ("optimizer", "scheduler", "scaler", "rng_state", "trainer_state", "training_args", "README")
_LARGE = 1 << 20
# A file may change twice within one tick of its time stamp: only what has rested for a while is remembered.
_REST_NS = 2_000_000_000


def engine_fingerprint(config: EngineConfig, cache_folder: Path | None = None) -> str:
    """Returns 32 hex digits for an engine; see `fingerprint_parts`."""
    return fingerprint_of(fingerprint_parts(config, cache_folder))


def fingerprint_of(parts: Mapping[str, Any]) -> str:
    """Returns 32 hex digits that differ wherever one of the parts does."""
    return xxhash.xxh3_128_hexdigest(_FORM + orjson.dumps(parts, option=orjson.OPT_SORT_KEYS, default=str))


def fingerprint_parts(config: EngineConfig, cache_folder: Path | None = None) -> dict[str, Any]:
    """Returns what tells an engine from others: kind and version, the checkpoint, and every argument that can matter.

    Args:
        config: the engine.
        cache_folder: where digests of large files are remembered between runs; None remembers nothing.

    Raises:
        CheckpointError: the checkpoint cannot be read.
    """
    arguments = {
        name: _argument(name, value, cache_folder)
        for name, value in config.arguments.items()
        if name not in NEUTRAL_ARGUMENTS and value is not None
    }
    if config.frames != DEFAULT_FRAMES:
        arguments["frames"] = config.frames.to_text()
    return {
        "backend": config.backend,
        "engine": vllm_distribution() if config.backend == "vllm" else None,
        "transformers": distribution_version("transformers"),
        "torch": distribution_version("torch"),
        "checkpoint": checkpoint_files(config.checkpoint, cache_folder),
        "dtype": config.dtype,
        # Decides where an answer without a limit of its own is cut, and the windows of a rolling log-likelihood.
        "max_model_len": config.max_model_len,
        "arguments": arguments,
        "rendering": config.rendering,
        "deterministic": config.deterministic,
    }


def _argument(name: str, value: Any, cache_folder: Path | None) -> Any:
    if name in PATH_ARGUMENTS and isinstance(value, str) and Path(value).is_dir():
        return checkpoint_digest(Path(value), cache_folder)
    return value


def checkpoint_digest(folder: Path, cache_folder: Path | None = None) -> str:
    """Returns 32 hex digits for what a checkpoint says: configuration, tokenizer, templates, code and weights.

    Its name and place do not matter, nor do files that no engine reads.

    Args:
        folder: the checkpoint.
        cache_folder: where digests of large files are remembered between runs; None remembers nothing.

    Raises:
        CheckpointError: a file cannot be read, or there is none.
    """
    hasher = xxhash.xxh3_128(_FORM)
    for entry in checkpoint_files(folder, cache_folder).items():
        hasher.update(orjson.dumps(entry))
    return hasher.hexdigest()


def checkpoint_files(folder: Path, cache_folder: Path | None = None) -> dict[str, str]:
    """Returns the digest of each file that `checkpoint_digest` looks at, by name, sorted.

    Raises:
        CheckpointError: a file cannot be read, or there is none.
    """
    memory = _Memory(cache_folder)
    try:
        files = {name: memory.digest(folder / name) for name in sorted(_files(folder))}
    except OSError as error:
        raise CheckpointError(f"the checkpoint cannot be read: {error}") from error
    if not files:
        raise CheckpointError(f"{folder} has no files of a checkpoint")
    memory.save()
    return files


def _files(folder: Path) -> Iterator[str]:
    """Yields the names of the files that an engine reads, relative to the folder."""
    for path in [*folder.iterdir(), *folder.glob("additional_chat_templates/*")]:
        if path.suffix in _SUFFIXES and not path.name.startswith((".", *_BESIDES)) and path.is_file():
            yield path.relative_to(folder).as_posix()


class _Memory:
    """Digests of large files, remembered by what changes whenever a file's contents do."""

    def __init__(self, cache_folder: Path | None) -> None:
        self._path = None if cache_folder is None else cache_folder / "digests.json"
        self._known: dict[str, str] = {}
        self._is_changed = False
        if self._path is not None and self._path.is_file():
            try:
                self._known = orjson.loads(self._path.read_bytes())
            except orjson.JSONDecodeError:
                self._known = {}  # half a file costs a second look at the weights, nothing else

    def digest(self, path: Path) -> str:
        """Returns the xxh3-128 of a file's contents."""
        real = path.resolve()
        status = real.stat()
        key = orjson.dumps([str(real), status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns]).decode()
        if key in self._known:
            return self._known[key]
        digest = _file_digest(real)
        if status.st_size >= _LARGE and time.time_ns() - status.st_ctime_ns > _REST_NS and real.stat() == status:
            self._known[key] = digest
            self._is_changed = True
        return digest

    def save(self) -> None:
        """Writes what is new; a failure costs time at the next run, not this run."""
        if self._path is None or not self._is_changed:
            return
        make_private(self._path.parent)
        descriptor, name = tempfile.mkstemp(dir=self._path.parent, prefix=".digests.")
        with os.fdopen(descriptor, "wb") as file:
            file.write(orjson.dumps(self._known))
        Path(name).replace(self._path)


def _file_digest(path: Path) -> str:
    hasher = xxhash.xxh3_128()
    with path.open("rb") as file:
        while chunk := file.read(1 << 22):
            hasher.update(chunk)
    return hasher.hexdigest()
