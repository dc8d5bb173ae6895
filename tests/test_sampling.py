"""Generation kwargs become canonical sampling parameters."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fasteval.errors import UnknownNameError, UsageError
from fasteval.models.sampling import DEFAULT_MAX_TOKENS, SamplingParameters

read = SamplingParameters.from_generation_kwargs


@pytest.mark.parametrize("name", ["max_new_tokens", "max_gen_toks", "max_tokens"])
def test_the_token_limit_has_several_names(name: str) -> None:
    assert (16, True) == (read({name: 16}).max_tokens, read({name: 16}).max_tokens_given)


def test_without_a_limit_the_default_is_marked_as_one() -> None:
    assert (DEFAULT_MAX_TOKENS, False) == (read({}).max_tokens, read({}).max_tokens_given)


@pytest.mark.parametrize(
    ("expected", "kwargs"),
    [
        (0.0, {}),
        (0.0, {"do_sample": False, "temperature": 0.7}),
        (0.7, {"temperature": 0.7}),
        (0.7, {"do_sample": True, "temperature": 0.7}),
        (1.0, {"do_sample": True}),
        (0.0, {"do_sample": None, "temperature": 0}),
    ],
)
def test_do_sample_decides_over_the_temperature(expected: float, kwargs: dict[str, Any]) -> None:
    assert expected == read(kwargs).temperature


def test_stop_strings_keep_their_order_and_lose_duplicates_and_empty_ones() -> None:
    assert ("\n\n", "Q:") == read({"until": ["\n\n", "", "Q:", "\n\n"]}).stop
    assert ("</s>",) == read({"until": "</s>"}).stop


def test_greedy_decoding_forgets_what_only_shapes_sampling() -> None:
    plain = read({"max_new_tokens": 4})
    assert plain == read({"max_new_tokens": 4, "top_p": 0.9, "top_k": 5, "seed": 3, "do_sample": False})
    assert plain.canonical() == plain.canonical(seed=99)


def test_the_nucleus_of_nothing_is_the_most_probable_token() -> None:
    assert read({"max_new_tokens": 4}) == read({"max_new_tokens": 4, "temperature": 0.2, "top_p": 0})


def test_special_tokens_are_left_out_unless_they_are_wanted_and_then_the_key_says_so() -> None:
    plain, shown = read({"skip_special_tokens": True}), read({"skip_special_tokens": False})
    assert read({}).canonical() == plain.canonical()
    assert plain.canonical() != shown.canonical()
    assert b"skip_special_tokens" not in plain.canonical()


def test_a_sampled_answers_seed_is_part_of_its_key() -> None:
    sampled = read({"temperature": 1.0})
    assert sampled.canonical(seed=1) != sampled.canonical(seed=2)


def test_an_unknown_option_names_the_nearest_one() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'temperature'"):
        read({"temprature": 0.5})


@pytest.mark.parametrize(
    "kwargs",
    [
        {"num_beams": 4},
        {"temperature": -1},
        {"top_p": 1.5, "temperature": 1},
        {"max_new_tokens": 0},
        {"n": 3},
        {"until": 7},
        {"until": [1]},
        {"temperature": "warm"},
        {"skip_special_tokens": 1},
    ],
)
def test_an_option_that_cannot_be_honoured_is_refused(kwargs: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        read(kwargs)


@given(
    st.dictionaries(st.sampled_from(["top_p", "top_k", "temperature", "until", "n", "x"]), st.integers() | st.text())
)
def test_any_kwargs_give_parameters_or_a_usage_error(kwargs: dict[str, Any]) -> None:
    try:
        parameters = read(kwargs)
    except UsageError:
        return
    assert parameters == SamplingParameters(**parameters.to_dict())
