"""`DocumentMedia`: the media and messages of one task's documents, and what identifies them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fasteval.api.task import MediaIdentity
from fasteval.errors import DocumentError
from fasteval.media import FrameChoice, LazyVideo
from fasteval.tasks.canonical import media_in, names_files
from fasteval.tasks.fields import call_with_options
from fasteval.tasks.functions import code_digest
from fasteval.tasks.messages import canonical_messages
from fasteval.tasks.rounds import first_messages
from fasteval.tasks.visuals import as_visuals, identity_of_document, identity_of_media

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from fasteval.tasks.config import TaskConfig

__all__ = ["DocumentMedia"]

# Under which files that a function found are digested with the document; no column has such a name.
_FOUND = "\0found"
_NO_MEDIA = MediaIdentity()


class DocumentMedia:
    """What `doc_to_visual`, `doc_to_image`, `doc_to_audio` and `doc_to_messages` say of documents."""

    def __init__(self, config: TaskConfig, folder: Path | None, options: Mapping[str, Any] | None) -> None:
        """Takes the task, the folder of relative paths, and the functions' options."""
        self._config, self._folder, self._options = config, folder, options
        self._frames = FrameChoice.of_task(options)
        self._declares_visuals = config.declares_visuals

    def messages(self, doc: dict[str, Any]) -> tuple[list[dict[str, Any]], list[Any]]:
        """Returns the messages of `doc_to_messages` in canonical form, and their media.

        Raises:
            DocumentError: the function does not return messages.
        """
        returned = first_messages(self._config.doc_to_messages, doc, self._options)
        return canonical_messages(returned, self._folder, self._frames)

    def visuals(self, doc: dict[str, Any]) -> list[Any]:
        """Returns the document's media, in the order in which the prompt refers to them.

        Raises:
            DocumentError: a column or a file is not there.
        """
        if self._config.doc_to_messages is not None:
            return self.messages(doc)[1]
        visual = self._config.visual
        if callable(visual):
            return self._lazy(call_with_options(visual, doc, self._options))
        return self._lazy(self._columns(doc))

    def classic(self, doc: dict[str, Any]) -> list[Any]:
        """Returns the document's media as models that people wrote expect them: videos in files by their paths."""
        return [
            visual.source if isinstance(visual, LazyVideo) and isinstance(visual.source, str) else visual
            for visual in self.visuals(doc)
        ]

    def identity(self, doc: dict[str, Any]) -> MediaIdentity:
        """Returns what identifies the media, without decoding them.

        Media in columns are known by their encoded bytes. What a function makes of a document is known by the whole
        document, the function's code and its options, since the function may use any of it.
        """
        if not self._declares_visuals:
            return _NO_MEDIA
        functions = [
            function
            for function in (self._config.doc_to_messages, self._config.visual)
            if function is not None and callable(function)
        ]
        if not functions:
            return identity_of_media(self._lazy(self._columns(doc)), self._folder)
        code = [code_digest(function) for function in functions]
        # Where a document neither holds media nor names their files, the function finds them by something else that it
        # says, such as a video's number: then their content belongs to the key as well.
        holds_them = next(media_in(doc), None) is not None or names_files(doc, self._folder)
        found = [] if holds_them else self.visuals(doc)
        return identity_of_document({**doc, _FOUND: found} if found else doc, code, self._options, self._folder)

    def _lazy(self, value: Any) -> list[Any]:
        is_sound = self._config.visual is self._config.doc_to_audio
        return as_visuals(value, self._folder, kind="audio" if is_sound else None, frames=self._frames)

    def _columns(self, doc: dict[str, Any]) -> list[Any]:
        visual = self._config.visual
        names = visual if isinstance(visual, list) else [visual] if isinstance(visual, str) else []
        for name in names:
            if name not in doc:
                raise DocumentError(f"doc_to_visual: there is no column '{name}'; the columns are {', '.join(doc)}")
        return [doc[name] for name in names]
