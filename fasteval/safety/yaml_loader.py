"""`LimitedLoader`: YAML as plain data, refused before it is built if it is nested too deep or swells by its aliases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from fasteval.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["MAX_BYTES", "MAX_DEPTH", "MAX_NODES", "LimitedLoader", "load_yaml", "read_yaml"]

#: Beyond these a file is not read. No task file comes near any of them.
MAX_BYTES = 16 << 20
MAX_DEPTH = 100
MAX_NODES = 1_000_000

# What PyYAML's constructors raise where a value does not fit its tag (`!!int x`, a thirteenth month).
_MISFITS = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError)


class LimitedLoader(yaml.CSafeLoader):
    """libyaml's safe loader; whatever is wrong with a text is a `yaml.YAMLError`.

    libyaml's own composer follows nesting with the C stack, and ends the process where that is used up. Aliases are
    shared when they are loaded, so a swarm of them costs nothing until somebody walks through the value.
    """

    def __init__(self, data: bytes | str) -> None:
        """Takes the text after a look at its structure.

        Raises:
            yaml.YAMLError: it is no YAML, or exceeds a limit.
        """
        encoded = _encoded(data)
        _check_structure(encoded)
        super().__init__(encoded)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """Returns the node's value; one that does not fit its tag is an error with its line."""
        try:
            return super().construct_object(node, deep)
        except _MISFITS as error:
            tag = node.tag.rpartition(":")[2]
            problem = f"this is no value of the type {tag} ({error})"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark) from error


def load_yaml(data: bytes | str) -> Any:
    """Returns the value of a YAML text: plain data, without any type or function of its own.

    Raises:
        yaml.YAMLError: it is no YAML, or exceeds a limit.
    """
    return yaml.load(data, LimitedLoader)  # noqa: S506 - a safe loader


def read_yaml(path: Path, what: str) -> Any:
    """Returns the value of a YAML file that a user names; `what` says in errors which one it is.

    Raises:
        UsageError: it cannot be read, or is no YAML.
    """
    try:
        return load_yaml(path.read_bytes())
    except OSError as error:
        raise UsageError(f"cannot read {what} {path}: {error.strerror or error}") from error
    except yaml.YAMLError as error:
        raise UsageError(f"{what} {path} is not YAML: {error}") from error


def _encoded(data: bytes | str) -> bytes:
    try:
        encoded = data.encode() if isinstance(data, str) else data
    except UnicodeEncodeError as error:
        raise yaml.YAMLError(f"it is not valid Unicode: {error.reason}") from error
    if len(encoded) > MAX_BYTES:
        raise yaml.YAMLError(f"it has {len(encoded):,} bytes; {MAX_BYTES:,} are the limit")
    return encoded


def _check_structure(data: bytes) -> None:
    """Refuses a text whose value would be too deep, or too large when every alias is written out."""
    structure = _Structure()
    for event in yaml.parse(data, yaml.CSafeLoader):
        problem = structure.follow(event)
        if problem:
            raise yaml.constructor.ConstructorError(None, None, problem, event.start_mark)  # type: ignore[arg-type]  # libyaml's mark


class _Structure:
    """Sizes of the collections that are open, the innermost last, and of those that have a name."""

    def __init__(self) -> None:
        self._sizes, self._names = [0], [""]
        self._named: dict[str, int] = {}

    def follow(self, event: yaml.Event) -> str | None:
        """Takes the next event; returns what is wrong with it, or None."""
        if isinstance(event, yaml.AliasEvent):
            if event.anchor in self._names:
                return f"'*{event.anchor}' contains itself"
            self._add(self._named.get(event.anchor or "", 1))
        elif isinstance(event, yaml.ScalarEvent):
            self._add(1, event.anchor)
        elif isinstance(event, yaml.CollectionStartEvent):
            self._sizes.append(1)
            self._names.append(event.anchor or "")
        elif isinstance(event, yaml.CollectionEndEvent):
            self._add(self._sizes.pop(), self._names.pop())
        if len(self._sizes) > MAX_DEPTH:
            return f"nested more than {MAX_DEPTH} levels deep"
        if self._sizes[-1] > MAX_NODES:
            return f"more than {MAX_NODES:,} values when its aliases are written out"
        return None

    def _add(self, size: int, name: str | None = None) -> None:
        self._sizes[-1] += size
        if name:
            self._named[name] = size
