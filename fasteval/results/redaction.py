"""Secrets stay out of what is written: keys whose names look like credentials lose their values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

__all__ = ["REDACTED", "redact"]

REDACTED = "[redacted]"

_SECRET_ENDINGS = (
    "apikey",
    "accesskey",
    "privatekey",
    "secretkey",
    "token",
    "secret",
    "password",
    "passwd",
    "passphrase",
    "authorization",
    "credential",
    "credentials",
)
# Texts of a tokenizer's vocabulary, not credentials.
_VOCABULARY = re.compile(
    r"(pad|eos|bos|unk|sep|cls|mask|start|end|stop|image|img|video|audio|vision|special|next)token"
)
_INLINE = re.compile(r"(?i)\b([\w-]*(?:api[_-]?key|token|secret|password))(\s*[=:]\s*)([^\s,;&\"']+)")
_KNOWN_FORMS = re.compile(r"\b(?:hf_[A-Za-z0-9]{16,}|sk-[A-Za-z0-9_-]{16,}|gh[pousr]_[A-Za-z0-9]{16,})\b")
_URL_LOGIN = re.compile(r"(?<=://)[^/@\s:]+:[^/@\s]+(?=@)")


def redact(value: Any) -> Any:
    """Returns `value` with `REDACTED` in place of each secret, at any depth of mappings and lists.

    A text under a key such as `api_key` or `HF_TOKEN` counts as one, and so do `api_key=…` inside texts, logins in
    URLs, and the well-known forms of tokens.
    """
    if isinstance(value, Mapping):
        return {
            key: REDACTED if _is_secret(str(key)) and isinstance(entry, str) and entry else redact(entry)
            for key, entry in value.items()
        }
    if isinstance(value, list | tuple):
        return [redact(entry) for entry in value]
    return _redact_text(value) if isinstance(value, str) else value


def _is_secret(key: str) -> bool:
    letters = re.sub(r"[^a-z0-9]", "", key.lower())
    return letters.endswith(_SECRET_ENDINGS) and not _VOCABULARY.search(letters)


def _redact_text(text: str) -> str:
    text = _INLINE.sub(lambda match: f"{match[1]}{match[2]}{REDACTED}" if _is_secret(match[1]) else match[0], text)
    return _URL_LOGIN.sub(REDACTED, _KNOWN_FORMS.sub(REDACTED, text))
