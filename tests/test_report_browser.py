"""The report in a real Chromium, opened from disk: what a reader does with it, and what hostile answers do: nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

import fasteval
from fasteval.results.report import write_report
from fasteval.results.saved import saved_form
from tests.test_report import failed, noise, results, sample, saved

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Locator, Page

# Four of these questions are answered wrong by the demo model.
OFFSET, LIMIT = 3700, 300
PHONE = {"width": 390, "height": 844}


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Opens files from disk; at the end nothing may have been written to the console or asked of a network."""
    contexts, complaints, requests = [], [], []

    def visit(path: Path, fragment: str = "", **options: Any) -> Page:
        context = browser.new_context(**({"viewport": {"width": 1440, "height": 900}} | options))
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(dialog.message))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(path.as_uri() + fragment)
        page.wait_for_selector("html[data-ready]")
        return page

    yield visit
    for context in contexts:
        context.close()
    assert [] == complaints
    assert {"file", "data"} >= {url.partition(":")[0] for url in requests}
    assert len(contexts) == sum(url.startswith("file:") for url in requests)


@pytest.fixture(scope="module")
def demo_report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report that a run of the demo model on real vLLM wrote by itself."""
    folder = tmp_path_factory.mktemp("demo")
    options: dict[str, Any] = {"offset": OFFSET, "limit": LIMIT, "bootstrap_iters": 0}
    tasks = ["easy_vqa", "easy_vqa_choices"]
    results = fasteval.evaluate("demo", tasks, model_args="dtype=float32", output_path=folder, no_cache=True, **options)
    wrong = [entry["doc_id"] for entry in results.samples("easy_vqa") if not entry["exact_match"]]
    assert 4 == len(wrong)
    (path,) = folder.rglob("*_report.html")
    return path


def body_rows(page: Page) -> Locator:
    return page.locator("#table tbody tr")


def shown(page: Page) -> str:
    """Returns the line that says how many samples there are, such as "1-25 of 300"."""
    return page.locator(".dt-info").inner_text()


def column(page: Page, name: str) -> list[str]:
    return page.locator(f"#table tbody td.column-{name}").all_inner_texts()


def is_dark(page: Page) -> bool:
    color: str = page.evaluate("getComputedStyle(document.body).backgroundColor")
    return sum(int(part) for part in color.strip("rgb()").split(",")[:3]) < 3 * 128


@pytest.mark.engine
def test_a_reader_finds_filters_sorts_opens_and_switches(demo_report: Path, open_page: Callable[..., Page]) -> None:
    page = open_page(demo_report, color_scheme="light")
    assert "of 600" in shown(page)

    page.locator("#task").select_option("easy_vqa")
    expect(page.locator(".dt-info")).to_contain_text("of 300")

    page.locator("#search").fill("yellow shape")
    expect(page.locator(".dt-info")).not_to_contain_text("of 300")
    texts = column(page, "question")
    assert any("yellow shape" in text for text in texts)
    page.get_by_role("button", name="Clear filters").click()
    page.locator("#task").select_option("easy_vqa")

    page.locator("#statuses [data-status=wrong]").click()
    expect(body_rows(page)).to_have_count(4)
    assert {"wrong"} == set(column(page, "status"))

    header = page.locator("#table thead th.column-answer")
    header.click()
    expect(header).to_have_attribute("aria-sort", "ascending")
    assert sorted(column(page, "answer")) == column(page, "answer")
    header.click()
    expect(header).to_have_attribute("aria-sort", "descending")
    assert sorted(column(page, "answer"), reverse=True) == column(page, "answer")

    page.locator("#statuses [data-status=all]").click()
    page.locator("#field").select_option("by kind")
    page.locator("#category").select_option(index=1)
    kind = page.locator("#category").input_value()
    body_rows(page).nth(2).click()
    dialog = page.get_by_role("dialog")
    assert kind in dialog.locator(".key-values").last.inner_text()
    image = dialog.locator(".pictures img")
    assert [64, 64] == image.evaluate("image => image.decode().then(() => [image.naturalWidth, image.naturalHeight])")
    assert "<|im_start|>user" in dialog.get_by_text("Prompt, exactly").locator("..").inner_text()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()

    page.get_by_role("button", name="Colours").click()
    assert is_dark(page)


@pytest.mark.engine
def test_the_pictures_are_the_data_sets_own(demo_report: Path, open_page: Callable[..., Page]) -> None:
    from tests.test_library_easy_vqa import utils

    expected = utils.load()["test"][OFFSET]["image"].convert("RGB").getpixel((2, 2))
    page = open_page(demo_report, f"#sample=0:{OFFSET}")
    pixel = page.locator("dialog .pictures img").evaluate(
        "async image => { await image.decode();"
        " const context = document.createElement('canvas').getContext('2d');"
        " context.drawImage(image, 0, 0); return [...context.getImageData(2, 2, 1, 1).data].slice(0, 3); }"
    )
    assert list(expected) == pixel


@pytest.mark.engine
def test_the_choices_of_a_question_are_shown_with_their_log_probabilities(
    demo_report: Path, open_page: Callable[..., Page]
) -> None:
    page = open_page(demo_report, f"#sample=1:{OFFSET}")
    lines = page.locator("dialog table.choices tbody tr")
    assert 13 == lines.count()
    logprobs = [float(text) for text in lines.locator("td:nth-child(2)").all_inner_texts()]
    assert max(logprobs) == float(page.locator("dialog tr.chosen td:nth-child(2)").inner_text())


@pytest.fixture
def small_report(tmp_path: Path) -> Path:
    samples = [sample(number, float(number % 5 > 0)) for number in range(120)]
    samples += [failed(120), sample(121, finish_reason="length")]
    write_report(saved(*samples), tmp_path / "r.html", {"quiz": lambda doc_id: [noise((30, 20), doc_id % 3)]})
    return tmp_path / "r.html"


def test_the_keyboard_is_enough(small_report: Path, open_page: Callable[..., Page]) -> None:
    page = open_page(small_report)
    page.keyboard.press("/")
    page.keyboard.type("question 12?")
    expect(body_rows(page)).to_have_count(2)
    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")
    expect(body_rows(page)).to_have_count(25)
    page.locator(".open").first.focus()
    page.keyboard.press("Enter")
    heading = page.locator("#dialog-title")
    expect(heading).to_contain_text("quiz #0")
    page.keyboard.press("ArrowRight")
    expect(heading).to_contain_text("quiz #1")
    page.keyboard.press("ArrowLeft")
    expect(heading).to_contain_text("quiz #0")
    page.keyboard.press("Escape")
    expect(page.locator(".open").first).to_be_focused()
    page.locator("#table thead th.column-id .dt-column-order").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".open").first).to_have_text("#121")


def test_links_lead_to_the_samples_that_they_count(small_report: Path, open_page: Callable[..., Page]) -> None:
    page = open_page(small_report)
    page.locator("#categories").get_by_role("button", name="odd").click()
    expect(page.locator(".dt-info")).to_contain_text("of 61")
    page.locator("#failures").get_by_role("button", name="1 of quiz").first.click()
    expect(body_rows(page)).to_have_count(1)
    page.locator("#failures").get_by_role("button", name="1 of quiz").last.click()
    expect(page.locator("#table tbody td.column-answer")).to_have_text(["it broke"])


def test_a_choice_of_colours_outlives_the_page_and_the_systems_holds_before(
    small_report: Path, open_page: Callable[..., Page]
) -> None:
    assert is_dark(open_page(small_report, color_scheme="dark"))
    page = open_page(small_report, color_scheme="light")
    assert not is_dark(page)
    page.get_by_role("button", name="Colours").click()
    assert page.evaluate("localStorage.getItem('fasteval-theme')") == "dark"


@pytest.mark.parametrize("viewport", [PHONE, {"width": 320, "height": 640}, {"width": 768, "height": 1024}])
def test_no_width_needs_horizontal_scrolling(
    small_report: Path, open_page: Callable[..., Page], viewport: dict[str, int]
) -> None:
    page = open_page(small_report, viewport=viewport, is_mobile=True, has_touch=True)
    assert viewport["width"] == page.evaluate("document.documentElement.scrollWidth")
    body_rows(page).first.tap()
    assert page.locator("dialog .dialog-body").evaluate("node => node.scrollWidth <= node.clientWidth")


# Hostile texts, wherever a model, a data set or a task can put one

HOSTILE = (
    "<script>window.harmed = 1</script>",
    "</script><script>window.harmed = 1</script>",
    "<!--<script>window.harmed = 1</script>",
    "<img src=x onerror='window.harmed = 1'>",
    '" onmouseover="window.harmed = 1" x="',
    "<svg onload=window.harmed=1>",
    "<iframe srcdoc='<script>parent.harmed = 1</script>'></iframe>",
    "<a href='data:text/html,<script>window.harmed = 1</script>'>x</a>",
    "<link rel=stylesheet href=https://example.org/x.css><img src=https://example.org/x.png>",
    "javascript:window.harmed=1",
    "{{ 7 * 7 }}{% for x in y %}${window.harmed = 1}",
    "&lt;script&gt;window.harmed = 1&lt;/script&gt;&amp;<img src=x onerror=window.harmed=1>",
    "\x1b]8;;https://example.org\x07link\x1b[2J\x1b[31mred",
    "\u202egnp.exe\u2066",
    "\ud83d broken \x00",
)


@pytest.fixture(params=HOSTILE, ids=range(len(HOSTILE)))
def hostile_page(request: pytest.FixtureRequest, tmp_path: Path, open_page: Callable[..., Page]) -> Page:
    text: str = request.param
    texts: dict[str, Any] = {
        "doc": {"question": text, text: text, "kind": text[:70]},
        "target": text,
        "prompt": text,
        "context": text,
        "resps": [text],
        "filtered_resps": [text],
        "filter": text,
    }
    choices: dict[str, Any] = {"continuations": [text, "b"], "logprobs": [-1.0, -2.0], "is_greedy": [True, False]}
    samples = [sample(number, float(number % 2), **texts) for number in range(2)]
    samples += [sample(2, doc={"kind": "b"}), sample(3, doc={"kind": "b"}), failed(4, text)]
    samples += [sample(5, **texts, **choices), sample(6, **(texts | {"prompt": [{"role": text, "content": text}]}))]
    whole = results(*samples, model_name=text, config={"model": text, "tasks": [text]})
    values = {f"exact_match,{text}": 0.5, "exact_match,none": 0.5}
    name = text.encode("utf-8", "replace").decode()  # the one text here that no file could name a task by
    task = replace(whole.tasks["quiz"], name=name, failures=(text,), metrics=values)
    run = saved_form(replace(whole, tasks={name: task}))
    write_report(run, tmp_path / "r.html", {}, missing=text)
    return open_page(tmp_path / "r.html")


def test_a_hostile_text_does_nothing_wherever_it_stands(hostile_page: Page) -> None:
    page = hostile_page
    page.locator("#search").fill("window")
    page.locator("#search").fill("")
    for row in range(7):
        page.locator(".open").nth(row).click()
        page.locator("dialog").hover()
        page.keyboard.press("Escape")
    page.locator("#table thead").get_by_text("Question").click()
    page.locator("#field").select_option(index=1)
    page.locator("#category").select_option(index=1)
    assert None is page.evaluate("window.harmed ?? null")
    assert 0 == page.locator("iframe, object, embed, link[rel=stylesheet], main a[href^=data], main img").count()
    assert 0 == page.locator("main [onmouseover], main [onerror], main [onload]").count()


def test_a_hostile_text_is_shown_as_it_is(tmp_path: Path, open_page: Callable[..., Page]) -> None:
    text = "<b>{{ 7 * 7 }}</b>&amp;</script>"
    write_report(saved(sample(0, filtered_resps=[text], resps=[text])), tmp_path / "r.html", {})
    page = open_page(tmp_path / "r.html", "#sample=0:0")
    assert text == page.locator("dialog .answers .text").nth(1).inner_text()
    assert text == column(page, "answer")[0]


def test_characters_that_nobody_could_see_are_made_visible(tmp_path: Path, open_page: Callable[..., Page]) -> None:
    text = "a\x1b[31mb\u202ec\x00"
    write_report(saved(sample(0, filtered_resps=[text], resps=[text])), tmp_path / "r.html", {})
    page = open_page(tmp_path / "r.html", "#sample=0:0")
    assert "a␛[31mbU+202Ec␀" == page.locator("dialog .answers .text").nth(1).inner_text()


def test_a_script_that_came_into_the_page_would_not_run(tmp_path: Path, browser: Browser) -> None:
    """The last wall: even markup that got past the escaping finds a policy that runs nothing and loads nothing."""
    write_report(saved(sample(0)), tmp_path / "r.html", {})
    page_text = (tmp_path / "r.html").read_text()
    attack = "<script>window.harmed = 1</script><img src='https://example.org/x.png' onerror='window.harmed = 1'>"
    (tmp_path / "r.html").write_text(page_text.replace("</main>", f"{attack}</main>"))
    page = browser.new_page()
    sent: list[str] = []
    page.on("requestfinished", lambda request: sent.append(request.url))
    page.goto((tmp_path / "r.html").as_uri())
    page.wait_for_selector("html[data-ready]")
    assert None is page.evaluate("window.harmed ?? null")
    assert [] == [url for url in sent if url.startswith("http")]
    page.close()


def test_ten_thousand_samples_stay_small_enough_to_open(tmp_path: Path, open_page: Callable[..., Page]) -> None:
    """Size is counted, not seconds: 10,000 samples about 1,000 pictures that WebP cannot make small."""
    samples = [sample(number, float(number % 3 > 0)) for number in range(10_000)]
    write_report(saved(*samples), tmp_path / "r.html", {"quiz": lambda doc_id: [noise((120, 90), doc_id % 1000)]})
    assert (tmp_path / "r.html").stat().st_size < 30_000_000
    page = open_page(tmp_path / "r.html")
    assert "of 10,000" in shown(page)
    assert 25 == page.locator("#table img").count()
