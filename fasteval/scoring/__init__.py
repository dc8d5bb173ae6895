"""Log-likelihoods of rows that share a context: which requests they take, and what the answers add up to.

Pure: token ids go in, token ids come out; no engine, no tokenizer and no clock is involved.
"""

from fasteval.scoring.cost import EngineCosts, EngineTraits
from fasteval.scoring.counting import COUNTERS, WAYS, ScoringCounts
from fasteval.scoring.planner import (
    LOGPROB_TOKENS,
    ContextGroup,
    EdgeScore,
    Reading,
    ScoringRequest,
    plan_requests,
    row_score,
)
from fasteval.scoring.trie import ContinuationTrie

__all__ = [
    "COUNTERS",
    "LOGPROB_TOKENS",
    "WAYS",
    "ContextGroup",
    "ContinuationTrie",
    "EdgeScore",
    "EngineCosts",
    "EngineTraits",
    "Reading",
    "ScoringCounts",
    "ScoringRequest",
    "plan_requests",
    "row_score",
]
