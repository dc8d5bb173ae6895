"""Rolling windows: a text longer than the model is scored piece by piece, each token exactly once.

The rule is lm-eval's (`get_rolling_token_windows` with one token of context, made disjoint): full windows follow each
other and see only the token before them; the last one, which is shorter, reaches back for as much context as fits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["rolling_windows"]


def rolling_windows(
    token_ids: Sequence[int], prefix_token: int, max_length: int
) -> Iterator[tuple[list[int], list[int]]]:
    """Yields (context, scored) pairs; the scored parts in order are exactly `token_ids`.

    Args:
        token_ids: the text.
        prefix_token: what the first token is conditioned on.
        max_length: most tokens that a context and its scored part may have together, at least two.

    Raises:
        ValueError: `max_length` leaves no room.
    """
    if max_length < 2:
        raise ValueError(f"windows of {max_length} tokens have no room for a context and a scored token")
    stride = max_length - 1
    for start in range(0, len(token_ids), stride):
        end = min(start + stride, len(token_ids))
        scored = list(token_ids[start:end])
        if start == 0:
            yield [prefix_token], scored
        else:
            yield list(token_ids[end - max_length : start]), scored
