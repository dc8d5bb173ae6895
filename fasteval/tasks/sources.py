"""Where a task's data set comes from: the hub, files beside the task, a local copy, or the task's own function."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from fasteval.errors import DatasetError, FastEvalError
from fasteval.safety.paths import expanded, is_folder
from fasteval.tasks.archives import unpack_videos
from fasteval.tasks.datasets import Documents
from fasteval.tasks.functions import accepted_arguments
from fasteval.tasks.hub import go_offline_if_unreachable, token_for
from fasteval.tasks.localdata import load_local

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from fasteval.tasks.config import TaskConfig

__all__ = ["FILE_BUILDERS", "DocumentSource"]

_log = logging.getLogger(__name__)

#: Builders of `datasets` that read files; the files of a task stand beside its YAML.
FILE_BUILDERS = frozenset({"arrow", "csv", "json", "parquet", "text"})
_FILE_OPTIONS = ("data_files", "data_dir")


class DocumentSource:
    """The splits of one task's data set, each loaded when it is first asked for."""

    def __init__(self, config: TaskConfig, *, folder: Path | None, replacements: Mapping[str, str]) -> None:
        """Remembers where the data are; loads nothing.

        Args:
            config: the task.
            folder: what relative paths are relative to.
            replacements: local copies, by name of the data set or of the task.
        """
        self._config, self._folder = config, folder
        self._replacement = replacements.get(config.dataset_path or "", replacements.get(config.task))
        self._custom: Mapping[str, Any] | None = None
        self._has_videos = not config.dataset_kwargs.get("video")
        self._splits: dict[str, Documents] = {}

    @property
    def revision(self) -> str | None:
        """The pinned revision of the data set, if the task pins one and no local copy replaces it."""
        revision = self._config.dataset_kwargs.get("revision")
        return None if revision is None or self._replacement else str(revision)

    def split(self, name: str) -> Documents:
        """Returns the documents of a split, after `process_docs`.

        `process_docs` gets a `datasets.Dataset`; for a custom data set whose splits are lists it gets the list.

        Raises:
            DatasetError: the data set or the split is not there, or `process_docs` fails.
        """
        if name not in self._splits:
            self._splits[name] = Documents(self._processed(self.load(name)))
        return self._splits[name]

    def _processed(self, data: Any) -> Any:
        process = self._config.process_docs
        try:
            return data if process is None else process(data)
        except FastEvalError:
            raise
        except Exception as error:
            message = f"task '{self._config.task}': process_docs raised {type(error).__name__}: {error}"
            raise DatasetError(message) from error

    def load(self, split: str) -> Any:
        """Returns the data of a split as they are, before `process_docs`.

        Raises:
            DatasetError: the data set or the split is not there.
        """
        name = self._config.dataset_path or self._config.task
        try:
            self._unpack_videos(name)
            if self._replacement is not None:
                return load_local(expanded(self._replacement), self._config.dataset_name, split)
            if self._config.custom_dataset is not None:
                return self._load_custom(self._config.custom_dataset, split)
            return self._load_published(split)
        except FastEvalError:
            raise
        except Exception as error:
            reason = " ".join(str(error).split())
            raise DatasetError(
                f"the data set '{name}' of the task '{self._config.task}' (split '{split}') cannot be loaded "
                f"({type(error).__name__}: {reason}); if you have a copy, give it with --dataset {name}=PATH"
            ) from error

    def _unpack_videos(self, name: str) -> None:
        """Unpacks the archives that the task wants; those of a local copy that is a folder, else the data set's own."""
        if self._has_videos:
            return
        place = self._place() if self._replacement is None else expanded(self._replacement)
        if self._replacement is None or is_folder(place):
            unpack_videos(name, self._config.dataset_kwargs, place if is_folder(place) else None)
        self._has_videos = True

    def _load_custom(self, function: Callable[..., Any], split: str) -> Any:
        if self._custom is None:
            offered = {**self._config.metadata, **self._config.dataset_kwargs}
            self._custom = function(**accepted_arguments(function, offered))
        if split not in self._custom:
            raise DatasetError(
                f"task '{self._config.task}': custom_dataset has no split '{split}', only {', '.join(self._custom)}"
            )
        return self._custom[split]

    def _load_published(self, split: str) -> Any:
        import datasets

        options = self._options()
        path = str(self._place())
        if path == "pandas":
            raise DatasetError(f"task '{self._config.task}': files of pickles are not read: they can run any code")
        if options.pop("load_from_disk", False):
            loaded = datasets.load_from_disk(str(self._beside(path)))
            return loaded[split] if isinstance(loaded, datasets.DatasetDict) else loaded
        if path not in FILE_BUILDERS and not Path(path).exists():
            go_offline_if_unreachable()
        with _without_matlab():
            return datasets.load_dataset(path, self._config.dataset_name, split=split, **options)

    def _options(self) -> dict[str, Any]:
        """Returns the arguments of `load_dataset` that the task asks for."""
        import datasets

        options = dict(self._config.dataset_kwargs)
        if options.pop("trust_remote_code", False):
            _log.info("%s: trust_remote_code is left out: data sets are read as data, never as code", self._config.task)
        if "token" in options:
            options["token"] = token_for(options["token"])
        if options.pop("force_download", False):
            options["download_mode"] = "force_redownload"
        if options.pop("local_files_only", False):
            options["download_config"] = datasets.DownloadConfig(local_files_only=True)
        if options.get("video"):
            del options["cache_dir"]  # of the videos
        for name in ("video", "From_YouTube", "builder_script", "force_unzip", "create_link"):
            options.pop(name, None)  # done by now, or false: anything else was refused
        if self._config.dataset_path in FILE_BUILDERS:
            options |= {name: self._resolved(options[name]) for name in _FILE_OPTIONS if options.get(name)}
        return options

    def _resolved(self, files: Any) -> Any:
        if isinstance(files, dict):
            return {split: self._resolved(entry) for split, entry in files.items()}
        if isinstance(files, list):
            return [self._resolved(entry) for entry in files]
        return files if "://" in files else str(self._beside(files))

    def _place(self) -> Path:
        """Returns the data set's path as it is written: of a folder beside the task's file, or of anything else."""
        path = self._config.dataset_path or self._config.task
        return self._beside(path) if path.startswith(".") else Path(path)

    def _beside(self, path: str) -> Path:
        return Path(path) if self._folder is None else self._folder / path


@contextmanager
def _without_matlab() -> Iterator[None]:
    """Keeps `datasets` from importing scipy.io, a third of its time, only to patch it in builders."""
    from datasets import streaming

    patch = streaming.patch_submodule
    nothing = SimpleNamespace(start=lambda: None)

    def patch_others(module: Any, target: str, *arguments: Any, **named: Any) -> Any:
        return nothing if target.startswith("scipy.") else patch(module, target, *arguments, **named)

    streaming.patch_submodule = patch_others
    try:
        yield
    finally:
        streaming.patch_submodule = patch
