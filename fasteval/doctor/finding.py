"""`Finding`: one thing that was looked at, and what to do about it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Finding", "Status"]


class Status(StrEnum):
    """How a thing is: as it should be; lacking, which some evaluations will miss; or a fault that stops evaluations."""

    FINE = "fine"
    LACK = "lack"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found out about one thing.

    Attributes:
        area: the part of the machine: "packages", "engine", "memory", "cache", "data", "terminal".
        name: the thing.
        status: how it is.
        text: what was found, in a line.
        mend: the command, or the setting, that mends it; empty where nothing has to be mended.
        facts: the same as values, for programs.
    """

    area: str
    name: str
    status: Status
    text: str
    mend: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Returns the finding as plain values."""
        return asdict(self) | {"status": str(self.status), "facts": dict(self.facts)}
