"""Secrets stay out of what is written and printed.

Two nets: what looks like a credential by its name or form, in what fasteval itself says (configuration, errors, log);
and the very secrets that this process was given, wherever they turn up, so that documents and answers are changed only
where they hold one of those.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, AnyStr

import orjson

from fasteval.api.nested import texts_in

__all__ = ["REDACTED", "redact", "remember_secrets", "without_secrets"]

REDACTED = "[redacted]"
_REDACTED_BYTES = REDACTED.encode()

_SECRET_ENDING = re.compile(
    r"(?:(?:api|access|private|secret)key|apikeys|token|secrets?|password|passwd|passphrase|pwd|authorization|cookie"
    r"|credentials?)\Z"
)
# Texts of a tokenizer's vocabulary, not credentials.
_VOCABULARY = re.compile(
    r"(pad|eos|bos|unk|sep|cls|mask|start|end|stop|image|img|video|audio|vision|special|next)token"
)
_INLINE = re.compile(r"(?i)\b([\w-]*(?:api[_-]?keys?|token|secret|password|pwd))([\"']?\s*[=:]\s*[\"']?)([^\s,;&\"']+)")
_KNOWN_FORMS = re.compile(
    r"\b(?:hf_[A-Za-z0-9]{16,}|sk-[A-Za-z0-9_-]{16,}|gh[pousr]_[A-Za-z0-9]{16,}|github_pat_\w{16,}|glpat-[\w-]{16,}"
    r"|xox[abprs]-[\w-]{10,}|AKIA[A-Z0-9]{16}|AIza[\w-]{35}|nvapi-[\w-]{16,}|eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]+)"
)
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/-]{16,}=*")
_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL)
_URL_LOGIN = re.compile(r"(?<=://)[^/@\s:]+:[^/@\s]+(?=@)")
# A shorter value is a word that documents use: `SECRET=password` must not change them.
_SHORTEST = 12

# Each with its form inside JSON.
_remembered: dict[str, bytes] = {}


def redact(value: Any) -> Any:
    """Returns `value` with `REDACTED` in place of each secret, at any depth of mappings and lists.

    What stands under a key such as `api_key` or `HF_TOKEN` counts as one, and so do `api_key=…` inside texts, logins in
    URLs, and the well-known forms of tokens.
    """
    if isinstance(value, Mapping):
        return {key: _concealed(entry) if is_secret(str(key)) else redact(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [redact(entry) for entry in value]
    return _redact_text(value) if isinstance(value, str) else value


def remember_secrets(value: Any) -> None:
    """Adds the texts under keys that look like credentials, at any depth, to what `without_secrets` knows."""
    if isinstance(value, Mapping):
        for key, entry in value.items():
            if is_secret(str(key)):
                _remembered.update(_with_json(texts_in(entry)))
            else:
                remember_secrets(entry)
    elif isinstance(value, list | tuple):
        for entry in value:
            remember_secrets(entry)


def without_secrets(text: AnyStr) -> AnyStr:
    """Returns the text, or the bytes of a JSON text, without the secrets that this process was given.

    They are the values of environment variables whose names look like credentials, the Hub's token of this user, and
    what was remembered.
    """
    for known in (_environment_secrets(), _remembered):
        for secret, in_json in known.items():
            text = text.replace(secret, REDACTED) if isinstance(text, str) else text.replace(in_json, _REDACTED_BYTES)
    return text


def is_secret(key: str) -> bool:
    """Whether a value under this name is a credential."""
    letters = re.sub(r"[^a-z0-9]", "", key.lower())
    return _SECRET_ENDING.search(letters) is not None and not _VOCABULARY.search(letters)


def _concealed(value: Any) -> Any:
    """Returns what is shown of a value under a secret's name; switches and counts of tokens stay as they are."""
    if isinstance(value, Mapping):
        return {key: _concealed(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_concealed(entry) for entry in value]
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return REDACTED if (isinstance(value, str) and value) or (is_number and abs(value) > 99_999) else value


@cache
def _environment_secrets() -> dict[str, bytes]:
    names = [name for name in os.environ if is_secret(name) or name.upper().endswith("_KEY")]
    values = {os.environ[name].strip() for name in names}
    with contextlib.suppress(OSError, RuntimeError, UnicodeDecodeError):  # nobody has logged in, or has no home
        home = Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface")
        values.add(Path(os.environ.get("HF_TOKEN_PATH") or home / "token").read_text("utf-8").strip())
    return _with_json(values)


def _with_json(values: Iterable[str]) -> dict[str, bytes]:
    return {value: orjson.dumps(value)[1:-1] for value in sorted(values) if _is_telling(value)}


def _is_telling(text: str) -> bool:
    """Whether a text is a secret by itself, and not a word or a path that may stand anywhere."""
    is_word = text.isalpha() and text.islower()
    if not text.isascii():  # nobody's credential, and JSON has no form for half of a surrogate pair
        return False
    return len(text) >= _SHORTEST and not is_word and not text.startswith("/") and not any(map(str.isspace, text))


def _redact_text(text: str) -> str:
    text = _INLINE.sub(lambda match: f"{match[1]}{match[2]}{REDACTED}" if is_secret(match[1]) else match[0], text)
    text = _BEARER.sub(lambda match: f"{match[1]} {REDACTED}", _PRIVATE_KEY.sub(REDACTED, text))
    return without_secrets(_URL_LOGIN.sub(REDACTED, _KNOWN_FORMS.sub(REDACTED, text)))
