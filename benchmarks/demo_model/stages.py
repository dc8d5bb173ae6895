"""The two training stages: the vision tower alone, then the whole model.

Trained in one go, the language model settles on the prior of each question before the tower can tell a circle from
a rectangle, and the tower then gets hardly any gradient. So the tower first learns to name shape and colour by itself.
The data of a step depends on the seed and the step's number only, so that a run can be stopped and taken up again.
"""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional
from transformers import PreTrainedTokenizerFast, Qwen2VLForConditionalGeneration

from .dataset import Example
from .dialogs import IGNORED, Batch, Dialog, DialogWriter, collate, layout, worded
from .drawing import (
    SQUARE_GRID,
    Grid,
    Pixels,
    draw_for_grid,
    random_grid,
    random_picture,
    resize,
    shape_cells,
    to_patches,
)
from .forward import answer_logits, early_logits, hidden_states, vision_features
from .questions import COLORS, SHAPES, Picture, make_question, make_suffix, make_system_prompt
from .tokenizer import token_id

Loss = tuple[torch.Tensor, float]
REAL_SHARE = 0.2
_HINT_WEIGHT = 0.5


@dataclass(frozen=True)
class Recipe:
    """What a stage needs to make a step's loss."""

    model: Qwen2VLForConditionalGeneration
    tokenizer: PreTrainedTokenizerFast
    examples: list[Example]
    seed: int
    pictures: int
    questions: int

    def encoder(self) -> Callable[[str], list[int]]:
        """Return an encoder that remembers what it has encoded: the same few hundred texts come again and again."""
        known: dict[str, list[int]] = {}

        def encode(text: str) -> list[int]:
            if text not in known:
                known[text] = self.tokenizer.encode(text, add_special_tokens=False)
            return known[text]

        return encode


def _make_pictures(recipe: Recipe, count: int, grid: Grid, rng: random.Random) -> tuple[list[Picture], list[Pixels]]:
    """Make pictures of one grid with what they show, some from the data set, most drawn."""
    pictures, images = [], []
    for _ in range(count):
        if grid == SQUARE_GRID and recipe.examples and rng.random() < REAL_SHARE:
            example = rng.choice(recipe.examples)
            if example.picture is not None:
                pictures.append(example.picture)
                images.append(resize(example.image, grid))
                continue
        picture = random_picture(rng)
        pictures.append(picture)
        images.append(resize(draw_for_grid(picture, rng, grid), grid))
    return pictures, images


def _reading_weights(recipe: Recipe, words: list[str]) -> torch.Tensor:
    """Return the language model's own vectors of words, as answers and as they stand in a question."""
    embeddings = recipe.model.get_input_embeddings().weight
    bare = torch.tensor([token_id(recipe.tokenizer, word) for word in words])
    spaced = torch.tensor([token_id(recipe.tokenizer, f" {word}") for word in words])
    mean: torch.Tensor = (embeddings[bare] + embeddings[spaced]) / 2
    return mean


def vision_loss(recipe: Recipe, step: int) -> Loss:
    """Make the loss of a step of the vision stage, with the share of shapes read right.

    The "head" is the embedding of the words: the image tokens learn to look like the words for what they see.
    Every token that sees a part of the shape must name it, which gives more gradient than a mean over all.
    """
    rng = random.Random(f"{recipe.seed}/vision/{step}")
    grid = random_grid(rng)
    pictures, images = _make_pictures(recipe, recipe.pictures, grid, rng)
    cells = torch.from_numpy(np.stack([shape_cells(image) for image in images]))
    features = vision_features(recipe.model, to_patches(images), grid)
    owner, _ = cells.nonzero(as_tuple=True)
    seen = features[cells]
    loss, right = torch.zeros(()), 0.0
    for words, named in ((SHAPES, [p.shape for p in pictures]), (tuple(COLORS), [p.color for p in pictures])):
        wanted = torch.tensor([words.index(word) for word in named])[owner]
        logits = seen @ _reading_weights(recipe, list(words)).T
        loss = loss + functional.cross_entropy(logits, wanted)
        if words is SHAPES:
            right = float((logits.argmax(-1) == wanted).float().mean())
    return loss, right


def _dialog(recipe: Recipe, writer: DialogWriter, grid: Grid, rng: random.Random) -> tuple[Dialog, list[Pixels]]:
    """Make one dialog and its pictures."""
    kind = layout(rng)
    turns = rng.randint(2, 4) if kind == "shots" else recipe.questions
    pictures, images = _make_pictures(recipe, turns if kind == "shots" else 1, grid, rng)
    questions = [make_question(pictures[turn % len(pictures)], rng) for turn in range(turns)]
    system = make_system_prompt(rng)
    if kind == "branched":
        asked = worded(questions, [make_suffix(question, rng) for question in questions])
        return writer.branched(system, asked), images
    # In one conversation the wording stays mostly the same, as it does in few-shot prompts.
    same = rng.random() < 0.7
    suffix = make_suffix(questions[0], rng)
    suffixes = [suffix if same else make_suffix(question, rng) for question in questions]
    return writer.conversation(system, worded(questions, suffixes), picture_each=kind == "shots"), images


def hint_loss(recipe: Recipe, batch: Batch, states: tuple[torch.Tensor, ...]) -> torch.Tensor:
    """Teach the comparison behind yes/no questions step by step, from the word that a question names on.

    With matches balanced, neither the picture nor the question alone says anything about the answer, so there is
    no slope to follow: hundreds of steps pass at chance. So at that word the first layer is asked what the picture
    shows, and the second whether that is what is named; the third is asked the same at all that follows in the prompt,
    where the second is asked whether the question is a negated one, and the last for the answer.
    """
    shown = functional.cross_entropy(early_logits(recipe.model, batch.named, states[1]), batch.named[:, 2])
    match = functional.cross_entropy(early_logits(recipe.model, batch.named, states[2]), batch.named[:, 3])
    passed_on = functional.cross_entropy(early_logits(recipe.model, batch.after, states[3]), batch.after[:, 2])
    negated = functional.cross_entropy(early_logits(recipe.model, batch.after, states[2]), batch.after[:, 3])
    followed = recipe.model.lm_head(states[-1][batch.after[:, 0], batch.after[:, 1]])
    return shown + match + passed_on + negated + functional.cross_entropy(followed, batch.after[:, 4])


def make_dialog_loss(recipe: Recipe) -> Callable[[int], Loss]:
    """Return the function that makes a step's loss of the dialog stage, with the share of answers right."""
    encode = recipe.encoder()
    image_token = token_id(recipe.tokenizer, "<|image_pad|>")
    end_token = token_id(recipe.tokenizer, "<|im_end|>")

    def dialog_loss(step: int) -> Loss:
        rng = random.Random(f"{recipe.seed}/dialogs/{step}")
        grid = random_grid(rng)
        writer = DialogWriter(encode, image_token, end_token, grid)
        made = [_dialog(recipe, writer, grid, rng) for _ in range(recipe.pictures)]
        batch = collate([dialog for dialog, _ in made])
        patches = to_patches([image for _, images in made for image in images])
        states = hidden_states(recipe.model, batch, vision_features(recipe.model, patches, grid), image_token)
        logits = answer_logits(recipe.model, batch, states[-1])
        wanted = batch.targets != IGNORED
        targets, weights = batch.targets[wanted], batch.weights[wanted]
        losses = functional.cross_entropy(logits, targets, reduction="none")
        words = targets != end_token
        right = float((logits.argmax(-1) == targets)[words].float().mean())
        loss = (losses * weights).sum() / weights.sum()
        return loss + _HINT_WEIGHT * hint_loss(recipe, batch, states), right

    return dialog_loss


def learning_rate(step: int, steps: int, warmup: int) -> float:
    """Scale of the learning rate: a linear rise, then half a cosine down to one hundredth."""
    if step < warmup:
        return (step + 1) / warmup
    done = (step - warmup) / max(1, steps - warmup)
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done))
