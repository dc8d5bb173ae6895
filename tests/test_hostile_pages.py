"""Pages full of hostile texts in a real Chromium: nothing runs, nothing loads, and everything can be read."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from playwright.sync_api import expect

from fasteval.comparison import ComparisonOptions, compare_runs
from fasteval.comparison.page import comparison_page
from fasteval.results.report import write_report
from fasteval.results.saved import saved_form
from tests.hostile_texts import HOSTILE
from tests.test_report import failed, results, sample

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser, Dialog, Page

    from fasteval.results.saved import SavedRun

#: What no text may make: elements that run or load something, and attributes that do.
INTRUDERS = (
    "main script, iframe, object, embed, form[action], base[href*=evil], link[href*=evil], meta[http-equiv=refresh], "
    "a[href^='javascript:'], a[href^='data:'], [onerror], [onload], [onfocus], [onclick], svg[onload], "
    "[style*='position:fixed']"
)


class Visit:
    """A page opened from disk, and what it tried to do."""

    def __init__(self, browser: Browser, path: Path) -> None:
        self.page: Page = browser.new_page()
        self.attempts: list[str] = []
        self.page.on("dialog", self._dismiss)
        self.page.on("console", lambda message: self.attempts.append(f"console {message.text}"))
        self.page.on("pageerror", lambda error: self.attempts.append(f"error {error}"))
        self.page.on("popup", lambda popup: self.attempts.append(f"popup {popup.url}"))
        self.page.on("request", lambda request: self._note(request.url, path))
        self.page.goto(path.as_uri())
        self.page.wait_for_selector("html[data-ready]")

    def _dismiss(self, dialog: Dialog) -> None:
        self.attempts.append(f"dialog {dialog.message}")
        dialog.dismiss()

    def _note(self, url: str, path: Path) -> None:
        if url.partition("#")[0] != path.as_uri() and not url.startswith("data:image/"):
            self.attempts.append(f"request {url}")

    def harm(self) -> list[str]:
        """Returns everything that no text may bring about."""
        intruders = self.page.locator(INTRUDERS).count()
        return self.attempts + ([f"{intruders} elements that do something"] if intruders else [])


def hostile_run(score: float, *names: str) -> SavedRun:
    """Returns a run whose every text is hostile, each in a document of its own; `names` are further fields of it."""
    samples = []
    for number, text in enumerate(HOSTILE.values()):
        texts: dict[str, Any] = dict.fromkeys(("target", "prompt", "context", *names), text)
        answers = {"resps": [text], "filtered_resps": [text], "doc": {"question": text, "kind": text, text: text}}
        samples.append(sample(number, score, **texts, **answers) if number % 4 else failed(number, text))
    every = " ".join(HOSTILE.values()).encode("utf-8", "replace").decode()  # no file gives a name half a character
    whole = results(*samples, model_name=every, config={"model": every, "tasks": [every]})
    task = replace(whole.tasks["quiz"], name=every, alias=every, failures=tuple(HOSTILE.values()))
    return saved_form(replace(whole, tasks={every: task}))


def test_a_report_of_hostile_texts_does_nothing(tmp_path: Path, browser: Browser) -> None:
    path = tmp_path / "report.html"
    write_report(hostile_run(1.0, "filter"), path, {}, missing=" ".join(HOSTILE.values()))
    visit = Visit(browser, path)
    rows = visit.page.locator("#table tbody .open")
    assert rows.count() >= 25
    for row in range(rows.count()):
        rows.nth(row).click()
        visit.page.keyboard.press("Tab")
        visit.page.keyboard.press("Escape")
    visit.page.locator("#search").fill("<script>alert(1)</script>")
    expect(rows).to_have_count(1)
    assert [] == visit.harm()


def test_a_comparison_of_hostile_texts_does_nothing(tmp_path: Path, browser: Browser) -> None:
    path = tmp_path / "comparison.html"
    path.write_bytes(comparison_page(compare_runs(hostile_run(1.0), [hostile_run(0.0)], ComparisonOptions())))
    visit = Visit(browser, path)
    assert visit.page.locator("tbody tr").count() >= 10
    assert [] == visit.harm()


def test_the_traps_would_notice(tmp_path: Path, browser: Browser) -> None:
    """The same texts written without care do harm, and it is seen."""
    path = tmp_path / "careless.html"
    path.write_text("<html data-ready><main>" + HOSTILE["a script"] + HOSTILE["an event handler"] + "</main></html>")
    found = Visit(browser, path).harm()
    assert any("dialog 1" in entry for entry in found)
    assert any("elements that do something" in entry for entry in found)
