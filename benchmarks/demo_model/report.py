"""Check a saved checkpoint on easy-VQA's test split: `python -m benchmarks.demo_model.report FOLDER`.

Reads the folder as any user would, with transformers' processor and greedy `generate`, and shares none of the training
program's own forward pass; so it also shows that what was trained is what was saved.
"""

from collections import defaultdict
from pathlib import Path
from typing import Any

import click
import torch
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor

from .dataset import load_split
from .drawing import Pixels
from .evaluate import as_table, label
from .questions import Question

Asked = tuple[Pixels, Question]


def greedy_answers(model: Any, processor: Any, asked: list[Asked], suffix: str) -> list[str]:
    """Answer a batch of questions, each in a dialog of its own."""
    texts = []
    for _, question in asked:
        content = [{"type": "image"}, {"type": "text", "text": question.text + suffix}]
        message = {"role": "user", "content": content}
        texts.append(processor.apply_chat_template([message], add_generation_prompt=True))
    images = [Image.fromarray(image) for image, _ in asked]
    inputs = processor(text=texts, images=images, padding=True, padding_side="left", return_tensors="pt")
    with torch.no_grad():
        ids = model.generate(**inputs, max_new_tokens=4)
    answers: list[str] = processor.batch_decode(ids[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
    return answers


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--suffix", default="", help="Text to put after each question.")
@click.option("--limit", type=int, help="Only so many questions.")
def main(folder: Path, suffix: str, limit: int | None) -> None:
    """Print the accuracy of a checkpoint on the test split, by kind of question."""
    processor: Any = AutoProcessor.from_pretrained(folder)
    model: Any = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32).eval()
    asked = [(example.image, question) for example in load_split("test") for question in example.questions][:limit]
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for start in range(0, len(asked), 128):
        part = asked[start : start + 128]
        answers = greedy_answers(model, processor, part, suffix)
        for (_, question), answer in zip(part, answers, strict=True):
            for name in ("all", label(question)):
                counts[name][0] += answer == question.answer
                counts[name][1] += 1
    click.echo(as_table({name: (right, total) for name, (right, total) in sorted(counts.items())}))


if __name__ == "__main__":
    main()
