"""Pages: what is written into them stays text, and only the package's own scripts may run."""

from __future__ import annotations

import base64
import gzip
import hashlib
import re
from typing import TYPE_CHECKING

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fasteval.results.html import PageParts, compressed_data, json_data, render_page

if TYPE_CHECKING:
    from pathlib import Path

TEMPLATE = '{% extends "base.html" %}{% block content %}<p>{{ text }}</p>{% endblock %}'


@pytest.fixture
def parts(tmp_path: Path) -> PageParts:
    (tmp_path / "page.html").write_text(TEMPLATE)
    (tmp_path / "page.js").write_text('document.title = "own";')
    return PageParts(template=tmp_path / "page.html", scripts=(tmp_path / "page.js",))


def test_texts_are_escaped(parts: PageParts) -> None:
    page = render_page(parts, {"title": "</title><script>", "text": "<b onclick=x>{{ 1 }}"}).decode()
    assert "<p>&lt;b onclick=x&gt;{{ 1 }}</p>" in page
    assert "<title>&lt;/title&gt;&lt;script&gt;</title>" in page


def test_the_policy_names_every_script_that_would_run_and_lets_nothing_load(parts: PageParts) -> None:
    page = render_page(parts, {"title": "", "text": ""}, {"data": json_data([1])}).decode()
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]+)"', page)
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digests = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in scripts]
    assert 3 == len(scripts)
    assert re.findall(r"sha256-([^&]+?)(?:&#39;|')", policy) == digests
    assert policy.startswith("default-src &#39;none&#39;")
    assert [] == re.findall(r"""(?:src|href)\s*=\s*["']?(?:https?:)?//""", page)


@given(st.recursive(st.text() | st.just("</script><!--<script>"), lambda inner: st.lists(inner, max_size=3)))
def test_no_text_ends_the_element_that_its_data_stand_in(value: object) -> None:
    text = json_data(value)
    assert value == orjson.loads(text)
    assert "<" not in text
    packed = compressed_data(value)
    assert value == orjson.loads(gzip.decompress(base64.b64decode(packed)))
    assert re.fullmatch(r"[A-Za-z0-9+/=]+", packed)


def test_a_script_that_would_end_its_element_is_refused(parts: PageParts) -> None:
    parts.scripts[0].write_text('const text = "</script>";')
    with pytest.raises(ValueError, match="would end its element"):
        render_page(parts, {"title": "", "text": ""})


def test_a_lone_surrogate_does_not_stop_the_page(parts: PageParts) -> None:
    assert b"<p>broken ?</p>" in render_page(parts, {"title": "", "text": "broken \ud83d"})
