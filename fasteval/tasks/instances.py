"""`Instances`: a table's rows as the classic API shows them, each made when it is first looked at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, overload

from fasteval.api.task import DocumentRequest

if TYPE_CHECKING:
    from fasteval.api.instance import Instance
    from fasteval.api.task import Task
    from fasteval.requests import RequestTable

__all__ = ["Instances"]


class Instances(Sequence["Instance"]):
    """A view of a request table. The same row gives the same `Instance` each time, so answers can be kept in it."""

    def __init__(self, task: Task, table: RequestTable) -> None:
        """Makes no instance yet."""
        self._task, self._table = task, table
        self._made: dict[int, Instance] = {}

    def __len__(self) -> int:
        """The number of requests."""
        return len(self._table)

    @overload
    def __getitem__(self, index: int) -> Instance: ...

    @overload
    def __getitem__(self, index: slice) -> list[Instance]: ...

    def __getitem__(self, index: int | slice) -> Instance | list[Instance]:
        """Returns one instance, or those of a slice."""
        if isinstance(index, slice):
            return [self[row] for row in range(*index.indices(len(self)))]
        number = index + len(self) if index < 0 else index
        if not 0 <= number < len(self):
            raise IndexError(f"request {index} of {len(self)}")
        if number not in self._made:
            row = self._table.row(number)
            kwargs = row.generation_kwargs if row.kind.generates else None
            request = DocumentRequest(row.kind, row.slot, row.prompt, row.continuation, kwargs)
            self._made[number] = self._task.instance(request, row.doc_id)
        return self._made[number]
