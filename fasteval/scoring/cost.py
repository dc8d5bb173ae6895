"""What a scoring request costs an engine, in units of one prompt token's way through the model.

    cost = tokens that are computed + row * rows that meet the vocabulary + request (+ own_pass for a prompt's rows)

The tokens that are computed are the prompt's without the full blocks that the prefix cache has. The estimate decides
between ways that give the same numbers, and it knows nothing of the machine: so the same rows take the same requests
everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["EngineCosts", "EngineTraits"]

# Measured with `benchmarks/scoring_costs.py` on two CPU cores; docs/loglikelihood.md has the figures. The unit
# is one multiplication by a parameter; a prompt token costs as many as it passes parameters, and these:
_TOKEN = 3e6
_REQUEST = 5e7
_PASS = 9e7
# How much longer projection, softmax and rank of a row take than the multiplications alone; and a pass over the
# vocabulary's parameters for a few rows, which is as long as reading them from memory. On busy cores that was 20: a low
# value keeps the plain way where the gain would be small.
_ROW_FACTOR = 2.0
_PASS_FACTOR = 5.0


@dataclass(frozen=True, slots=True)
class EngineCosts:
    """What a request costs beside the tokens that it computes. The defaults are for a model that nothing is known of.

    Attributes:
        request: scheduling, sampling and output of one request.
        row: log-probabilities of one row: projection to the vocabulary, softmax and rank.
        own_pass: what log-probabilities of a prompt's tokens cost beside their rows: vLLM takes each such request to
            the vocabulary by itself, and all others of a step together.
    """

    request: float = 12.0
    row: float = 0.5
    own_pass: float = 0.0

    @classmethod
    def of_model(cls, parameters: int, vocabulary_parameters: int) -> EngineCosts:
        """Returns the costs on a CPU.

        Args:
            parameters: how many a token passes, without those of the vocabulary.
            vocabulary_parameters: those of the projection to the vocabulary.
        """
        token = _TOKEN + parameters
        own_pass = _PASS + _PASS_FACTOR * vocabulary_parameters
        return cls(_REQUEST / token, _ROW_FACTOR * vocabulary_parameters / token, own_pass / token)

    def of_request(self, computed: int, rows: int, *, reads_prompt: bool) -> float:
        """Returns the cost of one request.

        Args:
            computed: prompt tokens that go through the model.
            rows: rows whose log-probabilities over the vocabulary are computed.
            reads_prompt: whether they are those of the prompt's tokens.
        """
        return computed + self.row * rows + self.request + self.own_pass * reads_prompt


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
