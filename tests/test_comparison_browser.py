"""The page of a comparison in a real Chromium, opened from disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PIL import Image

from fasteval.comparison import ComparisonOptions, compare_runs
from fasteval.comparison.page import comparison_page
from tests.saved_runs import saved

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

BASE = [0.0] * 20 + [1.0] * 40
CANDIDATE = [1.0] * 3 + [0.0] * 17 + [0.0] * 11 + [1.0] * 29


@pytest.fixture
def page(tmp_path: Path, browser: Browser) -> Iterator[Page]:
    """The page, open; at the end nothing may have been complained of or asked of a network."""
    prompt = "</script><script>alert(1)</script>{number}\x1b"
    base, candidate = saved({"t": BASE}, prompt=prompt), saved({"t": CANDIDATE}, prompt=prompt)
    file = tmp_path / "comparison.html"
    media = {"t": lambda doc_id: [Image.new("RGB", (64, 64), (4 * doc_id, 0, 0))]}
    file.write_bytes(comparison_page(compare_runs(base, [candidate], ComparisonOptions()), media))
    complaints: list[str] = []
    requests: list[str] = []
    opened = browser.new_page(viewport={"width": 1280, "height": 900}, color_scheme="light")
    opened.on("console", lambda message: complaints.append(message.text))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("dialog", lambda dialog: complaints.append(dialog.message))
    opened.on("request", lambda request: requests.append(request.url))
    opened.goto(file.as_uri())
    opened.wait_for_selector("html[data-ready]")
    yield opened
    opened.close()
    assert [] == complaints
    assert {"file", "data"} >= {url.partition(":")[0] for url in requests}


def test_a_reader_finds_a_flipped_document_and_sees_both_answers(page: Page) -> None:
    assert "of 14" in page.locator(".dt-info").inner_text()
    page.locator("#direction").select_option("lost")
    page.wait_for_function("document.querySelector('.dt-info').textContent.includes('of 11')")
    page.locator("#search").fill("answer 25")
    page.wait_for_function("document.querySelectorAll('#table tbody tr').length === 1")
    page.get_by_role("button", name="#25").click()
    sides = page.locator(".sides pre").all_inner_texts()
    assert ["answer 25", "no 0.0"] == sides
    assert "</script><script>alert(1)</script>25␛" in page.locator("dialog").inner_text()
    assert 64 == page.locator("dialog img").evaluate("image => image.naturalWidth")
    page.keyboard.press("Escape")
    assert not page.locator("dialog").is_visible()


def test_arrow_keys_step_through_what_is_shown(page: Page) -> None:
    page.get_by_role("button", name="#0", exact=True).click()
    page.keyboard.press("ArrowRight")
    assert "t #1" in page.locator("#dialog-title").inner_text()


def test_a_phone_shows_documents_as_cards_and_nothing_sticks_out(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    assert 390 == page.evaluate("document.documentElement.scrollWidth")
    assert page.locator("#table tbody img.thumb").first.is_visible()
    assert not page.locator("#table thead").is_visible()
