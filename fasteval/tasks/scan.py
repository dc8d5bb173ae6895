"""What one YAML file defines, read from the lines that say so and without parsing the rest."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any

import yaml

from fasteval.errors import TaskFileError
from fasteval.safety.yaml_loader import LimitedLoader
from fasteval.tasks.functions import FunctionReference
from fasteval.tasks.loading import load_own_fields

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["KEYS", "Scan", "scan_file"]

_log = logging.getLogger(__name__)

#: The fields that say what a file defines.
KEYS = ("task", "group", "tag", "class", "include")

#: Some of a file's own `KEYS`: texts, lists of texts, or True where only it matters that the field is there.
Scan = dict[str, Any]

_LINE = re.compile(rb"^(task|group|tag|class|include)[ \t]*:(?:[ \t]+(.*?)|)[ \t]*\r?$", re.MULTILINE)
_TOP_LEVEL = re.compile(rb"^[^\s#\]}-]", re.MULTILINE)
_LIST = re.compile(rb"(?:[ \t]*(?:#.*)?\r?\n)*[ \t]*-[ \t]")
_PLAIN = re.compile(r"[A-Za-z_][\w.+/-]*")
_NO_TEXT = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})
# Fields written in other ways than `name: value` at the beginning of a line: quoted, in braces, merged.
_UNUSUAL = re.compile(rb"^(?:[\"'](?:task|group|tag|class|include)[\"'][ \t]*:|\{|<<|\?|%|--- *\S)", re.MULTILINE)


def scan_file(path: Path) -> Scan:
    """Returns which of `KEYS` the file itself has, and what they say. Includes are not followed.

    Most files say it in lines that need no YAML parser; a list is parsed by itself, and only files that are written
    in an unusual way are parsed as a whole. A file that cannot be read defines nothing, and a warning says so: one
    broken file must not hide all the others, and whoever asks for its task gets the error itself.
    """
    scan: Scan = {}
    try:
        data = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
        lines = list(_LINE.finditer(data))
        names = [line[1] for line in lines]
        if len(names) != len(set(names)) or _UNUSUAL.search(data):
            return _parsed(path)
        for line in lines:
            value = _value(data, line)
            if value is not None:
                scan[line[1].decode()] = value
    except OSError as error:
        _log.warning("%s: cannot be read: %s (found while looking for tasks)", path, error.strerror)
    except TaskFileError as error:
        _log.warning("%s (found while looking for tasks)", error)
    except yaml.YAMLError as error:
        _log.warning("%s: not YAML: %s (found while looking for tasks)", path, " ".join(str(error).split()))
    return scan


def _value(data: bytes, line: re.Match[bytes]) -> Any:
    key, text = line[1], (line[2] or b"").decode("utf-8", "replace")
    if key == b"class":
        return True
    if _PLAIN.fullmatch(text) and text.lower() not in _NO_TEXT:
        return text
    if key == b"task" and not text and _LIST.match(data, line.end() + 1):
        return True  # a group: who its members are matters only when it is loaded
    following = _TOP_LEVEL.search(data, line.end() + 1)
    entry = yaml.load(data[line.start() : following.start() if following else None], _Snippet)  # noqa: S506 - a safe loader
    return _simple(key.decode(), entry[key.decode()])


def _parsed(path: Path) -> Scan:
    fields = load_own_fields(path)
    return {key: value for key in KEYS if (value := _simple(key, fields.get(key))) is not None}


def _simple(key: str, value: Any) -> Any:
    if value is None or (isinstance(value, FunctionReference) and key != "class"):
        return None
    if key == "class" or (key == "task" and isinstance(value, list)):
        return True
    if isinstance(value, list):
        return [str(entry) for entry in value]
    return value if isinstance(value, str) else str(value) if key != "task" else None


class _Snippet(LimitedLoader):
    """A safe loader to which every tag of the file's own means nothing."""


_Snippet.add_constructor("!function", lambda *_: None)
