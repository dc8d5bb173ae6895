"""The page of a comparison: everything in one file, and nothing in it that a model could have written as markup."""

from __future__ import annotations

import base64
import gzip
import html
import json
import re
from typing import TYPE_CHECKING, Any

import orjson
from PIL import Image

from fasteval.cli import main
from fasteval.comparison import ComparisonOptions, compare_runs
from fasteval.comparison.page import comparison_page
from fasteval.errors import DatasetError
from tests.saved_runs import run, saved

if TYPE_CHECKING:
    from pathlib import Path

BASE = [0.0] * 20 + [1.0] * 40
CANDIDATE = [1.0] * 3 + [0.0] * 57


def page(**changes: str) -> str:
    base, candidate = saved({"t": BASE}, **changes), saved({"t": CANDIDATE}, **changes)
    return comparison_page(compare_runs(base, [candidate, candidate], ComparisonOptions())).decode()


def data(text: str, name: str) -> str:
    match = re.search(rf'<script type="application/json" id="{name}">(.*?)</script>', text, re.DOTALL)
    assert match is not None
    return match.group(1)


def test_all_flipped_documents_are_in_the_page_with_both_answers() -> None:
    text = page()
    flips = json.loads(gzip.decompress(base64.b64decode(data(text, "flip-data"))))
    assert 2 * 43 == len(flips)
    assert {"task": 0, "id": 20, "category": "kind 2", "scores": [1.0, 0.0], "answers": ["answer 20", "no 0.0"]} == {
        name: flips[3][name] for name in ("task", "id", "category", "scores", "answers")
    }
    assert ["t [1]", "t [2]"] == [task["name"] for task in json.loads(data(text, "task-data"))]


def test_a_picture_is_in_the_page_once_for_all_documents_and_candidates_that_show_it() -> None:
    base, candidate = saved({"t": BASE}), saved({"t": CANDIDATE})
    comparison = compare_runs(base, [candidate, candidate], ComparisonOptions())
    media = {"t": lambda doc_id: [Image.new("RGB", (8, 8), (doc_id // 20 * 100, 0, 0))]}
    text = comparison_page(comparison, media).decode()
    assert 3 == len(json.loads(data(text, "pictures")))
    flips = json.loads(gzip.decompress(base64.b64decode(data(text, "flip-data"))))
    assert {(0, 0): [0], (20, 0): [1], (20, 1): [1], (59, 1): [2]} == {
        place: flip["pictures"]
        for flip in flips
        if (place := (flip["id"], flip["task"])) in {(0, 0), (20, 0), (20, 1), (59, 1)}
    }


def test_why_there_are_no_pictures_is_in_the_page() -> None:
    def gone(doc_id: int) -> list[Any]:
        raise DatasetError("the data are gone")

    comparison = compare_runs(saved({"t": BASE}), [saved({"t": CANDIDATE})], ComparisonOptions())
    assert "No image for 43 documents: the data are gone" in comparison_page(comparison, {"t": gone}).decode()
    assert "Without images: no such task" in comparison_page(comparison, missing="no such task").decode()


def test_the_page_loads_nothing_and_runs_only_its_own_scripts() -> None:
    text = page()
    assert "default-src 'none'" in html.unescape(text)
    assert not re.search(r'(src|href)="(?!#|data:)', text)


def test_names_and_texts_cannot_become_markup() -> None:
    text = page(prompt="</script><img src=x onerror=alert(1)>{number}")
    assert "<img" not in text


def test_the_command_writes_the_page(tmp_path: Path) -> None:
    for name, scores in (("base", BASE), ("candidate", CANDIDATE)):
        run({"t": scores}).save(tmp_path / name)
    words = [
        "compare",
        str(tmp_path / "base"),
        str(tmp_path / "candidate"),
        "--html",
        str(tmp_path / "deep" / "c.html"),
    ]
    assert 0 == main(words)
    assert b"Flipped documents" in (tmp_path / "deep" / "c.html").read_bytes()
    (tmp_path / "file").write_bytes(orjson.dumps({}))
    assert 1 == main([*words[:-1], str(tmp_path / "file" / "c.html")])


def test_no_two_elements_have_the_same_name() -> None:
    names = re.findall(r'\sid="([^"]+)"', page())
    assert sorted(set(names)) == sorted(names)
