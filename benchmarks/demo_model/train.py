"""Train the demo model: `python -m benchmarks.demo_model.train --out FOLDER`.

Uses easy-VQA's training split and pictures drawn on the way; a tenth of the training pictures is held out for
validation. The test split is read once, after the last step, for the final figures.
"""

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click
import torch
from transformers import PreTrainedTokenizerFast, Qwen2VLForConditionalGeneration

from .checkpoint import CONTEXT_LENGTH, build_model, model_config, save_checkpoint
from .dataset import Example, load_split
from .evaluate import accuracy, as_table
from .stages import Loss, Recipe, learning_rate, make_dialog_loss, vision_loss
from .tokenizer import build_tokenizer

_LOG_EVERY = 50
_STATE_EVERY = 250


@dataclass(frozen=True)
class Stage:
    """One stage: its loss, its length and the learning rates of the two parts of the model."""

    name: str
    loss: Callable[[int], Loss]
    steps: int
    vision_rate: float
    text_rate: float


@dataclass
class Run:
    """What a run carries along: the model and where its files go."""

    model: Qwen2VLForConditionalGeneration
    tokenizer: PreTrainedTokenizerFast
    held_out: list[Example]
    out: Path
    save_every: tuple[int, Path] | None
    state: Path | None
    started: float

    def say(self, text: str) -> None:
        """Print a line with the minutes since the start."""
        click.echo(f"[{(time.monotonic() - self.started) / 60:6.2f} min] {text}")

    def validate(self) -> None:
        """Print the accuracy on the held-out training pictures."""
        if self.held_out:
            self.say("held-out pictures\n" + as_table(accuracy(self.model, self.tokenizer, self.held_out)))


def _optimizer(run: Run, stage: Stage) -> torch.optim.AdamW:
    vision: list[torch.nn.Parameter] = []
    text: list[torch.nn.Parameter] = []
    for name, parameter in run.model.named_parameters():
        (vision if ".visual." in name else text).append(parameter)
    groups = [
        {"params": vision, "lr": stage.vision_rate, "peak": stage.vision_rate},
        {"params": text, "lr": stage.text_rate, "peak": stage.text_rate},
    ]
    return torch.optim.AdamW(groups, betas=(0.9, 0.98), weight_decay=0.01)


def _restore(run: Run, stage: Stage, optimizer: torch.optim.AdamW) -> int:
    """Take up a stopped run: load its state and return the step to go on from (-1 if the stage is behind it)."""
    if run.state is None or not run.state.exists():
        return 0
    saved = torch.load(run.state, weights_only=True)
    run.model.load_state_dict(saved["model"])
    if saved["stage"] != stage.name:
        return -1 if stage.name == "vision" else 0
    optimizer.load_state_dict(saved["optimizer"])
    return int(saved["step"])


def _store(run: Run, stage: Stage, optimizer: torch.optim.AdamW, step: int) -> None:
    if run.state is None:
        return
    partial = run.state.with_suffix(".partial")
    saved = {"stage": stage.name, "step": step, "model": run.model.state_dict(), "optimizer": optimizer.state_dict()}
    torch.save(saved, partial)
    partial.rename(run.state)


def _after_step(run: Run, stage: Stage, optimizer: torch.optim.AdamW, step: int) -> None:
    """Save what is due after a step."""
    if step % _STATE_EVERY == 0:
        _store(run, stage, optimizer, step)
    if stage.name == "dialogs" and run.save_every is not None and step % run.save_every[0] == 0:
        save_checkpoint(run.model, run.tokenizer, run.save_every[1] / f"step-{step}")
        run.validate()


def train_stage(run: Run, stage: Stage) -> None:
    """Run a stage from its first step, or from where a stopped run left it."""
    optimizer = _optimizer(run, stage)
    first = _restore(run, stage, optimizer)
    if first < 0:
        return
    losses, rights = 0.0, 0.0
    for step in range(first, stage.steps):
        scale = learning_rate(step, stage.steps, warmup=min(100, max(1, stage.steps // 10)))
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * scale
        loss, right = stage.loss(step)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(run.model.parameters(), 1.0)
        optimizer.step()
        losses, rights = losses + loss.item(), rights + right
        if (step + 1) % _LOG_EVERY == 0:
            run.say(f"{stage.name} {step + 1}: loss {losses / _LOG_EVERY:.4f}, right {rights / _LOG_EVERY:.4f}")
            losses, rights = 0.0, 0.0
        _after_step(run, stage, optimizer, step + 1)


def _split_examples(seed: int) -> tuple[list[Example], list[Example]]:
    """Hold out a tenth of the training pictures."""
    examples = load_split("train")
    random.Random(f"{seed}/held-out").shuffle(examples)
    held_out = len(examples) // 10
    return examples[held_out:], examples[:held_out]


@click.command()
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder to write to.")
@click.option("--seed", default=0, show_default=True, help="Seed of the weights and of all data.")
@click.option("--vision_steps", default=1000, show_default=True, help="Steps of the vision tower alone.")
@click.option("--steps", default=1800, show_default=True, help="Steps of the whole model.")
@click.option("--threads", default=2, show_default=True, help="CPU threads.")
@click.option("--save_every", type=(int, click.Path(path_type=Path)), help="N DIR: save DIR/step-N every N steps.")
@click.option("--state", type=click.Path(path_type=Path, dir_okay=False), help="File to keep progress in, to resume.")
@click.option("--test/--no-test", default=True, help="Report the accuracy on the test split at the end.")
def main(
    *,
    out: Path,
    seed: int,
    vision_steps: int,
    steps: int,
    threads: int,
    save_every: tuple[int, Path] | None,
    state: Path | None,
    test: bool,
) -> None:
    """Train the demo model and write its checkpoint."""
    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    examples, held_out = _split_examples(seed)
    tokenizer = build_tokenizer(CONTEXT_LENGTH)
    model = build_model(model_config(tokenizer))
    run = Run(model, tokenizer, held_out, out, save_every, state, time.monotonic())
    seeing = Recipe(model, tokenizer, examples, seed, pictures=64, questions=0)
    talking = Recipe(model, tokenizer, examples, seed, pictures=16, questions=6)
    train_stage(run, Stage("vision", lambda step: vision_loss(seeing, step), vision_steps, 2e-3, 2e-3))
    train_stage(run, Stage("dialogs", make_dialog_loss(talking), steps, 5e-4, 1.5e-3))
    save_checkpoint(model, tokenizer, out)
    run.validate()
    if test:
        run.say("test split\n" + as_table(accuracy(model, tokenizer, load_split("test"))))


if __name__ == "__main__":
    main()
