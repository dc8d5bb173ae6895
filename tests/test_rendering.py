"""Chat templates in the front process give the text that transformers gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest

from fasteval.api.prompt import Prompt
from fasteval.errors import CheckpointError, RequestError
from fasteval.models.checkpoint.chat_template import ChatTemplate
from fasteval.models.named import NAMED

if TYPE_CHECKING:
    from pathlib import Path


def text(role: str, content: str) -> dict[str, Any]:
    return {"role": role, "content": [{"type": "text", "text": content}]}


PARTS = "{% for m in messages %}<{{ m.role }}>{% for p in m.content %}{% if p.type == 'image' %}[img]{% else %}{{ p.text }}{% endif %}{% endfor %}{% endfor %}{% if add_generation_prompt %}<answer>{% endif %}"  # noqa: E501 - a template is one line
STRINGS = "{{ bos_token }}{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}<answer>"


def test_a_template_that_takes_parts_gets_parts() -> None:
    media = {"type": "media", "index": 0, "kind": "image"}
    message = {"role": "user", "content": [media, {"type": "text", "text": "What?"}]}
    assert "<user>[img]What?<answer>" == ChatTemplate(PARTS, {}).render(Prompt(messages=[message]))


def test_a_template_that_takes_strings_gets_strings() -> None:
    template = ChatTemplate(STRINGS, {"bos_token": "<s>"})
    assert "<s><system>Be brief.<user>What?<answer>" == template.render(
        Prompt(messages=[text("system", "Be brief."), text("user", "What?")])
    )


def test_a_template_may_refuse_messages() -> None:
    template = ChatTemplate("{{ raise_exception('no system turn') }}", {})
    with pytest.raises(RequestError, match="no system turn"):
        template.render(Prompt(messages=[text("system", "x")]))


def test_a_broken_template_is_named_with_its_line() -> None:
    with pytest.raises(CheckpointError, match="line 2"):
        ChatTemplate("\n{% for %}", {})


def test_a_checkpoint_without_a_template_has_none(tmp_path: Path) -> None:
    assert ChatTemplate.of_checkpoint(tmp_path) is None


def test_templates_and_special_tokens_are_found_where_checkpoints_keep_them(tmp_path: Path) -> None:
    config = {"chat_template": STRINGS, "bos_token": {"content": "<s>"}}
    (tmp_path / "tokenizer_config.json").write_bytes(orjson.dumps(config))
    template = ChatTemplate.of_checkpoint(tmp_path)
    assert template is not None
    assert "<s><user>a<answer>" == template.render(Prompt(messages=[text("user", "a")]))
    (tmp_path / "chat_template.jinja").write_text("a file of its own comes first")
    template = ChatTemplate.of_checkpoint(tmp_path)
    assert template is not None
    assert "a file of its own comes first" == template.source


@pytest.mark.engine
def test_the_demo_model_is_shown_what_transformers_would_show_it() -> None:
    from transformers import AutoTokenizer

    folder = NAMED["demo"].checkpoint
    template = ChatTemplate.of_checkpoint(__import__("pathlib").Path(folder))
    assert template is not None
    messages = [text("system", "Be brief."), text("user", "a"), text("assistant", "b"), text("user", "c {{ x }}")]
    for conversation in (messages, messages[1:], messages[3:]):
        expected = AutoTokenizer.from_pretrained(folder).apply_chat_template(
            conversation, tokenize=False, add_generation_prompt=True
        )
        assert expected == template.render(Prompt(messages=conversation))


@pytest.mark.engine
@pytest.mark.parametrize("beginning", ["So", "So ", " it is:"])
def test_the_beginning_of_an_answer_is_what_transformers_would_continue(beginning: str) -> None:
    from transformers import AutoTokenizer

    folder = NAMED["demo"].checkpoint
    template = ChatTemplate.of_checkpoint(__import__("pathlib").Path(folder))
    assert template is not None
    messages = [text("user", "a"), text("assistant", beginning)]
    expected = AutoTokenizer.from_pretrained(folder).apply_chat_template(
        messages, tokenize=False, continue_final_message=True
    )
    assert expected == template.render(Prompt(messages=[messages[0], messages[1] | {"continued": True}]))


def test_a_template_that_changes_the_beginning_of_an_answer_is_refused() -> None:
    template = ChatTemplate("{% for m in messages %}{{ m.content[0].text | upper }}{% endfor %}{# text #}", {})
    with pytest.raises(RequestError, match="does not show the beginning of the answer"):
        template.render(Prompt(messages=[text("assistant", "so") | {"continued": True}]))
