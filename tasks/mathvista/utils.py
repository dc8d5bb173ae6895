"""MathVista: prompts and scores. Source: arXiv:2310.02255, and its repository's extraction and score programs."""

from __future__ import annotations

import re
from typing import Any

from fasteval.judging import ask_judge
from fasteval.metrics.levenshtein import levenshtein

# What the judge is shown before a question and an answer.
_DEMONSTRATION = """Please read the following example. Then extract the answer from the model response and type it at the end of the prompt.

Hint: Please answer the question requiring an integer answer and provide the final value, e.g., 1, 2, 3, at the end.
Question: Which number is missing?

Model response: The number missing in the sequence is 14.

Extracted answer: 14

Hint: Please answer the question requiring a floating-point number with one decimal place and provide the final value, e.g., 1.2, 1.3, 1.4, at the end.
Question: What is the fraction of females facing the camera?

Model response: The fraction of females facing the camera is 0.6, which means that six out of ten females in the group are facing the camera.

Extracted answer: 0.6

Hint: Please answer the question requiring a floating-point number with two decimal places and provide the final value, e.g., 1.23, 1.34, 1.45, at the end.
Question: How much money does Luca need to buy a sour apple candy and a butterscotch candy? (Unit: $)

Model response: Luca needs $1.45 to buy a sour apple candy and a butterscotch candy.

Extracted answer: 1.45

Hint: Please answer the question requiring a Python list as an answer and provide the final list, e.g., [1, 2, 3], [1.2, 1.3, 1.4], at the end.
Question: Between which two years does the line  graph saw its maximum peak?

Model response: The line graph saw its maximum peak between 2007 and 2008.

Extracted answer: [2007, 2008]

Hint: Please answer the question and provide the correct option letter, e.g., A, B, C, D, at the end.
Question: What fraction of the shape is blue?
Choices:
(A) 3/11
(B) 8/11
(C) 6/11
(D) 3/5

Model response: The correct answer is (B) 8/11.

Extracted answer: B"""  # noqa: E501 - one line a sentence, as it is sent
_AT_THE_END = {
    "text": "and provide the correct option letter, e.g., A, B, C, D, at the end.",
    "integer": "requiring an integer answer and provide the final value, e.g., 1, 2, 3, at the end.",
    "float 1": "requiring a floating-point number with one decimal place and provide the final value, "
    "e.g., 1.2, 1.3, 1.4, at the end.",
    "float 2": "requiring a floating-point number with two decimal places and provide the final value, "
    "e.g., 1.23, 1.34, 1.45, at the end.",
    "list": "requiring a Python list as an answer and provide the final list, "
    "e.g., [1, 2, 3], [1.2, 1.3, 1.4], at the end.",
}
_BRIEFLY = {
    "text": "Answer with the option's letter from the given choices directly.",
    "integer": "Answer the question using a single integer number.",
    "float 1": "Answer the question using a single floating-point number with one decimal place.",
    "float 2": "Answer the question using a single floating-point number with two decimal places.",
    "list": "Answer the question using a Python list.",
}
_GREEDY = {"temperature": 0, "max_new_tokens": 256}


def doc_to_visual(doc: dict[str, Any]) -> list[Any]:
    return [doc["decoded_image"].convert("RGB")]


def doc_to_text(doc: dict[str, Any], lmms_eval_specific_kwargs: dict[str, str]) -> str:
    shot_type = lmms_eval_specific_kwargs["shot_type"]
    is_brief = shot_type == "format-prompt"
    kind = f"float {int(doc['precision'])}" if doc["answer_type"] == "float" else doc["answer_type"]
    question = doc["question"] if is_brief else f"Question: {doc['question']}"
    lines = [f"{question} (Unit: {doc['unit']})" if doc["unit"] else question]
    choices = doc["choices"] or []
    if choices and not is_brief:
        lines.append("Choices:")
    lines += [f"{_letter(i)}. {text}" if is_brief else f"({_letter(i)}) {text}" for i, text in enumerate(choices)]
    lines.append(_BRIEFLY[kind] if is_brief else f"Hint: Please answer the question {_AT_THE_END[kind]}")
    if shot_type == "solution":
        lines.append("Solution:")
    return "\n".join(lines).strip()


def process_results(doc: dict[str, Any], results: list[str]) -> dict[str, Any]:
    found = normalised(extracted(results[0].strip(), doc), doc)
    return {"llm_as_judge_eval": 100.0 * (found is not None and found.strip() == str(doc["answer"]).strip())}


def extracted(answer: str, doc: dict[str, Any]) -> str:
    """Returns the answer proper: the text itself where it is one, else what the judge reads out of it."""
    if not answer or (doc["question_type"] == "multi_choice" and answer in (doc["choices"] or [])):
        return answer
    for kind in (int, float):
        if doc["answer_type"] == ("integer" if kind is int else "float"):
            try:
                return str(kind(answer))
            except ValueError:
                break
    prompt = f"{_DEMONSTRATION}\n\n{doc['query']}\n\n{answer}\n\nExtracted answer: "
    return ask_judge([{"role": "user", "content": prompt}], _GREEDY).text.strip()


def normalised(answer: str, doc: dict[str, Any]) -> str | None:
    """Returns the extracted answer in the form of the right ones; None where it has not that form.

    A choice is found by its letter, else by the least edit distance.
    """
    if doc["question_type"] == "multi_choice":
        choices: list[str] = doc["choices"]
        letter = re.search(r"\(([a-zA-Z])\)", answer)
        place = ord(letter[1].upper() if letter else answer or " ") - ord("A") if letter or len(answer) == 1 else -1
        if 0 <= place < len(choices):
            return choices[place]
        text = letter[1].upper() if letter else answer
        return min(choices, key=lambda choice: levenshtein(text, choice))
    try:
        if doc["answer_type"] == "integer":
            return str(int(float(answer)))
        if doc["answer_type"] == "float":
            return str(round(float(answer), int(doc["precision"])))
    except (ValueError, OverflowError):
        return None
    return answer


def _letter(index: int) -> str:
    return chr(ord("A") + index)
