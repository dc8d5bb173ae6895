"""Question templates of the easy-VQA kind, and how prompts are worded around them.

easy-VQA's own questions are lopsided: a colour named in a yes/no question matches the picture only one time in eight,
and a small model learns that prior long before it learns to compare. So the questions made here match half of the time.
"""

import random
from dataclasses import dataclass

SHAPES: tuple[str, ...] = ("circle", "rectangle", "triangle")
COLORS: dict[str, tuple[int, int, int]] = {
    "red": (255, 0, 0),
    "green": (0, 255, 0),
    "blue": (0, 0, 255),
    "black": (0, 0, 0),
    "gray": (128, 128, 128),
    "teal": (0, 128, 128),
    "brown": (165, 42, 42),
    "yellow": (255, 255, 0),
}
ANSWERS: tuple[str, ...] = ("yes", "no", *SHAPES, *COLORS)

PRESENT: tuple[str, ...] = (
    "is there a {}?",
    "is there a {} in the image?",
    "does the image contain a {}?",
    "is a {} present?",
)
ABSENT: tuple[str, ...] = (
    "is there not a {}?",
    "is there not a {} in the image?",
    "does the image not contain a {}?",
    "is no {} present?",
)
# Fewer negated than plain, so that a match says something about the answer by itself: with as many of both, the answer
# is the exclusive or of two things, which gradient descent finds only after a long time at chance.
NEGATED_SHARE: float = 0.3
WHAT_COLOR: tuple[str, ...] = ("what color is the {}?", "what is the color of the {}?")
WHAT_SHAPE: tuple[str, ...] = (
    "what shape does the image contain?",
    "what shape is in the image?",
    "what shape is present?",
)
WHAT_COLORED: str = "what is the {} shape?"

DEFAULT_SYSTEM: str = "You are a helpful assistant."
SYSTEM_PROMPTS: tuple[tuple[str | None, float], ...] = (
    (DEFAULT_SYSTEM, 0.6),
    (None, 0.3),
    ("You are a helpful vision assistant. Answer questions about the image.", 0.1),
)
SUFFIXES: tuple[tuple[str, float], ...] = (
    ("", 0.4),
    ("\nAnswer the question using a single word or phrase.", 0.3),
    (" Answer the question using a single word or phrase.", 0.05),
    ("\nAnswer with one word.", 0.05),
    ("\nShort answer:", 0.05),
)
YES_NO_SUFFIXES: tuple[tuple[str, float], ...] = (
    ("\nPlease answer yes or no.", 0.15),
    (" Please answer yes or no.", 0.15),
    ("\nAnswer yes or no.", 0.05),
)


@dataclass(frozen=True)
class Picture:
    """What there is to know about one picture: its shape and the shape's colour."""

    shape: str
    color: str


@dataclass(frozen=True)
class Question:
    """A bare question and its one-word answer; for a yes/no question also what it names and what there is instead."""

    text: str
    answer: str
    named: str = ""
    shown: str = ""


def question_kind(text: str) -> str:
    """Name the kind of an easy-VQA question, for accuracies by kind."""
    if not text.startswith("what"):
        about = "colour" if " shape" in text else "shape"
        negated = " not " in text or text.startswith("is no ")
        return f"yes/no on {about}, {'negated' if negated else 'plain'}"
    if "color" in text:
        return "which colour"
    return "which shape" if text in WHAT_SHAPE else "which shape, colour named"


def is_match(question: Question) -> bool | None:
    """Tell whether a yes/no question names what the picture shows; None for the other questions."""
    if question.answer not in ("yes", "no"):
        return None
    return (question.answer == "yes") != question_kind(question.text).endswith("negated")


def _yes_no(picture: Picture, rng: random.Random, about_color: bool) -> Question:
    actual = picture.color if about_color else picture.shape
    match = rng.random() < 0.5
    named = actual if match else rng.choice([word for word in (COLORS if about_color else SHAPES) if word != actual])
    thing = f"{named} shape" if about_color else named
    negated = rng.random() < NEGATED_SHARE
    template = rng.choice(ABSENT if negated else PRESENT)
    return Question(template.format(thing), "yes" if match != negated else "no", named, actual)


def make_question(picture: Picture, rng: random.Random) -> Question:
    """Draw one question about a picture: two thirds yes/no, which are the harder ones to learn."""
    kind = rng.random()
    if kind < 0.40:
        return _yes_no(picture, rng, about_color=True)
    if kind < 0.67:
        return _yes_no(picture, rng, about_color=False)
    if kind < 0.80:
        return Question(rng.choice(WHAT_COLOR).format(rng.choice(("shape", picture.shape))), picture.color)
    if kind < 0.87:
        return Question(WHAT_COLORED.format(picture.color), picture.shape)
    return Question(rng.choice(WHAT_SHAPE), picture.shape)


def make_suffix(question: Question, rng: random.Random) -> str:
    """Draw the instruction that follows a question, if any."""
    choices = SUFFIXES + (YES_NO_SUFFIXES if question.answer in ("yes", "no") else ())
    return rng.choices([text for text, _ in choices], [weight for _, weight in choices])[0]


def make_system_prompt(rng: random.Random) -> str | None:
    """Draw a system prompt, or None for a dialog without one."""
    return rng.choices([text for text, _ in SYSTEM_PROMPTS], [weight for _, weight in SYSTEM_PROMPTS])[0]


def all_questions() -> list[str]:
    """List every bare question of the kind."""
    things = [*SHAPES, *(f"{color} shape" for color in COLORS)]
    asked = [template.format(thing) for template in PRESENT + ABSENT for thing in things]
    asked += [template.format(thing) for template in WHAT_COLOR for thing in ("shape", *SHAPES)]
    asked += [WHAT_COLORED.format(color) for color in COLORS]
    return [*asked, *WHAT_SHAPE]
