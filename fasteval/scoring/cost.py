"""What a scoring request costs an engine, in units of one prompt token's way through the model.

    cost = tokens that are computed + row * rows that meet the vocabulary + entry * rows that come back + request

The tokens that are computed are the prompt's without the full blocks that the prefix cache has. The estimate decides
between ways that give the same numbers, and it knows nothing of the machine: so the same rows take the same requests
everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["EngineCosts", "EngineTraits"]

# Measured with `benchmarks/scoring_costs.py` on two CPU cores; docs/loglikelihood.md has the figures. The unit
# is one multiplication by a parameter; a prompt token costs as many as it passes parameters.
_REQUEST = 1.5e8
_ENTRY = 5e5
# How much longer projection, softmax and rank of a row take than the multiplications alone.
_ROW_FACTOR = 2.4


@dataclass(frozen=True, slots=True)
class EngineCosts:
    """What a request costs beside the tokens that it computes. The defaults are for a model that nothing is known of.

    Attributes:
        request: scheduling, sampling and output of one request.
        row: log-probabilities of one row: projection to the vocabulary, softmax and rank.
        entry: one row of log-probabilities that comes back, computed or not: each becomes Python objects.
    """

    request: float = 12.0
    row: float = 0.5
    entry: float = 0.0

    @classmethod
    def of_model(cls, parameters: int, vocabulary_parameters: int) -> EngineCosts:
        """Returns the costs on a CPU.

        Args:
            parameters: how many a token passes, without those of the vocabulary; at least one.
            vocabulary_parameters: those of the projection to the vocabulary.
        """
        return cls(_REQUEST / parameters, _ROW_FACTOR * vocabulary_parameters / parameters, _ENTRY / parameters)

    def of_request(self, computed: int, rows: int, entries: int) -> float:
        """Returns the cost of one request.

        Args:
            computed: prompt tokens that go through the model.
            rows: rows whose log-probabilities over the vocabulary are computed.
            entries: rows of log-probabilities that come back.
        """
        return computed + self.row * rows + self.entry * entries + self.request


@dataclass(frozen=True, slots=True)
class EngineTraits:
    """What the planner has to know of an engine.

    Attributes:
        block_size: tokens in a block of the prefix cache; 0 if there is no prefix cache to read.
        marks_unwritten: whether a prompt's log-probabilities may be asked for while the prefix cache is read, because
            rows that were not computed can be told from rows that were.
        costs: what its requests cost.
    """

    block_size: int
    marks_unwritten: bool
    costs: EngineCosts = field(default_factory=EngineCosts)

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
