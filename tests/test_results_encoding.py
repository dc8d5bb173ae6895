"""How values are written: as JSON, without media, without secrets, without control characters."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from fasteval.results.encoding import to_json, without_media
from fasteval.results.printable import printable, printable_lines
from fasteval.results.redaction import REDACTED, redact

UNHURRIED = settings(deadline=None)  # other work on the machine is no fault of the code
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.text(st.characters(categories=["Cs"])),
    lambda values: st.lists(values, max_size=4) | st.dictionaries(st.text() | st.integers(), values, max_size=4),
    max_leaves=20,
)


# JSON


@UNHURRIED
@given(JSON_VALUES)
def test_every_value_becomes_json(value: Any) -> None:
    json.loads(to_json(value))


@UNHURRIED
@given(st.recursive(st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(), st.lists))
def test_values_that_json_knows_come_back_unchanged(value: Any) -> None:
    assert value == orjson.loads(to_json(value))


def test_what_json_does_not_know_is_described() -> None:
    class Thing:
        pass

    value = {"path": Path("a/b"), "set": {2, 1}, "bytes": b"abc", "nan": float("nan"), "class": Thing, "thing": Thing()}
    written = orjson.loads(to_json(value))
    assert "a/b" == written["path"]
    assert [1, 2] == written["set"]
    assert "<3 bytes>" == written["bytes"]
    assert written["nan"] is None
    assert written["class"].endswith("Thing>")
    assert "0x" not in written["thing"]


def test_functions_become_their_source() -> None:
    assert "def without_media(" in orjson.loads(to_json(without_media))
    assert "len" in orjson.loads(to_json(len))


def test_a_value_that_contains_itself_is_cut() -> None:
    value: list[Any] = []
    value.append(value)
    assert "nested too deep" in to_json(value).decode()


# Media


def test_media_are_left_out_at_any_depth() -> None:
    doc = {
        "id": 3,
        "image": {"bytes": b"\x89PNG", "path": None},
        "audio": {"array": np.zeros(9), "sampling_rate": 16_000},
        "images": [Image.new("L", (1, 1))],
        "turns": [{"text": "hi", "image": b"x"}],
        "frames": np.zeros((40, 40)),
        "box": np.array([1.0, 2.0]),
        "empty": [],
    }
    kept = without_media(doc)
    assert {"id", "turns", "box", "empty"} == kept.keys()
    assert [{"text": "hi"}] == kept["turns"]


# Secrets


@pytest.mark.parametrize(
    "key", ["api_key", "HF_TOKEN", "token", "openai-api-key", "apiKey", "password", "Authorization", "client_secret"]
)
def test_values_under_names_of_credentials_are_redacted(key: str) -> None:
    assert {"outer": [{key: REDACTED}]} == redact({"outer": [{key: "value"}]})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("max_tokens", 5),
        ("eos_token", "</s>"),
        ("pad_token", "<pad>"),
        ("tokenizer", "x"),
        ("token", True),
        ("key", "v"),
    ],
)
def test_other_values_are_not_redacted(key: str, value: Any) -> None:
    assert {key: value} == redact({key: value})


@pytest.mark.parametrize(
    "text",
    [
        "pretrained=x,api_key=SECRETVALUE,dtype=auto",
        "https://user:SECRETVALUE@example.org/v1",
        "Bearer hf_SECRETVALUESECRETVALUE",
    ],
)
def test_secrets_inside_texts_are_redacted(text: str) -> None:
    assert "SECRETVALUE" not in redact(text)


# Texts on a terminal


@UNHURRIED
@given(st.text())
def test_a_printable_text_is_one_line_without_control_characters(text: str) -> None:
    line = printable(text, 20)
    assert len(line) <= 20
    assert "\n" not in line
    assert not any(unicodedata.category(character) in ("Cc", "Cf", "Cs") for character in line)


def test_a_printable_text_keeps_its_lines_where_they_are_wanted() -> None:
    assert "a\n    b[1m\u2026" == printable_lines("a\n\tb\x1b[1m\u202e\u2026")
