"""Reports that a later run takes as they are: when it does, when it must not, and that nobody can tell by the files."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from PIL import Image

from fasteval.evaluation import RunSettings, evaluate
from fasteval.results.encoding import to_json
from fasteval.results.kept import KeptDocuments

if TYPE_CHECKING:
    from pathlib import Path

    from fasteval.results.model import Results

DOCS = [{"question": f"{number} + 1", "answer": str(number + 1), "kind": number % 2} for number in range(6)]
YAML = """
task: sums
dataset_path: json
dataset_kwargs: {data_files: {test: docs.jsonl}}
test_split: test
doc_to_text: "{{question}} ="
doc_to_target: answer
generation_kwargs: {until: ["."]}
cluster_key: kind
process_results: !function utils.score
metric_list:
  - {metric: right, aggregation: mean, higher_is_better: true}
"""
CODE = "def score(doc, results):\n    return {'right': float(results[0] == doc['answer']), 'prompt': 7}\n"


@pytest.fixture(autouse=True)
def _files_rest_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fasteval.tasks.witness._REST_NS", 0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "docs.jsonl").write_bytes(b"".join(orjson.dumps(doc) + b"\n" for doc in DOCS))
    (tmp_path / "sums.yaml").write_text(YAML)
    (tmp_path / "utils.py").write_text(CODE)
    lines = [{"prompt": f"{doc['question']} =", "text": doc["answer"] if doc["kind"] else "0"} for doc in DOCS]
    (tmp_path / "answers.jsonl").write_bytes(b"".join(orjson.dumps(line) + b"\n" for line in lines))
    return tmp_path


def run(folder: Path, **options: Any) -> Results:
    settings: dict[str, Any] = {"use_cache": folder / "cache", "include_path": (str(folder),)}
    answers = {"answers": str(folder / "answers.jsonl")}
    return evaluate(RunSettings(model="replay", model_args=answers, tasks=("sums",), **settings | options))


def is_reused(results: Results) -> bool:
    return isinstance(results.tasks["sums"].documents, KeptDocuments)


def test_the_second_run_takes_the_report_of_the_first(folder: Path) -> None:
    first, second = run(folder), run(folder)
    assert (False, True) == (is_reused(first), is_reused(second))
    assert first.tasks["sums"].metrics == second.tasks["sums"].metrics
    assert first.tasks["sums"].stderrs == second.tasks["sums"].stderrs
    assert (6, 6, 0) == (second.statistics.requests, second.statistics.cache_hits, second.statistics.sent)


def test_its_files_say_the_same(folder: Path) -> None:
    saved = [run(folder).save(folder / name) for name in ("one", "two")]
    assert saved[0][1].read_bytes() == saved[1][1].read_bytes()
    first, second = (json.loads(paths[0].read_text()) for paths in saved)
    same = (
        "results",
        "configs",
        "versions",
        "n-samples",
        "task_hashes",
        "model_fingerprint",
        "chat_template",
        "manifest",
    )
    assert [first[name] for name in same] == [second[name] for name in same]


@pytest.mark.parametrize("layout", ["lm-eval", "lmms-eval"])
def test_other_layouts_are_written_from_it(folder: Path, layout: str) -> None:
    samples = [run(folder).save(folder / name, layout=layout)[1].read_bytes() for name in ("one", "two")]
    assert samples[0] == samples[1]


def test_its_documents_are_those_that_were_scored(folder: Path) -> None:
    first, second = (run(folder).tasks["sums"].documents for _ in range(2))
    for ours, theirs in zip(first, second, strict=True):
        expected = (ours.doc_id, orjson.loads(to_json(ours.values)), ours.cluster, ours.error)
        assert expected == (theirs.doc_id, theirs.values, theirs.cluster, theirs.error)
        assert [sample.to_dict() for sample in theirs.samples] == orjson.loads(
            to_json([sample.to_dict() for sample in ours.samples])
        )


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("docs.jsonl", '"answer":"1"', '"answer":"0"'),
        ("sums.yaml", "{{question}} =", "{{question}} = "),
        ("utils.py", "float(", "2 * float("),
        ("answers.jsonl", '"text":"0"', '"text":"1"'),
    ],
)
def test_whatever_changes_is_looked_at_again(folder: Path, file: str, old: str, new: str) -> None:
    run(folder)
    (folder / file).write_text((folder / file).read_text().replace(old, new))
    assert not is_reused(run(folder))


@pytest.mark.parametrize("options", [{"limit": 3}, {"seed": 5}, {"bootstrap_iters": 10}, {"predict_only": True}])
def test_other_settings_have_a_report_of_their_own(folder: Path, options: dict[str, Any]) -> None:
    run(folder)
    assert not is_reused(run(folder, **options))
    assert is_reused(run(folder, **options))


def test_where_results_go_makes_no_difference(folder: Path) -> None:
    run(folder)
    assert is_reused(run(folder, output_path=folder / "out", window=3))


def test_without_a_cache_there_is_no_report(folder: Path) -> None:
    run(folder)
    assert not is_reused(run(folder, use_cache=None, no_cache=True))


def test_an_emptied_cache_has_no_reports(folder: Path) -> None:
    run(folder)
    for segment in (folder / "cache").glob("*.jsonl"):
        segment.unlink()
    assert not is_reused(run(folder))


def test_a_run_with_failed_documents_is_done_again(folder: Path) -> None:
    lines = (folder / "answers.jsonl").read_text().splitlines(keepends=True)
    (folder / "answers.jsonl").write_text("".join(lines[:-1]))
    assert [False, False] == [is_reused(run(folder)) for _ in range(2)]


def test_documents_that_name_pictures_are_read_again(folder: Path) -> None:
    from PIL import Image

    Image.new("RGB", (2, 2)).save(folder / "a.png")
    docs = [doc | {"picture": "a.png"} for doc in DOCS]
    (folder / "docs.jsonl").write_bytes(b"".join(orjson.dumps(doc) + b"\n" for doc in docs))
    assert [False, False] == [is_reused(run(folder)) for _ in range(2)]


def test_a_file_that_has_just_changed_is_not_trusted(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fasteval.tasks.witness._REST_NS", 10**12)
    assert [False, False] == [is_reused(run(folder)) for _ in range(2)]


def test_only_so_many_reports_are_kept_and_none_that_is_large(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fasteval.evaluation.reuse._MOST", 2)
    for limit in (1, 2, 3):
        run(folder, limit=limit)
    assert not is_reused(run(folder, limit=1))
    monkeypatch.setattr("fasteval.evaluation.reuse._MOST_DOCUMENTS", 5)
    assert [False, False] == [is_reused(run(folder)) for _ in range(2)]


def test_a_damaged_report_is_made_again(folder: Path) -> None:
    run(folder)
    (report,) = (folder / "cache" / "reports").rglob("report.json")
    report.write_text("{")
    assert [False, True] == [is_reused(run(folder)) for _ in range(2)]


def test_an_unchanged_run_imports_neither_datasets_nor_torch(folder: Path) -> None:
    run(folder)
    program = f"""
import sys
from pathlib import Path
from fasteval.evaluation import RunSettings, evaluate
import fasteval.tasks.witness
fasteval.tasks.witness._REST_NS = 0
folder = Path({str(folder)!r})
results = evaluate(RunSettings(model="replay", model_args={{"answers": str(folder / "answers.jsonl")}}, tasks=("sums",),
    use_cache=folder / "cache", include_path=(str(folder),), output_path=folder / "out"))
results.save(folder / "out")
print(results.statistics.cache_hits, *sorted({{"datasets", "torch", "pyarrow", "pandas", "vllm"}} & set(sys.modules)))
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "6" == result.stdout.strip()


IN_LISTS = """
from pathlib import Path
from fasteval.media import LazyImage

FOLDER = Path(__file__).parent

def load(**_):
    return {"test": [{"question": "a", "answer": "0", "kind": 0, IMAGE}]}

def visual(doc):
    return [doc["image"] if "image" in doc else LazyImage(FOLDER / "picture.png")]
"""


def with_picture(folder: Path, image: str) -> None:
    """Makes the task one of a list, whose picture is on disk and named by the document, or by the function alone."""
    Image.new("RGB", (4, 4)).save(folder / "picture.png")
    (folder / "utils.py").write_text(CODE + IN_LISTS.replace("IMAGE", image))
    source = YAML.replace("dataset_path: json\ndataset_kwargs: {data_files: {test: docs.jsonl}}\n", "")
    more = "custom_dataset: !function utils.load\ndoc_to_visual: !function utils.visual\n"
    (folder / "sums.yaml").write_text(source + more)
    (folder / "answers.jsonl").write_bytes(orjson.dumps({"prompt": "a =", "text": "0"}) + b"\n")


def test_pictures_on_disk_that_documents_in_lists_name_are_known_by_their_content(folder: Path) -> None:
    with_picture(folder, "'image': LazyImage(FOLDER / 'picture.png')")
    assert [False, True] == [is_reused(run(folder)) for _ in range(2)]
    Image.new("RGB", (4, 4), "red").save(folder / "picture.png")
    assert not is_reused(run(folder))


def test_a_picture_that_only_the_tasks_code_names_leaves_no_report(folder: Path) -> None:
    with_picture(folder, "")
    assert [False, False] == [is_reused(run(folder)) for _ in range(2)]
