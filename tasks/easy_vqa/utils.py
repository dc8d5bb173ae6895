"""easy-VQA: questions about the one shape in a 64 x 64 image. Data and scoring of the three tasks in this folder.

Kinds of question: "shape" and "color" ask for a word, "yes_no_shape" and "yes_no_color" for yes or no.
"""

from __future__ import annotations

import importlib.util
import math
from collections import defaultdict
from pathlib import Path
from typing import Any

import orjson

from fasteval.errors import DatasetError
from fasteval.media import LazyImage

SHAPES = ("circle", "rectangle", "triangle")
COLORS = ("black", "blue", "brown", "gray", "green", "red", "teal", "yellow")


def load(split: str = "test") -> dict[str, list[dict[str, Any]]]:
    """Returns the questions of a split of the installed `easy-vqa` package, in the package's order."""
    folder = _package_folder() / "data" / split
    images = {}
    docs = []
    for number, (question, answer, image_id) in enumerate(orjson.loads((folder / "questions.json").read_bytes())):
        if image_id not in images:
            images[image_id] = folder / "images" / f"{image_id}.png"
        docs.append(
            {
                "question_id": number,
                "image_id": image_id,
                "image": LazyImage(images[image_id]),
                "question": question,
                "answer": answer,
                "kind": _kind(question, answer),
            }
        )
    return {split: docs}


def load_pairs() -> dict[str, list[dict[str, Any]]]:
    """Returns the yes/no questions of the test split in pairs: a "yes" and a "no" of one kind about one image.

    The k-th "yes" is paired with the k-th "no" in the package's order; what finds no partner is left out.
    """
    sides: dict[tuple[int, str, str], list[dict[str, Any]]] = defaultdict(list)
    for doc in load()["test"]:
        if doc["kind"].startswith("yes_no_"):
            sides[doc["image_id"], doc["kind"].removeprefix("yes_no_"), doc["answer"]].append(doc)
    docs = []
    for image_id, category, answer in list(sides):
        if answer == "yes":
            pairs = zip(sides[image_id, category, "yes"], sides.get((image_id, category, "no"), ()), strict=False)
            for number, pair in enumerate(pairs):
                docs += [doc | {"category": category, "pair": f"{image_id}/{category}/{number}"} for doc in pair]
    return {"test": docs}


def doc_to_text(doc: dict[str, Any], lmms_eval_specific_kwargs: dict[str, str]) -> str:
    question: str = doc["question"]
    return lmms_eval_specific_kwargs["pre_prompt"] + question + lmms_eval_specific_kwargs["post_prompt"]


doc_to_yes_no_text = doc_to_text


def doc_to_choice(doc: dict[str, Any]) -> list[str]:
    return _answers()


def doc_to_choice_index(doc: dict[str, Any]) -> int:
    return _answers().index(doc["answer"])


def score_word(doc: dict[str, Any], results: list[str]) -> dict[str, float]:
    right = float(_word(results[0]) == doc["answer"])
    return {"exact_match": right, f"exact_match_{doc['kind']}": right}


def score_yes_no(doc: dict[str, Any], results: list[str]) -> dict[str, Any]:
    right = float(_word(results[0]) == doc["answer"])
    member = {"pair": doc["pair"], "right": right}
    category = doc["category"]
    return {
        "accuracy": right,
        "accuracy_plus": member,
        f"accuracy_{category}": right,
        f"accuracy_plus_{category}": member,
    }


def accuracy_plus(members: list[dict[str, Any]]) -> float:
    """Returns the share of pairs with both questions right; a pair that `--limit` has cut in two does not count."""
    pairs = defaultdict(list)
    for member in members:
        pairs[member["pair"]].append(member["right"])
    whole = [rights for rights in pairs.values() if len(rights) == 2]
    return sum(all(rights) for rights in whole) / len(whole) if whole else math.nan


def _word(answer: str) -> str:
    return answer.strip().lower().rstrip(".")


def _kind(question: str, answer: str) -> str:
    if answer in SHAPES:
        return "shape"
    if answer in COLORS:
        return "color"
    return "yes_no_color" if any(f" {color} shape" in question for color in COLORS) else "yes_no_shape"


def _answers() -> list[str]:
    return (_package_folder() / "data" / "answers.txt").read_text("utf-8").split()


def _package_folder() -> Path:
    spec = importlib.util.find_spec("easy_vqa")
    if spec is None or spec.origin is None:
        raise DatasetError("easy-VQA comes with the package easy-vqa: pip install 'fasteval[demo]'")
    return Path(spec.origin).parent
