"""Made-up data: pictures with questions, and texts, as task folders that fasteval and its peers both load."""

from __future__ import annotations

import importlib.util
import io
import itertools
import json
import random
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.environments import work_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "MAX_TOKENS",
    "STOP",
    "SUFFIX",
    "choices_task",
    "easy_vqa",
    "generation_task",
    "photo_task",
    "small_image_task",
]

SUFFIX = "\nAnswer the question using a single word or phrase."
STOP = ["\n"]
MAX_TOKENS = 8

_PHOTO_SIZE = (1024, 768)
_ROWS = 100
_PROSE = """
the water of a small river runs under an old bridge while people walk along its bank and talk about what they will cook
for dinner when summer ends and their children go back to school in town where every house has two doors
"""
_WORDS = _PROSE.split()

# Plain functions: lmms-eval and fasteval call them in the same way.
_IMAGE_FUNCTIONS = """\
def visual(doc):
    return [doc["image"].convert("RGB")]


def text(doc, lmms_eval_specific_kwargs=None):
    return doc["question"] + {suffix!r}


def score(doc, results):
    return {{"exact_match": float(results[0].strip().lower().rstrip(".") == doc["answer"])}}
"""
_IMAGE_TASK = """\
task: {name}
dataset_path: parquet
dataset_kwargs: {{data_files: {{test: {data}}}}}
test_split: test
output_type: generate_until
doc_to_visual: !function utils.visual
doc_to_text: !function utils.text
doc_to_target: answer
generation_kwargs: {{max_new_tokens: {max_tokens}, temperature: 0, do_sample: false, until: ["\\n"]}}
process_results: !function utils.score
metric_list: [{{metric: exact_match, aggregation: mean, higher_is_better: true}}]
metadata: [{{version: 1.0}}]
"""
_TEXT_TASK = """\
task: {name}
dataset_path: json
dataset_kwargs: {{data_files: {{test: {data}}}}}
test_split: test
output_type: {output_type}
doc_to_text: "Question: {{{{question}}}}\\nAnswer:"
{specific}
metadata: {{version: 1.0}}
"""
_GENERATION = """\
doc_to_target: answer
generation_kwargs: {max_gen_toks: 8, do_sample: false, until: ["\\n"]}
metric_list: [{metric: exact_match, aggregation: mean, higher_is_better: true}]"""
_CHOICES = """\
doc_to_choice: options
doc_to_target: gold
metric_list:
  - {metric: acc, aggregation: mean, higher_is_better: true}
  - {metric: acc_norm, aggregation: mean, higher_is_better: true}"""


def small_image_task() -> Path:
    """Returns a folder with the task `bench_small`: easy-VQA's 9,673 questions about 64 x 64 PNGs."""
    return _image_task("bench_small", _small_images())


def photo_task(images: int, questions: int) -> Path:
    """Returns a folder with the task `bench_photos`: JPEGs of 1024 x 768, each asked `questions` times at most.

    The pictures are easy-VQA's, enlarged, with a gradient of light and a camera's noise, so that they are as costly to
    store and to decode as photographs. Beyond easy-VQA's 1,000 pictures the noise makes new ones of them.
    """
    return _image_task(f"bench_photos_{images}_{questions}", _photos(images, questions), name="bench_photos")


def generation_task(documents: int) -> Path:
    """Returns a folder with the text task `bench_generation`, for which a word is to be generated."""
    draw = random.Random(1)
    docs = ({"question": _prose(draw, 40), "answer": draw.choice(_WORDS)} for _ in range(documents))
    return _text_task("bench_generation", "generate_until", _GENERATION, docs, documents)


def choices_task(documents: int) -> Path:
    """Returns a folder with the text task `bench_choices`: four answers of four words to choose from."""
    draw = random.Random(2)
    docs = (
        {
            "question": _prose(draw, 40),
            "options": [f"{number} {_prose(draw, 4)}" for number in range(4)],
            "gold": draw.randrange(4),
        }
        for _ in range(documents)
    )
    return _text_task("bench_choices", "multiple_choice", _CHOICES, docs, documents)


def _prose(draw: random.Random, words: int) -> str:
    return " ".join(draw.choices(_WORDS, k=words))


def _text_task(name: str, output_type: str, specific: str, docs: Iterator[dict[str, Any]], count: int) -> Path:
    folder = work_folder() / "tasks" / f"{name}_{count}"
    data = folder / "data.jsonl"
    if not (folder / f"{name}.yaml").is_file():
        folder.mkdir(parents=True, exist_ok=True)
        with data.open("w") as file:
            file.writelines(json.dumps(doc) + "\n" for doc in docs)
        yaml = _TEXT_TASK.format(name=name, data=data, output_type=output_type, specific=specific)
        (folder / f"{name}.yaml").write_text(yaml)
    return folder


def _image_task(folder_name: str, docs: Iterator[dict[str, Any]], *, name: str | None = None) -> Path:
    name = name or folder_name
    folder = work_folder() / "tasks" / folder_name
    if not (folder / f"{name}.yaml").is_file():
        folder.mkdir(parents=True, exist_ok=True)
        _write_parquet(folder / "data.parquet", docs)
        (folder / "utils.py").write_text(_IMAGE_FUNCTIONS.format(suffix=SUFFIX))
        yaml = _IMAGE_TASK.format(name=name, data=folder / "data.parquet", max_tokens=MAX_TOKENS)
        (folder / f"{name}.yaml").write_text(yaml)
    return folder


def _write_parquet(path: Path, docs: Iterator[dict[str, Any]]) -> None:
    """Writes documents with encoded images as `datasets` would; the file has its name when all are in it."""
    import datasets
    import pyarrow as pa
    import pyarrow.parquet as pq

    features = datasets.Features(
        {"image": datasets.Image(), "question": datasets.Value("string"), "answer": datasets.Value("string")}
    )
    temporary = path.with_suffix(".partial")
    with pq.ParquetWriter(temporary, features.arrow_schema) as writer:
        while rows := list(itertools.islice(docs, _ROWS)):
            writer.write_table(pa.Table.from_pylist(rows, schema=features.arrow_schema), row_group_size=_ROWS)
    temporary.replace(path)


def easy_vqa() -> list[tuple[str, str, Path]]:
    """Returns question, answer and picture file of easy-VQA's 9,673 test questions, in the package's order."""
    spec = importlib.util.find_spec("easy_vqa")
    if spec is None or spec.origin is None:
        raise RuntimeError("the benchmarks need easy-VQA: pip install -e '.[cpu,demo]'")
    folder = Path(spec.origin).parent / "data" / "test"
    entries = json.loads((folder / "questions.json").read_text())
    return [(question, answer, folder / "images" / f"{image}.png") for question, answer, image in entries]


def _small_images() -> Iterator[dict[str, Any]]:
    for question, answer, path in easy_vqa():
        yield {"image": {"bytes": path.read_bytes(), "path": None}, "question": question, "answer": answer}


def _photos(images: int, questions: int) -> Iterator[dict[str, Any]]:
    asked: dict[Path, list[tuple[str, str]]] = defaultdict(list)
    for question, answer, path in easy_vqa():
        asked[path].append((question, answer))
    pictures = list(asked.items())
    for number in range(images):
        path, pairs = pictures[number % len(pictures)]
        stored = {"bytes": _photograph(path.read_bytes(), number), "path": None}
        for question, answer in pairs[:questions]:
            yield {"image": stored, "question": question, "answer": answer}


def _photograph(encoded: bytes, seed: int) -> bytes:
    """Returns a small picture as a JPEG of photographic size and weight (about 200 kB)."""
    from PIL import Image

    width, height = _PHOTO_SIZE
    draw = np.random.default_rng(seed)
    with Image.open(io.BytesIO(encoded)) as small:
        pixels = np.asarray(small.convert("RGB").resize(_PHOTO_SIZE, Image.Resampling.BICUBIC), np.float32)
    light = np.linspace(-6, 6, width, dtype=np.float32)[None, :, None]
    noise = draw.standard_normal((height, width, 1), np.float32) * 5
    buffer = io.BytesIO()
    Image.fromarray((pixels + light + noise).clip(0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=88)
    return buffer.getvalue()
