"""`ChoiceScorer`: log-likelihood rows on their way through a vLLM engine, the rows of one context together."""

from __future__ import annotations

import itertools
import logging
import sys
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from fasteval.api.request import Completion, Response
from fasteval.errors import EngineError
from fasteval.models.vllm.distribution import is_cpu_build
from fasteval.models.vllm.sampling import probe_params, scoring_params
from fasteval.models.vllm.unwritten import UNWRITTEN
from fasteval.scoring import (
    COUNTERS,
    ContextGroup,
    ContinuationTrie,
    EdgeScore,
    EngineCosts,
    EngineTraits,
    Reading,
    ScoringRequest,
    plan_requests,
    row_score,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

__all__ = ["ChoiceScorer", "ContextRoom", "engine_traits", "read_edges"]

logger = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class _Group:
    """The rows of one context in hand.

    Attributes:
        plan: what is to be scored.
        rows: the row of each continuation.
        prompt: gives vLLM's prompt for the tokens behind the context.
        known: the edges that are scored.
        found_by: the reading that scored each of them.
        pending: the continuations that are not scored yet.
        planned: the requests of the next round.
        sent: the requests that vLLM works on, by name.
        round_number: how many rounds were sent.
        needs: tokens that must stay in the key-value cache and in the encoder's between its rounds; 0 if there is one
            round only.
    """

    plan: ContextGroup
    rows: list[int]
    prompt: Callable[[tuple[int, ...]], Any]
    known: dict[int, EdgeScore] = field(default_factory=dict)
    found_by: dict[int, Reading] = field(default_factory=dict)
    pending: set[int] = field(default_factory=set)
    planned: list[ScoringRequest] = field(default_factory=list)
    sent: dict[str, ScoringRequest] = field(default_factory=dict)
    round_number: int = 0
    needs: tuple[int, int] = (0, 0)

    @property
    def takes_one_round(self) -> bool:
        """Whether what is planned scores every edge."""
        return len({node for request in self.planned for node in request.nodes}) == len(self.plan.trie.tokens) - 1

    def ended_by(self, request: ScoringRequest) -> set[int]:
        """Returns the pending continuations whose last edge a request scores."""
        nodes = set(request.nodes)
        return {number for number in self.pending if self.plan.trie.paths[number][-1] in nodes}

    def scored(self, candidates: Collection[int]) -> Iterator[tuple[int, EdgeScore]]:
        """Yields those of the pending continuations among `candidates` that are scored now, and their scores."""
        for number in sorted(self.pending.intersection(candidates)):
            score = row_score(self.plan, self.known, number)
            if score is not None:
                self.pending.discard(number)
                yield number, score

    def take(self, request: ScoringRequest, edges: Sequence[EdgeScore | None]) -> None:
        """Notes the edges that a request has scored; None stands for those that it has not."""
        for node, edge in zip(request.nodes, edges, strict=True):
            if edge is not None and node not in self.known:
                self.known[node], self.found_by[node] = edge, request.reading

    def way(self, number: int) -> str:
        """Returns how a continuation was scored: one of `WAYS`."""
        path = self.plan.trie.paths[number]
        readings = {self.found_by[node] for node in path}
        for reading in (Reading.TAIL, Reading.PLAIN):
            if reading in readings:
                return reading.value
        return "trie" if len(path) > 1 else "shared"


class ContextRoom:
    """Counts what contexts in hand take of some caches; one enters only if it fits into each beside the others."""

    def __init__(self, *capacities: int) -> None:
        """Begins empty.

        Args:
            capacities: tokens that each cache may hold for contexts; 0 where nobody knows, which is no limit.
        """
        self._capacities = tuple(capacity or sys.maxsize for capacity in capacities)
        self._used = [0] * len(capacities)

    def enter(self, needs: tuple[int, ...]) -> bool:
        """Takes `needs` (tokens in each cache) if they fit, or if nobody is inside; returns whether it did."""
        fits = all(used + need <= most for used, need, most in zip(self._used, needs, self._capacities, strict=True))
        if not fits and any(self._used):
            return False
        self._used = [used + need for used, need in zip(self._used, needs, strict=True)]
        return True

    def leave(self, needs: tuple[int, ...]) -> None:
        """Gives back what `enter` took."""
        self._used = [used - need for used, need in zip(self._used, needs, strict=True)]


class ChoiceScorer:
    """Sends what `fasteval.scoring` plans and turns vLLM's outputs into the rows' completions."""

    def __init__(self, engine: Any, traits: EngineTraits, cache_tokens: int, encoder_tokens: int = 0) -> None:
        """Begins with nothing in hand.

        Args:
            engine: vLLM's `LLMEngine`.
            traits: what it can do.
            cache_tokens: how many tokens its key-value cache has room for; 0 if vLLM does not tell.
            encoder_tokens: the same of its cache of encoded images: a tail's first block may hold an image's end.
        """
        self._engine, self._traits = engine, traits
        # Half: a context must survive until its second round, and others use the cache too.
        self._room = ContextRoom(cache_tokens // 2, encoder_tokens)
        self._groups: dict[str, _Group] = {}  # by the name of a request that vLLM works on
        self._rows: dict[int, _Group] = {}
        self._held: deque[_Group] = deque()
        self._names = (f"choice-{number}" for number in itertools.count())
        self._counters = dict.fromkeys(COUNTERS, 0.0)

    @property
    def unfinished(self) -> int:
        """How many rows it has in hand."""
        return len(self._rows)

    def counters(self) -> dict[str, float]:
        """Returns what was counted, under the names of `fasteval.scoring.counting`."""
        return dict(self._counters)

    def add(
        self,
        rows: Sequence[int],
        continuations: Sequence[Sequence[int]],
        context_length: int,
        prompt: Callable[[tuple[int, ...]], Any],
        media_tokens: int = 0,
    ) -> list[Completion]:
        """Takes the rows of one context.

        Args:
            rows: their numbers.
            continuations: the token ids of each.
            context_length: tokens of the context, images expanded.
            prompt: gives vLLM's rendered prompt for the tokens behind the context.
            media_tokens: how many of the context's tokens stand for media.

        Returns:
            Error completions, if vLLM refuses the prompt.
        """
        plan = ContextGroup(context_length, ContinuationTrie(continuations), self._traits)
        group = _Group(plan, list(rows), prompt, pending=set(range(len(rows))))
        self._rows.update(dict.fromkeys(rows, group))
        group.planned = plan_requests(plan, {}, 0)
        if group.takes_one_round:
            return self._send_round(group)
        group.needs = (context_length + max(map(len, plan.trie.paths)), media_tokens)
        self._held.append(group)
        return self._start_held()

    def _start_held(self) -> list[Completion]:
        """Starts groups that wait, in order, while their contexts fit into the caches beside those in hand."""
        completions = []
        while self._held and self._room.enter(self._held[0].needs):
            completions += self._send_round(self._held.popleft())
        return completions

    def _send_round(self, group: _Group) -> list[Completion]:
        group.round_number += 1
        try:
            for request in group.planned:
                name = next(self._names)
                self._engine.add_request(name, group.prompt(request.tokens), _params(group.plan.trie, request))
                group.sent[name] = request
                self._groups[name] = group
                self._counters["scoring_requests"] += 1
                self._counters[f"scoring_requests_{request.reading.value}"] += 1
                self._counters["scoring_recomputed"] += group.round_number > 2
        except ValueError as error:
            return self._give_up(group, f"vLLM refuses the prompt: {error}")
        return []

    def owns(self, name: str) -> bool:
        """Whether a request of that name is one of its own, and in hand."""
        return name in self._groups

    def finish(self, output: Any) -> list[Completion]:
        """Takes vLLM's finished output of a request that it owns; returns the rows that are complete with it."""
        group = self._groups.pop(output.request_id)
        request = group.sent.pop(output.request_id)
        reason = str(output.outputs[0].finish_reason)
        if reason not in {"stop", "length"}:
            return self._give_up(group, f"vLLM gave the request up ({reason})") + self._start_held()
        self._counters["scoring_prompt_tokens"] += len(output.prompt_token_ids)
        self._counters["scoring_cached_tokens"] += output.num_cached_tokens or 0
        tokens = [group.plan.trie.tokens[node] for node in request.nodes]
        group.take(request, read_edges(request.reading, tokens, output))
        candidates = group.ended_by(request) if group.sent else set(group.pending)
        completions = [self._complete(group, number, score) for number, score in group.scored(candidates)]
        if not group.sent and group.pending:
            group.planned = plan_requests(group.plan, group.known, group.round_number)
            completions += self._send_round(group)
        elif not group.sent:
            self._room.leave(group.needs)
        return completions + self._start_held()

    def _complete(self, group: _Group, number: int, score: EdgeScore) -> Completion:
        row, scored = group.rows[number], len(group.plan.trie.paths[number])
        self._counters["scoring_rows"] += 1
        self._counters[f"scoring_rows_{group.way(number)}"] += 1
        self._counters["scoring_plain_tokens"] += group.plan.context_length + scored
        del self._rows[row]
        return Completion(row, Response((), *score, group.plan.context_length, scored))

    def _give_up(self, group: _Group, reason: str) -> list[Completion]:
        rows = [group.rows[number] for number in sorted(group.pending)]
        self._drop(group)
        return [Completion(row, error=reason) for row in rows]

    def _drop(self, group: _Group) -> None:
        for number in group.pending:
            del self._rows[group.rows[number]]
        group.pending.clear()
        names = list(group.sent)
        group.sent.clear()
        for name in names:
            del self._groups[name]
        if names:
            self._engine.abort_request(names)
        if group in self._held:
            self._held.remove(group)
        else:
            self._room.leave(group.needs)

    def cancel(self, rows: Collection[int]) -> list[Completion]:
        """Drops rows, and the requests of a context that no row wants any more.

        Returns:
            Error completions of other rows, if vLLM refuses one that could only start now.
        """
        for row in rows:
            group = self._rows.get(row)
            if group is None:
                continue
            if group.pending == {number for number in group.pending if group.rows[number] in rows}:
                self._drop(group)
            else:
                group.pending.discard(group.rows.index(row))
                del self._rows[row]
        return self._start_held()


def _params(trie: ContinuationTrie, request: ScoringRequest) -> Any:
    if request.reading == Reading.PROBE:
        return probe_params(tuple(trie.tokens[node] for node in request.nodes))
    return scoring_params(reads_cache=request.reading == Reading.TAIL)


def engine_traits(engine: Any) -> EngineTraits:
    """Returns what the planner has to know of a vLLM engine that was loaded with `UnwrittenRows`."""
    cache = engine.vllm_config.cache_config
    block_size = int(cache.block_size) if cache.enable_prefix_caching else 0
    try:
        answers = engine.collective_rpc("mark_unwritten_rows")
    except Exception as error:  # noqa: BLE001 - a worker that cannot be asked is one that cannot be trusted
        logger.debug("vLLM's workers cannot mark unwritten rows: %s", error)
        answers = [False]
    marks = block_size > 0 and bool(answers) and all(answers)
    return EngineTraits(block_size, marks_unwritten=marks, costs=_costs(engine.vllm_config.model_config))


def _costs(model_config: Any) -> EngineCosts:
    """Returns what requests cost with a model of this size; the defaults on a GPU, where nobody has measured it."""
    text = model_config.hf_text_config
    hidden, layers = getattr(text, "hidden_size", 0), getattr(text, "num_hidden_layers", 0)
    inner, vocabulary = getattr(text, "intermediate_size", 0), getattr(text, "vocab_size", 0)
    if not (is_cpu_build() and hidden and layers and inner and vocabulary):
        return EngineCosts()
    # Attention's four projections (fewer key heads make two of them smaller) and the three of a gated feed-forward.
    return EngineCosts.of_model(layers * (4 * hidden * hidden + 3 * hidden * inner), vocabulary * hidden)


def read_edges(reading: Reading, tokens: Sequence[int], output: Any) -> list[EdgeScore | None]:
    """Returns the score of each token that a request was about; None where vLLM did not compute it.

    Args:
        reading: what the request asked for.
        tokens: of a probe, the tokens that it named; else those at the prompt's end.
        output: vLLM's `RequestOutput`.

    Raises:
        EngineError: the output is not about these tokens.
    """
    # A token is greedy where none is more probable. All readings see a tie alike by this rule, which the rank does not
    # (vLLM counts the second of two likeliest tokens, and the first, as 2), nor the one token that decoding would take.
    if reading == Reading.PROBE:
        (sample,) = output.outputs
        # The first entry is the greedy token; rows of one batch are padded to a common length behind ours.
        named, logprobs = sample.logprobs.token_ids, sample.logprobs.logprobs
        if list(named[1 : len(tokens) + 1]) != list(tokens):
            raise EngineError("vLLM's log-probabilities do not belong to the tokens that were asked for")
        return [EdgeScore(logprob, logprob >= logprobs[0]) for logprob in logprobs[1 : len(tokens) + 1]]
    rows, count = output.prompt_logprobs, len(tokens)
    if rows is None or len(rows.logprobs) < 2 * count or list(output.prompt_token_ids[-count:]) != list(tokens):
        raise EngineError("vLLM's log-probabilities do not belong to the prompt's tokens")
    # Two entries a row: the prompt's token and the likeliest. Counted from the end: images make the prompt longer than
    # it was sent, in front of the continuation.
    found, logprobs = rows.token_ids[-2 * count :: 2], rows.logprobs[-2 * count :]
    edges: list[EdgeScore | None] = []
    for token, marked, logprob, best in zip(tokens, found, logprobs[::2], logprobs[1::2], strict=True):
        if marked != token and (marked != UNWRITTEN or reading != Reading.TAIL):
            raise EngineError("vLLM's log-probabilities do not belong to the prompt's tokens")
        edges.append(EdgeScore(logprob, logprob >= best) if marked == token else None)
    return edges
