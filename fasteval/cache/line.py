r"""One line of a segment: key, checksum and value at fixed places, so that reading a line's frame parses no JSON.

A line::

    {"key":"<32 hex digits>","checksum":"<16 hex digits>","value":{…}}\n

The checksum is the xxh3-64 of the key's digits and the value's bytes. A line that is torn or damaged counts as absent.
"""

from __future__ import annotations

import xxhash

__all__ = ["decode_line", "encode_about", "encode_line", "is_about"]

_ABOUT_KEY, _ABOUT_HEAD = bytes(16), b'{"about":'

_HEAD, _MIDDLE, _VALUE, _TAIL = b'{"key":"', b'","checksum":"', b'","value":', b"}\n"
_KEY = slice(len(_HEAD), len(_HEAD) + 32)
_CHECKSUM = slice(_KEY.stop + len(_MIDDLE), _KEY.stop + len(_MIDDLE) + 16)
_VALUE_AT = _CHECKSUM.stop + len(_VALUE)


def encode_line(key: bytes, value: bytes) -> bytes:
    """Returns the line for `key` (16 bytes) and `value` (JSON without a newline), with its newline."""
    digits = key.hex().encode()
    checksum = xxhash.xxh3_64_hexdigest(digits + value).encode()
    return b"".join((_HEAD, digits, _MIDDLE, checksum, _VALUE, value, _TAIL))


def encode_about(about: bytes) -> bytes:
    """Returns the line that says what a segment's answers are of (`about` is JSON)."""
    return encode_line(_ABOUT_KEY, _ABOUT_HEAD + about + b"}")


def is_about(key: bytes, value: bytes) -> bool:
    """Whether a line says what the segment's answers are of, and is no answer."""
    return key == _ABOUT_KEY and value.startswith(_ABOUT_HEAD)


def decode_line(line: bytes) -> tuple[bytes, bytes] | None:
    """Returns key (16 bytes) and value of a line with its newline, or None if it is torn or damaged."""
    value = line[_VALUE_AT : -len(_TAIL)]
    if (
        xxhash.xxh3_64_hexdigest(line[_KEY] + value).encode() != line[_CHECKSUM]
        or not line.startswith(_HEAD)
        or line[_KEY.stop : _CHECKSUM.start] != _MIDDLE
        or line[_CHECKSUM.stop : _VALUE_AT] != _VALUE
        or not line.endswith(_TAIL)
    ):
        return None
    try:
        return bytes.fromhex(line[_KEY].decode("ascii")), value
    except ValueError:  # a checksum holds by chance once in 2**64 lines, and then these are no digits
        return None
