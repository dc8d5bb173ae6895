"""Where the prompts of two runs part: text by text, or token by token with a checkpoint's tokenizer."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from fasteval.api.prompt import Prompt
from fasteval.comparison.documents import plain_prompt
from fasteval.errors import UsageError
from fasteval.models.tokens import load_tokenizer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from fasteval.results.saved import SavedRun

__all__ = ["PromptDiff", "Renderer", "diff_prompts"]

_AROUND = 30


@dataclass(frozen=True, slots=True)
class PromptDiff:
    """One request that two runs ask differently, or that one of them does not ask.

    Attributes:
        task: its task.
        doc_id: its document.
        slot: its number among the document's requests.
        at: the first token that differs, or the first character where there is no tokenizer; -1 if a side has none.
        base: what stands there in the first run, with a little before and behind it.
        candidate: the same of the second.
    """

    task: str
    doc_id: int
    slot: int
    at: int
    base: str
    candidate: str

    def to_dict(self) -> dict[str, Any]:
        """Returns the fields as plain values."""
        return asdict(self)


class Renderer:
    """transformers' own rendering of messages, and its tokens, for one checkpoint. Loads no weights."""

    def __init__(self, checkpoint: Path) -> None:
        """Loads the tokenizer (see `load_tokenizer` for what it raises)."""
        self._tokenizer = load_tokenizer(checkpoint)

    def text(self, messages: Sequence[Mapping[str, Any]]) -> str:
        """Returns what transformers makes of chat messages, up to where the answer begins."""
        turns = [{"role": turn["role"], "content": [_part(part) for part in turn["content"]]} for turn in messages]
        return str(self._tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True))

    def tokens(self, text: str) -> list[str]:
        """Returns the tokens of a text, as the vocabulary spells them."""
        return list(self._tokenizer.tokenize(text))


def _part(part: Mapping[str, Any]) -> dict[str, Any]:
    return dict(part) if part["type"] == "text" else {"type": part.get("kind", "image")}


def diff_prompts(base: SavedRun, candidate: SavedRun, renderer: Renderer | None = None) -> tuple[int, list[PromptDiff]]:
    """Returns how many requests both ask, and those that differ or that one of them lacks.

    The exact prompts are compared where both runs have them, else the texts without template.

    Args:
        base: a run, or the lines of `fasteval prompts dump`.
        candidate: another; of any of the three programs.
        renderer: renders messages as transformers does, and compares token by token.

    Raises:
        UsageError: the runs have no task in common.
    """
    shared = [name for name in base.tasks if name in candidate.tasks]
    if not shared:
        names = " and ".join(", ".join(run.tasks) or "nothing" for run in (base, candidate))
        raise UsageError(f"the two have no task in common: {names}")
    split: Callable[[str], Sequence[str]] = str if renderer is None else renderer.tokens
    compared, found = 0, []
    for task in shared:
        first, second = (_requests(run.tasks[task].samples) for run in (base, candidate))
        for place in sorted(first.keys() | second.keys()):
            if place not in first or place not in second:
                one, other = ("asked", "not asked") if place in first else ("not asked", "asked")
                found.append(PromptDiff(task, place[0], place[1], -1, one, other))
                continue
            compared += 1
            texts = _texts(first[place], second[place], renderer)
            if texts[0] != texts[1]:
                at, one, other = _parting(split(texts[0]), split(texts[1]))
                found.append(PromptDiff(task, place[0], place[1], at, one, other))
    return compared, found


def _requests(samples: Sequence[Mapping[str, Any]]) -> dict[tuple[int, int], Mapping[str, Any]]:
    """Returns the lines by document and slot; of several filters' lines the first."""
    requests: dict[tuple[int, int], Mapping[str, Any]] = {}
    for sample in samples:
        requests.setdefault((sample["doc_id"], sample.get("slot", 0)), sample)
    return requests


def _texts(one: Mapping[str, Any], other: Mapping[str, Any], renderer: Renderer | None) -> tuple[str, str]:
    exact = [_exact(sample, renderer) for sample in (one, other)]
    if exact[0] is not None and exact[1] is not None:
        return exact[0], exact[1]
    return _plain(one), _plain(other)


def _exact(sample: Mapping[str, Any], renderer: Renderer | None) -> str | None:
    """Returns the text that the model is shown; None where only messages are known and nobody renders them."""
    prompt = sample.get("prompt")
    if isinstance(prompt, list) and renderer is not None:
        return renderer.text(prompt)
    return prompt if isinstance(prompt, str) else None


def _plain(sample: Mapping[str, Any]) -> str:
    prompt = sample.get("prompt")
    if isinstance(prompt, list) and "input" not in sample:
        return Prompt(messages=prompt).plain_text()
    return plain_prompt(sample) or (prompt if isinstance(prompt, str) else "")


def _parting(one: Sequence[str], other: Sequence[str]) -> tuple[int, str, str]:
    """Returns where two sequences part, and what stands there in each."""
    at = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    if isinstance(one, str):
        start = max(0, at - _AROUND)
        return at, "".join(one[start : at + _AROUND]), "".join(other[start : at + _AROUND])
    start = max(0, at - 3)
    return at, " ".join(one[start : at + 4]), " ".join(other[start : at + 4])
