"""Unpacks archives that somebody else packed: nothing lands outside the folder, no link is made, sizes have limits."""

from __future__ import annotations

import io
import lzma
import shutil
import stat
import tarfile
import zipfile
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fasteval.errors import DatasetError
from fasteval.safety.paths import inside

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["Room", "unpack"]

_CHUNK = 1 << 20
_KEPT_FREE = 1 << 30
#: How often larger than its archives a data set may be: videos hardly shrink, and texts beside them ten times.
_MOST_TIMES, _ALWAYS_ALLOWED = 100, 1 << 30
_MOST_FILES = 5_000_000
_BROKEN = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    OSError,
    EOFError,
    ValueError,
    RuntimeError,  # of a zip file: it is encrypted
    NotImplementedError,  # or compressed in a way that Python does not know
)


@dataclass(slots=True)
class Room:
    """How much may still be unpacked.

    Attributes:
        size: bytes.
        files: files and folders.
    """

    size: int
    files: int = _MOST_FILES

    @classmethod
    def for_archives(cls, archives: Sequence[Path], folder: Path) -> Room:
        """Returns the room that there is for archives in a folder: on its disk, and in proportion to their size."""
        packed = sum(path.stat().st_size for path in archives)
        free = shutil.disk_usage(folder).free - _KEPT_FREE
        return cls(min(free, _ALWAYS_ALLOWED + _MOST_TIMES * packed))

    def take(self, size: int) -> None:
        """Takes the room of one file.

        Raises:
            ValueError: there is none.
        """
        self.size -= size
        self.files -= 1
        if self.size < 0 or self.files < 0:
            raise ValueError("it has more to unpack than there is room for on the disk, or than its size lets expect")


def unpack(parts: Sequence[Path], folder: Path, room: Room) -> None:
    """Unpacks one archive into a folder; files that are there already stay as they are.

    Args:
        parts: a zip file, or the parts of a tar file in order, compressed or not.
        folder: where its files go; nobody else may write there meanwhile.
        room: how much may be unpacked; what was is taken off.

    Raises:
        DatasetError: the archive is damaged, too large, or has a member that leads out of the folder or is no file
            and no folder. What was unpacked until then stays.
    """
    try:
        if parts[0].suffix.lower() == ".zip":
            _unpack_zip(parts[0], folder, room)
        else:
            _unpack_tar(parts, folder, room)
    except _BROKEN as error:
        raise DatasetError(f"{parts[0]} cannot be unpacked: {str(error) or type(error).__name__}") from error


def _unpack_zip(path: Path, folder: Path, room: Room) -> None:
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            target = inside(folder, entry.filename.replace("\\", "/"))
            kind = stat.S_IFMT(entry.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise ValueError(f"its member '{entry.filename}' is neither a file nor a folder")
            room.take(entry.file_size)
            if entry.is_dir():
                target.mkdir(parents=True, exist_ok=True)
            elif not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(entry) as packed, target.open("xb") as file:
                    shutil.copyfileobj(packed, file, _CHUNK)


def _unpack_tar(parts: Sequence[Path], folder: Path, room: Room) -> None:
    with _Joined(parts) as joined, tarfile.open(fileobj=joined, mode="r|*") as archive:
        for member in archive:
            target = inside(folder, member.name)
            if not (member.isreg() or member.isdir() or member.islnk()):
                raise ValueError(f"its member '{member.name}' is neither a file nor a folder")
            room.take(member.size)
            if member.isdir() or not target.exists():
                archive.extract(member, folder, filter="data")


class _Joined(io.RawIOBase):
    """Several files read as one."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._rest = list(paths[1:])
        self._file = paths[0].open("rb")

    def readable(self) -> bool:
        """It is for reading."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Puts the next bytes into the buffer, fewer at the end of a file; returns how many, 0 at the end of all."""
        while not (count := self._file.readinto(buffer)) and self._rest:
            self._file.close()
            self._file = self._rest.pop(0).open("rb")
        return count

    def close(self) -> None:
        """Closes the file that is open."""
        self._file.close()
        super().close()
