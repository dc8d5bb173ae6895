"""`DocumentMedia`: the media and messages of one task's documents, and what identifies them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fasteval.api.task import MediaIdentity
from fasteval.errors import DocumentError
from fasteval.tasks.fields import call_with_options
from fasteval.tasks.functions import code_digest
from fasteval.tasks.messages import canonical_messages
from fasteval.tasks.rounds import first_messages
from fasteval.tasks.visuals import as_visuals, identity_of_columns, identity_of_document

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from fasteval.tasks.config import TaskConfig

__all__ = ["DocumentMedia"]


class DocumentMedia:
    """What `doc_to_visual`, `doc_to_image` and `doc_to_messages` say of documents."""

    def __init__(self, config: TaskConfig, folder: Path | None, options: Mapping[str, Any] | None) -> None:
        """Takes the task, the folder of relative paths, and the functions' options."""
        self._config, self._folder, self._options = config, folder, options

    def messages(self, doc: dict[str, Any]) -> tuple[list[dict[str, Any]], list[Any]]:
        """Returns the messages of `doc_to_messages` in canonical form, and their media.

        Raises:
            DocumentError: the function does not return messages.
        """
        returned = first_messages(self._config.doc_to_messages, doc, self._options)
        return canonical_messages(returned, self._folder)

    def visuals(self, doc: dict[str, Any]) -> list[Any]:
        """Returns the document's media, in the order in which the prompt refers to them.

        Raises:
            DocumentError: a column or a file is not there.
        """
        if self._config.doc_to_messages is not None:
            return self.messages(doc)[1]
        visual = self._config.visual
        if callable(visual):
            return as_visuals(call_with_options(visual, doc, self._options), self._folder)
        return as_visuals(self._columns(doc), self._folder)

    def identity(self, doc: dict[str, Any]) -> MediaIdentity:
        """Returns what identifies the media, without decoding them.

        Media in columns are known by their encoded bytes. What a function makes of a document is known by the whole
        document, the function's code and its options, since the function may use any of it.
        """
        if not self._config.declares_visuals:
            return MediaIdentity()
        functions = [
            function
            for function in (self._config.doc_to_messages, self._config.visual)
            if function is not None and callable(function)
        ]
        if not functions:
            return identity_of_columns(self._columns(doc), self._folder)
        code = [code_digest(function) for function in functions]
        return identity_of_document(doc, code, self._options, self._folder)

    def _columns(self, doc: dict[str, Any]) -> list[Any]:
        visual = self._config.visual
        names = visual if isinstance(visual, list) else [visual] if isinstance(visual, str) else []
        for name in names:
            if name not in doc:
                raise DocumentError(f"doc_to_visual: there is no column '{name}'; the columns are {', '.join(doc)}")
        return [doc[name] for name in names]
