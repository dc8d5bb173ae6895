"""Prompt building: description, few-shot examples and question become what a model is shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fasteval.api.prompt import Prompt, user_message
from fasteval.tasks.messages import with_system

if TYPE_CHECKING:
    from fasteval.api.task import PromptOptions
    from fasteval.tasks.config import TaskConfig

__all__ = ["Question", "build_prompt", "is_chat", "prompt_of_messages"]


@dataclass(slots=True)  # not frozen: one is made for each document, and freezing costs five times as much
class Question:
    """What a prompt is made of.

    Attributes:
        description: text before everything else; brings its own line breaks.
        examples: pairs of question and answer.
        text: the question itself; empty where it follows later (one prompt for each choice).
    """

    description: str
    examples: tuple[tuple[str, str], ...]
    text: str


def is_chat(config: TaskConfig, options: PromptOptions) -> bool:
    """Whether the task's prompts are chat messages: media need them, and else it is the run's choice."""
    return config.declares_visuals or bool(options.apply_chat_template)


def build_prompt(question: Question, config: TaskConfig, options: PromptOptions) -> Prompt:
    """Returns the prompt for one document.

    A plain prompt is `system_instruction`, description, examples and question, one directly after the other. (Between
    system instruction and description stands `fewshot_delimiter`. All of this is as in lm-eval.)

    A chat prompt has the system instruction as its system turn. Description, examples and question make one user
    turn; or the examples are turns of a dialog (`fewshot_as_multiturn`), with the description before the first one.
    """
    if not is_chat(config, options):
        return Prompt(text=_plain_text(question, config, options.system_instruction))
    messages: list[dict[str, Any]] = []
    if options.fewshot_as_multiturn and question.examples:
        lead = question.description
        for text, answer in question.examples:
            messages.append(user_message(lead + text, with_visuals=False))
            messages.append({"role": "assistant", "content": [{"type": "text", "text": answer}]})
            lead = ""
        last = question.text
    else:
        last = question.description + _examples_text(question, config) + question.text
    messages.append(user_message(last, with_visuals=config.declares_visuals))
    return Prompt(messages=with_system(messages, options.system_instruction))


def prompt_of_messages(messages: list[dict[str, Any]], description: str, options: PromptOptions) -> Prompt:
    """Returns the prompt of messages that the task made itself; a description stands before the first user turn's."""
    if description:
        part = {"type": "text", "text": description}
        first = next((index for index, message in enumerate(messages) if message["role"] == "user"), None)
        if first is not None:
            turn = messages[first] | {"content": [part, *messages[first]["content"]]}
            messages = [*messages[:first], turn, *messages[first + 1 :]]
    return Prompt(messages=with_system(messages, options.system_instruction))


def _plain_text(question: Question, config: TaskConfig, system_instruction: str | None) -> str:
    head, examples = question.description, _examples_text(question, config) if question.examples else ""
    if system_instruction:
        head = system_instruction + (config.fewshot_delimiter + head if head else "")
    beginning = "" if config.gen_prefix is None else config.target_delimiter + config.gen_prefix
    return head + examples + question.text + beginning


def _examples_text(question: Question, config: TaskConfig) -> str:
    beginning = f"{config.gen_prefix} " if config.gen_prefix else ""
    examples = []
    for text, answer in question.examples:
        delimiter = config.target_delimiter if text else ""
        examples.append(text + delimiter + beginning + answer + config.fewshot_delimiter)
    return "".join(examples)
