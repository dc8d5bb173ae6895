"""The report: what it counts as right, its intervals and categories, its pictures, and when it is written."""

from __future__ import annotations

import base64
import gzip
import io
import json
import os
import random
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from scipy.stats import binomtest

from fasteval.cli import main
from fasteval.errors import OutputError
from fasteval.media import LazyImage, thumbnail, to_media
from fasteval.results.model import Results, TaskResult
from fasteval.results.report import Report, report_path, write_report
from fasteval.results.report.album import Album
from fasteval.results.report.contents import category_fields, report_contents
from fasteval.results.report.documents import (
    MAX_TEXT,
    Document,
    Status,
    document_row,
    documents_of,
    main_metric,
    select_documents,
)
from fasteval.results.report.facts import bottleneck, format_seconds, stages_of
from fasteval.results.report.scores import Interval, interval_of_mean, interval_of_stderr, score_tables
from fasteval.results.sample import Sample, ScoredDocument
from fasteval.results.saved import SavedRun, SavedTask, saved_form
from fasteval.results.statistics import RunStatistics


def sample(doc_id: int, score: Any = 1.0, **changes: Any) -> Sample:
    base = Sample(
        doc_id=doc_id,
        doc={"question": f"Question {doc_id}?", "kind": "odd" if doc_id % 2 else "even", "image_id": doc_id // 2},
        target="yes",
        prompt=f"<image>Question {doc_id}?",
        context=f"Question {doc_id}?",
        resps=["yes"],
        filtered_resps=["yes"],
        metrics={"exact_match": score},
        finish_reason="stop",
        prompt_tokens=9,
        output_tokens=1,
    )
    return replace(base, **changes)


def failed(doc_id: int, reason: str = "it broke") -> Sample:
    return Sample(doc_id=doc_id, error=reason)


def results(*samples: Sample, **changes: Any) -> Results:
    task = TaskResult(
        name="quiz",
        n_docs=len(samples),
        n_effective=len(samples),
        errors=sum(entry.error is not None for entry in samples),
        metrics={"exact_match,none": 0.5, "exact_match_odd,none": 0.25},
        stderrs={"exact_match_stderr,none": 0.1, "exact_match_odd_stderr,none": "N/A"},
        higher_is_better={"exact_match": True, "exact_match_odd": True},
        documents=[ScoredDocument(entry.doc_id, samples=[entry], error=entry.error) for entry in samples],
    )
    base = Results(
        model_name="demo",
        tasks={"quiz": task},
        config={"model": "demo", "tasks": ["quiz"]},
        statistics=RunStatistics(stages={"start": 1.0, "engine": 3.0}, requests=len(samples), sent=len(samples)),
        started_at=1_700_000_000.0,
    )
    return replace(base, **changes)


def saved(*samples: Sample, **changes: Any) -> SavedRun:
    return saved_form(results(*samples, **changes))


def saved_task(*samples: Sample, **values: Any) -> SavedTask:
    task = saved(*samples).tasks["quiz"]
    return replace(task, values=values) if values else task


def statuses(task: SavedTask) -> list[str]:
    return [document.status.value for document in documents_of(task)[0]]


def rows_of(page: str) -> list[dict[str, Any]]:
    """Returns what the page's scripts find."""
    match = re.search(r'<script type="application/json" id="rows">([^<]*)</script>', page)
    assert match is not None
    rows: list[dict[str, Any]] = orjson.loads(gzip.decompress(base64.b64decode(match[1])))
    return rows


# What is right


def test_one_is_right_zero_is_wrong_and_between_is_partly_right() -> None:
    assert ["right", "wrong", "partly", "error"] == statuses(
        saved_task(sample(0), sample(1, 0.0), sample(2, 0.4), failed(3))
    )


def test_true_and_false_are_scores_too() -> None:
    assert ["right", "wrong"] == statuses(saved_task(sample(0, score=True), sample(1, score=False)))


def test_the_number_in_a_mapping_is_the_score() -> None:
    assert ["right", "wrong"] == statuses(
        saved_task(sample(0, {"id": 7, "score": 1}), sample(1, {"id": 8, "score": 0}))
    )


@pytest.mark.parametrize("values", [(-12.5, -0.5), (0.0, 250.0)], ids=["log-likelihoods", "points"])
def test_numbers_that_are_no_shares_give_no_verdict(values: tuple[float, float]) -> None:
    assert ["unscored", "unscored"] == statuses(saved_task(*(sample(n, value) for n, value in enumerate(values))))


def test_a_metric_of_some_documents_only_does_not_say_what_is_right() -> None:
    samples = [sample(0, metrics={"part": 1.0, "whole": 0.0})] + [sample(n, metrics={"whole": 1.0}) for n in (1, 2)]
    metric = main_metric(saved_task(*samples, **{"alias": "quiz", "part,none": 1.0, "whole,none": 0.7}))
    assert metric is not None
    assert "whole" == metric.name


def test_filters_of_one_document_are_one_row_with_the_first_filters_verdict() -> None:
    samples = [sample(0, 0.0, filter="strict"), sample(0, 1.0, filter="flexible")]
    task = saved_task(*samples, **{"exact_match,strict": 0.0, "exact_match,flexible": 1.0})
    documents, metric = documents_of(task)
    assert [Status.WRONG] == [document.status for document in documents]
    row = document_row(documents[0], 0, metric, ())
    assert [("strict", {"exact_match": 0.0}), ("flexible", {"exact_match": 1.0})] == [
        (entry["name"], entry["metrics"]) for entry in row["filters"]
    ]


# Intervals


@given(st.integers(1, 400), st.data())
def test_the_interval_of_a_share_is_wilsons(count: int, data: st.DataObject) -> None:
    successes = data.draw(st.integers(0, count))
    expected = binomtest(successes, count).proportion_ci(method="wilson")
    interval = interval_of_mean([1.0] * successes + [0.0] * (count - successes))
    assert interval is not None
    assert (expected.low, expected.high) == pytest.approx(interval, abs=1e-12)


def test_a_standard_error_gives_the_normal_interval() -> None:
    assert Interval(0.5 - 1.959964 * 0.1, 0.5 + 1.959964 * 0.1) == pytest.approx(interval_of_stderr(0.5, 0.1), abs=1e-6)


def test_a_standard_error_of_zero_is_no_certainty() -> None:
    assert interval_of_mean([1.0] * 20) == interval_of_stderr(1.0, 0.0, 20)
    assert None is interval_of_stderr(0.7, 0.0, 20)
    assert None is interval_of_stderr(0.5, "N/A")


def test_questions_about_one_image_widen_the_interval() -> None:
    values, clusters = [1.0, 1.0, 0.0, 0.0] * 5, [number // 2 for number in range(20)]
    apart, together = interval_of_mean(values), interval_of_mean(values, clusters)
    assert apart is not None
    assert together is not None
    assert together.high - together.low > apart.high - apart.low


def test_a_share_has_no_interval_beyond_one() -> None:
    run = saved(*(sample(number, float(number > 0)) for number in range(30)))
    values = {"exact_match,none": 29 / 30, "exact_match_stderr,none": 1 / 30}
    tables = score_tables(replace(run, tasks={"quiz": replace(run.tasks["quiz"], values=values)}))
    interval = tables[0].rows[0].interval
    assert interval is not None
    assert 1.0 == interval.high


def test_sub_scores_stand_under_their_metric_with_the_documents_that_have_them() -> None:
    odd = [sample(n, metrics={"exact_match": 1.0, "exact_match_odd": 1.0}) for n in (1, 3)]
    (table,) = score_tables(saved(sample(0), *odd, failed(4)))
    assert [("exact_match", False, 3), ("odd", True, 2)] == [(row.metric, row.is_part, row.n) for row in table.rows]


# Categories


def test_columns_with_few_values_are_categories_and_usual_names_come_first() -> None:
    samples = [sample(n, float(n % 4 > 0), doc={"answer": str(n % 3), "kind": "ab"[n % 2], "id": n}) for n in range(12)]
    fields = category_fields(documents_of(saved_task(*samples))[0], None)
    assert ["kind", "answer"] == [field.name for field in fields]
    assert [("a", 6, 0.5), ("b", 6, 1.0)] == [(entry.value, entry.n, entry.mean) for entry in fields[0].categories]


def test_failed_documents_have_no_part_in_a_categorys_mean() -> None:
    bad = replace(sample(2, 0.0), error="it broke", metrics={})
    fields = category_fields(documents_of(saved_task(sample(0), sample(4), bad, sample(1), sample(3)))[0], None)
    (even,) = [entry for field in fields if field.name == "kind" for entry in field.categories if entry.value == "even"]
    assert (3, 1.0, 1) == (even.n, even.mean, even.counts["error"])


# Pictures


def noise(size: tuple[int, int], seed: int = 0) -> Image.Image:
    """Returns a picture that compresses badly, another one for each seed."""
    return Image.frombytes("RGB", size, random.Random(seed).randbytes(size[0] * size[1] * 3))


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def test_a_small_picture_keeps_every_pixel() -> None:
    image = noise((16, 16))
    assert image.tobytes() == opened(thumbnail(to_media(image), 10_000)).convert("RGB").tobytes()


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "CMYK", "I;16", "1"])
def test_every_kind_of_picture_has_a_thumbnail(mode: str) -> None:
    data = io.BytesIO()
    Image.new("RGB", (300, 200), "red").convert(mode if mode != "I;16" else "L").convert(mode).save(data, "TIFF")
    assert "WEBP" == opened(thumbnail(to_media(LazyImage(data.getvalue())), 10_000)).format


@pytest.mark.parametrize("size", [(3000, 20), (20, 3000), (900, 700)])
def test_large_pictures_shrink_until_they_fit(size: tuple[int, int]) -> None:
    data = thumbnail(to_media(noise(size)), 2_500)
    assert len(data) <= 2_500
    assert max(opened(data).size) <= 640


def test_a_shared_picture_is_kept_once() -> None:
    data = io.BytesIO()
    noise((40, 40)).save(data, "PNG")
    album = Album(3)
    pictures = {
        0: LazyImage(data.getvalue()),
        1: LazyImage(data.getvalue()),
        2: LazyImage(data.getvalue()).convert("L"),
    }
    assert [[0], [0], [1]] == [album.add(number, lambda doc_id: [pictures[doc_id]]) for number in range(3)]
    assert 2 == len(album.encoded())


def test_all_pictures_together_stay_within_the_budget() -> None:
    album = Album(40, budget=60_000)
    for number in range(40):
        album.add(number, lambda doc_id: [noise((200, 150), doc_id)])
    assert sum(len(base64.b64decode(picture)) for picture in album.encoded()) <= 60_000


def test_a_run_shrinks_so_many_pictures_and_no_more_those_of_wrong_answers_first() -> None:
    run = saved(*(sample(number, float(number != 7)) for number in range(9)))
    contents = report_contents(run, {"quiz": lambda doc_id: [noise((8, 8), doc_id)]}, max_pictures=3)
    assert [0, 1, 7] == [row["id"] for row in contents.rows if "pictures" in row]
    ((problem, count),) = contents.context["picture_problems"]
    assert 6 == count
    assert "`fasteval report` takes all" in problem


def test_what_cannot_be_shown_is_counted_with_its_reason() -> None:
    def media(doc_id: int) -> list[Any]:
        if doc_id == 0:
            raise KeyError("image")
        return [LazyImage(b"not an image")] if doc_id == 1 else ["a video.mp4"]

    album = Album(3)
    assert [[], [], []] == [album.add(number, media) for number in range(3)]
    assert 3 == album.problems.total()
    assert any("images, videos and sounds are" in problem for problem in album.problems)


# Rows


def test_a_choice_is_shown_by_its_text() -> None:
    choices: dict[str, Any] = {"continuations": [" red", " blue"], "logprobs": [-2.0, -0.1], "is_greedy": [False, True]}
    document = documents_of(saved_task(sample(0, target=1, resps=[[-2.0, False], [-0.1, True]], **choices)))[0][0]
    row = document_row(document, 0, None, ())
    assert ("blue", "blue") == (row["target"], row["answer"])
    assert [[" red", -2.0, False], [" blue", -0.1, True]] == row["choices"]


def test_a_very_long_text_is_cut_and_says_so() -> None:
    document = documents_of(saved_task(sample(0, prompt="x" * (MAX_TEXT + 1234))))[0][0]
    prompt = document_row(document, 0, None, ())["prompt"]
    assert prompt.endswith("… (1,234 more characters in the samples file)")


def test_where_there_is_no_room_for_all_failed_and_wrong_documents_are_kept() -> None:
    documents = [Document(number, Status.RIGHT) for number in range(100)]
    documents[40], documents[90] = Document(40, Status.ERROR), Document(90, Status.WRONG)
    kept = [document.doc_id for document in select_documents(documents, 10)]
    assert 10 == len(kept)
    assert {40, 90} <= set(kept)
    assert sorted(kept) == kept


# Time


def test_the_bottleneck_is_the_stage_that_took_most_of_the_time() -> None:
    stages = stages_of({"stages": {"start": 1.0, "engine": 3.0}, "busy": {"engine": 3.5}})
    assert [("start", 0.25, None), ("engine", 0.75, 3.5)] == [(stage.name, stage.share, stage.busy) for stage in stages]
    assert bottleneck(stages).startswith("75% of the time went into engine")
    assert ["0.42 s", "47.3 s", "3 min 12 s", "2 h 5 min"] == [format_seconds(s) for s in (0.42, 47.31, 191.8, 7500)]


# The file


def test_a_run_without_samples_has_a_report_of_its_scores(tmp_path: Path) -> None:
    run = saved(sample(0))
    write_report(replace(run, tasks={"quiz": replace(run.tasks["quiz"], samples=[])}), tmp_path / "r.html", {})
    page = (tmp_path / "r.html").read_text()
    assert "No samples were written with this run" in page
    assert [] == rows_of(page)


def test_every_document_is_in_the_page(tmp_path: Path) -> None:
    run = saved(sample(0), sample(1, 0.0), failed(2))
    write_report(run, tmp_path / "r.html", {"quiz": lambda doc_id: [noise((8, 8), doc_id)]})
    rows = rows_of((tmp_path / "r.html").read_text())
    assert [(0, "right", [2]), (1, "wrong", [1]), (2, "error", [0])] == [
        (row["id"], row["status"], row["pictures"]) for row in rows
    ]
    assert "it broke" == rows[2]["error"]


def test_the_pictures_of_a_hundred_shared_ones_stand_in_the_page_once() -> None:
    run = saved(*(sample(number) for number in range(100)))
    contents = report_contents(run, {"quiz": lambda doc_id: [noise((30, 30), doc_id % 4)]})
    assert 4 == len(contents.pictures)
    assert {0, 1, 2, 3} == {row["pictures"][0] for row in contents.rows}


def report_of(run: Results, path: Path, **options: Any) -> Report:
    return run.save_report(run.save(path, **options), **options)


def test_an_unchanged_cached_run_reuses_the_report_and_a_changed_one_does_not(tmp_path: Path) -> None:
    cached = RunStatistics(stages={"load": 1.0}, requests=2, cache_hits=2)
    first = report_of(results(sample(0)), tmp_path / "1.json")
    assert (tmp_path / "1_report.html", True) == first
    for name, run, expected in (
        ("2", results(sample(0), statistics=cached), (first.path, False)),
        ("3", results(sample(0)), (tmp_path / "3_report.html", True)),  # answers were computed: the time is another
        ("4", results(sample(0, 0.0), statistics=cached), (tmp_path / "4_report.html", True)),
    ):
        assert expected == report_of(run, tmp_path / f"{name}.json")


def test_a_cached_run_into_another_folder_gets_a_copy_of_the_report(tmp_path: Path) -> None:
    kept = tmp_path / "kept" / "samples_0.jsonl"
    kept.parent.mkdir()
    kept.write_bytes(orjson.dumps(sample(0).to_dict()) + b"\n")

    def run(**changes: Any) -> Results:
        whole = results(sample(0), **changes)
        return replace(whole, tasks={"quiz": replace(whole.tasks["quiz"], samples_file=kept, media=media)})

    def media(doc_id: int) -> list[Any]:
        shown.append(doc_id)
        return [noise((8, 8))]

    shown: list[int] = []
    first = report_of(run(), tmp_path / "a" / "1.json")
    second = report_of(run(statistics=RunStatistics(requests=1, cache_hits=1)), tmp_path / "b" / "2.json")
    assert [0] == shown
    assert (tmp_path / "b" / "2_report.html", True) == second
    assert first.path.read_bytes() == second.path.read_bytes()


def test_the_report_of_the_command_is_the_one_that_a_cached_run_reuses(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results(sample(0), failed(1)).save(tmp_path / "1.json")
    assert 0 == main(["report", str(tmp_path / "1.json")])
    cached = results(sample(0), failed(1), statistics=RunStatistics(requests=2, cache_hits=2))
    assert (tmp_path / "1_report.html", False) == report_of(cached, tmp_path / "2.json")
    capsys.readouterr()


def test_samples_that_are_not_to_be_written_are_not_in_the_report(tmp_path: Path) -> None:
    report = report_of(results(sample(0)), tmp_path / "1.json", log_samples=False)
    assert "No samples were written with this run" in report.path.read_text()


def test_a_reused_report_loads_no_template_engine_and_no_document(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from dataclasses import replace\n"
        "from fasteval.results.model import Results, TaskResult\n"
        "from fasteval.results.sample import Sample, ScoredDocument\n"
        "from fasteval.results.statistics import RunStatistics\n"
        "def media(doc_id): raise SystemExit('a document was loaded')\n"
        "documents = [ScoredDocument(0, samples=[Sample(doc_id=0)])]\n"
        "task = TaskResult(name='quiz', documents=documents, media=media)\n"
        "run = Results(model_name='demo', tasks={'quiz': task}, statistics=RunStatistics(requests=1, cache_hits=1))\n"
        "report = run.save_report(run.save(Path(sys.argv[1])))\n"
        "print(report.is_new, sorted({'jinja2', 'PIL.Image', 'datasets'} & set(sys.modules)))\n"
    )
    task = TaskResult(name="quiz", documents=[ScoredDocument(0, samples=[Sample(doc_id=0)])])
    report_of(Results(model_name="demo", tasks={"quiz": task}), tmp_path / "1.json")
    command = [sys.executable, "-c", program, str(tmp_path / "2.json")]
    assert "False []\n" == subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_a_report_that_cannot_be_written_is_an_error_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"cannot write the report .*file/r\.html: Not a directory"):
        write_report(saved(sample(0)), tmp_path / "file" / "r.html", {})


@pytest.mark.parametrize(
    ("results_name", "report_name"),
    [("2026_results.json", "2026_report.html"), ("mine.json", "mine_report.html")],
)
def test_the_report_stands_beside_the_results(results_name: str, report_name: str) -> None:
    assert Path("out") / report_name == report_path(Path("out") / results_name)


# The command


def test_the_command_writes_the_report_of_the_newest_run_and_says_why_it_has_no_images(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results(sample(0)).save(tmp_path)
    assert 0 == main(["report", str(tmp_path)])
    output = capsys.readouterr()
    path = Path(output.out.strip())
    assert path.name.endswith("_report.html")
    assert "no images: the tasks cannot be loaded: unknown task 'quiz'" in output.err
    assert "Without images: the tasks cannot be loaded" in path.read_text()


def test_the_command_finds_the_images_of_the_documents_that_were_evaluated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    documents = [{"question": f"Question {number}?", "image": noise((9, 9), number)} for number in range(2)]
    arguments = evaluated_task(tmp_path, documents)
    assert 0 == main(arguments)
    (automatic,) = tmp_path.rglob("*_report.html")
    assert 2 == len(picture_list(automatic))
    again = tmp_path / "again.html"
    assert 0 == main(["report", str(tmp_path / "out"), "--output", str(again)])
    assert picture_list(automatic) == picture_list(again)
    evaluated_task(tmp_path, [documents[0], {**documents[1], "question": "Another?"}])
    assert 0 == main(["report", str(tmp_path / "out"), "--output", str(again)])
    assert 1 == len(picture_list(again))
    assert "No image for 1 sample: the documents are not those of the run" in again.read_text()
    capsys.readouterr()


def test_no_report_is_written_where_none_is_wanted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = evaluated_task(tmp_path, [{"question": "A?", "image": noise((9, 9))}])
    assert 0 == main([*arguments, "--report", "false"])
    assert [] == list(tmp_path.rglob("*_report.html"))
    capsys.readouterr()


def test_open_shows_it_in_the_browser(tmp_path: Path) -> None:
    results(sample(0)).save(tmp_path / "out")
    (tmp_path / "browser").write_text(f'#!/bin/sh\necho "$1" > "{tmp_path}/shown"\n')
    (tmp_path / "browser").chmod(0o755)
    environment = {**os.environ, "BROWSER": f"{tmp_path}/browser"}
    command = [sys.executable, "-m", "fasteval", "report", str(tmp_path / "out"), "--open"]
    path = Path(subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout.strip())
    assert path.as_uri() == (tmp_path / "shown").read_text().strip()


def picture_list(page: Path) -> list[str]:
    match = re.search(r'<script type="application/json" id="pictures">([^<]*)</script>', page.read_text())
    assert match is not None
    pictures: list[str] = json.loads(match[1])
    return pictures


def evaluated_task(folder: Path, documents: list[dict[str, Any]]) -> list[str]:
    """Writes a task over `documents`, and a model that answers "yes"; returns the arguments of its run."""
    import datasets

    data = [{**document, "answer": "yes"} for document in documents]
    parquet = folder / "data" / "test.parquet"
    parquet.parent.mkdir(exist_ok=True)
    datasets.Dataset.from_list(data).cast_column("image", datasets.Image()).to_parquet(parquet)
    tasks = folder / "tasks"
    tasks.mkdir(exist_ok=True)
    (tasks / "quiz.yaml").write_text(
        "task: quiz\ndataset_path: quiz\ntest_split: test\noutput_type: generate_until\ndoc_to_visual: image\n"
        'doc_to_text: "{{question}}"\ndoc_to_target: answer\ngeneration_kwargs:\n  max_new_tokens: 4\n'
        "metric_list:\n  - metric: exact_match\n    aggregation: mean\n    higher_is_better: true\n"
    )
    (folder / "model.py").write_text(
        "from fasteval import LMM\n\n\nclass Yes(LMM):\n    is_simple = True\n\n"
        '    def generate_until(self, requests):\n        return ["yes"] * len(requests)\n\n'
        "    def loglikelihood(self, requests):\n        return []\n\n"
        "    def generate_until_multi_round(self, requests):\n        return []\n"
    )
    return [
        "--model", f"{folder}/model.py:Yes", "--tasks", "quiz", "--include_path", str(tasks), "--dataset",
        f"quiz={folder}/data", "--output_path", str(folder / "out"), "--no_cache",
    ]  # fmt: skip
