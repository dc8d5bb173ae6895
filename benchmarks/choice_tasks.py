"""Multiple-choice tasks whose documents are made here, with the schemas of HellaSwag and of MMLU.

The task files are such as both fasteval and lm-eval load.
"""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["TASKS", "prose", "write_tasks"]

#: The tasks that `write_tasks` writes.
TASKS = ("hellaswag_shaped", "mmlu_shaped")

_TEXT = (
    "the water of a small river runs under an old bridge while people walk along its bank and talk about what they "
    "will cook for dinner when summer ends and their children go back to school in town where every house has two doors"
)
_METRICS = """
metric_list:
  - {metric: acc, aggregation: mean, higher_is_better: true}
metadata: {version: 1.0}
"""
_HELLASWAG = (
    """
task: hellaswag_shaped
dataset_path: json
dataset_kwargs: {data_files: {validation: FOLDER/hellaswag.jsonl}}
validation_split: validation
output_type: multiple_choice
doc_to_text: "{{activity_label}}: {{ctx}}"
doc_to_choice: "{{endings}}"
doc_to_target: "{{label}}"
"""
    + _METRICS
)
_MMLU = (
    """
task: mmlu_shaped
dataset_path: json
dataset_kwargs: {data_files: {dev: FOLDER/mmlu_dev.jsonl, test: FOLDER/mmlu_test.jsonl}}
fewshot_split: dev
fewshot_config: {sampler: first_n}
num_fewshot: 5
test_split: test
output_type: multiple_choice
description: "The following are multiple choice questions (with answers) about rivers.\\n\\n"
doc_to_text: "{{question}}\\nA. {{choices[0]}}\\nB. {{choices[1]}}\\nC. {{choices[2]}}\\nD. {{choices[3]}}\\nAnswer:"
doc_to_choice: ["A", "B", "C", "D"]
doc_to_target: answer
"""
    + _METRICS
)


def prose(draw: random.Random, words: int) -> str:
    """Returns words in random order, so that no two texts begin alike."""
    return " ".join(draw.choices(_TEXT.split(), k=words))


def write_tasks(folder: Path, documents: int, context_words: int = 75) -> None:
    """Writes both tasks with their documents into a folder.

    Args:
        folder: where to; it must exist.
        documents: questions a task.
        context_words: words before the endings; HellaSwag has about 75.
    """
    draw = random.Random(0)
    _write_lines(folder / "hellaswag.jsonl", [_hellaswag(draw, number, context_words) for number in range(documents)])
    _write_lines(folder / "mmlu_dev.jsonl", [_mmlu(draw) for _ in range(5)])
    _write_lines(folder / "mmlu_test.jsonl", [_mmlu(draw) for _ in range(documents)])
    for name, text in zip(TASKS, (_HELLASWAG, _MMLU), strict=True):
        (folder / f"{name}.yaml").write_text(text.strip().replace("FOLDER", str(folder)) + "\n", "utf-8")


def _hellaswag(draw: random.Random, number: int, words: int) -> dict[str, Any]:
    """Returns a text that repeats itself; the right ending goes on with the repetition."""
    sentence = draw.choices(_TEXT.split(), k=25)
    text = " ".join((sentence * (words // 25 + 1))[:words])
    at = words % 25
    right = " ".join((sentence * 2)[at : at + 12])
    endings = [right, *(prose(draw, 12) for _ in range(3))]
    label = draw.randrange(4)
    endings[0], endings[label] = endings[label], endings[0]
    return {
        "ind": number,
        "activity_label": "Walking along a river",
        "ctx_a": text,
        "ctx_b": "",
        "ctx": text,
        "endings": endings,
        "source_id": f"activitynet~{number}",
        "split": "val",
        "split_type": "indomain",
        "label": str(label),
    }


def _mmlu(draw: random.Random) -> dict[str, Any]:
    """Returns a question about a text, whose right choice is a word that the text has."""
    words = sorted(set(_TEXT.split()))
    draw.shuffle(words)
    text, others = words[:20], words[20:23]
    choices = [draw.choice(text), *others]
    answer = draw.randrange(4)
    choices[0], choices[answer] = choices[answer], choices[0]
    question = f"Which of the words below is in this text? {' '.join(text)}"
    return {"question": question, "subject": "rivers", "choices": choices, "answer": answer}


def _write_lines(path: Path, documents: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(document) + "\n" for document in documents), "utf-8")
