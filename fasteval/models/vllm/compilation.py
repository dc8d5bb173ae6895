"""Whether vLLM compiles a model (`--model_args compile=auto|true|false`): a minute, which long runs repay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fasteval.errors import UsageError
from fasteval.models.vllm.distribution import is_cpu_build

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["WORTH_COMPILING", "takes_compile", "with_compilation"]

#: Requests of a run from which on compiling is taken to repay: a minute at some thirty requests a second.
WORTH_COMPILING = 2_000

_CHOICES: dict[Any, bool | None] = {"auto": None, True: True, False: False, "true": True, "false": False}


def takes_compile(arguments: dict[str, Any]) -> bool:
    """Takes `compile` out of vLLM's arguments; returns whether the run's length is to decide.

    On CPU nothing is compiled, and `enforce_eager`, vLLM's own argument, has the last word.

    Raises:
        UsageError: it is neither auto nor true nor false, contradicts `enforce_eager`, or is true on CPU.
    """
    given = arguments.pop("compile", "auto")
    if not isinstance(given, str | bool) or given not in _CHOICES:
        raise UsageError(f"--model_args compile={given!r} is not auto, true or false")
    choice = _CHOICES[given]
    if choice is None:
        return not is_cpu_build() and "enforce_eager" not in arguments
    if choice and is_cpu_build():
        raise UsageError("--model_args compile=true: vLLM for CPUs is run without compilation")
    if arguments.setdefault("enforce_eager", not choice) == choice:
        raise UsageError("--model_args compile and enforce_eager contradict each other")
    return False


def with_compilation(arguments: Mapping[str, Any], requests: int) -> dict[str, Any]:
    """Returns the arguments for a run of so many requests."""
    return {**arguments, "enforce_eager": requests < WORTH_COMPILING}
