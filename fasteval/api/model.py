"""`LMM`: the contract of a model that somebody wrote for lmms-eval or lm-eval.

Argument order of the requests (`Instance.args`):

=============================  ====================================================================================
generate_until                 (context, generation_kwargs, doc_to_visual, doc_id, task, split)
loglikelihood                  (context, continuation, doc_to_visual, doc_id, task, split)
generate_until_multi_round     (context, generation_kwargs, doc_to_visual, next_round, doc_id, task, split)
loglikelihood_rolling          (text,)
=============================  ====================================================================================

Models with `is_simple = False` get `(context, doc_to_messages, generation_kwargs, doc_id, task, split)` for the
generating kinds. `doc_to_visual(doc)` and `doc_to_messages(doc)` take the document, which the model finds as
`self.task_dict[task][split][doc_id]`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from fasteval.api.arguments import parse_arguments

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Self

    from fasteval.api.instance import Instance

__all__ = ["LMM", "lmms"]


class LMM(ABC):
    """A model. Subclass it and pass it to `fasteval.evaluate`, or name it: `--model file.py:Class`."""

    is_simple: bool = True

    def __init__(self) -> None:
        """Sets up a model of one rank without documents; the run fills `task_dict` before the first request."""
        self._rank = 0
        self._world_size = 1
        self.task_dict: dict[str, dict[str, Sequence[dict[str, Any]]]] = {}

    @abstractmethod
    def generate_until(self, requests: list[Instance]) -> list[str]:
        """Returns one text for each request, in order."""

    def loglikelihood(self, requests: list[Instance]) -> list[tuple[float, bool]]:
        """Returns for each request the continuation's log-probability (higher is better) and whether it is greedy."""
        raise NotImplementedError(f"{type(self).__name__} does not implement loglikelihood")

    def loglikelihood_rolling(self, requests: list[Instance]) -> list[float]:
        """Returns for each request the log-probability of its whole text."""
        raise NotImplementedError(f"{type(self).__name__} does not implement loglikelihood_rolling")

    def generate_until_multi_round(self, requests: list[Instance]) -> list[list[str]]:
        """Returns for each request the texts of its rounds."""
        raise NotImplementedError(f"{type(self).__name__} does not implement generate_until_multi_round")

    @classmethod
    def create_from_arg_string(cls, arg_string: str, additional_config: Mapping[str, Any] | None = None) -> Self:
        """Returns a model built from `key=value,key=value` and the entries of `additional_config` that are not None."""
        extra = {key: value for key, value in (additional_config or {}).items() if value is not None}
        return cls(**(parse_arguments(arg_string) | extra))

    @property
    def rank(self) -> int:
        """This process's number among `world_size`."""
        return self._rank

    @property
    def world_size(self) -> int:
        """How many processes share the run."""
        return self._world_size

    def clean(self) -> None:  # noqa: B027 - a hook, not an obligation: most models have nothing to release
        """Releases what the model holds; called once, after its last request."""


#: The same class under the name that code written for lmms-eval imports.
lmms = LMM
