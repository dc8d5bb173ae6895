"""The results files of a run's ranks in a folder."""

from __future__ import annotations

import re
from pathlib import Path

from fasteval.errors import SavedResultsError

__all__ = ["rank_files"]

_RANK = re.compile(r"_rank(\d+)(?:_\d+)?_results\.json$")


def rank_files(path: Path | str) -> list[Path]:
    """Returns the newest results file of each rank in a folder, by rank; a file is returned as it is.

    Raises:
        SavedResultsError: there is none in the folder.
    """
    path = Path(path)
    if not path.is_dir():
        return [path]
    newest: dict[int, Path] = {}
    for file in sorted(path.rglob("*_results.json"), key=lambda file: (file.stat().st_mtime_ns, str(file))):
        match = _RANK.search(file.name)
        if match is not None:
            newest[int(match[1])] = file
    if not newest:
        raise SavedResultsError(f"{path}: no results of ranks in this folder (looked for *_rank<N>_results.json)")
    return [newest[rank] for rank in sorted(newest)]
