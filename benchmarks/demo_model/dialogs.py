"""Training dialogs as token ids, laid out so that one picture serves many questions.

Three layouts. In a *branched* dialog every question starts anew right after the picture and cannot see the other
questions: each is exactly the single-turn prompt an evaluation sends, and the picture is read once for all of them.
A *chained* dialog is a conversation of several turns about one picture. A dialog of *shots* has a picture in each turn,
as few-shot prompts do.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch

from .checkpoint import MERGE
from .drawing import Grid
from .questions import Question

IGNORED = -100
END_WEIGHT = 0.1
Encode = Callable[[str], list[int]]


@dataclass(frozen=True)
class Turn:
    """A question as it is asked, and the question it was made from."""

    text: str
    question: Question


@dataclass(frozen=True)
class Hint:
    """Where a yes/no question names something, and the words for what there is to know about it.

    That is: what is shown, whether it is what is named, whether the question is a negated one, and the answer. `end` is
    where the question's prompt ends: every token from the index up to there can know all of it.
    """

    index: int
    end: int
    shown: int
    match: int
    negated: int
    answer: int


@dataclass
class Dialog:
    """Token ids with their 3-D positions, the branch each belongs to, and the token wanted next (or IGNORED)."""

    ids: list[int] = field(default_factory=list)
    positions: list[tuple[int, int, int]] = field(default_factory=list)
    branches: list[int] = field(default_factory=list)
    targets: list[int] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)
    hints: list[Hint] = field(default_factory=list)
    next_position: int = 0


@dataclass(frozen=True)
class Batch:
    """Padded dialogs as tensors; `mask` says which tokens each token may look at."""

    ids: torch.Tensor
    positions: torch.Tensor
    mask: torch.Tensor
    targets: torch.Tensor
    weights: torch.Tensor
    named: torch.Tensor
    after: torch.Tensor


class DialogWriter:
    """Writes dialogs of one tokenizer for pictures of one grid."""

    def __init__(self, encode: Encode, image_token: int, end_token: int, grid: Grid) -> None:
        """Take the tokenizer's encoder and the ids of the two tokens that dialogs are built around."""
        self._encode = encode
        self._image_token = image_token
        self._end_token = end_token
        self._rows, self._columns = grid[0] // MERGE, grid[1] // MERGE

    def _text(self, dialog: Dialog, ids: Sequence[int], branch: int) -> None:
        for token in ids:
            dialog.ids.append(token)
            dialog.positions.append((dialog.next_position,) * 3)
            dialog.branches.append(branch)
            dialog.targets.append(IGNORED)
            dialog.weights.append(0.0)
            dialog.next_position += 1

    def _picture(self, dialog: Dialog) -> None:
        self._text(dialog, self._encode("<|vision_start|>"), 0)
        start = dialog.next_position
        for row in range(self._rows):
            for column in range(self._columns):
                self._text(dialog, [self._image_token], 0)
                dialog.positions[-1] = (start, start + row, start + column)
        dialog.next_position = start + max(self._rows, self._columns)
        self._text(dialog, self._encode("<|vision_end|>"), 0)

    def _hint(self, ids: Sequence[int], start: int, question: Question) -> Hint:
        (named,) = self._encode(f" {question.named}")
        (shown,) = self._encode(question.shown)
        same = question.named == question.shown
        (match,) = self._encode("yes" if same else "no")
        (answer,) = self._encode(question.answer)
        (negated,) = self._encode(" there" if (question.answer == "yes") == same else " not")
        return Hint(start + ids.index(named), start + len(ids), shown, match, negated, answer)

    def _turn(self, dialog: Dialog, turn: Turn, branch: int) -> None:
        ids = self._encode(f"{turn.text}<|im_end|>\n<|im_start|>assistant\n")
        if turn.question.named:
            dialog.hints.append(self._hint(ids, len(dialog.ids), turn.question))
        self._text(dialog, ids, branch)
        for token in self._encode(turn.question.answer):
            dialog.targets[-1], dialog.weights[-1] = token, 1.0
            self._text(dialog, [token], branch)
        dialog.targets[-1], dialog.weights[-1] = self._end_token, END_WEIGHT

    def _opening(self, system: str | None) -> Dialog:
        dialog = Dialog()
        if system is not None:
            self._text(dialog, self._encode(f"<|im_start|>system\n{system}<|im_end|>\n"), 0)
        self._text(dialog, self._encode("<|im_start|>user\n"), 0)
        return dialog

    def branched(self, system: str | None, turns: Sequence[Turn]) -> Dialog:
        """Write independent questions (with their answers) about one picture."""
        dialog = self._opening(system)
        self._picture(dialog)
        start = dialog.next_position
        for branch, turn in enumerate(turns, start=1):
            dialog.next_position = start
            self._turn(dialog, turn, branch)
        return dialog

    def conversation(self, system: str | None, turns: Sequence[Turn], picture_each: bool) -> Dialog:
        """Write a conversation of several turns, with a picture in the first turn or in each."""
        dialog = self._opening(system)
        for number, turn in enumerate(turns):
            if number:
                self._text(dialog, self._encode("<|im_end|>\n<|im_start|>user\n"), 0)
            if picture_each or number == 0:
                self._picture(dialog)
            self._turn(dialog, turn, 0)
        return dialog


def worded(questions: Sequence[Question], suffixes: Sequence[str]) -> list[Turn]:
    """Follow each question by its instruction."""
    return [Turn(question.text + suffix, question) for question, suffix in zip(questions, suffixes, strict=True)]


def collate(dialogs: Sequence[Dialog]) -> Batch:
    """Pad dialogs to one length. Padding looks only at itself, so that no row of attention is empty."""
    length = max(len(dialog.ids) for dialog in dialogs)

    def padded(rows: list[list[int]], fill: int) -> torch.Tensor:
        return torch.tensor([row + [fill] * (length - len(row)) for row in rows])

    branches = padded([dialog.branches for dialog in dialogs], -1)
    asking, asked = branches[:, :, None], branches[:, None, :]
    visible = ((asked == 0) | (asked == asking)) & torch.ones(length, length, dtype=torch.bool).tril()
    visible = torch.where(asking == -1, torch.eye(length, dtype=torch.bool), visible)
    positions = torch.stack(
        [padded([[place[axis] for place in dialog.positions] for dialog in dialogs], 0) for axis in range(3)]
    )
    hints = [(row, hint) for row, dialog in enumerate(dialogs) for hint in dialog.hints]
    named = [(row, hint.index, hint.shown, hint.match) for row, hint in hints]
    after = [
        (row, index, hint.match, hint.negated, hint.answer)
        for row, hint in hints
        for index in range(hint.index + 1, hint.end)
    ]
    weights = torch.tensor([dialog.weights + [0.0] * (length - len(dialog.weights)) for dialog in dialogs])
    return Batch(
        ids=padded([dialog.ids for dialog in dialogs], 0),
        positions=positions,
        mask=visible[:, None],
        targets=padded([dialog.targets for dialog in dialogs], IGNORED),
        weights=weights,
        named=torch.tensor(named, dtype=torch.long).reshape(-1, 4),
        after=torch.tensor(after, dtype=torch.long).reshape(-1, 5),
    )


def layout(rng: random.Random) -> str:
    """Choose a dialog's layout."""
    return rng.choices(("branched", "chained", "shots"), (0.65, 0.2, 0.15))[0]
