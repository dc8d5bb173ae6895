"""Templates, columns and the other forms of `doc_to_*`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jinja2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fasteval.errors import DocumentError
from fasteval.tasks.fields import DocumentFields, call_with_options
from fasteval.tasks.templates import render_template

if TYPE_CHECKING:
    from collections.abc import Callable

DOC = {"question": "why?", "options": ["a", "b"], "gold": 1, "two words": "x", "n": "7"}


def fields(text: Any = None, target: Any = None, choice: Any = None, **options: Any) -> DocumentFields:
    return DocumentFields(text, target, choice, **options)


@pytest.mark.parametrize(
    ("expected", "template"),
    [
        ("Q: why?\n", "Q: {{question}}\n"),
        ("a or b", "{{options | join(' or ')}}"),
        ("wh?", "{{question | regex_replace('y', '')}}"),
        ("fine", "{% if nothing is defined %}bad{% else %}fine{% endif %}"),
        ("<&>", "{{ '<&>' }}"),
    ],
)
def test_templates_see_the_columns(expected: str, template: str) -> None:
    assert expected == render_template(template, DOC)


@pytest.mark.parametrize(
    ("message", "template"),
    [
        ("'colour' is undefined; the columns are gold, n, options, question, two words", "{{colour}}"),
        ("'dict object' has no attribute 'x'", "{{ {'a': 1}.x }}"),
        ("TypeError", "{{ question + 1 }}"),
        ("ZeroDivisionError", "{{ 1 / 0 }}"),
        ("SecurityError", "{{ options.append(1) }}"),
        ("SecurityError", "{{ question.__class__.__mro__ }}"),
    ],
)
def test_what_a_template_cannot_do_costs_the_document(message: str, template: str) -> None:
    with pytest.raises(DocumentError) as caught:
        render_template(template, DOC)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("expected", "text"),
    [("why?", "question"), ("x", "two words"), ("say why?", "say {{question}}"), (3, 3), ("constant!", "constant!")],
)
def test_a_question_is_a_column_a_template_or_a_number(expected: Any, text: Any) -> None:
    assert expected == fields(text).doc_to_text(DOC)


@pytest.mark.parametrize(
    ("expected", "target", "choice"),
    [
        (1, "gold", None),
        ("7", "{{n}}", None),
        (7, "{{n}}", "options"),
        (["a", "b"], "{{options}}", None),
        ("[not a list", "[not a list", None),
        ("[1 2]", "{{'[1 2]'}}", None),
        (["x"], ["x"], None),
        (0, 0, None),
    ],
)
def test_a_target_is_a_text_a_list_or_a_choice(expected: Any, target: Any, choice: Any) -> None:
    assert expected == fields(None, target, choice).doc_to_target(DOC)


@pytest.mark.parametrize(
    ("expected", "choice"),
    [
        (["a", "b"], "options"),
        (["a", "b"], ["a", "b"]),
        (["x", "y"], {"A": "x", "B": "y"}),
        (["why?", "2"], "{{[question, 2]}}"),
        (["1"], lambda doc: [doc["gold"]]),
    ],
)
def test_choices_come_in_five_forms(expected: list[str], choice: Any) -> None:
    assert expected == fields(choice=choice).doc_to_choice(DOC)


@pytest.mark.parametrize("choice", ["question", [], "no list at all!", lambda doc: None])
def test_choices_that_are_no_list_cost_the_document(choice: Any) -> None:
    with pytest.raises(DocumentError, match="expected a list of choices"):
        fields(choice=choice).doc_to_choice(DOC)


def test_a_missing_column_costs_the_document() -> None:
    with pytest.raises(DocumentError, match="doc_to_text: there is no column 'colour'; the columns are gold, n"):
        fields("colour").doc_to_text(DOC)


@pytest.mark.parametrize(
    ("expected", "function"),
    [
        ("none", lambda doc: "none"),
        ({"pre": "x"}, lambda doc, lmms_eval_specific_kwargs: lmms_eval_specific_kwargs),
        ({"pre": "x"}, lambda doc, lmms_eval_specific_kwargs=None: lmms_eval_specific_kwargs),
        ({"pre": "x"}, lambda doc, other=None: other),
        (None, lambda doc, round_idx=None, previous_output=None: round_idx),
    ],
)
def test_options_are_passed_to_functions_that_take_them(expected: Any, function: Callable[..., Any]) -> None:
    assert expected == call_with_options(function, DOC, {"pre": "x"})


def test_a_function_that_needs_options_gets_none_where_there_are_none() -> None:
    assert call_with_options(lambda doc, options: options, DOC, None) is None
    assert "default" == call_with_options(lambda doc, options="default": options, DOC, None)


@pytest.mark.parametrize(
    ("expected", "made"),
    [
        (("b", "b"), fields(1, 1, "options")),
        (("5", "5"), fields(5, 5)),
        (("", "a"), fields(None, ["a", "b"])),
        (("why?", "1"), fields("question", "gold")),
    ],
)
def test_examples_show_question_and_answer_as_text(expected: tuple[str, str], made: DocumentFields) -> None:
    assert expected == (made.question(DOC), made.answer(DOC))


@pytest.mark.parametrize(
    ("message", "made"),
    [
        ("doc_to_text: expected a text, got a list", fields("options", "question")),
        ("there is no choice 2 among 2", fields("question", 2, "options")),
        ("the list of right answers is empty", fields("question", [])),
    ],
)
def test_what_cannot_be_shown_costs_the_document(message: str, made: DocumentFields) -> None:
    with pytest.raises(DocumentError) as caught:
        _ = made.question(DOC), made.answer(DOC)
    assert message in str(caught.value)


@given(
    texts=st.lists(st.text("ab {}%#\n", max_size=6), min_size=1, max_size=4),
    values=st.dictionaries(st.sampled_from(["a", "b", "range"]), st.one_of(st.text(), st.integers(), st.none())),
)
def test_joining_texts_and_columns_is_what_jinja_would_do(texts: list[str], values: dict[str, Any]) -> None:
    source = "{{ a }}".join(texts) + "{{range}}{{b}}"
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
    try:
        expected = environment.from_string(source).render(values)
    except jinja2.TemplateError:
        with pytest.raises(DocumentError):
            render_template(source, values)
    else:
        if "<class 'range'>" not in expected:  # the sandbox has a range of its own
            assert expected == render_template(source, values)


def test_any_number_of_documents_is_rendered() -> None:
    assert all(render_template("{{a}}b", {"a": number}) == f"{number}b" for number in range(400_000))
