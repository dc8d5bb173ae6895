"""easy-VQA's pictures and questions, as installed with its package."""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import easy_vqa
import numpy as np
from PIL import Image

from .drawing import Pixels
from .questions import COLORS, SHAPES, Picture, Question, is_match


@dataclass(frozen=True)
class Example:
    """A picture of the data set with its own questions; `picture` is what they tell about it, if they do."""

    image: Pixels
    picture: Picture | None
    questions: tuple[Question, ...]


def _color(image: Pixels) -> str:
    found = Counter({name: int((image == np.array(rgb)).all(axis=-1).sum()) for name, rgb in COLORS.items()})
    return found.most_common(1)[0][0]


def _shape(questions: list[Question]) -> str | None:
    """Work the shape out from the answers, by elimination if none names it; None if they leave it open."""
    left = set(SHAPES)
    for question in questions:
        if question.answer in SHAPES:
            return question.answer
        named = [shape for shape in SHAPES if shape in question.text]
        if not named:
            continue
        if is_match(question) in (True, None):
            return named[0]
        left.discard(named[0])
    return left.pop() if len(left) == 1 else None


def load_split(split: str) -> list[Example]:
    """Load a split ("train" or "test"), pictures in the order of their ids."""
    folder = Path(easy_vqa.__file__).parent / "data" / split
    grouped: dict[int, list[Question]] = {}
    for text, answer, image_id in json.loads((folder / "questions.json").read_text(encoding="utf-8")):
        grouped.setdefault(int(image_id), []).append(Question(text, answer))
    examples = []
    for image_id, questions in sorted(grouped.items()):
        with Image.open(folder / "images" / f"{image_id}.png") as opened:
            image = np.asarray(opened.convert("RGB"))
        shape = _shape(questions)
        picture = None if shape is None else Picture(shape, _color(image))
        examples.append(Example(image, picture, tuple(questions)))
    return examples
