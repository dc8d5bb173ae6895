"""`Prompt`: what a model is to be shown, in a canonical form that knows no model and no tokenizer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

__all__ = ["VISUALS", "Prompt", "user_message"]

#: Content part that stands for all media of the document, in order: how many there are is known when they are loaded.
VISUALS: dict[str, Any] = {"type": "visuals"}


@dataclass(slots=True)  # not frozen: several are made for each request, and freezing costs five times as much
class Prompt:
    """Either plain text, or chat messages whose media are references into the document's list of media.

    Attributes:
        text: the plain text, or None for a chat prompt.
        messages: `[{"role": …, "content": [part, …]}, …]`, or None for a plain one. A part is
            `{"type": "text", "text": …}`, `{"type": "media", "index": i}` (the document's i-th medium) or `VISUALS`.
            One of the latter two with an entry `example` is for the media of the few-shot example with that number.
            A last turn with an entry `continued` is the beginning of the model's answer.
    """

    text: str | None = None
    messages: list[dict[str, Any]] | None = None

    def __post_init__(self) -> None:
        """Refuses a prompt that is both, or neither."""
        if (self.text is None) == (self.messages is None):
            raise ValueError("a prompt is either text or messages")

    @property
    def is_chat(self) -> bool:
        """Whether the model's chat template renders this prompt."""
        return self.messages is not None

    @property
    def beginning(self) -> str | None:
        """The beginning of the answer, which the model continues; None where it begins by itself."""
        last = self.messages[-1] if self.messages else {}
        return "".join(part["text"] for part in last["content"]) if last.get("continued") else None

    def encode(self) -> bytes:
        """Returns the canonical bytes: UTF-8 text, or the messages as JSON with sorted keys."""
        if self.text is not None:
            return self.text.encode("utf-8", "surrogatepass")
        return orjson.dumps(self.messages, option=orjson.OPT_SORT_KEYS)

    @classmethod
    def decode(cls, data: bytes, *, is_chat: bool) -> Prompt:
        """Returns the prompt that `encode` turned into `data`."""
        return cls(messages=orjson.loads(data)) if is_chat else cls(text=data.decode("utf-8", "surrogatepass"))

    def plain_text(self) -> str:
        """Returns the text without template and media: what the classic API calls the context."""
        if self.text is not None:
            return self.text
        parts = (part for message in self.messages or () for part in message["content"])
        return "\n".join(part["text"] for part in parts if part["type"] == "text")


def user_message(text: str, *, with_visuals: bool) -> dict[str, Any]:
    """Returns one user turn: the document's media, if any, and then the text, as lmms-eval orders them."""
    text_part = {"type": "text", "text": text}
    return {"role": "user", "content": [VISUALS, text_part] if with_visuals else [text_part]}
