"""Archives of videos that a data set brings: unpacked once, where the task's code looks for them.

lmms-eval's rules (`dataset_kwargs: {video: True, cache_dir: …}`): a folder that is there is taken as it is; else the
data set's repository is downloaded, and its zip and tar files are unpacked into that folder.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import re
import shutil
import tarfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fasteval.compat.utils import resolve_cache_dir
from fasteval.errors import DatasetError
from fasteval.safety.archives import Room, unpack
from fasteval.tasks.hub import go_offline_if_unreachable, token_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["unpack_videos"]

_log = logging.getLogger(__name__)

#: Says in the unpacked folder where its files came from.
_MARKER = ".fasteval-unpacked.json"
_NUMBER = re.compile(r"(\d+)")
_CHECKSUMS = (".md5", ".sha1", ".sha256", ".sha512", ".txt", ".json")


def unpack_videos(name: str, options: Mapping[str, Any], local: Path | None) -> None:
    """Sees to it that the videos of a data set are where its task looks for them.

    Args:
        name: the data set's name.
        options: the task's `dataset_kwargs`: `cache_dir`, relative to `HF_HOME`; `create_link`: where there are no
            archives, the folder becomes a link to the data set's own; `revision`, `token`, `force_download` and
            `local_files_only` as for the data set.
        local: a folder that has the data set; None downloads it.

    Raises:
        DatasetError: it cannot be downloaded, or an archive cannot be unpacked.
    """
    home = os.environ.get("HF_HOME") or "~/.cache/huggingface"
    folder = Path(resolve_cache_dir(str(options["cache_dir"]), str(Path(home).expanduser())))
    if _is_there(folder, name):
        return
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _alone(folder):
            if not _is_there(folder, name):
                _unpack_into(folder, name, local or _download(name, options), links=bool(options.get("create_link")))
    except OSError as error:
        raise DatasetError(f"the videos of '{name}' cannot be unpacked into {folder}: {error}") from error


def _is_there(folder: Path, name: str) -> bool:
    """Whether the folder is there; warns if it was unpacked from another data set."""
    if not folder.exists():
        return False
    marker = folder / _MARKER
    if marker.is_file():
        source = json.loads(marker.read_bytes())["dataset"]
        if source != name:
            _log.warning("%s has the videos of '%s'; they are taken for those of '%s'", folder, source, name)
    return True


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Holds a lock on the folder's name: processes that want the same videos wait for the first one."""
    with (folder.parent / f".{folder.name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _log.info("another process unpacks %s: waiting for it", folder)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _download(name: str, options: Mapping[str, Any]) -> Path:
    """Returns the folder of the whole repository, downloaded if it is not there."""
    import huggingface_hub

    go_offline_if_unreachable()
    try:
        folder = huggingface_hub.snapshot_download(
            name,
            repo_type="dataset",
            revision=options.get("revision"),
            token=token_for(options.get("token")),
            force_download=bool(options.get("force_download")),
            local_files_only=bool(options.get("local_files_only")),
        )
    except Exception as error:  # the errors of the client's HTTP library too, which changed between versions
        reason = " ".join(str(error).split())
        raise DatasetError(
            f"the videos of '{name}' are not on this machine and cannot be downloaded ({type(error).__name__}: "
            f"{reason}); if you have a copy of the data set with its archives, give it with --dataset {name}=PATH"
        ) from error
    return Path(folder)


def _unpack_into(folder: Path, name: str, source: Path, *, links: bool) -> None:
    """Unpacks beside the folder and renames, so that a folder of that name is always whole."""
    folder.unlink(missing_ok=True)  # a link that leads nowhere: nothing else has the name
    archives = _archives(source)
    if not archives:
        if links:
            folder.symlink_to(source.absolute(), target_is_directory=True)
        else:
            _log.warning("%s has no archives (*.zip, *.tar*): %s is not made", source, folder)
        return
    beside = folder.parent / f".{folder.name}.unpacking"
    shutil.rmtree(beside, ignore_errors=True)  # of a process that was killed
    beside.mkdir()
    parts = [part for archive in archives for part in archive]
    size = sum(part.stat().st_size for part in parts)
    _log.info("unpacking %d archives (%.1f GB) of '%s' into %s", len(archives), size / 1e9, name, folder)
    room = Room.for_archives(parts, beside)
    try:
        for archive in archives:
            unpack(archive, beside, room)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
    about = {"dataset": name, "archives": {str(p.relative_to(source)): p.stat().st_size for p in parts}}
    (beside / _MARKER).write_text(json.dumps(about, indent=2))
    beside.rename(folder)


def _archives(source: Path) -> list[Sequence[Path]]:
    """Returns the archives below a folder, each with its parts in order."""
    files = sorted((path for path in source.rglob("*") if path.is_file()), key=_natural)
    archives: list[Sequence[Path]] = [[path] for path in files if path.suffix.lower() == ".zip"]
    several: dict[str, list[list[Path]]] = {}
    for path in files:
        stem, ending, _ = str(path).rpartition(".tar")
        if not ending or path.suffix.lower() in _CHECKSUMS:
            continue
        own = several.setdefault(re.sub(r"_\d+$", "", stem), [])
        # Numbered files are archives of their own, or parts of one that was split; parts do not begin as archives do.
        if own and not tarfile.is_tarfile(path):
            own[-1].append(path)
        else:
            own.append([path])
    return archives + [parts for own in several.values() for parts in own]


def _natural(path: Path) -> list[tuple[int, str]]:
    """Returns what sorts part 10 behind part 9."""
    return [(int(word), "") if word.isdigit() else (-1, word) for word in _NUMBER.split(str(path))]
