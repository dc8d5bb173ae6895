"""Prompt building: description, few-shot examples and question become what a model is shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fasteval.api.prompt import VISUALS, Prompt, user_message
from fasteval.tasks.messages import with_system

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fasteval.api.task import PromptOptions
    from fasteval.tasks.config import TaskConfig

__all__ = [
    "Example",
    "Question",
    "build_prompt",
    "example_of_messages",
    "is_chat",
    "plain_prompts",
    "prompt_of_messages",
]

Part = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Example:
    """One few-shot example.

    Attributes:
        text: its question.
        answer: its answer.
        content: the parts of a user's turn that asks it, media included; None where a plain text is all there is.
    """

    text: str
    answer: str
    content: tuple[Part, ...] | None = None

    def parts(self) -> list[Part]:
        """Returns the parts of a user's turn that asks it."""
        return [_text(self.text)] if self.content is None else list(self.content)


@dataclass(slots=True)  # not frozen: one is made for each document, and freezing costs five times as much
class Question:
    """What a prompt is made of.

    Attributes:
        description: text before everything else; brings its own line breaks.
        examples: the few-shot examples.
        text: the question itself; empty where it follows later (one prompt for each choice).
    """

    description: str
    examples: tuple[Example, ...]
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
    Each question has its media before it, as lmms-eval orders them. Where the task gives a beginning of the answer, an
    assistant's turn that the model continues has it.
    """
    if not is_chat(config, options):
        return Prompt(text=_plain_text(question, config, options.system_instruction))
    if question.examples:
        messages, parts = _lead(question.description, question.examples, config, options)
        own = [VISUALS] if config.declares_visuals else []
        messages.append(_turn("user", [*parts, *own, _text(question.text)]))
    else:
        text = question.description + question.text
        messages = [user_message(text, with_visuals=config.declares_visuals)]
    if config.gen_prefix is not None:
        messages.append(_turn("assistant", [_text(config.gen_prefix)]) | {"continued": True})
    return Prompt(messages=with_system(messages, options.system_instruction))


def plain_prompts(texts: list[str], config: TaskConfig, options: PromptOptions) -> list[str]:
    """Returns what `build_prompt` makes of questions with neither description nor examples, all of them plain."""
    head, beginning = options.system_instruction or "", _plain_text(Question("", (), ""), config, None)
    return [head + text + beginning for text in texts]


def prompt_of_messages(
    messages: list[dict[str, Any]],
    description: str,
    examples: Sequence[Example],
    config: TaskConfig,
    options: PromptOptions,
) -> Prompt:
    """Returns the prompt of messages that the task made itself.

    Description and examples stand before its first user turn, or at that turn's beginning.
    """
    turns, parts = _lead(description, examples, config, options)
    first = next((index for index, message in enumerate(messages) if message["role"] == "user"), None)
    if first is not None:
        turn = messages[first] | {"content": [*parts, *messages[first]["content"]]}
        messages = [*messages[:first], *turns, turn, *messages[first + 1 :]]
    return Prompt(messages=with_system(messages, options.system_instruction))


def example_of_messages(messages: Sequence[dict[str, Any]], answer: str, number: int) -> Example:
    """Returns the example that a task's own messages make: what the user says in them, and the answer."""
    parts = [part for message in messages if message["role"] == "user" for part in message["content"]]
    content = tuple(part | {"example": number} if part["type"] == "media" else part for part in parts)
    return Example("".join(part["text"] for part in parts if part["type"] == "text"), answer, content)


def _lead(
    description: str, examples: Sequence[Example], config: TaskConfig, options: PromptOptions
) -> tuple[list[dict[str, Any]], list[Part]]:
    """Returns what comes before the question: turns of a dialog, and parts of the question's own turn."""
    lead = [_text(description)] if description else []
    beginning = f"{config.gen_prefix} " if config.gen_prefix else ""
    if options.fewshot_as_multiturn and examples:
        turns = []
        for example in examples:
            turns += [_turn("user", lead + example.parts()), _turn("assistant", [_text(beginning + example.answer)])]
            lead = []
        return turns, []
    for example in examples:
        lead += [*example.parts(), _text(_answer_text(example, config))]
    return [], lead


def _turn(role: str, parts: Sequence[Part]) -> dict[str, Any]:
    """Returns a turn in which texts that follow each other are one."""
    content: list[Part] = []
    for part in parts:
        if content and part["type"] == content[-1]["type"] == "text":
            content[-1] = _text(content[-1]["text"] + part["text"])
        else:
            content.append(part)
    return {"role": role, "content": content}


def _text(text: str) -> Part:
    return {"type": "text", "text": text}


def _plain_text(question: Question, config: TaskConfig, system_instruction: str | None) -> str:
    head = question.description
    if system_instruction:
        head = system_instruction + (config.fewshot_delimiter + head if head else "")
    beginning = "" if config.gen_prefix is None else config.target_delimiter + config.gen_prefix
    examples = [example.text + _answer_text(example, config) for example in question.examples]
    return head + "".join(examples) + question.text + beginning


def _answer_text(example: Example, config: TaskConfig) -> str:
    """Returns what follows an example's question where all examples are one text."""
    beginning = f"{config.gen_prefix} " if config.gen_prefix else ""
    delimiter = config.target_delimiter if example.text else ""
    return delimiter + beginning + example.answer + config.fewshot_delimiter
