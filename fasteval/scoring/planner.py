"""Plans the requests that score a context's continuations, and adds their answers up.

Three ways of reading a log-probability out of an engine are combined:

- `PROBE`: one new token behind a prefix, with the log-probabilities of named tokens. Reads the prefix cache. One probe
  scores all single-token choices of a question.
- `TAIL`: the prompt with a continuation, log-probabilities of the prompt's tokens, prefix cache readable. Rows inside
  the cached prefix are not computed; the engine's adapter says which (None), and they are taken from elsewhere.
- `PLAIN`: the same without reading the cache, the way every harness does it. Computes all rows.

Every answer is a score of edges of the trie of continuations, so that it does not matter who found an edge out: a
continuation is scored when all edges on its way are known. Rounds follow each other, each with what the last one left:
the context first (round 0), then what lies behind it (1), then whatever a cached prefix has swallowed (2).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from fasteval.scoring.cost import EngineTraits
    from fasteval.scoring.trie import ContinuationTrie

__all__ = ["LOGPROB_TOKENS", "ContextGroup", "EdgeScore", "Reading", "ScoringRequest", "plan_requests", "row_score"]

#: Most tokens that one probe may ask for (vLLM's `MAX_LOGPROB_TOKEN_IDS`).
LOGPROB_TOKENS = 128
# The shared ways must be estimated to cost less than this share of the plain way: they need one round more.
_MARGIN = 0.9


class Reading(StrEnum):
    """How a request reads log-probabilities (see the module)."""

    PROBE = "probe"
    TAIL = "tail"
    PLAIN = "plain"


class EdgeScore(NamedTuple):
    """Log-probability (natural) of a token, or of several in a row, and whether greedy decoding gives the same."""

    logprob: float
    is_greedy: bool


@dataclass(frozen=True, slots=True)
class ScoringRequest:
    """One request to the engine.

    Attributes:
        reading: what it asks for.
        tokens: the token ids behind the context.
        nodes: the edges that its answer scores, in order. Of a probe: those of the tokens that it names; of the other
            two: one for each of `tokens`.
    """

    reading: Reading
    tokens: tuple[int, ...]
    nodes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ContextGroup:
    """The continuations of one context, and the engine that shall score them.

    Attributes:
        context_length: tokens of the context as the engine counts them (images expanded), at least one.
        trie: the continuations.
        traits: what the engine can do.
    """

    context_length: int
    trie: ContinuationTrie
    traits: EngineTraits

    def __post_init__(self) -> None:
        """Refuses a context that nothing can be conditioned on."""
        if self.context_length < 1:
            raise ValueError("a continuation needs a context of at least one token")

    def cost(self, reading: Reading, depth: int, *, is_first: bool = False) -> float:
        """Returns what a request is estimated to cost.

        Args:
            reading: what it asks for.
            depth: how many tokens it has behind the context.
            is_first: whether the context has still to be computed.
        """
        length, costs = self.context_length + depth, self.traits.costs
        if reading == Reading.PLAIN:
            return costs.of_request(length, length, reads_prompt=True)
        computed = length - (0 if is_first else self.traits.cached_tokens(self.context_length, length))
        if reading == Reading.PROBE:
            return costs.of_request(computed, 1, reads_prompt=False)
        return costs.of_request(computed, computed, reads_prompt=True)


def plan_requests(group: ContextGroup, known: Mapping[int, EdgeScore], round_number: int) -> list[ScoringRequest]:
    """Returns the requests of one round; they may be sent together, and the next round when all are answered.

    Args:
        group: the continuations.
        known: the edges that are scored already, by node.
        round_number: 0 before anything is sent. From round 2 on every edge that is asked for is certain to come.

    Returns:
        No request, exactly if every edge is known.
    """
    missing = [node for node in range(1, len(group.trie.tokens)) if node not in known]
    if not missing:
        return []
    if round_number == 0:
        return _first_round(group, missing)
    probes_cost = _probes_cost(group, missing)
    others: list[ScoringRequest] = []
    if round_number > 1:
        others = _along_leaves(group, missing, Reading.PLAIN)
    elif group.traits.marks_unwritten:
        others = _tails(group, missing)
    return others if others and _total(group, others) < probes_cost else _probes(group, missing)


def _first_round(group: ContextGroup, missing: Sequence[int]) -> list[ScoringRequest]:
    """Returns either everything in the plain way, or the one probe that brings the context into the cache."""
    plain = _along_leaves(group, missing, Reading.PLAIN)
    first, *further = _probes(group, [node for node in missing if group.trie.parents[node] == 0])
    behind = [node for node in missing if group.trie.parents[node] != 0]
    rest = _probes_cost(group, behind)
    if group.traits.marks_unwritten:
        rest = min(rest, _total(group, _tails(group, behind)))
    shared = group.cost(Reading.PROBE, 0, is_first=True) + _total(group, further) + rest
    return [first] if shared < _MARGIN * _total(group, plain) else plain


def _total(group: ContextGroup, requests: Iterable[ScoringRequest]) -> float:
    return sum(group.cost(request.reading, len(request.tokens)) for request in requests)


def _by_start(group: ContextGroup, missing: Collection[int]) -> dict[int, list[int]]:
    """Returns the missing edges by the node that they start from."""
    starts: dict[int, list[int]] = {}
    for node in missing:
        starts.setdefault(group.trie.parents[node], []).append(node)
    return starts


def _probes_cost(group: ContextGroup, missing: Collection[int]) -> float:
    """Returns what `_probes` would cost, without building prefixes whose lengths add up to a square."""
    return sum(
        -(-len(edges) // LOGPROB_TOKENS) * group.cost(Reading.PROBE, group.trie.depths[start])
        for start, edges in _by_start(group, missing).items()
    )


def _probes(group: ContextGroup, missing: Collection[int]) -> list[ScoringRequest]:
    """Returns probes for the missing edges: one a node that they start from, several where they are too many."""
    return [
        ScoringRequest(Reading.PROBE, group.trie.path_tokens(start), tuple(edges[at : at + LOGPROB_TOKENS]))
        for start, edges in _by_start(group, missing).items()
        for at in range(0, len(edges), LOGPROB_TOKENS)
    ]


def _tails(group: ContextGroup, missing: Collection[int]) -> list[ScoringRequest]:
    """Returns a tail for each continuation with a missing edge, and probes for first tokens.

    A first token's row is the context's last, which the cache may have swallowed; its edge is never left to a tail.
    """
    firsts = [node for node in missing if group.trie.parents[node] == 0]
    behind = [node for node in missing if group.trie.parents[node] != 0]
    return _probes(group, firsts) + _along_leaves(group, behind, Reading.TAIL)


def _along_leaves(group: ContextGroup, missing: Collection[int], reading: Reading) -> list[ScoringRequest]:
    """Returns requests over whole continuations that together pass every missing edge."""
    left = set(missing)
    requests = []
    for leaf in group.trie.leaves() if left else ():
        path = group.trie.path(leaf)
        if not left.isdisjoint(path):
            left.difference_update(path)
            requests.append(ScoringRequest(reading, tuple(group.trie.tokens[node] for node in path), path))
    return requests


def row_score(group: ContextGroup, known: Mapping[int, EdgeScore], row: int) -> EdgeScore | None:
    """Returns a continuation's summed log-probability and whether each token is the greedy one.

    Args:
        group: the continuations.
        known: the edges that are scored, by node.
        row: the continuation's number.

    Returns:
        None while an edge is missing.
    """
    edges = [known[node] for node in group.trie.paths[row] if node in known]
    if len(edges) < len(group.trie.paths[row]):
        return None
    return EdgeScore(float(sum(edge.logprob for edge in edges)), all(edge.is_greedy for edge in edges))
