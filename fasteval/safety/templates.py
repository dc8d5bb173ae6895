"""`LimitedEnvironment`: jinja's sandbox, in which a template also ends, and cannot fill the memory.

The sandbox keeps templates away from Python's insides. It does not stop `'a' * 10**10`, nested loops or macros that
call each other. Here every rendering has a budget of steps, and nothing that it makes may be larger than a limit.
"""

from __future__ import annotations

import functools
import threading
from typing import TYPE_CHECKING, Any

import jinja2
import jinja2.sandbox
from jinja2 import nodes, pass_environment
from jinja2.exceptions import SecurityError
from jinja2.filters import make_attrgetter
from jinja2.runtime import LoopContext
from jinja2.visitor import NodeTransformer

from fasteval.safety.sizes import (
    MAX_LENGTH,
    SIZED,
    check_braces,
    check_filter,
    check_length,
    check_method,
    check_operator,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

__all__ = ["MAX_STEPS", "LimitedEnvironment"]

#: Turns of loops, calls and filters that one rendering may take; those on large values count several times.
MAX_STEPS = 1_000_000
# So many characters are searched or copied in the time that one turn of a loop takes.
_CHARACTERS_A_STEP = 100
# Tuples: a union of types would be made anew at each look.
_TEXTS = (str, bytes)
_NUMBERS_AND_TEXTS = (str, bytes, int)
_COLLECTIONS = (list, tuple, dict, set, frozenset)


class _Budget(threading.local):
    """What is left of the steps of the rendering that this thread is in."""

    left = MAX_STEPS


_budget = _Budget()


class LimitedEnvironment(jinja2.sandbox.ImmutableSandboxedEnvironment):
    """A sandbox with limits; what exceeds one is a `jinja2.exceptions.SecurityError`."""

    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(self, *, filters: Mapping[str, Callable[..., Any]] | None = None, **options: Any) -> None:
        """Makes the environment with further `filters`; `options` are those of `jinja2.Environment`."""
        super().__init__(**options)
        self.globals.pop("lipsum")  # makes text of any length, and nobody needs it
        self.filters.update({"join": _join, **(filters or {})})
        self.filters.update({name: _limited(name, function) for name, function in self.filters.items()})
        self.filters.update({"_iterated": _iterated, "_searched": _searched, "_concatenated": _bounded})

    def compile_limited(self, source: str) -> jinja2.Template:
        """Returns the compiled template.

        Raises:
            jinja2.TemplateSyntaxError: it is wrong, or too complicated.
        """
        _budget.left = MAX_STEPS
        try:
            return self.from_string(source)
        except (RecursionError, SyntaxError, MemoryError, ValueError) as error:
            # What Python's own compiler says of far too many brackets, or of loops in each other.
            raise jinja2.TemplateSyntaxError(f"too complicated ({error})", 1) from error

    def render_limited(self, template: jinja2.Template, variables: Mapping[str, Any]) -> str:
        """Returns the template's text.

        Raises:
            jinja2.TemplateError: the template is wrong, or exceeds a limit.
            Exception: whatever an expression of the template raised.
        """
        _budget.left = MAX_STEPS
        try:
            return template.render(variables)
        except RecursionError as error:
            raise SecurityError("it calls itself without end") from error

    @staticmethod
    def concat(pieces: Iterable[str]) -> str:
        """Returns the pieces as one text. Every output of a template goes through here."""
        texts, length = [], 0
        for text in pieces:
            length += len(text)
            if length > MAX_LENGTH:
                check_length(length)
            texts.append(text)
        return "".join(texts)

    def _generate(self, source: nodes.Template, *args: Any, **kwargs: Any) -> str:
        """Puts the limits into the parsed template: jinja's hook before it becomes code."""
        return super()._generate(_Limits(self).visit(source), *args, **kwargs)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Returns the result of an operator unless that would be too large."""
        check_operator(operator, left, right)
        _spend(1 + _cost(left) + _cost(right))
        return super().call_binop(context, operator, left, right)

    def wrap_str_format(self, value: Any) -> Any:
        """Returns the sandboxed form of `str.format`, or None for everything else."""
        wrapped = super().wrap_str_format(value)
        if wrapped is not None:
            check_braces(value.__self__)
        return wrapped

    def call(__self, __context: Any, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805 - as in jinja
        """Calls a function, method or macro; each call is a step."""
        owner = getattr(__obj, "__self__", None)
        steps = 1 + _cost(owner)
        for value in (*args, *kwargs.values()):
            steps += _cost(value)
        _spend(steps)
        if isinstance(__obj, LoopContext) and args:
            args = (_iterated(args[0]), *args[1:])
        elif isinstance(owner, _NUMBERS_AND_TEXTS):
            check_method(__obj.__name__, owner, [*args, *kwargs.values()])
            if isinstance(owner, str) and __obj.__name__ == "join" and args:
                return _bounded(args[0], owner, text=False)
        return super().call(__context, __obj, *args, **kwargs)


class _Limits(NodeTransformer):
    """`for x in y` becomes `for x in y|_iterated`, `x in y` `x in y|_searched`, `x ~ y` `[x, y]|_concatenated`."""

    def __init__(self, environment: jinja2.Environment) -> None:
        self._environment = environment

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802 - jinja's name
        node.iter = self._filter(node.iter, "_iterated")
        return self.generic_visit(node)

    def visit_Operand(self, node: nodes.Operand) -> nodes.Node:  # noqa: N802
        if node.op in ("in", "notin"):
            node.expr = self._filter(node.expr, "_searched")
        return self.generic_visit(node)

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        return self._filter(nodes.List(node.nodes, lineno=node.lineno, environment=self._environment), "_concatenated")

    def _filter(self, value: Any, name: str) -> nodes.Filter:
        return nodes.Filter(value, name, [], [], None, None, lineno=value.lineno, environment=self._environment)


def _spend(steps: int) -> None:
    _budget.left -= steps
    if _budget.left < 0:
        raise SecurityError(f"more than {MAX_STEPS:,} steps")


def _cost(value: Any) -> int:
    """Returns how many steps it takes to go through a value, roughly; lazy ones are counted as they go."""
    if isinstance(value, _TEXTS):
        return len(value) // _CHARACTERS_A_STEP
    return len(value) if isinstance(value, _COLLECTIONS) else 0


def _counted(items: Iterator[Any]) -> Iterator[Any]:
    for item in items:
        _spend(1)
        yield item


def _iterated(value: Any) -> Any:
    """Returns what a loop goes through: counted at once where the length is known, else item by item."""
    if isinstance(value, SIZED):
        _spend(len(value))
        return value
    return _counted(value) if hasattr(value, "__next__") else value


def _searched(value: Any) -> Any:
    _spend(1 + _cost(value))
    return value


def _bounded(values: Iterable[Any], separator: str = "", *, text: bool = True) -> str:
    """Returns the values as one text; with `text=False` they must be texts already, as for `str.join`."""
    texts, length = [], 0
    for value in values:
        texts.append(str(value) if text else value)
        length += len(texts[-1]) + len(separator)
        check_length(length)
    return separator.join(texts)


@pass_environment
def _join(
    environment: jinja2.Environment, value: Iterable[Any], d: str = "", attribute: str | int | None = None
) -> str:
    """Jinja's filter `join`, with its names."""
    if attribute is not None:
        value = map(make_attrgetter(environment, attribute), value)
    return _bounded(value, str(d))


def _limited(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Returns the filter with its arguments and its result checked and counted."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        values = [*args, *kwargs.values()]
        _spend(1 + sum(len(value) if isinstance(value, range) else _cost(value) for value in values))
        check_filter(name, values)
        result = function(*(_counted(value) if hasattr(value, "__next__") else value for value in args), **kwargs)
        if isinstance(result, SIZED):
            check_length(len(result))
        return result

    return call
