"""Accuracy by kind of question, by the same prompts that an evaluation sends."""

from collections import defaultdict
from collections.abc import Sequence

import torch
from transformers import PreTrainedTokenizerFast, Qwen2VLForConditionalGeneration

from .dataset import Example
from .dialogs import IGNORED, DialogWriter, collate, worded
from .drawing import SQUARE_GRID, resize, to_patches
from .forward import answer_logits, hidden_states, vision_features
from .questions import DEFAULT_SYSTEM, Question, is_match, question_kind
from .tokenizer import token_id


def label(question: Question) -> str:
    """Name a question's kind; for yes/no questions also whether it names what the picture shows."""
    match = is_match(question)
    ending = "" if match is None else (", named is shown" if match else ", named is not shown")
    return question_kind(question.text) + ending


def accuracy(
    model: Qwen2VLForConditionalGeneration,
    tokenizer: PreTrainedTokenizerFast,
    examples: Sequence[Example],
    suffix: str = "",
    system: str | None = DEFAULT_SYSTEM,
) -> dict[str, tuple[int, int]]:
    """Count right answers and questions by kind, "all" included.

    An answer is right if greedy decoding gives the word and then ends: both tokens must be the likeliest.
    """
    image_token, end_token = token_id(tokenizer, "<|image_pad|>"), token_id(tokenizer, "<|im_end|>")

    def encode(text: str) -> list[int]:
        ids: list[int] = tokenizer.encode(text, add_special_tokens=False)
        return ids

    writer = DialogWriter(encode, image_token, end_token, SQUARE_GRID)
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for start in range(0, len(examples), 50):
        part = examples[start : start + 50]
        asked = [worded(example.questions, [suffix] * len(example.questions)) for example in part]
        batch = collate([writer.branched(system, pairs) for pairs in asked])
        patches = to_patches([resize(example.image, SQUARE_GRID) for example in part])
        with torch.no_grad():
            features = vision_features(model, patches, SQUARE_GRID)
            last = hidden_states(model, batch, features, image_token)[-1]
            logits = answer_logits(model, batch, last)
        hits = (logits.argmax(-1) == batch.targets[batch.targets != IGNORED]).view(-1, 2).all(-1).tolist()
        questions = [question for example in part for question in example.questions]
        for question, hit in zip(questions, hits, strict=True):
            for name in ("all", label(question)):
                counts[name][0] += hit
                counts[name][1] += 1
    return {name: (right, total) for name, (right, total) in sorted(counts.items())}


def as_table(counts: dict[str, tuple[int, int]]) -> str:
    """Write counts as a Markdown table."""
    lines = ["| questions | right | of | accuracy |", "|---|---|---|---|"]
    lines += [f"| {name} | {right} | {total} | {right / total:.2%} |" for name, (right, total) in counts.items()]
    return "\n".join(lines)
