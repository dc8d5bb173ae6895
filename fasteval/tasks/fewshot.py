"""Few-shot examples: where they come from, and which ones a document gets."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import xxhash

from fasteval.errors import DatasetError
from fasteval.tasks.datasets import Documents

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fasteval.tasks.config import TaskConfig
    from fasteval.tasks.sources import DocumentSource

__all__ = ["FewshotExamples"]


class FewshotExamples:
    """The pool of examples of one task."""

    def __init__(self, config: TaskConfig, source: DocumentSource) -> None:
        """Remembers where examples come from; loads nothing."""
        self._config, self._source = config, source
        self._documents: Documents | None = None

    @property
    def split(self) -> str | None:
        """The split that examples come from; None where the task lists them itself.

        It is the one that the task names, else the training split, else the validation split, else what is evaluated.
        """
        config = self._config
        if "samples" in config.fewshot_config:
            return None
        named = config.fewshot_config.get("split") or config.fewshot_split
        return named or config.training_split or config.validation_split or config.split

    @property
    def documents(self) -> Documents:
        """All documents that can be examples.

        Raises:
            DatasetError: they cannot be loaded.
        """
        if self._documents is None:
            split = self.split
            self._documents = Documents(self._samples()) if split is None else self._source.split(split)
        return self._documents

    def draw(self, count: int, doc: dict[str, Any], doc_id: int | None, seed: int) -> list[dict[str, Any]]:
        """Returns `count` examples for a document, never the document itself.

        `default` draws at random, seeded by run, task and document, so that neither order nor sharding of the
        documents changes what one of them gets; `first_n` takes the first ones.

        Args:
            count: how many.
            doc: the document that is asked about.
            doc_id: its number in the evaluated split; None where that is not known.
            seed: the run's seed for few-shot examples.

        Raises:
            DatasetError: there are not so many examples.
        """
        if count == 0:
            return []
        pool = self.documents
        chosen: list[dict[str, Any]] = []
        same_split = self.split == self._config.split
        for index in self._candidates(count, doc_id, seed, len(pool)):
            example = pool[index]
            is_itself = index == doc_id if doc_id is not None else example == doc
            if not (same_split and is_itself):
                chosen.append(example)
            if len(chosen) == count:
                return chosen
        raise DatasetError(f"task '{self._config.task}' has {len(chosen)} few-shot examples, not {count}")

    def _candidates(self, count: int, doc_id: int | None, seed: int, size: int) -> Iterable[int]:
        if self._config.fewshot_config.get("sampler", "default") == "first_n":
            return range(size)
        place = f"{seed} {doc_id} {self._config.task}".encode()
        generator = random.Random(xxhash.xxh3_64_intdigest(place))  # noqa: S311 - which examples are shown is no secret
        return generator.sample(range(size), min(size, count + 1))  # one more: the document itself may be among them

    def _samples(self) -> list[dict[str, Any]]:
        samples = self._config.fewshot_config["samples"]
        docs = samples() if callable(samples) else samples
        if not isinstance(docs, list) or not all(isinstance(doc, dict) for doc in docs):
            raise self._config.error("fewshot_config", "'samples' must be a list of documents, or give one")
        return docs
