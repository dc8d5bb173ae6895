"""Where a context ends and its continuation begins, in tokens: the rules that make log-likelihoods comparable.

The continuation's tokens are those of the joint text, as in lm-eval: tokenizing the two apart would split a word that
the model knows as one token.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fasteval.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["encode_pair", "encode_prompt", "prefix_token"]


def encode_prompt(
    encode: Callable[[str, bool], list[int]], text: str, *, is_plain: bool, bos_token: int | None
) -> list[int]:
    """Returns the tokens of a prompt, with one BOS at most.

    Args:
        encode: `encode(text, add_special_tokens)` of the tokenizer.
        text: the rendered prompt.
        is_plain: whether the tokenizer adds its special tokens.
        bos_token: the tokenizer's BOS, if it has one.
    """
    token_ids = encode(text, is_plain)
    if is_plain and bos_token is not None and token_ids[:2] == [bos_token, bos_token]:
        return token_ids[1:]  # the text began with a BOS of its own
    return token_ids


def encode_pair(
    encode: Callable[[str, bool], list[int]],
    context: str,
    continuation: str,
    *,
    is_plain: bool,
    bos_token: int | None,
    prefix: int | None,
) -> tuple[list[int], int]:
    """Returns the tokens of context and continuation together, and how many of them, at the end, are scored.

    White space at the end of a plain context counts as the continuation's, since tokenizers join it to the next
    word. A rendered chat ends where the template lets the answer begin, so nothing moves there.

    Args:
        encode: `encode(text, add_special_tokens)` of the tokenizer.
        context: the rendered prompt; may be empty.
        continuation: the text that is scored.
        is_plain: whether the tokenizer adds its special tokens to the context.
        bos_token: the tokenizer's BOS, if it has one.
        prefix: the token that stands for an empty context (see `prefix_token`).

    Raises:
        RequestError: there is nothing to score, or nothing to condition it on.
    """
    if not continuation:
        raise RequestError("the continuation is empty: there is nothing to score")
    if is_plain:
        kept = context.rstrip()
        context, continuation = kept, context[len(kept) :] + continuation
    if not context:
        return _encode_alone(encode, continuation, prefix)
    context_ids = encode_prompt(encode, context, is_plain=is_plain, bos_token=bos_token)
    whole = encode_prompt(encode, context + continuation, is_plain=is_plain, bos_token=bos_token)
    start = len(context_ids)
    if start >= len(whole):  # the joint text has fewer tokens than the context alone: score from where they part
        start = next((i for i, (ours, theirs) in enumerate(zip(whole, context_ids, strict=False)) if ours != theirs), 0)
    if not start:
        if prefix is None:
            raise RequestError("the context has no tokens, and the tokenizer no BOS or EOS to stand for it")
        return [prefix, *whole], len(whole)
    return whole, len(whole) - start


def prefix_token(bos_token: int | None, eos_token: int | None) -> int | None:
    """Returns the token that stands for an empty context: BOS, or EOS where there is none."""
    return bos_token if bos_token is not None else eos_token


def _encode_alone(
    encode: Callable[[str, bool], list[int]], continuation: str, prefix: int | None
) -> tuple[list[int], int]:
    """Encodes a continuation that has no context."""
    if prefix is None:
        raise RequestError("the context is empty, and the tokenizer has no BOS or EOS to stand for it")
    token_ids = encode(continuation, False)
    if token_ids[:1] == [prefix]:
        token_ids = token_ids[1:]
    if not token_ids:
        raise RequestError("the continuation has no tokens: there is nothing to score")
    return [prefix, *token_ids], len(token_ids)
