"""`PromptTokenizer`: texts as a checkpoint's tokens, and where in them a context ends and its continuation begins.

The rules are lm-eval's, and make log-likelihoods comparable. The continuation's tokens are those of the joint text:
tokenizing the two apart would split a word that the model knows as one token.
"""

from __future__ import annotations

from array import array
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from fasteval.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["PromptTokenizer", "rolling_windows"]

#: Texts whose tokens are remembered: the context of some choices, a question about many pictures, a sampled prompt.
_REMEMBERED = 256


class PromptTokenizer:
    """What a request's texts are for a model that takes prompts of at most `longest` tokens."""

    def __init__(self, tokenizer: Any, longest: int) -> None:
        """Takes transformers' tokenizer; `longest` leaves room for the one token that vLLM always generates."""
        self.longest = longest
        self._tokenizer = tokenizer
        self._remembered = lru_cache(_REMEMBERED)(self._tokenize)
        self._bos: int | None = tokenizer.bos_token_id
        # What stands for an empty context: BOS, or EOS where there is none.
        self._prefix: int | None = self._bos if self._bos is not None else tokenizer.eos_token_id

    def prompt(self, text: str, *, is_plain: bool) -> list[int]:
        """Returns the tokens of a rendered prompt, with one BOS at most; special tokens are added if `is_plain`."""
        token_ids = self._encode(text, add_special_tokens=is_plain)
        has_two = is_plain and self._bos is not None and token_ids[:2] == [self._bos, self._bos]
        return token_ids[1:] if has_two else token_ids  # the text began with a BOS of its own

    def pair(self, context: str, continuation: str | None, *, is_plain: bool) -> tuple[list[int], list[int]]:
        """Returns the tokens of a continuation that is scored, behind those that they are conditioned on.

        White space at the end of a plain context counts as the continuation's, since tokenizers join it to the next
        word. A rendered chat ends where the template lets the answer begin, so nothing moves there.

        Raises:
            RequestError: there is nothing to score, or nothing to condition it on.
        """
        if not continuation:
            raise RequestError("the continuation is empty: there is nothing to score")
        if is_plain:
            kept = context.rstrip()
            context, continuation = kept, context[len(kept) :] + continuation
        if not context:
            return self._alone(continuation)
        before = self.prompt(context, is_plain=is_plain)
        whole = self.prompt(context + continuation, is_plain=is_plain)
        start = len(before)
        if start >= len(whole):  # the joint text has fewer tokens than the context alone: score from where they part
            start = next((i for i, (ours, theirs) in enumerate(zip(whole, before, strict=False)) if ours != theirs), 0)
        if start:
            return whole[:start], whole[start:]
        if self._prefix is None:
            raise RequestError("the context has no tokens, and the tokenizer no BOS or EOS to stand for it")
        return [self._prefix], whole

    def windows(self, text: str) -> Iterator[tuple[list[int], list[int]]]:
        """Returns the windows in which a text of any length is scored (see `rolling_windows`).

        Raises:
            RequestError: there is nothing to score, or nothing to condition it on.
        """
        token_ids = self._encode(text, add_special_tokens=False)
        if not token_ids:
            raise RequestError("the text is empty: there is nothing to score")
        if self._prefix is None:
            raise RequestError("the tokenizer has no BOS or EOS for the first token to be conditioned on")
        return rolling_windows(token_ids, self._prefix, self.longest)

    def check_length(self, length: int) -> None:
        """Refuses a prompt of so many tokens if there are none or too many.

        Raises:
            RequestError: so it is.
        """
        if not length:
            raise RequestError("the prompt is empty")
        if length > self.longest:
            raise RequestError(
                f"the prompt of {length} tokens is longer than the model's limit of {self.longest} "
                "(one token of max_model_len is for the answer)"
            )

    def _encode(self, text: str, *, add_special_tokens: bool) -> list[int]:
        return self._remembered(text, add_special_tokens).tolist()

    def _tokenize(self, text: str, add_special_tokens: bool) -> array[int]:
        return array("I", self._tokenizer.encode(text, add_special_tokens=add_special_tokens))

    def _alone(self, continuation: str) -> tuple[list[int], list[int]]:
        """Returns the tokens of a continuation that has no context."""
        if self._prefix is None:
            raise RequestError("the context is empty, and the tokenizer has no BOS or EOS to stand for it")
        token_ids = self._encode(continuation, add_special_tokens=False)
        if token_ids[:1] == [self._prefix]:
            token_ids = token_ids[1:]
        if not token_ids:
            raise RequestError("the continuation has no tokens: there is nothing to score")
        return [self._prefix], token_ids


def rolling_windows(
    token_ids: Sequence[int], prefix_token: int, max_length: int
) -> Iterator[tuple[list[int], list[int]]]:
    """Yields (context, scored) pairs; the scored parts in order are exactly `token_ids`.

    The rule is lm-eval's (`get_rolling_token_windows` with one token of context, made disjoint): full windows follow
    each other and see only the token before them; the last one, which is shorter, reaches back for as much context as
    fits.

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
        yield ([prefix_token] if start == 0 else list(token_ids[end - max_length : start])), scored
