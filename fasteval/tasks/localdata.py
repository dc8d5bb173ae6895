"""Local copies of data sets: folders that `save_to_disk` wrote, and folders or files of parquet, JSON or CSV."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from fasteval.errors import DatasetError
from fasteval.safety.paths import is_file, is_folder

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["load_local"]

_BUILDERS = {".parquet": "parquet", ".json": "json", ".jsonl": "json", ".csv": "csv", ".arrow": "arrow"}


def load_local(path: Path, name: str | None, split: str) -> Any:
    """Returns one split of a local copy as a `datasets.Dataset`.

    A single file is taken for the wanted split. In a folder the split's files are those whose name begins with it
    (`test.jsonl`, `test-00000-of-00002.parquet`), or all in a folder of that name, or in `data/`.

    Args:
        path: a file; a folder that `save_to_disk` wrote; or a folder of parquet, json, jsonl, csv or arrow files.
        name: the data set's configuration: a folder of that name in `path` is used if there is one.
        split: the wanted split.

    Raises:
        DatasetError: nothing is there, or nothing for this split.
    """
    import datasets

    if is_file(path):
        return _read([path])
    if not is_folder(path):
        raise DatasetError(f"there is no file or folder {path} (given with --dataset)")
    folder = path / name if name and is_folder(path / name) else path
    if (folder / "dataset_dict.json").is_file() or (folder / "state.json").is_file():
        loaded = datasets.load_from_disk(str(folder))
        if not isinstance(loaded, datasets.DatasetDict):
            return loaded
        if split not in loaded:
            raise DatasetError(f"{folder} has no split '{split}', only {', '.join(loaded)}")
        return loaded[split]
    return _read(_files_of_split(folder, split))


def _files_of_split(folder: Path, split: str) -> list[Path]:
    begins = re.compile(re.escape(split) + r"(?![A-Za-z0-9])")
    files: list[Path] = []
    for place in (folder, folder / "data"):
        files = [file for file in _data_files(place) if begins.match(file.name)] or _data_files(place / split)
        if files:
            break
    if not files:
        there = ", ".join(str(file.relative_to(folder)) for file in sorted(folder.rglob("*"))[:10] if file.is_file())
        raise DatasetError(f"{folder} has no files of the split '{split}' (there are: {there or 'none'})")
    if len({file.suffix for file in files}) > 1:
        raise DatasetError(f"{folder} has files of several kinds for the split '{split}'; leave one kind")
    return files


def _data_files(folder: Path) -> list[Path]:
    if not is_folder(folder):
        return []
    return sorted(file for file in folder.iterdir() if file.suffix in _BUILDERS and file.is_file())


def _read(files: list[Path]) -> Any:
    import datasets

    builder = _BUILDERS.get(files[0].suffix)
    if builder is None:
        raise DatasetError(f"{files[0]}: expected a file that ends in {', '.join(_BUILDERS)}")
    # `datasets` reads brackets and stars as patterns; a file's name is meant as it stands.
    names = [re.sub(r"([*?\[\]])", r"[\1]", str(file.resolve())) for file in files]
    return datasets.load_dataset(builder, data_files={"data": names}, split="data")
