"""What judges are asked, and how their words are read: right or wrong, the better of two, or marks by a rubric.

The three prompts are those of lmms-eval's `llm_judge`, word for word: another prompt would give other numbers.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from fasteval.errors import JudgeError
from fasteval.filters.thinking import strip_thinking
from fasteval.judging.session import fail_document

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["binary_prompt", "comparative_prompt", "read_binary", "read_comparative", "read_rubric", "rubric_prompt"]

_BINARY = """You are a strict evaluator assessing answer correctness. You must output {positive} for fully correct answers and {negative} for any other case.

# Input
Question:
```
{question}
```
Ground Truth Answer:
```
{answer}
```
Model Prediction:
```
{prediction}
```

# Evaluation Rules
- The model prediction may contain the reasoning process, you should spot the final answer from it.
- For multiple-choice questions: Score {positive} if the predicted answer matches the ground truth answer, it can be directly in option letters or the content of the options.
- For open-ended questions:
  * Score {positive} if the prediction matches the answer semantically, it can be in different format.
  * Score {negative} for partially correct answers or answers with extra incorrect information, even if the reasoning process is correct.
- Ignore minor differences in formatting, capitalization, or spacing since the model may explain in a different way.
- Treat numerical answers as correct if they match within reasonable precision
- For questions requiring units, both value and unit must be correct

# Strict Output format
{positive} or {negative}"""  # noqa: E501 - one line a sentence, as it is sent
_COMPARATIVE = """We would like to request your feedback on the performance of two AI assistants in response to the user question displayed above.
Please rate the helpfulness, relevance, accuracy, level of details of their responses. Each assistant receives an overall score on a scale of {low} to {high}, where a higher score indicates better overall performance.
Please first output a single line containing only two values indicating the scores for Assistant 1 and 2, respectively. The two scores are separated by a space.
In the subsequent line, please provide a comprehensive explanation of your evaluation, avoiding any potential bias and ensuring that the order in which the responses were presented does not affect your judgment.

[Question]
{question}

{context}

[Assistant 1]
{first}
[End of Assistant 1]

[Assistant 2]
{second}
[End of Assistant 2]

[System]
{instruction}"""  # noqa: E501 - the same
_RUBRIC = """Evaluate the following response according to the given rubric.

Question: {question}

Response: {prediction}

Rubric:
{rubric}

Provide a JSON response with scores for each rubric item."""
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


def binary_prompt(question: str, answer: str, prediction: str, words: Sequence[str] = ("1", "0")) -> str:
    """Returns the question whether a prediction is right; `words` are what the judge says for right and wrong."""
    positive, negative = words
    return _BINARY.format(positive=positive, negative=negative, question=question, answer=answer, prediction=prediction)


def read_binary(text: str, words: Sequence[str] = ("1", "0")) -> bool:
    """Returns whether the judge says right. It says so with one of the two words, standing by itself.

    Raises:
        JudgeError: it says neither, or both.
    """
    said = [word for word in words if re.search(rf"(?<![\w.]){re.escape(word)}(?!\w|\.\d)", strip_thinking(text), re.I)]
    if len(said) != 1:
        raise _unread(f"neither {words[0]} nor {words[1]}" if not said else f"both {words[0]} and {words[1]}", text)
    return said[0] == words[0]


def comparative_prompt(
    question: str,
    first: str,
    second: str,
    *,
    context: str | None = None,
    score_range: Sequence[float] = (1, 10),
    instruction: str | None = None,
) -> str:
    """Returns the question for the scores of two answers."""
    low, high = score_range
    return _COMPARATIVE.format(
        low=low,
        high=high,
        question=question,
        context=f"[Context]\n{context}\n\n" if context else "",
        first=first,
        second=second,
        instruction=instruction or f"Please provide scores from {low} to {high}.",
    )


def read_comparative(text: str) -> tuple[float, float]:
    """Returns the two scores of the first line.

    Raises:
        JudgeError: it does not have two.
    """
    numbers = _NUMBER.findall(strip_thinking(text).partition("\n")[0])
    if len(numbers) < 2:
        raise _unread("no two scores in its first line", text)
    return float(numbers[0]), float(numbers[1])


def rubric_prompt(question: str, prediction: str, rubric: Mapping[str, Any]) -> str:
    """Returns the question for marks by the items of a rubric."""
    items = "\n".join(f"- {name}: {what}" for name, what in rubric.items())
    return _RUBRIC.format(question=question, prediction=prediction, rubric=items)


def read_rubric(text: str) -> dict[str, Any]:
    """Returns the JSON object in the judge's answer.

    Raises:
        JudgeError: there is none.
    """
    found = re.search(r"\{.*\}", strip_thinking(text), re.DOTALL)
    try:
        marks: Any = json.loads(found[0]) if found else None
    except ValueError:
        marks = None
    if not isinstance(marks, dict):
        raise _unread("no JSON object", text)
    return marks


def _unread(what: str, text: str) -> JudgeError:
    shown = text if len(text) <= 120 else f"{text[:117]}…"
    error = JudgeError(f"the judge's answer has {what}: {shown!r}")
    fail_document(str(error))
    return error
