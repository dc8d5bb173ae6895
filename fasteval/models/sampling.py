"""Generation kwargs under their many names become one canonical set of options; an unknown one is an error."""

from __future__ import annotations

import functools
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import orjson

from fasteval.errors import UnknownNameError, UnsupportedOptionError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["DEFAULT_MAX_TOKENS", "SamplingParameters", "sampling_of"]

#: Where a task names no limit: lmms-eval has 4096 on vLLM, lm-eval 256; the larger cuts nothing that the other keeps.
#: The engine lowers it to what fits behind the prompt.
DEFAULT_MAX_TOKENS = 4096

_ALIASES = {
    "max_new_tokens": "max_tokens",
    "max_gen_toks": "max_tokens",
    "max_length_generation": "max_tokens",
    "until": "stop",
    "stop_sequences": "stop",
    "num_return_sequences": "n",
}
# Options of other engines that change nothing at these values.
_NEUTRAL: dict[str, tuple[Any, ...]] = {
    "num_beams": (1, None),
    "best_of": (1, None),
    "use_cache": (True, False, None),
    "length_penalty": (1, 1.0, None),
    "early_stopping": (True, False, None),
    "return_dict_in_generate": (True, False),
    "output_scores": (True, False),
    "pad_token_id": (None,),
    "do_sample": (True, False, None),  # read before
}
# Preprocessing hints for particular model code (LLaVA's), which other models never had: they do not sample anything.
_MODEL_HINTS = frozenset({"image_aspect_ratio", "image_sizes"})


@dataclass(frozen=True, slots=True)
class SamplingParameters:
    """How to choose the next token, and when to stop.

    Attributes:
        max_tokens: at most so many tokens.
        max_tokens_given: whether the task says so; else the engine lowers the default to the model's length.
        temperature: 0 is greedy.
        top_p: nucleus; 1 is off.
        top_k: most probable tokens only; 0 is off.
        min_p: tokens of at least this share of the best one's probability; 0 is off.
        repetition_penalty: 1 is off.
        presence_penalty: 0 is off.
        frequency_penalty: 0 is off.
        min_tokens: at least so many tokens.
        n: samples a request.
        stop: texts that end the answer, and are not part of it.
        seed: the task's own seed; None where the run gives one to each request.
        skip_special_tokens: leave special tokens out of the answer's text.
    """

    max_tokens: int = DEFAULT_MAX_TOKENS
    max_tokens_given: bool = False
    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    min_tokens: int = 0
    n: int = 1
    stop: tuple[str, ...] = ()
    seed: int | None = None
    skip_special_tokens: bool = True

    def __post_init__(self) -> None:
        """Refuses values that mean nothing."""
        checks = {
            "max_tokens": self.max_tokens >= 1,
            "temperature": self.temperature >= 0,
            "top_p": 0 < self.top_p <= 1,
            "top_k": self.top_k >= 0,
            "min_p": 0 <= self.min_p <= 1,
            "repetition_penalty": self.repetition_penalty > 0,
            "min_tokens": 0 <= self.min_tokens <= self.max_tokens,
            "n": self.n >= 1,
        }
        for name, holds in checks.items():
            if not holds:
                raise UsageError(f"generation option {name}={getattr(self, name)} is out of range")
        if self.is_greedy and self.n > 1:
            raise UsageError(
                f"n={self.n} answers with temperature 0 would all be the same: set do_sample and temperature"
            )

    @property
    def is_greedy(self) -> bool:
        """Whether the answer is determined by the prompt alone."""
        return self.temperature == 0

    @classmethod
    def from_generation_kwargs(cls, kwargs: Mapping[str, Any]) -> SamplingParameters:
        """Returns the canonical form of a task's generation kwargs (HF, vLLM, OpenAI and harness names).

        `do_sample: false` means temperature 0 whatever the temperature says; `do_sample: true` without a temperature
        means temperature 1, as in transformers. `top_p: 0` leaves nothing but the most probable token.

        Raises:
            UnknownNameError: an option that no engine here knows.
            UnsupportedOptionError: an option that is known but cannot be honoured.
            UsageError: a value that means nothing.
        """
        values: dict[str, Any] = {}
        for name, value in kwargs.items():
            field_name = _ALIASES.get(name, name)
            if name in _NEUTRAL:
                if value not in _NEUTRAL[name]:
                    raise UnsupportedOptionError(
                        f"generation option {name}={value} is not supported: vLLM has no beam search here"
                    )
            elif field_name in _FIELDS:
                if value is not None:
                    values[field_name] = _convert(field_name, value, name)
            elif name not in _MODEL_HINTS:
                known = sorted({*_FIELDS, *_ALIASES, *_NEUTRAL})
                raise UnknownNameError("generation option", name, known)
        values["temperature"] = _temperature(values.get("temperature"), kwargs.get("do_sample"))
        if values.get("top_p") == 0:
            values["temperature"] = 0.0
        if values["temperature"] == 0:
            # What only shapes sampling has no meaning in greedy decoding, and must not split the cache.
            for name in ("top_p", "top_k", "min_p", "seed"):
                values.pop(name, None)
        values["max_tokens_given"] = "max_tokens" in values
        return cls(**values)

    def seed_for(self, seed: int | None) -> int | None:
        """Returns a request's seed where the run gives it `seed`: the task's own comes first, and greedy has none."""
        if self.is_greedy:
            return None
        return seed if self.seed is None else self.seed

    def canonical(self, seed: int | None = None) -> bytes:
        """Returns the bytes that stand for these options in a cache key.

        Args:
            seed: seed of the request, for sampled answers.
        """
        values = {name: getattr(self, name) for name in _FIELDS}
        values["seed"] = self.seed_for(seed)
        if self.skip_special_tokens:
            del values["skip_special_tokens"]  # as in keys from before there was the option
        return orjson.dumps(values, option=orjson.OPT_SORT_KEYS)

    def to_dict(self) -> dict[str, Any]:
        """Returns the options as a dict that `SamplingParameters(**…)` takes."""
        return {name: getattr(self, name) for name in _FIELDS} | {"max_tokens_given": self.max_tokens_given}


def sampling_of(kwargs: Mapping[str, Any]) -> SamplingParameters:
    """Returns `SamplingParameters.from_generation_kwargs(kwargs)`, remembered: requests of a task have the same."""
    return _of_json(orjson.dumps(kwargs))


@functools.lru_cache(maxsize=256)
def _of_json(kwargs: bytes) -> SamplingParameters:
    return SamplingParameters.from_generation_kwargs(orjson.loads(kwargs))


_FIELDS = tuple(field.name for field in fields(SamplingParameters) if field.name != "max_tokens_given")
# Every integer below is one in JSON, and what no limit, seed or penalty comes near.
_LARGEST = 2.0**63
_INTEGERS = frozenset({"max_tokens", "top_k", "min_tokens", "n", "seed"})


def _temperature(temperature: float | None, do_sample: bool | None) -> float:
    if do_sample is False:
        return 0.0
    if temperature is None:
        return 1.0 if do_sample else 0.0
    return temperature


def _convert(field_name: str, value: Any, name: str) -> Any:
    if field_name == "stop":
        texts = [value] if isinstance(value, str) else value
        if not isinstance(texts, list | tuple) or not all(isinstance(text, str) for text in texts):
            raise UsageError(f"generation option {name}={value!r} is not a text or a list of texts")
        return tuple(dict.fromkeys(text for text in texts if text))
    if field_name == "skip_special_tokens":
        if not isinstance(value, bool):
            raise UsageError(f"generation option {name}={value!r} is neither true nor false")
        return value
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise UsageError(f"generation option {name}={value!r} is not a number") from None
    if not abs(number) < _LARGEST:
        raise UsageError(f"generation option {name}={value!r} is out of range")
    if field_name == "top_k" and number < 0:
        return 0  # vLLM's older "off"
    return int(number) if field_name in _INTEGERS else number
