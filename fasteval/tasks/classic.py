"""Requests under the classic names: `Instance`s with the argument tuples of `fasteval.api.model`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from fasteval.api.instance import Instance
from fasteval.api.request import Kind
from fasteval.tasks.fields import call_with_options

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fasteval.api.task import DocumentRequest
    from fasteval.tasks.configurable import ConfigurableTask

__all__ = ["make_instance"]


def make_instance(
    task: ConfigurableTask,
    request: DocumentRequest,
    doc_id: int,
    *,
    is_simple: bool = True,
    metadata: Mapping[str, Any] | None = None,
) -> Instance:
    """Returns a request as an `Instance`.

    Args:
        task: its task.
        request: the request.
        doc_id: its document.
        is_simple: whether it is for a model that takes context and media, rather than chat messages.
        metadata: further entries of the instance's metadata.
    """
    is_choice = request.kind is Kind.LOGLIKELIHOOD
    own = {"task": task.name, "doc_id": doc_id, "repeats": task.repeats, "split": task.split}
    return Instance(
        request_type=request.kind.request_type,
        arguments=_arguments(task, request, doc_id, is_simple=is_simple),
        idx=request.slot if is_choice else 0,
        metadata={**task.config.metadata, **own, **(metadata or {})},
    )


def _arguments(task: ConfigurableTask, request: DocumentRequest, doc_id: int, *, is_simple: bool) -> tuple[Any, ...]:
    context, place = request.prompt.plain_text(), (doc_id, task.name, task.split)
    if request.kind is Kind.LOGLIKELIHOOD_ROLLING:
        return (context,)
    if request.kind is Kind.LOGLIKELIHOOD:
        return (context, request.continuation, task.doc_to_visual, *place)
    kwargs = dict(request.generation_kwargs or {})  # a copy: models are known to change it
    if not is_simple:
        return (context, task.doc_to_messages, kwargs, *place)
    if request.kind is Kind.GENERATE_UNTIL_MULTI_ROUND:
        following = partial(_round, task.config.doc_to_text, task.prompt_options)
        return (context, kwargs, task.doc_to_visual, following, *place)
    return (context, kwargs, task.doc_to_visual, *place)


def _round(function: Any, options: Mapping[str, Any] | None, doc: dict[str, Any], **state: Any) -> Any:
    """Calls a dialog's `doc_to_text` with `round_idx`, `previous_output` and `previous_round_info`."""
    return call_with_options(function, doc, options, **state)
