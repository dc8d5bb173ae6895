"""`Callback`: code of the user's that is told when a run starts, of each scored document, and of the results."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from fasteval.results.model import Results
    from fasteval.results.sample import ScoredDocument

__all__ = ["Callback", "Callbacks"]

_LOG = logging.getLogger("fasteval.evaluation")


class Callback:
    """Override what you want to be told. All calls come from the run's own thread, and the run waits for them."""

    def on_start(self, tasks: Mapping[str, int]) -> None:
        """Is told once, before the first answer: how many requests each task has."""

    def on_document(self, task: str, document: ScoredDocument) -> None:
        """Is told of each document once it is scored, in order of completion; one that failed has an `error`."""

    def on_end(self, results: Results) -> None:
        """Is told of the results; not if the run fails."""

    def on_saved(self, results: Results, paths: Sequence[Path]) -> None:
        """Is told of the files, the results file first; not if none were written."""


class Callbacks:
    """Calls several. One that raises costs a warning and is not called again: it must not cost a run."""

    def __init__(self, callbacks: Iterable[Callback] = ()) -> None:
        """Calls `callbacks` in this order."""
        self._callbacks = list(callbacks)

    def __bool__(self) -> bool:
        """Whether anybody is left to be told."""
        return bool(self._callbacks)

    def on_start(self, tasks: Mapping[str, int]) -> None:
        """Passes on."""
        self._call("on_start", tasks)

    def on_document(self, task: str, document: ScoredDocument) -> None:
        """Passes on."""
        self._call("on_document", task, document)

    def on_end(self, results: Results) -> None:
        """Passes on."""
        self._call("on_end", results)

    def on_saved(self, results: Results, paths: Sequence[Path]) -> None:
        """Passes on."""
        self._call("on_saved", results, paths)

    def _call(self, method: str, *arguments: Any) -> None:
        for callback in list(self._callbacks):
            try:
                getattr(callback, method)(*arguments)
            except Exception as error:  # noqa: BLE001 - it may raise anything
                self._callbacks.remove(callback)
                _LOG.warning(
                    "warning: the callback %s.%s raised %s: %s; it is not called again",
                    type(callback).__name__, method, type(error).__name__, error,
                )  # fmt: skip
                _LOG.debug("the callback's traceback", exc_info=True)
