"""`ScoringCounts`: what scoring together has saved, from an engine's counters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["COUNTERS", "WAYS", "ScoringCounts"]

#: How a row was scored: by the request that computed its context (`shared`), by further one-token requests (`trie`),
#: by its continuation read from the prefix cache (`tail`), or by a request that shares nothing (`plain`).
WAYS = ("shared", "trie", "tail", "plain")

#: The counters that an engine keeps: rows scored, by way; requests sent, by reading; of these the ones sent again
#: because a cached prefix reached into a continuation; tokens of their prompts, and of these from the prefix cache;
#: tokens that one request a row without the prefix cache would have computed.
COUNTERS = (
    "scoring_rows",
    *(f"scoring_rows_{way}" for way in WAYS),
    "scoring_requests",
    *(f"scoring_requests_{reading}" for reading in ("probe", "tail", "plain")),
    "scoring_recomputed",
    "scoring_prompt_tokens",
    "scoring_cached_tokens",
    "scoring_plain_tokens",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoringCounts:
    """Log-likelihood rows that were scored by their contexts, and what that took.

    Attributes:
        rows: rows that were scored.
        ways: how many of them in which way (`WAYS`).
        requests: requests that the engine was given for them.
        prompt_tokens: tokens of those requests' prompts.
        cached_tokens: how many of these came from the prefix cache.
        plain_tokens: tokens that the plain way, one request a row, would have computed.
    """

    rows: int
    ways: Mapping[str, int]
    requests: int
    prompt_tokens: int
    cached_tokens: int
    plain_tokens: int

    @classmethod
    def of(cls, counters: Mapping[str, float]) -> ScoringCounts | None:
        """Returns the counts among an engine's counters; None if it scored no row this way."""
        if not counters.get("scoring_rows"):
            return None
        names = ("rows", "requests", "prompt_tokens", "cached_tokens", "plain_tokens")
        values = {name: int(counters.get(f"scoring_{name}", 0.0)) for name in names}
        return cls(ways={way: int(counters.get(f"scoring_rows_{way}", 0.0)) for way in WAYS}, **values)

    @property
    def requests_saved(self) -> int:
        """Requests that the plain way would have sent besides; below 0 where a few rows took several."""
        return self.rows - self.requests

    @property
    def computed_tokens(self) -> int:
        """Prompt tokens that went through the model."""
        return self.prompt_tokens - self.cached_tokens

    @property
    def tokens_saved(self) -> int:
        """Prompt tokens that the plain way would have computed besides."""
        return self.plain_tokens - self.computed_tokens

    @property
    def hit_rate(self) -> float:
        """The share of the requests' prompt tokens that came from the prefix cache."""
        return self.cached_tokens / self.prompt_tokens if self.prompt_tokens else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Returns everything as JSON has it."""
        return {
            "rows": self.rows,
            "rows_by_way": dict(self.ways),
            "requests": self.requests,
            "requests_saved": self.requests_saved,
            "prompt_tokens_computed": self.computed_tokens,
            "prompt_tokens_cached": self.cached_tokens,
            "prompt_tokens_saved": self.tokens_saved,
            "prefix_cache_hit_rate": self.hit_rate,
        }

    def line(self) -> str:
        """Returns it for people, in one line."""
        ways = ", ".join(f"{count:,} {way}" for way, count in self.ways.items() if count)
        return (
            f"{self.rows:,} log-likelihoods ({ways}) by {self.requests:,} requests, {self.requests_saved:,} saved · "
            f"{self.computed_tokens:,} prompt tokens computed, {self.tokens_saved:,} saved · "
            f"prefix cache hit rate {self.hit_rate:.1%}"
        )
