"""Jinja templates over a document's columns, in a sandbox with limits and strict about missing columns."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import jinja2
from jinja2 import nodes

from fasteval.errors import DocumentError
from fasteval.safety.sizes import check_length
from fasteval.safety.templates import LimitedEnvironment

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["check_template", "is_never_a_number", "render_template"]


def render_template(source: str, doc: Mapping[str, Any]) -> str:
    """Returns the template's text for one document.

    Raises:
        DocumentError: the template names a column that the document lacks, or cannot be rendered.
    """
    plain = _plain(source)
    try:
        if plain is not None and doc.keys() >= plain.columns:  # of other names jinja knows what they are
            joined = plain.form % tuple([doc[name] for name in plain.places])
            check_length(len(joined))
            return joined
        return _environment().render_limited(_compile(source), doc)
    except jinja2.UndefinedError as error:
        columns = ", ".join(sorted(doc))
        raise DocumentError(f"template {_shortened(source)}: {error.message}; the columns are {columns}") from error
    except Exception as error:  # expressions can fail like any Python
        raise DocumentError(f"template {_shortened(source)}: {type(error).__name__}: {error}") from error


@lru_cache(maxsize=4096)
def is_never_a_number(source: str) -> bool:
    """Whether the template's text has a character that is no digit, whatever the document says."""
    pieces = _columns_and_texts(source) or ()
    return any(text and not text.isdigit() for _, text in pieces)


def check_template(source: str) -> str | None:
    """Returns what is wrong with the template's syntax, or None."""
    try:
        _compile(source)
    except jinja2.TemplateSyntaxError as error:
        return f"not a template (its line {error.lineno}): {error.message}"
    return None


def _shortened(source: str) -> str:
    text = repr(source)
    return text if len(text) <= 80 else text[:77] + "…'"


def _regex_replace(text: str, pattern: str, replacement: str, count: int = 0) -> str:
    """The filter of lm-eval: `re.sub` with its arguments in the order of a pipe."""
    return re.sub(pattern, replacement, text, count=count)


class _Plain(NamedTuple):
    """A template that is nothing but texts and columns, as a form for the operator `%`, which costs a tenth of jinja.

    Attributes:
        form: the template with `%s` for each column.
        places: the columns' names, in the order of their places.
        columns: the same names.
    """

    form: str
    places: tuple[str, ...]
    columns: frozenset[str]


@lru_cache(maxsize=4096)
def _plain(source: str) -> _Plain | None:
    pieces = _columns_and_texts(source)
    if pieces is None:
        return None
    form = "".join("%s" if text is None else text.replace("%", "%%") for _, text in pieces)
    names = tuple(name for name, text in pieces if text is None)
    return _Plain(form, names, frozenset(names))


@lru_cache(maxsize=4096)
def _columns_and_texts(source: str) -> tuple[tuple[str, str | None], ...] | None:
    """Returns the template as pieces, if it is nothing but texts and `{{column}}`: (name, None) and ("", text).

    Such a template means what joining the pieces means. None stands for any other.
    """
    try:
        _compile(source)  # what it refuses is refused
        body = _environment().parse(source).body
    except jinja2.TemplateError:
        return None  # the caller will hear of it
    pieces: list[tuple[str, str | None]] = []
    for node in body:
        for part in node.nodes if isinstance(node, nodes.Output) else [node]:
            if isinstance(part, nodes.TemplateData):
                pieces.append(("", part.data))
            elif isinstance(part, nodes.Name):
                pieces.append((part.name, None))
            else:
                return None
    return tuple(pieces)


@lru_cache(maxsize=4096)
def _compile(source: str) -> jinja2.Template:
    return _environment().compile_limited(source)


@lru_cache(maxsize=1)
def _environment() -> LimitedEnvironment:
    # Texts for models are no HTML: nothing is escaped. A newline at the end belongs to the prompt, as in lm-eval.
    return LimitedEnvironment(
        filters={"regex_replace": _regex_replace},
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,
    )
