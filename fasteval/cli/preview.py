"""What `fasteval tasks show` says of a document: prompt, tokens, media, target and generation kwargs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fasteval.api.prompt import Prompt
    from fasteval.api.task import DocumentRequest, PromptOptions, Task
    from fasteval.models.tokens import RequestTokenizer

__all__ = ["describe"]

_WIDTH = 100
_KINDS = {"LazyVideo": "video", "LazyAudio": "sound"}


def describe(task: Task, doc_id: int, options: PromptOptions, model: RequestTokenizer | None = None) -> str:
    """Returns a document as sections for a person; with a model's tokenizer, exact texts and tokens too.

    Raises:
        DocumentError: its media cannot be had.
        RequestError: the model's template refuses the messages, or a request has nothing to score.
    """
    from fasteval.results.encoding import to_json, without_media

    doc = task.docs[doc_id]
    requests = task.document_requests(doc_id, doc, options)
    sections = [
        ("task", f"{task.name} ({task.OUTPUT_TYPE}, split {task.split}, document {doc_id} of {len(task.docs)})")
    ]
    if model is None:
        sections += _asked(requests)
    else:
        sections += _sent(requests, _placed(task, doc_id, options, requests), model)
    media = [_describe_medium(medium) for medium in task.media(doc)]
    sections += [("media", "\n".join(media) or "none"), ("target", repr(task.doc_to_target(doc)))]
    if requests and requests[0].generation_kwargs is not None:
        sections.append(("generation kwargs", to_json(dict(requests[0].generation_kwargs), indent=True).decode()))
    sections.append(("document", to_json(without_media(doc), indent=True).decode()))
    return "\n\n".join(f"[{title}]\n{text}" for title, text in sections)


def _asked(requests: Sequence[DocumentRequest]) -> Iterator[tuple[str, str]]:
    """Yields the prompts, which no template has seen, and the continuations."""
    for index, request in enumerate(requests):
        # The choices of a question share their prompt.
        if index == 0 or request.prompt != requests[index - 1].prompt:
            yield "prompt", _describe_prompt(request)
        if request.continuation is not None:
            yield f"choice {request.slot}", repr(request.continuation)


def _placed(task: Task, doc_id: int, options: PromptOptions, requests: Sequence[DocumentRequest]) -> Iterator[Prompt]:
    """Yields the requests' prompts with a part for each medium, as an engine gets them."""
    from fasteval.media import to_media
    from fasteval.scheduling.loader import place_media

    doc = task.docs[doc_id]
    groups = [[to_media(visual) for visual in own] for own in task.prompt_media(doc_id, doc, options)]
    for request in requests:
        yield place_media(request.prompt, groups) if request.prompt.is_chat else request.prompt


def _sent(
    requests: Sequence[DocumentRequest], prompts: Iterator[Prompt], model: RequestTokenizer
) -> Iterator[tuple[str, str]]:
    """Yields exact texts, tokens, and continuations; what is as it was in the request before is left out."""
    text: str | None = None
    context: list[tuple[int, str]] | None = None
    for request, prompt in zip(requests, prompts, strict=True):
        if (own := model.text(prompt)) != text:
            text, context = own, None
            yield "prompt", text
        tokens = model.tokens(request.kind, prompt, request.continuation)
        if tokens.context() != context:
            context = tokens.context()
            listed = _listed(context, 0, with_media=any(part["type"] == "media" for part in _parts(prompt)))
            yield "tokens before what is scored" if tokens.scored else "tokens", listed
        scored = _listed(tokens.continuation(), len(context))
        if request.continuation is not None:
            yield f"choice {request.slot}", f"{request.continuation!r}\n{scored}"
        elif tokens.scored:
            yield "scored tokens", scored


def _parts(prompt: Prompt) -> Iterator[dict[str, Any]]:
    return (part for message in prompt.messages or () for part in message["content"])


def _listed(tokens: Sequence[tuple[int, str]], start: int, *, with_media: bool = False) -> str:
    """Returns how many tokens there are, and id and text of each; a line begins with its first one's place.

    Args:
        tokens: the tokens.
        start: the place of the first one in the whole prompt.
        with_media: whether placeholders of media are among them.
    """
    lines, line, first = [], "", start
    for number, (token, piece) in enumerate(tokens, start):
        entry = f"  {token} {piece!r}"
        if line and len(line) + len(entry) > _WIDTH:
            lines.append(f"{first:>5}{line}")
            line, first = "", number
        line += entry
    lines += [f"{first:>5}{line}"] if line else []
    more = " (the model's processor puts more in the place of each medium)" if with_media else ""
    return "\n".join([f"{len(tokens)} token{'' if len(tokens) == 1 else 's'}{more}", *lines])


def _describe_prompt(request: DocumentRequest) -> str:
    if request.prompt.text is not None:
        return request.prompt.text
    lines = []
    for message in request.prompt.messages or ():
        content = message["content"]
        parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
        texts = [part["text"] if part["type"] == "text" else f"<{part['type']}>" for part in parts]
        lines.append(f"{message['role']}: " + "\n".join(texts))
    return "\n".join(lines)


def _describe_medium(medium: Any) -> str:
    size, mode = getattr(medium, "size", None), getattr(medium, "mode", "")
    if isinstance(size, tuple):
        return f"image, {size[0]} x {size[1]} pixels, {mode}"
    kind = _KINDS.get(type(medium).__name__)
    if kind is None:
        return medium if isinstance(medium, str) else type(medium).__name__
    return f"{kind}, {f'{len(medium.source):,} bytes' if isinstance(medium.source, bytes) else medium.source}"
