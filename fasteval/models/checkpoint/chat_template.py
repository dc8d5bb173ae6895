"""Chat templates: messages become the exact text that a model is shown, without loading model or tokenizer.

The template is the checkpoint's own, rendered with the settings that transformers uses, so both give the same text (a
test compares them); in a sandbox and with limits, since a checkpoint is data.
"""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any, NoReturn

import jinja2
import jinja2.ext

from fasteval.errors import CheckpointError, RequestError
from fasteval.models.checkpoint.find import read_json
from fasteval.safety.templates import LimitedEnvironment

if TYPE_CHECKING:
    from pathlib import Path

    from fasteval.api.prompt import Prompt

__all__ = ["ChatTemplate", "render_prompt"]

_PROBE = "fasteval probe text"


class ChatTemplate:
    """The chat template of one checkpoint."""

    def __init__(self, source: str, special_tokens: dict[str, str]) -> None:
        """Compiles `source`; `special_tokens` are what it may name (`bos_token`, …)."""
        environment = LimitedEnvironment(
            filters={"tojson": _to_json},
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=[_GenerationBlock, jinja2.ext.loopcontrols],
        )
        environment.globals["raise_exception"] = _raise_exception
        environment.globals["strftime_now"] = lambda form: dt.datetime.now().strftime(form)
        self.source = source
        try:
            self._template = environment.compile_limited(source)
        except jinja2.TemplateSyntaxError as error:
            raise CheckpointError(f"the chat template is broken (line {error.lineno}): {error.message}") from error
        self._environment, self._special_tokens = environment, special_tokens
        self._takes_parts = self._probe()

    @classmethod
    def of_checkpoint(cls, folder: Path, override: str | None = None) -> ChatTemplate | None:
        """Returns the template of the checkpoint in `folder`, or None if it has none.

        Args:
            folder: the checkpoint.
            override: a template to use in place of the checkpoint's own.

        A processor's template comes before the tokenizer's, as in transformers: it is the one that knows of images.

        Raises:
            CheckpointError: the template, or the file that holds it, is broken.
        """
        config = _read_json(folder / "tokenizer_config.json")
        try:
            source = _find_source(folder, config) if override is None else override
            tokens = _special_tokens(folder, config)
        except (AttributeError, KeyError, TypeError, UnicodeDecodeError) as error:
            reason = f"{type(error).__name__}: {error}"
            raise CheckpointError(f"{folder}: the chat template cannot be read ({reason})") from error
        if source is not None and not isinstance(source, str):
            raise CheckpointError(f"{folder}: the chat template is no text but a {type(source).__name__}")
        return None if source is None else cls(source, tokens)

    def render(self, prompt: Prompt) -> str:
        """Returns the text for a chat prompt, up to where the model's answer begins.

        Where the prompt has the beginning of the answer, it ends with it.

        Raises:
            RequestError: the template refuses the messages (some refuse a system turn, or two user turns in a row).
        """
        messages = [
            {"role": message["role"], "content": self._content(message["content"])} for message in prompt.messages or ()
        ]
        beginning = prompt.beginning
        try:
            text = self._render(messages, add_generation_prompt=beginning is None)
        except jinja2.TemplateError as error:
            raise RequestError(f"the chat template refuses the messages: {error}") from error
        except Exception as error:  # expressions can fail like any Python
            reason = f"{type(error).__name__}: {error}"
            raise RequestError(f"the chat template fails on the messages: {reason}") from error
        return text if beginning is None else _up_to(text, beginning)

    def _render(self, messages: list[dict[str, Any]], *, add_generation_prompt: bool = True) -> str:
        variables = {"messages": messages, "add_generation_prompt": add_generation_prompt, **self._special_tokens}
        return self._environment.render_limited(self._template, variables)

    def _content(self, parts: list[dict[str, Any]]) -> str | list[dict[str, Any]]:
        if not self._takes_parts:
            return "\n".join(part["text"] for part in parts if part["type"] == "text")
        return [part if part["type"] == "text" else {"type": part.get("kind", "image")} for part in parts]

    def _probe(self) -> bool:
        """Whether the template understands lists of content parts, or wants plain strings."""
        part = {"role": "user", "content": [{"type": "text", "text": _PROBE}]}
        try:
            text = self._render([part])
        except Exception:  # noqa: BLE001 - one that wants plain strings may fail on a list in any way
            return False
        return _PROBE in text and "'text'" not in text and '"text"' not in text


def render_prompt(template: ChatTemplate | None, prompt: Prompt) -> str:
    """Returns the exact text that a checkpoint with this template is shown; plain text is shown as it is.

    Raises:
        RequestError: there is no template for chat messages, or it refuses them.
    """
    if prompt.text is not None:
        return prompt.text
    if template is None:
        raise RequestError("the checkpoint has no chat template: pass --model_args chat_template=<file>")
    return template.render(prompt)


def _up_to(text: str, beginning: str) -> str:
    """Returns the rendered text up to the end of the answer's beginning; by transformers' `continue_final_message`.

    Raises:
        RequestError: the template changes what the assistant says.
    """
    place = text.rfind(beginning.strip())
    if place < 0 or not beginning.strip():
        raise RequestError("the chat template does not show the beginning of the answer (gen_prefix) as it is")
    whole = beginning.lstrip()
    return text[:place] + (whole if text[place:].startswith(whole) else whole.rstrip())


class _GenerationBlock(jinja2.ext.Extension):
    """`{% generation %}…{% endgeneration %}` marks what an assistant says, for training; here it is just its body."""

    tags = {"generation"}  # noqa: RUF012 - jinja reads a plain class attribute

    def parse(self, parser: jinja2.parser.Parser) -> list[jinja2.nodes.Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def _to_json(value: Any, ensure_ascii: bool = False, indent: int | None = None, **_: Any) -> str:
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent)


def _raise_exception(message: str) -> NoReturn:
    raise jinja2.TemplateError(message)


def _read_json(path: Path) -> dict[str, Any]:
    return read_json(path) if path.is_file() else {}


def _find_source(folder: Path, config: dict[str, Any]) -> Any:
    """Returns the checkpoint's template, or None."""
    for name in ("chat_template.jinja", "chat_template.json"):
        path = folder / name
        if path.is_file():
            return path.read_text("utf-8") if path.suffix == ".jinja" else _read_json(path)["chat_template"]
    source = config.get("chat_template")
    if isinstance(source, list):  # several named templates
        source = {entry["name"]: entry["template"] for entry in source}.get("default")
    return source


def _special_tokens(folder: Path, config: dict[str, Any]) -> dict[str, str]:
    tokens = config | _read_json(folder / "special_tokens_map.json")
    named = {name: value for name, value in tokens.items() if name.endswith("_token") and value is not None}
    return {name: value["content"] if isinstance(value, dict) else str(value) for name, value in named.items()}
