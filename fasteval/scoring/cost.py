"""What a scoring request costs an engine, in units of one prompt token's way through the model.

    cost = tokens that are computed + PROJECTION * rows that meet the vocabulary + REQUEST

The tokens that are computed are the prompt's without the full blocks that the prefix cache has. The constants are
rough and need no more: they decide between ways that give the same numbers, and the ways differ by factors.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["EngineTraits", "request_cost"]

#: Vocabulary projection, softmax and rank of one row. Between 0.1 (7e9 parameters) and 1.2 (SmolLM2-135M: a fifth of
#: its parameters is the vocabulary); a low value keeps the plain way where the gain would be small.
PROJECTION = 0.5
#: Scheduling, sampling and output of one request. Tens of tokens for a tiny model, a few for a large one.
REQUEST = 12.0


@dataclass(frozen=True, slots=True)
class EngineTraits:
    """What the planner has to know of an engine.

    Attributes:
        block_size: tokens in a block of the prefix cache; 0 if there is no prefix cache to read.
        marks_unwritten: whether a prompt's log-probabilities may be asked for while the prefix cache is read, because
            rows that were not computed can be told from rows that were.
    """

    block_size: int
    marks_unwritten: bool

    def __post_init__(self) -> None:
        """Refuses a size that no cache has."""
        if self.block_size < 0:
            raise ValueError(f"a block of {self.block_size} tokens")

    def cached_tokens(self, shared: int, length: int) -> int:
        """Returns how many tokens of a prompt the cache surely has.

        Args:
            shared: length of its beginning that was computed before.
            length: the whole prompt's length; its last token is always computed.
        """
        if not self.block_size:
            return 0
        return min(shared, length - 1) // self.block_size * self.block_size


def request_cost(computed: int, projected: int) -> float:
    """Returns the cost of one request.

    Args:
        computed: prompt tokens that go through the model.
        projected: rows whose log-probabilities over the vocabulary are computed.
    """
    return computed + PROJECTION * projected + REQUEST
