"""`_task_utils.reasoning_utils`: the answer in a reply with reasoning, and its score."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from fasteval.compat.missing import import_or_refuse
from fasteval.judging import ask_judge
from fasteval.judging.verdicts import binary_prompt, read_binary

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["acc_reward", "compute_score", "extract_anwser_tag", "extract_boxed_answer", "format_reward", "parse_mcq"]

_ANSWER = re.compile(r"<answer>(.*?)</answer>", re.DOTALL)
_LAST_NUMBER = re.compile(r"\b(\d+(?:\.\d+)?)\b(?:\s*\.?\s*$)")
_FORMATS = [re.compile(rf"<{tag}>.*</{tag}>.*<answer>.*</answer>", re.DOTALL) for tag in ("think", "analysis")]
_MATHEMATICS = re.compile(r"[=+\-*/()\[\]\\]")
_LETTERS = "ABCDEFGH"
_WHICH = ("answer", "correct answer", "best answer", "option is", "correct option is", "choice is", "correct choice is")
_PHRASES = (*_WHICH, *(f"the {what}" for what in _WHICH), "i choose", "i select", "i pick", "my answer", "my choice is")
#: How sure each form of a chosen letter is; of equally sure ones the first in the reply counts.
_FORMS = {"({})": 6, "{}.": 5, "{}:": 4, "{})": 3, "{} ": 2, "{}-": 1, "{}_": 1, "{}=": 1}
_FORMAT_SHARE = 0.1


def extract_boxed_answer(predict_str: str) -> str:
    r"""Returns what the last complete `\boxed{…}` holds, or an empty text; braces inside it are counted."""
    answer = ""
    for match in re.finditer(r"\\boxed\{", predict_str):
        depth = 1
        for place in range(match.end(), len(predict_str)):
            depth += {"{": 1, "}": -1}.get(predict_str[place], 0)
            if depth == 0:
                answer = predict_str[match.end() : place]
                break
    return answer


def extract_anwser_tag(predict_str: str) -> str:
    r"""Returns the answer: between `<answer>` tags, else in `\boxed{}`, else the last number that ends a line."""
    tagged = _ANSWER.search(predict_str)
    if tagged:
        return tagged[1]
    boxed = extract_boxed_answer(predict_str)
    if boxed:
        return boxed
    numbers = (_LAST_NUMBER.search(line) for line in reversed(predict_str.strip().split("\n")))
    return next((number[1] for number in numbers if number), "")


def format_reward(predict_str: str) -> float:
    r"""Returns how well the reply keeps to the format: 1 for tags or `\boxed{}`, 0.8 for a worked solution, else 0."""
    if any(form.fullmatch(predict_str) for form in _FORMATS) or extract_boxed_answer(predict_str):
        return 1.0
    is_worked = len(predict_str.strip()) > 50 and _MATHEMATICS.search(predict_str) is not None
    return 0.8 if is_worked and extract_anwser_tag(predict_str) else 0.0


def parse_mcq(predict_str: str) -> str:
    """Returns the letter, A to H, that the text chooses; an empty text if there is none."""
    text = predict_str.strip()
    for mark in ",.!?;:'\"":
        text = text.strip(mark)
    if not text:
        return ""
    found = list(_chosen(f" {text} ")) or [(0, -text.rfind(letter), letter) for letter in _LETTERS if letter in text]
    return max(found, key=lambda entry: entry[:2])[2] if found else ""


def acc_reward(
    predict_str: str,
    ground_truth: str,
    extra_info: Mapping[str, Any] | None = None,
    format_reward_score: float = 0.0,  # noqa: ARG001 - their signature
    solution_str: str | None = None,  # noqa: ARG001
) -> float:
    """Returns 1 if the answer is right, else 0: equal letters or texts, or equal in mathematics by `math_verify`.

    Raises:
        UnsupportedError: the texts differ, and `math_verify` is not installed.
        JudgeError: `USE_LLM_JUDGE` asks for a judge, and it gives no answer.
    """
    answer, truth = _simple(predict_str), _simple(ground_truth)
    if _matches(answer, truth):
        return 1.0
    mathematics = import_or_refuse("math_verify", "comparing answers that are mathematics")
    try:
        score = float(mathematics.verify(mathematics.parse(truth), mathematics.parse(answer)))
    except Exception:  # noqa: BLE001 - whatever the parser makes of a model's text, it is no right answer
        score = 0.0
    if score == 0.0 and os.environ.get("USE_LLM_JUDGE") == "True":
        prompt = binary_prompt(str((extra_info or {}).get("question", "")), ground_truth, predict_str)
        options = {"temperature": 0, "max_new_tokens": 1024}
        score = float(read_binary(ask_judge([{"role": "user", "content": prompt}], options).text))
    return score


def compute_score(
    data_source: Any,  # noqa: ARG001 - their signature
    solution_str: str,
    ground_truth: str,
    extra_info: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Returns a reply's scores: nine tenths for the answer and one tenth for the format, and what was compared.

    Raises:
        UnsupportedError: see `acc_reward`.
    """
    form, answer = format_reward(solution_str), extract_anwser_tag(solution_str).strip()
    right = acc_reward(answer, ground_truth, extra_info, form, solution_str)
    return {
        "score": (1 - _FORMAT_SHARE) * right + _FORMAT_SHARE * form,
        "acc_score": right,
        "format_reward_score": form,
        "predict_str": _simple(answer),
        "ground_truth": _simple(ground_truth),
    }


def _simple(text: str) -> str:
    return text.removesuffix(".").strip()


def _matches(answer: str, truth: str) -> bool:
    letter = parse_mcq(truth)
    if letter:
        return parse_mcq(answer) == letter
    # Nine tenths of the one text within the other are enough.
    for inner, outer in ((answer, truth), (truth, answer)):
        if inner in outer and len(inner) >= 0.9 * len(outer):
            return True
    return answer == truth


def _chosen(text: str) -> Iterator[tuple[int, int, str]]:
    """Yields how sure it is, where it stands (negative: the first is the greatest), and the letter."""
    lowered, inner = text.lower(), text.strip()
    begins = [lowered.find(phrase) for phrase in _PHRASES if phrase in lowered]
    for index, letter in enumerate(_LETTERS):
        for form, sureness in (*_FORMS.items(), (f"{index + 1}. {{}}", 8)):
            if form.format(letter) in text:
                yield sureness, -text.rfind(form.format(letter)), letter
        for begin in begins:
            place = text.find(letter, begin)
            if place >= 0:
                yield 7, -place, letter
        if inner.startswith(letter):
            yield 10, 0, letter
        if inner.endswith(letter):
            yield 9, 1 - len(text), letter
