"""The planner of log-likelihoods against a made-up model, whose log-probabilities depend on the whole prefix."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from fasteval.scoring import (
    LOGPROB_TOKENS,
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

Continuations = Sequence[tuple[int, ...]]
TAILS = EngineTraits(block_size=4, marks_unwritten=True)
TRIE = EngineTraits(block_size=4, marks_unwritten=False)
NO_CACHE = EngineTraits(block_size=0, marks_unwritten=False)

TINY_MODEL = EngineTraits(block_size=4, marks_unwritten=True, costs=EngineCosts.of_model(10_000, 10_000))
traits = st.sampled_from([TAILS, TRIE, NO_CACHE, TINY_MODEL, EngineTraits(block_size=32, marks_unwritten=True)])
# Few distinct tokens: shared beginnings, duplicates and continuations inside others come up all the time.
continuations = st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=9).map(tuple), min_size=1, max_size=8)


def edge(prefix: tuple[int, ...], token: int) -> EdgeScore:
    """What the made-up model thinks of `token` behind the context and `prefix`."""
    number = xxhash.xxh3_64_intdigest(repr((prefix, token)).encode())
    return EdgeScore(-(number % 1000) / 64, number % 3 > 0)


def directly(continuation: tuple[int, ...]) -> EdgeScore:
    edges = [edge(continuation[:at], token) for at, token in enumerate(continuation)]
    return EdgeScore(sum(one.logprob for one in edges), all(one.is_greedy for one in edges))


class StubEngine:
    """Answers requests with the made-up model; like vLLM it does not compute rows inside a cached prefix."""

    def __init__(self, group: ContextGroup) -> None:
        self.group = group
        self.sent: list[ScoringRequest] = []
        self.computed: set[tuple[int, ...]] = set()

    def answer(self, request: ScoringRequest) -> list[EdgeScore | None]:
        self.sent.append(request)
        tokens = [self.group.trie.tokens[node] for node in request.nodes]
        if request.reading == Reading.PROBE:
            assert 1 <= len(tokens) <= LOGPROB_TOKENS
            self.computed.add(request.tokens)
            return [edge(request.tokens, token) for token in tokens]
        assert tuple(tokens) == request.tokens
        reach = self.reach(request.tokens) if request.reading == Reading.TAIL else 0
        self.computed.add(request.tokens)
        # The row of the token at a place is the place before it.
        first = max(reach + 1 - self.group.context_length, 0)
        return [None if at < first else edge(request.tokens[:at], token) for at, token in enumerate(tokens)]

    def reach(self, tokens: tuple[int, ...]) -> int:
        shared = [-1]
        for known in self.computed:
            same = next((at for at, (a, b) in enumerate(zip(tokens, known, strict=False)) if a != b), None)
            shared.append(min(len(tokens), len(known)) if same is None else same)
        length = self.group.context_length
        return self.group.traits.cached_tokens(length + max(shared), length + len(tokens)) if max(shared) >= 0 else 0


def run(group: ContextGroup) -> tuple[StubEngine, dict[int, EdgeScore], int]:
    """Plans and answers round after round; returns the engine, the edges and how many rounds it took."""
    engine, known = StubEngine(group), dict[int, EdgeScore]()
    for round_number in range(4):
        requests = plan_requests(group, known, round_number)
        if not requests:
            return engine, known, round_number
        for request in requests:
            for node, score in zip(request.nodes, engine.answer(request), strict=True):
                if score is not None:
                    assert known.setdefault(node, score) == score
    raise AssertionError("still not done")


def score(
    texts: Continuations, traits: EngineTraits, length: int = 10
) -> tuple[StubEngine, list[EdgeScore | None], int]:
    group = ContextGroup(length, ContinuationTrie(texts), traits)
    engine, known, rounds = run(group)
    return engine, [row_score(group, known, row) for row in range(len(texts))], rounds


@given(continuations, traits, st.integers(1, 40))
def test_every_continuation_is_scored_as_if_it_were_alone(
    texts: Continuations, traits: EngineTraits, length: int
) -> None:
    _, scores, rounds = score(texts, traits, length)
    assert [pytest.approx(directly(text)) for text in texts] == scores
    assert rounds <= 3


@given(continuations, traits, st.integers(1, 40))
def test_no_request_is_sent_twice(texts: Continuations, traits: EngineTraits, length: int) -> None:
    engine, _, _ = score(texts, traits, length)
    assert len(engine.sent) == len(set(engine.sent))


@given(continuations, traits, st.integers(1, 40))
def test_the_estimate_never_exceeds_the_plain_way(texts: Continuations, traits: EngineTraits, length: int) -> None:
    group = ContextGroup(length, ContinuationTrie(texts), traits)
    (first, *_) = plan_requests(group, {}, 0)
    plain = sum(group.cost(Reading.PLAIN, group.trie.depths[leaf]) for leaf in group.trie.leaves())
    if first.reading == Reading.PROBE:
        known = {node: EdgeScore(0.0, True) for node in first.nodes}
        rest = sum(group.cost(request.reading, len(request.tokens)) for request in plan_requests(group, known, 1))
        assert group.cost(Reading.PROBE, 0, is_first=True) + rest < plain


@given(continuations)
def test_the_trie_holds_each_beginning_once(texts: Continuations) -> None:
    trie = ContinuationTrie(texts)
    beginnings = {text[:length] for text in texts for length in range(1, len(text) + 1)}
    assert beginnings == {trie.path_tokens(node) for node in range(1, len(trie.tokens))}
    assert len(beginnings) == len(trie.tokens) - 1
    assert list(texts) == [trie.path_tokens(path[-1]) for path in trie.paths]


def readings(engine: StubEngine) -> list[str]:
    return [request.reading.value for request in engine.sent]


def test_single_token_choices_take_one_request() -> None:
    assert ["probe"] == readings(score([(1,), (2,), (3,), (4,)], TAILS)[0])


def test_long_choices_take_a_probe_and_a_tail_each() -> None:
    texts = [(first, *range(10, 22)) for first in range(4)]
    assert ["probe"] + ["tail"] * 4 == readings(score(texts, TAILS, 400)[0])


def test_where_requests_cost_more_than_tokens_few_of_them_are_sent() -> None:
    tiny = EngineTraits(4, marks_unwritten=True, costs=EngineCosts.of_model(1_000_000, 50_000))
    large = EngineTraits(4, marks_unwritten=True, costs=EngineCosts.of_model(7_000_000_000, 500_000_000))
    texts = [(first, *range(10, 22)) for first in range(4)]
    assert ["plain"] * 4 == readings(score(texts, tiny, 8)[0])
    assert ["probe"] + ["tail"] * 4 == readings(score(texts, large, 8)[0])


def test_without_marks_there_are_no_tails() -> None:
    texts = [(first, 5) for first in range(4)]
    assert ["probe"] * 5 == readings(score(texts, TRIE, 400)[0])


def test_one_choice_behind_a_tiny_context_is_asked_for_plainly() -> None:
    assert ["plain"] == readings(score([(1, 2, 3)], TAILS, 2)[0])


def test_without_a_cache_long_choices_are_asked_for_plainly() -> None:
    texts = [(first, *range(10, 22)) for first in range(4)]
    assert ["plain"] * 4 == readings(score(texts, NO_CACHE, 400)[0])


def test_equal_choices_and_beginnings_of_others_cost_nothing() -> None:
    engine, _, _ = score([(1, 2, 3), (1, 2, 3), (1, 2), (1,)], TAILS, 400)
    assert 1 == len([request for request in engine.sent if request.reading == Reading.TAIL])


def test_more_first_tokens_than_a_probe_may_name_are_split_and_the_context_is_computed_first() -> None:
    texts = [(token,) for token in range(300)]
    group = ContextGroup(50, ContinuationTrie(texts), TAILS)
    first = plan_requests(group, {}, 0)
    assert [LOGPROB_TOKENS] == [len(request.nodes) for request in first]
    known = {node: EdgeScore(-1.0, False) for node in first[0].nodes}
    assert [LOGPROB_TOKENS, 300 - 2 * LOGPROB_TOKENS] == [
        len(request.nodes) for request in plan_requests(group, known, 1)
    ]


def test_what_a_cached_prefix_has_swallowed_is_asked_for_again() -> None:
    # The two share 8 tokens behind a context of 400: the second tail finds 408 in the cache, and the row that its own
    # ninth token would be read from is inside.
    shared = (1, 2, 3, 4, 5, 6, 7, 8)
    engine, scores, rounds = score([(*shared, 9, 9), (*shared, 8, 8)], TAILS, 400)
    assert [directly((*shared, 9, 9)), directly((*shared, 8, 8))] == scores
    assert 3 == rounds
    assert "tail" not in readings(engine)[3:]


@pytest.mark.parametrize(
    ("size", "shared", "length", "expected"), [(32, 64, 100, 64), (32, 64, 64, 32), (0, 64, 99, 0)]
)
def test_the_cache_serves_full_blocks_and_never_the_last_token(
    size: int, shared: int, length: int, expected: int
) -> None:
    assert expected == EngineTraits(size, marks_unwritten=True).cached_tokens(shared, length)


def test_what_means_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="without tokens"):
        ContinuationTrie([(1,), ()])
    with pytest.raises(ValueError, match="at least one token"):
        ContextGroup(0, ContinuationTrie([(1,)]), TAILS)
    with pytest.raises(ValueError, match="block"):
        EngineTraits(-1, marks_unwritten=False)


def test_a_missing_edge_leaves_a_row_without_a_score() -> None:
    group = ContextGroup(4, ContinuationTrie([(1, 2)]), TAILS)
    assert None is row_score(group, {1: EdgeScore(-1.0, True)}, 0)
