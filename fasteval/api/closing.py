"""`Closing`: what a `with` block closes at its end."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Self

__all__ = ["Closing"]


class Closing(ABC):
    """An object that holds something until it is closed."""

    @abstractmethod
    def close(self) -> None:
        """Frees what it holds."""

    def __enter__(self) -> Self:
        """Returns the object, which the `with` block's end closes."""
        return self

    def __exit__(self, *_: object) -> None:
        """Closes it."""
        self.close()
