"""Filters: what each one makes of answers, and what none of them may do."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fasteval.api.registry import FILTERS
from fasteval.errors import DocumentError, TaskError, UnknownNameError, UsageError
from fasteval.filters import DEFAULT_TAGS, FilterPipeline, build_filter, strip_thinking
from fasteval.filters.base import Filter

BUILTIN: dict[str, dict[str, Any]] = {
    "take_first": {},
    "take_first_k": {"k": 1},
    "majority_vote": {},
    "regex": {"regex_pattern": "[a-c]+"},
    "regex_pos": {},
    "multi_choice_regex": {},
    "lowercase": {},
    "uppercase": {},
    "map": {"mapping_dict": {"a": "b"}},
    "remove_whitespace": {},
    "strip_thinking": {},
    "format_span": {},
}


def run(function: str, answers: list[Any], doc: dict[str, Any] | None = None, **options: Any) -> Any:
    """Returns what a filter makes of one request's answers."""
    return next(iter(build_filter(function, options).apply([answers], [doc or {}])))


# Every filter.


@pytest.mark.parametrize(
    ("expected", "answer"),
    [
        ("per: ada $ loc: kenya $ loc: uganda", "Person: Ada $$ LOCATION: Kenya, Uganda$$"),
        ("org: un $ date: may 1", "org: UN\ndate: May 1"),
        ("", "PER: none"),
        ("", "there are no entities"),
    ],
)
def test_named_entities_in_one_form(expected: str, answer: str) -> None:
    assert [[expected]] == run("format_span", [answer]) or [expected] == run("format_span", [answer])


def test_the_builtin_filters_are_those_of_lm_eval_and_lmms_eval() -> None:
    ours = [name for name in FILTERS.names() if FILTERS.get(name).__module__.startswith("fasteval.")]
    assert sorted({*BUILTIN, "custom"}) == ours  # tests register some of their own


@pytest.mark.parametrize("name", BUILTIN)
def test_every_builtin_filter_works_per_document(name: str) -> None:
    assert FILTERS.get(name).per_document  # type: ignore[attr-defined]  # a Filter subclass


@pytest.mark.parametrize("name", BUILTIN)
@given(resps=st.lists(st.lists(st.text(alphabet="ab<>/think :", max_size=12), min_size=1, max_size=3), max_size=5))
def test_no_filter_changes_the_number_of_requests(name: str, resps: list[list[str]]) -> None:
    docs = [{"choices": ["a", "b"]} for _ in resps]
    assert len(resps) == len(build_filter(name, BUILTIN[name]).apply(resps, docs))


@pytest.mark.parametrize("name", BUILTIN)
@given(resps=st.lists(st.lists(st.text(max_size=8), min_size=1, max_size=3), min_size=1, max_size=4))
def test_filtering_documents_one_by_one_gives_what_filtering_them_together_gives(
    name: str, resps: list[list[str]]
) -> None:
    doc = {"choices": ["yes", "no"]}
    step = build_filter(name, BUILTIN[name])
    together = list(step.apply(resps, [doc] * len(resps)))
    assert together == [next(iter(step.apply([answers], [doc]))) for answers in resps]


def test_custom_hands_all_answers_and_documents_to_the_tasks_function() -> None:
    def numbered(resps: list[list[str]], docs: list[dict[str, Any]]) -> list[str]:
        return [f"{answers[0]}{doc['n']}" for answers, doc in zip(resps, docs, strict=True)]

    step = build_filter("custom", {"filter_fn": numbered})
    assert ["a1", "b2"] == step.apply([["a"], ["b"]], [{"n": 1}, {"n": 2}])
    assert not step.per_document
    with pytest.raises(UsageError, match="filter_fn must be !function"):
        build_filter("custom", {"filter_fn": "utils.numbered"})


def test_regex_pos_reads_the_tags_of_pairs() -> None:
    assert [["NOUN", "VERB"]] == run("regex_pos", ["[('dog', 'NOUN'), ('runs', 'VERB')]"])
    assert [["invalid"]] == run("regex_pos", ["no pairs"])


# Selection.


def test_take_first_takes_the_first_answer_out_of_its_list() -> None:
    assert run("take_first", ["yes", "no"]) == "yes"


def test_take_first_of_no_answers_is_an_empty_text() -> None:
    assert run("take_first", []) == ""


def test_take_first_twice_is_take_first_once() -> None:
    step = build_filter("take_first", {})
    assert step.apply(step.apply([["yes"]], [{}]), [{}]) == ["yes"]


def test_take_first_k_keeps_a_list_of_k_answers() -> None:
    assert run("take_first_k", ["a", "b", "c"], k=2) == ["a", "b"]


def test_take_first_k_says_how_many_repeats_it_needs() -> None:
    with pytest.raises(UsageError, match="needs 8 answers a request and got 2: set the task's repeats to 8"):
        run("take_first_k", ["a", "b"], k=8)


@pytest.mark.parametrize("k", [0, -1, "2", 1.5, True])
def test_take_first_k_refuses_a_k_that_is_no_positive_integer(k: object) -> None:
    with pytest.raises(UsageError, match="k must be a positive integer"):
        build_filter("take_first_k", {"k": k})


def test_majority_vote_keeps_the_most_frequent_answer_in_a_list_of_one() -> None:
    assert run("majority_vote", ["a", "b", "b"]) == ["b"]


def test_majority_vote_gives_a_tie_to_the_answer_that_came_first() -> None:
    assert run("majority_vote", ["b", "a", "a", "b"]) == ["b"]


# Text.


def test_lowercase_uppercase_and_one_leading_space() -> None:
    assert run("lowercase", ["Yes", "NO"]) == ["yes", "no"]
    assert run("uppercase", ["Yes"]) == ["YES"]
    assert run("remove_whitespace", ["  two ", "none"]) == [" two ", "none"]


def test_map_replaces_known_answers_and_gives_the_default_for_others() -> None:
    assert run("map", ["A", "Z"], mapping_dict={"A": 1}, default_value=0) == [1, 0]


def test_map_refuses_what_is_no_mapping() -> None:
    with pytest.raises(UsageError, match="mapping_dict must be a mapping"):
        build_filter("map", {"mapping_dict": ["A"]})


def test_text_filters_after_take_first_see_the_text_and_not_its_characters() -> None:
    pipeline = FilterPipeline.from_config("strict", [{"function": "take_first"}, {"function": "lowercase"}])
    assert pipeline.apply([["YES"]], [{}]) == ["yes"]


def test_a_missing_answer_counts_as_an_empty_text() -> None:
    assert run("lowercase", [None]) == [""]


def test_text_filters_refuse_log_probabilities() -> None:
    with pytest.raises(UsageError, match="Lowercase takes texts, and got a tuple"):
        run("lowercase", [(-1.0, True)])


# Extraction.


def test_regex_keeps_the_first_match_and_falls_back_to_invalid() -> None:
    assert run("regex", ["#### 1,200 and #### 3", "none"]) == ["1,200", "[invalid]"]


def test_regex_selects_the_last_match_with_minus_one() -> None:
    assert run("regex", ["1 then 2"], regex_pattern=r"\d", group_select=-1) == ["2"]


def test_regex_of_several_groups_keeps_the_first_that_is_not_empty() -> None:
    assert run("regex", ["is B"], regex_pattern=r"(\d)|is ([A-D])") == ["B"]


def test_regex_whose_groups_are_all_empty_gives_the_fallback() -> None:
    assert run("regex", ["x"], regex_pattern=r"(a?)x(b?)", fallback="?") == ["?"]


def test_regex_with_fewer_matches_than_selected_gives_the_fallback() -> None:
    assert run("regex", ["1"], regex_pattern=r"\d", group_select=3) == ["[invalid]"]


def test_regex_strips_whitespace_from_its_match() -> None:
    assert run("regex", ["answer: 42 ."], regex_pattern=r"answer:([^.]*)") == ["42"]


@pytest.mark.parametrize("name", ["regex", "multi_choice_regex"])
def test_a_bad_pattern_is_named(name: str) -> None:
    with pytest.raises(UsageError, match=r"'\(unclosed' is not a regular expression"):
        build_filter(name, {"regex_pattern": "(unclosed"})


def test_a_bad_pattern_among_those_to_ignore_is_named() -> None:
    with pytest.raises(UsageError, match=r"'\[a' is not a regular expression"):
        build_filter("multi_choice_regex", {"regexes_to_ignore": ["ok", "[a"]})


COLOURS = {"choices": ["Red.", "green", "blue"]}


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("I choose (B).", "(B)"),  # by the pattern
        ("It must be green", "(B)"),  # by the option's text
        ("Answer:  C", "(C)"),  # by colon and letter
        ("answer: D", "[invalid]"),  # no such option
        ("GREEN", "[invalid]"),  # case counts unless it is ignored
        ("", "[invalid]"),
    ],
)
def test_multi_choice_regex_tries_pattern_then_texts_then_letters(answer: str, expected: str) -> None:
    assert run("multi_choice_regex", [answer], COLOURS, regex_pattern=r"\([A-Z]\)") == [expected]


def test_multi_choice_regex_compares_texts_without_what_is_ignored() -> None:
    options = {"ignore_case": True, "ignore_punctuation": True, "regexes_to_ignore": ["the "]}
    assert run("multi_choice_regex", ["«the RED»!"], COLOURS, **options) == ["(A)"]


def test_multi_choice_regex_takes_options_as_text_and_never_as_patterns() -> None:
    assert run("multi_choice_regex", ["f(x)"], {"choices": ["f.x.", "f(x)"]}) == ["(B)"]


def test_multi_choice_regex_with_an_empty_option_still_reads_letters() -> None:
    assert run("multi_choice_regex", ["so: B"], {"choices": ["", "yes"]}) == ["(B)"]


def test_multi_choice_regex_works_with_more_options_than_letters() -> None:
    assert run("multi_choice_regex", ["number 3!"], {"choices": [f"number {i}!" for i in range(40)]}) == ["(D)"]


def test_multi_choice_regex_without_choices_costs_the_document() -> None:
    with pytest.raises(DocumentError, match="field 'choices'"):
        run("multi_choice_regex", ["no"], {"options": ["a"]})


# Reasoning.


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("<think>long</think>\n\nParis", "Paris"),
        ("a <think>x</think>b<analysis>y</analysis> c", "a b c"),
        ("the prompt opened it</think> Paris", "Paris"),
        ("Paris <think>cut off while thin", "Paris"),
        ("<think>one</think>mid<think>two</think>Paris", "midParis"),
        ("<think>a<think>b</think>c</think>d", "d"),
        ("  plain  ", "plain"),
        ("1 < 2", "1 < 2"),
    ],
)
def test_strip_thinking_leaves_the_final_answer(answer: str, expected: str) -> None:
    assert expected == strip_thinking(answer)
    assert run("strip_thinking", [answer]) == [expected]


def test_strip_thinking_knows_only_the_given_tags() -> None:
    assert run("strip_thinking", ["<think>a</think>[r]b[/r]c"], tag_pairs=[["[r]", "[/r]"]]) == ["<think>a</think>c"]


@given(st.text(alphabet="ab <>/think", max_size=40))
def test_no_tag_survives_strip_thinking_and_twice_is_once(answer: str) -> None:
    stripped = strip_thinking(answer)
    assert stripped == strip_thinking(stripped)
    assert not any(tag in stripped for tag in DEFAULT_TAGS[0])


@pytest.mark.parametrize("tags", ["<think>", [["<think>"]], [["", "</think>"]], [[1, 2]], ["ab"]])
def test_strip_thinking_refuses_what_are_no_pairs_of_tags(tags: object) -> None:
    with pytest.raises(UsageError, match="tag_pairs must be pairs of texts"):
        build_filter("strip_thinking", {"tag_pairs": tags})


# Building and pipelines.


def test_an_unknown_filter_offers_the_nearest_name() -> None:
    with pytest.raises(UnknownNameError, match="unknown filter 'takefirst': did you mean 'take_first'"):
        build_filter("takefirst", {})


def test_an_unknown_option_offers_the_nearest_name() -> None:
    with pytest.raises(
        UnknownNameError, match="option of the filter regex 'regex_patern': did you mean 'regex_pattern'"
    ):
        build_filter("regex", {"regex_patern": "a"})


def test_a_missing_option_is_named() -> None:
    with pytest.raises(UsageError, match="the filter take_first_k needs the option 'k'"):
        build_filter("take_first_k", {})


def test_an_entry_without_function_is_refused() -> None:
    with pytest.raises(UsageError, match="filter 'strict': an entry has no 'function'"):
        FilterPipeline.from_config("strict", [{"regex_pattern": "a"}])


class Reverse(Filter):
    """A filter as a task folder brings it: it may look at all documents at once."""

    def apply(self, resps: Any, docs: Any) -> Any:
        """Returns a lazy iterator, as many filters do."""
        return map(list, map(reversed, resps))


def test_a_pipeline_runs_its_filters_in_order() -> None:
    entries: list[dict[str, Any]] = [
        {"function": "strip_thinking"},
        {"function": "regex", "regex_pattern": r"answer is \(?([A-D])\)?"},
        {"function": "majority_vote"},
        {"function": "take_first"},
    ]
    answers = ["<think>the answer is (A)?</think>The answer is (C)", "answer is C", "answer is D"]
    assert FilterPipeline.from_config("maj", entries).apply([answers], [{}]) == ["C"]


def test_a_pipeline_of_no_filters_keeps_all_answers() -> None:
    assert FilterPipeline("none", ()).apply([["a"]], [{}]) == [["a"]]


def test_a_pipeline_is_per_document_only_if_all_its_filters_are() -> None:
    assert FilterPipeline.from_config("own", [{"function": "lowercase"}]).per_document
    assert not FilterPipeline.from_config("foreign", [{"function": "lowercase"}, {"function": Reverse}]).per_document


def test_a_pipeline_takes_a_class_of_a_task_file_with_any_options() -> None:
    pipeline = FilterPipeline.from_config("foreign", [{"function": Reverse, "whatever": 1}, {"function": "take_first"}])
    assert pipeline.apply([["a", "b"]], [{}]) == ["b"]


class Swallow(Reverse):
    """A filter that loses requests."""

    def apply(self, resps: Any, docs: Any) -> Any:
        """Returns nothing."""
        return []


def test_a_filter_that_loses_requests_is_named() -> None:
    with pytest.raises(TaskError, match="filter 'strict': Swallow returned 0 items for 1 requests"):
        FilterPipeline("strict", (Swallow(),)).apply([["a"]], [{}])
