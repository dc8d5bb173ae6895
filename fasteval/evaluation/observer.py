"""`Observer`: somebody who says in which order documents are asked, sees each scored one, and may have seen enough."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray

    from fasteval.requests import RequestTable
    from fasteval.results.sample import ScoredDocument

__all__ = ["Observer", "row_ranks"]


class Observer(Protocol):
    """Watches a run."""

    def ranks(self, task: str, doc_ids: NDArray[np.int64]) -> NDArray[np.float64]:
        """Returns for each document of a task where it stands in the run, from 0 (first) to 1.

        Tasks are asked side by side: what has rank 0.5 is asked when half of every task has been.
        """

    def receive(self, task: str, document: ScoredDocument) -> Collection[str]:
        """Takes a document as soon as it is scored, in order of completion.

        Returns:
            The tasks of which nothing more is wanted; what is in flight still arrives.
        """


def row_ranks(table: RequestTable, observer: Observer) -> NDArray[np.float64]:
    """Returns each row's rank, float64 (N,): that of its document."""
    ranks = np.zeros(len(table), np.float64)
    for index, name in enumerate(table.task_names):
        rows = np.flatnonzero(table.task == index)
        ranks[rows] = observer.ranks(name, table.doc[rows].astype(np.int64))
    return ranks
