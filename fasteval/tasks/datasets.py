"""`Documents`: one split of a data set, read document by document, its media left encoded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import xxhash

from fasteval.errors import DatasetError, DocumentError
from fasteval.media import LazyAudio, LazyImage, LazyVideo
from fasteval.tasks.canonical import document_digest, media_in
from fasteval.tasks.mapped import MappedFiles

if TYPE_CHECKING:
    from collections.abc import Iterable

    import datasets
    from PIL import Image

__all__ = ["Documents", "fresh"]

#: Rows that are read at once, and how many such blocks are kept: answers come nearly in the order of the documents.
_BLOCK, _BLOCKS_KEPT = 128, 8
# Values of these types may stand in several documents: nobody can change them.
_SHARED = frozenset({str, int, float, bool, type(None)})

#: What a column's stored media become, by the column's type.
_LAZY: dict[str, Callable[[Any], Any]] = {"Image": LazyImage, "Video": LazyVideo, "Audio": LazyAudio}
_SERVERS = ("http://", "https://", "ftp://", "s3://", "gs://", "file://")


class Documents(Sequence[dict[str, Any]]):
    """Documents of a `datasets.Dataset` or of a list of dicts; each is read when it is indexed, and fresh each time.

    Images come as `LazyImage`s, videos as `LazyVideo`s and sounds as `LazyAudio`s, at whatever depth they stand.
    """

    def __init__(self, data: Any) -> None:
        """Wraps `data`, a `datasets.Dataset` (nothing is read yet) or a list of dicts.

        Raises:
            DatasetError: `data` is neither a `Dataset` nor a sequence of dicts.
        """
        self._data = data
        self._digest: str | None = None
        if hasattr(data, "features"):
            self._read = _arrow_reader(data)
            self.column_names: list[str] = list(data.column_names)
            self.media_columns: list[str] = [name for name, kind in data.features.items() if _holds_media(kind)]
        elif isinstance(data, Sequence) and not isinstance(data, str) and all(isinstance(doc, dict) for doc in data):
            self._read = data.__getitem__
            self.column_names = list(dict.fromkeys(name for doc in data for name in doc))
            with_media = {
                name for doc in data for name, value in doc.items() if next(media_in(value), None) is not None
            }
            self.media_columns = [name for name in self.column_names if name in with_media]
        else:
            raise DatasetError(f"expected a datasets.Dataset or a list of dicts, got {type(data).__name__}")

    def __len__(self) -> int:
        """The number of documents."""
        return len(self._data)

    @overload
    def __getitem__(self, index: int) -> dict[str, Any]: ...

    @overload
    def __getitem__(self, index: slice) -> Documents: ...

    def __getitem__(self, index: int | slice) -> dict[str, Any] | Documents:
        """Returns one document, or the documents of a slice."""
        if isinstance(index, slice):
            return self.select(range(*index.indices(len(self))))
        position = index + len(self) if index < 0 else index
        if not 0 <= position < len(self):
            raise IndexError(f"document {index} of {len(self)}")
        return fresh(self._read(position))

    def shared(self, indices: Iterable[int]) -> list[dict[str, Any]]:
        """Returns documents that nobody may change: they are not fresh."""
        return list(map(self._read, indices))

    def select(self, indices: Iterable[int]) -> Documents:
        """Returns the documents at `indices`, in that order."""
        if hasattr(self._data, "features"):
            return Documents(self._data.select(list(indices)))
        return Documents([self._data[index] for index in indices])

    @property
    def is_list(self) -> bool:
        """Whether these are dicts in memory, so that `fingerprint` is a digest of all that they say."""
        return not hasattr(self._data, "features")

    @property
    def fingerprint(self) -> str:
        """A digest of the data and of what was done to them: the one that `datasets` keeps, or the list's content."""
        if self._digest is None:
            known = getattr(self._data, "_fingerprint", None)
            self._digest = str(known) if known else self._content_digest()
        return self._digest

    def _content_digest(self) -> str:
        hasher = xxhash.xxh3_128()
        for doc in self:
            hasher.update(document_digest(doc))
        return hasher.hexdigest()


def fresh(doc: dict[str, Any]) -> dict[str, Any]:
    """Returns the document for code that may change it: its containers are copied, what is in them is shared."""
    return {key: entry if type(entry) in _SHARED else _copy(entry) for key, entry in doc.items()}


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return fresh(value)
    if isinstance(value, list):
        return value.copy() if _SHARED.issuperset(map(type, value)) else [_copy(entry) for entry in value]
    return value


def _arrow_reader(data: datasets.Dataset) -> Callable[[int], dict[str, Any]]:
    import datasets

    features = datasets.Features({name: _undecoded(kind) for name, kind in data.features.items()})
    # Arrow rows are the stored ones; decoding them here with other features costs nothing, where a cast rewrites.
    table = data.with_format("arrow")
    with_media = {name: kind for name, kind in features.items() if _holds_media(kind)}

    if not any(_is_decoded(kind) for kind in features.values()):
        return _block_reader(table)

    mapped = MappedFiles(entry["filename"] for entry in data.cache_files)

    def read(index: int) -> dict[str, Any]:
        stored = table[index : index + 1]
        mapped.has_read(stored.nbytes)
        columns = stored.to_pydict()
        row: dict[str, Any] = features.decode_example({name: values[0] for name, values in columns.items()})
        for name, kind in with_media.items():
            row[name] = _lazy(row[name], kind)
        return row

    return read


def _block_reader(table: datasets.Dataset) -> Callable[[int], dict[str, Any]]:
    """Returns the reader of a table whose stored values are its documents: many rows cost little more than one."""

    @lru_cache(_BLOCKS_KEPT)
    def block(number: int) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = table[number * _BLOCK : (number + 1) * _BLOCK].to_pylist()
        return rows

    def read(index: int) -> dict[str, Any]:
        return block(index // _BLOCK)[index % _BLOCK]

    return read


def _is_decoded(kind: Any) -> bool:
    """Whether the feature, or one within it, gives something else than what is stored."""
    if isinstance(kind, dict):
        return any(_is_decoded(entry) for entry in kind.values())
    if isinstance(kind, list):
        return any(_is_decoded(entry) for entry in kind)
    return hasattr(kind, "decode_example") or (hasattr(kind, "feature") and _is_decoded(kind.feature))


def _undecoded(kind: Any) -> Any:
    """Returns the feature with every image, audio and video in it left encoded."""
    import datasets

    if isinstance(kind, dict):
        return {name: _undecoded(entry) for name, entry in kind.items()}
    if isinstance(kind, list):
        return [_undecoded(entry) for entry in kind]
    name = type(kind).__name__
    if name in ("Image", "Audio", "Video", "Pdf", "Nifti"):
        return type(kind)(decode=False)
    if name in ("List", "LargeList", "Sequence"):
        length = {"length": kind.length} if name != "LargeList" else {}
        return getattr(datasets, name)(_undecoded(kind.feature), **length)
    return kind


def _lazy(value: Any, kind: Any) -> Any:
    """Returns the stored value with its media as lazy ones."""
    if value is None or not _holds_media(kind):
        return value
    if isinstance(kind, dict):
        return {key: _lazy(value[key], entry) for key, entry in kind.items()}
    if isinstance(kind, list):
        return [_lazy(entry, kind[0]) for entry in value]
    if hasattr(kind, "feature"):
        if isinstance(value, dict):  # the old Sequence of a dict is stored as a dict of lists
            return {key: [_lazy(entry, kind.feature[key]) for entry in value[key]] for key in value}
        return [_lazy(entry, kind.feature) for entry in value]
    return _lazy_medium(value, type(kind).__name__)


def _lazy_medium(stored: dict[str, Any], kind: str) -> Any:
    make = _LAZY.get(kind)
    if make is None:
        return stored
    if stored["bytes"] is not None:
        return make(stored["bytes"])
    name = kind.lower()
    if stored["path"] is None:
        raise DocumentError(f"{name} without bytes and without a path")
    if Path(stored["path"]).is_file():
        return make(stored["path"])
    if stored["path"].startswith(_SERVERS):
        # What a document names is data: it must not make this machine call wherever it likes.
        raise DocumentError(f"the {name} is on a server, which is not asked: {stored['path']}")
    if kind != "Image":
        raise DocumentError(f"there is no {name} file {stored['path']}")
    import datasets

    # A file inside an archive, or on the Hub: `datasets` knows how to open it.
    image: Image.Image = datasets.Image().decode_example(stored)
    return image


def _holds_media(kind: Any) -> bool:
    if isinstance(kind, dict):
        return any(_holds_media(entry) for entry in kind.values())
    if isinstance(kind, list):
        return any(_holds_media(entry) for entry in kind)
    if type(kind).__name__ in ("Image", "Audio", "Video"):
        return True
    return hasattr(kind, "feature") and _holds_media(kind.feature)
