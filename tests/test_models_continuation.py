from __future__ import annotations

from types import SimpleNamespace

import pytest

from fasteval.errors import RequestError
from fasteval.models.host.tokenizer import PromptTokenizer

BOS = 0
# Longest match first: " b" and "ab" are one token each, as real vocabularies have it.
_VOCABULARY = {"<s>": BOS, "ab": 1, " b": 2, "a": 3, "b": 4, " ": 5, "\n": 6, "c": 7}


def encode(text: str, add_special_tokens: bool) -> list[int]:
    token_ids = [BOS] if add_special_tokens else []
    while text:
        piece = next(piece for piece in _VOCABULARY if text.startswith(piece))
        token_ids.append(_VOCABULARY[piece])
        text = text[len(piece) :]
    return token_ids


def tokens(*, bos: int | None = BOS, eos: int | None = None) -> PromptTokenizer:
    return PromptTokenizer(SimpleNamespace(encode=encode, bos_token_id=bos, eos_token_id=eos), 100)


def pair(context: str, continuation: str, *, is_plain: bool = True, prefix: int | None = BOS) -> tuple[list[int], int]:
    before, scored = tokens(bos=prefix).pair(context, continuation, is_plain=is_plain)
    return before + scored, len(scored)


def test_the_continuation_is_the_rest_of_the_joint_text() -> None:
    assert ([BOS, 3, 2], 1) == pair("a", " b")


def test_white_space_at_the_end_of_a_plain_context_belongs_to_the_continuation() -> None:
    assert ([BOS, 3, 2], 1) == pair("a ", "b")


def test_nothing_moves_at_the_end_of_a_rendered_chat() -> None:
    assert ([3, 6, 4], 1) == pair("a\n", "b", is_plain=False)


def test_tokens_that_join_context_and_continuation_are_those_of_the_joint_text() -> None:
    assert ([BOS, 1, 7], 1) == pair("a", "bc")


def test_a_continuation_swallowed_by_the_contexts_last_token_is_still_scored() -> None:
    assert ([BOS, 1], 1) == pair("a", "b")


def test_a_context_that_brings_its_own_bos_gets_no_second_one() -> None:
    assert ([BOS, 3, 2], 1) == pair("<s>a", " b")


def test_an_empty_context_is_the_prefix_token() -> None:
    assert ([BOS, 3, 7], 2) == pair("", "ac")


def test_a_continuation_that_begins_with_the_prefix_token_is_not_conditioned_on_two() -> None:
    assert ([BOS, 3], 1) == pair("", "<s>a")


def test_a_context_of_white_space_only_counts_as_empty() -> None:
    assert ([BOS, 2], 1) == pair(" ", "b")


def test_an_empty_continuation_is_an_error() -> None:
    with pytest.raises(RequestError, match="nothing to score"):
        pair("a", "")


def test_an_empty_context_without_any_prefix_token_is_an_error() -> None:
    with pytest.raises(RequestError, match="no BOS or EOS"):
        pair("", "a", prefix=None)


def test_a_prompt_has_one_bos_at_most() -> None:
    assert [BOS, 3] == tokens().prompt("a", is_plain=True)
    assert [BOS, 3] == tokens().prompt("<s>a", is_plain=True)
    assert [3] == tokens().prompt("a", is_plain=False)


@pytest.mark.parametrize(("bos", "eos", "prefix"), [(0, 1, 0), (None, 1, 1)])
def test_bos_comes_before_eos_as_the_prefix_token(bos: int | None, eos: int | None, prefix: int) -> None:
    assert ([prefix], [7]) == tokens(bos=bos, eos=eos).pair("", "c", is_plain=True)
    assert [([prefix], [7])] == list(tokens(bos=bos, eos=eos).windows("c"))


def test_a_text_cannot_be_scored_without_any_prefix_token() -> None:
    with pytest.raises(RequestError, match="no BOS or EOS"):
        tokens(bos=None).windows("c")


def test_a_text_is_tokenized_once_for_all_choices_behind_it() -> None:
    encoded = []

    def encode(text: str, *, add_special_tokens: bool) -> list[int]:
        encoded.append((text, add_special_tokens))
        return [ord(letter) for letter in text]

    tokens = PromptTokenizer(SimpleNamespace(encode=encode, bos_token_id=None, eos_token_id=None), 100)
    scored = [tokens.pair("Q:", choice, is_plain=False)[1] for choice in ("A", "B", "C")]

    assert [[65], [66], [67]] == scored
    assert 1 == encoded.count(("Q:", False))
    tokens.prompt("Q:", is_plain=False).append(0)  # what a caller does to its list is its own affair
    assert [81, 58] == tokens.prompt("Q:", is_plain=False)
