"""How large a value a template's operation would make, told before it is made."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from jinja2.exceptions import SecurityError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["MAX_LENGTH", "SIZED", "check_braces", "check_filter", "check_length", "check_method", "check_operator"]

#: Characters of a text, and items of a list, that a template may make.
MAX_LENGTH = 1 << 25
#: Values whose length is known at no cost.
SIZED = (str, bytes, list, tuple, dict, set, frozenset, range)
# Widths, counts and digits: what a method or filter takes as a size.
_MAX_SIZE = 100_000
_SIZED_FILTERS = frozenset({"batch", "center", "indent", "round", "slice", "tojson", "truncate", "wordwrap"})
_PERCENT_WIDTH = re.compile(r"%(?:\([^)]*\))?[-#0 +]*(?:\d*\.)?(?:\*|\d{5,})")
_BRACES_WIDTH = re.compile(r"\{[^{}]*(?:\{|\d{5,})")


def check_length(length: int) -> None:
    """Refuses a length beyond `MAX_LENGTH`.

    Raises:
        SecurityError: it is too large. So do all functions here.
    """
    if length > MAX_LENGTH:
        raise SecurityError(f"a value of more than {MAX_LENGTH:,} characters or items")


def check_operator(operator: str, left: Any, right: Any) -> None:
    """Refuses `left operator right` if it would be too large."""
    _OPERATORS[operator](left, right)


def check_filter(name: str, arguments: list[Any]) -> None:
    """Refuses a filter that would make too large a text of its arguments; the first text is what it works on."""
    if name in _SIZED_FILTERS:
        _check_sizes(arguments)
    texts = [argument for argument in arguments if isinstance(argument, str)]
    if name == "format" and texts:
        _check_percent(texts[0])
    elif name == "replace" and len(texts) > 2:
        _check_replaced(*texts[:3])
    elif name in ("indent", "wordwrap") and texts:
        widths = [len(text) for text in texts[1:]] + [int(entry) for entry in arguments if isinstance(entry, int)]
        places = texts[0].count("\n") if name == "indent" else len(texts[0]) // 100
        check_length(places * max(widths, default=1))


def check_method(name: str, owner: Any, arguments: list[Any]) -> None:
    """Refuses a method of a text or a number if its result would be too large."""
    _check_sizes(arguments)
    if not isinstance(owner, str):
        return
    if name == "replace" and len(arguments) > 1 and all(isinstance(text, str) for text in arguments[:2]):
        _check_replaced(owner, *arguments[:2])
    elif name == "expandtabs":
        check_length(owner.count("\t") * max([8, *(entry for entry in arguments if isinstance(entry, int))]))
    elif name == "translate":
        raise SecurityError("translate is not for templates")


def check_braces(text: str) -> None:
    """Refuses a format with a width of five digits or more, or one that is taken from an argument."""
    if _BRACES_WIDTH.search(text.replace("{{", "")):
        raise SecurityError("a format with too large a width")


def _check_percent(text: str) -> None:
    if _PERCENT_WIDTH.search(text):
        raise SecurityError("a format with too large a width")


def _check_replaced(text: str, old: str, new: str) -> None:
    check_length(len(text) + text.count(old) * max(0, len(new) - len(old)))


def _check_sizes(values: Iterable[Any]) -> None:
    for value in values:
        if isinstance(value, int | float) and not -_MAX_SIZE <= value <= _MAX_SIZE:
            raise SecurityError(f"a size of more than {_MAX_SIZE:,}")


def _check_sum(left: Any, right: Any) -> None:
    if isinstance(left, SIZED) and isinstance(right, SIZED):
        check_length(len(left) + len(right))


def _check_product(left: Any, right: Any) -> None:
    if isinstance(left, int) and isinstance(right, int):
        _check_sizes([left.bit_length() + right.bit_length()])
    elif isinstance(left, SIZED) and isinstance(right, int):
        check_length(len(left) * right)
    elif isinstance(right, SIZED) and isinstance(left, int):
        check_length(len(right) * left)


def _check_power(base: Any, exponent: Any) -> None:
    if isinstance(base, int) and isinstance(exponent, int):
        _check_sizes([base.bit_length() * exponent])


def _check_remainder(left: Any, _: Any) -> None:
    if isinstance(left, str):
        _check_percent(left)


_OPERATORS: dict[str, Callable[[Any, Any], None]] = {
    "+": _check_sum,
    "*": _check_product,
    "**": _check_power,
    "%": _check_remainder,
}
