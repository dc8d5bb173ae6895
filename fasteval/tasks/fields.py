"""`DocumentFields`: what `doc_to_text`, `doc_to_target` and `doc_to_choice` say of one document."""

from __future__ import annotations

import ast
import inspect
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from fasteval.errors import DocumentError
from fasteval.tasks.config import is_column_name
from fasteval.tasks.templates import is_never_a_number, render_template

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["DocumentFields", "call_with_options"]


@dataclass(frozen=True, slots=True)
class DocumentFields:
    """The three fields, as the task file has them.

    Attributes:
        text: `doc_to_text`.
        target: `doc_to_target`.
        choice: `doc_to_choice`.
        text_options: the second argument of a `doc_to_text` function that takes one.
        target_options: the second argument of a `doc_to_target` function that takes one.
    """

    text: Any
    target: Any
    choice: Any
    text_options: Mapping[str, Any] | None = None
    target_options: Mapping[str, Any] | None = None

    def doc_to_text(self, doc: dict[str, Any]) -> Any:
        """Returns the question's text; or, where the choices are the questions, the number of the right one.

        Raises:
            DocumentError: the column is not there, or the template cannot be rendered.
        """
        if isinstance(self.text, str):
            value, is_template = _column_or_template(self.text, doc, "doc_to_text")
            return int(value) if is_template and self.choice is not None and value.isdigit() else value
        return call_with_options(self.text, doc, self.text_options) if callable(self.text) else self.text

    def question_number(self, doc: dict[str, Any]) -> int | None:
        """Returns the number of the right one where the choices are the questions; None where there is one question.

        Raises:
            DocumentError: as for `doc_to_text`.
        """
        if isinstance(self.text, str) and self.text not in doc and is_never_a_number(self.text):
            return None
        text = self.doc_to_text(doc)
        return text if isinstance(text, int) else None

    def doc_to_target(self, doc: dict[str, Any]) -> Any:
        """Returns the right answer: a text, a list of texts, or a choice's number.

        A template's text that reads as a list is one; digits are a choice's number where there are choices.

        Raises:
            DocumentError: the column is not there, or the template cannot be rendered.
        """
        if not isinstance(self.target, str):
            return call_with_options(self.target, doc, self.target_options) if callable(self.target) else self.target
        value, is_template = _column_or_template(self.target, doc, "doc_to_target")
        if not is_template:
            return value
        if self.choice is not None and value.isdigit():
            return int(value)
        return _literal_list(value) if value[:1] == "[" and value[-1:] == "]" else value

    def doc_to_choice(self, doc: dict[str, Any]) -> list[str]:
        """Returns the choices' texts.

        Raises:
            DocumentError: there are none, or they are no list.
        """
        choices = self.choice
        if isinstance(choices, str):
            choices, is_template = _column_or_template(choices, doc, "doc_to_choice")
            choices = _literal_list(choices) if is_template else choices
        elif callable(choices):
            choices = choices(doc)
        if isinstance(choices, dict):
            choices = list(choices.values())
        if not isinstance(choices, list | tuple) or not choices:
            raise DocumentError(f"doc_to_choice: expected a list of choices, got {choices!r}")
        return [str(choice) for choice in choices]

    def question(self, doc: dict[str, Any]) -> str:
        """Returns the question as text; a number stands for a choice where there are choices."""
        text = self.doc_to_text(doc)
        if isinstance(text, int) and not isinstance(text, bool) and self.choice is not None:
            return self._choice_at(text, doc)
        if text is None:
            return ""
        if not isinstance(text, str | int | float):
            raise DocumentError(f"doc_to_text: expected a text, got a {type(text).__name__}")
        return str(text)

    @property
    def asks_by_template(self) -> bool:
        """Whether the question is a template of texts and columns, no code, which never reads as a number."""
        # Without a place for a column it may be a column's name, and have numbers for values.
        return isinstance(self.text, str) and "{{" in self.text and is_never_a_number(self.text)

    def answer(self, doc: dict[str, Any]) -> str:
        """Returns the right answer as text; of several the first."""
        target = self.doc_to_target(doc)
        if isinstance(target, list | tuple):
            if not target:
                raise DocumentError("doc_to_target: the list of right answers is empty")
            target = target[0]
        if isinstance(target, int) and not isinstance(target, bool) and self.choice is not None:
            return self._choice_at(target, doc)
        return str(target)

    def _choice_at(self, index: int, doc: dict[str, Any]) -> str:
        choices = self.doc_to_choice(doc)
        if not 0 <= index < len(choices):
            raise DocumentError(f"there is no choice {index} among {len(choices)}")
        return choices[index]


def call_with_options(function: Any, doc: dict[str, Any], options: Mapping[str, Any] | None, **more: Any) -> Any:
    """Returns `function(doc)`, with `options` as second argument where the function has a place for them.

    Args:
        function: a task's function.
        doc: the document.
        options: `lmms_eval_specific_kwargs` or the like; None where the task has none.
        more: arguments that are passed by name where the function takes them.
    """
    place, names = _places(function, frozenset(more))
    named = {name: more[name] for name in names}
    if place is _Place.NONE or (options is None and place is not _Place.REQUIRED):
        return function(doc, **named)
    if place is _Place.KEYWORD:
        return function(doc, lmms_eval_specific_kwargs=options, **named)
    return function(doc, options, **named)


# Arguments of functions of dialogs: none of them is a place for options.
_ROUND = frozenset({"round_idx", "previous_output", "previous_round_info"})


class _Place(Enum):
    """Where a function takes its options."""

    NONE = 0
    POSITIONAL = 1
    REQUIRED = 2
    KEYWORD = 3


@lru_cache(maxsize=4096)
def _places(function: Any, offered: frozenset[str]) -> tuple[_Place, tuple[str, ...]]:
    parameters = inspect.signature(function).parameters
    named = tuple(name for name in offered if name in parameters)
    if "lmms_eval_specific_kwargs" in parameters:
        parameter = parameters["lmms_eval_specific_kwargs"]
        if parameter.default is not parameter.empty or parameter.kind is parameter.KEYWORD_ONLY:
            return _Place.KEYWORD, named
    positional = [
        parameter
        for name, parameter in parameters.items()
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD) and name not in _ROUND
    ]
    if len(positional) < 2:
        return _Place.NONE, named
    return (_Place.REQUIRED if positional[1].default is positional[1].empty else _Place.POSITIONAL), named


def _column_or_template(text: str, doc: dict[str, Any], field: str) -> tuple[Any, bool]:
    """Returns the value, and whether a template made it."""
    if text in doc:
        return doc[text], False
    if is_column_name(text):
        raise DocumentError(f"{field}: there is no column '{text}'; the columns are {', '.join(sorted(doc))}")
    return render_template(text, doc), True


def _literal_list(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (SyntaxError, ValueError):
        return text  # an answer may well stand in brackets without being a list
