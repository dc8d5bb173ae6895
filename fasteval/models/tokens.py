"""`PromptTokens`: the tokens that a checkpoint's engine makes of a request, told without loading its weights."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fasteval.api.request import Kind
from fasteval.errors import CheckpointError, UsageError
from fasteval.models.checkpoint.chat_template import ChatTemplate, render_prompt
from fasteval.models.host.tokenizer import PromptTokenizer

if TYPE_CHECKING:
    from pathlib import Path

    from fasteval.api.prompt import Prompt

__all__ = ["PromptTokens", "RequestTokenizer", "load_tokenizer"]

#: What SentencePiece writes in the place of a space, and what stands for a byte sequence that is no character.
_SPACE, _NO_CHARACTER = "\u2581", "\ufffd"


@dataclass(frozen=True, slots=True)
class PromptTokens:
    """What an engine is given for one request; a medium's placeholder stands as the template writes it.

    Attributes:
        ids: token ids, the continuation's at the end.
        pieces: the text of each.
        scored: how many of them, at the end, are the continuation whose log-probability is asked for.
    """

    ids: list[int]
    pieces: list[str]
    scored: int = 0

    def context(self) -> list[tuple[int, str]]:
        """Returns id and text of the tokens that nothing is asked of."""
        return list(zip(self.ids, self.pieces, strict=True))[: len(self.ids) - self.scored]

    def continuation(self) -> list[tuple[int, str]]:
        """Returns id and text of the tokens that are scored."""
        return list(zip(self.ids, self.pieces, strict=True))[len(self.ids) - self.scored :]


class RequestTokenizer:
    """Renders and tokenizes requests by the engines' own rules (`chat_template` and `PromptTokenizer`)."""

    def __init__(self, folder: Path) -> None:
        """Loads the chat template and the tokenizer of a checkpoint.

        Raises:
            UsageError, CheckpointError: see `load_tokenizer` and `ChatTemplate`.
        """
        self._template = ChatTemplate.of_checkpoint(folder)
        self._tokenizer = load_tokenizer(folder)
        self._rules = PromptTokenizer(self._tokenizer, sys.maxsize)  # a shorter model sees a rolling text in windows

    def text(self, prompt: Prompt) -> str:
        """Returns the exact text of a prompt whose media are in their places.

        Raises:
            RequestError: see `render_prompt`.
        """
        return render_prompt(self._template, prompt)

    def tokens(self, kind: Kind, prompt: Prompt, continuation: str | None) -> PromptTokens:
        """Returns the tokens of a request: one BOS at most, and special tokens added where no template wrote them.

        Raises:
            RequestError: the prompt cannot be rendered, or there is nothing to score.
        """
        text, is_plain = self.text(prompt), not prompt.is_chat
        scored: list[int] = []
        if kind.generates:
            context = self._rules.prompt(text, is_plain=is_plain)
        elif kind is Kind.LOGLIKELIHOOD_ROLLING:
            ((context, scored),) = self._rules.windows(text)
        else:
            context, scored = self._rules.pair(text, continuation, is_plain=is_plain)
        ids = context + scored
        return PromptTokens(ids, [self._piece(token) for token in ids], len(scored))

    def _piece(self, token: int) -> str:
        """Returns a token's text; where it is part of a character only, its spelling in the vocabulary."""
        spelling = str(self._tokenizer.convert_ids_to_tokens(token))
        if _SPACE in spelling:
            return spelling.replace(_SPACE, " ")
        text = str(self._tokenizer.decode([token], clean_up_tokenization_spaces=False))
        return spelling if _NO_CHARACTER in text else text


def load_tokenizer(folder: Path) -> Any:
    """Returns transformers' tokenizer of a checkpoint; no weights are read.

    Raises:
        UsageError: transformers is not installed.
        CheckpointError: it finds no tokenizer there.
    """
    from fasteval.models.torchvision_repair import repair_torchvision

    try:
        repair_torchvision()
        import transformers
    except ImportError as error:
        raise UsageError(f"tokens are made by transformers: pip install transformers ({error})") from None
    try:
        return transformers.AutoTokenizer.from_pretrained(folder)
    except (OSError, ValueError, KeyError) as error:
        raise CheckpointError(f"{folder}: transformers finds no tokenizer there: {error}") from error
